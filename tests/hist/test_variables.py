from __future__ import annotations

import polars as pl
import pytest

from icecol import hist
from icecol.errors import MissingColumnError

EVENTS = pl.DataFrame(
    {"Fit.zenith": [0.5, 1.0, 3.0], "Q.total": [20.0, 50.0, 5e3], "n": [1, 2, 2], "k": ["a", "b", "a"]}
)
TOML = """
[zenith]
expression = "degrees(Fit.zenith)"
bins = 18
range = [0, 180]
label = "zenith"
unit = "deg"

[charge]
expression = "Q.total"
kind = "log"
bins = 4
range = [1, 1e4]

[n]
kind = "integer"
range = [0, 4]

[k]
kind = "category"
categories = ["b", "a"]

["Q.total"]
edges = [0, 10, 100]

[free]
expression = "Q.total + n"
bins = 3
"""


def test_variables_carry_their_bins_labels_and_units_to_every_use():
    variables = hist.Variables(
        zenith=hist.regular(pl.col("Fit.zenith").degrees(), 18, 0, 180, unit="deg"),
        charge=hist.log("Q.total", 4, 1, 1e4),
    )
    assert hist.fill(EVENTS, *variables.values()).labels == ("zenith / deg", "charge")
    assert list(hist.fill_many(EVENTS, variables)) == ["zenith", "charge"]
    assert hist.describe(EVENTS, *variables.values())["variable"].to_list() == ["zenith / deg", "charge"]
    assert "zenith: regular of" in repr(variables)
    assert "energy" not in variables
    with pytest.raises(MissingColumnError, match="no variable 'charg': did you mean 'charge'"):
        variables["charg"]
    with pytest.raises(TypeError, match=r"variable 'x' is 'Q\.total', not an axis"):
        hist.Variables(x="Q.total")


def test_variables_of_a_file(tmp_path):
    path = tmp_path / "variables.toml"
    path.write_text(TOML)
    variables = hist.load_variables(path)
    assert {n: a.kind for n, a in variables.items()} == {
        "zenith": "regular",
        "charge": "log",
        "n": "integer",
        "k": "category",
        "Q.total": "variable",
        "free": "regular",
    }
    found = hist.fill_many(EVENTS, variables)
    assert found["zenith"] == hist.fill(
        EVENTS,
        hist.regular(pl.col("Fit.zenith").degrees(), 18, 0, 180, name="zenith", label="zenith", unit="deg"),
    )
    assert found["k"].values().tolist() == [1, 2]
    assert found["Q.total"].values().tolist() == [0, 2]
    assert found["free"].edges[[0, -1]] == pytest.approx([21, 5002])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("x =", "is not a TOML file"),
        ("x = 3", "variable 'x' of .*: expected a table with keys"),
        ("[x]\nbin = 3", "no key 'bin': did you mean 'bins'"),
        ("[x]", "a regular variable needs bins"),
        ("[x]\nbins = 0", "axis 'x' has 0 bins"),
        ("[x]\nbins = 3\nrange = [1]", r"range must be two numbers; found \[1\]"),
        ("[x]\nkind = 'integer'", "needs a range"),
        ("[x]\nkind = 'logarithm'", "no kind 'logarithm'"),
        ("[x]\nkind = 'variable'", "two or more increasing"),
        ("[x]\nexpression = 'a +'\nbins = 2", "'a \\+' is not a valid SQL expression"),
    ],
)
def test_a_variable_that_cannot_be_is_named(tmp_path, text, match):
    path = tmp_path / "variables.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=match):
        hist.load_variables(path)
