"""From datasets to how their events were generated, and to weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import polars as pl

from icecol.dataset.scan import Dataset
from icecol.weight.flux import FluxLike
from icecol.weight.generations import Generation
from icecol.weight.generators import bundle_totals, generation_of

Generator: TypeAlias = Literal["nugen", "genie", "corsika", "icecol"]
"""A program that generates events, or its neutrinos for `nugen` of icecol's own simulation."""


def generation(
    datasets: Dataset | Sequence[Dataset],
    nfiles: float | Sequence[float] | None = None,
    *,
    generator: Generator | None = None,
) -> Generation:
    """Find out how the events of one or more datasets were generated.

    This reads the weight objects of neutrino-generator (`I3MCWeightDict`), GENIE (`I3GenieInfo` and `I3GenieResult`, or
    `I3MCWeightDict` and `I3GENIEResultDict` of the older genie-icetray), CORSIKA (`I3PrimaryInjectorInfo` and
    `I3CorsikaWeight`, `I3CorsikaInfo`, or `CorsikaWeightMap`) and icecol's own simulation.

    Parameters
    ----------
    datasets
        A dataset, or several whose events are used together, as in `pl.concat([a.scan(), b.scan()], how="diagonal")`.
    nfiles
        Number of files generated, for each dataset where there are several, for generators that do not store it; by
        default the `nfiles` in the settings of the manifest.
    generator
        Whose weights to use: `nugen`, `genie`, `corsika` or `icecol`; by default the first that a dataset has.

    Returns
    -------
    Generation
        The sum of all surfaces.

    Raises
    ------
    MissingColumnError
        If a dataset has no weights of a known generator.
    MissingFactError
        If the number of files is needed and not known.
    ValueError
        If the events of a dataset were generated in several ways, and it is unknown how many files each has, or a
        number of files is given although the generator stores it.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> ds = ic.sim.to_dataset(ic.sim.events(50, seed=1), f"{tempfile.mkdtemp()}/sim.icecol")
    >>> made = ic.weight.generation(ds)
    >>> made.types
    (12, 13)
    >>> events = ds.scan().with_columns(made.weight(ic.weight.power_law(1e-18, 2)))
    >>> events.select(pl.col("weight").is_null().sum()).collect().item()  # noise has none
    4
    """
    several, counts = _each(datasets, nfiles)
    first, *others = (generation_of(ds, n, generator) for ds, n in zip(several, counts, strict=True))
    return sum(others, first)


def _each(
    datasets: Dataset | Sequence[Dataset], nfiles: float | Sequence[float] | None
) -> tuple[list[Dataset], list[float | None]]:
    """Return datasets, and of each the number of files, if it is known."""
    if isinstance(datasets, Dataset):
        return [datasets], [_one(nfiles)]
    several = list(datasets)
    counts: list[float | None] = list(nfiles) if isinstance(nfiles, Sequence) else [nfiles] * len(several)
    if len(counts) != len(several) or not several:
        msg = (
            f"give `nfiles` for each of one or more datasets; found {len(counts)} for {len(several)} datasets"
        )
        raise ValueError(msg)
    if len(several) > 1 and isinstance(nfiles, (int, float)):
        msg = f"`nfiles` of {len(several)} datasets is a list with a number for each; found {nfiles!r}"
        raise ValueError(msg)
    return several, counts


def nugen(
    datasets: Dataset | Sequence[Dataset],
    flux: FluxLike = 1.0,
    *,
    nfiles: float | Sequence[float] | None = None,
) -> pl.Expr:
    """Weight events of neutrino-generator, or neutrinos of icecol's own simulation, in Hz.

    Parameters
    ----------
    datasets, nfiles
        As for `generation`, to which this is a shortcut.
    flux
        As for `Generation.weight`.

    Returns
    -------
    polars.Expr
        Named `weight`, for events of these datasets; null for an event that was not generated.

    Raises
    ------
    MissingColumnError, MissingFactError, ValueError
        As for `generation`.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> ds = ic.sim.to_dataset(ic.sim.events(50, seed=1, muons=0), f"{tempfile.mkdtemp()}/sim.icecol")
    >>> w = ic.weight.nugen(ds, ic.weight.conventional(), nfiles=1)
    >>> events = ds.scan().with_columns(w).filter(pl.col("weight").is_not_null())
    >>> f"{ic.weight.totals(events, 'weight').expected().value:.2f} a year"
    '7438.36 a year'
    """
    return generation(datasets, nfiles, generator="nugen").weight(flux)


def genie(
    datasets: Dataset | Sequence[Dataset],
    flux: FluxLike = 1.0,
    *,
    nfiles: float | Sequence[float] | None = None,
) -> pl.Expr:
    """Return the weights, in Hz, of GENIE events, from genie-icetray and genie-reader.

    Parameters
    ----------
    datasets, flux
        As for `nugen`.
    nfiles
        Number of files of each dataset; only for genie-icetray, since S frames have it otherwise.

    Returns
    -------
    pl.Expr
        One weight per event.

    Raises
    ------
    MissingFactError
        The number of files is needed and not given.
    """
    return generation(datasets, nfiles, generator="genie").weight(flux)


def corsika(
    datasets: Dataset | Sequence[Dataset],
    flux: FluxLike = 1.0,
    *,
    nfiles: float | Sequence[float] | None = None,
) -> pl.Expr:
    """Return the weights, in Hz, of CORSIKA air showers.

    Parameters
    ----------
    datasets, flux
        As for `nugen`.
    nfiles
        Number of files of each dataset; only for files without S frames, which have it otherwise.

    Returns
    -------
    pl.Expr
        One weight per event.

    Raises
    ------
    MissingFactError
        The number of files is needed and not given.
    """
    return generation(datasets, nfiles, generator="corsika").weight(flux)


def bundles(
    datasets: Dataset | Sequence[Dataset], *, nfiles: float | Sequence[float] | None = None
) -> pl.Expr:
    """Return the weights, in Hz, of bundles of atmospheric muons of icecol's own simulation (`ic.sim.bundles`).

    Their flux is a part of the simulation. Samples with different biases may be used together.

    Parameters
    ----------
    datasets
        A dataset, or several whose events are used together.
    nfiles
        Number of files generated, of each dataset where there are several; by default the `nfiles` in the settings of
        the manifest.

    Returns
    -------
    polars.Expr
        Named `weight`; null for an event that is no bundle.

    Raises
    ------
    MissingColumnError
        If a dataset has no bundles.
    MissingFactError
        If the number of files is needed and not known.
    ValueError
        If datasets have different ranges of energy, or the number of files does not match.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> made = ic.sim.generate(ic.sim.bundles(), 2000, seed=1)
    >>> ds = ic.sim.to_dataset(made, f"{tempfile.mkdtemp()}/muons.icecol")
    >>> total = ic.weight.totals(ds.scan().with_columns(ic.weight.bundles(ds)), "weight")
    >>> total.n == ds.rows
    True
    """
    several, counts = _each(datasets, nfiles)
    thrown = [bundle_totals(ds, n) for ds, n in zip(several, counts, strict=True)]
    if len({energies for _, energies in thrown}) > 1:
        msg = f"the muons of these datasets have different ranges of energy: {[energies for _, energies in thrown]}"
        raise ValueError(msg)
    return (pl.col("MuonBundleWeightDict.Weight") / sum(n for n, _ in thrown)).alias("weight")


def _one(nfiles: float | Sequence[float] | None) -> float | None:
    if isinstance(nfiles, Sequence):
        msg = f"`nfiles` of one dataset is a number; found {nfiles!r}"
        raise TypeError(msg)
    return nfiles
