"""Pulses of frames read from files are those of the plain resolver, whatever is done to the frames."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from naive_resolver import flat, resolve

import icecol as ic
from icecol.errors import IcecolError
from icecol.i3.archive import new
from icecol.i3.frames.files import open_i3, write_i3
from icecol.i3.frames.frame import Frame, Mixer

FIELDS = ("omkey", "time", "charge", "width", "flags")
KEYS = (
    "InIcePulses",
    "SplitInIcePulses",
    "SRTInIcePulses",
    "Nowhere",
    "I3EventHeader",
    "Circle",
    "Misfit",
    "Alone",
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file with series that resolve and some that do not."""
    folder = tmp_path_factory.mktemp("frames")
    ic.sim.write(folder / "a.i3", ic.sim.events(6, seed=3), gcd=folder / "gcd.i3")

    def mask(source, n=0):
        return new(
            "I3RecoPulseSeriesMapMask",
            source=source,
            key_mask=np.ones(n, bool),
            element_masks=[np.ones(1, bool)] * n,
        )

    def more():
        for i, frame in enumerate(open_i3(folder / "a.i3")):
            if frame.stop == "P":
                frame["Circle"] = mask("Circle")
                frame["Misfit"] = mask("InIcePulses", 3)
                frame["Alone"] = mask("Nothing")
                if i % 4 == 1:
                    frame.rename("SRTInIcePulses", "Other")
            yield frame

    write_i3(folder / "b.i3", more())
    return folder / "b.i3"


def answer(ask):
    """What comes out, as bytes, or what is raised."""
    try:
        series = ask()
    except IcecolError as err:
        return type(err), str(err)
    return tuple((getattr(series, name).dtype, getattr(series, name).tobytes()) for name in FIELDS)


def assert_plain(frame, keys=KEYS):
    for key in keys:
        assert answer(lambda: frame.pulses(key)) == answer(lambda: flat(resolve(frame, key))), key  # noqa: B023


def compiled(monkeypatch):
    """Count the answers that were shared."""
    from icecol.i3.pulses.of_frames import BatchPulses

    found = []
    right = BatchPulses.series

    def series(self, i, key):
        made = right(self, i, key)
        found.append(made is not None)
        return made

    monkeypatch.setattr(BatchPulses, "series", series)
    return found


def test_pulses_of_a_file_are_those_of_the_plain_resolver(path, monkeypatch):
    found = compiled(monkeypatch)
    for frame in open_i3(path):
        assert_plain(frame)
    assert sum(found) >= 20


def test_a_file_before_lends_what_this_one_lacks(path, tmp_path):
    first, second = tmp_path / "first.i3", tmp_path / "second.i3"
    frames = list(open_i3(path))
    lender = Frame("Q")
    lender["Nowhere"] = frames[0]["InIcePulses"]
    write_i3(first, [*frames[:2], lender])
    write_i3(second, [f for f in frames if f.stop == "P"][:3] + frames[2:])
    seen = 0
    for frame in open_i3([first, second, path]):
        assert_plain(frame)
        seen += len(frame.pulses("Nowhere")) if "Nowhere" in frame else 0
    assert seen


def test_edited_frames_give_what_is_in_them(path):
    for frame in open_i3(path):
        assert_plain(frame)
        if frame.stop == "P":
            frame["Added"] = 1.0
            assert_plain(frame)
            frame["InIcePulses"] = new("I3RecoPulseSeriesMap")
            assert_plain(frame)
            del frame["InIcePulses"]
            assert_plain(frame)
            if "SRTInIcePulses" in frame:
                frame.rename("SRTInIcePulses", "Renamed")
                assert_plain(frame, [*KEYS, "Renamed"])


def test_frames_mixed_again_give_what_the_new_lenders_have(path):
    mixer = Mixer()
    for i, frame in enumerate(open_i3(path)):
        if frame.stop == "Q":
            if i == 2:
                frame["InIcePulses"] = new("I3RecoPulseSeriesMap")
            if i == 4:
                continue  # so that an older one stays in force
        assert_plain(mixer.mix(frame))


def test_frames_outlive_their_batch_and_file(path):
    frames = open_i3(path)
    early = [next(frames), next(frames), next(frames), next(frames)]
    wanted = [[answer(lambda: f.pulses(k)) for k in KEYS] for f in early]  # noqa: B023
    frames.close()
    for made in (early, pickle.loads(pickle.dumps(early)), copy.deepcopy(early)):
        assert [[answer(lambda: f.pulses(k)) for k in KEYS] for f in made] == wanted  # noqa: B023
        assert [f.encoded() for f in made] == [f.encoded() for f in early]
        assert [repr(f) for f in made] == [repr(f) for f in early]


def test_arrays_are_the_frames_own(path):
    for frame in open_i3(path):
        if "SplitInIcePulses" in frame:
            before = frame.pulses("SplitInIcePulses")
            before.charge[:] = -1
            assert not (frame.pulses("SplitInIcePulses").charge == -1).any()


def test_a_key_twice_in_a_frame_is_the_last_one(tmp_path, path):
    from icecol.i3.container.raw import encode_frame

    with open_i3(path) as frames:
        q, p = next(frames), next(frames)
    empty = Frame("Q")
    empty["InIcePulses"] = new("I3RecoPulseSeriesMap")
    objects = [
        ("InIcePulses", frame.type_name("InIcePulses"), frame.raw("InIcePulses")) for frame in (empty, q)
    ]
    (tmp_path / "twice.i3").write_bytes(encode_frame("Q", objects) + p.encoded() * 3)
    with pytest.warns(UserWarning, match="'InIcePulses' more than once: the last one counts"):
        frames = list(open_i3(tmp_path / "twice.i3"))
    for frame in frames:
        assert_plain(frame)
        assert len(frame.pulses("InIcePulses")) == len(q.pulses("InIcePulses")) > 0


def test_a_frame_that_is_not_as_it_would_be_written_is_written_anew(tmp_path):
    from icecol.i3.container.raw import encode_frame

    objects = [("B", "t", b"b"), ("A", "t", b"a")]
    (tmp_path / "a.i3").write_bytes(encode_frame("Q", objects, sort=False))
    (frame,) = open_i3(tmp_path / "a.i3")
    assert frame.own_keys() == ("B", "A")
    assert frame.encoded() == encode_frame("Q", objects)
    wrong = bytearray(encode_frame("Q", objects))
    wrong[-1] ^= 1
    (tmp_path / "b.i3").write_bytes(wrong)
    (frame,) = open_i3(tmp_path / "b.i3", verify=False)
    assert frame.encoded() == encode_frame("Q", objects)


def test_every_stop_and_any_order_of_frames(tmp_path, path):
    """The order in which stops appear decides between two lenders, also when it was set by a file before."""
    q, p = list(open_i3(path))[:2]
    d = Frame("D")
    d["InIcePulses"] = new("I3RecoPulseSeriesMap")
    one, two = tmp_path / "one.i3", tmp_path / "two.i3"
    write_i3(one, [Frame("D"), q, p])
    write_i3(two, [q, d, p, p, p])
    lengths = []
    for frame in open_i3([one, two]):
        assert_plain(frame)
        lengths.append(len(flat(resolve(frame, "InIcePulses"))) if "InIcePulses" in frame else -1)
    assert lengths[-1] == 0
