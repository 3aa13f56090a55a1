"""Likelihood fits of tracks: `spe_fit`, `mpe_fit`, and the likelihood of a given track, `track_likelihood`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict, TypeVar, Unpack

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.jagged import frozen
from icecol.reco.kernels import gradient_track_fit as gradient
from icecol.reco.kernels import half_sphere_track_fit as half_sphere
from icecol.reco.kernels import track_fit as kernels
from icecol.reco.kernels.pandel import ICE_MODELS
from icecol.reco.kernels.pandel_table import EXACT, pandel_table
from icecol.reco.kernels.track_likelihood import MPE, MPE_ALL, MPE_PLAIN, PSA, SPE_1ST, SPE_ALL, SPEQ_ALL
from icecol.reco.kernels.track_seed import (
    CUBE,
    NO_ALTERNATIVES,
    REVERSE,
    T_CHARGE_FRACTION,
    T_DIRECT_CHARGE_FRACTION,
    T_FIRST,
    T_MEAN,
    T_NONE,
    TETRAHEDRON,
)
from icecol.reco.reference import Reference, member
from icecol.reco.watch import mapped

T = TypeVar("T")

FORMS: Final = {
    "SPE1st": SPE_1ST,
    "SPEAll": SPE_ALL,
    "SPEqAll": SPEQ_ALL,
    "MPE": MPE,
    "MPEPlain": MPE_PLAIN,
    "MPEAll": MPE_ALL,
    "PSA": PSA,
}
"""Which pulses of a DOM enter the likelihood, and how."""
MINIMIZERS: Final = ("simplex", "BFGS")
"""Minuit's simplex, and a quasi-Newton method with analytic gradients."""
PARAMETRIZATIONS: Final = ("Simple", "HalfSphere")
"""Zenith and azimuth, or two lengths perpendicular to the direction of the seed."""
TIME_SHIFTS: Final = {
    "TNone": T_NONE,
    "TMean": T_MEAN,
    "TFirst": T_FIRST,
    "TChargeFraction": T_CHARGE_FRACTION,
    "TDirectChargeFraction": T_DIRECT_CHARGE_FRACTION,
}
"""How the time of a seed is set, see `spe_fit`."""
ALTERNATIVES: Final = {
    "None": NO_ALTERNATIVES,
    "Reverse": REVERSE,
    "Tetrahedron": TETRAHEDRON,
    "Cube": CUBE,
}
"""The other directions in which a seed is fitted."""

_PARTICLE = ("x", "y", "z", "time", "zenith", "azimuth")
_PARAMS = {"logl": pl.Float64, "rlogl": pl.Float64, "ndof": pl.Int32, "nmini": pl.Int32}
_SEED = tuple(f"seed_{m}" for m in (*_PARTICLE, "status"))
_FIELDS = {**dict.fromkeys(_PARTICLE, pl.Float64), "fit_status": pl.Int32, **_PARAMS}
_FITS = {
    ("simplex", "Simple"): Kernel(kernels.track_fit, _FIELDS, events=_SEED),
    ("simplex", "HalfSphere"): Kernel(half_sphere.half_sphere_track_fit, _FIELDS, events=_SEED),
    ("BFGS", "Simple"): Kernel(gradient.gradient_track_fit, _FIELDS, events=_SEED),
}
_WITH_GRADIENT = (SPE_1ST, SPE_ALL, SPEQ_ALL, MPE, MPE_PLAIN)
_LIKELIHOOD = Kernel(
    kernels.event_likelihood,
    {"logl": pl.Float64, "rlogl": pl.Float64, "ndof": pl.Int32},
    events=tuple(f"track_{m}" for m in _PARTICLE),
)


class FitSettings(TypedDict, total=False):
    """The keywords of `spe_fit` that `mpe_fit` passes on."""

    iterations: int
    noise: float
    timing_error: float
    energy: float
    ice_model: str
    time_shift: str
    max_mean_time_residual: float
    charge_fraction: float
    add_alternatives: str
    cos_zenith_range: tuple[float, float]
    parametrization: str
    minimizer: str
    tables: bool
    tolerance: float
    max_calls: int


