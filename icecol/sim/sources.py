"""What shines in an event, and its light at a DOM: tracks, cascades, and the losses of muons, in either kind of ice.

In bulk ice (`icecol.sim.light`) tracks and cascades have the mean light and Pandel's delays. In layered ice
(`icecol.reco.kernels.layered_light`) cascades are four points along their axis, hadrons are dimmer than electrons, and
a muon that ends loses energy on its way as the mean muon does.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol import units
from icecol.detector import medium
from icecol.jit.cache import kept
from icecol.reco.kernels import layered_light as layered
from icecol.reco.kernels.layered_light import area, cascade_length
from icecol.reco.kernels.muon_light import muon_slope, photons, tan_cherenkov
from icecol.sim import light
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
from icecol.sim.particles import CASCADE, HADRONS, MUON, TAU, Particles
from icecol.sim.showers import POINTS, middle, point

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]

soft: Final = (1.1880, 0.0206)
"""Light of a muon and its losses below 0.5 GeV, in bare tracks: 1.1880 + 0.0206 ln E/GeV (Rädel and Wiebusch 2012)."""

ionization: Final = 0.259 * 0.917
"""Energy that a muon loses continuously, in GeV/m."""

faintest: Final = 1e-7
"""Mean photoelectrons below which a DOM is taken to see nothing."""

faintest_loss: Final = 1e-4
"""And nothing of one loss of a muon. What all DOMs further away miss of it is some hundredth of a photoelectron."""

_group_speed: Final = medium.c_ice
_shining: Final = muon_slope / (light.cascade_length * relative_loss)
_farthest: Final = 15 * light.propagation
_bright: Final = 4 * photons * area / (4 * math.pi)
_propagation: Final = light.propagation
_clearest: Final = 45.0


class Source(NamedTuple):
    """What shines, with kind `MUON` or `CASCADE`: a particle, a part of its cascade, or a loss of a muon.

    The sources of an event are the rows of a table with these columns: numba passes one array quicker than twelve.
    """

    kind: float
    energy: float
    """Of a muon, that at (x, y, z), which sets its light; of a cascade, that of an electromagnetic one as bright."""
    x: float
    y: float
    z: float
    ex: float
    ey: float
    ez: float
    time: float
    start: float
    stop: float
    """Ends of a track, along its direction from (x, y, z)."""
    reach: float
    """Distance in m beyond which a DOM sees nothing of it."""


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
def electromagnetic(energy: float) -> float:
    """Return the energy of an electromagnetic cascade that is on average as bright as a hadronic one.

    F = 1 - (E/E0)^-m (1 - f0) of Gabriel et al., NIM A338 (1994) 336, with IceCube's values for pions.
    """
    return energy * max(0.0, 1 - (max(energy, 0.2) / 0.18792) ** -0.16268 * (1 - 0.30974))


@kept(error_model="numpy")
def hadronic(rng: np.random.Generator, energy: float) -> float:
    """Draw the energy of an electromagnetic cascade that is as bright as a hadronic one.

    Its ratio to the energy varies about its mean F by 0.95900 F (ln E)^-1.35590, with IceCube's values for pions.
    """
    mean = electromagnetic(energy)
    spread = mean * 0.95900 * math.log(max(energy, math.e)) ** -1.35590
    while True:
        found = mean + spread * rng.standard_normal()
        if not (found < 0 or found > energy):
            return found


@kept(error_model="numpy")
def reach(length: float, least: float, propagation: float) -> float:
    """Return the distance (m) at which the light of `length` m of bare track is as faint as `least`.

    `propagation` is the distance over which diffuse light decreases by a factor e.
    """
    r = 100.0
    for _ in range(4):
        r = max(propagation * math.log(_bright * length / (least * r * r)), 1.0)
    return min(r, _farthest)


@kept(error_model="numpy")
def clearness(ice: Any, layers: bool, z: float) -> float:
    """Return the distance (m) over which diffuse light decreases by a factor e, for 100 m around a height."""
    if not layers:
        return _propagation
    scattering, absorption = layered.between(ice, z - 100.0, z + 100.0)
    return 1.2 / math.sqrt(3 * scattering * absorption)


@kept(error_model="numpy")
def dark(kind: int, reach: float, dx: float, dy: float, dz: float, ex: float, ey: float, ez: float) -> bool:
    """Tell whether a DOM is too far from a source, seen from which it is at (dx, dy, dz)."""
    s = dx * ex + dy * ey + dz * ez if kind == MUON else 0.0
    return dx * dx + dy * dy + dz * dz - s * s > reach * reach


@kept(error_model="numpy")
def energy_at(energy: float, stop: float, s: float) -> float:
    """Return the mean energy of a muon `s` m further on; that of a track without an end stays as it is."""
    if stop == np.inf:
        return energy
    lost = ionization / relative_loss
    return max((energy + lost) * math.exp(-relative_loss * s) - lost, 0.0)


@kept(error_model="numpy")
def source(table: F64, j: int) -> Source:
    """Return row `j` of a table of sources."""
    r = table[j]
    return Source(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11])


@kept(error_model="numpy")
def sources_of(
    rng: np.random.Generator, particles: Particles, i: int, losses: bool, layers: bool, ice: Any
) -> F64:
    """Return what shines in event `i`: its particles and, if asked, the losses of muons, which share its mean light."""
    first, last = particles.offsets[i], particles.offsets[i + 1]
    begin, end = np.empty(last - first), np.empty(last - first)
    number = np.zeros(last - first, np.int64)
    n = last - first
    for k in range(first, last):
        kind = particles.kind[k]
        if losses and kind == MUON:
            begin[k - first] = max(particles.start[k], -half_length)
            end[k - first] = min(particles.stop[k], half_length)
            number[k - first] = poisson(rng, (end[k - first] - begin[k - first]) * rate)
        elif layers and kind in (CASCADE, HADRONS):
            number[k - first] = POINTS - 1
        n += number[k - first]
    out = np.empty((n, 12))
    j = 0
    for k in range(first, last):
        kind, energy = particles.kind[k], particles.energy[k]
        bright = hadronic(rng, energy) if kind == HADRONS else energy
        for m in range(number[k - first] + 1):
            shape, s, start, stop = CASCADE, 0.0, 0.0, 0.0
            if kind in (CASCADE, HADRONS):
                shining = bright
                if layers:
                    shining, s = bright / POINTS, point(energy, kind == HADRONS, m)
            elif m > 0:
                shining = share(rng.random())
                s = begin[k - first] + (end[k - first] - begin[k - first]) * rng.random()
                if layers:
                    shining *= energy_at(energy, particles.stop[k], s)
                    s += middle(shining)
                else:
                    # so much energy in a cascade has the light that the mean light of a muon has for it
                    shining *= _shining * energy
            else:
                shape, shining = MUON, 0.0 if kind == TAU else energy
                if losses and not layers:
                    shining *= 1 - discrete
                start, stop = particles.start[k], particles.stop[k]
            z = particles.z[k] + s * particles.ez[k]
            if shape == MUON:
                far = reach(500.0 * (2 + 2e-3 * energy), faintest, _clearest)
            else:
                least = faintest_loss if kind == MUON else faintest
                far = reach(cascade_length * shining, least, clearness(ice, layers, z))
            row = out[j]
            row[0], row[1] = shape, shining
            row[2], row[3], row[4] = (
                particles.x[k] + s * particles.ex[k],
                particles.y[k] + s * particles.ey[k],
                z,
            )
            row[5], row[6], row[7] = particles.ex[k], particles.ey[k], particles.ez[k]
            row[8], row[9], row[10], row[11] = particles.time[k] + s / units.c, start, stop, far
            j += 1
    return out


@kept(error_model="numpy")
def near(table: F64, x: float, y: float, slack: float, out: I64) -> int:
    """List the sources that a string of DOMs at (x, y), within `slack` m, may see anything of; return their number."""
    n = 0
    for j in range(table.shape[0]):
        one = source(table, j)
        dx, dy, r = x - one.x, y - one.y, one.reach + slack
        distance, bound = dx * dx + dy * dy, r * r
        if one.kind == MUON:
            across = one.ex * one.ex + one.ey * one.ey
            if across > 1e-6:
                distance, bound = (dx * one.ey - dy * one.ex) ** 2, bound * across
        if distance <= bound:
            out[n] = j
            n += 1
    return n


@kept(error_model="numpy")
def in_bulk(
    one: Source, dx: float, dy: float, dz: float, facing: float
) -> tuple[float, float, float, float, float]:
    """Return (mean photoelectrons, time of unscattered light, shape and rate of the Gamma distribution, 0) at a DOM.

    `dx, dy, dz` is the DOM as seen from the source. A track shines only on DOMs that its Cherenkov light reaches from
    between its beginning and end.
    """
    ex, ey, ez = one.ex, one.ey, one.ez
    if one.kind == MUON:
        d, path, t, upward = track_path(dx, dy, dz, ex, ey, ez)
        emitted = dx * ex + dy * ey + dz * ez - d / tan_cherenkov
        if d > _farthest or not one.start <= emitted <= one.stop:
            return 0.0, 0.0, 0.0, 1.0, 0.0
        upward *= facing
        mean = track_light(d, one.energy) * acceptance(upward, path)
        return mean, t, track_shape(d, upward), track_rho, 0.0
    r = math.sqrt(dx * dx + dy * dy + dz * dz)
    if r > _farthest or r <= 0:
        return 0.0, 0.0, 0.0, 1.0, 0.0
    cosine = (dx * ex + dy * ey + dz * ez) / r
    mean = cascade_light(r, one.energy) * cascade_profile(cosine, r) * acceptance(facing * dz / r, r)
    return mean, r / _group_speed, r / cascade_scattering, cascade_rho, 0.0


@kept(error_model="numpy")
def in_layers(
    ice: Any, one: Source, losses: bool, dx: float, dy: float, dz: float, facing: float
) -> tuple[float, float, float, float, float]:
    """Return (mean photoelectrons, time of direct light, row, column and factor of the table of delays) at a DOM."""
    energy = one.energy
    if one.kind != MUON:
        amount, t, u, v, factor = layered.cascade_light(
            ice, dx, dy, dz, one.ex, one.ey, one.ez, one.z, facing
        )
        return photons * area * cascade_length * energy * amount, t, u, v, factor
    amount, t, u, v, factor, place, spread = layered.track_light(
        ice, dx, dy, dz, one.ex, one.ey, one.ez, one.z, facing
    )
    start, stop = one.start, one.stop
    if start > -np.inf or stop < np.inf:
        spread = max(spread, 1.0) * math.sqrt(2.0)
        amount *= 0.5 * (math.erf((stop - place) / spread) - math.erf((start - place) / spread))
        energy = energy_at(energy, stop, min(max(place, start), stop)) if energy > 0 else 0.0
    spread_out = cascade_length * relative_loss * energy * (1 - discrete if losses else 1.0)
    tracks = soft[0] + soft[1] * math.log(max(energy, 1.0)) + spread_out
    return photons * area * tracks * amount, t, u, v, factor


@kept(error_model="numpy")
def light_of(
    ice: Any, layers: bool, losses: bool, table: F64, j: int, x: float, y: float, z: float, facing: float
) -> tuple[float, float, float, float, float]:
    """Return mean photoelectrons, time and three numbers for `delay_of` of one source at a DOM, in either ice.

    Times count from the event's zero.
    """
    one = source(table, j)
    dx, dy, dz = x - one.x, y - one.y, z - one.z
    s = dx * one.ex + dy * one.ey + dz * one.ez if one.kind == MUON else 0.0
    if dx * dx + dy * dy + dz * dz - s * s > one.reach * one.reach:
        return 0.0, 0.0, 1.0, 1.0, 0.0
    if layers:
        mean, t, a, b, c = in_layers(ice, one, losses, dx, dy, dz, facing)
    else:
        mean, t, a, b, c = in_bulk(one, dx, dy, dz, facing)
    return mean, t + one.time, a, b, c


@kept(error_model="numpy")
def delay_of(ice: Any, layers: bool, rng: np.random.Generator, a: float, b: float, c: float) -> float:
    """Draw the delay of a photon in ns, with the last three numbers of `light_of`."""
    return layered.delay_of(ice, rng, a, b, c) if layers else delay(rng, a, b)
