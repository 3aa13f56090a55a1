"""Simulated events as columns, and as a data frame with the columns of a converted file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol import units
from icecol.dataset.pulses import MEMBERS
from icecol.detector.geometry import Geometry
from icecol.sim import particles
from icecol.sim.tree import COLUMNS, Tree
from icecol.sim.weights import KEYS, weights

F64: TypeAlias = npt.NDArray[np.float64]

RUN_ID: Final = 1
"""Run number of simulated events."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The true particle of each event, one row per event; NaN in a noise event. In ns, m, rad and GeV.

    Attributes
    ----------
    kind
        What was generated, as `icecol.sim.particles` numbers it.
    pdg_encoding
        PDG code.
    x, y, z
        A point of the track (the one closest to the detector's centre) or the cascade, in m.
    zenith, azimuth
        Direction that the particle comes from, in rad.
    time
        Time at that point, in ns.
    energy
        Energy in GeV.
    one_weight
        OneWeight, in GeV cm^2 sr.
    n_events
        Number of particles of this kind that were generated for the whole sample: `one_weight * flux / n_events` is a
        rate.

    Examples
    --------
    >>> from icecol import sim
    >>> truth = sim.events(5, seed=1, noise=0, cascades=0).truth
    >>> set(truth.pdg_encoding.tolist()), truth.energy.size
    ({13}, 5)
    """

    kind: npt.NDArray[np.uint8]
    pdg_encoding: npt.NDArray[np.int32]
    x: F64
    y: F64
    z: F64
    zenith: F64
    azimuth: F64
    time: F64
    energy: F64
    one_weight: F64
    n_events: F64


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Pulses of all events, one after the other: event i has those from `offsets[i]` to `offsets[i + 1]`.

    Sorted by omkey and then by time.

    Attributes
    ----------
    offsets
        Where the pulses of each event begin, and where the last ones end.
    omkey
        The PMT of each pulse.
    time, charge, width, flags
        Its time (ns), charge (PE), width (ns) and flags.
    noise
        Whether it is of dark noise alone.
    srt
        Whether it survives seeded radius-time cleaning.

    Examples
    --------
    >>> from icecol import sim
    >>> pulses = sim.events(5, seed=1).pulses
    >>> first = pulses.time[pulses.offsets[0] : pulses.offsets[1]]
    >>> first.size > 0, pulses.offsets.size
    (True, 6)
    """

    offsets: npt.NDArray[np.int64]
    omkey: npt.NDArray[np.int32]
    time: F64
    charge: npt.NDArray[np.float32]
    width: npt.NDArray[np.float32]
    flags: npt.NDArray[np.uint8]
    noise: npt.NDArray[np.bool_]
    srt: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Triggers:
    """Triggers of all events, one after the other: event i has those from `offsets[i]` to `offsets[i + 1]`.

    Attributes
    ----------
    offsets
        Where the triggers of each event begin, and where the last ones end.
    config_id
        Which trigger it is, as in `icecol.reco.triggers.CONFIG_ID`.
    time, length
        Its begin and length, in ns.

    Examples
    --------
    >>> from icecol import sim
    >>> triggers = sim.events(5, seed=1, noise=0).triggers
    >>> triggers.offsets.size, triggers.time.size >= 5, 1006 in triggers.config_id
    (6, True, True)
    """

    offsets: npt.NDArray[np.int64]
    config_id: npt.NDArray[np.int32]
    time: F64
    length: F64


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Simulated events: truth, trigger and pulses in columns, and the settings they were made with.

    Attributes
    ----------
    truth
        The true particle of each event.
    trigger_time, trigger_length
        Begin and length of the simple majority trigger in ns; NaN where it did not fire (noise events).
    triggers
        All triggers, that one included.
    pulses
        Pulses of all events.
    geometry
        The detector.
    settings
        What the events were made with.

    Examples
    --------
    >>> from icecol import sim
    >>> events = sim.events(5, seed=1)
    >>> len(events), events.geometry, events.settings["seed"]
    (5, Geometry(5160 sensors on 86 strings), 1)
    """

    truth: Truth
    trigger_time: F64
    trigger_length: F64
    triggers: Triggers
    pulses: Hits
    geometry: Geometry
    settings: dict[str, Any]
    first_event: int = 0
    """Number (event_id) of the first event."""
    tree: Tree | None = None
    """All particles, of events that `generate` made."""
    particles: dict[str, Tree] = field(default_factory=dict)
    """Some of them by frame key, one per event, with pdg_encoding 0 where there is none."""
    thrown: dict[str, dict[str, F64]] = field(default_factory=dict)
    """Weights by frame key and entry, of events that `generate` made."""
    start: F64 | None = None
    """Time (ns) from which the times of each event count; by default, there is one every 10 ms."""
    stop: F64 | None = None
    """End (ns) of each event's readout; by default, 6 microseconds after the end of the trigger."""

    def __len__(self) -> int:
        """Return the number of events."""
        return self.truth.kind.size

    def to_polars(self) -> pl.DataFrame:
        """Return the events as a data frame, one row per event, with the columns a converted file would have.

        `InIcePulses.*`, `SRTInIcePulses.*` and `I3TriggerHierarchy.*` are lists; `MCPrimary.*` is null in noise events,
        `I3MCWeightDict.*` in all but neutrinos, `MCMostEnergeticTrack.*` and `MuonWeightDict.*` in all but muons.

        Examples
        --------
        >>> from icecol import sim
        >>> table = sim.events(10, seed=1).to_polars()
        >>> table["InIcePulses.time"].dtype
        List(Float64)
        """
        return _table(self)


def _lists(values: npt.NDArray[Any], offsets: npt.NDArray[np.int64]) -> pl.Series:
    """Return a list column made of the values between offsets, without a copy."""
    import pyarrow as pa

    return pl.Series(pa.LargeListArray.from_arrays(offsets, values))


def _table(events: Events) -> pl.DataFrame:
    """Return simulated events as a data frame, one row per event."""
    truth, hits, n = events.truth, events.pulses, len(events)
    particle = pl.Series(truth.kind != particles.NOISE)
    track = pl.Series(truth.kind == particles.MUON)

    columns: dict[str, Any] = {
        "I3EventHeader.run_id": np.full(n, RUN_ID, np.uint32),
        "I3EventHeader.sub_run_id": np.zeros(n, np.uint32),
        "I3EventHeader.event_id": events.first_event + np.arange(n, dtype=np.uint32),
        "I3EventHeader.sub_event_id": np.zeros(n, np.uint32),
        "I3EventHeader.sub_event_stream": ["InIceSplit"] * n,
        "FilterMask.SMT8.condition_passed": np.isfinite(events.trigger_time),
        "FilterMask.SMT8.prescale_passed": np.isfinite(events.trigger_time),
    }
    kept = np.concatenate([[0], np.cumsum(hits.srt)])[hits.offsets]
    for key, mask, offsets in (
        ("InIcePulses", slice(None), hits.offsets),
        ("SRTInIcePulses", hits.srt, kept),
    ):
        for member in MEMBERS:
            columns[f"{key}.{member}"] = _lists(getattr(hits, member)[mask], offsets)
    frame = pl.DataFrame(columns).with_columns(_triggers(events.triggers))

    primary = {
        **{name: getattr(truth, name) for name in ("x", "y", "z", "zenith", "azimuth", "time", "energy")},
        "length": np.full(n, np.nan),
        "speed": np.full(n, units.c),
        "pdg_encoding": truth.pdg_encoding,
    }
    frame = frame.with_columns(
        pl.when(particle).then(pl.Series(v)).alias(f"MCPrimary.{k}") for k, v in primary.items()
    )
    if events.tree is not None:
        return frame.with_columns(
            *(column for key, tree in events.particles.items() for column in _particles(key, tree)),
            *_tree(events.tree),
            *(pl.Series(f"{key}.{k}", v) for key, how in events.thrown.items() for k, v in how.items()),
        )
    return frame.with_columns(
        *(
            pl.when(track).then(pl.Series(v)).alias(f"MCMostEnergeticTrack.{k}")
            for k, v in primary.items()
            if k in _OF_PARTICLE
        ),
        *(
            pl.when(pl.Series(truth.kind == kind)).then(pl.Series(v)).alias(f"{KEYS[kind]}.{k}")
            for kind, how in weights(truth, events.settings).items()
            for k, v in how.items()
        ),
    )


def _triggers(triggers: Triggers) -> list[pl.Series]:
    """Return the triggers below the global one, which comes first: as in a hierarchy, but without its other columns."""
    fired = np.diff(triggers.offsets) > 0
    offsets = triggers.offsets + np.concatenate([[0], np.cumsum(fired)])
    last = (
        np.maximum.reduceat(triggers.time + triggers.length, triggers.offsets[:-1][fired])
        if fired.any()
        else 0
    )
    first = triggers.time[triggers.offsets[:-1][fired]]
    places = triggers.offsets[:-1][fired]
    columns = {
        "time": np.insert(triggers.time, places, first),
        "length": np.insert(triggers.length, places, last - first),
    }
    found = [_lists(values, offsets).alias(f"I3TriggerHierarchy.{name}") for name, values in columns.items()]
    codes = pl.Series(np.insert(triggers.config_id, places, 0).astype(np.int32)).replace(0, None)
    import pyarrow as pa

    made = pa.LargeListArray.from_arrays(offsets, codes.to_arrow())
    return [*found, pl.Series("I3TriggerHierarchy.config_id", made)]


_OF_PARTICLE: Final = ("x", "y", "z", "zenith", "azimuth", "time", "energy", "pdg_encoding")


def _particles(key: str, tree: Tree) -> list[pl.Expr]:
    there = pl.Series(tree.pdg_encoding != 0)
    values = {name: getattr(tree, name) for name in (*_OF_PARTICLE, "length")}
    values["pdg_encoding"] = tree.pdg_encoding.astype(np.int32)
    return [pl.when(there).then(pl.Series(v)).alias(f"{key}.{name}") for name, v in values.items()]


def _tree(tree: Tree) -> list[pl.Series]:
    columns = {
        name: getattr(tree, name) for name in COLUMNS if name not in {"parent", "pdg_encoding", "shape"}
    }
    for name in ("parent", "pdg_encoding", "shape"):
        columns[name] = getattr(tree, name).astype(np.int32)
    columns["depth"] = tree.depth.astype(np.int32)
    return [_lists(values, tree.offsets).alias(f"I3MCTree.{name}") for name, values in columns.items()]
