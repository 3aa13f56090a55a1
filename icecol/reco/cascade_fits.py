"""Likelihood fits of cascades: `cascade_fit`, and the likelihood of a given cascade, `cascade_likelihood`."""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.detector.ice import south_pole
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.jagged import frozen
from icecol.reco.kernels import cascade_fit as kernels
from icecol.reco.kernels import directional_cascade_fit as directional_kernels
from icecol.reco.kernels import layered_cascade_fit as layered_kernels
from icecol.reco.kernels.layered_light import ice_of
from icecol.reco.kernels.pandel_table import EXACT, pandel_table
from icecol.reco.kernels.track_likelihood import U_PANDEL
from icecol.reco.likelihood_fits import FORMS, choice, moved, response
from icecol.reco.positions import geometry_of, good_in_ice, sensors_of
from icecol.reco.reference import Reference, member

CASCADE_FORMS: Final = {**FORMS, "UPandel": U_PANDEL}
"""Which pulses of a DOM enter the likelihood, and how: as for tracks, or cscd-llh's patched Pandel function."""
LIGHT: Final = {"charge": True, "hits": False, "layers": True}
"""What a fit of direction and energy uses of the light: charges, hit and unhit DOMs, or charges in layered ice."""

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
_LAYERED = Kernel(layered_kernels.layered_cascade_fit, _FIELDS, events=_SEED)
_LIKELIHOOD = Kernel(
    kernels.vertex_likelihood,
    {"logl": pl.Float64, "rlogl": pl.Float64, "ndof": pl.Int32},
    events=tuple(f"vertex_{m}" for m in _VERTEX),
)


