"""Tensor of inertia: the shape of the light, its longest axis, and the direction along it in which time increases.

As in IceTray's tensor-of-inertia, with charges as masses.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.fit_status import INSUFFICIENT_HITS, OK
from icecol.reco.kernels.hit_multiplicity import hit_multiplicity
from icecol.reco.numerics.direction import direction


@compiled
def tensor_of_inertia(time, charge, omkey, x, y, z, min_hits, amplitude_weight):
    """Return the fit to the pulses of one event, sorted by omkey.

    I_kl = sum_i q_i^w (delta_kl |r_i|^2 - r_ik r_il) / sum_i q_i, with r from the centre of charge. Returns x, y, z (m,
    the centre), time (ns, mean weighted with charge, NaN if a charge is not finite or there is none in all), zenith,
    azimuth (rad, where it came from, of the axis of the smallest eigenvalue, towards later times), fit_status, mineval,
    evalratio = mineval / sum, eval2, eval3 (m^2). Status 20: fewer than min_hits DOMs; all but the status is then
    NaN.
    """
    return inertia(time, charge, omkey, x, y, z, min_hits, amplitude_weight, small_as_one=False)[0]


@compiled
def with_axes(time, charge, omkey, x, y, z, min_hits, amplitude_weight):
    """Return what `tensor_of_inertia` does, and zenith and azimuth (rad) of the axes of eval2 and of eval3."""
    found, first, second, third = inertia(
        time, charge, omkey, x, y, z, min_hits, amplitude_weight, small_as_one=False
    )
    if second[0] < first[0]:
        first, second = second, first
    if third[0] < second[0]:
        second, third = third, second
    if second[0] < first[0]:
        first, second = second, first
    zenith2, azimuth2 = direction(*second[1:])
    zenith3, azimuth3 = direction(*third[1:])
    return (*found, zenith2, azimuth2, zenith3, azimuth3)


@compiled(inline="always")
def inertia(time, charge, omkey, x, y, z, min_hits, amplitude_weight, small_as_one):
    """Return the fit to the pulses of one event, and (value, vector x, y, z) of the three axes, not sorted.

    A charge below 2 PE may count as 1, but not for the centre.
    """
    nan = math.nan
    _, doms, _, _ = hit_multiplicity(omkey)
    if doms < min_hits:
        nothing = (nan, nan, nan, nan)
        return (nan, nan, *nothing, float(INSUFFICIENT_HITS), *nothing), nothing, nothing, nothing
    n = time.size
    mass = np.empty(n)
    power = mass if amplitude_weight == 1.0 and not small_as_one else np.empty(n)
    lost = 0
    for j in range(n):
        q = np.float64(charge[j])
        lost += not math.isfinite(q)
        mass[j] = q if math.isfinite(q) else 0.0
    q_sum, cx, cy, cz, ct = _moments(mass, x, y, z, time)
    ct = nan if lost else ct / q_sum
    total = q_sum
    if small_as_one:
        total = 0.0
        for j in range(n):
            seen = mass[j] if mass[j] >= 2.0 else 1.0
            total += seen
            power[j] = seen**amplitude_weight
    elif amplitude_weight != 1.0:
        for j in range(n):
            w = np.float64(charge[j]) ** amplitude_weight
            power[j] = w if math.isfinite(w) else 0.0
    by = q_sum if q_sum != 0.0 else 1.0
    cx, cy, cz = cx / by, cy / by, cz / by
    xx, yy, zz, xy, xz, yz = _products(power, x, y, z, cx, cy, cz)
    by = total if total != 0.0 else 1.0
    a, b, c = eigen(xx / by, yy / by, zz / by, xy / by, xz / by, yz / by)
    if b[0] < a[0] and b[0] <= c[0]:
        (mineval, ax, ay, az), others = b, (a[0], c[0])
    elif c[0] < a[0]:
        (mineval, ax, ay, az), others = c, (a[0], b[0])
    else:
        (mineval, ax, ay, az), others = a, (b[0], c[0])
    eval2, eval3 = min(others), max(others)
    total = mineval + eval2 + eval3
    ratio = mineval / total if total != 0.0 else 0.0
    if grows(time, power, x, y, z, cx, cy, cz, ax, ay, az) < 0.0:
        ax, ay, az = -ax, -ay, -az
    zenith, azimuth = direction(ax, ay, az)
    found = (cx, cy, cz, ct, zenith, azimuth, float(OK), mineval, ratio, eval2, eval3)
    return found, a, b, c


@compiled
def _moments(q, x, y, z, t):
    q_sum, cx, cy, cz, ct = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(q.size):
        q_sum += q[j]
        cx += q[j] * x[j]
        cy += q[j] * y[j]
        cz += q[j] * z[j]
        ct += q[j] * t[j]
    return q_sum, cx, cy, cz, ct


# these sums may be in any order, several at a time; those above are IceTray's to the last bit
@compiled(fastmath={"reassoc", "nsz"})
def _products(w, x, y, z, cx, cy, cz):
    xx, yy, zz, xy, xz, yz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(w.size):
        dx, dy, dz = x[j] - cx, y[j] - cy, z[j] - cz
        wx, wy, wz = w[j] * dx, w[j] * dy, w[j] * dz
        xx += wx * dx
        yy += wy * dy
        zz += wz * dz
        xy -= wx * dy
        xz -= wx * dz
        yz -= wy * dz
    return yy + zz, xx + zz, xx + yy, xy, xz, yz


@compiled(fastmath={"reassoc", "nsz"})
def grows(time, w, x, y, z, cx, cy, cz, ax, ay, az):
    """Return the slope of time along the axis, weighted with the squares of the masses.

    A charge that is not finite has no mass here either, where IceTray leaves the sense of the axis undetermined.
    """
    u_sum, up, upp, ut, utp = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(w.size):
        u = w[j] * w[j]
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


@compiled
def eigen(xx, yy, zz, xy, xz, yz):
    """Return (value, vector x, y, z) of each axis of a symmetric matrix, by Jacobi rotations."""
    # written out: a three by three array takes longer to allocate than to rotate
    a0, a1, a2, b0, b1, b2, c0, c1, c2 = 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0
    for _ in range(30):
        if not abs(xy) + abs(xz) + abs(yz) > 1e-18 * (abs(xx) + abs(yy) + abs(zz)):
            break
        t, cos, sin = _turn(xx, yy, xy)
        xx, yy, xy = xx - t * xy, yy + t * xy, 0.0
        xz, yz = _turned(cos, sin, xz, yz)
        a0, b0 = _turned(cos, sin, a0, b0)
        a1, b1 = _turned(cos, sin, a1, b1)
        a2, b2 = _turned(cos, sin, a2, b2)
        t, cos, sin = _turn(xx, zz, xz)
        xx, zz, xz = xx - t * xz, zz + t * xz, 0.0
        xy, yz = _turned(cos, sin, xy, yz)
        a0, c0 = _turned(cos, sin, a0, c0)
        a1, c1 = _turned(cos, sin, a1, c1)
        a2, c2 = _turned(cos, sin, a2, c2)
        t, cos, sin = _turn(yy, zz, yz)
        yy, zz, yz = yy - t * yz, zz + t * yz, 0.0
        xy, xz = _turned(cos, sin, xy, xz)
        b0, c0 = _turned(cos, sin, b0, c0)
        b1, c1 = _turned(cos, sin, b1, c1)
        b2, c2 = _turned(cos, sin, b2, c2)
    return (xx, a0, a1, a2), (yy, b0, b1, b2), (zz, c0, c1, c2)


@compiled
def _turn(kk, mm, km):
    """Return tangent, cosine and sine of the angle that makes an off-diagonal element 0."""
    if km == 0.0:
        return 0.0, 1.0, 0.0
    apart = mm - kk
    t = 2.0 * km / (apart + math.copysign(math.sqrt(apart * apart + 4.0 * km * km), apart))
    cos = 1.0 / math.sqrt(t * t + 1.0)
    return t, cos, t * cos


@compiled
def _turned(cos, sin, p, q):
    return cos * p - sin * q, sin * p + cos * q
