"""Summary statistics of the pulses of each hit DOM: `dom_summary`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.feature import feature
from icecol.reco.jagged import jagged, struct_of_lists
from icecol.reco.watch import in_loop, mapped

_NUMBERS: Final = (
    "total_charge",
    "charge_100ns",
    "charge_500ns",
    "first_pulse_time",
    "last_pulse_time",
    "charge_20_percent_time",
    "charge_50_percent_time",
    "charge_weighted_mean_time",
    "charge_weighted_std_time",
)
_FIELDS: Final = {
    "omkey": pl.List(pl.Int32),
    "n_pulses": pl.List(pl.Int32),
    **dict.fromkeys(_NUMBERS, pl.List(pl.Float64)),
}


@feature
def dom_summary(pulses: Pulses) -> pl.Expr:
    """Return summary statistics of the pulses of each hit DOM: lists with one value per DOM, sorted by omkey.

    These are the inputs of IceCube's graph neural networks, as computed by the package nt_summary_stats.

    Parameters
    ----------
    pulses
        Pulse series; no geometry needed. Pulses may be stored in any order. Those whose time or charge is NaN or
        infinite count in `n_pulses` only.

    Returns
    -------
    pl.Expr
        Fields of lists: omkey and n_pulses (both i32); total_charge, charge_100ns, charge_500ns (PE; in the first 100
        or 500 ns from the first pulse, ends included); first_pulse_time, last_pulse_time; charge_20_percent_time,
        charge_50_percent_time (time of the first pulse with which more than 20 or 50 % of the charge has been seen);
        charge_weighted_mean_time, charge_weighted_std_time (all times in ns). The last four are null for a DOM without
        positive charge, where nt_summary_stats has 0 or the time of a pulse. Lists are empty without pulses and null
        where the series is null.

    References
    ----------
    IceCube, JINST 16 (2021) P07041, arXiv:2101.11589; F. J. Yu, nt_summary_stats (2025).

    Examples
    --------
    >>> frame = pl.DataFrame(
    ...     {"P.time": [[0.0, 120.0, 5.0]], "P.charge": [[1.0, 2.0, 1.0]], "P.omkey": [[7, 7, 9]]}
    ... )
    >>> found = frame.select(dom_summary(Pulses("P")).struct.unnest())
    >>> found.select("omkey", "total_charge", "charge_100ns", "charge_50_percent_time").row(0)
    ([7, 9], [3.0, 1.0], [1.0, 1.0], [120.0, 5.0])
    """

    def run(series: Sequence[pl.Series]) -> pl.Series:
        pulse = jagged(series)
        sensors = np.empty(len(pulse) + 1, np.int64)
        count, summarise = _loops()
        in_loop(count, pulse.offsets, pulse.values[-1], sensors)
        keys, counts = np.empty((2, sensors[-1]), np.int32)
        out = np.empty((len(_NUMBERS), sensors[-1]))
        in_loop(summarise, pulse.offsets, *pulse.values, sensors, keys, counts, out)
        return struct_of_lists(series[0].name, list(_FIELDS), [keys, counts, *out], sensors, pulse.present)

    columns = [pl.col(pulses.column(m)) for m in ("time", "charge", "omkey")]
    return mapped(columns, run, "dom_summary", pl.Struct(_FIELDS))


@functools.cache
def _loops() -> tuple[Any, Any]:
    from icecol.jit.cache import kept
    from icecol.reco.kernels.dom_summary import count_sensors, dom_summaries

    return kept(error_model="numpy")(count_sensors), kept(error_model="numpy")(dom_summaries)
