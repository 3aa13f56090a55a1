"""The order of numbers, as libstdc++'s std::sort leaves them."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from icecol.i3.std_sort import std_sort

_LANES = 16
_FEW = 256


@njit(nogil=True, error_model="numpy")
def ascending(values):
    """Return the indices of the values as they rise; equal ones, and NaN, come in the order that std::sort leaves.

    The place of a number among a few hundred others is found quickest by counting, without a branch, those that are
    smaller. If that leaves a place empty there are equal numbers or NaN, and they are sorted as std::sort does.
    """
    n = values.size
    order = np.full(n, -1)
    if n <= _FEW:
        # whole vector registers, or it takes twice as long
        padded = np.full((n + _LANES - 1) // _LANES * _LANES, math.inf)
        for i in range(n):
            padded[i] = values[i]
        for i in range(n):
            x, smaller = padded[i], 0
            for j in range(padded.size):
                smaller += padded[j] < x
            order[smaller] = i
        empty = 0
        for i in range(n):
            empty += order[i] < 0
        if not empty:
            return order
    for i in range(n):
        order[i] = i
    std_sort(order, values, 0, n)
    return order


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
