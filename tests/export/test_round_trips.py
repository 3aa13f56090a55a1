"""What a form can hold comes back from it as it was, read by icecol or by the library of the form."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import icecol as ic

BIG = 2**53 + 1
INTEGERS = {pl.Int64: -(2**63), pl.UInt64: 2**64 - 1, pl.Int32: -(2**31), pl.UInt8: 255}
"""Types, and a value of each that is lost where numbers become floats, or signed."""
NAMES = ["Fit.größe", "日本.x", "Fit.n-dof", "a b.c d"]
HEADER = {"I3EventHeader.run_id": pl.UInt32, "I3EventHeader.event_id": pl.UInt32}


def read_by_icecol(path, folder):
    made = ic.convert.files(path, folder / "made.icecol", jobs=1, overwrite=True, allow_empty=True)
    return made.scan().collect()


def hdf5(events, folder):
    pytest.importorskip("h5py")
    return read_by_icecol(ic.export.hdf5(events, folder / "a.h5"), folder)


def csv(events, folder):
    of_one = [name for name, dtype in events.schema.items() if not dtype.is_nested()]
    path = ic.export.csv(events.select(of_one), folder / "a.csv")
    return pl.read_csv(path, schema_overrides={name: events.schema[name] for name in of_one})


def pandas(events, folder):
    pytest.importorskip("pandas")
    import pyarrow as pa

    table = pa.Table.from_pandas(ic.export.pandas(events), preserve_index=False)
    return pl.from_arrow(table).select(pl.col(name).cast(dtype) for name, dtype in events.schema.items())


def awkward(events, folder):
    pytest.importorskip("awkward")
    array, made = ic.export.awkward(events), {}
    for name, dtype in events.schema.items():
        key, _, member = name.partition(".")
        values = array[key][member] if member else array[key]
        made[name] = pl.Series(values.tolist(), dtype=dtype)
    return pl.DataFrame(made)


def rooted(kind):
    def root(events, folder):
        uproot = pytest.importorskip("uproot")
        path = ic.export.root(events, folder / f"a.{kind}", kind=kind)
        made = {}
        with uproot.open(path) as file:
            tree = file["events"]
            for name, dtype in events.schema.items():
                key, _, member = name.partition(".")
                branch = name.replace(".", "_").replace("-", "_").replace(" ", "_")
                if isinstance(dtype, pl.List) and kind == "RNTuple":
                    values = tree[key.replace(" ", "_")].array()[member.replace(" ", "_")]
                else:
                    values = tree[branch].array()
                made[name] = pl.Series(values.tolist(), dtype=dtype)
        return pl.DataFrame(made)

    return root


FORMS = {
    "hdf5": hdf5, "csv": csv, "pandas": pandas, "awkward": awkward, "TTree": rooted("TTree"),
    "RNTuple": rooted("RNTuple"),
}  # fmt: skip
HOLDS_NULL = {"csv", "pandas", "awkward"}
"""Forms in which a member can be null although the event has its key."""


def held(form, events):
    """Return what a form can hold of events: where it has no null, NaN, 0, or an empty list."""
    if form == "csv":
        return events.select(name for name, dtype in events.schema.items() if not dtype.is_nested())
    if form in HOLDS_NULL or form == "hdf5":
        return events
    empty = {name: [] for name, dtype in events.schema.items() if isinstance(dtype, pl.List)}
    return events.with_columns(
        pl.col(name).fill_null(
            pl.lit(
                empty.get(name, math.nan if dtype.is_float() else False if dtype == pl.Boolean else 0), dtype
            )
        )
        for name, dtype in events.schema.items()
    )


def with_header(events):
    n = events.height
    return events.with_columns(
        pl.lit(7, pl.UInt32).alias("I3EventHeader.run_id"),
        pl.Series("I3EventHeader.event_id", np.arange(n), dtype=pl.UInt32),
    )


def same(form, events, folder):
    expected = held(form, events)
    found = FORMS[form](events, folder)
    assert found.select(expected.columns).equals(expected), form


hits = st.none() | st.lists(st.tuples(st.floats(-1e300, 1e300), st.integers(-BIG, BIG)), max_size=3)
fits = st.none() | st.tuples(
    st.floats(allow_infinity=True, allow_nan=False),
    st.booleans(),
    *(st.integers(min(0, v), max(0, v)) for v in INTEGERS.values()),
)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(hits, fits), min_size=1, max_size=5))
def test_events_come_back(form, rows, tmp_path_factory):
    schema = {"Hits.t": pl.List(pl.Float64), "Hits.n": pl.List(pl.Int64)}
    columns = {
        "Hits.t": [None if h is None else [t for t, _ in h] for h, _ in rows],
        "Hits.n": [None if h is None else [n for _, n in h] for h, _ in rows],
    }
    names = {"Fit.x": pl.Float64, "Fit.ok": pl.Boolean, **{f"Fit.{t}": t for t in INTEGERS}}
    for i, (name, dtype) in enumerate(names.items()):
        columns[name], schema[name] = [None if f is None else f[i] for _, f in rows], dtype
    events = with_header(pl.DataFrame(columns, schema=schema))
    same(form, events, tmp_path_factory.mktemp(form))


@pytest.mark.parametrize("form", FORMS)
def test_the_largest_numbers_and_empty_lists_come_back(form, tmp_path):
    ends = {f"Fit.{t}": pl.Series([v, BIG % abs(v), 0], dtype=t) for t, v in INTEGERS.items()}
    lists = pl.Series([[BIG, -BIG], [], [2**63 - 1]], dtype=pl.List(pl.Int64))
    unsigned = pl.Series([[2**64 - 1, 0], [], [BIG]], dtype=pl.List(pl.UInt64))
    same(form, with_header(pl.DataFrame({**ends, "Hits.n": lists, "Hits.u": unsigned})), tmp_path)


@pytest.mark.parametrize("form", FORMS)
def test_names_of_any_letters_come_back(form, tmp_path):
    same(form, with_header(pl.DataFrame({name: [float(i), -1.5] for i, name in enumerate(NAMES)})), tmp_path)


@pytest.mark.parametrize("form", FORMS)
def test_no_events_are_a_table_without_rows(form, tmp_path):
    schema = {**HEADER, "Fit.x": pl.Float64, "Fit.n": pl.UInt64, "Hits.t": pl.List(pl.Float64)}
    events = pl.DataFrame(schema=schema)
    if form == "hdf5":
        with pytest.warns(UserWarning, match="has no events"):
            assert hdf5(events, tmp_path).height == 0
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "a.h5") as file:
            shapes = {key: file[key].shape for key in file if key != "__I3Index__"}
            assert shapes == dict.fromkeys(("I3EventHeader", "Fit", "Hits"), (0,))
        return
    found = FORMS[form](events, tmp_path)
    assert found.height == 0
    assert set(found.columns) == {name for name in schema if form != "csv" or not schema[name].is_nested()}


@pytest.mark.parametrize("form", sorted(HOLDS_NULL))
def test_members_that_are_null_beside_others_come_back(form, tmp_path):
    events = pl.DataFrame(
        {"Fit.x": [1.0, None, math.nan], "Fit.n": [None, BIG, 0], "Hits.t": [None, [], [0.5]]}
    )
    same(form, with_header(events), tmp_path)


@pytest.mark.parametrize("form", ["hdf5", "TTree", "RNTuple"])
def test_what_pulses_lack_in_some_events_is_nan_or_0_there(form, tmp_path):
    schema = {"Hits.t": pl.List(pl.Float64), "Hits.w": pl.List(pl.Float32), "Hits.n": pl.List(pl.UInt8)}
    nothing = pl.DataFrame({"Hits.t": [[1.0, 2.0]], "Hits.w": [None], "Hits.n": [None]}, schema=schema)
    some = pl.DataFrame({"Hits.t": [[3.0]], "Hits.w": [[0.5]], "Hits.n": [[7]]}, schema=schema)
    for events in (pl.concat([nothing, some]), nothing, some):
        found = FORMS[form](with_header(events), tmp_path)
        told = [
            (t, w or [math.nan] * len(t), n or [0] * len(t)) for t, w, n in events.select(list(schema)).rows()
        ]
        expected = pl.DataFrame(told, schema=schema, orient="row")
        assert found.select(pl.col(name).cast(dtype) for name, dtype in schema.items()).equals(expected)


@pytest.mark.parametrize("form", ["hdf5", "root", "awkward", "pandas", "graphnet"])
def test_pulses_of_which_only_time_and_sensor_are_known_are_written(form, tmp_path):
    hits = pl.DataFrame(
        {"event": [7, 7, 9], "t": [10.0, 12.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
    )
    ds = ic.convert.table(hits, tmp_path / "own.icecol", key="Hits")
    if form in {"awkward", "pandas"}:
        pytest.importorskip(form)
        assert len(getattr(ic.export, form)(ds)) == 2
        return
    if form == "root":
        with pytest.importorskip("uproot").open(ic.export.root(ds, tmp_path / "a.root")) as file:
            assert file["events"]["Hits_time"].array().tolist() == [[10.0, 12.5], [3.0]]
            assert np.isnan(file["events"]["Hits_width"].array()[0].tolist()).all()
        return
    if form == "graphnet":
        _, path = ic.export.graphnet(ds, tmp_path / "a", pulses=ds.pulses("Hits"))
        table = pl.read_parquet(path)
        assert table.select("dom_time", "width", "hlc").rows() == [
            (10.0, -1, -1),
            (12.5, -1, -1),
            (3.0, -1, -1),
        ]
        path = path.parent.parent
    else:
        pytest.importorskip("h5py")
        path = ic.export.hdf5(ds, tmp_path / "a.h5")
    made = read_by_icecol(path, tmp_path).select("Hits.time", "Hits.charge", "Hits.omkey")
    assert made.equals(ds.scan().select(made.columns).collect())
