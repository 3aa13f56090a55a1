"""Line fits: `linefit` and `improved_linefit`."""

from __future__ import annotations

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.decorator import Kernel
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


def linefit(
    pulses: Pulses, *, min_hits: int = 2, amp_weight_power: float = 0.0, leading_edge: str = "ALL"
) -> pl.Expr:
    """Return the line at constant speed closest to the pulses, as IceTray's I3LineFit has it.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out, as are those at NaN.
    min_hits
        Fewest pulses for a fit; below 1 it is 2. One pulse never makes a line, and has status 30.
    amp_weight_power
        Weigh a pulse with the charge of the first pulse of its sensor to this power; 0 weighs all the same.
    leading_edge
        "ALL" for all pulses, "FLE" for the first of each sensor.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m) and time (ns): the mean of the pulses, a point near the line; zenith, azimuth (rad, where
        it came from); speed (m/ns); fit_status (0 OK, 10 no velocity, 20 too few pulses, 30 all at one time); of
        I3LineFitParams: LFVel, LFVelX, LFVelY, LFVelZ (m/ns), NHits. When the status is not 0 the first seven are
        NaN and the params, which IceTray then does not write, null. Every field is null where the series is.

    References
    ----------
    Ahrens et al. (AMANDA), Nucl. Instrum. Meth. A 524 (2004) 169.
    """
    if leading_edge not in {"ALL", "FLE"}:
        msg = f"leading_edge must be 'ALL' (all pulses) or 'FLE' (the first of each sensor), found {leading_edge!r}"
        raise ValueError(msg)
    min_hits = _fewest(min_hits)
    if amp_weight_power == 0 and leading_edge == "ALL":
        return _LINEFIT(pulses, min_hits=min_hits)
    return _WEIGHTED(
        pulses, min_hits=min_hits, amp_weight_power=float(amp_weight_power), first_only=leading_edge != "ALL"
    )


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

    Late pulses are removed, a line is fitted with a penalty that is linear beyond some distance, pulses far from it are
    removed, and `linefit` is run on the rest. A step that would leave fewer than min_doms sensors is left out.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    min_hits
        As for `linefit`.
    min_doms
        Fewest sensors of each step; 8 in IceTray's modules for extremely bright events (HuberFitEHE, DebiasingEHE).
    delay_distance, delay_time_window, delay_time_interval
        As `delay_cleaning` has them, where the last is `time_interval`; it is 10000 ns in DelayCleaningEHE. A window of
        inf with no interval leaves the cleaning out, for pulses that were cleaned.
    huber_distance, debias_distance
        Distance in m beyond which the penalty is linear, and beyond which a pulse is removed.

    Returns
    -------
    pl.Expr
        The fields of `linefit`; NHits counts the pulses that remain.

    References
    ----------
    IceCube, Nucl. Instrum. Meth. A 736 (2014) 143, arXiv:1308.5501.
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
    """Return the fewest pulses of a fit as IceTray takes them."""
    return int(min_hits) if min_hits >= 1 else 2
