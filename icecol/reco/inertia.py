"""The tensor of inertia as a feature."""

from __future__ import annotations

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.kernels import tensor_of_inertia as kernels

_PARAMS = ("mineval", "evalratio", "eval2", "eval3")
_FIELDS = {
    **dict.fromkeys(("x", "y", "z", "time", "zenith", "azimuth"), pl.Float64),
    "fit_status": pl.Int32,
    **dict.fromkeys(_PARAMS, pl.Float64),
}
_AXES = dict.fromkeys(("zenith2", "azimuth2", "zenith3", "azimuth3"), pl.Float64)
_TENSOR = Kernel(kernels.tensor_of_inertia, _FIELDS, ok=_PARAMS)
_WITH_AXES = Kernel(kernels.with_axes, _FIELDS | _AXES, ok=(*_PARAMS, *_AXES))


@feature
def tensor_of_inertia(
    pulses: Pulses, *, min_hits: int = 3, amplitude_weight: float = 1.0, axes: bool = False
) -> pl.Expr:
    """Return the tensor of inertia of the charge, as IceTray's tensor-of-inertia.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.
    min_hits
        Minimum number of *DOMs*.
    amplitude_weight
        Weight each pulse with its charge to this power; 0 gives all the same weight (the sum is still divided by the
        total charge).
    axes
        Also return the directions of the other two axes, which IceTray stores as the particles Eval2 and Eval3.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m) and time (ns): the charge-weighted means, the time null if a charge is not finite or all are
        0; zenith, azimuth (rad): where a particle along the longest axis came from, oriented towards later pulses;
        fit_status (0 OK, 20 too few DOMs); mineval <= eval2 <= eval3 (m^2) and evalratio = mineval / sum, from 0 (a
        line) to 1/3 (a sphere). The axis is ill-defined if mineval is close to eval2. With `axes` also zenith2,
        azimuth2 and zenith3, azimuth3 (rad): the axes of eval2 and eval3, whose orientation is arbitrary, here and in
        IceTray. If the status is not 0 the first six, the eigenvalues and the other axes are null, as IceTray stores
        none then. All fields are null where the series is null.

    Examples
    --------
    >>> from icecol import Geometry
    >>> g = Geometry.from_columns(
    ...     {"string": 3 * [1], "om": [1, 2, 3], "x": 3 * [9.0], "y": 3 * [9.0], "z": [50.0, 0.0, -50.0]}
    ... )
    >>> pulses = {"P.time": [[0.0, 1.0, 2.0]], "P.charge": [3 * [1.0]], "P.omkey": [[65792, 66048, 66304]]}
    >>> fit = tensor_of_inertia(Pulses("P", g)).struct
    >>> pl.DataFrame(pulses).select(fit.field("zenith"), fit.field("evalratio"), fit.field("time")).row(0)
    (0.0, 0.0, 1.0)
    """
    kernel = _WITH_AXES if axes else _TENSOR
    return kernel(pulses, min_hits=int(min_hits), amplitude_weight=float(amplitude_weight))
