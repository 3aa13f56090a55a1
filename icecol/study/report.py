"""The report of a study: tables on the terminal and as JSON, and plots."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from rich.console import Console

import icecol as ic
from icecol.errors import MissingDependencyError
from icecol.files import write
from icecol.places import local
from icecol.study import samples
from icecol.study.samples import CASCADE_FITS, CASCADE_SHAPES, MUON_ENERGIES, TRACK_FITS
from icecol.study.tables import closed, distribution, energies, shown, split

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOTES: Final = {
    "angles of muons / ° by charge / PE": (
        "The density of the first of n photons (MPE) differs from that of a single photon (SPE) only where DOMs see "
        "several: it gains where events are bright, and most where muons emit light evenly (an option). Its jitter is "
        "4 ns instead of 15 ns: a rougher likelihood, in which BFGS finds lower minima than the simplex."
    )
}
"""Notes to tables, by title."""

ZENITH: Final = (0.0, 60.0, 90.0, 120.0, 180.0)
CHARGE: Final = (0.0, 30.0, 100.0, 300.0, math.inf)
ENERGY: Final = (1e2, 3e2, 1e3, 3e3, 1e4, 3e4, 1e5)


@dataclass(frozen=True, slots=True)
class Study:
    """Tables of a study by title, and the files written."""

    tables: Mapping[str, pl.DataFrame]
    files: tuple[Path, ...]


def run(
    out: str | Path = "icecol-study",
    *,
    muons: int = 600,
    cascades: int = 600,
    seed: int = 1,
    losses: bool = True,
    console: Console | None = None,
) -> Study:
    """Study the resolution of the reconstructions: print tables, and write plots (PNG) and all tables as JSON.

    Muons are simulated in homogeneous ice, which the track fits assume, cascades in the layered ice of the South Pole.

    Parameters
    ----------
    out
        Folder for `study.json` and the plots; files of an earlier study are overwritten.
    muons, cascades
        Number of events of each kind; 0 leaves it out.
    seed
        Seed of the simulation.
    losses
        Simulate stochastic losses along muon tracks.
    console
        Console to print to.

    Returns
    -------
    Study

    Raises
    ------
    ValueError
        If both numbers of events are 0, or one is negative.

    Examples
    --------
    >>> from icecol import study
    >>> study.run("icecol-study", muons=1000).tables["angles of muons / °, all"]  # doctest: +SKIP
    """
    if muons < 0 or cascades < 0 or muons + cascades == 0:
        msg = f"`muons` and `cascades` must not be negative or both 0; found {muons} and {cascades}"
        raise ValueError(msg)
    folder, console = local(out), console or Console()
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, pl.DataFrame] = {}
    draw: dict[str, Callable[[], Axes]] = {}
    settings = {"muons": muons, "cascades": cascades, "seed": seed, "losses": losses}
    if muons:
        _muon_report(samples.muons(muons, seed=seed, losses=losses), tables, draw)
    if cascades:
        _cascade_report(samples.cascades(cascades, seed=seed, ice="layers"), tables, draw)
    for title, table in tables.items():
        console.print(shown(title, table))
        if title in NOTES:
            console.print(NOTES[title], markup=False)
    files = [folder / "study.json"]
    try:
        for name, make in draw.items():
            files.append(ic.plot.save(make(), folder / f"{name}.png"))
    except MissingDependencyError as err:
        console.print(f"no plots: {err}", style="yellow", markup=False)
    found = {title: json.loads(table.write_json()) for title, table in tables.items()}
    text = json.dumps({"icecol": ic.__version__, "settings": settings, "tables": _finite(found)}, indent=1)
    write(files[0], f"{text}\n".encode())
    console.print(f"{len(files)} files in {folder}/: {', '.join(f.name for f in files)}", markup=False)
    return Study(tables, tuple(files))


def _finite(value: Any) -> Any:
    """Return a value with null for what is no number in JSON: the end of an open bin."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _muon_report(
    frame: pl.DataFrame, tables: dict[str, pl.DataFrame], draw: dict[str, Callable[[], Axes]]
) -> None:
    fits = {fit: fit for fit in TRACK_FITS}
    found = {name: f"energy_{name}" for name in MUON_ENERGIES}
    tables["angles of muons / °, all"] = distribution(frame, fits, "charge", [0, math.inf])
    tables["angles of muons / ° by true zenith / °"] = distribution(frame, fits, "zenith", closed(ZENITH))
    tables["angles of muons / ° by charge / PE"] = distribution(frame, fits, "charge", CHARGE)
    tables["log10 energy of muons by true energy / GeV"] = energies(frame, found, closed(ENERGY))
    angle = "opening angle to the true direction / °"
    draw["angles"] = lambda: ic.plot.resolution({f: frame[f].to_numpy() for f in fits}, unit="deg", stop=10.0)
    draw["angles_by_zenith"] = lambda: ic.plot.quantiles(
        ZENITH,
        {f: split(frame, f, "zenith", closed(ZENITH)) for f in fits},
        x_label="true zenith / °",
        y_label=angle,
        log_y=True,
    )
    draw["angles_by_charge"] = lambda: ic.plot.quantiles(
        CHARGE,
        {f: split(frame, f, "charge", CHARGE) for f in fits},
        x_label="charge / PE",
        y_label=angle,
        log_x=True,
        log_y=True,
    )
    draw["muon_energy"] = lambda: energy_plot(frame, found)


def _cascade_report(
    frame: pl.DataFrame, tables: dict[str, pl.DataFrame], draw: dict[str, Callable[[], Axes]]
) -> None:
    what = {
        "distance": "vertex error of cascades / m",
        "delay": "time error of cascades / ns",
        "angle": "angles of cascades / °",
    }
    for column, title in what.items():
        fits = {name: f"{column}_{name}" for name in (CASCADE_SHAPES if column == "angle" else CASCADE_FITS)}
        tables[f"{title} by charge / PE"] = distribution(frame, fits, "charge", CHARGE)
    found = {name: f"energy_{name}" for name in CASCADE_SHAPES}
    tables["log10 energy of cascades by true energy / GeV"] = energies(frame, found, closed(ENERGY))

    def by_charge(column: str, y_label: str) -> Axes:
        names = [name for name in CASCADE_FITS if f"{column}_{name}" in frame.columns]
        parts = {name: split(frame, f"{column}_{name}", "charge", CHARGE) for name in names}
        return ic.plot.quantiles(CHARGE, parts, x_label="charge / PE", y_label=y_label, log_x=True)

    draw["cascade_vertex"] = lambda: by_charge("distance", "distance from the true vertex / m")
    draw["cascade_time"] = lambda: by_charge("delay", "time minus the true one / ns")
    draw["cascade_angle"] = lambda: by_charge("angle", "opening angle to the true direction / °")
    draw["cascade_energy"] = lambda: energy_plot(frame, found)


def energy_plot(frame: pl.DataFrame, columns: Mapping[str, str]) -> Axes:
    """Draw the median and the 16 to 84 % band of log10(energy / true energy) against the true energy, for each name."""
    ratio = frame.with_columns((pl.col(c) / pl.col("energy")).log10().alias(c) for c in columns.values())
    return ic.plot.quantiles(
        ENERGY,
        {name: split(ratio, column, "energy", closed(ENERGY)) for name, column in columns.items()},
        band=(0.16, 0.84),
        x_label="true energy / GeV",
        y_label="log10(energy / true energy)",
        log_x=True,
    )
