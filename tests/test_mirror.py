"""Tests can be found: each module has the test file of its name, or a test file's docstring says that it covers it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "icecol"
PACKAGES = ("browse", "cli", "convert", "dataset", "detector", "hist", "i3", "plot", "study", "tray")
"""Packages whose modules have more than one test file among them."""


def covered(package: str) -> set[str]:
    """Return the words of the docstrings of a package's test files, and of those for several packages."""
    files = [*(TESTS / package).rglob("test_*.py"), *TESTS.glob("test_*.py")]
    docs = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in files)
    return {word for doc in docs for word in re.findall(r"\w+", doc or "")}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_a_test_file_or_is_named_by_one(package):
    named = covered(package)
    modules = [path for path in (SOURCE / package).rglob("*.py") if path.name != "__init__.py"]
    assert modules
    missing = [
        str(path.relative_to(SOURCE))
        for path in modules
        if not (TESTS / path.relative_to(SOURCE).with_name(f"test_{path.name}")).exists()
        and path.stem not in named
    ]
    assert missing == [], "write the test file, or name the module in the docstring of the one that covers it"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_test_file_belongs_to_a_folder_of_the_source(package):
    for path in (TESTS / package).rglob("test_*.py"):
        assert (SOURCE / path.relative_to(TESTS)).parent.is_dir(), path