@feature(cost=1000)
def spe_fit(
    pulses: Pulses,
    *,
    seed: Reference | Sequence[Reference] = "LineFit",
    iterations: int = 0,
    form: str = "SPE1st",
    jitter: float = 15.0,
    noise: float = 1e-8,
    timing_error: float = 0.0,
    energy: float = 1000.0,
    ice_model: str = "H2",
    time_shift: str = "TFirst",
    max_mean_time_residual: float = 1000.0,
    charge_fraction: float = 0.9,
    add_alternatives: str = "None",
    cos_zenith_range: tuple[float, float] = (-1.0, 1.0),
    parametrization: str = "Simple",
    minimizer: str = "simplex",
    tables: bool = False,
    tolerance: float = 1e-4,
    max_calls: int = 1000,
) -> pl.Expr:
    """Return the maximum-likelihood track fit to the first-photon times (SPE), as IceTray's Gulliver modules.

    The seed is moved along its direction to the point closest to the centre of charge, and its time is set by
    `time_shift`. x, y, z, zenith and azimuth are then varied by Minuit's simplex, with initial steps of 20 m, 0.1 rad
    and 0.2 rad and positions within 2 km. With its defaults this is the SPEFitSingle of level 2, and with the seed
    "SPEFitSingle" and iterations=2 its SPEFit2: the same numbers after the same number of likelihood evaluations. The
    defaults are those of IceCube's standard processing. IceTray's own modules default to a noise of 1e-18, "MPEPlain"
    where they say MPE, the time shift "TMean", a tolerance of 1e-2 and 10000 evaluations.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it, pulses at NaN and pulses without a positive
        charge are ignored.
    seed
        Key of a track, of which the columns `<seed>.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth` and `.fit_status`
        are read. If several seeds are given, all are fitted and the best fit is returned; if none converges, the result
        of the first seed that is good itself.
    iterations
        Number of further fits. They start from the first result, turned to directions from a Sobol sequence, with the
        time set as by "TFirst". The best fit is kept.
    form
        Which pulses of a DOM enter the likelihood, and how. "SPE1st": the first pulse, as a single photon. "SPEAll":
        every pulse. "SPEqAll": every pulse, to the power of its charge. "MPE": the first pulse, as the first of as many
        photons as the total charge of the DOM. "MPEPlain": the same, with the integral of the density without jitter.
        "MPEAll": every pulse, as the first of as many photons as its own charge. "PSA": the first pulse, as the first
        of the mean number of photons from a muon of the given `energy`.
    jitter
        Width (ns) of the Gaussian that is convolved with the arrival times; 0 for the plain Pandel density (simplex
        only).
    noise
        Density (1/ns) added for noise; 1e-8 is 10 Hz.
    timing_error
        Timing uncertainty (ns) of a DOM, for "MPE" and "MPEPlain" only: the likelihood is averaged over plus and minus
        this time.
    energy
        Energy (GeV) of the muon, for "PSA" only.
    ice_model
        Hole ice: from "H0" (clear) over "H1", "H2" and "H3" to "H4" (strong scattering).
    time_shift
        How the time of a seed is set. "TFirst": so that no first pulse comes before direct Cherenkov light. "TMean": so
        that the mean time residual is 0. "TChargeFraction": so that the fraction `charge_fraction` of the charge comes
        after direct light. "TDirectChargeFraction": the same for the first pulse of each DOM. "TNone": unchanged.
    max_mean_time_residual
        For "TFirst": first pulses more than this time (ns) below the mean residual are disregarded; NaN disregards
        none.
    charge_fraction
        For "TChargeFraction" and "TDirectChargeFraction", from 0 to 1.
    add_alternatives
        Fit the seed turned to other directions as well, with the time set as by "TFirst": "Reverse" for the opposite
        direction, "Tetrahedron" for the other corners of a tetrahedron, "Cube" for the other faces of a cube.
    cos_zenith_range
        Range of cos(zenith) of the Sobol sequence. With iterations, a seed outside of this range is not fitted itself.
    parametrization
        "Simple" varies zenith and azimuth. "HalfSphere" varies two lengths perpendicular to the direction of the seed,
        so that the result is less than 90 degrees from it.
    minimizer
        "simplex", as in IceTray, or "BFGS", a quasi-Newton method that follows the gradient of a smooth density from
        two to four starting points and keeps the best minimum. In simulated events with about 40 hit DOMs its logl is
        equal to the simplex's within 1e-3 or lower in 98 % of events, and lower by at least 0.1 in 16 %, in a quarter
        of the time (with the MPE forms: 96 %, 27 % and half of the time). It is not available for "MPEAll", "PSA", a
        timing error or "HalfSphere".
    tables
        Look the density up in a table with a precision of 3e-7 during the minimization (BFGS always does). The final
        logl is computed without it.
    tolerance
        The simplex has converged when -ln L varies by less than this over its corners, twice in a row; IceTray's
        setting 0.001 amounts to 1e-4. BFGS has converged when less than a hundredth of it can be gained.
    max_calls
        Maximum number of likelihood evaluations of the simplex; beyond it the fit has failed.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m), time (ns), zenith, azimuth (rad); fit_status (0 OK; 30 at most five hit DOMs, or no
        convergence; 40 no seed, or, with iterations, at most five hit DOMs, as in IceTray); logl (-ln L), rlogl (logl /
        ndof), ndof (number of hit DOMs minus 5) and nmini (likelihood evaluations of the best fit). Where a fit fails,
        logl and rlogl are null, ndof and nmini -1, and the particle is the shifted seed, or null with iterations.

    Raises
    ------
    ValueError
        An argument is not among the names above or is out of its range, no seed is given, or the minimizer does not
        support the form or parametrization.

    References
    ----------
    Ahrens et al. (AMANDA), Nucl. Instrum. Meth. A 524 (2004) 169.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> events = ic.with_features(ic.sim.toy(3), LineFit=ic.reco.improved_linefit(p), SPEFit=spe_fit(p))
    >>> events.select("SPEFit.fit_status", "SPEFit.ndof").collect().rows()
    [(0, 10), (0, 10), (0, 35)]
    """
    if iterations < 0 or max_calls < 1:
        msg = f"iterations must be 0 or more and max_calls 1 or more, found {iterations} and {max_calls}"
        raise ValueError(msg)
    low, high = cos_zenith_range
    if not -1.0 <= low < high <= 1.0:
        msg = f"`cos_zenith_range` must be (low, high) with -1 <= low < high <= 1, found {cos_zenith_range}"
        raise ValueError(msg)
    settings = {
        **likelihood(
            form, jitter, noise, timing_error, energy, ice_model=ice_model, gradient=minimizer == "BFGS"
        ),
        **moved(time_shift, max_mean_time_residual, charge_fraction),
        "alternatives": choice("add_alternatives", add_alternatives, ALTERNATIVES),
        "cos_zenith_range": (float(low), float(high)),
        "iterations": int(iterations),
        "tolerance": float(tolerance),
        "max_calls": int(max_calls),
        "table": frozen(pandel_table() if tables or minimizer == "BFGS" else EXACT),
    }
    kernel = _fit(minimizer, parametrization)
    fits = [
        kernel(
            pulses,
            **dict(zip(_SEED, (member(one, m) for m in (*_PARTICLE, "fit_status")), strict=True)),
            **settings,
        )
        for one in ([seed] if isinstance(seed, (str, pl.Expr)) else seed)
    ]
    if not fits:
        msg = "a fit needs a seed, found none: give the key of a track, or an expression"
        raise ValueError(msg)
    return fits[0] if len(fits) == 1 else _best(fits)


