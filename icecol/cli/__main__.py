"""`python -m icecol.cli`."""

from __future__ import annotations

from icecol.cli import main

main()
