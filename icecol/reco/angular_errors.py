"""Angular errors of tracks: `paraboloid` from the likelihood around a fit, `cramer_rao` from the hit DOMs alone."""

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


@feature(cost=10000)
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
    """Return the angular error of a track fit from the shape of its likelihood, as IceTray's paraboloid.

    The likelihood must be the one that was maximized in the fit of the track. The usual angular error is
    sqrt((pbfErr1^2 + pbfErr2^2) / 2), for events with pbfStatus 0.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.
    track
        Key of the fit, of which the columns `<track>.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth` and `.fit_status`
        are read.
    form, noise, timing_error, energy, ice_model
        The likelihood, as in `spe_fit`.
    jitter
        As in `spe_fit`; None means 4 ns for the MPE forms and 15 ns for the others.
    time_shift, max_mean_time_residual, charge_fraction
        How the vertex is shifted in time before each fit, as in `spe_fit`.
    vertex_step
        Initial step (m) of the vertex fit at each direction of the grid; 0 for no fit. IceCube uses 5 m. IceTray's
        default is 10 m, with `max_missing_grid_points` at 0 and no vertex correction.
    zenith_reach, azimuth_reach
        Full width (rad) of the grid. IceCube uses 2 degrees; IceTray's default is 10 degrees.
    number_of_steps, number_of_sampling_points
        Number of ellipses of the grid, and of directions on each of them, a multiple of 4.
    max_missing_grid_points
        Number of vertex fits that may fail, with the likelihood before the fit used in their place; -1 for any number.
    vertex_correction
        Shift the vertex (see `time_shift`) before it is fitted at another direction.
    truth
        Key of a particle whose `.zenith` and `.azimuth` are given in the coordinates of the grid; None for no such.
    tables, max_calls
        Settings of the minimizer, as in `spe_fit`.
    tolerance
        As in `spe_fit`: the spread of -ln L at which a vertex fit stops, a tenth of IceTray's setting. The default is
        IceTray's 0.01; use 1e-4 for the 0.001 of IceCube's processing.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m), time (ns), zenith, azimuth (rad): minimum of the paraboloid with the vertex fitted there, or
        the track if it failed; fit_status (0 OK, 10 or 20 failed, 40 no track); and of I3ParaboloidFitParams: logl,
        rlogl, ndof, nmini; pbfZen, pbfAzi (rad, of the minimum); pbfErr1, pbfErr2 (rad, semi-axes of the error
        ellipse), pbfRotAng (rad, angle of its first axis); pbfCenterLlh, pbfLlh (-ln L of the track and of the
        minimum); pbfZenOff, pbfAziOff (rad, offset from the track, in coordinates with the track on the equator);
        pbfCurv11, pbfCurv12, pbfCurv22 (1/rad^2), pbfDetCurvM (1/rad^4); pbfChi2; pbfSigmaZen, pbfSigmaAzi (rad),
        pbfCovar (rad^2); pbfTrOffZen, pbfTrOffAzi, pbfTrZen, pbfTrAzi (rad, of `truth`); pbfStatus (0 success; -100 no
        track, -80 failed fits, -50 too few DOMs, -20, 20, 21, 22, 30 no minimum). What was not reached is null,
        with ndof and nmini -1.

    Raises
    ------
    ValueError
        The number of steps or sampling points is not valid, or a setting of the likelihood is not (see `spe_fit`).

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


@feature(cost=50)
def cramer_rao(
    pulses: Pulses, *, track: Reference = "MPEFit", all_hits: bool = True, z_dependent_scatter: bool = True
) -> pl.Expr:
    """Return the Cramer-Rao lower bounds on the errors of a track, as IceTray's CramerRao, without a fit.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.
    track
        Key of a track, of which the columns `<track>.x`, `.y`, `.z`, `.zenith` and `.azimuth` are read, whatever its
        fit_status.
    all_hits
        Weight each DOM with its charge; with False all DOMs count alike. Level 2 uses True for MPEFit and False for
        SPEFit2.
    z_dependent_scatter
        Use depth-dependent scattering and a time smearing; with False one scattering length of 33.3 m.

    Returns
    -------
    pl.Expr
        Fields cramer_rao_theta, cramer_rao_phi (rad, errors of zenith and azimuth); variance_theta, variance_phi
        (rad^2), variance_x, variance_y (m^2); covariance_theta_phi (rad^2), covariance_theta_x, _theta_y, _phi_x,
        _phi_y (m rad), covariance_x_y (m^2); status (0 OK; 10 no track, 20 singular matrix, 30 at most five DOMs, 40
        one string only). The bounds are null if the status is not 0; all fields are null where the series is null.

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
