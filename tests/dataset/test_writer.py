"""Datasets are written whole, and one takes the place of another (`writer`, `records`, `making`, `folder`, `swap`)."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest
from event_tables import HEADER, events, files

from icecol.dataset import records, swap
from icecol.dataset import writer as writers
from icecol.dataset.folder import PROGRESS
from icecol.dataset.making import making
from icecol.dataset.manifest import Source
from icecol.dataset.scan import open_dataset
from icecol.detector.geometry import Geometry
from icecol.errors import DatasetError, UnknownStreamError


def source(path, n):
    return Source(str(path), path.stat().st_size, path.stat().st_mtime_ns, events=n)


def make(dataset, sources, settings=(), *, until=None, together=1, **options):
    """Convert `sources` (path -> tables) as the converter does, so many `together`, and stop before source `until`."""
    settings = dict(settings)
    with making(dataset) as folder:
        convert(folder, sources, settings, until, together, options)


def convert(dataset, sources, settings, until, together, options):
    done = {source.path for group in records.done(dataset, sources, settings) for source in group.sources}
    todo = [path for path in sources if str(path) not in done]
    for group in (todo[i : i + together] for i in range(0, len(todo), together)):
        if until in group:
            return
        made, simulation = [], {}
        with writers.part_writer(dataset, group, settings, **options) as writer:
            for path in group:
                for table in sources[path]:
                    writer.append(table, str(path))
                n = sum(table.num_rows for table in sources[path])
                simulation[str(path)] = pa.table({"I3CorsikaInfo.n_events": [n]})
                made.append(source(path, n))
        records.record(dataset, made, settings, writer, simulation)
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
    stray = dataset / "events" / f".part-{records.source_key(last, {})}-0.parquet.1.tmp"
    stray.write_bytes(b"PAR1")
    (dataset / "events" / "part-0000000000000000-0.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match=r"2 source files are done.*resume"):
        open_dataset(dataset)
    with pytest.raises(DatasetError, match=r"1 sources have not been converted: .*2\.i3"):
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

    def done(keys="*"):
        return [record.sources[0].path for record in records.done(dataset, sources, {"keys": [keys]})]

    make(dataset, sources, {"keys": ["*"]}, until=third)
    assert sorted(done()) == [str(first), str(second)]
    assert done("P") == []
    first.write_bytes(b"changed")
    assert done() == [str(second)]
    (record,) = records.done(dataset, [second], {"keys": ["*"]})
    (dataset / record.parts[0].path).write_bytes(b"cut")
    assert done() == []


def test_sources_that_are_converted_together_share_parts(tmp_path, sources):
    make(tmp_path / "one", sources)
    make(tmp_path / "all", sources, together=3)
    (part,) = open_dataset(tmp_path / "all").manifest.parts
    assert (part.rows, part.sources) == (51, tuple(map(str, sources)))
    one, together = (open_dataset(tmp_path / d).scan().collect() for d in ("one", "all"))
    assert together.sort(HEADER[:2]).equals(one.sort(HEADER[:2]))
    simulation = open_dataset(tmp_path / "all").simulation
    assert simulation["source"].to_list() == [str(path) for path in sources]


def test_a_group_is_done_only_as_a_whole(tmp_path, sources):
    dataset = tmp_path / "d"
    first, second, third = sources
    make(dataset, sources, together=2, until=third)
    (record,) = records.done(dataset, sources, {})
    assert [source.path for source in record.sources] == [str(first), str(second)]
    assert records.done(dataset, [first, third], {}) == []
    with pytest.raises(DatasetError, match="2 sources have not been converted"):
        writers.finish(dataset, {}, [first, third])
    second.write_bytes(b"changed")
    assert records.done(dataset, sources, {}) == []
    make(dataset, sources)
    frame = open_dataset(dataset).scan().collect()
    assert frame[HEADER[0]].to_list() == [1] * 17 + [2] * 17 + [3] * 17
    assert len(files(dataset / "events")) == 3


def test_a_source_in_two_groups_counts_once(tmp_path, sources):
    dataset = tmp_path / "d"
    first, _, third = sources
    make(dataset, sources, together=2, until=third)
    make(dataset, {first: sources[first]} | {third: sources[third]}, until=third)
    groups = records.done(dataset, sources, {})
    assert len({source.path for group in groups for source in group.sources}) == sum(
        len(group.sources) for group in groups
    )
    make(dataset, sources)
    assert open_dataset(dataset).rows == 51


def test_a_source_without_events_is_part_of_the_dataset(tmp_path):
    path = tmp_path / "empty.i3"
    path.touch()
    make(tmp_path / "d", {path: [events(0, 0)]})
    ds = open_dataset(tmp_path / "d")
    assert (ds.rows, len(ds.manifest.sources), ds.manifest.parts) == (0, 1, ())
    assert ds.scan().collect().schema == ds.scan().collect_schema()
    assert "P.time" in ds.schema.names


def test_other_peoples_folders_and_finished_datasets_are_refused(tmp_path, sources):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").touch()
    with pytest.raises(DatasetError, match=r"nor empty.*thesis\.tex"), making(tmp_path / "home"):
        pass
    make(tmp_path / "d", sources)
    before = files(tmp_path / "d")
    with pytest.raises(DatasetError, match="finished dataset"), making(tmp_path / "d"):
        pass
    assert files(tmp_path / "d") == before


def overwrite(dataset, sources, until=None):
    with making(dataset, overwrite=True) as folder:
        convert(folder, sources, {}, until, 1, {})


def test_a_dataset_that_is_overwritten_is_there_until_the_new_one_is(tmp_path, sources):
    make(tmp_path / "d", sources)
    (tmp_path / "d" / "notes.txt").write_text("mine")
    first = list(sources)[:1]
    with making(tmp_path / "d", overwrite=True) as folder:
        assert folder != tmp_path / "d"
        convert(folder, {path: sources[path] for path in first}, {}, None, 1, {})
        assert open_dataset(tmp_path / "d").rows == 51
    assert open_dataset(tmp_path / "d").rows == 17
    assert (tmp_path / "d" / "notes.txt").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.i3", "1.i3", "2.i3", "d"]
    assert sorted(p.name for p in (tmp_path / "d").iterdir()) == [
        "events", "manifest.json", "notes.txt", "simulation.parquet",
    ]  # fmt: skip


def test_the_exchange_takes_two_steps_where_the_file_system_cannot_do_it_in_one(
    tmp_path, sources, monkeypatch
):
    make(tmp_path / "d", sources)
    first = {path: sources[path] for path in list(sources)[:1]}
    monkeypatch.setattr(swap, "_at_once", lambda *_: False)
    overwrite(tmp_path / "d", first)
    assert open_dataset(tmp_path / "d").rows == 17
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.i3", "1.i3", "2.i3", "d"]


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.mark.parametrize(("step", "rows"), [("before", 51), ("between", 17), ("after", 17)])
def test_a_kill_during_the_exchange_leaves_a_whole_dataset(tmp_path, sources, monkeypatch, step, rows):
    make(tmp_path / "d", sources)
    first = {path: sources[path] for path in list(sources)[:1]}

    def exchange(new, dataset, own):
        assert "manifest.json" in own
        if step != "before":
            dataset.rename(tmp_path / ".d.old")
        if step == "after":
            new.rename(dataset)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(swap, "exchange", exchange)
        with pytest.raises(Killed):
            overwrite(tmp_path / "d", first)
    if step == "between":
        with pytest.raises(DatasetError, match="interrupted: convert again"):
            open_dataset(tmp_path / "d")
        swap.settle(tmp_path / "d", {"events", "manifest.json"}, PROGRESS)
    assert open_dataset(tmp_path / "d").rows == rows
    overwrite(tmp_path / "d", sources)
    assert open_dataset(tmp_path / "d").rows == 51
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.i3", "1.i3", "2.i3", "d"]


def test_a_failed_overwrite_leaves_the_old_dataset_as_it_was(tmp_path, sources):
    make(tmp_path / "d", sources)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "d").rglob("*")}
    with pytest.raises(UnknownStreamError), making(tmp_path / "d", overwrite=True):
        raise UnknownStreamError
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "d").rglob("*")} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.i3", "1.i3", "2.i3", "d"]


def interrupted(dataset, sources, until, **options):
    with making(dataset, **options) as folder:
        convert(folder, sources, {}, until, 1, {})
        raise KeyboardInterrupt


def test_a_killed_overwrite_goes_on_where_it_stopped(tmp_path, sources):
    make(tmp_path / "d", sources)
    first, second, _ = sources
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "d", sources, second, overwrite=True)
    with making(tmp_path / "d", overwrite=True) as folder:
        assert [r.sources[0].path for r in records.done(folder, sources, {})] == [str(first)]
        convert(folder, sources, {}, None, 1, {})
    assert open_dataset(tmp_path / "d").rows == 51


def test_a_first_run_that_records_no_event_leaves_no_folder(tmp_path, sources):
    first, second, _ = sources
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "d", sources, first)
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "e", {first: []} | {second: []}, second)
    assert not (tmp_path / "d").exists()
    assert not (tmp_path / "e").exists()
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "f", sources, second)
    assert records.n_done(tmp_path / "f") == 1


def test_the_geometry_is_written_beside_the_events(tmp_path):
    with making(tmp_path / "d") as dataset:
        writers.finish(dataset, {}, geometry=Geometry.nominal())
    assert files(tmp_path / "d") == ["geometry.parquet", "manifest.json"]
    assert open_dataset(tmp_path / "d").geometry.equals(Geometry.nominal())


def test_a_source_that_changes_after_it_was_read_is_not_done(tmp_path, sources):
    first, second, _ = sources
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "d", sources, second)
    assert len(records.done(tmp_path / "d", [first], {})) == 1
    first.write_bytes(b"changed since")
    assert records.done(tmp_path / "d", [first], {}) == []


def test_further_settings_are_in_the_manifest_and_decide_nothing(tmp_path, sources):
    with making(tmp_path / "d") as folder:
        convert(folder, sources, {"keys": None}, list(sources)[2], 1, {})
        writers.finish(folder, {"keys": None}, list(sources)[:2], more={"nfiles": 2})
    assert open_dataset(tmp_path / "d").manifest.settings == {"keys": None, "nfiles": 2}


@pytest.mark.parametrize("name", ["cut", "empty", "list"])
def test_a_record_that_is_not_whole_is_made_again(tmp_path, sources, name):
    make(tmp_path / "d", sources, until=list(sources)[-1])
    assert records.n_done(tmp_path / "d") == 2
    (record, *_) = sorted((tmp_path / "d" / PROGRESS).glob("*.json"))
    text = record.read_text()
    record.write_text({"cut": text[: len(text) // 2], "empty": "", "list": "[1]"}[name])
    assert records.n_done(tmp_path / "d") == 1
    make(tmp_path / "d", sources)
    assert open_dataset(tmp_path / "d").rows == 51


@pytest.mark.parametrize("name", ["f", "f/d", "f/d/e"])
def test_a_file_in_the_place_of_a_dataset_is_named_and_stays(tmp_path, name):
    (tmp_path / "f").write_text("mine")
    with (
        pytest.raises(DatasetError, match=r"cannot be a dataset, as .*f is a file"),
        making(tmp_path / name),
    ):
        pass
    assert (tmp_path / "f").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
