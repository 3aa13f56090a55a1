"""Reconstruction: features of events, computed from their pulses, as Polars expressions.

In: a pulse series, by name or as the `Pulses` handle that `Dataset.pulses` returns, and the columns of fits that other
features start from. Out: one struct expression per feature, or for cleanings a smaller pulse series; `with_features`
adds them to a frame, each kernel running once, batch by batch, only over the events that survive the cuts.

Open `plan.py` first (`with_features`, and `event_expr` which turns a loop over events into an expression), then
`line_fits.py` for what a public function looks like. A `Kernel` (`decorator.py`) joins a function over one event, in
`kernels/`, with the names of its results; `codegen.py` writes and compiles the loop over events around it; `jagged.py`
is the only bridge between list columns and numpy arrays; `selection.py` is what cleanings are made of, `reference.py`
how a feature finds its track, vertex or seed, `positions.py` where the DOMs are. `testing.py` checks any feature, also
a user's.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
