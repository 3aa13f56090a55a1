from __future__ import annotations

import pickle

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import COLUMNS, Geometry, omkey, split_omkey
from icecol.errors import GeometryError, MissingColumnError

KEYS = st.tuples(st.integers(-19, 32767), st.integers(0, 255), st.integers(0, 255))


@given(KEYS)
def test_an_omkey_gives_back_its_numbers(key):
    assert split_omkey(omkey(*key)) == key


@pytest.mark.parametrize(
    "key",
    [(1, 256, 0), (1, -1, 0), (1 << 15, 1, 0), (-(1 << 15) - 1, 1, 0), (1, 1, 256), (1, 1, -1), (1, 1.5, 0)],
)
def test_a_number_that_does_not_fit_is_refused_and_not_taken_for_another_sensor(key):
    with pytest.raises(GeometryError, match="does not fit into an omkey"):
        omkey(*key)
    columns = dict(zip(("string", "om", "pmt"), ([n] for n in key), strict=True))
    with pytest.raises(GeometryError, match="does not fit into an omkey"):
        Geometry.from_columns({**columns, "x": [0.0], "y": [0.0], "z": [0.0]})


@pytest.mark.parametrize("wrong", [1 << 31, -(1 << 31) - 1, 0.5])
def test_an_omkey_that_is_none_is_refused(wrong):
    with pytest.raises(GeometryError, match="not omkeys"):
        Geometry.from_columns({"omkey": [wrong], "x": [0.0], "y": [0.0], "z": [0.0]})


@given(st.lists(KEYS, min_size=1, max_size=20))
def test_omkeys_are_taken_apart_alike_in_numpy_and_polars(keys):
    packed = omkey(*(np.array(c) for c in zip(*keys, strict=True)))
    frame = pl.DataFrame({"k": packed}).select(
        **dict(zip(("string", "om", "pmt"), split_omkey(pl.col("k")), strict=True))
    )
    assert frame.rows() == keys


@given(st.lists(KEYS, min_size=2, max_size=30, unique=True))
def test_omkeys_sort_as_string_om_pmt(keys):
    assert sorted(keys) == sorted(keys, key=lambda k: omkey(*k))


@given(st.lists(KEYS, min_size=1, max_size=30, unique=True), st.lists(KEYS, max_size=10))
def test_lookup_finds_each_sensor_and_no_other(keys, others):
    string, om, pmt = (np.array(c) for c in zip(*keys, strict=True))
    g = Geometry.from_columns({"string": string, "om": om, "pmt": pmt, "x": string, "y": om, "z": pmt})
    assert g.z.tolist() == g.pmt.tolist()
    for key in [*keys, *others]:
        assert find(g, key) == (sorted(keys).index(key) if key in keys else -1)
        assert g.rows([omkey(*key)])[0] == find(g, key)


def find(g: Geometry, key: tuple[int, int, int]) -> int:
    """Follow the look-up arrays as a kernel does."""
    t, (string, om, pmt) = g.lookup, key
    s = string - t.base
    if not 0 <= s < t.first.size or om >= t.n_om[s] or pmt >= t.n_pmt[s]:
        return -1
    return int(t.row[t.first[s] + om * t.n_pmt[s] + pmt])


def test_parquet_gives_back_the_same_geometry_with_units(tmp_path):
    import pyarrow.parquet as pq

    g = Geometry.nominal(icetop=True)
    g.write_parquet(tmp_path / "geometry.parquet")
    assert Geometry.read_parquet(tmp_path / "geometry.parquet").equals(g)
    field = pq.read_schema(tmp_path / "geometry.parquet").field("x")
    assert field.metadata == {b"unit": b"m", b"doc": b"position, to grid east"}
    assert list(pl.read_parquet(tmp_path / "geometry.parquet").columns) == list(COLUMNS) == g.table().columns


def test_geometry_survives_pickling():
    g = Geometry.nominal()
    assert pickle.loads(pickle.dumps(Pulses("P", g))).geometry.equals(g)


def test_nominal_is_the_finished_detector():
    g = Geometry.nominal()
    assert repr(g) == "Geometry(5160 sensors on 86 strings)"
    assert len(Geometry.nominal(icetop=True)) == 5160 + 324
    assert (g.relative_efficiency == 1.35).sum() == 14 + 1 + 12 + 14 + 360
    assert set(g.string[g.relative_efficiency > 1.1].tolist()) == {36, 43, *range(79, 87)}


