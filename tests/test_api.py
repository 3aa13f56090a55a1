from __future__ import annotations

import importlib.util
import inspect

import pytest
from public import modules

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
