"""Triggers: `smt`, `string_trigger`, `volume_trigger` find them in hits, `fired` looks up those that are stored."""

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
from icecol.reco.plan import null_for_nan

CONFIG_ID: Final = {"InIceSMT": 1006, "InIceString": 1007, "DeepCoreSMT": 1011, "Volume": 21001}
"""Numbers of triggers in the configuration of the full detector."""

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
    """Return the simple majority triggers: `threshold` HLC hits within `time_window` ns; needs no geometry.

    The detector triggers on launches, of which a pulse series shows the light only. A launch reads a sensor out for
    6.4 us, so pulses within `dead_time` ns after the first pulse of a launch are counted as part of it; with a series
    made of launches (flags from lc_bit) give 0. What else makes a difference to stored triggers: launches whose
    pulses were cut away, and the start of the readout being a little before its first pulse.

    Parameters
    ----------
    pulses
        The hits; those with the HLC bit count.
    threshold, time_window
        8 and 5000 ns for SMT-8, 3 and 2500 ns for SMT-3 of DeepCore. With a threshold of 1 the last hit makes no
        trigger of its own, as in IceTray.
    doms
        Sensors that take part: "IceCube", "IC86EDC fiducial", "InIce", or omkeys.
    dead_time
        See above.

    Returns
    -------
    pl.Expr
        Fields n_triggers, and of the first trigger time and length (ns), which are null if there is none. Every field
        is null where the series is.

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
    found = _SMT(
        pulses,
        threshold=_positive("threshold", threshold),
        time_window=float(time_window),
        dead_time=float(dead_time),
        doms=dom_table(doms),
    )
    return null_for_nan(found, "time", "length")


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
    """Return the string triggers: `threshold` HLC hits in `time_window` ns around one of `coherence` sensors in a row.

    One window slides over the hits of all strings, so strings that fulfil the condition in the same window make up one
    trigger. Fields and the rest of the parameters are those of `smt`. The values of a run are in its trigger settings
    (`trigger_status` of a dataset: multiplicity is the threshold here, coherenceLength the coherence).

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
    found = _STRING(
        pulses,
        threshold=_positive("threshold", threshold),
        time_window=float(time_window),
        coherence=_positive("coherence", coherence),
        dead_time=float(dead_time),
        doms=dom_table(doms),
    )
    return null_for_nan(found, "time", "length")


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
    """Return the volume triggers: HLC hits in `time_window` ns, many of them or a few in one cylinder.

    Parameters
    ----------
    pulses
        The hits, with a geometry; those of sensors that it lacks are left out.
    multiplicity, simple_multiplicity
        Hits in a cylinder around one of them, itself included, or in the whole window, that make a trigger. The window
        always needs `multiplicity` hits. The values of a run, and those of the next two, are in its trigger settings
        (`trigger_status` of a dataset).
    time_window
        In ns.
    radius, height
        Of the cylinder, in m: hits less than radius, and less than half the height, from the one in its middle.
    doms, dead_time
        As in `smt`.

    Returns
    -------
    pl.Expr
        Fields as `smt` has them: n_triggers, time and length (ns).

    Raises
    ------
    GeometryError
        The pulses have no geometry.

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
    found = _VOLUME(
        pulses,
        multiplicity=_positive("multiplicity", multiplicity),
        simple_multiplicity=_positive("simple_multiplicity", simple_multiplicity),
        time_window=float(time_window),
        radius=float(radius),
        height=float(height),
        dead_time=float(dead_time),
        doms=dom_table(doms),
    )
    return null_for_nan(found, "time", "length")


def fired(config_id: int, triggers: str = "I3TriggerHierarchy") -> pl.Expr:
    """Return whether a trigger of that configuration number (see `CONFIG_ID`) is among those stored with an event.

    Boolean, null where the event has no such key.

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
