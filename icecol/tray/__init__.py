"""Frame by frame: a chain of modules for prototypes, and for what columns cannot express."""

from __future__ import annotations

from icecol.tray.booking import book
from icecol.tray.chain import Row, Summary, Tray
from icecol.tray.checking import check
from icecol.tray.files import read, write
from icecol.tray.keys import delete, keep
from icecol.tray.splitting import pulse_mask, split

__all__ = [
    "Row",
    "Summary",
    "Tray",
    "book",
    "check",
    "delete",
    "keep",
    "pulse_mask",
    "read",
    "split",
    "write",
]


def __dir__() -> list[str]:
    return __all__
