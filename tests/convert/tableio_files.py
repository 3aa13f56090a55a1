"""HDF5 files and Parquet folders as IceTray's tableio writes them, made of plain arrays."""

from __future__ import annotations

import numpy as np

IDENTITY = [
    ("Run", "<u4"),
    ("Event", "<u4"),
    ("SubEvent", "<u4"),
    ("SubEventStream", "<i4"),
    ("exists", "u1"),
]


def hdf5(path, events, scalars=None, ragged=None, *, index_of=None):
    """Write events (run, event, sub-event) with scalar tables {key: [row or None]} and ragged ones.

    A row is a dictionary. As IceTray does it, the index of a key that is present has no sub-event, and a ragged table
    has no rows for an event that lacks the key, while a scalar one has an empty row.
    """
    import h5py

    streams = h5py.enum_dtype({"InIceSplit": 0, "NullSplit": 1}, basetype="i4")
    with h5py.File(path, "w") as file:
        index = file.create_group("__I3Index__")
        tables = {"I3EventHeader": [header(e) for e in range(len(events))], **(scalars or {})}
        for key, rows in [*tables.items(), *(ragged or {}).items()]:
            several = key in (ragged or {})
            lists = [([] if r is None else r) if several else [r or {}] for r in rows]
            columns = next(r for row in lists for r in row if r)
            dtype = [*IDENTITY, *((name, np.asarray(v).dtype, np.shape(v)) for name, v in columns.items())]
            dtype[3] = ("SubEventStream", streams)
            table = np.zeros(sum(map(len, lists)), dtype)
            places = np.zeros(len(events), [*IDENTITY, ("start", "<u8"), ("stop", "<u8")])
            at = 0
            for i, (event, row) in enumerate(zip(events, lists, strict=True)):
                present = rows[i] is not None
                places[i] = (*event[:2], 0 if present else event[2], 0, present, at, at + len(row))
                for values in row:
                    table[at] = (*event, 0, present, *(values.get(name, 0) for name in columns))
                    at += 1
            keep = slice(None) if index_of is None or key not in index_of else index_of[key]
            data = file.create_dataset(key, data=table)
            data.attrs["__I3RaggedTable__"] = np.array([several], "i1")
            for n, name in enumerate(table.dtype.names):
                data.attrs[f"FIELD_{n}_NAME"] = np.bytes_(name)
                data.attrs[f"FIELD_{n}_UNIT"] = np.bytes_("bool" if name in {"exists", "passed"} else "")
            index.create_dataset(key, data=places[keep])
    return path


def header(i):
    return {
        "time_start_utc_daq": np.int64(10_000 * i),
        "time_start_mjd": 60310.0,
        "time_end_utc_daq": np.int64(10 * i + 5),
        "time_end_mjd": 60310.0,
    }


def pulse(time, string=1, om=2, charge=1.0, vector_index=0):
    return {
        "string": np.int32(string),
        "om": np.uint32(om),
        "pmt": np.uint32(0),
        "vector_index": np.uint64(vector_index),
        "time": float(time),
        "width": 8.0,
        "charge": float(charge),
    }
