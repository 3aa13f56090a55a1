"""`fill_ratios`, `kernels.fill_ratio`, `fill_ratio_lite`: the ratios of slow twins, and those IceTray stored."""

from __future__ import annotations

import naive_first_guesses as naive
import polars as pl
import pytest
from answers import near
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from random_events import GEOMETRY, PULSES, SENSORS, frame
from stored import FEW, P, equal, stored
from test_first_guesses import CALM, agree

from icecol import Geometry, Pulses, reco
from icecol.errors import GeometryError
from icecol.reco.testing import check_feature


@settings(max_examples=25)
@given(CALM, st.floats(-300, 300), st.floats(1.5, 1e5), st.sampled_from([1.3, 2.0]))
def test_fill_ratio_agrees_with_its_slow_twin(events, x, energy, scale):
    vertex = {"V.x": x, "V.y": x / 2 + 7.1, "V.z": -x / 3}
    feature = reco.fill_ratio(P, vertex="V", energy=scale)
    table = frame(events).with_columns(pl.lit(v).alias(k) for k, v in {**vertex, "V.energy": energy}.items())
    for row, event in zip(table.select(feature.struct.unnest()).to_dicts(), events, strict=True):
        if event is None:
            assert set(row.values()) == {None}
            continue
        expected = naive.fill_ratio(event, FEW, list(vertex.values()), energy, scale)
        assume(not expected.pop("edge", False))
        assume(not expected.get("rms_distance", 1.0) < 1e-3)  # rounding decides
        agree(row, expected, rel=1e-7)


@settings(max_examples=30)
@given(CALM, st.floats(-300, 300), st.sampled_from([0.6, 1.0, 2.5]), st.sampled_from([0.0, 1.0, -0.5]))
def test_fill_ratio_lite_agrees_with_its_slow_twin(events, x, scale, power):
    vertex = {"V.x": x, "V.y": x / 2 + 7.1, "V.z": -x / 3}
    feature = reco.fill_ratio_lite(P, vertex="V", scale=scale, amplitude_weighting_power=power)
    table = frame(events).with_columns(pl.lit(v).alias(k) for k, v in vertex.items())
    for value, event in zip(table.select(feature.struct.unnest())["value"], events, strict=True):
        if event is None:
            assert value is None
            continue
        expected, edge = naive.fill_ratio_lite(event, FEW, list(vertex.values()), scale, power)
        assume(edge > 1e-9)
        assert value == near(expected)


def test_a_string_counts_where_its_topmost_sensor_is():
    columns = {"string": [1, 1, 1, -2], "om": [1, 2, 3, 1], "x": [60.0, 0.0, 1.0, 50.0], "y": [0.0] * 4}
    geometry = Geometry.from_columns({**columns, "z": [0.0, 0.0, 0.0, 0.0]})
    bent = Geometry.from_columns(geometry.table().with_columns(bad=pl.col("om") == 1))
    table = frame([[(1.0, 1.0, 65792 + 256), (1.0, 1.0, 65792 + 512)]])
    table = table.with_columns(*(pl.lit(v).alias(f"V.{c}") for c, v in (("x", 10.0), ("y", 0.0), ("z", 0.0))))

    def ratio(g, status):
        feature = reco.fill_ratio_lite(Pulses("P", g), vertex="V", scale=3.0)
        return (
            table.with_columns(pl.lit(status).alias("V.fit_status"))
            .select(feature.struct.field("value"))
            .item()
        )

    assert ratio(geometry, 0) is None
    assert ratio(bent, 0) == 1.0
    assert ratio(bent, 20) is None


