"""Files at both ends: what is read is written back byte for byte, and what is dropped is not there."""

from __future__ import annotations

import pytest

import icecol as ic
from icecol.errors import TrayError
from icecol.i3.container.streams import open_stream


def content(path):
    stream, file, _ = open_stream(path)
    parts, buffer = [], memoryview(bytearray(1 << 20))
    with file:
        while n := stream.readinto(buffer):
            parts.append(bytes(buffer[:n]))
    return b"".join(parts)


def stops(path):
    return "".join(frame.stop for frame in ic.open_i3(path))


def test_a_file_read_and_written_is_the_same(files, tmp_path):
    summary = ic.Tray().add(ic.tray.read(files.events)).add(ic.tray.write(tmp_path / "a.i3.zst")).run()
    assert content(tmp_path / "a.i3.zst") == content(files.events)
    assert summary["write"].frames_out == 60


def test_several_files_are_one_stream(files, tmp_path):
    ic.Tray().add(ic.tray.read([files.gcd, files.events])).add(ic.tray.write(tmp_path / "a.i3")).run()
    assert content(tmp_path / "a.i3") == content(files.gcd) + content(files.events)


def test_only_the_chosen_stops_are_written(files, tmp_path):
    tray = ic.Tray().add(ic.tray.read([files.gcd, files.events]))
    tray.add(ic.tray.write(tmp_path / "q.i3", stops="Q")).add(ic.tray.write(tmp_path / "all.i3")).run(
        max_frames=7
    )
    assert stops(tmp_path / "q.i3") == "QQ"
    assert stops(tmp_path / "all.i3") == "GCDQPQP"


def test_daq_frames_without_physics_frames_are_kept_or_dropped(files, tmp_path):
    def one(frame):
        return frame["I3EventHeader"].event_id == 1

    tray = ic.Tray().add(ic.tray.read([files.gcd, files.events])).add(one)
    tray.add(ic.tray.write(tmp_path / "all.i3")).add(ic.tray.write(tmp_path / "whole.i3", drop_orphans="Q"))
    tray.run(max_frames=9)
    assert stops(tmp_path / "all.i3") == "GCDQQPQ"
    assert stops(tmp_path / "whole.i3") == "GCDQP"
    assert list(ic.open_i3(tmp_path / "whole.i3"))[-1]["I3EventHeader"].event_id == 1


def test_a_frame_is_written_as_it_is_at_that_place(files, tmp_path):
    def mark(frame):
        frame["Late"] = 1.0

    tray = ic.Tray().add(files.events).add(ic.tray.write(tmp_path / "a.i3", drop_orphans="Q"))
    tray.add(mark, stops="QP").add(ic.tray.write(tmp_path / "b.i3")).run(max_frames=4)
    assert not any("Late" in frame for frame in ic.open_i3(tmp_path / "a.i3"))
    assert all("Late" in frame for frame in ic.open_i3(tmp_path / "b.i3"))


def test_a_run_that_fails_or_is_left_leaves_no_file(files, tmp_path):
    def broken(frame):
        raise ValueError

    for modules in ([broken, ic.tray.write(tmp_path / "a.i3")], [ic.tray.write(tmp_path / "a.i3"), broken]):
        tray = ic.Tray().add(files.events)
        for module in modules:
            tray.add(module)
        with pytest.raises(TrayError) as caught:
            tray.run()
        assert list(tmp_path.iterdir()) == [], caught
    for _ in ic.Tray().add(files.events).add(ic.tray.write(tmp_path / "a.i3")):
        break
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(files, tmp_path):
    with pytest.raises(TrayError, match="'write' failed before the first frame: FileNotFoundError"):
        ic.Tray().add(files.events).add(ic.tray.write(tmp_path / "nowhere" / "a.i3")).run()


def test_physics_frames_whose_daq_frame_is_lost_to_damage_are_left_out(files, tmp_path):
    plain = tmp_path / "plain.i3"
    ic.write_i3(plain, ic.open_i3(files.events))
    data = bytearray(plain.read_bytes())
    data[data.index(b"InIcePulses") + 200] ^= 0xFF  # in the first Q frame
    plain.write_bytes(data)
    tray = ic.Tray().add(ic.tray.read(plain, skip_damaged=True))
    assert "".join(frame.stop for frame in tray) == "QP" * 29
