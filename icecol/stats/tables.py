"""The expectation of a model as tables that compiled code reads: what a pseudo-experiment needs.

A component of events that a spectral index reweights has its logarithm in each bin at equidistant indices, with the
first and second derivative; in between it is a polynomial of fifth degree, whose error is below that of the fits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept
from icecol.stats.templates import Events, Floats

if TYPE_CHECKING:
    from icecol.stats.model import Model

Ints = npt.NDArray[np.int64]

STEPS = (0.2, 0.1, 0.05, 0.025, 0.0125)
"""Distances between the indices of a table; the first is taken that is precise enough."""

PRECISE = 1e-8, 1e-6
"""Relative error of an expectation and of its variance that a table may have."""

WIDEST = 20.0
"""Widest range of an index that a table covers."""


class Tables(NamedTuple):
    """A model in arrays; components by the first axis, parameters by their numbers.

    `nodes` has for each component 0, or the number of indices in its table, which is `log_values[c, :nodes]`, with
    value, slope and curvature of the logarithms by step and bin; -inf where no event is.
    """

    norm_of: Ints
    values: Floats
    variances: Floats
    index_of: Ints
    lowest: Floats
    step: Floats
    nodes: Ints
    log_values: Floats
    log_variances: Floats
    shift_of: Ints
    shifted_by: Ints
    down: Floats
    up: Floats


def tables(model: Model) -> Tables | None:
    """Return the tables of a model, or None if they cannot be made.

    They need at most one free index for each component, between bounds, and weights whose sum is positive in each bin
    that has events.
    """
    names, size = model.names, int(np.prod(model.shape))
    start = dict(zip(names, model.start.tolist(), strict=True))
    values, variances = np.zeros((2, len(model.parts), size))
    index_of, nodes = np.full(len(model.parts), -1), np.zeros(len(model.parts), np.int64)
    lowest, step = np.zeros(len(model.parts)), np.ones(len(model.parts))
    grids: dict[int, tuple[Floats, Floats]] = {}
    shifts = []
    for c, part in enumerate(model.parts):
        free = [] if part.events is None else [n for n in part.events.logs if not model.parameters[n].fixed]
        if len(free) > 1:
            return None
        if not free:
            values[c], variances[c] = part.values, part.variances
            if part.events is not None:
                values[c], variances[c], _ = part.at(start)
        for name in free:
            assert part.events is not None
            setting = model.parameters[name]
            found = _index_table(part.events, name, start, setting.lower, setting.upper, size)
            if found is None:
                return None
            index_of[c], lowest[c], step[c] = names.index(name), setting.lower, found[0]
            nodes[c], grids[c] = len(found[1]), found[1:]
        shifts += [(c, names.index(name), *ends) for name, ends in part.shifts.items()]
    log_values, log_variances = np.zeros((2, len(model.parts), int(nodes.max()), 3, size))
    for c, grid in grids.items():
        log_values[c, : nodes[c]], log_variances[c, : nodes[c]] = grid
    which, by, down, up = zip(*shifts, strict=True) if shifts else ((), (), (), ())
    return Tables(
        np.array([names.index(part.norm) for part in model.parts]),
        values,
        variances,
        index_of,
        lowest,
        step,
        nodes,
        log_values,
        log_variances,
        np.array(which, np.int64),
        np.array(by, np.int64),
        np.array(down, np.float64).reshape(-1, size),
        np.array(up, np.float64).reshape(-1, size),
    )


def _index_table(
    sample: Events, name: str, start: dict[str, float], lower: float, upper: float, size: int
) -> tuple[float, Floats, Floats] | None:
    """Return step, logarithms of values and of variances of one component, or None."""
    if not upper - lower <= WIDEST:
        return None
    fixed = sum(
        (-start[n] * log for n, log in sample.logs.items() if n != name), np.zeros(sample.weights.size)
    )
    weights, log = sample.weights * np.exp(fixed), sample.logs[name]
    for wanted in STEPS:
        n = max(2, math.ceil((upper - lower) / wanted) + 1)
        step = (upper - lower) / (n - 1) or 1.0
        grid = [
            logarithms(moments(sample.bins, weights, log, lower + i * step, size), step) for i in range(n)
        ]
        made = np.array([g[0] for g in grid]), np.array([g[1] for g in grid])
        if any(np.isnan(table).any() for table in made):
            return None
        if _precise(sample.bins, weights, log, lower, step, made):
            return step, *made
    return None


def logarithms(sums: Floats, step: float) -> tuple[Floats, Floats]:
    """Return logarithm, slope and curvature by step of both sums: -inf where nothing is, NaN where none exists."""
    out = []
    for zeroth, first, second in sums:
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = first / zeroth
            made = np.array([np.log(zeroth), slope * step, (second / zeroth - slope**2) * step**2])
        empty = (zeroth == 0) & (second == 0)
        made[:, empty] = np.array([[-np.inf], [0.0], [0.0]])
        out.append(made)
    return out[0], out[1]


def _precise(
    bins: Ints, weights: Floats, log: Floats, lower: float, step: float, made: tuple[Floats, Floats]
) -> bool:
    """Return whether the polynomials are right in the middle between indices."""
    for i in range(len(made[0]) - 1):
        exact = moments(bins, weights, log, lower + (i + 0.5) * step, made[0].shape[2])[:, 0]
        for table, true, allowed in zip(made, exact, PRECISE, strict=True):
            if (np.abs(np.exp(middle(table[i], table[i + 1])) - true) > allowed * true).any():
                return False
    return True


@kept(error_model="numpy")
def middle(low: Floats, high: Floats) -> Floats:
    """Return the logarithm of each bin in the middle between two indices."""
    out = np.full(low.shape[1], -np.inf)
    for b in range(out.size):
        if low[0, b] > -np.inf:
            out[b] = between(low[:, b], high[:, b], 0.5)[0]
    return out


@kept(error_model="numpy")
def moments(bins: Ints, weights: Floats, log: Floats, index: float, size: int) -> Floats:
    """Return the sums of weights and of their squares in each bin at an index, with their first two derivatives."""
    out = np.zeros((2, 3, size))
    for e in range(bins.size):
        b, x = bins[e], log[e]
        w = weights[e] * math.exp(-index * x)
        out[0, 0, b] += w
        out[0, 1, b] -= x * w
        out[0, 2, b] += x * x * w
        w *= w
        out[1, 0, b] += w
        out[1, 1, b] -= 2.0 * x * w
        out[1, 2, b] += 4.0 * x * x * w
    return out


@kept(error_model="numpy")
def between(a: Floats, b: Floats, u: float) -> tuple[float, float, float]:
    """Return value, slope and curvature at u of the polynomial that has those in a at 0 and those in b at 1."""
    rise = b[0] - a[0] - a[1] - 0.5 * a[2]
    first, second = b[1] - a[1] - a[2], b[2] - a[2]
    third = 10.0 * rise - 4.0 * first + 0.5 * second
    fourth = -15.0 * rise + 7.0 * first - second
    fifth = 6.0 * rise - 3.0 * first + 0.5 * second
    value = a[0] + u * (a[1] + u * (0.5 * a[2] + u * (third + u * (fourth + u * fifth))))
    slope = a[1] + u * (a[2] + u * (3.0 * third + u * (4.0 * fourth + u * 5.0 * fifth)))
    return value, slope, a[2] + u * (6.0 * third + u * (12.0 * fourth + u * 20.0 * fifth))


@kept(error_model="numpy")
def interpolated(a: float, down: float, up: float) -> tuple[float, float]:
    """Return the shift of a bin at `a`, given those at -1 and +1, and its slope: linear beyond, smooth within."""
    if a >= 1.0:
        return a * up, up
    if a <= -1.0:
        return -a * down, -down
    half, bend = (up - down) / 2.0, (up + down) / 16.0
    square = a * a
    return (
        a * half + bend * square * (15.0 - 10.0 * square + 3.0 * square * square),
        half + bend * a * (30.0 - 40.0 * square + 18.0 * square * square),
    )


class Shapes(NamedTuple):
    """Components at a norm of 1, by component and bin, and how they change.

    With an index: first and second derivative of the expectation, and first of the variance; with variations: the slope
    in each.
    """

    value: Floats
    variance: Floats
    slope: Floats
    curvature: Floats
    variance_slope: Floats
    shift_slope: Floats


@kept(error_model="numpy")
def blank(t: Tables) -> Shapes:
    """Return room for the shapes of a model."""
    n, size = t.values.shape
    a = np.zeros((5, n, size))
    return Shapes(a[0], a[1], a[2], a[3], a[4], np.zeros((t.shift_of.size, size)))


@kept(error_model="numpy")
def shape(t: Tables, c: int, x: Floats, out: Shapes) -> None:
    """Fill the shape of a component."""
    if t.nodes[c] == 0:
        out.value[c], out.variance[c] = t.values[c], t.variances[c]
        for s in range(t.shift_of.size):
            if t.shift_of[s] == c:
                for b in range(t.values.shape[1]):
                    shift, out.shift_slope[s, b] = interpolated(x[t.shifted_by[s]], t.down[s, b], t.up[s, b])
                    out.value[c, b] += shift
        return
    step = t.step[c]
    at = (x[t.index_of[c]] - t.lowest[c]) / step
    i = min(max(int(at), 0), t.nodes[c] - 2)
    low, high = t.log_values[c, i], t.log_values[c, i + 1]
    low_variance, high_variance = t.log_variances[c, i], t.log_variances[c, i + 1]
    for b in range(t.values.shape[1]):
        if low[0, b] > -math.inf:
            log, slope, bend = between(low[:, b], high[:, b], at - i)
            value = math.exp(log)
            out.value[c, b] = value
            out.slope[c, b] = value * slope / step
            out.curvature[c, b] = value * (bend + slope * slope) / (step * step)
            log, slope, _ = between(low_variance[:, b], high_variance[:, b], at - i)
            value = math.exp(log)
            out.variance[c, b] = value
            out.variance_slope[c, b] = value * slope / step


@kept(error_model="numpy")
def add_up(t: Tables, x: Floats, shapes: Shapes, mu: Floats, s2: Floats) -> None:
    """Fill the expectation of each bin and its variance."""
    mu[:], s2[:] = 0.0, 0.0
    for c in range(t.norm_of.size):
        norm = x[t.norm_of[c]]
        for b in range(mu.size):
            mu[b] += norm * shapes.value[c, b]
            s2[b] += norm * norm * shapes.variance[c, b]
