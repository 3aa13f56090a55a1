"""`reading`, `writing`: what is saved comes back."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace

import h5py
import numpy as np
import polars as pl
import pytest

from icecol import hist
from icecol.errors import MissingColumnError, MissingDependencyError

DF = pl.DataFrame(
    {"x": [0.1, 1.5, 2.5, math.nan, None], "k": ["a", "b", "a", "é", "a"], "w": [1.0, 0.1, 3.0, 2.0, 1.0]}
)
X = hist.variable("x", [-math.inf, 1, 2, math.inf], label="Δx / m")
H = hist.fill(DF, X, hist.category("k"), weight="w")
ONE = hist.fill(DF, hist.log("x", 3, 0.1, 10))
BUNDLE = hist.Bundle({"a": {"both": H, "one": ONE}, "é": ONE})


def same(a, b):
    return a == b and a.labels == b.labels and list(map(str, a.axes)) == list(map(str, b.axes))


@pytest.mark.parametrize("suffix", [".json", ".h5", ".hdf5", ".parquet"])
@pytest.mark.parametrize("h", [H, ONE], ids=["two", "one"])
def test_every_form_gives_back_what_was_saved(tmp_path, suffix, h):
    path = tmp_path / f"h{suffix}"
    for _ in range(2):
        h.save(path)
        assert same(hist.load(path), h)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".json", ".h5"])
def test_bundles_too(tmp_path, suffix):
    path = tmp_path / f"h{suffix}"
    BUNDLE.save(path)
    back = hist.load(path)
    assert back == BUNDLE
    assert list(back) == ["a", "é"]
    assert same(back["a"]["both"], H)


@pytest.mark.parametrize("suffix", [".json", ".h5", ".parquet"])
@pytest.mark.parametrize("factor", [0, 1, 2], ids=["of nothing", "as filled", "of sums of weights"])
def test_entries_that_are_kept_for_statistics_come_back(tmp_path, suffix, factor):
    events = DF.drop_nulls()[: 0 if factor == 0 else 9]
    h = hist.fill(events, X, hist.category("k"), hist.regular("w", 2, 0, 4), weight="w", statistics=True)
    saved = h + h if factor == 2 else h
    if factor == 2:  # several weights became one: the squares are not those of the weights
        saved = replace(saved, data=replace(saved.data, squares=saved.data.squares * 0.5))
    saved.save(tmp_path / f"h{suffix}")
    back = hist.load(tmp_path / f"h{suffix}")
    assert back == saved
    assert back.data.names == ("x", "w")
    for member in ("values", "weights", "squares"):
        assert np.array_equal(getattr(back.data, member), getattr(saved.data, member))
    ONE.save(tmp_path / "one.json")
    assert hist.load(tmp_path / "one.json").data is None


def test_merged_files_have_the_statistics_of_all_entries(tmp_path):
    axis = hist.regular("w", 2, 0, 4)
    for i, part in enumerate((DF[:2], DF[2:])):
        hist.fill(part, axis, statistics=True).save(tmp_path / f"{i}.h5")
    whole = hist.fill(DF, axis, statistics=True)
    assert hist.merge(sorted(tmp_path.glob("*.h5"))).data.mean() == pytest.approx(whole.data.mean())


def test_a_group_of_a_file_that_holds_other_data(tmp_path):
    path = tmp_path / "results.h5"
    with h5py.File(path, "w") as file:
        file["other"] = [1, 2, 3]
    with pytest.raises(ValueError, match="holds other data: name a group"):
        H.save(path)
    H.save(path, group="hists/x")
    ONE.save(path, group="hists/y")
    hist.save(BUNDLE, path, group="/hists/x/")  # replaces
    assert hist.load(path, group="hists/x") == BUNDLE
    assert same(hist.load(path, group="hists/y"), ONE)
    with h5py.File(path) as file:
        assert file["other"][:].tolist() == [1, 2, 3]
    with pytest.raises(MissingColumnError, match="no group 'hist': did you mean 'hists'"):
        hist.load(path, group="hist")
    with pytest.raises(ValueError, match=r"results\.h5 is not a histogram written by hist\.save"):
        hist.load(path)


def test_parquet_is_a_table_for_others(tmp_path):
    ONE.save(tmp_path / "h.parquet")
    table = pl.read_parquet(tmp_path / "h.parquet")
    assert table.equals(ONE.to_frame())
    assert table.columns == ["x low", "x high", "value", "variance"]
    table.write_parquet(tmp_path / "bare.parquet")
    with pytest.raises(
        ValueError, match=r"bare\.parquet is not a histogram .*: its metadata have no 'icecol\.hist'"
    ):
        hist.load(tmp_path / "bare.parquet")
    with pytest.raises(TypeError, match="a Parquet file holds one histogram"):
        BUNDLE.save(tmp_path / "b.parquet")


def test_json_is_strict_in_bundles_too(tmp_path):
    BUNDLE.save(tmp_path / "b.json")
    content = json.loads((tmp_path / "b.json").read_text(), parse_constant=pytest.fail)
    assert content["bundle"]["a"]["bundle"]["both"]["axes"][0]["edges"] == ["-inf", 1, 2, "inf"]


def test_partial_results_merge_from_files_and_memory(tmp_path):
    parts = [DF[:2], DF[2:4], DF[4:]]
    axes = X, hist.category("k")
    for i, part in enumerate(parts[:2]):
        hist.Bundle(h=hist.fill(part, *axes, weight="w")).save(tmp_path / f"{i}.json")
    last = hist.Bundle(h=hist.fill(parts[2], *axes, weight="w"))
    total = hist.merge([tmp_path / "0.json", str(tmp_path / "1.json"), last])["h"]
    np.testing.assert_allclose(total.values(), H.values()[:, :2])
    assert (total.nan, total.missing) == (H.nan, H.missing)
    assert list(total.axes[1]) == ["a", "b"]
    ONE.save(tmp_path / "other.json")
    with pytest.raises(ValueError, match=r"other\.json does not add to those before it"):
        hist.merge([H, tmp_path / "other.json"])
    with pytest.raises(ValueError, match="nothing to merge"):
        hist.merge([])


def test_names_that_have_no_form_are_errors(tmp_path):
    with pytest.raises(ValueError, match=r"cannot tell the form of .*h\.txt"):
        H.save(tmp_path / "h.txt")
    for call in (
        lambda: H.save(tmp_path / "h.json", group="x"),
        lambda: hist.load(tmp_path / "h.json", group="x"),
    ):
        with pytest.raises(ValueError, match="only an HDF5 file has groups"):
            call()


def test_without_h5py_the_error_tells_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(
        MissingDependencyError, match=r"pip install h5py and uhi, or icecol with its extra \[hist\]"
    ):
        H.save(tmp_path / "h.h5")
