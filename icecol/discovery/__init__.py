"""The discovery of 2013 again, from photons on, without any data: `icecol demo --discovery`.

Neutrinos and muons are simulated with biases, reconstructed and weighted, which gives what is expected. Pseudo-data are
drawn from events that were simulated for nothing else. They stay blind but for a burn sample until everything is fixed;
then one call opens them, and a likelihood in energy, declination and topology tells whether they are atmospheric.

Every step leaves a file behind, and a run that was killed goes on with the first one that is missing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

import polars as pl
from rich.console import Console

import icecol as ic
from icecol import files, terminal
from icecol.dataset.scan import Dataset
from icecol.discovery import analysis, figures, nature, sample
from icecol.errors import DatasetError
from icecol.places import local

SETTINGS: Final = "settings.json"
RESULT: Final = "discovery.json"
CLOSEST: Final = 30
"""Muons with the least charge in the veto, which stand for those that it misses."""


FEW: Final = 10
"""Effective number of simulated events of a component, below which the log warns of the p-value."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a run found: the selected events, what was expected, the test and the fit."""

    folder: Path
    events: pl.DataFrame
    expected: pl.DataFrame
    test: ic.stats.HypothesisTest
    fit: ic.stats.Fit


class _Log:
    """Prints to a console, and to a file."""

    def __init__(self, console: Console, file: TextIO) -> None:
        self.consoles = (console, Console(file=file, width=120))
        self.begin = time.perf_counter()

    def __call__(self, text: Any) -> None:
        for console in self.consoles:
            console.print(text, highlight=False, markup=False, soft_wrap=isinstance(text, str))

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        begin = time.perf_counter()
        self(f"\n{what}")
        yield
        self(f"   {time.perf_counter() - begin:.1f} s")


def run(
    out: str | Path = "icecol-discovery",
    *,
    size: float = 1.0,
    seed: int = 1,
    norm: float = 1.5,
    index: float = 2.3,
    trials: int = 3000,
    jobs: int | None = None,
    ice: str = "layers",
    console: Console | None = None,
) -> Discovery:
    """Run the discovery into a folder, or go on with one that was killed.

    Parameters
    ----------
    out
        Output folder: datasets, `data_*.i3.zst`, tables, figures, `log.txt`, `discovery.json`.
    size
        Part of the full simulation: 1 is for results, a hundredth to try it.
    seed
        Seed of everything; the same seed and size give the same numbers.
    norm, index
        Flux of a flavor that nature has, at 100 TeV in 1e-18 / (GeV cm^2 s sr), and its index; a norm of 0 is none.
    trials
        Pseudo-experiments for the p-value.
    jobs
        Processes of the simulation; by default, one per core.
    ice
        As for `icecol.sim.generate`.
    console
        Console to print to.

    Returns
    -------
    Discovery

    Raises
    ------
    DatasetError
        If the folder has something else in it, or a run with other settings.
    ValueError
        If a number that must be positive is not.

    Examples
    --------
    >>> from icecol import discovery
    >>> print(discovery.run("icecol-discovery").test)  # doctest: +SKIP
    """
    if not (size > 0 and trials > 0 and norm >= 0):
        msg = f"`size` and `trials` must be positive and `norm` 0 or more; found {size}, {trials} and {norm}"
        raise ValueError(msg)
    settings: dict[str, Any] = {
        "size": size,
        "seed": seed,
        "norm": norm,
        "index": index,
        "trials": trials,
        "ice": ice,
    }
    folder = _folder(local(out), settings)
    with (folder / "log.txt").open("a", encoding="utf-8") as file:
        return _run(folder, _Log(console or Console(), file), jobs, **settings)


def _folder(folder: Path, settings: Mapping[str, Any]) -> Path:
    path = folder / SETTINGS
    if folder.is_dir() and any(folder.iterdir()):
        there = json.loads(path.read_text()) if path.is_file() else None
        if there != settings:
            what = f"a run with other settings ({there})" if there else "something else"
            msg = f"{folder} has {what} in it: choose another with --out, or remove it"
            raise DatasetError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    files.write(path, (json.dumps(settings, indent=1) + "\n").encode())
    return folder


