"""The order of numbers, as libstdc++'s std::sort leaves them."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from icecol.i3.std_sort import partition, std_sort

_LANES = 16
_FEW = 256


@njit(nogil=True, error_model="numpy")
def whole(n):
    """Return n or the next size that fills whole vector registers: what is left over takes as long as all the rest."""
    return (n + _LANES - 1) // _LANES * _LANES


@njit(nogil=True, error_model="numpy")
def ascending(values):
    """Return the indices of the values as they rise; equal ones, and NaN, come in the order that std::sort leaves.

    The place of a number among a few hundred others is found quickest by counting, without a branch, those that are
    smaller. If these are not one more from number to number there are equal ones or NaN.
    """
    n = values.size
    order = np.empty(n, np.int64)
    if n <= _FEW:
        padded, place = np.full(whole(n), math.inf), np.empty(n, np.int64)
        for i in range(n):
            padded[i] = values[i]
        total = 0
        for i in range(n):
            x, smaller = padded[i], 0
            for j in range(padded.size):
                smaller += padded[j] < x
            order[smaller] = i
            place[i] = smaller
            total += smaller
        if total == n * (n - 1) // 2:
            return order
        if not _any_nan(values):
            return _as_std_sort(place, order)
    for i in range(n):
        order[i] = i
    std_sort(order, values, 0, n)
    return order


@njit(nogil=True, error_model="numpy")
def _as_std_sort(place, order):
    """Return the order of numbers of which so many are smaller, equal ones as std::sort leaves them.

    It moves them far only in its first part, which is the only one done here, on whole numbers.
    """
    n = place.size
    moved, taken = np.empty(n, np.int64), np.zeros(n, np.int64)
    for i in range(n):
        moved[i] = i
    partition(moved, place, 0, n)
    for i in moved:
        at = place[i]
        order[at + taken[at]] = i
        taken[at] += 1
    return order


@njit(nogil=True, error_model="numpy")
def _any_nan(values):
    found = False
    for x in values:
        found |= math.isnan(x)
    return found


@njit(nogil=True, error_model="numpy")
def rising(values, hit):
    """Return the values of those whose `hit` is not 0, as they rise."""
    found, n = np.empty(values.size), 0
    for i in range(values.size):
        if hit[i]:
            found[n] = values[i]
            n += 1
    found = found[:n]
    return found[ascending(found)]


@njit(nogil=True, error_model="numpy")
def rising_of(values, order, hit, bit, space):
    """Return the values of those that are hit, of which a bit of `hit` tells, as they rise; `order` is that of all.

    The result lies in `space`, and is that of `rising` unless there are NaN.
    """
    n = 0
    for i in order:
        space[n] = values[i]
        n += hit[i] >> bit & 1
    return space[:n]
