"""Simulated neutrino-telescope events for demos, tests, benchmarks and resolution studies."""

from __future__ import annotations

from icecol.sim.bundle import bundles
from icecol.sim.columns import Events, Hits, Triggers, Truth
from icecol.sim.files import frames, write, write_gcd
from icecol.sim.generation import generate
from icecol.sim.jobs import simulate
from icecol.sim.muon import muons
from icecol.sim.neutrino import neutrinos
from icecol.sim.sample import bright, events, toy
from icecol.sim.source import to_dataset
from icecol.sim.stream import Stream, raw

__all__ = [
    "Events",
    "Hits",
    "Stream",
    "Triggers",
    "Truth",
    "bright",
    "bundles",
    "events",
    "frames",
    "generate",
    "muons",
    "neutrinos",
    "raw",
    "simulate",
    "to_dataset",
    "toy",
    "write",
    "write_gcd",
]


def __dir__() -> list[str]:
    return __all__
