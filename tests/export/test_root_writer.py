"""ROOT files, read by uproot; and arrays in memory, `memory`, `text`."""

from __future__ import annotations

import polars as pl
import pytest

import icecol as ic
from icecol.errors import SchemaError

EVENTS = pl.DataFrame(
    {
        "Hits.t": [[1.0, 2.0], None, [], [3.0]], "Hits.q": [[1, 2], None, [], [3]], "Fit.zenith": [0.5, None, 1.5, 2.5],
        "Fit.n-dof": [1, None, 3, 4], "weight": [1.0, 2.0, 3.0, 4.0],
    }
)  # fmt: skip


@pytest.mark.parametrize("kind", ["TTree", "RNTuple"])
def test_branches_have_what_the_columns_have(kind, tmp_path, monkeypatch):
    uproot = pytest.importorskip("uproot")
    monkeypatch.setattr("icecol.export.contents.pieces.__defaults__", (3,))
    path = ic.export.root(EVENTS, tmp_path / "a.root", kind=kind, tree="mine")
    with uproot.open(path) as file:
        tree = file["mine"]
        assert tree["Fit_zenith"].array().tolist()[2:] == [1.5, 2.5]
        assert tree["Fit_zenith"].array().tolist()[1] != tree["Fit_zenith"].array().tolist()[1]  # NaN
        assert tree["Fit_n_dof"].array().tolist() == [1, 0, 3, 4]
        assert tree["Fit_exists"].array().tolist() == [True, False, True, True]
        assert tree["weight"].array().tolist() == [1.0, 2.0, 3.0, 4.0]
        if kind == "TTree":
            hits = tree["Hits_t"].array().tolist(), tree["Hits_q"].array().tolist()
            assert tree["nHits"].array().tolist() == [2, 0, 0, 1]
        else:
            hits = tree["Hits"].array().t.tolist(), tree["Hits"].array().q.tolist()
        assert hits == ([[1.0, 2.0], [], [], [3.0]], [[1, 2], [], [], [3]])
        assert "icecol" in str(file["about"])


def test_names_and_lengths_that_do_not_fit_are_refused(tmp_path):
    pytest.importorskip("uproot")
    with pytest.raises(ValueError, match=r"'Fit\.a-b' and 'Fit\.a_b' would both be 'Fit_a_b'"):
        ic.export.root(pl.DataFrame({"Fit.a-b": [1], "Fit.a_b": [2]}), tmp_path / "a.root")
    with pytest.raises(ValueError, match="the lists of 'K' differ in length"):
        ic.export.root(pl.DataFrame({"K.x": [[1.0]], "K.y": [[1.0, 2.0]]}), tmp_path / "a.root")
    with pytest.warns(UserWarning, match=r"ROOT cannot hold 'K\.text'"):
        ic.export.root(pl.DataFrame({"K.text": ["a"], "K.x": [1]}), tmp_path / "a.root")


def test_awkward_arrays_have_records_by_key():
    pytest.importorskip("awkward")
    array = ic.export.awkward(EVENTS.with_columns(pl.Series("Hits.more", [[1, 2], None, [], [3]])))
    assert array.Hits.t.tolist() == EVENTS["Hits.t"].to_list()
    assert array.Hits[0, 1].tolist() == {"t": 2.0, "q": 2, "more": 2}
    assert array.Fit.zenith.tolist() == EVENTS["Fit.zenith"].to_list()
    assert array.weight.tolist() == [1.0, 2.0, 3.0, 4.0]
    mixed = ic.export.awkward(pl.DataFrame({"K.x": [[1.0], []], "K.y": [[1.0], [2.0]], "K.n": [1, 2]}))
    assert mixed.K.tolist() == [{"x": [1.0], "y": [1.0], "n": 1}, {"x": [], "y": [2.0], "n": 2}]


def test_pandas_tells_null_from_nan():
    pytest.importorskip("pandas")
    table = ic.export.pandas(EVENTS)
    assert table["Fit.n-dof"].isna().tolist() == [False, True, False, False]
    assert table["Fit.n-dof"].dtype == "int64[pyarrow]"
    assert [None if v is None else list(v) for v in table["Hits.t"].tolist()[::3]] == [[1.0, 2.0], [3.0]]


def test_csv_has_the_columns_of_one_value(tmp_path):
    with pytest.warns(UserWarning, match=r"CSV cannot hold 'Hits\.t', 'Hits\.q' \(lists\)"):
        path = ic.export.csv(EVENTS, tmp_path / "a.csv")
    made = pl.read_csv(path)
    assert made.equals(EVENTS.select(made.columns))
    third = ic.export.csv(pl.DataFrame({"x": [0.1 + 0.2, 1e-300]}), tmp_path / "b.csv")
    assert pl.read_csv(third)["x"].to_list() == [0.1 + 0.2, 1e-300]


@pytest.mark.parametrize("form", ["csv", "root"])
def test_where_nothing_can_be_held_nothing_is_written(form, tmp_path):
    if form == "root":
        pytest.importorskip("uproot")
    write, held = getattr(ic.export, form), {"csv": "CSV", "root": "ROOT"}[form]
    odd = pl.DataFrame({"K.x": [[[1.0]]]})
    with pytest.raises(SchemaError, match=rf"{held} cannot hold 'K\.x' \(.*lists\): choose other columns"):
        write(odd, tmp_path / "a")
    with pytest.raises(SchemaError, match="the events have no columns"):
        write(pl.DataFrame(), tmp_path / "a")
    assert not list(tmp_path.iterdir())
