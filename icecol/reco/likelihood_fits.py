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
"""What of the pulses of a sensor a likelihood takes."""
MINIMIZERS: Final = ("simplex", "BFGS")
"""Minuit's simplex, or the quasi-Newton method with the gradient."""
PARAMETRIZATIONS: Final = ("Simple", "HalfSphere")
"""Zenith and azimuth, or two lengths across the direction of the seed."""
TIME_SHIFTS: Final = {
    "TNone": T_NONE,
    "TMean": T_MEAN,
    "TFirst": T_FIRST,
    "TChargeFraction": T_CHARGE_FRACTION,
    "TDirectChargeFraction": T_DIRECT_CHARGE_FRACTION,
}
"""How the time of a seed is set."""
ALTERNATIVES: Final = {
    "None": NO_ALTERNATIVES,
    "Reverse": REVERSE,
    "Tetrahedron": TETRAHEDRON,
    "Cube": CUBE,
}
"""What other directions a seed is turned to."""

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
    """What `mpe_fit` takes beside form and jitter: the keywords of `spe_fit`."""

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


@feature
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
    """Return the track of largest likelihood for the time of the first photon at each sensor.

    The seed is moved along its direction to the point closest to the centre of charge, and in time; x, y, z, zenith
    and azimuth are then varied by Minuit's simplex, with steps of 20 m, 0.1 and 0.2 within 2 km. This is the
    SPEFitSingle of level 2, and with the seed "SPEFitSingle" and iterations=2 its SPEFit2: the same numbers, after the
    same number of calls. The defaults are those of IceCube's standard processing; bare, IceTray's modules have a noise
    of 1e-18, the form "MPEPlain" for "MPE", the shift "TMean", a tolerance of 1e-2 and 10000 calls.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks, at NaN, or without a charge above 0 are left out.
    seed
        Key of a track: its columns `<seed>.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`, `.fit_status`. Of several
        seeds the one that leads to the best fit; if none does, what the first good one leads to.
    iterations
        Number of further fits, from the first result turned to directions of a Sobol sequence (their time set as by
        "TFirst"); the best is kept.
    form
        "SPE1st" for the first pulse of a sensor, "SPEAll" for all of them, "SPEqAll" for all to the power of their
        charge, "MPE" for the first of as many photons as the charge of the sensor says, "MPEPlain" for that with the
        integral of the distribution without jitter, "MPEAll" for each pulse as the first of as many as its own charge
        says, "PSA" for the first of as many as a muon of that energy makes on average.
    jitter, noise
        Width (ns) of the Gaussian that blurs arrival times (0 for Pandel's density as it is, by the simplex only), and
        the density (1/ns) added for noise: 1e-8 is 10 Hz.
    timing_error
        By how many ns the clock of a sensor may be off, for MPE and MPEPlain: the likelihood is averaged over twice
        that time.
    energy
        Energy of the muon (GeV), for PSA.
    ice_model
        Of the holes around the strings: "H0" (clear), "H1", "H2", "H3" or "H4" (much scattering).
    time_shift, max_mean_time_residual, charge_fraction
        "TFirst" sets the time of a seed so that no first pulse comes before direct light, but for those more than
        max_mean_time_residual ns below the mean (NaN: for all); "TMean" so that the mean residual is 0;
        "TChargeFraction" so that this share of the charge comes after direct light, "TDirectChargeFraction" the same
        for the first pulse of each sensor; "TNone" keeps it.
    add_alternatives
        Fit from the seed turned to other directions too, its time set as by "TFirst": to the "Reverse", to the other
        corners of a "Tetrahedron", or to the other sides of a "Cube".
    cos_zenith_range
        Range of the cosine of the zenith angle in which the Sobol sequence runs; with iterations, a seed outside of it
        is not fitted itself.
    parametrization
        "Simple" varies zenith and azimuth, "HalfSphere" two lengths across the direction of the seed, from which a
        result is then less than a right angle away.
    minimizer
        "simplex", IceTray's; or "BFGS", which follows the gradient of a smooth density from two to four places and
        keeps the best. In simulated events of some 40 sensors its logl is that of the simplex, to 1e-3, or lower in 98
        of 100, and lower by 0.1 or more in 16, in a quarter of the time (with the MPE forms 96, 27, and half of it).
        Not for MPEAll, PSA, a timing error, or the half sphere.
    tables
        Look the density up in a table good to 3e-7 while minimising by the simplex. logl is computed at the end
        without it, with BFGS too.
    tolerance, max_calls
        The simplex ends when -ln L differs by less than `tolerance` over it (twice in a row; IceTray's setting 0.001
        comes to 1e-4), or without result after max_calls calls. BFGS ends when less than a hundredth of it can be won.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m), time (ns), zenith, azimuth (rad), fit_status (0 OK; 30: five hit sensors or fewer, or no
        convergence; 40 no seed, or with iterations five hit sensors or fewer, as IceTray has it); logl (-ln L), rlogl
        (by ndof), ndof (hit sensors less 5), nmini (calls of the likelihood in the best fit). Without a fit logl and
        rlogl are NaN, ndof and nmini -1, and the particle is the seed, moved, or NaN with iterations.

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
        msg = "a fit needs a seed: the name of a track, or an expression"
        raise ValueError(msg)
    return fits[0] if len(fits) == 1 else _best(fits)


def _best(fits: Sequence[pl.Expr]) -> pl.Expr:
    """Return for each event the fit of least logl; if none has any the first one that had a seed, or the first."""

    def choose(series: Sequence[pl.Series]) -> pl.Series:
        best = series[0].struct.unnest()
        for other in (s.struct.unnest() for s in series[1:]):
            found, better = best["logl"].is_not_nan(), other["logl"] < best["logl"]
            first_good = (best["fit_status"] == kernels.MISSING_SEED) & (
                other["fit_status"] != kernels.MISSING_SEED
            )
            keep = ~((found & better) | (~found & (other["logl"].is_not_nan() | first_good)))
            keep = keep.fill_null(value=True)
            best = best.select(best[name].zip_with(keep, other[name]) for name in best.columns)
        return best.to_struct(series[0].name)

    return pl.map_batches(list(fits), choose, return_dtype=pl.Struct(_FIELDS), is_elementwise=True)


@feature
def mpe_fit(
    pulses: Pulses,
    *,
    seed: Reference | Sequence[Reference] = "SPEFit",
    form: str = "MPE",
    jitter: float = 4.0,
    **settings: Unpack[FitSettings],
) -> pl.Expr:
    """Return the track of largest likelihood for the time of the first of all photons at each sensor.

    The density of the earliest of n photons, n the charge of the sensor, is n p(t) (1 - P(t))^(n - 1). This is
    `spe_fit` with another form and jitter: further parameters and fields are as there. With the seed "SPEFit2" it is
    the MPEFit of level 2.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> fits = {"LineFit": ic.reco.improved_linefit(p), "SPEFit": ic.reco.spe_fit(p), "MPEFit": mpe_fit(p)}
    >>> ic.with_features(ic.sim.toy(3), **fits).select("MPEFit.fit_status").collect().to_series().to_list()
    [0, 0, 0]
    """
    return spe_fit(pulses, seed=seed, form=form, jitter=jitter, **settings)


@feature
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
    """Return -ln L of a given track: its columns `<track>.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`.

    Fields: logl, rlogl, ndof (hit sensors less `n_free_parameters`), as `spe_fit` has them; rlogl is NaN without
    degrees of freedom, and logl too where the track is missing. `jitter` is 15 ns unless given, 4 ns with the MPE
    forms; the others are as in `spe_fit`.

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
    """Return the arguments of a kernel that say which likelihood of a track it takes."""
    kind = choice("form", form, FORMS)
    if jitter is None:
        jitter = 4.0 if form.startswith("MPE") else 15.0
    if gradient and (timing_error > 0.0 or kind not in _WITH_GRADIENT or jitter == 0.0):
        how = "with a timing error " * (timing_error > 0.0) + "without jitter " * (jitter == 0.0)
        msg = f"BFGS needs a gradient, which {form!r} {how}has not"
        raise ValueError(msg)
    blur = response(form, jitter, timing_error, energy)
    return {
        "form": kind,
        "response": blur,
        "noise": float(noise),
        "ice": choice("ice_model", ice_model, ICE_MODELS),
    }


