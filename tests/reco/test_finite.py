"""`finite`, `kernels.finite_reco`: the ends of tracks are those of a slow twin and of IceTray."""

from __future__ import annotations

import math

import naive_first_guesses as naive
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_events import frame
from stored import FEW, P, equal, stored
from test_first_guesses import CALM, agree

from icecol import Geometry, Pulses, reco
from icecol.errors import GeometryError
from icecol.reco.testing import check_feature

SHAPES = st.sampled_from(["StartingTrack", "StoppingTrack", "ContainedTrack"])
OWN = st.sampled_from(
    [{}, {"fit_status": 0, "length": 77.0}, {"fit_status": None, "length": None}, {"fit_status": 30}]
)


@settings(max_examples=30)
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
            if "Sdet" in expected and row["Sdet"] is not None:  # two may be the largest
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
    assert all(v is None for r in (nan, failed, lost) for k, v in r.items() if k != "fit_status")
    assert set(null.values()) == {None}


def test_a_track_far_from_all_hits_keeps_its_direction_and_the_detector():
    track = {"x": 0.0, "y": 0.0, "z": 0.0, "time": 1e4, "zenith": 0.5, "azimuth": 1.0, "length": 77.0}
    table = frame([[(1e4, 1.0, max(FEW))], []]).with_columns(
        pl.lit(v).alias(f"T.{k}") for k, v in track.items()
    )
    rows = table.select(
        reco.finite_reco(P, track="T", expected_shape="StartingTrack").struct.unnest()
    ).to_dicts()
    for row, cut in zip(rows, (0.0, None), strict=True):
        assert (row["fit_status"], row["zenith"], row["azimuth"], row["length"]) == (20, 0.5, 1.0, 77.0)
        assert row["DetectorLength"] > 100
        assert row["finiteCut"] == cut
        assert row["x"] is None


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
    assert detector([130, 120, 30]) is None


def test_the_expected_shape_is_one_of_three():
    with pytest.raises(ValueError, match=r"`expected_shape` must be one of 'StartingTrack'.*found 'Cascade'"):
        reco.finite_reco(P, track="T", expected_shape="Cascade")


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


def test_pulses_without_a_geometry_are_an_error():
    with pytest.raises(GeometryError, match="needs the positions of the DOMs"):
        reco.finite_reco(Pulses("P"), track="T")


def test_a_row_depends_on_itself_alone():
    keys = sorted(FEW)[::5]
    events = [[(1e4 + 40.0 * i, 1.0 + i, keys[i]) for i in range(k)] for k in range(12)]
    table = frame([None, *events]).with_columns(
        pl.lit(v).alias(f"T.{m}")
        for m, v in {"x": 5.0, "y": 1.0, "z": -9.0, "time": 1e4, "zenith": 1.2, "azimuth": 0.3}.items()
    )
    check_feature(reco.finite_reco(P, track="T"), table)
