"""Calibration and settings of the sensors become tables beside the geometry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from generated import VERSIONS, generate

import icecol as ic
from icecol.convert.gcd import read_gcd, tables_of
from icecol.i3.archive import OMKey
from icecol.i3.archive.objects import Record

pytestmark = pytest.mark.filterwarnings("ignore:.*the geometry lacks the sensors")

WRITTEN = ("icetray_written.i3.zst", "icetray_written_calibration.i3", "GCD_icecube86.i3.gz")


def same(found: Any, wanted: Any) -> bool:
    """Whether a cell of a table has what an object has."""
    if wanted is None or found is None:
        return wanted is found
    if isinstance(wanted, Record):
        return all(same(found[name], getattr(wanted, name)) for name in wanted.names if name in found)
    if isinstance(wanted, dict):
        return len(found) == len(wanted) and all(
            same(item["key"], k) and same(item["value"], v)
            for item, (k, v) in zip(found, wanted.items(), strict=True)
        )
    if isinstance(wanted, str):
        return bool(found == wanted.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    try:
        items = list(wanted)
    except TypeError:
        value = getattr(wanted, "value", wanted)
        return bool(found == value or (found != found and value != value))
    return len(found) == len(items) and all(map(same, found, items))


def check(table: pl.DataFrame, records: dict[OMKey, Record]) -> None:
    """Compare every member of every record with the cell of its sensor."""
    rows = {(r["string"], r["om"], r["pmt"]): r for r in table.to_dicts()}
    for key, record in records.items():
        row = rows[key.string, key.om, key.pmt]
        for name in record.names:
            value = getattr(record, name)
            if name in row:
                assert same(row[name], value), (key, name)
            else:
                inner = {n: getattr(value, n) for n in value.names} if isinstance(value, Record) else {}
                columns = [c for c in row if c.startswith(f"{name}_") or c in inner]
                assert columns or value is None, name
                for column in columns:
                    member = column.removeprefix(f"{name}_")
                    if member in inner:
                        assert same(row[column], inner[member]), (key, column)


def tables_from(objects: dict[str, Any]) -> dict[str, pl.DataFrame]:
    return {key: pl.DataFrame(table) for key, table in tables_of(objects).items()}


@pytest.mark.parametrize("name", WRITTEN)
def test_tables_have_what_the_objects_have(shared_data: Path, name: str) -> None:
    path = shared_data / "i3" / name
    objects: dict[str, Any] = {}
    for frame in ic.open_i3(path):
        for key in ("I3Calibration", "I3DetectorStatus"):
            if key in frame:
                objects.setdefault(key, frame[key])
    tables = tables_from(objects)
    status = objects.get("I3DetectorStatus")
    assert set(tables) == {
        *(["calibration"] if "I3Calibration" in objects else []),
        *(["detector_status"] if status is not None else []),
        *(["trigger_status"] if status is not None and status.trigger_status else []),
    }
    if "trigger_status" in tables:
        found = tables["trigger_status"].to_dicts()
        for row, (key, trigger) in zip(found, status.trigger_status.items(), strict=True):
            assert [row[m] for m in key._fields] == [None if v is None else int(v) for v in key]
            assert row["trigger_name"] == trigger.trigger_name
            assert {s["key"]: s["value"] for s in row["trigger_settings"]} == dict(trigger.trigger_settings)
    if "I3Calibration" in objects:
        cal = objects["I3Calibration"]
        check(tables["calibration"], cal.dom_cal)
        check(tables["calibration"], cal.vem_cal or {})
        assert tables["calibration"].height == len({*cal.dom_cal, *(cal.vem_cal or {})})
    if "I3DetectorStatus" in objects:
        check(tables["detector_status"], objects["I3DetectorStatus"].dom_status)
        assert tables["detector_status"].height == len(objects["I3DetectorStatus"].dom_status)


@pytest.mark.parametrize(
    ("name", "version"), [v for v in VERSIONS if v[0] in ("I3Calibration", "I3DetectorStatus")]
)
def test_every_version_of_the_objects_becomes_tables(name: str, version: int) -> None:
    for seed in range(6):
        obj = generate(name, version, seed)
        tables = tables_from({name: obj})
        records = (
            [obj.dom_status]
            if name == "I3DetectorStatus"
            else [obj.dom_cal, getattr(obj, "vem_cal", {}) or {}]
        )
        triggers = tables.pop("trigger_status", None)
        assert (0 if triggers is None else triggers.height) == len(getattr(obj, "trigger_status", ()))
        assert bool(tables) == any(map(len, records))
        for table in tables.values():
            for part in records:
                check(table, part)
            assert table["omkey"].to_list() == sorted(table["omkey"].to_list())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with events and the calibration of a small detector."""
    folder = tmp_path_factory.mktemp("gcd")
    ic.sim.write(folder / "muons.i3", ic.sim.events(5, seed=1))
    ic.sim.files.write_gcd(folder / "gcd.i3", ic.Geometry.from_columns(ic.Geometry.nominal().table()[:70]))
    return folder


def test_a_dataset_has_the_tables_of_its_gcd_file(files: Path, tmp_path: Path) -> None:
    ds = ic.convert.i3(files / "muons.i3", tmp_path / "ds", gcd=files / "gcd.i3", jobs=1)
    tables = {key: pl.DataFrame(table) for key, table in read_gcd(files / "gcd.i3")[1].items()}
    assert ds.calibration is not None
    assert ds.detector_status is not None
    assert ds.calibration.collect().equals(tables["calibration"])
    assert ds.detector_status.collect().equals(tables["detector_status"])
    assert ds.geometry is not None
    assert set(tables["calibration"]["omkey"]) == set(ds.geometry.omkey.tolist())
    field = pq.read_schema(tmp_path / "ds" / "calibration.parquet").field("temperature")
    assert field.metadata[b"unit"] == b"K"


def test_a_dataset_has_the_tables_of_the_gcd_frames_in_its_files(files: Path, tmp_path: Path) -> None:
    (tmp_path / "whole.i3").write_bytes((files / "gcd.i3").read_bytes() + (files / "muons.i3").read_bytes())
    ds = ic.convert.i3(tmp_path / "whole.i3", tmp_path / "ds", jobs=1)
    assert ds.calibration is not None
    assert ds.calibration.collect().equals(pl.DataFrame(read_gcd(files / "gcd.i3")[1]["calibration"]))


def test_nothing_is_written_where_there_is_no_gcd(files: Path, tmp_path: Path) -> None:
    ds = ic.convert.i3(files / "muons.i3", tmp_path / "ds", gcd=files / "gcd.i3", jobs=1)
    assert ds.calibration is not None
    ds = ic.convert.i3(files / "muons.i3", tmp_path / "ds", overwrite=True, jobs=1)
    assert ds.calibration is None
    assert ds.detector_status is None
    assert sorted(p.name for p in ds.path.iterdir()) == ["events", "geometry.parquet", "manifest.json"]
