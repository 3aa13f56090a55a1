"""Simulated events as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from icecol.detector.geometry import Geometry, Lookup
from icecol.reco.jagged import frozen
from icecol.reco.kernels import seeded_rt
from icecol.reco.selection import Selection
from icecol.sim import chain, particles, primary, triggers
from icecol.sim.chain import IceModel
from icecol.sim.columns import F64, Events, Hits, Truth
from icecol.sim.primary import Zenith

if TYPE_CHECKING:
    import polars as pl

PDG_ENCODING: Final = (0, 13, 12)
"""Primary of each kind (`particles.NOISE`, `MUON`, `CASCADE`): none, MuMinus, NuE."""

_SEEDED_RT: Final = Selection(seeded_rt.seeded_rt)

BLOCK: Final = 64
"""Particles thrown at a time: a fixed number, so that the first events of a seed do not depend on how many follow."""
HOPELESS: Final = 20_000
"""Particles thrown without an event kept before it is given up."""


def events(
    n: int,
    *,
    seed: int,
    geometry: Geometry | None = None,
    muons: float = 0.7,
    cascades: float = 0.2,
    noise: float = 0.1,
    energy: tuple[float, float] = (3e2, 1e5),
    index: float = 2.0,
    zenith: Zenith = "isotropic",
    radius: float = 700.0,
    dark_rate: float = 500.0,
    jitter: float = 2.0,
    efficiency: float = 1.0,
    losses: bool = False,
    ice: IceModel = "bulk",
    n_pulses: tuple[int, int] | None = None,
) -> Events:
    """Simulate events that fire the simple majority trigger (8 coincident launches in 5 microseconds), and noise.

    Muons pass through a disk around the detector and cascades start inside it; both are generated until they trigger.
    The first events of a seed are the same for any `n`. The models are documented in `icecol.sim.light` and
    `icecol.sim.sensor`.

    Parameters
    ----------
    n
        Number of events.
    seed
        Seed of the numpy random generator; the same seed gives identical events.
    geometry
        The detector; by default, `Geometry.nominal()`. Sensors in tanks are left out, and bad DOMs see nothing.
    muons, cascades, noise
        Relative numbers of events of each kind, with any normalization.
    energy, index
        Energy range in GeV and spectral index of the power law E^-index, for muons and cascades.
    zenith
        Zenith distribution: `isotropic`, or `atmospheric` for cos(zenith)^2 above the horizon.
    radius
        Radius of the injection disk in m.
    dark_rate
        Dark rate of a standard DOM in Hz.
    jitter
        Standard deviation of the photoelectron times in ns.
    efficiency
        Scale factor on all light, for systematic studies.
    losses
        Simulate stochastic losses along muon tracks (`icecol.sim.losses`), with the same light on average. Without
        them, muons emit light uniformly, and their energy resolution is far better than in reality.
    ice
        `bulk` is homogeneous, with the Pandel function's arrival times, which the likelihood fits assume. `layers` is
        that of the South Pole: scattering and absorption by depth, the dust layer, hole ice, cascades with a length,
        and PMTs that saturate.
    n_pulses
        Keep only events with a number of pulses in this range, (minimum, maximum), both inclusive.

    Returns
    -------
    Events

    Raises
    ------
    ValueError
        If fractions are negative or all zero, a number that cannot be is negative, the energy range is not increasing,
        the zenith distribution or the ice is unknown, or none of 20 000 particles made an event to keep.

    Examples
    --------
    >>> sample = events(10, seed=1)
    >>> len(sample), sample.pulses.offsets.size
    (10, 11)
    """
    fractions = np.array([noise, muons, cascades], float)
    at_least_0 = {
        "n": n,
        "radius": radius,
        "dark_rate": dark_rate,
        "jitter": jitter,
        "efficiency": efficiency,
    }
    for name, value in at_least_0.items():
        if not value >= 0:
            msg = f"`{name}` must be 0 or more; found {value}"
            raise ValueError(msg)
    if not (fractions >= 0).all() or not fractions.sum() > 0:
        msg = f"`muons`, `cascades` and `noise` must be fractions of a whole; found {muons}, {cascades}, {noise}"
        raise ValueError(msg)
    if not 0 < energy[0] < energy[1]:
        msg = f"`energy` must be (low, high) in GeV with 0 < low < high; found {energy}"
        raise ValueError(msg)
    if ice not in ("bulk", "layers"):
        msg = f"`ice` must be 'bulk' or 'layers'; found {ice!r}"
        raise ValueError(msg)
    detector = Geometry.nominal() if geometry is None else geometry
    rows_of, sensors = chain.sensors_of(detector)
    settings = chain.settings_of(dark_rate, jitter, efficiency, losses=losses, ice=ice)
    which, *streams = np.random.default_rng(seed).spawn(4)
    kind = np.searchsorted(np.cumsum(fractions / fractions.sum()), which.random(n), side="right").astype(
        np.uint8
    )
    kind = np.minimum(kind, 2)

    def throw(rng: np.random.Generator, which: int) -> primary.Primaries:
        if which == particles.MUON:
            return primary.muons(rng, BLOCK, energy, index, zenith, radius)
        if which == particles.CASCADE:
            return primary.cascades(rng, BLOCK, energy, index, zenith)
        return primary.Primaries(*np.full((7, BLOCK), np.nan))

    def lit(which: int, block: primary.Primaries) -> particles.Particles:
        if which == particles.NOISE:
            return particles.none_each(BLOCK)
        flight = primary.flight(block.zenith, block.azimuth)
        return particles.one_each(which, (block.x, block.y, block.z), flight, block.energy)

    truth = np.full((9, n), np.nan)  # the columns of Primaries, then the time and the number thrown
    trigger = np.full((2, n), np.nan)
    parts: list[list[npt.NDArray[Any]]] = []
    rows: list[npt.NDArray[np.int64]] = []
    lengths = np.zeros(n, np.int64)
    for code in range(3):
        wanted = np.flatnonzero(kind == code)
        found = thrown = 0
        while found < wanted.size:
            block = throw(streams[code], code)
            offsets, *pulses, begin, end = chain.simulate(
                streams[code], code, lit(code, block), sensors, settings
            )
            counts = np.diff(offsets)
            good = np.isfinite(begin) if code != particles.NOISE else np.ones(BLOCK, bool)
            if n_pulses is not None:
                good &= (counts >= n_pulses[0]) & (counts <= n_pulses[1])
            keep = np.flatnonzero(good)[: wanted.size - found]
            last = keep.size == wanted.size - found and keep.size
            thrown += int(keep[-1]) + 1 if last else BLOCK
            to = wanted[found : found + keep.size]
            truth[:7, to] = np.array(block)[:, keep]
            if code != particles.NOISE:
                truth[7, to] = chain.trigger_time - begin[keep]
                trigger[0, to] = chain.trigger_time
                trigger[1, to] = (end - begin)[keep]
            lengths[to] = counts[keep]
            chosen = np.zeros(BLOCK, bool)
            chosen[keep] = True
            inside = np.repeat(chosen, counts)
            parts.append([p[inside] for p in pulses])
            rows.append(np.repeat(to, counts[keep]))
            found += keep.size
            if thrown >= HOPELESS and not found:
                wish = f" with {n_pulses[0]} to {n_pulses[1]} pulses" if n_pulses is not None else ""
                msg = (
                    f"none of {thrown} particles thrown made an event{wish}; choose other energies or numbers"
                )
                raise ValueError(msg)
        truth[8, wanted] = thrown if code != particles.NOISE else np.nan

    row = np.concatenate([*rows, np.zeros(0, np.int64)])
    order = np.argsort(row, kind="stable")
    empty: list[npt.NDArray[Any]] = [np.zeros(0, t) for t in (np.int64, float, float, float, np.uint8, bool)]
    at, time, charge, width, flags, dark = (np.concatenate(c)[order] for c in zip(empty, *parts, strict=True))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    at = rows_of[at.astype(np.int64)]
    omkey, flags = detector.omkey[at], flags.astype(np.uint8)
    x, y, z, zen, azi, e0, weight, t0, thrown_column = truth
    return Events(
        truth=Truth(
            kind, np.array(PDG_ENCODING, np.int32)[kind], x, y, z, zen, azi, t0, e0, weight, thrown_column
        ),
        trigger_time=trigger[0],
        trigger_length=trigger[1],
        triggers=triggers.find(offsets, time, flags, omkey, smt8=(trigger[0], trigger[1])),
        pulses=Hits(
            offsets,
            omkey,
            time,
            charge.astype(np.float32),
            width.astype(np.float32),
            flags,
            dark.astype(bool),
            _cleaned(offsets, time, flags, omkey, detector),
        ),
        geometry=detector,
        settings={
            "seed": seed,
            "muons": muons,
            "cascades": cascades,
            "noise": noise,
            "energy": energy,
            "index": index,
            "zenith": zenith,
            "radius": radius,
            "dark_rate": dark_rate,
            "jitter": jitter,
            "efficiency": efficiency,
            "losses": losses,
            "ice": ice,
            "n_pulses": n_pulses,
        },
    )


def _cleaned(
    offsets: npt.NDArray[np.int64],
    time: F64,
    flags: npt.NDArray[np.uint8],
    omkey: npt.NDArray[np.int32],
    detector: Geometry,
) -> npt.NDArray[np.bool_]:
    """Tell which pulses are linked to one of hard local coincidence: seeded radius-time cleaning, 150 m and 1000 ns."""
    lookup = Lookup(detector.lookup.base, *(frozen(a) for a in detector.lookup[1:]))
    places = tuple(frozen(a) for a in (detector.x, detector.y, detector.z))
    every_string = (False, int(detector.string.min()), int(detector.string.max()))
    links = np.full((4, 4, 3), np.nan)
    links[..., :2] = 150.0, 1000.0
    pulses = [frozen(a) for a in (offsets, time, flags, omkey)]
    out = np.zeros(time.size, np.bool_)
    allow_no_seeds = link_one_sensor = True
    _SEEDED_RT.loop()(
        *pulses, lookup, *places, seeded_rt.ALL_HLC, 0, allow_no_seeds, -1, link_one_sensor,
        frozen(np.zeros(0, np.int32)), every_string, frozen(links), (-np.inf, np.inf),
        (frozen(detector.omkey), *places), out,
    )  # fmt: skip
    return out


def bright(n: int, *, pulses: int = 300, seed: int, geometry: Geometry | None = None) -> Events:
    """Simulate bright muons with about `pulses` pulses each (within 20 %), for benchmarks.

    Parameters
    ----------
    n, seed, geometry
        As for `events`.
    pulses
        Approximate number of pulses per event.

    Examples
    --------
    >>> sample = bright(2, pulses=300, seed=1)
    >>> all(240 <= k <= 360 for k in np.diff(sample.pulses.offsets))
    True
    """
    return events(
        n,
        seed=seed,
        geometry=geometry,
        cascades=0,
        noise=0,
        energy=(3e3, 1e5),
        index=1.5,
        radius=500.0,
        n_pulses=(round(0.8 * pulses), round(1.2 * pulses)),
    )


def toy(n: int = 10, *, seed: int = 1) -> pl.DataFrame:
    """Return a few simulated events as a data frame, for examples and tests.

    Parameters
    ----------
    n, seed
        As for `events`.

    Examples
    --------
    >>> toy()["SRTInIcePulses.charge"].list.sum().len()
    10
    """
    return events(n, seed=seed).to_polars()
