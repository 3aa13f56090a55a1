"""Kernels and features on frames give the numbers that they give on columns."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.errors import TrayError
from icecol.i3.frames.frame import Frame

KEY = "SRTInIcePulses"


@ic.kernel(mean=pl.Float64, far=pl.Float64, n=pl.Int32)
def centre(time, charge, z, *, below=0.0):
    """Mean time, mean depth of the light below a depth, and number of pulses."""
    total = 0.0
    for q, depth in zip(charge, z):  # noqa: B905
        total += q if depth < below else 0.0
    return (time.mean() if time.size else np.nan), total, time.size


@ic.kernel(last=pl.Float64)
def last(time):
    return time.max() if time.size else np.nan


@pytest.fixture(scope="module")
def columns(files):
    """Return the features of every event, from the file as columns, by event id."""
    geometry = ic.convert.read_geometry(files.gcd)
    pulses = ic.Pulses(KEY, geometry)
    features = ic.with_features(
        ic.scan_i3(files.events),
        Centre=centre(pulses, below=100.0),
        Last=last(pulses),
        LF=ic.reco.linefit(pulses),
        ToI=ic.reco.tensor_of_inertia(pulses),
        Q=ic.reco.charge(pulses),
        HQ=ic.reco.homogenized_qtot(pulses),
        Angle=ic.reco.opening_angle("LF", "ToI"),
    )
    return features.select(pl.exclude("^SRT.*|Split.*|InIce.*$")).collect().to_dicts()


def run(files, module, **parameters):
    tray = ic.Tray().add(ic.tray.read([files.gcd, files.events])).add(module, **parameters)
    return [frame for frame in tray if frame.stop == "P"]


def fields(row, name):
    return {k.removeprefix(f"{name}."): v for k, v in row.items() if k.startswith(f"{name}.")}


def known(row, name):
    return {field: value for field, value in fields(row, name).items() if value is not None}


def same(stored, value):
    """Compare a member of an object, NaN where it is missing, with the value of a column, null then."""
    return math.isnan(stored) if value is None else stored == value


@pytest.mark.parametrize("compiled", [False, True])
def test_a_kernel_gives_a_map_with_its_fields(files, columns, compiled):
    frames = run(files, centre, pulses=KEY, output="Centre", below=100.0, compiled=compiled)
    assert len(frames) == len(columns) == 30
    for frame, row in zip(frames, columns, strict=True):
        expected, found = known(row, "Centre"), frame["Centre"]
        assert found.i3class == "I3MapStringDouble"
        assert found.keys() == expected.keys()
        assert found == pytest.approx(expected, rel=0 if compiled else 1e-12, nan_ok=True)


def test_a_kernel_of_one_field_gives_a_number(files, columns):
    for frame, row in zip(run(files, last, pulses=KEY, output="Last"), columns, strict=True):
        assert ("Last" in frame) == (row["Last.last"] is not None)
        if "Last" in frame:
            assert frame.class_name("Last") == "I3Double"
            assert frame["Last"].value == row["Last.last"]


def test_a_fit_gives_a_particle_and_its_params(files, columns):
    params = {"LF": ("I3LineFitParams", 40), "ToI": ("I3TensorOfInertiaFitParams", 30)}
    for name, module in (("LF", ic.reco.linefit), ("ToI", ic.reco.tensor_of_inertia)):
        for frame, row in zip(run(files, module, pulses=KEY, output=name), columns, strict=True):
            expected, fit = fields(row, name), frame[name]
            assert fit.shape == (params[name][1] if fit.fit_status == 0 else 0)
            found = {
                "x": fit.pos.x,
                "y": fit.pos.y,
                "z": fit.pos.z,
                "time": fit.time,
                "fit_status": fit.fit_status,
            }
            found |= {"zenith": fit.dir.zenith, "azimuth": fit.dir.azimuth}
            found |= {"speed": fit.speed} if fit.fit_status == 0 else {}
            assert all(same(found[k], v) for k, v in expected.items() if k in found)
            rest = {k: v for k, v in expected.items() if k not in {*found, "speed"}}
            if fit.fit_status != 0:
                assert fit.speed == 0.299792458
                assert f"{name}Params" not in frame
                continue
            stored = frame[f"{name}Params"]
            assert stored.i3class == params[name][0]
            assert {k: getattr(stored, k) for k in stored.names} == rest


def test_a_cleaning_gives_pulses_and_lists_go_under_their_names(files):
    key = "SplitInIcePulses"
    geometry = ic.convert.read_geometry(files.gcd)
    pulses = ic.Pulses(key, geometry)
    cleaned = ic.with_features(
        ic.scan_i3(files.events, pulses=[key]),
        Clean=ic.reco.seeded_rt(pulses),
        Sensors=ic.reco.dom_summary(pulses),
    ).collect()
    for frame, row in zip(
        run(files, ic.reco.seeded_rt, pulses=key, output="Clean"), cleaned.to_dicts(), strict=True
    ):
        for member in ("time", "charge", "width", "flags", "omkey"):
            assert getattr(frame.pulses("Clean"), member).tolist() == row[f"Clean.{member}"]
    assert cleaned["Clean.time"].list.len().sum() > 100
    summaries = run(files, ic.reco.dom_summary, pulses=key, output="Sensors")
    for frame, row in zip(summaries, cleaned.to_dicts(), strict=True):
        assert frame.class_name("Sensors") == "I3MapStringVectorDouble"
        for name, numbers in frame["Sensors"].items():
            np.testing.assert_array_equal(numbers, np.array(row[f"Sensors.{name}"], float))
    with pytest.raises(
        TrayError, match=r"field 'time' of 'Parts' is List\(List\(Float64\)\): .* only lists of numbers"
    ):
        run(files, ic.reco.topological_split, pulses=key, output="Parts")


def test_a_feature_without_a_track_gives_a_map_or_a_number(files, columns):
    for frame, row in zip(run(files, ic.reco.charge, pulses=KEY, output="Q"), columns, strict=True):
        assert frame["Q"] == known(row, "Q")
    for frame, row in zip(
        run(files, ic.reco.homogenized_qtot, pulses=KEY, output="HQ"), columns, strict=True
    ):
        assert frame["HQ"].i3class == "I3Double"
        assert frame["HQ"].value == row["HQ.value"]


def test_an_expression_reads_what_modules_before_it_put(files, columns):
    tray = ic.Tray().add(ic.tray.read([files.gcd, files.events]))
    tray.add(ic.reco.linefit, pulses=KEY, output="LF").add(
        ic.reco.tensor_of_inertia, pulses=KEY, output="ToI"
    )
    tray.add(ic.reco.opening_angle, a="LF", b="ToI", output="Angle")
    tray.add(ic.reco.opening_angle("LF", "ToI"), output="Again", name="again")
    tray.add(pl.col(f"{KEY}.time").list.len() > 30, output="Long").add(
        pl.col("NoSuchKey.x"), output="Nothing"
    )
    frames = [frame for frame in tray if frame.stop == "P"]
    for frame, row in zip(frames, columns, strict=True):
        assert ("Angle" in frame) == ("Again" in frame) == (row["Angle"] is not None)
        if "Angle" in frame:
            assert frame["Angle"].value == frame["Again"].value == row["Angle"]
        assert frame["Long"].i3class == "I3Bool"
        assert frame["Long"].value == (row["Q.n_pulses"] > 30)
        assert "Nothing" not in frame


def test_members_that_only_some_tracks_have_are_read_where_they_are(files):
    tray = ic.Tray().add(ic.tray.read([files.gcd, files.events]))
    tray.add(ic.reco.linefit, pulses=KEY, output="LF", min_hits=10_000)
    tray.add(ic.reco.finite_reco, pulses=KEY, track="LF", output="Part")
    assert {frame["Part"].fit_status for frame in tray if frame.stop == "P"} == {20}


def test_the_geometry_may_be_given(files):
    geometry = ic.convert.read_geometry(files.gcd)
    expected = [frame.raw("LF") for frame in run(files, ic.reco.linefit, pulses=KEY, output="LF")]
    for given in (geometry, files.gcd):
        tray = ic.Tray().add(files.events).add(ic.reco.linefit, pulses=KEY, output="LF", gcd=given)
        assert [frame.raw("LF") for frame in tray if frame.stop == "P"] == expected


def test_pulses_outside_the_geometry_are_left_out_and_the_order_does_not_matter(files):
    geometry = ic.convert.read_geometry(files.gcd)
    half = ic.Geometry.from_columns(geometry.table().filter(pl.col("string") < 40))
    frames = run(files, centre, pulses=KEY, output="C", gcd=half)
    compiled = run(files, centre, pulses=KEY, output="C", gcd=half, compiled=True)
    for a, b in zip(frames, compiled, strict=True):
        assert a["C"]["n"] == b["C"]["n"] == np.count_nonzero(a.pulses(KEY).omkey >> 16 < 40)
        assert a["C"] == pytest.approx(b["C"], rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("module", [last, ic.reco.charge, ic.reco.linefit])
def test_a_frame_without_such_pulses_gets_nothing(module):
    (frame,) = ic.Tray().add([Frame("P")]).add(module, pulses="None", output="X")
    assert len(frame) == 0


def test_without_geometry_it_is_said_what_to_do(files):
    for module in (ic.reco.linefit, centre):
        with pytest.raises(TrayError, match="in a tray, read the GCD file first or give `gcd`"):
            ic.Tray().add(files.events).add(module, pulses=KEY, output="X").run()


def test_what_is_missing_or_in_the_way_is_refused(files):
    tray = ic.Tray().add(files.events)
    with pytest.raises(TypeError, match="'output'"):
        tray.add(last, pulses=KEY)
    with pytest.raises(TypeError, match="needs their key"):
        tray.add(last, output="X")
    with pytest.raises(TypeError, match="'after'"):
        tray.add(last, pulses=KEY, output="X", after=3)
    with pytest.raises(
        TrayError, match="the frame already has an object 'MCPrimary': choose another `output`"
    ):
        ic.Tray().add(files.events).add(last, pulses=KEY, output="MCPrimary").run()
    with pytest.raises(
        TrayError,
        match=r"no column 'MCPrimary.zenit' of 'MCPrimary', an object of class I3Particle; did you mean",
    ):
        ic.Tray().add(files.events).add(pl.col("MCPrimary.zenit"), output="X").run()
    with pytest.raises(TrayError, match=rf"no column '{KEY}.tim' of '{KEY}'.*; did you mean '{KEY}.time'"):
        ic.Tray().add(files.events).add(pl.col(f"{KEY}.tim").list.sum(), output="X").run()
    with pytest.raises(TrayError, match="feature 'X' is Date, which no frame object holds"):
        ic.Tray().add(files.events).add(pl.date(2026, 1, 1), output="X").run()


def test_a_list_of_numbers_is_a_vector(files):
    tray = ic.Tray().add(files.events).add(pl.col(f"{KEY}.time"), output="Times")
    for frame in tray:
        if frame.stop == "P":
            assert frame.class_name("Times") == "I3VectorDouble"
            assert frame["Times"].value.tolist() == frame.pulses(KEY).time.tolist()


def test_a_cut_in_a_tray_reads_nan_as_null(files):
    """A fit of the file at NaN: true or false only where the rest of the expression decides."""
    lost = ic.new("I3Particle", fit_status=20)

    def put(frame):
        frame["Lost"] = lost

    zenith, status = pl.col("Lost.zenith"), pl.col("Lost.fit_status")
    tray = ic.Tray().add(ic.tray.read([files.gcd, files.events])).add(put)
    tray = tray.add(zenith > 1.5, output="Up").add(~(zenith < 1.5), output="NotDown")
    tray = tray.add((zenith > 1.5) | (status == 20), output="Either").add(zenith.is_nan(), output="Failed")
    frames = [frame for frame in tray if frame.stop == "P"]
    assert frames
    for frame in frames:
        assert "Up" not in frame
        assert "NotDown" not in frame
        assert frame["Either"].value
        assert frame["Failed"].value
