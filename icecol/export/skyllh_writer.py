"""Events for SkyLLH: one flat table of angles, energies and errors, under its names."""

from __future__ import annotations

import operator
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from icecol.coordinates import equatorial, mjd
from icecol.dataset.events import Events, expression, lazy_frame
from icecol.export.contents import HEADER, need, pieces
from icecol.files import whole

_HEADER: Final = {"run": "run_id", "event": "event_id", "subevent": "sub_event_id"}


def skyllh(
    events: Events,
    out: str | Path,
    *,
    fit: str,
    energy: str | pl.Expr,
    ang_err: str | pl.Expr,
    truth: str | None = None,
    weight: str | pl.Expr | None = None,
) -> Path:
    """Write events into a file that SkyLLH loads: a Parquet file, or a structured array if its name ends in `.npy`.

    The fields are `run`, `event`, `subevent`, `time` (MJD), `azi`, `zen`, `ra`, `dec`, `sin_dec`, `ang_err` (rad) and
    `log_energy` (of GeV); of simulation also `true_ra`, `true_dec`, `true_energy`, `sin_true_dec` and `mcweight`.
    Events of which any is missing are left out, as SkyLLH has no missing values, and a warning says how many.

    Parameters
    ----------
    events : Dataset, LazyFrame or DataFrame
        The events.
    out : path
        The file to write.
    fit : key
        The direction.
    energy : column or expression
        The energy in GeV.
    ang_err : column or expression
        The angular error in rad.
    truth : key, optional
        The simulated particle, with its direction and energy.
    weight : column or expression, optional
        The weight in GeV sr cm^2 (OneWeight by generated event), for `mcweight`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    MissingColumnError
        A column is not there.

    Warns
    -----
    UserWarning
        Events are left out.

    Examples
    --------
    >>> import icecol as ic, polars as pl, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> ic.sim.write(f"{folder}/sim.i3.zst", ic.sim.events(3, seed=1))
    >>> ds = ic.convert.i3(f"{folder}/sim.i3.zst", f"{folder}/sim.icecol", jobs=1)
    >>> muon = {"fit": "MCPrimary", "energy": "MCPrimary.energy", "ang_err": pl.lit(0.01)}
    >>> path = ic.export.skyllh(ds, f"{folder}/a.npy", **muon)
    >>> import numpy as np
    >>> np.load(path).dtype.names
    ('run', 'event', 'subevent', 'time', 'azi', 'zen', 'ra', 'dec', 'sin_dec', 'ang_err', 'log_energy')
    """
    frame = lazy_frame(events)
    schema = frame.collect_schema()
    header = [f"{HEADER}.{m}" for m in (*_HEADER.values(), "start_time_utc_year", "start_time_utc_daq_time")]
    directions = [f"{key}.{angle}" for key in (fit, truth) if key for angle in ("zenith", "azimuth")]
    need(schema, [*header, *directions, *([f"{truth}.energy"] if truth else [])], "SkyLLH")
    columns = {
        **{name: pl.col(f"{HEADER}.{member}").cast(pl.Int64) for name, member in _HEADER.items()},
        "time": mjd(),
        "azi": pl.col(f"{fit}.azimuth"),
        "zen": pl.col(f"{fit}.zenith"),
        **_sky(fit, ""),
        "ang_err": expression(ang_err, "ang_err"),
        "log_energy": expression(energy, "energy").log10(),
    }
    if truth is not None:
        columns |= _sky(truth, "true_")
        columns["true_energy"] = pl.col(f"{truth}.energy")
    if weight is not None:
        columns["mcweight"] = expression(weight)
    table = frame.select(**columns)
    with whole(out) as aside:
        (_save if Path(out).suffix == ".npy" else _table)(aside, _whole_ones(table))
    return Path(out)


def _whole_ones(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Yield the events that lack nothing, and warn of the others."""
    lacking: Counter[str] = Counter()
    n = left_out = 0
    known = pl.all().is_finite() & pl.all().is_not_null()
    for piece in pieces(table):
        found = piece.select(known)
        kept = piece.filter(found.fold(operator.and_))
        for name in found.columns:
            lacking[name] += piece.height - int(found[name].sum())
        n, left_out = n + piece.height, left_out + piece.height - kept.height
        yield kept
    if left_out:
        named = ", ".join(f"{name!r} ({k})" for name, k in lacking.most_common() if k)
        msg = f"SkyLLH has no missing values: {left_out} of {n} events are left out, for want of {named}"
        warnings.warn(msg, stacklevel=4)


def _table(path: Path, events: Iterator[pl.DataFrame]) -> None:
    first = next(events).to_arrow()
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for piece in events:
            writer.write_table(piece.to_arrow())


def _save(path: Path, events: Iterator[pl.DataFrame]) -> None:
    """Write a structured array piece by piece; its header, which tells the number of rows, has room for any."""
    n, description = 0, None
    with path.open("wb") as file:
        for piece in events:
            rows = piece.to_numpy(structured=True)
            if description is None:
                description = np.lib.format.dtype_to_descr(rows.dtype)
                _head(file, description, n)
            file.write(rows.tobytes())
            n += piece.height
        file.seek(0)
        _head(file, description, n)


def _head(file: BinaryIO, description: Any, n: int) -> None:
    header = {"descr": description, "fortran_order": False, "shape": (n,)}
    np.lib.format.write_array_header_1_0(file, header)


def _sky(key: str, prefix: str) -> dict[str, pl.Expr]:
    sky = equatorial(key)
    dec = sky.struct.field("dec")
    sine = "sin_dec" if not prefix else "sin_true_dec"
    return {f"{prefix}ra": sky.struct.field("ra"), f"{prefix}dec": dec, sine: dec.sin()}
