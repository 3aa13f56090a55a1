"""Topology of events: `finite_reco` where a track starts and stops, `fill_ratio` how a cascade fills its spheres."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs

from icecol.dataset.pulses import Pulses
from icecol.detector.dom_sets import of_icecube
from icecol.detector.geometry import Geometry
from icecol.errors import GeometryError
from icecol.reco.decorator import Kernel
from icecol.reco.jagged import frozen
from icecol.reco.kernels import fill_ratio as fill_kernels
from icecol.reco.kernels import fill_ratio_lite as lite_kernels
from icecol.reco.kernels import finite_reco as finite_kernels
from icecol.reco.tracks import SHAPES, TRACK, on_track

_CUTS = ("Length", "endFraction", "startFraction", "Sdet", "finiteCut", "DetectorLength")
_FINITE_SHAPES = ("StartingTrack", "StoppingTrack", "ContainedTrack")
_FINITE = Kernel(
    finite_kernels.finite_reco,
    {
        **dict.fromkeys(("x", "y", "z", "time", "zenith", "azimuth", "length"), pl.Float64),
        "fit_status": pl.Int32,
        **dict.fromkeys(_CUTS, pl.Float64),
    },
    events=(*TRACK, "track_status", "own_length"),
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
_LITE = Kernel(
    lite_kernels.fill_ratio_lite, {"value": pl.Float64}, events=("vertex_x", "vertex_y", "vertex_z")
)


def finite_reco(
    pulses: Pulses,
    *,
    track: str,
    cylinder_radius: float = 100.0,
    expected_shape: str = "ContainedTrack",
) -> pl.Expr:
    """Return the part of a track between its first and last hit sensor, as IceTray's finiteReco has it.

    Parameters
    ----------
    pulses
        The series, with a geometry; sensors are looked at, not times or charges.
    track
        Key with columns `.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`: a particle or a fit. Its `.fit_status` and
        `.length` are read where there are such columns.
    cylinder_radius
        Sensors closer to the track than so many m count; level 2 uses 200.
    expected_shape
        "ContainedTrack", as in level 2, for where the track starts and how long it is; "StartingTrack" for where it
        starts, "StoppingTrack", which I3StartStopPoint takes if nothing is asked, for where it stops.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m), time (ns): where it starts, or stops; zenith, azimuth (rad), as they were; length (m): of
        the part of a contained track, else that of the track, NaN if it has none; fit_status (0 OK, that of the track
        if it is not 0, 40 the track is NaN, 20 no hit sensor is close to it); and of I3FiniteCuts Length (m, of the
        part), endFraction and startFraction (of the detector behind and before it), Sdet (unevenness of the hits, NaN
        for fewer than three), finiteCut (where in the detector they are, -1 at its begin to 1 at its end, 0 without
        any, NaN without any pulse), DetectorLength (m, of the sensors of IceCube in the ice close to the track). A
        status of 20 leaves of these zenith, azimuth, finiteCut, DetectorLength and a length that is that of the track,
        any other none; the others are NaN. Every field is null where the series or the track is.

    Raises
    ------
    GeometryError
        The pulses have no geometry.
    ValueError
        The shape is not one of the three.

    Examples
    --------
    >>> g = Geometry.from_columns(
    ...     {
    ...         "string": 4 * [1],
    ...         "om": [1, 2, 3, 4],
    ...         "x": 4 * [9.0],
    ...         "y": 4 * [0.0],
    ...         "z": [300.0, 200.0, 100.0, 0.0],
    ...     }
    ... )
    >>> track = {"L.x": 0.0, "L.y": 0.0, "L.z": 0.0, "L.time": 0.0, "L.zenith": 0.0, "L.azimuth": 0.0}
    >>> frame = pl.DataFrame({"P.omkey": [[65792 + 256, 65792 + 512]], **track})
    >>> part = finite_reco(Pulses("P", g), track="L").struct
    >>> frame.select(part.field("z"), part.field("length"), part.field("DetectorLength")).row(0)
    (200.0, 100.0, 300.0)
    """
    if expected_shape not in _FINITE_SHAPES:
        msg = f"`expected_shape` must be one of {', '.join(map(repr, _FINITE_SHAPES))}; found {expected_shape!r}"
        raise ValueError(msg)
    return on_track(
        _FINITE,
        pulses,
        track,
        "InfiniteTrack",
        track_status=_if_there(f"{track}.fit_status", 0.0),
        own_length=_if_there(f"{track}.length", math.nan),
        expected_shape=SHAPES[expected_shape],
        cylinder_radius=float(cylinder_radius),
        **_sensors(pulses, "where a track starts and stops", icecube=True),
    )


def _if_there(column: str, otherwise: float) -> pl.Expr:
    """Return a column, and a number where it is null or the frame has none."""
    return pl.coalesce(cs.by_name(column, require_all=False), pl.lit(otherwise))


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
    bad_doms: bool = False,
    vertex_energy: pl.Expr | None = None,
    vertex_status: pl.Expr | None = None,
) -> pl.Expr:
    """Return how much of spheres around a vertex was hit, as IceTray's I3FillRatioModule has it.

    Parameters
    ----------
    pulses
        The series, with a geometry.
    vertex
        Key with columns `.x`, `.y`, `.z`, `.energy` (GeV) and `.fit_status`: a particle or a fit.
    mean, rms, mean_plus_rms, nch, energy
        Radii of the spheres: times the mean and the width (and their sum) of the distances of hit sensors, and the
        reach of light as expected from the number of sensors and from the energy of the vertex. The scale of the last
        is fixed in IceTray, which gives as its radius, here too, that with the scale of nch.
    amplitude_weighting_power
        Weigh a distance with the charge of its sensor to this power.
    bad_doms
        Let sensors that the geometry calls bad count, too, as places that could be hit: IceTray without a BadDOMList.
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
    pulses = _without_bad(pulses) if bad_doms else pulses
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
        **_sensors(pulses, "a fill ratio", icecube=False),
    )


