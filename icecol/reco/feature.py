"""Features of a pulse series that is given by its name alone: `with_features` finds the series in the dataset."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, overload

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry

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

    def bind(self, geometry: Geometry | None) -> pl.Expr:
        """Return the expression for a series with that geometry."""
        return self.function(Pulses(self.key, geometry), *self.arguments, **self.parameters)


class OfPulses(Protocol, Generic[P]):
    """A function that returns the expression of a feature, or the `Feature` if the series is given by name."""

    @overload
    def __call__(self, pulses: Pulses, *args: P.args, **kwargs: P.kwargs) -> pl.Expr: ...

    @overload
    def __call__(self, pulses: str, *args: P.args, **kwargs: P.kwargs) -> Feature: ...


def feature(function: Callable[Concatenate[Pulses, P], pl.Expr]) -> OfPulses[P]:
    """Let a function of a `Pulses` handle take the name of a series, too."""

    @functools.wraps(function)
    def made(pulses: Pulses | str, *args: P.args, **kwargs: P.kwargs) -> Any:
        if isinstance(pulses, str):
            return Feature(function, pulses, args, kwargs)
        return function(pulses, *args, **kwargs)

    return made
