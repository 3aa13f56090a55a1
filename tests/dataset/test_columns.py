from __future__ import annotations

import copy
import pickle

import polars as pl
import pytest

import icecol as ic
from icecol.dataset.columns import Columns
from icecol.errors import MissingColumnError

NAMES = [
    "Fit.zenith",
    "Fit.x",
    "Mask.Muon_13.passed",
    "Mask.Muon_13.prescale",
    "Fit 2.x",
    "plain",
    "A",
    "A.x",
]


def same(found, name):
    return isinstance(found, pl.Expr) and found.meta.eq(pl.col(name))


def test_attributes_and_items_are_columns():
    col = Columns(NAMES)
    assert same(col.Fit.zenith, "Fit.zenith")
    assert same(col["Fit"]["zenith"], "Fit.zenith")
    assert same(col["Fit.zenith"], "Fit.zenith")
    assert same(col.Mask.Muon_13.passed, "Mask.Muon_13.passed")
    assert same(col.Mask["Muon_13.passed"], "Mask.Muon_13.passed")
    assert same(col["Fit 2"].x, "Fit 2.x")
    assert same(col.plain, "plain")
    assert same(col.A, "A")
    assert same(col["A.x"], "A.x")


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda c: c.Fit.zenit, "'Fit' has no member 'zenit'; did you mean 'zenith'?"),
        (lambda c: c.Mask.Muon_31, "'Mask' has no member 'Muon_31'; did you mean 'Muon_13'?"),
        (lambda c: c.Mask.Muon_13.pased, "'Mask.Muon_13' has no member 'pased'; did you mean 'passed'?"),
        (lambda c: c.Fitt, "no column 'Fitt'; did you mean 'Fit'?"),
        (lambda c: c.zenith, "no column 'zenith'; did you mean 'Fit.zenith'?"),
        (lambda c: c.Fit.qqq, "'Fit' has no member 'qqq'; names: 'x', 'zenith'"),
    ],
)
def test_a_typo_says_what_is_meant(ask, says):
    with pytest.raises(AttributeError) as caught:
        ask(Columns(NAMES))
    assert str(caught.value) == says


def test_a_typo_in_brackets_is_a_missing_column():
    with pytest.raises(MissingColumnError, match=r"^no column 'Fit\.zenit'; did you mean 'Fit\.zenith'\?$"):
        _ = Columns(NAMES)["Fit.zenit"]
    assert not hasattr(Columns(NAMES), "Fitt")


def test_completion_names_keys_then_members():
    col = Columns(NAMES)
    assert dir(col) == ["A", "Fit", "Mask", "plain"]
    assert dir(col.Mask) == ["Muon_13"]
    assert col._ipython_key_completions_() == ["A", "Fit", "Fit 2", "Mask", "plain", *NAMES]
    assert col.Mask._ipython_key_completions_() == ["Muon_13", "Muon_13.passed", "Muon_13.prescale"]


def test_it_is_copied_and_is_no_list():
    col = Columns(NAMES)
    assert same(copy.copy(col).Fit.x, "Fit.x")
    assert same(pickle.loads(pickle.dumps(col)).Fit.x, "Fit.x")
    with pytest.raises(TypeError, match="not iterable"):
        list(col)


def test_those_of_a_dataset(tmp_path):
    ds = ic.sim.to_dataset(ic.sim.events(3, seed=1), tmp_path / "sim.icecol")
    assert set(dir(ds.col)) == set(ds.keys)
    assert same(ds.col.InIcePulses.charge, "InIcePulses.charge")
