from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commands import run
from typer.testing import CliRunner

import icecol as ic
from icecol.cli import app
from icecol.cli.program import COMMANDS


def test_version_and_help():
    assert run("--version").output == f"icecol {ic.__version__}\n"
    for command in COMMANDS:
        shown = run(command, "--help")
        assert shown.exit_code == 0
        assert f"icecol {command}" in shown.output  # an example


def test_the_version_of_the_citation_is_that_of_the_package():
    citation = Path(__file__).parents[2] / "CITATION.cff"
    assert f"\nversion: {ic.__version__}\n" in citation.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "at", "completed"),
    [("icecol con", 1, ["convert"]), ("icecol convert --sk", 2, ["--skip-damaged"])],
)
def test_the_shell_completes_commands_and_options(words, at, completed):
    shell = {"_ICECOL_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}
    done = CliRunner().invoke(app, prog_name="icecol", env=shell)
    assert done.output.split() == completed


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["inspct", "a.i3"], 2, "no command 'inspct': did you mean 'inspect'?"),
        (["zzz"], 2, f"no command 'zzz': none of the {len(COMMANDS)} commands is similar"),
        (["inspect", "nope.i3"], 1, "icecol: error: no file 'nope.i3': check the path"),
    ],
)
def test_commands_and_files_that_are_not_there_are_named(words, code, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "icecol", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert done.stderr.splitlines()[-1].endswith(message)


def test_the_list_of_commands_has_the_first_paragraph_of_each_and_examples_stay_lines():
    shown = run("--help").output
    listed = " ".join(shown.partition("Commands:")[2].split())
    for command in COMMANDS:
        assert f"{command} " in listed
    assert (
        "info Show the contents of a dataset: events, parts, damaged sources, and a line for each key, or"
        in listed
    )
    lines = run("info", "--help").output.splitlines()
    assert "    icecol info level2.icecol" in lines


def test_the_list_of_commands_loads_no_rich_help_and_no_polars():
    code = "import sys; sys.argv = ['icecol', '--help']; from icecol.cli import main\ntry: main()\nexcept SystemExit: "
    code += "sys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "convert" in done.stdout
    assert not {"typer.rich_utils", "rich.markdown", "polars", "numba"} & set(done.stderr.split())


@pytest.mark.parametrize(
    "args",
    [("convert", "-o", "d"), ("convert", "a.i3", "-o", "d", "-j", "0"), ("cutflow", "d"), ("nonsense",)],
    ids=["no files", "no processes", "no cuts", "no such command"],
)
def test_wrong_usage_exits_with_2(args):
    assert run(*args).exit_code == 2


def test_missing_file_is_one_line_without_a_traceback(tmp_path):
    done = run("convert", tmp_path / "none.i3", "-o", tmp_path / "d")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "none.i3" in done.stderr
    with pytest.raises(FileNotFoundError):
        run("--debug", "convert", tmp_path / "none.i3", "-o", tmp_path / "d", catch_exceptions=False)


def test_warnings_are_one_line_without_code(folder, tmp_path):
    command = [
        *(sys.executable, "-m", "icecol", "convert", folder / "run1.i3.zst"),
        *("-k", "LineFitt", "-o", tmp_path / "d"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first = done.stderr.splitlines()[0]
    assert first.startswith("icecol: warning: ")
    assert first.endswith("keys='LineFitt' matched no key; `icecol inspect FILE` lists the keys")
    assert ".py" not in done.stderr
