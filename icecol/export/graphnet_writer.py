"""Folders of Parquet files as GraphNeT has them: pulses with a row each, and a table of the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from icecol.convert.graphnet_reader import HEADER as OF_TRUTH
from icecol.coordinates import mjd
from icecol.dataset.events import Events, lazy_frame
from icecol.dataset.pulses import Pulses
from icecol.errors import GeometryError
from icecol.export.contents import HEADER, Array, need, pieces, together
from icecol.files import whole_folder

_PRIMARY: Final = {
    "energy": "energy", "position_x": "x", "position_y": "y", "position_z": "z", "azimuth": "azimuth",
    "zenith": "zenith", "pid": "pdg_encoding",
}  # fmt: skip
_NARROW: Final = 6.0
"""Width in ns below which GraphNeT takes a pulse for one of the ATWD."""
_UNKNOWN: Final = -1


def graphnet(
    events: Events,
    out: str | Path,
    *,
    pulses: Pulses | Sequence[Pulses],
    primary: str | None = None,
    truth: Mapping[str, str | pl.Expr] | None = None,
    first: int = 0,
    per_file: int = 200_000,
) -> list[Path]:
    """Write events into a folder for GraphNeT: `truth/truth_0.parquet` and a like folder for each pulse series.

    Pulses have the columns of GraphNeT's IceCube extractor (`dom_time`, `dom_x`, `rde`, `hlc`, ...), one row each; all
    tables have `event_no`, by which GraphNeT joins them. What is not known is -1, as there. Pulses of sensors that the
    geometry lacks are left out.

    Parameters
    ----------
    events : Dataset, LazyFrame or DataFrame
        The events.
    out : path
        Folder to make.
    pulses : Pulses or several
        The pulse series, with a geometry: `ds.pulses("SRTInIcePulses")`.
    primary : key, optional
        Particle whose energy, vertex, direction and kind (its PDG code) are the truth.
    truth : mapping, optional
        Further columns of the truth: names and columns or expressions.
    first
        Number of the first event.
    per_file
        Events in one file.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    MissingColumnError
        A column of the pulses or of the primary is not there.
    GeometryError
        A pulse series has no geometry.
    OSError
        The folder is there already and not empty, or cannot be written.

    Examples
    --------
    >>> import icecol as ic, polars as pl, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> ds = ic.sim.to_dataset(ic.sim.events(3, seed=1), f"{folder}/sim.icecol")
    >>> files = ic.export.graphnet(ds, f"{folder}/out", pulses=ds.pulses("InIcePulses"), primary="MCPrimary")
    >>> [str(path.relative_to(folder)) for path in files]
    ['out/truth/truth_0.parquet', 'out/InIcePulses/InIcePulses_0.parquet']
    >>> pl.read_parquet(files[0])["pid"].unique().to_list()
    [13]
    """
    series = [pulses] if isinstance(pulses, Pulses) else list(pulses)
    frame = lazy_frame(events)
    schema = frame.collect_schema()
    for one in series:
        need(schema, one.columns, "a pulse series")
        if one.geometry is None:
            msg = f"GraphNeT has the positions of sensors: give {one.key!r} a geometry, Pulses(key, geometry)"
            raise GeometryError(msg)
    wanted = _truth(schema, primary, truth or {})
    columns = [c for one in series for c in one.columns]
    prepared = frame.select(*dict.fromkeys(columns), **{f"truth.{name}": e for name, e in wanted.items()})
    names = ["truth", *(one.key for one in series)]
    made: list[Path] = []
    with whole_folder(out) as aside, ExitStack() as open_files:
        writers: list[pq.ParquetWriter | None] = []
        for at, batch in _batches(prepared, per_file):
            if at % per_file == 0:
                open_files.close()
                paths = [Path(name) / f"{name}_{at // per_file}.parquet" for name in names]
                writers = [None] * len(names)
                made += [Path(out) / path for path in paths]
            for i, table in enumerate(_tables(batch, series, first + at)):
                writer = writers[i]
                if writer is None:
                    (aside / paths[i]).parent.mkdir(exist_ok=True)
                    writer = pq.ParquetWriter(aside / paths[i], table.schema, compression="zstd")
                    writers[i] = open_files.enter_context(writer)
                writer.write_table(table)
    return made


def _truth(schema: Any, primary: str | None, more: Mapping[str, str | pl.Expr]) -> dict[str, pl.Expr]:
    wanted: dict[str, pl.Expr] = {}
    for name, member in OF_TRUTH.items():
        if f"{HEADER}.{member}" in schema:
            wanted[name] = pl.col(f"{HEADER}.{member}").cast(pl.Int64)
    if f"{HEADER}.start_time_utc_daq_time" in schema:
        wanted["event_time"] = pl.col(f"{HEADER}.start_time_utc_daq_time")
        wanted["mjd"] = mjd(f"{HEADER}.start_time")
    if primary is not None:
        need(schema, [f"{primary}.{m}" for m in _PRIMARY.values()], "the truth")
        wanted |= {name: pl.col(f"{primary}.{member}") for name, member in _PRIMARY.items()}
    wanted |= {name: pl.col(e) if isinstance(e, str) else e for name, e in more.items()}
    return {name: e.fill_null(_UNKNOWN) if name != "mjd" else e for name, e in wanted.items()}


def _batches(events: pl.LazyFrame, per_file: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield batches of events that are of one file each, with the place of their first."""
    at = 0
    for batch in pieces(events):
        if not batch.height:
            yield at, batch
        begin = 0
        while begin < batch.height:
            some = batch.slice(begin, per_file - at % per_file)
            yield at, some
            at += some.height
            begin += some.height


