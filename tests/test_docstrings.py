"""Docstrings of public functions describe every parameter, and none that is not there."""

from __future__ import annotations

import inspect
import re

import pytest
from public import names

FUNCTIONS = {
    name: value
    for name, value in names()
    if inspect.isfunction(value) and value.__module__.partition(".")[0] == "icecol"
}


def described(doc: str) -> set[str]:
    """Return the names in the section of parameters of a docstring."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)", doc, re.DOTALL | re.MULTILINE)
    heads = re.findall(r"^(\S.*)$", section[1] if section else "", re.MULTILINE)
    return {name.strip("* ") for head in heads for name in head.partition(" :")[0].split(",")}


def test_there_are_functions():
    assert len(FUNCTIONS) > 100
    assert described(
        "A.\n\nParameters\n----------\na, b : int\n    Text, text.\n*c\n\nRaises\n------\nd\n"
    ) == {*"abc"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_described(name):
    function = FUNCTIONS[name]
    parameters = {p for p in inspect.signature(function).parameters if not p.startswith("_")}
    assert described(inspect.getdoc(function) or "") == parameters
