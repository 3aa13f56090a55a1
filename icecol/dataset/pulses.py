"""Pulses: a handle on the columns of a pulse series and the positions of its sensors."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from icecol.detector.geometry import Geometry


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a pulse series: its name, numpy type, unit and meaning."""

    name: str
    dtype: str
    unit: str
    doc: str


SERIES: Final = (
    Member("time", "f8", "ns", "leading edge of the pulse"),
    Member("charge", "f4", "PE", "charge of the pulse"),
    Member("width", "f4", "ns", "width of the pulse"),
    Member("flags", "u1", "", "bit 0: local coincidence (HLC), bit 1: ATWD, bit 2: FADC"),
    Member("omkey", "i4", "", "sensor: string << 16 | om << 8 | pmt"),
)
"""The definition of a pulse series throughout icecol: in files, columns, frames and kernels."""

MEMBERS: Final = tuple(member.name for member in SERIES)
"""Names of the members."""


def keys_of(lists: Collection[str]) -> tuple[str, ...]:
    """Return the keys that are pulse series, sorted, of the names of columns of lists.

    >>> keys_of([f"SRT.{member}" for member in MEMBERS] + ["Launches.time", "Launches.omkey"])
    ('SRT',)
    """
    known = set(lists)
    keys = {name.rpartition(".")[0] for name in known}
    return tuple(sorted(key for key in keys if known.issuperset(f"{key}.{member}" for member in MEMBERS)))


@dataclass(frozen=True, slots=True)
class Pulses:
    """The columns `<key>.time`, `.charge`, `.width`, `.flags`, `.omkey`, and the geometry behind the omkeys.

    A null list means an event without the key, an empty list an event without pulses.

    Attributes
    ----------
    key
        Key of the series.
    geometry
        The detector in which omkeys are looked up; features that need positions raise an error without one.

    Examples
    --------
    >>> pulses = Pulses("SRTInIcePulses", Geometry.nominal())
    >>> pulses.column("time")
    'SRTInIcePulses.time'
    """

    key: str
    geometry: Geometry | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the five columns."""
        return tuple(self.column(member) for member in MEMBERS)

    def column(self, member: str) -> str:
        """Return the name of the column of one member.

        Parameters
        ----------
        member
            `time` (ns), `charge` (PE), `width` (ns), `flags` or `omkey`.

        Examples
        --------
        >>> import icecol as ic
        >>> ic.Pulses("SRTInIcePulses", ic.Geometry.nominal()).column("charge")
        'SRTInIcePulses.charge'
        """
        if member not in MEMBERS:
            msg = f"a pulse series has no member {member!r}; it has {', '.join(MEMBERS)}"
            raise ValueError(msg)
        return f"{self.key}.{member}"

    def named(self, key: str) -> Pulses:
        """Return the handle on another series of the same sensors, such as a cleaned version of this one.

        Parameters
        ----------
        key
            Key of the other series.

        Examples
        --------
        >>> Pulses("SplitInIcePulses", Geometry.nominal()).named("SRT").columns[0]
        'SRT.time'
        """
        return replace(self, key=key)
