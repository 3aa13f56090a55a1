"""Simulation: events of a neutrino telescope for demos, tests, benchmarks and studies of resolution."""

from __future__ import annotations

from icecol.sim.clean import seeded_rt
from icecol.sim.events import Events, Hits, Truth, bright, events
from icecol.sim.frames import write, write_gcd
from icecol.sim.trigger import majority

__all__ = ["Events", "Hits", "Truth", "bright", "events", "majority", "seeded_rt", "write", "write_gcd"]
