"""The online filter: a stream of frames in; the events that pass, with their filter mask, and what was monitored out.

Each segment of the stream is written whole and then recorded in one file, `state.json`. What is recorded is not done
again, and what is not leaves nothing behind: a run that was killed at any moment goes on where the record ends.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa

from icecol import files, missing
from icecol.convert.geometry import read_geometry
from icecol.convert.i3_reader import I3Reader
from icecol.convert.i3_writer import HEADER, to_i3
from icecol.convert.source import Found
from icecol.coordinates import utc
from icecol.dataset import schema as schemas
from icecol.dataset.lock import Lock
from icecol.detector.geometry import Geometry
from icecol.errors import DatasetError, FormatError, MissingColumnError, UnsupportedError
from icecol.filters import recorded
from icecol.filters.online import Names, chosen, conditions
from icecol.filters.prescales import apply, pair
from icecol.filters.segments import Arriving, Segment, segments
from icecol.hist.axis import Axis
from icecol.hist.filling import fill_many
from icecol.i3.container.streams import open_stream
from icecol.i3.frames.files import open_i3, write_i3
from icecol.places import local
from icecol.reco.feature import Feature
from icecol.reco.plan import with_features

Features: TypeAlias = "Mapping[str, pl.Expr | Feature]"

SENT, HELD = "sent", "held"
PIPE: Final = "stdin"
GCD: Final = "GCD.i3.gz"
_SPOOL: Final = ".segment.i3"
_DAY: Final = 86400.0
_SAVED: Final = 3600.0
"""Seconds of the budget that may be saved up."""
_POLL: Final = 0.5
_LEVEL: Final = 3
"""Compression of what is written, as quick as the stream comes."""
_COMPRESSED: Final = 0.3
"""Compressed size by size, until some was written."""
_RUN, _EVENT = f"{HEADER}.run_id", f"{HEADER}.event_id"


@dataclass(slots=True)
class State:
    """What an online filter has recorded.

    Attributes
    ----------
    settings
        What decides on an event.
    segments
        How many are written; they are numbered from 0.
    frames
        Frames done of the file that was being read, by its name.
    done
        Names of the files that are done.
    last
        Run and event number of the last event.
    time
        Its time, in ns since 1970.
    left
        Bytes of the budget that are left.
    ratio
        Compressed size by size, of what was written last.
    unread
        Why files could not be read to their end, by name.
    headless
        Number of events that were left out since they have no header.

    Examples
    --------
    >>> import icecol as ic, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> ic.sim.write(folder / "daq.i3", ic.sim.events(5, seed=1))
    >>> state = ic.filters.run(folder / "daq.i3", folder / "online", filters={"all": pl.lit(True)})
    >>> state.segments, state.done, state.headless
    (1, ['daq.i3'], 0)
    """

    settings: dict[str, Any]
    segments: int = 0
    frames: dict[str, int] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    last: list[int] | None = None
    time: int | None = None
    left: float = 0.0
    ratio: float = _COMPRESSED
    unread: dict[str, str] = field(default_factory=dict)
    headless: int = 0


def run(
    source: str | Path | Iterable[str | Path] | BinaryIO,
    out: str | Path,
    *,
    features: Features | None = None,
    filters: Names = None,
    mask: str = "FilterMask",
    prescales: Mapping[str, float] | None = None,
    seed: int = 0,
    gcd: str | Path | Geometry | None = None,
    stop: str = "Q",
    events: int = 10_000,
    seconds: float = 10.0,
    bytes_per_day: float | None = None,
    histograms: Mapping[str, Axis] | None = None,
    watch: bool = False,
    acknowledge: Callable[[State], None] | None = None,
    **inputs: str,
) -> State:
    """Filter a stream of frames online, and go on where an earlier run ended, however it did.

    Each segment of the stream gives `sent/NUMBER.i3.zst`, the frames that pass, with their features and a filter mask;
    `held/NUMBER.i3.zst`, those for which the budget has no room; and `monitoring/NUMBER.json`. Geometry, calibration
    and status go into `GCD.i3.gz`.

    Parameters
    ----------
    source
        A pipe that is open for reading bytes, `"-"` for standard input, a file, several, or a folder of files, which
        are taken in the order of their names. A file has to be whole when it appears (written under another name, and
        renamed); names that begin with a dot are left out. When a run goes on with a pipe, what comes before
        the first event with numbers above the last recorded ones is left out: its sender may send some twice.
    out
        Folder to write into.
    features
        As for `with_features`; series by name get the geometry of `gcd` or of the stream.
    filters
        As for `icecol.filters.apply`; their order is their priority for the budget.
    mask, prescales, seed, inputs
        As for `icecol.filters.apply`. A mask that the frames have already is replaced.
    gcd
        A file with the geometry, or the geometry itself, if it does not come with the stream.
    stop
        Frames that are events: "Q", those of the DAQ, or "P".
    events, seconds
        A segment ends with this many events, or after this time.
    bytes_per_day
        How many bytes may be sent in a day of the events' time, compressed; what was not used for up to an hour may be
        used later. None for no limit.
    histograms
        Axes of histograms of all events, by name.
    watch
        Wait for further files in the folder for ever.
    acknowledge
        Called with what is recorded, after each segment.

    Returns
    -------
    State
        What is recorded: `segments`, and the numbers of the `last` event.

    Raises
    ------
    DatasetError
        The folder is of an online filter with other settings, or another process is writing into it.
    MissingColumnError
        The frames lack what a feature or filter reads.

    Examples
    --------
    >>> import icecol as ic, polars as pl, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> ic.sim.write(folder / "daq.i3.zst", ic.sim.events(50, seed=1), gcd=folder / "GCD.i3.gz")
    >>> state = ic.filters.run(
    ...     folder / "daq.i3.zst",
    ...     folder / "online",
    ...     features={"Q": ic.reco.charge("InIcePulses")},
    ...     filters={"Bright": pl.col("Q.total") > 100},
    ... )
    >>> ic.filters.monitoring(folder / "online").group_by("filter", maintain_order=True).agg(
    ...     pl.col("n").sum()
    ... ).rows()
    [('all', 50), ('Bright', 14), ('any', 14)]
    """
    menu = _Menu(
        features=dict(features or {}),
        filters=filters,
        mask=mask,
        prescales=dict(prescales or {}),
        seed=seed,
        inputs=inputs,
        stop=stop,
        histograms=dict(histograms or {}),
    )
    geometry = gcd if isinstance(gcd, Geometry) or gcd is None else read_geometry(gcd)
    limits: Any = {"events": events, "seconds": seconds, "stop": stop}
    folder = local(out)
    folder.mkdir(parents=True, exist_ok=True)
    with Lock(folder, folder) as lock:
        runner = _Runner(folder, menu, geometry, bytes_per_day, acknowledge, lock)
        return _run(runner, source, limits, watch=watch)


def _run(runner: _Runner, source: Any, limits: Any, *, watch: bool) -> State:
    """Filter a stream, or files one after another."""
    if source == "-" or hasattr(source, "read"):
        pipe: Any = sys.stdin.buffer if source == "-" else source
        arriving = Arriving(getattr(pipe, "raw", pipe))
        try:
            stream, _, _ = open_stream(PIPE, arriving)
            for segment in segments(stream, **limits):
                runner.take(segment, PIPE)
        finally:
            arriving.detach()  # the pipe is its owner's to close
        return runner.state
    for path in _inputs(source, runner.state, watch=watch):
        for segment in _readable(path, runner.state, limits):
            runner.take(segment, path.name)
        runner.finish(path.name)
    return runner.state


def _readable(path: Path, state: State, limits: Any) -> Iterator[Segment]:
    """Yield the segments of a file, as far as it can be read: one damaged file does not stop the stream for ever."""
    try:
        with path.open("rb") as file:
            stream, _, _ = open_stream(path, file)
            yield from segments(stream, skip=state.frames.get(path.name, 0), **limits)
    except (FormatError, UnsupportedError) as err:
        state.unread[path.name] = str(err)
        n = state.frames.get(path.name, 0)
        warnings.warn(
            f"{path} is left after {n:,} frames, as it cannot be read any further: {err}", stacklevel=3
        )


def _inputs(source: Any, state: State, *, watch: bool) -> Iterator[Path]:
    """Yield the files that are not done yet; of a watched folder for ever."""
    if not isinstance(source, str | Path):
        paths = [Path(path) for path in source]
        names = [path.name for path in paths]
        if (twice := next((name for name in names if names.count(name) > 1), None)) is not None:
            msg = f"two files are named {twice!r}, and files are known by their names: rename one"
            raise ValueError(msg)
    elif not Path(source).is_dir():
        paths = [Path(source)]
    else:
        while True:
            there = sorted(p for p in Path(source).iterdir() if not p.name.startswith(".") and p.is_file())
            following = next((p for p in there if p.name not in state.done), None)
            if following is not None:
                yield following
            elif watch:
                time.sleep(_POLL)
            else:
                return
    yield from (path for path in paths if path.name not in state.done)


@dataclass(frozen=True, slots=True)
class _Menu:
    """What is computed of each event, and which are kept."""

    features: Features
    filters: Names
    mask: str
    prescales: Mapping[str, float]
    seed: int
    inputs: Mapping[str, str]
    stop: str
    histograms: Mapping[str, Axis]

    def names(self) -> list[str]:
        """Return the filters, the most important first."""
        return list(chosen(self.filters))

    def bound(self, geometry: Geometry | None) -> dict[str, pl.Expr]:
        """Return the features as expressions."""
        return {n: f.bind(geometry) if isinstance(f, Feature) else f for n, f in self.features.items()}

    def keys(self, geometry: Geometry | None) -> set[str]:
        """Return the frame keys that may be read, the names of features among them."""
        axes = (axis.expr for axis in self.histograms.values())
        exprs = (*self.bound(geometry).values(), *conditions(self.filters, **self.inputs).values(), *axes)
        read = {column for expr in exprs for column in missing.columns_read(expr)}
        return {HEADER, *(key for c in read for key in (c, c.partition(".")[0], c.rpartition(".")[0]))}

    def settings(self) -> dict[str, Any]:
        """Return all that decides on an event, as JSON has it."""
        cuts = conditions(self.filters, **self.inputs)
        return {
            "features": list(self.features),
            "filters": {name: str(cut) for name, cut in cuts.items()},
            "mask": self.mask,
            "prescales": dict(self.prescales),
            "seed": self.seed,
            "inputs": dict(self.inputs),
            "stop": self.stop,
            "histograms": list(self.histograms),
        }

    def masked(self, events: pl.LazyFrame, geometry: Geometry | None) -> pl.LazyFrame:
        """Add the features, the mask, the time, and the number of the most important filter that keeps an event."""
        lazy = with_features(events, **self.bound(geometry))
        how: Any = {"prescales": self.prescales, "seed": self.seed, **self.inputs}
        lazy = apply(lazy, self.filters, mask=self.mask, **how)
        kept = (pl.col(pair(self.mask, name)[1]) for name in self.names())
        return lazy.with_columns(
            pl.coalesce(pl.when(p).then(pl.lit(i)) for i, p in enumerate(kept)).alias("priority"),
            utc(f"{HEADER}.start_time").alias("time"),
        )


class _Runner:
    """Filters segments one after another."""

    def __init__(
        self,
        out: Path,
        menu: _Menu,
        geometry: Geometry | None,
        bytes_per_day: float | None,
        acknowledge: Callable[[State], None] | None,
        lock: Lock,
    ) -> None:
        self._out, self._menu, self._geometry = out, menu, geometry
        self._keys: set[str] | None = None
        self._per_second = None if bytes_per_day is None else bytes_per_day / _DAY
        self._acknowledge = acknowledge
        self._lock = lock
        self._schema: pa.Schema = pa.schema([])
        for folder in (SENT, HELD, recorded.FOLDER):
            (out / folder).mkdir(parents=True, exist_ok=True)
        self.state = State(menu.settings())
        record = out / recorded.STATE
        if record.exists():
            before = State(**json.loads(record.read_bytes()))
            changed = [k for k, v in self.state.settings.items() if before.settings.get(k) != v]
            if changed:
                msg = f"{out} was made with other settings ({', '.join(changed)}): give another folder"
                raise DatasetError(msg)
            self.state = before
        self._repeated = self.state.last
        if geometry is None and (out / GCD).exists():  # it came before the last stop
            self._use(out / GCD)

    def take(self, segment: Segment, source: str) -> None:
        """Filter a segment, write what passes, and record it."""
        spool = self._out / _SPOOL
        spool.write_bytes(segment.data)
        if any(letter in b"GCD" for letter in segment.stops):
            self._detector(spool)
        found = Found()
        events = self._read(spool, found)
        for damage in found.damage:
            warnings.warn(damage.describe(f"{source}, segment {self.state.segments}"), stacklevel=3)
        if events.height:
            sized = self._sized(events, segment)
            if lacking := events.height - sized.height:
                self.state.headless += lacking
                warnings.warn(
                    f"{source}, segment {self.state.segments}: {lacking:,} events without {HEADER} are left out",
                    stacklevel=3,
                )
            events = self._new(sized, source)
        if events.height:
            done = self._menu.masked(events.lazy(), self._geometry).collect()
            self._keep(self._within_budget(done), segment, found)
        self.state.frames = {source: self.state.frames.get(source, 0) + len(segment.stops)}
        spool.unlink()
        self._record()

    def finish(self, source: str) -> None:
        """Record that a file is done."""
        self.state.done.append(source)
        self.state.frames = {}
        self._record()

    def _record(self) -> None:
        self._lock.check()
        files.write(self._out / recorded.STATE, json.dumps(asdict(self.state)).encode())
        if self._acknowledge is not None:
            self._acknowledge(self.state)

    def _detector(self, spool: Path) -> None:
        """Keep the last geometry, calibration and status: those that a segment does not bring are still in force."""
        path = self._out / GCD
        kept: dict[str, Any] = {}
        for source in (path, spool) if path.exists() else (spool,):
            with open_i3(source, skip_damaged=True) as frames:
                kept |= {frame.stop: frame for frame in frames if frame.stop in "GCD"}
        write_i3(path, [kept[stop] for stop in "GCD" if stop in kept])
        self._use(path)

    def _use(self, path: Path) -> None:
        """Take the geometry of the stream, unless one was given."""
        with open_i3(path) as frames:
            has_geometry = any(frame.stop == "G" for frame in frames)
        if self._geometry is None and has_geometry:
            self._geometry = read_geometry(path)

    def _read(self, spool: Path, found: Found) -> pl.DataFrame:
        """Decode what features and filters read; what this segment happens to lack is null."""
        if self._keys is None:
            self._keys = self._menu.keys(self._geometry)
        with spool.open("rb") as file:
            reader = I3Reader.of(stop=self._menu.stop)
            tables = [
                t for t in reader.read(spool, file, found, wanted=self._keys.__contains__) if t.num_rows
            ]
        self._schema = schemas.unite([("", self._schema), *((spool, table.schema) for table in tables)])
        parts = [pl.DataFrame(schemas.align(table, self._schema)) for table in tables]
        return pl.concat(parts) if parts else pl.DataFrame()

    def _sized(self, events: pl.DataFrame, segment: Segment) -> pl.DataFrame:
        """Add the expected size of each event when compressed; leave out those without a header."""
        if _RUN not in events.columns:
            msg = f"the {self._menu.stop} frames have no {HEADER}, so that they cannot be told apart"
            raise MissingColumnError(msg)
        at = np.frombuffer(segment.stops, np.uint8) == ord(self._menu.stop)
        begins = np.array([0, *segment.ends[:-1]])[at]
        ends = np.append(begins[1:], segment.ends[-1])
        if begins.size != events.height:  # some are damaged, and the others not told apart by their number
            begins, ends = np.zeros(events.height, int), np.full(events.height, len(segment.data))
            size = len(segment.data) / events.height
        else:
            size = ends - begins
        places = pl.DataFrame({"begin": begins, "end": ends, "size": size * self.state.ratio})
        return events.hstack(places).filter(pl.col(_RUN).is_not_null())

    def _new(self, events: pl.DataFrame, source: str) -> pl.DataFrame:
        """Leave out what a pipe sends again after a new start, up to the first event that was not recorded."""
        if source != PIPE or self._repeated is None:
            return events
        run, event = self._repeated
        later = (pl.col(_RUN) > run) | ((pl.col(_RUN) == run) & (pl.col(_EVENT) > event))
        first = events.select(later.arg_max()).item() if events.select(later.any()).item() else None
        if first is None:
            return events.clear()
        self._repeated = None
        return events.slice(first)

    def _within_budget(self, events: pl.DataFrame) -> pl.DataFrame:
        """Add which events are kept, and which of these are sent: those of the most important filters first."""
        kept = pl.col("priority").is_not_null()
        if self._per_second is None:
            return events.with_columns(kept=kept, sent=kept)
        start, stop = (events["time"].cast(pl.Int64).sort()[i] for i in (0, -1))
        passed = max(0, stop - (self.state.time or start)) / 1e9
        self.state.left = min(self.state.left + passed * self._per_second, _SAVED * self._per_second)
        events = events.with_row_index("row").with_columns(kept=kept)
        ranked = events.filter("kept").sort("priority", "row")
        sent = ranked.filter(pl.col("size").cum_sum() <= self.state.left)["row"]
        return events.with_columns(sent=pl.col("row").is_in(sent.implode())).drop("row")

    def _keep(self, events: pl.DataFrame, segment: Segment, found: Found) -> None:
        """Write the frames of the events that are kept, and what there is to monitor."""
        state, menu = self.state, self._menu
        number, spool = recorded.name(state.segments), self._out / _SPOOL
        for folder, rows in ((SENT, pl.col("sent")), (HELD, pl.col("kept") & ~pl.col("sent"))):
            path = self._out / folder / f"{number}.i3.zst"
            path.unlink(missing_ok=True)  # of a run that was killed before it was recorded
            passed = events.filter(rows)
            if passed.height:
                spool.write_bytes(segment.part(passed["begin"], passed["end"]))
                put = [*menu.features, menu.mask]
                to_i3(
                    passed, spool, path,
                    features=put, replace=True, drop="GCDI", skip_damaged=True, level=_LEVEL,
                )  # fmt: skip
            if passed.height and folder == SENT:
                size = path.stat().st_size
                state.ratio *= size / float(passed["size"].sum())
                state.left -= size if self._per_second is not None else 0
        made = fill_many(events, menu.histograms) if menu.histograms else {}
        content = {
            "rows": recorded.counts(events, menu.names(), menu.mask),
            "histograms": {name: h.to_dict() for name, h in made.items()},
            "damage": [asdict(damage) for damage in found.damage],
        }
        files.write(self._out / recorded.FOLDER / f"{number}.json", json.dumps(content).encode())
        state.segments += 1
        state.last = list(events.select(_RUN, _EVENT).row(-1))
        state.time = events["time"].cast(pl.Int64).max()  # type: ignore[assignment]


__all__ = ["State", "run"]
