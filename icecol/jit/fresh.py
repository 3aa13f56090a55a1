"""A function compiled anew, with all that it calls: for the constants of this moment, and with indices checked.

numba compiles a function once for each type of arguments, with the constants that it finds then; and it checks no
index, so that one past the end of an event's pulses reads those of the next event.
"""

from __future__ import annotations

from types import CellType, FunctionType, ModuleType
from typing import Any

from numba.core.dispatcher import Dispatcher

from icecol.jit.function import compiled
from icecol.jit.mark import names, own, reached, trusted


def fresh(function: Any, *, boundscheck: bool) -> Any:
    """Compile a function, plain or compiled, and the compiled functions that it reaches; icecol's own stay as they are.

    Arguments that are keyword-only become positional, the only ones that numba knows.

    Examples
    --------
    >>> import numpy as np
    >>> fresh(lambda time: time[3], boundscheck=True)(np.zeros(3))
    Traceback (most recent call last):
    IndexError: index is out of bounds
    """
    if own(function) and isinstance(function, Dispatcher):
        return function
    options = _options(function) if isinstance(function, Dispatcher) else {}
    return _compiled(getattr(function, "py_func", function), options, {}, boundscheck=boundscheck)


def _options(function: Dispatcher) -> dict[str, Any]:
    return {"nogil": False, "error_model": "python"} | function.targetoptions


def _compiled(
    function: FunctionType, options: dict[str, Any], made: dict[Any, Any], *, boundscheck: bool
) -> Any:
    code = function.__code__
    if boundscheck and "flat" in names(code):
        msg = (
            f"{function.__name__!r} uses `.flat`, whose indices numba cannot check: index the array itself, "
            "or give the kernel boundscheck=False"
        )
        raise TypeError(msg)
    if code.co_kwonlyargcount:
        code = code.replace(co_argcount=code.co_argcount + code.co_kwonlyargcount, co_kwonlyargcount=0)
    cells = {name: CellType() for name in code.co_freevars}
    known = dict(function.__globals__)
    # of the function itself, all arguments are given
    defaults = function.__defaults__ if made else None
    twin = FunctionType(code, known, function.__name__, defaults, tuple(cells.values()))
    twin.__module__, twin.__qualname__ = function.__module__, function.__qualname__
    if boundscheck:
        options = options | {"boundscheck": True}
    made[id(function)] = anew = compiled(**options)(twin)
    near = names(code)
    for name, value in reached(function):
        new = _renewed(value, near, made, boundscheck=boundscheck)
        if name in cells:
            cells[name].cell_contents = new
        else:
            known[name] = new
    return anew


def _renewed(value: Any, near: frozenset[str], made: dict[Any, Any], *, boundscheck: bool) -> Any:
    """Return what takes the place of a value: compiled functions anew, also those in tuples and modules."""
    if isinstance(value, Dispatcher) and not own(value):
        plain = value.py_func
        return made.get(id(plain)) or _compiled(plain, _options(value), made, boundscheck=boundscheck)
    if type(value) is tuple:
        return tuple(_renewed(v, near, made, boundscheck=boundscheck) for v in value)
    if isinstance(value, ModuleType) and not trusted(value):
        key = id(value), near
        if key not in made:
            made[key] = twin = ModuleType(value.__name__)
            found = {name: getattr(value, name) for name in near if hasattr(value, name)}
            vars(twin).update({n: _renewed(v, near, made, boundscheck=boundscheck) for n, v in found.items()})
        return made[key]
    return value
