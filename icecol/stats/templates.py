"""What a model is made of: parameters, and components whose expectation depends on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.dataset.events import expression, lazy_frame
from icecol.hist import Axis, Hist, fill

if TYPE_CHECKING:
    from icecol.dataset.events import Events as AnyEvents

Floats = npt.NDArray[np.float64]
Slopes = dict[str, tuple[Floats, Floats]]
"""Slopes of an expectation and its variance, by parameter."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a model: where a fit starts, where it may go, and what is known of it.

    Attributes
    ----------
    start
        Value at which a fit starts, and at which the parameter stays if it is fixed.
    lower, upper
        Bounds.
    prior
        Mean and standard deviation of a normal constraint; or mean and the standard deviations below and above it.
        None if nothing is known.
    fixed
        Do not fit it.

    Examples
    --------
    >>> from icecol import stats
    >>> stats.Parameter(prior=(1.0, 0.34, 0.47), lower=0.0).deviations
    (0.34, 0.47)
    """

    start: float = 1.0
    lower: float = -math.inf
    upper: float = math.inf
    prior: tuple[float, ...] | None = None
    fixed: bool = False

    def __post_init__(self) -> None:
        if self.prior is not None and (
            len(self.prior) not in (2, 3) or not min(self.prior[1:]) > 0 or not math.isfinite(sum(self.prior))
        ):
            msg = (
                f"a prior is (mean, deviation) or (mean, below, above), with positive deviations; "
                f"found {self.prior}"
            )
            raise ValueError(msg)
        if not self.lower <= self.start <= self.upper:
            msg = f"a parameter cannot start at {self.start}, outside its bounds {self.lower} to {self.upper}"
            raise ValueError(msg)

    @property
    def center(self) -> float:
        """The mean of the prior, or the start without one."""
        return self.start if self.prior is None else self.prior[0]

    @property
    def deviations(self) -> tuple[float, float]:
        """Standard deviations of the prior below and above its mean; infinite without one."""
        return (math.inf, math.inf) if self.prior is None else (self.prior[1], self.prior[-1])


NORM = Parameter(start=1.0, lower=0.0)
SHIFT = Parameter(start=0.0, prior=(0.0, 1.0))
INDEX = Parameter(start=2.0, lower=0.0, upper=6.0)


@dataclass(frozen=True, slots=True)
class Events:
    """Simulated events of a component that is reweighted for each value of a spectral index; made by `events`.

    Attributes
    ----------
    hist
        The events at indices of 0.
    bins
        Flat number of the bin of each event.
    weights
        Weight of each event at indices of 0.
    logs
        Logarithm of the base of each power law, by the name of its index.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist, stats
    >>> sample = pl.DataFrame({"energy": [1e4, 1e5, 1e6], "w": [1.0, 2.0, 3.0]})
    >>> powers = {"index": pl.col("energy") / 1e5}
    >>> made = stats.events(sample, hist.log("energy", 3, 3e3, 3e6), weight="w", powers=powers)
    >>> made.bins.tolist(), made.weights.tolist()
    ([0, 1, 2], [1.0, 2.0, 3.0])
    """

    hist: Hist
    bins: npt.NDArray[np.int64]
    weights: Floats
    logs: Mapping[str, Floats]


def events(
    sample: AnyEvents,
    *axes: Axis,
    weight: str | pl.Expr,
    powers: Mapping[str, pl.Expr],
) -> Events:
    """Prepare simulated events as a component whose spectrum is fitted: a spectral index reweights the events.

    Parameters
    ----------
    sample
        A dataset, lazy frame or data frame of simulated events.
    axes
        Axes of the histogram that is fitted; their ranges must be given.
    weight
        Expected number of events that each event stands for, without the power laws.
    powers
        For each index, the base of the power law with minus that index: `{"index": pl.col("energy") / 1e5}` multiplies
        the weight by (energy / 100 TeV)^(-index). Values must be positive. The index starts at 2 and is fitted between
        0 and 6, unless the model says otherwise.

    Raises
    ------
    ValueError
        If a base is not positive, or an axis has no range.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist, stats
    >>> sample = pl.DataFrame({"energy": [1e4, 1e5, 1e6], "w": [1.0, 1.0, 1.0]})
    >>> made = stats.events(
    ...     sample, hist.log("energy", 3, 3e3, 3e6), weight="w", powers={"index": pl.col("energy") / 1e5}
    ... )
    >>> stats.Model({"astro": made}).expected(index=2.0).round(3)
    array([1.e+02, 1.e+00, 1.e-02])
    """
    if any(a.kind not in ("category", "variable") and (a.start is None or a.stop is None) for a in axes):
        msg = "the axes of a model need a range, as in hist.log('energy', 10, 1e4, 1e7)"
        raise ValueError(msg)
    lf = lazy_frame(sample)
    filled = fill(lf, *axes, weight=weight)
    wanted = {f"_{i}": axis.expr for i, axis in enumerate(axes)} | {
        f"^{name}": base for name, base in powers.items()
    }
    frame = lf.select(expression(weight).alias("*"), **wanted).collect()
    inside = np.ones(frame.height, np.bool_)
    flat = np.zeros(frame.height, np.int64)
    for i, axis in enumerate(filled.axes):
        values = frame[f"_{i}"]
        known = values.is_not_null().to_numpy()
        number = np.full(frame.height, -1, np.int64)
        number[known] = axis.index(values.drop_nulls().to_numpy())
        inside &= (number >= 0) & (number < len(axis))
        flat = flat * len(axis) + number
    logs = {}
    for name in powers:
        base = frame[f"^{name}"].to_numpy()[inside]
        if not (base > 0).all():
            msg = f"the base of the power law {name!r} must be positive in every event that a bin holds"
            raise ValueError(msg)
        logs[name] = np.log(base.astype(np.float64))
    return Events(filled, flat[inside], frame["*"].to_numpy()[inside].astype(np.float64), logs)


@dataclass(frozen=True, slots=True)
class Component:
    """A component of a model, where its histogram alone does not say everything.

    Attributes
    ----------
    template
        Expectation at a norm of 1: a histogram; an array of values, without statistical error; a pair of arrays,
        values and variances; or events that are reweighted (`stats.events`).
    norm
        Name of the norm, which components may share; by default that of the component.
    variations
        Templates at -1 and +1 of a nuisance parameter, by its name; in between and beyond, the shift of each bin is
        interpolated as pyhf's `code4p` does. The parameter has a normal prior of mean 0 and deviation 1 unless the
        model says otherwise.

    Examples
    --------
    >>> from icecol import stats
    >>> varied = stats.Component([8.0, 4.0], variations={"scale": ([7.0, 3.5], [9.0, 5.0])})
    >>> stats.Model({"background": varied}).expected(scale=1.0)
    array([9., 5.])
    """

    template: Any
    norm: str | None = None
    variations: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """A component, checked and flat: its name, its norm and what its expectation is computed from."""

    name: str
    norm: str
    values: Floats
    variances: Floats
    shifts: Mapping[str, tuple[Floats, Floats]]
    events: Events | None

    @property
    def shapes(self) -> tuple[str, ...]:
        """Parameters that change the shape."""
        return (*self.shifts, *(self.events.logs if self.events else ()))

    def at(self, parameters: Mapping[str, float]) -> tuple[Floats, Floats, Slopes]:
        """Return expectation and variance at a norm of 1, and the slopes of both in the parameters of the shape."""
        if self.events is not None:
            return weighted(self.events, parameters, self.values.size)
        values, slopes = self.values, {}
        for name, (down, up) in self.shifts.items():
            shift, slope = interpolated(parameters[name], down, up)
            values = values + shift
            slopes[name] = slope, np.zeros_like(slope)
        return values, self.variances, slopes


def weighted(sample: Events, parameters: Mapping[str, float], size: int) -> tuple[Floats, Floats, Slopes]:
    """Return the same for events."""
    w = sample.weights * np.exp(-sum(parameters[name] * log for name, log in sample.logs.items()))

    def filled(values: Floats) -> Floats:
        return np.bincount(sample.bins, values, size).astype(np.float64)

    slopes = {name: (filled(-log * w), filled(-2 * log * w * w)) for name, log in sample.logs.items()}
    return filled(w), filled(w * w), slopes


def interpolated(a: float, down: Floats, up: Floats) -> tuple[Floats, Floats]:
    """Return the shift of each bin at `a`, given those at -1 and +1, and its slope: linear beyond, smooth within."""
    if a >= 1:
        return a * up, up
    if a <= -1:
        return -a * down, -down
    half, bend = (up - down) / 2, (up + down) / 16
    return (
        a * half + bend * a**2 * (15 - 10 * a**2 + 3 * a**4),
        half + bend * a * (30 - 40 * a**2 + 18 * a**4),
    )


def part(name: str, given: Any) -> tuple[Part, tuple[int, ...]]:
    """Check a component and return it flat, and the shape of its bins.

    Raises
    ------
    ValueError
        If a value is not finite, a variance negative, or a variation has other bins.
    """
    made = given if isinstance(given, Component) else Component(given)
    sample = made.template if isinstance(made.template, Events) else None
    values, variances = contents(made.template if sample is None else sample.hist, f"component {name!r}")
    shifts = {}
    for parameter, ends in made.variations.items():
        if sample is not None:
            msg = f"component {name!r} has events, whose shape follows their weights: it takes no variations"
            raise ValueError(msg)
        both = [contents(end, f"variation {parameter!r} of component {name!r}")[0] for end in ends]
        if any(end.shape != values.shape for end in both):
            found = [end.shape for end in both]
            msg = f"variation {parameter!r} of component {name!r} has bins {found}, not {values.shape}"
            raise ValueError(msg)
        shifts[parameter] = (both[0] - values).ravel(), (both[1] - values).ravel()
    flat = values.ravel(), variances.ravel()
    return Part(name, made.norm or name, *flat, shifts, sample), values.shape


def contents(template: Any, what: str) -> tuple[Floats, Floats]:
    """Return values and variances of a histogram, an array or a pair of arrays.

    Raises
    ------
    ValueError
        If a value is not finite or a variance negative.
    """
    if hasattr(template, "variances"):
        values, variances = template.values(), template.variances()
    elif isinstance(template, tuple):
        values, variances = template
    else:
        values, variances = template, 0.0
    found = np.asarray(values, np.float64)
    spread = np.broadcast_to(np.asarray(0.0 if variances is None else variances, np.float64), found.shape)
    if not (np.isfinite(found).all() and np.isfinite(spread).all() and (spread >= 0).all()):
        msg = f"{what} has values that are not finite, or negative variances"
        raise ValueError(msg)
    return found, spread
