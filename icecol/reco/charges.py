"""Charge features: `charge`, `homogenized_qtot`, `causal_qtot`."""

from __future__ import annotations

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.errors import GeometryError
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.kernels import charge as kernels
from icecol.reco.reference import Reference, member, present

_CHARGE = Kernel(
    kernels.charge,
    {
        "total": pl.Float64,
        "n_pulses": pl.Int32,
        "n_hit_doms": pl.Int32,
        "n_hit_strings": pl.Int32,
        "n_hit_doms_one_pulse": pl.Int32,
        "q_max_doms": pl.Float64,
        "min_pulse_time": pl.Float64,
        "max_pulse_time": pl.Float64,
    },
)
_HOMOGENIZED = Kernel(kernels.homogenized_qtot, {"value": pl.Float64})
_CAUSAL = Kernel(kernels.causal_qtot, {"value": pl.Float64}, events=("vertex_time", "no_vertex"))


@feature
def charge(pulses: Pulses) -> pl.Expr:
    """Return sums of charge and numbers of pulses, DOMs and strings, with the names of CommonVariables.

    Parameters
    ----------
    pulses
        Pulse series; no geometry needed.

    Returns
    -------
    pl.Expr
        Fields total (PE, of all pulses), n_pulses, n_hit_doms, n_hit_strings, n_hit_doms_one_pulse, q_max_doms (PE, of
        the brightest DOM), min_pulse_time and max_pulse_time (ns, of the pulses of finite charge). Without pulses the
        total and the numbers are 0 and the other fields null; all fields are null where the series is null.

    Examples
    --------
    >>> frame = pl.DataFrame({"P.time": [[3.0, 1.0]], "P.charge": [[1.0, 2.5]], "P.omkey": [[65792, 65793]]})
    >>> frame.select(charge(Pulses("P")).struct.unnest()).row(0)
    (3.5, 2, 2, 1, 2, 2.5, 1.0, 3.0)
    """
    return _CHARGE(pulses)


@feature
def homogenized_qtot(pulses: Pulses) -> pl.Expr:
    """Return the total charge of standard DOMs without the brightest ones, as IceTray's HomogenizedQTot.

    A DOM counts if it is calibrated, has a relative efficiency of at most 1.1 and is not on string 79 or 80. Of these,
    a DOM with at least half of their total charge is left out, so that a single DOM gives 0. Charges that are NaN or
    infinite do not count.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry that has relative efficiencies.

    Returns
    -------
    pl.Expr
        Field value (PE), null where the series is null.

    Raises
    ------
    GeometryError
        The geometry has no relative efficiencies, without which the DOMs of DeepCore would count as standard ones.

    Examples
    --------
    >>> from icecol.detector.geometry import Geometry
    >>> keys = [36 << 16 | om << 8 for om in (30, 31, 32)] + [79 << 16 | 30 << 8]  # the last one in DeepCore
    >>> frame = pl.DataFrame({"P.time": [[0.0] * 4], "P.charge": [[3.0, 4.0, 4.0, 50.0]], "P.omkey": [keys]})
    >>> total = homogenized_qtot(Pulses("P", Geometry.nominal()))
    >>> frame.select(total.struct.field("value")).to_series().to_list()
    [11.0]
    """
    _check_efficiencies(pulses)
    return _HOMOGENIZED(pulses)


@feature
def causal_qtot(pulses: Pulses, *, vertex: Reference, time_window: float = 5000.0) -> pl.Expr:
    """Return the homogenized charge of the pulses in a time window that opens at a vertex, as IceTray's CausalQTot.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry that has relative efficiencies.
    vertex
        The vertex, such as that of `hese_veto`; only `.time` (ns) is read. As in IceTray all pulses count where it is
        null (the event has no vertex), and the value is 0 where it is NaN, or a fit that failed.
    time_window
        Length of the window in ns: pulses with time <= t < time + time_window count.

    Returns
    -------
    pl.Expr
        Field value (PE), as that of `homogenized_qtot`.

    Raises
    ------
    GeometryError
        The geometry has no relative efficiencies.

    Examples
    --------
    >>> from icecol.detector.geometry import Geometry
    >>> keys = [1 << 16 | om << 8 for om in (1, 2, 3, 4)]
    >>> frame = pl.DataFrame(
    ...     {
    ...         "P.time": [[0.0, 10.0, 20.0, 9000.0]] * 3,
    ...         "P.charge": [[1.0, 1.0, 1.0, 1.0]] * 3,
    ...         "P.omkey": [keys] * 3,
    ...         "V.time": [0.0, None, float("nan")],
    ...     }
    ... )
    >>> causal = causal_qtot(Pulses("P", Geometry.nominal()), vertex="V")
    >>> frame.select(causal.struct.field("value")).to_series().to_list()
    [3.0, 4.0, 0.0]
    """
    _check_efficiencies(pulses)
    time = member(vertex, "time")
    return _CAUSAL(
        pulses, vertex_time=time, no_vertex=~present(vertex, "time"), time_window=float(time_window)
    )


def _check_efficiencies(pulses: Pulses) -> None:
    if pulses.geometry is not None and np.isnan(pulses.geometry.relative_efficiency).all():
        msg = (
            "the geometry has no relative efficiencies, which tell DeepCore's DOMs from standard ones: give a GCD file "
            "that has a calibration (C frame), or set the column `relative_efficiency`"
        )
        raise GeometryError(msg)
