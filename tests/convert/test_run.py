"""`run`, `source`, `remarks`: many files to one dataset, whatever their form: readers, inputs, locks, facts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lines_reader
import pyarrow as pa
import pytest
from lines_reader import Lines

import icecol as ic
from icecol import files
from icecol.dataset import manifest as manifests
from icecol.dataset import records
from icecol.dataset import schema as schemas
from icecol.dataset.lock import Lock
from icecol.errors import DamagedFileError, DatasetError, UnknownStreamError


def lines(path: Path, run: int, n: int) -> Path:
    path.write_text("".join(f"{run} {i} {i / 2} {','.join(map(str, range(i)))}\n" for i in range(n)))
    return path


# -- a reader of a new form -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_reader_of_a_new_form_is_one_class(tmp_path):
    paths = [lines(tmp_path / f"{run}.txt", run, 3) for run in (2, 1)]
    done: list[tuple[str, int, int, int]] = []
    ds = ic.convert.from_source(
        Lines(2.0),
        paths,
        tmp_path / "d",
        settings={"livetime": 8.5},
        progress=lambda *step: done.append(step),
    )
    frame = ds.scan().collect()
    assert frame["I3EventHeader.run_id"].to_list() == [1] * 3 + [2] * 3
    assert frame["Fit.energy"].to_list() == [0.0, 1.0, 2.0] * 2
    assert frame["Hits.time"].to_list() == [[], [0.0], [0.0, 1.0]] * 2
    assert schemas.unit(ds.schema.field("Fit.energy")) == "GeV"
    assert ds.geometry.equals(ic.Geometry.nominal())
    assert ds.manifest.settings == {"form": "lines", "scale": 2.0, "livetime": 8.5}
    assert [sum(step[i] for step in done) for i in (1, 2, 3)] == [6, sum(p.stat().st_size for p in paths), 2]
    one = ds.manifest.sources[0]
    assert (Path(one.path).name, one.frames_read, one.events) == ("1.txt", 3, 3)
    assert one.checksum == files.checksum(paths[1])
    ds.verify()


class Uncounted(Lines):
    def read(self, path, file, found):
        yield from super().read(path, file, found)
        found.frames = 0


def test_a_reader_of_a_form_without_frames_need_not_count_any(tmp_path):
    ds = ic.convert.from_source(Uncounted(), lines(tmp_path / "1.txt", 1, 3), tmp_path / "d", jobs=1)
    assert ds.rows == 3
    with pytest.warns(UserWarning, match=r"none\.txt has no events \(0 bytes\)"):
        ic.convert.from_source(
            Uncounted(), [tmp_path / "1.txt", lines(tmp_path / "none.txt", 1, 0)], tmp_path / "e", jobs=1
        )


@pytest.mark.slow
def test_its_damage_is_told_and_its_files_are_resumed(tmp_path):
    paths = [lines(tmp_path / f"{run}.txt", run, 3) for run in range(8)]
    with paths[3].open("a") as file:
        file.write("not an event\n")
    with pytest.raises(
        DamagedFileError, match=r"3\.txt: frame 3 at byte 31: .* is complete with all intact frames"
    ):
        ic.convert.from_source(Lines(), paths, tmp_path / "d")
    assert ic.convert.from_source(Lines(), paths, tmp_path / "e", skip_damaged=True).rows == 24

    def stop(_path: str, _events: int, _bytes: int, n: int) -> None:
        if n:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ic.convert.from_source(Lines(), paths, tmp_path / "f", jobs=1, progress=stop)
    assert records.n_done(tmp_path / "f") == 2
    read: list[str] = []
    resumed = ic.convert.from_source(
        Lines(),
        paths,
        tmp_path / "f",
        jobs=1,
        skip_damaged=True,
        progress=lambda p, _, b, __: b and read.append(p),
    )
    assert sorted({Path(p).name for p in read}) == [f"{i}.txt" for i in range(2, 8)]
    assert resumed.rows == 24


@pytest.mark.slow
def test_a_reader_may_be_defined_in_a_script(tmp_path):
    for run in (1, 2):
        lines(tmp_path / f"{run}.txt", run, 3)
    script = (
        f"{Path(lines_reader.__file__).read_text()}\n\nimport icecol as ic\n"
        f"print(ic.convert.from_source(Lines(), {str(tmp_path / '*.txt')!r}, {str(tmp_path / 'd')!r}, jobs=2).rows)\n"
    )
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "6\n", done.stderr


# -- inputs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["i3", "i3.gz", "i3.bz2", "i3.zst", "i3.xz"])
def test_a_file_is_opened_once_and_its_checksum_is_of_all_its_bytes(tmp_path, monkeypatch, ending):
    path, other = tmp_path / f"a.{ending}", tmp_path / "other.i3"
    ic.sim.write(path, ic.sim.events(10, seed=1))
    ic.sim.write(other, ic.sim.events(1, seed=2))
    whole = path.read_bytes()
    opened: list[Path] = []
    monkeypatch.setattr(files.Input, "__enter__", lambda self: opened.append(self.path) or self)
    for cut, n in ((whole, 10), (whole[: len(whole) * 3 // 4], None)):
        path.write_bytes(cut)
        ds = ic.convert.i3([path, other], tmp_path / f"{len(cut)}", jobs=1, skip_damaged=True)
        (source,) = (s for s in ds.manifest.sources if s.path == str(path))
        assert (source.size, source.modified) == (path.stat().st_size, path.stat().st_mtime_ns)
        monkeypatch.undo()
        assert source.checksum == files.checksum(path)
        assert source.status == ("ok" if n else "damaged")
        assert n is None or source.events == n
    assert opened == [path, other]


def test_a_file_that_changes_while_it_is_read_is_an_error_and_not_recorded(tmp_path):
    paths = [lines(tmp_path / f"{run}.txt", run, 3) for run in range(8)]

    def touch(path: str, _events: int, n_bytes: int, _files: int) -> None:
        if n_bytes and path.endswith("5.txt"):
            lines(paths[5], 5, 4)

    with pytest.raises(
        OSError, match=r"5\.txt changed while it was being read .*run again when it is complete"
    ):
        ic.convert.from_source(Lines(), paths, tmp_path / "d", jobs=1, progress=touch)
    done = {s.path for r in records.done(tmp_path / "d", paths, Lines().settings()) for s in r.sources}
    assert done == {str(path) for path in paths[:4]}
    assert ic.convert.from_source(Lines(), paths, tmp_path / "d", jobs=1).rows == 25


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"pipe is not a regular file.*save it to a file"):
        ic.convert.i3(tmp_path / "pipe", tmp_path / "d")
    with pytest.raises(ValueError, match=r"pipe is not a regular file"):
        ic.scan_i3(tmp_path / "pipe")
    assert not (tmp_path / "d").exists()


def test_a_conversion_changes_nothing_in_the_process_of_its_caller(tmp_path):
    before = pa.default_memory_pool().backend_name
    seen = set()
    lines(tmp_path / "a.txt", 1, 3)
    ic.convert.from_source(
        Lines(), tmp_path / "a.txt", tmp_path / "d", jobs=1,
        progress=lambda *_: seen.add(pa.default_memory_pool().backend_name),
    )  # fmt: skip
    assert seen == {before}


# -- one writer, and what is there before and after -------------------------------------------------------------------


def test_two_conversions_into_one_folder_do_not_mix(tmp_path):
    path = lines(tmp_path / "a.txt", 1, 3)
    (tmp_path / "d" / ".progress").mkdir(parents=True)
    with (
        Lock(tmp_path / "d" / ".progress", tmp_path / "d"),
        pytest.raises(DatasetError, match=rf"being written by another process \(process {os.getpid()} on"),
    ):
        ic.convert.from_source(Lines(), path, tmp_path / "d")
    assert ic.convert.from_source(Lines(), path, tmp_path / "d").rows == 3


def test_what_fails_leaves_the_dataset_that_was_to_be_overwritten(tmp_path):
    ic.sim.write(tmp_path / "a.i3", ic.sim.events(5, seed=1))
    ds = ic.convert.i3(tmp_path / "a.i3", tmp_path / "d", jobs=1)
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in ds.path.rglob("*")}
    (tmp_path / "b.i3").write_bytes(b"no frames at all, \0 nor text")
    for error, path, options in (
        (UnknownStreamError, "a.i3", {"streams": "Typo"}),
        (UnknownStreamError, "a.i3", {"streams": ["InIceSplit", "Typo"]}),
        (UnknownStreamError, "a.i3", {"stop": "X"}),
        (DamagedFileError, "b.i3", {}),
        (FileNotFoundError, "c.i3", {}),
    ):
        with pytest.raises(error):
            ic.convert.i3(tmp_path / path, tmp_path / "d", jobs=1, overwrite=True, **options)
        assert {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in ds.path.rglob("*")} == before
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.i3", "b.i3", "d"]


def test_a_first_conversion_that_finds_nothing_leaves_no_folder(tmp_path):
    (tmp_path / "b.i3").write_bytes(b"no frames at all, \0 nor text")
    with pytest.raises(DamagedFileError, match=r"b\.i3: frame 0 at byte 0: .*; no event could be read"):
        ic.convert.i3(tmp_path / "b.i3", tmp_path / "d", jobs=1)
    assert not (tmp_path / "d").exists()


# -- facts ------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*has the same content")
def test_streams_of_any_name_are_counted_also_when_a_run_goes_on(tmp_path):
    frames = []
    for i, stream in enumerate(["Ice, Split", "Ice, Split", "streams seen: a 1", ""]):
        frame = ic.Frame("P")
        frame["I3EventHeader"] = ic.new("I3EventHeader", run_id=1, event_id=i, sub_event_stream=stream)
        frames.append(frame)
    ic.write_i3(tmp_path / "a.i3", frames)
    (tmp_path / "b.i3").write_bytes((tmp_path / "a.i3").read_bytes())

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    both = [tmp_path / "a.i3", tmp_path / "b.i3"]
    with pytest.raises(KeyboardInterrupt):
        ic.convert.i3(both, tmp_path / "d", jobs=1, progress=lambda *step: step[3] and stop())
    ds = ic.convert.i3(both, tmp_path / "d", jobs=1)
    wanted = {"Ice, Split": 2, "streams seen: a 1": 1, "": 1}
    assert [source.streams for source in ds.manifest.sources] == [wanted, wanted]
    assert [source.stops["P"] for source in ds.manifest.sources] == [4, 4]
    again = ic.open_dataset(ds.path)
    assert again.manifest.sources == ds.manifest.sources


def test_the_manifest_is_written_once_with_the_settings_of_the_user(tmp_path, monkeypatch):
    written = []
    write = manifests.write
    monkeypatch.setattr(
        manifests, "write", lambda m, path: written.append(dict(m.settings)) or write(m, path)
    )
    ic.sim.write(tmp_path / "a.i3", ic.sim.events(5, seed=1))
    ds = ic.convert.i3(tmp_path / "a.i3", tmp_path / "d", jobs=1, settings={"nfiles": 1, "livetime": 3.5})
    assert len(written) == 1
    assert written[0] == ds.manifest.settings
    assert ds.manifest.settings.items() >= {"nfiles": 1, "livetime": 3.5, "form": "i3"}.items()
    assert json.loads((ds.path / "manifest.json").read_text())["schema_version"] == manifests.SCHEMA_VERSION
