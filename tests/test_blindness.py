"""`dataset.blinding`: blindness holds wherever events are read."""

from __future__ import annotations

import math
import shutil

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol import hist
from icecol.dataset import manifest as manifests
from icecol.dataset.blinding import uniform
from icecol.errors import DatasetError, MissingColumnError, SchemaError

RUN, EVENT = "I3EventHeader.run_id", "I3EventHeader.event_id"
SPLITMIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A file of 20 runs of 10 events, and its dataset."""
    folder = tmp_path_factory.mktemp("files")
    events = ic.sim.events(200, seed=1)
    ic.sim.write(folder / "a.i3", events)
    runs = []
    with ic.open_i3(folder / "a.i3") as frames:
        for i, frame in enumerate(frames):
            header = frame["I3EventHeader"]
            header.run_id, header.event_id = 1 + i // 20, header.event_id % 10
            frame["I3EventHeader"] = header
            runs.append(frame)
    ic.write_i3(folder / "b.i3", runs)
    keys = ["MCPrimary"]
    ic.convert.i3(folder / "b.i3", folder / "base", jobs=1, keys=keys, settings={"livetime": 1000.0})
    return folder


@pytest.fixture
def ds(made, tmp_path):
    shutil.copytree(made / "base", tmp_path / "a")
    return ic.open_dataset(tmp_path / "a")


def splitmix(seed, *numbers):
    state = seed
    for number in numbers:
        state = ((state ^ number) + 0x9E3779B97F4A7C15) % 2**64
        for shift, factor in SPLITMIX:
            state = (state ^ (state >> shift)) * factor % 2**64
        state ^= state >> 31
    return (state >> 11) * 2.0**-53


def test_random_numbers_depend_on_the_numbers_and_the_seed_alone():
    frame = pl.DataFrame({"a": [1, 1, 2, 2**32 - 1], "b": [0, 1, 0, 7]})
    found = frame.select(uniform(42, "a", "b")).to_series().to_list()
    assert found == [splitmix(42, a, b) for a, b in frame.iter_rows()]
    many = pl.DataFrame({"a": np.arange(20000)}).select(uniform(1, "a")).to_series()
    assert many.mean() == pytest.approx(0.5, abs=0.01)
    assert (many < 0.1).mean() == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("by", ["run", "event"])
def test_a_burn_sample_is_all_that_is_read(ds, by):
    every = ds.scan().collect()
    columns = (RUN,) if by == "run" else (RUN, EVENT)
    kept = every.filter(pl.Series([splitmix(5, *row) < 0.3 for row in every.select(columns).iter_rows()]))
    seen = ic.blind(ds, burn=0.3, by=by, seed=5)
    assert 0 < kept.height < every.height
    assert seen.scan().collect().equals(kept)
    assert ic.open_dataset(ds.path).scan([RUN]).collect().height == kept.height
    assert seen.tables["MCPrimary"]["energy"].size == kept["MCPrimary.energy"].drop_nulls().len()
    assert ic.cutflow(seen, ic.Cuts())["n"].to_list() == [kept.height]
    assert hist.fill(seen, hist.integer(RUN, 0, 30)).sum() == kept.height
    if by == "run":
        assert seen.runs["run_id"].to_list() == kept[RUN].unique().sort().to_list()
    assert ic.facts(seen.scan()).livetime == pytest.approx(300)
    with pytest.raises(ValueError, match="has a burn sample, 30 % already"):
        ic.blind(seen, burn=0.5)


def test_weights_know_of_the_burn_sample(tmp_path):
    ds = ic.sim.to_dataset(ic.sim.events(60, seed=1), tmp_path / "a")
    whole = ds.scan().select(RUN, EVENT, ic.weight.nugen(ds)).collect()
    seen = ic.blind(ds, burn=0.3, by="event", seed=5)
    part = seen.scan().select(RUN, EVENT, ic.weight.nugen(seen).alias("more")).collect()
    both = part.join(whole, on=[RUN, EVENT]).drop_nulls()
    assert both.height
    assert np.allclose(both["more"] * 0.3, both["weight"])


def test_histograms_cutflows_and_figures_say_what_is_blind(ds, tmp_path):
    pytest.importorskip("matplotlib")
    open_data = hist.fill(ds, hist.integer(RUN, 0, 30))
    assert open_data.note == ""
    assert ic.cutflow(ds, ic.Cuts())["cut"][0] == "all"
    seen = ic.blind(ic.blind(ds, burn=0.1, by="event", seed=1), scramble="*.azimuth", name="right ascension")
    text = "burn sample, 10 %; blind: right ascension scrambled"
    h = hist.fill(seen.scan().filter(pl.col(RUN) > 2), hist.integer(RUN, 0, 30), hist.integer(EVENT, 0, 9))
    assert h.note == text
    assert text in repr(h)
    assert (2 * h.project(0) + h.project(0)).note == text
    for both in (h.project(0) + open_data, open_data + h.project(0), sum([open_data, 2 * h.project(0)])):
        assert both.note == text
    assert hist.Bundle(a=open_data, b=h.project(0)).merge().note == text
    for p in (h.project(0) / open_data, open_data / h.project(0), h.profile(1), hist.efficiency(h, h)):
        assert p.note == text
        assert text in repr(p)
    shown = ic.plot.points(open_data / h.project(0))
    assert [t.get_text() for t in shown.texts] == [text]
    assert not ic.plot.points(open_data / open_data).texts
    h.save(tmp_path / "h.json")
    assert hist.load(tmp_path / "h.json").note == text
    assert ic.cutflow(seen, ic.Cuts())["cut"][0] == f"all ({text})"
    assert text in repr(seen)
    assert text in seen.describe()
    ax = ic.plot.hist1d(h.project(0))
    ic.plot.hist1d(h.project(0), ax)
    assert [t.get_text() for t in ax.texts if t.get_gid() == "corner"] == [text]
    assert text in [t.get_text() for t in ic.plot.hist2d(h).texts]


def test_hidden_columns_are_null_everywhere_they_can_be_read(ds):
    seen = ic.blind(ds, hide=["MCPrimary.energy", "MCPrimary.z*"])
    frame = seen.scan().collect()
    assert (
        frame.select("MCPrimary.energy", "MCPrimary.zenith", "MCPrimary.z").null_count().row(0) == (200,) * 3
    )
    assert frame["MCPrimary.x"].null_count() < 200
    assert np.isnan(seen.tables["MCPrimary"]["energy"]).all()
    assert seen.scan().filter(pl.col("MCPrimary.energy") > 0).collect().height == 0
    assert hist.fill(seen, hist.regular("MCPrimary.energy", 1, 0, 1)).missing.n == 200


def test_units_of_blind_columns_are_known_but_not_of_what_is_computed_from_them(ds):
    seen = ic.blind(
        ic.blind(ds, scramble="*.azimuth"), hide="*.energy", where={"MCPrimary.zenith": (1.0, 2.0)}
    )
    known = ic.facts(seen.scan().filter(pl.col(RUN) > 1))
    assert [known.unit(f"MCPrimary.{member}") for member in ("azimuth", "energy", "zenith")] == [
        "rad",
        "GeV",
        "rad",
    ]
    degrees = ic.facts(seen.scan().with_columns(pl.col("MCPrimary.azimuth").degrees()))
    assert (degrees.knows("MCPrimary.azimuth"), degrees.knows("MCPrimary.energy")) == (False, True)
    assert hist.fill(seen, hist.regular("MCPrimary.azimuth", 2, 0, 7)).labels == ("MCPrimary.azimuth / rad",)


def test_scrambled_angles_are_shifted_alike_in_an_event_and_stay_angles(ds):
    raw = ds.scan().collect()
    seen = ic.blind(ds, scramble="MCPrimary.azimuth", seed=9).scan().collect()
    shift = (seen["MCPrimary.azimuth"] - raw["MCPrimary.azimuth"]) % (2 * math.pi)
    wanted = [2 * math.pi * splitmix(9, *row) for row in raw.select(RUN, EVENT).iter_rows()]
    known = raw["MCPrimary.azimuth"].is_not_null()
    assert np.allclose(shift.filter(known), pl.Series(wanted).filter(known))
    assert seen["MCPrimary.azimuth"].drop_nulls().is_between(0, 2 * math.pi).all()
    assert seen.drop("MCPrimary.azimuth").equals(raw.drop("MCPrimary.azimuth"))


def test_a_region_is_blind_alone_and_what_has_no_value_counts_as_inside(ds):
    raw = ds.scan().collect()
    e, z = raw["MCPrimary.energy"], raw["MCPrimary.zenith"]
    where = {"MCPrimary.energy": (1e3, None), "MCPrimary.zenith": (0.5, 2.0)}
    inside = ((e >= 1e3) & (z >= 0.5) & (z < 2.0)).fill_null(value=True)
    left = ic.blind(ds, where=where, name="signal region")
    assert left.scan().collect().equals(raw.filter(~inside))
    assert left.manifest.blinding.describe() == (
        "blind: signal region left out for MCPrimary.energy >= 1000 and MCPrimary.zenith >= 0.5 "
        "and MCPrimary.zenith < 2"
    )
    again = ic.blind(ic.unblind(left, reason="test"), hide="MCPrimary.energy", where=where).scan().collect()
    assert again["MCPrimary.energy"].is_null().to_list() == inside.to_list()
    assert again["MCPrimary.zenith"].equals(z)


def test_nan_of_a_region_counts_as_inside():
    from icecol.dataset.blinding import Blinding, Veil

    frame = pl.LazyFrame({"e": [1.0, math.nan, None, 9.0]})
    veil = Veil("drop", region={"e": (None, 5.0)})
    assert Blinding(veils=(veil,)).apply(frame).collect()["e"].to_list() == [9.0]


def test_unblinding_is_explicit_and_recorded(ds):
    raw = ds.scan().collect()
    seen = ic.blind(ds, burn=0.1, hide="MCPrimary.energy")
    with pytest.raises(ValueError, match="give the reason"):
        ic.unblind(seen, reason=" ")
    bare = ic.unblind(seen, reason="approved", user="victor")
    assert bare.scan().collect().equals(raw)
    assert not bare.manifest.blinding.active
    first, last = manifests.read(ds.path / manifests.NAME).blinding.acts
    assert (last.user, last.reason) == ("victor", "approved")
    assert last.what == "unblinded (burn sample, 10 %; blind: MCPrimary.energy hidden)"
    assert first.what == "burn sample, 10 %; blind: MCPrimary.energy hidden"
    assert first.time <= last.time
    with pytest.raises(ValueError, match="is not blind"):
        ic.unblind(bare, reason="again")


def test_frames_are_not_written_past_the_blindness(ds, made, tmp_path):
    burned = ic.blind(ds, burn=0.2, by="event", seed=2)
    written = ic.convert.to_i3(burned, made / "b.i3", tmp_path / "some.i3")
    assert sum(written.values()) == burned.scan().collect().height
    seen = ic.blind(burned, hide="MCPrimary.energy")
    for events in (seen, seen.scan().filter(pl.col(EVENT) == 1)):
        with pytest.raises(DatasetError, match=r"blinded.*files hold 'MCPrimary.energy'"):
            ic.convert.to_i3(events, made / "b.i3", tmp_path / "other.i3")


def test_a_blind_dataset_is_not_overwritten(ds, made):
    ic.blind(ds, hide="MCPrimary.energy")
    with pytest.raises(DatasetError, match="is blind, and would not be if overwritten"):
        ic.convert.i3(made / "b.i3", ds.path, jobs=1, overwrite=True)


def test_what_cannot_be_blinded_is_refused(ds):
    with pytest.raises(ValueError, match="nothing to blind"):
        ic.blind(ds)
    with pytest.raises(ValueError, match="between 0 and 1"):
        ic.blind(ds, burn=10)
    with pytest.raises(ValueError, match="'run' or 'event'"):
        ic.blind(ds, burn=0.1, by="time")
    with pytest.raises(MissingColumnError, match=r"MCPrimary\.energy"):
        ic.blind(ds, hide="MCPrimary.energi")
    with pytest.raises(MissingColumnError, match="Fit"):
        ic.blind(ds, where={"Fit.energy": (1, 2)})
    with pytest.raises(SchemaError, match="not of floats"):
        ic.blind(ds, scramble="MCPrimary.pdg_encoding")
    with pytest.raises(SchemaError, match="not of numbers"):
        ic.blind(ds, where={"I3EventHeader.sub_event_stream": (1, 2)})
    with pytest.raises(ValueError, match="blind already, or given twice"):
        ic.blind(ds, hide="MCPrimary.azimuth", scramble="MCPrimary.azimuth")
    with pytest.raises(ValueError, match=r"'MCPrimary\.zenith' is blind already, or given twice"):
        ic.blind(ds, hide=["MCPrimary.azimuth", "MCPrimary.zenith"], scramble="MCPrimary.zenith")
    with pytest.raises(ValueError, match="numbers of runs"):
        ic.blind(ds, hide=RUN)
    assert not ic.open_dataset(ds.path).manifest.blinding.active


def test_the_run_that_chooses_events_must_be_known(tmp_path):
    pulses = pl.DataFrame({"event": [1, 2], "time": [1.0, 2.0], "charge": [1.0, 1.0], "energy": [1.0, 2.0]})
    pulses = pulses.with_columns(string=pl.lit(1), om=pl.lit(2))
    ds = ic.convert.table(
        pulses.drop("energy"), tmp_path / "a", event="event", events=pulses.select("event", "energy")
    )
    assert RUN not in ds.scan().collect_schema()
    for settings in ({"burn": 0.1}, {"burn": 0.1, "by": "event"}, {"scramble": "energy"}):
        with pytest.raises(MissingColumnError, match=r"no column 'I3EventHeader\.run_id'"):
            ic.blind(ds, **settings)
    ic.blind(ds, hide="energy")
