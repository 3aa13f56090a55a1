"""Fit how energy losses and light become energies of muons, and write icecol/reco/muon_calibration.json.

Muons with single losses, of energies that are even in their logarithm, are reconstructed with the MPE fit. For each
way of `truncated_energy`, and for the light of `muon_energy`, the five numbers of

    E = ((value - a) / b)^g  from value = v0 on,  and  (value / v0)^p ((v0 - a) / b)^g  below

are those for which the sum of |log10 E - log10 of the true energy| over all events is least, with p at least 0.5, so
that the energy still rises where there is little to tell it. Needs scipy.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import minimize

import icecol as ic
from icecol import study

FILE = Path(ic.reco.__file__).with_name("muon_calibration.json")
START = {
    "light": (1.0, 1.1e-3),
    **dict.fromkeys(("ORIG", "BINS", "AllBINS", "DOMS", "AllDOMS"), (0.2, 2.3e-4)),
}
COLUMNS = {"light": "Likelihood.light"} | {w: f"Truncated.{w}_dEdX" for w in START if w != "light"}


def sample(n: int, seed: int, energy: tuple[float, float]) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Return true energies and the values that stand for them, and the settings of the simulation."""
    made = ic.sim.events(n, seed=seed, cascades=0, noise=0, energy=energy, index=1.0, losses=True)
    pulses = ic.Pulses(study.PULSES, made.geometry)
    fitted = ic.with_features(
        made.to_polars(),
        Improved=ic.reco.improved_linefit(pulses),
        SPE=ic.reco.spe_fit(pulses, seed="Improved", tables=True),
        MPE=ic.reco.mpe_fit(pulses, seed="SPE", tables=True),
        Truncated=ic.reco.truncated_energy(pulses, track="MPE"),
        Likelihood=ic.reco.muon_energy(pulses, track="MPE"),
    )
    columns = {name: pl.col(column) for name, column in COLUMNS.items()}
    return fitted.select(energy=f"{study.TRUTH}.energy", **columns).collect(), made.settings


def energy_of(value: np.ndarray, numbers: Sequence[float]) -> np.ndarray:
    a, b, g, v0, p = numbers
    above = (np.maximum(value, v0) - a) / b
    return above**g * (np.minimum(value, v0) / v0) ** p


def numbers_of(x: Sequence[float]) -> tuple[float, ...]:
    """Return a, b, g, v0, p of free parameters: b, g, v0 - a and p - 0.5 are positive."""
    a, b, g, above, p = float(x[0]), *map(float, np.exp(x[1:]))
    return a, b, g, a + above, 0.5 + p


def fit(value: np.ndarray, energy: np.ndarray, start: tuple[float, float]) -> tuple[float, ...]:
    def distance(x: Sequence[float]) -> float:
        numbers = numbers_of(x)
        if not numbers[3] > 0:
            return 1e9
        return float(np.abs(np.log10(energy_of(value, numbers) / energy)).mean())

    best = None
    for turn in (0.3, 1.0, 3.0):
        for power in (0.5, 1.5):
            a, b = start
            x = np.array([a, np.log(b), 0.0, np.log(turn * a), np.log(power)])
            for _ in range(3):  # a simplex that was started anew gets out of where it collapsed
                found = minimize(
                    distance, x, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-6, "fatol": 1e-9}
                )
                x = found.x
            if best is None or found.fun < best.fun:
                best = found
    return numbers_of(best.x)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1500, help="muons (%(default)s)")
    parser.add_argument("--seed", type=int, default=20, help="of the simulation (%(default)s)")
    parser.add_argument("--energy", type=float, nargs=2, default=(1e2, 1e6), help="in GeV (100 to 1000000)")
    parser.add_argument("--out", type=Path, default=FILE, help="(%(default)s)")
    args = parser.parse_args(argv)
    low, high = args.energy
    frame, settings = sample(args.events, args.seed, (low, high))
    energy = frame["energy"].to_numpy()
    coefficients, resolution = {}, {}
    for name, start in START.items():
        value = frame[name].to_numpy()
        good = value > 0
        numbers = fit(value[good], energy[good], start)
        coefficients[name] = {
            k: float(f"{v:.4g}") for k, v in zip(("a", "b", "g", "v0", "p"), numbers, strict=True)
        }
        found = energy_of(np.where(good, value, np.nan), list(coefficients[name].values()))
        edges = np.geomspace(low, high, round(2 * np.log10(high / low)) + 1)
        rows = study.energies(
            frame.with_columns(pl.Series("found", found).fill_nan(None)), {name: "found"}, edges
        )
        resolution[name] = [
            {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items() if k != "name"}
            for row in rows.iter_rows(named=True)
        ]
        print(name, coefficients[name])
        print(rows.drop("name"))
    made = {
        "what": "E = ((value - a) / b)^g from value = v0 on, (value / v0)^p ((v0 - a) / b)^g below; energies in GeV, "
        "values dEdX of truncated_energy in GeV/m and light of muon_energy in bare tracks, with default settings",
        "made_by": f"benchmarks/calibrate_energy.py --events {args.events} --seed {args.seed}",
        "icecol": ic.__version__,
        "track": "MPE fit, seeded by SPE, seeded by the improved LineFit",
        "simulation": settings,
        "coefficients": coefficients,
        "resolution": resolution,
    }
    args.out.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
