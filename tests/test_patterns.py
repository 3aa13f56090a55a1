from __future__ import annotations

import pytest

from icecol.patterns import matches


@pytest.mark.parametrize(
    ("name", "pattern", "found"),
    [
        ("LineFit", "Line*", True),
        ("LineFit", "SPE*", False),
        ("LineFit", "linefit", False),
        ("Fit[1]", "Fit[1]", True),
        ("Fit1", "Fit[1]", True),
        ("Fit2", "Fit[1]", False),
        ("Fit[1].x", "Fit[1].*", True),
        ("Fit[12].x", "Fit[1].*", False),
        ("a*b", "a*b", True),
    ],
)
def test_a_name_with_brackets_is_found_by_itself_and_otherwise_they_are_a_choice(name, pattern, found):
    assert matches(name, ("nothing", pattern)) is found
