"""Pseudo-experiments, compiled: each draws counts, fits them twice, and keeps the test statistic."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept
from icecol.stats import ascent, draws
from icecol.stats.libraries import scipy
from icecol.stats.tables import Tables
from icecol.stats.templates import Floats

Flags = npt.NDArray[np.bool_]

EQUAL = 1e-7
"""Two statistics closer than this are the same: fits do not know them better."""

CHUNK = 2000
"""Trials of one task of a thread."""


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Test statistics of pseudo-experiments.

    Attributes
    ----------
    statistics
        Test statistic of each.
    log_weights
        Logarithm of the weight of each, 0 unless they were drawn by importance sampling.
    strengths
        Signals that they were drawn at, in turn, for importance sampling.

    Examples
    --------
    >>> import numpy as np
    >>> from icecol import stats
    >>> trials = stats.Trials(statistics=np.array([0.0, 0.0, 1.5, 4.2]), log_weights=np.zeros(4))
    >>> p, low, high = trials.p_value(1.5)
    >>> p, round(low, 2), round(high, 2)
    (0.5, 0.19, 0.81)
    """

    statistics: Floats
    log_weights: Floats
    strengths: tuple[float, ...] = ()

    def p_value(self, observed: float) -> tuple[float, float, float]:
        """Return the probability of a statistic at least as large, and a 68 % interval for it.

        The interval is that of Clopper and Pearson or, for weighted trials, plus and minus the standard error.

        Parameters
        ----------
        observed
            Observed test statistic.

        Examples
        --------
        >>> import numpy as np
        >>> from icecol import stats
        >>> trials = stats.Trials(statistics=np.array([0.0, 0.0, 1.5, 4.2]), log_weights=np.zeros(4))
        >>> p, low, high = trials.p_value(3.0)
        >>> p, round(low, 2), round(high, 2)
        (0.25, 0.04, 0.62)
        """
        reached = self.statistics >= observed - EQUAL
        n = reached.size
        if self.strengths:
            w = np.exp(self.log_weights) * reached
            p, error = float(w.mean()), float(w.std(ddof=1) / math.sqrt(n))
            # weights of one on average add up to a little more or less
            return min(p, 1.0), min(max(p - error, 0.0), 1.0), min(p + error, 1.0)
        k = int(reached.sum())
        ends = scipy("stats").binomtest(k, n).proportion_ci(0.682689492137086, method="exact")
        return k / n, float(ends.low), float(ends.high)

    def extrapolated(self, observed: float, quantile: float = 0.99) -> float:
        """Return a p-value from an exponential tail, fitted above a quantile: wrong by factors of 2 to 3 far out.

        Parameters
        ----------
        observed
            Observed test statistic.
        quantile
            The tail begins at this quantile of the trials.

        Raises
        ------
        ValueError
            If the observed value is not beyond the quantile, or the trials are weighted.

        Examples
        --------
        >>> import numpy as np
        >>> from icecol import stats
        >>> values = np.random.default_rng(1).exponential(2.0, 10000)
        >>> trials = stats.Trials(statistics=values, log_weights=np.zeros(values.size))
        >>> f"{trials.extrapolated(40.0):.0e}"
        '1e-09'
        """
        start = float(np.quantile(self.statistics, quantile))
        if observed <= start or self.strengths:
            msg = f"use p_value: {observed:.4g} is below the {quantile} quantile, or the trials have weights"
            raise ValueError(msg)
        tail = self.statistics[self.statistics > start]
        return float(tail.size / self.statistics.size * np.exp(-(observed - start) / (tail - start).mean()))


@kept(error_model="numpy")
def run(
    kind: int,
    seed: int,
    first: int,
    expected: Floats,
    tables: Tables,
    truth: Floats,
    priors: Floats,
    bounds: Floats,
    free: Flags,
    tested: int,
    value: float,
    side: int,
    q: Floats,
    log_weights: Floats,
) -> None:
    """Fill the test statistics and weights of a run of trials.

    Trial t draws its counts from row t % rows of `expected` (row 0 is the hypothesis), and the means of the priors from
    the priors around the truth. side is 1 for excesses, -1 for limits, 0 for both.
    """
    n_rows, n_bins = expected.shape
    n = truth.size
    totals, logs = np.zeros(n_rows), np.zeros((n_rows, n_bins))
    for j in range(n_rows):
        for i in range(n_bins):
            totals[j] += expected[j, i] - expected[0, i]
            if expected[0, i] > 0.0:
                logs[j, i] = math.log(expected[j, i] / expected[0, i])
    stream, k = np.empty(8, np.uint64), np.empty(n_bins)
    here, x, null = priors.copy(), np.empty(n), np.empty(n)
    others = free.copy()
    others[tested] = False
    for t in range(q.size):
        draws.start(stream, seed, first + t)
        row = (first + t) % n_rows
        for i in range(n_bins):
            k[i] = draws.poisson(stream, expected[row, i])
        if n_rows > 1:
            log_weights[t] = log_weight(k, logs, totals, expected[0])
        for p in range(n):
            if free[p] and math.isfinite(priors[p, 1]):
                z = draws.normal(stream)
                here[p, 0] = truth[p] + z * (priors[p, 1] if z > 0.0 else priors[p, 2])
        null[:] = truth
        null[tested] = value
        at_null = ascent.fit(kind, k, tables, null, here, bounds, others)
        x[:] = null
        best = ascent.fit(kind, k, tables, x, here, bounds, free)
        q[t] = max(0.0, 2.0 * (best - at_null))
        if side * (x[tested] - value) < 0.0:
            q[t] = 0.0
        elif math.isnan(best) or math.isnan(at_null):
            q[t] = math.nan


@kept(error_model="numpy")
def log_weight(k: Floats, logs: Floats, totals: Floats, at_null: Floats) -> float:
    """Return ln of the probability of counts under row 0 over the mean of that under all rows."""
    n_rows, n_bins = logs.shape
    for i in range(n_bins):
        if k[i] > 0.0 and at_null[i] <= 0.0:
            return -math.inf
    ratios = -totals.copy()
    for j in range(n_rows):
        for i in range(n_bins):
            if k[i] > 0.0:
                ratios[j] += k[i] * logs[j, i]
    top = ratios.max()
    return math.log(n_rows) - top - math.log(np.exp(ratios - top).sum())


def in_threads(
    task: Callable[[int, Floats, Floats], None], n: int, threads: int | None, *, progress: bool
) -> tuple[Floats, Floats]:
    """Run task(first, q, log_weights) on slices of n trials in threads, and return both arrays.

    Raises
    ------
    ValueError
        If n or the number of threads is not positive.
    """
    if n < 1 or (threads is not None and threads < 1):
        msg = f"the numbers of trials and threads must be positive; found {n} and {threads}"
        raise ValueError(msg)
    q, log_weights = np.empty(n), np.zeros(n)
    starts = range(0, n, CHUNK)
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        done = [pool.submit(task, i, q[i : i + CHUNK], log_weights[i : i + CHUNK]) for i in starts]
        for future in shown(as_completed(done), len(done), progress=progress):
            future.result()
    return q, log_weights


def shown(items: Iterable, total: int, *, progress: bool) -> Iterable:  # type: ignore[type-arg]
    """Show a progress bar while items come in, if asked for."""
    if not progress:
        return items
    from rich.progress import track

    return track(items, "pseudo-experiments", total)
