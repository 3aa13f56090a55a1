"""Lets the tests of this folder generate objects, and use a reader of a form of their own."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "i3"))  # `import generated`
sys.path.insert(0, str(Path(__file__).parent))  # `import lines_reader`, `tableio_files`
