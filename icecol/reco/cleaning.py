"""Cleaning: from a pulse series to a smaller one.

Each function returns a struct of the lists that remain, in the order and the types in which they are stored:
`with_features(events, SRT=seeded_rt(pulses))` makes the columns `SRT.time`, `SRT.charge`, ..., a pulse series like any
other, whose handle is `pulses.named("SRT")`. A list is empty where no pulse remains and null where the series is. With
`members=("time", "charge", "omkey")` a series that has only these can be cleaned.
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
"""Radius in m and time in ns; with a height in m, a cylinder."""


@feature
def hlc_pulses(pulses: Pulses, *, members: Sequence[str] = MEMBERS) -> pl.Expr:
    """Return the pulses of hard local coincidence: those with bit 0 of the flags (I3LCPulseCleaning, OutputHLC).

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
    """Return the pulses of soft local coincidence: those that `hlc_pulses` does not (OutputSLC)."""
    return _LOCAL_COINCIDENCE(pulses, members, hard=False)


@feature
def first_pulses(
    pulses: Pulses,
    *,
    keep_only_first_charge: bool = False,
    use_mask: bool = True,
    members: Sequence[str] = MEMBERS,
) -> pl.Expr:
    """Return the first pulse of each sensor, as IceTray's I3FirstPulsifier.

    Parameters
    ----------
    pulses
        The series; it needs no geometry.
    keep_only_first_charge
        Without a mask: keep the charge of the pulse itself, not that of all pulses of its sensor.
    use_mask
        Take the pulse that is stored first, with its own charge: a selection of pulses, as all cleanings here are. With
        False, IceTray's default, it is the earliest, and its charge the sum over its sensor, added in single precision.
    members
        Members of the new series. Width and flags are those of the pulse that is taken.

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
    """Return the pulses with a charge from `min_charge` to `max_charge` (PE), limits included; not those of NaN.

    Parameters
    ----------
    pulses
        Pulse series; no geometry needed.
    min_charge, max_charge
        Limits in PE.
    members
        Members of the new series.
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
    """Return the pulses of some sensors, or those of all others (I3OMSelection).

    Parameters
    ----------
    pulses
        The series; it needs no geometry.
    omkeys
        Omkeys, or the name of a set of `icecol.detector.dom_sets`: "IceCube", "DeepCore", "IceTop", and the fiducial
        volumes of DeepCore, "IC86 fiducial" and "IC86EDC fiducial".
    strings
        Strings, all of whose sensors are taken as well.
    exclude
        Leave these sensors out, and take all others.
    members
        Members of the new series.

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
        Limits in ns: numbers, columns or expressions. Where one of them is null or NaN no pulse is kept.
    members
        Members of the new series.
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
    """Return the pulses around the triggers, as IceTray's I3StaticTWC.

    Parameters
    ----------
    pulses
        The series; it needs no geometry.
    config_ids
        Triggers that count: 1006 is the in-ice simple multiplicity trigger, 1011 that of DeepCore; 1010, which was it
        in IC79, is IceTray's default.
    window_minus, window_plus
        The window opens window_minus ns before the first of these triggers and closes window_plus ns after the last.
    first_trigger_only
        It closes window_plus ns after the first.
    triggers
        Frame key of the trigger hierarchy.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        The series; empty where there is no such trigger, null where there are no triggers at all.
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
    """Return the pulses in the first window of `window` ns that has the most, as IceTray's I3TimeWindowCleaning.

    With `use_charge` the window with the largest charge is taken. Pulses of infinite or NaN time are left out.
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
        The series, with a geometry; pulses of sensors that it lacks are left out.
    radius
        A pulse counts the pulses of sensors within this distance, in m, itself among them; NaN, IceTray's default, or
        inf is any distance.
    time
        They overlap with it, or less than this time, in ns, is between them.
    multiplicity
        It is kept if it counts more than this.
    use_width
        Width in ns of every pulse; None for the width that each has.
    members
        Members of the new series; the member width is read in any case.
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
    """Return the pulses soon after the first light nearby, as the improved LineFit begins.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    distance, time_window
        A pulse remains up to time_window ns after the earliest of the first pulses of the sensors closer than
        `distance` m.
    time_interval
        Then leave out the sensors that a time of more than so many ns, without the first pulse of any, parts from the
        one whose first pulse is brightest, as IceTray's DelayCleaningEHE does with 10000 ns, for events with a second
        particle in them; such a time that ends with the brightest itself parts nothing. None for no such step.
    min_doms
        All pulses remain if fewer sensors would have any; 8 in DelayCleaningEHE.
    members
        Members of the new series.

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
    """Return the pulses that are linked to seeds in space and time, as IceTray's I3SeededRTCleaning.

    Two pulses are linked if their sensors are at most a radius apart and their times differ by less than a time.
    Seeds are selected, then in each iteration all that is linked to what was selected before. As it stands this makes
    SRTInIcePulses of SplitInIcePulses.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out, as are those at NaN.
    seed_procedure
        "AllHLCHits"; "HLCCoreHits", HLC pulses linked to HLC pulses of n_hits_threshold sensors; "AllCoreHits", the
        same of all pulses; "HLCCOGSTHits", pulses linked to the mean place and time of the HLC pulses; "OMKeyHits",
        pulses of the omkeys in `seeds`; "FirstOMKeyHits", the first pulse of each of these;
        "HitSeriesMapHitsFromFrame", pulses that are in the series `seeds` as well.
    n_hits_threshold
        Sensors to which a core is linked; its own is one if allow_self_coincidence is set.
    allow_no_seed_hits
        Where there is no core or no pulse near the mean, keep nothing; else all pulses that were asked are seeds.
    max_n_iterations
        Number of iterations, -1 for as many as select anything.
    seeds
        Omkeys, or a pulse series.
    ic_ic, dc_dc, ic_dc, pingu_pingu, ic_pingu, dc_pingu
        Radius and time of links, and height for a cylinder, within and between IceCube (strings 1 to 78), DeepCore
        (79 to 86) and PINGU. What is not given is that of dc_dc for ic_dc, of pingu_pingu for the other two of PINGU,
        and else that of the next coarser part. Sensors of no part, as those of IceTop, have no links.
    pingu_strings
        First and last string of PINGU, or of the Upgrade.
    string_36_as_deepcore
        Take sensors 20 to 24 and 40 to 60 of string 36 for DeepCore.
    allow_self_coincidence
        Let pulses of one sensor be linked.
    dust_range
        Lower and upper depth in m: what of it lies between two sensors is added to the radius, and as light travels
        to the time, of their link; (-150, 0) in IceTray if the correction is used.
    members
        Members of the new series; flags is read in any case.
    """
    if seed_procedure not in _SEEDS:
        msg = f"seed_procedure must be one of {', '.join(map(repr, _SEEDS))}; found {seed_procedure!r}"
        raise ValueError(msg)
    if isinstance(seeds, str):
        seeds = Pulses(seeds)
    from_frame = isinstance(seeds, Pulses)
    wants = {"HitSeriesMapHitsFromFrame": "a pulse series", "OMKeyHits": "omkeys", "FirstOMKeyHits": "omkeys"}
    given = None if seeds is None else "a pulse series" if from_frame else "omkeys"
    if wants.get(seed_procedure) != given:
        wanted = wants.get(seed_procedure, "nothing")
        msg = f"seed_procedure {seed_procedure!r} wants {wanted} as `seeds`; found {given or 'nothing'}"
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
    """Return the largest cluster of pulses that are linked in space and time, as IceTray's I3RTVeto; give veto pulses.

    Links are those of `seeded_rt`, of which each pulse alone is the seed and the number of iterations has no limit.
    The seed that selects the most pulses counts, the first in time of those that select as many. As it stands, and of
    the pulses in the 5 us before the trigger that are not in DeepCore, its charge is the RTVeto250PE of the low-energy
    event selection.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out, as are those at NaN.
    ic_ic, dc_dc, ic_dc
        Radius (m) and time (ns) of links, and height (m) for a cylinder, within and between IceCube (strings 1 to 78)
        and DeepCore (79 to 86). What is not given is that of ic_ic for dc_dc, of dc_dc for ic_dc. Sensors of neither,
        as those of IceTop, have no links.
    string_36_as_deepcore
        Take sensors 20 to 24 and 40 to 60 of string 36 for DeepCore.
    allow_self_coincidence
        Let pulses of one sensor be linked.
    dust_range
        Lower and upper depth in m: what of it lies between two sensors is added to the radius, and as light travels
        to the time, of their link; (-150, 0) in IceTray if the correction is used.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        A pulse series, as of a cleaning; null where the series is.

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
    """Return the arguments of a kernel that say which pulses are linked; parts that are not paired have no links."""
    links = np.zeros((4, 4, 3))
    links[..., 2] = math.nan
    for (a, b), link in pairs.items():
        links[a, b, : len(link)] = links[b, a, : len(link)] = link
    lower, upper = dust_range or (math.inf, -math.inf)
    return {"links": frozen(links), "dust": (float(upper), float(lower))}


def _of_modules(pulses: Pulses) -> Pulses:
    """Return a series in whose geometry every photomultiplier is where that of its module is."""
    return pulses if pulses.geometry is None else Pulses(pulses.key, _modules(pulses.geometry))


def _modules(geometry: Geometry) -> Geometry:
    """Put every photomultiplier of a module where its first one is: that is where links are measured from."""
    first = np.searchsorted(geometry.omkey, geometry.omkey & ~0xFF)
    if np.array_equal(first, np.arange(first.size)):
        return geometry
    return replace(geometry, x=geometry.x[first], y=geometry.y[first], z=geometry.z[first])
