"""Keys of maps and identities, as named tuples."""

from __future__ import annotations

from typing import Any, Final, NamedTuple


class OMKey(NamedTuple):
    """A PMT: string, module on the string, PMT in the module."""

    string: int = 0
    om: int = 0
    pmt: int = 0


class ModuleKey(NamedTuple):
    """A module: string and module on the string."""

    string: int = 0
    om: int = 0


class TankKey(NamedTuple):
    """An IceTop tank: station and tank (0 is A, 1 is B)."""

    string: int = 0
    tank: int = 0


class ScintKey(NamedTuple):
    """A scintillator panel: station and panel."""

    station: int = 0
    panel: int = 0


class AntennaKey(NamedTuple):
    """A radio antenna: station and antenna."""

    station: int = 0
    antenna: int = 0


class IceActKey(NamedTuple):
    """An IceAct telescope: station and telescope."""

    station: int = 0
    telescope: int = 0


class I3ParticleID(NamedTuple):
    """Identity of a particle: ID of the process that made it, and a serial number."""

    majorID: int = 0  # noqa: N815
    minorID: int = 0  # noqa: N815


class TriggerKey(NamedTuple):
    """A trigger: part of the detector, condition, its variant, number of the configuration or None."""

    source: int = 80  # unknown, as IceTray has it
    type: int = 180
    subtype: int = 0
    config_id: int | None = None


KEYS: Final[dict[str, Any]] = {
    key.__name__: key
    for key in (OMKey, ModuleKey, TankKey, ScintKey, AntennaKey, IceActKey, I3ParticleID, TriggerKey)
}
"""Named tuples for the classes used as map keys."""
