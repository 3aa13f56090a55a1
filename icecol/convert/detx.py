"""The detector files of KM3NeT as text (.detx, versions 1 to 5): modules, and the position and direction of their PMTs.

A module is on a detection unit (a string) and has a floor; its PMTs are numbered by channel, in the order of the file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from icecol.convert.rows import Array
from icecol.detector.geometry import Geometry, omkey
from icecol.errors import FormatError, UnsupportedError

_VERSION: Final = re.compile(r"[vV](\d)$")


class Detector(NamedTuple):
    """The modules of a detector: number, detection unit, floor, and the geometry of the PMTs."""

    module: Array
    unit: Array
    floor: Array
    geometry: Geometry

    def places(self, module: Array) -> Array:
        """Return the place of each module in the file.

        Raises
        ------
        FormatError
            The detector file lacks a module.
        """
        order = np.argsort(self.module, kind="stable")
        at = np.searchsorted(self.module, module, sorter=order)
        places = order[np.minimum(at, order.size - 1)]
        wrong = np.flatnonzero(self.module[places] != module)
        if wrong.size:
            msg = f"the detector file lacks module {module[wrong[0]]}: give the one of the run"
            raise FormatError(msg)
        return places


def is_detx(head: bytes) -> bool:
    r"""Return whether a file begins as a detector file does.

    >>> (
    ...     is_detx(b"# a comment\n23 v3\n1500000000.1 9999999999.0\n"),
    ...     is_detx(b"1 6\n1 1 1 3\n"),
    ...     is_detx(b"a b\n"),
    ... )
    (True, True, False)
    """
    lines = head.decode("latin-1").splitlines()[:-1]
    words = next((line.split() for line in lines if line.strip() and not line.startswith("#")), [])
    if not words:
        return head.startswith(b"#") and b"KM3NET" in head
    return (
        len(words) == 2
        and words[0].lstrip("-").isdigit()
        and bool(words[1].isdigit() or _VERSION.match(words[1]))
    )


def read_detx(path: Path) -> Detector:
    """Read a detector file.

    Raises
    ------
    FormatError
        It ends too early, or a line is not what is expected there.
    UnsupportedError
        It is a binary detector file.
    """
    lines = [
        line.split()
        for line in path.read_text(encoding="latin-1").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    if path.read_bytes()[:2] == b"##":
        msg = f"{path} is a binary detector file: convert it to text (.detx) by JConvertDetectorFormat"
        raise UnsupportedError(msg)
    try:
        return _parsed(lines)
    except (ValueError, IndexError) as err:
        msg = f"{path} is not a detector file of KM3NeT, or damaged: {err}"
        raise FormatError(msg) from err


def _parsed(lines: list[list[str]]) -> Detector:
    version = _VERSION.match(lines[0][1])
    at = 3 if version else 1
    n_modules = int(lines[at][0]) if version else int(lines[0][1])
    at += 1 if version else 0
    modules = np.zeros((n_modules, 3), np.int64)
    pmts: list[tuple[int, int, list[str]]] = []
    for i in range(n_modules):
        words = lines[at]
        modules[i] = [int(word) for word in words[:3]]
        n = int(words[-1])
        pmts += [(i, channel, lines[at + 1 + channel]) for channel in range(n)]
        at += 1 + n
    place = np.array([i for i, _, _ in pmts], np.int64)
    values = np.array([[float(word) for word in words[1:7]] for _, _, words in pmts]).reshape(-1, 6)
    keep = modules[place, 2] > 0  # floor 0 is the base of a string, which sees no light
    number, unit, floor = modules.T
    columns = {
        "omkey": omkey(unit[place], floor[place], np.array([c for _, c, _ in pmts], np.int64))[keep],
        **dict(zip(("x", "y", "z", "dir_x", "dir_y", "dir_z"), values[keep].T, strict=True)),
    }
    return Detector(number, unit, floor, Geometry.from_columns(columns, medium="water"))


__all__ = ["Detector", "is_detx", "read_detx"]
