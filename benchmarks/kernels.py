"""Features of events from their pulses: the compiled loop, its use in a lazy plan, and the usual other ways.

Events of about 100 pulses each, repeated from a smaller simulated sample. Every way gathers the positions of the
sensors by itself and gives the same numbers, which are compared. Ways that are much slower do the first events only,
and their times are scaled up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from common import Goal, Report, Table, Timing, parser, race

import icecol as ic
from icecol.detector.geometry import Geometry, Lookup
from icecol.reco.codegen import arguments, event_loop
from icecol.reco.jagged import frozen, jagged
from icecol.reco.kernels import charge, improved_linefit, linefit, tensor_of_inertia

Array = npt.NDArray[Any]
KEY = "InIcePulses"
COLUMNS = {"t": "time", "q": "charge", "k": "omkey"}
"""Columns by the letters used in sums; x, y and z are those of the sensor."""

LOOP, LAZY, STREAMING = "compiled loop", "lazy plan", "lazy plan, streaming engine"
REDUCEAT, LISTS, GROUPS = "numpy reduceat", "Polars list arithmetic", "Polars explode and group_by"
AWKWARD, PANDAS, PYTHON = "awkward", "pandas groupby", "Python loop of numpy"
FLOOR = "memory read once"


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature, and what other libraries compute of it.

    `totals` are the aggregates that they take of each event: "sum qxx" sums charge times x squared, "sum" counts.
    `solve` makes of these the numbers in `fields`, a row each. `rate` is the goal of the loop, in M pulses/s.
    """

    name: str
    kernel: Any
    parameters: tuple[Any, ...]
    expr: Callable[[ic.Pulses], pl.Expr]
    returns: tuple[str, ...]
    fields: tuple[str, ...]
    totals: tuple[str, ...] = ()
    solve: Callable[..., Array] = lambda *rows: np.array(rows)
    rate: float = 0.0

    @property
    def letters(self) -> str:
        """Columns that the aggregates use."""
        return "".join(dict.fromkeys(c for total in self.totals for c in total.partition(" ")[2]))


def solve_line(
    n: Array, t: Array, tt: Array, x: Array, y: Array, z: Array, xt: Array, yt: Array, zt: Array
) -> Array:
    t, tt, x, y, z, xt, yt, zt = (s / n for s in (t, tt, x, y, z, xt, yt, zt))
    spread = tt - t * t
    return np.array([x, y, z, t, (xt - x * t) / spread, (yt - y * t) / spread, (zt - z * t) / spread])


def solve_tensor(q: Array, qt: Array, qx: Array, qy: Array, qz: Array, *products: Array) -> Array:
    x, y, z, t, xx, yy, zz, xy, xz, yz = (s / q for s in (qx, qy, qz, qt, *products))
    cxx, cyy, czz = xx - x * x, yy - y * y, zz - z * z
    cxy, cxz, cyz = x * y - xy, x * z - xz, y * z - yz
    tensor = np.array([[cyy + czz, cxy, cxz], [cxy, cxx + czz, cyz], [cxz, cyz, cxx + cyy]])
    return np.array([x, y, z, t, *np.linalg.eigvalsh(tensor.transpose(2, 0, 1)).T])


_LINE = (
    "x",
    "y",
    "z",
    "time",
    "zenith",
    "azimuth",
    "speed",
    "fit_status",
    "LFVel",
    "LFVelX",
    "LFVelY",
    "LFVelZ",
    "NHits",
)
_VELOCITY = ("x", "y", "z", "time", "LFVelX", "LFVelY", "LFVelZ")

