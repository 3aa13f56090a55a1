"""Pseudo-data: events that nature would send in the livetime, drawn from the datasets that are nothing but nature.

A simulated event occurs with the probability 1 - exp(-m), m being its weight times the livetime: as often as one of m
on average is there at all. What is drawn is written as .i3 files, and these are converted as data would be, without any
truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

import icecol as ic
from icecol.dataset.scan import Dataset
from icecol.discovery.sample import CHARGE, DAY, HEADER, charged, weights

MISSED: Final = "VetoMissed"
"""Frame key of events whose veto is taken to have missed them."""


def drawn(
    datasets: Mapping[str, Dataset],
    *,
    seed: int,
    seconds: float,
    norm: float,
    index: float,
    muons: float,
    closest: int,
) -> dict[str, pl.DataFrame]:
    """Draw the events of nature, by kind: their headers, and whether the veto is taken to have missed them.

    Of muons, `muons` on average are drawn, of the `closest` ones with the least charge in the veto.
    """
    rng = np.random.default_rng((seed, 4))
    found = {}
    for kind, ds in datasets.items():
        rates = weights(ds, kind) if ds.rows else {}
        energy = pl.col("I3MCWeightDict.PrimaryNeutrinoEnergy")
        if kind == "muons":
            rate = rates.get("muons", pl.lit(0.0))
        else:
            spectrum = norm * (energy / 1e5) ** -index
            rate = sum((rates.get(k, pl.lit(0.0)) for k in ("conventional", "prompt")), pl.lit(0.0))
            rate += rates.get("astro", pl.lit(0.0)) * spectrum
        bright = charged(ds).filter(pl.col("Q.value") > CHARGE)
        events = bright.select(*HEADER, veto_charge="Veto.veto_charge", mean=rate * seconds).collect()
        if kind == "muons":
            events = events.sort("veto_charge").head(closest)
            events = events.with_columns(mean=muons * pl.col("mean") / pl.col("mean").sum())
        # the order of rows in a dataset depends on nothing but the seeds
        there = rng.random(events.height) < -np.expm1(-events["mean"].fill_null(0.0).to_numpy())
        found[kind] = (
            events.filter(there).with_columns(pl.lit(kind == "muons").alias(MISSED)).drop("veto_charge")
        )
    return found


def pseudo_data(folder: Path, events: Mapping[str, pl.DataFrame], days: float) -> Dataset:
    """Write the events that were drawn as .i3 files, convert these, and return the dataset."""
    path = folder / "data.icecol"
    if (path / "manifest.json").is_file():
        return ic.open_dataset(path)
    paths = []
    for kind, rows in events.items():
        if rows.height:
            source = sorted((folder / "nature").glob(f"{kind}.*.i3.zst"))
            out = folder / f"data_{kind}.i3.zst"
            ic.convert.to_i3(rows, source, out, features=[MISSED])
            paths.append(out)
    gcd = next((folder / "nature").glob("GCD_*.i3.gz"))
    keys = ["I3EventHeader", "I3TriggerHierarchy", MISSED]
    series = ["InIcePulses", "SRTInIcePulses"]
    livetime = {"livetime": days * DAY}
    return ic.convert.i3(paths, path, gcd=gcd, keys=keys, pulses=series, jobs=1, settings=livetime)
