"""Light from a track: `cherenkov`, and what every feature of pulses around a track reads of it."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Lookup
from icecol.errors import GeometryError
from icecol.reco.decorator import Kernel
from icecol.reco.jagged import frozen, jagged, struct_of_lists

SHAPES: Final[Mapping[str, int]] = {
    "Cascade": 30,
    "InfiniteTrack": 40,
    "StartingTrack": 50,
    "StoppingTrack": 60,
    "ContainedTrack": 70,
}
"""I3Particle.ParticleShape of what light may come from; a contained track has a column `.length` too."""

TRACK: Final = (
    "track_x",
    "track_y",
    "track_z",
    "track_time",
    "track_zenith",
    "track_azimuth",
    "track_length",
)
"""Arguments of a kernel `on_track` that have one value an event."""

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


def cherenkov(pulses: Pulses, *, track: str, shape: str = "InfiniteTrack") -> pl.Expr:
    """Return where and when straight light from a track to every pulse was, as IceTray's I3Calculator has it.

    Parameters
    ----------
    pulses
        The series, with a geometry.
    track
        Key with columns `.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth` (and `.length`): a particle or a fit.
    shape
        "InfiniteTrack", "StartingTrack", "StoppingTrack", "ContainedTrack" or "Cascade", whatever the particle says.

    Returns
    -------
    pl.Expr
        Fields of lists that are parallel to those of the pulses, in their order: time_residual (ns, positive for
        late pulses), closest_approach_distance and distance_along_track of the sensor (m), cherenkov_time (ns, from
        the track's time to the arrival of straight light), cherenkov_distance (m, its path), cherenkov_x, _y and _z
        (m, where it left). NaN where the track is NaN, for a sensor that is not in the geometry, and, but for the
        two distances, where the track has not begun or has ended. Every field is null where the series or the track is.

    Raises
    ------
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
    if pulses.geometry is None:
        msg = f"the light to the sensors of {pulses.key!r} needs their places; give Pulses(key, geometry) a geometry"
        raise GeometryError(msg)
    geometry, numbers = pulses.geometry, _numbers(track, shape)

    def run(series: Sequence[pl.Series]) -> pl.Series:
        pulse, tracks = jagged(series[:2]), series[2:]
        n = len(pulse)
        out = np.empty((len(_FIELDS), pulse.values[0].size))
        lookup = Lookup(geometry.lookup.base, *(frozen(a) for a in geometry.lookup[1:]))
        places = [frozen(a) for a in (geometry.x, geometry.y, geometry.z)]
        values = [s.cast(pl.Float64).fill_null(math.nan).to_numpy() for s in tracks]
        values = [frozen(np.broadcast_to(v, n)) for v in values]
        _loop()(pulse.offsets, *pulse.values, lookup, *places, *values, SHAPES[shape], out)
        return struct_of_lists(series[0].name, _FIELDS, out, pulse.offsets, pulse.present)

    columns = [pl.col(pulses.column(m)) for m in ("time", "omkey")]
    found = pl.map_batches(
        [*columns, *numbers.values()],
        run,
        return_dtype=pl.Struct(dict.fromkeys(_FIELDS, pl.List(pl.Float64))),
        is_elementwise=True,
    )
    return _where(track, found)


def on_track(kernel: Kernel, pulses: Pulses, track: str, shape: str, **parameters: Any) -> pl.Expr:
    """Return a kernel with arguments track_x, ..., track_length and shape; null where the track is null."""
    numbers = {f"track_{name}": expr for name, expr in _numbers(track, shape).items()}
    return _where(track, kernel(pulses, **numbers, shape=SHAPES[shape], **parameters))


def _numbers(track: str, shape: str) -> dict[str, pl.Expr]:
    if shape not in SHAPES:
        msg = f"`shape` must be one of {', '.join(map(repr, SHAPES))}; found {shape!r}"
        raise ValueError(msg)
    numbers = {m: pl.col(f"{track}.{m}") for m in _MEMBERS}
    return {**numbers, "length": pl.col(f"{track}.length") if shape == "ContainedTrack" else pl.lit(math.inf)}


def _where(track: str, found: pl.Expr) -> pl.Expr:
    return pl.when(pl.col(f"{track}.zenith").is_not_null()).then(found)


@functools.cache
def _loop() -> Any:
    from icecol.reco.codegen import kept
    from icecol.reco.kernels.cherenkov import cherenkov_pulses

    return kept(cherenkov_pulses, cherenkov_pulses)
