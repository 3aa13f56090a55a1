"""`icecol inspect` and `icecol browse`: the contents of .i3 files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from icecol.cli.program import stdout
from icecol.places import place
from icecol.terminal import table

if TYPE_CHECKING:
    from icecol.i3.container.scanner import Damage
    from icecol.i3.frames.frame import Frame
    from icecol.i3.frames.survey import Survey


def inspect(
    name: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="An .i3 file, compressed or not, or a realtime alert; or its URL."
        ),
    ],
    frames: Annotated[
        int | None, typer.Option("--frames", "-n", min=1, help="Show the first N frames, key by key.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", "-k", help="Show this object in the first N frames that have it (1 by default)."
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print JSON: the summary or, with --frames, the frames or, with --key, the objects.",
        ),
    ] = False,
    first: Annotated[int, typer.Option("--from", min=0, help="Index of the frame to start at.")] = 0,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Check the checksum of every frame.")
    ] = True,
) -> None:
    """Show the contents of an .i3 file: frames, keys with types and sizes, sub-event streams, checksums, damage.

    The file is streamed, so memory use is bounded. The exit code is 1 if it is damaged.

      icecol inspect Level2.i3.zst --frames 5
      icecol inspect Level2.i3.zst --key I3EventHeader --from 20
      icecol inspect Level2.i3.zst --json --frames 5
    """
    file = place(name)  # what a URL hides is not shown
    if key is not None:
        _show_objects(file, key, first, frames or 1, as_json=as_json, verify=verify)
        return
    if as_json and frames is not None:
        _print_frames_json(file, first, frames, verify=verify)
        return
    if frames is not None:
        _show_frames(file, first, frames, verify=verify)
        return
    from icecol.i3.frames.survey import survey

    found = survey(file, verify=verify)
    if as_json:
        print(json.dumps(_survey_dict(found), indent=1))
    else:
        _print_survey(found, verify=verify)
    if found.damages:
        raise typer.Exit(1)


def _show_frames(file: Path, first: int, n: int, *, verify: bool) -> None:
    from icecol.i3.frames.files import open_i3

    with open_i3(file, verify=verify) as stream:
        for index, frame in enumerate(islice(stream, first + n)):
            if index >= first:
                stdout.print(f"{index}:", frame, soft_wrap=True)


def _show_objects(file: Path, key: str, first: int, n: int, *, as_json: bool, verify: bool) -> None:
    """Print an object of the first n frames that have it themselves; masks and the like are resolved to pulses."""
    from icecol.errors import MissingColumnError, did_you_mean
    from icecol.i3.frames.files import open_i3

    seen: set[str] = set()
    found: list[dict[str, Any]] = []
    with open_i3(file, verify=verify) as stream:
        for index, frame in enumerate(stream):
            seen.update(frame)
            if index < first or key not in frame.own_keys():
                continue
            shown = {"frame": index, "stop": frame.stop, "type": frame.type_name(key)}
            if as_json:
                from icecol.i3.archive.jsonable import jsonable

                found.append({**shown, "object": jsonable(_looked_at(frame, key))})
            else:
                stdout.print(f"frame {index} ({frame.stop}) {shown['type']}", style="bold")
                looked = _looked_at(frame, key)
                stdout.print(str(looked) if isinstance(looked, bytes) else looked, soft_wrap=True)
                found.append(shown)
            if len(found) >= n:
                break
    if not found:
        msg = f"no frame of {file} has {key!r}; {did_you_mean(key, seen, 'keys')}"
        raise MissingColumnError(msg)
    if as_json:
        print(json.dumps({"path": str(file), "key": key, "frames": found}, indent=1))


def _looked_at(frame: Frame, key: str) -> Any:
    """Return an object, the pulses it refers to, or its bytes as a hex dump."""
    from icecol.errors import FormatError
    from icecol.i3.archive.containers import UnknownObject
    from icecol.i3.pulses.batch import PULSE_CLASSES

    try:
        if frame.class_name(key) in PULSE_CLASSES[1:]:
            return frame.pulses(key)
        found = frame[key]
    except FormatError as err:
        return _bytes(f"cannot be decoded: {err}", frame.raw(key))
    return _bytes(repr(found), found.blob) if isinstance(found, UnknownObject) else found


class _Bytes(bytes):
    """Bytes shown as a hex dump, below a note on what is known about them."""

    note = ""

    def __str__(self) -> str:
        lines = (self[at : at + 16] for at in range(0, len(self), 16))
        return "\n".join([self.note, *(f"{16 * i:08x}  {line.hex(' ')}" for i, line in enumerate(lines))])


def _bytes(note: str, blob: bytes) -> _Bytes:
    made = _Bytes(blob)
    made.note = note
    return made


def _print_frames_json(file: Path, first: int, n: int, *, verify: bool) -> None:
    from icecol.i3.frames.survey import survey_frames

    damages: list[Damage] = []
    shown = [
        {
            "frame": f.index,
            "stop": f.stop,
            "version": f.version,
            "offset": f.offset,
            "run": f.run,
            "event": f.event,
            "sub_event": f.sub_event,
            "stream": f.stream,
            "objects": [
                {"key": key, "type": type_name, "bytes": size, "stop": stop}
                for key, type_name, size, stop in f.objects
            ],
        }
        for f in islice(survey_frames(file, verify=verify, damages=damages), first, first + n)
    ]
    print(json.dumps({"path": str(file), "frames": shown, "damages": _damages(damages)}, indent=1))
    if damages:
        raise typer.Exit(1)


def _damages(damages: Iterable[Damage]) -> list[dict[str, Any]]:
    return [{"frame": d.frame, "offset": d.offset, "message": d.message} for d in damages]


def _survey_dict(found: Survey) -> dict[str, Any]:
    return {
        "path": str(found.path),
        "codec": found.codec,
        "bytes": found.bytes,
        "content_bytes": found.content_bytes,
        "frames": sum(found.stops.values()),
        "stops": found.stops,
        "events": found.events,
        "streams": found.streams,
        "versions": {str(k): n for k, n in found.versions.items()},
        "checksums_right": found.checksums,
        "checksums_wrong": found.checksums_wrong,
        "checksums_not_compared": sum(found.stops.values()) - found.checksums,
        "keys": [
            {"stop": k.stop, "key": k.key, "type": k.type_name, "frames": k.frames, "bytes": k.bytes}
            for k in found.keys
        ],
        "damages": _damages(found.damages),
    }


def _print_survey(found: Survey, *, verify: bool) -> None:
    frames = sum(found.stops.values())
    stdout.print(
        f"{found.path}: {found.codec}, {found.bytes / 1e6:,.2f} MB ({found.content_bytes / 1e6:,.2f} MB decompressed)",
        style="bold",
        soft_wrap=True,
    )
    stdout.print("frames:  ", ", ".join(f"{n:,} {s}" for s, n in found.stops.items()) or "none")
    if found.events:
        stdout.print(f"events:   {found.events:,}")
    if found.streams:
        stdout.print("streams: ", ", ".join(f"{n:,} {s}" for s, n in found.streams.items()))
    unchecked = frames - found.checksums
    if not verify:
        stdout.print("checksums: not checked (--no-verify)")
    else:
        note = f", {unchecked:,} frames of old container versions have none to check" if unchecked else ""
        wrong = f", {found.checksums_wrong:,} wrong" if found.checksums_wrong else ""
        stdout.print(f"checksums: {found.checksums:,} right{wrong}{note}")
    for damage in found.damages:
        stdout.print(f"damaged: {damage.describe(found.path)}", style="bold red", soft_wrap=True)
    numbers = ("frames", "bytes", "bytes/frame")
    shown = table("stop", "key", "type", *numbers, numbers=numbers)
    for k in found.keys:
        shown.add_row(
            k.stop, k.key, k.type_name, f"{k.frames:,}", f"{k.bytes:,}", f"{k.bytes / k.frames:,.0f}"
        )
    stdout.print(shown)


def browse(
    files: Annotated[
        list[str], typer.Argument(help=".i3 files or glob patterns, compressed or not, read as one stream.")
    ],
    at: Annotated[
        str,
        typer.Option(
            "--at",
            "-a",
            help="Where to start: a frame (17, last), an event (e42, or 7/42 with its run) or a stop (P).",
        ),
    ] = "first",
    key: Annotated[str, typer.Option("--key", "-k", help="Key to show.")] = "",
) -> None:
    """Browse the frames of .i3 files in the terminal: keys, objects as tables, damage.

    The first frames can be viewed at once while the rest is being indexed. Compressed files are cached in a temporary
    file of about the same size (in TMPDIR), so that jumping back is fast. Press ? for help on the keys.

      icecol browse GCD.i3.gz Level2.i3.zst --at e42 --key SRTInIcePulses
    """
    from icecol.browse import browse as run

    if not sys.stdout.isatty():
        msg = "browse needs a terminal; `icecol inspect` prints the contents of a file"
        raise typer.BadParameter(msg, param_hint="FILES")
    run(files, at=at, key=key)
