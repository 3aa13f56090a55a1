"""The folders of this one and of `lines_reader` can be imported from, also by processes that are started."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "convert"):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
