"""Cascade fit with direction and energy in layered ice: the charge of every DOM around the vertex, hit or not.

The vertex and time come from the arrival times first, in bulk ice. Then the charge q of a DOM has the mean mu of
`layered_light` and, as the ice is not known that well, a negative binomial distribution of variance mu + (0.2 mu)^2:

    -ln L = (q + k) ln(mu + k) - q ln mu,  k = 1 / 0.2^2.

Directions all over the sphere are tried with the DOMs close by. From the best two, with these, and from the better of
the results, with all DOMs around, all six parameters are improved by Fisher's scoring, with the vertex held within some
10 m of that of the arrival times.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.detector.medium import c_ice
from icecol.jit.function import compiled
from icecol.reco.kernels.cascade_fit import by_simplex
from icecol.reco.kernels.fit_status import FAILED_TO_CONVERGE, INSUFFICIENT_HITS, OK
from icecol.reco.kernels.layered_light import area, cascade_length, cascade_light
from icecol.reco.kernels.muon_light import photons
from icecol.reco.kernels.track_fit import MISSING_SEED
from icecol.reco.kernels.track_likelihood import hits, usable
from icecol.reco.kernels.track_seed import cascade_residuals, seen, time_shift
from icecol.reco.numerics.direction import across, direction
from icecol.reco.numerics.inverse import inverse

_CLOSE, _FAR = 120.0, 250.0
_SPREAD = 25.0
_NOISE = 0.02
_PHOTOELECTRON = 0.835
"""Mean charge of a photoelectron, in PE (`icecol.sim.sensor`): 1 PE is where the distribution has its peak."""
_STRAY = 10.0
_DIRECTIONS, _STARTS, _ROUNDS = 48, 2, 6
_GOLDEN = math.pi * (3.0 - math.sqrt(5.0))


@compiled
def around(charge, omkey, good, sensors, vertex, reach):
    """Return x, y, z, facing, efficiency and charge, as rows, of the DOMs within `reach` m of the vertex.

    `sensors` has omkey, x, y, z, facing and relative efficiency of all good DOMs, sorted by omkey, as are the pulses.
    """
    key, x, y, z, facing, efficiency = sensors
    out = np.empty((6, key.size))
    n, j = 0, 0
    for k in range(key.size):
        q = 0.0
        while j < omkey.size and omkey[j] <= key[k]:
            if omkey[j] == key[k] and good[j]:
                q += charge[j]
            j += 1
        r2 = (x[k] - vertex[0]) ** 2 + (y[k] - vertex[1]) ** 2 + (z[k] - vertex[2]) ** 2
        if r2 <= reach * reach and efficiency[k] > 0.0:
            out[0, n], out[1, n], out[2, n], out[3, n], out[4, n], out[5, n] = (
                x[k], y[k], z[k], facing[k], efficiency[k], q,
            )  # fmt: skip
            n += 1
    return out[:, :n]


@compiled
def light_per_gev(ice, doms, i, x, y, z, e):
    """Return the mean charge of DOM `i` in PE per GeV of a cascade at (x, y, z) that flies along e."""
    amount = cascade_light(
        ice, doms[0, i] - x, doms[1, i] - y, doms[2, i] - z, e[0], e[1], e[2], z, doms[3, i]
    )[0]
    return _PHOTOELECTRON * photons * area * cascade_length * doms[4, i] * amount


@compiled
def loss(q, mu):
    """Return the part of -ln L of one DOM that depends on its mean."""
    return (q + _SPREAD) * math.log(mu + _SPREAD) - q * math.log(mu)


@compiled
def at_best_energy(ice, doms, vertex, e, means):
    """Return -ln L and the energy (GeV) for a vertex and direction, at the energy at which all charge is expected."""
    total, expected = 0.0, 0.0
    for i in range(doms.shape[1]):
        means[i] = light_per_gev(ice, doms, i, vertex[0], vertex[1], vertex[2], e)
        w = 1.0 / (1.0 + doms[5, i] / _SPREAD)
        total += w * doms[5, i]
        expected += w * means[i]
    energy = max(total / max(expected, 1e-12), 1.0)
    value = 0.0
    for i in range(doms.shape[1]):
        value += loss(doms[5, i], energy * means[i] + _NOISE)
    return value, energy


@compiled
def moved(e, one, two, a, b):
    """Return a direction turned by small angles a and b."""
    vx, vy, vz = (
        e[0] + a * one[0] + b * two[0],
        e[1] + a * one[1] + b * two[1],
        e[2] + a * one[2] + b * two[2],
    )
    size = math.sqrt(vx * vx + vy * vy + vz * vz)
    return vx / size, vy / size, vz / size


@compiled
def value_at(ice, doms, p, e, anchor, means):
    """Return -ln L at x, y, z and log energy `p` and direction `e`, and the means into `means`."""
    energy = math.exp(p[3])
    value = 0.0
    for k in range(3):
        value += 0.5 * ((p[k] - anchor[k]) / _STRAY) ** 2
    for i in range(doms.shape[1]):
        means[i] = energy * light_per_gev(ice, doms, i, p[0], p[1], p[2], e) + _NOISE
        value += loss(doms[5, i], means[i])
    return value


@compiled
def improved(ice, doms, p, e, anchor):
    """Improve x, y, z, log energy and direction by Fisher's scoring; return them, -ln L, and evaluations."""
    n = doms.shape[1]
    means, other = np.empty(n), np.empty(n)
    slopes = np.empty((6, n))
    value, calls, damping = value_at(ice, doms, p, e, anchor, means), 1, 1e-2
    for _ in range(_ROUNDS):
        one, two = across(e)
        for k in range(5):
            q, f, step = p.copy(), e, 1.0 if k < 3 else 0.05
            if k < 3:
                q[k] += step
            elif k == 3:
                f = moved(e, one, two, step, 0.0)
            else:
                f = moved(e, one, two, 0.0, step)
            value_at(ice, doms, q, f, anchor, other)
            for i in range(n):
                slopes[k, i] = (other[i] - means[i]) / step
        for i in range(n):
            slopes[5, i] = means[i] - _NOISE
        matrix, right = np.zeros((6, 6)), np.zeros(6)
        for i in range(n):
            w = 1.0 / (means[i] * (1.0 + means[i] / _SPREAD))
            miss = doms[5, i] - means[i]
            for a in range(6):
                right[a] += w * miss * slopes[a, i]
                for b in range(a, 6):
                    matrix[a, b] += w * slopes[a, i] * slopes[b, i]
        for k in range(3):
            matrix[k, k] += 1.0 / _STRAY**2
            right[k] -= (p[k] - anchor[k]) / _STRAY**2
        for a in range(6):
            for b in range(a):
                matrix[a, b] = matrix[b, a]
        calls += 6
        gain = 0.0
        for _ in range(4):
            damped = matrix.copy()
            for a in range(6):
                damped[a, a] += damping * matrix[a, a] + 1e-9
            turned, step_of = inverse(damped)[0], np.zeros(6)
            for a in range(6):
                for b in range(6):
                    step_of[a] += turned[a, b] * right[b]
            size = math.sqrt(step_of[3] ** 2 + step_of[4] ** 2)
            shrink = min(1.0, 0.6 / max(size, 1e-9))
            q = p.copy()
            for k in range(3):
                q[k] += step_of[k]
            q[3] += min(max(step_of[5], -1.0), 1.0)
            f = moved(e, one, two, shrink * step_of[3], shrink * step_of[4])
            new = value_at(ice, doms, q, f, anchor, other)
            calls += 1
            if new < value:
                gain, value, p, e = value - new, new, q, f
                means, other = other, means
                damping *= 0.2
                break
            damping *= 10.0
        if not gain > 0.01:
            break
    return p, e, value, calls


