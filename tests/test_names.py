from __future__ import annotations

import pytest

from icecol.names import matches, plain


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("LineFit é μ", "LineFit é μ"),
        ("a\x1b]52;c;aGk=\x07", r"a\x1b]52;c;aGk=\x07"),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("a\nb\rc", "a\nb\\rc"),
        ("\u202egpj", r"\u202egpj"),
        ("\udcff", r"\udcff"),
    ],
)
def test_what_would_control_a_terminal_is_written_as_an_escape(text, shown):
    assert plain(text) == shown
