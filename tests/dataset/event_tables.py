"""Tables of events, and the files of a folder."""

from __future__ import annotations

import pyarrow as pa

HEADER = tuple(f"I3EventHeader.{name}" for name in ("run_id", "event_id", "sub_event_id"))


def events(first: int, n: int, *, run: int = 1, **extra: pa.DataType) -> pa.Table:
    """Events `first` to `first + n` of a run, with pulses, and a column of each of the types named."""
    numbers = range(first, first + n)
    columns = {
        HEADER[0]: pa.array([run] * n, pa.uint32()),
        HEADER[1]: pa.array(numbers, pa.uint32()),
        HEADER[2]: pa.array([0] * n, pa.uint32()),
        "P.time": pa.array(
            [None if i % 5 == 4 else [i + 0.1 * k for k in range(i % 4)] for i in numbers],
            pa.list_(pa.float64()),
        ),
    }
    return pa.table({**columns, **{f"{k}.value": pa.array(list(numbers), t) for k, t in extra.items()}})


def files(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())
