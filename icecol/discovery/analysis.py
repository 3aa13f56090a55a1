"""Likelihood of the discovery: bins in energy, declination and topology; what is expected in each; the test.

All of it is fixed before the data are unblinded: bins, components, what is known of them, and the test statistic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

import icecol as ic

DAYS: Final = 662.0
MUONS: Final = 6.0
"""Muons that pass the veto in 662 days: measured by the experiment with a second veto, 6.0 with an error of 3.4."""
EVEN: Final = 0.05
"""Part of the muons that is even over all bins, so that no bin is impossible for want of simulated events."""
ENERGY: Final = "I3MCWeightDict.PrimaryNeutrinoEnergy"


def axes() -> tuple[ic.hist.Axis, ...]:
    """Return bins of a fifth of a decade in deposited energy, of equal parts of the sky, and of the topology."""
    return (
        ic.hist.log("energy", 10, 10**4.4, 10**6.4),
        ic.hist.regular("sin_dec", 5, -1, 1),
        ic.hist.category("topology", ["shower", "track"]),
    )


def known() -> dict[str, Any]:
    """Return what is known of the norms: the priors of the analysis of published tables (docs/discovery.md)."""
    return {
        "conventional": ic.stats.Parameter(prior=(1.0, 0.4), lower=0.0),
        "prompt": ic.stats.Parameter(prior=(1.0, 1.0, 2.1), lower=0.0),
        "muons": ic.stats.Parameter(prior=(1.0, 3.4 / 6.0), lower=0.0),
    }


def model(tables: Mapping[str, pl.DataFrame], days: float = DAYS, **more: Any) -> ic.stats.Model:
    """Return the model; a norm of 1 of `astro` is a flux of 1e-18 per flavor at 100 TeV.

    The energy of muons is taken to be independent of direction and topology, as so few events do not fill all bins.
    """
    bins, seconds = axes(), days * 86400.0
    neutrinos = pl.concat([t for k, t in tables.items() if k != "muons" and t.height], how="diagonal")
    passed = MUONS * days / DAYS
    shape = tables["muons"].with_columns(share=pl.col("weight_muons") / pl.col("weight_muons").sum())
    energies = shape.select("energy", one="share")
    made = energies.join(shape.select("sin_dec", "topology", "share"), how="cross").select(
        "energy", "sin_dec", "topology", weight=(1 - EVEN) * passed * pl.col("one") * pl.col("share")
    )
    muons = pl.concat([made, _even(EVEN * passed)], how="vertical_relaxed")
    components: dict[str, Any] = {
        "astro": ic.stats.events(
            neutrinos, *bins, weight=pl.col("weight_astro") * seconds, powers={"index": pl.col(ENERGY) / 1e5}
        )
    }
    for name in ("conventional", "prompt"):
        rate = pl.col(f"weight_{name}") * seconds
        components[name] = ic.hist.fill(
            neutrinos.filter(pl.col(f"weight_{name}").is_not_null()), *bins, weight=rate
        )
    components["muons"] = ic.hist.fill(muons, *bins, weight="weight")
    return ic.stats.Model(components, {**known(), **more})


def _even(total: float) -> pl.DataFrame:
    """Return an event in the middle of each bin, whose weights add up to a number."""
    energies = pl.DataFrame({"energy": 10 ** (4.5 + 0.2 * np.arange(10))})
    places = energies.join(pl.DataFrame({"sin_dec": -0.8 + 0.4 * np.arange(5)}), how="cross")
    rows = places.join(pl.DataFrame({"topology": ["shower", "track"]}), how="cross")
    return rows.with_columns(weight=pl.lit(total / rows.height))


def counts(events: pl.DataFrame) -> ic.hist.Hist:
    """Return selected events in bins."""
    return ic.hist.fill(events, *axes())


def expected(tables: Mapping[str, pl.DataFrame], days: float, norm: float, index: float) -> pl.DataFrame:
    """Return events expected, their statistical error, and effective number of simulated events, by component."""
    seconds = days * 86400.0
    rows = []
    for name in ("astro", "conventional", "prompt", "muons"):
        found = []
        for kind, table in tables.items():
            column = f"weight_{name}"
            if column not in table.columns or (name == "muons") != (kind == "muons"):
                continue
            w = table[column].drop_nulls().to_numpy() * seconds
            if name == "astro":
                w = w * norm * (table[ENERGY].to_numpy() / 1e5) ** -index
            if name == "muons":
                w = w / w.sum() * MUONS * days / DAYS
            found.append(w)
        w = np.concatenate(found) if found else np.zeros(0)
        total, square = float(w.sum()), float((w * w).sum())
        rows.append((name, total, square**0.5, total**2 / square if square else 0.0))
    return pl.DataFrame(rows, ["component", "expected", "error", "n_effective"], orient="row")
