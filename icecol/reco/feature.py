"""What `with_features` needs to know of a feature: its pulse series, which may be a mere name, and what it costs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, overload

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry
from icecol.reco.watch import making, with_sites

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of a pulse series given by name, such as `linefit("SRTInIcePulses")`.

    `with_features` makes an expression of it, with the geometry of the dataset that it is given.
    """

    function: Callable[..., pl.Expr]
    key: str
    arguments: tuple[Any, ...]
    parameters: Mapping[str, Any]
    geometry: Geometry | None = None
    """Of the series that an expression was made for."""

    def bind(self, geometry: Geometry | None) -> pl.Expr:
        """Return the expression for a series with that geometry."""
        return self.function(Pulses(self.key, geometry), *self.arguments, **self.parameters)


class OfPulses(Protocol, Generic[P]):
    """A function that returns the expression of a feature, or the `Feature` if the series is given by name."""

    @overload
    def __call__(self, pulses: Pulses, *args: P.args, **kwargs: P.kwargs) -> pl.Expr: ...

    @overload
    def __call__(self, pulses: str, *args: P.args, **kwargs: P.kwargs) -> Feature: ...


KERNEL: Final = 1.0
"""What a kernel costs that does not say so: microseconds for an event of some 60 pulses."""


@overload
def feature(function: Callable[Concatenate[Pulses, P], pl.Expr], /) -> OfPulses[P]: ...


@overload
def feature(*, cost: float) -> Callable[[Callable[Concatenate[Pulses, P], pl.Expr]], OfPulses[P]]: ...


def feature(function: Any = None, /, *, cost: float = KERNEL) -> Any:
    """Let a function of a `Pulses` handle take the name of a series, too, and say what its feature costs.

    Parameters
    ----------
    function
        Returns the expression of the feature.
    cost
        Processor time for an event of some 60 pulses, in microseconds. Its order of magnitude will do: `with_features`
        puts what is cheap below what is dear, whose kernel is then spared where a cut on the cheap one fails.
    """
    if function is None:
        return functools.partial(_feature, cost=cost)
    return _feature(function, cost=cost)


def _feature(function: Callable[..., pl.Expr], *, cost: float) -> Any:
    @functools.wraps(function)
    def priced(pulses: Pulses, *args: Any, **kwargs: Any) -> pl.Expr:
        with making(function.__name__) as sites:
            made = function(pulses, *args, **kwargs)
        return with_sites(with_cost(made, cost), sites)

    @functools.wraps(function)
    def made(pulses: Pulses | str, *args: Any, **kwargs: Any) -> pl.Expr | Feature:
        if isinstance(pulses, str):
            return Feature(priced, pulses, args, kwargs)
        series = series_of(function, pulses)
        return made_by(
            priced(series, *args, **kwargs), Feature(priced, series.key, args, kwargs, series.geometry)
        )

    return made


def series_of(function: Callable[..., Any], given: Any) -> Pulses:
    """Return a pulse series, which is what a feature must be given."""
    if not isinstance(given, Pulses):
        msg = (
            f"{function.__name__} needs a pulse series: a handle such as ds.pulses('SRTInIcePulses'), or the name; "
            f"found {given!r:.80}"
        )
        raise TypeError(msg)
    return given


def with_cost(expression: pl.Expr, cost: float) -> pl.Expr:
    """Note the cost of an expression on it; one that is made of it by a further method has none."""
    vars(expression)[_COST] = cost
    return expression


def cost(expression: pl.Expr) -> float:
    """Return the cost of an expression in microseconds an event: 0 of one that is no feature."""
    return float(vars(expression).get(_COST, 0.0))


def made_by(expression: pl.Expr, feature: Feature) -> pl.Expr:
    """Note on an expression of which feature it is; one that is made of it by a further method is of none."""
    vars(expression)[_MADE] = feature
    return expression


def feature_of(expression: Any) -> Feature | None:
    """Return the feature that an expression is of, or None."""
    found = vars(expression).get(_MADE) if isinstance(expression, pl.Expr) else None
    return found if isinstance(found, Feature) else None


_MADE: Final = "_made_by_a_feature"
_COST: Final = "_cost_of_a_feature"
