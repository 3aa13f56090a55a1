"""Sub-events: P frames made of a Q frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from icecol.errors import MissingColumnError
from icecol.i3.archive import new
from icecol.i3.frames.frame import Frame
from icecol.i3.pulses.of_frames import pulses_of

Parts = Callable[[Frame], Iterable[Any]]
"""Function of a Q frame that returns what goes into each of its P frames."""


@dataclass(frozen=True, slots=True)
class Split:
    """Put P frames behind each Q frame."""

    name: str
    parts: Parts | None
    pulses: str
    output: str

    def daq(self, frame: Frame) -> Iterator[Frame]:
        """Yield the Q frame and its P frames."""
        yield frame
        for i, part in enumerate(self.parts(frame) if self.parts is not None else (None,)):
            made = Frame("P")
            made["I3EventHeader"] = _header(frame, self.name, i)
            if part is not None:
                chosen = isinstance(part, np.ndarray)
                made[self.output] = pulse_mask(frame, self.pulses, part) if chosen else part
            yield made


def split(
    stream: str = "NullSplit",
    parts: Parts | None = None,
    *,
    pulses: str = "InIcePulses",
    output: str = "SplitInIcePulses",
) -> Split:
    """Make P frames of each Q frame, as IceTray's splitters do.

    A P frame gets the header of the Q frame, with `stream` as sub_event_stream and its number, from 0, as
    sub_event_id; it inherits all other objects.

    Parameters
    ----------
    stream
        Name of the sub-event stream.
    parts
        Function of the Q frame that returns what goes into each P frame under `output`: a truth value for each pulse
        of `pulses` (an array; it becomes a mask), or any frame object. By default there is one P frame, with nothing
        else in it, as of I3NullSplitter.
    pulses
        Key of the series that truth values refer to.
    output
        Key in the P frames.

    Examples
    --------
    >>> import icecol as ic, numpy as np
    >>> def halves(frame):
    ...     time = frame.pulses("InIcePulses").time
    ...     return [time < np.median(time), time >= np.median(time)]
    >>> tray = ic.Tray().add(ic.sim.frames, events=ic.sim.events(1, seed=1)).add(ic.tray.delete("SRT*"))
    >>> for frame in tray.add(ic.tray.split("Halves", halves, output="Half")):
    ...     if "Half" in frame:
    ...         print(frame["I3EventHeader"].sub_event_id, len(frame.pulses("Half")))
    0 27
    1 27
    """
    return Split(stream, parts, pulses, output)


def pulse_mask(frame: Frame, source: str, keep: npt.ArrayLike) -> Any:
    """Make a mask (I3RecoPulseSeriesMapMask) of some pulses of a series.

    Parameters
    ----------
    frame
        Frame that has the series, its own or inherited.
    source
        Key of the series.
    keep
        A truth value for each pulse, in the order of `frame.pulses(source)`.

    Raises
    ------
    ValueError
        There are more or fewer truth values than pulses.

    Examples
    --------
    >>> import icecol as ic
    >>> frame = ic.Frame("P")
    >>> from icecol.i3.archive import OMKey
    >>> pulses = [ic.new("I3RecoPulse", time=time, charge=1.0) for time in (1.0, 5.0)]
    >>> frame["Pulses"] = ic.new("I3RecoPulseSeriesMap", {OMKey(1, 1): pulses})
    >>> frame["First"] = pulse_mask(frame, "Pulses", [True, False])
    >>> frame.pulses("First").time.tolist()
    [1.0]
    """
    sizes = np.diff(pulses_of(frame, source).sensors)
    chosen = np.asarray(keep, np.bool_)
    if chosen.shape != (sizes.sum(),):
        msg = (
            f"{chosen.size} truth values for the {sizes.sum()} pulses of {source!r}: give one per pulse, in the order "
            f"of frame.pulses({source!r})"
        )
        raise ValueError(msg)
    masks = np.split(chosen, np.cumsum(sizes)[:-1]) if sizes.size else []
    hit = [bool(mask.any()) for mask in masks]
    return new(
        "I3RecoPulseSeriesMapMask",
        source=source,
        key_mask=np.array(hit, np.bool_),
        element_masks=[mask for mask, h in zip(masks, hit, strict=True) if h],
    )


def _header(frame: Frame, stream: str, number: int) -> Any:
    """Return the header of a sub-event."""
    if "I3EventHeader" not in frame:
        msg = "the Q frame has no I3EventHeader, which its P frames need"
        raise MissingColumnError(msg)
    header = frame["I3EventHeader"]
    members = {name: getattr(header, name) for name in header.names if getattr(header, name) is not None}
    return new("I3EventHeader", **{**members, "sub_event_id": number, "sub_event_stream": stream})
