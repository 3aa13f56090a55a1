"""Likelihood fits of cascades: `cascade_fit`, and the likelihood of a given cascade, `cascade_likelihood`."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.detector.sensors import in_ice
from icecol.errors import GeometryError
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.jagged import frozen
from icecol.reco.kernels import cascade_fit as kernels
from icecol.reco.kernels import directional_cascade_fit as directional_kernels
from icecol.reco.kernels.pandel_table import EXACT, pandel_table
from icecol.reco.kernels.track_likelihood import U_PANDEL
from icecol.reco.likelihood_fits import FORMS, choice, moved, response
from icecol.reco.reference import Reference, member

CASCADE_FORMS: Final = {**FORMS, "UPandel": U_PANDEL}
"""What of the pulses of a sensor a likelihood takes: as for tracks, or cscd-llh's patched Pandel function."""
LIGHT: Final = {"charge": True, "hits": False}
"""What of the amount of light a fit of direction and energy takes."""

_PARTICLE = ("x", "y", "z", "time", "zenith", "azimuth", "energy")
_SEED = tuple(f"seed_{m}" for m in (*_PARTICLE, "status"))
_VERTEX = ("x", "y", "z", "time", "energy")
_FIELDS = {
    **dict.fromkeys(_PARTICLE, pl.Float64),
    "fit_status": pl.Int32,
    "logl": pl.Float64,
    "rlogl": pl.Float64,
    "ndof": pl.Int32,
    "nmini": pl.Int32,
}
_FITS: Final = {
    "simplex": Kernel(kernels.cascade_fit, _FIELDS, events=_SEED),
    "Powell": Kernel(kernels.powell_cascade_fit, _FIELDS, events=_SEED),
}
_TOLERANCES: Final = {"simplex": 1e-4, "Powell": 1e-2}
_DIRECTIONAL = Kernel(directional_kernels.directional_cascade_fit, _FIELDS, events=_SEED)
_LIKELIHOOD = Kernel(
    kernels.vertex_likelihood,
    {"logl": pl.Float64, "rlogl": pl.Float64, "ndof": pl.Int32},
    events=tuple(f"vertex_{m}" for m in _VERTEX),
)


