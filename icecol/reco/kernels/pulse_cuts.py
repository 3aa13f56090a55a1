"""Masks that look at each pulse by itself, or at its place among the pulses of its sensor."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, error_model="numpy")
def local_coincidence(flags, hard):
    """Tell which pulses are of hard local coincidence (bit 0 of the flags), or which are not."""
    return (flags & 1 != 0) == hard


@njit(nogil=True, error_model="numpy")
def charge_range(charge, min_charge, max_charge):
    """Tell which pulses have a charge within the limits, both included; a charge of NaN has not."""
    return (charge >= min_charge) & (charge <= max_charge)


@njit(nogil=True, error_model="numpy")
def time_window(time, min_time, max_time):
    """Tell which pulses are within two times, both excluded; none if one is NaN."""
    return (time > min_time) & (time < max_time)


@njit(nogil=True, error_model="numpy")
def first_pulse(omkey):
    """Tell which pulses are the first of their sensor, as stored; they are sorted by omkey."""
    keep = np.ones(omkey.size, np.bool_)
    for j in range(1, omkey.size):
        keep[j] = omkey[j] != omkey[j - 1]
    return keep


@njit(nogil=True, error_model="numpy")
def earliest_pulse(time, omkey):
    """Tell which pulses are the earliest of their sensor, the first of several; they are sorted by omkey.

    No pulse is earlier than NaN, nor NaN earlier than any: it is taken where it is the first.
    """
    keep = np.zeros(omkey.size, np.bool_)
    best = 0
    for j in range(omkey.size):
        if omkey[j] != omkey[best] or time[j] < time[best]:
            keep[best] = omkey[j] != omkey[best]
            best = j
    if omkey.size:
        keep[best] = True
    return keep


@njit(nogil=True, error_model="numpy")
def charge_of_sensor(charge, omkey):
    """Return for each pulse the charge (PE) of all pulses of its sensor, added as float32; sorted by omkey."""
    charges = np.empty(omkey.size, np.float32)
    begin = 0
    for end in range(1, omkey.size + 1):
        if end < omkey.size and omkey[end] == omkey[begin]:
            continue
        total = np.float32(0.0)
        for q in charge[begin:end]:
            total += np.float32(q)
        charges[begin:end] = total
        begin = end
    return charges


@njit(nogil=True, error_model="numpy")
def of_sensors(omkey, omkeys, strings, exclude):
    """Tell which pulses are of one of the omkeys or strings (both sorted), or which are not."""
    keep = np.empty(omkey.size, np.bool_)
    for j in range(omkey.size):
        keep[j] = (within(omkey[j], omkeys) or within(omkey[j] >> 16, strings)) != exclude
    return keep


@njit(nogil=True, error_model="numpy")
def within(value, values):
    """Tell whether a sorted array has a value."""
    at = np.searchsorted(values, value)
    return at < values.size and values[at] == value