def response(form: str, jitter: float, timing_error: float, energy: float) -> tuple[float, float, float]:
    """Return what a likelihood knows of sensors and light: jitter and error of the clock (ns), energy (GeV)."""
    if timing_error > 0.0 and form not in {"MPE", "MPEPlain"}:
        msg = f"a `timing_error` is for the forms MPE and MPEPlain, found {form!r}"
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
    """Return the argument of a kernel that says how a seed is moved in time."""
    shift = choice("time_shift", time_shift, TIME_SHIFTS)
    if not 0.0 <= charge_fraction <= 1.0:
        msg = f"`charge_fraction` must be from 0 to 1, found {charge_fraction}"
        raise ValueError(msg)
    return {"moves": (shift, float(max_mean_time_residual), float(charge_fraction))}


def choice(argument: str, name: str, choices: Mapping[str, T]) -> T:
    """Return what a name stands for.

    Raises
    ------
    ValueError
        There is no such name.
    """
    if name not in choices:
        msg = f"`{argument}` must be one of {', '.join(choices)}, found {name!r}"
        raise ValueError(msg)
    return choices[name]


def _fit(minimizer: str, parametrization: str) -> Kernel:
    choice("minimizer", minimizer, dict.fromkeys(MINIMIZERS))
    choice("parametrization", parametrization, dict.fromkeys(PARAMETRIZATIONS))
    if (minimizer, parametrization) not in _FITS:
        msg = f"{minimizer} knows no `parametrization` {parametrization!r}: take Simple, or the simplex"
        raise ValueError(msg)
    return _FITS[minimizer, parametrization]
