"""Fluxes tabulated by other libraries: nuflux and daemonflux, where they are installed."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from icecol.errors import MissingDependencyError, needs
from icecol.weight.flux import F64, Flux, from_function, tabulated

_FLAVORS: Final = {12: "nue", -12: "antinue", 14: "numu", -14: "antinumu"}


def nuflux(name: str, *, knee: str | None = None) -> Flux:
    """Make an atmospheric flux of nuflux, which has to be installed.

    The releases of nuflux up to 2.0.7 need numpy below 2, which icecol cannot run with: installing them in one
    environment (`pip install simweights nuflux`) replaces its numpy. Tabulate the flux in another environment, and use
    `tabulated`, or use the closed forms `conventional` and `prompt`.

    Parameters
    ----------
    name
        Name of the model, such as `honda2006`.
    knee
        Model of the cosmic-ray knee, such as `gaisserH3a_elbert`; None for none.

    Returns
    -------
    Flux
        Null where nuflux returns 0, which it does outside the range of its tables.

    Raises
    ------
    MissingDependencyError
        If nuflux cannot be imported.
    """
    try:
        import nuflux as library
    except ImportError as err:
        msg = (
            f"icecol.weight.nuflux needs nuflux, which cannot be imported ({err}). Its releases up to 2.0.7 need "
            f"numpy < 2, icecol numpy >= 2 (here {np.__version__}): in an environment of its own, tabulate the flux "
            "for icecol.weight.tabulated; or use icecol.weight.conventional and prompt, which need no library"
        )
        raise MissingDependencyError(msg) from err
    model = library.makeFlux(name)
    if knee is not None:
        model.knee_reweighting_model = knee

    def values(energy: F64, cos_zenith: F64, pdg_encoding: npt.NDArray[np.int64]) -> F64:
        found = np.asarray(model.getFlux(pdg_encoding.astype(np.int32), energy, cos_zenith), float)
        return np.where(found > 0, found, np.nan)

    return from_function(values)


def daemonflux(location: str = "generic", *, energy: tuple[float, float] = (10.0, 1e6)) -> Flux:
    """Make the atmospheric flux of daemonflux, calibrated with muons (arXiv:2303.00022).

    It has to be installed, and downloads its tables when it is first used.

    Parameters
    ----------
    location
        Name of the site, such as `generic` or `IceCube`.
    energy
        Lowest and highest energy (GeV) to tabulate, within the range of daemonflux; the flux is null outside.

    Raises
    ------
    MissingDependencyError
        If daemonflux is not installed.
    ConnectionError
        If its tables cannot be downloaded.
    """
    try:
        from daemonflux import Flux as Model
    except ImportError as err:
        library, extra, what = "daemonflux", "daemonflux", "icecol.weight.daemonflux"
        raise needs(library, extra, what) from err
    try:
        model = Model(location=location)
    except OSError as err:
        msg = (
            f"daemonflux cannot get its tables for {location!r} ({err}): use it once where there is a network, as it "
            "keeps them; or use icecol.weight.conventional and prompt, which need no library"
        )
        raise ConnectionError(msg) from err
    grid = np.geomspace(*energy, round(20 * math.log10(energy[1] / energy[0])) + 1)
    grid[[0, -1]] = energy  # exactly, as a rounded end may be out of range
    zenith = np.array(sorted(float(angle) for angle in model.zenith_angles if angle != "average"))
    parts = [
        tabulated(
            grid,
            (model.flux(grid, zenith, name) / grid[:, None] ** 3)[:, ::-1],
            cos_zenith=np.cos(np.radians(zenith))[::-1],
            types=[code],
        )
        for code, name in _FLAVORS.items()
    ]
    return sum(parts[1:], parts[0])
