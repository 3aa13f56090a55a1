"""Docstrings of what is public describe every parameter, and none that is not there, and have examples."""

from __future__ import annotations

import ast
import enum
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from each import each
from public import names


def own(value: Any) -> bool:
    return getattr(value, "__module__", "").partition(".")[0] == "icecol"


def methods(name: str, cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods of a class, as `tests/api.txt` lists them."""
    for member in sorted(vars(cls)):
        value = getattr(cls, member)
        if not member.startswith("_") and (inspect.isfunction(value) or inspect.ismethod(value)):
            yield f"{name}.{member}", value


FUNCTIONS = {name: value for name, value in names() if inspect.isfunction(value) and own(value)}
CLASSES = {
    name: value
    for name, value in names()
    if inspect.isclass(value) and own(value) and not issubclass(value, Exception | enum.Enum)
}
METHODS = {name: value for cls, found in CLASSES.items() for name, value in methods(cls, found)}

WITHOUT_EXAMPLE = {
    "ic.weight.corsika": "needs simulation of CORSIKA",
    "ic.weight.genie": "needs simulation of GENIE",
    "ic.weight.daemonflux": "downloads its tables",
    "ic.weight.nuflux": "needs another numpy than icecol",
    "ic.Frame.share": "for readers of files",
    "ic.convert.Found.source": "for `from_source`",
    "ic.convert.Reader.check": "for `from_source`",
    "ic.convert.Reader.detector": "for `from_source`",
    "ic.convert.Reader.read": "in the example of its class",
    "ic.convert.Reader.settings": "in the example of its class",
    "ic.convert.Reader.unused": "for `from_source`",
    "ic.reco.Kernel.loop": "for the plan and for generated code",
    "ic.reco.Selection.loop": "for the plan and for generated code",
}


def described(doc: str, section: str = "Parameters") -> set[str]:
    """Return the names in a section of a docstring."""
    found = re.search(rf"^{section}\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)", doc, re.DOTALL | re.MULTILINE)
    heads = re.findall(r"^(\S.*)$", found[1] if found else "", re.MULTILINE)
    return {name.strip("* ") for head in heads for name in head.partition(" :")[0].split(",")}


def parameters(value: Any) -> set[str]:
    return {p for p in inspect.signature(value).parameters if not p.startswith("_") and p != "self"}


def members(cls: type) -> set[str]:
    """Return the members of a class that have a docstring of their own below them."""
    found = set()
    for one in filter(own, cls.__mro__):
        body = ast.parse(textwrap.dedent(inspect.getsource(one))).body[0]
        assert isinstance(body, ast.ClassDef)
        for member, below in zip(body.body, body.body[1:], strict=False):
            if isinstance(member, ast.AnnAssign) and isinstance(below, ast.Expr):
                assert isinstance(member.target, ast.Name)
                found.add(member.target.id)
    return found


def test_what_is_public_is_found():
    assert len(FUNCTIONS) > 100
    assert len(METHODS) > 100
    assert len(CLASSES) > 40
    assert described(
        "A.\n\nParameters\n----------\na, b : int\n    Text, text.\n*c\n\nRaises\n------\nd\n"
    ) == {*"abc"}


@each("name", FUNCTIONS | METHODS)
def test_every_parameter_is_described(name):
    value = (FUNCTIONS | METHODS)[name]
    assert described(inspect.getdoc(value) or "") == parameters(value)


@each("name", CLASSES)
def test_every_argument_and_member_of_a_class_is_described(name):
    cls = CLASSES[name]
    doc = inspect.getdoc(cls) or ""
    assert parameters(cls) <= described(doc) | described(doc, "Attributes") | members(cls)


@each("name", FUNCTIONS | METHODS)
def test_everything_that_is_called_has_an_example_or_a_reason_why_not(name):
    assert (">>> " in (inspect.getdoc((FUNCTIONS | METHODS)[name]) or "")) != (name in WITHOUT_EXAMPLE)


@each("name", CLASSES)
def test_every_class_has_an_example(name):
    assert ">>> " in (inspect.getdoc(CLASSES[name]) or "")


@each("name", CLASSES)
def test_every_member_of_a_class_has_a_docstring(name):
    properties = (m for m, v in vars(CLASSES[name]).items() if isinstance(v, property) and m[0] != "_")
    assert [m for m in properties if not inspect.getdoc(vars(CLASSES[name])[m])] == []
