"""Figures of the discovery: raw data, rates by charge, an event, events on the expected background, contours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import icecol as ic
from icecol.dataset.scan import Dataset
from icecol.discovery import analysis, sample
from icecol.plot.figure import new_axes

YEAR = 365.25 * 86400.0


def _axes(size: tuple[float, float] = (7.0, 4.6)) -> Any:
    return new_axes(*size)


def raw_data(path: Path, *, seed: int, seconds: float = 0.01) -> None:
    """Draw 10 ms of raw data: every pulse, by time and string, coloured by the muon bundle that it is of."""
    stream = ic.sim.raw(seconds, seed=seed)
    ax = _axes((9.0, 4.6))
    height = (stream.omkey >> 16) + (stream.omkey >> 8 & 0xFF) / 61
    noise, milliseconds = stream.source < 0, stream.time / 1e6
    ax.scatter(milliseconds[noise], height[noise], s=0.3, c="0.75", linewidths=0, rasterized=True)
    ax.scatter(
        milliseconds[~noise], height[~noise], s=6, c=stream.source[~noise] % 20, cmap="tab20", linewidths=0
    )
    ax.set(xlabel="time / ms", ylabel="string", xlim=(0, seconds * 1e3), ylim=(1, 87))
    of_muons = np.unique(stream.source[~noise]).size
    ax.set_title(f"{len(stream):,} pulses, {noise.mean():.0%} dark noise; light of {of_muons} muon bundles")
    ic.plot.save(ax, path)


def rates(path: Path, datasets: Mapping[str, Dataset]) -> None:
    """Draw events a year by charge before the selection: penetrating muons, and neutrinos from the atmosphere."""
    axis = ic.hist.log("Charge.total", 24, 1e1, 1e5, label="charge / PE")
    found: dict[str, ic.hist.Hist] = {}
    for kind, ds in datasets.items():
        events = ic.with_features(ds.scan(), Charge=ic.reco.charge(ic.Pulses("InIcePulses", ds.geometry)))
        parts = sample.weights(ds, kind)
        rate = sum((w for name, w in parts.items() if name != "astro"), pl.lit(0.0)) * YEAR
        name = "penetrating muons" if kind.startswith("muons") else "atmospheric neutrinos"
        made = ic.hist.fill(events.with_columns(rate=rate), axis, weight="rate")
        found[name] = found[name] + made if name in found else made
    ax = _axes()
    for (name, one), color in zip(found.items(), ic.plot.COLORS, strict=False):
        ic.plot.hist1d(one, ax, log=True, label=name, color=color)
    ax.axvline(sample.CHARGE, color="0.4", linestyle="--", linewidth=1)
    ax.set_ylabel("events per year")
    ax.legend()
    ic.plot.save(ax, path)


def sky(path: Path, events: pl.DataFrame, model: ic.stats.Model) -> None:
    """Draw the events, by declination and deposited energy, on the background that is expected."""
    made = model.fit(analysis.counts(events), astro=0.0, conventional=1.0, prompt=1.0, muons=1.0, index=2.0)
    energy, sine, _ = (axis.edges for axis in analysis.counts(events).axes)
    ax = _axes()
    background = np.maximum(made.expected().sum(axis=2), 1e-4)
    drawn = ax.pcolormesh(
        np.degrees(np.arcsin(sine)), energy / 1e3, background, norm="log", vmin=1e-4, vmax=1e2, cmap="Greys"
    )
    ax.figure.colorbar(drawn, label="expected background")
    for topology, marker, color in (("shower", "o", ic.plot.COLORS[0]), ("track", "X", ic.plot.COLORS[2])):
        of = events.filter(topology=topology)
        degrees = np.degrees(np.arcsin(of["sin_dec"].to_numpy()))
        ax.plot(
            degrees,
            of["energy"].to_numpy() / 1e3,
            marker,
            color=color,
            mec="white",
            ms=8,
            label=f"{topology}s",
        )
    ax.set(yscale="log", ylim=(20, 3000), xlim=(-90, 90), xticks=range(-80, 81, 20))
    ax.set(xlabel="declination / degrees", ylabel="deposited energy / TeV")
    ax.legend(loc="upper right")
    ic.plot.save(ax, path)


def contour(path: Path, fit: Any, truth: tuple[float, float]) -> None:
    """Draw the contours of norm and index at 68 and 90 %, and the flux that nature has."""
    grids = {"index": np.linspace(1.4, 3.8, 17), "astro": np.linspace(0.05, 4.05, 17)}
    ax = _axes()
    scan = fit.scan(grids)
    drawn = ax.contour(*grids.values(), scan.values.T, levels=[2.2957, 4.6052], colors=ic.plot.COLORS[0])
    ax.clabel(drawn, fmt={2.2957: "68 %", 4.6052: "90 %"})
    ax.plot(fit.values["index"], fit.values["astro"], "+", color=ic.plot.COLORS[0], label="best fit")
    ax.plot(truth[1], truth[0], "*", color=ic.plot.COLORS[2], ms=10, label="nature")
    ax.set(xlabel="spectral index", ylabel="flux of a flavor at 100 TeV / 1e-18 (GeV cm$^2$ s sr)$^{-1}$")
    ax.legend()
    ic.plot.save(ax, path)