FEATURES = (
    Feature(
        "charge",
        charge.charge,
        (),
        ic.reco.charge,
        (
            "total",
            "n_pulses",
            "n_hit_doms",
            "n_hit_strings",
            "n_hit_doms_one_pulse",
            "q_max_doms",
            "min_pulse_time",
            "max_pulse_time",
        ),
        ("total", "n_pulses", "n_hit_doms", "min_pulse_time", "max_pulse_time"),
        ("sum q", "sum", "n_unique k", "min t", "max t"),
    ),
    Feature(
        "linefit",
        linefit.linefit,
        (2,),
        ic.reco.linefit,
        _LINE,
        _VELOCITY,
        ("sum", "sum t", "sum tt", "sum x", "sum y", "sum z", "sum xt", "sum yt", "sum zt"),
        solve_line,
        rate=100,
    ),
    Feature(
        "tensor_of_inertia",
        tensor_of_inertia.tensor_of_inertia,
        (3, 1.0),
        ic.reco.tensor_of_inertia,
        ("x", "y", "z", "time", "zenith", "azimuth", "fit_status", "mineval", "evalratio", "eval2", "eval3"),
        ("x", "y", "z", "time", "mineval", "eval2", "eval3"),
        (
            "sum q",
            "sum qt",
            "sum qx",
            "sum qy",
            "sum qz",
            "sum qxx",
            "sum qyy",
            "sum qzz",
            "sum qxy",
            "sum qxz",
            "sum qyz",
        ),
        solve_tensor,
        rate=100,
    ),
    Feature(
        "improved_linefit",
        improved_linefit.improved_linefit,
        (2, 156.0, 778.0, 153.0, 116.0, 2),
        ic.reco.improved_linefit,
        _LINE,
        (*_VELOCITY, "NHits"),
        rate=10,  # 100,000 events/s
    ),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """Events in all the forms that the rivals take them in."""

    frame: pl.DataFrame
    offsets: Array
    flat: dict[str, Array]
    geometry: Geometry

    def head(self, n: int) -> Sample:
        """Return the first events."""
        offsets = self.offsets[: n + 1]
        flat = {k: v[: offsets[-1]] for k, v in self.flat.items()}
        return Sample(self.frame[:n], offsets, flat, self.geometry)

    def __len__(self) -> int:
        return self.offsets.size - 1


def simulate(n: int, pulses: int, distinct: int) -> Sample:
    """Return n events of about so many pulses, drawn from a sample of distinct ones."""
    bounds = (round(0.8 * pulses), round(1.2 * pulses))
    events = ic.sim.events(min(n, distinct), seed=1, noise=0, n_pulses=bounds)
    pick = np.random.default_rng(2).integers(0, len(events), n)
    columns = [f"{KEY}.{member}" for member in COLUMNS.values()]
    frame = events.to_polars().select(columns)[pick].rechunk()
    lists = jagged([frame[c] for c in columns])
    return Sample(frame, lists.offsets, dict(zip(COLUMNS, lists.values, strict=True)), events.geometry)


# -- icecol -----------------------------------------------------------------------------------------------------------


def compiled_loop(feature: Feature, sample: Sample) -> Callable[[], Array]:
    """Return a run of the kernel over plain arrays."""
    g = sample.geometry
    members, columns, _ = arguments(feature.kernel.py_func)
    read = members if not columns or "omkey" in members else [*members, "omkey"]
    letters = {name: letter for letter, name in COLUMNS.items()}
    given: list[Any] = [sample.flat[letters[m]] for m in read]
    if columns:
        given.append(Lookup(g.lookup.base, *(frozen(a) for a in g.lookup[1:])))
        given += [frozen(getattr(g, c)) for c in columns]
    loop = event_loop(feature.kernel, n_fields=len(feature.returns))
    compared = [feature.returns.index(f) for f in feature.fields]

    def run() -> Array:
        out = np.empty((len(feature.returns), len(sample)))
        loop(sample.offsets, *given, *feature.parameters, out)
        return out[compared]

    return run


def lazy_plan(feature: Feature, sample: Sample, engine: Any) -> pl.DataFrame:
    """Run the feature as users do, all of its fields."""
    lf = ic.with_features(sample.frame.lazy(), F=feature.expr(ic.Pulses(KEY, sample.geometry)))
    return lf.select(f"F.{f}" for f in feature.returns).collect(engine=engine)


def rows(feature: Feature, answer: Any) -> Array:
    """Return an answer as rows of the fields that are compared."""
    if isinstance(answer, pl.DataFrame):
        return answer.select(pl.col(f"F.{f}").cast(pl.Float64) for f in feature.fields).to_numpy().T
    return np.asarray(answer)


def read_once(sample: Sample, letters: str) -> float:
    return float(sum(sample.flat[c].sum() for c in letters if c in sample.flat))


# -- rivals -----------------------------------------------------------------------------------------------------------


def positions(sample: Sample, letters: str, omkey: Array) -> dict[str, Array]:
    """Gather the positions of the sensors, if they are asked for."""
    if not set(letters) & set("xyz"):
        return {}
    rows = sample.geometry.rows(omkey)
    return {c: getattr(sample.geometry, c)[rows] for c in "xyz" if c in letters}


def product(columns: dict[str, Any], letters: str) -> Any:
    found = columns[letters[0]]
    for c in letters[1:]:
        found = found * columns[c]
    return found


def doubles(flat: dict[str, Array]) -> dict[str, Array]:
    return {c: v.astype(np.float64) if c == "q" else v for c, v in flat.items()}


def reduceat(feature: Feature, sample: Sample) -> Array:
    columns = doubles(sample.flat) | positions(sample, feature.letters, sample.flat["k"])
    at = sample.offsets[:-1]
    found = []
    for total in feature.totals:
        how, _, letters = total.partition(" ")
        if how == "n_unique":  # pulses are sorted by sensor
            k = columns[letters]
            new = np.concatenate([[True], k[1:] != k[:-1]])
            new[at] = True
            found.append(np.add.reduceat(new, at, dtype=np.int64))
        elif not letters:
            found.append(np.diff(sample.offsets))
        else:
            ufunc = {"sum": np.add, "min": np.minimum, "max": np.maximum}[how]
            found.append(ufunc.reduceat(product(columns, letters), at))
    return feature.solve(*found)


def list_arithmetic(feature: Feature, sample: Sample) -> Array:
    g = sample.geometry
    lf = sample.frame.lazy().rename({f"{KEY}.{m}": c for c, m in COLUMNS.items()})
    lf = lf.with_columns(pl.col("q").cast(pl.List(pl.Float64)))
    lf = lf.with_columns(
        pl.col("k")
        .list.eval(pl.element().replace_strict(g.omkey, getattr(g, c), return_dtype=pl.Float64))
        .alias(c)
        for c in "xyz"
        if c in feature.letters
    )
    columns = {c: pl.col(c) for c in "tqkxyz"}
    exprs = []
    for total in feature.totals:
        how, _, letters = total.partition(" ")
        exprs.append(getattr(product(columns, letters).list, how)() if letters else pl.col("k").list.len())
    return solve_frame(
        feature, lf.select(e.alias(n) for e, n in zip(exprs, feature.totals, strict=True)).collect()
    )


def group_by(feature: Feature, sample: Sample) -> Array:
    g = sample.geometry
    lf = sample.frame.lazy().rename({f"{KEY}.{m}": c for c, m in COLUMNS.items()}).with_row_index("event")
    lf = lf.explode(*COLUMNS, empty_as_null=False, keep_nulls=False).with_columns(
        pl.col("q").cast(pl.Float64)
    )
    if set(feature.letters) & set("xyz"):
        lf = lf.join(pl.LazyFrame({"k": g.omkey, "x": g.x, "y": g.y, "z": g.z}), on="k")
    columns = {c: pl.col(c) for c in "tqkxyz"}
    exprs = []
    for total in feature.totals:
        how, _, letters = total.partition(" ")
        exprs.append((getattr(product(columns, letters), how)() if letters else pl.len()).alias(total))
    return solve_frame(feature, lf.group_by("event").agg(exprs).sort("event").drop("event").collect())


def solve_frame(feature: Feature, frame: pl.DataFrame) -> Array:
    return feature.solve(*(s.cast(pl.Float64).to_numpy() for s in frame))


def with_awkward(feature: Feature, sample: Sample) -> Callable[[], Array]:
    import awkward as ak

    counts = np.diff(sample.offsets)
    jagged_ = {c: ak.unflatten(v, counts) for c, v in sample.flat.items()}

    def run() -> Array:
        columns = dict(jagged_)
        columns["q"] = ak.values_astype(columns["q"], np.float64)
        flat = positions(sample, feature.letters, ak.to_numpy(ak.flatten(columns["k"])))
        columns |= {c: ak.unflatten(v, ak.num(columns["k"])) for c, v in flat.items()}
        found = []
        for total in feature.totals:
            how, _, letters = total.partition(" ")
            if how == "n_unique":
                found.append(ak.num(ak.run_lengths(columns[letters])))
            elif not letters:
                found.append(ak.num(columns["k"]))
            else:
                found.append(getattr(ak, how)(product(columns, letters), axis=1))
        return feature.solve(*(ak.to_numpy(f) for f in found))

    return run


def with_pandas(feature: Feature, sample: Sample) -> Callable[[], Array]:
    import pandas as pd

    event = np.repeat(np.arange(len(sample)), np.diff(sample.offsets))
    table = pd.DataFrame({"event": event, **sample.flat})

    def run() -> Array:
        columns = doubles({c: table[c].to_numpy() for c in COLUMNS})
        columns |= positions(sample, feature.letters, columns["k"])
        wanted = {total: total.partition(" ") for total in feature.totals}
        made = pd.DataFrame({n: product(columns, p[2]) if p[2] else 1 for n, p in wanted.items()})
        groups = made.groupby(table["event"])
        how = {n: "nunique" if p[0] == "n_unique" else p[0] for n, p in wanted.items()}
        found = groups.sum() if set(how.values()) == {"sum"} else groups.agg(how)
        return feature.solve(*(found[n].to_numpy() for n in feature.totals))

    return run


def python_loop(feature: Feature, sample: Sample) -> Array:
    """Do one event after the other, as a module in a frame-by-frame chain does."""
    found = []
    for i in range(len(sample)):
        at = slice(sample.offsets[i], sample.offsets[i + 1])
        columns = doubles({c: v[at] for c, v in sample.flat.items()})
        columns |= positions(sample, feature.letters or "xyz", columns["k"])
        if not feature.totals:
            found.append(python_improved(columns, *feature.parameters[1:]))
            continue
        row = []
        for total in feature.totals:
            how, _, letters = total.partition(" ")
            if how == "n_unique":
                row.append(np.unique(columns[letters]).size)
            else:
                row.append(getattr(np, how)(product(columns, letters)) if letters else columns["k"].size)
        found.append(row)
    rows = np.array(found, np.float64).T
    return feature.solve(*rows) if feature.totals else rows


def python_improved(
    columns: dict[str, Array], distance: float, window: float, huber: float, debias: float, min_doms: int
) -> list[float]:
    """Fit a line to the pulses of one event as improved_linefit does, in vectors of numpy."""
    t, k = columns["t"], columns["k"]
    r = np.stack([columns[c] for c in "xyz"], 1)

    def cut(keep: Array) -> None:
        nonlocal t, k, r
        if np.unique(k[keep]).size >= min_doms:
            t, k, r = t[keep], k[keep], r[keep]

    _, first, dom = np.unique(k, return_index=True, return_inverse=True)
    apart = np.linalg.norm(r[first][:, None] - r[first], axis=2)
    earliest = np.where(apart <= distance, t[first], np.inf).min(1)
    cut(t <= earliest[dom] + window)
    dt = t - t.min()
    near, dual = r.copy(), np.zeros_like(r)
    for _ in range(300):
        fit = np.polynomial.polynomial.polyfit(dt, near + dual, 1)
        line = fit[0] + np.outer(dt, fit[1])
        delta = 1.5 * line - 0.5 * near - dual - r
        size = np.linalg.norm(delta, axis=1)
        factor = np.where(size <= 2 * huber, 0.5, 1 - huber / np.maximum(size, huber))
        new = r + factor[:, None] * delta
        dual += -0.5 * (new - near) - (line - new)
        near = new
        if np.linalg.norm(line - new, axis=1).max() <= 0.1:
            break
    cut(np.linalg.norm(fit[0] + np.outer(dt, fit[1]) - r, axis=1) <= debias)
    sums = [np.ones_like(t), t, t * t, *r.T, *(r.T * t)]
    return [*solve_line(*(s.sum() for s in sums)), t.size]


def rivals(
    feature: Feature, sample: Sample, few: Sample
) -> tuple[dict[str, Callable[[], Any]], dict[str, float]]:
    """Return all ways to compute a feature, and by how much the times of those on few events are scaled."""
    every: dict[str, Callable[[], Any]] = {
        FLOOR: lambda: read_once(sample, feature.letters + "k"),
        LOOP: compiled_loop(feature, sample),
        LAZY: lambda: lazy_plan(feature, sample, "in-memory"),
        STREAMING: lambda: lazy_plan(feature, sample, "streaming"),
    }
    some: dict[str, Callable[[], Any]] = {}
    if feature.totals:
        every[REDUCEAT] = lambda: reduceat(feature, sample)
        if "x" in feature.letters:
            some[LISTS] = lambda: list_arithmetic(feature, few)
        else:
            every[LISTS] = lambda: list_arithmetic(feature, sample)
        every[GROUPS] = lambda: group_by(feature, sample)
        if find_spec("awkward"):
            every[AWKWARD] = with_awkward(feature, sample)
        if find_spec("pandas"):
            every[PANDAS] = with_pandas(feature, sample)
    some[PYTHON] = lambda: python_loop(feature, few)
    factor = len(sample) / len(few)
    return every | some, dict.fromkeys(some, factor)


def main(argv: Sequence[str] | None = None) -> int:
    arguments_ = parser(__doc__, repeat=5)
    arguments_.add_argument("--events", type=int, default=50_000, help="events (%(default)s)")
    arguments_.add_argument("--pulses", type=int, default=100, help="pulses of each, about (%(default)s)")
    arguments_.add_argument(
        "--distinct", type=int, default=1000, help="different events among them (%(default)s)"
    )
    arguments_.add_argument("--sample", type=int, default=500, help="events that slow ways do (%(default)s)")
    arguments_.add_argument("--kernels", nargs="*", default=[f.name for f in FEATURES], metavar="NAME")
    args = arguments_.parse_args(argv)
    settings = {k: getattr(args, k) for k in ("events", "pulses", "distinct", "sample", "repeat")}
    report = Report("kernels", settings)
    sample = simulate(args.events, args.pulses, args.distinct)
    few = sample.head(min(args.sample, args.events))
    n_pulses = int(sample.offsets[-1])
    for feature in FEATURES:
        if feature.name not in args.kernels:
            continue
        ways, scale = rivals(feature, sample, few)
        timings, answers = race(ways, args.repeat, scale=scale)
        expected = answers[LOOP]
        for name in ways:
            if name not in (FLOOR, LOOP):
                n = len(few) if name in scale else len(sample)
                report.check(
                    f"{feature.name}: {name}", rows(feature, answers[name]), expected[:, :n], rel=1e-9
                )
        compare(report, feature, timings, len(sample), n_pulses)
    skipped = [name for name in ("awkward", "pandas") if not find_spec(name)]
    if skipped:
        note = f"not installed: {', '.join(skipped)} (pip install -e '.[bench]')"
        report.tables.append(Table("Left out", [""], [[note]]))
    return report.finish(args)


def compare(report: Report, feature: Feature, timings: dict[str, Timing], n: int, n_pulses: int) -> None:
    speed = {"M pulses/s": lambda t: f"{n_pulses / t.best / 1e6:.3g}"}
    report.race(f"{feature.name}: {n} events, {n_pulses / 1e6:.3g} M pulses", timings, LOOP, **speed)
    ratio = timings[LAZY].best / timings[LOOP].best
    report.goals.append(Goal(f"{feature.name}: lazy plan", ratio, 1.3, "x the compiled loop"))
    if feature.rate:
        rate = n_pulses / timings[LOOP].best / 1e6
        report.goals.append(
            Goal(f"{feature.name}: compiled loop", rate, feature.rate, "M pulses/s", most=False)
        )


if __name__ == "__main__":
    sys.exit(main())
