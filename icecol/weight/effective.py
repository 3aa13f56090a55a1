"""Effective area and effective volume of a selection of simulated events."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol import hist
from icecol.dataset.events import Events, lazy_frame
from icecol.weight.generations import Generation


def effective_area(
    events: Events,
    generation: Generation,
    energy: npt.ArrayLike,
    cos_zenith: npt.ArrayLike = (-1.0, 1.0),
) -> pl.DataFrame:
    """Compute the effective area of selected events in bins of energy and direction.

    It is the sum of the weights for a flux of 1, over the width of the bin in energy and solid angle, averaged over the
    particle types that were generated.

    Parameters
    ----------
    events
        The events that pass the selection; those that were not generated, such as noise, are left out.
    generation
        How they were generated, `icecol.weight.generation` of their datasets.
    energy
        Edges of the bins in GeV, shape (n + 1,).
    cos_zenith
        Edges of the bins in the cosine of the zenith angle, shape (m + 1,); the whole sphere by default.

    Returns
    -------
    polars.DataFrame
        One row per bin: `energy_min`, `energy_max`, `cos_zenith_min`, `cos_zenith_max`, `area` (m^2), `error` (m^2,
        from the finite number of simulated events).

    Raises
    ------
    ValueError
        If the edges do not increase, or an event lies outside the surfaces of its generation.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> ds = ic.sim.to_dataset(
    ...     ic.sim.events(50, seed=1, muons=0, index=1), f"{tempfile.mkdtemp()}/sim.icecol"
    ... )
    >>> area = ic.weight.effective_area(ds, ic.weight.generation(ds), [3e2, 3e3, 1e5])
    >>> area["area"].round(4).to_list()
    [0.6438, 6.4355]
    """
    axes = (
        hist.variable(generation.energy, np.ravel(energy).tolist(), name="energy"),
        hist.variable(generation.cos_zenith, np.ravel(cos_zenith).tolist(), name="cos_zenith"),
    )
    generated = lazy_frame(events).filter(generation.pdg_encoding.is_not_null())
    found = hist.fill(generated, *axes, weight=generation.weight(1.0))
    e, c = (np.asarray(axis.edges, float) for axis in found.axes)
    size = len(generation.types) * 2 * math.pi * np.diff(e)[:, None] * np.diff(c)[None, :] * 1e4
    low_e, low_c = np.meshgrid(e[:-1], c[:-1], indexing="ij")
    high_e, high_c = np.meshgrid(e[1:], c[1:], indexing="ij")
    return pl.DataFrame(
        {
            "energy_min": low_e.ravel(),
            "energy_max": high_e.ravel(),
            "cos_zenith_min": low_c.ravel(),
            "cos_zenith_max": high_c.ravel(),
            "area": (found.values() / size).ravel(),
            "error": (np.sqrt(found.variances()) / size).ravel(),
        }
    )


def effective_volume(
    events: Events,
    generation: Generation,
    energy: npt.ArrayLike,
    cos_zenith: npt.ArrayLike = (-1.0, 1.0),
    *,
    cross_section: npt.ArrayLike | None = None,
    density: float = 0.917,
) -> pl.DataFrame:
    """Compute the effective volume for neutrino interactions.

    It is the effective area divided by the density of nucleons and the cross section: the volume in which as many
    neutrinos interact as are selected. It includes losses in the Earth.

    Parameters
    ----------
    events, generation, energy, cos_zenith
        As for `effective_area`.
    cross_section
        Cross section per nucleon in cm^2, in each bin of energy; by default, that of charged currents by Gandhi et al.
        (1998), averaged over each bin in proportion to energy.
    density
        Density of the medium in g/cm^3; ice by default.

    Returns
    -------
    polars.DataFrame
        As for `effective_area`, with `volume` (m^3) in place of `area`.

    Raises
    ------
    ValueError
        As for `effective_area`, or if there is not one cross section per bin of energy.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> ds = ic.sim.to_dataset(
    ...     ic.sim.events(50, seed=1, muons=0, index=1), f"{tempfile.mkdtemp()}/sim.icecol"
    ... )
    >>> volume = ic.weight.effective_volume(ds, ic.weight.generation(ds), [3e2, 3e3, 1e5])
    >>> (volume["volume"] / 1e9).round(2).to_list()  # km^3
    [1.24, 0.95]
    """
    from icecol.sim import primary

    edges = np.ravel(np.asarray(energy, float))
    if cross_section is None:
        fine = edges[:-1, None] + np.diff(edges)[:, None] * (np.arange(200) + 0.5) / 200
        sigma = primary.cross_section(fine).mean(axis=1)
    else:
        sigma = np.asarray(cross_section, float)
    if sigma.shape != (edges.size - 1,):
        msg = f"`cross_section` has shape {sigma.shape}; it needs one value for each of the {edges.size - 1} bins"
        raise ValueError(msg)
    table = effective_area(events, generation, edges, cos_zenith)
    nucleons = density * 6.02214076e23 * 1e6  # in a m^3
    per_bin = np.repeat(nucleons * sigma * 1e-4, table.height // sigma.size)
    return table.with_columns(
        (pl.col(name) / pl.Series(per_bin)).alias(name) for name in ("area", "error")
    ).rename({"area": "volume"})
