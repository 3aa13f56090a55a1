"""Resolution of the reconstructions on simulated events: directions and energies of muons, and cascades.

`muons` and `cascades` simulate and reconstruct, and give one row an event; `angles` and `energies` make tables of such
rows; `run` does all of it and writes tables, plots and one JSON file, as `icecol study` does. The ice of the simulation
is homogeneous, as the fits believe it to be, so that real resolutions are worse.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from rich.console import Console

import icecol as ic
from icecol import terminal
from icecol.errors import MissingDependencyError
from icecol.files import write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.table import Table

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
"""Energies of muons along the MPE fit: those of `truncated_energy` by the names of their ways, and `muon_energy`."""

CASCADE_FITS: Final[Mapping[str, Callable[[ic.Pulses], pl.Expr]]] = {
    "CLast": ic.reco.clast,
    "SPE": ic.reco.cascade_fit,
    "MPE": functools.partial(ic.reco.cascade_fit, form="MPE", jitter=4.0),
    "UPandel": functools.partial(ic.reco.cascade_fit, form="UPandel"),
}
"""Vertices and times of cascades; CLast is the seed of the others. A new one is a line here."""

CASCADE_SHAPES: Final = ("CLast",)
"""Those of them that say direction and energy, too, and not just those of their seed."""

NOTES: Final = {
    "angles of muons / ° by charge / PE": (
        "The density of the first of n photons (MPE) is another than that of one photon (SPE) only where sensors see "
        "several: it gains where events are bright, and most where muons shine evenly (an option). Its jitter is 4 ns "
        "for 15 ns: a rougher likelihood, in which the gradient (BFGS) finds lower minima than the simplex."
    )
}
"""What a table does not say by itself, by its title."""

QUANTILES: Final = (0.2, 0.5, 0.8, 0.9)

ZENITH: Final = (0.0, 60.0, 90.0, 120.0, 180.0)
CHARGE: Final = (0.0, 30.0, 100.0, 300.0, math.inf)
ENERGY: Final = (1e2, 3e2, 1e3, 3e3, 1e4, 3e4, 1e5)


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
        **{fit: ic.reco.opening_angle(fit, TRUTH).degrees().fill_nan(None) for fit in TRACK_FITS},
        zenith=pl.col(f"{TRUTH}.zenith").degrees(),
        energy=f"{TRUTH}.energy",
        charge="Q.total",
        **{f"energy_{name}": _positive(column) for name, column in MUON_ENERGIES.items()},
    ).collect()


def cascades(
    n: int, *, seed: int, energy: tuple[float, float] = (1e2, 1e5), index: float = 1.0
) -> pl.DataFrame:
    """Simulate and reconstruct cascades inside the detector, one row per event.

    Parameters
    ----------
    n, seed, energy, index
        Settings of the simulation; see `icecol.sim.events`.

    Returns
    -------
    pl.DataFrame
        Null if a fit failed: for each of `CASCADE_FITS` distance_<name> (m) of the vertex to the true one and
        delay_<name> (ns) of its time; for each of `CASCADE_SHAPES` angle_<name> (degrees) and energy_<name> (GeV); true
        zenith (degrees) and energy (GeV); charge (PE).

    Examples
    --------
    >>> cascades(5, seed=1).select("distance_CLast", "energy").shape
    (5, 2)
    """
    sample = ic.sim.events(n, seed=seed, muons=0, cascades=1, noise=0, energy=energy, index=index)
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
        columns[f"angle_{name}"] = ic.reco.opening_angle(name, TRUTH).degrees().fill_nan(None)
        columns[f"energy_{name}"] = _positive(f"{name}.energy")
    zenith = pl.col(f"{TRUTH}.zenith").degrees()
    return fitted.select(**columns, zenith=zenith, energy=f"{TRUTH}.energy", charge="Q.total").collect()


def _positive(column: str) -> pl.Expr:
    """Return an energy, null if there is none."""
    return pl.when(pl.col(column) > 0).then(pl.col(column)).fill_nan(None)


def distribution(
    frame: pl.DataFrame, columns: Mapping[str, str], by: str, edges: Sequence[float]
) -> pl.DataFrame:
    """Return quantiles of columns in bins of another one, one row per bin and column.

    Parameters
    ----------
    frame
        Events, one per row.
    columns
        Columns, by name in the resulting table.
    by, edges
        Column to bin in, and its bin edges; the upper edge of each bin is exclusive.

    Returns
    -------
    pl.DataFrame
        `low` and `high` of the range, events in it, name, those of them with an answer, and q20, q50, q80, q90 of
        their values (null without any).

    Examples
    --------
    >>> frame = pl.DataFrame({"angle": [1.0, 2.0, 3.0, None], "zenith": [10.0, 20.0, 30.0, 40.0]})
    >>> distribution(frame, {"SPE": "angle"}, "zenith", [0, 90]).drop("q20", "q80", "q90").row(0)
    (0.0, 90.0, 4, 'SPE', 3, 2.0)
    """
    rows = []
    for low, high in itertools.pairwise(edges):
        part = frame.filter(pl.col(by).is_between(low, high, closed="left"))
        for name, column in columns.items():
            values = part[column].drop_nulls()
            found = {f"q{100 * q:.0f}": values.quantile(q, "linear") for q in QUANTILES}
            rows.append(
                {
                    "low": float(low),
                    "high": float(high),
                    "events": part.height,
                    "name": name,
                    "answers": values.len(),
                    **found,
                }
            )
    numbers = {f"q{100 * q:.0f}": pl.Float64 for q in QUANTILES}
    return pl.DataFrame(rows, schema_overrides=numbers)


def energies(frame: pl.DataFrame, columns: Mapping[str, str], edges: Sequence[float]) -> pl.DataFrame:
    """Return bias and spread of energies in bins of true energy, one row per bin and name.

    Parameters
    ----------
    frame
        Events, one per row, with the true `energy` (GeV).
    columns
        Columns of reconstructed energies (GeV, null if the fit failed), by name in the resulting table.
    edges
        Bin edges of the true energy.

    Returns
    -------
    pl.DataFrame
        `low` and `high` of the range (GeV), events in it, name, those of them with an answer, and of log10(energy /
        true energy) the median as `bias` and half of what is between the 16 and the 84 % quantile as `spread`.

    Examples
    --------
    >>> frame = pl.DataFrame({"energy": [1e3] * 3, "found": [1e2, 1e3, 1e4]})
    >>> energies(frame, {"likelihood": "found"}, [1e2, 1e4]).drop("spread").row(0)
    (100.0, 10000.0, 3, 'likelihood', 3, 0.0)
    """
    rows = []
    for low, high in itertools.pairwise(edges):
        part = frame.filter(pl.col("energy").is_between(low, high, closed="left"))
        for name, column in columns.items():
            ratio = (part[column] / part["energy"]).log10().drop_nulls()
            lower, bias, upper = (ratio.quantile(q, "linear") for q in (0.16, 0.5, 0.84))
            spread = (upper - lower) / 2 if lower is not None and upper is not None else None
            row = {"low": float(low), "high": float(high), "events": part.height, "name": name}
            rows.append({**row, "answers": ratio.len(), "bias": bias, "spread": spread})
    return pl.DataFrame(rows, schema_overrides={"bias": pl.Float64, "spread": pl.Float64})


# -- the report -------------------------------------------------------------------------------------------------------


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
    >>> study.run("icecol-study", muons=1000).tables["angles of muons, all"]  # doctest: +SKIP
    """
    if muons < 0 or cascades < 0 or muons + cascades == 0:
        msg = f"`muons` and `cascades` must not be negative or both 0; found {muons} and {cascades}"
        raise ValueError(msg)
    folder, console = Path(out), console or Console()
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, pl.DataFrame] = {}
    draw: dict[str, Callable[[], Axes]] = {}
    settings = {"muons": muons, "cascades": cascades, "seed": seed, "losses": losses}
    if muons:
        _muon_report(_muons(muons, seed=seed, losses=losses), tables, draw)
    if cascades:
        _cascade_report(_cascades(cascades, seed=seed), tables, draw)
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


