"""Pulse cleaning by what each pulse is, where and when: from a pulse series to a smaller one.

Each function returns a struct of lists with the pulses that are kept, in their stored order and data types:
`with_features(events, SRT=seeded_rt(pulses))` adds the columns `SRT.time`, `SRT.charge`, ..., a pulse series like any
other, which `pulses.named("SRT")` refers to. A list is empty where no pulse is kept and null where the series is null.
A series that has only some of the members can be cleaned with `members=("time", "charge", "omkey")`.

`rt_cleaning.py` has the cleanings that compare each pulse with its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from icecol.dataset.pulses import MEMBERS, Pulses
from icecol.detector.dom_sets import dom_set as dom_set  # noqa: PLC0414  # a public name of icecol.reco
from icecol.detector.dom_sets import sorted_keys
from icecol.reco.feature import feature
from icecol.reco.jagged import frozen
from icecol.reco.kernels import pulse_cuts
from icecol.reco.kernels.dynamic_time_window import dynamic_time_window as _dynamic_time_window
from icecol.reco.selection import Selection, of_pulses

_LOCAL_COINCIDENCE: Final = Selection(pulse_cuts.local_coincidence)
_CHARGE_RANGE: Final = Selection(pulse_cuts.charge_range)
_FIRST_PULSE: Final = Selection(pulse_cuts.first_pulse)
_EARLIEST_PULSE: Final = Selection(pulse_cuts.earliest_pulse)
_CHARGE_OF_SENSOR: Final = Selection(pulse_cuts.charge_of_sensor)
_OF_SENSORS: Final = Selection(pulse_cuts.of_sensors)
_TIME_WINDOW: Final = Selection(pulse_cuts.time_window, events=("min_time", "max_time"))
_DYNAMIC: Final = Selection(_dynamic_time_window)


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

    Examples
    --------
    >>> frame = pl.DataFrame(
    ...     {"P.time": [[1.0, 2.0]], "P.flags": [[7, 4]]}, schema_overrides={"P.flags": pl.List(pl.UInt8)}
    ... )
    >>> frame.select(slc_pulses(Pulses("P"), members=("time", "flags")).struct.unnest()).row(0)
    ([2.0], [4])
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

    Examples
    --------
    >>> frame = pl.DataFrame({"P.time": [[1.0, 2.0, 3.0]], "P.charge": [[0.2, 0.5, 9.0]]})
    >>> bright = charge_range(Pulses("P"), min_charge=0.5, members=("time", "charge"))
    >>> frame.select(bright.struct.unnest()).row(0)
    ([2.0, 3.0], [0.5, 9.0])
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

    Examples
    --------
    >>> frame = pl.DataFrame({"P.time": [[1.0, 2.0, 3.0]], "Trigger.time": [1.0]})
    >>> after = time_window(
    ...     Pulses("P"), min_time="Trigger.time", max_time=pl.col("Trigger.time") + 2, members=("time",)
    ... )
    >>> frame.select(after.struct.field("time")).item().to_list()
    [2.0]
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

    Examples
    --------
    >>> frame = pl.DataFrame(
    ...     {"P.time": [[0.0, 9e3, 1e4, 2e4]], "T.config_id": [[1006, 1011]], "T.time": [[1e4, 3e4]]}
    ... )
    >>> around = static_time_window(Pulses("P"), [1006], triggers="T", members=("time",))
    >>> frame.select(around.struct.field("time")).item().to_list()
    [9000.0, 10000.0]
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

    Examples
    --------
    >>> frame = pl.DataFrame({"P.time": [[0.0, 5000.0, 5100.0, 20000.0]], "P.charge": [[9.0, 1.0, 1.0, 2.0]]})
    >>> densest = dynamic_time_window(Pulses("P"), 500.0, members=("time",))
    >>> frame.select(densest.struct.field("time")).item().to_list()
    [5000.0, 5100.0]
    >>> brightest = dynamic_time_window(Pulses("P"), 500.0, use_charge=True, members=("time",))
    >>> frame.select(brightest.struct.field("time")).item().to_list()
    [0.0]
    """
    return _DYNAMIC(pulses, members, window=float(window), use_charge=bool(use_charge))
