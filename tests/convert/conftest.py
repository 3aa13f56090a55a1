"""Lets the tests of this folder generate objects."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "i3"))  # `import generated`
