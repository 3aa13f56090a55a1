"""Cutflow tables and histograms over a Parquet file of events, beside the usual ways to make them.

A table of random events is written once; every way reads it from the file. All weights and counts are compared.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boost_histogram as bh
import hist as scikit_hep_hist
import numpy as np
import polars as pl
from boost_histogram.axis.transform import log as LOG
from common import Goal, Report, parser, race

import icecol as ic
import icecol.hist.loops  # loads numba, as any feature before the histograms does; without it fills take longer
from icecol import hist

CUTS = ic.Cuts(
    bright=pl.col("charge") > 30,
    doms=pl.col("n_doms") >= 12,
    upgoing=pl.col("zenith") > 1.5,
    good=pl.col("quality") < 9.0,
    contained=(pl.col("r") < 450) & (pl.col("z").abs() < 480),
    energetic=pl.col("energy") > 1e3,
)
BINS = 100


def write_events(path: Path, n: int) -> None:
    """Write n random events; one in a hundred lacks its fit (null), one in a hundred has a failed one (NaN)."""
    rng = np.random.default_rng(1)
    zenith = np.arccos(rng.uniform(-1, 1, n))
    zenith[rng.random(n) < 0.01] = np.nan
    frame = pl.DataFrame(
        {
            "energy": 10 ** rng.uniform(2, 6, n),
            "charge": rng.lognormal(4, 1, n),
            "n_doms": rng.poisson(20, n).astype(np.int32),
            "zenith": zenith,
            "quality": rng.normal(8, 1, n),
            "r": 600 * np.sqrt(rng.random(n)),
            "z": rng.uniform(-550, 550, n),
            "azimuth": rng.uniform(0, 2 * np.pi, n),
            "time": rng.normal(10_000, 500, n),
            "length": rng.exponential(300, n),
            "weight": rng.exponential(1e-6, n),
        }
    )
    lost = pl.Series(rng.random(n) < 0.01)
    frame = frame.with_columns(pl.when(lost).then(None).otherwise(pl.col("quality")).alias("quality"))
    frame.write_parquet(path, compression="zstd", row_group_size=1 << 15)


# -- cutflow: rows n, sum of weights, sum of weights squared, n alone; a column for no cut and for each cut ------------


def with_cutflow(path: Path) -> np.ndarray:
    table = ic.cutflow(pl.scan_parquet(path), CUTS, weight="weight")
    return table.select("n", "sumw", "sumw_error", "n_alone").to_numpy().T


# the same for the others, which let NaN pass a lower limit unless told not to
PLAIN = dict(CUTS) | {"upgoing": (pl.col("zenith") > 1.5) & pl.col("zenith").is_not_nan()}


def _queries(path: Path) -> list[pl.LazyFrame]:
    w = pl.col("weight")
    sums = [pl.len().alias("n"), w.sum().alias("sumw"), (w * w).sum().sqrt().alias("sumw_error")]
    lf = pl.scan_parquet(path)
    cuts = list(PLAIN.values())
    flow = [lf.filter(*cuts[:i]).select(sums) for i in range(len(cuts) + 1)]
    alone = [lf.filter(*([c] if c is not None else [])).select(pl.len()) for c in (None, *cuts)]
    return flow + alone


def _as_rows(found: Sequence[pl.DataFrame]) -> np.ndarray:
    half = len(found) // 2
    return np.array([[*a.row(0), b.item()] for a, b in zip(found[:half], found[half:], strict=True)], float).T


def one_by_one(path: Path) -> np.ndarray:
    return _as_rows([query.collect() for query in _queries(path)])


def all_at_once(path: Path) -> np.ndarray:
    return _as_rows(pl.collect_all(_queries(path)))


def with_numpy(path: Path) -> np.ndarray:
    """Compute boolean arrays of the whole table, as is usual with arrays in memory."""
    names = [*dict.fromkeys(c for cut in PLAIN.values() for c in cut.meta.root_names()), "weight"]
    frame = pl.read_parquet(path, columns=names)
    w = frame["weight"].to_numpy()
    passed = [np.ones(len(w), bool)]
    passed += [frame.select(cut.fill_null(value=False)).to_series().to_numpy() for cut in PLAIN.values()]
    rows, every = [], passed[0]
    for one in passed:
        every = every & one
        rows.append([every.sum(), w[every].sum(), np.sqrt((w[every] ** 2).sum()), one.sum()])
    return np.array(rows, float).T


def time_cutflow(report: Report, path: Path, rows: int, repeat: int) -> None:
    rivals: dict[str, Callable[[], Any]] = {
        "columns read": lambda: pl.read_parquet(path).height,
        "cutflow": lambda: with_cutflow(path),
        "Polars filters one by one": lambda: one_by_one(path),
        "Polars collect_all": lambda: all_at_once(path),
        "numpy masks": lambda: with_numpy(path),
    }
    timings, answers = race(rivals, repeat)
    for name in list(rivals)[1:]:
        if name != "cutflow":
            report.check(f"cutflow: {name}", answers["cutflow"], answers[name], rel=1e-9)
    speed = {"M events/s": lambda t: f"{rows / t.best / 1e6:.3g}"}
    report.race(f"Cutflow of {len(CUTS)} weighted cuts over {rows} events", timings, "columns read", **speed)
    ratio = timings["cutflow"].best / timings["Polars filters one by one"].best
    report.goals.append(Goal("cutflow", ratio, 1.0, "x filters one by one"))


# -- histograms: contents and variances -------------------------------------------------------------------------------

ZENITH = hist.regular("zenith", BINS, 0, 3.2)
ENERGY = hist.log("energy", BINS, 1e2, 1e6)
TEN = (
    ZENITH,
    ENERGY,
    hist.regular("charge", BINS, 0, 400),
    hist.regular("r", BINS, 0, 600),
    hist.regular("z", BINS, -550, 550),
    hist.regular("quality", BINS, 4, 12),
    hist.integer("n_doms", 0, BINS),
    hist.regular("azimuth", BINS, 0, 7),
    hist.regular("time", BINS, 8_000, 12_000),
    hist.log("length", BINS, 1, 1e4),
)
OTHERS = (
    hist.regular("charge", BINS, 0, 400),
    hist.regular("r", BINS, 0, 600),
    hist.regular("z", BINS, -550, 550),
)


def _edges(axis: hist.Axis) -> np.ndarray:
    make = np.geomspace if axis.kind == "log" else np.linspace
    return make(axis.start, axis.stop, BINS + 1)


def _contents(h: hist.Hist) -> np.ndarray:
    return np.stack([h.values(), h.variances()])


def fill_1d(path: Path) -> np.ndarray:
    return _contents(hist.fill(pl.scan_parquet(path), ZENITH, weight="weight"))


def numpy_1d(path: Path) -> np.ndarray:
    frame = pl.read_parquet(path, columns=["zenith", "weight"])
    x, w = frame["zenith"].to_numpy(), frame["weight"].to_numpy()
    return np.stack([np.histogram(x, BINS, (0, 3.2), weights=v)[0] for v in (w, w * w)])


def boost_1d(path: Path) -> np.ndarray:
    frame = pl.read_parquet(path, columns=["zenith", "weight"])
    h = bh.Histogram(bh.axis.Regular(BINS, 0, 3.2), storage=bh.storage.Weight())
    h.fill(frame["zenith"].to_numpy(), weight=frame["weight"].to_numpy())
    return np.stack([h.values(), h.variances()])


def polars_1d(path: Path) -> np.ndarray:
    index = (pl.col("zenith") * (BINS / 3.2)).floor()
    w = pl.col("weight")
    table = (
        pl.scan_parquet(path)
        .filter(pl.col("zenith").is_not_nan(), pl.col("zenith").is_between(0, 3.2, closed="left"))
        .group_by(index.cast(pl.Int32).alias("bin"))
        .agg(w.sum().alias("w"), (w * w).sum().alias("w2"))
        .collect()
    )
    found = np.zeros((2, BINS))
    found[:, table["bin"].to_numpy()] = table.select("w", "w2").to_numpy().T
    return found


def fill_2d(path: Path) -> np.ndarray:
    return _contents(hist.fill(pl.scan_parquet(path), ZENITH, ENERGY, weight="weight"))


def numpy_2d(path: Path) -> np.ndarray:
    frame = pl.read_parquet(path, columns=["zenith", "energy", "weight"]).filter(
        pl.col("zenith").is_not_nan()
    )
    x, y, w = (frame[c].to_numpy() for c in ("zenith", "energy", "weight"))
    bins = [np.linspace(0, 3.2, BINS + 1), np.logspace(2, 6, BINS + 1)]
    return np.stack([np.histogram2d(x, y, bins, weights=v)[0] for v in (w, w * w)])


def hist_1d(path: Path) -> np.ndarray:
    """Fill by the package hist, whose other name is taken here."""
    frame = pl.read_parquet(path, columns=["zenith", "weight"])
    h = scikit_hep_hist.Hist.new.Reg(BINS, 0, 3.2).Weight()
    h.fill(frame["zenith"].to_numpy(), weight=frame["weight"].to_numpy())
    return np.stack([h.values(), h.variances()])


def scan_ten(path: Path) -> int:
    """Read the columns of ten histograms, and do nothing with them: what no way can go below."""
    return pl.scan_parquet(path).select(*(a.name for a in TEN), "weight").collect(engine="streaming").height


def fill_ten(path: Path) -> np.ndarray:
    found = hist.fill_many(pl.scan_parquet(path), {a.name: a for a in TEN}, weight="weight")
    return np.concatenate([_contents(h) for h in found.values()])


def ten_with_numpy(path: Path) -> np.ndarray:
    frame = pl.read_parquet(path, columns=[a.name for a in TEN] + ["weight"])
    w = frame["weight"].to_numpy()
    return np.array(
        [np.histogram(frame[a.name].to_numpy(), _edges(a), weights=v)[0] for a in TEN for v in (w, w * w)]
    )


def ten_with_hist(path: Path) -> np.ndarray:
    frame = pl.read_parquet(path, columns=[a.name for a in TEN] + ["weight"])
    w, found = frame["weight"].to_numpy(), []
    for a in TEN:
        make = scikit_hep_hist.Hist.new
        if a.kind == "integer":
            h = make.Int(a.start, a.stop).Weight()
        else:
            h = make.Reg(BINS, a.start, a.stop, transform=LOG if a.kind == "log" else None).Weight()
        h.fill(frame[a.name].to_numpy(), weight=w)
        found += [h.values(), h.variances()]
    return np.array(found)


def ten_with_polars(path: Path) -> np.ndarray:
    w, lf, queries = pl.col("weight"), pl.scan_parquet(path), []
    for a in TEN:
        x, start, stop = pl.col(a.name), a.start, a.stop
        if a.kind == "log":
            x, start, stop = x.log(), np.log(start), np.log(stop)
        inside = pl.col(a.name).is_between(
            a.start, a.stop, closed="left"
        )  # no NaN, which lies above all numbers
        index = ((x - start) * (BINS / (stop - start))).floor().cast(pl.Int32).alias("bin")
        queries.append(lf.filter(inside).group_by(index).agg(w.sum().alias("w"), (w * w).sum().alias("w2")))
    found = np.zeros((len(TEN), 2, BINS))
    for rows, table in zip(found, pl.collect_all(queries), strict=True):
        rows[:, table["bin"].to_numpy()] = table.select("w", "w2").to_numpy().T
    return found.reshape(-1, BINS)


def fill_five(path: Path) -> np.ndarray:
    axes = {a.name: a for a in (ZENITH, ENERGY, *OTHERS)}
    found = hist.fill_many(pl.scan_parquet(path), axes, weight="weight")
    return np.concatenate([_contents(h) for h in found.values()])


def fill_each(path: Path) -> np.ndarray:
    lf = pl.scan_parquet(path)
    return np.concatenate([_contents(hist.fill(lf, a, weight="weight")) for a in (ZENITH, ENERGY, *OTHERS)])


def numpy_five(path: Path) -> np.ndarray:
    frame = pl.read_parquet(path, columns=[a.name for a in (ZENITH, ENERGY, *OTHERS)] + ["weight"])
    w = frame["weight"].to_numpy()
    found = []
    for axis in (ZENITH, ENERGY, *OTHERS):
        x = frame[axis.name].to_numpy()
        found += [np.histogram(x, _edges(axis), weights=v)[0] for v in (w, w * w)]
    return np.array(found)


GROUPS: dict[str, dict[str, Callable[[Path], np.ndarray]]] = {
    "One histogram": {
        "hist.fill": fill_1d,
        "boost-histogram on arrays": boost_1d,
        "hist on arrays": hist_1d,
        "np.histogram, twice": numpy_1d,
        "Polars group_by of the bin": polars_1d,
    },
    "One histogram of two axes": {"hist.fill": fill_2d, "np.histogram2d, twice": numpy_2d},
    "Five histograms": {
        "hist.fill_many": fill_five,
        "hist.fill, five times": fill_each,
        "np.histogram, ten times": numpy_five,
    },
    "Ten histograms": {
        "hist.fill_many": fill_ten,
        "hist on arrays": ten_with_hist,
        "Polars group_by of each bin, collect_all": ten_with_polars,
        "np.histogram, twenty times": ten_with_numpy,
    },
}
"""Ways to fill the same bins; the first of each is icecol's own and the ratio's denominator."""


def time_histograms(report: Report, path: Path, rows: int, repeat: int) -> None:
    speed = {"M events/s": lambda t: f"{rows / t.best / 1e6:.3g}"}
    for title, ways in GROUPS.items():
        runs = {name: (lambda way=way: way(path)) for name, way in ways.items()}
        if title == "Ten histograms":
            runs["columns read"] = lambda: scan_ten(path)
        timings, answers = race(runs, repeat)
        ours = next(iter(ways))
        for name in list(ways)[1:]:
            report.check(f"{title.lower()}: {name}", answers[ours], answers[name], rel=1e-9)
        report.race(f"{title} of {BINS} bins an axis, weighted, over {rows} events", timings, ours, **speed)
        numpys = next(name for name in ways if name.startswith("np."))
        ratio = timings[ours].best / timings[numpys].best
        report.goals.append(Goal(title.lower(), ratio, 1.0, f"x {numpys}"))
        if title == "Ten histograms":
            scans = timings[ours].best / timings["columns read"].best
            report.goals.append(Goal(title.lower(), scans, 1.5, "x the columns read"))


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=5)
    arguments.add_argument("--events", type=int, default=2_000_000, help="rows of the table (%(default)s)")
    args = arguments.parse_args(argv)
    report = Report("select_hist", {"events": args.events, "repeat": args.repeat})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        write_events(path, args.events)
        time_cutflow(report, path, args.events, args.repeat)
        time_histograms(report, path, args.events, args.repeat)
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
