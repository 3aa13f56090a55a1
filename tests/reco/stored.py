"""A small detector, and the comparison of features with the objects that IceTray stored in real files."""

from __future__ import annotations

import polars as pl
from answers import near
from random_events import GEOMETRY

from icecol import Geometry, Pulses, reco, scan_i3

SMALL = Geometry.from_columns(
    GEOMETRY.table().filter(pl.col("om") % 10 == 1).with_columns(bad=pl.col("string") % 7 == 0)
)
FEW = {r["omkey"]: r for r in SMALL.table().to_dicts()}
P = Pulses("P", SMALL)


def stored(shared_data, name: str, ours: dict[str, pl.Expr]) -> pl.DataFrame:
    """Return the events of a real file with the features `ours`."""
    file = shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz"
    return reco.with_features(scan_i3(file), **ours).collect()


def equal(table: pl.DataFrame, ours: str, theirs: str, rel: float) -> int:
    """Compare the members that two keys share, and return how many these are."""
    names = [c.removeprefix(f"{ours}.") for c in table.columns if c.startswith(f"{ours}.")]
    names = [n for n in names if f"{theirs}.{n}" in table.columns]
    for n in names:
        expected = table[f"{theirs}.{n}"].to_list()
        assert table[f"{ours}.{n}"].to_list() == near(expected, rel=rel, abs=0), n
    return len(names)
