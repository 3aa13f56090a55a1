"""Likelihood fits of tracks: `spe_fit`, `mpe_fit`, and the likelihood of a given track, `track_likelihood`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.features import Kernel
from icecol.reco.jagged import frozen
from icecol.reco.kernels import gradient_track_fit as gradient
from icecol.reco.kernels import track_fit as kernels
from icecol.reco.kernels.pandel import H2
from icecol.reco.kernels.pandel_table import EXACT, pandel_table
from icecol.reco.kernels.track_likelihood import MPE, MPE_PLAIN, SPE_1ST, SPE_ALL, SPEQ_ALL
from icecol.reco.kernels.track_seed import T_FIRST, T_MEAN, T_NONE

T = TypeVar("T")

FORMS: Final = {
    "SPE1st": SPE_1ST,
    "SPEAll": SPE_ALL,
    "SPEqAll": SPEQ_ALL,
    "MPE": MPE,
    "MPEPlain": MPE_PLAIN,
}
"""What of the pulses of a sensor a likelihood takes."""
MINIMIZERS: Final = {"simplex": kernels.track_fit, "BFGS": gradient.gradient_track_fit}
"""Minuit's simplex, or the quasi-Newton method with the gradient."""
TIME_SHIFTS: Final = {"TNone": T_NONE, "TMean": T_MEAN, "TFirst": T_FIRST}
"""How the time of a seed is set."""

_PARTICLE = ("x", "y", "z", "time", "zenith", "azimuth")
_PARAMS = {"logl": pl.Float64, "rlogl": pl.Float64, "ndof": pl.Int32, "nmini": pl.Int32}
_SEED = tuple(f"seed_{member}" for member in (*_PARTICLE, "status"))
_FIELDS = {**dict.fromkeys(_PARTICLE, pl.Float64), "fit_status": pl.Int32, **_PARAMS}
_FITS = {name: Kernel(fit, _FIELDS, events=_SEED) for name, fit in MINIMIZERS.items()}
_LIKELIHOOD = Kernel(
    kernels.event_likelihood,
    {"logl": pl.Float64, "rlogl": pl.Float64, "ndof": pl.Int32},
    events=tuple(f"track_{member}" for member in _PARTICLE),
)


def spe_fit(
    pulses: Pulses,
    seed: str = "LineFit",
    *,
    iterations: int = 0,
    form: str = "SPE1st",
    jitter: float = 15.0,
    noise: float = 1e-8,
    time_shift: str = "TFirst",
    max_mean_time_residual: float = 1000.0,
    minimizer: str = "simplex",
    tables: bool = False,
    tolerance: float = 1e-4,
    max_calls: int = 1000,
) -> pl.Expr:
    """Return the track of largest likelihood for the time of the first photon at each sensor.

    The seed is moved along its direction to the point closest to the centre of charge, and in time; x, y, z, zenith
    and azimuth are then varied by Minuit's simplex. This is the SPEFitSingle of level 2, and with the seed
    "SPEFitSingle" and iterations=2 its SPEFit2: the same numbers, after the same number of calls.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    seed
        Key of a track: its columns `<seed>.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`, `.fit_status`.
    iterations
        Number of further fits, from the first result turned to directions of a Sobol sequence; the best is kept.
    form
        "SPE1st" for the first pulse of a sensor, "SPEAll" for all of them, "SPEqAll" for all to the power of their
        charge, "MPE" for the first of as many photons as the charge says, "MPEPlain" for that with the integral of
        the distribution without jitter.
    jitter, noise
        Width (ns) of the Gaussian that blurs arrival times, and the density (1/ns) added for noise: 1e-8 is 10 Hz.
    time_shift, max_mean_time_residual
        "TFirst" sets the time of a seed so that no first pulse comes before direct light, but for those more than
        max_mean_time_residual ns below the mean; "TMean" so that the mean residual is 0; "TNone" keeps it.
    minimizer
        "simplex", or "BFGS", which follows the gradient: fewer calls, and another of the minima where there are
        several, as often a better as a worse one; give it iterations.
    tables
        Look the density up in a table good to 5e-9 while minimising (with BFGS always). logl is computed at the end
        without it.
    tolerance, max_calls
        The simplex ends when -ln L differs by less than `tolerance` over it (twice in a row; IceTray's setting 0.001
        comes to 1e-4), or without result after max_calls calls.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m), time (ns), zenith, azimuth (rad), fit_status (0 OK; 20, 30: five hit sensors or fewer, or
        no convergence; 40 no seed); logl (-ln L), rlogl (by ndof), ndof (hit sensors less 5), nmini (calls of the
        likelihood in the best fit). Without a fit logl and rlogl are NaN; ndof and nmini are -1, as IceTray has
        them, where none was tried. After a failure with iterations=0 the particle is the seed, moved.

    References
    ----------
    Ahrens et al. (AMANDA), Nucl. Instrum. Meth. A 524 (2004) 169.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> events = ic.with_features(ic.sim.toy(3), LineFit=ic.reco.improved_linefit(p), SPEFit=spe_fit(p))
    >>> events.select("SPEFit.fit_status", "SPEFit.ndof").collect().rows()
    [(0, 19), (0, 13), (0, 46)]
    """
    return _fit(
        pulses,
        seed,
        iterations=iterations,
        form=form,
        jitter=jitter,
        noise=noise,
        time_shift=time_shift,
        max_mean_time_residual=max_mean_time_residual,
        minimizer=minimizer,
        tables=tables,
        tolerance=tolerance,
        max_calls=max_calls,
    )


