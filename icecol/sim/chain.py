"""The whole chain of one event, from the particle to triggered pulses, as one numba kernel over many events."""

from __future__ import annotations

import math
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol import units
from icecol.detector.geometry import Geometry
from icecol.detector.ice import south_pole
from icecol.detector.sensors import in_ice
from icecol.jit.cache import kept
from icecol.reco.kernels.layered_light import Ice, ice_of
from icecol.reco.kernels.smt import majority
from icecol.reco.numerics.order import order
from icecol.sim import sensor
from icecol.sim.particles import MUON, NOISE, Particles
from icecol.sim.sensor import launches, local_coincidence, merge_photons, photon_charge, saturated
from icecol.sim.sources import delay_of, faintest, light_of, near, poisson, sources_of

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
IceModel: TypeAlias = Literal["bulk", "layers"]

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

EVERYTHING: Final = -1
"""Kind of events of which all pulses are wanted, with times from their zero, before launches and trigger."""

bundle: Final = 1000
"""More photoelectrons than this in one sensor are drawn as this many of larger charge."""

slack: Final = 10.0
"""DOMs of one string lie within this many m of the first, horizontally."""

_step: Final = sensor.charge_step
_hlc, _slc = sensor.hlc, sensor.slc
_stamp: Final = sensor.stamp


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

    `losses` tells whether muons have stochastic losses, rather than just their mean light, and `layers` whether the ice
    is that of `ice`, rather than the bulk ice of `icecol.sim.light`.
    """

    dark_rate: float
    jitter: float
    scale: float
    losses: bool
    layers: bool
    ice: Ice


def sensors_of(geometry: Geometry) -> tuple[I64, Sensors]:
    """Return the rows of a geometry that are in the ice, and their columns; bad DOMs are off."""
    rows = np.flatnonzero(in_ice(geometry))
    efficiency = np.nan_to_num(geometry.relative_efficiency[rows], nan=1.0)
    return rows, Sensors(
        geometry.string[rows].astype(np.int64),
        geometry.om[rows].astype(np.int64),
        np.ascontiguousarray(geometry.x[rows]),
        np.ascontiguousarray(geometry.y[rows]),
        np.ascontiguousarray(geometry.z[rows]),
        -geometry.dir_z[rows],
        np.where(geometry.bad[rows], 0.0, efficiency),
    )


def settings_of(
    dark_rate: float = 0.0,
    jitter: float = 0.0,
    efficiency: float = 1.0,
    *,
    losses: bool = False,
    ice: IceModel = "bulk",
) -> Settings:
    """Return the settings of the simulation: dark rate in Hz, jitter in ns, factor on the light."""
    return Settings(
        float(dark_rate) / units.s,
        float(jitter),
        float(efficiency),
        bool(losses),
        ice == "layers",
        ice_of(south_pole()),
    )


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
    its trigger. A noise event has no particle: its readout is that of a trigger at 0, and the trigger is NaN. Of kind
    `EVERYTHING`, all pulses are returned, with the time from the first to the last photoelectron for the width.
    """
    n_sensors = sensors.x.size
    losses, layers, ice = settings.losses, settings.layers, settings.ice
    sources = sources_of(rng, particles, index, losses, layers, ice)
    n_sources = sources.shape[0]
    active, n_active = np.empty(n_sources, np.int64), 0
    seen = np.empty((n_sources, 5))
    noisy = settings.dark_rate * (dark_stop - dark_start)

    # the number of photoelectrons in each DOM, dark noise included
    lit = np.empty(n_sensors, np.int64)
    number = np.empty(n_sensors, np.int64)
    shining = np.empty(n_sensors)
    n_lit = total = most = 0
    for i in range(n_sensors):
        if i == 0 or sensors.string[i] != sensors.string[i - 1]:
            n_active = near(sources, sensors.x[i], sensors.y[i], slack, active)
        efficiency = sensors.efficiency[i]
        if efficiency <= 0:
            continue
        mean = 0.0
        x, y, z, facing = sensors.x[i], sensors.y[i], sensors.z[i], sensors.facing[i]
        for j in active[:n_active]:
            # most losses of a muon are too far up or down: that much is told without a call
            if sources[j, 0] != MUON and abs(z - sources[j, 4]) > sources[j, 11]:
                continue
            mean += light_of(ice, layers, losses, sources, j, x, y, z, facing)[0]
        mean *= efficiency * settings.scale
        if mean < faintest:
            mean = 0.0
        n = poisson(rng, mean + noisy * efficiency)
        if n > 0:
            lit[n_lit], number[n_lit], shining[n_lit] = i, n, mean / (mean + noisy * efficiency)
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
        whole = 0.0
        n_active = near(sources, x, y, slack, active) if shining[k] > 0 else 0
        for m in range(n_active):
            row = seen[m]
            row[0], row[1], row[2], row[3], row[4] = light_of(
                ice, layers, losses, sources, active[m], x, y, z, facing
            )
            whole += row[0]
        for m in range(n):
            if rng.random() < shining[k]:
                j = 0
                if n_sources > 1:
                    left = rng.random() * whole
                    while j + 1 < n_active and left >= seen[j, 0]:
                        left -= seen[j, 0]
                        j += 1
                late = delay_of(ice, layers, rng, seen[j, 2], seen[j, 3], seen[j, 4])
                t_one[m] = seen[j, 1] + late + settings.jitter * rng.standard_normal()
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
        if layers:
            for m in range(n_pulses, n_pulses + n_new):
                charge[m] = saturated(charge[m], span[m])
        n_pulses += n_new
    at, time, charge = at[:n_pulses], time[:n_pulses], charge[:n_pulses]

    if kind == EVERYTHING:
        return (
            at,
            time,
            charge,
            span[:n_pulses],
            np.zeros(n_pulses, np.uint8),
            noise[:n_pulses],
            np.nan,
            np.nan,
        )
    member, start_of, hlc = launched(at, time, charge, sensors)
    if kind == NOISE:
        begin, end = np.nan, np.nan
        zero, last = 0.0, 0.0
    else:
        _, begin, end = majority(select(start_of, hlc, order(start_of)), majority_hits, majority_window)
        zero, last = begin, end
    which, time, charge, width, flags = recorded(
        time, charge, span, member, start_of, hlc, zero, zero - before, last + after
    )
    return at[which], time, charge, width, flags, noise[which], begin, end


