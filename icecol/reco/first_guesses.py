"""First guesses beside the line fits: `clast` for cascades, `dipole_fit` for tracks."""

from __future__ import annotations

from typing import Final

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.decorator import Kernel
from icecol.reco.kernels import clast as clast_kernels
from icecol.reco.kernels import dipole_fit as dipole_kernels

DEEPCORE_ENERGY: Final = (-0.431, 1.842, -0.49199, 0.07499, 0.0, 0.0)
"""Energy parameters with which level 2 makes `CascadeLast_DC`."""

_EIGENVALUES = ("mineval", "evalratio", "eval2", "eval3")
_MAGNET = ("Magnet", "MagnetX", "MagnetY", "MagnetZ", "AmpSum")
_PLACE = dict.fromkeys(("x", "y", "z", "time", "zenith", "azimuth"), pl.Float64)
_CLAST = Kernel(
    clast_kernels.clast,
    {
        **_PLACE,
        "energy": pl.Float64,
        "fit_status": pl.Int32,
        **dict.fromkeys(_EIGENVALUES, pl.Float64),
    },
    ok=_EIGENVALUES,
)
_DIPOLE = Kernel(
    dipole_kernels.dipole_fit,
    {
        **_PLACE,
        "fit_status": pl.Int32,
        **dict.fromkeys(_MAGNET, pl.Float64),
        "NHits": pl.Int32,
        "NPairs": pl.Int32,
        "MaxAmp": pl.Float64,
    },
    ok=(*_MAGNET, "NHits", "NPairs", "MaxAmp"),
)


def clast(
    pulses: Pulses,
    *,
    min_hits: int = 3,
    amplitude_weight: float = 1.0,
    amplitude_option: int = 1,
    direct_hit_radius: float = 300.0,
    direct_hit_window: float = 200.0,
    direct_hit_threshold: int = 3,
    energy: tuple[float, float, float, float, float, float] = (1.069, 1.842, -0.492, 0.075, 0.0, 0.0),
) -> pl.Expr:
    """Return vertex, direction and energy of a cascade, as IceTray's CLast guesses them.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    min_hits
        Fewest *sensors* for a fit.
    amplitude_weight
        Power of the charge that is the mass of a pulse.
    amplitude_option
        1 takes charges as they are; 0 counts one below 2 PE as 1 in the tensor and in the sense of its axis, but not
        in the centre of charge nor in the energy.
    direct_hit_radius, direct_hit_window, direct_hit_threshold
        Sensors within this many m of the vertex are looked at for its time; their first pulses count if light from the
        vertex could have been there at most so many ns before; so many of them make a time good.
    energy
        Coefficients of log10(energy / GeV) as a polynomial in log10(charge / PE), rising; level 2 uses
        `DEEPCORE_ENERGY`. AmandaMode is no parameter: it makes IceTray use the same coefficients.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m, centre of charge), time (ns, of the vertex), zenith, azimuth (rad, as
        `tensor_of_inertia`), energy (GeV), fit_status (0 OK, 20 too few sensors), and of I3CLastFitParams mineval,
        evalratio, eval2, eval3 (m^2). When the status is not 0 the first seven are NaN and the params, which IceTray
        then does not write, null. Every field is null where the series is.

    Raises
    ------
    ValueError
        The amplitude_option is neither 0 nor 1.
    """
    if amplitude_option not in {0, 1}:
        msg = f"amplitude_option must be 1 (charges as they are) or 0 (small ones are 1), found {amplitude_option!r}"
        raise ValueError(msg)
    return _CLAST(
        pulses,
        min_hits=int(min_hits),
        amplitude_weight=float(amplitude_weight),
        small_as_one=amplitude_option == 0,
        direct_hit_radius=float(direct_hit_radius),
        direct_hit_window=float(direct_hit_window),
        direct_hit_threshold=int(direct_hit_threshold),
        **{f"energy_{i}": float(e) for i, e in enumerate(energy)},
    )


def dipole_fit(
    pulses: Pulses, *, min_hits: int = 5, dipole_step: int = 0, amp_weight_power: float = 0.0
) -> pl.Expr:
    """Return the mean direction from early to late sensors, as IceTray's DipoleFit has it.

    Parameters
    ----------
    pulses
        The series, with a geometry; only the first pulse of each sensor is used, and none at NaN.
    min_hits
        Fewest sensors for a fit; below 1 it is 2.
    dipole_step
        How many pulses, in order of time, the second of a pair comes after the first; 0: half of all.
    amp_weight_power
        Weigh a pair with the mean of its charges to this power, if it is above 0.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m) and time (ns): the mean of the pairs; zenith, azimuth (rad, where it came from); fit_status
        (0 OK, 20 too few sensors, 30 no direction); of I3DipoleFitParams: Magnet (0 no order in time to 1 a line),
        MagnetX, MagnetY, MagnetZ, AmpSum, NHits, NPairs, MaxAmp. When the status is not 0 the first six are NaN and
        the params, which IceTray then does not write, null. A charge of NaN that is a weight leaves the status 0 and
        all but the last three NaN. Every field is null where the series is.
    """
    return _DIPOLE(
        pulses,
        min_hits=int(min_hits) if min_hits >= 1 else 2,
        dipole_step=int(dipole_step),
        amp_weight_power=float(amp_weight_power),
    )
