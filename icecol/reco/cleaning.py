"""Pulse cleaning: from a pulse series to a smaller one.

Each function returns a struct of lists with the pulses that are kept, in their stored order and data types:
`with_features(events, SRT=seeded_rt(pulses))` adds the columns `SRT.time`, `SRT.charge`, ..., a pulse series like any
other, which `pulses.named("SRT")` refers to. A list is empty where no pulse is kept and null where the series is null.
A series that has only some of the members can be cleaned with `members=("time", "charge", "omkey")`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl

from icecol.dataset.pulses import MEMBERS, Pulses
from icecol.detector.dom_sets import dom_set, sorted_keys
from icecol.detector.geometry import Geometry
from icecol.reco.feature import feature
from icecol.reco.jagged import frozen
from icecol.reco.kernels import improved_linefit, pulse_cuts
from icecol.reco.kernels import seeded_rt as _srt
from icecol.reco.kernels.classic_rt import classic_rt as _classic_rt
from icecol.reco.kernels.dynamic_time_window import dynamic_time_window as _dynamic_time_window
from icecol.reco.kernels.ehe_linefit import interval_cleaning as _interval_cleaning
from icecol.reco.kernels.rt_veto import rt_veto as _rt_veto
from icecol.reco.selection import Selection, found_in, of_pulses

_LOCAL_COINCIDENCE: Final = Selection(pulse_cuts.local_coincidence)
_CHARGE_RANGE: Final = Selection(pulse_cuts.charge_range)
_FIRST_PULSE: Final = Selection(pulse_cuts.first_pulse)
_EARLIEST_PULSE: Final = Selection(pulse_cuts.earliest_pulse)
_CHARGE_OF_SENSOR: Final = Selection(pulse_cuts.charge_of_sensor)
_OF_SENSORS: Final = Selection(pulse_cuts.of_sensors)
_TIME_WINDOW: Final = Selection(pulse_cuts.time_window, events=("min_time", "max_time"))
_DYNAMIC: Final = Selection(_dynamic_time_window)
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


@feature
def hlc_pulses(pulses: Pulses, *, members: Sequence[str] = MEMBERS) -> pl.Expr:
    """Return the pulses with hard local coincidence, as the OutputHLC of IceTray's I3LCPulseCleaning.

    Parameters
    ----------
    pulses
        Pulse series; no geometry needed. HLC pulses have bit 0 of the flags set.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        A pulse series; null where the series is null.

    Examples
    --------
    >>> frame = pl.DataFrame(
    ...     {"P.time": [[1.0, 2.0]], "P.flags": [[7, 4]]}, schema_overrides={"P.flags": pl.List(pl.UInt8)}
    ... )
    >>> frame.select(hlc_pulses(Pulses("P"), members=("time", "flags")).struct.unnest()).row(0)
    ([1.0], [7])
    """
    return _LOCAL_COINCIDENCE(pulses, members, hard=True)


@feature
def slc_pulses(pulses: Pulses, *, members: Sequence[str] = MEMBERS) -> pl.Expr:
    """Return the pulses with soft local coincidence only, as the OutputSLC of IceTray's I3LCPulseCleaning.

    Parameters
    ----------
    pulses
        Pulse series; no geometry needed.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        The pulses that `hlc_pulses` drops; null where the series is null.
    """
    return _LOCAL_COINCIDENCE(pulses, members, hard=False)


@feature
def first_pulses(
    pulses: Pulses,
    *,
    keep_only_first_charge: bool = False,
    use_mask: bool = True,
    members: Sequence[str] = MEMBERS,
) -> pl.Expr:
    """Return the first pulse of each DOM, as IceTray's I3FirstPulsifier.

    Parameters
    ----------
    pulses
        Pulse series; no geometry needed.
    keep_only_first_charge
        Without a mask: keep the charge of the first pulse itself instead of the total charge of the DOM.
    use_mask
        Keep the pulse that is stored first, with its own charge, as a mask does. With False, IceTray's default, keep
        the earliest pulse and set its charge to the total charge of the DOM, summed in single precision.
    members
        Members of the new series. Width and flags are those of the pulse that is kept.

    Returns
    -------
    pl.Expr
        A pulse series; null where the series is null.

    Examples
    --------
    >>> frame = pl.DataFrame(
    ...     {"P.time": [[1.0, 9.0, 3.0]], "P.charge": [[0.5, 2.0, 1.0]], "P.omkey": [[65792, 65792, 65793]]}
    ... )
    >>> frame.select(first_pulses(Pulses("P"), members=("time", "charge")).struct.unnest()).row(0)
    ([1.0, 3.0], [0.5, 1.0])
    >>> whole = first_pulses(Pulses("P"), use_mask=False, members=("time", "charge"))
    >>> frame.select(whole.struct.unnest()).row(0)
    ([1.0, 3.0], [2.5, 1.0])
    """
    if use_mask:
        return _FIRST_PULSE(pulses, members)
    charges = None if keep_only_first_charge else of_pulses(_CHARGE_OF_SENSOR, pulses)
    return _EARLIEST_PULSE(pulses, members, charges=charges if "charge" in members else None)


@feature
def charge_range(
    pulses: Pulses,
    *,
    min_charge: float = 0.0,
    max_charge: float = math.inf,
    members: Sequence[str] = MEMBERS,
) -> pl.Expr:
    """Return the pulses with a charge from `min_charge` to `max_charge`, both included.

    Parameters
    ----------
    pulses
        Pulse series; no geometry needed. Pulses with a charge of NaN are dropped.
    min_charge, max_charge
        Limits in PE.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        A pulse series; null where the series is null.
    """
    return _CHARGE_RANGE(pulses, members, min_charge=float(min_charge), max_charge=float(max_charge))


@feature
def select_doms(
    pulses: Pulses,
    omkeys: str | Iterable[int] = (),
    *,
    strings: Iterable[int] = (),
    exclude: bool = False,
    members: Sequence[str] = MEMBERS,
) -> pl.Expr:
    """Return the pulses of some DOMs, or of all others, as IceTray's I3OMSelection.

    Parameters
    ----------
    pulses
        Pulse series; no geometry needed.
    omkeys
        Omkeys, or the name of a set in `icecol.detector.dom_sets`: "IceCube", "DeepCore", "IceTop", a DeepCore fiducial
        volume such as "IC86 fiducial" or "IC86EDC fiducial", and so on.
    strings
        Strings whose DOMs are all selected as well.
    exclude
        Drop the selected DOMs and keep all others.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        A pulse series; null where the series is null.

    Raises
    ------
    GeometryError
        There is no set of that name.

    Examples
    --------
    >>> frame = pl.DataFrame({"P.time": [[1.0, 2.0]], "P.omkey": [[65792, 79 << 16 | 20 << 8]]})
    >>> p = Pulses("P")
    >>> frame.select(select_doms(p, "DeepCore", members=("time",)).struct.unnest()).item().to_list()
    [2.0]
    """
    keys = dom_set(omkeys) if isinstance(omkeys, str) else sorted_keys(omkeys)
    return _OF_SENSORS(
        pulses, members, omkeys=frozen(keys), strings=frozen(sorted_keys(strings)), exclude=bool(exclude)
    )


@feature
def time_window(
    pulses: Pulses,
    *,
    min_time: str | float | pl.Expr = -math.inf,
    max_time: str | float | pl.Expr = math.inf,
    members: Sequence[str] = MEMBERS,
) -> pl.Expr:
    """Return the pulses later than `min_time` and earlier than `max_time`.

    Parameters
    ----------
    pulses
        Pulse series; no geometry needed.
    min_time, max_time
        Limits in ns: numbers, column names or expressions. No pulse is kept where one of them is null or NaN.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        A pulse series; null where the series is null.
    """
    first, last = (pl.lit(float(t)) if isinstance(t, (int, float)) else t for t in (min_time, max_time))
    return _TIME_WINDOW(pulses, members, min_time=first, max_time=last)


@feature
def static_time_window(
    pulses: Pulses,
    config_ids: Iterable[int] = (1010,),
    *,
    window_minus: float = 3500.0,
    window_plus: float = 4000.0,
    first_trigger_only: bool = False,
    triggers: str = "I3TriggerHierarchy",
    members: Sequence[str] = MEMBERS,
) -> pl.Expr:
    """Return the pulses in a time window around the triggers, as IceTray's I3StaticTWC.

    Parameters
    ----------
    pulses
        Pulse series; no geometry needed.
    config_ids
        Configuration IDs of the triggers to use: 1006 is the in-ice simple multiplicity trigger (SMT-8) and 1011
        DeepCore's SMT-3. IceTray's default is 1010, the SMT-8 of IC79.
    window_minus, window_plus
        The window runs from window_minus ns before the first of these triggers to window_plus ns after the last one.
    first_trigger_only
        End the window window_plus ns after the first trigger instead.
    triggers
        Frame key of the trigger hierarchy.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        A pulse series; empty where the event has no such trigger, null where the event has no trigger hierarchy or the
        series is null.
    """
    ids = sorted_keys(config_ids).tolist()
    wanted = pl.col(f"{triggers}.config_id").list.eval(pl.element().is_in(ids).arg_true())
    times = pl.col(f"{triggers}.time").list.gather(wanted)
    first = times.list.min()
    last = first if first_trigger_only else times.list.max()
    kept = time_window(pulses, min_time=first - window_minus, max_time=last + window_plus, members=members)
    return pl.when(pl.col(f"{triggers}.time").is_not_null()).then(kept)


@feature
def dynamic_time_window(
    pulses: Pulses,
    window: float = 4000.0,
    *,
    use_charge: bool = False,
    members: Sequence[str] = MEMBERS,
) -> pl.Expr:
    """Return the pulses in the time window that contains the most of them, as IceTray's I3TimeWindowCleaning.

    Parameters
    ----------
    pulses
        Pulse series; no geometry needed. Pulses with a time of NaN or infinity are dropped.
    window
        Length of the window in ns. Of windows that are equally good the first is taken.
    use_charge
        Take the window with the largest charge instead of the most pulses.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        A pulse series; null where the series is null.
    """
    return _DYNAMIC(pulses, members, window=float(window), use_charge=bool(use_charge))


@feature
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


@feature
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
    dc_dc = dc_dc or ic_ic
    pingu_pingu = pingu_pingu or dc_dc
    pairs = {
        (_srt.ICECUBE, _srt.ICECUBE): ic_ic,
        (_srt.DEEPCORE, _srt.DEEPCORE): dc_dc,
        (_srt.ICECUBE, _srt.DEEPCORE): ic_dc or dc_dc,
        (_srt.PINGU, _srt.PINGU): pingu_pingu,
        (_srt.ICECUBE, _srt.PINGU): ic_pingu or pingu_pingu,
        (_srt.DEEPCORE, _srt.PINGU): dc_pingu or pingu_pingu,
    }
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
        **_links(pairs, dust_range),
        sensors=None if g is None else tuple(frozen(a) for a in (g.omkey, g.x, g.y, g.z)),
    )


@feature
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
    dc_dc = dc_dc or ic_ic
    pairs = {
        (_srt.ICECUBE, _srt.ICECUBE): ic_ic,
        (_srt.DEEPCORE, _srt.DEEPCORE): dc_dc,
        (_srt.ICECUBE, _srt.DEEPCORE): ic_dc or dc_dc,
    }
    return _RT_VETO(
        _of_modules(pulses),
        members,
        allow_self_coincidence=bool(allow_self_coincidence),
        parts=(bool(string_36_as_deepcore), 1, 0),
        **_links(pairs, dust_range),
    )


def _links(pairs: Mapping[tuple[int, int], Link], dust_range: tuple[float, float] | None) -> dict[str, Any]:
    """Return the kernel arguments that define which pulses are linked; parts without a pair have no links."""
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
