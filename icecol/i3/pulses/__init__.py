"""Pulse series of events → arrays of time, charge, width, flags and omkey, exactly as IceTray resolves them.

In: the events of a batch (`icecol.i3.container.mixing`) and a key. Out: a `PulseBatch` with the pulses of that key in
all events, and for each event whether it has them, or why not. A key may hold pulses or refer to them: a mask over
another series, a union of series, an I3SuperDST, a charge correction, a combination by module, or hits.

The files, in reading order:

- `batch`: start here. `PulseResolver` follows references between keys, and resolves each key once for all events.
- `pulse_batch`: what all of them give, a `PulseBatch`, and the reasons why a row has no pulses.
- `maps`, `masks`, `unions`, `charges`: the compiled readers of pulse maps; masks; unions and combinations by module;
  charge corrections.
- `superdst`: the compiled reader of I3SuperDST.
- `std_sort`: the sort of the C++ library. Masks count pulses after a sort that is not stable, so the order of pulses
  at equal times has to be that of libstdc++.
- `of_frames`: the same for frames one by one, which share the work of their batch or are a batch of their own.
- `series`: the pulses of one frame as arrays, and the frame object that holds them.

There is only one implementation: conversion and `Frame.pulses` run the same code. The tests compare it with a resolver
in plain Python and with what IceTray gives for the same files.
"""

from __future__ import annotations
