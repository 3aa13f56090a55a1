"""Folders for GraphNeT, compared with what it made itself; files for SkyLLH, `skyllh_writer`."""

from __future__ import annotations

import errno
import sqlite3

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

import icecol as ic
from icecol.errors import GeometryError, MissingColumnError

REAL = "i3/real/oscNext_genie_level7_v02_first_5_frames.i3.gz"


def test_tables_are_those_that_graphnet_made(shared_data, tmp_path):
    ds = ic.convert.i3(
        shared_data / REAL, tmp_path / "a.icecol", jobs=1, gcd=shared_data / "i3/GCD_icecube86.i3.gz"
    )
    files = ic.export.graphnet(
        ds, tmp_path / "out", pulses=ds.pulses("SRTInIcePulses"), primary="MCInIcePrimary", per_file=3
    )
    made = [
        pl.concat([pl.read_parquet(f) for f in files if f.parent.name == n])
        for n in ("truth", "SRTInIcePulses")
    ]
    assert len(files) == 4
    with sqlite3.connect(shared_data / "truth/oscNext_genie_level7_v02_first_5_frames.db") as file:
        for name, table in zip(("truth", "SRTInIcePulses"), made, strict=True):
            rows = file.execute(f"select * from {name}")
            columns = [c[0] for c in rows.description]
            told = pl.DataFrame(rows.fetchall(), schema=columns, orient="row", infer_schema_length=None)
            assert set(table.columns) <= set(columns)
            order = ["event_no", *(["string", "dom_number", "dom_time"] if name != "truth" else [])]
            for column in sorted(
                set(table.columns) & set(columns) - {"rde"}
            ):  # the GCD file has no efficiencies
                one = table.sort(order)[column].cast(pl.Float64).to_numpy()
                other = told.sort(order)[column].cast(pl.Float64).to_numpy()
                tolerance = 0.1 if column.startswith("dom_") and column[4:] in "xyz" else 1e-9
                assert one == pytest.approx(other, rel=1e-7, abs=tolerance), column
    file.close()
    assert made[1].width == 20


def test_a_folder_comes_back_as_pulses(tmp_path):
    ds = ic.sim.to_dataset(ic.sim.events(6, seed=1), tmp_path / "sim.icecol")
    ic.export.graphnet(
        ds, tmp_path / "out", pulses=ds.pulses("InIcePulses"), truth={"w": pl.lit(2.0)}, first=10
    )
    made, events = (
        ic.convert.files(tmp_path / "out", tmp_path / "b.icecol", jobs=1).scan().collect(),
        ds.scan().collect(),
    )
    for member in ("time", "charge", "omkey"):
        assert made[f"InIcePulses.{member}"].to_list() == events[f"InIcePulses.{member}"].to_list()
    assert made["truth.event_no"].to_list() == list(range(10, 16))
    assert made["I3EventHeader.event_id"].to_list() == events["I3EventHeader.event_id"].to_list()
    assert made["truth.w"].to_list() == [2.0] * 6


def test_times_come_back(shared_data, tmp_path):
    ds = ic.convert.i3(shared_data / REAL, tmp_path / "a.icecol", jobs=1)
    ic.export.graphnet(ds, tmp_path / "out", pulses=ds.pulses("SRTInIcePulses"))
    made = ic.convert.files(tmp_path / "out", tmp_path / "b.icecol", jobs=1).scan().collect()
    names = [f"I3EventHeader.start_time{end}" for end in ("", "_utc_year", "_utc_daq_time")]
    told = ds.scan().select(names).collect()
    assert made.select(names).equals(told)
    assert made.select(ic.coordinates.mjd()).equals(told.select(ic.coordinates.mjd()))