_muons, _cascades = muons, cascades  # `run` has arguments of these names


def _finite(value: Any) -> Any:
    """Return a value with null for what JSON has no number for: the end of an open range."""
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
    tables["angles of muons / ° by true zenith / °"] = distribution(frame, fits, "zenith", _closed(ZENITH))
    tables["angles of muons / ° by charge / PE"] = distribution(frame, fits, "charge", CHARGE)
    tables["log10 energy of muons by true energy / GeV"] = energies(frame, found, _closed(ENERGY))
    angle = "opening angle to the true direction / °"
    draw["angles"] = lambda: ic.plot.resolution({f: frame[f].to_numpy() for f in fits}, unit="deg", stop=10.0)
    draw["angles_by_zenith"] = lambda: ic.plot.quantiles(
        ZENITH,
        {f: split(frame, f, "zenith", _closed(ZENITH)) for f in fits},
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
        "distance": "distance of the vertex of cascades / m",
        "delay": "delay of the time of cascades / ns",
        "angle": "angles of cascades / °",
    }
    for column, title in what.items():
        fits = {name: f"{column}_{name}" for name in (CASCADE_SHAPES if column == "angle" else CASCADE_FITS)}
        tables[f"{title} by charge / PE"] = distribution(frame, fits, "charge", CHARGE)
    found = {name: f"energy_{name}" for name in CASCADE_SHAPES}
    tables["log10 energy of cascades by true energy / GeV"] = energies(frame, found, _closed(ENERGY))

    def by_charge(column: str, y_label: str) -> Axes:
        names = [name for name in CASCADE_FITS if f"{column}_{name}" in frame.columns]
        parts = {name: split(frame, f"{column}_{name}", "charge", CHARGE) for name in names}
        return ic.plot.quantiles(CHARGE, parts, x_label="charge / PE", y_label=y_label, log_x=True)

    draw["cascade_vertex"] = lambda: by_charge("distance", "distance of the vertex / m")
    draw["cascade_time"] = lambda: by_charge("delay", "delay of the time / ns")
    draw["cascade_angle"] = lambda: by_charge("angle", "opening angle to the true direction / °")
    draw["cascade_energy"] = lambda: energy_plot(frame, found)


