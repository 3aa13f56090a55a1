"""First guesses other than line fits: `clast` for cascades, `dipole_fit` for tracks."""

from __future__ import annotations

from typing import Final

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.kernels import clast as clast_kernels
from icecol.reco.kernels import dipole_fit as dipole_kernels

DEEPCORE_ENERGY: Final = (-0.431, 1.842, -0.49199, 0.07499, 0.0, 0.0)
"""Energy coefficients that level 2 uses for `CascadeLast_DC`."""

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


@feature
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
    """Return a first guess of the vertex, direction and energy of a cascade, as IceTray's CLast.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.
    min_hits
        Minimum number of *DOMs*.
    amplitude_weight
        Weight each pulse with its charge to this power in the tensor of inertia.
    amplitude_option
        1 uses charges as they are; 0 counts a charge below 2 PE as 1 in the tensor and for the orientation of its axis,
        but not in the centre of charge and the energy.
    direct_hit_radius, direct_hit_window, direct_hit_threshold
        For the time of the vertex: a trial time is good if at least direct_hit_threshold DOMs within direct_hit_radius
        (m) of the vertex have their first pulse within direct_hit_window (ns) after light from it could arrive.
    energy
        Coefficients, in ascending order, of log10(energy / GeV) as a polynomial in log10(charge / PE); level 2 uses
        `DEEPCORE_ENERGY`. There is no AmandaMode: it makes IceTray use the same coefficients.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m, centre of charge), time (ns, of the vertex), zenith, azimuth (rad, as in
        `tensor_of_inertia`), energy (GeV), fit_status (0 OK, 20 too few DOMs), and of I3CLastFitParams mineval,
        evalratio, eval2, eval3 (eigenvalues in m^2). If the status is not 0 the first seven and the params are
        null, as IceTray stores none then. All fields are null where the series is null.

    Raises
    ------
    ValueError
        The amplitude_option is neither 0 nor 1.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> cascades = ic.sim.events(3, seed=1, muons=0, cascades=1, noise=0).to_polars()
    >>> guesses = ic.with_features(cascades, CLast=clast(p))
    >>> guesses.select("CLast.fit_status").collect().to_series().to_list()
    [0, 0, 0]
    """
    if amplitude_option not in {0, 1}:
        msg = (
            "amplitude_option must be 1 (charges as they are) or 0 (charges below 2 PE count as 1), "
            f"found {amplitude_option!r}"
        )
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


@feature(cost=20)
def dipole_fit(
    pulses: Pulses, *, min_hits: int = 5, dipole_step: int = 0, amp_weight_power: float = 0.0
) -> pl.Expr:
    """Return the mean direction from early to late DOMs, as IceTray's DipoleFit.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Only the first pulse of each DOM is used; pulses at NaN are ignored.
    min_hits
        Minimum number of DOMs; values below 1 mean 2.
    dipole_step
        Distance between the two pulses of a pair, in the order of their times; 0 means half the number of pulses.
    amp_weight_power
        If above 0, weight each pair with its mean charge to this power.

    Returns
    -------
    pl.Expr
        Fields x, y, z (m) and time (ns): the mean of the pairs; zenith, azimuth (rad, where the particle came from);
        fit_status (0 OK, 20 too few DOMs, 30 no direction); of I3DipoleFitParams: Magnet (from 0, no order in time, to
        1, a line), MagnetX, MagnetY, MagnetZ, AmpSum, NHits, NPairs, MaxAmp. If the status is not 0 the first six and
        the params are null, as IceTray stores none then. With amp_weight_power, a charge of NaN leaves
        the status at 0 and all fields but the last three null. All fields are null where the series is null.

    Examples
    --------
    >>> import icecol as ic
    >>> keys = [36 << 16 | om << 8 for om in (30, 31, 32, 33)]  # hit from the bottom to the top
    >>> frame = pl.DataFrame(
    ...     {"P.time": [[150.0, 100.0, 50.0, 0.0]], "P.charge": [[1.0] * 4], "P.omkey": [keys]}
    ... )
    >>> fit = dipole_fit(ic.Pulses("P", ic.Geometry.nominal()), min_hits=4)
    >>> frame.select(fit.struct.unnest()).select(pl.col("zenith").degrees(), "Magnet", "time").row(0)
    (180.0, 1.0, 75.0)
    """
    return _DIPOLE(
        pulses,
        min_hits=int(min_hits) if min_hits >= 1 else 2,
        dipole_step=int(dipole_step),
        amp_weight_power=float(amp_weight_power),
    )
