from __future__ import annotations

import math

import naive_first_guesses as naive
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from test_first_guesses import CALM, agree
from test_kernels import GEOMETRY, PULSES, SENSORS, frame

from icecol import Geometry, Pulses, reco
from icecol.errors import GeometryError
from icecol.reco.testing import check_feature

SMALL = Geometry.from_columns(
    GEOMETRY.table().filter(pl.col("om") % 10 == 1).with_columns(bad=pl.col("string") % 7 == 0)
)
FEW = {r["omkey"]: r for r in SMALL.table().to_dicts()}
P = Pulses("P", SMALL)


SHAPES = st.sampled_from(["StartingTrack", "StoppingTrack", "ContainedTrack"])
OWN = st.sampled_from(
    [{}, {"fit_status": 0, "length": 77.0}, {"fit_status": None, "length": None}, {"fit_status": 30}]
)


@settings(max_examples=100)
@given(
    CALM,
    st.floats(0, math.pi),
    st.floats(0, 6.2),
    st.floats(-300, 3000),
    st.sampled_from([60.0, 200.0]),
    SHAPES,
    OWN,
)
def test_finite_reco_agrees_with_its_slow_twin(events, zenith, azimuth, x, radius, shape, own):
    track = {"x": x, "y": -x / 3, "z": x / 2, "time": 1e4, "zenith": zenith, "azimuth": azimuth, **own}
    feature = reco.finite_reco(P, track="T", cylinder_radius=radius, expected_shape=shape)
    table = frame(events).with_columns(pl.lit(v).alias(f"T.{k}") for k, v in track.items())
    for row, event in zip(table.select(feature.struct.unnest()).to_dicts(), events, strict=True):
        if event is None:
            assert set(row.values()) == {None}
        else:
            expected = naive.finite_reco(event, FEW, track, radius, shape)
            if "Sdet" in expected and not math.isnan(row["Sdet"] or math.nan):  # two may be the largest
                assert abs(row["Sdet"]) == pytest.approx(abs(expected.pop("Sdet")), rel=1e-9)
            agree(row, {k: v for k, v in expected.items() if k != "Sdet"}, rel=1e-7)


def test_a_track_that_is_not_there_has_no_ends():
    event = [[(1e4, 1.0, key) for key in sorted(FEW)[:5]]] * 4
    table = frame(event).with_columns(
        *(pl.lit(0.0).alias(f"T.{m}") for m in ("x", "y", "z", "time", "azimuth")),
        pl.Series("T.zenith", [math.nan, None, 1.0, math.nan]),
        pl.Series("T.fit_status", [0, None, 10, 30]),
    )
    nan, null, failed, lost = table.select(reco.finite_reco(P, track="T").struct.unnest()).to_dicts()
    assert [r["fit_status"] for r in (nan, null, failed, lost)] == [40, None, 10, 30]
    assert all(math.isnan(v) for r in (nan, failed, lost) for k, v in r.items() if k != "fit_status")
    assert set(null.values()) == {None}


def test_a_track_far_from_all_hits_keeps_its_direction_and_the_detector():
    track = {"x": 0.0, "y": 0.0, "z": 0.0, "time": 1e4, "zenith": 0.5, "azimuth": 1.0, "length": 77.0}
    table = frame([[(1e4, 1.0, max(FEW))], []]).with_columns(
        pl.lit(v).alias(f"T.{k}") for k, v in track.items()
    )
    rows = table.select(
        reco.finite_reco(P, track="T", expected_shape="StartingTrack").struct.unnest()
    ).to_dicts()
    for row, cut in zip(rows, (0.0, math.nan), strict=True):
        assert (row["fit_status"], row["zenith"], row["azimuth"], row["length"]) == (20, 0.5, 1.0, 77.0)
        assert row["DetectorLength"] > 100
        assert row["finiteCut"] == pytest.approx(cut, nan_ok=True)
        assert math.isnan(row["x"])


def test_only_sensors_of_icecube_are_ends_of_the_detector():
    def detector(types):
        columns = {
            "string": [1, 1, 1],
            "om": [1, 2, 70],
            "x": [9.0] * 3,
            "y": [0.0] * 3,
            "z": [50.0, 0.0, -50.0],
        }
        p = Pulses("P", Geometry.from_columns({**columns, "om_type": types}))
        table = frame([[(1e4, 1.0, 65792)]]).with_columns(
            pl.lit(0.0).alias(f"T.{m}") for m in ("x", "y", "z", "time", "zenith", "azimuth")
        )
        return table.select(reco.finite_reco(p, track="T").struct.field("DetectorLength")).item()

    assert [detector(t) for t in ([20, 20, 20], [20, 130, 20], [20, 20, 30], [0, 0, 0])] == [
        100.0,
        100.0,
        50.0,
        50.0,
    ]
    assert math.isnan(detector([130, 120, 30]))


def test_the_expected_shape_is_one_of_three():
    with pytest.raises(ValueError, match=r"`expected_shape` must be one of 'StartingTrack'.*found 'Cascade'"):
        reco.finite_reco(P, track="T", expected_shape="Cascade")


