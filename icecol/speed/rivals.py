"""Other ways to compute features, with the usual libraries: numpy, Polars, awkward, pandas, and a loop in Python.

Each takes the same events and gathers the positions of the sensors by itself. `AGGREGATES` says what is summed up of an
event, and what is made of the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry
from icecol.reco.jagged import jagged

Array: TypeAlias = npt.NDArray[Any]
COLUMNS: Final = {"t": "time", "q": "charge", "k": "omkey"}
"""Columns by the letters used in sums; x, y and z are those of the sensor."""

REDUCEAT, LISTS, GROUPS = "numpy reduceat", "Polars list arithmetic", "Polars explode and group_by"
AWKWARD, PANDAS, PYTHON = "awkward", "pandas groupby", "Python loop of numpy"


@dataclass(frozen=True, slots=True)
class Aggregates:
    """What other libraries compute of a feature.

    `totals` are the aggregates that they take of each event: "sum qxx" sums charge times x squared, "sum" counts.
    `solve` makes of these the numbers in `fields`, a row each. Without totals, `event` does that for the columns of one
    event.
    """

    fields: tuple[str, ...]
    totals: tuple[str, ...] = ()
    solve: Callable[..., Array] = lambda *rows: np.array(rows)
    event: Callable[[dict[str, Array]], list[float]] | None = None

    @property
    def letters(self) -> str:
        """Columns that the aggregates use."""
        return "".join(dict.fromkeys(c for total in self.totals for c in total.partition(" ")[2]))


@dataclass(frozen=True, slots=True)
class Flat:
    """Events in all the forms that the rivals take them in."""

    frame: pl.DataFrame
    key: str
    offsets: Array
    flat: dict[str, Array]
    geometry: Geometry

    def head(self, n: int) -> Flat:
        """Return the first events."""
        offsets = self.offsets[: n + 1]
        flat = {k: v[: offsets[-1]] for k, v in self.flat.items()}
        return Flat(self.frame[:n], self.key, offsets, flat, self.geometry)

    def __len__(self) -> int:
        """Return the number of events."""
        return int(self.offsets.size) - 1


def flat(frame: pl.DataFrame, pulses: Pulses) -> Flat:
    """Return the events of a table in the forms that rivals take."""
    columns = [pulses.column(member) for member in COLUMNS.values()]
    lists = jagged([frame[c] for c in columns])
    geometry = pulses.geometry or Geometry.nominal()
    return Flat(
        frame.select(columns),
        pulses.key,
        lists.offsets,
        dict(zip(COLUMNS, lists.values, strict=True)),
        geometry,
    )


def solve_line(
    n: Array, t: Array, tt: Array, x: Array, y: Array, z: Array, xt: Array, yt: Array, zt: Array
) -> Array:
    """Make a line of sums over pulses."""
    t, tt, x, y, z, xt, yt, zt = (s / n for s in (t, tt, x, y, z, xt, yt, zt))
    spread = tt - t * t
    return np.array([x, y, z, t, (xt - x * t) / spread, (yt - y * t) / spread, (zt - z * t) / spread])


def solve_tensor(q: Array, qt: Array, qx: Array, qy: Array, qz: Array, *products: Array) -> Array:
    """Make a tensor of inertia of sums over pulses."""
    x, y, z, t, xx, yy, zz, xy, xz, yz = (s / q for s in (qx, qy, qz, qt, *products))
    cxx, cyy, czz = xx - x * x, yy - y * y, zz - z * z
    cxy, cxz, cyz = x * y - xy, x * z - xz, y * z - yz
    tensor = np.array([[cyy + czz, cxy, cxz], [cxy, cxx + czz, cyz], [cxz, cyz, cxx + cyy]])
    return np.array([x, y, z, t, *np.linalg.eigvalsh(tensor.transpose(2, 0, 1)).T])


def positions(sample: Flat, letters: str, omkey: Array) -> dict[str, Array]:
    """Gather the positions of the sensors, if they are asked for."""
    if not set(letters) & set("xyz"):
        return {}
    rows = sample.geometry.rows(omkey)
    return {c: getattr(sample.geometry, c)[rows] for c in "xyz" if c in letters}


def product(columns: dict[str, Any], letters: str) -> Any:
    """Multiply columns."""
    found = columns[letters[0]]
    for c in letters[1:]:
        found = found * columns[c]
    return found


def doubles(flat: dict[str, Array]) -> dict[str, Array]:
    """Return the columns with charges in double precision."""
    return {c: v.astype(np.float64) if c == "q" else v for c, v in flat.items()}


def reduceat(feature: Aggregates, sample: Flat) -> Array:
    """Add up flat arrays by numpy."""
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


def list_arithmetic(feature: Aggregates, sample: Flat) -> Array:
    """Add up lists in Polars."""
    g = sample.geometry
    lf = sample.frame.lazy().rename({f"{sample.key}.{m}": c for c, m in COLUMNS.items()})
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


def group_by(feature: Aggregates, sample: Flat) -> Array:
    """Add up rows of a pulse each in Polars."""
    g = sample.geometry
    lf = (
        sample.frame.lazy()
        .rename({f"{sample.key}.{m}": c for c, m in COLUMNS.items()})
        .with_row_index("event")
    )
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


def solve_frame(feature: Aggregates, frame: pl.DataFrame) -> Array:
    """Make fields of the sums in a table."""
    return feature.solve(*(s.cast(pl.Float64).to_numpy() for s in frame))


def with_awkward(feature: Aggregates, sample: Flat) -> Callable[[], Array]:
    """Add up jagged arrays by awkward, which are made beforehand."""
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


def with_pandas(feature: Aggregates, sample: Flat) -> Callable[[], Array]:
    """Add up groups in pandas, in a table that is made beforehand."""
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


def python_loop(feature: Aggregates, sample: Flat) -> Array:
    """Do one event after the other, as a module in a frame-by-frame chain does."""
    found: list[Any] = []
    for i in range(len(sample)):
        at = slice(sample.offsets[i], sample.offsets[i + 1])
        columns = doubles({c: v[at] for c, v in sample.flat.items()})
        columns |= positions(sample, feature.letters or "xyz", columns["k"])
        if feature.event is not None:
            found.append(feature.event(columns))
            continue
        row: list[Any] = []
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


_VELOCITY: Final = ("x", "y", "z", "time", "LFVelX", "LFVelY", "LFVelZ")
AGGREGATES: Final[Mapping[str, Aggregates]] = {
    "charge": Aggregates(
        ("total", "n_pulses", "n_hit_doms", "min_pulse_time", "max_pulse_time"),
        ("sum q", "sum", "n_unique k", "min t", "max t"),
    ),
    "linefit": Aggregates(
        _VELOCITY,
        ("sum", "sum t", "sum tt", "sum x", "sum y", "sum z", "sum xt", "sum yt", "sum zt"),
        solve_line,
    ),
    "tensor_of_inertia": Aggregates(
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
    ),
    "improved_linefit": Aggregates(
        (*_VELOCITY, "NHits"), event=lambda columns: python_improved(columns, 156.0, 778.0, 153.0, 116.0, 2)
    ),
}
"""Features that other libraries compute, with the parameters that icecol has by default."""


def rivals(wanted: Aggregates, events: Flat, few: Flat) -> dict[str, tuple[Callable[[], Array], int]]:
    """Return the other ways to compute a feature, each with the number of events that it does."""
    n, m = len(events), len(few)
    found: dict[str, tuple[Callable[[], Array], int]] = {}
    if wanted.totals:
        found[REDUCEAT] = (lambda: reduceat(wanted, events)), n
        listed = few if "x" in wanted.letters else events
        found[LISTS] = (lambda: list_arithmetic(wanted, listed)), len(listed)
        found[GROUPS] = (lambda: group_by(wanted, events)), n
        if find_spec("awkward"):
            found[AWKWARD] = with_awkward(wanted, events), n
        if find_spec("pandas"):
            found[PANDAS] = with_pandas(wanted, events), n
    found[PYTHON] = (lambda: python_loop(wanted, few)), m
    return found


def absent(feature: str | None) -> list[str]:
    """Return the packages that can compute a feature, and are not installed."""
    wanted = ["nt-summary-stats"] if feature == "dom_summary" else []
    if feature in AGGREGATES and AGGREGATES[str(feature)].totals:
        wanted = ["awkward", "pandas"]
    return [p for p in wanted if not find_spec(p.replace("-", "_"))]
