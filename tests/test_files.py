"""Files are whole or not there at all, whatever goes wrong, and errors name the file that was asked for."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from icecol import files


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with files.whole(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
        assert aside.parent == tmp_path
        assert aside.name.startswith(".")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyboardInterrupt(), OSError(errno.EIO, "of another file")]
)
def test_an_error_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "a.json"
    path.write_text("old")

    def write():
        with files.whole(path) as aside:
            aside.write_text("half")
            raise error

    with pytest.raises(type(error)) as caught:
        write()
    assert caught.value is error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("kind", [errno.EINVAL, errno.ENOTSUP])
def test_a_folder_that_cannot_be_synced_does_not_stop_it(tmp_path, monkeypatch, kind):
    sync = os.fsync

    def of_files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(kind, os.strerror(kind))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", of_files_only)
    files.write(tmp_path / "a.json", b"whole")
    assert (tmp_path / "a.json").read_bytes() == b"whole"


def test_a_file_that_cannot_be_synced_is_an_error_that_names_it(tmp_path, monkeypatch):
    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match=r"a\.json'$") as caught:
        files.write(tmp_path / "a.json", b"whole")
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(tmp_path / "a.json"))
    assert names(tmp_path) == []


def test_a_full_disk_names_the_file(tmp_path):
    with (
        pytest.raises(OSError, match=r"No space left on device: .*a\.json'$"),
        files.whole(tmp_path / "a.json"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_missing_folder_names_the_file_and_not_the_hidden_one(tmp_path):
    path = tmp_path / "absent" / "a.json"
    with pytest.raises(FileNotFoundError) as caught:
        files.write(path, b"")
    assert caught.value.filename == str(path)
    assert files.SUFFIX not in str(caught.value)
    with pytest.raises(FileNotFoundError) as caught, files.whole(path) as aside:
        pa.output_stream(str(aside))
    assert files.SUFFIX not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "d").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        files.write(tmp_path / "d", b"")
    assert caught.value.filename == str(tmp_path / "d")
    assert names(tmp_path) == ["d"]


def test_where_nothing_can_be_written_is_told_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "d").mkdir()
    (tmp_path / "f").touch()
    worked = []
    for name, message in [
        ("d", "this is a folder: give the name of a file"),
        ("absent/a", "there is no folder '.*absent': make it first"),
        ("f/a", "'.*f' is not a folder"),
    ]:
        with pytest.raises(OSError, match=rf"{message}.*{name}'$"), files.whole(tmp_path / name):
            worked.append(name)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "touch", refused)
    monkeypatch.setattr(Path, "mkdir", refused)
    for made in (files.whole, files.whole_folder):
        with (
            pytest.raises(
                PermissionError, match=r"nothing may be written into the folder .*Permission denied"
            ),
            made(tmp_path / "a"),
        ):
            worked.append("a")
    assert not worked
    assert names(tmp_path) == ["d", "f"]


def test_a_folder_is_whole_or_not_there_and_replaces_only_an_empty_one(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/b").touch()
    (tmp_path / "f").touch()
    for name in ("new", "empty"):
        with files.whole_folder(tmp_path / name) as aside:
            (aside / "inner").mkdir()
            (aside / "inner/a.txt").write_text("a")
            assert not (tmp_path / name / "inner").exists()
        assert (tmp_path / name / "inner/a.txt").read_text() == "a"

    def fail(aside):
        (aside / "a.txt").touch()
        raise KeyError

    with pytest.raises(KeyError), files.whole_folder(tmp_path / "other") as aside:
        fail(aside)
    with (
        pytest.raises(FileExistsError, match=r"not empty \(it has 'b'\)"),
        files.whole_folder(tmp_path / "full"),
    ):
        pass
    with pytest.raises(NotADirectoryError, match="a file of that name"), files.whole_folder(tmp_path / "f"):
        pass
    assert names(tmp_path) == ["empty", "f", "full", "new"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "store" / "a.json")
    files.write(tmp_path / "link", b"whole")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "store" / "a.json").read_bytes() == b"whole"
    assert names(tmp_path / "store") == ["a.json"]


def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    files.write(tmp_path / "pipe", b"through")
    reader.join(20)
    assert found == [b"through"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_names_as_long_as_may_be_are_written(tmp_path):
    name = "ä" * 125 + ".json"
    files.write(tmp_path / name, b"whole")
    assert names(tmp_path) == [name]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    with files.whole(tmp_path / "a") as one, files.whole(tmp_path / "a") as two:
        one.write_text("1")
        two.write_text("2")
    assert (tmp_path / "a").read_text() == "1"
    assert names(tmp_path) == ["a"]
