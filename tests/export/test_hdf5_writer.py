"""Events in HDF5 of tableio, read by h5py, simweights and icecol: also `contents`."""

from __future__ import annotations

import os

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import icecol as ic
from icecol.errors import MissingColumnError
from icecol.export import contents

h5py = pytest.importorskip("h5py")

pytestmark = pytest.mark.filterwarnings("ignore:HDF5 of tableio cannot hold")


def header(n):
    return {"I3EventHeader.run_id": np.full(n, 7, "u4"), "I3EventHeader.event_id": np.arange(n, dtype="u4")}


def again(path, tmp_path):
    return ic.convert.files(path, tmp_path / "again.icecol", jobs=1, overwrite=True).scan().collect()


def test_a_dataset_comes_back_as_it_was(shared_data, tmp_path):
    ds = ic.convert.i3(shared_data / "tableio/sim_muons.i3.zst", tmp_path / "a.icecol", jobs=1)
    path = ic.export.hdf5(ds, tmp_path / "a.h5")
    made, events = again(path, tmp_path), ds.scan().collect()
    assert made.width > 90
    assert made.equals(events.select(made.columns))


@pytest.mark.parametrize("chosen", [None, "2"])
def test_little_is_read_ahead_unless_the_user_has_said_how_much(chosen, monkeypatch):
    monkeypatch.delenv(contents._AHEAD, raising=False)
    if chosen:
        monkeypatch.setenv(contents._AHEAD, chosen)
    seen = []

    def look(values):
        seen.append(os.environ.get(contents._AHEAD))
        return values

    events = pl.LazyFrame({"a": range(10)}).select(pl.col("a").map_batches(look, return_dtype=pl.Int64))
    got = [piece["a"].to_list() for piece in contents.pieces(events, 4)]
    assert got == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert seen[0] == (chosen or str(contents._ROW_GROUPS))
    assert os.environ.get(contents._AHEAD) == chosen


def test_tables_are_those_of_icetray_but_for_the_flags(shared_data, tmp_path):
    ds = ic.convert.i3(shared_data / "tableio/sim_muons.i3.zst", tmp_path / "a.icecol", jobs=1)
    path = ic.export.hdf5(ds, tmp_path / "a.h5")
    with h5py.File(path) as made, h5py.File(shared_data / "tableio/sim_muons.hdf5") as told:
        for key in told:
            if key == "__I3Index__":
                continue
            kept = [n for n in told[key].dtype.names if n != "type"]
            assert set(kept) <= set(made[key].dtype.names)
            for name in kept:
                if "mjd" in name:
                    assert made[key][name] == pytest.approx(told[key][name], abs=1e-10)
                else:
                    np.testing.assert_array_equal(made[key][name], told[key][name], err_msg=f"{key}.{name}")
            assert made[key].attrs["__I3RaggedTable__"] == told[key].attrs["__I3RaggedTable__"]
            for name in ("start", "stop", "exists", "Event"):
                np.testing.assert_array_equal(
                    made["__I3Index__"][key][name], told["__I3Index__"][key][name], err_msg=key
                )
        assert (
            made["InIcePulses"].attrs["FIELD_9_NAME"] == told["InIcePulses"].attrs["FIELD_9_NAME"] == b"time"
        )
        assert made["InIcePulses"].attrs["FIELD_9_UNIT"] == b"ns"
        assert h5py.check_enum_dtype(made["InIcePulses"].dtype["SubEventStream"]) == {"InIceSplit": 0}


def test_simweights_finds_its_tables(shared_data, tmp_path):
    simweights = pytest.importorskip("simweights")
    ds = ic.convert.i3(
        shared_data / "i3/real/oscNext_genie_level7_v02_first_5_frames.i3.gz", tmp_path / "a.icecol", jobs=1
    )
    with h5py.File(ic.export.hdf5(ds, tmp_path / "a.h5", columns="I3MCWeightDict.*")) as file:
        table = simweights._utils.get_table(file, "I3MCWeightDict")
        values = simweights._utils.get_column(table, "OneWeight")
    np.testing.assert_array_equal(values, ds.tables["I3MCWeightDict"]["OneWeight"])


