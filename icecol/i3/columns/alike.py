"""Objects that are all laid out alike: their values are gathered from fixed places, and nothing is interpreted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from icecol.i3.columns.compiler import Program
from icecol.i3.container.bits import load_u16, load_u32, load_u64, same, store_u16, store_u32, store_u64
from icecol.jit.cache import kept

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@kept
def copy_number(out: Bytes, to: int, buf: Bytes, pos: int, n: int) -> None:
    """Copy a number of 1, 2, 4 or 8 bytes."""
    if n == 8:
        store_u64(out, to, load_u64(buf, pos))
    elif n == 4:
        store_u32(out, to, load_u32(buf, pos))
    elif n == 1:
        out[to] = buf[pos]
    else:
        store_u16(out, to, load_u16(buf, pos))


@kept
def gather(
    buf: Bytes, at: Ints, size: Ints, runs: int, head: Bytes, fixed: Bytes, mask: Bytes, offset: Ints,
    leaf_size: Ints, leaf_base: Ints, out: Bytes,
) -> bool:  # fmt: skip
    """Copy the members of blobs that all have one form; return False if one has another.

    The blobs are `runs` series of equal length, side by side in memory: they are read in that order.
    """
    whole = head.size + fixed.size
    words = fixed.size // 8
    length = at.size // runs
    for turn in range(at.size):
        i = turn % runs * length + turn // runs
        pos = at[i]
        if size[i] != whole or not same(buf, pos, head, 0, head.size):
            return False
        pos += head.size
        wrong = np.uint64(0)
        for k in range(words):
            wrong |= (load_u64(buf, pos + 8 * k) ^ load_u64(fixed, 8 * k)) & load_u64(mask, 8 * k)
        for k in range(8 * words, fixed.size):
            wrong |= np.uint64((buf[pos + k] ^ fixed[k]) & mask[k])
        if wrong:
            return False
        for leaf in range(offset.size):
            n = leaf_size[leaf]
            copy_number(out, leaf_base[leaf] + i * n, buf, pos + offset[leaf], n)
    return True


def gathered(
    program: Program, head: Bytes, buf: Bytes, at: Ints, size: Ints, runs: int
) -> list[npt.NDArray[np.generic]] | None:
    """Return the values of each leaf if all blobs have the form of the program's template, else None."""
    template = program.template
    if template is None:
        return None
    n = at.size
    leaf_base = np.zeros(len(program.leaves) + 1, np.int64)
    np.cumsum((n * program.leaf_size + 7) // 8 * 8, out=leaf_base[1:])
    arena = np.empty(int(leaf_base[-1]) + 8, np.uint8)
    fixed, mask, offset = template.fixed, template.mask, template.offset
    if not gather(buf, at, size, runs, head, fixed, mask, offset, program.leaf_size, leaf_base, arena):
        return None
    return [
        arena[base : base + n * dtype.itemsize].view(dtype)
        for base, dtype in zip(leaf_base.tolist(), program.dtypes, strict=False)
    ]
