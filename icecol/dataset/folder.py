"""What the files and folders of a dataset are called."""

from __future__ import annotations

from typing import Final

MANIFEST: Final = "manifest.json"
"""Contents and provenance: a folder that has it is a dataset."""
EVENTS: Final = "events"
"""Folder of the parts."""
FEATURES: Final = "features"
"""Folder of features that are kept beside the events."""
PROGRESS: Final = ".progress"
"""Folder of the records of an unfinished conversion."""
SIMULATION: Final = "simulation.parquet"
"""Table of the S frames, one row per source file."""
GEOMETRY: Final = "geometry.parquet"
"""Table of the sensors."""
CALIBRATION: Final = "calibration.parquet"
"""Table of the calibration, one row per sensor."""
DETECTOR_STATUS: Final = "detector_status.parquet"
TRIGGER_STATUS: Final = "trigger_status.parquet"
"""Tables of the settings, one row per sensor or trigger."""


def own() -> set[str]:
    """Return the names of what belongs to a dataset in its folder."""
    tables = (SIMULATION, GEOMETRY, CALIBRATION, DETECTOR_STATUS, TRIGGER_STATUS)
    return {EVENTS, FEATURES, PROGRESS, MANIFEST, *tables}
