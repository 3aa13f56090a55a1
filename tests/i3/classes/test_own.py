"""Classes of the user's own are read, made, written and converted like those that icecol knows (`classes.own`)."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.convert.i3_reader import I3Reader
from icecol.errors import FormatError
from icecol.i3.archive import UnknownObject, decode, encode, new, record
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import BASE, Enum, Field, Map, Vector
from icecol.i3.classes.own import OWN, remove

FIT = (
    ("energy", "f64", "GeV", "deposited energy"),
    ("pos", "I3Position"),
    ("n_doms", "i32"),
    Field("kind", Enum("Kind", (("none", 0), ("cascade", 1)))),
    Field("residuals", Vector("f64"), "ns"),
    ("comment", "str"),
)


@pytest.fixture(autouse=True)
def only_icecols_own():
    """Take out again what a test adds, and what an example of a docstring may have left."""
    for name in list(OWN):
        remove(name)
    yield
    for name in list(OWN):
        remove(name)


def fit(i):
    position = new("I3Position", x=float(i), y=2.0, z=-3.0)
    residuals = np.arange(float(i))
    return new("MyFit", energy=10.0 * i, pos=position, n_doms=i, kind=1, residuals=residuals, comment=f"n{i}")


def frames(n, first=0):
    for i in range(first, first + n):
        frame = ic.Frame("P")
        frame["I3EventHeader"] = new("I3EventHeader", run_id=1, event_id=i, sub_event_stream="InIceSplit")
        frame["Fit"] = fit(i)
        frame["Map"] = new("MyMap", {"a": 1.0 * i, "b": 2.0})
        yield frame


def add_both():
    ic.i3_class("MyFit", *FIT, version=0, doc="A fit.")
    ic.i3_class("MyMap", Field("", Map("str", "f64")))


def test_objects_are_bytes_until_their_class_is_known_and_the_bytes_stay_the_same(tmp_path):
    add_both()
    path = tmp_path / "a.i3"
    ic.write_i3(path, frames(3))
    blob = encode(fit(2))
    remove("MyFit")
    (first, *_) = ic.open_i3(path)
    assert isinstance(first["Fit"], UnknownObject)
    assert isinstance(decode(blob), UnknownObject)
    with pytest.raises(FormatError, match="'MyFit'"):
        new("MyFit")
    add_both()
    found = [frame["Fit"] for frame in ic.open_i3(path)]
    assert found == [fit(i) for i in range(3)]
    assert found[2].kind.name == "cascade"
    assert encode(decode(blob)) == blob
    assert pickle.loads(pickle.dumps(found[1])) == found[1]
    ic.write_i3(tmp_path / "b.i3", ic.open_i3(path))
    assert (tmp_path / "b.i3").read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_conversions_in_worker_processes_and_scans_give_columns(tmp_path):
    add_both()
    for k in range(2):
        ic.write_i3(tmp_path / f"{k}.i3.zst", frames(5, 5 * k))
    made = ic.convert.i3(tmp_path / "*.i3.zst", tmp_path / "a.icecol", jobs=2)
    table = made.scan().sort("I3EventHeader.event_id").collect()
    assert table["Fit.energy"].to_list() == [10.0 * i for i in range(10)]
    assert table["Fit.pos_x"].to_list() == [float(i) for i in range(10)]
    assert table["Fit.residuals"].list.len().to_list() == list(range(10))
    assert table["Fit.comment"][3] == "n3"
    assert table["Map.a"].to_list() == [1.0 * i for i in range(10)]
    schema = made.manifest.schema.field("Fit.energy").metadata
    assert (schema[b"unit"], b"deposited energy" in b" ".join(schema.values())) == (b"GeV", True)
    assert "deposited energy" in made.manifest.settings["classes"]["MyFit"]
    scanned = ic.scan_i3(tmp_path / "0.i3.zst").select("Fit.energy", "Map.b").collect()
    assert scanned.equals(table.filter(pl.col("Fit.energy") < 50).select("Fit.energy", "Map.b"))


def test_columns_become_objects_again(tmp_path):
    ic.i3_class("MyNumbers", ("alpha", "f64"), ("beta", "f64"), ("gamma", "i32"))
    events = ic.sim.events(2, seed=1)
    ic.sim.write(tmp_path / "a.i3", events)
    ic.convert.i3(tmp_path / "a.i3", tmp_path / "a.icecol", jobs=1)
    rows = ic.open_dataset(tmp_path / "a.icecol").scan()
    given = rows.with_columns(
        **{"Mine.alpha": pl.lit(1.5), "Mine.beta": pl.lit(2.5), "Mine.gamma": pl.lit(3, pl.Int32)}
    )
    ic.convert.to_i3(given, tmp_path / "a.i3", tmp_path / "b.i3", features="Mine")
    found = [f["Mine"] for f in ic.open_i3(tmp_path / "b.i3") if f.stop == "P"]
    assert found == [new("MyNumbers", alpha=1.5, beta=2.5, gamma=3)] * 2


@pytest.mark.slow
def test_a_script_needs_one_call(tmp_path):
    """Also one without `if __name__ == "__main__":`, whose workers do not run it again."""
    add_both()
    for k in range(2):
        ic.write_i3(tmp_path / f"{k}.i3", frames(2, 2 * k))
    script = tmp_path / "script.py"
    script.write_text(
        "import icecol as ic\n"
        "from icecol.i3.classes.layout import Enum, Field, Vector\n"
        f"ic.i3_class('MyFit', *{FIT!r})\n"
        f"made = ic.convert.i3({str(tmp_path / '*.i3')!r}, {str(tmp_path / 'd')!r}, keys='Fit', jobs=2)\n"
        "print(sorted(made.scan().collect()['Fit.n_doms']))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0, 1, 2, 3]"


def test_a_newer_version_reads_older_objects(tmp_path):
    ic.i3_class("Mine", ("a", "f64"))
    old = encode(new("Mine", a=1.0))
    before = record("I3Particle")
    assert decode(old) == new("Mine", a=1.0)
    ic.i3_class("Mine", ("a", "f64"), Field("b", "i32", since=1), version=1)
    found = decode(old)
    assert (found.a, found.b) == (1.0, None)
    assert encode(found) == old
    assert decode(encode(new("Mine", a=1.0, b=2))).b == 2
    assert record("I3Particle") is before
    ic.i3_class("Mine", ("a", "f64"))
    assert isinstance(decode(encode_version_1(old)), UnknownObject)


def encode_version_1(blob):
    at = blob.index(b"Mine") + 5
    return blob[:at] + b"\1" + blob[at + 1 :]


def test_classes_inside_others_and_derived_ones():
    ic.i3_class("MyPart", ("a", "f32"), ("b", "u8"), base=None, tracked=False)
    ic.i3_class("MyWhole", ("parts", Vector("MyPart")), base="I3Particle")
    whole = new("MyWhole", energy=5.0)
    whole.parts = [record("MyPart")(a=1.0, b=i) for i in range(3)]
    found = decode(encode(whole))
    assert (found.energy, [part.b for part in found.parts]) == (5.0, [0, 1, 2])
    assert CLASSES["MyWhole"].fields[0].type == "I3Particle"
    assert CLASSES["MyPart"].fields[:1] != (BASE,)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="'I3Particle' is a class that icecol knows"):
        ic.i3_class("I3Particle", ("a", "f64"))
    with pytest.raises(
        ValueError, match=r"member 'a' of Mine: no type 'I3Particel' is known; .*'I3Particle'"
    ):
        ic.i3_class("Mine", ("a", Vector("I3Particel")))
    with pytest.raises(ValueError, match="two members of Mine version 0 are called 'a'"):
        ic.i3_class("Mine", ("a", "f64"), ("a", "i32"))
    assert "Mine" not in CLASSES


def test_a_layout_decides_whether_an_earlier_conversion_is_still_good():
    plain = I3Reader().settings()
    ic.i3_class("Mine", ("a", "f64"))
    first = I3Reader().settings()
    ic.i3_class("Mine", ("a", "f32"))
    second = I3Reader().settings()
    assert "classes" not in plain
    assert first != second
