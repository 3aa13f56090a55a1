"""Two vetoes compared: how many starting events they keep, and how many muons they stop, by charge.

`python examples/veto.py` simulates bundles of atmospheric muons and electron neutrinos. With files of your own:
`python examples/veto.py --muons "corsika_*.i3.zst" --neutrinos "nue_*.i3.zst" --gcd GCD.i3.gz`
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

import icecol as ic

CHARGE = ic.hist.log("Q.total", 8, 1e2, 1e5, label="charge / PE")
KEPT = {
    "self-veto": ~pl.col("Self.vetoed"),  # 3 pulses or 3 PE in the outer layer, before 250 PE were seen
    "layer veto": (pl.col("Layer.layer0") < 3) & (pl.col("Layer.layer1") < 3),
}


def simulated(folder: Path, n: int) -> dict[str, ic.Dataset]:
    """Simulate bright muons, the rarer the brighter, and neutrinos that interact anywhere in the detector."""
    nue = ic.sim.neutrinos("nue", energy=(1e4, 1e7), index=1.5, volume=True, radius=600.0, height=1000.0)
    muons = ic.sim.bundles(energy=(1e3, 1e7), energy_bias=1.5)
    thrown = {"muons": (muons, 20 * n), "neutrinos": (nue, n)}
    return {
        name: ic.sim.to_dataset(
            ic.sim.generate(generator, number, seed=1, charge=100.0),
            folder / f"{name}.icecol",
            overwrite=True,
        )
        for name, (generator, number) in thrown.items()
    }


def main() -> None:
    """Compute both vetoes for both kinds of events."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for kind in ("muons", "neutrinos"):
        options.add_argument(f"--{kind}", help=f"files of {kind}")
    options.add_argument("--gcd")
    options.add_argument("--pulses", default="InIcePulses")
    options.add_argument(
        "--events", type=int, default=300, help="neutrinos to throw where no files are given"
    )
    options.add_argument("-o", "--out", type=Path, default=Path("veto"))
    given = options.parse_args()
    given.out.mkdir(exist_ok=True)
    if given.muons and given.neutrinos:
        samples = {
            name: ic.convert.i3(
                getattr(given, name), given.out / f"{name}.icecol", gcd=given.gcd, overwrite=True
            )
            for name in ("muons", "neutrinos")
        }
    else:
        samples = simulated(given.out, given.events)

    for name, ds in samples.items():
        pulses = ds.pulses(given.pulses)
        events = ic.with_features(
            ds,
            HLC=ic.reco.hlc_pulses(pulses),  # what both vetoes look at
            Self=ic.reco.hese_veto(pulses.named("HLC")),
            Layer=ic.reco.layer_veto(pulses.named("HLC")),
            Q=ic.reco.charge(pulses),
        ).filter(pl.col("Self.vetoed").is_not_null())  # 250 PE were seen
        both = [pl.len(), *(kept.sum().alias(veto) for veto, kept in KEPT.items())]
        n, *kept = events.select(both).collect().row(0)
        print(
            f"{name}: {n} with a vertex",
            *(f"{veto} keeps {k}" for veto, k in zip(KEPT, kept, strict=True)),
            sep=", ",
        )
        ax = ic.plot.efficiency(events, KEPT, CHARGE)
        ax.set(ylabel=f"{name} kept", ylim=(0, 1.05))
        ic.plot.save(ax, given.out / f"{name}.png")


if __name__ == "__main__":
    main()
