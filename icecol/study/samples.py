"""Simulated and reconstructed events of a study: muons and cascades, one row per event."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Final, Literal

import polars as pl

import icecol as ic

PULSES: Final = "SRTInIcePulses"
TRUTH: Final = "MCPrimary"

TRACK_FITS: Final = ("LineFit", "Improved", "SPE", "SPE2", "MPE", "SPE BFGS", "MPE BFGS")
"""Track fits, each the seed of a later one: SPE of Improved, SPE2 (two more directions) of SPE, MPE of SPE2, all by the
simplex; then SPE of Improved, and MPE of that, by the gradient."""

MUON_ENERGIES: Final = {
    "ORIG": "Truncated.ORIG_energy",
    "AllBINS": "Truncated.AllBINS_energy",
    "BINS": "Truncated.BINS_energy",
    "AllDOMS": "Truncated.AllDOMS_energy",
    "DOMS": "Truncated.DOMS_energy",
    "likelihood": "Likelihood.energy",
}
"""Energies of muons along the MPE fit: those of `truncated_energy` by method, and that of `muon_energy`."""

CASCADE_FITS: Final[Mapping[str, Callable[[ic.Pulses], pl.Expr]]] = {
    "CLast": ic.reco.clast,
    "SPE": ic.reco.cascade_fit,
    "MPE": functools.partial(ic.reco.cascade_fit, form="MPE", jitter=4.0),
    "UPandel": functools.partial(ic.reco.cascade_fit, form="UPandel"),
    "layered": functools.partial(
        ic.reco.cascade_fit, directional=True, light="layers", form="MPE", jitter=4.0
    ),
}
"""Fits of the vertex and time of cascades; CLast is the seed of the others."""

CASCADE_SHAPES: Final = ("CLast", "layered")
"""Those that also fit direction and energy, rather than keep those of their seed."""


def muons(
    n: int,
    *,
    seed: int,
    energy: tuple[float, float] = (1e2, 1e5),
    index: float = 1.0,
    losses: bool = True,
) -> pl.DataFrame:
    """Simulate and reconstruct muons, one row per event.

    Parameters
    ----------
    n, seed, energy, index, losses
        Settings of the simulation; see `icecol.sim.events`.

    Returns
    -------
    pl.DataFrame
        For each of `TRACK_FITS`, the opening angle to the true direction (degrees, null if the fit failed); true zenith
        (degrees) and energy (GeV), charge (PE); and for each of `MUON_ENERGIES`, the energy (GeV, null if the fit
        failed) as `energy_<name>`.

    Examples
    --------
    >>> found = muons(5, seed=1, energy=(1e3, 2e3))
    >>> found.height, found.columns[:5]
    (5, ['LineFit', 'Improved', 'SPE', 'SPE2', 'MPE'])
    """
    sample = ic.sim.events(
        n, seed=seed, muons=1, cascades=0, noise=0, energy=energy, index=index, losses=losses
    )
    pulses = ic.Pulses(PULSES, sample.geometry)
    fitted = ic.with_features(
        sample.to_polars(),
        Q=ic.reco.charge(pulses),
        LineFit=ic.reco.linefit(pulses),
        Improved=ic.reco.improved_linefit(pulses),
        SPE=ic.reco.spe_fit(pulses, seed="Improved"),
        SPE2=ic.reco.spe_fit(pulses, seed="SPE", iterations=2),
        MPE=ic.reco.mpe_fit(pulses, seed="SPE2"),
        **{
            "SPE BFGS": ic.reco.spe_fit(pulses, seed="Improved", minimizer="BFGS"),
            "MPE BFGS": ic.reco.mpe_fit(pulses, seed="SPE BFGS", minimizer="BFGS"),
        },
        Truncated=ic.reco.truncated_energy(pulses, track="MPE"),
        Likelihood=ic.reco.muon_energy(pulses, track="MPE"),
    )
    return fitted.select(
        **{fit: ic.reco.opening_angle(fit, TRUTH).degrees() for fit in TRACK_FITS},
        zenith=pl.col(f"{TRUTH}.zenith").degrees(),
        energy=f"{TRUTH}.energy",
        charge="Q.total",
        **{f"energy_{name}": _positive(column) for name, column in MUON_ENERGIES.items()},
    ).collect()


def cascades(
    n: int,
    *,
    seed: int,
    energy: tuple[float, float] = (1e2, 1e5),
    index: float = 1.0,
    ice: Literal["bulk", "layers"] = "bulk",
) -> pl.DataFrame:
    """Simulate and reconstruct cascades inside the detector, one row per event.

    Parameters
    ----------
    n, seed, energy, index, ice
        Settings of the simulation; see `icecol.sim.events`.

    Returns
    -------
    pl.DataFrame
        For each of `CASCADE_FITS`, the distance of the vertex from the true one as `distance_<name>` (m) and its time
        minus the true one as `delay_<name>` (ns); for each of `CASCADE_SHAPES`, `angle_<name>` (degrees) and
        `energy_<name>` (GeV); true zenith (degrees) and energy (GeV), and charge (PE). Null if a fit failed.

    Examples
    --------
    >>> cascades(5, seed=1).select("distance_CLast", "energy").shape
    (5, 2)
    """
    sample = ic.sim.events(n, seed=seed, muons=0, cascades=1, noise=0, energy=energy, index=index, ice=ice)
    pulses = ic.Pulses(PULSES, sample.geometry)
    fits = {name: fit(pulses) for name, fit in CASCADE_FITS.items()}
    fitted = ic.with_features(sample.to_polars(), Q=ic.reco.charge(pulses), **fits)
    columns: dict[str, pl.Expr | str] = {}
    for name in CASCADE_FITS:
        apart = [pl.col(f"{name}.{c}") - pl.col(f"{TRUTH}.{c}") for c in ("x", "y", "z", "time")]
        good = pl.when(pl.col(f"{name}.fit_status") == 0)  # a fit that failed has the vertex of its seed
        columns[f"distance_{name}"] = good.then(pl.sum_horizontal(a**2 for a in apart[:3]).sqrt())
        columns[f"delay_{name}"] = good.then(apart[3])
    for name in CASCADE_SHAPES:
        columns[f"angle_{name}"] = ic.reco.opening_angle(name, TRUTH).degrees()
        columns[f"energy_{name}"] = _positive(f"{name}.energy")
    zenith = pl.col(f"{TRUTH}.zenith").degrees()
    return fitted.select(**columns, zenith=zenith, energy=f"{TRUTH}.energy", charge="Q.total").collect()


def _positive(column: str) -> pl.Expr:
    """Return an energy, null if there is none."""
    return pl.when(pl.col(column) > 0).then(pl.col(column))
