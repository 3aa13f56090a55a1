"""The public names of icecol: those that can be reached from `import icecol as ic`."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import icecol


def modules() -> dict[str, types.ModuleType]:
    """Return the public modules and packages, by the name that a user writes (`ic.reco`)."""
    return {"ic": icecol} | {
        f"ic.{name}": value
        for name in icecol.__all__
        if isinstance(value := getattr(icecol, name), types.ModuleType)
    }


def names() -> Iterator[tuple[str, Any]]:
    """Yield each public name that is not a module, as a user writes it (`ic.reco.linefit`), and its value."""
    for prefix, module in modules().items():
        for name in module.__all__:
            value = getattr(module, name)
            if not isinstance(value, types.ModuleType):
                yield f"{prefix}.{name}", value
