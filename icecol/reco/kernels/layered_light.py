"""Amount and arrival times of Cherenkov light in layered ice, for one source and one DOM.

Between a source and a DOM the ice is taken as homogeneous, with the mean scattering and absorption coefficients of the
layers between them (and `margin` m beyond both). For homogeneous ice there are tables, in units of the scattering
length: the light of a cascade by distance and angle to its axis, and that of a track by distance. They were made by
following photons in ice that absorbs 0.28 of a photon in a scattering length (benchmarks/light_table.py); at the South
Pole that is 0.22 to 0.37. The difference is made up for along the mean path of the light: a delay t, about Gamma
distributed with mean m and shape k, becomes shorter by a factor 1 + dm/k, and the light less by that to the power of k.

Light that has scattered comes from other directions. The mean acceptance of a DOM follows from the mean cosine g to the
straight direction as sum a_l g^(l (l + 1) / 2) P_l(cos), a_l being the Legendre coefficients of the acceptance.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from icecol.detector.ice import Layers, acceptance_moments
from icecol.detector.medium import c_ice, n_ice_group, n_ice_phase
from icecol.jit.cache import kept
from icecol.reco.kernels.muon_light import sin_cherenkov, tan_cherenkov
from icecol.units import c

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

area: Final = 0.00644 * 0.99
"""Photon counting area of a DOM in m^2 for light head-on, over the Cherenkov spectrum from 300 to 600 nm.

