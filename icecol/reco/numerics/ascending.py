"""The order of numbers, as libstdc++'s std::sort leaves them."""

from __future__ import annotations

import math

import numpy as np

from icecol.i3.pulses.std_sort import partition, std_sort
from icecol.jit.function import compiled

_LANES = 16
_FEW = 256


@compiled
def whole(n):
    """Return n or the next size that fills whole vector registers: what is left over takes as long as all the rest."""
    return (n + _LANES - 1) // _LANES * _LANES


@compiled
def ascending(values):
    """Return the indices of the values as they rise; equal ones, and NaN, come in the order that std::sort leaves.

    The place of a number among a few hundred others is found quickest by counting, without a branch, those that are
    smaller: of the numbers with 24 bits, twice as many at once, and if that does not tell them apart, as they are.
    """
    n = values.size
    order = np.empty(n, np.uint64)  # unsigned, or the compiler provides for places that count from the end
    if 0 < n <= _FEW:
        rough, few = np.full(whole(n), np.float32(math.inf)), np.zeros(whole(n), np.int32)
        first = values[0]
        for i in range(n):
            rough[i] = values[i] - first
        _count_smaller(rough, few)
        if _ordered(values, few, order):
            return order
        exact, place = np.full(whole(n), math.inf), np.zeros(whole(n), np.int64)
        for i in range(n):
            exact[i] = values[i]
        _count_smaller(exact, place)
        if _ordered(values, place, order):
            return order
    for i in range(n):
        order[i] = i
    std_sort(order, values, 0, n)
    return order


@compiled
def _count_smaller(values, count):
    """Count, for each of the values, those that are smaller: four in each pass, for fewer passes over the counts."""
    one = count.dtype.type(1)
    for j in range(0, values.size, 4):
        a, b, c, d = values[j], values[j + 1], values[j + 2], values[j + 3]
        for i in range(values.size):
            v = values[i]
            count[i] += one * (a < v) + one * (b < v) + one * (c < v) + one * (d < v)


@compiled
def _ordered(values, place, order):
    """Fill in the order of the values, of which so many are smaller; False if different ones, or NaN, share a place."""
    n = order.size
    total = 0
    for i in range(n):
        order[np.uint64(place[i])] = i
        total += place[i]
    if total == n * (n - 1) // 2:
        return True
    for i in range(n):
        if values[order[place[i]]] != values[i]:
            return False
    _as_std_sort(place, order)
    return True


@compiled
def _as_std_sort(place, order):
    """Fill in the order of numbers of which so many are smaller, equal ones as std::sort leaves them.

    It moves them far only in its first part, which is the only one done here, on whole numbers.
    """
    n = order.size
    moved, taken = np.empty(n, np.int64), np.zeros(n, np.int64)
    for i in range(n):
        moved[i] = i
    partition(moved, place, 0, n)
    for i in moved:
        at = place[i]
        order[at + taken[at]] = i
        taken[at] += 1


@compiled
def rising(values, hit):
    """Return the values of those whose `hit` is not 0, as they rise."""
    found, n = np.empty(values.size), 0
    for i in range(values.size):
        if hit[i]:
            found[n] = values[i]
            n += 1
    found = found[:n]
    return found[ascending(found)]


@compiled
def rising_of(values, order, hit, bit, space):
    """Return the values of those that are hit, of which a bit of `hit` tells, as they rise; `order` is that of all.

    The result lies in `space`, and is that of `rising` unless there are NaN.
    """
    n = 0
    for i in order:
        space[np.uint64(n)] = values[i]
        n += hit[i] >> bit & 1
    return space[:n]
