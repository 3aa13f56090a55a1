"""The whole chain of one event, from the particle to triggered pulses, as one numba kernel over many events."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol import units
from icecol.detector import medium
from icecol.jit.cache import kept
from icecol.reco.kernels.muon_light import muon_slope
from icecol.reco.kernels.smt import majority
from icecol.reco.numerics.order import order
from icecol.sim import light, sensor
from icecol.sim.light import (
    acceptance,
    cascade_light,
    cascade_profile,
    cascade_rho,
    cascade_scattering,
    delay,
    track_light,
    track_path,
    track_rho,
    track_shape,
)
from icecol.sim.losses import discrete, half_length, rate, relative_loss, share
from icecol.sim.sensor import launches, local_coincidence, merge_photons, photon_charge

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

NOISE, MUON, CASCADE = 0, 1, 2

majority_hits: Final = 8
majority_window: Final = 5000.0
before: Final = 4000.0
after: Final = 6000.0
"""The readout lasts from 4000 ns before the start of the trigger to 6000 ns after its end."""

trigger_time: Final = 10000.0
"""Time of the trigger in an event, in ns: event times count from 10 microseconds before it."""

dark_start: Final = -14000.0
dark_stop: Final = 20000.0
"""Span of dark noise around the particle's time, in ns; a triggered readout lies inside."""

bundle: Final = 1000
"""More photoelectrons than this in one sensor are drawn as this many of larger charge."""

faintest: Final = 1e-7
"""Mean photoelectrons below which a sensor is taken to see nothing."""

_step: Final = sensor.charge_step
_group_speed: Final = medium.c_ice
_hlc, _slc = sensor.hlc, sensor.slc
_stamp: Final = sensor.stamp
_reach: Final = 15 * light.propagation
_shining: Final = muon_slope / (light.cascade_length * relative_loss)


class Sensors(NamedTuple):
    """Columns of the detector, sorted by (string, om)."""

    string: I64
    om: I64
    x: F64
    y: F64
    z: F64
    facing: F64
    """Minus the z component of the direction the PMT faces: 1 for one facing down."""
    efficiency: F64
    """Relative; 0 for a sensor that is off."""


class Settings(NamedTuple):
    """Numbers of the simulation: dark rate of a sensor in 1/ns, timing jitter in ns, factor on the light.

    `losses` tells whether muons have stochastic losses, rather than just their mean light.
    """

    dark_rate: float
    jitter: float
    scale: float
    losses: bool


class Sources(NamedTuple):
    """What shines: a particle, and the losses of a muon, as points along its direction."""

    kind: I64
    energy: F64
    place: F64
    """Distance from the particle's position along its direction, in m; light leaves when the particle is there."""


@kept(error_model="numpy")
def poisson(rng: np.random.Generator, mean: float) -> int:
    """Draw a Poisson number by inversion of one uniform number for each 10 of the mean: quick for dark sensors."""
    n = 0
    while mean > 0:
        part = min(mean, 10.0)
        mean -= part
        u, p, k = rng.random(), math.exp(-part), 0
        while u > p and k < 100:
            u -= p
            k += 1
            p *= part / k
        n += k
    return n


@kept(error_model="numpy")
def arrival(
    kind: int, energy: float, dx: float, dy: float, dz: float, ex: float, ey: float, ez: float, facing: float
) -> tuple[float, float, float, float]:
    """Return (mean photoelectrons, time of unscattered light, shape, rate of the Gamma distribution) at a sensor.

    `dx, dy, dz` is the sensor as seen from the particle's position, `ex, ey, ez` its direction of flight.
    """
    if kind == MUON:
        d, path, t, upward = track_path(dx, dy, dz, ex, ey, ez)
        if d > _reach:
            return 0.0, 0.0, 0.0, 1.0
        upward *= facing
        return track_light(d, energy) * acceptance(upward, path), t, track_shape(d, upward), track_rho
    r = math.sqrt(dx * dx + dy * dy + dz * dz)
    if r > _reach or r <= 0:
        return 0.0, 0.0, 0.0, 1.0
    cosine = (dx * ex + dy * ey + dz * ez) / r
    mean = cascade_light(r, energy) * cascade_profile(cosine, r) * acceptance(facing * dz / r, r)
    return mean, r / _group_speed, r / cascade_scattering, cascade_rho


