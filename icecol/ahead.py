"""Compiling ahead: machine code of all features, fits and ways through icecol, for processes that only load it."""

from __future__ import annotations

import functools
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

import icecol as ic
from icecol.dataset.pulses import Pulses
from icecol.errors import did_you_mean

KEY: Final = "SRTInIcePulses"
TRACK: Final = ("x", "y", "z", "time", "zenith", "azimuth", "energy", "length", "speed")


@dataclass(frozen=True, slots=True)
class Done:
    """What one piece of work compiled: functions with the seconds each took; processor time; what failed."""

    name: str
    functions: tuple[tuple[str, float], ...]
    cpu: float
    error: str | None = None


def compile_ahead(
    wanted: Sequence[str] = (), *, cache: Path | None = None, jobs: int | None = None, portable: bool = False
) -> Iterator[Done]:
    """Compile what features and ways through icecol need, in processes of their own; yield each when it is done.

    Parameters
    ----------
    wanted
        Names among those of `work()`; a feature stands for all of its forms. Without names, everything.
    cache
        Folder to keep the machine code in; without it, that of this user.
    jobs
        Number of processes; by default, one per core.
    portable
        Compile for all processors with the instructions of x86-64-v3, not for this one.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    names = chosen(wanted)
    environment = {} if cache is None else {"NUMBA_CACHE_DIR": str(cache.absolute())}
    if portable:
        from icecol.jit.targets import PORTABLE

        environment |= PORTABLE
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
    from icecol.convert.processes import processes  # not above: workers load numba only when `_begin` has run

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        processes(jobs, len(names)), context, initializer=_begin, initargs=(environment,)
    ) as pool:
        for future in as_completed([pool.submit(_do, name) for name in names]):
            yield future.result()


def chosen(wanted: Sequence[str]) -> list[str]:
    """Return the names of the work that is wanted, that which takes long first."""
    every = list(work())
    short = {name: name.partition(",")[0] for name in every}
    for name in wanted:
        if name not in every and name not in short.values():
            known = sorted(set(short.values()))
            msg = f"{name!r} is not something to compile{did_you_mean(name, known, 'names')}"
            raise ValueError(msg)
    return [n for n in every if not wanted or n in wanted or short[n] in wanted]


def work() -> Mapping[str, Callable[[], object]]:
    """Return small pieces of work by name, each of which needs machine code of a feature or a way through icecol."""
    every: dict[str, Callable[[], object]] = {
        "simulation": lambda: ic.sim.events(2, seed=1),
        "conversion": _convert,
        "frames": _frames,
        "histogram": _histogram,
    }
    pulses = Pulses(KEY, ic.Geometry.nominal())
    for name, feature in (fits(pulses) | features(pulses)).items():
        every[name] = functools.partial(_compute, feature)
    return every


def _begin(environment: Mapping[str, str]) -> None:
    os.environ.update(environment)  # numba, which reads it, is not loaded yet


def _do(name: str) -> Done:
    from icecol.jit import cache

    before, begin, error = len(cache.made), time.process_time(), None
    try:
        work()[name]()
    except Exception as err:  # noqa: BLE001  # the others can be compiled all the same
        error = f"{type(err).__name__}: {err}"
    return Done(name, tuple(cache.made[before:]), time.process_time() - begin, error)


def _compute(feature: pl.Expr) -> object:
    frame = small_event().to_polars()
    numbers = [pl.lit(1.0 + i).alias(f"{k}.{m}") for k in ("LineFit", "CLast") for i, m in enumerate(TRACK)]
    status = [pl.lit(0, pl.Int32).alias(f"{k}.fit_status") for k in ("LineFit", "CLast")]
    return ic.with_features(frame.lazy().with_columns(*numbers, *status), F=feature).collect()


def _written(folder: Path) -> Path:
    path = folder / "small.i3.zst"
    ic.sim.write(path, small_event())
    return path


def _convert() -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = ic.convert.i3(_written(Path(folder)), Path(folder) / "small.icecol", jobs=1)
        dataset.scan().collect()


def _frames() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = _written(Path(folder))
        for frame in ic.open_i3(path):
            if KEY in frame:
                frame.pulses(KEY)
        ic.scan_i3(path).collect()


def _histogram() -> None:
    frame = pl.DataFrame({"x": [0.5, 1.5], "w": [1.0, 2.0]})
    ic.hist.fill(frame, ic.hist.regular("x", 2, 0, 2))
    ic.hist.fill(frame, ic.hist.regular("x", 2, 0, 2), weight="w")


def features(p: Pulses) -> dict[str, pl.Expr]:
    """Return the features that can be computed of simulated pulses and of first guesses."""
    r = ic.reco
    geometry = p.geometry or ic.Geometry.nominal()
    return {
        "charge": r.charge(p),
        "homogenized_qtot": r.homogenized_qtot(p),
        "causal_qtot": r.causal_qtot(p, vertex="LineFit"),
        "dom_summary": r.dom_summary(p),
        "linefit": r.linefit(p),
        "improved_linefit": r.improved_linefit(p),
        "improved_linefit, EHE": r.improved_linefit(p, delay_time_interval=1e4, min_doms=8),
        "tensor_of_inertia": r.tensor_of_inertia(p),
        "clast": r.clast(p),
        "dipole_fit": r.dipole_fit(p),
        "hit_multiplicity": r.hit_multiplicity(p),
        "hit_statistics": r.hit_statistics(p),
        "time_characteristics": r.time_characteristics(p),
        "direct_hits": r.direct_hits(p, window="C", track="LineFit"),
        "track_characteristics": r.track_characteristics(p, track="LineFit"),
        "common_variables": r.common_variables(p, track="LineFit"),
        "i3cuts": r.i3cuts(p, window="C", track="LineFit"),
        "cherenkov": r.cherenkov(p, track="LineFit"),
        "finite_reco": r.finite_reco(p, track="LineFit"),
        "fill_ratio": r.fill_ratio(p, vertex="CLast"),
        "fill_ratio_lite": r.fill_ratio_lite(p, vertex="CLast"),
        "hlc_pulses": r.hlc_pulses(p),
        "first_pulses": r.first_pulses(p),
        "select_doms": r.select_doms(p, strings=range(1, 79)),
        "dynamic_time_window": r.dynamic_time_window(p),
        "classic_rt": r.classic_rt(p),
        "seeded_rt": r.seeded_rt(p),
        "delay_cleaning": r.delay_cleaning(p),
        "topological_split": r.topological_split(p),
        "smt": r.smt(p),
        "string_trigger": r.string_trigger(p),
        "volume_trigger": r.volume_trigger(p),
        "hese_veto": r.hese_veto(p),
        "layer_veto": r.layer_veto(p),
        "deepcore_veto": r.deepcore_veto(p),
        "i3_veto": r.i3_veto(p),
        "rt_veto": r.rt_veto(p),
        "containment": r.containment(geometry, vertex="CLast"),
        "containment_size": r.containment_size(geometry, track="LineFit"),
        "cylinder_size": r.cylinder_size(track="LineFit"),
        "opening_angle": r.opening_angle("LineFit", "CLast"),
        "truncated_energy": r.truncated_energy(p, track="LineFit"),
        "cramer_rao": r.cramer_rao(p, track="LineFit"),
        "track_likelihood": r.track_likelihood(p, track="LineFit"),
        "cascade_likelihood": r.cascade_likelihood(p, vertex="CLast"),
    }


def fits(p: Pulses) -> dict[str, pl.Expr]:
    """Return the fits of tracks and cascades, and what takes as long."""
    r = ic.reco
    return {
        "spe_fit": r.spe_fit(p),
        "spe_fit, BFGS": r.spe_fit(p, minimizer="BFGS"),
        "spe_fit, 2 more directions": r.spe_fit(p, iterations=2),
        "mpe_fit": r.mpe_fit(p, seed="LineFit"),
        "mpe_fit, BFGS": r.mpe_fit(p, seed="LineFit", minimizer="BFGS"),
        "cascade_fit": r.cascade_fit(p),
        "cascade_fit, UPandel, Powell": r.cascade_fit(p, form="UPandel", minimizer="Powell", min_hits=8),
        "cascade_fit, directional": r.cascade_fit(p, directional=True),
        "cascade_fit, layered ice": r.cascade_fit(p, directional=True, light="layers"),
        "paraboloid": r.paraboloid(p, track="LineFit"),
        "muon_energy": r.muon_energy(p, track="LineFit"),
    }


def small_event() -> Any:
    """Return a hand-made muon with one pulse in each of eight DOMs of a string."""
    n = 8
    one = [np.ones(1)] * 9
    geometry = ic.Geometry.nominal()
    return ic.sim.Events(
        truth=ic.sim.Truth(np.array([1], np.uint8), np.array([13], np.int32), *one),
        trigger_time=np.array([1e4]),
        trigger_length=np.array([1e3]),
        triggers=ic.sim.Triggers(
            np.array([0, 1]), np.array([1006], np.int32), np.array([1e4]), np.array([1e3])
        ),
        pulses=ic.sim.Hits(
            offsets=np.array([0, n]),
            omkey=geometry.omkey[:n],
            time=np.linspace(1e4, 1e4 + 50.0 * (n - 1), n),
            charge=np.ones(n, np.float32),
            width=np.full(n, 8.0, np.float32),
            flags=np.ones(n, np.uint8),
            noise=np.zeros(n, np.bool_),
            srt=np.ones(n, np.bool_),
        ),
        geometry=geometry,
        settings={"seed": 1, "energy": (1e2, 1e5), "index": 2.0, "zenith": "isotropic", "radius": 700.0},
    )
