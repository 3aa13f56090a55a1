"""Topology of events: `finite_reco` where a track starts and stops, `fill_ratio` how a cascade fills its sphere."""

from __future__ import annotations

from typing import Any

import polars as pl

from icecol.dataset.geometry import Geometry
from icecol.dataset.pulses import Pulses
from icecol.errors import GeometryError
from icecol.reco.cherenkov import on_track
from icecol.reco.features import Kernel
from icecol.reco.jagged import frozen
from icecol.reco.kernels import fill_ratio as fill_kernels
from icecol.reco.kernels import finite_reco as finite_kernels

ICETOP_OM = 61
"""Sensors from this number on are those of IceTop, on the surface."""

_CUTS = ("Length", "endFraction", "startFraction", "Sdet", "finiteCut", "DetectorLength")
_TRACK = tuple(f"track_{m}" for m in ("x", "y", "z", "time", "zenith", "azimuth", "length"))
_FINITE = Kernel(
    finite_kernels.finite_reco,
    {
        **dict.fromkeys(("x", "y", "z", "time", "zenith", "azimuth", "length"), pl.Float64),
        "fit_status": pl.Int32,
        **dict.fromkeys(_CUTS, pl.Float64),
    },
    events=_TRACK,
)
_FILL = Kernel(
    fill_kernels.fill_ratio,
    {
        **dict.fromkeys(("mean_distance", "rms_distance", "nch_distance", "energy_distance"), pl.Float64),
        **dict.fromkeys(
            ("fill_radius_from_rms", "fill_radius_from_mean", "fill_radius_from_energy"), pl.Float64
        ),
        **dict.fromkeys(("fillradius_from_nch", "fill_radius_from_mean_plus_rms"), pl.Float64),
        **dict.fromkeys(("fill_ratio_from_rms", "fill_ratio_from_mean"), pl.Float64),
        **dict.fromkeys(("fill_ratio_from_mean_plus_rms", "fillratio_from_nch"), pl.Float64),
        "fill_ratio_from_energy": pl.Float64,
        "hit_count": pl.Int32,
    },
    events=("vertex_x", "vertex_y", "vertex_z", "vertex_energy", "vertex_status"),
)


def finite_reco(pulses: Pulses, *, track: str, cylinder_radius: float = 100.0) -> pl.Expr:
    """Return the part of a track between its first and last hit sensor, as IceTray's finiteReco has it.

    Parameters
    ----------
    pulses
        The series, with a geometry; sensors are looked at, not times or charges.
    track
        Key with columns `.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`: a particle or a fit.
    cylinder_radius
        Sensors closer to the track than so many m count; level 2 uses 200.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m), time (ns): where it starts; zenith, azimuth (rad), length (m); fit_status (0 OK, 40 the
        track is NaN, 20 no hit sensor is close to it); and of I3FiniteCuts Length (m), endFraction and startFraction
        (of the detector behind and before it), Sdet (unevenness of the hits), finiteCut (where in the detector they
        are, -1 at its begin to 1 at its end), DetectorLength (m, of the sensors of the ice close to the track). When
        the status is not 0 all others are NaN. Every field is null where the series or the track is.

    Raises
    ------
    GeometryError
        The pulses have no geometry.
    """
    return on_track(
        _FINITE,
        pulses,
        track,
        "InfiniteTrack",
        cylinder_radius=float(cylinder_radius),
        **_sensors(pulses, "where a track starts and stops", in_ice=True),
    )


def fill_ratio(
    pulses: Pulses,
    *,
    vertex: str,
    mean: float = 2.0,
    rms: float = 3.0,
    mean_plus_rms: float = 1.3,
    nch: float = 1.3,
    energy: float = 1.3,
    amplitude_weighting_power: float = 0.0,
    vertex_energy: pl.Expr | None = None,
    vertex_status: pl.Expr | None = None,
) -> pl.Expr:
    """Return how much of spheres around a vertex was hit, as IceTray's I3FillRatioModule has it.

    Parameters
    ----------
    pulses
        The series, with a geometry; sensors that it calls bad do not count as places that could be hit.
    vertex
        Key with columns `.x`, `.y`, `.z`, `.energy` (GeV) and `.fit_status`: a particle or a fit.
    mean, rms, mean_plus_rms, nch, energy
        Radii of the spheres: times the mean and the width (and their sum) of the distances of hit sensors, and the
        reach of light as expected from the number of sensors and from the energy of the vertex.
    amplitude_weighting_power
        Weigh a distance with the charge of its sensor to this power.
    vertex_energy, vertex_status
        What stands for the energy and the status of a vertex without these columns: `pl.lit(None)`, `pl.lit(0)`. Where
        the energy is NaN or null its distance is 1 m, as for IceTray; a status other than 0 has no answer.

    Returns
    -------
    pl.Expr
        Fields of I3FillRatioInfo: mean_distance, rms_distance, nch_distance, energy_distance (m); the radii (m)
        fill_radius_from_rms, fill_radius_from_mean, fill_radius_from_energy, fillradius_from_nch,
        fill_radius_from_mean_plus_rms; the ratios fill_ratio_from_rms, fill_ratio_from_mean,
        fill_ratio_from_mean_plus_rms, fillratio_from_nch, fill_ratio_from_energy; hit_count (hit sensors). NaN (and
        null) where IceTray has -1: for a sphere without sensors, and all of them without charge or vertex. Every field
        is null where the series is.

    Raises
    ------
    GeometryError
        The pulses have no geometry.
    """
    return _FILL(
        pulses,
        **{f"vertex_{c}": pl.col(f"{vertex}.{c}") for c in ("x", "y", "z")},
        vertex_energy=pl.col(f"{vertex}.energy") if vertex_energy is None else vertex_energy,
        vertex_status=pl.col(f"{vertex}.fit_status") if vertex_status is None else vertex_status,
        scale_mean=float(mean),
        scale_rms=float(rms),
        scale_mean_plus_rms=float(mean_plus_rms),
        scale_nch=float(nch),
        scale_energy=float(energy),
        amplitude_weighting_power=float(amplitude_weighting_power),
        **_sensors(pulses, "a fill ratio", in_ice=False),
    )


def _sensors(pulses: Pulses, what: str, *, in_ice: bool) -> dict[str, Any]:
    """Return the places of all good sensors as parameters of a kernel."""
    if pulses.geometry is None:
        msg = f"{what} needs the places of all sensors; give Pulses({pulses.key!r}, geometry) a geometry"
        raise GeometryError(msg)
    geometry: Geometry = pulses.geometry
    there = geometry.om < ICETOP_OM if in_ice else ~geometry.bad
    return {f"sensor_{c}": frozen(getattr(geometry, c)[there]) for c in ("x", "y", "z")}
