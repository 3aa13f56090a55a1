"""Blobs of one class to columns, in two passes of their program.

The first pass checks every blob and counts; then all buffers are allocated in their final size, and the second pass
writes. Nothing is allocated on the word of a blob: a size beyond the bytes that are left is an error of that blob,
which is left out and reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from icecol.i3.columns.alike import gathered
from icecol.i3.columns.compiler import Program
from icecol.i3.columns.heads import Bytes, Ints, opening
from icecol.i3.columns.interpreter import OK, _run
from icecol.i3.container.names import Names


@dataclass(frozen=True, slots=True)
class Columns:
    """What blobs of one class became.

    Attributes
    ----------
    program : Program
        With the leaves, in the order of `values`.
    good : array of i64
        Indices of the blobs that are in the columns, in order; the others failed.
    values : list of arrays
        One array per leaf, of its numpy type; characters for strings.
    offsets : list of arrays of i32
        Per group: list i of the parent group is elements offsets[i] to offsets[i + 1] (empty for group 0).
    names : Names
        The strings that leaves of kind `name` refer to by number.
    failed : list of (blob, reason)
    """

    program: Program
    good: Ints
    values: list[npt.NDArray[np.generic]]
    offsets: list[npt.NDArray[np.int32]]
    names: Names
    failed: list[tuple[int, str]]


def _names_of(names: Names) -> tuple[Bytes, Ints, Ints, Ints, Ints, Ints]:
    return names.arena, names.start, names.size, names.follow, names.table, names.state


def run(
    program: Program, buf: Bytes, at: Ints, size: Ints, names: Names, runs: int = 1
) -> tuple[Columns, Ints, Ints]:
    """Run one program over blobs; those that it does not fit are left out.

    Returns
    -------
    columns, status, detail
        For every blob, why it is left out (`OK` if it is not).
    """
    n = at.size
    leaves = program.leaves
    leaf_group, leaf_size, parents = program.leaf_group, program.leaf_size, program.group_parent
    n_groups = parents.size
    head = opening(program.name, program.version)
    if (found := gathered(program, head, buf, at, size, runs)) is not None:
        made = Columns(program, np.arange(n), found, [np.zeros(0, np.int32)], names, [])
        return made, np.zeros(n, np.int64), np.zeros(n, np.int64)
    room = int(size.max()) // 4 + 8 if program.has_tree and n else 1
    nodes, depths = np.zeros(room, np.int32), np.zeros(room, np.int32)
    status, detail = np.zeros(n, np.int64), np.zeros(n, np.int64)
    none = np.zeros(1, np.int64)
    while True:
        counts = np.zeros(n_groups, np.int64)
        status[:] = OK
        full = _run(
            buf, at, size, head, program.code, program.tail, len(program.slots), leaf_group, leaf_size, none, buf[:1],
            parents, none, np.zeros(1, np.int32), False, status, detail, counts, nodes, depths, *_names_of(names),
        )  # fmt: skip
        if not full:
            break
        names.grow()
    room_of = counts[leaf_group] * leaf_size
    leaf_base = np.zeros(len(leaves) + 1, np.int64)
    np.cumsum((room_of + 7) // 8 * 8, out=leaf_base[1:])
    arena = np.empty(int(leaf_base[-1]) + 8, np.uint8)
    lists = np.where(parents >= 0, counts[np.maximum(parents, 0)] + 1, 0)
    offset_base = np.zeros(n_groups + 1, np.int64)
    np.cumsum(lists, out=offset_base[1:])
    offsets = np.zeros(int(offset_base[-1]) + 1, np.int32)
    while True:
        cur = np.zeros(n_groups, np.int64)
        full = _run(
            buf, at, size, head, program.code, program.tail, len(program.slots), leaf_group, leaf_size, leaf_base,
            arena, parents, offset_base, offsets, True, status, detail, cur, nodes, depths, *_names_of(names),
        )  # fmt: skip
        if not full:
            break
        names.grow()
    # Some faults only show when writing: what counts is what was written.
    used = (cur[leaf_group] * leaf_size).tolist()
    lists = np.where(parents >= 0, cur[np.maximum(parents, 0)] + 1, 0)
    values: list[npt.NDArray[np.generic]] = [
        arena[base : base + n].view(dtype)
        for base, n, dtype in zip(leaf_base.tolist(), used, program.dtypes, strict=False)
    ]
    columns = Columns(
        program,
        np.flatnonzero(status == OK),
        values,
        [offsets[b : b + m] for b, m in zip(offset_base.tolist(), lists.tolist(), strict=False)],
        names,
        [],
    )
    return columns, status, detail
