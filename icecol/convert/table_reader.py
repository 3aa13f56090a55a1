"""Tables of one's own, with a row per pulse and the number of its event, as a dataset: `icecol.convert.table`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from icecol.convert.gcd import detector_of
from icecol.convert.positions import Sensors, names_of_positions
from icecol.convert.rows import Array, Column, Rows, listed, plain, pulses, unknown
from icecol.convert.run import collecting, from_source, require_events
from icecol.convert.source import Detector, Found, Reader
from icecol.convert.stores import ROWS, ParquetStore, open_parquet
from icecol.dataset import schema as schemas
from icecol.detector.geometry import Geometry
from icecol.errors import MissingColumnError, SchemaError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

    from icecol.dataset.scan import Dataset

EVENTS: Final = ("event_no", "event_id", "event", "Event")
"""Names that the number of the event may have."""
RUNS: Final = ("run_id", "run", "Run", "RunID", "run_number")
"""Names that the number of the run may have, which is the same for all pulses of an event: it goes to the header."""
BATCH_EVENTS: Final = 4096
_ID: Final = "I3EventHeader.event_id"
_RUN: Final = "I3EventHeader.run_id"


def event_column(columns: Sequence[str], wanted: str | None) -> str:
    """Return the column with the number of the event.

    Raises
    ------
    MissingColumnError
        There is none.
    """
    known = EVENTS if wanted is None else (wanted,)
    found = next((name for name in known if name in columns), None)
    if found is None:
        msg = (
            f"the pulses have no column {' or '.join(map(repr, known))} with the number of the event: name it by "
            f"`event`; {did_you_mean(known[0], columns, 'columns', 30)}"
        )
        raise MissingColumnError(msg)
    return found


@dataclass(frozen=True, slots=True)
class TableReader(Reader):
    """Reads Parquet files of pulses, one row each; the options are those of `icecol.convert.table`."""

    key: str = "Pulses"
    event: str | None = None
    names: tuple[tuple[str, str], ...] = ()
    whole_detector = False

    def settings(self) -> dict[str, Any]:
        """Return the options, and the name of the form."""
        return {"form": "table of pulses", "key": self.key, "event": self.event, "names": dict(self.names)}

    def read(self, path: Path, file: BinaryIO, found: Found) -> Iterator[pa.Table]:  # noqa: ARG002
        """Yield tables of events, in the order of their numbers."""
        columns = open_parquet(path).schema_arrow.names
        found.has_geometry = names_of_positions(columns) is not None
        event = event_column(columns, self.event)
        store = ParquetStore({self.key: path})
        numbers = store.numbers(self.key, event)
        new = np.ones(numbers.size, bool)
        new[1:] = numbers[1:] != numbers[:-1]
        numbers = np.unique(numbers[new])  # there are few where they are in order
        for table in tables(store.batches(self.key, event), numbers, self, event, str(path)):
            found.frames += table.num_rows
            found.bytes += table.nbytes
            yield table

    def detector(self, path: Path) -> Detector | None:
        """Collect the sensors that have pulses, where their positions are told; None if they are those of IceCube."""
        sensors = Sensors()
        file = open_parquet(path)
        names = names_of_positions(file.schema_arrow.names)
        if names is None:
            return None
        for batch in file.iter_batches(ROWS, columns=list(dict.fromkeys(names.values()))):
            sensors.add({name: plain(batch.column(column)) for name, column in names.items()})
        geometry = sensors.geometry()
        return None if geometry is None else Detector(geometry)


def tables(
    batches: Iterator[pa.Table],
    numbers: Any,
    reader: TableReader,
    event: str,
    name: str,
    beside: pa.Table | None = None,
) -> Iterator[pa.Table]:
    """Yield tables of events of these numbers, given their pulses in that order, and columns of the events."""
    if not np.issubdtype(numbers.dtype, np.integer) or (
        numbers.size and not 0 <= numbers[0] <= numbers[-1] < 1 << 32
    ):
        msg = f"{name}: column {event!r} is to number the events, from 0 to {2**32 - 1}; found {numbers[:3].tolist()}"
        raise SchemaError(msg)
    rows = Rows(batches, event, name)
    names = dict(reader.names)
    for begin in range(0, numbers.size, BATCH_EVENTS):
        some = numbers[begin : begin + BATCH_EVENTS]
        table, counts = rows.take(some)
        made: list[Column] = []
        if beside is None or _ID not in beside.column_names:
            made.append((schemas.field(_ID, pa.uint32(), "", event), pa.array(some.astype(np.uint32))))
        if beside is not None:
            of_events = beside.slice(begin, BATCH_EVENTS)
            made += [(f, of_events[f.name].combine_chunks()) for f in of_events.schema if f.name != event]
        if table is not None:
            values = {column: plain(table[column]) for column in table.column_names}
            runs = _runs(values, some, counts, event, name)
            run = _header_run(runs) if beside is None or _RUN not in beside.column_names else None
            made += [run[1]] if run is not None else []
            own, used = pulses(reader.key, values, names)
            positions = names_of_positions(table.column_names) or {}
            rest = [
                n
                for n in table.column_names
                if n not in {*used, *positions.values(), event, *(run or ())[:1]}
            ]
            own += [_further(reader.key, n, table[n]) for n in rest]
            made += listed(own, counts) + unknown(reader.key, own, some.size)
        yield pa.Table.from_arrays([a for _, a in made], schema=pa.schema([f for f, _ in made]))
    rows.finish()


def _runs(
    values: Mapping[str, Array], events: Array, counts: Array, event: str, name: str
) -> dict[str, Array]:
    """Return the columns with the run, one value for each event: NaN where no pulse tells it.

    Raises
    ------
    SchemaError
        The pulses of one number are of several runs: two events would become one.
    """
    at = np.repeat(np.arange(events.size), counts)
    found = {}
    for column in RUNS:
        if column == event or column not in values or values[column].dtype.kind not in "iuf":
            continue
        runs = values[column].astype(np.float64)
        told = np.flatnonzero(~np.isnan(runs))
        of_event: Array = np.full(events.size, np.nan)
        of_event[at[told][::-1]] = runs[told][::-1]
        other = told[runs[told] != of_event[at[told]]]
        if other.size:
            i = int(other[0])
            msg = (
                f"{name}: event {events[at[i]]} has pulses of {column} {of_event[at[i]]:.0f} and {runs[i]:.0f}, so "
                f"that {event!r} does not tell events apart: number them through all runs, as "
                "pl.struct(run, event).rank('dense') does"
            )
            raise SchemaError(msg)
        found[column] = of_event
    return found


def _header_run(runs: Mapping[str, Array]) -> tuple[str, Column] | None:
    """Return the first column that is the run of a header, a whole number of 32 bits, and that of the header."""
    for column, values in runs.items():
        told = values[~np.isnan(values)]
        if (told == np.floor(told)).all() and ((told >= 0) & (told < 1 << 32)).all():
            whole = np.where(np.isnan(values), 0, values).astype(np.uint32)
            return column, (
                schemas.field(_RUN, pa.uint32(), "", column),
                pa.array(whole, mask=np.isnan(values)),
            )
    return None


def _further(key: str, name: str, values: pa.ChunkedArray) -> Column:
    array = values.combine_chunks()
    if pa.types.is_string_view(array.type) or pa.types.is_large_string(array.type):
        array = array.cast(pa.string())
    return schemas.field(f"{key}.{name}", array.type), array


def table(
    pulses: pl.DataFrame | pl.LazyFrame | str | Path | Iterable[str | Path],
    dataset: str | Path,
    *,
    key: str = "Pulses",
    event: str | None = None,
    names: Mapping[str, str] | None = None,
    events: pl.DataFrame | pl.LazyFrame | None = None,
    gcd: str | Path | Geometry | None = None,
    jobs: int | None = None,
    overwrite: bool = False,
    allow_empty: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Dataset:
    """Make a dataset of a table of one's own, with a row per pulse and a column that numbers its event.

    Parameters
    ----------
    pulses : DataFrame, LazyFrame, or Parquet files
        Columns for the time (ns) and the sensor, as `omkey` or as numbers of string and module, and further ones for
        charge (PE; 1 if there is none), width (ns) and flags. Names that GraphNeT, Prometheus and others use are
        known. A number of the run (`run_id`, `run`, ...) becomes that of the header; all other columns become lists,
        `key.name`. Files are read piece by piece; in one that is not in the
        order of its events, or of a frame, all pulses are held.
    dataset : path
        Folder to make.
    key
        Key of the pulse series.
    event
        Column with the number of the event, an integer; by default `event_no`, `event_id`, `event` or `Event`.
    names
        Which column is which member, if it has another name: `{"time": "t_ns", "om": "module"}`.
    events : DataFrame or LazyFrame, optional
        Columns of the events, with the number of the event too, for pulses in a frame. Their names are kept; those with
        a dot are members of a key, as `MCPrimary.energy`. An event without pulses has empty lists.
    gcd : path or Geometry, optional
        The sensors, as for `icecol.convert.i3`. By default those of the pulses if they have columns of the position, or
        else IceCube's.
    jobs : int, optional
        Number of processes, for files.
    overwrite : bool
        Replace a finished dataset.
    allow_empty : bool
        Make a dataset without events if there are none, which is otherwise an error.
    settings : mapping, optional
        Further facts for the manifest: nfiles, livetime (s), generator settings.

    Returns
    -------
    Dataset

    Raises
    ------
    MissingColumnError
        There is no number of the event, no time or no sensor.
    SchemaError
        The number of the event is not an integer from 0 to 2^32 - 1, or stands for events of several runs.
    FormatError
        There are pulses of an event that `events` lacks.
    UnsupportedError
        There is no event; see `allow_empty`.

    Examples
    --------
    >>> import icecol as ic, polars as pl, tempfile
    >>> hits = pl.DataFrame(
    ...     {"event": [7, 7, 9], "t": [10.0, 12.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
    ... )
    >>> ds = ic.convert.table(hits, f"{tempfile.mkdtemp()}/own.icecol")
    >>> events = ic.with_features(ds.scan(), Q=ic.reco.charge(ds.pulses("Pulses")))
    >>> events.select("I3EventHeader.event_id", "Q.total").collect().rows()
    [(7, 2.0), (9, 1.0)]
    """
    import polars as pl

    geometry = detector_of(gcd)
    reader = TableReader(key, event, tuple(sorted((names or {}).items())))
    if not isinstance(pulses, pl.DataFrame | pl.LazyFrame):
        if events is not None:
            msg = "`events` is for pulses in a frame: give pl.scan_parquet(...) as the pulses"
            raise ValueError(msg)
        return from_source(
            reader, pulses, dataset, geometry=geometry, jobs=jobs, overwrite=overwrite, allow_empty=allow_empty,
            settings=settings,
        )  # fmt: skip
    return _of_frames(
        pulses.lazy(), events, reader, dataset, geometry, overwrite=overwrite, allow_empty=allow_empty,
        settings=settings,
    )  # fmt: skip


def _of_frames(
    pulses: pl.LazyFrame,
    events: pl.DataFrame | pl.LazyFrame | None,
    reader: TableReader,
    dataset: str | Path,
    geometry: Geometry | Detector | None,
    *,
    overwrite: bool,
    allow_empty: bool,
    settings: Mapping[str, Any] | None,
) -> Dataset:
    from icecol.dataset.scan import open_dataset

    event = event_column(pulses.collect_schema().names(), reader.event)
    ordered = pulses.sort(event, maintain_order=True).collect().to_arrow()
    beside = None
    if events is None:
        numbers = np.unique(plain(ordered[event]))
    else:
        event_column(events.lazy().collect_schema().names(), event)
        beside = events.lazy().sort(event).collect().to_arrow()
        beside = beside.cast(pa.schema([f.with_type(_plain_type(f.type)) for f in beside.schema]))
        numbers = plain(beside[event])
        if np.unique(numbers).size < numbers.size:
            msg = f"`events` has an event twice: column {event!r} is to tell them apart"
            raise SchemaError(msg)
    name = "table of pulses"
    if not allow_empty:
        require_events(len(numbers), f"the {name}")
    with collecting(name, dataset, reader.settings(), overwrite=overwrite, more=settings) as into:
        for one in tables(iter([ordered]), numbers, reader, event, name, beside):
            into.add(one)
        into.found.frames = into.events
        if geometry is None and (names := names_of_positions(ordered.column_names)) is not None:
            sensors = Sensors()
            sensors.add({member: plain(ordered[column]) for member, column in names.items()})
            geometry = sensors.geometry()
        if geometry is not None:
            into.detector = Detector(geometry) if isinstance(geometry, Geometry) else geometry
    return open_dataset(dataset)


def _plain_type(dtype: pa.DataType) -> pa.DataType:
    """Return the type that columns of a dataset have for one of Polars."""
    if pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype):
        return pa.string()
    if pa.types.is_large_list(dtype):
        return pa.list_(_plain_type(dtype.value_type))
    return dtype


__all__ = ["TableReader", "event_column", "table"]
