"""`volumes`: containment and scaled volumes."""

from __future__ import annotations

import functools
import math

import naive_vetoes as naive
import numpy as np
import polars as pl
import pytest

from icecol import reco
from icecol.detector.geometry import Geometry
from icecol.detector.strings import CORNERS
from icecol.errors import GeometryError

NOMINAL = Geometry.nominal()


@functools.cache
def hull():
    strings = np.unique(np.column_stack([NOMINAL.x, NOMINAL.y]), axis=0)
    strings = strings[np.hypot(*strings.T) > 400]  # those farther in are no corners
    return [p for p in strings if not naive.in_some_triangle(*(p * (1 + 1e-9)), strings)]


@pytest.mark.parametrize(("scale", "z_range"), [(1.0, None), (0.9, (-500.0, 400.0)), (1.3, None)])
def test_containment_is_being_in_a_triangle_of_strings_and_between_the_planes(scale, z_range):
    rng = np.random.default_rng(5)
    v = rng.uniform([-700, -700, -650], [700, 700, 650], (60, 3))
    found = pl.DataFrame(dict(zip(("V.x", "V.y", "V.z"), v.T, strict=True))).select(
        reco.containment(NOMINAL, vertex="V", scale=scale, z_range=z_range).struct.unnest()
    )
    corners = np.array(hull())
    middle = corners.mean(axis=0)
    low, high = z_range or (NOMINAL.z.min(), NOMINAL.z.max())
    grown = middle + scale * (corners - middle)
    expected = [naive.in_some_triangle(x, y, grown) and low <= z <= high for x, y, z in v]
    assert found["inside"].to_list() == expected
    assert 10 < sum(expected) < 50
    assert ((found["distance"] >= 0) == found["inside"]).all()


def test_containment_of_an_unknown_or_undefined_point_is_null():
    points = pl.DataFrame({"V.x": [None, math.nan, 0.0], "V.y": [0.0, 0.0, 0.0], "V.z": [0.0, 0.0, math.nan]})
    found = points.select(reco.containment(NOMINAL, vertex="V").struct.unnest())
    assert found["inside"].to_list() == [None, None, None]
    assert found["distance"].to_list() == [None, None, None]


def least(size, place, towards):
    """Minimise a convex size along a line, by thirds."""
    low, high = -5e4, 5e4
    for _ in range(300):
        third = (high - low) / 3
        a, b = low + third, high - third
        if size(place + a * towards) < size(place + b * towards):
            high = b
        else:
            low = a
    return size(place + low * towards)


def tracks(n, seed):
    rng = np.random.default_rng(seed)
    place = rng.uniform([-900, -900, -900], [900, 900, 900], (n, 3))
    zenith, azimuth = np.arccos(rng.uniform(-1, 1, n)), rng.uniform(0, 2 * math.pi, n)
    towards = -np.column_stack(
        [np.sin(zenith) * np.cos(azimuth), np.sin(zenith) * np.sin(azimuth), np.cos(zenith)]
    )
    columns = {"x": place[:, 0], "y": place[:, 1], "z": place[:, 2], "zenith": zenith, "azimuth": azimuth}
    return pl.DataFrame({f"T.{k}": v for k, v in columns.items()}), place, towards


STRINGS = (1, 6, 50, 74, 78, 75, 31)


