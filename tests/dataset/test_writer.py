from __future__ import annotations

import errno

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol.dataset import writer as writers
from icecol.dataset.geometry import Geometry
from icecol.dataset.manifest import Source
from icecol.dataset.scan import open_dataset
from icecol.dataset.writer import PartWriter
from icecol.errors import DatasetError, SchemaError

HEADER = tuple(f"I3EventHeader.{name}" for name in ("run_id", "event_id", "sub_event_id"))


def events(first: int, n: int, *, run: int = 1, **extra: pa.DataType) -> pa.Table:
    """Events `first` to `first + n` of a run, with pulses, and a column of each of the types named."""
    numbers = range(first, first + n)
    columns = {
        HEADER[0]: pa.array([run] * n, pa.uint32()),
        HEADER[1]: pa.array(numbers, pa.uint32()),
        HEADER[2]: pa.array([0] * n, pa.uint32()),
        "P.time": pa.array(
            [None if i % 5 == 4 else [i + 0.1 * k for k in range(i % 4)] for i in numbers],
            pa.list_(pa.float64()),
        ),
    }
    return pa.table({**columns, **{f"{k}.value": pa.array(list(numbers), t) for k, t in extra.items()}})


def make(dataset, sources, settings=(), *, until=None, **options):
    """Convert `sources` (path -> tables) as the converter does, and stop before source `until`."""
    settings = dict(settings)
    writers.start(dataset)
    for path, tables in sources.items():
        if path == until:
            return
        if writers.done(dataset, path, settings) is None:
            with writers.part_writer(dataset, path, settings, **options) as writer:
                for table in tables:
                    writer.append(table)
            n = sum(table.num_rows for table in tables)
            row = pa.table({"I3CorsikaInfo.n_events": [n]})
            writers.record(
                dataset, Source(str(path), path.stat().st_size, events=n), settings, writer, simulation=row
            )
    writers.finish(dataset, settings, list(sources))


@pytest.fixture
def sources(tmp_path):
    """Three source files, the second with a column that the others lack, in order of run 3, 1, 2."""
    found = {}
    for i, (run, extra) in enumerate([(3, {}), (1, {"New": pa.int32()}), (2, {})]):
        path = tmp_path / f"{i}.i3"
        path.write_bytes(b"x" * i)
        found[path] = [events(0, 10, run=run, **extra), events(10, 7, run=run, **extra)]
    return found


