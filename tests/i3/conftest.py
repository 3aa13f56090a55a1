"""Tests of the .i3 format share objects made from the layouts."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(path) for path in (Path(__file__).parent, *Path(__file__).parent.glob("[a-z]*/"))]
