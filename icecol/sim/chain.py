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
    tan_cherenkov,
    track_light,
    track_path,
    track_rho,
    track_shape,
)
from icecol.sim.losses import discrete, half_length, rate, relative_loss, share
from icecol.sim.particles import CASCADE, HADRONS, MUON, NOISE, TAU, Particles
from icecol.sim.sensor import launches, local_coincidence, merge_photons, photon_charge

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

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
    """What shines in an event, with kind `MUON` or `CASCADE`: its particles, and the losses of muons."""

    kind: I64
    energy: F64
    """Of a muon, that which sets the light of its track; of a cascade, the electromagnetic one that is as bright."""
    x: F64
    y: F64
    z: F64
    ex: F64
    ey: F64
    ez: F64
    time: F64
    start: F64
    stop: F64


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
def electromagnetic(energy: float) -> float:
    """Return the energy of an electromagnetic cascade that is on average as bright as a hadronic one.

    F = 1 - (E/E0)^-m (1 - f0) of Gabriel et al., NIM A338 (1994) 336, with IceCube's values for pions.
    """
    return energy * max(0.0, 1 - (max(energy, 0.2) / 0.18792) ** -0.16268 * (1 - 0.30974))


@kept(error_model="numpy")
def sources_of(rng: np.random.Generator, particles: Particles, i: int, settings: Settings) -> Sources:
    """Return what shines in event `i`: its particles and, if asked, the losses of muons, which share its mean light."""
    first, last = particles.offsets[i], particles.offsets[i + 1]
    begin, end = np.empty(last - first), np.empty(last - first)
    number = np.zeros(last - first, np.int64)
    n = last - first
    for k in range(first, last):
        if settings.losses and particles.kind[k] == MUON:
            begin[k - first] = max(particles.start[k], -half_length)
            end[k - first] = min(particles.stop[k], half_length)
            number[k - first] = poisson(rng, (end[k - first] - begin[k - first]) * rate)
            n += number[k - first]
    out = Sources(
        np.empty(n, np.int64), np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n),
        np.empty(n), np.empty(n), np.zeros(n), np.zeros(n),
    )  # fmt: skip
    j = 0
    for k in range(first, last):
        kind, energy = particles.kind[k], particles.energy[k]
        ex, ey, ez = particles.ex[k], particles.ey[k], particles.ez[k]
        for m in range(number[k - first] + 1):
            out.kind[j], out.energy[j], s = MUON if kind == TAU else kind, energy, 0.0
            if m > 0:
                # so much energy in a cascade has the light that the mean light of a muon has for it
                out.kind[j], out.energy[j] = CASCADE, _shining * share(rng.random()) * energy
                s = begin[k - first] + (end[k - first] - begin[k - first]) * rng.random()
            elif kind == HADRONS:
                out.kind[j], out.energy[j] = CASCADE, electromagnetic(energy)
            elif kind == TAU:
                out.energy[j] = 0.0
            elif kind == MUON and settings.losses:
                out.energy[j] = energy * (1 - discrete)
            if m == 0 and kind in (MUON, TAU):
                out.start[j], out.stop[j] = particles.start[k], particles.stop[k]
            out.x[j], out.y[j], out.z[j] = (
                particles.x[k] + s * ex,
                particles.y[k] + s * ey,
                particles.z[k] + s * ez,
            )
            out.ex[j], out.ey[j], out.ez[j] = ex, ey, ez
            out.time[j] = particles.time[k] + s / units.c
            j += 1
    return out


@kept(error_model="numpy")
def light_of(
    sources: Sources, j: int, x: float, y: float, z: float, facing: float
) -> tuple[float, float, float, float]:
    """Return `arrival` of one source at a sensor; times count from the event's zero.

    A track shines only on sensors that its Cherenkov light reaches from between its beginning and end.
    """
    dx, dy, dz = x - sources.x[j], y - sources.y[j], z - sources.z[j]
    ex, ey, ez = sources.ex[j], sources.ey[j], sources.ez[j]
    kind = sources.kind[j]
    mean, t, shape, rho = arrival(kind, sources.energy[j], dx, dy, dz, ex, ey, ez, facing)
    if kind == MUON and mean > 0 and (sources.start[j] > -np.inf or sources.stop[j] < np.inf):
        s = dx * ex + dy * ey + dz * ez
        d = math.sqrt(max(dx * dx + dy * dy + dz * dz - s * s, 0.0))
        if not sources.start[j] <= s - d / tan_cherenkov <= sources.stop[j]:
            mean = 0.0
    return mean, t + sources.time[j], shape, rho


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
    particles: Particles,
    index: int,
    sensors: Sensors,
    settings: Settings,
) -> tuple[I64, F64, F64, F64, npt.NDArray[np.uint8], Mask, float, float]:
    """Simulate the event of number `index`, with times relative to its zero.

    Returns (sensor, time, charge, width, flags, noise) of its pulses inside the readout, and the start and the end of
    its trigger. A noise event has no particle: its readout is that of a trigger at 0, and the trigger is NaN.
    """
    n_sensors = sensors.x.size
    sources = sources_of(rng, particles, index, settings)
    n_sources = sources.kind.size
    part = np.empty(n_sources)
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
        for j in range(n_sources):
            mean += light_of(sources, j, sensors.x[i], sensors.y[i], sensors.z[i], sensors.facing[i])[0]
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
        x, y, z, facing = sensors.x[i], sensors.y[i], sensors.z[i], sensors.facing[i]
        t_first, shape, rho, whole = 0.0, 0.0, 1.0, 0.0
        for j in range(n_sources if shining[k] > 0 else 0):
            part[j], t_first, shape, rho = light_of(sources, j, x, y, z, facing)
            whole += part[j]
        for m in range(n):
            if rng.random() < shining[k]:
                if n_sources > 1:
                    j, left = 0, rng.random() * whole
                    while j + 1 < n_sources and left >= part[j]:
                        left -= part[j]
                        j += 1
                    _, t_first, shape, rho = light_of(sources, j, x, y, z, facing)
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
    rng: np.random.Generator, kind: int, particles: Particles, sensors: Sensors, settings: Settings
) -> tuple[I64, I64, F64, F64, F64, npt.NDArray[np.uint8], Mask, F64, F64]:
    """Simulate events of one kind: (offsets, sensor, time, charge, width, flags, noise, trigger start, trigger end).

    An event whose particles did not trigger is empty and has a NaN trigger.
    """
    n = particles.offsets.size - 1
    offsets = np.zeros(n + 1, np.int64)
    begin, end = np.empty(n), np.empty(n)
    room = 256 * n
    at, time, charge, width = np.empty(room, np.int64), np.empty(room), np.empty(room), np.empty(room)
    flags, noise = np.empty(room, np.uint8), np.empty(room, np.bool_)
    for i in range(n):
        e_at, e_time, e_charge, e_width, e_flags, e_noise, begin[i], end[i] = event(
            rng, kind, particles, i, sensors, settings
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