@compiled
def layered_cascade_fit(
    time, charge, omkey, x, y, z,
    seed_x, seed_y, seed_z, seed_time, seed_zenith, seed_azimuth, seed_energy, seed_status,
    form, response, noise, moves, min_hits, tolerance, max_calls, table, sensors, ice,
):  # fmt: skip
    """Fit vertex, time, direction and energy of a cascade in layered ice to the pulses of one event, sorted by omkey.

    Returns what `cascade_fit.cascade_fit` returns, with logl that of the charges, ndof the number of DOMs within 250 m
    minus 6. The vertex is the middle of the light.
    """
    nan = math.nan
    if seed_status != OK or not math.isfinite(seed_x + seed_y + seed_z + seed_time):
        return nan, nan, nan, nan, nan, nan, nan, float(MISSING_SEED), nan, nan, -1.0, -1.0
    event = hits(time, charge, omkey, x, y, z, form)
    pulses = seen(time, charge, omkey, x, y, z, moves[0])
    late = cascade_residuals(pulses, (seed_x, seed_y, seed_z), seed_time)
    t = seed_time + time_shift(late, pulses[2], moves)
    p, converged, calls = np.empty(4), False, 0
    if event[0].shape[1] > 6 and event[0].shape[1] >= min_hits:
        start = np.array([t, seed_x, seed_y, seed_z])
        data = (event, form, response[2], response, noise, table)
        p, _, calls, converged = by_simplex(data, start, tolerance, max_calls)
    doms = around(charge, omkey, usable(time, charge, form), sensors, (p[1], p[2], p[3]), _FAR)
    if not converged or doms.shape[1] <= 6:
        few = event[0].shape[1] < min_hits
        status = float(INSUFFICIENT_HITS if few else FAILED_TO_CONVERGE)
        return (
            seed_x, seed_y, seed_z, t, seed_zenith, seed_azimuth, seed_energy, status, nan, nan, -1.0, -1.0,
        )  # fmt: skip
    anchor = p[1:].copy()
    close = around(charge, omkey, usable(time, charge, form), sensors, (p[1], p[2], p[3]), _CLOSE)
    if close.shape[1] <= 6:
        close = doms
    # directions all over the sphere, along a spiral
    values, energies, means = np.empty(_DIRECTIONS), np.empty(_DIRECTIONS), np.empty(close.shape[1])
    for k in range(_DIRECTIONS):
        values[k], energies[k] = at_best_energy(ice, close, anchor, spiral(k), means)
    best, best_e, logl = np.empty(4), (0.0, 0.0, 1.0), math.inf
    all_means = np.empty(doms.shape[1])
    calls += _DIRECTIONS
    for _ in range(_STARTS):
        m = np.argmin(values)
        begin = np.array([anchor[0], anchor[1], anchor[2], math.log(energies[m])])
        q, e, _, used = improved(ice, close, begin, spiral(m), anchor)
        value = value_at(ice, doms, q, e, anchor, all_means)
        calls += used + 1
        if value < logl:
            best, best_e, logl = q, e, value
        # the next from elsewhere
        taken = spiral(m)
        for j in range(_DIRECTIONS):
            other = spiral(j)
            if taken[0] * other[0] + taken[1] * other[1] + taken[2] * other[2] > 0.5:
                values[j] = math.inf
    if logl < math.inf:
        best, best_e, logl, used = improved(ice, doms, best, best_e, anchor)
        calls += used
    if not logl < math.inf:
        return (
            seed_x, seed_y, seed_z, t, seed_zenith, seed_azimuth, seed_energy, float(FAILED_TO_CONVERGE), nan, nan,
            -1.0, -1.0,
        )  # fmt: skip
    earlier, weight = 0.0, 0.0
    for i in range(event[0].shape[1]):
        dx, dy, dz = event[0][0, i], event[0][1, i], event[0][2, i]
        old = math.sqrt((dx - p[1]) ** 2 + (dy - p[2]) ** 2 + (dz - p[3]) ** 2)
        new = math.sqrt((dx - best[0]) ** 2 + (dy - best[1]) ** 2 + (dz - best[2]) ** 2)
        w = 1.0 / (1.0 + (old / 30.0) ** 2)
        earlier += w * (new - old) / c_ice
        weight += w
    zenith, azimuth = direction(best_e[0], best_e[1], best_e[2])
    ndof = doms.shape[1] - 6.0
    return (
        best[0], best[1], best[2], p[0] - earlier / max(weight, 1e-9), zenith, azimuth, math.exp(best[3]),
        float(OK), logl, logl / ndof, ndof, float(calls),
    )  # fmt: skip


@compiled
def spiral(k):
    """Return direction `k` of those all over the sphere."""
    c = 1.0 - (2.0 * k + 1.0) / _DIRECTIONS
    s = math.sqrt(1.0 - c * c)
    return s * math.cos(k * _GOLDEN), s * math.sin(k * _GOLDEN), c
