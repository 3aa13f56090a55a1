"""Datasets on disk: schema, manifest, parts and geometry; independent of .i3 files and of compiled code."""

from __future__ import annotations
