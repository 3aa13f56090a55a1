"""Whether a DOM belongs to a given set."""

from __future__ import annotations

from icecol.jit.function import compiled


@compiled
def member(omkey, table):
    """Return the entry `table[string, om]` of a DOM, 0 for one outside the table."""
    string, om = omkey >> 16, (omkey >> 8) & 0xFF
    if string < 0 or string >= table.shape[0] or om >= table.shape[1]:
        return 0
    return table[string, om]