@kept(error_model="numpy")
def launched(at: I64, time: F64, charge: F64, sensors: Sensors) -> tuple[I64, F64, Mask]:
    """Return the launch of each pulse or -1, and of each launch its start and whether it has local coincidence."""
    first, member = launches(at, time, charge)
    n = first.size
    start_of, string, om = np.empty(n), np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        start_of[i], string[i], om[i] = time[first[i]], sensors.string[at[first[i]]], sensors.om[at[first[i]]]
    return member, start_of, local_coincidence(string, om, start_of)


@kept(error_model="numpy")
def recorded(
    time: F64,
    charge: F64,
    span: F64,
    member: I64,
    start_of: F64,
    hlc: Mask,
    zero: float,
    begin: float,
    stop: float,
) -> tuple[I64, F64, F64, F64, npt.NDArray[np.uint8]]:
    """Return which pulses between two times are read out, and their time, charge, width and flags as stored.

    Times become such that `zero` is the time of the trigger, to 1 ns; charges are to bins of 0.05 PE, widths powers of
    two. A launch without local coincidence keeps only its stamp.
    """
    n = 0
    which = np.empty(time.size, np.int64)
    when, pe, width = np.empty(time.size), np.empty(time.size), np.empty(time.size)
    flags = np.empty(time.size, np.uint8)
    for i in range(time.size):
        if member[i] < 0 or not begin <= time[i] < stop:
            continue
        coincident = hlc[member[i]]
        if not coincident and time[i] - start_of[member[i]] > _stamp:
            continue
        shortest = 4.0 if coincident else 32.0
        which[n] = i
        when[n] = math.floor(time[i] - zero) + trigger_time
        pe[n] = _step * (math.floor(charge[i] / _step) + 0.5)
        width[n] = max(shortest, 2.0 ** math.ceil(math.log2(max(span[i], 1.0))))
        flags[n] = _hlc if coincident else _slc
        n += 1
    return which[:n], when[:n], pe[:n], width[:n], flags[:n]


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
