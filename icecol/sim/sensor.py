"""From photoelectrons to pulses: charge response, merging, launches and local coincidence.

The functions are numba kernels of one event, whose pulses are sorted by sensor and then by time. A sensor is its
index in the geometry, which is sorted by (string, om).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept

merge: Final = 5.0
"""Photoelectrons of one sensor within this time of the first, in ns, are one pulse."""

launch: Final = 6400.0
"""Time in ns for which a launch records (256 samples at 40 MHz); the next one starts after it."""

stamp: Final = 75.0
"""Time in ns that a launch without local coincidence keeps: three samples at 40 MHz."""

threshold: Final = 0.25
"""Charge in PE of a pulse that starts a launch."""

lc_window: Final = 1000.0
lc_span: Final = 2
"""Local coincidence: launches of sensors up to 2 apart on a string that start within 1000 ns."""

hlc: Final = 7
slc: Final = 4
"""Flags of pulses with (LC | ATWD | FADC) and without (FADC) local coincidence."""

charge_step: Final = 0.05

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


_GAIN: Final = 7.0
_LOG_A: Final = -0.364 + _GAIN * (0.4247 - 0.005765 * _GAIN)
_LOG_B: Final = -1.696 + _GAIN * (0.9985 - 0.06699 * _GAIN)
_LOG_RATIO: Final = -1.103 + _GAIN * (0.7194 - 0.0372 * _GAIN)
_MA: Final = 1.602
"""Anode current in mA of one photoelectron in a ns, at a gain of 10^7."""


@kept(error_model="numpy")
def linear(rate: float) -> float:
    """Return the part of the charge that a PMT shows of light at a rate in photoelectrons per ns: saturation.

    Two lines in the logarithms of current in and out, joined smoothly, as in IceCube's simulation of the DOM, for the
    nominal gain of 10^7; a tenth is lost at 30 PE/ns, half at 98.
    """
    current = rate * _MA
    a, b = 10**_LOG_A, 10**_LOG_B
    log = math.log1p(a / current)
    return log / (log + a / 10**_LOG_RATIO * math.exp(-b / current))


@kept(error_model="numpy")
def saturated(charge: float, span: float) -> float:
    """Return the charge that a PMT shows of a pulse of `span` ns."""
    return charge * linear(charge / max(span, merge))


@kept(error_model="numpy")
def photon_charge(rng: np.random.Generator) -> float:
    """Draw the charge of one photoelectron in PE: 30 % exponential of mean 0.45, 70 % Gaussian (1, 0.3) above 0.

    The shape is that of IceCube's PMTs (IceCube, JINST 15 (2020) P06032), with one exponential for two.
    """
    if rng.random() < 0.3:
        return 0.45 * rng.standard_exponential()
    while True:
        q = 1.0 + 0.3 * rng.standard_normal()
        if q > 0:
            return q


@kept(error_model="numpy")
def photon_charges(rng: np.random.Generator, n: int) -> F64:
    """Draw the charges of `n` photoelectrons in PE."""
    out = np.empty(n)
    for i in range(n):
        out[i] = photon_charge(rng)
    return out


@kept(error_model="numpy")
def merge_pulses(sensor: I64, time: F64, charge: F64, span: F64, source: I64) -> int:
    """Merge pulses of several sources, sorted by sensor and time, as photoelectrons are; return how many are left.

    The arrays are changed. Of the sources of a pulse the first counts, unless that is dark noise, -1.
    """
    n = 0
    for i in range(time.size):
        if n > 0 and sensor[n - 1] == sensor[i] and time[i] - time[n - 1] < merge:
            charge[n - 1] += charge[i]
            span[n - 1] = max(span[n - 1], time[i] + span[i] - time[n - 1])
            if source[n - 1] < 0:
                source[n - 1] = source[i]
        else:
            sensor[n], time[n], charge[n], span[n], source[n] = (
                sensor[i],
                time[i],
                charge[i],
                span[i],
                source[i],
            )
            n += 1
    return n


@kept(error_model="numpy")
def merge_photons(
    rank: I64,
    time: F64,
    charge: F64,
    noise: Mask,
    out_time: F64,
    out_charge: F64,
    out_span: F64,
    out_noise: Mask,
) -> int:
    """Merge the photoelectrons of one sensor into pulses and return how many there are.

    `rank` holds the indices of the photoelectrons in the order of time. A pulse takes the photoelectrons within
    `merge` ns of its first, whose time it gets; it is noise if all of them are. `out_span` is the time in ns from its
    first photoelectron to its last.
    """
    n = 0
    for i in rank:
        if n > 0 and time[i] - out_time[n - 1] < merge:
            out_charge[n - 1] += charge[i]
            out_span[n - 1] = time[i] - out_time[n - 1]
            out_noise[n - 1] &= noise[i]
        else:
            out_time[n], out_charge[n], out_span[n], out_noise[n] = time[i], charge[i], 0.0, noise[i]
            n += 1
    return n


@kept(error_model="numpy")
def launches(sensor: I64, time: F64, charge: F64) -> tuple[I64, I64]:
    """Group the pulses of an event into launches: (first pulse of each launch, launch of each pulse or -1).

    A launch starts with a pulse of at least `threshold` PE and takes what the sensor sees in the next `launch` ns.
    A pulse that is not in a launch was not recorded.
    """
    first = np.empty(time.size, np.int64)
    member = np.full(time.size, -1, np.int64)
    n = 0
    for i in range(time.size):
        if n > 0 and sensor[first[n - 1]] == sensor[i] and time[i] - time[first[n - 1]] < launch:
            member[i] = n - 1
        elif charge[i] >= threshold:
            first[n] = i
            member[i] = n
            n += 1
    return first[:n], member


@kept(error_model="numpy")
def local_coincidence(string: I64, om: I64, time: F64) -> Mask:
    """Tell which launches, sorted by (string, om, time), have a neighbour in local coincidence.

    A neighbour is another sensor of the string at most `lc_span` positions away; their launches start at most
    `lc_window` ns apart.
    """
    out = np.zeros(time.size, np.bool_)
    for i in range(time.size):
        for j in range(i + 1, time.size):
            if string[j] != string[i] or om[j] - om[i] > lc_span:
                break
            if om[j] != om[i] and abs(time[j] - time[i]) <= lc_window:
                out[i] = True
                out[j] = True
    return out
