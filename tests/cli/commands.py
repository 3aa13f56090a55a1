"""The command line as tests call it."""

from __future__ import annotations

from typer.testing import CliRunner

import icecol as ic
from icecol.cli import app


def run(*args, **options):
    return CliRunner().invoke(app, [str(a) for a in args], **options)


def cut_file(folder, to):
    """Write the first run of the folder again, cut off within a frame."""
    ic.write_i3(to, ic.open_i3(folder / "run1.i3.zst"))
    to.write_bytes(to.read_bytes()[:50_000])
    return to