def _best(fits: Sequence[pl.Expr]) -> pl.Expr:
    """Return the fit with the lowest logl of each event; if none converged, the first that had a seed, or the first."""

    def choose(series: Sequence[pl.Series]) -> pl.Series:
        best = series[0].struct.unnest()
        for other in (s.struct.unnest() for s in series[1:]):
            found, better = best["logl"].is_not_null(), other["logl"] < best["logl"]
            first_good = (best["fit_status"] == kernels.MISSING_SEED) & (
                other["fit_status"] != kernels.MISSING_SEED
            )
            keep = ~((found & better) | (~found & (other["logl"].is_not_null() | first_good)))
            keep = keep.fill_null(value=True)
            best = best.select(best[name].zip_with(keep, other[name]) for name in best.columns)
        return best.to_struct(series[0].name)

    return mapped(fits, choose, "best of several fits", pl.Struct(_FIELDS))


@feature(cost=3000)
def mpe_fit(
    pulses: Pulses,
    *,
    seed: Reference | Sequence[Reference] = "SPEFit",
    form: str = "MPE",
    jitter: float = 4.0,
    **settings: Unpack[FitSettings],
) -> pl.Expr:
    """Return the maximum-likelihood track fit to the first-photon times, given the charges of the DOMs (MPE).

    The first of n photons, with n the charge of a DOM, has the density n p(t) (1 - P(t))^(n - 1), where p is that of a
    single photon and P its integral. This is `spe_fit` with another form and jitter. With the seed "SPEFit2" it is the
    MPEFit of level 2.

    Parameters
    ----------
    pulses, seed
        As in `spe_fit`.
    form
        A form of `spe_fit`, usually "MPE", "MPEPlain" or "MPEAll".
    jitter
        Width (ns) of the Gaussian that is convolved with the arrival times, 4 ns in IceCube's standard processing.
    settings
        The other keywords of `spe_fit`.

    Returns
    -------
    pl.Expr
        Fields as in `spe_fit`.

    Raises
    ------
    ValueError
        As in `spe_fit`.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> fits = {"LineFit": ic.reco.improved_linefit(p), "SPEFit": ic.reco.spe_fit(p), "MPEFit": mpe_fit(p)}
    >>> ic.with_features(ic.sim.toy(3), **fits).select("MPEFit.fit_status").collect().to_series().to_list()
    [0, 0, 0]
    """
    return spe_fit(pulses, seed=seed, form=form, jitter=jitter, **settings)


