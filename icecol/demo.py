"""A complete analysis without data or network: events are simulated, converted, reconstructed, cut and plotted.

Every step says what it does, how a user would write it, and how long it took. Kernels are compiled by numba the first
time they run on a machine; two helper processes do that beside the simulation.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from rich.console import Console

import icecol as ic
from icecol import files, terminal
from icecol.ahead import small_event
from icecol.errors import DatasetError, MissingDependencyError
from icecol.places import local

if TYPE_CHECKING:
    from icecol.dataset.pulses import Pulses
    from icecol.dataset.scan import Dataset
    from icecol.hist import Hist

FILES: Final = 2
"""Files of events, each with its own seed and run number."""
RESULT: Final = "demo.json"
"""Times and results of the last run; a folder with this file is a demo folder and may be overwritten."""
PULSES: Final = "SRTInIcePulses"
TRUTH: Final = "MCMostEnergeticTrack"


@dataclass(frozen=True, slots=True)
class Demo:
    """What a run of the demo found.

    `cutflow` is the table that `icecol.cutflow` gives, `charge` the histogram of the charge of selected events in PE,
    `medians` the median opening angle to the true direction of selected muons in degrees, for each reconstruction,
    `seconds` the time of each step, and under `compile` that of waiting for kernels to be compiled.
    """

    folder: Path
    dataset: Dataset
    cutflow: pl.DataFrame
    charge: Hist
    medians: Mapping[str, float]
    seconds: Mapping[str, float]


@dataclass(slots=True)
class _Steps:
    """Prints the steps and records their times."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)
    number: int = 0

    @contextmanager
    def step(self, name: str, what: str, code: str) -> Iterator[None]:
        """Print what is done and the code for it, then how long it took."""
        self.number += 1
        self.console.print(f"\n{self.number}. {what}", style="bold", markup=False)
        for line in code.splitlines():
            self.console.print(f"   {line}", style="cyan", highlight=False, markup=False, soft_wrap=True)
        begin = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begin
        self.console.print(f"   {self.seconds[name]:.1f} s", style="dim", highlight=False)


def run(
    out: str | Path = "icecol-demo", *, events: int = 3000, seed: int = 1, console: Console | None = None
) -> Demo:
    """Run the demo into a folder: `*.i3.zst`, `GCD.i3.gz`, `demo.icecol/`, `charge.json`, two plots, `demo.json`.

    Parameters
    ----------
    out : path
        Output folder. One made by an earlier run is overwritten; any other is refused unless empty.
    events : int
        Number of events: 70 % muons, 20 % cascades, 10 % noise.
    seed : int
        Seed of the simulation; the same seed gives the same numbers.
    console : rich.console.Console, optional
        Console to print to.

    Returns
    -------
    Demo

    Raises
    ------
    DatasetError
        If the folder contains anything else.
    ValueError
        If there are fewer events than files.

    Examples
    --------
    >>> from icecol import demo
    >>> demo.run("icecol-demo").medians["LineFit (improved)"]  # doctest: +SKIP
    """
    if events < FILES:
        msg = f"`events` is {events}; the demo needs at least {FILES}, one per file"
        raise ValueError(msg)
    folder = _own_folder(Path(out))
    steps = _Steps(console or Console())
    steps.console.print(f"icecol demo: {events} simulated events in {folder}/", markup=False)
    steps.console.print("(the first run on a machine also compiles the kernels)", style="dim", markup=False)
    with _helpers(steps) as ready:
        paths, gcd = _simulate(steps, folder, events, seed)
        ready("conversion")
        dataset = _convert(steps, folder, paths, gcd)
        ready("features")
    selected, table = _select(steps, dataset)
    charge = _histogram(steps, folder, selected)
    medians = _resolution(steps, folder, selected)
    demo = Demo(folder, dataset, table, charge, medians, steps.seconds)
    _conclude(steps, demo)
    return demo


def _own_folder(folder: Path) -> Path:
    local(folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RESULT).is_file():
        msg = f"{folder} is not a demo folder (it has no {RESULT}): choose another with --out, or remove it"
        raise DatasetError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    files.write(folder / RESULT, b"{}\n")
    return folder


# -- the steps --------------------------------------------------------------------------------------------------------


