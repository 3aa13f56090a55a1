"""What the page knows is what the columns hold."""

from __future__ import annotations

import datetime as dt
import json
import math

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.dataset.pulses import MEMBERS
from icecol.detector import medium
from icecol.view.record import COLOURS, SAFE, decode, document, encode
from icecol.view.source import choose


def values_of(event):
    return {f"{key}.{member}": value for key, members in event["values"] for member, value, _ in members}


def test_pulses_are_those_of_the_columns_to_the_bit(sample):
    table = sample.to_polars()
    data = document(choose(sample, event=[3, 17]))
    for row, event in zip((3, 17), data["events"], strict=True):
        assert [s["key"] for s in event["series"]] == ["SRTInIcePulses", "InIcePulses"]
        for series in event["series"]:
            for member in MEMBERS:
                column = table[f"{series['key']}.{member}"][row].to_numpy()
                found = decode(series[member])
                assert found.dtype == column.dtype
                assert found.tobytes() == column.tobytes()
            assert series["n"] == table[f"{series['key']}.time"][row].len()
            assert series["unplaced"] == [0, 0]


def test_positions_are_those_of_the_geometry_to_the_bit(sample):
    found = document(choose(sample))["detector"]
    for name in ("omkey", "x", "y", "z"):
        assert decode(found[name]).tobytes() == getattr(sample.geometry, name).tobytes()
    assert decode(found["ice"]).tolist() == [1] * 5160
    assert decode(found["look"]).size == 0  # every module has one PMT


def test_ice_and_colours(sample):
    data = document(choose(sample))
    assert data["ice"] == {
        "surface": 1948.07,
        "dust": list(medium.dust_layer),
        "c": medium.c_ice,
        "angle": medium.theta_cherenkov,
    }
    red, blue = ([int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (COLOURS[0], COLOURS[-1]))
    assert red[0] > 2 * max(red[1:])
    assert blue[2] > 2 * max(blue[:2])
    assert len(COLOURS) == len(SAFE)


def test_particles_and_values_are_there_and_null_is_left_out(sample):
    data = document(choose(sample, event=3))
    row = sample.to_polars().row(3, named=True)
    event = data["events"][0]
    found = values_of(event)
    expected = {k: v for k, v in row.items() if v is not None and not isinstance(v, list)}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == value or (
            isinstance(value, float) and math.isnan(value) and found[name] == "NaN"
        ), name
    assert event["values"][0][0] == "I3EventHeader"
    assert event["title"] == "run 1, event 3 · InIceSplit 0"
    primary = next(p for p in event["particles"] if p["key"] == "MCPrimary")
    assert (primary["x"], primary["time"], primary["truth"]) == (
        row["MCPrimary.x"],
        row["MCPrimary.time"],
        True,
    )


def test_values_that_json_does_not_have_are_text(sample):
    table = sample.to_polars()[:1].with_columns(
        pl.lit(float("inf")).alias("A.inf"),
        pl.lit(2**60, pl.UInt64).alias("A.big"),
        pl.lit(-(2**53) + 1).alias("A.number"),
        pl.lit(b"\xff\x00").alias("A.bytes"),
        pl.lit(True).alias("A.bool"),
        pl.lit(dt.datetime(2014, 5, 6, 21, 58, 7, tzinfo=dt.UTC)).alias("A.time"),
        pl.lit("</script>").alias("</script>.x"),
    )
    data = document(choose(table))
    found = values_of(data["events"][0])
    assert found["A.inf"] == "inf"
    assert found["A.big"] == str(2**60)
    assert found["A.number"] == -(2**53) + 1
    assert found["A.bytes"] == "2 bytes"
    assert found["A.bool"] is True
    assert found["A.time"] == "2014-05-06 21:58:07.000000 UTC"
    assert found["</script>.x"] == "</script>"
    json.dumps(data, allow_nan=False)


def test_sensors_without_a_position_are_counted(sample):
    half = ic.Geometry.from_columns(sample.geometry.table().filter(pl.col("string") <= 60))
    series = document(choose(sample, gcd=half))["events"][0]["series"][0]
    keys = decode(series["omkey"])
    lost = keys[(keys >> 16) > 60]
    assert series["unplaced"] == [lost.size, np.unique(lost).size]
    assert 0 < lost.size < keys.size


def test_the_first_sensor_has_a_position_and_one_of_another_detector_none():
    table = pl.DataFrame(
        {"P.time": [[1.0] * 3], "P.charge": [[1.0] * 3], "P.width": [[1.0] * 3], "P.flags": [[1] * 3],
         "P.omkey": [[65792, 99 << 16 | 256, 99 << 16 | 256]]}
    )  # fmt: skip
    assert document(choose(table))["events"][0]["series"][0]["unplaced"] == [2, 1]


def test_of_a_blinded_dataset_the_page_shows_what_may_be_seen_and_says_so(sample, tmp_path):
    ds = ic.sim.to_dataset(sample, tmp_path / "blind.icecol")
    assert document(choose(ds))["blind"] == ""
    blinded = ic.blind(ds, hide="MCPrimary.energy", name="the true energy")
    for events in (blinded, blinded.scan()):
        data = document(choose(events, event=3))
        assert "the true energy" in data["blind"]
        assert "MCPrimary.energy" not in values_of(data["events"][0])
        primary = next(p for p in data["events"][0]["particles"] if p["key"] == "MCPrimary")
        assert primary["energy"] is None


def test_a_series_that_an_event_lacks_is_not_offered(sample):
    table = sample.to_polars()[:2].with_columns(
        pl.when(pl.int_range(pl.len()) > 0).then(f"SRTInIcePulses.{m}").alias(f"SRTInIcePulses.{m}")
        for m in MEMBERS
    )
    events = document(choose(table, run=1))["events"]
    assert [[s["key"] for s in e["series"]] for e in events] == [
        ["InIcePulses"],
        ["SRTInIcePulses", "InIcePulses"],
    ]


def test_events_without_a_header_are_numbered(sample):
    table = sample.to_polars()[:2].select("^MCPrimary.*$")
    assert [e["title"] for e in document(choose(table, n=2))["events"]] == ["event 1", "event 2"]
    assert document(choose(table))["events"][0]["series"] == []


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "u1"])
def test_arrays_survive(dtype):
    values = np.array([0, 1, 200], dtype)
    assert decode(encode(values, dtype)).tolist() == [0, 1, 200]


