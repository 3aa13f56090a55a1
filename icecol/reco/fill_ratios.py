"""How much of the spheres around a cascade is hit: `fill_ratio`, `fill_ratio_lite`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.jagged import frozen
from icecol.reco.kernels import fill_ratio as kernels
from icecol.reco.kernels import fill_ratio_lite as lite_kernels
from icecol.reco.positions import geometry_of
from icecol.reco.reference import Reference, member, optional_member

_FILL = Kernel(
    kernels.fill_ratio,
    {
        **dict.fromkeys(("mean_distance", "rms_distance", "nch_distance", "energy_distance"), pl.Float64),
        **dict.fromkeys(
            ("fill_radius_from_rms", "fill_radius_from_mean", "fill_radius_from_energy"), pl.Float64
        ),
        **dict.fromkeys(("fillradius_from_nch", "fill_radius_from_mean_plus_rms"), pl.Float64),
        **dict.fromkeys(("fill_ratio_from_rms", "fill_ratio_from_mean"), pl.Float64),
        **dict.fromkeys(("fill_ratio_from_mean_plus_rms", "fillratio_from_nch"), pl.Float64),
        "fill_ratio_from_energy": pl.Float64,
        "hit_count": pl.Int32,
    },
    events=("vertex_x", "vertex_y", "vertex_z", "vertex_energy", "vertex_status"),
)
_LITE = Kernel(
    lite_kernels.fill_ratio_lite, {"value": pl.Float64}, events=("vertex_x", "vertex_y", "vertex_z")
)


@feature(cost=50)
def fill_ratio(
    pulses: Pulses,
    *,
    vertex: Reference,
    mean: float = 2.0,
    rms: float = 3.0,
    mean_plus_rms: float = 1.3,
    nch: float = 1.3,
    energy: float = 1.3,
    amplitude_weighting_power: float = 0.0,
    bad_doms: bool = False,
) -> pl.Expr:
    """Return which fraction of the DOMs in spheres around a vertex is hit, as IceTray's I3FillRatioModule does.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry.
    vertex
        The vertex: `.x`, `.y`, `.z`, and `.energy` (GeV) and `.fit_status` if it has them. Where there is no energy, or
        it is NaN, the distance that it predicts is 1 m, as in IceTray.
    mean, rms, mean_plus_rms
        Radii of three spheres, in units of the mean, the RMS and their sum, of the distances of the hit DOMs from the
        vertex.
    nch, energy
        Radii of two more, in units of the distances that the number of hit DOMs and the energy predict. IceTray uses a
        fixed scale for the last one, but stores the radius scaled by `nch`, and so does this.
    amplitude_weighting_power
        Weight a distance with the charge of its DOM to this power.
    bad_doms
        Count DOMs that the geometry lists as bad, too: IceTray without a BadDOMList.

    Returns
    -------
    pl.Expr
        Fields of I3FillRatioInfo: mean_distance, rms_distance, nch_distance, energy_distance (m); the radii (m)
        fill_radius_from_rms, fill_radius_from_mean, fill_radius_from_energy, fillradius_from_nch,
        fill_radius_from_mean_plus_rms; the ratios fill_ratio_from_rms, fill_ratio_from_mean,
        fill_ratio_from_mean_plus_rms, fillratio_from_nch, fill_ratio_from_energy; hit_count (number of hit DOMs). Null
        where IceTray stores -1: for a sphere without DOMs, and everywhere if there is no charge, no vertex,
        or its fit_status is not 0. All fields are null where the series is null.

    Raises
    ------
    GeometryError
        The pulses have no geometry.

    Examples
    --------
    >>> from icecol import Geometry
    >>> g = Geometry.from_columns(
    ...     {"string": 3 * [1], "om": [1, 2, 3], "x": 3 * [3.0], "y": 3 * [4.0], "z": [12.0, 0.0, -12.0]}
    ... )
    >>> frame = pl.DataFrame({"P.charge": [[1.0]], "P.omkey": [[65792]], "V.x": 0.0, "V.y": 0.0, "V.z": 0.0})
    >>> ratio = fill_ratio(Pulses("P", g), vertex="V").struct
    >>> frame.select(ratio.field("mean_distance"), ratio.field("fill_ratio_from_mean").round(2)).row(0)
    (13.0, 0.33)
    """
    pulses = _without_bad(pulses) if bad_doms else pulses
    return _FILL(
        pulses,
        **{f"vertex_{c}": member(vertex, c) for c in ("x", "y", "z")},
        vertex_energy=optional_member(vertex, "energy", None),
        vertex_status=optional_member(vertex, "fit_status", 0.0),
        scale_mean=float(mean),
        scale_rms=float(rms),
        scale_mean_plus_rms=float(mean_plus_rms),
        scale_nch=float(nch),
        scale_energy=float(energy),
        amplitude_weighting_power=float(amplitude_weighting_power),
        **_good_doms(pulses, ("x", "y", "z")),
    )


@feature(cost=50)
def fill_ratio_lite(
    pulses: Pulses,
    *,
    vertex: Reference,
    scale: float = 1.0,
    amplitude_weighting_power: float = 0.0,
    bad_doms: bool = False,
) -> pl.Expr:
    """Return which fraction of the DOMs in one sphere around a vertex is hit, as IceTray's I3FillRatioLite does.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry.
    vertex
        The vertex: `.x`, `.y`, `.z`, and `.fit_status` if it has one.
    scale
        Radius of the sphere, in units of the mean distance of the hit DOMs from the vertex.
    amplitude_weighting_power
        Weight a distance with the charge of its DOM to this power; DOMs without charge do not enter the mean.
    bad_doms
        Count DOMs that the geometry lists as bad, hit or not: IceTray without a BadDOMListName.

    Returns
    -------
    pl.Expr
        Field value: the fraction of the DOMs in the sphere (surface included) that are hit. Strings whose topmost DOM
        is farther than the radius from the vertex, horizontally, are skipped. Null if no DOM is left, and where the
        series or the vertex is null, or its fit_status is not 0: IceTray stores nothing then.

    Raises
    ------
    GeometryError
        The pulses have no geometry.

    Examples
    --------
    >>> from icecol import Geometry
    >>> g = Geometry.from_columns(
    ...     {"string": 3 * [1], "om": [1, 2, 3], "x": 3 * [3.0], "y": 3 * [4.0], "z": [12.0, 0.0, -12.0]}
    ... )
    >>> frame = pl.DataFrame({"P.charge": [[1.0]], "P.omkey": [[65792]], "V.x": 0.0, "V.y": 0.0, "V.z": 0.0})
    >>> ratio = fill_ratio_lite(Pulses("P", g), vertex="V", scale=0.9)
    >>> frame.select(ratio.struct.field("value")).item()
    0.0
    """
    pulses = _without_bad(pulses) if bad_doms else pulses
    doms = _good_doms(pulses, ("omkey", "x", "y", "z"))
    omkey = doms["sensor_omkey"]
    heads = np.unique(omkey >> 16, return_index=True)[1]
    value = _LITE(
        pulses,
        **{f"vertex_{c}": member(vertex, c) for c in ("x", "y", "z")},
        scale=float(scale),
        amplitude_weighting_power=float(amplitude_weighting_power),
        strings=frozen(np.append(heads, omkey.size)),
        **doms,
    )
    fitted = optional_member(vertex, "fit_status", 0.0) == 0
    return pl.when(member(vertex, "x").is_not_null() & fitted).then(value)


def _without_bad(pulses: Pulses) -> Pulses:
    """Return a series in whose geometry no DOM is bad."""
    g = pulses.geometry
    return pulses if g is None else replace(pulses, geometry=replace(g, bad=np.zeros_like(g.bad)))


def _good_doms(pulses: Pulses, columns: tuple[str, ...]) -> dict[str, Any]:
    """Return columns of all good DOMs, as parameters of a kernel."""
    g = geometry_of(pulses, "a fill ratio")
    return {f"sensor_{c}": frozen(getattr(g, c)[~g.bad]) for c in columns}