@feature(cost=50)
def track_likelihood(
    pulses: Pulses,
    *,
    track: Reference = "MPEFit",
    form: str = "MPE",
    jitter: float | None = None,
    noise: float = 1e-8,
    timing_error: float = 0.0,
    energy: float = 1000.0,
    ice_model: str = "H2",
    n_free_parameters: int = 5,
) -> pl.Expr:
    """Return -ln L of a given track, without a fit.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry; pulses are ignored as in `spe_fit`.
    track
        Key of a track, of which the columns `<track>.x`, `.y`, `.z`, `.time`, `.zenith` and `.azimuth` are read.
    form, noise, timing_error, energy, ice_model
        As in `spe_fit`.
    jitter
        As in `spe_fit`; None means 4 ns for the MPE forms and 15 ns for the others.
    n_free_parameters
        Subtracted from the number of hit DOMs to give ndof.

    Returns
    -------
    pl.Expr
        Fields logl (-ln L), rlogl (logl / ndof) and ndof (number of hit DOMs minus `n_free_parameters`). rlogl is null
        without degrees of freedom; both are null where the track is missing. IceTray gives no logl either without
        degrees of freedom, and -1 for ndof.

    Raises
    ------
    ValueError
        An argument is not among the names above or is out of its range.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> truth = ic.with_features(ic.sim.toy(3), L=track_likelihood(p, track="MCPrimary", form="SPE1st"))
    >>> truth.select("L.ndof").collect().to_series().to_list()
    [10, 10, 35]
    """
    columns = {f"track_{m}": member(track, m) for m in _PARTICLE}
    return _LIKELIHOOD(
        pulses,
        **columns,
        **likelihood(form, jitter, noise, timing_error, energy, ice_model=ice_model),
        n_free_parameters=int(n_free_parameters),
        table=frozen(EXACT),
    )


def likelihood(
    form: str,
    jitter: float | None,
    noise: float,
    timing_error: float = 0.0,
    energy: float = 1000.0,
    *,
    ice_model: str = "H2",
    gradient: bool = False,
) -> dict[str, Any]:
    """Return the kernel arguments that define the likelihood of a track."""
    kind = choice("form", form, FORMS)
    if jitter is None:
        jitter = 4.0 if form.startswith("MPE") else 15.0
    if gradient and (timing_error > 0.0 or kind not in _WITH_GRADIENT or jitter == 0.0):
        how = " with a timing error" * (timing_error > 0.0) + " without jitter" * (jitter == 0.0)
        msg = f"BFGS needs a gradient, which is not available for {form!r}{how}; use minimizer='simplex'"
        raise ValueError(msg)
    blur = response(form, jitter, timing_error, energy)
    return {
        "form": kind,
        "response": blur,
        "noise": float(noise),
        "ice": choice("ice_model", ice_model, ICE_MODELS),
    }


def response(form: str, jitter: float, timing_error: float, energy: float) -> tuple[float, float, float]:
    """Return the kernel argument with the jitter and timing error of the DOMs (ns) and the energy of the muon (GeV)."""
    if timing_error > 0.0 and form not in {"MPE", "MPEPlain"}:
        msg = f"`timing_error` is supported only for the forms MPE and MPEPlain, found {form!r}"
        raise ValueError(msg)
    if not jitter >= 0.0:
        msg = f"`jitter` must be 0 ns or more, found {jitter}"
        raise ValueError(msg)
    if not energy > 0.0:
        msg = f"`energy` must be above 0 GeV, found {energy}"
        raise ValueError(msg)
    return float(jitter), max(float(timing_error), 0.0), float(energy)


def moved(
    time_shift: str, max_mean_time_residual: float, charge_fraction: float = 0.9
) -> dict[str, tuple[int, float, float]]:
    """Return the kernel argument that says how the time of a seed is set."""
    shift = choice("time_shift", time_shift, TIME_SHIFTS)
    if not 0.0 <= charge_fraction <= 1.0:
        msg = f"`charge_fraction` must be from 0 to 1, found {charge_fraction}"
        raise ValueError(msg)
    return {"moves": (shift, float(max_mean_time_residual), float(charge_fraction))}


def choice(argument: str, name: str, choices: Mapping[str, T]) -> T:
    """Return the value that a name stands for.

    Raises
    ------
    ValueError
        The name is unknown.
    """
    if name not in choices:
        msg = f"`{argument}` must be one of {', '.join(choices)}, found {name!r}"
        raise ValueError(msg)
    return choices[name]


def _fit(minimizer: str, parametrization: str) -> Kernel:
    choice("minimizer", minimizer, dict.fromkeys(MINIMIZERS))
    choice("parametrization", parametrization, dict.fromkeys(PARAMETRIZATIONS))
    if (minimizer, parametrization) not in _FITS:
        msg = (
            f"{minimizer} does not support the `parametrization` {parametrization!r}; "
            "use parametrization='Simple' or minimizer='simplex'"
        )
        raise ValueError(msg)
    return _FITS[minimizer, parametrization]
