"""Frames as columns: the few that are shown, chosen while a file is read."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

import polars as pl
import pyarrow as pa

from icecol.convert.geometry import from_objects
from icecol.convert.i3_reader import I3Reader, Tables
from icecol.convert.source import Found
from icecol.dataset import schema as schemas
from icecol.detector.geometry import Geometry
from icecol.errors import FormatError
from icecol.i3.container.names import Names
from icecol.i3.container.raw import encode_frame
from icecol.i3.container.walk import scan
from icecol.i3.frames.frame import Frame
from icecol.i3.pulses.batch import PULSE_CLASSES

HEADER = "I3EventHeader"


def numbers(frame: Frame) -> tuple[int, int] | None:
    """Return the run and event number of a frame, or None if it has no header that can be read."""
    try:
        header = frame[HEADER]
        return int(header.run_id), int(header.event_id)
    except (KeyError, FormatError, AttributeError):
        return None


def pulse_keys(frame: Frame) -> list[str]:
    """Return the keys of a frame that are pulse series."""
    return [key for key in frame if _class(frame, key) in PULSE_CLASSES]


def _class(frame: Frame, key: str) -> str:
    try:
        return frame.class_name(key)
    except FormatError:
        return ""


def chosen(
    frames: Iterable[Frame],
    *,
    stop: str,
    wanted: Callable[[int, int], bool] | None,
    series: Callable[[Iterable[str]], str | None],
    n: int,
    seen: set[str],
) -> list[Frame]:
    """Return the frames of a stop that are wanted by run and event number, or else the n brightest, brightest first.

    `series` names the pulse series that tells how bright a frame is, of the keys that it has; `seen` takes all of them.
    """
    found: list[Frame] = []
    brightest: list[tuple[float, int, Frame]] = []
    for i, frame in enumerate(frames):
        if frame.stop != stop:
            continue
        keys = pulse_keys(frame)
        seen.update(keys)
        if wanted is not None:
            ids = numbers(frame)
            if ids is not None and wanted(*ids):
                found.append(frame)
            continue
        light = (_charge(frame, series(keys)), -i, frame)
        if len(brightest) < n:
            heapq.heappush(brightest, light)
        else:
            heapq.heappushpop(brightest, light)
    return found if wanted is not None else [frame for _, _, frame in sorted(brightest, reverse=True)]


def _charge(frame: Frame, key: str | None) -> float:
    if key is None:
        return -1.0
    try:
        return max(0.0, float(frame.pulses(key).charge.sum(dtype="f8")))
    except (KeyError, FormatError):
        return -1.0


def geometry_of(frame: Frame) -> Geometry | None:
    """Return the detector that a frame inherits from its stream, or None if there was none."""
    if "I3Geometry" not in frame:
        return None
    wanted = ("I3Geometry", "BadDomsList", "BadDomsListSLC")
    return from_objects({key: frame[key] for key in wanted if key in frame})


def columns(frames: Iterable[Frame], reader: I3Reader) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return some frames as the rows of a data frame, as a conversion makes them, and the units of its columns.

    What a frame inherits from the DAQ frame before it is in its row, too.
    """
    tables, names = Tables(reader, Found()), Names()
    made: list[pa.Table] = []
    for frame in frames:
        parts: dict[str, list[tuple[str, str, bytes]]] = {"Q": [], reader.stop: []}
        for key in frame:
            if frame.stop_of(key) in parts:
                parts[frame.stop_of(key)].append((key, frame.type_name(key), frame.raw(key)))
        data = b"".join(encode_frame(letter, objects) for letter, objects in parts.items())
        batch = scan(bytearray(data), names=names, tray=False)
        made += [_named(table) for table in tables.of(batch)]
    united = schemas.unite((str(i), table.schema) for i, table in enumerate(made))
    whole = pa.concat_tables([schemas.align(table, united) for table in made])
    return pl.DataFrame(whole), {column.name: schemas.unit(column) for column in united}


def _named(table: pa.Table) -> pa.Table:
    return table.select([name for name in table.schema.names if name])
