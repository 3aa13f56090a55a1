"""The tensor of inertia as a feature."""

from __future__ import annotations

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.features import Kernel
from icecol.reco.kernels import tensor_of_inertia as kernels

_PARAMS = ("mineval", "evalratio", "eval2", "eval3")
_TENSOR = Kernel(
    kernels.tensor_of_inertia,
    {
        **dict.fromkeys(("x", "y", "z", "time", "zenith", "azimuth"), pl.Float64),
        "fit_status": pl.Int32,
        **dict.fromkeys(_PARAMS, pl.Float64),
    },
    ok=_PARAMS,
)


def tensor_of_inertia(pulses: Pulses, *, min_hits: int = 3, amplitude_weight: float = 1.0) -> pl.Expr:
    """Return the tensor of inertia of the light, as IceTray's tensor-of-inertia has it.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    min_hits
        Fewest *sensors* for a fit.
    amplitude_weight
        Power of the charge that is the mass of a pulse; 0 for equal masses (divided by the sum of charge still).

    Returns
    -------
    pl.Expr
        Fields x, y, z (m) and time (ns): the mean weighted with charge; zenith, azimuth (rad): where a particle
        along the longest axis came from, in the sense of later light; fit_status (0 OK, 20 too few sensors);
        mineval <= eval2 <= eval3 (m^2) and evalratio = mineval / sum, 0 (a line) to 1/3 (a sphere). The axis means
        little when mineval is close to eval2. When the status is not 0 the first six are NaN and the eigenvalues,
        which IceTray then does not write, null. Every field is null where the series is.
    """
    return _TENSOR(pulses, min_hits=int(min_hits), amplitude_weight=float(amplitude_weight))
