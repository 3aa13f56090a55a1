"""The order in which libstdc++'s std::sort leaves equal keys, compiled.

IceTray sorts pulses with it, and the order of two pulses at the same time decides which of them a mask selects.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from icecol.i3.pulses.pulse_batch import F32, F64, Bytes, Ints
from icecol.jit.cache import kept

Keys = npt.NDArray[np.float64] | npt.NDArray[np.int64] | npt.NDArray[np.int32]


@kept
def _insert(idx: Ints, t: F64, i: int, lo: int) -> None:
    value = idx[i]
    k = i
    while k > lo and t[value] < t[idx[k - 1]]:
        idx[k] = idx[k - 1]
        k -= 1
    idx[k] = value


@kept
def _insertion_sort(idx: Ints, t: F64, lo: int, hi: int) -> None:
    for i in range(lo + 1, hi):
        if t[idx[i]] < t[idx[lo]]:
            value = idx[i]
            for k in range(i, lo, -1):
                idx[k] = idx[k - 1]
            idx[lo] = value
        else:
            _insert(idx, t, i, lo)


@kept
def _adjust_heap(idx: Ints, t: F64, lo: int, hole: int, n: int, value: int) -> None:
    top = hole
    child = hole
    while child < (n - 1) // 2:
        child = 2 * (child + 1)
        if t[idx[lo + child]] < t[idx[lo + child - 1]]:
            child -= 1
        idx[lo + hole] = idx[lo + child]
        hole = child
    if n & 1 == 0 and child == (n - 2) // 2:
        child = 2 * (child + 1)
        idx[lo + hole] = idx[lo + child - 1]
        hole = child - 1
    parent = (hole - 1) // 2
    while hole > top and t[idx[lo + parent]] < t[value]:
        idx[lo + hole] = idx[lo + parent]
        hole = parent
        parent = (hole - 1) // 2
    idx[lo + hole] = value


@kept
def _heap_sort(idx: Ints, t: F64, lo: int, hi: int) -> None:
    n = hi - lo
    for parent in range((n - 2) // 2, -1, -1):
        _adjust_heap(idx, t, lo, parent, n, idx[lo + parent])
    while n > 1:
        n -= 1
        value = idx[lo + n]
        idx[lo + n] = idx[lo]
        _adjust_heap(idx, t, lo, 0, n, value)


@kept
def std_sort(idx: Ints, t: F64, lo: int, hi: int) -> None:
    """Sort idx[lo:hi] by t exactly as libstdc++'s std::sort does, ties included.

    Introsort: median of three, Hoare partition, heap sort when too deep, one insertion sort at the end. Bounds
    are guarded where the original relies on a strict order, which NaN breaks.
    """
    partition(idx, t, lo, hi)
    if hi - lo > 16:
        _insertion_sort(idx, t, lo, lo + 16)
        for i in range(lo + 16, hi):
            _insert(idx, t, i, lo)
    else:
        _insertion_sort(idx, t, lo, hi)


@kept
def partition(idx: Ints, t: Keys, lo: int, hi: int) -> None:
    """Sort idx[lo:hi] up to numbers fewer than 17 places apart: the first part of std_sort.

    The second part leaves equal numbers in the order that they then have.
    """
    n = hi - lo
    if n < 17:
        return
    depth = 0
    while n >> (depth + 1):
        depth += 1
    left, right = np.empty(n, np.int64), np.empty(n, np.int64)
    stack = np.empty((2 * depth, 3), np.int64)  # a part with limit k puts at most k parts there
    # one number at a time, as numba takes seconds to compile the assignment of a row
    stack[0, 0], stack[0, 1], stack[0, 2] = lo, hi, 2 * depth
    sp = 1
    while sp > 0:
        sp -= 1
        first, last, limit = stack[sp, 0], stack[sp, 1], stack[sp, 2]
        while last - first > 16:
            if limit == 0:
                _heap_sort(idx, t, first, last)
                break
            limit -= 1
            a, b, c = first + 1, first + (last - first) // 2, last - 1
            ta, tb, tc = t[idx[a]], t[idx[b]], t[idx[c]]
            if ta < tb:  # noqa: SIM108
                m = b if tb < tc else (c if ta < tc else a)
            else:
                m = a if ta < tc else (c if tb < tc else b)
            idx[first], idx[m] = idx[m], idx[first]
            cut = _swap(idx, t, first, last, left, right)
            # The two parts are independent, so the order in which they are sorted does not matter.
            stack[sp, 0], stack[sp, 1], stack[sp, 2] = cut, last, limit
            sp += 1
            last = cut


@kept
def _swap(idx: Ints, t: Keys, first: int, last: int, left: Ints, right: Ints) -> int:
    """Partition idx[first + 1:last] by the number of idx[first] as Hoare does, and return the boundary.

    From the left it stops at numbers that are not smaller, from the right at those that are not larger, swaps the two,
    and continues until both sides meet. The stops are found first, without a branch, as whether the next number is
    smaller is a coin toss.
    """
    pivot, n, m = t[idx[first]], 0, 1
    right[0] = first
    for p in range(first + 1, last):
        v = t[idx[p]]
        left[n] = right[m] = p
        n += not v < pivot
        m += not pivot < v
    left[n] = last
    i, j, k = left[0], right[m - 1], 0
    while i < j:
        idx[i], idx[j] = idx[j], idx[i]
        k += 1
        # a number that was swapped to the other side is a stop, too
        i, j = min(left[k], j), max(right[m - 1 - k], i)
    return i


@kept
def sort_sensors(sensors: Ints, time: F64, charge: F32, width: F32, flags: Bytes) -> None:
    """Sort the pulses of each PMT by time, in place."""
    most = 1
    for s in range(sensors.size - 1):
        most = max(most, sensors[s + 1] - sensors[s])
    idx = np.empty(most, np.int64)
    t, q, w, f = (
        np.empty(most),
        np.empty(most, np.float32),
        np.empty(most, np.float32),
        np.empty(most, np.uint8),
    )
    for s in range(sensors.size - 1):
        a, b = sensors[s], sensors[s + 1]
        n = b - a
        rising = True
        for k in range(a + 1, b):
            if not time[k - 1] < time[k]:
                rising = False
                break
        if rising:
            continue
        nan = False
        for k in range(a, b):
            nan |= np.isnan(time[k])
        for k in range(n):
            idx[k] = k
            t[k], q[k], w[k], f[k] = time[a + k], charge[a + k], width[a + k], flags[a + k]
        if nan:  # where std::sort guarantees nothing: stable, NaN last
            for k, j in enumerate(np.argsort(t[:n], kind="mergesort")):
                idx[k] = j
        else:
            std_sort(idx, t, 0, n)
        for k in range(n):
            j = idx[k]
            time[a + k], charge[a + k], width[a + k], flags[a + k] = t[j], q[j], w[j], f[j]
