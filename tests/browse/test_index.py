from __future__ import annotations

import tarfile
import threading

import pytest
from realtime import alert, write

from icecol import sim
from icecol.browse.index import DAMAGE, Index
from icecol.errors import FormatError
from icecol.i3.archive import new
from icecol.i3.frames.files import open_i3, write_i3
from icecol.i3.frames.frame import Frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("index")
    sim.write(where / "events.i3", sim.events(12, seed=3), gcd=where / "GCD.i3.gz", run_id=7)
    for suffix in ("gz", "zst", "bz2", "xz"):
        write_i3(where / f"events.i3.{suffix}", open_i3(where / "events.i3"))
    return where


@pytest.fixture
def built():
    """Make indexes that are whole, and close them in the end."""
    made = []

    def build(*paths):
        index = Index(paths)
        made.append(index)
        index.build()
        assert index.done
        assert index.bytes_read == index.bytes
        return index

    yield build
    for index in made:
        index.close()


def content(frame):
    """All that can be asked of a frame, in bytes."""
    return (
        frame.stop,
        frame.own_keys(),
        {k: (frame.stop_of(k), frame.type_name(k), frame.raw(k)) for k in frame},
    )


def assert_frames_are_those_of_open_i3(built, *paths):
    index = built(*paths)
    good = [i for i in range(len(index)) if index.entry(i).stop != DAMAGE]
    frames = [content(frame) for frame in open_i3(paths, skip_damaged=True)]
    assert [content(index.frame(i)) for i in good] == frames
    assert [content(index.frame(i)) for i in reversed(good)] == frames[::-1]
    return len(frames)


@pytest.mark.parametrize(
    "name", ["events.i3", "events.i3.gz", "events.i3.zst", "events.i3.bz2", "events.i3.xz"]
)
def test_frames_are_those_that_open_i3_gives_in_any_order(built, folder, name):
    assert assert_frames_are_those_of_open_i3(built, folder / name) == 24


def test_several_files_are_one_stream(built, folder):
    assert assert_frames_are_those_of_open_i3(built, folder / "GCD.i3.gz", folder / "events.i3.zst") == 27


def test_real_files_of_all_ages(built, shared_data):
    for path in sorted((shared_data / "i3").rglob("*.i3*")):
        assert_frames_are_those_of_open_i3(built, path)


def test_small_batches_change_nothing(built, folder, monkeypatch):
    monkeypatch.setattr("icecol.browse.index._BATCH", 1000)
    assert_frames_are_those_of_open_i3(built, folder / "GCD.i3.gz", folder / "events.i3.zst")


@pytest.mark.parametrize("suffix", ["i3", "i3.zst"])
def test_damaged_places_are_entries_and_orphans_inherit_nothing(built, folder, tmp_path, suffix):
    data = bytearray((folder / "events.i3").read_bytes())
    whole = built(folder / "events.i3")
    data[whole.entry(6).offset + 40] ^= 0xFF  # a Q frame
    damaged = tmp_path / f"damaged.{suffix}"
    if suffix == "i3":
        damaged.write_bytes(data[:-10])
    else:
        import zstandard

        damaged.write_bytes(zstandard.compress(bytes(data[:-10])))
    assert_frames_are_those_of_open_i3(built, damaged)
    index = built(damaged)
    assert index.stops() == "QPQPQP!PQPQPQPQPQPQPQPQ!"
    assert list(index.damages()) == [6, 23]
    assert index.entry(6).offset == whole.entry(6).offset
    assert "checksum" in index.entry(6).message
    assert index.parents(7) == []
    assert index.parents(9) == [8]
    assert index.read(6, 4) == b"[i3]"
    assert len(index.frame(6)) == 0
    assert index.goto(0, "!") == 6


def test_what_is_no_i3_file_is_one_damaged_place(built, tmp_path):
    path = tmp_path / "notes.i3"
    path.write_text("nothing of the kind")
    index = built(path)
    assert index.stops() == DAMAGE
    path.write_text("")
    assert len(built(path)) == 0


def test_events_are_known_by_run_and_number(built, folder):
    index = built(folder / "GCD.i3.gz", folder / "events.i3.zst", folder / "events.i3")
    assert [index.entry(i).event for i in (0, 3, 4, 5, 27)] == [None, 0, 0, 1, 0]
    assert index.entry(3).run == 7
    assert index.goto(0, "e3") == 9
    assert index.goto(9, "event 3") == 33
    assert index.goto(33, "7/3") == 9
    assert index.goto(0, "8/3") is None


