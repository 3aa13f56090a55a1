"""The loop around a kernel: from a formula over one event to one over all events of a column.

The loop is written as source text for the arguments of that kernel and compiled by numba under the file name of the
kernel, with the kernel and all that it calls compiled into it, and kept on disk beside the kernel (`icecol.jit`).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from icecol.dataset.pulses import MEMBERS
from icecol.detector.geometry import COLUMNS
from icecol.jit.cache import kept
from icecol.jit.mark import own
from icecol.reco.kernels.append import append
from icecol.reco.kernels.locate import arrange, locate, longest, rises
from icecol.reco.numerics.order import order


def arguments(
    function: Callable[..., Any], series: Sequence[str] = ()
) -> tuple[list[str], list[str], dict[str, Any]]:
    """Sort the arguments of a kernel: members of the pulses, columns of the geometry, and parameters with defaults.

    A parameter without a default has `inspect.Parameter.empty`. Arguments of further series are left out.
    """
    members, columns, parameters = [], [], {}
    further = {name for s in series for part in of_series(function, s) for name in part}
    for name, p in inspect.signature(function).parameters.items():
        if p.kind is not p.KEYWORD_ONLY and name in MEMBERS:
            members.append(name)
        elif p.kind is not p.KEYWORD_ONLY and name in COLUMNS:
            columns.append(name)
        elif name not in further:
            parameters[name] = p.default
    return members, columns, parameters


def of_series(function: Callable[..., Any], series: str) -> tuple[list[str], list[str]]:
    """Return the arguments of a kernel for a further series: `late_time` is a member of `late`, `late_x` a column."""
    given = [
        name
        for name, p in inspect.signature(function).parameters.items()
        if p.kind is not p.KEYWORD_ONLY and name.startswith(f"{series}_")
    ]
    bare = len(series) + 1
    return [n for n in given if n[bare:] in MEMBERS], [
        n for n in given if n[bare:] in COLUMNS.keys() - set(MEMBERS)
    ]


def event_loop(
    kernel: Any,
    *,
    events: tuple[str, ...] = (),
    n_fields: int | None,
    series: tuple[str, ...] = (),
    lists: tuple[int, ...] = (),
    guarded: bool = False,
) -> Any:
    """Return `loop(offsets, *members, lookup, *columns, *events, *parameters, out)` for a compiled kernel.

    Pulses reach the kernel sorted by omkey and without those outside the geometry, if it asks for omkey or for
    columns of the geometry. `events` names the parameters that have one value an event. With `n_fields` 0 the kernel
    returns its numbers in an array. Without `n_fields` it returns an array of one value a pulse; `out` has them in the
    order in which the pulses are stored, and keeps what it had for those that the kernel does not see.

    A guarded loop begins with two arguments more: `present`, one bool an event, passes over events, and `at` of size 1
    has the event that the kernel is called for. The arguments of further `series` follow those of the first. The
    fields whose places are in `lists` are arrays; the loop returns, for each of them, n + 1 offsets and the values.
    """
    function = getattr(kernel, "py_func", kernel)  # numba may be told not to compile
    name = re.sub(r"\W", "_", f"{function.__name__}_events")  # a lambda has a name that is none
    made = {
        "np": np,
        "append": append,
        "kernel": kernel,
        "arrange": arrange,
        "sorting": order,
        "locate": locate,
        "longest": longest,
        "rises": rises,
    }
    source = loop_source(
        function, name, events, n_fields, series, lists, guarded=guarded, trusted=own(kernel)
    )
    exec(compile(source, function.__code__.co_filename, "exec"), made)
    loop = made[name]
    loop.__module__ = function.__module__
    return kept(label=f"kernel {function.__name__!r}", error_model="numpy")(loop)


def loop_source(
    function: Callable[..., Any],
    name: str,
    events: Sequence[str],
    n_fields: int | None,
    series: Sequence[str] = (),
    lists: Sequence[int] = (),
    *,
    guarded: bool = False,
    trusted: bool = True,
) -> str:
    """Write the loop over events for the arguments of a kernel; one that is trusted returns one value a pulse, if any.

    No name in it can be that of a parameter: those have an ending of their own.
    """
    members, columns, parameters = arguments(function, series)
    place = n_fields is None and ("omkey" in members or bool(columns))
    parts = [_series_source("", members, columns, place=place)]
    parts += [_series_source(f"{s}_", *of_series(function, s)) for s in series]
    passed = {k: v for part in parts for k, v in part.passed.items()}
    passed |= {p: f"{p}_given[i]" if p in events else f"{p}_given" for p in parameters}
    call = f"kernel({', '.join(passed[p] for p in inspect.signature(function).parameters)})"
    fixed = [p for p in parameters if p not in events]
    given = ["present", "at"] if guarded else []
    given += [g for part in parts for g in part.given]
    given += [*(f"{p}_given" for p in (*events, *fixed)), "out"]
    lines = [f"def {name}({', '.join(given)}):", *(f"    {line}" for part in parts for line in part.before)]
    for k in lists:
        lines += [
            f"    used_{k}, flat_{k} = 0, np.empty(64)",
            f"    ends_{k} = np.zeros(offsets.size, np.int64)",
        ]
    lines += ["    for i in range(offsets.size - 1):"]
    body = [
        "if not present[i]:",
        *(f"    ends_{k}[i + 1] = used_{k}" for k in lists),
        "    continue",
        "at[0] = i",
    ]
    body = (body if guarded else []) + [line for part in parts for line in part.each]
    result = _result_source(call, n_fields, lists, place=place)
    if n_fields is None and not trusted:
        size = f"{parts[0].given[1]}_.size"
        result[1:1] = [
            f"if result.size != {size}:",
            "    raise ValueError('one value per pulse is to be returned')",
        ]
    body += result
    lines += [f"        {line}" for line in body]
    if lists:
        lines += [f"    return {', '.join(f'ends_{k}, flat_{k}[:used_{k}]' for k in lists)}"]
    return "\n".join(lines) + "\n"


def _result_source(call: str, n_fields: int | None, lists: Sequence[int], *, place: bool) -> list[str]:
    """Write what is done with the result of a kernel."""
    if n_fields is None:
        at = "order[j] if moved else j" if place else "j"
        lines = [f"result = {call}", "start = offsets[i]"]
        return [*lines, "for j in range(result.size):", f"    out[start + ({at})] = result[j]"]
    if n_fields == 0:
        return [f"result = {call}", "for k in range(out.shape[0]):", "    out[k, i] = result[k]"]
    # taken apart, so that a kernel that returns more or fewer numbers is not compiled
    lines = [f"{', '.join(f'result_{k}' for k in range(n_fields))} = {call}"]
    for k in range(n_fields):
        if k in lists:
            lines += [
                f"used_{k}, flat_{k} = append(flat_{k}, used_{k}, result_{k})",
                f"ends_{k}[i + 1] = used_{k}",
            ]
        else:
            lines += [f"out[{k}, i] = result_{k}"]
    return lines


@dataclass(frozen=True, slots=True)
class _Source:
    """Lines for one series: arguments of the loop, what goes before it, what is done for each event, and the call."""

    given: list[str]
    before: list[str]
    each: list[str]
    passed: dict[str, str]


def _series_source(p: str, members: Sequence[str], columns: Sequence[str], *, place: bool = False) -> _Source:
    """Write the lines for a series whose arguments begin with `p`; `place` keeps the order of the pulses."""
    omkey = f"{p}omkey"
    read = [*members, omkey] if columns and omkey not in members else [*members]
    given = [f"{p}offsets", *read, *([f"{p}lookup"] if columns else []), *columns]
    passed = {m: f"{m}_" for m in members} | {c: f"{c}_[:{p}n]" for c in columns}
    before, each = [], [f"{m}_ = {m}[{p}offsets[i]:{p}offsets[i + 1]]" for m in read]
    sort = [f"    {m}_ = {m}_[{p}order]" for m in read]
    if place:
        before += ["order = np.empty(0, np.int64)"]
        each += ["moved = False"]
        sort += ["    moved = True"]
    if columns:
        before += [f"{p}size = longest({p}offsets)", f"{p}rows = np.empty({p}size, np.int32)"]
        before += [f"{c}_ = np.empty({p}size, {c}.dtype)" for c in columns]
        each += [
            f"{p}n = {omkey}_.size",
            f"if not locate({omkey}_, {p}lookup, {p}rows):",
            f"    {p}order = arrange({omkey}_, {p}lookup, {p}rows)",
            f"    {p}n = {p}order.size",
            *sort,
            f"for j in range({p}n):",
            # without a sign, or the compiler provides for rows that count from the end
            *(f"    {c}_[j] = {c}[np.uint64({p}rows[j])]" for c in columns),
        ]
    elif omkey in read:
        each += [f"if not rises({omkey}_):", f"    {p}order = sorting({omkey}_)", *sort]
    return _Source(given, before, each, passed)
