"""Files of other programs: read by icecol and by the tools that their users have, and written, with the memory of it.

The load is a dataset of simulated muons, repeated to the size asked for, and the files that are written from it; of
KM3NeT it is a real file, if one is given or the package km3net-testdata is installed. All readers answer the same: the
charge (or number of hits) of each event. Tools that are not installed are left out.
"""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from common import Goal, Report, Table, in_fresh_process, parser, race, seconds
from pyarrow.dataset import dataset

import icecol as ic
from icecol.convert.run import collecting
from icecol.convert.source import Detector

SERIES = "InIcePulses"
PARTS = [f"{SERIES}.*", "MCPrimary.*", "I3EventHeader.*"]
BLOCK = 250
"""Simulated events that are repeated, each time as a run of its own."""
Rivals = dict[str, Callable[[], Any]]


def load(folder: Path, events: int) -> ic.Dataset:
    """Make a dataset of so many events."""
    ic.sim.write(folder / "block.i3.zst", ic.sim.events(min(BLOCK, events), seed=1))
    simulated = ic.convert.i3(folder / "block.i3.zst", folder / "block.icecol", jobs=1, overwrite=True)
    with collecting("benchmark", folder / f"{events}.icecol", {"form": "benchmark"}) as into:
        into.detector = Detector(simulated.geometry)
        block, made = dataset(simulated.path / "events").to_table(), 0
        at = block.schema.get_field_index("I3EventHeader.run_id")
        while made < events:
            n = min(block.num_rows, events - made)
            run = pa.array(np.full(n, 1 + made // block.num_rows, np.uint32))
            into.add(block.slice(0, n).set_column(at, block.schema.field(at), run))
            made += n
    return ic.open_dataset(folder / f"{events}.icecol")


def charges(ds: ic.Dataset, column: str = f"{SERIES}.charge") -> np.ndarray:
    """Return the charge of each event of a dataset."""
    total = pl.col(column).list.eval(pl.element().cast(pl.Float64).sum()).list.first()
    return ds.scan().select(total.fill_null(0)).collect().to_series().to_numpy()


def summed(table: pd.DataFrame, by: str | list[str], value: str = "charge") -> pd.Series:
    return table.groupby(by, sort=True)[value].sum()


def on_events(found: pd.Series, n: int) -> np.ndarray:
    """Return the sums of all events, 0 for those without rows."""
    return found.reindex(range(n), fill_value=0.0).to_numpy()


# -- files, and the tools for them ------------------------------------------------------------------------------------


def tableio_hdf5(ds: ic.Dataset, folder: Path) -> tuple[Path, Rivals]:
    path = ic.export.hdf5(ds, folder / "tableio.h5", columns=PARTS)

    def by_h5py() -> np.ndarray:
        with h5py.File(path) as file:
            index, values = file["__I3Index__"][SERIES][:], file[SERIES]["charge"].astype(np.float64)
        sums = np.concatenate([[0.0], np.cumsum(values)])
        return sums[index["stop"]] - sums[index["start"]]

    def every_table() -> np.ndarray:
        with h5py.File(path) as file:
            tables = {name: file[name][:] for name in file if name != "__I3Index__"}
            index = file["__I3Index__"][SERIES][:]
        sums = np.concatenate([[0.0], np.cumsum(tables[SERIES]["charge"])])
        return sums[index["stop"]] - sums[index["start"]]

    def by_pandas() -> np.ndarray:
        with h5py.File(path) as file:
            header, pulses = (
                pd.DataFrame({n: file[key][n] for n in columns})
                for key, columns in (
                    ("I3EventHeader", ["Run", "Event"]),
                    (SERIES, ["Run", "Event", "charge"]),
                )
            )
        found = summed(pulses, ["Run", "Event"])
        return found.reindex(pd.MultiIndex.from_frame(header), fill_value=0.0).to_numpy()

    rivals = {
        "h5py: one column": by_h5py,
        "h5py: every table": every_table,
        "h5py and pandas groupby": by_pandas,
    }
    if importlib.util.find_spec("tables"):

        def by_pytables() -> np.ndarray:
            header, pulses = (pd.read_hdf(path, key) for key in ("I3EventHeader", SERIES))
            found = summed(pulses, ["Run", "Event"])
            return found.reindex(
                pd.MultiIndex.from_frame(header[["Run", "Event"]]), fill_value=0.0
            ).to_numpy()

        rivals["pandas.read_hdf (PyTables)"] = by_pytables
    return path, rivals


def tableio_folder(ds: ic.Dataset, folder: Path) -> tuple[Path, Rivals]:
    """Parquet of tableio: its tables as pandas writes them, with the number of the event."""
    out = folder / "tableio"
    out.mkdir()
    with h5py.File(ic.export.hdf5(ds, folder / "of_tables.h5", columns=PARTS)) as file:
        for key in file:
            if key == "__I3Index__":
                continue
            index = file["__I3Index__"][key][:]
            number = np.repeat(np.arange(len(index)), (index["stop"] - index["start"]).astype(np.int64))
            table = pd.DataFrame({n: file[key][n] for n in file[key].dtype.names}).assign(event_no=number)
            table.to_parquet(out / f"{key}.parquet", compression="zstd")

    def by_pandas() -> np.ndarray:
        header = pd.read_parquet(out / "I3EventHeader.parquet")
        return on_events(summed(pd.read_parquet(out / f"{SERIES}.parquet"), "event_no"), len(header))

    return out, {"pandas.read_parquet": by_pandas}


def graphnet_folder(ds: ic.Dataset, folder: Path) -> tuple[Path, Rivals]:
    out = folder / "graphnet"
    ic.export.graphnet(ds, out, pulses=ds.pulses(SERIES), primary="MCPrimary")

    def by_pandas() -> np.ndarray:
        truth, pulses = (pd.read_parquet(out / name) for name in ("truth", SERIES))
        return on_events(summed(pulses, "event_no"), len(truth))

    return out, {"pandas.read_parquet": by_pandas}


def graphnet_database(ds: ic.Dataset, folder: Path) -> tuple[Path, Rivals]:
    path = folder / "graphnet.db"
    ic.export.graphnet(ds, folder / "for_database", pulses=ds.pulses(SERIES), primary="MCPrimary")
    connection = sqlite3.connect(path)
    for name in ("truth", SERIES):
        pd.read_parquet(folder / "for_database" / name).to_sql(name, connection, index=False)
    connection.execute(f"create index by_event on {SERIES} (event_no)")
    connection.commit()
    connection.close()

    def by_pandas() -> np.ndarray:
        with sqlite3.connect(path) as file:
            truth, pulses = (pd.read_sql(f"select * from {name}", file) for name in ("truth", SERIES))
        return on_events(summed(pulses, "event_no"), len(truth))

    return path, {"pandas.read_sql": by_pandas}


def prometheus(ds: ic.Dataset, folder: Path) -> tuple[Path, Rivals]:
    """Prometheus' Parquet: a row for each event, with the lists of its photons in a struct."""
    path = folder / "prometheus.parquet"
    wanted = [f"{SERIES}.time", f"{SERIES}.omkey", "MCPrimary.energy", "MCPrimary.zenith"]
    table = ds.scan().select(wanted).collect().to_arrow()
    table = table.set_column(0, "t", table[0].cast(pa.list_(pa.float64())).combine_chunks())
    times, keys = table["t"].combine_chunks(), table[1].cast(pa.list_(pa.int32())).combine_chunks()
    omkey = keys.flatten().to_numpy()
    rows = ds.geometry.rows(omkey)
    flat = {
        "string_id": omkey >> 16,
        "sensor_id": (omkey >> 8) & 255,
        **{f"sensor_pos_{axis}": getattr(ds.geometry, axis)[rows] for axis in "xyz"},
    }
    lists = {"t": times, **{n: pa.ListArray.from_arrays(keys.offsets, pa.array(v)) for n, v in flat.items()}}
    photons = pa.StructArray.from_arrays(list(lists.values()), list(lists))
    truth = {name: table[f"MCPrimary.{name}"].combine_chunks() for name in ("energy", "zenith")}
    nested = pa.StructArray.from_arrays(list(truth.values()), [f"initial_state_{n}" for n in truth])
    pq.write_table(pa.table({"photons": photons, "mc_truth": nested}), path)

    def by_pandas() -> np.ndarray:
        return pd.read_parquet(path)["photons"].map(lambda event: len(event["t"])).to_numpy()

    rivals = {"pandas.read_parquet": by_pandas}
    if importlib.util.find_spec("awkward"):
        import awkward as ak

        rivals = {
            "awkward.from_parquet": lambda: ak.to_numpy(ak.num(ak.from_parquet(path).photons.t)),
            **rivals,
        }
    return path, rivals


def own_table(ds: ic.Dataset, folder: Path) -> tuple[Path, Rivals]:
    path = folder / "own.parquet"
    members = {m: pl.col(f"{SERIES}.{m}") for m in ("time", "charge", "omkey")}
    rows = ds.scan().select(**members).with_row_index("event_no").collect().explode("time", "charge", "omkey")
    rows.drop_nulls().with_columns(pl.col("event_no").cast(pl.Int64)).write_parquet(path)
    n = int(rows["event_no"].max()) + 1

    def by_polars() -> np.ndarray:
        found = (
            pl.scan_parquet(path)
            .group_by("event_no")
            .agg(pl.col("charge").cast(pl.Float64).sum())
            .sort("event_no")
        )
        return on_events(found.collect().to_pandas().set_index("event_no")["charge"], n)

    return path, {
        "pandas.read_parquet": lambda: on_events(
            summed(pd.read_parquet(path).astype({"charge": float}), "event_no"), n
        ),
        "polars.scan_parquet, one column": by_polars,
    }


def km3net(path: Path) -> Rivals:
    import awkward as ak
    import uproot

    def by_uproot() -> np.ndarray:
        return ak.to_numpy(ak.num(uproot.open(path)["E/Evt/hits/hits.tot"].array()))

    rivals = {"uproot: one branch": by_uproot}
    if importlib.util.find_spec("km3io"):
        import km3io

        fields = ("dom_id", "channel_id", "tot", "trig", "t", "a")

        def by_km3io() -> np.ndarray:
            found = km3io.OfflineReader(path)
            hits = {name: getattr(found.hits, name) for name in fields}
            for name in ("id", "pos_x", "pos_y", "pos_z", "dir_x", "dir_y", "dir_z", "t", "E", "len", "lik"):
                np.asarray(ak.flatten(getattr(found.tracks, name)))
            return ak.to_numpy(ak.num(hits["tot"]))

        def all_of_km3io() -> np.ndarray:
            found = km3io.OfflineReader(path)
            for of in (found.mc_hits, found.mc_tracks, found.tracks):
                for name in of.fields:
                    np.asarray(ak.flatten(getattr(of, name), axis=None))
            return by_km3io()

        rivals = {"km3io: hits and tracks": by_km3io, "km3io: simulation, too": all_of_km3io, **rivals}
    return rivals


FORMS: dict[str, Callable[[ic.Dataset, Path], tuple[Path, Rivals]]] = {
    "tableio HDF5": tableio_hdf5,
    "tableio Parquet": tableio_folder,
    "GraphNeT Parquet": graphnet_folder,
    "GraphNeT SQLite": graphnet_database,
    "Prometheus": prometheus,
    "own table": own_table,
}
COLUMNS = {"Prometheus": "photons.charge", "own table": "Pulses.charge", "KM3NeT": "hits.charge"}


def reading(
    report: Report, name: str, path: Path, rivals: Rivals, folder: Path, repeat: int, **options: Any
) -> None:
    """Race a conversion, and the question asked of the dataset, with tools that read the file."""
    out = folder / "made.icecol"
    convert = lambda: ic.convert.files(path, out, jobs=1, overwrite=True, **options)  # noqa: E731
    ds, column = convert(), COLUMNS.get(name, f"{SERIES}.charge")
    count = pl.col(column).list.len().fill_null(0).cast(pl.Float64)
    ask = (
        (lambda: charges(ds, column))
        if name != "KM3NeT"
        else lambda: ds.scan().select(count).collect().to_series()
    )
    timings, answers = race(
        {"icecol: asked of a dataset": ask, "icecol: into a dataset": convert, **rivals}, repeat
    )
    expected = answers[next(iter(rivals))]
    for rival in (*rivals, "icecol: asked of a dataset"):
        report.check(f"{name}: {rival}", answers[rival], expected, rel=1e-9)
    size = sum(p.stat().st_size for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file())
    whole = min((t for n, t in timings.items() if n in rivals), key=lambda t: -t.best_cpu)
    report.race(
        f"{name}: {len(expected):,} events, {size / 1e6:.0f} MB",
        timings,
        next(iter(rivals)),
        **{"events/s": lambda t: f"{len(expected) / t.best:,.0f}"},
    )
    asked, made = timings["icecol: asked of a dataset"], timings["icecol: into a dataset"]
    best = min(t.best_cpu for n, t in timings.items() if n in rivals)
    report.goals += [
        Goal(
            f"{name}: asked of a dataset, processor time", asked.best_cpu / best, 1.0, "x the quickest tool"
        ),
        Goal(
            f"{name}: into a dataset, processor time",
            made.best_cpu / whole.best_cpu,
            5.0,
            "x the slowest tool",
        ),
    ]


# -- writing ----------------------------------------------------------------------------------------------------------

FEW, MANY = 8, 32
"""Of the events that are read, as many times as many are written."""
WRITERS = {
    "hdf5": "ic.export.hdf5(ds, out + '.h5')",
    "root": "ic.export.root(ds, out + '.root')",
    "rntuple": "ic.export.root(ds, out + '.rntuple', kind='RNTuple')",
    "graphnet": "ic.export.graphnet(ds, out, pulses=ds.pulses('InIcePulses'), primary='MCPrimary')",
    "skyllh, Parquet": "ic.export.skyllh(ds, out + '.parquet', **muon)",
    "skyllh, npy": "ic.export.skyllh(ds, out + '.npy', **muon)",
    "csv": "ic.export.csv(ds, out + '.csv')",
    "batches": "sum(len(b['MCPrimary.energy']) for b in ic.export.batches(ds, "
    "['InIcePulses.*', 'MCPrimary.energy'], buffer=4096))",
}
WRITE = """
import time, warnings
import icecol as ic, polars as pl
warnings.simplefilter("ignore")
ds = ic.open_dataset(sys.argv[1])
muon = {"fit": "MCPrimary", "energy": "MCPrimary.energy", "ang_err": pl.lit(0.01), "truth": "MCPrimary"}
out = sys.argv[2]
begin = time.process_time()
found = eval(sys.argv[3])
print(json.dumps([time.process_time() - begin, peak(), found if isinstance(found, int) else 0]))
"""


def writing(report: Report, folder: Path, events: int) -> None:
    """Tell how long each form takes to write, and that its memory does not grow with the events.

    The fewer are several row groups, as what is read ahead of the writer is held at any size.
    """
    few, many = (events * factor for factor in (FEW, MANY))
    sets = [load(folder, n) for n in (few, many)]
    rows = []
    for name, call in WRITERS.items():
        found = []
        for ds in sets:
            cpu, most, seen = in_fresh_process(WRITE, str(ds.path), str(folder / f"written-{ds.rows}"), call)
            found.append((cpu, most))
            if name == "batches":
                report.check(f"batches of {ds.rows} events", seen, ds.rows)
        (one, small), (four, large) = found
        each = (four - one) / (many - few)
        rows.append([name, seconds(one), seconds(four), seconds(each), f"{small:.0f} MB", f"{large:.0f} MB"])
        report.goals.append(Goal(f"{name}: largest memory with 4 times the events", large / small, 1.25, "x"))
    columns = [
        "",
        f"cpu, {few:,} events",
        f"cpu, {many:,}",
        "an event",
        "largest memory",
        "with 4 times",
    ]
    report.tables.append(Table("Writing, in fresh processes", columns, rows))


def real_files(given: list[Path]) -> list[Path]:
    """Return an offline file of KM3NeT and its detector file, if there are any."""
    if given or not importlib.util.find_spec("km3net_testdata"):
        return given
    from km3net_testdata import data_path

    return [
        Path(data_path(f"{p}"))
        for p in ("offline/muon_cc_events.root", "detx/D_ORCA006_t.A02181836.p.A02181837.r.A02182001.detx")
    ]


def main(argv: list[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=3)
    arguments.add_argument("--events", type=int, default=8000, help="events of the load (%(default)s)")
    arguments.add_argument(
        "--km3net", nargs=2, type=Path, default=[], metavar=("ROOT", "DETX"), help="real files"
    )
    arguments.add_argument(
        "--forms", nargs="*", default=list(FORMS), choices=list(FORMS), help="forms to read"
    )
    arguments.add_argument(
        "--no-writing", action="store_true", help="leave out what is written in fresh processes"
    )
    args = arguments.parse_args(argv)
    report = Report("forms", {"events": args.events, "pulses": SERIES, "repeat": args.repeat})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "read").mkdir()
        ds = load(folder / "read", args.events)
        for form in args.forms:
            path, rivals = FORMS[form](ds, folder)
            reading(report, form, path, rivals, folder, args.repeat)
        if real := real_files(args.km3net):
            reading(report, "KM3NeT", real[0], km3net(real[0]), folder, args.repeat, gcd=real[1])
        if not args.no_writing:
            writing(report, folder, args.events)
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