def _simulate(steps: _Steps, folder: Path, events: int, seed: int) -> tuple[list[Path], Path]:
    shares = [events // FILES + (i < events % FILES) for i in range(FILES)]
    with steps.step(
        "simulate",
        f"Simulate {events} events (muons, cascades, noise) in a detector of 86 strings with 5160 DOMs",
        f"events = ic.sim.events({shares[0]}, seed={seed})",
    ):
        samples = [ic.sim.events(n, seed=seed + i) for i, n in enumerate(shares)]
    paths = [folder / f"run{i + 1:02d}.i3.zst" for i in range(FILES)]
    gcd = folder / "GCD.i3.gz"
    with steps.step(
        "write",
        "Write them as .i3 files, as IceTray would, and the detector as a GCD file",
        f'ic.sim.write("{paths[0].name}", events, gcd="{gcd.name}")',
    ):
        for i, (path, sample) in enumerate(zip(paths, samples, strict=True)):
            ic.sim.write(path, sample, gcd=None if i else gcd, run_id=i + 1)
        steps.console.print(f"   {sum(p.stat().st_size for p in paths) / 1e6:.1f} MB", style="dim")
    return paths, gcd


def _convert(steps: _Steps, folder: Path, paths: list[Path], gcd: Path) -> Dataset:
    with steps.step(
        "convert",
        "Convert the files into a dataset of Parquet files: one row per event, one column per member of an object",
        f'ds = ic.convert.i3("run*.i3.zst", "demo.icecol", gcd="{gcd.name}")',
    ):
        # so few events are not worth a process for each file
        dataset = ic.convert.i3(paths, folder / "demo.icecol", gcd=gcd, jobs=1, overwrite=True)
        steps.console.print(
            f"   {dataset.rows} events, {len(dataset.schema.names)} columns of {len(dataset.keys)} frame objects",
            style="dim",
        )
    return dataset


def features(pulses: Pulses) -> dict[str, pl.Expr]:
    """Return the features that the demo computes, by name."""
    return {
        "LineFit": ic.reco.linefit(pulses),
        "Improved": ic.reco.improved_linefit(pulses),
        "ToI": ic.reco.tensor_of_inertia(pulses),
        "Q": ic.reco.charge(pulses),
    }


def cuts() -> Any:
    """Return the selection of the demo: well-lit events that fired the trigger and move like a track."""
    return ic.Cuts(
        triggered=ic.select.filter_passed("SMT8"),
        bright=pl.col("Q.n_hit_doms") >= 15,
        tracklike=pl.col("Improved.speed") > 0.2,
    )


def _select(steps: _Steps, dataset: Dataset) -> tuple[pl.LazyFrame, pl.DataFrame]:
    with steps.step(
        "select",
        "Compute features of the pulses and count the events that pass named cuts, in one lazy plan",
        f"""pulses = ds.pulses("{PULSES}")
events = ic.with_features(ds.scan(), LineFit=ic.reco.linefit(pulses), Improved=ic.reco.improved_linefit(pulses),
                          ToI=ic.reco.tensor_of_inertia(pulses), Q=ic.reco.charge(pulses))
cuts = ic.Cuts(triggered=ic.select.filter_passed("SMT8"),
               bright=pl.col("Q.n_hit_doms") >= 15,
               tracklike=pl.col("Improved.speed") > 0.2)
print(ic.cutflow(events, cuts))""",
    ):
        events = ic.with_features(dataset.scan(), **features(dataset.pulses(PULSES)))
        chosen = cuts()
        table = ic.cutflow(events, chosen)
        steps.console.print(terminal.frame(table))
    return chosen.apply(events), table


def _histogram(steps: _Steps, folder: Path, selected: pl.LazyFrame) -> Hist:
    with steps.step(
        "histogram",
        "Fill a histogram of the charge of the selected events, keep it as JSON and draw it",
        """h = ic.hist.fill(cuts.apply(events), ic.hist.log("Q.total", 30, 1e1, 1e4, label="charge / PE"))
h.save("charge.json")
ic.plot.save(ic.plot.hist1d(h, log=True), "charge.png")""",
    ):
        charge = ic.hist.fill(selected, ic.hist.log("Q.total", 30, 1e1, 1e4, label="charge / PE"))
        charge.save(folder / "charge.json")
        steps.console.print(f"   {charge!r}", style="dim", highlight=False)
        try:
            ic.plot.save(ic.plot.hist1d(charge, log=True), folder / "charge.png")
        except MissingDependencyError as err:
            steps.console.print(f"   no plot: {err}", style="yellow", markup=False)
    return charge


def _resolution(steps: _Steps, folder: Path, selected: pl.LazyFrame) -> dict[str, float]:
    names = {"LineFit": "LineFit", "LineFit (improved)": "Improved", "tensor of inertia": "ToI"}
    with steps.step(
        "resolution",
        "Compare the reconstructed directions of selected muons with the true ones",
        f"""angles = cuts.apply(events).filter(pl.col("{TRUTH}.zenith").is_not_null()).select(
    **{{name: ic.reco.opening_angle(name, "{TRUTH}").degrees() for name in ("LineFit", "Improved", "ToI")}}).collect()
ic.plot.save(ic.plot.resolution(angles.to_dict(), unit="deg"), "resolution.png")
angles.median()""",
    ):
        angles = (
            selected.filter(pl.col(f"{TRUTH}.zenith").is_not_null())
            .select(**{name: ic.reco.opening_angle(key, TRUTH).degrees() for name, key in names.items()})
            .collect(engine="streaming")
        )
        medians = {name: _median(angles[name]) for name in names}
        for name, median in medians.items():
            steps.console.print(
                f"   {name:20s} median {median:6.2f}° ({angles.height} muons)", highlight=False
            )
        try:
            ic.plot.save(
                ic.plot.resolution({name: angles[name].to_numpy() for name in names}, unit="deg"),
                folder / "resolution.png",
            )
        except MissingDependencyError as err:
            steps.console.print(f"   no plot: {err}", style="yellow", markup=False)
    return medians


def _median(angles: pl.Series) -> float:
    median = angles.median()
    return float(median) if isinstance(median, float) else math.nan


def _conclude(steps: _Steps, demo: Demo) -> None:
    found = {
        "icecol": ic.__version__,
        "events": demo.dataset.rows,
        "selected": int(demo.cutflow["n"][-1]),
        "medians": dict(demo.medians),
        "seconds": dict(demo.seconds),
    }
    files.write(demo.folder / RESULT, (json.dumps(found, indent=1) + "\n").encode())
    steps.console.print(
        f"\n{found['selected']} of {found['events']} events selected; median opening angle of muons "
        + ", ".join(f"{m:.2f}° ({name})" for name, m in demo.medians.items()),
        style="bold",
        highlight=False,
    )
    drawn = (demo.folder / "resolution.png").exists()
    plots = (
        f"see charge.png and resolution.png in {demo.folder}/" if drawn else f"files are in {demo.folder}/"
    )
    steps.console.print(
        f"{sum(demo.seconds.values()):.0f} s in all; {plots}. Next:\n"
        f"   icecol inspect {demo.folder}/run01.i3.zst\n"
        f"   icecol info {demo.folder}/demo.icecol",
        highlight=False,
    )


# -- compiling beside the simulation -----------------------------------------------------------------------------------


@contextmanager
def _helpers(steps: _Steps) -> Iterator[Callable[[str], None]]:
    """Compile the kernels of later steps in processes of their own and yield a function that waits for those of one.

    numba keeps the compiled code on disk, where this process finds it.

    What fails there is of no consequence: this process then compiles it itself.
    """
    running = {
        name: subprocess.Popen(
            [sys.executable, "-c", f"from icecol import demo; demo.compile_{name}()"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in ("conversion", "features")
    }

    def wait(name: str) -> None:
        begin = time.perf_counter()
        running[name].wait()
        seconds = time.perf_counter() - begin
        steps.seconds["compile"] = steps.seconds.get("compile", 0.0) + seconds
        if seconds > 0.5:
            steps.console.print(
                f"\n   {seconds:.1f} s more until all kernels are compiled (this once)", style="dim"
            )

    try:
        yield wait
    finally:
        for process in running.values():
            process.terminate()
            process.wait()


def compile_conversion() -> None:
    """Write and convert one small event, so that the kernels of both are compiled."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.i3.zst"
        ic.sim.write(path, small_event())
        ic.convert.i3(path, Path(folder) / "small.icecol", jobs=1)


def compile_features() -> None:
    """Select one small event, so that the kernels of the features are compiled."""
    small = small_event()
    pulses = ic.Pulses(PULSES, small.geometry)
    ic.with_features(small.to_polars(), **features(pulses)).filter(cuts().mask()).collect()
