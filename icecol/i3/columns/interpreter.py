"""The compiled loop that runs a program of `icecol.i3.columns.compiler` over all blobs of a batch.

Counting and writing are the same loop, so that they cannot disagree. It is long, and is one function: numba compiles a
branch for each instruction, and a call for each would cost more than most instructions do.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from icecol.i3.columns import compiler as op
from icecol.i3.columns.alike import copy_number
from icecol.i3.columns.heads import Bytes, Ints, read_short_size, read_size
from icecol.i3.container.bits import (
    copy,
    load_f32,
    load_f64,
    load_i32,
    load_u32,
    load_u64,
    same,
    store_f64,
    store_i32,
    store_u64,
)
from icecol.i3.container.names import intern
from icecol.jit.cache import kept

OK: Final = 0
CUT: Final = 1
VERSION: Final = 2
ALIAS: Final = 3
REST: Final = 4
OPENING: Final = 5
KEY: Final = 6
ALTERNATIVE: Final = 7
TREE: Final = 8
NAMES: Final = 9
REASONS: Final = {
    CUT: "unexpected end of data: a size or member exceeds the object",
    VERSION: "a class inside has an unknown version or tracking flag",
    ALIAS: "an object refers back to an earlier one",
    REST: "extra bytes after the last member",
    OPENING: "the object is of another class than its neighbours",
    KEY: "an OMKey does not fit into string << 16 | om << 8 | pmt",
    ALTERNATIVE: "a variant has an unknown alternative",
    TREE: "the tree is malformed",
}


@kept(error_model="numpy")
def _widened(buf: Bytes, pos: int, kind: int) -> float:
    if kind == 0:
        return np.float64(load_i32(buf, pos))
    if kind == 1:
        return np.float64(buf[pos] != 0)
    if kind == 2:
        return np.float64(load_f32(buf, pos))
    return load_f64(buf, pos)


@kept
def _width(kind: int) -> int:
    if kind == 1:
        return 1
    return 8 if kind == 3 else 4


@kept
def _run_tail(
    buf: Bytes, pos: int, end: int, tail: Ints, row: int, n: int, next_id: int, register: Ints, write: bool,
    leaf_size: Ints, leaf_base: Ints, out: Bytes, k: int, last_name: int, arena: Bytes, start: Ints, length: Ints,
    follow: Ints, table: Ints, state: Ints,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Read n more elements of a loop that are all laid out alike; see `compiler._tails`."""
    n_step, stride, named = tail[row, 0], tail[row, 1], tail[row, 2]
    if not named and n > (end - pos) // stride:
        return CUT, pos, next_id, last_name
    if not write and not named:
        # Ids and keys are checked when writing.
        for j in range(row + 1, row + 1 + n_step):
            if tail[j, 0] == op.TAIL_ID:
                next_id += n
        return OK, pos + n * stride, next_id, last_name
    for i in range(k, k + n):
        if named:
            size, pos = read_size(buf, pos, end)
            if size < 0 or stride > end - pos - size:
                return CUT, pos, next_id, last_name
            if write:
                found = np.int64(-1)
                guess = follow[last_name] if last_name >= 0 else np.int64(-1)
                if guess >= 0 and length[guess] == size and same(buf, pos, arena, start[guess], size):
                    found = guess
                else:
                    found = intern(buf, pos, size, arena, start, length, table, state)
                    if found < 0:
                        return NAMES, pos, next_id, last_name
                    if last_name >= 0:
                        follow[last_name] = found
                last_name = found
                store_i32(out, leaf_base[tail[row, 3]] + i * 4, np.int32(found))
            pos += size
        for j in range(row + 1, row + 1 + n_step):
            kind, leaf = tail[j, 0], tail[j, 2]
            at = pos + tail[j, 1]
            if kind == op.TAIL_COPY:
                if write:
                    copy_number(out, leaf_base[leaf] + i * leaf_size[leaf], buf, at, tail[j, 3])
            elif kind == op.TAIL_ID:
                if np.int64(load_u32(buf, at)) != next_id:
                    return ALIAS, pos, next_id, last_name
                next_id += 1
            elif kind == op.TAIL_KEY:
                string, om = np.int64(load_i32(buf, at)), np.int64(load_u32(buf, at + 4))
                pmt = np.int64(buf[at + 8]) if tail[j, 3] else np.int64(0)
                if string < -32768 or string > 32767 or om > 255:
                    return KEY, pos, next_id, last_name
                if write:
                    store_i32(out, leaf_base[leaf] + i * 4, np.int32(string << 16 | om << 8 | pmt))
            elif write:
                store_i32(out, leaf_base[leaf] + i * 4, np.int32(register[tail[j, 1]]))
        pos += stride
    return OK, pos, next_id, last_name


