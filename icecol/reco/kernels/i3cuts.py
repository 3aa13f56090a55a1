"""Direct pulses of a track or a cascade as counted before CommonVariables, by IceTray's phys-services."""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.along_track import smoothness
from icecol.reco.kernels.cherenkov import cherenkov, distance_along_track, make_track, time_residual
from icecol.reco.numerics.ascending import ascending


@compiled
def i3cuts(
    time, charge, omkey, x, y, z,
    track_x, track_y, track_z, track_time, track_zenith, track_azimuth, track_length, shape,
    begin, end,
):  # fmt: skip
    """Count the pulses of one event, sorted by omkey, with begin < time residual < end, and those before and after.

    As IceTray's I3Cuts: every pulse has its own position along the track. Returns Nchan, Nhit, N_1hit, Nstring, Nearly,
    Ndir, Nlate, Ldir (m), Sdir and Sall: see `smoothness`, and cog_x, cog_y, cog_z (m), the mean position weighted with
    the finite charges, 0 without any.
    """
    track = make_track(
        track_x, track_y, track_z, track_time, track_zenith, track_azimuth, shape, track_length
    )
    n = time.size
    everywhere, direct = np.empty(n), np.empty(n)
    doms, single, strings, early, late, straight = 0, 0, 0, 0, 0, 0
    place, arrival = 0.0, 0.0
    q_sum, cog_x, cog_y, cog_z = 0.0, 0.0, 0.0, 0.0
    for j in range(n):
        if j == 0 or omkey[j] != omkey[j - 1]:
            doms += 1
            single += j + 1 == n or omkey[j + 1] != omkey[j]
            strings += j == 0 or omkey[j] >> 16 != omkey[j - 1] >> 16
            place = distance_along_track(track, x[j], y[j], z[j])
            _, _, arrival = cherenkov(track, x[j], y[j], z[j])
        everywhere[j] = place
        residual = time_residual(track, time[j], arrival)
        early += residual < begin
        late += residual > end
        if begin < residual < end:
            direct[straight] = place
            straight += 1
        q = np.float64(charge[j]) if math.isfinite(charge[j]) else 0.0
        q_sum += q
        cog_x += q * x[j]
        cog_y += q * y[j]
        cog_z += q * z[j]
    by = q_sum if q_sum != 0.0 else 1.0
    direct, everywhere = direct[ascending(direct[:straight])], everywhere[ascending(everywhere)]
    length = direct[-1] - direct[0] if straight else math.nan
    return (
        doms, n, single, strings, early, straight, late, length, smoothness(direct), smoothness(everywhere),
        cog_x / by, cog_y / by, cog_z / by,
    )  # fmt: skip
