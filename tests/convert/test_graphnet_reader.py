"""GraphNeT's and Prometheus' files: `prometheus_reader`, `positions`, `rows`."""

from __future__ import annotations

import json
import sqlite3

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import icecol as ic
from icecol.convert.positions import Sensors, modules_per_string
from icecol.convert.prometheus_reader import bare
from icecol.errors import FormatError, GeometryError, MissingColumnError, UnsupportedError

REAL = "truth/oscNext_genie_level7_v02_first_5_frames.db"
NESTED = "truth/graphnet_parquet_oscNext_genie_level7/oscNext_genie_level7_v02_first_5_frames.parquet"
PHOTONS = "other/prometheus_22980001_photons.parquet"


def converted(path, tmp_path, **options):
    return ic.convert.files(path, tmp_path / "made.icecol", jobs=1, overwrite=True, **options)


def folder(path, truth, pulses, name="a_{}.parquet"):
    for table, values in (("truth", truth), ("Hits", pulses)):
        (path / table).mkdir(parents=True)
        pl.DataFrame(values).write_parquet(path / table / name.format(table))
    return path


TRUTH = {
    "event_no": [4, 2],
    "energy": [3.0, -1.0],
    "position_x": [-1.0, 5.0],
    "RunID": [7, 7],
    "EventID": [1, 9],
}
HITS = {
    "event_no": [2, 4, 4], "dom_time": [5.0, 1.0, 2.0], "charge": [1.0, 2.0, 0.5], "string": [1, 1, 2],
    "dom_number": [1, 2, 3], "pmt_number": [0, 0, 0], "hlc": [1, 0, 1], "awtd": [True, False, False],
    "is_bad_dom": [-1, -1, -1], "event_time": [6e4, 6e4, 6e4],
}  # fmt: skip


@pytest.mark.parametrize("path", [REAL, NESTED], ids=["sqlite", "nested parquet"])
def test_pulses_of_graphnet_are_those_of_the_frames(path, shared_data, tmp_path):
    i3 = shared_data / "i3/real/oscNext_genie_level7_v02_first_5_frames.i3.gz"
    expected = ic.convert.i3(
        i3, tmp_path / "i3.icecol", jobs=1, keys=["MCInIcePrimary"], pulses="SRTInIcePulses"
    )
    ds = converted(shared_data / path, tmp_path)
    made, frames = ds.scan().collect(), expected.scan().collect()

    def hits(events, i):
        members = [events[f"SRTInIcePulses.{m}"][i].to_list() for m in ("omkey", "time", "charge", "width")]
        return sorted(zip(*members, strict=True))

    assert [hits(made, i) for i in range(5)] == [hits(frames, i) for i in range(5)]
    assert made["truth.energy"].to_list() == pytest.approx(
        frames["MCInIcePrimary.energy"].to_list(), rel=1e-12
    )
    assert made["I3EventHeader.event_id"].to_list() == frames["I3EventHeader.event_id"].to_list()
    hlc = [sorted((np.array(f.to_list()) & 1).tolist()) for f in frames["SRTInIcePulses.flags"]]
    assert [sorted(f.to_list()) for f in made["SRTInIcePulses.flags"]] == hlc
    assert "SRTInIcePulses.awtd" in made.columns
    assert made["I3EventHeader.start_time_utc_year"].to_list() == [2014] * 5
    times = [e["I3EventHeader.start_time_utc_daq_time"].to_numpy() for e in (made, frames)]
    assert abs(times[0] - times[1]).max() <= (8 if path == REAL else 0)  # a database has them as floats
    assert ds.geometry.equals(ic.Geometry.nominal())


def test_a_folder_of_tables_is_joined_by_event_no_in_any_order(tmp_path):
    made = converted(folder(tmp_path / "out", TRUTH, HITS), tmp_path).scan().collect()
    assert made["I3EventHeader.event_id"].to_list() == [9, 1]
    assert made["Hits.time"].to_list() == [[5.0], [1.0, 2.0]]
    assert made["Hits.flags"].to_list() == [[1], [0, 1]]
    assert made["truth.energy"].to_list() == [None, 3.0]  # -1: not known
    assert made["truth.position_x"].to_list() == [5.0, -1.0]  # a place
    assert "Hits.is_bad_dom" not in made.columns