@pytest.mark.parametrize("feature", [reco.fill_ratio, reco.fill_ratio_lite])
def test_bad_sensors_count_as_good_ones_if_asked(feature):
    sensors = GEOMETRY.table().with_columns(bad=pl.col("string") % 3 == 0)
    some = Geometry.from_columns(sensors)
    good = Geometry.from_columns(sensors.with_columns(bad=pl.lit(value=False)))
    keys = sensors["omkey"].to_list()[:40:3]
    table = frame([[(1e4 + i, 1.0, key) for i, key in enumerate(keys)]])
    table = table.with_columns(
        pl.lit(v).alias(f"V.{c}") for c, v in zip("xyz", (-250.0, -400.0, 0.0), strict=True)
    )
    table = table.with_columns(pl.lit(1e3).alias("V.energy"), pl.lit(0).alias("V.fit_status"))
    counted, as_good, left_out = (
        table.select(feature(Pulses("P", g), vertex="V", bad_doms=bad).struct.unnest())
        for g, bad in ((some, True), (good, False), (some, False))
    )
    assert_frame_equal(counted, as_good, check_exact=True)
    assert not counted.equals(left_out)


def test_a_vertex_that_failed_fills_nothing():
    event = [[(1e4, 1.0, key) for key in sorted(FEW)[:5]]]
    table = frame(event).with_columns(pl.lit(0.0).alias(f"V.{c}") for c in "xyz")
    table = table.with_columns(pl.lit(10).alias("V.fit_status"))
    row = table.select(reco.fill_ratio(P, vertex="V").struct.unnest()).row(0)
    assert set(row) == {None}


def test_stored_fill_ratios_are_made_again(shared_data):
    # the sensors that are out of order are missing in the file of sensors, but not for IceTray
    some = Geometry.read_parquet(shared_data / "geometry" / "icecube86.parquet").table()
    rest = Geometry.nominal().table().join(some, on="omkey", how="anti").select(some.columns)
    pulses = Pulses("SRTTWOfflinePulsesDC", Geometry.from_columns(pl.concat([some, rest])))
    ours = {"R": reco.fill_ratio(pulses, vertex="L4_first_hlc", mean=1.6)}
    table = stored(shared_data, "oscNext_genie_level7_v02", ours)
    assert equal(table, "R", "L4_fill_ratio", 1e-15) == 15


def test_the_whole_detector_counts_where_no_sensor_is_bad():
    key = min(SENSORS)
    table = frame([[(1e4, 1.0, key)]]).with_columns(pl.lit(SENSORS[key][c]).alias(f"V.{c}") for c in "xyz")
    table = table.with_columns(pl.lit(None).alias("V.energy"), pl.lit(0).alias("V.fit_status"))
    row = table.select(reco.fill_ratio(PULSES, vertex="V", nch=1e4).struct.unnest()).to_dicts()[0]
    assert (row["fillratio_from_nch"], row["hit_count"]) == (1 / 5160, 1)


@pytest.mark.parametrize("feature", [reco.fill_ratio, reco.fill_ratio_lite])
def test_pulses_without_a_geometry_are_an_error(feature):
    with pytest.raises(GeometryError, match="needs the positions of the DOMs"):
        feature(Pulses("P"), vertex="V")


@pytest.mark.parametrize("feature", [reco.fill_ratio, reco.fill_ratio_lite])
def test_a_vertex_may_be_an_expression(feature):
    key = min(FEW)
    table = frame([[(1e4, 1.0, key)]]).with_columns(
        pl.lit(v).alias(f"V.{c}") for c, v in {"x": 1.0, "y": 2.0, "z": 3.0, "energy": 1e3}.items()
    )
    by_name, given = (
        table.select(feature(P, vertex=v).struct.unnest())
        for v in ("V", pl.struct(**{m: pl.col(f"V.{m}") for m in ("x", "y", "z", "energy")}))
    )
    assert_frame_equal(by_name, given, check_exact=True)


def test_a_row_depends_on_itself_alone():
    keys = sorted(FEW)[::5]
    events = [[(1e4 + 40.0 * i, 1.0 + i, keys[i]) for i in range(k)] for k in range(12)]
    table = frame([None, *events]).with_columns(
        pl.lit(v).alias(f"T.{m}")
        for m, v in {"x": 5.0, "y": 1.0, "z": -9.0, "time": 1e4, "zenith": 1.2, "azimuth": 0.3}.items()
    )
    check_feature(reco.fill_ratio(P, vertex="T"), table)
    check_feature(reco.fill_ratio_lite(P, vertex="T"), table)
