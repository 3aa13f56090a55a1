"""Tests of datasets share tables of events."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "convert"))  # `import lines_reader`
sys.path.insert(0, str(Path(__file__).parent))  # `import event_tables`
