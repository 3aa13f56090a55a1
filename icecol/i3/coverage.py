"""The page of all classes: what is read, what is written, and what that was checked against."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from icecol.i3.archive.kinds import is_frame_object, kind
from icecol.i3.classes import CLASSES, FAMILIES, verified
from icecol.i3.classes.layout import Custom
from icecol.i3.columns.compiler import flattens
from icecol.i3.pulses.batch import PULSE_CLASSES

TITLES: Final = {
    "basic": "Numbers, keys, vectors and maps",
    "header": "Header, filters, processing",
    "particle": "Particles",
    "pulses": "Pulses, hits, waveforms",
    "trigger": "Triggers and readout",
    "detector": "Geometry, calibration, detector status",
    "upgrade": "Modules of the Upgrade",
    "surface": "Surface array",
    "reco": "Reconstructions and cuts",
    "simulation": "Simulation",
}
"""Heading of each family of layouts."""
TABLES: Final = {
    "I3Geometry": "`geometry.parquet`",
    "I3Calibration": "`calibration.parquet`",
    "I3DetectorStatus": "`detector_status.parquet`, `trigger_status.parquet`",
}
"""Classes that become a table of their own beside the events."""
FILES: Final = (
    ("real data", (verified.REAL, verified.ELSEWHERE)),
    ("written by IceTray", (verified.WRITTEN,)),
    ("IceTray's tests", (verified.REGRESSION,)),
)
"""Kinds of files, and the classes and versions decoded in them."""

_TOP: Final = """\
# Classes

The classes of objects in `.i3` files that icecol decodes and encodes, generated from the layouts
(`python -m icecol.i3.coverage > docs/classes.md`). An object of any other class keeps its bytes: it is written as it
was read, and is null in a dataset, with a message in the manifest.

- **reads**: class versions; **writes**: that of new objects. Objects that were read are written in the version they
  were read in.
- **columns**: whether a key of that class becomes columns of a dataset. *pulses* are the five list columns of a
  pulse series. Classes without are in frames only (`ic.open_i3`).
- **checked against**: files in which objects of these versions were decoded to the last byte and encoded to the same
  bytes. *real data* are processed data and simulation; *written by IceTray* are files made for this purpose with every
  member filled; *IceTray's tests* are its regression files, where maps are empty. Versions not named, and classes
  with a dash, were checked against nothing but the published sources: a generated object of every version of every
  class is encoded, decoded and compared by the tests.
"""


def page() -> str:
    """Make the page in Markdown."""
    known = [c for family in FAMILIES.values() for c in family]
    lines = [
        _TOP,
        f"{len(known)} classes, {sum(c.version + 1 for c in known)} class versions.",
        "",
    ]
    for family, classes in FAMILIES.items():
        lines += [
            f"## {TITLES[family]}",
            "",
            "| class | reads | writes | columns | checked against |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| `{c.name}` | {spans(range(c.version + 1))} | {c.version} | {_columns(c.name)} | {_evidence(c.name)} |"
            for c in classes
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def spans(versions: Iterable[int]) -> str:
    """Shorten a list of numbers.

    >>> spans([0, 1, 2, 5])
    '0-2, 5'
    """
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in _runs(sorted(set(versions))))


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    start = 0
    for i in range(1, len(numbers) + 1):
        if i == len(numbers) or numbers[i] != numbers[i - 1] + 1:
            yield numbers[start], numbers[i - 1]
            start = i


def _columns(name: str) -> str:
    if name in TABLES:
        return TABLES[name]
    if name in PULSE_CLASSES:
        return "pulses"
    if kind(name) in {"key", "value"} or not is_frame_object(name):
        return "inside others"
    return "yes" if flattens(name) else "no"


def _evidence(name: str) -> str:
    if any(isinstance(f.type, Custom) and f.type.codec == "opaque" for f in CLASSES[name].fields):
        return "elements of unknown layout: bytes are kept"
    found = []
    for what, tables in FILES:
        versions = {v for table in tables for v in table.get(name, ())}
        if versions:
            found.append(f"{what} {spans(versions)}")
    return "; ".join(found) or "-"


if __name__ == "__main__":
    sys.stdout.write(page())
