"""From a generator to events: light, trigger and pulses of what it throws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt

from icecol.detector.geometry import Geometry
from icecol.sim import chain, tree, triggers
from icecol.sim.brightness import brightness, dark
from icecol.sim.chain import IceModel
from icecol.sim.columns import Events, Hits, Truth
from icecol.sim.particles import CASCADE, HADRONS, MUON
from icecol.sim.sample import _cleaned as cleaned
from icecol.sim.thrown import Generator, Thrown

CHUNK: Final = 2048
"""Events thrown at a time: a fixed number, so that the first events of a seed do not depend on how many follow."""


def generate(
    generator: Generator,
    n: int,
    *,
    seed: int | Sequence[int],
    geometry: Geometry | None = None,
    dark_rate: float = 500.0,
    jitter: float = 2.0,
    efficiency: float = 1.0,
    losses: bool = True,
    ice: IceModel = "bulk",
    charge: float = 0.0,
) -> Events:
    """Throw `n` events, and return those that trigger the detector.

    The number thrown enters the weights as `NEvents`, those that a generator left out to bias its sample included. A
    seed gives the same events, in whatever process; its first do not depend on how many follow, but for `NEvents`.

    Parameters
    ----------
    generator
        What is thrown: `neutrinos`, `muons` or `bundles`.
    n
        Number thrown.
    seed
        Seed of numpy's random generator; several numbers, such as those of dataset and file, make one.
    geometry, dark_rate, jitter, efficiency, losses, ice
        As for `icecol.sim.events`.
    charge
        Charge in PE that an event needs to be kept. Weights stay as they are.

    Returns
    -------
    Events
        With `tree`, `particles` and `thrown`.

    Raises
    ------
    ValueError
        If a number that cannot be is negative, or the ice is unknown.

    Examples
    --------
    >>> from icecol import sim
    >>> made = generate(sim.neutrinos("numu", energy=(1e4, 1e6), dim=(1e3, 0.1)), 60, seed=(21001, 0))
    >>> len(made) < 60, float(made.thrown["I3MCWeightDict"]["NEvents"][0])
    (True, 60.0)
    """
    check(ice, n=n, dark_rate=dark_rate, jitter=jitter, efficiency=efficiency)
    detector = Geometry.nominal() if geometry is None else geometry
    rows, sensors = chain.sensors_of(detector)
    settings = chain.settings_of(dark_rate, jitter, efficiency, losses=losses, ice=ice)
    throwing, shining = np.random.default_rng(seed).spawn(2)
    thrown: list[Thrown] = []
    times: list[npt.NDArray[Any]] = []
    pulses: list[list[npt.NDArray[Any]]] = []
    for first in range(0, n, CHUNK):
        block = generator.throw(throwing, CHUNK)
        # what a generator left out counts as thrown, so that its numbers in a chunk are not consecutive
        wanted = block.number < n - first
        lit = block.only(wanted & (brightness(block.at_detector.particles()) > dark))
        light = lit.at_detector.particles()
        offsets, *columns, begin, end = chain.simulate(shining, MUON, light, sensors, settings)
        total = np.add.reduceat(np.append(columns[2], 0.0), offsets[:-1]) if offsets.size > 1 else np.zeros(0)
        good = np.isfinite(begin) & (np.where(np.diff(offsets) > 0, total, 0.0) >= charge)
        inside = np.repeat(good, np.diff(offsets))
        pulses.append([np.diff(offsets)[good], *(column[inside] for column in columns)])
        times.append(np.stack([chain.trigger_time - begin[good], (end - begin)[good]]))
        thrown.append(lit.only(good))
    return _events(generator, n, thrown, times, pulses, rows, detector, {
        "seed": seed, "dark_rate": dark_rate, "jitter": jitter, "efficiency": efficiency, "losses": losses,
        "ice": ice, "charge": charge,
    })  # fmt: skip


def check(ice: str, **at_least_0: float) -> None:
    """Refuse an ice that is unknown, and negative numbers."""
    for name, value in at_least_0.items():
        if not value >= 0:
            msg = f"`{name}` must be 0 or more; found {value}"
            raise ValueError(msg)
    if ice not in get_args(IceModel):
        msg = f"`ice` must be 'bulk' or 'layers'; found {ice!r}"
        raise ValueError(msg)


def _events(
    generator: Generator,
    n: int,
    thrown: list[Thrown],
    times: list[npt.NDArray[Any]],
    pulses: list[list[npt.NDArray[Any]]],
    rows: npt.NDArray[np.int64],
    detector: Geometry,
    settings: dict[str, Any],
) -> Events:
    if not thrown:
        empty = generator.throw(np.random.default_rng(0), 1).only(np.zeros(1, np.bool_))
        thrown, times = [empty], [np.zeros((2, 0))]
        pulses = [[np.zeros(0, t) for t in (np.int64, np.int64, float, float, float, np.uint8, bool)]]
    shift, length = np.concatenate(times, axis=1)
    counts, at, time, pe, width, flags, noise = (np.concatenate(c) for c in zip(*pulses, strict=True))
    every = tree.joined([part.tree for part in thrown]).shifted(shift)
    light = tree.joined([part.at_detector for part in thrown]).shifted(shift)
    weights = {name: np.concatenate([part.weights[name] for part in thrown]) for name in thrown[0].weights}
    weights["NEvents"] = np.full(shift.size, float(n))
    track, cascade = (np.isin(every.light, kinds) for kinds in ((MUON,), (CASCADE, HADRONS)))
    one_weight = weights.get("OneWeight", np.full(shift.size, np.nan))
    muon = light.most_energetic(track)
    kind = np.where(muon.pdg_encoding != 0, MUON, CASCADE).astype(np.uint8)
    primary = every.most_energetic(every.parent < 0)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    omkey = detector.omkey[rows[at.astype(np.int64)]]
    flags = flags.astype(np.uint8)
    begin = np.full(shift.size, chain.trigger_time)
    return Events(
        truth=Truth(
            kind, primary.pdg_encoding.astype(np.int32), primary.x, primary.y, primary.z, primary.zenith,
            primary.azimuth, primary.time, primary.energy, one_weight, weights["NEvents"],
        ),
        trigger_time=begin,
        trigger_length=length,
        triggers=triggers.find(offsets, time, flags, omkey, smt8=(begin, length)),
        pulses=Hits(
            offsets, omkey, time, pe.astype(np.float32), width.astype(np.float32), flags, noise.astype(np.bool_),
            cleaned(offsets, time, flags, omkey, detector),
        ),
        geometry=detector,
        settings={"generator": generator.settings, "n": n, **settings},
        tree=every,
        particles={
            "MCMostEnergeticTrack": muon,
            "MCMostEnergeticCascade": every.most_energetic(cascade),
        },
        thrown={generator.key: weights},
    )  # fmt: skip
