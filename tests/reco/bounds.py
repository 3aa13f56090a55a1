"""Run kernels on events of all sizes, in a process that checks every index.

    NUMBA_DISABLE_JIT=1 python bounds.py

runs all that need not be compiled; those that divide plain numbers by zero, as only compiled code may, are

    NUMBA_BOUNDSCHECK=1 python bounds.py NAME...

Either prints, as JSON, the kernels that ran, all that there are, and the features that could not be computed.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import icecol as ic
from icecol.detector.geometry import omkey
from icecol.reco.decorator import Kernel
from icecol.reco.selection import Selection

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import features as priced

KEY = "P"
SIZES = (0, 1, 2, 3, 5, 9, 17, 40)
TRACK = ("x", "y", "z", "time", "zenith", "azimuth", "energy", "length", "speed")


def events(geometry: ic.Geometry) -> pl.DataFrame:
    """Return events of each size twice, in no order, some pulses of unknown sensors; then one without the series."""
    rng = np.random.default_rng(1)
    rows = []
    for n in 2 * SIZES:
        row = rng.choice(len(geometry), n, p=None)
        key = np.where(rng.random(n) < 0.1, omkey(99, 1), geometry.omkey[row]).astype(np.int32)
        repeated = np.concatenate([key, key[: n // 4]])
        m = repeated.size
        rows.append(
            {
                f"{KEY}.time": rng.normal(1e4, 500, m),
                f"{KEY}.charge": rng.lognormal(size=m),
                f"{KEY}.width": np.full(m, 8.0),
                f"{KEY}.flags": rng.integers(0, 4, m),
                f"{KEY}.omkey": repeated,
            }
            | {f"LineFit.{c}": rng.uniform(0, 3) for c in TRACK}
            | {f"CLast.{c}": rng.uniform(0, 3) for c in TRACK}
        )
    types = {
        "time": pl.Float64,
        "charge": pl.Float32,
        "width": pl.Float32,
        "flags": pl.UInt8,
        "omkey": pl.Int32,
    }
    frame = pl.DataFrame(
        [{k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in row.items()} for row in rows],
        schema_overrides={f"{KEY}.{m}": pl.List(t) for m, t in types.items()},
    )
    numbers = pl.lit(1e4).alias("LineFit.time"), pl.lit(1e4).alias("CLast.time")
    status = pl.lit(0, pl.Int32).alias("LineFit.fit_status"), pl.lit(0, pl.Int32).alias("CLast.fit_status")
    frame = frame.with_columns(*numbers, *status)
    return pl.concat(
        [frame, frame[-1:].with_columns(pl.lit(None, frame.schema[c]).alias(c) for c in frame.columns)]
    )


def features(p: ic.Pulses) -> dict[str, pl.Expr]:
    """Those with a price, and those that are as cheap as others."""
    r = ic.reco
    return priced.features(p) | {
        "charge_range": r.charge_range(p, min_charge=0.5),
        "first_pulses, earliest": r.first_pulses(p, use_mask=False),
        "first_pulses, charge": r.first_pulses(p, use_mask=False, keep_only_first_charge=True),
        "time_window": r.time_window(p, min_time=1e4),
        "tensor_of_inertia, axes": r.tensor_of_inertia(p, axes=True),
        "linefit, weighted": r.linefit(p, amp_weight_power=0.5),
        "delay_cleaning, interval": r.delay_cleaning(p, time_interval=100.0),
        "spe_fit, half sphere": r.spe_fit(p, parametrization="HalfSphere", max_calls=20),
        "spe_fit": r.spe_fit(p, max_calls=20),
        "spe_fit, BFGS": r.spe_fit(p, minimizer="BFGS", max_calls=20),
        "cascade_fit": r.cascade_fit(p, max_calls=20),
        "cascade_fit, Powell": r.cascade_fit(p, form="UPandel", minimizer="Powell", max_calls=20),
        "cascade_fit, directional": r.cascade_fit(p, directional=True, max_calls=20),
        "cascade_fit, layered ice": r.cascade_fit(p, directional=True, light="layers"),
        "paraboloid": r.paraboloid(p, track="LineFit"),
        "muon_energy": r.muon_energy(p, track="LineFit"),
    }


def kernels() -> Iterator[tuple[str, Kernel | Selection]]:
    """Yield all kernels of icecol by name."""
    for module in pkgutil.iter_modules(ic.reco.__path__, "icecol.reco."):
        for name, value in vars(importlib.import_module(module.name)).items():
            for k in value.values() if isinstance(value, dict) else [value]:
                if isinstance(k, Kernel | Selection):
                    yield f"{module.name}.{name} {k.function.__name__}", k


def main(names: Sequence[str]) -> None:
    called = set()

    def noting(loop: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def noted(kernel: Any) -> Any:
            called.add(kernel.function)
            return loop(kernel)

        return noted

    for kind in (Kernel, Selection):
        kind.loop = noting(kind.loop)  # type: ignore[method-assign]
    geometry = ic.Geometry.nominal()
    frame, left = events(geometry), []
    for name, feature in features(ic.Pulses(KEY, geometry)).items():
        if names and name not in names:
            continue
        before = set(called)
        try:
            frame.lazy().select(feature.alias("f")).collect()
        except ZeroDivisionError:
            left.append(name)
            called &= before
        except Exception as err:
            err.add_note(f"in {name}")
            raise
    found = dict(kernels())
    print(json.dumps([[name for name, k in found.items() if k.function in called], list(found), left]))


if __name__ == "__main__":
    main(sys.argv[1:])
