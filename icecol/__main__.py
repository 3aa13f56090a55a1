"""`python -m icecol` is the command `icecol`."""

from __future__ import annotations

from icecol.cli import main

main()
