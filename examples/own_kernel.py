"""A kernel of your own against a built-in one: the line fit, in ten lines, beside `ic.reco.linefit`.

`python examples/own_kernel.py` measures them on simulated muons. With events of your own:
`python examples/own_kernel.py "Level2_*.i3.zst" --gcd GCD.i3.gz --pulses SRTInIcePulses`
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import icecol as ic
from icecol.reco.testing import check_feature


@ic.kernel(x=pl.Float64, y=pl.Float64, z=pl.Float64, time=pl.Float64, speed=pl.Float64, zenith=pl.Float64)
def own_linefit(time: Any, x: Any, y: Any, z: Any) -> Any:
    """Fit a point that moves at constant velocity to the pulses: the regression of x, y and z on time."""
    if time.size < 2:
        return np.nan, np.nan, np.nan, np.nan, np.nan, np.nan
    t, at = time.mean(), (x.mean(), y.mean(), z.mean())
    spread = ((time - t) ** 2).sum()
    vx, vy, vz = (
        ((time - t) * (x - at[0])).sum() / spread,
        ((time - t) * (y - at[1])).sum() / spread,
        ((time - t) * (z - at[2])).sum() / spread,
    )
    speed = np.sqrt(vx**2 + vy**2 + vz**2)
    return at[0], at[1], at[2], t, speed, np.arccos(-vz / speed)  # where it came from


def main() -> None:
    """Check the kernel, compare it with the built-in one, and measure both."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("files", nargs="?", help=".i3 files; by default, muons are simulated")
    options.add_argument("--gcd")
    options.add_argument("--pulses", default="SRTInIcePulses")
    options.add_argument("--quick", action="store_true", help="measure in seconds, less exactly")
    options.add_argument("-o", "--out", type=Path, default=Path("own_kernel.icecol"), help="dataset to make")
    given = options.parse_args()
    if given.files:
        ds = ic.convert.i3(given.files, given.out, gcd=given.gcd, pulses=[given.pulses], overwrite=True)
    else:
        muons = ic.sim.events(500, seed=1, muons=1, cascades=0, noise=0)
        ds = ic.sim.to_dataset(muons, given.out, overwrite=True)
    pulses = ds.pulses(given.pulses)

    check_feature(
        own_linefit(pulses), ds.scan().head(500).collect()
    )  # no slice, null or order changes a value
    both = ic.with_features(ds, Own=own_linefit(pulses), Built=ic.reco.linefit(pulses)).collect()
    ok = both.filter(pl.col("Own.zenith").is_not_null(), pl.col("Built.zenith").is_not_null())
    angle = (ok["Own.zenith"] - ok["Built.zenith"]).abs().max()
    print(
        f"{ok.height} of {both.height} events have both fits; the zenith angles differ by at most {angle:.1e}"
    )

    short = (
        {"sizes": [60], "seconds": 0.01, "repeat": 1, "rivals": False, "fresh": False} if given.quick else {}
    )
    print(ic.bench(own_linefit, against="linefit", events=ds, pulses=given.pulses, **short))


if __name__ == "__main__":
    main()