def mpe_fit(
    pulses: Pulses,
    seed: str = "SPEFit",
    *,
    iterations: int = 0,
    form: str = "MPE",
    jitter: float = 4.0,
    noise: float = 1e-8,
    time_shift: str = "TFirst",
    max_mean_time_residual: float = 1000.0,
    minimizer: str = "simplex",
    tables: bool = False,
    tolerance: float = 1e-4,
    max_calls: int = 1000,
) -> pl.Expr:
    """Return the track of largest likelihood for the time of the first of all photons at each sensor.

    The density of the earliest of n photons, n the charge of the sensor, is n p(t) (1 - P(t))^(n - 1). Parameters
    and fields are those of `spe_fit`; with the seed "SPEFit2" this is the MPEFit of level 2.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> fits = {"LineFit": ic.reco.improved_linefit(p), "SPEFit": ic.reco.spe_fit(p), "MPEFit": mpe_fit(p)}
    >>> ic.with_features(ic.sim.toy(3), **fits).select("MPEFit.fit_status").collect().to_series().to_list()
    [0, 0, 0]
    """
    return _fit(
        pulses,
        seed,
        iterations=iterations,
        form=form,
        jitter=jitter,
        noise=noise,
        time_shift=time_shift,
        max_mean_time_residual=max_mean_time_residual,
        minimizer=minimizer,
        tables=tables,
        tolerance=tolerance,
        max_calls=max_calls,
    )


def track_likelihood(
    pulses: Pulses,
    track: str = "MPEFit",
    *,
    form: str = "MPE",
    jitter: float | None = None,
    noise: float = 1e-8,
) -> pl.Expr:
    """Return -ln L of a given track: its columns `<track>.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`.

    Fields: logl, rlogl, ndof, as `spe_fit` has them; rlogl is NaN without degrees of freedom, and logl too where the
    track is missing. `jitter` is 15 ns unless given, 4 ns with the MPE forms.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> truth = ic.with_features(ic.sim.toy(3), L=track_likelihood(p, "MCPrimary", form="SPE1st"))
    >>> truth.select("L.ndof").collect().to_series().to_list()
    [19, 13, 46]
    """
    kind = choice("form", form, FORMS)
    if jitter is None:
        jitter = 4.0 if kind >= MPE else 15.0
    columns = {f"track_{member}": f"{track}.{member}" for member in _PARTICLE}
    return _LIKELIHOOD(
        pulses, **columns, form=kind, jitter=float(jitter), noise=float(noise), ice=H2, table=frozen(EXACT)
    )


def _fit(pulses: Pulses, seed: str, **settings: Any) -> pl.Expr:
    columns = dict(zip(_SEED, (f"{seed}.{m}" for m in (*_PARTICLE, "fit_status")), strict=True))
    if settings["iterations"] < 0 or settings["max_calls"] < 1:
        msg = (
            f"iterations must be 0 or more and max_calls 1 or more, "
            f"found {settings['iterations']} and {settings['max_calls']}"
        )
        raise ValueError(msg)
    minimizer = choice("minimizer", settings["minimizer"], _FITS)
    return minimizer(
        pulses,
        **columns,
        form=choice("form", settings["form"], FORMS),
        jitter=float(settings["jitter"]),
        noise=float(settings["noise"]),
        ice=H2,
        shift=choice("time_shift", settings["time_shift"], TIME_SHIFTS),
        max_mean_residual=float(settings["max_mean_time_residual"]),
        iterations=int(settings["iterations"]),
        table=frozen(pandel_table() if settings["tables"] or settings["minimizer"] == "BFGS" else EXACT),
        tolerance=float(settings["tolerance"]),
        max_calls=int(settings["max_calls"]),
    )


<<<<<<< HEAD
def choice(argument: str, name: str, choices: dict[str, int]) -> int:
=======
def choice(argument: str, name: str, choices: Mapping[str, T]) -> T:
>>>>>>> f1d3da3
    if name not in choices:
        msg = f"`{argument}` must be one of {', '.join(choices)}, found {name!r}"
        raise ValueError(msg)
    return choices[name]
