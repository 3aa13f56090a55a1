"""Tests can be found: each module has the test file of its name, or a test file's docstring names it in backticks."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "icecol"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.name not in {"__init__.py", "__main__.py"})


@functools.cache
def names_in_docstring(path: Path) -> list[str]:
    """Return what the docstring of a test file has in backticks: `hits`, `kernels.hits`."""
    return re.findall(r"`([\w.]+)`", ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")


def files_for(package: str) -> list[Path]:
    """Return the test files of a package, and those that belong to none."""
    return [*(TESTS / package).rglob("test_*.py"), *TESTS.glob("test_*.py")]


def dotted(path: Path) -> str:
    return f".{'.'.join(path.relative_to(SOURCE).with_suffix('').parts)}"


@pytest.mark.parametrize("package", sorted({path.relative_to(SOURCE).parts[0] for path in MODULES}))
def test_every_module_has_a_test_file_or_is_named_by_one(package):
    named = [
        f".{name}" for path in files_for(package.removesuffix(".py")) for name in names_in_docstring(path)
    ]
    missing = [
        dotted(path)
        for path in MODULES
        if path.relative_to(SOURCE).parts[0] == package
        and not (TESTS / path.relative_to(SOURCE).with_name(f"test_{path.name}")).exists()
        and not any(dotted(path).endswith(name) for name in named)
    ]
    assert missing == [], "write the test file, or name the module in the docstring of the one that covers it"


def test_every_test_file_belongs_to_a_folder_of_the_source():
    strays = [
        path for path in TESTS.rglob("test_*.py") if not (SOURCE / path.relative_to(TESTS)).parent.is_dir()
    ]
    assert strays == []
