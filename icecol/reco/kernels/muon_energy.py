"""Maximum-likelihood energy of a muon, from the light along its track in hit and unhit DOMs.

The skewed form is that of IceTray's muex: the mean charge of a DOM may be well above the expectation, as near a large
stochastic loss, but hardly below it.
"""

from __future__ import annotations

import math

from icecol.jit.function import compiled
from icecol.reco.kernels.cherenkov import make_track
from icecol.reco.kernels.finite_reco import MISSING_SEED
from icecol.reco.kernels.fit_status import INSUFFICIENT_HITS, OK
from icecol.reco.kernels.muon_light import seen_and_expected

POISSON, SKEWED = 0, 1

LOWEST, HIGHEST = -12.0, 25.0
"""Range of the logarithm of the light, in bare tracks, that is searched."""

BELOW, ABOVE, STEPS = 6.0, 2.0, 10
"""Range around the logarithm of the Poisson result that is first searched for the skewed one, and its steps."""

SKEW = 10.0
TURN = 0.1 * 2.8608901790849585
"""The minimum of y^2 + exp(-SKEW y): SKEW y exp(SKEW y) = SKEW^2 / 2."""
LEAST = TURN * TURN + math.exp(-SKEW * TURN)
DIM = 1e-3
"""An unhit DOM that expects less light than this could change its mean, and -ln L, by less than 1e-8 of it."""
WORST = 10.0
"""The -ln L of one DOM counts in full up to about this, and at most with twice this."""


@compiled
def muon_energy(
    charge, omkey,
    track_x, track_y, track_z, track_time, track_zenith, track_azimuth, track_length, shape,
    sensors, light, form, radius, noise, min_doms, calibration,
):  # fmt: skip
    """Fit the light of the muon of one event, in units N of a bare track; its pulses are sorted by omkey.

    DOMs within `radius` (m) of the track expect mu = k N + noise photoelectrons, see `muon_light`. Returns energy
    (GeV, of N by `calibrated`), light (N), light_error (of the curvature at the maximum, in the same unit), logl
    (-ln L of `unlikely`, summed), n_doms (hit DOMs in reach), n_sensors (all in reach) and fit_status: 40, the track is
    NaN; 20, fewer hit DOMs than min_doms, or no more light than noise.
    """
    nan = math.nan
    if not math.isfinite(track_x + track_y + track_z + track_zenith + track_azimuth):
        return nan, nan, nan, nan, 0, 0, MISSING_SEED
    track = make_track(
        track_x, track_y, track_z, track_time, track_zenith, track_azimuth, shape, track_length
    )
    seen, bare, _, _ = seen_and_expected(charge, omkey, track, sensors, light, radius)
    hit = 0
    for q in seen:
        hit += q > 0.0
    if hit < min_doms or slope(LOWEST, seen, bare, noise) <= 0.0:
        return nan, nan, nan, nan, hit, seen.size, INSUFFICIENT_HITS
    best, step = climb(LOWEST, HIGHEST, seen, bare, noise), 0.01
    if form == SKEWED:
        best = descend(best, seen, bare, noise)
        step = 0.05
    amount, least = math.exp(best), unlikeliness(best, seen, bare, noise, form)
    bend = unlikeliness(best - step, seen, bare, noise, form) - 2.0 * least
    bend += unlikeliness(best + step, seen, bare, noise, form)
    error = amount * step / math.sqrt(bend) if bend > 0.0 else nan
    return calibrated(amount, calibration), amount, error, least, hit, seen.size, OK


@compiled
def unlikeliness(x, seen, bare, noise, form):
    """Return -ln L at x = ln N."""
    amount, total = math.exp(x), 0.0
    for k in range(seen.size):
        total += unlikely(seen[k], bare[k] * amount + noise, form)
    return total


