"""Energy loss of a muon without its largest stochastic losses: a truncated mean of the light along its track.

As IceTray's I3TruncatedEnergy has it, in all five ways, with an analytical expectation in place of photon tables.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.cherenkov import make_track
from icecol.reco.kernels.finite_reco import MISSING_SEED
from icecol.reco.kernels.fit_status import INSUFFICIENT_HITS, OK
from icecol.reco.kernels.muon_energy import calibrated
from icecol.reco.kernels.muon_light import seen_and_expected, track_per_gev

BIN_CUT, DOM_CUT = 0.4, 0.5
"""Fractions of bins and of DOMs, the brightest, that are left out."""
MIN_BINS, MIN_DOMS = 3, 8


@compiled
def truncated_energy(
    charge, omkey,
    track_x, track_y, track_z, track_time, track_zenith, track_azimuth, track_length, shape,
    sensors, light, cylinder_bins, cylinder_doms, bin_length, calibration,
):  # fmt: skip
    """Estimate the energy loss (GeV/m) and the energy (GeV) of the muon of one event, its pulses sorted by omkey.

    Ratios of charge to what a loss of 1 GeV/m would give (the light of 4.9 bare tracks) are taken over all DOMs (ORIG),
    over bins of bin_length (m) along the track from the first to the last hit DOM in the cylinder (BINS), and for
    single DOMs there (DOMS). The 40 % of the bins with the largest ratios are left out and the rest summed; the half of
    the DOMs with the largest ratios is left out and the rest averaged. BINS and DOMS use hit DOMs only; AllBINS and
    AllDOMS include what the others were expected to see. A cylinder is the range of distances from the track (m).
    `calibration` has a row of coefficients for each way (see `calibrated`).

    Returns the losses of ORIG, BINS, AllBINS, DOMS, AllDOMS, then their energies, the numbers of bins and of hit DOMs
    that were used, and fit_status: 40, the track is NaN; 20, too few for all but ORIG.
    """
    nan = math.nan
    if not math.isfinite(track_x + track_y + track_z + track_zenith + track_azimuth):
        return (nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, 0, 0, MISSING_SEED)
    track = make_track(
        track_x, track_y, track_z, track_time, track_zenith, track_azimuth, shape, track_length
    )
    seen, expected, distance, place = seen_and_expected(charge, omkey, track, sensors, light, math.inf)
    expected *= track_per_gev
    loss = np.full(5, nan)
    if seen.sum() > 0.0:
        loss[0] = seen.sum() / expected.sum()
    begin, end = math.inf, -math.inf
    for k in range(seen.size):
        if seen[k] > 0.0 and cylinder_bins[0] <= distance[k] <= cylinder_bins[1]:
            begin, end = min(begin, place[k]), max(end, place[k])

    n = 1 + int((end - begin) / bin_length) if begin <= end else 0
    seen_in, hit_in, all_in = np.zeros((3, n))
    ratios = np.empty(seen.size)
    hit, every = 0, 0
    for k in range(seen.size):
        if not begin <= place[k] <= end or not expected[k] > 0.0:
            continue
        if cylinder_bins[0] <= distance[k] <= cylinder_bins[1]:
            b = int((place[k] - begin) / bin_length)
            seen_in[b] += seen[k]
            all_in[b] += expected[k]
            hit_in[b] += expected[k] if seen[k] > 0.0 else 0.0
        if cylinder_doms[0] <= distance[k] <= cylinder_doms[1]:
            every += 1
            if seen[k] > 0.0:
                ratios[hit] = seen[k] / expected[k]
                hit += 1

    bins = 0
    for b in range(n):
        bins += seen_in[b] > 0.0
    if bins >= MIN_BINS:
        of_hit, of_all = keep(seen_in, hit_in, BIN_CUT * bins), keep(seen_in, all_in, BIN_CUT * bins)
        total, hit_sum, all_sum = 0.0, 0.0, 0.0
        for b in range(n):
            # as in IceTray, AllBINS too takes the charge of the bins that BINS keeps
            total += seen_in[b] if of_hit[b] else 0.0
            hit_sum += hit_in[b] if of_hit[b] else 0.0
            all_sum += all_in[b] if of_all[b] else 0.0
        loss[1], loss[2] = total / hit_sum, total / all_sum
    if hit >= MIN_DOMS:
        kept = math.ceil(hit * (1.0 - DOM_CUT))
        total = 0.0
        for ratio in np.sort(ratios[:hit])[:kept]:
            total += ratio
        loss[3], loss[4] = total / kept, total / (every - (hit - kept))
    energy = np.empty(5)
    for way in range(5):
        energy[way] = calibrated(loss[way], calibration[way])
    status = OK if bins >= MIN_BINS or hit >= MIN_DOMS else INSUFFICIENT_HITS
    return (
        loss[0], loss[1], loss[2], loss[3], loss[4],
        energy[0], energy[1], energy[2], energy[3], energy[4], bins, hit, status,
    )  # fmt: skip


@compiled
def keep(seen, expected, cut):
    """Return which bins have more than `cut` bins, themselves included, of the same or a larger ratio; none: 0."""
    n = seen.size
    ratio = np.zeros(n)
    for b in range(n):
        ratio[b] = seen[b] / expected[b] if expected[b] > 0.0 else 0.0
    kept = np.empty(n, np.bool_)
    for b in range(n):
        kept[b] = (ratio >= ratio[b]).sum() > cut
    return kept
