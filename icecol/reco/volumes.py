"""Containment: whether a point is inside the detector, and how large the detector must be for a track to touch it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
import polars as pl

from icecol.detector.geometry import Geometry
from icecol.detector.sensors import of_icecube
from icecol.detector.strings import CORNERS
from icecol.errors import GeometryError, did_you_mean
from icecol.reco.jagged import Array
from icecol.reco.reference import Reference, member
from icecol.reco.watch import mapped

_TRACK = ("x", "y", "z", "zenith", "azimuth")
_TINY = 1e-12  # a line through a corner touches one of its edges, however it is rounded


def containment(
    geometry: Geometry,
    *,
    vertex: Reference,
    scale: float = 1.0,
    z_range: tuple[float, float] | None = None,
) -> pl.Expr:
    """Return whether a point lies inside the detector, and its distance from the boundary.

    Parameters
    ----------
    geometry
        The geometry. IceCube's calibrated DOMs in the ice span the volume: their convex hull in x and y, from the
        lowest to the highest z.
    vertex
        The point: `.x`, `.y`, `.z` of a fit, a particle or the vertex of a veto.
    scale
        Scale the hull by this factor in x and y, about the mean of its corners.
    z_range
        Lowest and highest z (m) to use instead of those of the DOMs.

    Returns
    -------
    pl.Expr
        Fields inside, and distance (m): for a point inside, the distance to the nearest face; for a point outside,
        minus the distance to the plane of the face that it is farthest beyond. Both are null where
        the point is null or NaN.

    Raises
    ------
    GeometryError
        The geometry has no such DOMs, or they span no volume.

    Examples
    --------
    >>> frame = pl.DataFrame({"V.x": [0.0, 900.0], "V.y": [0.0, 0.0], "V.z": [-490.0, 0.0]})
    >>> frame.select(containment(Geometry.nominal(), vertex="V").struct.field("inside")).to_series().to_list()
    [True, False]
    """
    ice = calibrated_doms(geometry)
    corners = _hull(np.unique(np.column_stack([geometry.x[ice], geometry.y[ice]]), axis=0))
    if len(corners) < 3:
        msg = (
            f"the hull of the in-ice DOMs has {len(corners)} corners in x and y and encloses no volume; give a "
            "geometry with at least three strings that are not in a line"
        )
        raise GeometryError(msg)
    corners = corners.mean(axis=0) + scale * (corners - corners.mean(axis=0))
    low, high = z_range or (float(geometry.z[ice].min()), float(geometry.z[ice].max()))
    x, y, z = (member(vertex, c) for c in "xyz")
    walls = []
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        nx, ny = np.array([ay - by, bx - ax]) / np.hypot(bx - ax, by - ay)
        walls.append(x * float(nx) + y * float(ny) - float(nx * ax + ny * ay))
    distance = pl.min_horizontal(*walls, z - low, high - z) + 0 * (x + y + z)  # keeps null and NaN
    return pl.struct(inside=distance.fill_nan(None) >= 0, distance=distance.fill_nan(None))


def containment_size(
    geometry: Geometry,
    *,
    track: Reference | None = None,
    vertex: Reference | None = None,
    strings: str | Sequence[int] = "IC86",
    z: float | None = None,
) -> pl.Expr:
    """Return the factor by which the detector must be scaled, about its centre, to touch a track or a point.

    It is below 1 for a track that crosses the detector or a point inside it, and 1 at the boundary.

    Parameters
    ----------
    geometry
        The geometry. The strings span a prism from the mean z of their topmost DOMs (OM 1) to that of their lowest
        (OM 60).
    track, vertex
        Either an infinite track (`.x`, `.y`, `.z`, `.zenith`, `.azimuth`) or a point (`.x`, `.y`, `.z`).
    strings
        Corners of the prism, in order around it: a name in `icecol.detector.strings.CORNERS`, or string numbers.
    z
        The z (m) at which a track has its area_size; by default that of the centre of the prism.

    Returns
    -------
    pl.Expr
        Fields volume_size, area_size. For a track these are the factors of I3Cuts: ContainmentVolumeSize (for the
        prism) and ContainmentAreaSize (for its outline in x and y, where the track passes z; null for a horizontal
        track); for a point those of I3ScaleCalculator: ScaleInIce and ScaleIceCubeDetectorPolygon. Null where the
        track or point is null or NaN.

    Raises
    ------
    GeometryError
        A string is not in the geometry.
    ValueError
        No detector of that name.
    TypeError
        Neither a track nor a vertex is given, or both.

    Examples
    --------
    >>> frame = pl.DataFrame({"T.x": [0.0, 900.0], "T.y": 0.0, "T.z": 0.0, "T.zenith": 0.0, "T.azimuth": 0.0})
    >>> sizes = containment_size(Geometry.nominal(), track="T").struct.field("volume_size")
    >>> frame.select(sizes.round(2)).to_series().to_list()
    [0.01, 1.75]
    """
    corners, low, high = _prism(geometry, strings)
    middle = 0.5 * (low + high)
    centre = _centroid(corners)
    outline = corners - centre

    def of_vertex(x: Array, y: Array, depth: Array) -> tuple[Array, Array]:
        area = _scale(np.column_stack([x, y]) - centre, outline)
        return np.maximum(np.abs(depth - middle) / (high - middle), area), area

    def of_track(x: Array, y: Array, depth: Array, zenith: Array, azimuth: Array) -> tuple[Array, Array]:
        towards = -np.column_stack(
            [np.sin(zenith) * np.cos(azimuth), np.sin(zenith) * np.sin(azimuth), np.cos(zenith)]
        )
        place = np.column_stack([x - centre[0], y - centre[1], depth - middle])
        at = place + towards * ((middle if z is None else z) - depth)[:, None] / towards[:, 2:]
        return _scale_of_line(place, towards, _edges(outline, 0.5 * (high - low))), _scale(at[:, :2], outline)

    fields = ("volume_size", "area_size")
    if track is not None and vertex is None:
        return _by_event(track, _TRACK, fields, of_track)
    if vertex is not None and track is None:
        return _by_event(vertex, _TRACK[:3], fields, of_vertex)
    msg = f"containment_size takes either a `track` or a `vertex`, found {'neither' if track is None else 'both'}"
    raise TypeError(msg)


def cylinder_size(
    *, track: Reference, height: float = 500.0, radius: float = 500.0, center: float = 0.0
) -> pl.Expr:
    """Return the factor by which a cylinder around the z axis must be scaled to touch a track: I3Cuts' CylinderSize.

    Parameters
    ----------
    track
        The track: `.x`, `.y`, `.z`, `.zenith`, `.azimuth` of a particle or a fit.
    height, radius, center
        Half height (H0), radius (R0) and z of the centre of the cylinder, in m.

    Returns
    -------
    pl.Expr
        One number; null where the track is null or NaN.

    Examples
    --------
    >>> frame = pl.DataFrame({"T.x": [250.0], "T.y": 0.0, "T.z": 0.0, "T.zenith": 0.0, "T.azimuth": 0.0})
    >>> frame.select(cylinder_size(track="T")).item()
    0.5
    """
    k = radius / height

    def size(x: Array, y: Array, z: Array, zenith: Array, azimuth: Array) -> tuple[Array]:
        px, py, pz = -np.sin(zenith) * np.cos(azimuth), -np.sin(zenith) * np.sin(azimuth), -np.cos(zenith)
        above = z - center
        # the size of a point is convex along the track: least where the track is closest to the axis, in the middle
        # plane, or where cap and wall are as far, at a root of a t^2 + b t + c
        a = px * px + py * py - k * k * pz * pz
        b = 2.0 * (x * px + y * py - k * k * above * pz)
        c = x * x + y * y - k * k * above * above
        q = -0.5 * (b + np.copysign(np.sqrt(np.maximum(b * b - 4.0 * a * c, 0.0)), b))
        steps = -(px * x + py * y) / (px * px + py * py), -above / pz, q / a, c / q
        found = [
            np.maximum(np.hypot(x + t * px, y + t * py) / radius, np.abs(above + t * pz) / height)
            for t in steps
        ]
        return (reduce(np.fmin, found),)

    return _by_event(track, _TRACK, ("size",), size).struct.field("size")


def _by_event(
    reference: Reference,
    members: Sequence[str],
    fields: Sequence[str],
    function: Callable[..., tuple[Array, ...]],
) -> pl.Expr:
    """Return numbers of each event, null where a member is, as a struct."""

    def run(series: Sequence[pl.Series]) -> pl.Series:
        there = pl.Series([True] * len(series[0]), dtype=pl.Boolean)
        for s in series:
            there &= s.is_not_null()
        with np.errstate(all="ignore"):
            found = function(*(s.cast(pl.Float64).fill_null(float("nan")).to_numpy() for s in series))
        frame = pl.DataFrame(dict(zip(fields, found, strict=True)), nan_to_null=True)
        return frame.select(pl.when(there).then(pl.col(f)).alias(f) for f in fields).to_struct(series[0].name)

    dtype = pl.Struct(dict.fromkeys(fields, pl.Float64))
    return mapped([member(reference, m) for m in members], run, function.__name__, dtype)


def _prism(geometry: Geometry, strings: str | Sequence[int]) -> tuple[Array, float, float]:
    """Return the corners (m) of a prism from above, and its lowest and highest z."""
    if isinstance(strings, str) and strings not in CORNERS:
        msg = f"`strings` {strings!r} is not a detector; {did_you_mean(strings, CORNERS, 'detectors')}"
        raise ValueError(msg)
    numbers = CORNERS[strings] if isinstance(strings, str) else tuple(strings)
    corners, tops, bottoms = [], [], []
    for string in numbers:
        rows = {om: np.flatnonzero((geometry.string == string) & (geometry.om == om)) for om in (1, 30, 60)}
        if len(numbers) < 3 or not all(r.size for r in rows.values()):
            what = f"found {numbers}" if len(numbers) < 3 else f"string {string} lacks one of them"
            msg = f"a prism needs at least three strings with the OMs 1, 30 and 60; {what}"
            raise GeometryError(msg)
        corners.append([geometry.x[rows[30][0]], geometry.y[rows[30][0]]])
        tops.append(geometry.z[rows[1][0]])
        bottoms.append(geometry.z[rows[60][0]])
    return np.array(corners), float(np.mean(bottoms)), float(np.mean(tops))


def _centroid(corners: Array) -> Array:
    """Return the centre of the area of a polygon."""
    ahead = np.roll(corners, -1, axis=0)
    double = corners[:, 0] * ahead[:, 1] - ahead[:, 0] * corners[:, 1]
    centre: Array = ((corners + ahead) * double[:, None]).sum(axis=0) / (3.0 * double.sum())
    return centre


def _edges(outline: Array, half: float) -> list[tuple[Array, Array]]:
    """Return the ends of all edges of a prism around the origin."""
    top, bottom = (np.column_stack([outline, np.full(len(outline), z)]) for z in (half, -half))
    around = [pair for ends in (top, bottom) for pair in zip(ends, np.roll(ends, -1, axis=0), strict=True)]
    return around + list(zip(top, bottom, strict=True))


def _scale(points: Array, outline: Array) -> Array:
    """Return by what an outline around the origin is scaled for its edge to be at each point."""
    found = np.full(len(points), np.inf)
    for b, c in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        whole = b[0] * c[1] - b[1] * c[0]
        of_b = (points[:, 0] * c[1] - points[:, 1] * c[0]) / whole
        of_c = (b[0] * points[:, 1] - b[1] * points[:, 0]) / whole
        found = np.where((of_b >= -_TINY) & (of_c >= -_TINY), np.minimum(found, of_b + of_c), found)
    return np.where(np.isinf(found), np.nan, found)


def _scale_of_line(place: Array, towards: Array, edges: Sequence[tuple[Array, Array]]) -> Array:
    """Return the least scale at which one of the edges of a body around the origin is on each line.

    A line meets the plane of the origin and an edge at a point p = s (b + u (c - b)): s is the scale if 0 <= u <= 1.
    """
    found = np.full(len(place), np.inf)
    for b, c in edges:
        normal = np.cross(b, c)
        at = place - towards * (_dot(place, normal) / _dot(towards, normal))[:, None]
        of_b = _dot(np.cross(at, c), normal) / _dot(normal, normal)
        of_c = _dot(np.cross(b, at), normal) / _dot(normal, normal)
        found = np.where((of_b >= -_TINY) & (of_c >= -_TINY), np.minimum(found, of_b + of_c), found)
    return np.where(np.isinf(found), np.nan, found)


def _dot(a: Array, b: Array) -> Array:
    """Return products of vectors, to the same bits for one event and for many, as `@` does not."""
    product: Array = a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]
    return product


def calibrated_doms(geometry: Geometry) -> Array:
    """Return which sensors are calibrated DOMs of IceCube in the ice."""
    chosen = np.asarray(of_icecube(geometry) & geometry.calibrated)
    if not chosen.any():
        msg = (
            f"none of the {len(geometry)} sensors of the geometry is a calibrated in-ice DOM of IceCube; give the "
            "geometry of a GCD file with a calibration"
        )
        raise GeometryError(msg)
    return chosen


def _hull(points: Array) -> Array:
    """Return the corners of the convex hull of points sorted by x and y, anticlockwise."""

    def chain(points: Array) -> list[Array]:
        found: list[Array] = []
        for p in points:
            while len(found) > 1 and _turn(found[-2], found[-1], p) <= 0:
                found.pop()
            found.append(p)
        return found[:-1]

    return np.array(chain(points) + chain(points[::-1]))


def _turn(a: Array, b: Array, c: Array) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