def _tables(batch: pl.DataFrame, series: Sequence[Pulses], first: int) -> Iterator[pa.Table]:
    """Yield the truth of some events, and their pulses."""
    numbers = np.arange(first, first + batch.height)
    own = [c for c in batch.columns if c.startswith("truth.") and c != "truth.mjd"]
    truth = batch.select(own).rename({c: c.removeprefix("truth.") for c in own})
    yield truth.with_columns(event_no=numbers).to_arrow()
    time = batch["truth.mjd"].to_numpy() if "truth.mjd" in batch.columns else np.full(batch.height, -1.0)
    for one in series:
        yield _rows(batch, one, numbers, time)


def _rows(batch: pl.DataFrame, pulses: Pulses, numbers: Array, time: Array) -> pa.Table:
    """Return the pulses of some events as GraphNeT has them."""
    geometry = pulses.geometry
    assert geometry is not None  # checked above
    columns = {m: pulses.column(m) for m in ("omkey", "charge", "time", "width", "flags")}
    values, counts, _ = together(pulses.key, batch, columns, _UNKNOWN)
    at, keys = np.repeat(np.arange(batch.height), counts), values["omkey"]
    rows = geometry.rows(keys)
    unknown = np.full(keys.size, _UNKNOWN)
    hlc = values["flags"].astype(np.int64)
    table = {
        "charge": values["charge"].astype(np.float64),
        "dom_time": values["time"],
        "width": values["width"].astype(np.float64),
        **{f"dom_{axis}": getattr(geometry, axis)[rows] for axis in "xyz"},
        "pmt_area": np.nan_to_num(geometry.area[rows], nan=_UNKNOWN),
        "rde": np.nan_to_num(geometry.relative_efficiency[rows], nan=_UNKNOWN),
        **dict.fromkeys(("is_bright_dom", "is_bad_dom", "is_saturated_dom", "is_errata_dom"), unknown),
        "event_time": time[at],
        "hlc": np.where(hlc < 0, _UNKNOWN, hlc & 1),
        "awtd": values["width"] < _NARROW,
        "string": geometry.string[rows].astype(np.int64),
        "pmt_number": geometry.pmt[rows].astype(np.int64),
        "dom_number": geometry.om[rows].astype(np.int64),
        "dom_type": geometry.om_type[rows].astype(np.int64),
        "event_no": numbers[at],
    }
    return pa.table(table).filter(pa.array(rows >= 0))
