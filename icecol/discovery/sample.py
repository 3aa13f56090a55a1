"""What the discovery simulates, and what it keeps of each event: neutrinos of all flavors, and bundles of muons.

Everything is simulated twice, with different dataset numbers, which are the seeds: once for what is expected, and once
as nature, from which the pseudo-data are drawn. All that light says about an event is computed by the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

import icecol as ic
from icecol import files
from icecol.dataset.scan import Dataset

DAY: Final = 86400.0
CHARGE: Final = 6000.0
"""Charge in PE that an event must have."""
FILES: Final = 2
"""Files of each dataset."""

_NEUTRINOS: Final[Mapping[str, Any]] = {
    "energy": (1e4, 1e7), "index": 1.5, "volume": True, "radius": 600.0, "height": 1150.0, "dim": (4e4, 0.02),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of events: what throws it, and how many are thrown for what is expected, at full size."""

    generator: Any
    thrown: int


KINDS: Final[Mapping[str, Kind]] = {
    "nue": Kind(ic.sim.neutrinos("nue", **_NEUTRINOS), 2_500),
    "numu": Kind(ic.sim.neutrinos("numu", **_NEUTRINOS), 3_000),
    "nutau": Kind(ic.sim.neutrinos("nutau", **_NEUTRINOS), 2_500),
    "muons": Kind(ic.sim.bundles(multiplicity_bias=1.2, energy_bias=2.6, dim=(4e4, 1e-3)), 20_000),
}
ROLES: Final = {"expectation": 0, "nature": 100}
"""Numbers of the datasets of each role follow this one."""
FAINT: Final[Mapping[str, Kind]] = {
    "numu_faint": Kind(ic.sim.neutrinos("numu", energy=(2e2, 1e7), index=1.8, dim=(1e3, 0.05)), 15_000),
    "nue_faint": Kind(ic.sim.neutrinos("nue", energy=(2e2, 1e7), index=1.8, dim=(1e3, 0.05)), 6_000),
    "muons_faint": Kind(ic.sim.bundles(multiplicity_bias=0.5, energy_bias=1.0, dim=(1e3, 0.02)), 30_000),
}
"""Events of any charge, for the figure of rates before the selection."""


def dataset_numbers(seed: int) -> dict[tuple[str, str], int]:
    """Return the number of each dataset by role and kind: with those of files, they are the seeds of its events."""
    numbers = {
        (role, kind): 1000 * seed + first + i
        for role, first in ROLES.items()
        for i, kind in enumerate(KINDS, start=1)
    }
    return numbers | {("rates", kind): 1000 * seed + 200 + i for i, kind in enumerate(FAINT, start=1)}


