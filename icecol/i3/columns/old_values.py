"""Columns of old class versions, converted to today's meaning by the table in `icecol.i3.classes.old_values`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy.typing as npt

from icecol.i3.classes.old_values import change_of
from icecol.i3.columns.compiler import NP_TYPES, Owner
from icecol.i3.columns.passes import Columns


def modern(columns: Columns) -> Columns:
    """Convert the columns of old class versions to today's meaning: particle codes, units of time, settings."""
    owners: dict[Owner, dict[str, int]] = {}
    for i, leaf in enumerate(columns.program.leaves):
        if leaf.owner is not None and change_of(leaf.owner.name, leaf.owner.version) is not None:
            owners.setdefault(leaf.owner, {})[leaf.member] = i
    changed: dict[int, npt.NDArray[Any]] = {}
    for owner, places in owners.items():
        change = change_of(owner.name, owner.version)
        assert change is not None
        stored = {
            m: columns.values[i].view(NP_TYPES[columns.program.leaves[i].kind])
            for m, i in places.items()
            if m in change.members
        }
        if stored:
            changed |= {places[m]: v for m, v in change.today(owner.version, stored).items()}
    if not changed:
        return columns
    return replace(columns, values=[changed.get(i, v) for i, v in enumerate(columns.values)])