@pytest.mark.parametrize("per_file", [1, 3, 4, 7, 100])
def test_files_have_so_many_events_wherever_batches_end(per_file, tmp_path, monkeypatch):
    monkeypatch.setattr("icecol.export.contents.pieces.__defaults__", (3,))
    ds = ic.sim.to_dataset(ic.sim.events(7, seed=1), tmp_path / "sim.icecol")
    files = ic.export.graphnet(
        ds, tmp_path / "out", pulses=ds.pulses("InIcePulses"), per_file=per_file, first=5
    )
    truth, pulses = (
        [pl.read_parquet(f) for f in files if f.parent.name == n] for n in ("truth", "InIcePulses")
    )
    assert [len(t) for t in truth] == [per_file] * (7 // per_file) + [7 % per_file] * (7 % per_file > 0)
    assert pl.concat(truth)["event_no"].to_list() == list(range(5, 12))
    for own, rows in zip(truth, pulses, strict=True):
        assert set(rows["event_no"]) <= set(own["event_no"])
    told = ds.scan().select("InIcePulses.time").collect().to_series()
    assert pl.concat(pulses)["dom_time"].to_list() == told.explode().drop_nulls().to_list()
    assert [f.name for f in files[:2]] == ["truth_0.parquet", "InIcePulses_0.parquet"]


def test_no_events_are_tables_without_rows(tmp_path):
    ds = ic.sim.to_dataset(ic.sim.events(2, seed=1), tmp_path / "sim.icecol")
    none = ds.scan().filter(pl.lit(value=False))
    files = ic.export.graphnet(none, tmp_path / "out", pulses=ds.pulses("InIcePulses"), primary="MCPrimary")
    some = ic.export.graphnet(ds, tmp_path / "some", pulses=ds.pulses("InIcePulses"), primary="MCPrimary")
    for empty, full in zip(files, some, strict=True):
        assert pl.read_parquet(empty).is_empty()
        assert pl.read_parquet_schema(empty) == pl.read_parquet_schema(full)


def test_a_folder_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr("icecol.export.contents.pieces.__defaults__", (3,))
    ds = ic.sim.to_dataset(ic.sim.events(7, seed=1), tmp_path / "sim.icecol")
    pulses = ds.pulses("InIcePulses")
    write = pq.ParquetWriter.write_table

    def fails_later(writer, table):
        if 5 in table["event_no"].to_pylist():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(writer, table)

    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_table", fails_later)
        with pytest.raises(OSError, match="No space left"):
            ic.export.graphnet(ds, tmp_path / "out", pulses=pulses, per_file=2)
    assert [p.name for p in tmp_path.iterdir()] == ["sim.icecol"]
    ic.export.graphnet(ds, tmp_path / "out", pulses=pulses, per_file=2)
    with pytest.raises(FileExistsError, match=r"not empty \(it has 'InIcePulses', 'truth'\): choose another"):
        ic.export.graphnet(ds, tmp_path / "out", pulses=pulses)  # whose files would be mixed with the others
    assert len(list((tmp_path / "out/truth").iterdir())) == 4


def test_what_graphnet_needs_is_asked_for(tmp_path):
    ds = ic.sim.to_dataset(ic.sim.events(2, seed=1), tmp_path / "sim.icecol")
    with pytest.raises(GeometryError, match="give 'InIcePulses' a geometry"):
        ic.export.graphnet(ds, tmp_path / "out", pulses=ic.Pulses("InIcePulses"))
    with pytest.raises(MissingColumnError, match=r"the truth needs the column 'Primary\.energy'"):
        ic.export.graphnet(ds, tmp_path / "out", pulses=ds.pulses("InIcePulses"), primary="Primary")


@pytest.mark.parametrize("name", ["a.npy", "a.parquet"])
def test_skyllh_gets_flat_complete_events(name, tmp_path, monkeypatch):
    monkeypatch.setattr("icecol.export.contents.pieces.__defaults__", (3,))
    ic.sim.write(tmp_path / "sim.i3.zst", ic.sim.events(6, seed=1))
    ds = ic.convert.i3(tmp_path / "sim.i3.zst", tmp_path / "sim.icecol", jobs=1)
    events = ds.scan().with_columns(
        pl.when(pl.col("I3EventHeader.event_id") == 2)
        .then(None)
        .otherwise(pl.col("MCPrimary.energy"))
        .alias("E")
    )
    options = {"fit": "MCPrimary", "truth": "MCPrimary", "energy": "E", "ang_err": pl.lit(0.01)}
    with pytest.warns(
        UserWarning, match=r"2 of 6 events are left out, for want of 'log_energy' \(2\), 'azi' \(1\)"
    ):
        path = ic.export.skyllh(events, tmp_path / name, weight=pl.lit(3.0), **options)
    table = np.load(path) if name.endswith("npy") else pl.read_parquet(path)
    event = np.asarray(table["event"])
    assert event.tolist() == [0, 1, 3, 5]  # 2 has no energy, 4 is noise
    assert np.asarray(table["sin_dec"]) == pytest.approx(np.sin(table["dec"]))
    told = ds.scan().select(e=pl.col("MCPrimary.energy"), z=pl.col("MCPrimary.zenith")).collect()
    assert np.asarray(table["log_energy"]) == pytest.approx(np.log10(told["e"].to_numpy()[event]))
    assert np.asarray(table["dec"]) == pytest.approx(
        told["z"].to_numpy()[event] - np.pi / 2, abs=0.01
    )  # the Pole
    assert set(np.asarray(table["mcweight"])) == {3.0}
    none = events.filter(pl.lit(value=False))
    path = ic.export.skyllh(none, tmp_path / name, weight=pl.lit(3.0), **options)
    empty = np.load(path) if name.endswith("npy") else pl.read_parquet(path)
    assert (len(empty), empty.dtype if name.endswith("npy") else empty.schema) == (
        0, table.dtype if name.endswith("npy") else table.schema,
    )  # fmt: skip
    with pytest.raises(MissingColumnError, match=r"SkyLLH needs the column 'Fit\.zenith'"):
        ic.export.skyllh(ds, tmp_path / name, fit="Fit", energy="E", ang_err="E")
