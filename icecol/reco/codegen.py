"""The loop around a kernel: from a formula over one event to one over all events of a column.

The loop is written as source text for the arguments of that kernel and compiled by numba under the file name of the
kernel, so that it is kept in numba's cache beside the kernel and no later process compiles it again. Only the loop is
kept, with all that it calls compiled into it, under a name that tells which kernel, and which icecol, it was made of:
numba itself looks at the date of the one file only, and would take old code for new.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit

from icecol import __version__
from icecol.dataset.pulses import MEMBERS
from icecol.detector.geometry import COLUMNS
from icecol.reco.kernels.locate import arrange, locate, longest, rises
from icecol.reco.numerics.order import order

_COMPILED = tuple(Path(__file__).parent / name for name in ("kernels", "numerics"))
"""Folders of the functions that kernels call."""
_PACKAGE = Path(__file__).parents[1]
_CONSTANTS = tuple(_PACKAGE / name for name in ("units.py", "detector/medium.py", "detector/sensors.py"))
"""Modules whose constants are compiled into kernels."""


def arguments(function: Callable[..., Any]) -> tuple[list[str], list[str], dict[str, Any]]:
    """Sort the arguments of a kernel: members of the pulses, columns of the geometry, and parameters with defaults.

    A parameter without a default has `inspect.Parameter.empty`.
    """
    members, columns, parameters = [], [], {}
    for name, p in inspect.signature(function).parameters.items():
        if p.kind is not p.KEYWORD_ONLY and name in MEMBERS:
            members.append(name)
        elif p.kind is not p.KEYWORD_ONLY and name in COLUMNS:
            columns.append(name)
        else:
            parameters[name] = p.default
    return members, columns, parameters


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a plain function with numba."""
    code = function.__code__
    plain = function
    if code.co_kwonlyargcount:  # numba knows positional arguments only
        code = code.replace(co_argcount=code.co_argcount + code.co_kwonlyargcount, co_kwonlyargcount=0)
        plain = FunctionType(code, function.__globals__, function.__name__, None, function.__closure__)
    return njit(nogil=True, error_model="numpy")(plain)


def event_loop(kernel: Any, *, events: tuple[str, ...] = (), n_fields: int | None) -> Any:
    """Return `loop(offsets, *members, lookup, *columns, *events, *parameters, out)` for a compiled kernel.

    Pulses reach the kernel sorted by omkey and without those outside the geometry, if it asks for omkey or for
    columns of the geometry. `events` names the parameters that have one value an event. With `n_fields` 0 the kernel
    returns its numbers in an array. Without `n_fields` it returns an array of one value a pulse; `out` has them in the
    order in which the pulses are stored, and keeps what it had for those that the kernel does not see.
    """
    function = kernel.py_func
    name = re.sub(r"\W", "_", f"{function.__name__}_events")  # a lambda has a name that is none
    made = {
        "np": np,
        "kernel": kernel,
        "arrange": arrange,
        "sorting": order,
        "locate": locate,
        "longest": longest,
        "rises": rises,
    }
    source = loop_source(function, name, events, n_fields)
    exec(compile(source, function.__code__.co_filename, "exec"), made)
    loop = made[name]
    loop.__module__ = function.__module__
    return kept(loop, function)


def kept(loop: Any, function: Callable[..., Any]) -> Any:
    """Compile a loop, kept in numba's cache for as long as the function in it, and all kernels, stay the same."""
    mark = fingerprint(function)
    loop.__qualname__ = f"{loop.__name__}_{mark}"
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return njit(cache=mark is not None, **options)(loop)
    except RuntimeError:  # no file to keep the machine code beside: the kernel was typed at a prompt
        return njit(**options)(loop)


def fingerprint(function: Callable[..., Any]) -> str | None:
    """Return a mark of all that the code of a kernel depends on, None if that cannot be told."""
    code = function.__code__
    values: list[Any] = [_told(cell.cell_contents) for cell in function.__closure__ or ()]
    values += [
        v for n in code.co_names if not callable(v := function.__globals__.get(n)) and not inspect.ismodule(v)
    ]
    if not all(isinstance(v, (int, float, str, tuple, type(None))) for v in values):
        return None
    constants = [c for c in code.co_consts if not inspect.iscode(c)]
    files = [*(file for folder in _COMPILED for file in sorted(folder.glob("*.py"))), *_CONSTANTS]
    kernels = [(file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    parts = (__version__, kernels, code.co_code, code.co_names, code.co_varnames, constants, values)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _told(value: Any) -> Any:
    """Return the name of a function of the kernels, whose code is marked with all of them; else the value."""
    function = getattr(value, "py_func", None)
    if isinstance(function, FunctionType) and Path(function.__code__.co_filename).parent in _COMPILED:
        return f"{function.__module__}.{function.__qualname__}"
    return value


def loop_source(
    function: Callable[..., Any], name: str, events: tuple[str, ...], n_fields: int | None
) -> str:
    """Write the loop over events for the arguments of a kernel."""
    members, columns, parameters = arguments(function)
    read = [*members, "omkey"] if columns and "omkey" not in members else members
    fixed = [p for p in parameters if p not in events]
    given = ["offsets", *read, *(["lookup"] if columns else []), *columns, *events, *fixed, "out"]
    passed = (
        {m: f"{m}_" for m in members} | {c: f"{c}_[:n]" for c in columns} | {e: f"{e}[i]" for e in events}
    )
    call = f"kernel({', '.join(passed.get(p, p) for p in inspect.signature(function).parameters)})"
    sort = [f"            {m}_ = {m}_[order]" for m in read]
    place = n_fields is None and "omkey" in read
    lines = [f"def {name}({', '.join(given)}):"]
    if columns:
        lines += ["    size = longest(offsets)", "    rows = np.empty(size, np.int32)"]
        lines += [f"    {c}_ = np.empty(size, {c}.dtype)" for c in columns]
    lines += ["    order = np.empty(0, np.int64)"] if place else []
    lines += ["    for i in range(offsets.size - 1):", "        a, b = offsets[i], offsets[i + 1]"]
    lines += ["        moved = False"] if place else []
    lines += [f"        {m}_ = {m}[a:b]" for m in read]
    if columns:
        lines += ["        n = b - a", "        if not locate(omkey_, lookup, rows):"]
        lines += ["            order = arrange(omkey_, lookup, rows)", "            n = order.size", *sort]
        lines += ["            moved = True"] if place else []
        lines += [
            "        for j in range(n):",
            # without a sign, or the compiler provides for rows that count from the end
            *(f"            {c}_[j] = {c}[np.uint64(rows[j])]" for c in columns),
        ]
    elif "omkey" in read:
        lines += [
            "        if not rises(omkey_):",
            "            order = sorting(omkey_)",
            *sort,
        ]
        lines += ["            moved = True"] if place else []
    if n_fields is None:
        lines += [f"        result = {call}"]
        at = "order[j] if moved else j" if place else "j"
        lines += ["        for j in range(result.size):", f"            out[a + ({at})] = result[j]"]
    elif n_fields == 0:
        lines += [
            f"        result = {call}",
            "        for k in range(out.shape[0]):",
            "            out[k, i] = result[k]",
        ]
    elif n_fields == 1:
        lines += [f"        out[0, i] = {call}"]
    else:
        # taken apart, so that a kernel that returns more or fewer numbers is not compiled
        lines += [
            f"        {', '.join(f'result_{k}' for k in range(n_fields))} = {call}",
            *(f"        out[{k}, i] = result_{k}" for k in range(n_fields)),
        ]
    return "\n".join(lines) + "\n"
