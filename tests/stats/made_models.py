"""Models that several tests use."""

from __future__ import annotations

import numpy as np
import polars as pl

from icecol import hist, stats

KINDS = (
    "poisson",
    "effective",
    "effective_mean",
    "effective_mode",
    "barlow_beeston",
    "barlow_beeston_poisson",
)


def sample(n: int = 400, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "energy": 10 ** rng.uniform(4, 7, n),
            "cos": rng.uniform(-1, 1, n),
            "weight": rng.uniform(0, 0.1, n),
            "kind": rng.choice(["track", "shower"], n),
        }
    )


AXES = hist.log("energy", 4, 2e4, 5e6), hist.category("kind", ["track", "shower"])


def full_model(kind: str = "effective") -> stats.Model:
    """A model with all there is: events with an index, a shared norm, variations, priors."""
    astro = stats.events(sample(), *AXES, weight="weight", powers={"index": pl.col("energy") / 1e5})
    flat = hist.fill(sample(seed=2), *AXES, weight="weight")
    return stats.Model(
        {
            "astro": astro,
            "muons": stats.Component(flat, variations={"ice": (flat * 0.8, flat * 1.3)}),
            "more": stats.Component(flat.values(), norm="muons"),
            "rest": (np.full((4, 2), 0.3), 0.01),
        },
        {"rest": stats.Parameter(prior=(1.0, 0.2, 0.4), lower=0.0)},
        kind,
    )
