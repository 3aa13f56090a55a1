"""What is timed: a feature by name, a kernel, an expression, or a function that returns one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from icecol import ahead
from icecol.dataset.pulses import Pulses
from icecol.declared import arguments_of, feature_of, parts_of
from icecol.detector.geometry import Geometry
from icecol.reco.decorator import Kernel
from icecol.reco.feature import Feature

NAME: Final = "F"
"""Name of the feature in the plans that are timed."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A feature to be timed: `make` returns it over a pulse series.

    `standard` is the name of a feature of icecol with its usual arguments, which other libraries compute too; `kernel`
    is a kernel that can run as plain Python; `key` is the pulse series if the feature has one of its own.
    """

    name: str
    make: Callable[[Pulses], pl.Expr]
    standard: str | None = None
    kernel: Kernel | None = None
    key: str | None = None


def subject_of(given: Any) -> Subject:
    """Return the subject that a name, a kernel, a feature, an expression or a function stands for.

    A name alone is a feature with the arguments that `icecol compile` uses: of seeds those named LineFit and CLast.

    Raises
    ------
    ValueError
        There is no such feature.
    TypeError
        Something is none of these.

    Examples
    --------
    >>> subject_of("linefit").standard, subject_of("linefit(min_hits=5)").standard
    ('linefit', None)
    """
    if isinstance(given, str):
        return _by_name(given)
    if isinstance(given, pl.Expr):
        return Subject("expression", lambda _pulses: given)
    if isinstance(given, Feature):
        name = getattr(given.function, "__name__", type(given.function).__name__)
        kernel = given.function if isinstance(given.function, Kernel) and not given.parameters else None
        return Subject(
            kernel.function.__name__ if kernel else name,
            lambda p: given.function(p, *given.arguments, **given.parameters),
            kernel=kernel,
            key=given.key,
        )
    if isinstance(given, Kernel):
        return Subject(given.function.__name__, given, kernel=given)
    if callable(given):
        name = getattr(given, "__name__", "feature")
        return Subject(name, given, standard=name if _is_built_in(given) else None)
    msg = f"expected the name of a feature, a kernel, an expression or a function that returns one; found {given!r:.80}"
    raise TypeError(msg)


def _by_name(text: str) -> Subject:
    if text in _forms(Pulses("P", Geometry.nominal())):
        return Subject(text, lambda p: _forms(p)[text], standard=text)
    _, what, arguments = parts_of(text)
    function, parameters = feature_of(what), arguments_of(text, arguments)
    kernel = function if isinstance(function, Kernel) and not parameters else None
    return Subject(text.strip(), lambda p: function(p, **parameters), kernel=kernel)


@functools.lru_cache(maxsize=4)
def _forms(pulses: Pulses) -> dict[str, pl.Expr]:
    return ahead.features(pulses) | ahead.fits(pulses)


def _is_built_in(function: Any) -> bool:
    from icecol import reco

    return getattr(reco, getattr(function, "__name__", ""), None) is function