def fill_ratio_lite(
    pulses: Pulses,
    *,
    vertex: str,
    scale: float = 1.0,
    amplitude_weighting_power: float = 0.0,
    bad_doms: bool = False,
    vertex_status: pl.Expr | None = None,
) -> pl.Expr:
    """Return how much of one sphere around a vertex was hit, as IceTray's I3FillRatioLite has it.

    Parameters
    ----------
    pulses
        The series, with a geometry.
    vertex
        Key with columns `.x`, `.y`, `.z` and `.fit_status`: a particle or a fit.
    scale
        Radius of the sphere in mean distances of the hit sensors from the vertex.
    amplitude_weighting_power
        Weigh a distance with the charge of its sensor to this power; sensors without charge are left out of the mean.
    bad_doms
        Let sensors that the geometry calls bad count, too, hit or not: IceTray without a BadDOMListName.
    vertex_status
        What stands for the status of a vertex without this column: `pl.lit(0)`.

    Returns
    -------
    pl.Expr
        Field value: the hit part of the sensors in the sphere, its surface included, but for strings whose topmost
        sensor is not within its radius horizontally. NaN if there are none. It is null where the series is, and where
        the status is not 0: there IceTray writes nothing.

    Raises
    ------
    GeometryError
        The pulses have no geometry.

    Examples
    --------
    >>> g = Geometry.from_columns(
    ...     {"string": 3 * [1], "om": [1, 2, 3], "x": 3 * [3.0], "y": 3 * [4.0], "z": [12.0, 0.0, -12.0]}
    ... )
    >>> frame = pl.DataFrame({"P.charge": [[1.0]], "P.omkey": [[65792]], "V.x": 0.0, "V.y": 0.0, "V.z": 0.0})
    >>> ratio = fill_ratio_lite(Pulses("P", g), vertex="V", scale=0.9, vertex_status=pl.lit(0))
    >>> frame.select(ratio.struct.field("value")).item()
    0.0
    """
    pulses = _without_bad(pulses) if bad_doms else pulses
    status = pl.col(f"{vertex}.fit_status") if vertex_status is None else vertex_status
    sensors = _sensors(pulses, "a fill ratio", icecube=False, columns=("omkey", "x", "y", "z"))
    omkey = sensors["sensor_omkey"]
    heads = np.unique(omkey >> 16, return_index=True)[1]
    value = _LITE(
        pulses,
        **{f"vertex_{c}": pl.col(f"{vertex}.{c}") for c in ("x", "y", "z")},
        scale=float(scale),
        amplitude_weighting_power=float(amplitude_weighting_power),
        strings=frozen(np.append(heads, omkey.size)),
        **sensors,
    )
    return pl.when(status == 0).then(value)


def _without_bad(pulses: Pulses) -> Pulses:
    """Return a series in whose geometry no sensor is bad."""
    g = pulses.geometry
    return pulses if g is None else replace(pulses, geometry=replace(g, bad=np.zeros_like(g.bad)))


def _sensors(
    pulses: Pulses, what: str, *, icecube: bool, columns: tuple[str, ...] = ("x", "y", "z")
) -> dict[str, Any]:
    """Return columns of the sensors of IceCube in the ice, or of all good ones, as parameters of a kernel."""
    if pulses.geometry is None:
        msg = f"{what} needs the places of all sensors; give Pulses({pulses.key!r}, geometry) a geometry"
        raise GeometryError(msg)
    geometry: Geometry = pulses.geometry
    there = of_icecube(geometry) if icecube else ~geometry.bad
    return {f"sensor_{c}": frozen(getattr(geometry, c)[there]) for c in columns}
