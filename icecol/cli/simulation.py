"""`icecol simulate`: events of neutrinos and atmospheric muons, as files or a dataset."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from icecol.cli.program import stdout


class Kind(StrEnum):
    """What can be simulated."""

    nue = "nue"
    numu = "numu"
    nutau = "nutau"
    bundles = "bundles"
    muons = "muons"


class Ice(StrEnum):
    """The ice that light passes."""

    bulk = "bulk"
    layers = "layers"


def simulate(
    kind: Annotated[
        Kind, typer.Argument(help="Neutrinos of a flavor, bundles of atmospheric muons, or single muons.")
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out", "-o", help="Dataset to make, or a name of .i3 files such as nue.{file:06d}.i3.zst."
        ),
    ],
    dataset: Annotated[
        int,
        typer.Option("--dataset", "-d", min=0, help="Number of the dataset: with those of files, the seed."),
    ],
    files: Annotated[
        str, typer.Option("--files", "-f", help="How many files, or which, as in 100-199 or 3,7.")
    ] = "1",
    n: Annotated[int, typer.Option("--events", "-n", min=1, help="Number thrown per file.")] = 1000,
    energy: Annotated[
        tuple[float, float] | None, typer.Option(help="Lowest and highest energy in GeV.")
    ] = None,
    index: Annotated[float, typer.Option(help="Neutrinos: spectral index of the power law.")] = 2.0,
    zenith: Annotated[
        tuple[float, float] | None, typer.Option(help="Neutrinos: range of the zenith angle in degrees.")
    ] = None,
    volume: Annotated[
        bool,
        typer.Option("--volume", help="Neutrinos: throw vertices over the cylinder, not lines through it."),
    ] = False,
    multiplicity_bias: Annotated[float, typer.Option(help="Bundles: more with many muons, 0 to 1.5.")] = 0.0,
    energy_bias: Annotated[float, typer.Option(help="Bundles: more of high energy, 0 to 3.")] = 0.0,
    dim: Annotated[
        tuple[float, float],
        typer.Option(help="Brightness in GeV, and share of dimmer events to keep at least."),
    ] = (0.0, 1.0),
    charge: Annotated[float, typer.Option(help="Charge in PE that an event needs to be kept.")] = 0.0,
    ice: Annotated[
        Ice, typer.Option(help="Homogeneous ice, or the layers of the South Pole with dust and hole ice.")
    ] = Ice.bulk,
    gcd: Annotated[Path | None, typer.Option(help="GCD file with the detector; by default, nominal.")] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Number of processes; by default, one per core.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Simulate events with weights: the same for any number of processes, and file by file.

    icecol simulate numu -d 21001 -f 100 -n 10000 --energy 1e3 1e6 -o numu.icecol
    """
    import math

    import icecol as ic

    how: dict[str, Any] = {"energy": energy} if energy else {}
    generator: Any
    if kind is Kind.bundles:
        how |= {"multiplicity_bias": multiplicity_bias, "energy_bias": energy_bias}
        generator = ic.sim.bundles(dim=dim, **how)
    else:
        if zenith is not None:
            how["zenith"] = (math.radians(zenith[0]), math.radians(zenith[1]))
        if kind is Kind.muons:
            generator = ic.sim.muons(index=index, dim=dim, **how)
        else:
            flavor: Any = kind.value
            generator = ic.sim.neutrinos(flavor, index=index, volume=volume, dim=dim, **how)
    geometry = None if gcd is None else ic.convert.read_geometry(gcd)
    numbers = numbers_of(files, "--files")
    begin = time.perf_counter()
    made = ic.sim.simulate(
        generator, out, dataset=dataset, n_files=numbers, n=n, geometry=geometry, jobs=jobs, overwrite=overwrite,
        charge=charge, ice=ice.value,
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    thrown = f"{len(numbers) * n:,} thrown in {len(numbers)} {'file' if len(numbers) == 1 else 'files'}"
    if isinstance(made, list):
        size = sum(p.stat().st_size for p in made) / 1e6
        stdout.print(f"{made[0]} ...: {size:,.1f} MB of {thrown}, {seconds:.1f} s", soft_wrap=True)
    else:
        stdout.print(f"{out}: {made.rows:,} events of {thrown}, {seconds:.1f} s", soft_wrap=True)


def numbers_of(text: str, option: str, *, several: bool = False) -> list[int]:
    """Read `3,7` or `100-199` as these numbers, and `10` as the first ten, or as that one of `several`."""
    try:
        if text.strip().isdigit() and not several:
            return list(range(int(text)))
        found: list[int] = []
        for part in filter(None, text.replace(" ", "").split(",")):
            low, _, high = part.partition("-")
            found += range(int(low), int(high or low) + 1)
    except ValueError:
        what = "a number of a chunk" if several else "a number of files"
        msg = f"{text!r} is neither {what} nor a list such as 100-199 or 3,7"
        raise typer.BadParameter(msg, param_hint=option) from None
    return found