IceCube's wavelength acceptance, times the efficiency fitted with the ice.
"""

cascade_length: Final = 5.25
"""Length of bare track (m) per GeV with the light of an electromagnetic cascade (Rädel and Wiebusch 2013)."""

margin: Final = 6.0
"""Light wanders; the ice this far, in m, above and below the straight line counts with it."""

_ABSORPTION: Final = 0.28
_NEAREST: Final = 1.0
_LATE: Final = (n_ice_phase * n_ice_group - 1) / math.sqrt(n_ice_phase**2 - 1)


class Ice(NamedTuple):
    """Layered ice, and what light does in it."""

    top: float
    height: float
    layers: F64
    """Integrals of scattering and absorption coefficient from `top` down to the end of each layer; the first are 0."""
    acceptance: tuple[float, ...]
    first: float
    step: float
    """Distances of the tables: logarithm of the first, and of the ratio of neighbors."""
    cascade: F32
    """By distance, cosine, and: log of light x 4 pi r^2, path, delay, Gamma shape, cosine of arrival, then delays."""
    track: F32
    """By distance: log of light x 2 pi d sin theta_c, and as for a cascade; two last, place and spread of emission."""


@functools.cache
def _tables() -> tuple[float, float, F32, F32]:
    with np.load(Path(__file__).with_name("light_table.npz")) as file:
        distances = file["distances"]
        numbers = ("light", "path", "delay", "shape", "toward")
        cascade = [*(file[f"cascade_{k}"][..., None] for k in numbers), file["cascade_late"]]
        extra = [file[f"track_{k}"][..., None] for k in ("place", "spread")]
        track = [*(file[f"track_{k}"][..., None] for k in numbers), file["track_late"], *extra]
    first, second = np.log(distances[:2])
    return (
        float(first),
        float(second - first),
        np.concatenate(cascade, axis=2),
        np.concatenate(track, axis=2)[:, 0],
    )


def ice_of(layers: Layers) -> Ice:
    """Return layers of ice as the kernels take them."""
    sums = [np.append(0.0, np.cumsum(a) * layers.height) for a in (layers.scattering, layers.absorption)]
    moments = tuple(acceptance_moments().tolist())
    return Ice(layers.top, layers.height, np.stack(sums, axis=1), moments, *_tables())


@kept(error_model="numpy")
def between(ice, z1, z2):
    """Return the mean scattering and absorption coefficients (1/m) of the ice between two heights."""
    high, low = max(z1, z2) + margin, min(z1, z2) - margin
    t = ice.layers
    n = t.shape[0] - 1
    a, b = (ice.top - high) / ice.height, (ice.top - low) / ice.height
    i, j = min(max(math.floor(a), 0), n - 1), min(max(math.floor(b), 0), n - 1)
    a, b = a - i, b - j
    scattering = t[j, 0] + b * (t[j + 1, 0] - t[j, 0]) - t[i, 0] - a * (t[i + 1, 0] - t[i, 0])
    absorption = t[j, 1] + b * (t[j + 1, 1] - t[j, 1]) - t[i, 1] - a * (t[i + 1, 1] - t[i, 1])
    return scattering / (high - low), absorption / (high - low)


@kept(error_model="numpy")
def accepted(ice, cosine, mean):
    """Return the mean acceptance for light with a mean cosine `mean` to a direction at `cosine` to the axis."""
    a = ice.acceptance
    before, p = 1.0, cosine
    total, g = a[0], mean
    power = 1.0
    for degree in range(1, len(a)):
        power *= g**degree
        total += a[degree] * power * p
        before, p = p, ((2 * degree + 1) * cosine * p - degree * before) / (degree + 1)
    return max(total, 1e-3)


@kept(error_model="numpy")
def place_of(ice, rho):
    """Return where a distance in scattering lengths lies in the tables: its row, counted with fractions."""
    return min(max((math.log(rho) - ice.first) / ice.step, 0.0), ice.track.shape[0] - 1.001)


@kept(error_model="numpy")
def along(t, i, a, k):
    """Return number k of a table of tracks between rows i and i + 1."""
    return t[i, k] + a * (t[i + 1, k] - t[i, k])


@kept(error_model="numpy")
def at(t, i, j, a, b, k):
    """Return number k of a table of cascades between rows i and i + 1, and columns j and j + 1."""
    one = t[i, j, k] + b * (t[i, j + 1, k] - t[i, j, k])
    two = t[i + 1, j, k] + b * (t[i + 1, j + 1, k] - t[i + 1, j, k])
    return one + a * (two - one)


@kept(error_model="numpy")
def cascade_light(ice, dx, dy, dz, ex, ey, ez, z, facing):
    """Return (light per photon counting area, time of direct light, row, column, factor on delays) of a cascade.

    `dx, dy, dz` is the DOM as seen from the cascade, at height `z`; `ex, ey, ez` the direction of flight; `facing`
    1 for a PMT that faces down. Light is in 1/m^2 for each photon; its area is that of a DOM for light head-on.
    """
    r = max(math.sqrt(dx * dx + dy * dy + dz * dz), _NEAREST)
    scattering, absorption = between(ice, z, z + dz)
    rho, kappa = r * scattering, absorption / scattering - _ABSORPTION
    u, v = place_of(ice, rho), 0.5 * ((dx * ex + dy * ey + dz * ez) / r + 1) * ice.cascade.shape[1] - 0.5
    v = min(max(v, 0.0), ice.cascade.shape[1] - 1.001)
    i, j = int(u), int(v)
    a, b = u - i, v - j
    t = ice.cascade
    light, delay = at(t, i, j, a, b, 0), at(t, i, j, a, b, 2)
    shape, mean = at(t, i, j, a, b, 3), at(t, i, j, a, b, 4)
    quicker = max(1 + kappa * delay / shape, 0.3)
    light -= kappa * rho + shape * math.log(quicker) + beyond(ice, rho, kappa)
    amount = math.exp(light) / (4 * math.pi * r * r) * accepted(ice, facing * dz / r, mean)
    return amount, r / c_ice, u, v, 1 / (quicker * scattering * c_ice)


@kept(error_model="numpy")
def track_light(ice, dx, dy, dz, ex, ey, ez, z, facing):
    """Return (light, time of direct light, row, -1, factor on delays, place and spread of its emission) of a track.

    As `cascade_light`, for a track through height `z` with an even yield: light is in 1/m^2 for each photon a metre.
    The last two say where on the track, in m from its point, what the DOM sees was emitted.
    """
    s = dx * ex + dy * ey + dz * ez
    px, py, pz = dx - s * ex, dy - s * ey, dz - s * ez
    d = max(math.sqrt(px * px + py * py + pz * pz), _NEAREST)
    start = s - d / tan_cherenkov
    scattering, absorption = between(ice, z + start * ez, z + dz)
    rho, kappa = d * scattering, absorption / scattering - _ABSORPTION
    u = place_of(ice, rho)
    i = int(u)
    a = u - i
    t = ice.track
    last = t.shape[1]
    light, path, delay = along(t, i, a, 0), along(t, i, a, 1), along(t, i, a, 2)
    shape, mean = along(t, i, a, 3), along(t, i, a, 4)
    quicker = max(1 + kappa * delay / shape, 0.3)
    light -= kappa * (path - delay) + shape * math.log(quicker) + beyond(ice, rho, kappa)
    upward = (dz - start * ez) * sin_cherenkov / d
    amount = math.exp(light) / (2 * math.pi * d * sin_cherenkov) * accepted(ice, facing * upward, mean)
    place = start + along(t, i, a, last - 2) / scattering
    spread = along(t, i, a, last - 1) / scattering
    return amount, (s + d * _LATE) / c, u, -1.0, 1 / (quicker * scattering * c_ice), place, spread


@kept(error_model="numpy")
def beyond(ice, rho, kappa):
    """Return the logarithm by which light decreases beyond the last distance of the tables: diffusion."""
    last = math.exp(ice.first + (ice.track.shape[0] - 1) * ice.step)
    return max(rho - last, 0.0) * math.sqrt(3 * max(_ABSORPTION + kappa, 0.05))


@kept(error_model="numpy")
def delay_of(ice, rng, u, v, factor):
    """Draw a delay (ns) after direct light, from the table at one of the places next to (u, v)."""
    i = int(u + rng.random())
    w = 2 / math.pi * math.asin(math.sqrt(rng.random()))
    if v < 0:
        t, n = ice.track, ice.track.shape[1] - 7
        x = w * (n - 1)
        k = min(int(x), n - 2)
        return factor * (t[i, 5 + k] + (x - k) * (t[i, 6 + k] - t[i, 5 + k]))
    q, n, j = ice.cascade, ice.cascade.shape[2] - 5, int(v + rng.random())
    x = w * (n - 1)
    k = min(int(x), n - 2)
    return factor * (q[i, j, 5 + k] + (x - k) * (q[i, j, 6 + k] - q[i, j, 5 + k]))
