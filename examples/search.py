"""A search for astrophysical muon neutrinos, from files to a p-value.

`python examples/search.py` simulates data and neutrinos, and fits what was put in, in a minute. With files of your own,
`python examples/search.py --data "data/*.i3.zst" --livetime 8.6e4 --numu "numu/*.i3.zst" --nfiles 100 --gcd GCD.i3.gz`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

import icecol as ic

PULSES = "SRTInIcePulses"
CUTS = ic.Cuts(upgoing=pl.col("Track.zenith") > 1.5, direct=pl.col("Hits.n_dir_doms") >= 8)
ENERGY = ic.hist.log("Energy.energy", 6, 3e2, 3e5, label="muon energy / GeV")
KNOWN = {"atmospheric": ic.stats.Parameter(prior=(1.0, 0.3), lower=0.0)}  # to 30 %


def simulated(folder: Path, n: int) -> argparse.Namespace:
    """Write simulation, and data drawn from other events as often as both fluxes make them."""
    thrown = ic.sim.neutrinos("numu", energy=(5e4, 1e7), zenith=(1.5, 3.14))
    gcd = folder / "GCD.i3.gz"
    for name, seed in {"numu": 1, "nature": 2}.items():
        ic.sim.write(folder / f"{name}.i3.zst", ic.sim.generate(thrown, n, seed=seed), gcd=gcd, run_id=seed)
    nature = ic.convert.i3(
        folder / "nature.i3.zst", folder / "nature.icecol", gcd=gcd, jobs=1, settings={"nfiles": 1}
    )
    truth = ic.weight.conventional() + ic.weight.power_law(2e-18, 2.0)
    events = nature.scan().with_columns(ic.weight.nugen(nature, truth)).collect()
    rate = events["weight"].to_numpy()
    chosen = np.random.default_rng(3).choice(events.height, n // 10, replace=False, p=rate / rate.sum())
    data = events[np.sort(chosen)]
    ic.convert.to_i3(data, folder / "nature.i3.zst", folder / "data.i3.zst")
    files = {name: str(folder / f"{name}.i3.zst") for name in ("data", "numu")}
    return argparse.Namespace(**files, livetime=n // 10 / rate.sum(), nfiles=1, gcd=gcd)


def main() -> None:
    """Convert, reconstruct, cut, and fit."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--data", help="files of data")
    options.add_argument("--livetime", type=float, help="seconds of data")
    options.add_argument("--numu", help="files of simulated muon neutrinos")
    options.add_argument("--nfiles", type=int, help="number of files that were simulated")
    options.add_argument("--gcd")
    options.add_argument(
        "--events", type=int, default=600, help="events to simulate where no files are given"
    )
    options.add_argument("-o", "--out", type=Path, default=Path("search"))
    given = options.parse_args()
    given.out.mkdir(exist_ok=True)
    of = given if given.data else simulated(given.out, given.events)

    data, numu = (
        ic.convert.i3(files, given.out / f"{name}.icecol", gcd=of.gcd, settings=settings, overwrite=True)
        for name, files, settings in (
            ("data", of.data, {"livetime": of.livetime}),
            ("numu", of.numu, {"nfiles": of.nfiles}),
        )
    )
    made = ic.weight.generation(numu)
    samples = ic.Samples(
        data=ic.Sample(data),
        astro=ic.Sample(numu, made.weight(ic.weight.power_law(1e-18, 2.0)), color="C1"),
        atmospheric=ic.Sample(numu, made.weight(ic.weight.conventional()), color="C0"),
    ).with_features(
        LineFit=ic.reco.improved_linefit(PULSES),
        Track=ic.reco.spe_fit(PULSES, seed="LineFit", minimizer="BFGS"),
        Hits=ic.reco.direct_hits(PULSES, track="Track", window="C"),
        Energy=ic.reco.muon_energy(PULSES, track="Track"),
    )
    print(samples.cutflow(CUTS).select("cut", pl.selectors.numeric().round(1)))
    selected = samples.select(CUTS)
    counts = selected.fill(ENERGY)["data"]
    model = selected.model(ENERGY, parameters=KNOWN)
    print(model.test(counts, "astro"))
    fit = model.fit(counts)
    low, high = fit.interval("astro")
    print(f"astrophysical flux {fit.values['astro']:.1f}, from {low:.1f} to {high:.1f}, in 1e-18 at 100 TeV")
    ic.plot.save(
        ic.plot.fit(fit, counts.axes[0].edges, label=ENERGY.label, log_x=True), given.out / "fit.png"
    )


if __name__ == "__main__":
    main()