def _run(
    folder: Path, log: _Log, jobs: int | None, *, size: float, seed: int, norm: float, index: float, trials: int,
    ice: Any,
) -> Discovery:  # fmt: skip
    how = {"seed": seed, "size": size, "jobs": jobs, "ice": ice}
    days = analysis.DAYS
    datasets: dict[str, dict[str, Dataset]] = {}
    for role, kinds in {"expectation": sample.KINDS, "nature": sample.KINDS, "rates": sample.FAINT}.items():
        with log.step(f"Simulate {', '.join(kinds)} ({role})"):
            datasets[role] = {kind: sample.simulate(folder, role, kind, **how) for kind in kinds}
            log(f"   {', '.join(f'{ds.rows:,} {kind}' for kind, ds in datasets[role].items())}")
    with log.step("Select and reconstruct what is expected"):
        tables = {
            kind: sample.table(folder / f"expected_{kind}.parquet", ds, kind, closest=CLOSEST)
            for kind, ds in datasets["expectation"].items()
        }
        expected = analysis.expected(tables, days, norm, index)
        log(terminal.frame(expected))
        few = expected.filter(pl.col("n_effective") < FEW)["component"].to_list()
        if few:
            log(f"   fewer than {FEW} effective events of {', '.join(few)}: the p-value will not be right")
        muons = datasets["expectation"]["muons"]
        log(_muons(muons, days))
    with log.step("Draw pseudo-data from nature, write and convert them, and blind all but a tenth"):
        events = nature.drawn(
            datasets["nature"], seed=seed, seconds=days * sample.DAY, norm=norm, index=index, muons=analysis.MUONS,
            closest=CLOSEST,
        )  # fmt: skip
        ds = nature.pseudo_data(folder, events, days)
        if ds.manifest.blinding.burn is None and not ds.manifest.blinding.acts:
            ds = ic.blind(ds, burn=0.1, by="event", seed=seed)
        if not (folder / "burn.json").is_file():
            part = ic.facts(ds.scan()).livetime / sample.DAY
            seen = selected(ds).height
            wish = float(expected["expected"].sum()) * part / days
            text = f"   burn sample: {seen} events selected in {part:.0f} days, {wish:.1f} expected"
            files.write(folder / "burn.json", json.dumps({"text": text}).encode())
        log(json.loads((folder / "burn.json").read_text())["text"])
    made = analysis.model(tables, days)
    with log.step("Unblind"):
        if len(ds.manifest.blinding.acts) < 2:
            ds = ic.unblind(ds, reason="selection, bins, priors and test statistic are fixed")
        act = ds.manifest.blinding.acts[-1]
        log(f"   {act.time}: {act.user}, {act.reason}")
    path = folder / "events.parquet"
    if not path.is_file():
        with files.whole(path) as aside:
            selected(ds).write_parquet(aside)
    chosen = pl.read_parquet(path)
    with log.step("Test, fit, contour"):
        data = analysis.counts(chosen)
        test = made.test(data, "astro", method="importance", n=trials, seed=seed)
        fit = made.fit(data)
        log(str(test))
        log(str(fit))
    with log.step("Draw figures"):
        figures.raw_data(folder / "raw.png", seed=seed)
        figures.rates(folder / "rates.png", datasets["rates"])
        figures.sky(folder / "events.png", chosen, made)
        figures.contour(folder / "contour.png", fit, (norm, index))
        if test.trials is not None:
            ic.plot.save(ic.plot.trials(test.trials, test.statistic), folder / "trials.png")
        if chosen.height:
            best = chosen.sort("charge").row(-1, named=True)
            run_id, event_id = best["I3EventHeader.run_id"], best["I3EventHeader.event_id"]
            ic.plot.save(ic.plot.event(ds, run=run_id, event=event_id), folder / "event.png")
    found = {
        "icecol": ic.__version__, "observed": chosen.height, "expected": float(test.expected), "p": test.p,
        "p_interval": list(test.p_interval), "statistic": test.statistic, "values": dict(fit.values),
        "sentence": str(test),
    }  # fmt: skip
    files.write(folder / RESULT, (json.dumps(found, indent=1) + "\n").encode())
    log(f"\n{time.perf_counter() - log.begin:.0f} s in all; figures and tables are in {folder}/")
    return Discovery(folder, chosen, expected, test, fit)


def selected(ds: Dataset) -> pl.DataFrame:
    """Return the events of the pseudo-data that may be seen and pass, with their reconstruction."""
    passed = (pl.col("Q.value") > sample.CHARGE) & (~pl.col("Veto.vetoed") | pl.col(f"{nature.MISSED}.value"))
    events = sample.fitted(sample.charged(ds).filter(passed), ds)
    return events.select(
        *sample.HEADER, "energy", "sin_dec", "topology", charge="Q.value", missed=f"{nature.MISSED}.value"
    ).collect()


def _muons(ds: Dataset, days: float) -> str:
    """Say what the simulation itself knows of muons that pass the veto."""
    bright = sample.charged(ds).filter(pl.col("Q.value") > sample.CHARGE)
    rate = bright.select("Veto.vetoed", w=sample.weights(ds, "muons")["muons"] * days * sample.DAY).collect()
    w = rate["w"].to_numpy()
    total, n = w.sum(), w.sum() ** 2 / max((w * w).sum(), 1e-300)
    passed = rate.filter(~pl.col("Veto.vetoed"))
    return (
        f"   muons above {sample.CHARGE:.0f} PE: {total:.3g} expected ({n:.0f} effective), of which "
        f"{passed['w'].sum():.3g} ({passed.height} simulated) pass the veto"
    )


__all__ = ["Discovery", "run", "selected"]
