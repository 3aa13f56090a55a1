from __future__ import annotations

import errno
import threading

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_tables import HEADER, events, files
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol.dataset import parts
from icecol.dataset.parts import PartWriter
from icecol.errors import SchemaError


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9), st.integers(0, 2)), max_size=40),
    st.integers(1, 50),
    st.integers(1, 7),
    st.integers(1, 4000),
)
def test_rows_are_kept_in_order(tmp_path_factory, rows, group, batch, limit):
    folder = tmp_path_factory.mktemp("events")
    columns = {name: pa.array([row[i] for row in rows], pa.uint32()) for i, name in enumerate(HEADER)}
    times = pa.array([[float(i)] * (i % 3) for i in range(len(rows))], pa.list_(pa.float64()))
    whole = pa.table({**columns, "I": pa.array(range(len(rows)), pa.int64()), "P.time": times})
    tables = [whole.slice(at, batch) for at in range(0, len(rows), batch)]
    with PartWriter(folder, "p", row_group_events=group, row_group_bytes=limit) as writer:
        for table in tables:
            writer.append(table)
    assert len(writer.parts) == bool(rows)
    if rows:
        file = pq.ParquetFile(folder / writer.parts[0].path)
        groups = [file.read_row_group(i).to_pylist() for i in range(file.num_row_groups)]
        file.close()
        assert all(len(g) <= group for g in groups)
        assert [r["I"] for g in groups for r in g] == list(range(len(rows)))
        assert all(r["P.time"] == [float(r["I"])] * (r["I"] % 3) for g in groups for r in g)
        assert writer.parts[0].run_range == (min(r[0] for r in rows), max(r[0] for r in rows))


def test_row_groups_end_at_the_number_of_events_and_at_the_bytes(tmp_path):
    with PartWriter(tmp_path, "n", row_group_events=8) as writer:
        for first in range(0, 30, 5):
            writer.append(events(first, 5))
    meta = pq.read_metadata(tmp_path / "n-0.parquet")
    assert [meta.row_group(i).num_rows for i in range(meta.num_row_groups)] == [8, 8, 8, 6]
    with PartWriter(tmp_path, "b", row_group_bytes=2000) as writer:
        for first in range(500, 1000, 125):
            writer.append(pa.table({"x": pa.array(range(2000), pa.int64())}).slice(first, 125))
    meta = pq.read_metadata(tmp_path / "b-0.parquet")
    assert [meta.row_group(i).num_rows for i in range(meta.num_row_groups)] == [250, 250]


def test_a_new_column_begins_a_new_part_and_absent_columns_are_null(tmp_path):
    with PartWriter(tmp_path, "p", row_group_events=4) as writer:
        writer.append(events(0, 4), "a.i3")
        writer.append(events(4, 4, New=pa.int32()), "a.i3")
        writer.append(events(8, 4), "b.i3")
    assert [p.sources for p in writer.parts] == [("a.i3",), ("a.i3", "b.i3")]
    assert writer.origins == ("a.i3",) * 5
    assert [(p.path, p.rows) for p in writer.parts] == [("p-0.parquet", 4), ("p-1.parquet", 8)]
    assert "New.value" not in pq.read_schema(tmp_path / "p-0.parquet").names
    assert pl.read_parquet(tmp_path / "p-1.parquet")["New.value"].to_list() == [
        4,
        5,
        6,
        7,
        None,
        None,
        None,
        None,
    ]
    assert writer.schema.names[-1] == "New.value"


def test_a_column_that_changes_its_type_is_refused_and_leaves_nothing(tmp_path):
    def convert():
        with PartWriter(tmp_path, "p", row_group_events=4) as writer:
            writer.append(events(0, 4, New=pa.int32()), "run.i3")
            writer.append(events(4, 4, New=pa.int64()), "next.i3")

    with pytest.raises(SchemaError, match=r"New\.value.*int32 in run\.i3.*int64 in next\.i3"):
        convert()
    assert files(tmp_path) == []


def test_an_exception_removes_all_parts_and_temporary_files(tmp_path):
    def convert():
        with PartWriter(tmp_path, "p", row_group_events=2) as writer:
            writer.append(events(0, 4))
            writer.append(events(4, 4, New=pa.int32()))
            assert len(files(tmp_path)) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert()
    assert files(tmp_path) == []


@pytest.mark.parametrize("step", ["write", "finish"])
def test_a_full_disk_is_named_and_leaves_no_half_part(tmp_path, monkeypatch, step):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    if step == "write":
        monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    else:
        monkeypatch.setattr(parts.files, "commit", full)
    with (
        pytest.raises(OSError, match=r"disk.*full.*run again to resume") as err,
        PartWriter(tmp_path, "p") as writer,
    ):
        writer.append(events(0, 4))
    assert err.value.errno == errno.ENOSPC
    assert files(tmp_path) == []


def test_what_goes_wrong_behind_ones_back_names_the_files_it_was_written_for(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    def convert():
        with PartWriter(tmp_path, "p", row_group_events=4) as writer:
            writer.append(events(0, 4), "first.i3")
            writer.append(events(4, 4), "second.i3")  # while the first is being written

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(OSError, match=r"p-\*\.parquet \(first\.i3\): the disk or your quota is full"):
        convert()
    assert files(tmp_path) == []


def test_writing_does_not_wait_for_the_row_group_before(tmp_path, monkeypatch):
    began, go_on = threading.Event(), threading.Event()
    write = pq.ParquetWriter.write_table

    def slowly(*args, **options):
        began.set()
        assert go_on.wait(20)
        write(*args, **options)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", slowly)
    with PartWriter(tmp_path, "p", row_group_events=4) as writer:
        writer.append(events(0, 4))
        assert began.wait(20)
        writer.append(events(4, 3))
        go_on.set()
    assert [p.rows for p in writer.parts] == [7]
    assert pl.read_parquet(tmp_path / "p-0.parquet")["I3EventHeader.event_id"].to_list() == list(range(7))


def test_memory_holds_one_row_group(tmp_path):
    with PartWriter(tmp_path, "p", row_group_events=100) as writer:
        for first in range(0, 1000, 30):
            writer.append(events(first, 30))
            assert writer._rows < 100
            assert sum(table.num_rows for table, _, _ in writer._buffer) == writer._rows
