"""Fill ratio: the fraction of the DOMs around a vertex that were hit.

IceTray's I3FillRatioModule. A cascade fills its sphere, a track does not.
"""

from __future__ import annotations

import math

from icecol.jit.function import compiled
from icecol.reco.kernels.first_pulses import first_pulses


@compiled
def fill_ratio(
    charge, omkey, x, y, z, bad, vertex_x, vertex_y, vertex_z, vertex_energy, vertex_status,
    scale_mean, scale_rms, scale_mean_plus_rms, scale_nch, scale_energy, amplitude_weighting_power,
    sensor_x, sensor_y, sensor_z,
):  # fmt: skip
    """Return distances, radii and ratios of one event, pulses sorted by omkey.

    Mean and rms (m) of the distances of the hit DOMs from the vertex, weighted with charge^power and without those of
    charge 0; the radius (m) that light reaches, estimated from the number of hit DOMs (nch) or the energy of the
    vertex. Each, times its scale, is the radius of a sphere; its ratio is the fraction of the DOMs (`sensor_x`, `_y`,
    `_z`) inside that were hit. As in IceTray, fill_radius_from_energy has the scale of nch. Returns, by IceTray's
    names, mean_distance, rms_distance, nch_distance, energy_distance, fill_radius_from_rms, fill_radius_from_mean,
    fill_radius_from_energy, fillradius_from_nch, fill_radius_from_mean_plus_rms, fill_ratio_from_rms,
    fill_ratio_from_mean, fill_ratio_from_mean_plus_rms, fillratio_from_nch, fill_ratio_from_energy (NaN for a sphere
    without DOMs) and hit_count; all NaN without a vertex or charge.
    """
    first = first_pulses(omkey)
    n = first.size - 1
    total, weights, mean, square = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        a = first[i]
        q = 0.0
        for j in range(a, first[i + 1]):
            q += charge[j]
        total += q
        if q == 0.0:
            continue
        w = q**amplitude_weighting_power if amplitude_weighting_power != 0.0 else 1.0
        dx, dy, dz = vertex_x - x[a], vertex_y - y[a], vertex_z - z[a]
        dd = dx * dx + dy * dy + dz * dz
        mean += w * math.sqrt(dd)
        square += w * dd
        weights += w
    nan = math.nan
    if not (total > 0.0 and abs(weights) > 0.0 and vertex_status == 0.0 and math.isfinite(vertex_x)):
        return nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan
    mean /= weights
    square /= weights
    rms = math.sqrt(square - mean * mean)
    nch = _reach(0.084 + 1.83 * math.log10(n))
    energy = 1.0 if math.isnan(vertex_energy) else _reach(math.log10(vertex_energy))
    both = mean + rms
    limit = (
        rms * rms * scale_rms * scale_rms,
        mean * mean * scale_mean * scale_mean,
        both * both * scale_mean_plus_rms * scale_mean_plus_rms,
        nch * nch * scale_nch * scale_nch,
        energy * energy * scale_energy * scale_energy,
    )
    in_rms, in_mean, in_both, in_nch, in_energy = 0, 0, 0, 0, 0
    for k in range(sensor_x.size):
        dx, dy, dz = vertex_x - sensor_x[k], vertex_y - sensor_y[k], vertex_z - sensor_z[k]
        dd = dx * dx + dy * dy + dz * dz
        in_rms += dd <= limit[0]
        in_mean += dd <= limit[1]
        in_both += dd <= limit[2]
        in_nch += dd <= limit[3]
        in_energy += dd <= limit[4]
    hit_rms, hit_mean, hit_both, hit_nch, hit_energy = 0, 0, 0, 0, 0
    for i in range(n):
        a = first[i]
        if bad[a]:
            continue
        dx, dy, dz = vertex_x - x[a], vertex_y - y[a], vertex_z - z[a]
        dd = dx * dx + dy * dy + dz * dz
        hit_rms += dd <= limit[0]
        hit_mean += dd <= limit[1]
        hit_both += dd <= limit[2]
        hit_nch += dd <= limit[3]
        hit_energy += dd <= limit[4]
    ratio = (
        hit_rms / in_rms,
        hit_mean / in_mean,
        hit_both / in_both,
        hit_nch / in_nch,
        hit_energy / in_energy,
    )
    return (
        mean, rms, nch, energy,
        rms * scale_rms, mean * scale_mean, scale_nch * energy, scale_nch * nch, both * scale_mean_plus_rms,
        ratio[0], ratio[1], ratio[2], ratio[3], ratio[4], float(n),
    )  # fmt: skip


@compiled
def _reach(log_energy):
    """Return the distance (m), at least 40, up to which a cascade of 10^log_energy GeV gives single photoelectrons."""
    return max(-0.6441 + 36.9 * log_energy, 40.0)
