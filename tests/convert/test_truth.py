"""Datasets made of real files hold what IceTray and GraphNeT read from them, bit for bit."""

from __future__ import annotations

import json
import math
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.dataset.scan import Dataset

pytestmark = pytest.mark.filterwarnings("ignore:.*the geometry lacks the sensors")

NAMES = [
    "oscNext_genie_level7_v02", "oscNext_genie_level3_v02", "oscNext_noise_level3_v02",
    "upgrade_genie_step4_140028_000998",
]  # fmt: skip
PARTICLE = (
    "major_id", "minor_id", "pdg_encoding", "x", "y", "z", "zenith", "azimuth", "time", "energy", "length", "speed",
)  # fmt: skip
FIELDS = ("time", "charge", "width", "flags")


@pytest.fixture(scope="session")
def datasets(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Dataset]:
    """Convert every real file, by P and by Q frames."""
    folder = tmp_path_factory.mktemp("truth")
    return {
        (name, stop): ic.convert.i3(
            shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz",
            folder / f"{name}-{stop}",
            stop=stop,
            jobs=1,
        )
        for name in NAMES
        for stop in "PQ"
    }


def pack(key: list[int]) -> int:
    return key[0] << 16 | key[1] << 8 | (key[2] if len(key) > 2 else 0)


