"""Pulses of direct light from a track, and those before and after it."""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.along_track import seen_from, spread
from icecol.reco.kernels.cherenkov import make_track, time_residual
from icecol.reco.kernels.sensors import exact, sensors
from icecol.reco.numerics.ascending import rising

AT_ONCE, _BLOCK = 7, 255
"""Number of windows that `count` can take, one byte of an integer each, and of pulses that a byte can count."""


@compiled
def direct_hits(
    time, charge, omkey, x, y, z,
    track_x, track_y, track_z, track_time, track_zenith, track_azimuth, track_length, shape,
    begin, end,
):  # fmt: skip
    """Count the pulses of one event, sorted by omkey, with begin <= time residual <= end, before, and after.

    As IceTray's CommonVariables. Returns n_strings, n_doms, n_pulses and charge (PE) of the direct, then of the early,
    then of the late pulses; dir_track_length (m) and dir_track_hit_distribution_smoothness, of the
    positions along the track of the DOMs with direct pulses (NaN for fewer than two and three, respectively).
    """
    track = make_track(
        track_x, track_y, track_z, track_time, track_zenith, track_azimuth, shape, track_length
    )
    doms = sensors(time, omkey, x, y, z)
    place, _, arrival = seen_from(track, doms)
    hit, counts = np.zeros(place.size, np.int64), np.empty((1, 12))
    count(
        omkey, charge, residuals(track, arrival, time, omkey), np.array([begin]), np.array([end]), hit, counts
    )
    length, smooth = spread(rising(place, hit))
    n = counts[0]
    return n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11], length, smooth


@compiled
def residuals(track, arrival, time, omkey):
    """Return the time residual (ns) of every pulse; direct light reaches the DOMs at `arrival`."""
    residual = np.empty(time.size)
    dom, before = -1, ~omkey[0] if omkey.size else 0
    for j in range(time.size):
        dom += omkey[j] != before
        residual[j] = time_residual(track, time[j], arrival[np.uint64(dom)])
        before = omkey[j]
    return residual


@compiled
def count(omkey, charge, residual, begins, ends, hit, out):
    """Count the direct, early and late pulses of up to `AT_ONCE` windows: 12 numbers in each row of `out`.

    Bit 8 w of `hit` tells of each DOM whether it has direct pulses of window w. The windows are counted together, a
    byte each of one integer, and with selections, not branches: whether the next pulse is direct, or of the same
    DOM, is a coin toss.
    """
    n = residual.size
    aside = np.zeros((2, n), np.int64)
    earlier, later = aside[0], aside[1]
    ones, any_order = 0, exact(charge)
    for w in range(begins.size):
        begin, end, bit = begins[w], ends[w], 1 << 8 * w
        ones |= bit
        for k in range(12):
            out[w, k] = 0.0
        if any_order:
            sums = _window_in_any_order(residual, charge, begin, end, bit, earlier, later)
        else:
            sums = _window_in_order(residual, charge, begin, end, bit, earlier, later)
        out[w, 3], out[w, 7], out[w, 11] = sums
    dom, before = -1, ~omkey[0] if n else 0
    direct_dom, early_dom, late_dom, direct_string, early_string, late_string = 0, 0, 0, 0, 0, 0
    for a in range(0, n, _BLOCK):
        direct_pulses, early_pulses, late_pulses = 0, 0, 0
        direct_doms, early_doms, late_doms = 0, 0, 0
        direct_strings, early_strings, late_strings = 0, 0, 0
        for j in range(a, min(a + _BLOCK, n)):
            key = omkey[j]
            same_dom, same_string = -int(key == before), -int(key >> 16 == before >> 16)
            before = key
            early, late = earlier[j], later[j]
            direct = (ones ^ early ^ late) & -int(not math.isnan(residual[j]))
            direct_pulses += direct
            early_pulses += early
            late_pulses += late
            direct_dom &= same_dom
            early_dom &= same_dom
            late_dom &= same_dom
            direct_doms += direct & ~direct_dom
            early_doms += early & ~early_dom
            late_doms += late & ~late_dom
            direct_dom |= direct
            early_dom |= early
            late_dom |= late
            direct_string &= same_string
            early_string &= same_string
            late_string &= same_string
            direct_strings += direct & ~direct_string
            early_strings += early & ~early_string
            late_strings += late & ~late_string
            direct_string |= direct
            early_string |= early
            late_string |= late
            dom += 1 + same_dom
            hit[np.uint64(dom)] = direct_dom
        for w in range(begins.size):
            s = 8 * w
            out[w, 0] += direct_strings >> s & 255
            out[w, 1] += direct_doms >> s & 255
            out[w, 2] += direct_pulses >> s & 255
            out[w, 4] += early_strings >> s & 255
            out[w, 5] += early_doms >> s & 255
            out[w, 6] += early_pulses >> s & 255
            out[w, 8] += late_strings >> s & 255
            out[w, 9] += late_doms >> s & 255
            out[w, 10] += late_pulses >> s & 255


def _window(residual, charge, begin, end, bit, earlier, later):
    """Mark the early and the late pulses of one window, and return the sums of direct, early and late charges."""
    q_direct, q_early, q_late = 0.0, 0.0, 0.0
    for j in range(residual.size):
        r, q = residual[j], np.float64(charge[j])
        earlier[j] |= bit if r < begin else 0
        later[j] |= bit if r > end else 0
        q_direct += q if (r >= begin) & (r <= end) else 0.0
        q_early += q if r < begin else 0.0
        q_late += q if r > end else 0.0
    return q_direct, q_early, q_late


_window_in_order = compiled(_window)
_window_in_any_order = compiled(fastmath={"reassoc", "nsz"})(_window)
