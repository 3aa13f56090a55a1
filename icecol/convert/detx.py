"""The detector files of KM3NeT, text (.detx, versions 1 to 5) and binary (.datx, version 5): modules and their PMTs.

A module is on a detection unit (a string) and has a floor; its PMTs are numbered by channel, in the order of the file.

A binary file has the numbers of the text in their order, little-endian, without padding: integers of 32 bits, doubles,
and strings after their length. Its comments stand before all else, each after the bytes `####`. Verified with the file
of one detector in both forms.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from icecol.convert.rows import Array
from icecol.detector.geometry import Geometry, omkey
from icecol.errors import FormatError, UnsupportedError

_VERSION: Final = re.compile(r"[vV](\d)$")
_COMMENT: Final = b"####"
_INTEGER: Final = struct.Struct("<i")
_MODULE: Final = np.dtype(
    [("place", "<i4", 3), ("pose", "<f8", 7), ("t0", "<f8"), ("status", "<i4"), ("pmts", "<i4")]
)
"""Number, detection unit and floor; position and quaternion; ...; number of PMTs."""
_PMT: Final = np.dtype([("number", "<i4"), ("place", "<f8", 6), ("t0", "<f8"), ("status", "<i4")])


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
    ...     is_detx(b"####\x05\0\0\0GIT 1"),
    ...     is_detx(b"a b\n"),
    ... )
    (True, True, True, False)
    """
    if head.startswith(_COMMENT):
        return b"\0" in head
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
    """Read a detector file, of text or binary.

    Raises
    ------
    FormatError
        It ends too early, or something else is found than what is expected there.
    UnsupportedError
        It is a binary detector file of another version than 5.
    """
    data = path.read_bytes()
    try:
        if data.startswith(_COMMENT) and b"\0" in data:
            return _of_bytes(data)
        lines = [line.split() for line in data.decode("latin-1").splitlines() if not line.startswith("#")]
        return _of_lines([words for words in lines if words])
    except UnsupportedError as err:
        msg = f"{path} {err}"
        raise UnsupportedError(msg) from err
    except (ValueError, IndexError, struct.error) as err:
        msg = f"{path} is not a detector file of KM3NeT, or damaged: {err}"
        raise FormatError(msg) from err


def _of_lines(lines: list[list[str]]) -> Detector:
    version = _VERSION.match(lines[0][1])
    at = 3 if version else 1
    n_modules = int(lines[at][0]) if version else int(lines[0][1])
    at += 1 if version else 0
    modules = np.zeros((n_modules, 3), np.int64)
    counts = np.zeros(n_modules, np.int64)
    pmts: list[list[float]] = []
    for i in range(n_modules):
        words = lines[at]
        modules[i] = [int(word) for word in words[:3]]
        counts[i] = int(words[-1])
        of_module = lines[at + 1 : at + 1 + counts[i]]
        if len(of_module) < counts[i]:
            msg = f"it ends after {len(of_module)} of the {counts[i]} PMTs of module {words[0]}"
            raise ValueError(msg)
        pmts += [[float(word) for word in words[1:7]] for words in of_module]
        at += 1 + counts[i]
    return _detector(modules, counts, np.array(pmts).reshape(-1, 6))


def _of_bytes(data: bytes) -> Detector:
    at = 0

    def text() -> str:
        nonlocal at
        (n,) = _INTEGER.unpack_from(data, at)
        at += 4 + n
        if n < 0 or at > len(data):
            msg = f"its text of {n} bytes ends at byte {len(data)}"
            raise ValueError(msg)
        return data[at - n : at].decode("latin-1")

    while data.startswith(_COMMENT, at):
        at += len(_COMMENT)
        text()
    at += 4  # the number of the detector
    version = text()
    if version.upper() != "V5":
        msg = (
            f"is a binary detector file of version {version[:8]!r}, of which only 'V5' is known: convert it to text "
            "(.detx) by JConvertDetectorFormat"
        )
        raise UnsupportedError(msg)
    at += 16  # from when until when it is valid
    for _ in range(3):
        text()  # UTM, its ellipsoid and zone
    at += 24  # the place of the detector there
    (n_modules,) = _INTEGER.unpack_from(data, at)
    at += 4
    modules = np.zeros((n_modules, 3), np.int64)
    counts = np.zeros(n_modules, np.int64)
    pmts = [np.zeros((0, 6))]
    for i in range(n_modules):
        module = np.frombuffer(data, _MODULE, 1, at)[0]
        modules[i], counts[i] = module["place"], module["pmts"]
        at += _MODULE.itemsize
        if counts[i]:
            pmts.append(np.frombuffer(data, _PMT, int(counts[i]), at)["place"])
        at += int(counts[i]) * _PMT.itemsize
    if at != len(data):
        msg = f"{len(data) - at:,} bytes are left after its last module"
        raise ValueError(msg)
    return _detector(modules, counts, np.concatenate(pmts))


def _detector(modules: Array, counts: Array, pmts: Array) -> Detector:
    """Return a detector of modules (number, detection unit, floor), how many PMTs each has, and these one by one."""
    place = np.repeat(np.arange(len(modules)), counts)
    channel = np.arange(place.size) - np.repeat(np.cumsum(counts) - counts, counts)
    keep = modules[place, 2] > 0  # floor 0 is the base of a string, which sees no light
    number, unit, floor = modules.T
    columns = {
        "omkey": omkey(unit[place], floor[place], channel)[keep],
        **dict(zip(("x", "y", "z", "dir_x", "dir_y", "dir_z"), pmts[keep].T, strict=True)),
    }
    return Detector(number, unit, floor, Geometry.from_columns(columns, medium="water"))


__all__ = ["Detector", "is_detx", "read_detx"]
