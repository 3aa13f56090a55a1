"""`hit_variables`, `tracks`: CommonVariables agree to the last bit with what IceTray computed."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest
from answers import answer, near
from test_icetray import FILES, SCHEMA

import icecol as ic
from icecol import reco
from icecol.dataset.pulses import MEMBERS
from icecol.detector.geometry import Geometry, omkey

STORED = {
    "oscNext_genie_level3_v02": (),
    "oscNext_genie_level7_v02": (
        "L5_SANTA_DirectPulses",
        "L5_WideCorridorCutPulses",
        "L7_NarrowCorridorCutPulses",
    ),
    "oscNext_noise_level3_v02": (),
}
"""Files with stored objects, and the pulse series that only they have."""


def theirs_of(member: str, values: list) -> list:
    """Return IceTray's values as features have them: the sum of no charges is 0."""
    nothing = 0.0 if member.endswith("q_tot_pulses") else None
    return [nothing if answer(value) is None else near(value, rel=0, abs=0) for value in values]


def features(key: str, geometry: Geometry) -> dict:
    """Return the features that stored objects of one pulse series hold, by their key."""
    p = ic.Pulses(key, geometry)
    if key == "SRTInIcePulses":
        return {
            "CVMultiplicity": reco.hit_multiplicity(p),
            "CVStatistics": reco.hit_statistics(p),
            "SPEFit2Characteristics": reco.track_characteristics(p, track="SPEFit2"),
            "MPEFitCharacteristics": reco.track_characteristics(p, track="MPEFit"),
        }
    found = {
        f"{key}HitMultiplicity": reco.hit_multiplicity(p),
        f"{key}HitStatistics": reco.hit_statistics(p),
        f"{key}TimeCharacteristics": reco.time_characteristics(p),
    }
    if key == "SRTTWOfflinePulsesDC":
        found |= {f"L5_DirectHits{w}": reco.direct_hits(p, track="L5_SPEFit11", window=w) for w in "ABCD"}
    return found


@pytest.mark.parametrize("name", STORED)
def test_features_equal_the_objects_that_icetray_stored(name, shared_data):
    events = ic.scan_i3(shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz")
    there = events.collect_schema().names()
    geometry = Geometry.read_parquet(shared_data / "geometry" / "icecube86.parquet")
    tracks = [c for c in there if c.split(".")[0] in ("SPEFit2", "MPEFit", "L5_SPEFit11")]
    compared = set()
    for key in ("SRTInIcePulses", "SRTTWOfflinePulsesDC", "SplitInIcePulses", *STORED[name]):
        ours = {k: f for k, f in features(key, geometry).items() if any(c.startswith(f"{k}.") for c in there)}
        theirs = [c for c in there if c.split(".")[0] in ours]
        frame = events.select(*(f"{key}.{m}" for m in MEMBERS), *tracks, *theirs).collect()
        found = ic.with_features(frame.drop(theirs), **ours).collect()
        assert set(theirs) <= set(found.columns)
        for c in theirs:
            assert found[c].cast(pl.Float64).to_list() == theirs_of(c, frame[c].to_list()), c
        compared |= set(ours)
    assert len(compared) == {"oscNext_genie_level7_v02": 23}.get(name, 10)


@pytest.mark.parametrize("name", FILES)
def test_features_equal_what_the_modules_of_icetray_compute(name, shared_data):
    folder = shared_data / "truth" / "icetray" / name
    geometry = Geometry.read_parquet(shared_data / "geometry" / f"{FILES[name]}.parquet")
    with np.load(folder / "pulses.npz") as arrays:
        stored = dict(arrays)
    physics = sorted({k[:5] for k in stored if "|Split" in k})
    rows, expected = [], []
    for frame in json.loads((folder / "fits.json").read_text())["frames"]:
        if not frame.get("common_variables"):
            continue  # an event without pulses
        index, key = physics[frame["p_index"]], frame["key"]
        pulses = stored.get(f"{index}|{key}", stored.get(f"{int(index) - 1:05}|{key}"))
        keys = omkey(pulses["string"], pulses["om"], pulses["pmt"])
        lists = (pulses["time"].tolist(), pulses["charge"].tolist(), keys.tolist())
        track = {
            f"L.{m}": number(frame["fits"]["LineFit"][m])
            for m in ("x", "y", "z", "time", "zenith", "azimuth")
        }
        rows.append(dict(zip(SCHEMA, lists, strict=True)) | track)
        expected.append(flat(frame["common_variables"]))
    p = ic.Pulses("P", geometry)
    found = ic.with_features(
        pl.DataFrame(rows, schema_overrides=SCHEMA),
        HM=reco.hit_multiplicity(p),
        HS=reco.hit_statistics(p),
        TC=reco.time_characteristics(p),
        TR=reco.track_characteristics(p, track="L"),
        **{f"DH{w}": reco.direct_hits(p, track="L", window=w) for w in "ABCD"},
        CV=reco.common_variables(p, track="L", windows="ABCD"),
    ).collect()
    for row, truth in zip(found.to_dicts(), expected, strict=True):
        assert len(truth) == 81
        for member, value in truth.items():
            assert row[member] == theirs_of(member, [value])[0], member
            group, _, name = member.partition(".")
            together = f"CV.{name}_{group[2]}" if group.startswith("DH") else f"CV.{name}"
            assert row[together] == theirs_of(member, [value])[0], together


def number(value: float | None) -> float:
    return math.nan if value is None else value


def flat(groups: dict) -> dict:
    found = {f"{group}.{name}": value for group, values in groups.items() for name, value in values.items()}
    found |= dict(zip(("HS.cog_x", "HS.cog_y", "HS.cog_z"), found.pop("HS.cog"), strict=True))
    return {name: number(value) for name, value in found.items()}


@pytest.mark.parametrize("name", STORED)
def test_there_are_as_many_sub_events_as_icetray_split_off(name, shared_data):
    events = ic.scan_i3(
        shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz", keys="WIMPrecoTopoSplit*"
    )
    geometry = Geometry.read_parquet(shared_data / "geometry" / "icecube86.parquet")
    parts = reco.topological_split(
        ic.Pulses("SRTInIcePulses", geometry), 4, 4000.0, xy_dist=300.0, z_dom_dist=15
    )
    found = reco.with_features(events, Parts=parts).select(
        "WIMPrecoTopoSplitSplitCount.value", pl.col("Parts.time").list.len().cast(pl.Int32)
    )
    assert [a == b for a, b in found.collect().rows()] == [True] * 5
