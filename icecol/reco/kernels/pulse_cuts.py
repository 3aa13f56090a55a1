"""Selections of pulses one by one, or by their position among the pulses of their DOM."""

from __future__ import annotations

import numpy as np

from icecol.jit.function import compiled


@compiled
def local_coincidence(flags, hard):
    """Return which pulses are in hard local coincidence (bit 0 of the flags), or which are not."""
    return (flags & 1 != 0) == hard


@compiled
def charge_range(charge, min_charge, max_charge):
    """Return which pulses have a charge within the limits, both included; NaN is not."""
    return (charge >= min_charge) & (charge <= max_charge)


@compiled
def time_window(time, min_time, max_time):
    """Return which pulses are between two times, both excluded; none if one of them is NaN."""
    return (time > min_time) & (time < max_time)


@compiled
def first_pulse(omkey):
    """Return which pulses are the first of their DOM, as stored; they are sorted by omkey."""
    keep = np.ones(omkey.size, np.bool_)
    for j in range(1, omkey.size):
        keep[j] = omkey[j] != omkey[j - 1]
    return keep


@compiled
def earliest_pulse(time, omkey):
    """Return which pulses are the earliest of their DOM (the first of several); they are sorted by omkey.

    NaN is neither earlier nor later than any time: it is taken if it comes first.
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


@compiled
def charge_of_sensor(charge, omkey):
    """Return, for each pulse, the charge (PE) of all pulses of its DOM, summed as float32; sorted by omkey."""
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


@compiled
def of_sensors(omkey, omkeys, strings, exclude):
    """Return which pulses are on one of the omkeys or strings (both sorted), or which are not."""
    keep = np.empty(omkey.size, np.bool_)
    for j in range(omkey.size):
        keep[j] = (within(omkey[j], omkeys) or within(omkey[j] >> 16, strings)) != exclude
    return keep


@compiled
def within(value, values):
    """Return whether a sorted array has a value."""
    at = np.searchsorted(values, value)
    return at < values.size and values[at] == value
