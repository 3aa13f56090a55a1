"""Pulse cleaning by distance and time (RT): pulses are kept for their neighbours in space and time.

What each function returns is said in `cleaning.py`: a struct of lists, a pulse series like any other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl

from icecol.dataset.pulses import MEMBERS, Pulses
from icecol.detector.dom_sets import sorted_keys
from icecol.detector.geometry import Geometry
from icecol.reco.feature import feature
from icecol.reco.jagged import frozen
from icecol.reco.kernels import improved_linefit
from icecol.reco.kernels import seeded_rt as _srt
from icecol.reco.kernels.classic_rt import classic_rt as _classic_rt
from icecol.reco.kernels.ehe_linefit import interval_cleaning as _interval_cleaning
from icecol.reco.kernels.rt_veto import rt_veto as _rt_veto
from icecol.reco.selection import Selection, found_in

_CLASSIC_RT: Final = Selection(_classic_rt)
_DELAY: Final = Selection(improved_linefit.delay_cleaning)
_INTERVAL: Final = Selection(_interval_cleaning)
_SEEDED_RT: Final = Selection(_srt.seeded_rt)
_RT_VETO: Final = Selection(_rt_veto)
_SEEDS: Final = {
    "AllHLCHits": _srt.ALL_HLC,
    "HLCCoreHits": _srt.HLC_CORE,
    "AllCoreHits": _srt.ALL_CORE,
    "HLCCOGSTHits": _srt.HLC_COG,
    "OMKeyHits": _srt.OMKEYS,
    "FirstOMKeyHits": _srt.FIRST_OMKEYS,
    "HitSeriesMapHitsFromFrame": _srt.ALL_HLC,
}

Link: TypeAlias = tuple[float, float] | tuple[float, float, float]
"""Radius (m) and time (ns), or radius, time and height (m) for a cylinder."""


@feature(cost=50)
def classic_rt(
    pulses: Pulses,
    radius: float = 150.0,
    time: float = 1000.0,
    *,
    multiplicity: int = 1,
    use_width: float | None = None,
    members: Sequence[str] = MEMBERS,
) -> pl.Expr:
    """Return the pulses that are not isolated in space and time, as IceTray's I3IsolatedHitsCutModule.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are dropped.
    radius
        Neighbours of a pulse are on DOMs within this distance (m), and the pulse itself is one of them. NaN, IceTray's
        default, and infinity mean any distance.
    time
        Neighbours overlap with the pulse, or the gap between them is shorter than this time (ns).
    multiplicity
        A pulse is kept if it has more neighbours than this.
    use_width
        Width (ns) to use for every pulse; None for the widths stored with the pulses.
    members
        Members of the new series; the widths are read in any case.

    Returns
    -------
    pl.Expr
        A pulse series; null where the series is null.

    Raises
    ------
    GeometryError
        The pulses have no geometry.

    Examples
    --------
    >>> keys = [1 << 16 | om << 8 for om in (1, 2, 3, 60)]
    >>> frame = pl.DataFrame(
    ...     {"P.time": [[0.0, 50.0, 100.0, 5000.0]], "P.width": [[1.0] * 4], "P.omkey": [keys]}
    ... )
    >>> kept = classic_rt(Pulses("P", Geometry.nominal()), members=("time",))
    >>> frame.select(kept.struct.field("time")).item().to_list()
    [0.0, 50.0, 100.0]
    """
    return _CLASSIC_RT(
        pulses,
        members,
        radius=math.inf if math.isnan(radius) else float(radius),
        window=float(time),
        multiplicity=int(multiplicity),
        use_width=-1.0 if use_width is None else float(use_width),
    )


@feature
def delay_cleaning(
    pulses: Pulses,
    distance: float = 156.0,
    time_window: float = 778.0,
    *,
    time_interval: float | None = None,
    min_doms: int = 2,
    members: Sequence[str] = MEMBERS,
) -> pl.Expr:
    """Return the pulses shortly after the first light nearby, the first step of the improved LineFit.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are dropped.
    distance, time_window
        A pulse is kept up to time_window ns after the earliest first pulse of all DOMs closer than `distance` m.
    time_interval
        If given, then remove a second particle as IceTray's DelayCleaningEHE does with 10000 ns: sort the DOMs by their
        first pulses, and drop those separated from the DOM with the brightest first pulse by a gap longer than this
        time (ns). A gap that ends at the brightest DOM itself does not count.
    min_doms
        Keep all pulses if fewer DOMs than this would be left; 8 in DelayCleaningEHE.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        A pulse series; null where the series is null.

    Raises
    ------
    GeometryError
        The pulses have no geometry.

    References
    ----------
    IceCube, Nucl. Instrum. Meth. A 736 (2014) 143, arXiv:1308.5501.

    Examples
    --------
    >>> g = Geometry.from_columns(
    ...     {"string": [1, 1], "om": [1, 2], "x": 2 * [0.0], "y": 2 * [0.0], "z": [500.0, 0.0]}
    ... )
    >>> late = {
    ...     "P.time": [[0.0, 5e4, 5.1e4]],
    ...     "P.charge": [[9.0, 1.0, 1.0]],
    ...     "P.omkey": [[65792, 66048, 66048]],
    ... }
    >>> cleaned = delay_cleaning(Pulses("P", g), time_interval=1e4, min_doms=1, members=("time",))
    >>> pl.DataFrame(late).select(cleaned.struct.field("time")).item().to_list()
    [0.0]
    """
    parameters: dict[str, Any] = {
        "distance": max(float(distance), 0.0),
        "time_window": max(float(time_window), 0.0),
        "min_doms": int(min_doms),
    }
    if time_interval is None:
        return _DELAY(pulses, members, **parameters)
    return _INTERVAL(pulses, members, time_interval=float(time_interval), **parameters)


@feature(cost=100)
def seeded_rt(
    pulses: Pulses,
    *,
    seed_procedure: str = "HLCCoreHits",
    n_hits_threshold: int = 2,
    allow_no_seed_hits: bool = False,
    max_n_iterations: int = 3,
    seeds: Pulses | str | Iterable[int] | None = None,
    ic_ic: Link = (150.0, 1000.0),
    dc_dc: Link | None = None,
    ic_dc: Link | None = None,
    pingu_strings: tuple[int, int] | None = None,
    pingu_pingu: Link | None = None,
    ic_pingu: Link | None = None,
    dc_pingu: Link | None = None,
    string_36_as_deepcore: bool = False,
    allow_self_coincidence: bool = True,
    dust_range: tuple[float, float] | None = None,
    members: Sequence[str] = MEMBERS,
) -> pl.Expr:
    """Return the pulses linked to seeds in space and time (SeededRT cleaning), as IceTray's I3SeededRTCleaning.

    Two pulses are linked if their DOMs are within a radius of each other and their times differ by less than a maximum.
    Seed pulses are selected first; each iteration then adds the pulses linked to those selected before. With its
    defaults this turns SplitInIcePulses into SRTInIcePulses.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it and pulses at NaN are dropped.
    seed_procedure
        "AllHLCHits": all HLC pulses. "HLCCoreHits": HLC pulses linked to HLC pulses of at least n_hits_threshold DOMs.
        "AllCoreHits": the same with all pulses. "HLCCOGSTHits": pulses linked to the mean position and time of the HLC
        pulses. "OMKeyHits": pulses of the DOMs in `seeds`. "FirstOMKeyHits": the first pulse of each of these DOMs.
        "HitSeriesMapHitsFromFrame": pulses that are also in the series `seeds`.
    n_hits_threshold
        Number of linked DOMs that make a core hit; the DOM itself counts if allow_self_coincidence is set.
    allow_no_seed_hits
        Keep nothing where there is no core hit or no pulse near the mean. With False all candidate pulses are then
        seeds.
    max_n_iterations
        Maximum number of iterations; -1 for as many as add a pulse.
    seeds
        Omkeys, or a pulse series, as the seed_procedure requires.
    ic_ic, dc_dc, ic_dc, pingu_pingu, ic_pingu, dc_pingu
        Links within and between IceCube (strings 1 to 78), DeepCore (79 to 86) and PINGU: radius (m) and time (ns), or
        radius, time and height (m) for a cylinder. None means: ic_ic for dc_dc, dc_dc for ic_dc and pingu_pingu, and
        pingu_pingu for ic_pingu and dc_pingu. DOMs of none of these, such as IceTop's, are never linked.
    pingu_strings
        First and last string of PINGU, or of the Upgrade; None if there are none.
    string_36_as_deepcore
        Count DOMs 20 to 24 and 40 to 60 of string 36 as DeepCore.
    allow_self_coincidence
        Allow links between pulses of the same DOM.
    dust_range
        Lower and upper z (m) of the dust layer. The part of it between two DOMs is added to the radius of their link,
        and its light travel time to the time. (-150, 0) if IceTray's correction is switched on; None for no correction.
    members
        Members of the new series; flags are read in any case.

    Returns
    -------
    pl.Expr
        A pulse series; null where the series is null.

    Raises
    ------
    ValueError
        The seed_procedure is unknown, or `seeds` is not what it requires.
    GeometryError
        The pulses have no geometry.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("InIcePulses", ic.Geometry.nominal())
    >>> srt = ic.with_features(ic.sim.toy(3), SRT=seeded_rt(p)).collect()
    >>> srt.select(pl.col("InIcePulses.time").list.len(), pl.col("SRT.time").list.len()).rows()
    [(54, 19), (55, 17), (86, 61)]
    """
    if seed_procedure not in _SEEDS:
        msg = f"seed_procedure must be one of {', '.join(map(repr, _SEEDS))}; found {seed_procedure!r}"
        raise ValueError(msg)
    if isinstance(seeds, str):
        seeds = Pulses(seeds)
    from_frame = isinstance(seeds, Pulses)
    taken = {"HitSeriesMapHitsFromFrame": "a pulse series", "OMKeyHits": "omkeys", "FirstOMKeyHits": "omkeys"}
    given = None if seeds is None else "a pulse series" if from_frame else "omkeys"
    if taken.get(seed_procedure) != given:
        wanted = taken.get(seed_procedure, "nothing")
        msg = f"seed_procedure {seed_procedure!r} takes {wanted} as `seeds`; found {given or 'nothing'}"
        raise ValueError(msg)
    first, last = pingu_strings or (1, 0)
    g = pulses.geometry
    return _SEEDED_RT(
        _of_modules(pulses),
        members,
        flags=found_in(pulses, seeds).cast(pl.List(pl.UInt8)) if isinstance(seeds, Pulses) else None,
        seed_procedure=_SEEDS[seed_procedure],
        n_hits_threshold=int(n_hits_threshold),
        allow_no_seed_hits=bool(allow_no_seed_hits),
        max_n_iterations=int(max_n_iterations),
        allow_self_coincidence=bool(allow_self_coincidence),
        seed_omkeys=frozen(sorted_keys(() if seeds is None or isinstance(seeds, Pulses) else seeds)),
        parts=(bool(string_36_as_deepcore), int(first), int(last)),
        **_links(dust_range, ic_ic, dc_dc, ic_dc, (pingu_pingu, ic_pingu, dc_pingu)),
        sensors=None if g is None else tuple(frozen(a) for a in (g.omkey, g.x, g.y, g.z)),
    )


@feature(cost=100)
def rt_veto(
    pulses: Pulses,
    *,
    ic_ic: Link = (250.0, 1000.0),
    dc_dc: Link | None = None,
    ic_dc: Link | None = None,
    string_36_as_deepcore: bool = False,
    allow_self_coincidence: bool = True,
    dust_range: tuple[float, float] | None = None,
    members: Sequence[str] = MEMBERS,
) -> pl.Expr:
    """Return the largest cluster of pulses linked in space and time, as IceTray's I3RTVeto. Give it the veto pulses.

    Links are those of `seeded_rt`. Each pulse in turn is the only seed, with no limit to the iterations, and the seed
    that selects the most pulses wins; of equal ones the earliest. With the default links, and the pulses outside of
    DeepCore in the 5 us before the trigger, the charge of the cluster is the RTVeto250PE of the low-energy event
    selection.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it and pulses at NaN are dropped.
    ic_ic, dc_dc, ic_dc
        Links within and between IceCube (strings 1 to 78) and DeepCore (79 to 86): radius (m) and time (ns), or radius,
        time and height (m) for a cylinder. None means ic_ic for dc_dc, and dc_dc for ic_dc. DOMs of neither, such as
        IceTop's, are never linked.
    string_36_as_deepcore
        Count DOMs 20 to 24 and 40 to 60 of string 36 as DeepCore.
    allow_self_coincidence
        Allow links between pulses of the same DOM.
    dust_range
        Lower and upper z (m) of the dust layer. The part of it between two DOMs is added to the radius of their link,
        and its light travel time to the time. (-150, 0) if IceTray's correction is switched on; None for no correction.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        A pulse series; null where the series is null.

    Raises
    ------
    GeometryError
        The pulses have no geometry.

    Examples
    --------
    >>> frame = pl.DataFrame(
    ...     {
    ...         "P.time": [[0.0, 100.0, 200.0, 5000.0]],
    ...         "P.omkey": [[s << 16 | 10 << 8 for s in (1, 2, 50, 1)]],
    ...     }
    ... )
    >>> cluster = rt_veto(Pulses("P", Geometry.nominal()), members=("time",))
    >>> frame.select(cluster.struct.field("time")).item().to_list()
    [0.0, 100.0]
    """
    return _RT_VETO(
        _of_modules(pulses),
        members,
        allow_self_coincidence=bool(allow_self_coincidence),
        parts=(bool(string_36_as_deepcore), 1, 0),
        **_links(dust_range, ic_ic, dc_dc, ic_dc),
    )


def _links(
    dust_range: tuple[float, float] | None,
    ic_ic: Link,
    dc_dc: Link | None,
    ic_dc: Link | None,
    of_pingu: tuple[Link | None, Link | None, Link | None] | None = None,
) -> dict[str, Any]:
    """Return the kernel arguments that define which pulses are linked; parts without a pair have no links."""
    dc_dc = dc_dc or ic_ic
    pairs = {
        (_srt.ICECUBE, _srt.ICECUBE): ic_ic,
        (_srt.DEEPCORE, _srt.DEEPCORE): dc_dc,
        (_srt.ICECUBE, _srt.DEEPCORE): ic_dc or dc_dc,
    }
    if of_pingu is not None:
        itself = of_pingu[0] or dc_dc
        pairs |= {
            (_srt.PINGU, _srt.PINGU): itself,
            (_srt.ICECUBE, _srt.PINGU): of_pingu[1] or itself,
            (_srt.DEEPCORE, _srt.PINGU): of_pingu[2] or itself,
        }
    links = np.zeros((4, 4, 3))
    links[..., 2] = math.nan
    for (a, b), link in pairs.items():
        links[a, b, : len(link)] = links[b, a, : len(link)] = link
    lower, upper = dust_range or (math.inf, -math.inf)
    return {"links": frozen(links), "dust": (float(upper), float(lower))}


def _of_modules(pulses: Pulses) -> Pulses:
    """Return the series with a geometry in which every PMT is at the position of its module."""
    return pulses if pulses.geometry is None else Pulses(pulses.key, _modules(pulses.geometry))


def _modules(geometry: Geometry) -> Geometry:
    """Put every PMT of a module at the position of the first one, from which links are measured."""
    first = np.searchsorted(geometry.omkey, geometry.omkey & ~0xFF)
    if np.array_equal(first, np.arange(first.size)):
        return geometry
    return replace(geometry, x=geometry.x[first], y=geometry.y[first], z=geometry.z[first])
