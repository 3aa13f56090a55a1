"""A selection of events back into .i3 files: the frames that survive, unchanged but for the features put in."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icecol.errors import DatasetError, MissingColumnError, did_you_mean
from icecol.i3.frames.files import I3File, files_of, open_i3, write_i3
from icecol.i3.frames.frame import Frame
from icecol.places import local

if TYPE_CHECKING:
    import polars as pl

    from icecol.dataset.scan import Dataset
    from icecol.i3.frames.files import Paths

HEADER: Final = "I3EventHeader"
IDENTITY: Final = ("run_id", "event_id", "sub_event_id", "sub_event_stream")
"""Members of the header that tell one frame from another."""
FURTHER: Final = (
    "sub_run_id", "start_time_utc_year", "start_time_utc_daq_time", "end_time_utc_year", "end_time_utc_daq_time",
)  # fmt: skip
"""Further members that do, where the events have them: simulation numbers events anew in each file."""


def to_i3(
    events: Dataset | pl.LazyFrame | pl.DataFrame,
    files: Paths,
    out: str | Path,
    *,
    features: str | Iterable[str] = (),
    replace: bool = False,
    drop: str = "",
    skip_damaged: bool = False,
    level: int | None = None,
) -> dict[Path, int]:
    """Write the frames of selected events, with features as frame objects, into .i3 files that IceTray reads.

    A physics frame survives if its header is among the events, a DAQ frame if one of its physics frames does (or its
    own header is among the events: then all its physics frames do). Geometry, calibration, status, simulation and
    other frames are kept. All objects keep their bytes.

    Parameters
    ----------
    events
        Rows with the columns I3EventHeader.run_id, .event_id, .sub_event_id and .sub_event_stream, and preferably the
        others of the header too: sub-run and times tell events apart that have the same numbers.
    files : path, glob pattern, or several
        The files that the events come from.
    out : path
        A file (`.i3`, `.i3.gz`, `.i3.bz2`, `.i3.zst`, `.i3.xz`) for all events, or else a folder for one file of the
        same name for each input.
    features : frame key or several
        Keys to put into the frames. The columns `Key.member`, or one column `Key`, become IceTray's own frame objects
        by the rule of `icecol.convert.frame_objects`, as in a tray: a fit an I3Particle with its parameters beside it
        (`KeyParams`, of likelihood fits `KeyFitParams`, of `finite_reco` `KeyCuts`), a pulse series an
        I3RecoPulseSeriesMap, cut variables their class, other numbers an I3MapStringDouble, one value an I3Double,
        I3Int, I3Bool or the like. A null puts nothing in.
    replace : bool
        Let a feature take the place of an object of that key.
    drop : str
        Stop letters of further frames that are left out: `"GCD"` where these come in a file of their own.
    skip_damaged : bool
        Continue after damaged places. Otherwise `DamagedFileError` is raised, and the file not written.
    level : int, optional
        Compression level; IceTray's own by default.

    Returns
    -------
    dict
        The files written, each with its number of surviving events.

    Raises
    ------
    MissingColumnError
        A column of the header, or of a feature, is not there.
    SchemaError
        A feature has columns that no frame object can hold.
    DatasetError
        The events come from a dataset of which something is hidden or scrambled, as the files hold it. (A table that
        was collected does not tell where it comes from.)
    ValueError
        A frame has an object under the key of a feature already; an event is in the files more often than among the
        events; two events have the same header, and are to get features; or an output is one of the files.

    Warns
    -----
    UserWarning
        Some of the events are not in the files.

    Examples
    --------
    >>> import icecol as ic, polars as pl, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> ic.sim.write(folder / "muons.i3.zst", ic.sim.events(20, seed=1))
    >>> ds = ic.convert.i3(folder / "muons.i3.zst", folder / "muons.icecol", jobs=1)
    >>> events = ic.with_features(ds.scan(), Charge=ic.reco.charge(ds.pulses("SplitInIcePulses")))
    >>> bright = events.filter(pl.col("Charge.n_hit_doms") > 20)
    >>> made = ic.convert.to_i3(bright, folder / "muons.i3.zst", folder / "bright.i3.gz", features="Charge")
    >>> frame = next(f for f in ic.open_i3(list(made)) if f.stop == "P")
    >>> frame["Charge"]["n_hit_doms"] > 20
    True
    """
    _refuse_blind(events)
    chosen = Chosen(events, [features] if isinstance(features, str) else list(features), replace=replace)
    made: dict[Path, int] = {}
    for target, sources in _targets(files_of(files), local(out)).items():
        before = chosen.found
        with open_i3(sources, skip_damaged=skip_damaged) as frames:
            write_i3(target, _survivors(frames, chosen, drop), level=level)
        made[target] = chosen.found - before
    left = chosen.left()
    if left:
        msg = f"{len(left)} events are not in the files, the first: {_shown(left[0])}"
        warnings.warn(msg, stacklevel=2)
    return made


def _refuse_blind(events: Dataset | pl.LazyFrame | pl.DataFrame) -> None:
    """Refuse events whose frames hold what is hidden or scrambled in their dataset."""
    from icecol.dataset import manifest as manifests
    from icecol.dataset.facts import facts
    from icecol.dataset.scan import Dataset  # needs Polars, which a conversion does without

    folders = (events.path,) if isinstance(events, Dataset) else facts(events).sources
    for folder in folders:
        blinding = manifests.read(folder / manifests.NAME).blinding
        if blinding.columns:
            msg = (
                f"{folder} is blinded ({blinding.describe()}), but its files hold {blinding.columns[0]!r} as it is: "
                "unblind it first (`ic.unblind`), or write frames of events chosen from another dataset"
            )
            raise DatasetError(msg)


def _targets(paths: Sequence[Path], out: Path) -> dict[Path, list[Path]]:
    """Return which files are written from which."""
    if ".i3" in out.suffixes[-2:] and not out.is_dir():
        targets = {out: list(paths)}
    else:
        targets = {}
        for path in paths:
            named = ".i3" in path.suffixes[-2:]
            targets.setdefault(
                out / (path.name if named else f"{path.name.split('.')[0]}.i3.zst"), []
            ).append(path)
        same = [files for files in targets.values() if len(files) > 1]
        if same:
            msg = (
                f"{same[0][0]} and {same[0][1]} have the same name: give a file as `out`, or the files of one folder "
                "per call"
            )
            raise ValueError(msg)
        out.mkdir(parents=True, exist_ok=True)
    inputs = {path.resolve() for path in paths}
    for target in targets:
        if target.resolve() in inputs:
            msg = f"{target} would replace the file that is read: give another `out`"
            raise ValueError(msg)
    return targets


def _survivors(frames: I3File, chosen: Chosen, drop: str) -> Iterator[Frame]:
    """Pass on the frames that survive; a DAQ frame waits for its first physics frame."""
    daq: Frame | None = None
    waits = whole = False
    for frame in frames:
        if frame.stop == "Q":
            daq, waits, whole = frame, True, chosen.take(frame)
        elif frame.stop != "P":
            if frame.stop not in drop:
                yield frame
            continue
        elif not (chosen.take(frame) or (whole and _event(frame) == _event(daq))):
            continue
        if waits and (frame.stop == "P" or whole) and daq is not None:
            waits = False
            yield daq
        if frame.stop == "P":
            yield frame


def _event(frame: Frame | None) -> tuple[Any, ...] | None:
    header = None if frame is None else _header(frame)
    return None if header is None else (header.run_id, header.event_id)


def _header(frame: Frame) -> Any:
    """Return the header of a frame, None if it has none or an object of another class in its place."""
    return frame[HEADER] if HEADER in frame and frame.class_name(HEADER) == HEADER else None


class Chosen:
    """The selected events, identified by their headers, and the objects that are put into their frames."""

    def __init__(
        self, events: Dataset | pl.LazyFrame | pl.DataFrame, keys: Sequence[str], *, replace: bool
    ) -> None:
        from icecol.dataset.events import lazy_frame  # needs Polars, which a conversion does without

        frame = lazy_frame(events)
        schema = frame.collect_schema()
        wanted = {key: _columns(key, schema) for key in keys}
        for name in (f"{HEADER}.{member}" for member in IDENTITY):
            if name not in schema:
                msg = f"the events have no column {name!r}; {did_you_mean(name, schema.names(), 'columns')}"
                raise MissingColumnError(msg)
        self._members = (*IDENTITY, *(m for m in FURTHER if f"{HEADER}.{m}" in schema))
        identity = [f"{HEADER}.{member}" for member in self._members]
        columns = [*identity, *(name for members in wanted.values() for name in members.values())]
        table = frame.select(list(dict.fromkeys(columns))).collect()
        self._rows: dict[tuple[Any, ...], deque[int]] = {}
        for i, row in enumerate(table.select(identity).iter_rows()):
            self._rows.setdefault(row, deque()).append(i)
        same = next((row for row, places in self._rows.items() if len(places) > 1), None)
        if same is not None and keys:
            msg = (
                f"{_shown(same)} is {len(self._rows[same])} times among the events: their features cannot be told "
                "apart; keep all columns of the header, or take the events of one file at a time"
            )
            raise ValueError(msg)
        self._makers = [_made(key, members, table) for key, members in wanted.items()]
        self._replace = replace
        self.found = 0

    def take(self, frame: Frame) -> bool:
        """Return whether a frame was selected, and put its features in."""
        header = _header(frame)
        if header is None:
            return False
        identity = tuple(_member(header, member) for member in self._members)
        rows = self._rows.get(identity)
        if rows is None:
            return False
        if not rows:
            msg = (
                f"{_shown(identity)} is in the files more often than among the events: "
                "select from one file at a time"
            )
            raise ValueError(msg)
        row = rows.popleft()
        self.found += 1
        for key, obj in (item for make in self._makers for item in make(row).items()):
            if key in frame and not self._replace:
                msg = (
                    f"{_shown(identity)} has an object {key!r} already: give the feature another name, or use "
                    "`replace=True`"
                )
                raise ValueError(msg)
            frame[key] = obj
        return True

    def left(self) -> list[tuple[Any, ...]]:
        """List the events that were not found."""
        return [identity for identity, rows in self._rows.items() for _ in rows]


def _member(header: Any, name: str) -> Any:
    """Return a member of a header by the name of its column."""
    time, _, member = name.partition("_utc_")
    return getattr(getattr(header, time), f"utc_{member}", None) if member else getattr(header, name)


def _shown(identity: tuple[Any, ...]) -> str:
    run, event, sub, stream = identity[:4]
    return f"run {run}, event {event}, sub-event {sub} of {stream!r}"


# -- features -------------------------------------------------------------------------------------------------------


def _columns(key: str, schema: pl.Schema) -> dict[str, str]:
    """Find the columns of a feature: from its members (`value` for the column itself) to their names."""
    if key in schema:
        return {"value": key}
    found = {name[len(key) + 1 :]: name for name in schema if name.startswith(f"{key}.")}
    if not found:
        keys = {name.partition(".")[0] for name in schema}
        msg = f"the events have no feature {key!r}; {did_you_mean(key, keys, 'frame keys')}"
        raise MissingColumnError(msg)
    return found


def _made(key: str, columns: Mapping[str, str], table: pl.DataFrame) -> Callable[[int], dict[str, Any]]:
    """Return the function that makes the objects of a feature for a row, by key."""
    from icecol.convert.frame_objects import fits_int, object_maker

    members = {member: table[name] for member, name in columns.items()}
    if len(members) == 1:
        members = {member: fits_int(series) for member, series in members.items()}
    make = object_maker(key, {member: series.dtype for member, series in members.items()})
    values = {m: series if series.dtype.is_nested() else series.to_list() for m, series in members.items()}
    return lambda i: make({member: column[i] for member, column in values.items()})


__all__ = ["to_i3"]
