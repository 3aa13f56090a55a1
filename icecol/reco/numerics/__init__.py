"""TO WRITE."""

from __future__ import annotations
