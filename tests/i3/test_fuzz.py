"""Damaged objects are refused with a reason, or decoded; nothing else happens."""

from __future__ import annotations

import fuzz


def test_damaged_objects_of_every_class_are_refused_or_decoded() -> None:
    told = fuzz.run(len(fuzz.KINDS))
    assert told["refused"] + told["decoded"] == len(fuzz.KINDS)
    assert told["refused"] > told["decoded"] > 0
