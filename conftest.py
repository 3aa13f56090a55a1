"""How the tests run: on several processors, strict about warnings, whatever other pytest plugins are installed."""

from __future__ import annotations

import os
import sys

import pytest

WARNINGS = (
    "error",
    "default::DeprecationWarning",
    "default::PendingDeprecationWarning",
    "default::FutureWarning",
)
"""Filters while a test runs. What a newer dependency deprecates is shown, not fatal: `-W error` makes it so."""


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


def pytest_report_header() -> str:
    """Say how long it takes."""
    return (
        "icecol: the default tests take some five minutes on two cores, and up to twelve on the first run, "
        "which compiles the kernels; `pytest -m slow` takes ten to fifteen"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Turn warnings into errors in the tests alone, so that a plugin that warns as it starts does not end the run."""
    filters = [*WARNINGS, *(config.getoption("pythonwarnings") or ())]
    for item in items:
        item.add_marker(pytest.mark.filterwarnings(*filters), append=False)  # before those of the test itself