def test_times_have_a_year_where_pulses_tell_the_date(tmp_path):
    truth = {**TRUTH, "event_no": [4, 2], "event_time": [36_000_000_000_000, 10]}  # an hour after New Year
    pulses = {**HITS, "event_no": [4, 4, 4], "event_time": [60310 + 1 / 24] * 3}
    made = converted(folder(tmp_path / "out", truth, pulses), tmp_path).scan().collect()
    assert made["I3EventHeader.start_time"].cast(str).to_list() == [
        None,
        "2024-01-01 01:00:00.000000000+00:00",
    ]
    assert made["I3EventHeader.start_time_utc_year"].to_list() == [None, 2024]
    assert made["I3EventHeader.start_time_utc_daq_time"].to_list() == [None, 36_000_000_000_000]
    pulses = {**pulses, "event_no": [2, 2, 4], "event_time": [59945.0, 59945.0, 60310 + 1 / 24]}
    made = converted(folder(tmp_path / "both", truth, pulses), tmp_path).scan().collect()
    assert made["I3EventHeader.start_time_utc_year"].to_list() == [2023, 2024]
    unknown = {**truth, "event_time": [-1, -1]}
    made = converted(folder(tmp_path / "other", unknown, pulses), tmp_path).scan().collect()
    assert made["I3EventHeader.start_time"].to_list() == [None, None]


def test_merged_shards_are_one_dataset(tmp_path):
    path = folder(tmp_path / "merged", TRUTH, HITS, "{}_0.parquet")
    for table, values in (("truth", TRUTH), ("Hits", HITS)):
        frame = pl.DataFrame(values).with_columns(pl.col("event_no") + 10)
        frame.write_parquet(path / table / f"{table}_1.parquet")
    made = converted(path, tmp_path)
    assert made.rows == 4
    with pytest.raises(UnsupportedError, match="give the folder of its tables"):
        converted(path / "Hits" / "Hits_0.parquet", tmp_path)


def test_rows_of_an_event_that_the_truth_lacks_are_an_error(tmp_path):
    pulses = {**HITS, "event_no": [2, 4, 5]}
    with pytest.raises(FormatError, match="rows of event 5"):
        converted(folder(tmp_path / "out", TRUTH, pulses), tmp_path)


@pytest.mark.parametrize(
    "numbers",
    [[1, 2, 2, 3], [2, 1, 3, 2], [*range(4096), 4095, 4097], [2, 3, 2, 3, 1]],
    ids=["beside", "apart", "batches", "several"],
)
def test_an_event_that_stands_twice_in_the_truth_is_named(numbers, tmp_path):
    folder(tmp_path, {"event_no": numbers, "energy": numbers}, {**HITS, "event_no": [1, 3, 3]})
    twice = f"{4095 if len(numbers) > 5 else 2}{' .and of 1 more.' if len(numbers) == 5 else ''}"
    with pytest.raises(FormatError, match=rf"table 'truth' has 2 rows of event {twice}, where each has one"):
        converted(tmp_path, tmp_path)


def test_rows_without_a_number_are_an_error(tmp_path):
    folder(tmp_path, {"event_no": [1, None, 3], "energy": [1, 2, 3]}, {**HITS, "event_no": [1, 3, 3]})
    with pytest.raises(FormatError, match="table 'truth' has 1 rows without a number in 'event_no'"):
        converted(tmp_path, tmp_path)
    with sqlite3.connect(tmp_path / "truth.db") as file:
        file.execute("create table truth (event_no, energy)")
        file.executemany("insert into truth values (?, ?)", [(1, 2.0), (None, 3.0)])
    file.close()
    with pytest.raises(FormatError, match="table 'truth' has a row whose 'event_no' is not an integer"):
        converted(tmp_path / "truth.db", tmp_path)


def test_events_without_pulses_have_empty_lists_in_all_batches(tmp_path):
    folder(tmp_path, {"event_no": range(5000)}, {**HITS, "event_no": [0, 1, 1]})
    lengths = converted(tmp_path, tmp_path).scan().select(pl.col("Hits.time").list.len()).collect()
    assert lengths.to_series().to_list() == [1, 2] + 4998 * [0]
    rows = pl.DataFrame(HITS)
    empty = folder(tmp_path / "empty", {"event_no": [1, 2]}, rows.clear())
    assert converted(empty, tmp_path).scan().collect()["Hits.time"].to_list() == [[], []]


