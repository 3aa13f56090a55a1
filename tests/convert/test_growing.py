"""`growing`: a dataset that grows is at any time what a conversion of its files would be."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lines_reader import Lines

import icecol as ic
from icecol.dataset import growing, swap
from icecol.dataset.growing import changing
from icecol.dataset.lock import Lock
from icecol.dataset.uniting import records_of
from icecol.errors import DamagedFileError, DatasetError, MissingFactError, SchemaError

READER = Lines(2.0)


def lines(folder, run, n, first=0):
    path = folder / f"{run}.txt"
    path.write_text(
        "".join(f"{run} {i} {i / 2} {','.join(map(str, range(i)))}\n" for i in range(first, first + n))
    )
    return path


def made(folder, runs=(1, 2, 3), name="d.icecol", **settings):
    paths = [lines(folder, run, run) for run in runs]
    return ic.convert.from_source(READER, paths, folder / name, jobs=1, settings=settings or None)


def numbers(ds):
    return ds.scan().select("I3EventHeader.run_id", "I3EventHeader.event_id").collect().rows()


def expected(**events):
    return [(int(run[1:]), i) for run, n in events.items() for i in n]


def test_appending_gives_what_converting_all_gives(tmp_path):
    ds = made(tmp_path, (2, 4))
    found = ic.convert.append(ds.path, [lines(tmp_path, run, run) for run in (3, 1)], reader=READER, jobs=1)
    whole = ic.convert.from_source(READER, tmp_path / "*.txt", tmp_path / "whole.icecol", jobs=1)
    assert found.scan().collect().equals(whole.scan().collect())
    assert sorted(found.manifest.sources, key=str) == sorted(whole.manifest.sources, key=str)
    assert found.manifest.settings == whole.manifest.settings
    found.verify()
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".txt") == ["d.icecol", "whole.icecol"]


def test_appending_again_changes_nothing(tmp_path):
    ds = made(tmp_path)
    again = ic.convert.append(ds.path, tmp_path / "*.txt", reader=READER, jobs=1)
    assert (again.manifest.parts, again.manifest.sources) == (ds.manifest.parts, ds.manifest.sources)


def test_a_changed_file_is_replaced_and_not_appended(tmp_path):
    ds = made(tmp_path)
    path = lines(tmp_path, 2, 4)
    with pytest.raises(DatasetError, match=r"2\.txt is in .* already, and has changed since: replace it"):
        ic.convert.append(ds.path, path, reader=READER)
    found = ic.convert.replace(ds.path, path, reader=READER, jobs=1)
    assert sorted(numbers(found)) == expected(r1=range(1), r2=range(4), r3=range(3))
    found.verify()


def test_a_file_is_replaced_by_one_of_the_same_name_elsewhere(tmp_path):
    ds = made(tmp_path)
    (tmp_path / "pass2").mkdir()
    path = lines(tmp_path / "pass2", 3, 2)
    found = ic.convert.replace(ds.path, path, reader=READER, jobs=1)
    assert sorted(numbers(found)) == expected(r1=range(1), r2=range(2), r3=range(2))
    assert str(path) in {source.path for source in found.manifest.sources}


@pytest.mark.parametrize("names", [["1.txt"], ["2.txt"], ["3.txt"], ["1.txt", "3.txt"]])
def test_removing_leaves_the_events_of_the_others(tmp_path, names):
    ds = ic.convert.compact(made(tmp_path).path)
    assert len(ds.manifest.parts) == 1
    found = ic.convert.remove(ds.path, names)
    left = {f"r{run}": range(run) for run in (1, 2, 3) if f"{run}.txt" not in names}
    assert numbers(found) == expected(**left)
    assert all(set(p.sources) <= {s.path for s in found.manifest.sources} for p in found.manifest.parts)
    found.verify()


def test_what_is_not_there_cannot_be_removed(tmp_path):
    ds = made(tmp_path, (1, 2))
    for name in ("7.txt", tmp_path / "7.txt"):
        with pytest.raises(DatasetError, match="is not a file of"):
            ic.convert.remove(ds.path, name)
    with pytest.raises(DatasetError, match="no file would be left"):
        ic.convert.remove(ds.path, ["1.txt", "2.txt"])
    assert ic.open_dataset(ds.path).manifest == ds.manifest


def test_readers_keep_what_they_opened(tmp_path):
    ds = made(tmp_path)
    before = ds.scan().collect()
    ic.convert.append(ds.path, lines(tmp_path, 4, 4), reader=READER, jobs=1)
    ic.convert.replace(ds.path, lines(tmp_path, 2, 5), reader=READER, jobs=1)
    ic.convert.remove(ds.path, "1.txt")
    last = ic.convert.compact(ds.path)
    assert ds.scan().collect().equals(before)
    assert sorted(numbers(last)) == expected(r2=range(5), r3=range(3), r4=range(4))


def test_compaction_joins_parts_and_keeps_rows_and_order(tmp_path):
    ds = made(tmp_path, (3,))
    for run in (1, 2):
        ds = ic.convert.append(ds.path, lines(tmp_path, run, run), reader=READER, jobs=1)
    found = ic.convert.compact(ds.path)
    assert (len(ds.manifest.parts), len(found.manifest.parts)) == (3, 1)
    assert found.scan().collect().equals(ds.scan().collect())
    assert set(found.manifest.parts[0].sources) == {source.path for source in ds.manifest.sources}
    assert numbers(ic.convert.remove(ds.path, "2.txt")) == expected(r1=range(1), r3=range(3))


def test_parts_that_were_left_are_removed_after_a_day_or_on_request(tmp_path):
    ds = made(tmp_path)
    old = ds.path / ds.manifest.parts[0].path
    os.utime(old, (0, 0))  # written long ago: the day begins when it is left
    ic.convert.compact(ds.path)
    ic.convert.compact(ds.path)
    assert old.exists()
    os.utime(old, (time.time() - growing.KEEP - 10,) * 2)
    ic.convert.compact(ds.path)
    assert not old.exists()
    last = ic.convert.compact(ds.path, purge=True)
    assert [f"events/{p.name}" for p in (ds.path / "events").iterdir()] == [
        p.path for p in last.manifest.parts
    ]


def test_one_writer_at_a_time(tmp_path):
    ds = made(tmp_path)
    with changing(ds.path), pytest.raises(DatasetError, match="is being written by another process"):
        ic.convert.compact(ds.path)
    aside = swap.beside(ds.path)
    (aside / ".progress").mkdir(parents=True)
    with (
        Lock(aside / ".progress", ds.path),  # one that overwrites it
        pytest.raises(DatasetError, match="is being written by another process"),
    ):
        ic.convert.append(ds.path, lines(tmp_path, 4, 4), reader=READER)


def test_a_change_that_fails_leaves_the_dataset_as_it_was(tmp_path, monkeypatch):
    ds = made(tmp_path)

    def fail(*_, **__):
        raise OSError(28, "no space left")

    monkeypatch.setattr(growing.writer, "complete", fail)
    with pytest.raises(OSError, match="no space left"):
        ic.convert.replace(ds.path, lines(tmp_path, 2, 5), reader=READER, jobs=1)
    monkeypatch.undo()
    assert ic.open_dataset(ds.path).manifest == ds.manifest
    assert ic.open_dataset(ds.path).scan().collect().equals(ds.scan().collect())
    found = ic.convert.replace(ds.path, tmp_path / "2.txt", reader=READER, jobs=1)
    assert sorted(numbers(found)) == expected(r1=range(1), r2=range(5), r3=range(3))


def test_new_columns_are_null_in_the_older_parts(tmp_path):
    class More(Lines):
        def read(self, path, file, found):
            for table in super().read(path, file, found):
                yield table.append_column("New.value", [list(range(table.num_rows))])

    ds = made(tmp_path, (2,))
    found = ic.convert.append(ds.path, lines(tmp_path, 3, 3), reader=More(2.0), jobs=1)
    assert found.scan().collect()["New.value"].to_list() == [None, None, 0, 1, 2]

    class Other(Lines):
        def read(self, path, file, found):
            for table in super().read(path, file, found):
                yield table.append_column("New.value", [["a"] * table.num_rows])

    with pytest.raises(SchemaError, match=r"New\.value"):
        ic.convert.append(ds.path, lines(tmp_path, 4, 4), reader=Other(2.0), jobs=1)
    assert ic.open_dataset(ds.path).rows == 5


def test_files_are_converted_as_the_others_were(tmp_path):
    ds = made(tmp_path)
    with pytest.raises(DatasetError, match=r"was made with scale = 2\.0, and not 3\.0"):
        ic.convert.append(ds.path, lines(tmp_path, 4, 4), reader=Lines(3.0))
    with pytest.raises(DatasetError, match="give the reader that made it"):
        ic.convert.append(ds.path, tmp_path / "4.txt")
    for k in range(3):
        ic.sim.write(tmp_path / f"{k}.i3", ic.sim.events(3, seed=k), run_id=k)
    options = {"keys": "I3EventHeader", "pulses": "InIce*", "streams": "InIceSplit", "stop": "P"}
    i3 = ic.convert.i3(tmp_path / "0.i3", tmp_path / "i3.icecol", jobs=1, **options)
    found = ic.convert.append(i3.path, tmp_path / "*.i3", jobs=1)
    assert found.schema == i3.schema
    assert found.rows == 9


def test_livetime_and_number_of_files_are_never_wrong(tmp_path):
    ds = made(tmp_path, (1, 2), nfiles=2, livetime=20.0)
    path = lines(tmp_path, 3, 3)
    with pytest.raises(DatasetError, match=r"has livetime = 20, .*settings={'livetime': \.\.\.}"):
        ic.convert.append(ds.path, path, reader=READER, jobs=1)
    found = ic.convert.append(ds.path, path, reader=READER, jobs=1, settings={"livetime": 30.0})
    assert {k: found.manifest.settings[k] for k in ("nfiles", "livetime")} == {"nfiles": 3, "livetime": 30.0}
    found = ic.convert.replace(ds.path, lines(tmp_path, 3, 4), reader=READER, jobs=1)
    assert found.manifest.settings["livetime"] == 30.0
    found = ic.convert.remove(ds.path, "3.txt", settings={"livetime": 20.0})
    assert found.manifest.settings["nfiles"] == 2
    assert ic.facts(found).livetime == 20.0
    other = made(tmp_path, (1, 2), "other.icecol", nfiles=100)
    with pytest.raises(DatasetError, match="nfiles = 100"):
        ic.convert.remove(other.path, "2.txt")
    with pytest.raises(MissingFactError):
        _ = ic.facts(other).livetime


def test_damage_is_told_when_the_rest_is_in_the_dataset(tmp_path):
    ds = made(tmp_path)
    bad = lines(tmp_path, 4, 2)
    bad.write_text(f"{bad.read_text()}x y\n")
    with pytest.raises(DamagedFileError, match="complete with all intact frames"):
        ic.convert.append(ds.path, bad, reader=READER, jobs=1)
    assert ic.open_dataset(ds.path).rows == 8


def test_a_copy_of_a_file_is_told(tmp_path):
    ds = made(tmp_path)
    (tmp_path / "copy.txt").write_bytes((tmp_path / "3.txt").read_bytes())
    with pytest.warns(
        UserWarning, match=r"copy\.txt has the same content as .*3\.txt: its events count twice"
    ):
        ic.convert.append(ds.path, tmp_path / "copy.txt", reader=READER, jobs=1)


def test_a_blind_dataset_stays_blind(tmp_path):
    ds = ic.blind(made(tmp_path), hide="Fit.energy")
    found = ic.convert.append(ds.path, lines(tmp_path, 4, 4), reader=READER, jobs=1)
    assert found.manifest.blinding == ds.manifest.blinding
    assert found.scan().collect()["Fit.energy"].null_count() == 10


@settings(max_examples=10)
@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["add", "remove", "compact"])), max_size=6))
def test_any_changes_in_any_order_end_in_the_right_events(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("any")
    ds = made(folder, (8, 9))
    there = {8: 8, 9: 9}
    for run, what in steps:
        if what == "compact":
            ds = ic.convert.compact(ds.path)
        elif what == "add" and run not in there:
            ds = ic.convert.append(ds.path, lines(folder, run, run), reader=READER, jobs=1)
            there[run] = run
        elif what == "remove" and run in there:
            ds = ic.convert.remove(ds.path, f"{run}.txt")
            del there[run]
    assert sorted(numbers(ds)) == [(run, i) for run in sorted(there) for i in range(run)]
    records = records_of(ds)
    assert sum(len(record.sources) for record in records) == len(there)
    assert sum(part.rows for record in records for part in record.parts) == sum(there.values())
    assert {s.path: s.events for s in ds.manifest.sources} == {
        str(folder / f"{k}.txt"): n for k, n in there.items()
    }


def test_a_manifest_that_does_not_tell_the_files_apart_is_refused(tmp_path):
    ds = made(tmp_path)
    parts = tuple(replace(part, sources=("other.txt",)) for part in ds.manifest.parts)
    with pytest.raises(DatasetError, match="does not tell which events are of which file"):
        records_of(ic.Dataset(ds.path, replace(ds.manifest, parts=parts)))