def particle(values: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the columns of particles."""
    out = {m: [v[m] for v in values] for m in PARTICLE}
    return out | {m: [v[f"{m}_int"] for v in values] for m in ("shape", "fit_status", "location_type")}


def expected(kind: str, v: Any) -> dict[str, Any]:
    """Return the columns that IceTray's reading of one object comes to."""
    if kind == "I3Particle":
        return {m: x[0] for m, x in particle([v]).items()}
    if kind in {"I3Vector<I3Particle>", "I3MCTree"} or kind.startswith("TreeBase::Tree<I3Particle"):
        tree = {m: [p[m] for p in v] for m in ("depth", "parent")} if "Tree" in kind else {}
        return particle(v) | tree
    if kind == "I3Tree<I3Trigger>":
        return {
            **{m: [t[f"{m}_int"] for t in v] for m in ("source", "type", "subtype")},
            **{m: [t[m] for t in v] for m in ("config_id", "fired", "time", "length", "depth")},
        }
    if kind == "I3EventHeader":
        ids = ("run_id", "sub_run_id", "event_id", "sub_event_id", "sub_event_stream")
        times = {
            f"{s}_time_{m}": v[f"{s}_time"][m] for s in ("start", "end") for m in ("utc_year", "utc_daq_time")
        }
        return {m: v[m] for m in ids} | {"state": int(v["state"])} | times
    if kind == "I3Time":
        return {m: v[m] for m in ("utc_year", "utc_daq_time")}
    if "I3FilterResult>" in kind:
        both = enumerate(("condition_passed", "prescale_passed"))
        return {f"{name}.{m}": x[i] for i, m in both for name, x in v.items()}
    if kind.startswith("I3Map<OMKey") and "I3TimeWindow" in kind:
        flat = [(pack(k), *w) for k, windows in v for w in windows]
        return {m: [x[i] for x in flat] for i, m in enumerate(("omkey", "start", "stop"))}
    if kind.startswith("I3Map<OMKey"):
        return {"omkey": [pack(k) for k, _ in v], "value": [x for _, x in v]}
    if kind == "I3Vector<OMKey>":
        return {"omkey": [pack(k) for k in v]}
    if kind == "I3Position":
        return dict(zip("xyz", v, strict=True))
    if kind == "I3TimeWindow":
        return dict(zip(("start", "stop"), v, strict=True))
    if kind == "I3RecoPulseSeriesMapMask" or kind == "I3RecoPulseSeriesMapUnion":
        return {}
    if kind.startswith(("I3Map<string", "I3Map<__cxx11::string")):
        return v
    if not isinstance(v, dict):
        return {"value": v}
    out = {}
    for m, x in v.items():
        if m == "cog":
            out |= dict(zip(("cog_x", "cog_y", "cog_z"), x, strict=True))
        elif not isinstance(x, dict | str) and not m.endswith("_str"):
            out[m] = x
    return out


def same(a: Any, b: Any) -> bool:
    """Compare exactly; NaN equals NaN."""
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return (a == b and math.copysign(1, a) == math.copysign(1, b)) or (math.isnan(a) and math.isnan(b))
    return bool(a == b)


def frames_of(shared_data: Path, name: str) -> tuple[list[Any], list[Any], Any]:
    folder = shared_data / "truth" / "icetray" / name
    return (
        json.loads((folder / "frames.json").read_text()),
        json.loads((folder / "objects.json").read_text()),
        np.load(folder / "pulses.npz"),
    )


@pytest.mark.parametrize("stop", ["P", "Q"])
@pytest.mark.parametrize("name", NAMES)
def test_every_value_that_icetray_reads_is_in_the_dataset(
    shared_data: Path, datasets, name: str, stop: str
) -> None:
    frames, objects, _ = frames_of(shared_data, name)
    rows = datasets[name, stop].scan().collect()
    chosen = [i for i, f in enumerate(frames) if f["stop"] == stop]
    assert rows.height == len(chosen)
    n = 0
    for row, at in zip(rows.iter_rows(named=True), chosen, strict=True):
        for entry in frames[at]["keys"]:
            key = entry["key"]
            source = max(i for i in range(at + 1) if frames[i]["stop"] == entry["stop"])
            if key not in objects[source]["objects"] or entry["stop"] == "S":
                continue
            kind = entry["type"].replace("__cxx11::", "")
            for member, value in expected(kind, objects[source]["objects"][key]).items():
                assert f"{key}.{member}" in row, (entry["type"], key, member)
                assert same(row[f"{key}.{member}"], value), (at, entry["type"], key, member)
                n += 1
    assert n > 300


@pytest.mark.parametrize("stop", ["P", "Q"])
@pytest.mark.parametrize("name", NAMES)
def test_every_pulse_that_icetray_reads_is_in_the_dataset(
    shared_data: Path, datasets, name: str, stop: str
) -> None:
    frames, _, truth = frames_of(shared_data, name)
    rows = datasets[name, stop].scan().collect()
    n = 0
    chosen = [i for i, f in enumerate(frames) if f["stop"] == stop]
    for k, at in enumerate(chosen):
        for entry in frames[at]["keys"]:
            key = entry["key"]
            source = max(i for i in range(at + 1) if frames[i]["stop"] == entry["stop"])
            if f"{source:05d}|{key}" not in truth.files:
                continue
            wanted = truth[f"{source:05d}|{key}"]
            omkey = wanted["string"] << 16 | wanted["om"].astype(np.int32) << 8 | wanted["pmt"]
            assert rows[f"{key}.omkey"][k].to_list() == omkey.tolist()
            for member in FIELDS:
                found = rows[f"{key}.{member}"][k].to_numpy()
                assert found.tobytes() == np.ascontiguousarray(wanted[member]).tobytes(), (at, key, member)
            n += len(wanted)
    assert n > 500


@pytest.mark.parametrize("stop", ["P", "Q"])
@pytest.mark.parametrize("name", NAMES)
def test_every_key_of_the_frames_has_columns_and_absent_ones_are_null(
    shared_data: Path, datasets, name: str, stop: str
) -> None:
    frames, _, _ = frames_of(shared_data, name)
    dataset = datasets[name, stop]
    rows = dataset.scan().collect()
    by_key: dict[str, list[str]] = {}
    for column in rows.columns:
        by_key.setdefault(column.split(".")[0], []).append(column)
    chosen = [i for i, f in enumerate(frames) if f["stop"] == stop]
    assert dataset.manifest.sources[0].left_out == ()
    per_event: set[str] = set()
    for k, at in enumerate(chosen):
        present = {e["key"]: e for e in frames[at]["keys"] if e["stop"] in "PQ"}
        per_event |= set(present)
        for key, columns in by_key.items():
            values = [rows[c][k] for c in columns]
            if key not in present and key not in {e["key"] for e in frames[at]["keys"]}:
                assert all(v is None for v in values), (at, key)
            elif present.get(key, {}).get("type", "").endswith("I3RecoPulse> >"):
                assert all(v is not None for v in values), (at, key)
    assert per_event <= set(by_key), per_event - set(by_key)


# -- graphnet ---------------------------------------------------------------------------------------------------------


def pulses_of(dataset: Dataset, key: str) -> pl.DataFrame:
    columns = [f"{key}.{m}" for m in ("omkey", *FIELDS)]
    frame = dataset.scan().select("I3EventHeader.event_id", *columns).collect().with_row_index("row")
    omkey = pl.col(f"{key}.omkey")
    return frame.explode(columns).with_columns(
        string=omkey // 65536, om=omkey // 256 % 256, pmt=omkey % 256, hlc=pl.col(f"{key}.flags") % 2
    )


@pytest.mark.parametrize(
    ("file", "name", "key"),
    [
        ("oscNext_genie_level7_v02_first_5_frames.db", "oscNext_genie_level7_v02", "SRTInIcePulses"),
        (
            "upgrade_genie_step4_140028_000998_first_5_frames.db",
            "upgrade_genie_step4_140028_000998",
            "SplitInIcePulses",
        ),
    ],
)
def test_pulses_and_truth_are_those_of_graphnet(
    shared_data: Path, datasets, file: str, name: str, key: str
) -> None:
    with sqlite3.connect(f"file:{shared_data / 'truth' / file}?mode=ro&immutable=1", uri=True) as db:
        tables = [r[0] for r in db.execute("select name from sqlite_master where type='table'")]
        table = next(t for t in tables if t.startswith(key))
        wanted = pl.read_database(f"select * from {table}", db)
        truth = pl.read_database("select * from truth order by event_no", db)
    db.close()
    dataset = datasets[name, "P"]
    found = pulses_of(dataset, key)
    assert found.height == wanted.height
    for row, (_, one) in enumerate(wanted.group_by("event_no", maintain_order=True)):
        mine = found.filter(pl.col("row") == row)
        assert mine[f"{key}.time"].to_list() == one["dom_time"].to_list()
        assert mine[f"{key}.charge"].cast(pl.Float64).to_list() == one["charge"].to_list()
        assert mine[f"{key}.width"].cast(pl.Float64).to_list() == one["width"].to_list()
        assert mine["string"].to_list() == one["string"].cast(pl.Int64).to_list()
        assert mine["om"].to_list() == one["dom_number"].cast(pl.Int64).to_list()
        assert mine["pmt"].to_list() == one["pmt_number"].cast(pl.Int64).to_list()
        assert mine["hlc"].to_list() == one["hlc"].cast(pl.Int64).to_list()
    rows = dataset.scan().collect()
    assert rows["I3EventHeader.run_id"].to_list() == truth["RunID"].to_list()
    assert rows["I3EventHeader.event_id"].to_list() == truth["EventID"].to_list()
    assert rows["I3EventHeader.sub_event_id"].to_list() == truth["SubEventID"].to_list()
    daq = rows["I3EventHeader.start_time_utc_daq_time"].cast(pl.Float64)  # GraphNeT keeps it as a float
    assert daq.to_list() == truth["event_time"].to_list()
    assert rows["I3EventHeader.sub_run_id"].cast(pl.Float64).to_list() == truth["SubrunID"].to_list()
    for flag in ("DeepCoreFilter_13", "MuonFilter_13", "CascadeFilter_13"):
        mine = f"FilterMask.{flag}.condition_passed"
        if mine in rows.columns:
            assert rows[mine].cast(pl.Float64).to_list() == truth[flag].to_list(), flag
    for flag in (f"L{k}_oscNext_bool" for k in (3, 4, 5, 6, 7)):
        if f"{flag}.value" in rows.columns:
            assert rows[f"{flag}.value"].cast(pl.Float64).to_list() == truth[flag].to_list(), flag
    # the first root of the tree is the primary
    for mine, theirs in (
        ("energy", "energy"), ("zenith", "zenith"), ("azimuth", "azimuth"), ("x", "position_x"),
        ("y", "position_y"), ("z", "position_z"), ("pdg_encoding", "pid"),
    ):  # fmt: skip
        first = [values[0] for values in rows[f"I3MCTree.{mine}"].to_list()]
        assert first == truth[theirs].to_list(), mine
    if "I3MCWeightDict.InteractionType" in rows.columns:
        assert rows["I3MCWeightDict.InteractionType"].to_list() == truth["interaction_type"].to_list()


def test_pulses_are_those_of_graphnets_parquet_files(shared_data: Path, datasets) -> None:
    folder = shared_data / "truth" / "graphnet_parquet_oscNext_genie_level7"
    wanted = pl.concat([pl.read_parquet(p) for p in sorted(folder.glob("*.parquet"))])
    rows = datasets["oscNext_genie_level7_v02", "P"].scan().collect()
    assert wanted.height == rows.height
    for row, one in enumerate(wanted["SRTInIcePulses"].to_list()):
        for mine, theirs in (("time", "dom_time"), ("charge", "charge"), ("width", "width")):
            assert rows[f"SRTInIcePulses.{mine}"][row].cast(pl.Float64).to_list() == one[theirs]
        omkey = rows["SRTInIcePulses.omkey"][row]
        assert (omkey // 65536).to_list() == one["string"]
        assert (omkey // 256 % 256).to_list() == one["dom_number"]


def test_sensors_stand_where_graphnet_has_them(shared_data: Path, datasets) -> None:
    path = shared_data / "truth" / "oscNext_genie_level7_v02_first_5_frames.db"
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as db:
        wanted = pl.read_database("select * from SRTInIcePulses", db)
    db.close()
    geometry = datasets["oscNext_genie_level7_v02", "P"].geometry
    place = {
        (s, o): i for i, (s, o) in enumerate(zip(geometry.string.tolist(), geometry.om.tolist(), strict=True))
    }
    index = [place[int(s), int(o)] for s, o in wanted.select("string", "dom_number").iter_rows()]
    for axis in "xyz":
        found = getattr(geometry, axis)[index]
        assert np.abs(found - wanted[f"dom_{axis}"].to_numpy()).max() < 0.02


# -- other files ------------------------------------------------------------------------------------------------------


def test_the_s_frame_becomes_the_table_of_the_simulation(datasets) -> None:
    dataset = datasets["upgrade_genie_step4_140028_000998", "P"]
    simulation = pl.read_parquet(dataset.path / "simulation.parquet")
    assert simulation.height == 1
    assert any(c.startswith("I3GenieInfo.") for c in simulation.columns)
    assert not any(c.startswith("I3GenieInfo.") for c in dataset.schema.names)


def test_start_times_are_what_their_year_and_tenths_of_nanoseconds_say(datasets) -> None:
    for dataset in datasets.values():
        rows = dataset.scan().select(pl.col("^I3EventHeader.*$")).collect()
        for edge in ("start", "end"):
            year = rows[f"I3EventHeader.{edge}_time_utc_year"].to_list()
            daq = rows[f"I3EventHeader.{edge}_time_utc_daq_time"].to_list()
            stamp = rows[f"I3EventHeader.{edge}_time"].to_physical().to_list()
            for y, d, s in zip(year, daq, stamp, strict=True):
                assert s == np.datetime64(f"{y}", "ns").astype(int) + d // 10


def test_files_written_by_icetray_convert_without_a_failure(shared_data: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="I3Matrix version 0 cannot become columns"):
        dataset = ic.convert.i3(shared_data / "i3" / "icetray_written.i3.zst", tmp_path / "d", jobs=1)
    left_out = dataset.manifest.sources[0].left_out
    assert [left for left in left_out if "cannot become columns" not in left.reason] == []
    assert dataset.rows > 3
