"""Events for hypothesis to draw, with unknown sensors, odd times and charges; and how answers are compared."""

from __future__ import annotations

import math

import polars as pl
from answers import near
from hypothesis import strategies as st

from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry, omkey

NOMINAL = Geometry.nominal()
PLACES = [
    (1, 1),
    (1, 2),
    (1, 60),
    (2, 7),
    (36, 44),
    (36, 45),
    (79, 20),
    (80, 11),
    (81, 30),
    (86, 60),
    (21, 48),
]
KEYS = [omkey(*p) for p in PLACES]
UNKNOWN = [omkey(90, 5), omkey(36, 61), omkey(-3, 1), omkey(36, 44, 2)]
GEOMETRY = Geometry.from_columns(
    NOMINAL.table().with_columns(calibrated=(pl.col("string") != 1) | (pl.col("om") != 2))
)
SENSORS = {r["omkey"]: r for r in GEOMETRY.table().to_dicts()}
PULSES = Pulses("P", GEOMETRY)

TIMES = st.one_of(
    st.floats(9000, 12000),
    st.integers(9000, 12000).map(float),
    st.sampled_from([9500.0, 9500.0, 0.1, math.nan, 1e15, -4e4]),
)
CHARGES = st.one_of(
    st.floats(0.0, 300.0, width=32), st.sampled_from([1.0, 0.25, 0.0, -0.5, math.nan, math.inf])
)
EVENT = st.lists(st.tuples(TIMES, CHARGES, st.sampled_from(KEYS + UNKNOWN)), max_size=14)
EVENTS = st.lists(st.one_of(st.none(), EVENT), min_size=1, max_size=6)


def frame(events, **columns) -> pl.DataFrame:
    """Make the columns of a pulse series from lists of (time, charge, omkey)."""
    member = [None if e is None else list(zip(*e, strict=True)) or [[], [], []] for e in events]
    types = {"P.time": pl.Float64, "P.charge": pl.Float32, "P.omkey": pl.Int32}
    lists = {
        name: pl.Series(name, [None if m is None else list(m[k]) for m in member], pl.List(t))
        for k, (name, t) in enumerate(types.items())
    }
    return pl.DataFrame({**lists, **columns})


def assert_same(found: dict, expected: dict | None, event, rel: float = 0.0) -> None:
    if expected is None:
        assert set(found.values()) == {None}
        return
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name] == near(value, rel=rel, abs=1e-300), (name, event)