@kept(error_model="numpy")
def sources_of(rng: np.random.Generator, kind: int, energy: float, settings: Settings) -> Sources:
    """Return the particle itself, and if asked the losses of a muon, which take their part of its mean light."""
    if kind != MUON or not settings.losses:
        return Sources(np.full(1, kind), np.full(1, energy), np.zeros(1))
    n = poisson(rng, 2 * half_length * rate)
    kinds, energies, places = np.full(n + 1, CASCADE), np.empty(n + 1), np.zeros(n + 1)
    kinds[0], energies[0] = kind, energy * (1 - discrete)
    for j in range(1, n + 1):
        # so much energy in a cascade has the light that the mean light of a muon has for it
        energies[j] = _shining * share(rng.random()) * energy
        places[j] = half_length * (2 * rng.random() - 1)
    return Sources(kinds, energies, places)


@kept(error_model="numpy")
def light_of(
    sources: Sources, j: int, dx: float, dy: float, dz: float, ex: float, ey: float, ez: float, facing: float
) -> tuple[float, float, float, float]:
    """Return `arrival` of one source; times count from when the particle is at its position."""
    s = sources.place[j]
    mean, t, shape, rho = arrival(
        sources.kind[j], sources.energy[j], dx - s * ex, dy - s * ey, dz - s * ez, ex, ey, ez, facing
    )
    return mean, t + s / units.c, shape, rho


@kept(error_model="numpy")
def select(values: F64, keep: Mask, rank: I64) -> F64:
    """Return the kept values in the order of `rank`."""
    out = np.empty(values.size)
    n = 0
    for i in rank:
        if keep[i]:
            out[n] = values[i]
            n += 1
    return out[:n]


@kept(error_model="numpy")
def event(
    rng: np.random.Generator,
    kind: int,
    position: tuple[float, float, float],
    direction: tuple[float, float, float],
    energy: float,
    sensors: Sensors,
    settings: Settings,
) -> tuple[I64, F64, F64, F64, npt.NDArray[np.uint8], Mask, float, float]:
    """Simulate one event, with times relative to the particle's.

    Returns (sensor, time, charge, width, flags, noise) of its pulses inside the readout, and the start and the end of
    its trigger. A noise event has no particle: its readout is that of a trigger at 0, and the trigger is NaN.
    """
    n_sensors = sensors.x.size
    sources = sources_of(rng, kind, energy, settings)
    n_sources = sources.kind.size if kind != NOISE else 0
    part = np.empty(n_sources)
    px, py, pz = position
    ex, ey, ez = direction
    dark = settings.dark_rate * (dark_stop - dark_start)

    # the number of photoelectrons in each DOM, dark noise included
    lit = np.empty(n_sensors, np.int64)
    number = np.empty(n_sensors, np.int64)
    shining = np.empty(n_sensors)
    n_lit = total = most = 0
    for i in range(n_sensors):
        efficiency = sensors.efficiency[i]
        if efficiency <= 0:
            continue
        mean = 0.0
        dx, dy, dz = sensors.x[i] - px, sensors.y[i] - py, sensors.z[i] - pz
        for j in range(n_sources):
            mean += light_of(sources, j, dx, dy, dz, ex, ey, ez, sensors.facing[i])[0]
        mean *= efficiency * settings.scale
        if mean < faintest:
            mean = 0.0
        n = poisson(rng, mean + dark * efficiency)
        if n > 0:
            lit[n_lit], number[n_lit], shining[n_lit] = i, n, mean / (mean + dark * efficiency)
            n_lit += 1
            total += min(n, bundle)
            most = max(most, min(n, bundle))

    # their times and charges, merged into pulses
    at = np.empty(total, np.int64)
    time, charge, span, noise = np.empty(total), np.empty(total), np.empty(total), np.empty(total, np.bool_)
    t_one, q_one, noise_one = np.empty(most), np.empty(most), np.empty(most, np.bool_)
    n_pulses = 0
    for k in range(n_lit):
        i, n, weight = lit[k], number[k], 1.0
        if n > bundle:
            n, weight = bundle, n / bundle
        dx, dy, dz = sensors.x[i] - px, sensors.y[i] - py, sensors.z[i] - pz
        t_first, shape, rho, whole = 0.0, 0.0, 1.0, 0.0
        for j in range(n_sources if shining[k] > 0 else 0):
            part[j], t_first, shape, rho = light_of(sources, j, dx, dy, dz, ex, ey, ez, sensors.facing[i])
            whole += part[j]
        for m in range(n):
            if rng.random() < shining[k]:
                if n_sources > 1:
                    j, left = 0, rng.random() * whole
                    while j + 1 < n_sources and left >= part[j]:
                        left -= part[j]
                        j += 1
                    _, t_first, shape, rho = light_of(sources, j, dx, dy, dz, ex, ey, ez, sensors.facing[i])
                t_one[m] = t_first + delay(rng, shape, rho) + settings.jitter * rng.standard_normal()
                noise_one[m] = False
            else:
                t_one[m] = dark_start + (dark_stop - dark_start) * rng.random()
                noise_one[m] = True
            q_one[m] = weight * photon_charge(rng)
        rank = order(t_one[:n])
        n_new = merge_photons(
            rank,
            t_one,
            q_one,
            noise_one,
            time[n_pulses:],
            charge[n_pulses:],
            span[n_pulses:],
            noise[n_pulses:],
        )
        at[n_pulses : n_pulses + n_new] = i
        n_pulses += n_new
    at, time, charge = at[:n_pulses], time[:n_pulses], charge[:n_pulses]

    # launches, local coincidence, trigger
    first, member = launches(at, time, charge)
    n_launches = first.size
    start_of, string, om = (
        np.empty(n_launches),
        np.empty(n_launches, np.int64),
        np.empty(n_launches, np.int64),
    )
    for i in range(n_launches):
        start_of[i], string[i], om[i] = time[first[i]], sensors.string[at[first[i]]], sensors.om[at[first[i]]]
    hlc = local_coincidence(string, om, start_of)
    if kind == NOISE:
        begin, end = np.nan, np.nan
        zero, last = 0.0, 0.0
    else:
        _, begin, end = majority(select(start_of, hlc, order(start_of)), majority_hits, majority_window)
        zero, last = begin, end

    # the readout as stored: time to 1 ns, charge to bins of 0.05 PE, width to powers of two
    n_kept = 0
    width = np.empty(n_pulses)
    flags = np.empty(n_pulses, np.uint8)
    for i in range(n_pulses):
        if member[i] < 0 or not zero - before <= time[i] < last + after:
            continue
        coincident = hlc[member[i]]
        if not coincident and time[i] - start_of[member[i]] > _stamp:
            continue
        shortest = 4.0 if coincident else 32.0
        at[n_kept] = at[i]
        time[n_kept] = math.floor(time[i] - zero) + trigger_time
        charge[n_kept] = _step * (math.floor(charge[i] / _step) + 0.5)
        width[n_kept] = max(shortest, 2.0 ** math.ceil(math.log2(max(span[i], 1.0))))
        flags[n_kept] = _hlc if coincident else _slc
        noise[n_kept] = noise[i]
        n_kept += 1
    return (
        at[:n_kept],
        time[:n_kept],
        charge[:n_kept],
        width[:n_kept],
        flags[:n_kept],
        noise[:n_kept],
        begin,
        end,
    )


