"""`values`, `views`, `cells`, `table`: what is shown of the objects in frames."""

from __future__ import annotations

import numpy as np
import pytest

from icecol import sim
from icecol.browse.cells import cell, utc
from icecol.browse.values import element, look
from icecol.browse.views import failed, hex_view, views
from icecol.errors import IcecolError
from icecol.i3.archive import decode, encode, new
from icecol.i3.archive.arrays import table
from icecol.i3.archive.keys import OMKey
from icecol.i3.frames.files import open_i3
from icecol.i3.frames.frame import Frame


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    path = tmp_path_factory.mktemp("render") / "events.i3"
    sim.write(
        path,
        sim.events(3, seed=2, muons=0, cascades=1, noise=0, energy=(1e4, 1e5)),
        gcd=path.with_name("GCD.i3.gz"),
    )
    return list(open_i3([path.with_name("GCD.i3.gz"), path]))


def best(frame, key):
    return next(iter(views(frame, key).values()))()


def names(view):
    return [column.name for column in view.columns]


def test_pulses_of_a_mask_are_those_that_the_frame_resolves(frames):
    frame = frames[-1]
    pulses = frame.pulses("SRTInIcePulses")
    view = best(frame, "SRTInIcePulses")
    assert view.rows == len(pulses) > 0
    assert names(view) == ["string", "om", "time", "charge", "width", "flags"]
    i = view.rows // 2
    assert view.cells(i)[:4] == (
        str(pulses.string[i]), str(pulses.om[i]), f"{pulses.time[i]:.1f}", f"{pulses.charge[i]:.3f}",
    )  # fmt: skip
    all_pulses = len(frame.pulses("SplitInIcePulses"))
    assert view.note.endswith(f"{view.rows:,} of {all_pulses:,} of 'SplitInIcePulses'")
    assert 0.5 < view.profile.sum() / pulses.charge.sum() <= 1  # without the first and the last percent


def test_a_mask_that_does_not_fit_can_still_be_looked_at(frames):
    frame = Frame("P")
    frame["Mask"] = frames[-1]["SRTInIcePulses"]
    ways = views(frame, "Mask")
    assert list(ways) == ["pulses", "members", "bytes"]
    with pytest.raises(IcecolError, match="no object 'SplitInIcePulses'") as caught:
        ways["pulses"]()
    assert failed(caught.value).wrong
    assert ways["members"]().lines(1) == [
        ("source", "SplitInIcePulses", "key of the pulse series that is masked")
    ]


def test_a_particle_tree_shows_who_came_from_whom():
    particles = [
        new("I3Particle", pdg_encoding=code, energy=10.0) for code in (12, 11, 22, -13, 14, 1000080160)
    ]
    view = look(new("I3MCTree", particles, [0, 1, 2, 1, 0, 1]))
    assert [row[0] for row in view.lines()] == [
        "NuE",
        "├─ EMinus",
        "│  └─ Gamma",
        "└─ MuPlus",
        "NuMu",
        "└─ nucleus Z=8 A=16",
    ]
    assert names(view)[:4] == ["particle", "energy", "zenith", "azimuth"]
    assert view.columns[1].unit == "GeV"
    name, inner = view.inner(2)
    assert name == "Gamma"
    assert ("pdg_encoding", "22") in [row[:2] for row in inner().lines()]


def test_particles_of_an_old_scheme_are_named_by_their_pdg_codes():
    tree = new("I3MCTree", [new("I3Particle", pdg_encoding=13)], [0])
    tree.versions = {"I3Particle": (1, 3)}
    blob = encode(tree)
    assert (6).to_bytes(4, "little") in blob  # the code of a muon in that scheme
    assert look(decode(blob)).cells(0)[0] == "MuMinus"


def test_a_record_shows_nested_members_with_units_and_meaning():
    view = look(new("I3Particle", pos=new("I3Position", x=1.5, y=2.0, z=-3.0), energy=12.0))
    rows = {row[0]: row[1:] for row in view.lines()}
    assert rows["pos"][0] == "(1.50, 2.00, -3.00)"
    assert rows["├ x"] == ("1.5", "m", "x in detector coordinates")
    assert rows["└ z"][0] == "-3.0"
    assert rows["energy"] == ("12.0", "GeV", "kinetic energy")


