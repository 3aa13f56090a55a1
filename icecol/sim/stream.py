"""Raw data: what all DOMs send over a span of time, muons and dark noise as they overlap, and the events in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol import units
from icecol.detector.geometry import Geometry
from icecol.sim import chain, generation, sensor, tree, triggers
from icecol.sim.bundle import Bundles, bundles, rate
from icecol.sim.chain import IceModel
from icecol.sim.columns import Events, Hits, Triggers, Truth
from icecol.sim.particles import MUON, NOISE
from icecol.sim.sample import _cleaned as cleaned
from icecol.sim.tree import Tree

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]

DARK: Final = -1
"""Source of pulses of dark noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Pulses of all DOMs over a span of time, sorted by omkey and time, and the triggers in it.

    Attributes
    ----------
    seconds
        Span of time.
    omkey, time, charge, width, flags
        PMT, time (ns), charge (PE), width (ns) and flags of each pulse.
    source
        Number of the muon bundle that it is of, -1 for dark noise.
    bundles
        The particles of each bundle, with their times in the stream.
    triggers
        All triggers, those of a kind in order of time.
    geometry
        The detector.
    settings
        What the stream was made with.

    Examples
    --------
    >>> from icecol import sim
    >>> stream = sim.raw(0.001, seed=1)
    >>> stream.seconds, len(stream) == stream.time.size, len(stream) > 1000
    (0.001, True, True)
    """

    seconds: float
    omkey: npt.NDArray[np.int32]
    time: F64
    charge: npt.NDArray[np.float32]
    width: npt.NDArray[np.float32]
    flags: npt.NDArray[np.uint8]
    source: I64
    bundles: Tree
    triggers: Triggers
    geometry: Geometry
    settings: dict[str, Any]

    def __len__(self) -> int:
        """Return the number of pulses."""
        return self.time.size

    def windows(self) -> tuple[F64, F64]:
        """Return start and stop (ns) of the readouts, each of one event.

        A readout lasts from 4 microseconds before a trigger to 6 microseconds after its end. Those that overlap are
        one.

        Examples
        --------
        >>> from icecol import sim
        >>> start, stop = sim.raw(0.002, seed=1).windows()
        >>> bool((stop - start > 10_000).all() and (start[1:] > stop[:-1]).all())
        True
        """
        order = np.argsort(self.triggers.time, kind="stable")
        start = self.triggers.time[order] - chain.before
        stop = np.maximum.accumulate((self.triggers.time + self.triggers.length)[order] + chain.after)
        new = np.flatnonzero(np.append(np.ones(min(start.size, 1), np.bool_), start[1:] > stop[:-1]))
        return start[new], stop[np.append(new[1:], start.size) - 1] if start.size else stop

    def events(self) -> Events:
        """Return the events of the stream: the readouts, each with all of its triggers.

        Times count from 10 microseconds before the first trigger. `tree` has all muon bundles of which an event has
        pulses, the brightest first; the others came with it by chance. `ic.reco.topological_split` takes them apart.

        Examples
        --------
        >>> from icecol import sim
        >>> events = sim.raw(0.002, seed=1).events()
        >>> bool((events.triggers.time[events.triggers.offsets[:-1]] == 10_000).all())
        True
        """
        return _events(self)


def raw(
    seconds: float = 0.01,
    *,
    seed: int,
    generator: Bundles | None = None,
    geometry: Geometry | None = None,
    dark_rate: float = 500.0,
    jitter: float = 2.0,
    efficiency: float = 1.0,
    losses: bool = True,
    ice: IceModel = "bulk",
) -> Stream:
    """Simulate what the detector sends, without a break: atmospheric muons as they come, and dark noise.

    Launches, local coincidence and triggers are those of `events` and `generate`, but of everything together: bundles
    of muons overlap, and noise makes coincidences and triggers with them. A second takes some 500 MB.

    Parameters
    ----------
    seconds
        Span of time.
    seed
        Seed of the numpy random generator; the same seed gives an identical stream.
    generator
        Muon bundles, without biases; by default `bundles()`.
    geometry, dark_rate, jitter, efficiency, ice
        As for `icecol.sim.events`.
    losses
        Simulate stochastic losses along muon tracks.

    Returns
    -------
    Stream

    Raises
    ------
    ValueError
        If the span is not positive, a number that cannot be is negative, the ice is unknown, or the generator has
        biases: its bundles do not come as they do in nature.

    Examples
    --------
    >>> stream = raw(0.001, seed=1)
    >>> bool((stream.source == -1).mean() > 0.1)
    True
    """
    muons = bundles() if generator is None else generator
    if not 0 < seconds < np.inf:
        msg = f"`seconds` must be positive; found {seconds}"
        raise ValueError(msg)
    if muons.key != Bundles.key or muons.multiplicity_bias or muons.energy_bias or muons.dim[0]:
        msg = "`generator` must be bundles without biases: only these come as they do in nature"
        raise ValueError(msg)
    generation.check(ice, dark_rate=dark_rate, jitter=jitter, efficiency=efficiency)
    detector = Geometry.nominal() if geometry is None else geometry
    rows, sensors = chain.sensors_of(detector)
    settings = chain.settings_of(0.0, jitter, efficiency, losses=losses, ice=ice)
    throwing, shining, dark = np.random.default_rng(seed).spawn(3)
    span = seconds * units.s
    n = throwing.poisson(rate(muons.radius, muons.height) * seconds)
    arrival = np.sort(throwing.random(n)) * span
    thrown = muons.throw(throwing, n).at_detector
    light = chain.simulate(shining, chain.EVERYTHING, thrown.particles(), sensors, settings)
    number = np.repeat(np.arange(n), np.diff(light[0]))
    noise = dark.poisson(dark_rate / units.s * span * sensors.efficiency)
    at, time, charge, length, source = _merged(
        [light[1].astype(np.int64), arrival[number] + light[2], light[3], light[4], number],
        [
            np.repeat(np.arange(noise.size), noise),
            dark.random(noise.sum()) * span,
            sensor.photon_charges(dark, int(noise.sum())),
            np.zeros(noise.sum()),
            np.full(noise.sum(), DARK),
        ],
        span,
    )
    member, begun, hard = chain.launched(at, time, charge, sensors)
    # with times as they are
    which, time, charge, width, flags = chain.recorded(
        time, charge, length, member, begun, hard, chain.trigger_time, 0.0, span
    )
    first = np.flatnonzero(np.diff(member[which], prepend=-1) > 0)
    keys = detector.omkey[rows[at[which]]]
    found = triggers.find(np.array([0, first.size]), time[first], flags[first], keys[first], dead_time=0.0)
    return Stream(
        seconds, keys, time, charge.astype(np.float32), width.astype(np.float32), flags, source[which],
        thrown.shifted(arrival), found, detector,
        {
            "seed": seed, "seconds": seconds, "generator": muons.settings, "dark_rate": dark_rate, "jitter": jitter,
            "efficiency": efficiency, "losses": losses, "ice": ice,
        },
    )  # fmt: skip


def _merged(
    light: list[npt.NDArray[Any]], dark: list[npt.NDArray[Any]], span: float
) -> tuple[npt.NDArray[Any], ...]:
    """Return sensor, time, charge, length and source of the pulses of both within the span, in order."""
    of, time, charge, length, source = (np.concatenate(pair) for pair in zip(light, dark, strict=True))
    order = np.lexsort((time, of))
    order = order[(time[order] >= 0) & (time[order] < span)]
    columns = tuple(values[order] for values in (of, time, charge, length, source))
    left = sensor.merge_pulses(*columns)
    return tuple(values[:left] for values in columns)


def _events(stream: Stream) -> Events:
    start, stop = stream.windows()
    n = start.size
    zero = start + chain.before - chain.trigger_time
    found = stream.triggers
    event = np.searchsorted(start, found.time, side="right") - 1
    order = np.lexsort((found.time, event))
    event = event[order]
    offsets = np.searchsorted(event, np.arange(n + 1))
    fired = Triggers(offsets, found.config_id[order], found.time[order] - zero[event], found.length[order])
    smt8 = np.flatnonzero(fired.config_id == triggers.SMT8)
    with_one, first = np.unique(event[smt8], return_index=True)
    begin, length = np.full(n, np.nan), np.full(n, np.nan)
    begin[with_one], length[with_one] = fired.time[smt8[first]], fired.length[smt8[first]]

    which = np.searchsorted(start, stream.time, side="right") - 1
    inside = np.flatnonzero((which >= 0) & (stream.time < np.append(stop, 0.0)[which]))
    inside = inside[np.argsort(which[inside], kind="stable")]
    number = which[inside]
    places = np.searchsorted(number, np.arange(n + 1))
    time, flags, omkey = stream.time[inside] - zero[number], stream.flags[inside], stream.omkey[inside]
    made = _particles(stream, number, inside, zero)
    some = np.diff(made.offsets) > 0
    truth = {name: np.full(n, np.nan) for name in ("x", "y", "z", "zenith", "azimuth", "time", "energy")}
    for name, values in truth.items():
        values[some] = getattr(made, name)[made.offsets[:-1][some]]
    nothing = np.full(n, np.nan)
    return Events(
        truth=Truth(
            np.where(some, MUON, NOISE).astype(np.uint8), np.zeros(n, np.int32), **truth,
            one_weight=nothing, n_events=nothing,
        ),
        trigger_time=begin,
        trigger_length=length,
        triggers=fired,
        pulses=Hits(
            places, omkey, time, stream.charge[inside], stream.width[inside], flags, stream.source[inside] == DARK,
            cleaned(places, time, flags, omkey, stream.geometry),
        ),
        geometry=stream.geometry,
        settings=stream.settings,
        tree=made,
        particles={"MCMostEnergeticTrack": made.most_energetic(made.light == MUON)},
        start=zero,
        stop=stop - zero,
    )  # fmt: skip


def _particles(stream: Stream, number: I64, pulses: I64, zero: F64) -> Tree:
    """Return the bundles of which each event has pulses, the brightest first, with times of the event."""
    source = stream.source[pulses]
    lit = source != DARK
    pairs, place = np.unique(np.stack([number[lit], source[lit]]), axis=1, return_inverse=True)
    charge = np.bincount(place.ravel(), stream.charge[pulses][lit], minlength=pairs.shape[1])
    pairs = pairs[:, np.lexsort((-charge, pairs[0]))]
    return tree.grouped(stream.bundles.select(pairs[1]), pairs[0], zero.size).shifted(-zero)
