"""Numbers of hit strings, hit DOMs and pulses."""

from __future__ import annotations

from icecol.jit.function import compiled


@compiled
def hit_multiplicity(omkey):
    """Count the pulses of one event, sorted by omkey, as IceTray's CommonVariables does.

    Returns n_hit_strings, n_hit_doms, n_hit_doms_one_pulse and n_pulses.
    """
    strings, doms, single = 0, 0, 0
    n = omkey.size
    before = ~omkey[0] if n else 0
    for j in range(n):
        dom = omkey[j]
        begins = dom != before
        strings += dom >> 16 != before >> 16
        doms += begins
        single += begins and (j + 1 == n or omkey[j + 1] != dom)
        before = dom
    return strings, doms, single, n
