"""Datasets with the columns that generators write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from icecol.dataset import writer as writers
from icecol.dataset.making import making
from icecol.dataset.manifest import Source
from icecol.dataset.records import record
from icecol.dataset.scan import Dataset, open_dataset


def dataset(path: Path, events: pl.DataFrame, frames: list[dict[str, Any]] = (), **settings: Any) -> Dataset:
    """A dataset of these events, with an S frame for each file."""
    with making(path) as folder:
        names = [path.parent / f"{path.name}.{i}.i3" for i in range(max(1, len(frames)))]
        for name in names:
            name.touch()
        with writers.part_writer(folder, names, {}) as writer:
            writer.append(events.to_arrow(), str(names[0]))
        rows = {str(n): pl.DataFrame([f]).to_arrow() for n, f in zip(names, frames, strict=False)}
        sources = [
            Source(str(n), 0, n.stat().st_mtime_ns, events=events.height * (not i))
            for i, n in enumerate(names)
        ]
        record(folder, sources, {}, writer, simulation=rows or None)
        writers.finish(folder, {}, names, None, more=settings)
    return open_dataset(path)


def energies(rng: np.random.Generator, n: int, index: float, low: float, high: float) -> np.ndarray:
    k, u = 1 - index, rng.random(n)
    return low * (high / low) ** u if k == 0 else (low**k + u * (high**k - low**k)) ** (1 / k)


def nugen(
    rng: np.random.Generator,
    n: int,
    *,
    n_events: float = 1000,
    index: float = 2.0,
    log_energy: tuple[float, float] = (2.0, 6.0),
    zenith: tuple[float, float] = (0.0, np.pi),
    types: tuple[int, ...] = (14, -14),
    total: str = "TotalWeight",
    **more: float,
) -> pl.DataFrame:
    """Events of neutrino-generator, every seventh without its weights, as noise is."""
    low, high = (10.0**x for x in log_energy)
    columns = {
        "PrimaryNeutrinoType": rng.choice(types, n).astype(float),
        "PrimaryNeutrinoEnergy": energies(rng, n, index, low, high).clip(
            low * (1 + 1e-12), high * (1 - 1e-12)
        ),
        "PrimaryNeutrinoZenith": np.arccos(rng.uniform(*np.cos(zenith[::-1]), n)),
        total: 10 ** rng.uniform(-8, -3, n),
        "NEvents": np.full(n, float(n_events)),
        "MinZenith": np.full(n, zenith[0]),
        "MaxZenith": np.full(n, zenith[1]),
        "MinEnergyLog": np.full(n, float(log_energy[0])),
        "MaxEnergyLog": np.full(n, float(log_energy[1])),
        "PowerLawIndex": np.full(n, index),
        **{k: np.full(n, float(v)) for k, v in more.items()},
    }
    none = pl.Series(np.arange(n) % 7 == 6)
    return pl.DataFrame({"I3EventHeader.run_id": np.ones(n, np.uint32)}).with_columns(
        pl.when(~none).then(pl.Series(v)).alias(f"I3MCWeightDict.{k}") for k, v in columns.items()
    )


NUCLEI = (2212, 1000020040, 1000070140, 1000130270, 1000260560)


def shower_frame(primary: int, n_events: int, **more: float) -> dict[str, float]:
    return {
        "primary_type": primary,
        "n_events": n_events,
        "cylinder_height": 1600.0,
        "cylinder_radius": 800.0,
        "min_zenith": 0.0,
        "max_zenith": 1.2,
        "min_energy": 6e2,
        "max_energy": 1e8,
        "power_law_index": -2.6,
        **more,
    }


def showers(rng: np.random.Generator, n: int, prefix: str, **names: str) -> pl.DataFrame:
    """Air showers with the columns `pdg`, `energy` and `zenith`, under the names given."""
    columns = {
        "pdg": rng.choice(NUCLEI, n).astype(np.int32),
        "energy": energies(rng, n, 2.6, 6.1e2, 0.9e8),
        "zenith": np.arccos(rng.uniform(np.cos(1.2), 1, n)),
    }
    return pl.DataFrame({f"{prefix}.{names.get(k, k)}": v for k, v in columns.items()})
