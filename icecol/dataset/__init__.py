"""What a dataset on disk is: its schema, manifest, parts and geometry; knows neither .i3 files nor compiled code."""

from __future__ import annotations
