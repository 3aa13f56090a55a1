"""Functions that the package calls from compiled code alone, made to be called from a test and kept on disk."""

from __future__ import annotations

from typing import Any

from icecol.jit.cache import kept


def from_python(*functions: Any) -> Any:
    """Compile functions anew, each with all that it calls, under the options that they have."""
    options = ("error_model", "boundscheck")
    made = [
        kept(**{k: v for k, v in f.targetoptions.items() if k in options and v is not None})(f.py_func)
        for f in functions
    ]
    return made[0] if len(made) == 1 else made
