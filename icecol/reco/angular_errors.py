"""Errors of the directions of tracks: `paraboloid` from the likelihood around a fit, `cramer_rao` without one."""

from __future__ import annotations

import math
from typing import Final

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.jagged import frozen
from icecol.reco.kernels import cramer_rao as cramer_rao_kernels
from icecol.reco.kernels import paraboloid as paraboloid_kernels
from icecol.reco.kernels.pandel_table import EXACT, pandel_table
from icecol.reco.likelihood_fits import likelihood, moved
from icecol.reco.reference import Reference, member

_PARTICLE = ("x", "y", "z", "time", "zenith", "azimuth")
_SEED = tuple(f"seed_{m}" for m in (*_PARTICLE, "status"))
_TRUE = ("true_zenith", "true_azimuth")
_PARABOLOID = Kernel(
    paraboloid_kernels.paraboloid,
    {
        **dict.fromkeys(_PARTICLE, pl.Float64),
        "fit_status": pl.Int32,
        "logl": pl.Float64, "rlogl": pl.Float64, "ndof": pl.Int32, "nmini": pl.Int32,
        **dict.fromkeys(
            (
                "pbfZen", "pbfAzi", "pbfErr1", "pbfErr2", "pbfRotAng", "pbfCenterLlh", "pbfLlh", "pbfZenOff",
                "pbfAziOff", "pbfCurv11", "pbfCurv12", "pbfCurv22", "pbfChi2", "pbfDetCurvM", "pbfSigmaZen",
                "pbfSigmaAzi", "pbfCovar", "pbfTrOffZen", "pbfTrOffAzi", "pbfTrZen", "pbfTrAzi",
            ),
            pl.Float64,
        ),
        "pbfStatus": pl.Int32,
    },
    events=(*_SEED, *_TRUE),
)  # fmt: skip
_BOUNDS: Final = (
    *("cramer_rao_theta", "cramer_rao_phi", "variance_theta", "variance_phi", "variance_x", "variance_y"),
    *("covariance_theta_phi", "covariance_theta_x", "covariance_theta_y"),
    *("covariance_phi_x", "covariance_phi_y", "covariance_x_y"),
)
_CRAMER_RAO = Kernel(
    cramer_rao_kernels.cramer_rao,
    {**dict.fromkeys(_BOUNDS, pl.Float64), "status": pl.Int32},
    events=("track_x", "track_y", "track_z", "track_zenith", "track_azimuth"),
)


