"""Muon energy from the light along the track: `truncated_energy`, `muon_energy`."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.jagged import frozen
from icecol.reco.kernels import muon_energy as likelihood
from icecol.reco.kernels import truncated_energy as truncation
from icecol.reco.kernels.muon_light import bare_track
from icecol.reco.positions import sensors_of
from icecol.reco.reference import Reference
from icecol.reco.tracks import TRACK, on_track

FORMS: Final = {"Poisson": likelihood.POISSON, "skewed": likelihood.SKEWED}
"""Distribution of the charge of a DOM about its expectation."""

WAYS: Final = ("ORIG", "BINS", "AllBINS", "DOMS", "AllDOMS")
"""The methods of I3TruncatedEnergy, by the endings of its keys."""

AREA: Final = 2.0e-3
SCATTERING: Final = 33.29
ABSORPTION: Final = 98.0
"""Effective photon-counting area of a standard DOM (m^2), and scattering and absorption length of the ice (m).

The lengths are those of the Pandel likelihood (ice model H2); `icecol.sim` uses the same three values.
"""

_TRUNCATED = Kernel(
    truncation.truncated_energy,
    {
        **{f"{way}_dEdX": pl.Float64 for way in WAYS},
        **{f"{way}_energy": pl.Float64 for way in WAYS},
        **dict.fromkeys(("n_bins", "n_doms", "fit_status"), pl.Int32),
    },
    events=TRACK,
)
_LIKELIHOOD = Kernel(
    likelihood.muon_energy,
    {
        **dict.fromkeys(("energy", "light", "light_error", "logl"), pl.Float64),
        **dict.fromkeys(("n_doms", "n_sensors", "fit_status"), pl.Int32),
    },
    events=TRACK,
)


@feature(cost=500)
def truncated_energy(
    pulses: Pulses,
    *,
    track: Reference,
    cylinder_bins: tuple[float, float] = (10.0, 80.0),
    cylinder_doms: tuple[float, float] = (0.0, 60.0),
    bin_length: float = 120.0,
    area: float = AREA,
    scattering: float = SCATTERING,
    absorption: float = ABSORPTION,
    calibration: Mapping[str, Sequence[float]] | None = None,
) -> pl.Expr:
    """Return the energy loss and energy of a muon without its largest stochastic losses, by five methods.

    The observed charge is compared with that expected from a muon that loses 1 GeV/m. Large stochastic losses are rare
    and tell little about the energy, so the brightest 40 % of the bins along the track (BINS) or the brightest half of
    the DOMs (DOMS) are discarded; ORIG uses everything. BINS and DOMS use hit DOMs only, AllBINS and AllDOMS unhit ones
    as well. Methods and settings are those of IceTray's I3TruncatedEnergy. The expected light does not come from its
    photonics tables, but from `icecol.reco.kernels.muon_light` in homogeneous ice.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Bad DOMs and those of IceTop are ignored.
    track
        Key of a particle or fit, of which the columns `.x`, `.y`, `.z`, `.time`, `.zenith` and `.azimuth` are read.
    cylinder_bins, cylinder_doms
        Minimum and maximum distance (m) from the track of the DOMs used for the methods with bins and with DOMs.
    bin_length
        Length (m) of a bin along the track.
    area, scattering, absorption
        Effective photon-counting area of a standard DOM (m^2), and scattering and absorption length of the ice (m).
    calibration
        (a, b, g, v0, p) for some of the methods: E = ((dEdX - a) / b)^g for dEdX >= v0, and (dEdX / v0)^p times the
        energy at v0 below. The default was fitted to muons of `icecol.sim` with stochastic losses and holds for the
        default settings (see the function `calibration`).

    Returns
    -------
    pl.Expr
        Fields ORIG_dEdX, BINS_dEdX, AllBINS_dEdX, DOMS_dEdX, AllDOMS_dEdX (GeV/m), the same with _energy (GeV), n_bins
        (bins with light), n_doms (hit DOMs in the cylinder), fit_status (0 OK; 20 fewer than 3 bins and fewer than 8
        DOMs; 40 the track is at NaN). A method is null with fewer than 3 bins (BINS, AllBINS), fewer than 8 hit DOMs
        (DOMS, AllDOMS) or without any light (ORIG). All fields are null where the series or the track is null.

    Raises
    ------
    ValueError
        The calibration names an unknown method or does not have five numbers.
    GeometryError
        The pulses have no geometry.

    References
    ----------
    IceCube, Nucl. Instrum. Meth. A 703 (2013) 190, arXiv:1208.3430.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> muons = ic.sim.events(3, seed=1, cascades=0, noise=0, energy=(1e4, 2e4), radius=300).to_polars()
    >>> found = ic.with_features(muons, E=truncated_energy(p, track="MCPrimary")).select(
    ...     "E.n_bins", "E.fit_status"
    ... )
    >>> found.collect().rows()
    [(9, 0), (9, 0), (12, 0)]
    """
    rows = calibration or {}
    unknown = rows.keys() - set(WAYS)
    if unknown:
        found = ", ".join(map(repr, sorted(unknown)))
        msg = f"the keys of `calibration` must be among {', '.join(WAYS)}; found {found}"
        raise ValueError(msg)
    return on_track(
        _TRUNCATED,
        pulses,
        track,
        "InfiniteTrack",
        sensors=sensors_of(pulses, "a muon energy"),
        light=bare_track(area, scattering, absorption),
        cylinder_bins=(float(cylinder_bins[0]), float(cylinder_bins[1])),
        cylinder_doms=(float(cylinder_doms[0]), float(cylinder_doms[1])),
        bin_length=float(bin_length),
        calibration=frozen(np.array([_coefficients(way, rows.get(way)) for way in WAYS])),
    )


@feature(cost=2000)
def muon_energy(
    pulses: Pulses,
    *,
    track: Reference,
    form: str = "skewed",
    radius: float = 150.0,
    noise: float = 1e-3,
    min_doms: int = 4,
    area: float = AREA,
    scattering: float = SCATTERING,
    absorption: float = ABSORPTION,
    calibration: Sequence[float] | None = None,
) -> pl.Expr:
    """Return the maximum-likelihood energy of a muon from the charges of the hit and unhit DOMs along its track.

    A muon emits as much light as 1.22 + 1.36e-3 E/GeV bare tracks, and `icecol.reco.kernels.muon_light` says how much
    of it the DOMs see. The charge of a DOM is Poisson distributed about a mean that may lie well above the expectation,
    as near a large stochastic loss, but hardly below it: the likelihood of IceTray's muex, in homogeneous ice.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Bad DOMs and those of IceTop are ignored.
    track
        Key of a particle or fit, of which the columns `.x`, `.y`, `.z`, `.time`, `.zenith` and `.azimuth` are read.
    form
        "skewed" as described above, or "Poisson" for a mean equal to the expectation.
    radius
        DOMs up to this distance (m) from the track are used.
    noise
        Noise (photoelectrons per DOM) that is left after cleaning.
    min_doms
        Minimum number of hit DOMs.
    area, scattering, absorption
        Effective photon-counting area of a standard DOM (m^2), and scattering and absorption length of the ice (m).
    calibration
        (a, b, g, v0, p): E = ((light - a) / b)^g for light >= v0, and (light / v0)^p times the energy at v0 below. The
        default was fitted to muons of `icecol.sim` with stochastic losses and holds for the default settings (see the
        function `calibration`).

    Returns
    -------
    pl.Expr
        Fields energy (GeV), light (in units of a bare track) and light_error (its standard deviation from the curvature
        of the likelihood), logl (-ln L, without terms that do not depend on the light), n_doms (hit DOMs) and n_sensors
        (all DOMs in range), fit_status (0 OK; 20 fewer than min_doms; 40 the track is at NaN). If the status is not 0
        the first four are null. All fields are null where the series or the track is null.

    Raises
    ------
    ValueError
        The form is unknown, or the calibration does not have five numbers.
    GeometryError
        The pulses have no geometry.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> muons = ic.sim.events(3, seed=1, cascades=0, noise=0, energy=(1e4, 2e4), radius=300).to_polars()
    >>> found = ic.with_features(muons, E=muon_energy(p, track="MCPrimary", form="Poisson")).collect()
    >>> ratio = found["E.light"] / (1.22 + 1.36e-3 * found["MCPrimary.energy"])
    >>> ratio.round(1).to_list()  # the mean charge of a photoelectron is 0.84 PE
    [0.8, 0.8, 0.8]
    """
    if form not in FORMS:
        msg = f"`form` must be one of {', '.join(map(repr, FORMS))}; found {form!r}"
        raise ValueError(msg)
    return on_track(
        _LIKELIHOOD,
        pulses,
        track,
        "InfiniteTrack",
        sensors=sensors_of(pulses, "a muon energy"),
        light=bare_track(area, scattering, absorption),
        form=FORMS[form],
        radius=float(radius),
        noise=float(noise),
        min_doms=int(min_doms),
        calibration=tuple(map(float, _coefficients("light", calibration))),
    )


@functools.cache
def calibration() -> dict[str, Any]:
    """Return the energy calibration: the coefficients of each method, and the sample of muons they were fitted to.

    It is read from muon_calibration.json next to this module, which benchmarks/calibrate_energy.py writes.
    """
    found: dict[str, Any] = json.loads(
        Path(__file__).with_name("muon_calibration.json").read_text(encoding="utf-8")
    )
    return found


def _coefficients(way: str, given: Sequence[float] | None) -> Sequence[float]:
    found = list(calibration()["coefficients"][way].values()) if given is None else given
    if len(found) != 5:
        msg = f"`calibration` of {way} has {len(found)} numbers, expected (a, b, g, v0, p)"
        raise ValueError(msg)
    return found