@feature
def cascade_fit(
    pulses: Pulses,
    *,
    seed: Reference = "CLast",
    directional: bool = False,
    form: str = "SPE1st",
    jitter: float = 15.0,
    noise: float = 1e-8,
    timing_error: float = 0.0,
    energy: float = 1000.0,
    time_shift: str = "TNone",
    max_mean_time_residual: float = 1000.0,
    charge_fraction: float = 0.9,
    min_hits: int = 0,
    light: str = "charge",
    light_yield: float = 0.45,
    attenuation: float = 28.08,
    profile: tuple[float, float, float] = (2.566, 3.364, 1.0),
    light_noise: float = 5e-3,
    dead: float = 0.05,
    iterations: int = 0,
    minimizer: str = "simplex",
    tables: bool = False,
    tolerance: float | None = None,
    max_calls: int = 10_000,
) -> pl.Expr:
    """Return the cascade of largest likelihood: a vertex and its time, and with `directional` direction and energy.

    Light comes from one point; the time that it takes is Pandel's with the constants of cascades in IceTray's ipdf
    (450 ns, 47 m, 98 m). Minuit's simplex varies time, x, y and z, as a Gulliver fit with the event type PointCascade
    does. Direction and energy do not change these times, so for them the likelihood is multiplied with that of how
    much light each sensor of the geometry saw, or did not see. The mean number of photo-electrons is that of AMANDA as
    ipdf's DirectionalCascade has it: at r m from the vertex, the cosine c to the axis,
    light_yield E exp(-d / attenuation) / d (c^2 + 3.364 c + 2.566), d = r + 0.1 m. It knows neither layers of ice, nor
    how a sensor is turned, nor that far light has forgotten its direction: calibrate yield and profile to the detector
    at hand before believing an energy, and do not expect more of a direction than a hint.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    seed
        Key of a cascade such as `clast` gives: its columns `<seed>.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`,
        `.energy`, `.fit_status`.
    directional
        Vary zenith, azimuth and energy as well.
    form
        As in `spe_fit`, or "UPandel": the patched Pandel function of IceTray's cscd-llh, at least 1e-10, to which
        `noise` is not added. "PSA" takes the mean number of photo-electrons
        1.4 m/GeV E exp(-d / 29 m) / d for the energy of the seed.
    jitter, noise, timing_error
        As in `spe_fit`.
    energy
        Energy (GeV) for "PSA" where the seed has none.
    time_shift, max_mean_time_residual, charge_fraction
        As in `spe_fit`, for light from the vertex; CLast gives a good time as it is ("TNone").
    min_hits
        Least number of hit sensors, beside one more than there are parameters; 8 in IceCube's CascadeFilter.
    light
        "charge": the charge of a sensor is Poisson distributed, with `light_noise` PE beside the cascade's. "hits":
        a sensor is hit with the chance 1 - (1 - light_noise) exp(-mu) - dead (1 - exp(-mu)), as in cscd-llh.
    light_yield, attenuation, profile, light_noise, dead
        Constants of the above: m/GeV; m; coefficients of 1, c and c^2, all of the parabola above 0 for |c| <= 1; PE or
        the chance that a sensor sees noise; the chance that it is dead.
    iterations
        Number of further fits with `directional`, from directions of a Sobol sequence; the best is kept.
    minimizer
        "simplex"; or "Powell", that of cscd-llh, without direction: with the form "UPandel", min_hits=8 and a `clast`
        as the seed it is the CascadeLlhVertexFit of level 2.
    tables, max_calls
        As in `spe_fit`.
    tolerance
        Of the simplex 1e-4 unless given, see `spe_fit`; of Powell's method, 1e-2 unless given, the share of -ln L that
        a round along all directions must win to go on. cscd-llh leaves it there, and so stops early.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m), time (ns), zenith, azimuth (rad), energy (GeV; these three are the seed's unless fitted),
        fit_status (0 OK; 20: fewer hit sensors than `min_hits`; 30: no more of them than parameters, or no
        convergence; 40 no seed); logl (-ln L), rlogl (by ndof), ndof (hit sensors less 4 or 7), nmini (calls of the
        likelihood). Without a fit logl and rlogl are NaN, ndof and nmini -1, and the particle is the seed, moved in
        time. Every field is null where the series is.

    Raises
    ------
    GeometryError
        The pulses have no geometry.

    References
    ----------
    Ahrens et al. (AMANDA), Nucl. Instrum. Meth. A 524 (2004) 169; Kowalski, thesis, Berlin 2004.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> frame = ic.sim.events(3, seed=1, muons=0.0, cascades=1.0, noise=0.0).to_polars()
    >>> fits = ic.with_features(frame, CLast=ic.reco.clast(p), Vertex=cascade_fit(p))
    >>> fits.select("Vertex.fit_status").collect().to_series().to_list()
    [0, 0, 0]
    """
    if iterations < 0 or max_calls < 1:
        msg = f"iterations must be 0 or more and max_calls 1 or more, found {iterations} and {max_calls}"
        raise ValueError(msg)
    fit = choice("minimizer", minimizer, _FITS)
    if directional and minimizer != "simplex":
        msg = f"a cascade with direction is fitted by the simplex only, found `minimizer` {minimizer!r}"
        raise ValueError(msg)
    settings = {
        **dict(zip(_SEED, (member(seed, m) for m in (*_PARTICLE, "fit_status")), strict=True)),
        **_times(form, jitter, noise, timing_error, energy),
        **moved(time_shift, max_mean_time_residual, charge_fraction),
        "min_hits": int(min_hits),
        "tolerance": float(_TOLERANCES[minimizer] if tolerance is None else tolerance),
        "max_calls": int(max_calls),
        "table": frozen(pandel_table() if tables else EXACT),
    }
    if not directional:
        return fit(pulses, **settings)
    return _DIRECTIONAL(
        pulses,
        **settings,
        sensors=_sensors(pulses),
        light=tuple(float(v) for v in (light_yield, attenuation, *profile, light_noise, dead)),
        by_charge=choice("light", light, LIGHT),
        iterations=int(iterations),
    )


@feature
def cascade_likelihood(
    pulses: Pulses,
    *,
    vertex: Reference = "CLast",
    form: str = "SPE1st",
    jitter: float = 15.0,
    noise: float = 1e-8,
    timing_error: float = 0.0,
    energy: float = 1000.0,
) -> pl.Expr:
    """Return -ln L of the times of light from a point: its columns `<vertex>.x`, `.y`, `.z`, `.time`, `.energy`.

    Fields: logl, rlogl, ndof, as `cascade_fit` has them without direction; rlogl is NaN without degrees of freedom,
    and logl too where the vertex is missing. The energy is read for the form "PSA" only.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> frame = ic.sim.events(3, seed=1, muons=0.0, cascades=1.0, noise=0.0).to_polars()
    >>> truth = ic.with_features(frame, L=cascade_likelihood(p, vertex="MCPrimary"))
    >>> truth.select(pl.col("L.ndof") > 0).collect().to_series().to_list()
    [True, True, True]
    """
    columns = {f"vertex_{m}": member(vertex, m) for m in _VERTEX}
    return _LIKELIHOOD(
        pulses, **columns, **_times(form, jitter, noise, timing_error, energy), table=frozen(EXACT)
    )


def _times(form: str, jitter: float, noise: float, timing_error: float, energy: float) -> dict[str, Any]:
    kind = choice("form", form, CASCADE_FORMS)
    return {"form": kind, "response": response(form, jitter, timing_error, energy), "noise": float(noise)}


def _sensors(pulses: Pulses) -> Any:
    """Return x, y, z of all sensors in the ice that can see light."""
    if pulses.geometry is None:
        msg = (
            f"a cascade fit needs the places of all sensors; give Pulses({pulses.key!r}, geometry) a geometry"
        )
        raise GeometryError(msg)
    there = in_ice(pulses.geometry) & ~pulses.geometry.bad
    return frozen(np.ascontiguousarray(pulses.geometry.xyz[there].T))
