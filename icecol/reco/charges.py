"""Charge features: `charge`, `homogenized_qtot`, `causal_qtot`."""

from __future__ import annotations

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.errors import GeometryError
from icecol.reco.decorator import Kernel
from icecol.reco.kernels import charge as kernels

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


def charge(pulses: Pulses) -> pl.Expr:
    """Return charge sums and counts, as CommonVariables names and counts them; needs no geometry.

    Fields: total and q_max_doms (PE: all pulses, and the brightest sensor), n_pulses, n_hit_doms, n_hit_strings,
    n_hit_doms_one_pulse, min_pulse_time and max_pulse_time (ns, of pulses of finite charge). Without pulses the
    counts are 0 and the rest is NaN; every field is null where the series is.

    Examples
    --------
    >>> frame = pl.DataFrame({"P.time": [[3.0, 1.0]], "P.charge": [[1.0, 2.5]], "P.omkey": [[65792, 65793]]})
    >>> frame.select(charge(Pulses("P")).struct.unnest()).row(0)
    (3.5, 2, 2, 1, 2, 2.5, 1.0, 3.0)
    """
    return _CHARGE(pulses)


def homogenized_qtot(pulses: Pulses) -> pl.Expr:
    """Return the total charge of standard sensors without the brightest, in PE, as IceTray's HomogenizedQTot.

    Field: value, null where the series is. A sensor counts if it is calibrated, has a relative efficiency of at most
    1.1, is not on string 79 or 80, and has a charge that is neither NaN nor infinite; one with half of the sum or more
    is then left out (so one sensor alone gives 0).

    Raises
    ------
    GeometryError
        The geometry has no relative efficiencies: it would be the charge of all sensors, DeepCore's too.
    """
    _check_efficiencies(pulses)
    return _HOMOGENIZED(pulses)


def causal_qtot(pulses: Pulses, vertex_time: str | pl.Expr, *, time_window: float = 5000.0) -> pl.Expr:
    """Return `homogenized_qtot` of the pulses in vertex_time <= t < vertex_time + time_window, times in ns.

    Field: value, null where the series is. `vertex_time` is a column or an expression. As in IceTray, where it is null
    (the event has no such object) all pulses count, and where it is NaN the value is 0. Raises as `homogenized_qtot`
    does.

    Examples
    --------
    >>> from icecol.detector.geometry import Geometry
    >>> keys = [1 << 16 | om << 8 for om in (1, 2, 3, 4)]
    >>> frame = pl.DataFrame(
    ...     {
    ...         "P.time": [[0.0, 10.0, 20.0, 9000.0]] * 3,
    ...         "P.charge": [[1.0, 1.0, 1.0, 1.0]] * 3,
    ...         "P.omkey": [keys] * 3,
    ...         "vertex": [0.0, None, float("nan")],
    ...     }
    ... )
    >>> causal = causal_qtot(Pulses("P", Geometry.nominal()), "vertex")
    >>> frame.select(causal.struct.field("value")).to_series().to_list()
    [3.0, 4.0, 0.0]
    """
    _check_efficiencies(pulses)
    vertex = pl.col(vertex_time) if isinstance(vertex_time, str) else vertex_time
    return _CAUSAL(pulses, vertex_time=vertex, no_vertex=vertex.is_null(), time_window=float(time_window))


def _check_efficiencies(pulses: Pulses) -> None:
    if pulses.geometry is not None and np.isnan(pulses.geometry.relative_efficiency).all():
        msg = (
            "the geometry has no relative efficiencies, which tell the sensors of DeepCore from the others: give a GCD "
            "file that has a calibration (C frame), or set the column `relative_efficiency`"
        )
        raise GeometryError(msg)