def test_a_physics_frame_is_known_by_its_own_header(built, tmp_path):
    def header(event):
        return new("I3EventHeader", run_id=7, event_id=event)

    frames = [Frame(stop) for stop in "QPPGPQP"]
    for number, event in {0: 1, 1: 2, 5: 29, 6: 30}.items():
        frames[number]["I3EventHeader"] = header(event)
    write_i3(tmp_path / "renumbered.i3", frames)
    index = built(tmp_path / "renumbered.i3")
    assert [index.entry(i).event for i in range(7)] == [1, 2, 1, None, 1, 29, 30]
    assert [index.goto(0, where) for where in ("e2", "e30", "7/29")] == [1, 6, 5]


def test_events_of_real_files_are_those_of_their_frames(built, shared_data):
    for path in sorted((shared_data / "i3" / "real").glob("*.i3.gz")):
        index = built(path)
        frames = list(open_i3(path))
        expected = [f["I3EventHeader"].event_id if f.stop in "QP" else None for f in frames]
        assert [index.entry(i).event for i in range(len(frames))] == expected


@pytest.mark.parametrize(
    ("at", "where", "found"),
    [
        (0, "17", 17), (0, "99", None), (4, "+3", 7), (4, "-3", 1), (1, "-9", 0), (20, "+9", 23), (5, "first", 0),
        (5, "last", 23), (0, "Q", 2), (1, "-Q", 0), (0, "-Q", None), (0, "G", None), (22, "P", 23), (23, "P", None),
    ],
)  # fmt: skip
def test_goto(built, folder, at, where, found):
    assert built(folder / "events.i3").goto(at, where) == found


def test_goto_says_what_can_be_given(built, folder):
    with pytest.raises(ValueError, match=r"'nowhere' is not a place in the files: give a frame \(17"):
        built(folder / "events.i3").goto(0, "nowhere")


def test_frames_with_a_key_of_their_own_are_found(built, folder):
    index = built(folder / "GCD.i3.gz", folder / "events.i3")
    own = [set(index.frame(i).own_keys()) for i in range(len(index))]
    for key in ("MCPrimary", "I3Geometry", "I3MCTree"):
        have = [i for i, keys in enumerate(own) if key in keys]
        forward, at = [], -1
        while (at := index.find(at, 1, key=key)) is not None:
            forward.append(at)
        backward, at = [], len(index)
        while (at := index.find(at, -1, key=key)) is not None:
            backward.append(at)
        assert forward == backward[::-1] == have
    assert index.find(0, 1, key="NoSuchKey") is None


def test_frames_are_read_while_the_index_grows(folder, monkeypatch):
    monkeypatch.setattr("icecol.browse.index._BATCH", 1000)
    index = Index([folder / "events.i3.zst"] * 5)
    thread = threading.Thread(target=index.build)
    thread.start()
    reads = 0
    while not index.done or reads < 20:
        if len(index):
            assert index.frame(len(index) - 1).stop == index.stops()[-1]
            reads += 1
    thread.join()
    assert len(index) == 120
    index.close()


def test_a_file_that_has_changed_since_is_an_error(built, folder, tmp_path):
    path = tmp_path / "changed.i3"
    path.write_bytes((folder / "events.i3").read_bytes())
    index = built(path)
    for content in (b"", b"other content", b"[i3]"):
        path.write_bytes(content)
        with pytest.raises(FormatError):
            index.frame(10)


def test_a_closed_index_stops_building(folder):
    index = Index(folder / "events.i3.zst")
    index.close()
    index.build()
    assert not index.done
    assert len(index) == 0


def test_an_alert_and_an_archive_are_read_from_what_they_unpack_to(built, folder, tmp_path):
    with tarfile.open(tmp_path / "events.tar", "w") as archive:
        archive.add(folder / "events.i3", "events.i3")
    message = write(tmp_path / "alert.json", alert(), alert(python=2))
    assert assert_frames_are_those_of_open_i3(built, message) == 10
    assert assert_frames_are_those_of_open_i3(built, tmp_path / "events.tar") == 24


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("a.json", b"{}", "not an alert"), ("a.parquet", b"PAR1", "a Parquet file")],
)
def test_a_file_of_another_form_is_shown_as_a_place_that_says_so(
    built, folder, tmp_path, name, content, says
):
    (tmp_path / name).write_bytes(content)
    index = built(tmp_path / name, folder / "events.i3")
    assert index.entry(0).stop == DAMAGE
    assert says in index.entry(0).message
    assert len(index) == 25
