"""Kernels: one algorithm per file, compiled by numba.

In: the pulses of one event as arrays (time in ns, charge in PE, omkey, and x, y, z in m of each pulse's DOM), sorted
by omkey, the members of a track or vertex as numbers, and settings. Out: a tuple of numbers, one per field of the
feature, NaN for "no answer"; a cleaning returns one flag per pulse. No Polars, no Arrow, no exceptions; floating-point
sums are in f64 and in IceTray's order where stored values are to be reproduced.

Open `linefit.py` first, the simplest one. `track_likelihood.py` and `pandel.py` are the heart of the likelihood fits,
`cherenkov.py` the geometry of light from a track, `locate.py` how pulses find their DOMs.
"""

from __future__ import annotations
