"""What a tray books is what a conversion makes of the file that it writes."""

from __future__ import annotations

import numpy as np
import pytest

import icecol as ic
from icecol.errors import DatasetError, TrayError, UnknownStreamError
from icecol.i3.archive import new
from icecol.i3.frames.frame import Frame
from icecol.tray import book as function

module = __import__("sys").modules["icecol.tray.booking"]


def both(tray, tmp_path, **options):
    """Return the dataset that a tray books, and that of the file that it writes."""
    tray.add(ic.tray.write(tmp_path / "a.i3")).add(ic.tray.book(tmp_path / "booked", **options)).run()
    return ic.open_dataset(tmp_path / "booked"), ic.convert.i3(
        tmp_path / "a.i3", tmp_path / "converted", jobs=1, **options
    )


def same(booked, converted):
    columns = converted.schema.names  # those of a rare key may come later, if it was not in the first batch
    assert sorted(columns) == sorted(booked.schema.names)
    assert all(booked.schema.field(c).equals(converted.schema.field(c), check_metadata=True) for c in columns)
    assert booked.scan(columns).collect().equals(converted.scan(columns).collect())
    assert booked.geometry.equals(converted.geometry)
    a, b = booked.simulation, converted.simulation
    assert (a is None) == (b is None)
    assert a is None or a.drop("source").equals(b.drop("source"))


def chain(files):
    """Return a tray that drops, adds, splits and fits."""

    def bright(frame):
        return len(frame.pulses("SRTInIcePulses")) >= 30

    def weight(frame):
        frame["Weight"] = 1.5 * frame["I3EventHeader"].event_id

    def halves(frame):
        time = frame.pulses("InIcePulses").time
        return [time < np.median(time), time >= np.median(time)]

    tray = ic.Tray().add(ic.tray.read([files.gcd, files.events])).add(bright).add(weight, stops="Q")
    tray.add(ic.tray.split("Halves", halves, output="Half"))
    return tray.add(ic.reco.linefit, pulses="Half", output="HalfFit", if_=lambda frame: "Half" in frame)


@pytest.mark.parametrize(
    ("options", "batch"),
    [
        ({}, 8 << 20),
        ({"keys": ["Weight", "Half*"], "pulses": "SRT*"}, 8 << 20),
        ({"streams": "Halves"}, 20_000),
        ({"stop": "Q"}, 20_000),
    ],
    ids=["all", "keys", "stream, many batches", "daq, many batches"],
)
@pytest.mark.slow
def test_booking_equals_conversion(files, tmp_path, options, batch, monkeypatch):
    monkeypatch.setattr(module, "BATCH_BYTES", batch)
    booked, converted = both(chain(files), tmp_path, **options)
    assert booked.rows == converted.rows > 20
    same(booked, converted)


def test_frames_of_the_simulation_are_booked(tmp_path):
    def frames():
        s = Frame("S")
        s["Info"] = {"events": 3.0}
        yield s
        yield from ic.sim.frames(ic.sim.events(3, seed=2))

    booked, converted = both(ic.Tray().add(frames), tmp_path)
    assert booked.simulation.height == 1
    same(booked, converted)


def test_settings_and_counts_are_in_the_manifest(files, tmp_path):
    tray = ic.Tray().add(files.events).add(ic.tray.book(tmp_path / "d", settings={"nfiles": 3}))
    tray.run()
    manifest = ic.open_dataset(tmp_path / "d").manifest
    assert manifest.settings["nfiles"] == 3
    (source,) = manifest.sources
    assert (source.path, source.events, source.frames_read, source.frames_skipped) == (
        "frames of a tray",
        30,
        60,
        0,
    )
    assert ic.open_dataset(tmp_path / "d").geometry.equals(ic.Geometry.nominal())


def test_the_sensors_may_be_given(files, tmp_path):
    for given in (files.gcd, ic.convert.read_geometry(files.gcd)):
        ic.Tray().add(files.events).add(ic.tray.book(tmp_path / "d", gcd=given, overwrite=True)).run()
        assert ic.open_dataset(tmp_path / "d").geometry.equals(ic.convert.read_geometry(files.gcd))


def test_a_run_that_fails_leaves_no_dataset(files, tmp_path):
    def broken(frame):
        raise ValueError

    with pytest.raises(TrayError, match="'broken'"):
        ic.Tray().add(files.events).add(ic.tray.book(tmp_path / "d")).add(broken).run()
    with pytest.raises(
        TrayError, match=r"'book' failed after .*no event of sub-event stream 'Topo'"
    ) as caught:
        ic.Tray().add(files.events).add(ic.tray.book(tmp_path / "d", streams="Topo")).run()
    assert isinstance(caught.value.__cause__, UnknownStreamError)
    assert list(tmp_path.iterdir()) == []


def test_a_finished_dataset_is_not_overwritten_unasked(files, tmp_path):
    ic.Tray().add(files.events).add(ic.tray.book(tmp_path / "d")).run(max_frames=8)
    with pytest.raises(
        TrayError, match=r"'book' failed before the first frame: .* is a finished dataset"
    ) as caught:
        ic.Tray().add(files.events).add(ic.tray.book(tmp_path / "d")).run()
    assert isinstance(caught.value.__cause__, DatasetError)
    assert ic.open_dataset(tmp_path / "d").rows == 4


def test_objects_that_become_no_columns_are_told(tmp_path):
    def frames():
        q, p = ic.sim.frames(ic.sim.events(1, seed=1))
        p["Matrix"] = new("I3MapStringStringDouble", {})
        yield from (q, p)

    with pytest.warns(UserWarning, match="Matrix: 1 object not converted"):
        ic.Tray().add(frames).add(function(tmp_path / "d")).run()