def test_a_map_of_series_has_a_row_for_each_struct(frames):
    dtype = np.dtype([("time", "<f8"), ("charge", "<f4"), ("source", "<i4")])
    series = {
        OMKey(1, 2): table(np.ones(2, dtype)),
        OMKey(3, 4): table(np.zeros(0, dtype)),
        OMKey(5, 6, 7): table(np.zeros(1, dtype)),
    }
    view = look(new("I3MCPulseSeriesMap", series), "I3MCPulseSeriesMap")
    assert names(view) == ["string", "om", "pmt", "#", "time", "charge", "source"]
    assert view.columns[4].unit == "ns"
    assert [row[:4] for row in view.lines()] == [
        ("1", "2", "0", "0"),
        ("1", "2", "0", "1"),
        ("5", "6", "7", "0"),
    ]


def test_what_does_not_fit_into_a_cell_can_be_opened():
    waveform = new("I3Waveform", waveform=np.sin(np.arange(50.0)))
    view = look(new("I3WaveformSeriesMap", {OMKey(1, 1): [waveform, waveform]}))
    assert view.rows == 2
    name, inner = view.inner(1)
    assert name == "(1, 1, 0) #1"
    record = inner()
    place = next(i for i, row in enumerate(record.lines()) if row[0] == "waveform")
    samples = record.inner(place)[1]()
    assert samples.rows == samples.profile.size == 50


@pytest.mark.parametrize(
    ("name", "value", "rows"),
    [
        ("I3MapStringStringDouble", {"a": {"x": 1.0}, "b": {}}, [("a", "1 entry"), ("b", "0 entries")]),
        ("I3MapStringVectorDouble", {"k": np.arange(5.0)}, [("k", "[0, 1, 2, ... 5 values]")]),
        ("I3FilterResultMap", {"f": new("I3FilterResult", condition_passed=True, prescale_passed=False)},
         [("f", "True", "False")]),
        ("I3MapStringDouble", {}, []),
    ],
)  # fmt: skip
def test_maps(name, value, rows):
    assert look(new(name, value), name).lines() == rows


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (True, [("True",)]),
        (0.1, [("0.1",)]),
        ("two\nlines \x1b[31m", [("two",), ("lines ·[31m",)]),
        (np.zeros((2, 2)), [("0", "0", "0"), ("1", "0", "0")]),
        ([OMKey(1, 2)], [("0", "1", "2", "0")]),
        ([], []),
        (None, [("-",)]),
    ],
)
def test_values(value, rows):
    assert look(value).lines() == rows


def test_bytes_of_unknown_classes_are_dumped(frames):
    frame = Frame("P", [("Odd", "OddThing", b"\x00\x01abc" * 5)])
    ways = views(frame, "Odd", width=8)
    assert list(ways) == ["bytes"]
    view = ways["bytes"]()
    assert "no layout of OddThing is known" in view.note
    assert view.lines(1) == [("00000000", "00 01 61 62 63 00 01 61", "··abc··a")]
    assert hex_view(b"", offset=4).rows == 0


def test_every_object_can_be_looked_at_in_every_way(frames):
    assert sum(len(look_at_everything(frame)) for frame in frames[3:]) > 10


def test_every_object_of_real_files_can_be_looked_at(shared_data):
    seen = set()
    for path in sorted((shared_data / "i3").rglob("*.i3*")):
        for frame in open_i3(path, skip_damaged=True):
            seen |= look_at_everything(frame, seen)
    assert len(seen) > 100


def look_at_everything(frame, seen=frozenset()):
    """Look at one object of each class not seen before, and at what opens inside; return the classes."""
    new_ones = set()
    for key in frame.own_keys():
        try:
            name = frame.class_name(key)
        except IcecolError:
            continue
        size = len(frame.raw(key))
        kind = (name, size > 300)
        if kind in seen | new_ones or size > 1_000_000:
            continue
        new_ones.add(kind)
        for way, make in views(frame, key).items():
            try:
                view = make()
            except IcecolError:
                assert way != "bytes"
                continue
            look_inside(view, 0)
    return new_ones


def look_inside(view, depth):
    rows = {*range(min(view.rows, 4)), *range(max(0, view.rows - 2), view.rows)}
    for i in rows:
        assert len(view.cells(i)) == len(view.columns)
        opened = view.inner(i)
        if opened is not None and depth < 3:
            look_inside(opened[1](), depth + 1)


def test_helpers_of_cells():
    assert cell(OMKey(1, 2)) == "(1, 2, 0)"
    assert cell(float("nan")) == "nan"
    assert utc(0, 5) == "year 0, 5 tenths of ns"
    assert element("no class") == ""
