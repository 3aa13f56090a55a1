"""Parquet folders and SQLite databases of tableio, and `stores`."""

from __future__ import annotations

import sqlite3

import polars as pl
import pytest

import icecol as ic
from icecol.errors import FormatError, UnsupportedError

HEADERS = {
    "Run": [7, 7, 7], "Event": [1, 2, 3], "SubEvent": [0, 0, 0], "SubEventStream": [0, 0, 0], "exists": [True] * 3,
    "time_start_utc_daq": [0, 10, 20], "time_start_mjd": [60310.0] * 3, "event_no": [0, 1, 2],
}  # fmt: skip
HITS = {
    "string": [1, 1, 2, 3], "om": [2, 3, 4, 5], "pmt": [0] * 4, "vector_index": [0] * 4, "time": [1.0, 2.0, 3.0, 4.0],
    "width": [8.0] * 4, "charge": [1.0] * 4, "event_no": [0, 0, 1, 2],
}  # fmt: skip
NAN = float("nan")


def folder(path, **tables):
    path.mkdir()
    for name, table in {"I3EventHeader": HEADERS, **tables}.items():
        pl.DataFrame(table).write_parquet(path / f"{name}.parquet.zst")
    return path


def database(path, **tables):
    with sqlite3.connect(path) as file:
        for name, table in {"I3EventHeader": HEADERS, **tables}.items():
            columns = ", ".join(f'"{column}"' for column in table)
            file.execute(f"create table {name} ({columns})")
            rows = zip(*table.values(), strict=True)
            file.executemany(f"insert into {name} values ({', '.join('?' * len(table))})", rows)
    file.close()
    return path


def converted(path, tmp_path, **options):
    return ic.convert.files(path, tmp_path / "made.icecol", jobs=1, **options).scan().collect()


@pytest.mark.parametrize(
    ("tables", "i3"),
    [
        ("tableio/oscNext_genie_level7.parquet", "i3/real/oscNext_genie_level7_v02_first_5_frames.i3.gz"),
        ("tableio/sim_muons.parquet", "tableio/sim_muons.i3.zst"),
    ],
    ids=["oscNext", "muons"],
)
def test_a_folder_of_icetray_gives_what_its_frames_give(tables, i3, shared_data, tmp_path):
    of_frames = ic.convert.i3(shared_data / i3, tmp_path / "i3.icecol", jobs=1).scan().collect()
    made = converted(shared_data / tables, tmp_path)
    assert set(made.columns) <= set(of_frames.columns)
    kept = [name for name in made.columns if not name.endswith((".flags", "Hierarchy.config_id"))]
    assert made.select(kept).equals(of_frames.select(kept))
    assert len(kept) > 60


@pytest.mark.parametrize("make", [folder, database])
def test_hits_and_fits_find_their_events(make, tmp_path):
    fit = {"x": [1.0, NAN, 3.0], "n": [5, 0, 7], "event_no": [0, 1, 2]}
    made = converted(make(tmp_path / "tables", Hits=HITS, Fit=fit), tmp_path)
    assert made["I3EventHeader.event_id"].to_list() == [1, 2, 3]
    assert made["Hits.time"].to_list() == [[1.0, 2.0], [3.0], [4.0]]
    assert made["Fit.x"].to_list() == [1.0, None, 3.0]
    assert made["Fit.n"].to_list() == [5, None, 7]
    assert "I3EventHeader.sub_event_stream" not in made.columns


@pytest.mark.parametrize("make", [folder, database])
def test_tables_whose_events_are_shifted_are_refused(make, tmp_path):
    shifted = {**HITS, "event_no": [0, 0, 1, 1]}  # the second event had no such key
    path = make(tmp_path / "tables", Hits=shifted)
    with pytest.raises(UnsupportedError, match="'Hits' counts 2 events, the header 3"):
        converted(path, tmp_path)
    with pytest.warns(UserWarning, match="matched no key"):
        assert "Hits.time" not in converted(path, tmp_path, keys="F*").columns


def test_one_row_for_each_event_may_be_a_list(tmp_path):
    one = {name: values[:3] for name, values in HITS.items()} | {"event_no": [0, 1, 2]}
    assert converted(folder(tmp_path / "tables", Hits=one), tmp_path)["Hits.time"].to_list() == [
        [1.0],
        [2.0],
        [3.0],
    ]


def test_empty_lists_between_others_are_kept(tmp_path):
    hits = {name: values[:2] for name, values in HITS.items()} | {"event_no": [0, 2]}
    assert converted(folder(tmp_path / "tables", Hits=hits), tmp_path)["Hits.time"].to_list() == [
        [1.0],
        [],
        [2.0],
    ]


def test_a_single_table_of_a_folder_is_refused_with_what_to_give(tmp_path):
    path = folder(tmp_path / "tables", Hits=HITS)
    with pytest.raises(UnsupportedError, match="give the folder"):
        converted(path / "Hits.parquet.zst", tmp_path)


def test_other_databases_are_named_and_damaged_ones_are_called_that(tmp_path):
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as file:
        file.execute("create table people (name)")
    file.close()
    with pytest.raises(UnsupportedError, match=r"neither GraphNeT nor tableio \(tables: 'people'"):
        converted(path, tmp_path)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(FormatError, match="is damaged"):
        converted(path, tmp_path)


@pytest.mark.parametrize("make", [folder, database])
@pytest.mark.parametrize("numbers", [[1, 2, 3], [0, 1, 1], [0, 2, 3]], ids=["from 1", "twice", "a gap"])
def test_headers_that_do_not_count_their_events_are_refused(make, numbers, tmp_path):
    path = make(tmp_path / "tables", I3EventHeader={**HEADERS, "event_no": numbers})
    with pytest.raises(
        FormatError, match=r"event_no of I3EventHeader does not count its rows from 0|which the table"
    ):
        converted(path, tmp_path)


def test_other_files_in_the_folder_are_passed_over(tmp_path):
    path = folder(tmp_path / "tables", Hits=HITS)
    (path / "notes.txt").write_text("of the night shift")
    (path / ".Fit.parquet.zst").write_bytes(b"not written to its end")
    made = converted(path, tmp_path)
    assert {name.partition(".")[0] for name in made.columns} == {"I3EventHeader", "Hits"}