def simulate(
    folder: Path, role: str, kind: str, *, seed: int, size: float, jobs: int | None, ice: str
) -> Dataset:
    """Simulate a dataset, or go on with it where it stopped; those of nature as .i3 files, which are converted."""
    what = FAINT[kind] if role == "rates" else KINDS[kind]
    n = max(round(what.thrown * size / FILES), 10)
    path = folder / role / f"{kind}.icecol"
    made: dict[str, Any] = {
        "dataset": dataset_numbers(seed)[role, kind],
        "n_files": FILES,
        "n": n,
        "jobs": jobs,
    }
    charge = 0.0 if role == "rates" else CHARGE
    if (path / "manifest.json").is_file():
        return ic.open_dataset(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if role != "nature":
        return ic.sim.simulate(what.generator, path, charge=charge, ice=ice, **made)  # type: ignore[return-value]
    name = folder / role / f"{kind}.{{file:06d}}.i3.zst"
    paths = ic.sim.simulate(what.generator, name, charge=charge, ice=ice, **made)
    gcd = folder / role / f"GCD_{made['dataset']}.i3.gz"
    return ic.convert.i3(paths, path, gcd=gcd, jobs=1, allow_empty=True, settings={"nfiles": FILES})  # type: ignore[arg-type]


def weights(ds: Dataset, kind: str) -> dict[str, pl.Expr]:
    """Return the rate (Hz) an event stands for in each flux; `astro` is 1e-18 a flavor at 100 TeV, without spectrum."""
    if kind.startswith("muons"):
        return {"muons": ic.weight.bundles(ds)}
    made = ic.weight.generation(ds)
    found = {"astro": made.weight(ic.weight.power_law(0.5e-18, 0.0))}
    if not kind.startswith("nutau"):
        found["conventional"] = made.weight(ic.weight.conventional() * ic.weight.self_veto())
        found["prompt"] = made.weight(ic.weight.prompt() * ic.weight.self_veto(prompt=True))
    return found


def charged(ds: Dataset) -> pl.LazyFrame:
    """Return the events with charge and starting veto: what the selection needs."""
    pulses, hlc = ic.Pulses("InIcePulses", ds.geometry), ic.Pulses("HLC", ds.geometry)
    return ic.with_features(
        ds.scan(),
        HLC=ic.reco.hlc_pulses(pulses),
        Veto=ic.reco.hese_veto(hlc),
        Q=ic.reco.causal_qtot(pulses, vertex="Veto"),
    )


def fitted(events: pl.LazyFrame, ds: Dataset) -> pl.LazyFrame:
    """Add deposited energy (GeV), sine of the declination and topology, each by the fit that is best for it."""
    pulses = ic.Pulses("SRTInIcePulses", ds.geometry)
    shower: dict[str, Any] = {"form": "MPE", "jitter": 4.0}
    made = ic.with_features(
        events,
        CLast=ic.reco.clast(pulses),
        Shower=ic.reco.cascade_fit(pulses, directional=True, light="layers", **shower),
        Point=ic.reco.cascade_fit(pulses, **shower),
        LineFit=ic.reco.improved_linefit(pulses),
        SPEFit=ic.reco.spe_fit(pulses, minimizer="BFGS", seed="LineFit"),
        MPEFit=ic.reco.mpe_fit(pulses, minimizer="BFGS", seed="SPEFit"),
    )
    track = (pl.col("MPEFit.logl") < pl.col("Point.logl")).fill_null(value=False)
    zenith = pl.when(track).then("MPEFit.zenith").otherwise("Shower.zenith")
    return made.with_columns(
        energy=pl.col("Shower.energy"),
        sin_dec=-zenith.cos(),
        topology=pl.when(track).then(pl.lit("track")).otherwise(pl.lit("shower")),
    )


HEADER: Final = tuple(
    f"I3EventHeader.{m}" for m in ("run_id", "sub_run_id", "event_id", "sub_event_id", "sub_event_stream")
)
"""Columns that tell events apart."""


def table(path: Path, ds: Dataset, kind: str, *, closest: int = 30) -> pl.DataFrame:
    """Return the selected events of a dataset, one row each, kept in a file.

    Neutrinos are those above the charge, with `starting` for an open veto. Of muons, none of the few that can be
    simulated passes the veto: the `closest`, with the least charge in the veto, are kept for the shape.
    """
    if path.is_file():
        return pl.read_parquet(path)
    events = charged(ds).filter(pl.col("Q.value") > CHARGE)
    weight = weights(ds, kind) if ds.rows else {}
    muons = kind.startswith("muons")
    keep = [c for c in HEADER if c in ds.schema.names]
    truth = ["I3MCWeightDict.PrimaryNeutrinoEnergy"] * (not muons and ds.rows > 0)
    head = events.select(
        *keep, charge="Q.value", vetoed="Veto.vetoed", veto_charge="Veto.veto_charge"
    ).collect()
    chosen = head.sort("veto_charge").head(closest) if muons else head.filter(~pl.col("vetoed"))
    fits = fitted(ds.scan().join(chosen.lazy().select(keep), on=keep, how="semi"), ds)
    found = fits.select(
        *keep, *truth, "energy", "sin_dec", "topology", **{f"weight_{k}": v for k, v in weight.items()}
    ).collect()
    out = chosen.join(found, on=keep, how="left", maintain_order="left")
    with files.whole(path) as aside:
        out.write_parquet(aside)
    return out