@settings(max_examples=60)
@given(CALM, st.floats(-300, 300), st.floats(1.5, 1e5), st.sampled_from([1.3, 2.0]))
def test_fill_ratio_agrees_with_its_slow_twin(events, x, energy, scale):
    vertex = {"V.x": x, "V.y": x / 2 + 7.1, "V.z": -x / 3}
    values = {"vertex_energy": pl.lit(energy), "vertex_status": pl.lit(0)}
    feature = reco.fill_ratio(P, vertex="V", energy=scale, **values)
    table = frame(events).with_columns(pl.lit(v).alias(k) for k, v in vertex.items())
    for row, event in zip(table.select(feature.struct.unnest()).to_dicts(), events, strict=True):
        if event is None:
            assert set(row.values()) == {None}
            continue
        expected = naive.fill_ratio(event, FEW, list(vertex.values()), energy, scale)
        assume(not expected.pop("edge", False))
        assume(not expected.get("rms_distance", 1.0) < 1e-3)  # rounding decides
        agree(row, expected, rel=1e-7)


@settings(max_examples=100)
@given(CALM, st.floats(-300, 300), st.sampled_from([0.6, 1.0, 2.5]), st.sampled_from([0.0, 1.0, -0.5]))
def test_fill_ratio_lite_agrees_with_its_slow_twin(events, x, scale, power):
    vertex = {"V.x": x, "V.y": x / 2 + 7.1, "V.z": -x / 3}
    feature = reco.fill_ratio_lite(
        P, vertex="V", scale=scale, amplitude_weighting_power=power, vertex_status=pl.lit(0)
    )
    table = frame(events).with_columns(pl.lit(v).alias(k) for k, v in vertex.items())
    for value, event in zip(table.select(feature.struct.unnest())["value"], events, strict=True):
        if event is None:
            assert value is None
            continue
        expected, edge = naive.fill_ratio_lite(event, FEW, list(vertex.values()), scale, power)
        assume(edge > 1e-9)
        assert value == pytest.approx(expected, nan_ok=True)


def test_a_string_counts_where_its_topmost_sensor_is():
    columns = {"string": [1, 1, 1, -2], "om": [1, 2, 3, 1], "x": [60.0, 0.0, 1.0, 50.0], "y": [0.0] * 4}
    geometry = Geometry.from_columns({**columns, "z": [0.0, 0.0, 0.0, 0.0]})
    bent = Geometry.from_columns(geometry.table().with_columns(bad=pl.col("om") == 1))
    table = frame([[(1.0, 1.0, 65792 + 256), (1.0, 1.0, 65792 + 512)]])
    table = table.with_columns(*(pl.lit(v).alias(f"V.{c}") for c, v in (("x", 10.0), ("y", 0.0), ("z", 0.0))))

    def ratio(g, status):
        feature = reco.fill_ratio_lite(Pulses("P", g), vertex="V", scale=3.0, vertex_status=pl.lit(status))
        return table.select(feature.struct.field("value")).item()

    assert math.isnan(ratio(geometry, 0))
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
    row = table.select(reco.fill_ratio(P, vertex="V", vertex_energy=pl.lit(None)).struct.unnest()).row(0)
    assert all(v is None or math.isnan(v) for v in row)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: reco.finite_reco(p, track="T"),
        lambda p: reco.fill_ratio(p, vertex="V"),
        lambda p: reco.fill_ratio_lite(p, vertex="V"),
    ],
)
def test_pulses_without_a_geometry_are_an_error(make):
    with pytest.raises(GeometryError, match="needs the places of all sensors"):
        make(Pulses("P"))


def test_a_row_depends_on_itself_alone():
    keys = sorted(FEW)[::5]
    events = [[(1e4 + 40.0 * i, 1.0 + i, keys[i]) for i in range(k)] for k in range(12)]
    table = frame([None, *events]).with_columns(
        pl.lit(v).alias(f"T.{m}")
        for m, v in {"x": 5.0, "y": 1.0, "z": -9.0, "time": 1e4, "zenith": 1.2, "azimuth": 0.3}.items()
    )
    check_feature(reco.finite_reco(P, track="T"), table)
    check_feature(reco.fill_ratio(P, vertex="T", vertex_energy=pl.lit(None), vertex_status=pl.lit(0)), table)
    check_feature(reco.fill_ratio_lite(P, vertex="T", vertex_status=pl.lit(0)), table)


def stored(shared_data, name: str, ours: dict[str, pl.Expr]) -> pl.DataFrame:
    from icecol import scan_i3

    return reco.with_features(
        scan_i3(shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz"), **ours
    ).collect()


def equal(table: pl.DataFrame, ours: str, theirs: str, rel: float) -> int:
    names = [c.removeprefix(f"{ours}.") for c in table.columns if c.startswith(f"{ours}.")]
    names = [n for n in names if f"{theirs}.{n}" in table.columns]
    for n in names:
        expected = table[f"{theirs}.{n}"].to_list()
        assert table[f"{ours}.{n}"].to_list() == pytest.approx(expected, rel=rel, abs=0, nan_ok=True), n
    return len(names)


@pytest.mark.parametrize(
    "name", ["oscNext_genie_level7_v02", "oscNext_genie_level3_v02", "oscNext_noise_level3_v02"]
)
def test_stored_finite_tracks_are_made_again(shared_data, name):
    geometry = Geometry.read_parquet(shared_data / "geometry" / "icecube86.parquet")
    pulses = Pulses("RTTWOfflinePulses_FR_WIMP", geometry)
    ours = {"F": reco.finite_reco(pulses, track="SPEFit2", cylinder_radius=200.0)}
    table = stored(shared_data, name, ours)
    assert equal(table, "F", "FiniteRecoFit", 1e-15) == 8
    assert equal(table, "F", "FiniteRecoCuts", 0.0) == 6


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
