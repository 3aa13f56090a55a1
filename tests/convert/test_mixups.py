"""Paths and keys that look like patterns, or like each other: nothing is mixed up, and nothing is counted twice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.errors import FormatError, GeometryError, SchemaError
from icecol.i3.archive import OMKey, encode, new
from icecol.i3.container.raw import encode_frame, raw_frames
from icecol.i3.frames.frame import as_object
from icecol.i3.pulses.series import PULSE


def muons(path: Path, n: int = 5, **objects: object) -> Path:
    """Write some events, with further objects in their physics frames (`{dot}` in a name is a dot, `{nul}` a NUL)."""
    plain = path.with_suffix(".plain.i3")
    ic.sim.write(plain, ic.sim.events(n, seed=1))
    more = [(key.format(dot=".", nul="\0"), "", encode(as_object(value))) for key, value in objects.items()]
    frames = [
        encode_frame(
            f.stop, [(s.key, s.type_name, s.blob) for s in f.objects] + (more if f.stop == "P" else [])
        )
        for f in raw_frames(plain)
    ]
    plain.unlink()
    path.write_bytes(b"".join(frames))
    return path


def n_rows(events: pl.LazyFrame) -> int:
    return int(events.select(pl.len()).collect().item())


# -- paths ------------------------------------------------------------------------------------------------------------


def test_a_dataset_in_a_folder_with_brackets_has_its_own_geometry_and_simulation(tmp_path):
    sensors = {
        name: ic.Geometry.from_columns(ic.Geometry.nominal().table()[:n])
        for name, n in [("run[1]", 5160), ("run1", 60)]
    }
    path = tmp_path / "a.i3"
    muons(path)
    path.write_bytes(encode_frame("S", [("Weight", "", encode(as_object(2.5)))]) + path.read_bytes())
    for name, geometry in sensors.items():
        (tmp_path / name).mkdir()
        shutil.copy(path, tmp_path / name / "a.i3")
        gcd = tmp_path / name / "gcd[0].parquet"
        geometry.write_parquet(gcd)
        ds = ic.convert.i3(
            tmp_path / name / "a.i3", tmp_path / name / "d", gcd=gcd, jobs=1, keys="I3EventHeader", pulses=()
        )
        assert len(ds.geometry) == len(geometry)
        assert ds.simulation["source"].to_list() == [str(tmp_path / name / "a.i3")]
        assert n_rows(ds.scan()) == n_rows(ic.scan_i3(tmp_path / name / "a.i3")) == 5


def test_a_frame_of_relative_paths_outlives_a_change_of_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    muons(Path("a.i3"))
    ic.convert.i3("a.i3", "d", jobs=1)
    ds, live = ic.open_dataset("d"), ic.scan_i3("a.i3")
    events = ds.scan()
    assert repr(ds).startswith("Dataset('d', ")
    monkeypatch.chdir("/")
    assert n_rows(events) == n_rows(ds.scan()) == n_rows(live) == 5
    assert ds.geometry.equals(ic.Geometry.nominal())
    assert ic.facts(events).sources == (tmp_path / "d",)


def test_one_file_by_several_names_is_counted_once_and_a_copy_is_told(tmp_path):
    path = muons(tmp_path / "a.i3")
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.i3").symlink_to(path)
    os.link(path, tmp_path / "c.i3")
    same = [
        path,
        tmp_path / "sub" / ".." / "a.i3",
        tmp_path / "b.i3",
        tmp_path / "c.i3",
        str(tmp_path / "?.i3"),
    ]
    ds = ic.convert.i3(same, tmp_path / "d", jobs=1)
    assert ds.rows == n_rows(ic.scan_i3(same)) == 5
    assert [source.path for source in ds.manifest.sources] == [str(path)]
    shutil.copy(path, tmp_path / "copy.i3")
    with pytest.warns(
        UserWarning, match=r"copy\.i3 has the same content as .*a\.i3: their events are counted twice"
    ):
        assert ic.convert.i3([path, tmp_path / "copy.i3"], tmp_path / "e", jobs=1).rows == 10


def test_two_asterisks_stand_for_folders_at_any_depth(tmp_path):
    (tmp_path / "x" / "y").mkdir(parents=True)
    muons(tmp_path / "a.i3")
    muons(tmp_path / "x" / "y" / "b.i3", 6)
    assert n_rows(ic.scan_i3(f"{tmp_path}/**/*.i3")) == 11


# -- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_with_brackets_is_found_by_its_name(tmp_path):
    path = muons(tmp_path / "a.i3", **{"a[1]": 1.5, "b": 2.5})
    ds = ic.convert.i3(path, tmp_path / "d", keys="a[1]", pulses=(), jobs=1)
    assert ds.keys == ("I3EventHeader", "a[1]")
    assert ds.columns("a[1].*") == ds.columns("a[1].value") == ["a[1].value"]
    frames = list(ic.Tray().add(path).add(ic.tray.keep("a[1]")))
    assert {frame.own_keys() for frame in frames if frame.stop == "P"} == {("I3EventHeader", "a[1]")}


def test_a_key_with_a_dot_keeps_its_columns_apart_from_those_of_a_map(tmp_path):
    path = muons(tmp_path / "a.i3", **{"A{dot}B": 1.5, "A": {"B": 2.5}})
    ds = ic.convert.i3(path, tmp_path / "d", keys="A*", pulses=(), jobs=1)
    assert ds.keys == ("A", "A.B", "I3EventHeader")
    for events in (ds.scan(), ic.scan_i3(path)):
        assert events.select("A.B.value", "A.B").head(1).collect().row(0) == (1.5, 2.5)
        assert events.select("A.B.value").head(1).collect().item() == 1.5


def test_two_columns_of_one_name_are_refused_with_file_and_keys(tmp_path):
    both = r"two columns have the same name, 'A\.B\.value': of key 'A' and 'A\.B'"
    path = muons(tmp_path / "a.i3", **{"A{dot}B": 1.5, "A": {"B.value": 2.5}})
    with pytest.raises(SchemaError, match=rf"a\.i3: {both}"):
        ic.convert.i3(path, tmp_path / "d", jobs=1)
    with pytest.raises(SchemaError, match=rf"a\.i3: {both}"):
        ic.scan_i3(path)
    assert not (tmp_path / "d").exists()


def test_a_column_of_one_key_in_one_file_and_another_in_the_next_is_refused(tmp_path):
    paths = [muons(tmp_path / "a.i3", **{"A{dot}B": 1.5}), muons(tmp_path / "b.i3", A={"B.value": 2.5})]
    with pytest.raises(
        SchemaError, match=r"'A\.B\.value' is of key 'A\.B' in .*a\.i3 but of key 'A' in .*b\.i3"
    ):
        ic.convert.i3(paths, tmp_path / "d", jobs=1)


def test_keys_with_a_nul_have_columns_of_their_own(tmp_path):
    path = muons(tmp_path / "a.i3", **{"A{nul}x": 1.5, "A{nul}y": 2.5})
    ds = ic.convert.i3(path, tmp_path / "d", pulses=(), jobs=1)
    assert ds.scan().select(r"A\x00x.value", r"A\x00y.value").head(1).collect().row(0) == (1.5, 2.5)
    assert {"A\0x", "A\0y"} <= set(ds.keys)
    assert ic.scan_i3(path).select(r"A\x00y.value").head(1).collect().item() == 2.5


def test_names_that_differ_in_case_only_are_told(tmp_path):
    path = muons(tmp_path / "a.i3", Fit=1.5, FIT=2.5)
    with pytest.warns(UserWarning, match=r"columns differ in case only: 'FIT\.value' and 'Fit\.value'"):
        ic.convert.i3(path, tmp_path / "d", jobs=1)


# -- sensors ----------------------------------------------------------------------------------------------------------


def test_a_geometry_whose_numbers_do_not_fit_is_refused_or_told(tmp_path):
    geometry = new("I3Geometry")
    geometry.omgeo = {OMKey(1, 300): new("I3OMGeo", position=new("I3Position", x=0.0, y=0.0, z=0.0))}
    gcd = tmp_path / "gcd.i3"
    gcd.write_bytes(encode_frame("G", [("I3Geometry", "", encode(geometry))]))
    with pytest.raises(GeometryError, match=r"gcd\.i3: OM number 300 does not fit into an omkey"):
        ic.convert.read_geometry(gcd)
    path = muons(tmp_path / "a.i3")
    with pytest.raises(GeometryError, match=r"gcd\.i3: OM number 300 does not fit into an omkey"):
        ic.convert.i3(path, tmp_path / "d", gcd=gcd, jobs=1)
    path.write_bytes(gcd.read_bytes() + path.read_bytes())
    with pytest.warns(
        UserWarning, match="no geometry could be read, and the nominal one is used: .*OM number 300"
    ):
        assert ic.convert.i3(path, tmp_path / "d", jobs=1).geometry.equals(ic.Geometry.nominal())


def test_pulses_and_hits_whose_sensors_do_not_fit_are_refused(tmp_path):
    key = OMKey(1, 300)
    pulses = new("I3RecoPulseSeriesMap", {key: np.zeros(1, PULSE)})
    hits = new("I3RecoHitSeriesMap", {key: []})
    path = muons(tmp_path / "a.i3", Pulses=pulses, Hits=hits)
    for name in ("Pulses", "Hits"):
        for frame in (frame for frame in ic.open_i3(path) if frame.stop == "P"):
            with pytest.raises(FormatError, match=r"does not fit into string << 16 \| om << 8 \| pmt"):
                frame.pulses(name)
    with pytest.warns(UserWarning, match="Hits: 5 objects not converted: an OMKey does not fit"):
        ds = ic.convert.i3(path, tmp_path / "d", jobs=1)
    assert ds.scan().select(pl.col("Pulses.time", "Hits.time").is_null().all()).collect().row(0) == (
        True,
        True,
    )
