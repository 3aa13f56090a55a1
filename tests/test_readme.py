"""What the README shows is true: its code runs, its output is what comes out, its numbers are counted."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from icecol.cli import app
from icecol.i3.classes import CLASSES

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```(python|text|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(README.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def toured(tmp_path_factory):
    """The folder in which all Python of the README ran, and (shown, printed) for each output that it shows."""
    folder = tmp_path_factory.mktemp("readme")
    outputs: list[tuple[str, str]] = []
    names: dict[str, object] = {"__name__": "readme"}
    printed = ""
    with contextlib.chdir(folder):
        for i, (language, text) in enumerate(blocks()):
            if language == "python":
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    exec(compile(text, f"README.md, block {i}", "exec"), names)
                printed = out.getvalue()
            elif language == "text":
                outputs.append((text, printed))
    return folder, outputs


def test_shown_output_is_what_the_code_prints(toured):
    _, outputs = toured
    assert len(outputs) >= 4
    for shown, printed in outputs:
        assert shown == printed


def test_the_tour_leaves_what_it_names(toured):
    folder, _ = toured
    assert {"level2.icecol", "charge.json", "charge.png"} <= {p.name for p in folder.iterdir()}


def test_commands_run(toured, monkeypatch):
    folder, _ = toured
    monkeypatch.chdir(folder)
    lines = [line for language, text in blocks() if language == "bash" for line in text.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("icecol ")]
    assert len(commands) >= 6
    for command in commands:
        if command[1] == "browse":  # needs a terminal; see the tests of the browser
            continue
        done = CliRunner().invoke(app, command[1:])
        assert done.exit_code == 0, f"{shlex.join(command)}\n{done.output}"
    assert (folder / "features.parquet").exists()
    assert (folder / "charge_srt.png").exists()


def test_counts_are_those_of_the_library():
    assert f"| decodes | {len(CLASSES)} classes" in README.read_text(encoding="utf-8")
