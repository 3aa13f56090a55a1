"""Tracks and cascades of an event, of all keys whose columns are those of an I3Particle, or lists of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from icecol import units
from icecol.i3.classes.particle import FitStatus, ParticleShape, particle_name

MOST: Final = 60
"""Maximum number of particles of a list that are shown, those of highest energy."""

NEEDED: Final = ("x", "y", "z", "zenith", "azimuth")
"""Members that make a key a particle; lists, as of photons, need more to be particles."""

TRUTH: Final = re.compile(r"(I3)?MC|MMC|True|.*Truth")
"""Keys of true particles."""

_CASCADES: Final = {ParticleShape.Cascade, ParticleShape.CascadeSegment}
_TRACKS: Final = {
    ParticleShape.InfiniteTrack, ParticleShape.StartingTrack, ParticleShape.StoppingTrack, ParticleShape.ContainedTrack,
    ParticleShape.MCTrackSegment, ParticleShape.MCTrackSegmentSlow,
}  # fmt: skip
_NEUTRINOS: Final = {12, 14, 16}
_FAR: Final = {13, 15}  # a muon or a tau
_GOOD: Final = {FitStatus.NotSet, FitStatus.OK}


def particles(scalars: Mapping[str, Any], lists: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tracks and cascades of an event, by key.

    Parameters
    ----------
    scalars
        Values of the event's columns of numbers.
    lists
        Arrays of its columns of lists.

    Returns
    -------
    list of dict
        `key`, `truth`, `list` (one of several under the key), and of the particle: its `name`, `kind` (track, cascade),
        `ok` (the fit has not failed), `x, y, z` (m), direction of flight `dx, dy, dz`, `time` (ns), `energy` (GeV),
        `zenith, azimuth` (rad), `speed` (m/ns), and where it begins and ends along its path, `start` and `stop` (m from
        its position; None: beyond the detector). None is unknown. One without a position is left out.
    """
    found = []
    for key in _keys(scalars, NEEDED):
        members = {m: scalars.get(f"{key}.{m}") for m in _MEMBERS}
        found += [{"key": key, "list": False, **shown} for shown in _shown(members)]
    for key in _keys(lists, (*NEEDED, "energy", "pdg_encoding")):
        columns = {m: lists[f"{key}.{m}"] for m in _MEMBERS if lists.get(f"{key}.{m}") is not None}
        n = min(len(values) for values in columns.values())
        several = [p for i in range(n) for p in _shown({m: _plain(v[i]) for m, v in columns.items()})]
        several.sort(key=lambda p: -(p["energy"] or 0.0))
        found += [{"key": key, "list": True, **shown} for shown in several[:MOST]]
    return [{**particle, "truth": TRUTH.match(particle["key"]) is not None} for particle in found]


_MEMBERS: Final = (
    *NEEDED, "time", "energy", "length", "speed", "shape", "pdg_encoding", "fit_status", "location_type",
)  # fmt: skip


def _keys(columns: Mapping[str, Any], needed: tuple[str, ...]) -> list[str]:
    """Return the keys that have all of some members, in order."""
    keys = (name.rpartition(".")[0] for name in columns if name.endswith(".zenith"))
    return [key for key in keys if all(columns.get(f"{key}.{m}") is not None for m in needed)]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _shown(p: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give one particle as it is shown, unless it has no position."""
    where = {m: number(p.get(m)) for m in ("x", "y", "z")}
    if None in where.values():
        return
    zenith, azimuth = number(p.get("zenith")), number(p.get("azimuth"))
    shape, pdg, status = (int(p.get(m) or 0) for m in ("shape", "pdg_encoding", "fit_status"))
    kind = "cascade" if zenith is None or azimuth is None else kind_of(shape, pdg)
    zenith, azimuth = zenith or 0.0, azimuth or 0.0
    start, stop = _span(kind, shape, pdg, number(p.get("length")))
    yield {
        "name": particle_name(pdg) if pdg else "",
        "kind": kind,
        "neutrino": abs(pdg) in _NEUTRINOS,
        "ok": status in _GOOD,
        **where,
        "dx": -math.sin(zenith) * math.cos(azimuth),
        "dy": -math.sin(zenith) * math.sin(azimuth),
        "dz": -math.cos(zenith),
        "zenith": number(p.get("zenith")),
        "azimuth": number(p.get("azimuth")),
        "time": number(p.get("time")),
        "energy": number(p.get("energy")),
        "speed": number(p.get("speed")) or units.c,
        "start": start,
        "stop": stop,
    }


def number(value: Any) -> float | None:
    """Return a finite number, or None."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def kind_of(shape: int, pdg: int) -> str:
    """Distinguish tracks from cascades as I3Particle does: by shape, and by type where the shape leaves it open.

    >>> (
    ...     kind_of(40, 0),
    ...     kind_of(30, 13),
    ...     kind_of(0, 13),
    ...     kind_of(80, 11),
    ...     kind_of(10, -14),
    ...     kind_of(0, -2000001006),
    ... )
    ('track', 'cascade', 'track', 'cascade', 'track', 'cascade')
    """
    if shape in _CASCADES:
        return "cascade"
    if shape in _TRACKS or pdg == 0 or abs(pdg) in _NEUTRINOS | _FAR:
        return "track"
    return "track" if shape == ParticleShape.Primary else "cascade"


def _span(kind: str, shape: int, pdg: int, length: float | None) -> tuple[float | None, float | None]:
    """Return where a particle begins and ends, as I3Particle's GetStartPos and GetStopPos have it.

    A neutrino without a length ends at its position, the interaction.
    """
    if kind == "cascade":
        return 0.0, length or 0.0
    if shape == ParticleShape.StoppingTrack:
        return (None if length is None else -length), 0.0
    if shape == ParticleShape.StartingTrack:
        return 0.0, length
    if abs(pdg) in _NEUTRINOS:
        return None, length or 0.0
    if shape in {ParticleShape.InfiniteTrack, ParticleShape.Null, ParticleShape.Primary} or length is None:
        return None, None
    return 0.0, length
