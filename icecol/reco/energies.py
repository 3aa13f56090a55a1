"""Energy of muons from the light along their track: `truncated_energy`, `muon_energy`."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.detector.sensors import in_ice
from icecol.errors import GeometryError
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.jagged import Array, frozen
from icecol.reco.kernels import muon_energy as likelihood
from icecol.reco.kernels import truncated_energy as truncation
from icecol.reco.kernels.muon_light import bare_track
from icecol.reco.reference import Reference
from icecol.reco.tracks import TRACK, on_track

FORMS: Final = {"Poisson": likelihood.POISSON, "skewed": likelihood.SKEWED}
"""How the charge of a sensor is distributed about what is expected of it."""

WAYS: Final = ("ORIG", "BINS", "AllBINS", "DOMS", "AllDOMS")
"""Ways to the energy loss of I3TruncatedEnergy, by the ends of its keys."""

AREA: Final = 2.0e-3
SCATTERING: Final = 33.29
ABSORPTION: Final = 98.0
"""Photon counting area of a standard sensor (m^2), and lengths (m) of scattering and absorption in the ice.

The lengths are those of the Pandel likelihood (ice H2), and all three those of `icecol.sim`.
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


@feature
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
    """Return the energy loss and the energy of a muon without its largest losses, in five ways.

    What sensors saw is held against what a muon that loses 1 GeV/m would give them. A large loss is rare and says
    little of the energy, so the brightest 40 % of stretches of the track (BINS) or half of the sensors (DOMS) are left
    out; ORIG takes all. BINS and DOMS look at hit sensors alone, AllBINS and AllDOMS at dark ones, too. Ways and
    settings are those of IceTray's I3TruncatedEnergy; the expected light is not that of its tables, but of
    `icecol.reco.kernels.muon_light` in homogeneous ice.

    Parameters
    ----------
    pulses
        The series, with a geometry; bad sensors, and those of IceTop, are left out.
    track
        Key with columns `.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`: a particle or a fit.
    cylinder_bins, cylinder_doms
        Least and largest distance in m to the track of the sensors that count for bins, and for sensors.
    bin_length
        Length in m of a stretch of the track.
    area, scattering, absorption
        Photon counting area of a standard sensor in m^2, and the two lengths of the ice in m.
    calibration
        (a, b, g, v0, p) for some of the ways: E = ((dEdX - a) / b)^g from dEdX = v0 on, and (dEdX / v0)^p times the
        energy of v0 below. By default that of muons of `icecol.sim` with losses, which is good for the default settings
        (see `calibration`).

    Returns
    -------
    pl.Expr
        Fields ORIG_dEdX, BINS_dEdX, AllBINS_dEdX, DOMS_dEdX, AllDOMS_dEdX (GeV/m), the same with _energy (GeV), n_bins
        (with light), n_doms (hit sensors in the cylinder), fit_status (0 OK; 20 fewer than 3 bins and than 8 sensors;
        40 the track is NaN). NaN where there are too few: 3 bins for the ways with bins, 8 hit sensors for those with
        sensors, light at all for ORIG. Every field is null where the series or the track is.

    Raises
    ------
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
        msg = f"`calibration` may have {', '.join(WAYS)}; found {', '.join(map(repr, sorted(unknown)))}"
        raise ValueError(msg)
    return on_track(
        _TRUNCATED,
        pulses,
        track,
        "InfiniteTrack",
        sensors=_sensors(pulses),
        light=bare_track(area, scattering, absorption),
        cylinder_bins=(float(cylinder_bins[0]), float(cylinder_bins[1])),
        cylinder_doms=(float(cylinder_doms[0]), float(cylinder_doms[1])),
        bin_length=float(bin_length),
        calibration=frozen(np.array([_coefficients(way, rows.get(way)) for way in WAYS])),
    )


@feature
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
    """Return the energy of a muon for which the charge of the sensors along its track, hit and dark, is most likely.

    A muon shines as 1.22 + 1.36e-3 E/GeV bare tracks; how much of it sensors see is that of
    `icecol.reco.kernels.muon_light`. The charge of a sensor is Poisson distributed about a mean that may be well above
    what is expected, as near a large loss, but hardly below: the likelihood of IceTray's muex, in homogeneous ice.

    Parameters
    ----------
    pulses
        The series, with a geometry; bad sensors, and those of IceTop, are left out.
    track
        Key with columns `.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`: a particle or a fit.
    form
        "skewed", or "Poisson" for the mean as it is expected.
    radius
        Sensors up to so many m from the track count.
    noise
        Photo-electrons of noise in each sensor; those left by a cleaning.
    min_doms
        Fewest hit sensors for a fit.
    area, scattering, absorption
        Photon counting area of a standard sensor in m^2, and the two lengths of the ice in m.
    calibration
        (a, b, g, v0, p): E = ((light - a) / b)^g from light = v0 on, and (light / v0)^p times the energy of v0 below.
        By default that of muons of `icecol.sim` with losses, which is good for the default settings (see
        `calibration`).

    Returns
    -------
    pl.Expr
        Fields energy (GeV), light (of how many bare tracks) and light_error (its standard deviation by the curvature
        of the likelihood), logl (-ln L, without terms that do not depend on the light), n_doms and n_sensors (hit
        ones, and all in reach), fit_status (0 OK; 20 fewer than min_doms; 40 the track is NaN). Without a fit the first
        four are NaN. Every field is null where the series or the track is.

    Raises
    ------
    GeometryError
        The pulses have no geometry.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> muons = ic.sim.events(3, seed=1, cascades=0, noise=0, energy=(1e4, 2e4), radius=300).to_polars()
    >>> found = ic.with_features(muons, E=muon_energy(p, track="MCPrimary", form="Poisson")).collect()
    >>> ratio = found["E.light"] / (1.22 + 1.36e-3 * found["MCPrimary.energy"])
    >>> ratio.round(1).to_list()  # the mean charge of a photo-electron is 0.84 PE
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
        sensors=_sensors(pulses),
        light=bare_track(area, scattering, absorption),
        form=FORMS[form],
        radius=float(radius),
        noise=float(noise),
        min_doms=int(min_doms),
        calibration=tuple(map(float, _coefficients("light", calibration))),
    )


@functools.cache
def calibration() -> dict[str, Any]:
    """Return how the energies are calibrated: the coefficients of each way, and the muons that they are fitted to.

    It is the file muon_calibration.json beside this module, which benchmarks/calibrate_energy.py writes.
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


def _sensors(pulses: Pulses) -> tuple[Array, ...]:
    g = pulses.geometry
    if g is None:
        msg = (
            f"an energy needs the places of all sensors; give Pulses({pulses.key!r}, geometry) a geometry, such as "
            "that of the dataset"
        )
        raise GeometryError(msg)
    there = in_ice(g) & ~g.bad
    efficiency = np.nan_to_num(g.relative_efficiency, nan=1.0)
    return tuple(frozen(a[there]) for a in (g.omkey, g.x, g.y, g.z, -g.dir_z, efficiency))