values = st.none() | st.lists(st.floats(-1e6, 1e6), max_size=4)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(values, st.none() | st.integers(-5, 5), st.none() | st.booleans()), min_size=1, max_size=9
    )
)
def test_lists_numbers_and_what_is_absent_come_back(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("hdf5")
    schema = {"Hits.t": pl.List(pl.Float64), "Fit.n": pl.Int32, "Cut.value": pl.Boolean}
    columns = {name: [row[i] for row in rows] for i, name in enumerate(schema)}
    events = pl.DataFrame(columns, schema=schema).with_columns(
        **{k: pl.Series(v) for k, v in header(len(rows)).items()}
    )
    made = again(ic.export.hdf5(events, folder / "a.h5"), folder)
    assert made.select(list(schema)).equals(events.select(list(schema)))


def test_files_are_written_in_pieces(tmp_path, monkeypatch):
    events = pl.DataFrame(
        {**header(10), "Hits.t": [[float(i)] * (i % 3) for i in range(10)], "Fit.x": [0.5] * 10}
    )
    whole = again(ic.export.hdf5(events, tmp_path / "a.h5"), tmp_path)
    monkeypatch.setattr("icecol.export.contents.pieces.__defaults__", (3,))
    assert again(ic.export.hdf5(events, tmp_path / "b.h5"), tmp_path).equals(whole)


def test_pulses_of_one_sensor_are_numbered(tmp_path):
    pulses = {
        "P.time": [[1.0, 2.0, 3.0, 4.0], [5.0]], "P.charge": [[1.0] * 4, [1.0]], "P.width": [[1.0] * 4, [1.0]],
        "P.flags": [[1] * 4, [1]], "P.omkey": [[65792, 66048, 65792, 65792], [65792]],
    }  # fmt: skip
    with h5py.File(ic.export.hdf5(pl.DataFrame({**header(2), **pulses}), tmp_path / "a.h5")) as file:
        assert file["P"]["vector_index"].tolist() == [0, 0, 1, 2, 0]
        assert file["P"]["om"].tolist() == [1, 2, 1, 1, 1]


def test_events_without_a_run_are_of_run_0(tmp_path):
    events = pl.DataFrame({**header(2), "K.n": [1, 2]}).drop("I3EventHeader.run_id")
    made = again(ic.export.hdf5(events, tmp_path / "a.h5"), tmp_path)
    assert made["I3EventHeader.run_id"].to_list() == [0, 0]
    assert made["K.n"].to_list() == [1, 2]


def test_lists_beside_numbers_are_tables_of_their_own(tmp_path):
    events = pl.DataFrame({**header(2), "K.n": [1, 2], "K.xs": [[1.0], [2.0, 3.0]]})
    with h5py.File(ic.export.hdf5(events, tmp_path / "a.h5")) as file:
        assert file["K"]["n"].tolist() == [1, 2]
        assert file["K_xs"]["xs"].tolist() == [1.0, 2.0, 3.0]


def test_what_cannot_be_written_is_told(tmp_path):
    events = pl.DataFrame({**header(2), "K.text": ["a", "b"], "K.x": [[1.0], []], "K.y": [[1.0], [2.0]]})
    with pytest.warns(UserWarning, match=r"cannot hold 'K\.text'"):
        ic.export.hdf5(events.drop("K.y"), tmp_path / "a.h5")
    with pytest.raises(ValueError, match="the lists of 'K' differ in length"):
        ic.export.hdf5(events, tmp_path / "a.h5")
    with pytest.raises(MissingColumnError, match=r"needs the column 'I3EventHeader\.event_id'"):
        ic.export.hdf5(events.drop("I3EventHeader.event_id"), tmp_path / "a.h5")
    with pytest.raises(MissingColumnError, match="no column 'Fit'"):
        ic.export.hdf5(events, tmp_path / "a.h5", columns="Fit")


@pytest.mark.parametrize(
    "form", ["hdf5", "csv", "root", "awkward", "pandas", "batches", "graphnet", "skyllh"]
)
def test_what_is_blind_stays_blind_in_every_form(form, tmp_path):
    if form in {"root", "awkward", "pandas"}:
        pytest.importorskip("uproot" if form == "root" else form)
    ic.sim.write(tmp_path / "sim.i3.zst", ic.sim.events(40, seed=1))
    ds = ic.convert.i3(tmp_path / "sim.i3.zst", tmp_path / "sim.icecol", jobs=1)
    true = ds.scan().select("MCPrimary.azimuth", "MCPrimary.energy").collect()
    ds = ic.blind(ds, burn=0.5, by="event", seed=3)
    ds = ic.blind(ds, scramble="MCPrimary.azimuth", hide="MCPrimary.energy", name="right ascension")
    seen = ds.scan().select("MCPrimary.azimuth").collect().to_series()
    assert 0 < len(seen) < 40
    assert not set(seen) & set(true["MCPrimary.azimuth"])
    columns = ["MCPrimary.azimuth", "MCPrimary.energy"]
    azimuth, energy = exported(form, ds, columns, tmp_path)
    assert azimuth == pytest.approx(seen.to_list(), rel=1e-12)
    assert all(e is None or e != e or e in {0.0, -1.0} for e in energy)


def exported(form, ds, columns, tmp_path):
    if form == "hdf5":
        with h5py.File(ic.export.hdf5(ds, tmp_path / "a.h5", columns=columns)) as file:
            assert "right ascension" in file.attrs["blind"]
            return file["MCPrimary"]["azimuth"].tolist(), file["MCPrimary"]["energy"].tolist()
    if form == "csv":
        table = pl.read_csv(ic.export.csv(ds, tmp_path / "a.csv", columns=columns))
        return [table[name].to_list() for name in columns]
    if form == "root":
        import uproot

        with uproot.open(ic.export.root(ds, tmp_path / "a.root", columns=columns)) as file:
            assert "right ascension" in str(file["about"])
            return [file["events"][name.replace(".", "_")].array().tolist() for name in columns]
    if form == "awkward":
        array = ic.export.awkward(ds, columns=columns).MCPrimary
        return array.azimuth.tolist(), array.energy.tolist()
    if form == "pandas":
        table = ic.export.pandas(ds, columns=columns)
        assert table["MCPrimary.energy"].isna().all()
        return table["MCPrimary.azimuth"].tolist(), []
    if form == "batches":
        sets = list(ic.export.batches(ds, columns, shuffle=False))
        return [np.concatenate([batch[name] for batch in sets]).tolist() for name in columns]
    if form == "graphnet":
        files = ic.export.graphnet(ds, tmp_path / "out", pulses=ds.pulses("InIcePulses"), primary="MCPrimary")
        table = pl.read_parquet(files[0])
        return table["azimuth"].to_list(), table["energy"].to_list()
    path = ic.export.skyllh(
        ds, tmp_path / "a.parquet", fit="MCPrimary", energy=pl.lit(1.0), ang_err=pl.lit(0.1)
    )
    return pl.read_parquet(path)["azi"].to_list(), []