def test_a_missing_column_is_named_with_those_that_are_there():
    with pytest.raises(MissingColumnError, match=r"needs the column 'x' \(or 'dom_x'.*columns: .*'xx'"):
        Geometry.from_columns({"string": [1], "om": [1], "xx": [0.0], "y": [0.0], "z": [0.0]})


def test_a_sensor_that_is_there_twice_is_refused():
    with pytest.raises(GeometryError, match=r"string.om.pmt 1.2.0"):
        Geometry.from_columns({"string": [1, 1], "om": [2, 2], "x": [0, 0], "y": [0, 0], "z": [0, 0]})


def test_a_number_that_contradicts_the_omkey_is_refused():
    columns = {"omkey": [65792], "string": [1], "om": [1], "pmt": [0], "x": [0.0], "y": [0.0], "z": [0.0]}
    assert Geometry.from_columns(columns).om.tolist() == [1]
    with pytest.raises(GeometryError, match="'om' has 2 where the omkey has 1: leave out one of the two"):
        Geometry.from_columns({**columns, "om": [2]})


def test_255_oms_and_pmts_fit():
    g = Geometry.from_columns({"string": [-3], "om": [255], "pmt": [255], "x": [0.0], "y": [0.0], "z": [0.0]})
    assert (g.string[0], g.om[0], g.pmt[0]) == (-3, 255, 255)


@pytest.mark.parametrize("of", [dict, pl.DataFrame, lambda columns: pl.DataFrame(columns).to_arrow()])
def test_a_null_is_the_default_of_its_column(of):
    place = {"string": [1, 1], "om": [1, 2], "x": [0.0, 0.0], "y": [0.0, 0.0], "z": [9.0, 0.0]}
    unknown = {
        "bad": [None, True],
        "calibrated": [None, False],
        "om_type": [None, 20],
        "pmt": [None, 0],
        "rde": [None, 1.2],
    }
    g = Geometry.from_columns(of({**place, **unknown}))
    assert (g.bad.tolist(), g.calibrated.tolist()) == ([False, True], [True, False])
    assert (g.om_type.tolist(), g.pmt.tolist()) == ([0, 20], [0, 0])
    assert np.array_equal(g.relative_efficiency, [np.nan, 1.2], equal_nan=True)
    for name in ("om", "z"):
        with pytest.raises(GeometryError, match=f"'{name}' is null in 1 of 2 rows"):
            Geometry.from_columns(of({**place, name: [None, 1]}))


def test_columns_of_different_length_are_refused():
    for short in ("om", "y", "bad"):
        columns = {
            "string": [1, 1],
            "om": [1, 2],
            "x": [0, 0],
            "y": [0, 0],
            "z": [0, 0],
            "bad": [False, False],
        }
        with pytest.raises(GeometryError, match=r"has \d rows, expected"):
            Geometry.from_columns({**columns, short: columns[short][:1]})


def test_a_geometry_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "geometry.parquet"
    Geometry.nominal().write_parquet(path)
    before = path.read_bytes()
    monkeypatch.setattr(
        "pyarrow.parquet.write_table", lambda _table, to, **_: to.write_bytes(b"half") and 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        Geometry.nominal(icetop=True).write_parquet(path)
    assert [p.name for p in tmp_path.iterdir()] == ["geometry.parquet"]
    assert path.read_bytes() == before


def test_an_empty_geometry_knows_no_sensor():
    g = Geometry.from_columns({c: [] for c in ("string", "om", "x", "y", "z")})
    assert g.rows([65792]).tolist() == [-1]


def test_pulses_name_their_columns():
    assert Pulses("P").columns == ("P.time", "P.charge", "P.width", "P.flags", "P.omkey")
    with pytest.raises(ValueError, match="no member 'energy'; it has time, charge"):
        Pulses("P").column("energy")


@pytest.mark.parametrize("name", ["icecube86", "icecube_upgrade"])
def test_nominal_positions_agree_with_the_survey(shared_data, name):
    survey = Geometry.read_parquet(shared_data / "geometry" / f"{name}.parquet")
    nominal = Geometry.nominal(icetop=True)
    at = survey.rows(nominal.omkey)
    known = (at >= 0) & (nominal.om_type == survey.om_type[at])
    off = np.abs(nominal.xyz - survey.xyz[at])
    ice = known & (nominal.om <= 60)
    straight = ice & (nominal.string != 21)
    assert ice.sum() >= 5083
    assert off[straight].max() < 0.055
    assert off[ice].max() < 0.65
    assert off[known & (nominal.om > 60)].max() < 0.45
    measured = known & np.isfinite(survey.relative_efficiency[at])
    assert np.abs(nominal.relative_efficiency - survey.relative_efficiency[at])[measured].max() < 1e-6
