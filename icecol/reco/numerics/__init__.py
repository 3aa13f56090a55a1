"""Numerics that know no physics: minimisers, special functions, sorting, 3-vectors, compiled by numba.

In: plain numbers, arrays, and for a minimiser the compiled function it minimises. Out: numbers and arrays. The
minimisers follow the code that IceTray runs (Minuit's simplex, the direction-set method of cscd-llh), step by step, so
that fits end where IceTray's do, after as many calls.

Open `simplex.py` first. `bfgs.py` and `powell.py` are the other minimisers, `special.py` has the Gamma and confluent
hypergeometric functions, `ascending.py` and `order.py` sort, `direction.py` and `inverse.py` are geometry and algebra.
"""

from __future__ import annotations