@compiled
def unlikely(q, mu, form):
    """Return -ln L of the charge q of a DOM that expects mu, minus its minimum, and thus at least 0.

    Poisson: mu - q + q ln(q / mu). Skewed: the least over y, x = mu exp(y - y0), of

        x - q + q ln(q / x) + ln((y^2 + exp(-10 y)) / (y0^2 + exp(-10 y0))),  y0 where the last term is least

    and of that, F, where F > 10, 10 + (F - 10) / sqrt(1 + (F - 10)^2 / 100).
    """
    if form == POISSON:
        return poisson(q, mu)
    if not mu > 0.0:
        return 2 * WORST if q > 0.0 else 0.0
    if q <= 0.0 and mu < DIM:
        return mu
    top = TURN + max(math.log(q / mu), 0.0) if q > 0.0 else TURN
    bottom = TURN + min(math.log(q / mu), 0.0) if q > 0.0 else TURN + math.log(min(0.5 / mu, 1.0)) - 1.0
    y = (bottom + top) / 2
    for _ in range(100):  # Newton's method, and a bisection where it leaves the bracket
        x, z = mu * math.exp(y - TURN), math.exp(-SKEW * y)
        spread, first = y * y + z, 2 * y - SKEW * z
        g = x - q + first / spread
        if g > 0.0:
            top = y
        else:
            bottom = y
        bend = x + ((2 + SKEW * SKEW * z) * spread - first * first) / (spread * spread)
        new = y - g / bend if bend > 0.0 else bottom
        if not bottom < new < top:
            new = (bottom + top) / 2
        done = abs(new - y) < 1e-7
        y = new
        if done or top - bottom < 1e-12:
            break
    x, z = mu * math.exp(y - TURN), math.exp(-SKEW * y)
    worse = poisson(q, x) + math.log((y * y + z) / LEAST)
    beyond = worse - WORST
    return WORST + beyond / math.sqrt(1.0 + (beyond / WORST) ** 2) if beyond > 0.0 else worse


@compiled
def poisson(q, mu):
    """Return -ln of the Poisson probability of q, minus its value at mu = q."""
    return mu - q + (q * math.log(q / mu) if q > 0.0 else 0.0)


@compiled
def slope(x, seen, bare, noise):
    """Return d ln L / d ln N of the Poisson form at x = ln N, which falls with x."""
    amount, total = math.exp(x), 0.0
    for k in range(seen.size):
        mine = bare[k] * amount
        if mine > 0.0:
            total += mine * (seen[k] / (mine + noise) - 1.0)
    return total


@compiled
def climb(low, high, seen, bare, noise):
    """Return where the slope, positive at `low`, is zero: by bisection of ln N to the last bit."""
    for _ in range(60):
        x = (low + high) / 2
        if slope(x, seen, bare, noise) > 0.0:
            low = x
        else:
            high = x
    return (low + high) / 2


@compiled
def descend(start, seen, bare, noise):
    """Return the minimum of -ln L of the skewed form: on a grid around `start`, then by golden sections to 1e-3."""
    step = (BELOW + ABOVE) / STEPS
    best, least = start, math.inf
    for i in range(STEPS + 1):
        x = start - BELOW + i * step
        value = unlikeliness(x, seen, bare, noise, SKEWED)
        if value < least:
            best, least = x, value
    part = (math.sqrt(5.0) - 1.0) / 2.0
    low, high = best - step, best + step
    a, b = high - part * (high - low), low + part * (high - low)
    at_a, at_b = unlikeliness(a, seen, bare, noise, SKEWED), unlikeliness(b, seen, bare, noise, SKEWED)
    while high - low > 1e-3:
        if at_a < at_b:
            high, b, at_b = b, a, at_a
            a = high - part * (high - low)
            at_a = unlikeliness(a, seen, bare, noise, SKEWED)
        else:
            low, a, at_a = a, b, at_b
            b = low + part * (high - low)
            at_b = unlikeliness(b, seen, bare, noise, SKEWED)
    return (low + high) / 2


@compiled
def calibrated(value, coefficients):
    """Return the energy (GeV) of an energy loss or an amount of light: ((value - a) / b)^g from v0 on.

    `coefficients` are a, b, g, v0 and p: below v0, where the light of the bare track hides it, the energy falls as
    (value / v0)^p. 0 and NaN stay as they are.
    """
    a, b, g, v0, p = coefficients
    if not value > 0.0:
        return value
    if value >= v0:
        return ((value - a) / b) ** g
    return ((v0 - a) / b) ** g * (value / v0) ** p
