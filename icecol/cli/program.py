"""The program `icecol`: what all of its commands share, and how errors and warnings are shown."""

from __future__ import annotations

import errno
import importlib
import inspect
import os
import signal
import sys
import threading
import time
import warnings
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from icecol.errors import IcecolError, did_you_mean
from icecol.terminal import Terminal

# Libraries that take time to load are imported in the commands that need them: `icecol --help` must be quick.

_LISTED: Final = "icecol.cli: commands are listed"

stdout: Final = Terminal(width=None if sys.stdout.isatty() else 160)
stderr: Final = Terminal(stderr=True, soft_wrap=True)


COMMANDS: Final = {
    "convert": "conversion:convert",
    "verify": "conversion:verify",
    "append": "archive:append",
    "replace": "archive:replace",
    "remove": "archive:remove",
    "compact": "archive:compact",
    "catalogue": "archive:catalogue",
    "inspect": "frames:inspect",
    "browse": "frames:browse",
    "info": "analysis:info",
    "features": "analysis:features",
    "cutflow": "analysis:cutflow",
    "hist": "analysis:hist",
    "to-i3": "conversion:to_i3",
    "export": "conversion:export",
    "view": "display:view",
    "simulate": "simulation:simulate",
    "plan": "batch:plan",
    "run": "batch:run",
    "status": "batch:status",
    "merge": "batch:merge",
    "submit": "batch:submit",
    "doctor": "batch:doctor",
    "demo": "demos:demo",
    "study": "demos:study",
    "bench": "speed:bench",
    "compile": "compilation:compile_ahead",
    "filter": "filtering:filter_stream",
}
"""Names of the commands, in the order in which they are shown, with the module and function of each."""


class Commands(TyperGroup):
    """Make the command that is called, and turn the errors of all into one line and an exit code."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command: options take time to make, so that a list of all commands has none of them."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        function = getattr(importlib.import_module(f"icecol.cli.{module}"), name)
        text = inspect.getdoc(function) or ""
        if ctx.meta.get(_LISTED):
            return TyperCommand(cmd_name, short_help=text.partition("\n\n")[0])
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        alone.command(cmd_name, help=_lines_of(text))(function)
        return typer.main.get_command(alone)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; for one that is not there, name those with similar names."""
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"no command {args[0]!r}: {did_you_mean(args[0], COMMANDS, 'commands')}")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands."""
        ctx.meta[_LISTED] = True
        try:
            super().format_help(ctx, formatter)
        finally:
            del ctx.meta[_LISTED]

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            stderr.print("icecol: interrupted", style="yellow")
            raise typer.Exit(130) from None
        except (IcecolError, OSError, ValueError, TypeError) as err:
            if ctx.params.get("debug") or isinstance(err, BrokenPipeError):
                raise
            _fail(err)
        except Exception as err:
            if ctx.params.get("debug") or not type(err).__module__.startswith("polars"):
                raise
            _fail(err)


def _lines_of(text: str) -> str:
    """Return a docstring as help: its examples stay lines, the rest is wrapped."""
    parts = []
    for part in text.split("\n\n"):
        lines = [line.strip() for line in part.splitlines()]
        is_example = all(line.startswith(("icecol ", "ICECOL_")) for line in lines)
        parts.append("\n".join(["\b", *(f"  {line}" for line in lines)]) if is_example else part)
    return "\n\n".join(parts)


def _fail(err: Exception) -> None:
    stderr.print("icecol: error:", style="bold red", end=" ")
    if isinstance(err, FileNotFoundError) and err.filename is not None:
        plain = err.strerror == os.strerror(errno.ENOENT)
        stderr.print(f"no file {os.fsdecode(err.filename)!r}: check the path" if plain else str(err.strerror))
    else:
        stderr.print(str(err).strip() or repr(err))
    raise typer.Exit(1) from err


app = typer.Typer(
    cls=Commands,
    name="icecol",
    help="Columnar analysis of IceCube events: reads .i3 files without IceTray.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes as long to load as all else together
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _warn(message: Warning | str, *_where: Any, **_more: Any) -> None:
    stderr.print("icecol: warning:", style="bold yellow", end=" ")
    stderr.print(str(message))


def main() -> None:
    """Run the command line."""
    warnings.showwarning = _warn
    end_on_sigterm()
    app()


GRACE: Final = 5.0
"""Seconds that a process takes at most to end after SIGTERM; batch systems kill it after some 30."""


def end_on_sigterm() -> None:
    """On SIGTERM, remove what is half written and end with exit code 143, in any case within seconds.

    What is whole stays: files are written aside, and conversions go on where they stopped.
    """

    def end(*_: Any) -> None:
        raise SystemExit(143)

    def wait(descriptor: int) -> None:
        while os.read(descriptor, 1)[0] != signal.SIGTERM:
            pass
        time.sleep(GRACE)
        os._exit(143)  # it computes outside of Python, where nothing can be raised

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGTERM, end)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=wait, args=(reading,), name="icecol end", daemon=True).start()


def _version(show: bool) -> None:
    if show:
        from icecol import __version__

        stdout.print(f"icecol {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show full tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del debug, version  # seen by Commands and _version
