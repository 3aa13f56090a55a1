"""Line fits: `linefit` and `improved_linefit`."""

from __future__ import annotations

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.kernels import ehe_linefit as ehe
from icecol.reco.kernels import improved_linefit as improved
from icecol.reco.kernels import linefit as kernels

_PARAMS = ("LFVel", "LFVelX", "LFVelY", "LFVelZ", "NHits")
_FIELDS = {
    **dict.fromkeys(("x", "y", "z", "time", "zenith", "azimuth", "speed"), pl.Float64),
    "fit_status": pl.Int32,
    **dict.fromkeys(_PARAMS[:-1], pl.Float64),
    "NHits": pl.Int32,
}
_LINEFIT = Kernel(kernels.linefit, _FIELDS, ok=_PARAMS)
_WEIGHTED = Kernel(kernels.weighted_linefit, _FIELDS, ok=_PARAMS)
_IMPROVED = Kernel(improved.improved_linefit, _FIELDS, ok=_PARAMS)
_EHE = Kernel(ehe.ehe_linefit, _FIELDS, ok=_PARAMS)


@feature
def linefit(
    pulses: Pulses, *, min_hits: int = 2, amp_weight_power: float = 0.0, leading_edge: str = "ALL"
) -> pl.Expr:
    """Return the track of constant velocity that fits the pulses best by least squares, as IceTray's I3LineFit.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored, as are those at NaN.
    min_hits
        Minimum number of pulses; values below 1 mean 2. A single pulse never makes a fit: its status is 30.
    amp_weight_power
        Weight each pulse with the charge of the first pulse of its DOM to this power; 0 weights all equally.
    leading_edge
        "ALL" to use all pulses, "FLE" to use only the first of each DOM.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m) and time (ns): the mean of the pulses, a point near the track; zenith, azimuth (rad, where
        the particle came from); speed (m/ns); fit_status (0 OK, 10 no velocity, 20 too few pulses, 30 all pulses at one
        time); of I3LineFitParams: LFVel, LFVelX, LFVelY, LFVelZ (m/ns), NHits. If the status is not 0 the first seven
        and the params are null, as IceTray stores none then. All fields are null where the series is
        null.

    Raises
    ------
    ValueError
        The leading_edge is neither "ALL" nor "FLE".

    References
    ----------
    Ahrens et al. (AMANDA), Nucl. Instrum. Meth. A 524 (2004) 169.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> events = ic.with_features(ic.sim.toy(3), LineFit=linefit(p))
    >>> events.select("LineFit.fit_status", "LineFit.NHits").collect().rows()
    [(0, 19), (0, 17), (0, 61)]
    """
    if leading_edge not in {"ALL", "FLE"}:
        msg = f"leading_edge must be 'ALL' (all pulses) or 'FLE' (the first of each DOM), found {leading_edge!r}"
        raise ValueError(msg)
    min_hits = _fewest(min_hits)
    if amp_weight_power == 0 and leading_edge == "ALL":
        return _LINEFIT(pulses, min_hits=min_hits)
    return _WEIGHTED(
        pulses, min_hits=min_hits, amp_weight_power=float(amp_weight_power), first_only=leading_edge != "ALL"
    )


@feature(cost=10)
def improved_linefit(
    pulses: Pulses,
    *,
    min_hits: int = 2,
    min_doms: int = 2,
    delay_distance: float = 156.0,
    delay_time_window: float = 778.0,
    delay_time_interval: float | None = None,
    huber_distance: float = 153.0,
    debias_distance: float = 116.0,
) -> pl.Expr:
    """Return the improved LineFit, as the segment `linefit.simple` makes it and level 2 stores it as `LineFit`.

    Late pulses are removed, a track is fitted with a penalty that grows linearly beyond a distance, pulses far from
    that track are removed, and `linefit` is run on the rest. A step that would leave fewer than min_doms DOMs is
    skipped.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.
    min_hits
        As for `linefit`.
    min_doms
        Minimum number of DOMs in each step; 8 in IceTray's modules for extremely bright events (HuberFitEHE,
        DebiasingEHE).
    delay_distance, delay_time_window, delay_time_interval
        As distance, time_window and time_interval of `delay_cleaning`; the last is 10000 ns in DelayCleaningEHE. A
        window of inf without an interval skips this step, for pulses that are cleaned already.
    huber_distance
        Distance (m) beyond which the penalty is linear.
    debias_distance
        Distance (m) from the fitted track beyond which pulses are removed.

    Returns
    -------
    pl.Expr
        The fields of `linefit`; NHits is the number of pulses that remain.

    References
    ----------
    IceCube, Nucl. Instrum. Meth. A 736 (2014) 143, arXiv:1308.5501.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> events = ic.with_features(ic.sim.toy(3), LineFit=improved_linefit(p))
    >>> events.select("LineFit.fit_status", "LineFit.NHits").collect().rows()
    [(0, 15), (0, 11), (0, 41)]
    """
    parameters = {
        "min_hits": _fewest(min_hits),
        "delay_distance": max(float(delay_distance), 0.0),
        "delay_time_window": max(float(delay_time_window), 0.0),
        "huber_distance": float(huber_distance),
        "debias_distance": float(debias_distance),
        "min_doms": int(min_doms),
    }
    if delay_time_interval is None:
        return _IMPROVED(pulses, **parameters)
    return _EHE(pulses, delay_time_interval=float(delay_time_interval), **parameters)


def _fewest(min_hits: int) -> int:
    """Return the minimum number of pulses, as IceTray interprets it."""
    return int(min_hits) if min_hits >= 1 else 2
