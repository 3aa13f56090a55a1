"""Cherenkov light from a track: `cherenkov`, and how every feature of the pulses around a track reads that track."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Lookup
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.jagged import frozen, jagged, struct_of_lists
from icecol.reco.positions import geometry_of
from icecol.reco.reference import Reference, member, present
from icecol.reco.watch import in_loop, mapped

SHAPES: Final[Mapping[str, int]] = {
    "Cascade": 30,
    "InfiniteTrack": 40,
    "StartingTrack": 50,
    "StoppingTrack": 60,
    "ContainedTrack": 70,
}
"""I3Particle.ParticleShape of the light sources; a contained track also needs a column `.length`."""

TRACK: Final = (
    "track_x",
    "track_y",
    "track_z",
    "track_time",
    "track_zenith",
    "track_azimuth",
    "track_length",
)
"""Arguments of a kernel `on_track` that have one value per event."""

_MEMBERS = ("x", "y", "z", "time", "zenith", "azimuth")
_FIELDS = (
    "time_residual",
    "closest_approach_distance",
    "distance_along_track",
    "cherenkov_time",
    "cherenkov_distance",
    "cherenkov_x",
    "cherenkov_y",
    "cherenkov_z",
)


@feature
def cherenkov(pulses: Pulses, *, track: Reference, shape: str = "InfiniteTrack") -> pl.Expr:
    """Return the emission point and arrival time of direct Cherenkov light at each pulse, as in IceTray's I3Calculator.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry.
    track
        The particle or fit: `.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth` (and `.length` if it is contained).
    shape
        "InfiniteTrack", "StartingTrack", "StoppingTrack", "ContainedTrack" or "Cascade". The shape that is stored with
        the particle is ignored.

    Returns
    -------
    pl.Expr
        Fields of lists, parallel to those of the pulses: time_residual (ns, positive for late pulses),
        closest_approach_distance and distance_along_track of the DOM (m), cherenkov_time (ns, from the time of the
        track to the arrival of direct light), cherenkov_distance (m, path length of the light), cherenkov_x, _y and _z
        (m, the emission point). Null where the track is NaN, for a DOM that is not in the geometry, and, except for the
        two distances, where the emission point is before the start or behind the end of the track. All fields are null
        where the series or the track is null.

    Raises
    ------
    ValueError
        The shape is unknown.
    GeometryError
        The pulses have no geometry.

    Examples
    --------
    >>> from icecol import Geometry
    >>> g = Geometry.from_columns({"string": [1], "om": [1], "x": [30.0], "y": [0.0], "z": [0.0]})
    >>> track = {"L.x": 0.0, "L.y": 0.0, "L.z": 0.0, "L.time": 0.0, "L.zenith": 0.0, "L.azimuth": 0.0}
    >>> frame = pl.DataFrame({"P.time": [[120.0, 91.8]], "P.omkey": [[65792, 65792]], **track})
    >>> residual = cherenkov(Pulses("P", g), track="L").struct.field("time_residual")
    >>> frame.select(residual.list.eval(pl.element().round(2))).item().to_list()
    [28.2, 0.0]
    """
    geometry, numbers = geometry_of(pulses, "Cherenkov light"), _numbers(track, shape)

    def run(series: Sequence[pl.Series]) -> pl.Series:
        pulse, tracks = jagged(series[:2]), series[2:]
        n = len(pulse)
        out = np.empty((len(_FIELDS), pulse.values[0].size))
        lookup = Lookup(geometry.lookup.base, *(frozen(a) for a in geometry.lookup[1:]))
        places = [frozen(a) for a in (geometry.x, geometry.y, geometry.z)]
        values = [s.cast(pl.Float64).fill_null(math.nan).to_numpy() for s in tracks]
        values = [frozen(np.broadcast_to(v, n)) for v in values]
        in_loop(_loop(), pulse.offsets, *pulse.values, lookup, *places, *values, SHAPES[shape], out)
        return struct_of_lists(series[0].name, _FIELDS, out, pulse.offsets, pulse.present)

    columns = [pl.col(pulses.column(m)) for m in ("time", "omkey")]
    dtype = pl.Struct(dict.fromkeys(_FIELDS, pl.List(pl.Float64)))
    found = mapped([*columns, *numbers.values()], run, "cherenkov", dtype)
    return _where(track, found)


def on_track(kernel: Kernel, pulses: Pulses, track: Reference, shape: str, **parameters: Any) -> pl.Expr:
    """Return a kernel with arguments track_x, ..., track_length and shape; null where the track is null."""
    numbers = {f"track_{name}": expr for name, expr in _numbers(track, shape).items()}
    return _where(track, kernel(pulses, **numbers, shape=SHAPES[shape], **parameters))


def _numbers(track: Reference, shape: str) -> dict[str, pl.Expr]:
    if shape not in SHAPES:
        msg = f"`shape` must be one of {', '.join(map(repr, SHAPES))}; found {shape!r}"
        raise ValueError(msg)
    numbers = {m: member(track, m) for m in _MEMBERS}
    return {**numbers, "length": member(track, "length") if shape == "ContainedTrack" else pl.lit(math.inf)}


def _where(track: Reference, found: pl.Expr) -> pl.Expr:
    return pl.when(present(track, "zenith")).then(found)


@functools.cache
def _loop() -> Any:
    from icecol.jit.cache import kept
    from icecol.reco.kernels.cherenkov import cherenkov_pulses

    return kept(error_model="numpy")(cherenkov_pulses)
