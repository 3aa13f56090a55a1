"""Expected values as features have them: null where slow twins, and IceTray's objects, have NaN."""

from __future__ import annotations

import math
from typing import Any

import pytest


def answer(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def near(value: Any, rel: float | None = None, abs: float | None = None) -> Any:  # noqa: A002
    """Return what equals a value, or each in a list, within a tolerance, and None where it is NaN."""
    if isinstance(value, list):
        return [near(each, rel, abs) for each in value]
    return None if answer(value) is None else pytest.approx(value, rel=rel, abs=abs)
