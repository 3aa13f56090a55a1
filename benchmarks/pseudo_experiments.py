"""Pseudo-experiments of a model of 100 bins and one norm: icecol on one core, numpy on arrays of trials, and pyhf.

A trial is a draw of the counts, the fit of the norm, and the test statistic of no signal. numpy draws and fits some
thousand trials at once, with as many steps of Newton's method as the slowest needs. pyhf fits one after the other with
its scipy backend, does the first trials only, and its time is scaled up. All get the test statistic of the same counts
for comparison. Needs scipy and pyhf.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
from common import Goal, Report, parser, race

from icecol import stats
from icecol.stats import draws

ICECOL, NUMPY, PYHF = "icecol, one core", "numpy, arrays of trials", "pyhf, trial by trial"
TEN_MILLION = 1e7


def templates(bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a hard signal of 10 events and a soft background of 300."""
    x = np.linspace(0, 1, bins)
    signal, background = np.exp(2 * x), np.exp(-6 * x)
    return 10 * signal / signal.sum(), 300 * background / background.sum()


def by_numpy(k: np.ndarray, s: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the test statistic of many trials, by Newton's method on all of them."""
    norm = np.ones(len(k))
    for _ in range(100):
        mu = norm[:, None] * s + b
        slope = (k / mu) @ s - s.sum()
        step = slope / np.maximum((k / mu**2) @ s**2, 1e-12)
        moved = np.maximum(norm + step, 0.0)
        if np.abs(moved - norm).max() < 1e-9:
            break
        norm = moved
    mu = norm[:, None] * s + b
    return np.maximum(2 * ((k * np.log(mu / b)).sum(axis=1) - norm * s.sum()), 0.0)


def drawn_by_numpy(n: int, s: np.ndarray, b: np.ndarray, chunk: int = 5000) -> np.ndarray:
    rng = np.random.default_rng(1)
    parts = [min(chunk, n - i) for i in range(0, n, chunk)]
    return np.concatenate([by_numpy(rng.poisson(b, (m, b.size)).astype(float), s, b) for m in parts])


def by_pyhf(k: np.ndarray, workspace: dict) -> np.ndarray:
    """Return the test statistic of each row of counts."""
    import pyhf

    model = pyhf.Workspace(workspace).model()
    settings = model.config.suggested_init(), model.config.suggested_bounds(), model.config.suggested_fixed()
    return np.array(
        [
            float(pyhf.infer.test_statistics.q0(0.0, [*row, *model.config.auxdata], model, *settings))
            for row in k
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=3)
    arguments.add_argument("--trials", type=int, default=200_000, help="trials (%(default)s)")
    arguments.add_argument("--bins", type=int, default=100, help="bins (%(default)s)")
    arguments.add_argument("--sample", type=int, default=20, help="trials that pyhf does (%(default)s)")
    a = arguments.parse_args(argv)
    s, b = templates(a.bins)
    model = stats.Model(
        {"signal": s, "background": b}, {"background": stats.Parameter(fixed=True)}, "poisson"
    )
    few = np.array([draws.counts(1, t, b) for t in range(a.sample)])

    report = Report("pseudo_experiments", {"trials": a.trials, "bins": a.bins, "pyhf trials": a.sample})
    rivals = {
        ICECOL: lambda: model.pseudo_experiments(a.trials, "signal", seed=1, threads=1).statistics,
        NUMPY: lambda: drawn_by_numpy(a.trials, s, b),
    }
    if find_spec("pyhf"):
        workspace = stats.pyhf_workspace(model, b.round(), "signal")
        rivals[PYHF] = lambda: by_pyhf(few, workspace)
    timings, answers = race(rivals, a.repeat, scale={PYHF: a.trials / a.sample})

    report.race(
        f"{a.trials:,} trials",
        timings,
        ICECOL,
        **{"us a trial": lambda t: f"{t.best_cpu / a.trials * 1e6:.1f}"},
    )
    ours = answers[ICECOL]
    report.check("test statistics of the same counts, numpy", ours[: a.sample], by_numpy(few, s, b), rel=1e-6)
    if PYHF in answers:
        report.check("test statistics of the same counts, pyhf", ours[: a.sample], answers[PYHF], rel=1e-3)
    for q in (0.0, 1.0):
        shares = [(answers[name] > q).mean() for name in (ICECOL, NUMPY)]
        error = 5 * np.sqrt(0.25 / a.trials)
        report.check(f"share above {q:g}", abs(shares[0] - shares[1]) < 2 * error, True)
    minutes = timings[ICECOL].best_cpu / a.trials * TEN_MILLION / 60
    report.goals.append(Goal("10^7 trials on one core", minutes, 10.0, "min"))
    return report.finish(a)


if __name__ == "__main__":
    sys.exit(main())
