"""What other programs find in the Parquet files of a dataset (`scan`)."""

from __future__ import annotations

import polars as pl
import pyarrow.dataset
import pytest

import icecol as ic

COLUMNS = ["I3EventHeader.event_id", "MCPrimary.zenith", "InIcePulses.time"]


@pytest.fixture(scope="module")
def ds(tmp_path_factory):
    return ic.sim.to_dataset(ic.sim.events(12, seed=1), tmp_path_factory.mktemp("others") / "sim.icecol")


@pytest.fixture(scope="module")
def told(ds):
    return ds.scan(COLUMNS).collect()


def test_pyarrow_finds_columns_and_their_units(ds, told):
    found = pyarrow.dataset.dataset(ds.path / "events")
    assert found.to_table(COLUMNS).to_pylist() == told.to_dicts()
    assert found.schema.field("MCPrimary.zenith").metadata[b"unit"] == b"rad"


def test_pandas_finds_lists_as_arrays(ds, told):
    pandas = pytest.importorskip("pandas")
    found = pandas.read_parquet(ds.path / "events", columns=COLUMNS)
    assert [list(times) for times in found["InIcePulses.time"]] == told["InIcePulses.time"].to_list()
    assert found["MCPrimary.zenith"].tolist() == pytest.approx(
        told["MCPrimary.zenith"].to_numpy(), abs=0, nan_ok=True
    )


def test_duckdb_takes_names_in_double_quotes(ds, told):
    duckdb = pytest.importorskip("duckdb")
    query = f"""select "MCPrimary.zenith", list_max("INICEPULSES.time") from '{ds.path}/events/*.parquet'"""
    with duckdb.connect() as connection:
        found = connection.sql(query).fetchall()
    assert found == list(zip(told["MCPrimary.zenith"], told["InIcePulses.time"].list.max(), strict=True))


def test_duckdb_renames_the_second_of_two_columns_that_differ_in_case(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    hits = pl.DataFrame({"event": [1, 1], "t": [1.0, 2.0], "string": [1, 1], "om": [1, 2]})
    events = pl.DataFrame({"event": [1], "Fit.x": [3.0], "fit.x": [4.0]})
    ds = ic.convert.table(hits, tmp_path / "own.icecol", events=events)
    with duckdb.connect() as connection:
        found = connection.sql(f"""select "Fit.x", "fit.x_1" from '{ds.path}/events/*.parquet'""").fetchall()
    assert found == [(3.0, 4.0)]


def test_awkward_finds_flat_fields(ds, told):
    ak = pytest.importorskip("awkward")
    found = ak.from_parquet(ds.path / "events")
    assert found["InIcePulses.time"].tolist() == told["InIcePulses.time"].to_list()
    assert found["I3EventHeader.event_id"].tolist() == told["I3EventHeader.event_id"].to_list()


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # dask's own use of pandas
def test_dask_finds_the_same(ds, told):
    dataframe = pytest.importorskip("dask.dataframe")
    found = dataframe.read_parquet(ds.path / "events", columns=COLUMNS[:2]).compute()
    assert found["MCPrimary.zenith"].tolist() == pytest.approx(
        told["MCPrimary.zenith"].to_numpy(), abs=0, nan_ok=True
    )
