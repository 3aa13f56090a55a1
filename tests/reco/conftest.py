from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # `import naive`

settings.register_profile("compiled", deadline=None)  # the first call of a kernel compiles it
settings.load_profile("compiled")