@feature(cost=2000)
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
    """Return the maximum-likelihood cascade fit: vertex and time, and, with `directional`, also direction and energy.

    All light comes from one point, and its arrival times follow the Pandel function with the cascade constants of
    IceTray's ipdf (450 ns, 47 m, 98 m). Minuit's simplex varies time, x, y and z, as Gulliver does for the event type
    PointCascade. Direction and energy do not affect these times. For them the likelihood is multiplied by that of the
    amount of light in every DOM of the geometry, hit or not. Its mean, in photoelectrons, is that of AMANDA in ipdf's
    DirectionalCascade: at r m from the vertex, with c the cosine of the angle to the axis, light_yield E exp(-d /
    attenuation) / d (c^2 + 3.364 c + 2.566), d = r + 0.1 m. It includes neither ice layers nor the orientation of the
    DOMs, nor that distant light has lost its direction. Calibrate the yield and the profile to your detector before you
    trust an energy, and take the direction as no more than a hint.

    With light="layers" it is the light of `icecol.sim` with ice="layers" instead: depth-dependent ice, hole ice and the
    orientation and efficiency of the DOMs. Vertex and time are first fitted to the arrival times. Directions all over
    the sphere are then compared by the charges within 250 m, and vertex, direction and energy fitted to these, with a
    negative binomial distribution, 20 % wider than Poisson's. The time of bright cascades needs form="MPE". The energy
    is that of an electromagnetic cascade. Inside the detector the median angle to the truth is some 20 degrees at 10 to
    30 TeV and 10 at 100 TeV in such a simulation; as the ice is not known that well, data will be less precise.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.
    seed
        Key of a cascade, such as one from `clast`, of which the columns `<seed>.x`, `.y`, `.z`, `.time`, `.zenith`,
        `.azimuth`, `.energy` and `.fit_status` are read.
    directional
        Vary zenith, azimuth and energy as well.
    form
        As in `spe_fit`, or "UPandel": the patched Pandel function of IceTray's cscd-llh, with a minimum of 1e-10 and
        without `noise`. For "PSA" the mean number of photoelectrons is 1.4 m/GeV E exp(-d / 29 m) / d, with E the
        energy of the seed.
    jitter, noise, timing_error
        As in `spe_fit`.
    energy
        Energy (GeV) for "PSA" where the seed has none.
    time_shift, max_mean_time_residual, charge_fraction
        As in `spe_fit`, for light from the vertex. The time of CLast is good as it is, hence "TNone".
    min_hits
        Minimum number of hit DOMs, on top of the requirement that there be more of them than parameters; 8 in IceCube's
        CascadeFilter.
    light
        "charge": the charge of a DOM is Poisson distributed, with `light_noise` PE in addition to the cascade's.
        "hits": a DOM is hit with the probability 1 - (1 - light_noise) exp(-mu) - dead (1 - exp(-mu)), as in cscd-llh.
        "layers": charges in layered ice, as above; `light_yield` to `iterations` have no effect then.
    light_yield
        Light yield in m/GeV.
    attenuation
        Attenuation length in m.
    profile
        Coefficients of 1, c and c^2 in the angular profile, which must be positive for all |c| <= 1.
    light_noise
        Noise in PE, or with "hits" the probability of a noise hit in a DOM.
    dead
        Probability that a DOM is dead, with "hits" only.
    iterations
        Number of further fits, with `directional`, starting in directions from a Sobol sequence. The best fit is kept.
    minimizer
        "simplex", or cscd-llh's "Powell", which does not fit a direction. With the form "UPandel", min_hits=8 and a
        seed from `clast` the latter is the CascadeLlhVertexFit of level 2; in a few events in a thousand its line
        searches part ways after rounding and end at another position.
    tables, max_calls
        As in `spe_fit`.
    tolerance
        For the simplex as in `spe_fit`; None means 1e-4. For Powell's method the relative decrease of -ln L in a round
        of line searches below which it stops; None means 1e-2, as in cscd-llh, which therefore stops early.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m), time (ns), zenith, azimuth (rad), energy (GeV; these three are the seed's unless fitted);
        fit_status (0 OK; 20 fewer hit DOMs than `min_hits`; 30 no more hit DOMs than parameters, or no convergence; 40
        no seed); logl (-ln L), rlogl (logl / ndof), ndof (number of hit DOMs minus 4 or 7; with "layers" of all DOMs
        within 250 m, minus 6), nmini (likelihood evaluations). Where a fit fails, logl and rlogl are null, ndof and
        nmini -1, and the particle is the seed with its time shifted. All fields are null where
        the series is null.

    Raises
    ------
    ValueError
        An argument is not among the names above or is out of its range, or a directional fit is asked of Powell's
        method.
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
        msg = f"a directional cascade fit supports the simplex only, found `minimizer` {minimizer!r}"
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
    by_charge = choice("light", light, LIGHT)
    if light == "layers":
        return _LAYERED(
            pulses, **settings, sensors=sensors_of(pulses, "a directional cascade fit"), ice=_ice()
        )
    return _DIRECTIONAL(
        pulses,
        **settings,
        sensors=_sensors(pulses),
        light=tuple(float(v) for v in (light_yield, attenuation, *profile, light_noise, dead)),
        by_charge=by_charge,
        iterations=int(iterations),
    )


@feature(cost=50)
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
    """Return -ln L of the arrival times of light from a given vertex, without a fit.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.
    vertex
        Key of a cascade, of which the columns `<vertex>.x`, `.y`, `.z`, `.time` and `.energy` are read; the energy
        matters for the form "PSA" only.
    form, jitter, noise, timing_error, energy
        As in `cascade_fit`.

    Returns
    -------
    pl.Expr
        Fields logl (-ln L), rlogl (logl / ndof) and ndof (number of hit DOMs minus 4). rlogl is null without degrees of
        freedom; both are null where the vertex is missing.

    Raises
    ------
    ValueError
        An argument is not among the names of `cascade_fit` or is out of its range.

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


@functools.cache
def _ice() -> Any:
    """Return the ice of the South Pole as an argument that kernels may keep."""
    ice = ice_of(south_pole())
    return ice._replace(layers=frozen(ice.layers), cascade=frozen(ice.cascade), track=frozen(ice.track))


def _sensors(pulses: Pulses) -> Any:
    """Return x, y, z of all good in-ice DOMs."""
    geometry = geometry_of(pulses, "a directional cascade fit")
    return frozen(np.ascontiguousarray(geometry.xyz[good_in_ice(geometry)].T))
