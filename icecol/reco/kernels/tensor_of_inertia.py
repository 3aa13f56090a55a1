"""Tensor of inertia: the shape of the cloud of light, its longest axis, and the sense in which it lit up.

As IceTray's tensor-of-inertia takes it, with charges for masses.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from icecol.reco.kernels.direction import direction
from icecol.reco.kernels.linefit import INSUFFICIENT_HITS, OK


@njit(nogil=True, error_model="numpy")
def tensor_of_inertia(time, charge, omkey, x, y, z, min_hits, amplitude_weight):
    """Return the fit to the pulses of one event, sorted by omkey.

    I_kl = sum_i q_i^w (delta_kl |r_i|^2 - r_ik r_il) / sum_i q_i, with r from the centre of charge. Returns x, y, z (m,
    the centre), time (ns, mean weighted with charge), zenith, azimuth (rad, where it came from, of the axis of the
    smallest eigenvalue, towards later times), fit_status, mineval, evalratio = mineval / sum, eval2, eval3 (m^2).
    Status 20: fewer than min_hits sensors; all but the status is then NaN.
    """
    doms = 0
    q_sum, cx, cy, cz, ct = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(time.size):
        if j == 0 or omkey[j] != omkey[j - 1]:
            doms += 1
        q = np.float64(charge[j])
        if not math.isfinite(q):
            q = np.float64(0.0)
        q_sum += q
        cx += q * x[j]
        cy += q * y[j]
        cz += q * z[j]
        ct += q * time[j]
    if doms < min_hits:
        nan = math.nan
        return nan, nan, nan, nan, nan, nan, float(INSUFFICIENT_HITS), nan, nan, nan, nan
    by = q_sum if q_sum != 0.0 else 1.0
    cx, cy, cz, ct = cx / by, cy / by, cz / by, ct / by
    xx, yy, zz, xy, xz, yz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(time.size):
        q = np.float64(charge[j])
        w = q if amplitude_weight == 1.0 else q**amplitude_weight
        if not math.isfinite(w):
            w = 0.0
        dx, dy, dz = x[j] - cx, y[j] - cy, z[j] - cz
        xx += w * (dy * dy + dz * dz)
        yy += w * (dx * dx + dz * dz)
        zz += w * (dx * dx + dy * dy)
        xy -= w * dx * dy
        xz -= w * dx * dz
        yz -= w * dy * dz
    values, ax, ay, az = smallest(xx / by, yy / by, zz / by, xy / by, xz / by, yz / by)
    total = values[0] + values[1] + values[2]
    ratio = values[0] / total if total != 0.0 else 0.0
    if grows(time, charge, x, y, z, cx, cy, cz, ax, ay, az, amplitude_weight) < 0.0:
        ax, ay, az = -ax, -ay, -az
    zenith, azimuth = direction(ax, ay, az)
    return cx, cy, cz, ct, zenith, azimuth, float(OK), values[0], ratio, values[1], values[2]


@njit(nogil=True, error_model="numpy")
def grows(time, charge, x, y, z, cx, cy, cz, ax, ay, az, amplitude_weight):
    """Return the slope of time along the axis, weighted with the squares of the charges (to the power w)."""
    u_sum, up, upp, ut, utp = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(time.size):
        q = np.float64(charge[j])
        u = (q if amplitude_weight == 1.0 else q**amplitude_weight) ** 2
        p = ax * (x[j] - cx) + ay * (y[j] - cy) + az * (z[j] - cz)
        u_sum += u
        up += u * p
        upp += u * p * p
        ut += u * time[j]
        utp += u * time[j] * p
    if u_sum == 0.0:
        u_sum = 1.0
    den = u_sum * upp - up * up
    return (u_sum * utp - up * ut) / (den if den != 0.0 else u_sum)


@njit(nogil=True, error_model="numpy")
def smallest(xx, yy, zz, xy, xz, yz):
    """Return the eigenvalues of a symmetric matrix, rising, and the eigenvector of the first (Jacobi rotations)."""
    a = np.empty((3, 3))
    a[0, 0], a[1, 1], a[2, 2] = xx, yy, zz
    a[0, 1] = a[1, 0] = xy
    a[0, 2] = a[2, 0] = xz
    a[1, 2] = a[2, 1] = yz
    v = np.eye(3)
    for _ in range(30):
        off = abs(a[0, 1]) + abs(a[0, 2]) + abs(a[1, 2])
        if not off > 1e-18 * (abs(a[0, 0]) + abs(a[1, 1]) + abs(a[2, 2])):
            break
        for k in range(2):
            for m in range(k + 1, 3):
                if a[k, m] == 0.0:
                    continue
                theta = (a[m, m] - a[k, k]) / (2 * a[k, m])
                t = 1 / (abs(theta) + math.sqrt(theta * theta + 1))
                if theta < 0.0:
                    t = -t
                c = 1 / math.sqrt(t * t + 1)
                s = t * c
                for i in range(3):
                    a[i, k], a[i, m] = c * a[i, k] - s * a[i, m], s * a[i, k] + c * a[i, m]
                for i in range(3):
                    a[k, i], a[m, i] = c * a[k, i] - s * a[m, i], s * a[k, i] + c * a[m, i]
                for i in range(3):
                    v[i, k], v[i, m] = c * v[i, k] - s * v[i, m], s * v[i, k] + c * v[i, m]
    low = 0
    for k in range(1, 3):
        if a[k, k] < a[low, low]:
            low = k
    second, third = a[(low + 1) % 3, (low + 1) % 3], a[(low + 2) % 3, (low + 2) % 3]
    if third < second:
        second, third = third, second
    return (a[low, low], second, third), v[0, low], v[1, low], v[2, low]