@kept(error_model="numpy")
def longer(values: Any, room: int) -> Any:
    """Return a copy of an array with room for more."""
    out = np.empty(room, values.dtype)
    for i in range(values.size):
        out[i] = values[i]
    return out


@kept(error_model="numpy")
def simulate(
    rng: np.random.Generator,
    kind: int,
    x: F64,
    y: F64,
    z: F64,
    ex: F64,
    ey: F64,
    ez: F64,
    energy: F64,
    sensors: Sensors,
    settings: Settings,
) -> tuple[I64, I64, F64, F64, F64, npt.NDArray[np.uint8], Mask, F64, F64]:
    """Simulate events of one kind: (offsets, sensor, time, charge, width, flags, noise, trigger start, trigger end).

    An event whose particle did not trigger is empty and has a NaN trigger.
    """
    n = x.size
    offsets = np.zeros(n + 1, np.int64)
    begin, end = np.empty(n), np.empty(n)
    room = 256 * n
    at, time, charge, width = np.empty(room, np.int64), np.empty(room), np.empty(room), np.empty(room)
    flags, noise = np.empty(room, np.uint8), np.empty(room, np.bool_)
    for i in range(n):
        e_at, e_time, e_charge, e_width, e_flags, e_noise, begin[i], end[i] = event(
            rng, kind, (x[i], y[i], z[i]), (ex[i], ey[i], ez[i]), energy[i], sensors, settings
        )
        start, stop = offsets[i], offsets[i] + e_at.size
        offsets[i + 1] = stop
        if stop > at.size:
            room = 2 * stop
            at, flags, noise = longer(at, room), longer(flags, room), longer(noise, room)
            time, charge, width = longer(time, room), longer(charge, room), longer(width, room)
        for k in range(e_at.size):
            at[start + k], time[start + k], charge[start + k] = e_at[k], e_time[k], e_charge[k]
            width[start + k], flags[start + k], noise[start + k] = e_width[k], e_flags[k], e_noise[k]
    stop = offsets[n]
    return (
        offsets,
        at[:stop],
        time[:stop],
        charge[:stop],
        width[:stop],
        flags[:stop],
        noise[:stop],
        begin,
        end,
    )
