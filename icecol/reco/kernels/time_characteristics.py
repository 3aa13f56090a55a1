"""How the first pulses of the DOMs follow each other in time, and whether upwards or downwards."""

from __future__ import annotations

import math

from icecol.jit.function import compiled
from icecol.reco.kernels.sensors import sensors
from icecol.reco.numerics.ascending import ascending

_FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))


@compiled
def time_characteristics(time, omkey, z):
    """Return the characteristics of the first pulses of one event, sorted by omkey, as IceTray's CommonVariables.

    Returns timelength_fwhm (ns, of a normal distribution with their standard deviation), timelength_last_first and
    timelength_maxgap (whole ns) and zpattern: how often the next DOM in time is higher, minus how often it is lower.
    The first DOM is compared with z = 0. DOMs hit at the same time are in the order that std::sort leaves. Without
    DOMs:
    -1, -1, -1, 0.
    """
    doms = sensors(time, omkey, z, z, z)
    return follow(doms, ascending(doms.time))


@compiled
def follow(doms, order):
    """Return the numbers of `time_characteristics`; the first pulses of the DOMs rise in that order."""
    times, n = doms.time, doms.time.size
    if n == 0:
        return -1.0, -1.0, -1.0, 0.0
    t_sum, tt_sum = 0.0, 0.0
    for i in range(n):
        t_sum += times[i]
        tt_sum += times[i] * times[i]
    fwhm = _FWHM * math.sqrt(1.0 / n * (tt_sum - 1.0 / n * (t_sum * t_sum)))
    gap, pattern, last_t, last_z = 0.0, 0, _whole(times[order[0]]), 0.0
    for i in order:
        t, z_i = _whole(times[i]), doms.z[i]
        if t - last_t > gap:
            gap = _whole(t - last_t)
        pattern += int(z_i > last_z) - int(z_i < last_z)
        last_t, last_z = t, z_i
    return fwhm, _whole(times[order[n - 1]] - times[order[0]]), gap, float(pattern)


@compiled
def _whole(t):
    """Return a double as C++ assigns it to an int: without its fraction, and -2^31 for NaN or what does not fit."""
    return math.trunc(t) * 1.0 if -2147483649.0 < t < 2147483648.0 else -2147483648.0
