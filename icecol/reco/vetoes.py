"""Vetoes: `hese_veto`, `layer_veto`, `deepcore_veto` and `i3_veto`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.detector.dom_sets import dom_set, dom_table, sorted_keys
from icecol.detector.geometry import Geometry
from icecol.detector.sensors import of_icecube
from icecol.detector.strings import LAYERS
from icecol.errors import GeometryError
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.jagged import Array, frozen
from icecol.reco.kernels import deepcore_veto as deepcore
from icecol.reco.kernels import hese_veto as hese
from icecol.reco.kernels import i3_veto as tagging
from icecol.reco.kernels import layer_veto as layered
from icecol.reco.plan import null_for_nan
from icecol.reco.volumes import calibrated_doms

_NEIGHBOUR, _NEIGHBOURS = 160.0, 6  # m; a string inside the detector has at least 6 others that near

_OFF, _WORKS = 100.0, 500.0  # V

_HESE = Kernel(
    hese.hese_veto,
    {
        "vetoed": pl.Boolean,
        **dict.fromkeys(("x", "y", "z", "time", "charge", "veto_charge"), pl.Float64),
        "n_veto_pulses": pl.Int32,
    },
)
_LAYER = Kernel(layered.layer_veto, dict.fromkeys(("layer0", "layer1", "qtot", "time"), pl.Float64))
_DEEPCORE = Kernel(
    deepcore.deepcore_veto,
    {
        "kept": pl.Boolean,
        "n_veto_hits": pl.Int32,
        **dict.fromkeys(("veto_charge", "x", "y", "z", "time"), pl.Float64),
    },
)
_MEMBERS = (
    "earliestContainment", "maxDomChargeContainment", "nUnhitTopLayers", "nLayer", "earliestLayer", "earliestOM",
    "latestLayer", "latestOM", "latestContainment", "mostOuterLayer", "depthHighestHit", "depthFirstHit",
    "maxDomChargeLayer", "maxDomChargeLayer_xy", "maxDomChargeLayer_z", "maxDomChargeString", "maxDomChargeOM",
    "nDomsBeforeMaxDOM",
)  # fmt: skip
_TAGGING = Kernel(tagging.i3_veto, {m: pl.Float64 if m.startswith("depth") else pl.Int16 for m in _MEMBERS})


@feature
def hese_veto(
    pulses: Pulses,
    *,
    top_boundary_width: float = 90.0,
    bottom_boundary_width: float = 10.0,
    dust_layer: float = -135.0,
    dust_layer_width: float = 80.0,
    time_window: float = 3000.0,
    vertex_threshold: float = 250.0,
    veto_threshold: float = 3.0,
) -> pl.Expr:
    """Return the self-veto of the search for high-energy starting events, as IceTray's VHESelfVeto; give HLC pulses.

    The vertex is where and when 250 PE have been seen within 3 us. The event is vetoed if by 50 ns after that more
    than 3 PE, or 3 pulses or more, have been seen at the edge of the detector: 90 m below its top and from the
    strings at its side, 10 m above its bottom, and in 80 m of dust.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out. The sensors that define the edge
        are those with a high voltage (`pmt_hv`) of 100 V or more; where the geometry has no voltages, as without an
        I3DetectorStatus, they are those with a calibration.
    top_boundary_width, bottom_boundary_width
        In m; the first is that of the sides too.
    dust_layer, dust_layer_width
        Top of the dust (m), and how thick it is.
    time_window, vertex_threshold, veto_threshold
        In ns, PE, and PE or pulses.

    Returns
    -------
    pl.Expr
        Fields vetoed; x, y, z (m) and time (ns) of the vertex; charge (PE in its window); veto_charge (PE) and
        n_veto_pulses, those that count against the event. Every field is null where there is no vertex, as IceTray
        then writes nothing, and where the series is.

    References
    ----------
    Aartsen et al. (IceCube), Science 342 (2013) 1242856.
    """
    g = _geometry(pulses)
    top, bottom, edge = _edge(g, top_boundary_width)
    found = _HESE(
        pulses,
        time_window=float(time_window),
        vertex_threshold=float(vertex_threshold),
        veto_threshold=float(veto_threshold),
        z_bottom=bottom + bottom_boundary_width,
        z_top=top - top_boundary_width,
        dust_bottom=float(dust_layer - dust_layer_width),
        dust_top=float(dust_layer),
        side_width=float(top_boundary_width),
        edge=edge,
    )
    return null_for_nan(found, "x", "y", "z", "time", "charge", "veto_charge")


@feature
def layer_veto(
    pulses: Pulses,
    *,
    q_min: float = 3.0,
    q_max: float = 250.0,
    q_scale: float = 24.0,
    time_window: float = 3000.0,
    cap_thickness: float = 90.0,
    dust_range: tuple[float, float] = (-220.0, -100.0),
) -> pl.Expr:
    """Return the veto of the search for medium-energy starting events, as IceTray's LayerVeto; give HLC pulses.

    Light in the veto layers counts that comes before the event has shown min(q_max, max(q_min, qtot / q_scale)) PE
    within time_window ns. Layer 0 is the strings of the edge, and of the others but DeepCore's the sensors in
    cap_thickness m below the top and the lowest one; layer 1 the sensors with z within `dust_range` (m). Bad
    sensors, those without calibration, and those with a high voltage below 500 V, where the geometry has voltages, are
    in no layer.

    Returns
    -------
    pl.Expr
        Fields layer0, layer1 (PE in each layer), qtot (PE, without sensors that have more than 0.9 of it), and
        time (ns, when the charge was reached, or of the last pulse). All are 0 without pulses, as in IceTray,
        and null where the series is.

    References
    ----------
    Aartsen et al. (IceCube), Phys. Rev. D 91 (2015) 022001.
    """
    return _LAYER(
        pulses,
        q_min=float(q_min),
        q_max=float(q_max),
        q_scale=float(q_scale),
        time_window=float(time_window),
        layers=_veto_layers(_geometry(pulses), cap_thickness, dust_range),
    )


@feature
def deepcore_veto(
    pulses: Pulses,
    *,
    fiducial: str | Iterable[int] = "IC86EDC fiducial",
    veto: str | Iterable[int] | None = None,
    min_hits_to_veto: int = 1,
    first_hit_only: bool = True,
    charge_weight_cog: bool = False,
) -> pl.Expr:
    """Return the decision of the DeepCore filter, as IceTray's I3DeepCoreVeto; give pulses after SeededRT cleaning.

    Sensors around DeepCore count where a particle at 0.25 to 0.40 m/ns would have come from them to the hits inside.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    fiducial
        The sensors inside: "IC59 fiducial", or in its place IC79, IC86, IC86EDC, IC86TwoLayVeto; another name in
        `dom_sets.DOM_SETS`; or omkeys.
    veto
        The sensors around, in the same way. By default those of the same detector ("IC79 veto" with "IC79 fiducial");
        where fiducial is no such name, those of IC86 that are not inside. Pulses of other sensors, as IceTop's, do not
        matter.
    min_hits_to_veto
        So many hits around are allowed.
    first_hit_only, charge_weight_cog
        Take the first pulse of each sensor alone, weigh the place of the hits inside with charge.

    Returns
    -------
    pl.Expr
        Fields kept (at most min_hits_to_veto such hits), n_veto_hits, veto_charge (PE), and x, y, z (m), time (ns) of
        the hits inside. Without hits inside the event is not kept and the last four are NaN; every field is null
        where the series is.

    Raises
    ------
    GeometryError
        There is no set of that name, or the pulses have no geometry.

    References
    ----------
    Abbasi et al. (IceCube), Astropart. Phys. 35 (2012) 615.

    Examples
    --------
    >>> frame = pl.DataFrame(
    ...     {
    ...         "P.time": [[10000.0, 10010.0, 7150.0, 7160.0]],
    ...         "P.charge": [[1.0, 1.0, 1.0, 1.0]],
    ...         "P.omkey": [[s << 16 | om << 8 for s, om in ((81, 40), (81, 41), (36, 1), (36, 2))]],
    ...     }
    ... )
    >>> veto = deepcore_veto(Pulses("P", Geometry.nominal()))
    >>> frame.select(veto.struct.unnest()).select("kept", "n_veto_hits").row(0)
    (False, 2)
    """
    inside = fiducial if isinstance(fiducial, str) else sorted_keys(fiducial)
    return _DEEPCORE(
        pulses,
        min_hits_to_veto=float(min_hits_to_veto),
        fiducial=dom_table(inside),
        veto=dom_table(_around(inside) if veto is None else veto),
        first_hit_only=bool(first_hit_only),
        charge_weight_cog=bool(charge_weight_cog),
    )


@feature
def i3_veto(pulses: Pulses, *, detector_geometry: int = 86) -> pl.Expr:
    """Return the members of I3Veto, as I3VetoModule fills them (`CascadeContainmentTagging`).

    Layers run from 0 in the middle to the edge: 5 for IC86 and IC79, 2 for IC59 and IC40; a containment is 100 * layer
    + sensor number.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out, and AMANDA's.
    detector_geometry
        40, 59, 79 or 86: the detector whose layers count (the module's own default is 40).

    Returns
    -------
    pl.Expr
        Fields as I3Veto names them; depthFirstHit and depthHighestHit in m. As in IceTray nUnhitTopLayers is always 0
        and depthHighestHit always NaN. Without pulses nLayer and nDomsBeforeMaxDOM are 0. What else has no answer is
        null, where IceTray writes -32768, and every field is null where the series is.

    Raises
    ------
    ValueError
        Another detector_geometry.
    GeometryError
        The pulses have no geometry.

    Examples
    --------
    >>> frame = pl.DataFrame(
    ...     {
    ...         "P.time": [[5.0, 9.0]],
    ...         "P.charge": [[1.0, 3.0]],
    ...         "P.omkey": [[78 << 16 | 20 << 8, 63 << 16 | 44 << 8]],
    ...     }
    ... )
    >>> tags = frame.select(i3_veto(Pulses("P", Geometry.nominal()), detector_geometry=59).struct.unnest())
    >>> tags.select("earliestContainment", "maxDomChargeContainment", "nLayer").row(0)
    (220, 44, 2)
    """
    if detector_geometry not in LAYERS:
        msg = f"`detector_geometry` must be {', '.join(map(str, LAYERS))}; found {detector_geometry!r}"
        raise ValueError(msg)
    g, layers = _geometry(pulses), LAYERS[detector_geometry]
    table = np.zeros((max(int(g.string.max(initial=0)), 86) + 1, int(g.om.max(initial=60)) + 1), np.uint8)
    for i, strings in enumerate(layers):
        table[list(strings)] = i + 1
    return null_for_nan(_TAGGING(pulses, n_layers=len(layers), layer_of=frozen(table)), "depthFirstHit")


def _geometry(pulses: Pulses) -> Geometry:
    if pulses.geometry is None:
        msg = f"a veto needs to know where the sensors of {pulses.key!r} are; give Pulses(key, geometry) a geometry"
        raise GeometryError(msg)
    return pulses.geometry


def _around(fiducial: str | Array) -> str | Array:
    """Return the sensors of a detector that are not in its fiducial set."""
    if isinstance(fiducial, str) and fiducial.endswith(" fiducial"):
        return fiducial.replace(" fiducial", " veto")
    return np.setdiff1d(dom_set("InIce"), dom_set(fiducial) if isinstance(fiducial, str) else fiducial)


def _outer(x: Array, y: Array) -> Array:
    """Tell which strings are at the edge: those with fewer than six others near."""
    near = np.hypot(x[:, None] - x, y[:, None] - y) < _NEIGHBOUR
    return near.sum(axis=1) - 1 < _NEIGHBOURS


def _has_voltages(geometry: Geometry) -> bool:
    return not np.isnan(geometry.pmt_hv).all()


def _switched_on(geometry: Geometry) -> Array:
    """Tell which of IceCube's sensors in the ice are not off; without voltages, which are calibrated."""
    if not _has_voltages(geometry):
        return calibrated_doms(geometry)
    chosen = of_icecube(geometry) & ~(geometry.pmt_hv < _OFF)  # as in IceTray, NaN is not off
    if not chosen.any():
        msg = f"none of the {len(geometry)} sensors of the geometry is one of IceCube's in the ice that is switched on"
        raise GeometryError(msg)
    return np.asarray(chosen)


def _edge(geometry: Geometry, width: float) -> tuple[float, float, Array]:
    """Return the top and bottom of the detector (m), and where the strings of its edge are.

    The top is that of the lowest string whose top is within `width` of the median.
    """
    ice = _switched_on(geometry)
    x, y, z, string = (a[ice] for a in (geometry.x, geometry.y, geometry.z, geometry.string))
    numbers, starts, counts = np.unique(string, return_index=True, return_counts=True)
    x, y = (a[starts + counts - 1] for a in (x, y))  # IceTray places a string where its last sensor is
    tops = np.array([max(0.0, z[string == s].max()) for s in numbers])
    near = tops[np.abs(np.sort(tops)[len(tops) // 2] - tops) <= width]
    outer = _outer(x, y)
    return float(near.min()), float(min(0.0, z.min())), frozen(np.column_stack([x[outer], y[outer]]))


def _veto_layers(geometry: Geometry, cap_thickness: float, dust: tuple[float, float]) -> Array:
    """Return the layers of each sensor as bits, `table[string, om]`: 1 for the outer one, 2 for the dust."""
    good = calibrated_doms(geometry) & ~geometry.bad
    if _has_voltages(geometry):
        good &= np.isfinite(geometry.pmt_hv) & (geometry.pmt_hv >= _WORKS)
    string, om, z = geometry.string[good], geometry.om[good], geometry.z[good]
    order = np.lexsort((-z, string))
    string, om, z, x, y = (a[order] for a in (string, om, z, geometry.x[good], geometry.y[good]))
    numbers, starts, counts = np.unique(string, return_index=True, return_counts=True)
    deepcore_ = numbers >= 79
    if deepcore_.all():
        msg = f"no sensor on the strings 1 to 78 is good: the top of the veto is measured on them; strings: {numbers}"
        raise GeometryError(msg)
    top = z[starts[~deepcore_]].min()
    outer = _outer(x[starts], y[starts])
    table = np.zeros((int(string.max()) + 1, int(om.max()) + 1), np.uint8)
    for k, s in enumerate(numbers):
        own = slice(starts[k], starts[k] + counts[k])
        if outer[k]:
            table[s, om[own]] |= 1
        elif not deepcore_[k]:
            table[s, om[own][z[own] >= top - cap_thickness]] |= 1
            table[s, om[own][-1]] |= 1
    dusty = (z > dust[0]) & (z < dust[1])
    table[string[dusty], om[dusty]] |= 2
    return frozen(table)
