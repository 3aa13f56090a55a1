from __future__ import annotations

import shutil

import polars as pl
import pyarrow as pa
import pytest

import icecol as ic
from icecol.dataset import contents
from icecol.dataset import schema as schemas


@pytest.fixture(scope="module")
def ds(tmp_path_factory):
    """Three events, of which some lack a key, a pulse series or a name of a map."""
    folder = tmp_path_factory.mktemp("contents")
    frames = []
    for i in range(3):
        frame = ic.Frame("P")
        frame["I3EventHeader"] = ic.new("I3EventHeader", run_id=1, event_id=i)
        if i:
            frame["Fit"] = ic.new("I3Particle", energy=float(i))
            frame["Map"] = {"ab"[i - 1]: 1.0}
        if i != 1:
            frame["Pulses"] = ic.new("I3RecoPulseSeriesMap")
        frames.append(frame)
    ic.write_i3(folder / "a.i3", frames)
    return ic.convert.i3(folder / "a.i3", folder / "a.icecol", gcd=ic.Geometry.nominal(), jobs=1)


def test_a_row_for_each_key_with_class_events_and_members(ds):
    found = {row["key"]: row for row in ds.contents().to_dicts()}
    assert list(found) == list(ds.keys)
    assert {key: (row["class"], row["events"]) for key, row in found.items()} == {
        "Fit": ("I3Particle", 2),
        "I3EventHeader": ("I3EventHeader", 3),
        "Map": ("I3MapStringDouble", 2),
        "Pulses": ("I3RecoPulseSeriesMap", 2),
    }
    assert found["Map"]["members"] == ["a", "b"]
    assert dict(zip(found["Fit"]["members"], found["Fit"]["units"], strict=True))["zenith"] == "rad"


def test_events_are_counted_where_that_is_quick_or_asked_for(ds, monkeypatch):
    monkeypatch.setattr(contents, "AT_ONCE", 3 * 5)
    assert ds.contents()["events"].null_count() == 0
    assert "count=True" not in ds._repr_html_()
    monkeypatch.setattr(contents, "AT_ONCE", 3 * 5 - 1)
    assert ds.contents()["events"].null_count() == 4
    assert ds.contents(count=True)["events"].sum() == 9
    assert ds.contents(count=False)["events"].sum() == 0
    assert "ds.contents(count=True) counts" in ds._repr_html_()


def test_a_key_of_several_classes_names_them(tmp_path):
    frames = [ic.Frame("P") for _ in range(2)]
    frames[0]["A"], frames[1]["A"] = 1.5, ic.new("I3MapStringDouble", {"value": 2.5})
    for frame in frames:
        frame["I3EventHeader"] = ic.new("I3EventHeader")
    ic.write_i3(tmp_path / "a.i3", frames)
    ds = ic.convert.i3(tmp_path / "a.i3", tmp_path / "a.icecol", gcd=ic.Geometry.nominal(), jobs=1)
    assert ds.contents().filter(key="A")["class"].item() == "I3Double or I3MapStringDouble"


def test_a_simulated_dataset_has_the_classes_of_its_file(tmp_path):
    ds = ic.sim.to_dataset(ic.sim.events(2, seed=1), tmp_path / "sim.icecol")
    found = ds.contents().filter(pl.col("key").is_in(["InIcePulses", "MCPrimary"])).select("class", "events")
    assert found.rows() == [("I3RecoPulseSeriesMap", 2), ("I3Particle", found["events"][1])]


def test_a_column_without_a_class_has_none():
    field = schemas.field("K.x", pa.float64())
    assert schemas.class_of(field) == ""
    assert schemas.of_keys({"K": [field]})[0].equals(field, check_metadata=True)
    assert schemas.class_of(schemas.of_keys({"K": [field]}, {"K": "I3Double"})[0]) == "I3Double"
    dotted = schemas.of_keys({"K.x": [schemas.field("K.x.value", pa.float64())]}, {"K.x": "I3Double"})[0]
    assert (schemas.key_of(dotted), schemas.class_of(dotted)) == ("K.x", "I3Double")


def test_length_is_the_number_of_events_and_an_empty_dataset_is_true(ds, tmp_path):
    assert len(ds) == 3
    ic.write_i3(tmp_path / "none.i3", [ic.Frame("G")])
    none = ic.convert.i3(
        tmp_path / "none.i3", tmp_path / "none.icecol", gcd=ic.Geometry.nominal(), allow_empty=True, jobs=1
    )
    assert len(none) == 0
    assert none
    assert none.contents().height == 0
    assert "0 events" in none._repr_html_()


def test_of_what_is_blind_the_visible_events_count(ds, tmp_path):
    copied = tmp_path / "blind.icecol"
    shutil.copytree(ds.path, copied)
    hidden = ic.blind(ic.open_dataset(copied), hide="Fit.*", where={"I3EventHeader.event_id": (2, 3)})
    assert hidden.contents().select("key", "events").rows() == [
        ("Fit", 1), ("I3EventHeader", 3), ("Map", 2), ("Pulses", 2)
    ]  # fmt: skip