def test_modules_with_many_pmts_keep_each_of_them(shared_data):
    path = shared_data / "i3" / "real" / "upgrade_genie_step4_140028_000998_first_5_frames.i3.gz"
    geometry = ic.Geometry.read_parquet(shared_data / "geometry" / "icecube_upgrade.parquet")
    data = document(choose(path, gcd=geometry))
    series = {s["key"]: s for s in data["events"][0]["series"]}
    assert np.unique(decode(series["SplitInIcePulses"]["omkey"]) & 255).size > 5
    assert decode(data["detector"]["look"]).reshape(-1, 3).shape == (len(geometry), 3)
    assert decode(data["detector"]["look"])[2::3] == pytest.approx(geometry.dir_z.astype("f4"))
    frame = next(
        f
        for f in ic.open_i3(path)
        if f.stop == "P" and f"event {f['I3EventHeader'].event_id} " in data["events"][0]["title"]
    )
    for key, shown in series.items():
        pulses = frame.pulses(key)
        for member in MEMBERS:
            assert decode(shown[member]).tobytes() == getattr(pulses, member).tobytes(), key


@pytest.mark.parametrize(
    "name", ["oscNext_genie_level3_v02", "oscNext_genie_level7_v02", "oscNext_noise_level3_v02"]
)
def test_pulses_of_real_files_are_those_of_their_frames(name, shared_data):
    path = shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz"
    frames = {f["I3EventHeader"].event_id: f for f in ic.open_i3(path) if f.stop == "P"}
    for event in document(choose(path, n=5))["events"]:
        frame = frames[values_of(event)["I3EventHeader.event_id"]]
        assert event["series"]
        for shown in event["series"]:
            pulses = frame.pulses(shown["key"])
            for member in MEMBERS:
                assert decode(shown[member]).tobytes() == getattr(pulses, member).tobytes(), shown["key"]
        for p in event["particles"]:
            if not p["list"]:
                of = frame[p["key"]]
                assert (p["x"], p["y"], p["z"]) == (of.pos.x, of.pos.y, of.pos.z)
                assert p["zenith"] == (None if math.isnan(of.dir.zenith) else of.dir.zenith)