def test_pulses_of_a_database_that_has_none_are_empty_lists(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as file:
        file.execute("create table truth (event_no, energy)")
        file.execute(f"create table Hits ({', '.join(HITS)})")
        file.executemany("insert into truth values (?, ?)", [(1, 2.0), (2, 3.0)])
    file.close()
    made = converted(tmp_path / "a.db", tmp_path).scan().collect()
    assert made["Hits.time"].to_list() == [[], []]
    assert made["Hits.time"].dtype == pl.List(pl.Float64)


@pytest.mark.parametrize("form", ["folder", "database", "nested"])
@pytest.mark.filterwarnings("ignore:.*has no events")
def test_a_truth_without_events_is_an_error_or_an_empty_dataset_on_request(form, tmp_path):
    path = tmp_path / "a.db"
    if form == "folder":
        path = folder(tmp_path / "tables", pl.DataFrame(TRUTH).clear(), pl.DataFrame(HITS).clear())
    elif form == "nested":
        path = tmp_path / "a.parquet"
        rows = {"truth": [TRUTH], "Hits": [HITS]}
        pl.DataFrame(rows).clear().write_parquet(path)
    else:
        with sqlite3.connect(path) as file:
            file.execute("create table truth (event_no, energy)")
        file.close()
    with pytest.raises(
        UnsupportedError, match=r"no event in .*; for a dataset without events, pass allow_empty"
    ):
        converted(path, tmp_path)
    assert converted(path, tmp_path, allow_empty=True).rows == 0


def test_a_table_with_a_row_per_event_is_columns_and_one_with_several_rows_lists(tmp_path):
    folder(tmp_path, {"event_no": range(5000)}, {**HITS, "event_no": [0, 1, 1]})
    for name, numbers in {"reco": range(0, 5000, 2), "tracks": [*range(5000), 4999]}.items():
        (tmp_path / name).mkdir()
        table = {"event_no": numbers, "zenith": [n / 1e4 for n in numbers]}
        pl.DataFrame(table).write_parquet(tmp_path / name / f"a_{name}.parquet")
    events = converted(tmp_path, tmp_path).scan().collect()
    assert events["reco.zenith"].to_list() == [n / 1e4 if n % 2 == 0 else None for n in range(5000)]
    assert events["tracks.zenith"].to_list() == [[n / 1e4] * (1 + (n == 4999)) for n in range(5000)]


def test_text_among_numbers_of_a_database_is_an_error(tmp_path):
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as file:
        file.execute("create table truth (event_no, energy FLOAT)")
        file.executemany("insert into truth values (?, ?)", [(0, 1.0), (1, "much")])
    file.close()
    with pytest.raises(FormatError, match="'energy' of table 'truth' has real and text values"):
        converted(path, tmp_path)


def test_photons_of_prometheus_are_pulses_of_its_sensors(shared_data, tmp_path):
    ds = converted(shared_data / PHOTONS, tmp_path)
    table = pq.read_table(shared_data / PHOTONS)
    photons = bare(table["photons"].combine_chunks())
    made = ds.scan().collect()
    assert made["photons.time"].to_list() == photons.field("t").to_pylist()
    assert made["photons.charge"].list.sum().sum() == 200
    assert made["I3EventHeader.run_id"].unique().to_list() == [22980001]
    rows = ds.geometry.rows(made["photons.omkey"].explode().to_numpy())
    for axis in "xyz":
        told = np.concatenate(photons.field(f"sensor_pos_{axis}").to_pylist())
        assert (getattr(ds.geometry, axis)[rows] == told).all()
    assert ds.geometry.medium == "water"


@pytest.mark.parametrize("run", [(1 << 32) - 1, 1 << 32])
def test_photons_whose_sensors_are_numbered_through_all_strings(run, tmp_path):
    photons = {
        "t": [[5.0, 6.0, 7.0], [8.0]], "string_id": [[0, 0, 1], [2]], "sensor_id": [[0, 21, 22], [65]],
        "sensor_pos_x": [[0.0, 0.0, 100.0], [200.0]], "sensor_pos_y": [[0.0] * 3, [0.0]],
        "sensor_pos_z": [[0.0, -210.0, 0.0], [-210.0]],
    }  # fmt: skip
    events = [{name: values[i] for name, values in photons.items()} for i in range(2)]
    table = pl.DataFrame({"photons": events, "mc_truth": [{"initial_state_energy": 1.0}] * 2}).to_arrow()
    config = json.dumps({"run": {"run number": run}, "photon propagator": {"name": "PPC"}})
    pq.write_table(table.replace_schema_metadata({"config_prometheus": config}), tmp_path / "a.parquet")
    ds = converted(tmp_path / "a.parquet", tmp_path)
    made = ds.scan().collect()
    assert made["photons.omkey"].to_list() == [[0, 21 << 8, 1 << 16], [2 << 16 | 21 << 8]]
    assert ds.geometry.om.tolist() == [0, 21, 0, 21]
    assert ds.geometry.medium == "ice"
    assert made["mc_truth.initial_state_energy"].to_list() == [1.0, 1.0]
    assert made["I3EventHeader.event_id"].to_list() == [0, 1]
    runs = made["I3EventHeader.run_id"].to_list() if "I3EventHeader.run_id" in made.columns else []
    assert runs == ([run, run] if run < 1 << 32 else [])  # what a header cannot hold is not wrapped around


def test_features_that_know_the_ice_refuse_water(shared_data, tmp_path):
    ds = converted(shared_data / PHOTONS, tmp_path)
    pulses = ds.pulses("photons")
    events = ic.with_features(ds.scan(), Fit=ic.reco.linefit(pulses))
    assert events.select("Fit.zenith").collect().to_series().is_not_null().sum() >= 3
    with pytest.raises(GeometryError, match="knows the optical properties of ice"):
        ic.with_features(ds.scan(), D=ic.reco.direct_hits(pulses, track="Fit", window="A"))


def test_sensors_of_a_database_are_numbered_by_string(shared_data, tmp_path):
    ds = converted(shared_data / "other/graphnet_prometheus_events.db", tmp_path)
    assert ds.geometry.om.max() == 21
    with sqlite3.connect(shared_data / "other/graphnet_prometheus_events.db") as file:
        told = file.execute("select sensor_string_id, sensor_id, sensor_pos_z from total").fetchall()
    file.close()
    string, sensor, z = np.array(told).T
    keys = string.astype(int) << 16 | (sensor - 22 * string).astype(int) << 8
    assert (ds.geometry.z[ds.geometry.rows(keys)] == z).all()


def test_too_few_sensors_do_not_tell_how_many_a_string_has():
    with pytest.raises(GeometryError, match="with 11 to 20 on each"):
        modules_per_string([([0, 1], [1, 20])])
    assert modules_per_string([]) == 0


@given(st.integers(1, 60), st.integers(2, 20), st.data())
def test_numbers_through_all_strings_are_recognized(modules, strings, data):
    pairs = [(s, s * modules + m) for s in range(strings) for m in (0, modules - 1)]
    assert modules_per_string([np.array(pairs).T]) == modules
    own = [(s, m) for s in range(strings) for m in data.draw(st.sets(st.integers(0, 60), min_size=1))]
    if len({m for _, m in own}) < len(own):
        assert modules_per_string([np.array(own).T]) == 0


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), max_size=8), max_size=4)
)
def test_sensors_are_collected_once_with_all_that_any_of_their_tables_says(batches):
    sensors, told = Sensors(), {}
    for batch in batches:
        places = np.array([(s, m) for s, m, _ in batch], np.int64).reshape(-1, 2)
        rows = {
            "string": places[:, 0],
            "om": places[:, 1],
            **dict.fromkeys("xyz", 1000.0 * places[:, 0] + places[:, 1]),
        }
        if batch and batch[0][2]:
            rows["area"] = np.full(len(batch), 0.5)
        for string, module, _ in batch:
            told.setdefault((string, module), 0.5 if "area" in rows else None)
        sensors.add(rows)
    geometry = sensors.geometry("water")
    assert (geometry is None) == (not told)
    if geometry is not None:
        found = zip(geometry.string.tolist(), geometry.om.tolist(), strict=True)
        assert set(found) == told.keys()
        assert len(geometry.string) == len(told)
        assert geometry.x.tolist() == (1e3 * geometry.string + geometry.om).tolist()
        places = zip(geometry.string.tolist(), geometry.om.tolist(), strict=True)
        areas = dict(zip(places, geometry.area.tolist(), strict=True))
        assert {p for p, area in areas.items() if area == 0.5} == {p for p, area in told.items() if area}


def test_pulses_without_a_sensor_say_what_names_are_known(tmp_path):
    hits = {k: v for k, v in HITS.items() if k != "string"}
    with pytest.raises(MissingColumnError, match="such as 'string', 'string_id'"):
        converted(folder(tmp_path / "out", TRUTH, hits), tmp_path)
