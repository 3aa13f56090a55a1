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
from icecol.reco.positions import geometry_of
from icecol.reco.volumes import calibrated_doms

_NEIGHBOUR, _NEIGHBOURS = 160.0, 6  # m; inner strings have at least 6 others within this distance

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
    """Return the self-veto of the high-energy starting event (HESE) search, as IceTray's VHESelfVeto; give HLC pulses.

    The vertex is the position and time at which 250 PE have been seen within 3 us. The event is vetoed if by 50 ns
    later at least 3 pulses or more than 3 PE have been seen in the veto region: the top 90 m of the detector, 90 m
    around the strings of its side, the bottom 10 m, and 80 m of the dust layer. (These numbers are the defaults of the
    parameters.)

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored. The edge of the detector is
        defined by the in-ice DOMs with a high voltage (`pmt_hv`) that is not below 100 V, or, if the geometry has no
        voltages because there is no I3DetectorStatus, by those that are calibrated.
    top_boundary_width
        Thickness (m) of the veto region at the top and the sides.
    bottom_boundary_width
        Thickness (m) of the veto region at the bottom.
    dust_layer, dust_layer_width
        z of the top (m) and thickness (m) of the dust layer.
    time_window
        Time (ns) within which the vertex_threshold must be exceeded.
    vertex_threshold
        Charge (PE) that defines the vertex.
    veto_threshold
        Charge (PE) above which, and number of pulses from which on, the event is vetoed.

    Returns
    -------
    pl.Expr
        Fields vetoed; x, y, z (m) and time (ns) of the vertex; charge (PE) in the window of the vertex; veto_charge
        (PE) and n_veto_pulses in the veto region. All fields are null where there is no vertex, since IceTray writes
        nothing then, and where the series is null.

    Raises
    ------
    GeometryError
        The pulses have no geometry, or none of its in-ice DOMs is switched on.

    References
    ----------
    Aartsen et al. (IceCube), Science 342 (2013) 1242856.

    Examples
    --------
    >>> import icecol as ic
    >>> g = ic.Geometry.nominal()
    >>> events = ic.sim.events(3, seed=1, muons=0, cascades=1, noise=0, energy=(1e5, 1e6)).to_polars()
    >>> hlc = ic.reco.hlc_pulses(ic.Pulses("InIcePulses", g))
    >>> found = ic.with_features(events, HLC=hlc, Veto=hese_veto(ic.Pulses("HLC", g)))
    >>> found.select("Veto.vetoed").collect().to_series().to_list()
    [False, False, True]
    """
    g = geometry_of(pulses, "a veto")
    top, bottom, edge = _edge(g, top_boundary_width)
    return _HESE(
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
    """Return the veto of the medium-energy starting event (MESE) search, as IceTray's LayerVeto. Give it HLC pulses.

    Light in the veto layers counts if it comes before min(q_max, max(q_min, qtot / q_scale)) PE have been seen within
    time_window ns. Layer 0 consists of the outer strings and, of the other strings except DeepCore's, of the DOMs in
    the top cap_thickness m and the lowest DOM. Layer 1 consists of the DOMs in the dust_range. Bad or uncalibrated
    DOMs, and those with a high voltage below 500 V if the geometry has voltages, are in neither layer.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.
    q_min, q_max, q_scale
        Lower and upper limit (PE) and divisor of the charge that marks the start of the event.
    time_window
        Time (ns) within which that charge must be seen.
    cap_thickness
        Thickness (m) of the top of the outer layer.
    dust_range
        Lower and upper z (m) of the dust layer.

    Returns
    -------
    pl.Expr
        Fields layer0, layer1 (PE in each layer), qtot (PE, without DOMs that have more than 90 % of it) and time (ns,
        when the charge that marks the start is reached, else that of the last pulse). As in IceTray all are 0 without
        pulses; they are null where the series is null.

    Raises
    ------
    GeometryError
        The pulses have no geometry, or it has no good DOM on strings 1 to 78.

    Examples
    --------
    >>> from icecol import Geometry
    >>> keys = [1 << 16 | 30 << 8, 36 << 16 | 30 << 8, 36 << 16 | 31 << 8]  # the first on an outer string
    >>> frame = pl.DataFrame(
    ...     {"P.time": [[0.0, 50.0, 90.0]], "P.charge": [[1.0, 5.0, 5.0]], "P.omkey": [keys]}
    ... )
    >>> found = frame.select(layer_veto(Pulses("P", Geometry.nominal())).struct.unnest())
    >>> found.select("layer0", "layer1", "qtot", "time").row(0)
    (1.0, 0.0, 11.0, 50.0)

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
        layers=_veto_layers(geometry_of(pulses, "a veto"), cap_thickness, dust_range),
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
    """Return the decision of the DeepCore filter, as IceTray's I3DeepCoreVeto. Give it pulses after SeededRT cleaning.

    A hit in the veto region counts if a particle with a speed of 0.25 to 0.40 m/ns would have travelled from it to the
    centre of gravity of the hits in the fiducial region.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.
    fiducial
        DOMs of the fiducial region: "IC59 fiducial", or the same with IC79, IC86, IC86EDC or IC86TwoLayVeto; another
        name in `dom_sets.DOM_SETS`; or omkeys.
    veto
        DOMs of the veto region, given in the same way. None means the veto region of the same detector ("IC79 veto" for
        "IC79 fiducial"), or, if fiducial is not such a name, the in-ice DOMs of IC86 outside of the fiducial region.
        Pulses of other DOMs, such as IceTop's, are ignored.
    min_hits_to_veto
        Number of hits in the veto region that an event may have and still be kept.
    first_hit_only
        Use the first pulse of each DOM only.
    charge_weight_cog
        Weight the centre of gravity of the fiducial hits with charge.

    Returns
    -------
    pl.Expr
        Fields kept (at most min_hits_to_veto veto hits), n_veto_hits, veto_charge (PE), and x, y, z (m), time (ns):
        centre of gravity of the fiducial hits. Without fiducial hits the event is not kept and the last four are null.
        All fields are null where the series is null.

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
    """Return the members of I3Veto as filled by IceTray's I3VetoModule (`CascadeContainmentTagging`).

    Layers are numbered from 0 in the centre to the edge of the detector: 5 for IC86 and IC79, 2 for IC59 and IC40. A
    containment is 100 * layer + OM number.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it, and of AMANDA's modules, are ignored.
    detector_geometry
        40, 59, 79 or 86: the detector whose layers are used (IceTray's default is 40).

    Returns
    -------
    pl.Expr
        Fields with the names of I3Veto; depthFirstHit and depthHighestHit in m. As in IceTray, nUnhitTopLayers is
        always 0 and depthHighestHit always null (there NaN). Without pulses nLayer and nDomsBeforeMaxDOM are 0. Other
        undefined fields are null, where IceTray writes -32768. All fields are null where the series is null.

    Raises
    ------
    ValueError
        The detector_geometry is none of these.
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
    g, layers = geometry_of(pulses, "a veto"), LAYERS[detector_geometry]
    table = np.zeros((max(int(g.string.max(initial=0)), 86) + 1, int(g.om.max(initial=60)) + 1), np.uint8)
    for i, strings in enumerate(layers):
        table[list(strings)] = i + 1
    return _TAGGING(pulses, n_layers=len(layers), layer_of=frozen(table))


def _around(fiducial: str | Array) -> str | Array:
    """Return the DOMs of a detector that are not in its fiducial set."""
    if isinstance(fiducial, str) and fiducial.endswith(" fiducial"):
        return fiducial.replace(" fiducial", " veto")
    return np.setdiff1d(dom_set("InIce"), dom_set(fiducial) if isinstance(fiducial, str) else fiducial)


def _outer(x: Array, y: Array) -> Array:
    """Return which strings are at the edge: those with fewer than six others nearby."""
    near = np.hypot(x[:, None] - x, y[:, None] - y) < _NEIGHBOUR
    return near.sum(axis=1) - 1 < _NEIGHBOURS


def _has_voltages(geometry: Geometry) -> bool:
    return not np.isnan(geometry.pmt_hv).all()


def _switched_on(geometry: Geometry) -> Array:
    """Return which in-ice DOMs of IceCube are switched on; without voltages, which are calibrated."""
    if not _has_voltages(geometry):
        return calibrated_doms(geometry)
    chosen = of_icecube(geometry) & ~(geometry.pmt_hv < _OFF)  # as in IceTray, NaN does not count as off
    if not chosen.any():
        msg = (
            f"none of the {len(geometry)} DOMs of the geometry is an in-ice DOM of IceCube that is switched on; "
            "give the geometry of the run's GCD file"
        )
        raise GeometryError(msg)
    return np.asarray(chosen)


def _edge(geometry: Geometry, width: float) -> tuple[float, float, Array]:
    """Return the top and bottom of the detector (m) and the positions of the strings at its edge.

    The top is the lowest of the strings' tops that are within `width` of their median.
    """
    ice = _switched_on(geometry)
    x, y, z, string = (a[ice] for a in (geometry.x, geometry.y, geometry.z, geometry.string))
    numbers, starts, counts = np.unique(string, return_index=True, return_counts=True)
    x, y = (a[starts + counts - 1] for a in (x, y))  # IceTray takes a string's position from its last DOM
    tops = np.array([max(0.0, z[string == s].max()) for s in numbers])
    near = tops[np.abs(np.sort(tops)[len(tops) // 2] - tops) <= width]
    outer = _outer(x, y)
    return float(near.min()), float(min(0.0, z.min())), frozen(np.column_stack([x[outer], y[outer]]))


def _veto_layers(geometry: Geometry, cap_thickness: float, dust: tuple[float, float]) -> Array:
    """Return the layers of each DOM as bits, `table[string, om]`: 1 for the outer layer, 2 for the dust layer."""
    good = calibrated_doms(geometry) & ~geometry.bad
    if _has_voltages(geometry):
        good &= np.isfinite(geometry.pmt_hv) & (geometry.pmt_hv >= _WORKS)
    string, om, z = geometry.string[good], geometry.om[good], geometry.z[good]
    order = np.lexsort((-z, string))
    string, om, z, x, y = (a[order] for a in (string, om, z, geometry.x[good], geometry.y[good]))
    numbers, starts, counts = np.unique(string, return_index=True, return_counts=True)
    deepcore_ = numbers >= 79
    if deepcore_.all():
        msg = f"no good DOM on strings 1 to 78, which define the top of the veto; strings with good DOMs: {numbers}"
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