@feature
def paraboloid(
    pulses: Pulses,
    *,
    track: Reference = "SPEFit",
    form: str = "SPE1st",
    jitter: float | None = None,
    noise: float = 1e-8,
    timing_error: float = 0.0,
    energy: float = 1000.0,
    ice_model: str = "H2",
    time_shift: str = "TFirst",
    max_mean_time_residual: float = 1000.0,
    charge_fraction: float = 0.9,
    vertex_step: float = 5.0,
    zenith_reach: float = math.radians(2.0),
    azimuth_reach: float = math.radians(2.0),
    number_of_steps: int = 3,
    number_of_sampling_points: int = 8,
    max_missing_grid_points: int = 1,
    vertex_correction: bool = True,
    truth: Reference | None = None,
    tables: bool = False,
    tolerance: float = 1e-3,
    max_calls: int = 1000,
) -> pl.Expr:
    """Return the error of a fitted direction from the likelihood around it, as IceTray's paraboloid does.

    The likelihood must be the one that the track is the best of. sqrt((pbfErr1^2 + pbfErr2^2) / 2) is the usual error
    of a direction, for events of pbfStatus 0.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    track
        Key of the fit: its columns `<track>.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`, `.fit_status`.
    form, jitter, noise, timing_error, energy, ice_model, time_shift, max_mean_time_residual, charge_fraction
        The likelihood, and how the vertex is moved before a fit: see `spe_fit`. `jitter` is 15 ns unless given, 4 ns
        with the MPE forms.
    vertex_step
        First step (m) of the fit of the vertex for each direction of the grid; 0: the vertex is not fitted. IceCube
        uses 5; the default of the module is 10, as it leaves `max_missing_grid_points` at 0 and does not correct.
    zenith_reach, azimuth_reach
        Full width (rad) of the grid; IceCube uses 2 degrees, the default of the module is 10.
    number_of_steps, number_of_sampling_points
        Ellipses of the grid, and directions on each of them, a multiple of 4.
    max_missing_grid_points
        How many fits of a vertex may fail; -1: any number. The likelihood is then that before the fit.
    vertex_correction
        Move the vertex (see `time_shift`) before it is fitted for another direction.
    truth
        Key of a particle whose columns `.zenith` and `.azimuth` are told in the frame of the grid.
    tables, tolerance, max_calls
        Of the minimiser, see `spe_fit`.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m), time (ns), zenith, azimuth (rad): of the paraboloid's minimum, the vertex fitted to it, or
        the track where it failed; fit_status (0 OK, 10, 20, 40 no track); and the members of I3ParaboloidFitParams:
        logl, rlogl, ndof, nmini; pbfZen, pbfAzi (rad, of the minimum); pbfErr1, pbfErr2 (rad, half axes of the error
        ellipse), pbfRotAng (rad, of its first axis); pbfCenterLlh, pbfLlh (-ln L of the track and of the minimum);
        pbfZenOff, pbfAziOff (rad, from the track, in the frame in which that is on the equator); pbfCurv11, pbfCurv12,
        pbfCurv22, pbfDetCurvM (1/rad^2; 1/rad^4); pbfChi2; pbfSigmaZen, pbfSigmaAzi (rad), pbfCovar (rad^2);
        pbfTrOffZen, pbfTrOffAzi, pbfTrZen, pbfTrAzi (rad, of `truth`); pbfStatus (0 success; -100 no track, -80 failed
        fits, -50 too few sensors, -20, 20, 21, 22, 30 no minimum). What was not reached is NaN, ndof and nmini are
        then -1.

    References
    ----------
    Neunhöffer, Astropart. Phys. 25 (2006) 220, arXiv:astro-ph/0403367.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> fits = {"LineFit": ic.reco.improved_linefit(p), "SPEFit": ic.reco.spe_fit(p), "Error": paraboloid(p)}
    >>> ic.with_features(ic.sim.toy(3), **fits).select("Error.pbfStatus").collect().to_series().to_list()
    [0, 0, 0]
    """
    if number_of_sampling_points < 4 or number_of_sampling_points % 4 or number_of_steps < 1:
        msg = (
            f"number_of_sampling_points must be a multiple of 4 and number_of_steps 1 or more, "
            f"found {number_of_sampling_points} and {number_of_steps}"
        )
        raise ValueError(msg)
    columns = dict(zip(_SEED, (member(track, m) for m in (*_PARTICLE, "fit_status")), strict=True))
    angles = [pl.lit(math.nan) if truth is None else member(truth, m) for m in ("zenith", "azimuth")]
    return _PARABOLOID(
        pulses,
        **columns,
        **dict(zip(_TRUE, angles, strict=True)),
        **likelihood(form, jitter, noise, timing_error, energy, ice_model=ice_model),
        **moved(time_shift, max_mean_time_residual, charge_fraction),
        vertex_step=float(vertex_step),
        zenith_reach=float(zenith_reach),
        azimuth_reach=float(azimuth_reach),
        steps=int(number_of_steps),
        points=int(number_of_sampling_points),
        max_missing=int(max_missing_grid_points) if max_missing_grid_points >= 0 else 1 << 30,
        correct=bool(vertex_correction),
        tolerance=float(tolerance),
        max_calls=int(max_calls),
        table=frozen(pandel_table() if tables else EXACT),
    )


@feature
def cramer_rao(
    pulses: Pulses, *, track: Reference = "MPEFit", all_hits: bool = True, z_dependent_scatter: bool = True
) -> pl.Expr:
    """Return the least errors that a fit of this track could have, as IceTray's CramerRao does, with no fit.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    track
        Key of a track: its columns `<track>.x`, `.y`, `.z`, `.zenith`, `.azimuth`, whatever its fit_status.
    all_hits
        Weigh a sensor with its charge; without, all sensors alike. Level 2 does the first for MPEFit, and the second
        for SPEFit2.
    z_dependent_scatter
        Let scattering depend on depth, and blur the times of photons; without, one scattering length of 33.3 m.

    Returns
    -------
    pl.Expr
        Fields cramer_rao_theta, cramer_rao_phi (rad, errors of zenith and azimuth), variance_theta, variance_phi
        (rad^2), variance_x, variance_y (m^2), covariance_theta_phi (rad^2), covariance_theta_x, _theta_y, _phi_x,
        _phi_y (m rad), covariance_x_y (m^2), status (0 OK; 10 no track, 20 singular, 30 five sensors or fewer, 40 one
        string only). They are NaN without an answer, and null where the series is.

    References
    ----------
    Lünemann, thesis, Mainz 2013, ch. 4.4.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> bounds = ic.with_features(ic.sim.toy(3), C=cramer_rao(p, track="MCPrimary"))
    >>> bounds.select("C.status").collect().to_series().to_list()
    [0, 0, 0]
    """
    columns = {f"track_{m}": member(track, m) for m in ("x", "y", "z", "zenith", "azimuth")}
    return _CRAMER_RAO(pulses, **columns, all_hits=bool(all_hits), by_depth=bool(z_dependent_scatter))
