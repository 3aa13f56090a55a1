"""Where a track starts and stops in the detector: `finite_reco`."""

from __future__ import annotations

import math

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.detector.sensors import of_icecube
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.jagged import frozen
from icecol.reco.kernels import finite_reco as kernels
from icecol.reco.positions import geometry_of
from icecol.reco.reference import Reference, optional_member
from icecol.reco.tracks import SHAPES, TRACK, on_track

_CUTS = ("Length", "endFraction", "startFraction", "Sdet", "finiteCut", "DetectorLength")
_FINITE_SHAPES = ("StartingTrack", "StoppingTrack", "ContainedTrack")
_FINITE = Kernel(
    kernels.finite_reco,
    {
        **dict.fromkeys(("x", "y", "z", "time", "zenith", "azimuth", "length"), pl.Float64),
        "fit_status": pl.Int32,
        **dict.fromkeys(_CUTS, pl.Float64),
    },
    events=(*TRACK, "track_status", "own_length"),
)


@feature(cost=100)
def finite_reco(
    pulses: Pulses,
    *,
    track: Reference,
    cylinder_radius: float = 100.0,
    expected_shape: str = "ContainedTrack",
) -> pl.Expr:
    """Return the part of a track between its first and its last hit DOM, as IceTray's finiteReco determines it.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Only which DOMs are hit matters, not their times or charges.
    track
        The track: `.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`, and `.fit_status` and `.length` if it has them.
    cylinder_radius
        Maximum distance of a DOM from the track, in m; level 2 uses 200.
    expected_shape
        "ContainedTrack", as in level 2, to find the start and the length of the track; "StartingTrack" to find its
        start; "StoppingTrack", the default of I3StartStopPoint, to find its stop.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m), time (ns): the start (or stop) point; zenith, azimuth (rad), unchanged; length (m): of the
        contained part, otherwise that of the track, null if it has none; fit_status (0 OK, that of the track if it is
        not 0, 40 the track is NaN, 20 no hit DOM near the track). Of I3FiniteCuts: Length (m, of the part),
        startFraction and endFraction (part of the detector before and behind it), Sdet (smoothness of the hits, null
        for fewer than three), finiteCut (mean position of the hits in the detector, from -1 where the track enters it
        to 1 where it leaves; 0 without hits near the track, null without pulses), DetectorLength (m, along the track
        between the outermost of IceCube's DOMs near it). With status 20 only zenith, azimuth, length, finiteCut and
        DetectorLength have values, with any other status but 0 none; the others are null. All fields are null where the
        series or the track is null.

    Raises
    ------
    GeometryError
        The pulses have no geometry.
    ValueError
        The shape is not one of the three.

    Examples
    --------
    >>> from icecol import Geometry
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
    geometry = geometry_of(pulses, "the start or stop of a track")
    doms = of_icecube(geometry)
    return on_track(
        _FINITE,
        pulses,
        track,
        "InfiniteTrack",
        track_status=optional_member(track, "fit_status", 0.0),
        own_length=optional_member(track, "length", math.nan),
        expected_shape=SHAPES[expected_shape],
        cylinder_radius=float(cylinder_radius),
        **{f"sensor_{c}": frozen(getattr(geometry, c)[doms]) for c in "xyz"},
    )