def files(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


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
        writer.append(events(0, 4))
        writer.append(events(4, 4, New=pa.int32()))
        writer.append(events(8, 4))
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
        with PartWriter(tmp_path, "p", name="run.i3", row_group_events=4) as writer:
            writer.append(events(0, 4, New=pa.int32()))
            writer.append(events(4, 4, New=pa.int64()))

    with pytest.raises(SchemaError, match=r"New\.value.*int32.*run\.i3.*int64"):
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
        monkeypatch.setattr(writers.manifests, "commit", full)
    with (
        pytest.raises(OSError, match=r"disk.*full.*run again to resume") as err,
        PartWriter(tmp_path, "p") as writer,
    ):
        writer.append(events(0, 4))
    assert err.value.errno == errno.ENOSPC
    assert files(tmp_path) == []


def test_memory_holds_one_row_group(tmp_path):
    with PartWriter(tmp_path, "p", row_group_events=100) as writer:
        for first in range(0, 1000, 30):
            writer.append(events(first, 30))
            assert writer._rows < 100
            assert sum(table.num_rows for table, _ in writer._buffer) == writer._rows


def test_a_dataset_is_united_from_its_sources_in_order_of_run(tmp_path, sources):
    dataset = tmp_path / "d.icecol"
    make(dataset, sources, {"nfiles": 3})
    ds = open_dataset(dataset)
    frame = ds.scan().collect()
    assert frame[HEADER[0]].to_list() == [1] * 17 + [2] * 17 + [3] * 17
    assert frame["New.value"].to_list() == [*range(17), *[None] * 34]
    assert frame.schema["New.value"] == pl.Int32
    assert ds.manifest.settings == {"nfiles": 3}
    assert [s.events for s in ds.manifest.sources] == [17, 17, 17]
    assert ds.simulation["I3CorsikaInfo.n_events"].to_list() == [17, 17, 17]
    assert ds.simulation["source"].to_list() == [s.path for s in ds.manifest.sources]
    assert not (dataset / ".progress").exists()


def test_a_killed_run_is_no_dataset_and_resumes_where_it_stopped(tmp_path, sources):
    dataset = tmp_path / "d.icecol"
    last = list(sources)[-1]
    make(dataset, sources, until=last)
    stray = dataset / "events" / f".part-{writers.source_key(last, {})}-0.parquet.1.tmp"
    stray.write_bytes(b"PAR1")
    (dataset / "events" / "part-0000000000000000-0.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match=r"2 source files are done.*resume"):
        open_dataset(dataset)
    with pytest.raises(DatasetError, match=r"1 sources are to be converted: .*2\.i3"):
        writers.finish(dataset, {}, list(sources))
    before = {p: p.stat().st_mtime_ns for p in (dataset / "events").glob("*.parquet") if p.stat().st_size > 4}
    assert len(before) == 2
    make(dataset, sources)
    assert all(p.stat().st_mtime_ns == t for p, t in before.items())
    assert open_dataset(dataset).scan().collect().height == 51
    assert len(files(dataset / "events")) == 3


def test_a_source_is_done_only_with_the_same_settings_content_and_parts(tmp_path, sources):
    dataset = tmp_path / "d.icecol"
    first, second, third = sources
    make(dataset, sources, {"keys": ["*"]}, until=third)
    assert writers.done(dataset, first, {"keys": ["*"]}) is not None
    assert writers.done(dataset, first, {"keys": ["P"]}) is None
    assert writers.done(dataset, third, {"keys": ["*"]}) is None
    first.write_bytes(b"changed")
    assert writers.done(dataset, first, {"keys": ["*"]}) is None
    record = writers.done(dataset, second, {"keys": ["*"]})
    (dataset / record.parts[0].path).write_bytes(b"cut")
    assert writers.done(dataset, second, {"keys": ["*"]}) is None


def test_a_source_without_events_is_part_of_the_dataset(tmp_path):
    path = tmp_path / "empty.i3"
    path.touch()
    make(tmp_path / "d", {path: [events(0, 0)]})
    ds = open_dataset(tmp_path / "d")
    assert (ds.rows, len(ds.manifest.sources), ds.manifest.parts) == (0, 1, ())
    assert ds.scan().collect().schema == ds.scan().collect_schema()
    assert "P.time" in ds.schema.names


def test_start_refuses_other_peoples_folders_and_finished_datasets(tmp_path, sources):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").touch()
    with pytest.raises(DatasetError, match=r"not empty.*thesis\.tex"):
        writers.start(tmp_path / "home")
    make(tmp_path / "d", sources)
    with pytest.raises(DatasetError, match="finished dataset"):
        writers.start(tmp_path / "d")
    writers.start(tmp_path / "d", overwrite=True)
    assert files(tmp_path / "d") == []


def test_the_geometry_is_written_beside_the_events(tmp_path):
    dataset = writers.start(tmp_path / "d")
    writers.finish(dataset, {}, geometry=Geometry.nominal())
    assert files(dataset) == ["geometry.parquet", "manifest.json"]
    assert open_dataset(dataset).geometry.equals(Geometry.nominal())


def test_compaction_merges_small_parts_and_changes_no_row(tmp_path, sources):
    dataset = tmp_path / "d"
    make(dataset, sources, row_group_events=8)
    before = open_dataset(dataset)
    expected = before.scan().collect()
    after = writers.compact(dataset, row_group_events=32)
    assert [part.rows for part in after.parts] == [51]
    assert after.parts[0].run_range == (1, 3)
    assert set(after.parts[0].sources) == {str(path) for path in sources}
    assert pq.read_metadata(dataset / after.parts[0].path).row_group(0).num_rows == 32
    assert open_dataset(dataset).scan().collect().equals(expected)
    assert len(files(dataset / "events")) == 1
    assert writers.compact(dataset, row_group_events=32) == after


@pytest.mark.parametrize("step", ["write", "_remove_strays"])
def test_compaction_that_is_killed_loses_and_doubles_nothing(tmp_path, sources, monkeypatch, step):
    dataset = tmp_path / "d"
    make(dataset, sources)
    expected = open_dataset(dataset).scan().collect()

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writers.manifests if step == "write" else writers, step, killed)
        with pytest.raises(KeyboardInterrupt):
            writers.compact(dataset)
    assert len(files(dataset / "events")) == 4
    assert open_dataset(dataset).scan().collect().equals(expected)
    writers.compact(dataset)
    assert open_dataset(dataset).scan().collect().equals(expected)


def test_large_parts_are_left_alone_by_compaction(tmp_path):
    dataset = tmp_path / "d"
    found = {}
    for i, n in enumerate([3, 40, 3, 3]):
        path = tmp_path / f"{i}.i3"
        path.touch()
        found[path] = [events(0, n, run=i)]
    make(dataset, found)
    assert [part.rows for part in writers.compact(dataset, row_group_events=32).parts] == [3, 40, 6]