def _closed(edges: Sequence[float]) -> list[float]:
    """Return edges of which the last range has its end, too."""
    return [*edges[:-1], float(np.nextafter(edges[-1], math.inf))]


def split(
    frame: pl.DataFrame, column: str, by: str, edges: Sequence[float]
) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """Return the values of a column in each range of another one; null is left out."""
    return [
        frame.filter(pl.col(by).is_between(low, high, closed="left"))[column].drop_nulls().to_numpy()
        for low, high in itertools.pairwise(edges)
    ]


def energy_plot(frame: pl.DataFrame, columns: Mapping[str, str]) -> Axes:
    """Draw median and 16 to 84 % of log10(energy / true energy) over the true energy, for each name."""
    ratio = frame.with_columns((pl.col(c) / pl.col("energy")).log10().alias(c) for c in columns.values())
    return ic.plot.quantiles(
        ENERGY,
        {name: split(ratio, column, "energy", _closed(ENERGY)) for name, column in columns.items()},
        band=(0.16, 0.84),
        x_label="true energy / GeV",
        y_label="log10(energy / true energy)",
        log_x=True,
    )


def shown(title: str, table: pl.DataFrame) -> Table:
    """Return a table of `distribution` or `energies` for the terminal: a line for each range and name."""
    numbers = [c for c in table.columns if c not in {"low", "high", "events", "name", "answers"}]
    heads = [f"{name[1:]} %" if name[1:].isdigit() else name for name in numbers]
    columns = ("", "events", "", *heads, "no answer")
    made = terminal.table(*columns, numbers=set(columns) - {""}, title=title)
    whole = table["low"].n_unique() == 1
    before = None
    for row in table.iter_rows(named=True):
        place = "all" if whole else f"{row['low']:g} to {row['high']:g}"
        new = place != before
        cells = ["" if row[c] is None else f"{row[c]:.3g}" for c in numbers]
        missing = row["events"] - row["answers"]
        first = (place, str(row["events"])) if new else ("", "")
        made.add_row(*first, row["name"], *cells, str(missing) if missing else "")
        before = place
    return made
