"""A small photon tracker: what the light in layered ice is compared with, and its tables are made from.

Photons scatter in layers of ice as SPICE has it: with a mean cosine of 0.9, 41 % after the simplified Liu function and
59 % after Henyey and Greenstein. They are never absorbed but lose weight, and count in every cell that they cross, by
the length of their path in it. Lengths of `homogeneous` ice are in effective scattering lengths.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.cache import kept

G = 0.9
LIU = 0.41
COS_CHERENKOV = 1 / 1.3195
SIN_CHERENKOV = math.sqrt(1 - COS_CHERENKOV**2)
INDEX = 1.35634
"""Group index."""
LATE = (1.3195 * 1.35634 - 1) / math.sqrt(1.3195**2 - 1)
"""Direct light of a track comes (z + d LATE) / c after the particle was at z = 0."""

SHELLS, TRACK, RINGS = 0, 1, 2
"""Cells: distance and angle to a cascade at 0 along z; distance to a track along z; distance to the z axis and z."""


@kept(error_model="numpy")
def turned(rng, nx, ny, nz, cosine):
    """Return a direction at an angle to another, with a random azimuth."""
    sine, phi = math.sqrt(max(0.0, 1 - cosine * cosine)), 2 * math.pi * rng.random()
    a, b = sine * math.cos(phi), sine * math.sin(phi)
    rho = math.sqrt(nx * nx + ny * ny)
    if rho < 1e-9:
        return a, b, math.copysign(cosine, nz)
    x = nx * cosine + (a * nx * nz - b * ny) / rho
    y = ny * cosine + (a * ny * nz + b * nx) / rho
    z = nz * cosine - a * rho
    norm = 1 / math.sqrt(x * x + y * y + z * z)
    return x * norm, y * norm, z * norm


@kept(error_model="numpy")
def scattering_cosine(rng):
    """Draw the cosine of a scattering angle."""
    u = rng.random()
    if rng.random() < LIU:
        return 2 * u ** ((1 - G) / (1 + G)) - 1
    s = (1 - G * G) / (1 - G + 2 * G * u)
    return (1 + G * G - s * s) / (2 * G)


@kept(error_model="numpy")
def cascade_cosine(rng):
    """Draw the cosine of a photon's angle to the axis of a cascade, from exp(-2.61 |c - cos theta_c|^0.39)."""
    while True:
        c = 2 * rng.random() - 1
        if rng.random() < math.exp(-2.61 * abs(c - COS_CHERENKOV) ** 0.39):
            return c


@kept(error_model="numpy")
def follow(
    rng, n, cells, top, height, scattering, absorption, start, up, step, longest, edges, angles, delays
):
    """Follow photons; return the weights by (distance, angle or z, delay) and sums of path, path^2, cosine, place.

    Layers lie one below the other from `top`, each `height` thick, with effective `scattering` and `absorption`
    coefficients. `step` is the distance between points on the path that count.
    """
    light = np.zeros((edges.size - 1, angles.size - 1, delays.size + 1))
    sums = np.zeros((edges.size - 1, angles.size - 1, 6))
    for _ in range(n):
        x, y, z, path, depth = 0.0, 0.0, start, 0.0, 0.0
        c = COS_CHERENKOV if cells == TRACK else cascade_cosine(rng)
        nx, ny, nz = turned(rng, 0.0, 0.0, up, c)
        free, until = rng.standard_exponential(), step * rng.random()
        while path < longest and depth < 16:
            i = min(max(int((top - z) / height), 0), scattering.size - 1)
            mu, kappa = scattering[i] / (1 - G), absorption[i]
            wall = 1e9
            if nz > 1e-9 and i > 0:
                wall = (top - i * height - z) / nz
            elif nz < -1e-9 and i < scattering.size - 1:
                wall = (top - (i + 1) * height - z) / nz
            wall = max(wall, 0.0) + 1e-6
            s = min(free / mu, wall, until)
            x, y, z, path, depth = x + s * nx, y + s * ny, z + s * nz, path + s, depth + s * kappa
            free -= s * mu
            until -= s
            if until <= 1e-12:
                until = step
                across = math.sqrt(x * x + y * y)
                if cells == TRACK:
                    r, v = across, 0.0
                    delay = path - (z + across * LATE) / INDEX
                    toward = COS_CHERENKOV * nz + SIN_CHERENKOV * (nx * x + ny * y) / max(across, 1e-12)
                    place = across * COS_CHERENKOV / SIN_CHERENKOV - z
                else:
                    r = math.sqrt(x * x + y * y + (z - start) ** 2)
                    delay = path - r
                    toward = (nx * x + ny * y + nz * (z - start)) / max(r, 1e-12)
                    v, place = (z - start) * up / max(r, 1e-12), 0.0
                    if cells == RINGS:
                        r, v = across, z
                j, k = np.searchsorted(edges, r) - 1, np.searchsorted(angles, v, side="right") - 1
                if 0 <= j < edges.size - 1 and 0 <= k < angles.size - 1:
                    w = math.exp(-depth) * step
                    light[j, k, np.searchsorted(delays, delay)] += w
                    part = sums[j, k]
                    part[0] += w * path
                    part[1] += w * delay
                    part[2] += w * delay * delay
                    part[3] += w * toward
                    part[4] += w * place
                    part[5] += w * place * place
            if free <= 1e-12:
                free = rng.standard_exponential()
                nx, ny, nz = turned(rng, nx, ny, nz, scattering_cosine(rng))
    return light / n, sums / n


def quantiles(light, delays, at):
    """Return quantiles of the delay from weights by delay; the first cell, of direct light, has a delay of 0."""
    sums = np.concatenate([[0.0], np.cumsum(light)])
    sums /= sums[-1]
    edges = np.concatenate([[0.0, delays[0]], delays[1:], [2 * delays[-1]]])
    return np.interp(at, sums + np.arange(sums.size) * 1e-12, edges)
