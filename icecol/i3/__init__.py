"""The .i3 format: frames in a byte stream, classes in an archive; numpy and numba only."""

from __future__ import annotations
