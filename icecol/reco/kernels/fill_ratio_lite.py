"""Fill ratio of one sphere, whose radius is the mean distance of the hit DOMs from a vertex.

IceTray's I3FillRatioLite.
"""

from __future__ import annotations

import math

from icecol.jit.function import compiled
from icecol.reco.kernels.first_pulses import first_pulses


@compiled
def fill_ratio_lite(
    charge, omkey, x, y, z, bad, vertex_x, vertex_y, vertex_z, scale, amplitude_weighting_power,
    strings, sensor_omkey, sensor_x, sensor_y, sensor_z,
):  # fmt: skip
    """Return the fraction of the DOMs within the radius that were hit; the pulses are sorted by omkey.

    The radius (m) is `scale` times the mean distance of the hit DOMs that are not bad and have a charge above 0,
    weighted with charge^power. String k has the DOMs `strings[k]` to `strings[k + 1]` of `sensor_omkey`, `_x`, `_y`,
    `_z`, sorted by omkey; it is left out if its first DOM is horizontally farther away. NaN if no DOM is within.
    """
    first = first_pulses(omkey)
    n = first.size - 1
    distance, weights = 0.0, 0.0
    for i in range(n):
        a = first[i]
        if bad[a]:
            continue
        q = 0.0
        for j in range(a, first[i + 1]):
            q += charge[j]
        if q > 0.0:
            w = q**amplitude_weighting_power if amplitude_weighting_power != 0.0 else 1.0
            dx, dy, dz = vertex_x - x[a], vertex_y - y[a], vertex_z - z[a]
            distance += w * math.sqrt(dx * dx + dy * dy + dz * dz)
            weights += w
    radius = scale * distance / weights
    inside, hit, i = 0, 0, 0
    for s in range(strings.size - 1):
        head = strings[s]
        if not math.hypot(vertex_x - sensor_x[head], vertex_y - sensor_y[head]) <= radius:
            continue
        for k in range(head, strings[s + 1]):
            across = math.hypot(vertex_x - sensor_x[k], vertex_y - sensor_y[k])
            if math.hypot(across, vertex_z - sensor_z[k]) <= radius:
                while i < n and omkey[first[i]] < sensor_omkey[k]:
                    i += 1
                inside += 1
                hit += i < n and omkey[first[i]] == sensor_omkey[k]
    return hit / inside
