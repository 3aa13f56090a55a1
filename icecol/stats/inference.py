"""Tests of a model against data: p-values, asymptotic or by pseudo-experiments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from icecol.stats import draws, fitting, trials
from icecol.stats.fitting import maximum
from icecol.stats.p_values import p_value, significance
from icecol.stats.report import _sentence, probability, sampled
from icecol.stats.templates import Floats
from icecol.stats.trials import Trials

if TYPE_CHECKING:
    from icecol.stats.model import Model

Side = Literal["excess", "limit", "both"]
SIDES: dict[str, int] = {"excess": 1, "limit": -1, "both": 0}


@dataclass(frozen=True, slots=True, eq=False)
class HypothesisTest:
    """A tested hypothesis; `print` it for the result in words.

    Attributes
    ----------
    parameter, value
        The norm that was tested, and its value.
    statistic
        Test statistic: twice the difference in ln L between the best fit and the hypothesis.
    p, p_interval
        One-sided p-value, and its 68 % interval, of zero width for an asymptotic one.
    method
        How p was found.
    observed, expected
        Number of events, and that expected under the hypothesis.
    error
        How far up and down the priors allow the expected number to vary.
    fitted
        Best fit of the tested norm.
    trials
        The pseudo-experiments, if there were any.

    Examples
    --------
    >>> from icecol import stats
    >>> model = stats.Model({"signal": [2.0, 3.0, 3.0], "background": [20.0, 5.0, 1.0]})
    >>> found = model.test([24, 11, 6], "signal")
    >>> round(found.significance, 1), round(found.fitted, 1)
    (3.2, 1.8)
    """

    parameter: str
    value: float
    statistic: float
    p: float
    p_interval: tuple[float, float]
    method: str
    observed: float
    expected: float
    error: tuple[float, float] | None
    fitted: float
    trials: Trials | None = None

    @property
    def significance(self) -> float:
        """Significance in standard deviations, one-sided."""
        return float(significance(self.p))

    def __str__(self) -> str:
        n = 0 if self.trials is None or self.method == "extrapolated" else self.trials.statistics.size
        p = sampled(self.p, *self.p_interval, n) if n else probability(self.p)
        z = float(significance(self.p if self.p > 0 or not n else -math.log(0.1) / n))
        where = f"at {self.parameter} = {self.value:g}" if self.value else f"without {self.parameter}"
        name = "q0" if self.value == 0 else "q"
        note = f"{self.method}, {name} = {self.statistic:.1f}"
        return _sentence(self.observed, self.expected, p, z, self.error, f"expected {where}", note)


def hypotest(
    model: Model,
    data: Any,
    parameter: str,
    value: float = 0.0,
    *,
    method: Literal["asymptotic", "pseudo-experiments", "importance", "extrapolated"] = "asymptotic",
    n: int = 10_000,
    seed: int = 0,
    strengths: Sequence[float] | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> HypothesisTest:
    """Test the hypothesis that a norm has a value, by default 0, against larger ones.

    Parameters
    ----------
    model
        Model of the counts.
    data
        Histogram or array of counts.
    parameter
        Name of the norm.
    value
        Its value under the hypothesis.
    method
        - `"asymptotic"`: p = 1 - Φ(√q), as for one parameter at its bound (Chernoff 1954; Cowan et al. 2011). There is
          no such theorem where a spectral index means nothing without its component.
        - `"pseudo-experiments"`: the share that reaches the observed statistic.
        - `"importance"`: pseudo-experiments drawn with signals as well, with weights; for small p-values.
        - `"extrapolated"`: an exponential tail from the 99 % quantile of pseudo-experiments on. It is wrong by factors
          of 2 to 3 far out; prefer importance sampling.
    n, seed
        Number of pseudo-experiments and their seed; the result is the same for any number of threads.
    strengths
        Signals that importance sampling draws at, with that of the hypothesis first; by default five up to the
        best fit.
    threads
        Number of threads; all processors if None.
    progress
        Show a progress bar.

    Returns
    -------
    HypothesisTest
        The result; print it.

    Raises
    ------
    ValueError
        If the method is unknown, or asymptotic where there is no theorem; or if there are events in a bin where the
        hypothesis expects none.

    Notes
    -----
    Pseudo-experiments are drawn at the best fit of the hypothesis to the data, and so are the means of the priors,
    around the fitted values; the statistical error of the simulation is not drawn.

    Examples
    --------
    >>> from icecol import stats
    >>> model = stats.Model(
    ...     {"signal": [2.0, 3.0, 3.0], "background": [20.0, 5.0, 1.0]},
    ...     {"background": stats.Parameter(fixed=True)},
    ... )
    >>> print(stats.hypotest(model, [24, 11, 6], "signal"))
    41 observed, 26.0 expected without signal, p = 1.4e-05, 4.2 sigma one-sided (asymptotic, q0 = 17.5)
    """
    k = model.counts(data)
    position = model.number(parameter)
    observed, null, best = statistic(model, k, model.centers, parameter, value, 1)
    if math.isinf(observed):
        empty = (k > 0) & (model.expectation(null)[0] <= 0)
        where = tuple(int(i) for i in np.argwhere(empty.reshape(model.shape))[0])
        msg = (
            f"bin {where} has {k[empty][0]:g} events, but none is expected there at {parameter} = {value:g}, perhaps "
            f"for lack of simulated events: merge it with another, or add simulation"
        )
        raise ValueError(msg)
    found: Trials | None = None
    if method == "asymptotic":
        _require_theorem(model, parameter, value)
        p = float(p_value(math.sqrt(observed)))
        interval = (p, p)
    elif method in ("pseudo-experiments", "importance", "extrapolated"):
        drawn: tuple[float, ...] = ()
        if method == "importance":
            reach = max(best[position], value + 1e-3)
            drawn = tuple(strengths) if strengths else tuple(np.linspace(value, reach, 5).tolist())
        truth = dict(zip(model.names, null.tolist(), strict=True))
        for name in fitting.without_meaning(model, {parameter: value}):
            truth[name] = float(best[model.number(name)])  # where importance sampling draws signals
        found = pseudo_experiments(
            model,
            n,
            parameter,
            value,
            truth=truth,
            seed=seed,
            strengths=drawn,
            threads=threads,
            progress=progress,
        )
        if method == "extrapolated":
            p = found.extrapolated(observed)
            interval = (p, p)
        else:
            p, *ends = found.p_value(observed)
            interval = (ends[0], ends[1])
    else:
        msg = f"method must be 'asymptotic', 'pseudo-experiments', 'importance' or 'extrapolated'; found {method!r}"
        raise ValueError(msg)
    expected, error = _expected_before(model, null, parameter, value)
    how = {
        "importance": f"{n} pseudo-experiments by importance sampling",
        "pseudo-experiments": f"{n} pseudo-experiments",
    }
    return HypothesisTest(
        parameter,
        value,
        observed,
        p,
        interval,
        how.get(method, method),
        float(k.sum()),
        expected,
        error,
        float(best[position]),
        found,
    )


def statistic(
    model: Model, k: Floats, centers: Floats, parameter: str, value: float, side: int
) -> tuple[float, Floats, Floats]:
    """Return the test statistic of counts, and the parameters of the hypothesis and of the best fit."""
    null, at_null = maximum(model, k, centers, {parameter: value})
    best, at_best = maximum(model, k, centers, {}, null if np.isfinite(at_null) else None)
    q = max(0.0, 2 * (at_best - at_null))
    if side * (best[model.number(parameter)] - value) < 0:
        q = 0.0
    return q, null, best


def pseudo_experiments(
    model: Model,
    n: int,
    parameter: str,
    value: float = 0.0,
    *,
    truth: Mapping[str, float] | None = None,
    side: Side = "excess",
    seed: int = 0,
    strengths: Sequence[float] = (),
    threads: int | None = None,
    progress: bool = False,
) -> Trials:
    """Draw pseudo-experiments and return the test statistic of each.

    Parameters
    ----------
    model
        Model of the counts.
    n
        How many.
    parameter, value
        The norm that is tested, and its value under the hypothesis.
    truth
        Values at which the counts are drawn, where they differ from the start of the parameters and `value`.
    side
        Statistic: `"excess"` (0 where the fit is below the value), `"limit"` (0 where it is above) or `"both"`.
    seed
        Seed; every trial has a stream of its own, and the result is the same for any number of threads.
    strengths
        Values of the norm that the counts are drawn at in turn, for importance sampling; the first must be `value`.
        Where an index means nothing without the norm, also as many events with indices lower and higher by 1.
    threads
        Number of threads; all processors if None. Models with several free indices in a component take one.
    progress
        Show a progress bar.

    Raises
    ------
    RuntimeError
        If a fit does not converge.
    ValueError
        If the first of the strengths is not the value, or n is not positive.

    Examples
    --------
    >>> from icecol import stats
    >>> model = stats.Model(
    ...     {"signal": [2.0, 3.0, 3.0], "background": [20.0, 5.0, 1.0]},
    ...     {"background": stats.Parameter(fixed=True)},
    ... )
    >>> found = stats.pseudo_experiments(model, 2000, "signal")
    >>> bool(0.3 < (found.statistics > 0).mean() < 0.6)
    True
    """
    if strengths and strengths[0] != value:
        msg = f"the first of the strengths must be the tested value {value}, to bound the weights; found {strengths}"
        raise ValueError(msg)
    at = model.vector({parameter: value} | dict(truth or {}))
    expected = np.array([model.expectation(row)[0] for row in _drawn_at(model, at, parameter, strengths)])
    held = {parameter: value}
    found = model.tables
    if found is None:
        if strengths:
            msg = "importance sampling needs components with at most one free index each: fix the others"
            raise ValueError(msg)
        return _one_by_one(model, n, parameter, value, at, SIDES[side], seed, progress=progress)

    def task(first: int, q: Floats, log_weights: Floats) -> None:
        trials.run(
            model.kind,
            seed,
            first,
            expected,
            found,
            at,
            fitting.priors(model, at),
            fitting.bounds(model),
            fitting.free(model, {}),
            model.number(parameter),
            held[parameter],
            SIDES[side],
            q,
            log_weights,
        )

    q, log_weights = trials.in_threads(task, n, threads, progress=progress)
    if failed := int(np.isnan(q).sum()):
        msg = f"{failed} of {n} pseudo-experiments could not be fitted"
        raise RuntimeError(msg)
    return Trials(q, log_weights, tuple(strengths))


def _drawn_at(model: Model, at: Floats, parameter: str, strengths: Sequence[float]) -> list[Floats]:
    """Return the parameters that pseudo-experiments are drawn at in turn."""
    position = model.number(parameter)

    def signal(row: Floats) -> float:
        none, one = row.copy(), row.copy()
        none[position], one[position] = 0.0, 1.0
        return float((model.expectation(one)[0] - model.expectation(none)[0]).sum())

    rows = [at] if not strengths else []
    for strength in strengths:
        row = at.copy()
        row[position] = strength
        rows.append(row)
        if strength == strengths[0]:
            continue
        for name in sorted(fitting.without_meaning(model, {parameter: 0.0})):
            setting, i = model.parameters[name], model.number(name)
            for other in (row[i] - 1, row[i] + 1):
                moved = row.copy()
                moved[i] = min(max(other, setting.lower), setting.upper)
                moved[position] *= signal(row) / signal(moved)
                rows.append(moved)
    return rows


def _one_by_one(
    model: Model, n: int, parameter: str, value: float, at: Floats, side: int, seed: int, *, progress: bool
) -> Trials:
    mu = model.expectation(at)[0]
    q = np.empty(n)
    for t in trials.shown(range(n), n, progress=progress):
        k, centers = drawn(model, seed, t, mu, at)
        q[t] = statistic(model, k, centers, parameter, value, side)[0]
    return Trials(q, np.zeros(n))


def drawn(model: Model, seed: int, trial: int, mu: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Return counts and means of the priors of one pseudo-experiment."""
    rng = np.random.Generator(np.random.Philox(key=[seed, trial]))
    centers = at.copy()
    for i, p in enumerate(model.parameters.values()):
        if p.prior is not None and not p.fixed:
            z = rng.standard_normal()
            centers[i] += z * p.deviations[0 if z > 0 else 1]
    return draws.counts(seed, trial, mu), centers


def _require_theorem(model: Model, parameter: str, value: float) -> None:
    if lost := fitting.without_meaning(model, {parameter: value}):
        msg = (
            f"without {parameter!r} the parameter {min(lost)!r} means nothing, so that the statistic has no known "
            f"distribution: use method='pseudo-experiments'"
        )
        raise ValueError(msg)


def _expected_before(
    model: Model, null: Floats, parameter: str, value: float
) -> tuple[float, tuple[float, float] | None]:
    """Return the number expected at the means of the priors, and how far these allow it up and down."""
    at = null.copy()
    known = [i for i, p in enumerate(model.parameters.values()) if p.prior is not None and not p.fixed]
    at[known] = model.centers[known]
    at[model.number(parameter)] = value
    mu, _, in_mu, _ = model.expectation(at)
    if not known:
        return float(mu.sum()), None
    slopes = in_mu[known].sum(axis=1)
    below, above = fitting.deviations(model)[known].T
    up = math.sqrt(float((np.where(slopes > 0, slopes * above, slopes * below) ** 2).sum()))
    down = math.sqrt(float((np.where(slopes > 0, slopes * below, slopes * above) ** 2).sum()))
    return float(mu.sum()), (up, down)
