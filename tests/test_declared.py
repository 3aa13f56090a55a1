"""`declared`: features and cuts as text; the command line has further tests of them."""

from __future__ import annotations

import pytest

import icecol as ic
from icecol import declared


def test_features_of_text_are_those_of_functions():
    pulses = ic.Pulses("P", ic.Geometry.nominal())
    found = declared.features_of(["charge", "ToI=tensor_of_inertia(min_hits=5)"], pulses)
    assert list(found) == ["charge", "ToI"]


def test_a_kernel_of_a_file_may_import_what_lies_beside_it(tmp_path):
    (tmp_path / "beside_it.py").write_text("LATE = 3\n")
    (tmp_path / "own_kernels.py").write_text(
        "from beside_it import LATE\n\n\ndef late(pulses):\n    return LATE\n"
    )
    assert declared.feature_of(f"{tmp_path / 'own_kernels.py'}:late")(None) == 3


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        (["a=b=c"], "is not .NAME=.FEATURE"),
        (["chrge"], "did you mean 'charge'"),
        (["charge(5)"], "write the arguments as"),
        (["Q=charge", "Q=charge"], "two features are named 'Q'"),
        (["missing_module:f"], "cannot be imported"),
        (["missing.py:f"], "no file 'missing.py'"),
    ],
)
def test_wrong_texts_are_refused(texts, error):
    with pytest.raises(declared.TextError, match=error) as caught:
        declared.features_of(texts, ic.Pulses("P"))
    assert caught.value.option == "--feature"


def test_cuts_are_named_once():
    assert list(declared.cuts_of(["a=x > 1", "b = x < 3"], ["x"])) == ["a", "b"]
    with pytest.raises(declared.TextError, match="two cuts named 'a'"):
        declared.cuts_of(["a=x > 1", "a=x < 3"], ["x"])
    with pytest.raises(declared.TextError, match="is not NAME="):
        declared.cuts_of(["x"], ["x"])