@kept
def _run(
    buf: Bytes,
    at: Ints,
    size: Ints,
    head: Bytes,
    code: Ints,
    tail: Ints,
    n_slots: int,
    leaf_group: Ints,
    leaf_size: Ints,
    leaf_base: Ints,
    out: Bytes,
    parents: Ints,
    offset_base: Ints,
    offsets: npt.NDArray[np.int32],
    write: bool,
    status: Ints,
    detail: Ints,
    cur: Ints,
    node_parent: npt.NDArray[np.int32],
    node_depth: npt.NDArray[np.int32],
    arena: Bytes,
    start: Ints,
    length: Ints,
    follow: Ints,
    table: Ints,
    state: Ints,
) -> int:
    """Run a program over blobs, to count (`write` false) or to write; return 1 if the table of names is full."""
    seen = np.full(max(n_slots, 1), -1, np.int64)
    remaining = np.zeros(32, np.int64)
    register = np.zeros(4, np.int64)
    saved = cur.copy()
    last_name = np.int64(-1)
    for i in range(at.size):
        if write and status[i] != OK:
            continue
        pos, end = at[i], at[i] + size[i]
        saved[:] = cur
        pc = 0
        sp = 0
        next_id = np.int64(1)
        bad = OK
        tree_started = False
        tree_node = np.int64(-1)
        tree_first = np.int64(0)
        tree_expect = True
        bits = np.int64(0)
        bit = np.int64(0)
        words = np.int64(0)
        roots = np.int64(0)
        if size[i] < head.size or not same(buf, pos, head, 0, head.size):
            status[i] = OPENING
            continue
        pos += head.size
        while True:
            what = code[pc, 0]
            a = code[pc, 1]
            b = code[pc, 2]
            g = code[pc, 3]
            pc += 1
            if what == op.COPY:
                if pos + b > end:
                    bad = CUT
                    break
                if write:
                    copy_number(out, leaf_base[a] + cur[leaf_group[a]] * leaf_size[a], buf, pos, b)
                pos += b
            elif what == op.ID:
                if pos + 4 > end:
                    bad = CUT
                    break
                if np.int64(load_u32(buf, pos)) != next_id:
                    bad = ALIAS
                    break
                next_id += 1
                pos += 4
            elif what == op.HDR:
                if seen[a] != i:
                    if pos + 2 > end:
                        bad = CUT
                        break
                    if buf[pos] != b or buf[pos + 1] != g:
                        bad = VERSION
                        detail[i] = a * 65536 + np.int64(buf[pos]) * 256 + np.int64(buf[pos + 1])
                        break
                    seen[a] = i
                    pos += 2
            elif what == op.LOOP or what == op.TRIGGERS:
                n, pos = read_size(buf, pos, end) if what == op.LOOP else read_short_size(buf, pos, end)
                if n < 0 or n > end - pos or sp >= remaining.size:
                    bad = CUT
                    break
                if n == 0:
                    pc = a
                else:
                    remaining[sp] = n
                    sp += 1
            elif what == op.NEXT:
                if b >= 0:
                    cur[b] += 1
                remaining[sp - 1] -= 1
                if remaining[sp - 1] <= 0:
                    sp -= 1
                elif code[pc - 1, 4] == 0:
                    pc = a
                else:
                    sp -= 1
                    bad, pos, next_id, last_name = _run_tail(
                        buf,
                        pos,
                        end,
                        tail,
                        code[pc - 1, 4],
                        remaining[sp],
                        next_id,
                        register,
                        write,
                        leaf_size,
                        leaf_base,
                        out,
                        cur[b],
                        last_name,
                        arena,
                        start,
                        length,
                        follow,
                        table,
                        state,
                    )
                    cur[b] += remaining[sp]
                    if bad == NAMES:
                        return 1
                    if bad != OK:
                        break
            elif what == op.EMIT:
                if write:
                    store_i32(out, leaf_base[a] + cur[leaf_group[a]] * 4, np.int32(register[b]))
            elif what == op.OMKEY:
                n = 9 if b else 8
                if pos + n > end:
                    bad = CUT
                    break
                string = np.int64(load_i32(buf, pos))
                om = np.int64(load_u32(buf, pos + 4))
                pmt = np.int64(buf[pos + 8]) if b else np.int64(0)
                if string < -32768 or string > 32767 or om > 255:
                    bad = KEY
                    break
                register[a] = string << 16 | om << 8 | pmt
                pos += n
            elif what == op.NAME:
                n, pos = read_size(buf, pos, end)
                if n < 0:
                    bad = CUT
                    break
                found = np.int64(-1)
                guess = follow[last_name] if last_name >= 0 else np.int64(-1)
                if guess >= 0 and length[guess] == n and same(buf, pos, arena, start[guess], n):
                    found = guess
                else:
                    found = intern(buf, pos, n, arena, start, length, table, state)
                    if found < 0:
                        return 1
                    if last_name >= 0:
                        follow[last_name] = found
                last_name = found
                if write:
                    store_i32(out, leaf_base[a] + cur[leaf_group[a]] * 4, np.int32(found))
                pos += n
            elif what == op.BULK:
                n, pos = read_size(buf, pos, end)
                if n < 0 or n > (end - pos) // b:
                    bad = CUT
                    break
                if write:
                    copy(out, leaf_base[a] + cur[g] * b, buf, pos, n * b)
                cur[g] += n
                pos += n * b
            elif what == op.STR:
                n, pos = read_size(buf, pos, end)
                if n < 0:
                    bad = CUT
                    break
                if write:
                    copy(out, leaf_base[a] + cur[g], buf, pos, n)
                cur[g] += n
                pos += n
                if write:
                    offsets[offset_base[g] + cur[parents[g]] + 1] = cur[g]
            elif what == op.MARK:
                if write:
                    offsets[offset_base[a] + cur[parents[a]] + 1] = cur[a]
            elif what == op.SKIP:
                pos += a
                if pos > end:
                    bad = CUT
                    break
            elif what == op.TREE_BITS:
                if not tree_started:
                    tree_started = True
                    tree_node = np.int64(-1)
                    tree_first = cur[b]
                    tree_expect = True
                    bits = np.int64(65535)
                    bit = bits
                done = False
                while True:
                    if bit == bits:
                        if bits < 65535:
                            bad = TREE  # the last chunk ended before the tree did
                            break
                        if pos + 4 > end:
                            bad = CUT
                            break
                        bits = np.int64(load_u32(buf, pos))
                        pos += 4
                        bit = np.int64(0)
                        if bits == 0:
                            done = True
                            break
                        n, pos = read_size(buf, pos, end)
                        if n < 0 or n > (end - pos) // 8 or n * 64 < bits:
                            bad = CUT
                            break
                        words = pos
                        pos += 8 * n
                    one = load_u64(buf, words + 8 * (bit >> 6)) >> np.uint64(bit & 63) & np.uint64(1)
                    bit += 1
                    if one:
                        break
                    if tree_expect and tree_node >= 0:
                        tree_expect = False
                    elif tree_node < 0:
                        done = True
                        break
                    else:
                        tree_node = np.int64(node_parent[tree_node])
                        if tree_node < 0:
                            done = True
                            break
                if bad != OK:
                    break
                if done:
                    if bits == 65535 and end - pos == 8 and load_u64(buf, pos) == 0:
                        pos += 8
                    pc = a
                else:
                    parent = tree_node if tree_expect else np.int64(node_parent[tree_node])
                    node = cur[b] - tree_first
                    if node >= node_parent.size:
                        bad = TREE
                        break
                    node_parent[node] = parent
                    node_depth[node] = 0 if parent < 0 else node_depth[parent] + 1
                    tree_node = node
                    tree_expect = True
                    if write:
                        store_i32(out, leaf_base[g] + cur[b] * 4, node_depth[node])
                        store_i32(out, leaf_base[code[pc - 1, 4]] + cur[b] * 4, np.int32(parent))
            elif what == op.TREE_COUNTS:
                if not tree_started:
                    tree_started = True
                    tree_node = np.int64(-1)
                    tree_first = cur[b]
                    if pos + 4 > end:
                        bad = CUT
                        break
                    roots = np.int64(load_u32(buf, pos))
                    pos += 4
                # node_parent holds, for each node, its parent and the number of children still to come
                while tree_node >= 0 and node_parent[2 * tree_node + 1] == 0:
                    tree_node = np.int64(node_parent[2 * tree_node])
                if tree_node < 0 and roots == 0:
                    pc = a
                else:
                    parent = tree_node
                    node = cur[b] - tree_first
                    if 2 * node + 1 >= node_parent.size:
                        bad = TREE
                        break
                    if parent < 0:
                        roots -= 1
                        node_depth[node] = 0
                    else:
                        node_parent[2 * parent + 1] -= 1
                        node_depth[node] = node_depth[parent] + 1
                    node_parent[2 * node] = parent
                    node_parent[2 * node + 1] = 0
                    tree_node = node
                    if write:
                        store_i32(out, leaf_base[g] + cur[b] * 4, node_depth[node])
                        store_i32(out, leaf_base[code[pc - 1, 4]] + cur[b] * 4, np.int32(parent))
            elif what == op.CHILDREN:
                if pos + 4 > end:
                    bad = CUT
                    break
                n = np.int64(load_u32(buf, pos))
                pos += 4
                if n > end - pos:
                    bad = CUT
                    break
                node_parent[2 * tree_node + 1] = n
            elif what == op.JUMP:
                if g:
                    cur[b] += 1
                pc = a
            elif what == op.WHICH:
                if pos + 4 > end:
                    bad = CUT
                    break
                register[3] = np.int64(load_i32(buf, pos))
                if write:
                    store_i32(out, leaf_base[a] + cur[leaf_group[a]] * 4, np.int32(register[3]))
                    store_f64(out, leaf_base[b] + cur[leaf_group[b]] * 8, np.nan)
                pos += 4
            elif what == op.CASE:
                if a < 0:
                    bad = ALTERNATIVE
                    break
                if register[3] != a:
                    pc = b
            elif what == op.WIDEN:
                n = _width(b)
                if pos + n > end:
                    bad = CUT
                    break
                if write:
                    store_f64(out, leaf_base[a] + cur[leaf_group[a]] * 8, _widened(buf, pos, b))
                pos += n
            elif what == op.BULK_WIDEN:
                w = _width(b)
                n, pos = read_size(buf, pos, end)
                if n < 0 or n > (end - pos) // w:
                    bad = CUT
                    break
                if write:
                    for k in range(n):
                        store_f64(out, leaf_base[a] + (cur[g] + k) * 8, _widened(buf, pos + k * w, b))
                cur[g] += n
                pos += n * w
            elif what == op.OPTIONAL:
                if pos + 1 > end:
                    bad = CUT
                    break
                given = buf[pos] != 0
                pos += 1
                value = np.int32(0)
                if given:
                    if pos + 4 > end:
                        bad = CUT
                        break
                    value = load_i32(buf, pos)
                    pos += 4
                if write:
                    store_i32(out, leaf_base[a] + cur[leaf_group[a]] * 4, value)
                    out[leaf_base[b] + cur[leaf_group[b]]] = given
            elif what == op.TRIGGER:
                if pos >= end:
                    bad = CUT
                    break
                tag = np.int64(buf[pos])
                span, pos = read_short_size(buf, pos + 1, end)
                step, pos = (np.int64(-1), pos) if span < 0 else read_short_size(buf, pos, end)
                if span < 0 or step < 0:
                    bad = CUT
                    break
                if cur[leaf_group[a]] == saved[leaf_group[a]]:
                    register[2] = 0
                register[2] += step
                if write:
                    k = cur[leaf_group[a]]
                    store_i32(out, leaf_base[a] + k * 4, np.int32(tag & 15))
                    store_u64(out, leaf_base[b] + k * 8, np.uint64(span << 4 | tag >> 4))
                    store_u64(out, leaf_base[g] + k * 8, np.uint64(register[2]))
            elif what == op.OPEN:
                seen[a] = i
            else:  # END
                if pos != end:
                    bad = REST
                break
        if bad != OK:
            status[i] = bad
            cur[:] = saved
        else:
            cur[0] += 1
    return 0
