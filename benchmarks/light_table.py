"""Make icecol/reco/kernels/light_table.npz: the light of cascades and tracks in homogeneous ice, from tracked photons.

Photons are followed by photon_tracker.py in ice with an absorption of 0.28 per effective scattering length,
which is that of the South Pole's at most depths; lengths are in scattering lengths. Run it from the project's root, as
python benchmarks/light_table.py; it takes some four minutes.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import photon_tracker as tracker

FILE = Path("icecol/reco/kernels/light_table.npz")
ABSORPTION = 0.28
DISTANCES = np.geomspace(0.06, 12.0, 28)
COSINES = np.linspace(-1, 1, 21)
QUANTILES = np.sin(np.linspace(0, math.pi / 2, 25)) ** 2
"""Where delays are kept. The ends stand for the first and the last 0.4 %, of which they are about the middle."""
EARLIEST, LATEST = 3e-4, 1 - 1.2e-3
DELAYS = np.geomspace(1e-3, 80, 240)


def cells(kind: int, n: int, seed: int) -> dict[str, np.ndarray]:
    """Return what the table has for one kind of source, by distance and, for cascades, angle."""
    ratio = DISTANCES[1] / DISTANCES[0]
    # half steps around each node
    edges = np.geomspace(
        DISTANCES[0] / math.sqrt(ratio), DISTANCES[-1] * math.sqrt(ratio), DISTANCES.size + 1
    )
    angles = np.linspace(-1, 1, COSINES.size) if kind == tracker.SHELLS else np.array([-1.0, 1.0])
    one = np.ones(1)
    rng, bottomless = np.random.default_rng(seed), (1e9, 1e12, one, ABSORPTION * one)
    light, sums = tracker.follow(rng, n, kind, *bottomless, 0.0, 1.0, 0.05, 60.0, edges, angles, DELAYS)
    whole = light.sum(axis=2)
    path, delay, square, toward, place, places = np.moveaxis(sums, 2, 0) / whole
    if kind == tracker.SHELLS:
        f = whole * 3 * DISTANCES[:, None] ** 2 * (angles.size - 1) / np.diff(edges**3)[:, None]
    else:
        f = whole * 2 * DISTANCES[:, None] * tracker.SIN_CHERENKOV / np.diff(edges**2)[:, None]
    spread = np.maximum(square - delay**2, 1e-9)
    table = {
        "light": np.log(f),
        "path": path,
        "delay": delay,
        "shape": delay**2 / spread,
        "toward": toward,
        "late": np.array(
            [
                [tracker.quantiles(c, DELAYS, np.clip(QUANTILES, EARLIEST, LATEST)) for c in row]
                for row in light
            ]
        ),
    }
    if kind == tracker.TRACK:
        table |= {"place": place, "spread": np.sqrt(places - place**2)}
    return {name: values.astype(np.float32) for name, values in table.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=500_000, help="photons of each kind")
    n = parser.parse_args().n
    made = {
        f"{name}_{key}": values
        for name, kind in (("cascade", tracker.SHELLS), ("track", tracker.TRACK))
        for key, values in cells(kind, n, seed=kind + 1).items()
    }
    np.savez_compressed(FILE, distances=DISTANCES, **made)


if __name__ == "__main__":
    main()
