"""What is shown in a notebook and at a prompt: short, completed by Tab, and with nothing from a file unescaped."""

from __future__ import annotations

import re

import polars as pl
import pytest

import icecol as ic
from icecol import notebook

EVIL = "<img src=x onerror=alert(1)>&\"'"


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A dataset of 2,000 columns of two keys, one with a name that is code for a browser."""
    folder = tmp_path_factory.mktemp("wide")
    frame = ic.Frame("P")
    frame["I3EventHeader"] = ic.new("I3EventHeader", run_id=1, event_id=2)
    frame["Weights"] = {f"w{i:04}": float(i) for i in range(1988)}
    frame[EVIL.replace(" ", "/")] = 1.5
    ic.write_i3(folder / "wide.i3", [frame, frame])
    return ic.convert.i3(folder / "wide.i3", folder / "wide.icecol", gcd=ic.Geometry.nominal(), jobs=1)


def shown(wide):
    """Objects with hostile names, by class."""
    frame = next(ic.open_i3(wide.path.parent / "wide.i3"))
    cuts = ic.Cuts({EVIL: pl.col(EVIL) > 1})
    sample = ic.Sample(wide, weight=pl.col(EVIL), label=EVIL)
    events = pl.DataFrame({EVIL: [0.5, 2.0]})
    tray = ic.Tray().add([frame]).add(lambda f, a: bool(a), name=EVIL, a=EVIL)
    h = ic.hist.fill(events, ic.hist.regular(EVIL, 4, 0, 4))
    return {
        "Dataset": wide,
        "Frame": frame,
        "Cuts": cuts,
        "cutflow": ic.cutflow(events, cuts),
        "Sample": sample,
        "Samples": ic.Samples({EVIL: sample}),
        "Tray": tray,
        "Summary": tray.run(),
        "Hist": h,
        "Bundle": ic.hist.Bundle({EVIL: h}),
    }


def test_names_are_escaped_in_whatever_is_shown(wide):
    for name, one in shown(wide).items():
        page = one._repr_html_()
        assert "<img" not in page, name
        assert "&lt;img" in page, name
        tags = set(re.findall(r"</?(\w+)", page))
        assert tags <= {"div", "b", "table", "thead", "tbody", "tr", "th", "td", "svg", "path", "text", "rect", "small",
                        "style", "p", "dataframe"}, name  # fmt: skip


def test_control_characters_are_not_shown():
    page = notebook.table(["a\u202eb"], [["\x1b[2J"]], title="\x07", note="\u202e", numbers=["a"])
    assert not {"\x1b", "\x07", "\u202e"} & set(page)
    assert r"\x1b[2J" in page


def test_numbers_are_right_aligned_and_nothing_is_nothing():
    page = notebook.table(["key", "n"], [["a", 1234], ["b", None], ["c", 0]], numbers=["n"])
    cells = re.findall(r'<td style="text-align: (\w+)[^>]*>([^<]*)</td>', page)
    assert cells == [
        ("left", "a"), ("right", "1,234"), ("left", "b"), ("right", ""), ("left", "c"), ("right", "0")
    ]  # fmt: skip
    assert "<table" not in notebook.table(["key"], [], title="t")


def test_reprs_of_2000_columns_are_short(wide):
    assert len(wide.schema) >= 2000
    for one in (
        wide,
        wide.manifest,
        wide.col,
        wide.col.Weights,
        wide.contents(),
        ic.facts(wide),
        *shown(wide).values(),
    ):
        text = repr(one)
        assert text.count("\n") < 20, type(one)
        assert max(map(len, text.splitlines())) < 400, type(one)
    assert len(wide._repr_html_()) < 20_000


def test_keys_are_completed(wide):
    found = {
        name: one._ipython_key_completions_()
        for name, one in shown(wide).items()
        if name in {"Frame", "Cuts", "Samples", "Bundle", "Summary"}
    }
    assert found.pop("Frame") == list(next(ic.open_i3(wide.path.parent / "wide.i3")))
    assert found == {"Cuts": [EVIL], "Samples": [EVIL], "Bundle": [EVIL], "Summary": ["list", EVIL]}


def test_a_tray_says_what_is_in_it():
    def bright(frame, pulses, least=30):
        return True

    tray = (
        ic.Tray()
        .add([ic.Frame("P")])
        .add(bright, pulses="SRT", stops="QP", if_=lambda f: True, least=list(range(99)))
    )
    assert repr(tray).splitlines()[0] == "Tray("
    assert re.fullmatch(r"    bright\(pulses='SRT', least=\[0, 1, .*\.\.\.\)\)", repr(tray).splitlines()[2])
    page = tray._repr_html_()
    assert "QP if &lt;lambda&gt;" in page
    assert "Tray: 2 modules" in page


def test_a_sample_says_what_it_is_made_of(wide):
    sample = ic.Sample([wide, wide.scan(), pl.DataFrame({"x": [1, 2]})], weight=pl.col("w") * 2)
    assert repr(sample).endswith(" + LazyFrame + DataFrame(2 events); weight w * 2)")
    assert repr(ic.Sample(wide.scan())) == "Sample(LazyFrame; data)"
    long = ic.Sample(wide.scan(), weight="w" * 200, variations={"ice": ic.Sample(wide.scan(), weight="v")})
    assert repr(long) == f"Sample(LazyFrame; weight {'w' * 77}..., variations ice)"
    samples = ic.Samples(data=ic.Sample(wide.scan()), livetime=1e4)
    assert "livetime 10,000 s" in samples._repr_html_()
    assert "rates in Hz" in ic.Samples(nu=long)._repr_html_()
