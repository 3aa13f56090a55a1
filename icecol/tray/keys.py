"""Which keys frames keep: `keep` and `delete`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from icecol.i3.frames.frame import Frame
from icecol.names import matches

ALWAYS = ("I3EventHeader",)
"""Keys that `keep` never takes away: without its header an event has no name."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Delete what matches no pattern from all frames but those of the detector."""

    patterns: tuple[str, ...]

    def process(self, frame: Frame) -> None:
        """Delete from one frame."""
        if frame.stop not in "GCDI":
            for key in frame.own_keys():
                if not matches(key, self.patterns):
                    del frame[key]


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete what matches a pattern from all frames."""

    patterns: tuple[str, ...]

    def process(self, frame: Frame) -> None:
        """Delete from one frame."""
        for key in frame.own_keys():
            if matches(key, self.patterns):
                del frame[key]


def keep(keys: str | Iterable[str]) -> Keep:
    """Keep only some keys, and I3EventHeader, in all frames but those of the detector (G, C, D) and I.

    Parameters
    ----------
    keys
        Names or glob patterns. A mask needs the series that it refers to: name both.

    Examples
    --------
    >>> import icecol as ic
    >>> tray = ic.Tray().add(ic.sim.frames, events=ic.sim.events(1, seed=1)).add(ic.tray.keep("*Pulses"))
    >>> [frame.own_keys() for frame in tray][1]
    ('I3EventHeader', 'SplitInIcePulses', 'SRTInIcePulses')
    """
    return Keep((*ALWAYS, *_tuple(keys)))


def delete(keys: str | Iterable[str]) -> Delete:
    """Delete keys from all frames.

    Parameters
    ----------
    keys
        Names or glob patterns.

    Examples
    --------
    >>> import icecol as ic
    >>> tray = (
    ...     ic.Tray()
    ...     .add(ic.sim.frames, events=ic.sim.events(1, seed=1))
    ...     .add(ic.tray.delete(["MC*", "I3MC*"]))
    ... )
    >>> [frame.own_keys() for frame in tray][1]
    ('I3EventHeader', 'SplitInIcePulses', 'SRTInIcePulses')
    """
    return Delete(_tuple(keys))


def _tuple(keys: str | Iterable[str]) -> tuple[str, ...]:
    return (keys,) if isinstance(keys, str) else tuple(keys)
