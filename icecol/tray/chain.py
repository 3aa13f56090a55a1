"""The chain: frames pass through modules one after another, and what each module does is counted.

The rules of mixing (`icecol.i3.frames.frame.Mixer`) hold after every module: what a module puts into a Q frame is seen
in the P frames that follow, and a frame that a module makes sees the objects of its parents, just as if the frames were
written to a file there and read again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from types import EllipsisType
from typing import Any, Self

from icecol import notebook
from icecol.errors import IcecolError, TrayError, did_you_mean
from icecol.i3.frames.files import I3File
from icecol.i3.frames.frame import Frame, Mixer
from icecol.names import plain
from icecol.tray.features import feature, is_feature
from icecol.tray.files import read
from icecol.tray.modules import (
    Function,
    Step,
    check_module,
    check_source,
    frames_of,
    functions_of,
    instance,
    name_of,
    takes_all,
)


class Tray:
    """A source of frames, and modules through which they pass one after another.

    Examples
    --------
    >>> import icecol as ic
    >>> def bright(frame, pulses, least=30):
    ...     return len(frame.pulses(pulses)) >= least
    >>> tray = ic.Tray().add(ic.sim.frames, events=ic.sim.events(20, seed=1))
    >>> summary = tray.add(bright, pulses="SRTInIcePulses").run()
    >>> summary["bright"].calls, summary["bright"].frames_in, summary["bright"].frames_out
    (20, 40, 34)
    """

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def add(
        self,
        module: Any,
        *,
        stops: str | Iterable[str] | EllipsisType | None = ...,
        if_: Callable[[Frame], Any] | None = None,
        name: str | None = None,
        **parameters: Any,
    ) -> Self:
        """Add the source of frames (first), or the next module.

        Parameters
        ----------
        module
            First the source: an .i3 file, what `read` returns, any iterable of frames, or a function that returns one.
            Then

            - a function of a frame, which returns None or True to keep the frame, False to drop it, or frames (a list,
              or by `yield`) that take its place;
            - an object with methods for the frames of some stops: `physics`, `daq`, `geometry`, `calibration`,
              `detector_status`, `simulation`, `tray_info`, or `process` for all others. They return the same as such a
              function; `finish()` is called after the last frame and may return more frames. A class is instantiated
              with the parameters at the start of a run;
            - an object with a method `stream(frames)` that takes the iterator of all frames and returns another;
            - an `ic.kernel`, a feature such as `ic.reco.linefit`, or an expression over columns of the event, whose
              result goes into the frame under the key `output`. The first two take the key of the `pulses`, and
              positions from `gcd` (a GCD file or a Geometry), by default those of the stream. A kernel runs as plain
              Python, which may differ from compiled code in the last digits, or with `compiled=True` as in a plan.
        stops
            Stop letters of the frames that the module is called with, such as "QP"; other frames skip it. None means
            all frames. By default a function gets P frames only, as in IceTray, and an object those it has methods for.
        if_
            Function of a frame; a frame for which it is not true skips the module.
        name
            Name for the summary and for errors; by default that of the function or class.
        parameters
            Keyword arguments that the module is called with.

        Notes
        -----
        The P frames of a Q frame that is dropped are dropped with it: in a file they would be taken for those of the
        previous Q frame.

        Raises
        ------
        TypeError
            It is not a module, or does not take these parameters.

        Examples
        --------
        >>> import icecol as ic
        >>> def charge(frame, pulses):
        ...     frame["Charge"] = float(frame.pulses(pulses).charge.sum())
        >>> tray = ic.Tray().add(ic.sim.frames, events=ic.sim.events(5, seed=1))
        >>> tray = tray.add(charge, pulses="SRTInIcePulses", stops="P").add(
        ...     lambda frame: frame["Charge"].value > 30, name="bright"
        ... )
        >>> tray.run()["bright"].frames_out
        7
        """
        if not self._steps and isinstance(module, str | os.PathLike):
            module = read(module)
        label = name or name_of(module)
        if self._steps and is_feature(module):
            module, parameters = feature(module, **parameters), {}
        stops = stops if stops is None or stops is ... else "".join(stops)
        check = check_module if self._steps else check_source
        check(label, module, parameters)
        if takes_all(module) and (if_ is not None or stops is not ...):
            msg = f"module {label!r} takes the stream of all frames: `stops` and `if_` cannot select some of them"
            raise TypeError(msg)
        used = {step.name for step in self._steps}
        names = (label if i == 1 else f"{label}_{i}" for i in range(1, len(used) + 2))
        self._steps.append(
            Step(next(n for n in names if n not in used), module, stops, if_, dict(parameters))
        )
        return self

    def run(self, *, max_frames: int | None = None) -> Summary:
        """Send all frames of the source through the modules.

        Parameters
        ----------
        max_frames
            Maximum number of frames to take from the source; by default all.

        Raises
        ------
        TrayError
            A module failed: the message names it, the frame and the file, and `__cause__` is the error itself. Files
            that the tray was writing are then not there.

        Examples
        --------
        >>> import icecol as ic
        >>> tray = (
        ...     ic.Tray()
        ...     .add(ic.sim.frames, events=ic.sim.events(5, seed=1))
        ...     .add(lambda frame: True, name="all")
        ... )
        >>> tray.run(max_frames=8)["all"].frames_in
        8
        """
        meters: list[_Meter] = []
        begin = perf_counter()
        for _ in self._frames(meters, max_frames):
            pass
        seconds = perf_counter() - begin
        rows = (
            Row(meter.name, meter.calls, before.frames, meter.frames, meter.seconds - before.seconds)
            for before, meter in pairwise([_Meter("", iter(())), *meters])
        )
        return Summary(tuple(rows), seconds)

    def __iter__(self) -> Iterator[Frame]:
        """Run the tray and yield the frames that leave its last module."""
        return self._frames([], None)

    def __repr__(self) -> str:
        lines = [f"\n    {step.name}({step.described()})" for step in self._steps]
        return plain(f"Tray({''.join(lines)})")

    def _repr_html_(self) -> str:
        rows = ((i, step.name, step.selected(), step.described()) for i, step in enumerate(self._steps))
        headings = ["", "module", "frames", "parameters"]
        return notebook.table(headings, rows, title=f"Tray: {len(self._steps):,} modules")

    def _frames(self, meters: list[_Meter], max_frames: int | None) -> Iterator[Frame]:
        if not self._steps:
            msg = "an empty tray: add a source of frames first, such as ic.tray.read(files)"
            raise TrayError(msg)
        place = _Place()
        source, *steps = self._steps
        with ExitStack() as stack:
            frames = _source(source, place, max_frames)
            stack.callback(frames.close)
            meters.append(_Meter(source.name, frames))
            for step in steps:
                meter = _Meter(step.name, meters[-1])
                frames = (_streaming if takes_all(step.module) else _through)(step, meters[-1], meter, place)
                stack.callback(frames.close)  # the last one first: an unfinished file is removed at once
                meter.source = frames
                meters.append(meter)
            yield from meters[-1]


@dataclass(frozen=True, slots=True)
class Row:
    """What one module did: number of calls, frames in and out, and seconds.

    Attributes
    ----------
    name
        Name of the module.
    calls
        Number of calls.
    frames_in, frames_out
        Number of frames that reached it, and that left it.
    seconds
        Time spent in it.

    Examples
    --------
    >>> import icecol as ic
    >>> tray = ic.Tray().add([ic.Frame("Q"), ic.Frame("P"), ic.Frame("P")])
    >>> summary = tray.add(lambda frame: "I3EventHeader" in frame, name="has_header").run()
    >>> row = summary["has_header"]
    >>> row.calls, row.frames_in, row.frames_out
    (2, 3, 1)
    """

    name: str
    calls: int
    frames_in: int
    frames_out: int
    seconds: float


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """What a run did, module by module; its text is a table.

    Attributes
    ----------
    rows
        One row per module, in order.
    seconds
        Time of the whole run.

    Examples
    --------
    >>> import icecol as ic
    >>> tray = ic.Tray().add([ic.Frame("Q"), ic.Frame("P"), ic.Frame("P")])
    >>> summary = tray.add(lambda frame: "I3EventHeader" in frame, name="has_header").run()
    >>> [row.name for row in summary.rows], summary["has_header"].calls
    (['list', 'has_header'], 2)
    """

    rows: tuple[Row, ...]
    seconds: float

    def __getitem__(self, name: str) -> Row:
        """Return the row of a module by its name."""
        for row in self.rows:
            if row.name == name:
                return row
        msg = f"no module {name!r} in the tray; {did_you_mean(name, [row.name for row in self.rows], 'modules')}"
        raise KeyError(msg)

    def _ipython_key_completions_(self) -> list[str]:
        return [row.name for row in self.rows]

    def _repr_html_(self) -> str:
        headings = ["module", "calls", "frames in", "frames out", "seconds"]
        rows = ((r.name, r.calls, r.frames_in, r.frames_out, f"{r.seconds:.3f}") for r in self.rows)
        note = f"{self.rows[0].frames_out:,} frames in {self.seconds:.3f} s"
        return notebook.table(headings, rows, note=note, numbers=headings[1:])

    def __repr__(self) -> str:
        width = max(6, *(len(row.name) for row in self.rows))
        lines = [f"{'module':{width}}    calls  frames in  frames out   seconds"]
        lines += [
            f"{r.name:{width}} {r.calls:8d} {r.frames_in:10d} {r.frames_out:11d} {r.seconds:9.3f}"
            for r in self.rows
        ]
        return "\n".join([*lines, f"{self.rows[0].frames_out} frames in {self.seconds:.3f} s"])


class _Meter(Iterator[Frame]):
    """Passes on the frames of a module, counting them and the time that it and all modules before it take."""

    def __init__(self, name: str, source: Iterator[Frame]) -> None:
        self.name = name
        self.source = source
        self.calls = self.frames = 0
        self.seconds = 0.0

    def __next__(self) -> Frame:
        begin = perf_counter()
        try:
            frame = next(self.source)
        finally:
            self.seconds += perf_counter() - begin
        self.frames += 1
        return frame


class _Place:
    """Where the source is: for errors."""

    def __init__(self) -> None:
        self.source: Any = None
        self.index = -1

    def error(self, step: Step, frame: Frame | None, err: Exception) -> TrayError:
        """Make the error of a module."""
        if isinstance(self.source, I3File):
            where = f"frame {self.source.index} of {self.source.path}"
        else:
            where = f"frame {self.index} of the source"
        what = f"on a {frame.stop} frame{_event(frame)}, {where}" if frame is not None else f"after {where}"
        if self.index < 0:
            what = "before the first frame"
        return TrayError(f"module {step.name!r} failed {what}: {type(err).__name__}: {err}")


def _event(frame: Frame) -> str:
    """Return which event a frame belongs to, in words, if its header can be read."""
    try:
        header = frame["I3EventHeader"]
        text = f" (run {header.run_id}, event {header.event_id}"
        sub = f", sub-event {header.sub_event_id} of {header.sub_event_stream}" if frame.stop == "P" else ""
    except (IcecolError, AttributeError):
        return ""
    return f"{text}{sub})"


# -- frames ----------------------------------------------------------------------------------------------------------


def _source(step: Step, place: _Place, max_frames: int | None) -> Any:
    """Yield the frames of the source, mixed."""
    module = step.module
    frames = place.source = iter(module if isinstance(module, Iterable) else module(**step.parameters))
    mixer = Mixer()
    try:
        while max_frames is None or place.index + 1 < max_frames:
            frame = next(frames, None)
            if frame is None:
                return
            place.index += 1
            if isinstance(frames, I3File):
                if not frames.orphan:  # without its Q frame it would inherit from an older one after a module
                    yield frame
            elif isinstance(frame, Frame):
                yield mixer.mix(frame)
            else:
                msg = f"the source {step.name!r} gave {frame!r}, not a frame; ic.tray.read(paths) reads files"
                raise TypeError(msg)
    finally:
        if hasattr(frames, "close"):
            frames.close()


def _through(step: Step, frames: Iterator[Frame], meter: _Meter, place: _Place) -> Any:
    """Yield the frames that a module makes of those before it, mixed."""

    def called(function: Callable[..., Any], *args: Any, frame: Frame | None = None) -> Any:
        try:
            return function(*args)
        except Exception as err:
            raise place.error(step, frame, err) from err

    def work(frame: Frame, function: Function) -> list[Frame]:
        if step.if_ is not None and not step.if_(frame):
            return [frame]
        meter.calls += 1
        return frames_of(function(frame), frame)

    def end(finish: Callable[[], Any]) -> list[Frame]:
        return frames_of(finish(), None)

    function_of, finish = called(functions_of, step)
    mixer = Mixer()
    lost = False
    for frame in frames:
        if lost and frame.stop == "P":
            continue
        function = function_of(frame.stop)
        made = [frame] if function is None else called(work, frame, function, frame=frame)
        if frame.stop not in {"P", "I"}:
            gone = all(f.stop != frame.stop for f in made)
            if gone:
                mixer.forget(frame.stop)
            lost = gone if frame.stop == "Q" else lost
        for other in made:
            yield mixer.mix(other)
    for other in called(end, finish) if finish is not None else ():
        yield mixer.mix(other)


def _streaming(step: Step, frames: Iterator[Frame], meter: _Meter, place: _Place) -> Any:
    """Yield the frames that a module makes of the stream of all frames, mixed."""
    upstream: list[BaseException] = []

    def watched() -> Iterator[Frame]:
        try:
            for frame in frames:
                meter.calls += 1
                yield frame
        except Exception as err:
            upstream.append(err)
            raise

    mixer = Mixer()
    try:
        for frame in instance(step)[0].stream(watched()):
            yield mixer.mix(frame)
    except Exception as err:
        if any(err is other for other in upstream):
            raise
        raise place.error(step, None, err) from err
