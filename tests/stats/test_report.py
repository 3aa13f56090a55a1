"""`report`, `libraries`: results in words, and libraries that are missing."""

from __future__ import annotations

import sys

import pytest

from icecol import stats
from icecol.errors import MissingDependencyError
from icecol.stats import libraries
from icecol.stats.report import probability, sampled


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (None, "5 observed, 1.0 expected, "),
        (0.25, "5 observed, 1.0 ± 0.2 expected, "),
        ((0.5, 0.5), "5 observed, 1.0 ± 0.5 expected, "),
        ((0.5, 0.4), "5 observed, 1.0 +0.5 -0.4 expected, "),
    ],
)
def test_a_result_with_the_error_of_its_expectation(error, told):
    found = stats.sentence(5, 1.0, 0.00135, error=error)
    assert found == told + "p = 1.4e-03, 3.0 sigma one-sided"


def test_what_is_expected_and_a_note():
    assert stats.sentence(5, 1.0, 0.5, of="by chance", note="two years") == (
        "5 observed, 1.0 by chance, p = 0.5, 0.0 sigma one-sided (two years)"
    )


def test_small_p_values_have_an_exponent():
    assert [probability(p) for p in (0.5, 0.01, 0.0099)] == ["p = 0.5", "p = 0.01", "p = 9.9e-03"]


def test_p_values_of_pseudo_experiments_have_their_interval_or_are_a_bound():
    assert sampled(0.0, 0.0, 1e-3, 1000) == "p < 2.3e-03 at 90 %"  # ln 10 / n
    assert sampled(0.125, 0.115, 0.136, 1000) == "p = 0.125 +0.011 -0.010"
    assert sampled(2e-4, 1.5e-4, 2.6e-4, 100_000) == "p = (2.0 +0.6 -0.5)e-04"


def test_a_missing_library_is_told_with_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "iminuit", None)
    with pytest.raises(MissingDependencyError, match=r"icecol.stats needs iminuit: pip install .*\[stats\]"):
        libraries.iminuit()
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingDependencyError, match=r"icecol\.stats needs scipy"):
        libraries.scipy("stats")
