"""The objects of a batch to columns: each class, and each set of versions of the classes inside, by its own program."""

from __future__ import annotations

import numpy as np

from icecol.errors import FormatError
from icecol.i3.columns.compiler import Program, compile_class
from icecol.i3.columns.heads import Bytes, Ints, class_of, opens_alike
from icecol.i3.columns.interpreter import OK, OPENING, REASONS, VERSION
from icecol.i3.columns.passes import Columns, run
from icecol.i3.container.names import Names


def decode(buf: Bytes, at: Ints, size: Ints, names: Names, runs: int = 1) -> list[Columns]:
    """Turn blobs into columns, one result per class and set of versions found (mostly just one).

    Parameters
    ----------
    buf : array of u8
        The bytes.
    at, size : arrays of i64
        Position and size of each blob.
    names : Names
        Table of the strings that become column names.
    runs : int
        Number of series of equal length that the blobs form, each in the order of the bytes, such as several keys of
        the same frames; it is faster if known.

    Returns
    -------
    list of Columns
        Each blob is in one of them, or among the failed of the last, with the reason. Blobs of classes that cannot
        become columns fail.
    """
    results: list[Columns] = []
    failed: list[tuple[int, str]] = []
    left = np.arange(at.size)
    while left.size:
        first = int(left[0])
        try:
            name, version = class_of(buf, int(at[first]), int(size[first]))
            compile_class(name, version, {})
        except FormatError as err:
            alike = opens_alike(buf, at[left], size[left])
            failed += [(int(j), str(err)) for j in left[alike]]
            left = left[~alike]
            continue
        try:
            # nothing is kept from one call to the next: what a file becomes may not depend on those read before it
            program = compile_class(name, version, {})
            side_by_side = runs if left.size == at.size else 1
            columns, status, _ = run(program, buf, at[left], size[left], names, side_by_side)
            if status[0] == VERSION:
                program = _program(name, version, buf, at, size, first, names)
                columns, status, _ = run(program, buf, at[left], size[left], names, side_by_side)
        except FormatError as err:  # from a class inside, which the others may have in another version
            failed.append((first, str(err)))
            left = left[1:]
            continue
        again = (status == OPENING) | (status == VERSION)
        if columns.good.size == 0 and again[0]:
            failed.append((first, f"{name} version {version}: {REASONS[int(status[0])]}"))
            left = left[1:]
            continue
        failed += [
            (int(left[j]), f"{name} version {version}: {REASONS[int(status[j])]}")
            for j in np.flatnonzero((status != OK) & ~again)
        ]
        if columns.good.size:
            results.append(
                Columns(program, left[columns.good], columns.values, columns.offsets, columns.names, failed)
            )
        left = left[again]
    if failed and not results:
        empty = Program("", 0, {})
        results.append(Columns(empty, np.zeros(0, np.int64), [], [], names, failed))
    return results


def _program(name: str, version: int, buf: Bytes, at: Ints, size: Ints, which: int, names: Names) -> Program:
    """Return the program for the versions that the classes inside one blob have."""
    found: dict[str, int] = {}
    one = slice(which, which + 1)
    for _ in range(20):
        program = compile_class(name, version, found)
        _, status, detail = run(program, buf, at[one], size[one], names)
        if status[0] != VERSION:
            break
        slot, tracking, inner_version = int(detail[0]) >> 16, int(detail[0]) >> 8 & 255, int(detail[0]) & 255
        inner = program.slots[slot]
        if not isinstance(inner, str) or tracking > 1 or found.get(inner) == inner_version:
            break
        found = {**found, inner: inner_version}
    return program
