"""The command line, `icecol ...`: arguments, progress and printing; the library does all the work.

Exit codes: 0 success, 1 an error or damaged input, 2 incorrect usage, 130 interrupted.
"""

from __future__ import annotations

from icecol.cli.program import app, main

__all__ = ["app", "main"]
