"""Frames are read from files and written to them (`frames.files`)."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
from pathlib import Path

import pytest
import realtime
from zstandard import compress as zstd

from icecol.errors import DamagedFileError, MissingColumnError, UnsupportedError
from icecol.i3.container.streams import open_stream
from icecol.i3.frames.files import files_of, open_i3, write_i3
from icecol.i3.frames.frame import Frame

SUFFIXES = [".i3", ".i3.gz", ".i3.bz2", ".i3.zst", ".i3.xz"]


def frame(stop, **values):
    f = Frame(stop)
    f.update(values)
    return f


def events(n):
    for i in range(n):
        yield frame("Q", event=i)
        yield frame("P", fit=float(i))


def unpacked(path):
    stream, file, _ = open_stream(path)
    parts, buffer = [], memoryview(bytearray(1 << 20))
    with file:
        while n := stream.readinto(buffer):
            parts.append(bytes(buffer[:n]))
    return b"".join(parts)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_frames_read_back_in_every_compression(tmp_path, suffix):
    path = tmp_path / f"events{suffix}"
    assert write_i3(path, events(3)) == 6
    with open_i3(path) as frames:
        found = [(f.stop, {key: f[key].value for key in f}) for f in frames]
    assert found[:2] == [("Q", {"event": 0}), ("P", {"event": 0, "fit": 0.0})]
    assert len(found) == 6
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_compression_is_told_by_the_name(tmp_path):
    path = tmp_path / "events.i3.xz"
    write_i3(path, events(1))
    assert lzma.decompress(path.read_bytes()).startswith(b"[i3]")


def test_reading_and_writing_changes_no_byte(tmp_path):
    first, second = tmp_path / "a.i3", tmp_path / "b.i3"
    write_i3(first, events(5))
    write_i3(second, open_i3(first))
    assert second.read_bytes() == first.read_bytes()


def test_several_files_are_one_stream(tmp_path):
    write_i3(tmp_path / "gcd.i3.gz", [frame("G", geometry=1.0)])
    for i in range(3):
        write_i3(tmp_path / f"events_{i}.i3", [frame("Q", event=i), frame("P")])
    frames = list(open_i3([tmp_path / "gcd.i3.gz", str(tmp_path / "events_*.i3")]))
    assert [f["event"].value for f in frames if f.stop == "P"] == [0, 1, 2]
    assert all("geometry" in f for f in frames)


def test_file_and_number_of_the_latest_frame_are_known(tmp_path):
    write_i3(tmp_path / "a.i3", events(1))
    write_i3(tmp_path / "b.i3", events(1))
    frames = open_i3([tmp_path / "a.i3", tmp_path / "b.i3"])
    places = [(frames.path.name, frames.index, frames.orphan) for _ in frames]
    assert places == [("a.i3", 0, False), ("a.i3", 1, False), ("b.i3", 0, False), ("b.i3", 1, False)]


FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def tar(members, mode="w", form="pax"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=FORMATS[form]) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def part(first, n):
    return b"".join(f.encoded() for i in range(first, first + n) for f in (frame("Q", event=i), frame("P")))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", FORMATS)
def test_members_of_a_tar_archive_are_one_stream_whatever_its_name(tmp_path, mode, form):
    long = "a/" * 40 + "long/" * 8 + "b.i3"
    members = [("readme.txt", b"x" * 700), ("a.i3", part(0, 30)), ("notes.i3.txt", b""), (long, part(30, 2))]
    path = tmp_path / "events.i3.gz"
    path.write_bytes(tar(members, mode, form))
    assert [f["event"].value for f in open_i3(path) if f.stop == "P"] == list(range(32))


def test_a_member_may_hold_part_of_a_frame(tmp_path):
    data = part(0, 3)
    path = tmp_path / "events.tar"
    path.write_bytes(tar([("a.i3", data[:100]), ("b.i3", data[100:])]))
    assert len(list(open_i3(path))) == 6


def test_a_cut_tar_archive_gives_all_frames_before_the_cut(tmp_path):
    data = tar([("a.i3", part(0, 30)), ("b.i3", part(30, 30))])
    path = tmp_path / "events.tar"
    size = len(part(0, 1))
    for cut in (1000, 512 + 10 * size, 512 + 10 * size + 40):
        path.write_bytes(data[:cut])
        frames = open_i3(path)
        seen = []
        with pytest.raises(DamagedFileError, match="in the middle of a member"):
            seen.extend(f.stop for f in frames)
        assert len(seen) in {2 * ((cut - 512) // size), 2 * ((cut - 512) // size) + 1}


def test_a_tar_archive_without_frames_is_told(tmp_path):
    path = tmp_path / "events.tar"
    path.write_bytes(tar([("readme.txt", b"text")]))
    with pytest.raises(UnsupportedError, match=r"readme\.txt"):
        list(open_i3(path))


def test_a_damaged_tar_header_is_told_after_the_frames_before_it(tmp_path):
    data = bytearray(tar([("a.i3", part(0, 2)), ("b.i3", part(2, 2))], form="ustar"))
    second = data.index(b"b.i3")
    data[second + 150] ^= 1  # its checksum
    path = tmp_path / "events.tar"
    path.write_bytes(bytes(data))
    seen = []
    with pytest.raises(DamagedFileError, match="damaged tar archive: bad checksum"):
        seen.extend(f.stop for f in open_i3(path))
    assert seen == ["Q", "P", "Q", "P"]


def test_missing_files_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*nothing\.i3"):
        open_i3(tmp_path / "nothing.i3")
    with pytest.raises(FileNotFoundError, match="matches the pattern"):
        files_of(str(tmp_path / "*.i3"))


def damaged(tmp_path):
    """Three events; the DAQ frame of the second is damaged."""
    path = tmp_path / "damaged.i3"
    parts = [f.encoded() for f in events(3)]
    broken = bytearray(parts[2])
    broken[-6] ^= 1
    path.write_bytes(b"".join([*parts[:2], bytes(broken), *parts[3:]]))
    return path, len(parts[0]) + len(parts[1])


def test_damage_ends_the_reading_after_all_frames_before_it(tmp_path):
    path, offset = damaged(tmp_path)
    frames = open_i3(path)
    assert [next(frames).stop, next(frames).stop] == ["Q", "P"]
    with pytest.raises(DamagedFileError, match=f"damaged.i3: frame 2 at byte {offset}"):
        next(frames)


def test_damage_can_be_skipped_and_its_event_inherits_nothing(tmp_path):
    path, offset = damaged(tmp_path)
    frames = open_i3(path, skip_damaged=True)
    physics = [f for f in frames if f.stop == "P"]
    assert [f["fit"].value for f in physics] == [0.0, 1.0, 2.0]
    with pytest.raises(MissingColumnError):
        physics[1]["event"]
    assert physics[2]["event"].value == 2
    assert [(p.name, d.frame, d.offset) for p, d in frames.damages] == [("damaged.i3", 2, offset)]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "events.i3"
    write_i3(path, events(1))
    before = path.read_bytes()

    def failing():
        yield frame("Q", event=1)
        msg = "no more"
        raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="no more"):
        write_i3(path, failing())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_change_of_one_object_is_the_only_change_in_the_file(tmp_path):
    path = tmp_path / "events.i3"
    write_i3(path, events(2))

    def changed():
        for f in open_i3(path):
            if f.stop == "P":
                f["fit"] = f["fit"].value + 1
            yield f

    write_i3(tmp_path / "new.i3", changed())
    old, new = list(open_i3(path)), list(open_i3(tmp_path / "new.i3"))
    assert [f["fit"].value for f in new if f.stop == "P"] == [1.0, 2.0]
    assert [f.raw("event") for f in new] == [f.raw("event") for f in old]


def test_real_files_are_written_back_byte_for_byte(shared_data):
    folder = shared_data / "i3"
    for path in [*sorted((folder / "real").iterdir()), *sorted(folder.glob("*.i3*"))]:
        assert b"".join(f.encoded() for f in open_i3(path)) == unpacked(path), path.name


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"is a folder: name the files in it, such as '.*\*\.i3\*'"):
        open_i3(tmp_path)


@pytest.mark.parametrize(
    ("target", "leads"), [("b.i3", "back to itself"), ("gone.i3", "to 'gone.i3', which does not exist")]
)
@pytest.mark.parametrize("name", ["a.i3", "*.i3"])
def test_a_link_without_a_file_at_its_end_is_named(tmp_path, target, leads, name):
    (tmp_path / "a.i3").symlink_to(target)
    if target == "b.i3":
        (tmp_path / "b.i3").symlink_to("a.i3")
    with pytest.raises(FileNotFoundError, match=rf"a\.i3' is a link that leads {leads}: remove it"):
        files_of(tmp_path / name)


def test_alerts_in_a_tar_archive_are_read_and_other_json_is_not(tmp_path):
    alert = realtime.write(tmp_path / "a.json", realtime.alert()).read_bytes()
    members = [
        ("about.json", b'{"a": 1}' * 9), ("run.json", b"no JSON"), ("a.json", alert), ("b.i3", part(0, 2)),
        ("c.json.gz", gzip.compress(alert)), ("d.json.gz", gzip.compress(b"[]")), ("e.i3.zst", zstd(part(2, 1))),
    ]  # fmt: skip
    path = tmp_path / "events.tar"
    path.write_bytes(tar(members))
    found = [f["event"].value if "event" in f else "alert" for f in open_i3(path) if f.stop == "P"]
    assert found == ["alert", 0, 1, "alert", 2]
    path.write_bytes(tar(members[:2]))
    with pytest.raises(
        UnsupportedError, match=r"without \.i3 files; its members: 'about\.json', 'run\.json'"
    ):
        list(open_i3(path))
    path.write_bytes(tar(members[2:3]))
    assert [f.stop for f in open_i3(path)] == list("GCDQP")


def test_members_of_a_tar_archive_that_cannot_be_read_are_named(tmp_path):
    path = tmp_path / "events.tar"
    inside = [
        ("in.tar", tar([("c.i3", part(2, 1))])),
        ("d.i3.lz4", b"x"),
        ("a.i3.md5", b"y"),
        ("a.txt", b"z"),
    ]
    path.write_bytes(tar([("a.i3", part(0, 2)), *inside]))
    with pytest.warns(
        UserWarning, match=r"events\.tar: 'in\.tar', 'd\.i3\.lz4' in this archive cannot be read"
    ):
        assert len(list(open_i3(path))) == 4


def test_files_are_found_after_the_working_directory_has_changed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_i3("a.i3", events(2))
    frames = open_i3("a.i3")
    monkeypatch.chdir("/")
    assert (len(list(frames)), frames.paths) == (4, [Path("a.i3")])


def test_a_pattern_counts_a_file_once_under_its_own_name(tmp_path):
    write_i3(tmp_path / "b.i3", events(1))
    (tmp_path / "a.i3").symlink_to("b.i3")
    (tmp_path / "loop").symlink_to(".")
    assert files_of(tmp_path / "*.i3") == files_of(f"{tmp_path}/**/b.i3") == [tmp_path / "b.i3"]
    both = [tmp_path / "a.i3", tmp_path / "b.i3"]
    assert files_of(both) == both  # frames are read in the order, and as often, as they are asked for
