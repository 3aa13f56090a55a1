"""Triggers: `smt`, `string_trigger` and `volume_trigger` find them in hits, `fired` looks up the stored ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.detector.dom_sets import dom_table
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.kernels import smt as majority
from icecol.reco.kernels import string_trigger as cluster
from icecol.reco.kernels import volume_trigger as cylinder

CONFIG_ID: Final = {"InIceSMT": 1006, "InIceString": 1007, "DeepCoreSMT": 1011, "Volume": 21001}
"""Configuration IDs of the triggers of the full detector, IC86."""

_FIELDS = {"n_triggers": pl.Int32, "time": pl.Float64, "length": pl.Float64}
_SMT = Kernel(majority.smt, _FIELDS)
_STRING = Kernel(cluster.string_trigger, _FIELDS)
_VOLUME = Kernel(cylinder.volume_trigger, _FIELDS)


@feature
def smt(
    pulses: Pulses,
    *,
    threshold: int = 8,
    time_window: float = 5000.0,
    doms: str | Iterable[int] = "IceCube",
    dead_time: float = 6400.0,
) -> pl.Expr:
    """Return the simple multiplicity triggers (SMT): `threshold` HLC hits within `time_window` ns.

    The detector triggers on DOM launches, whereas a pulse series has only their light. A launch reads out a DOM for 6.4
    us, so pulses within `dead_time` ns of the first pulse of a launch count as part of it. Further differences from
    stored triggers are launches whose pulses were removed, and launches starting slightly before their first pulse.

    Parameters
    ----------
    pulses
        Pulse series with the hits; no geometry needed. Pulses with the HLC bit set are used.
    threshold, time_window
        Number of hits and time (ns): 8 and 5000 for SMT-8, 3 and 2500 for DeepCore's SMT-3. With a threshold of 1 the
        last hit does not make a trigger of its own, as in IceTray.
    doms
        DOMs that take part: "IceCube", "IC86EDC fiducial", "InIce" or another name in `dom_sets.DOM_SETS`, or omkeys.
    dead_time
        Time (ns) after the first pulse of a launch in which further pulses of the DOM belong to it. Use 0 for a series
        made of launches, with flags from lc_bit.

    Returns
    -------
    pl.Expr
        Fields n_triggers, and time and length (ns) of the first trigger, null if there is none. All fields are null
        where the series is null.

    Raises
    ------
    ValueError
        The threshold is below 1.
    GeometryError
        There is no set of that name, or an omkey has a negative string number.

    Examples
    --------
    >>> frame = pl.DataFrame(
    ...     {
    ...         "P.time": [[0.0, 900.0, 950.0]],
    ...         "P.flags": [[1, 1, 1]],
    ...         "P.omkey": [[1 << 16 | 256, 2 << 16 | 512, 1 << 16 | 768]],
    ...     },
    ...     schema_overrides={"P.flags": pl.List(pl.UInt8)},
    ... )
    >>> frame.select(smt(Pulses("P"), threshold=3).struct.unnest()).row(0)
    (1, 0.0, 950.0)
    """
    return _SMT(
        pulses,
        threshold=_positive("threshold", threshold),
        time_window=float(time_window),
        dead_time=float(dead_time),
        doms=dom_table(doms),
    )


@feature
def string_trigger(
    pulses: Pulses,
    *,
    threshold: int = 5,
    time_window: float = 1500.0,
    coherence: int = 7,
    doms: str | Iterable[int] = "IceCube",
    dead_time: float = 6400.0,
) -> pl.Expr:
    """Return the string triggers: `threshold` HLC hits within `time_window` ns on `coherence` consecutive DOMs.

    One window slides over the hits of all strings, so strings that meet the condition in the same window form one
    trigger.

    Parameters
    ----------
    pulses
        Pulse series with the hits; no geometry needed. Pulses with the HLC bit set are used.
    threshold, time_window, coherence
        Number of hits, time (ns) and number of consecutive DOMs. The values of a run are in its trigger settings
        (`trigger_status` of a dataset), where they are called multiplicity, timeWindow and coherenceLength.
    doms, dead_time
        As in `smt`.

    Returns
    -------
    pl.Expr
        Fields as in `smt`: n_triggers, time and length (ns).

    Raises
    ------
    ValueError
        The threshold or the coherence is below 1.
    GeometryError
        There is no set of that name, or an omkey has a negative string number.

    Examples
    --------
    >>> keys = [[s << 16 | om << 8 for om in range(10, 15) for s in (1, 2)]]
    >>> frame = pl.DataFrame(
    ...     {"P.time": [[50.0 * i for i in range(10)]], "P.flags": [[1] * 10], "P.omkey": keys},
    ...     schema_overrides={"P.flags": pl.List(pl.UInt8)},
    ... )
    >>> frame.select(string_trigger(Pulses("P")).struct.unnest()).row(0)
    (1, 0.0, 450.0)
    """
    return _STRING(
        pulses,
        threshold=_positive("threshold", threshold),
        time_window=float(time_window),
        coherence=_positive("coherence", coherence),
        dead_time=float(dead_time),
        doms=dom_table(doms),
    )


@feature
def volume_trigger(
    pulses: Pulses,
    *,
    multiplicity: int = 4,
    simple_multiplicity: int = 8,
    time_window: float = 1000.0,
    radius: float = 175.0,
    height: float = 75.0,
    doms: str | Iterable[int] = "IceCube",
    dead_time: float = 6400.0,
) -> pl.Expr:
    """Return the volume triggers: HLC hits within `time_window` ns, either many of them or a few in one cylinder.

    Parameters
    ----------
    pulses
        Pulse series with the hits, with a geometry. Pulses of DOMs that are not in it are ignored.
    multiplicity
        Number of hits in a cylinder around one of them, itself included, that make a trigger. The window always needs
        as many hits.
    simple_multiplicity
        Number of hits in the whole window that make a trigger regardless of their positions.
    time_window
        Length of the window in ns. The values of a run are in its trigger settings (`trigger_status` of a dataset).
    radius, height
        Size of the cylinder in m: hits closer than radius horizontally, and than half of the height vertically.
    doms, dead_time
        As in `smt`.

    Returns
    -------
    pl.Expr
        Fields as in `smt`: n_triggers, time and length (ns).

    Raises
    ------
    ValueError
        A multiplicity is below 1.
    GeometryError
        The pulses have no geometry, there is no set of that name, or an omkey has a negative string number.

    Examples
    --------
    >>> from icecol.detector.geometry import Geometry
    >>> frame = pl.DataFrame(
    ...     {
    ...         "P.time": [[0.0, 10.0, 20.0, 30.0, 40.0]],
    ...         "P.flags": [[1] * 5],
    ...         "P.omkey": [[36 << 16 | om << 8 for om in (60, 30, 31, 32, 33)]],
    ...     },
    ...     schema_overrides={"P.flags": pl.List(pl.UInt8)},
    ... )
    >>> frame.select(volume_trigger(Pulses("P", Geometry.nominal())).struct.unnest()).row(0)
    (1, 10.0, 30.0)
    """
    return _VOLUME(
        pulses,
        multiplicity=_positive("multiplicity", multiplicity),
        simple_multiplicity=_positive("simple_multiplicity", simple_multiplicity),
        time_window=float(time_window),
        radius=float(radius),
        height=float(height),
        dead_time=float(dead_time),
        doms=dom_table(doms),
    )


def fired(config_id: int, triggers: str = "I3TriggerHierarchy") -> pl.Expr:
    """Return whether a trigger with a given configuration ID is among those stored with an event.

    Parameters
    ----------
    config_id
        Configuration ID, such as those in `CONFIG_ID`.
    triggers
        Frame key of the trigger hierarchy.

    Returns
    -------
    pl.Expr
        Boolean; null where the event has no trigger hierarchy.

    Examples
    --------
    >>> frame = pl.DataFrame(
    ...     {"T.config_id": [[None, 1011], [], None]}, schema={"T.config_id": pl.List(pl.Int32)}
    ... )
    >>> frame.select(fired(CONFIG_ID["DeepCoreSMT"], "T")).to_series().to_list()
    [True, False, None]
    """
    return pl.col(f"{triggers}.config_id").list.contains(config_id)


def _positive(name: str, value: int) -> int:
    if value < 1:
        msg = f"{name} must be 1 or more, found {value!r}"
        raise ValueError(msg)
    return int(value)