def prism():
    """Return the outward faces of a prism as normals of length 1 / distance from its centre, and that centre."""
    row = {
        om: [int(np.flatnonzero((NOMINAL.string == s) & (NOMINAL.om == om))[0]) for s in STRINGS]
        for om in (1, 60)
    }
    corners = np.column_stack([NOMINAL.x[row[1]], NOMINAL.y[row[1]]])
    high, low = NOMINAL.z[row[1]].mean(), NOMINAL.z[row[60]].mean()
    ahead = np.roll(corners, -1, axis=0)
    triangles = [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
    areas = [abs(np.linalg.det([b - a, c - a])) for a, b, c in triangles]
    centre = sum(w * (a + b + c) / 3 for w, (a, b, c) in zip(areas, triangles, strict=True)) / sum(areas)
    faces = []
    for a, b in zip(corners, ahead, strict=True):
        normal = np.array([b[1] - a[1], a[0] - b[0]])
        faces.append([*(normal / (normal @ (a - centre))), 0.0])
    half = (high - low) / 2
    faces += [[0.0, 0.0, 1 / half], [0.0, 0.0, -1 / half]]
    return np.array(faces), np.array([*centre, (high + low) / 2]), corners


def test_the_volume_is_scaled_until_it_touches_the_track():
    frame, place, towards = tracks(60, 3)
    faces, centre, _ = prism()
    found = frame.select(reco.containment_size(NOMINAL, track="T", strings=STRINGS).struct.unnest())[
        "volume_size"
    ]
    expected = [
        least(lambda p: (faces @ (p - centre)).max(), p, e) for p, e in zip(place, towards, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert 10 < (found < 1).sum() < 50


@pytest.mark.parametrize("z", [None, 200.0])
def test_the_area_is_scaled_to_where_the_track_is_at_some_depth(z):
    frame, place, towards = tracks(60, 4)
    faces, centre, _ = prism()
    found = frame.select(reco.containment_size(NOMINAL, track="T", strings=STRINGS, z=z).struct.unnest())[
        "area_size"
    ]
    depth = centre[2] if z is None else z
    at = place + towards * ((depth - place[:, 2]) / towards[:, 2])[:, None]
    np.testing.assert_allclose(found, (faces[:-2] @ (at - centre).T).max(axis=0), rtol=1e-9)


def test_a_cascade_is_scaled_like_a_point():
    frame, place, _ = tracks(60, 5)
    faces, centre, _ = prism()
    found = frame.select(reco.containment_size(NOMINAL, vertex="T", strings=STRINGS).struct.unnest())
    np.testing.assert_allclose(found["volume_size"], (faces @ (place - centre).T).max(axis=0), rtol=1e-9)
    np.testing.assert_allclose(found["area_size"], (faces[:-2] @ (place - centre).T).max(axis=0), rtol=1e-9)


def test_a_cylinder_is_scaled_until_it_touches_the_track():
    frame, place, towards = tracks(60, 6)
    found = frame.select(reco.cylinder_size(track="T", height=480.0, radius=560.0, center=-20.0).alias("s"))[
        "s"
    ]
    size = lambda p: max(math.hypot(p[0], p[1]) / 560.0, abs(p[2] + 20.0) / 480.0)  # noqa: E731
    expected = [least(size, p, e) for p, e in zip(place, towards, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    # as steep as the cone through the rims: no term of second order is left
    steep = pl.DataFrame(
        {
            "T.x": [100.0, 100.0],
            "T.y": [50.0, 0.0],
            "T.z": [30.0, 100.0],
            "T.zenith": math.pi / 4,
            "T.azimuth": 0.0,
        }
    )
    sizes = steep.select(reco.cylinder_size(track="T").alias("s"))["s"]
    np.testing.assert_allclose(sizes, [0.74 / 7, 0.0], rtol=1e-12, atol=1e-12)
    upright = {"T.x": [280.0], "T.y": [0.0], "T.z": [0.0], "T.zenith": [math.pi], "T.azimuth": [0.0]}
    assert pl.DataFrame(upright).select(reco.cylinder_size(track="T", radius=560.0)).item() == pytest.approx(
        0.5
    )


@pytest.mark.parametrize("name", CORNERS)
def test_a_track_on_a_corner_string_of_each_detector_has_size_one(name):
    string = CORNERS[name][0]
    row = int(np.flatnonzero((NOMINAL.string == string) & (NOMINAL.om == 30))[0])
    at = {
        "T.x": [NOMINAL.x[row]],
        "T.y": [NOMINAL.y[row]],
        "T.z": [0.0],
        "T.zenith": [0.0],
        "T.azimuth": [0.0],
    }
    found = pl.DataFrame(at).select(reco.containment_size(NOMINAL, track="T", strings=name).struct.unnest())
    assert found["area_size"].item() == pytest.approx(1)
    assert found["volume_size"].item() <= 1 + 1e-9


def test_sizes_of_unknown_and_undefined_tracks_are_null():
    frame = pl.DataFrame(
        {
            "T.x": [None, math.nan, 100.0],
            "T.y": [0.0, 0.0, 0.0],
            "T.z": [0.0, 0.0, 0.0],
            "T.zenith": [1.0, 1.0, math.nan],
            "T.azimuth": [0.0, 0.0, 0.0],
        }
    )
    sizes = frame.select(
        reco.containment_size(NOMINAL, track="T").struct.unnest(),
        reco.cylinder_size(track="T").alias("cylinder_size"),
    )
    for column in sizes:
        assert column.to_list() == [None, None, None]


def test_a_prism_says_what_it_lacks():
    with pytest.raises(GeometryError, match="OMs 1, 30 and 60; string 99 lacks one of them"):
        reco.containment_size(NOMINAL, track="T", strings=(1, 6, 99))
    with pytest.raises(ValueError, match=r"'IC87' is not a detector; did you mean .*IC86"):
        reco.containment_size(NOMINAL, track="T", strings="IC87")
    with pytest.raises(TypeError, match="either a `track` or a `vertex`, found neither"):
        reco.containment_size(NOMINAL)
    with pytest.raises(TypeError, match="either a `track` or a `vertex`, found both"):
        reco.containment_size(NOMINAL, track="T", vertex="V")
