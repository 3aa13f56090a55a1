"""How the tests run: on several processors, strict about warnings, whatever other pytest plugins are installed."""

from __future__ import annotations

import importlib
import os
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

WARNINGS = (
    "error",
    "default::DeprecationWarning",
    "default::PendingDeprecationWarning",
    "default::FutureWarning",
)
"""Filters while a test runs. What a newer dependency deprecates is shown, not fatal: `-W error` makes it so."""


LONGEST = (
    "tests/test_examples.py",
    "tests/discovery/test_discovery.py",
    "tests/test_docs.py",
    "tests/reco/test_bounds.py",
)
"""Files that take longest, in this order: they begin first, so that none of them is left to one process at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Share the tests among up to four processes where pytest-xdist is installed and `-n` does not say otherwise."""
    option = config.option
    if not config.pluginmanager.hasplugin("xdist") or hasattr(config, "workerinput"):
        return  # the processes themselves come here, too
    if sys.dont_write_bytecode:  # or every process started here compiles all modules anew
        os.environ["PYTHONDONTWRITEBYTECODE"] = ""
        os.environ["PYTHONPYCACHEPREFIX"] = str(config.rootpath / ".pytest_cache" / "bytecode")
    if option.numprocesses is None and not (option.tx or option.usepdb or option.collectonly):
        option.numprocesses = min(4, os.cpu_count() or 1)
        option.dist = "loadfile"
        option.loadscopereorder = False  # which would leave files of few long tests to the end: see LONGEST


def pytest_report_header() -> str:
    """Say how long it takes."""
    return (
        "icecol: the default tests take four to five minutes on two cores, and up to twelve on the first run, "
        "which compiles the kernels; `pytest -m slow` takes some ten"
    )


def pytest_collect_file(file_path: Path) -> None:
    """Import a module of the package by its name before pytest does by its path, which would make it a second time.

    That happens where the package of a module imports it; its classes would not be those that the package knows.
    """
    package = Path(__file__).parent / "icecol"
    if file_path.suffix == ".py" and package in file_path.parents and file_path.stem != "__main__":
        parts = file_path.relative_to(package.parent).with_suffix("").parts
        importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Turn warnings into errors in the tests alone, and put files in the order in which processes take them.

    A plugin that warns as it starts thus does not end the run.
    """
    filters = [*WARNINGS, *(config.getoption("pythonwarnings") or ())]
    for item in items:
        item.add_marker(pytest.mark.filterwarnings(*filters), append=False)  # before those of the test itself
    yield
    if hasattr(config, "workerinput"):
        size = Counter(item.path for item in items)
        order = {config.rootpath / name: i - len(LONGEST) for i, name in enumerate(LONGEST)}
        items.sort(key=lambda item: (order.get(item.path, 0), -size[item.path]))
