"""The tensor of inertia as a feature."""

from __future__ import annotations

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.decorator import Kernel
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


def tensor_of_inertia(
    pulses: Pulses, *, min_hits: int = 3, amplitude_weight: float = 1.0, axes: bool = False
) -> pl.Expr:
    """Return the tensor of inertia of the light, as IceTray's tensor-of-inertia has it.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    min_hits
        Fewest *sensors* for a fit.
    amplitude_weight
        Power of the charge that is the mass of a pulse; 0 for equal masses (divided by the sum of charge still).
    axes
        Give the directions of the other two axes too, which IceTray writes as particles, Eval2 and Eval3.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m) and time (ns): the mean weighted with charge, the time NaN if a charge is not finite or all
        are 0; zenith, azimuth (rad): where a particle along the longest axis came from, in the sense of later light;
        fit_status (0 OK, 20 too few sensors); mineval <= eval2 <= eval3 (m^2) and evalratio = mineval / sum, 0 (a line)
        to 1/3 (a sphere). The axis means little when mineval is close to eval2. With `axes` also zenith2, azimuth2 and
        zenith3, azimuth3 (rad), of the axes of eval2 and of eval3, in either of their senses, here and in IceTray. When
        the status is not 0 the first six are NaN and the eigenvalues and other axes, which IceTray then does not write,
        null. Every field is null where the series is.

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
