"""The public names of icecol: a change to the API is a change to `api.txt`."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import pytest
from api import page
from public import modules

API = Path(__file__).with_name("api.txt")

PACKAGES = {name: module for name, module in modules().items() if hasattr(module, "__path__")}


@pytest.mark.parametrize("module", modules().values(), ids=modules())
def test_dir_shows_public_names_only(module):
    assert dir(module) == sorted(module.__all__)
    assert not [name for name in dir(module) if not hasattr(module, name)]


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_no_module_has_the_name_of_a_public_function(package):
    functions = [name for name in package.__all__ if inspect.isroutine(getattr(package, name))]
    assert functions
    assert not [name for name in functions if importlib.util.find_spec(f"{package.__name__}.{name}")]


def test_the_public_api_is_the_one_written_down():
    assert page() == API.read_text(encoding="utf-8"), "python tests/api.py > tests/api.txt"
