"""What compiled code depends on: a mark of everything that a function reaches.

numba compiles into a function the functions that it calls and the constants that it names, wherever they are defined,
but looks at the date of the function's own file only. A mark is made of the code and the constants themselves, through
any depth. Of names, it takes every one that the code mentions: one too many costs a compilation, one too few would
give the answers of old code.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Final

import llvmlite
import numba
import numpy as np
from llvmlite.ir import Type as LLVMType
from numba.core.dispatcher import Dispatcher
from numba.core.extending import _Intrinsic
from numba.core.types import Type as NumbaType

_PACKAGE: Final = f"{__name__.partition('.')[0]}."
_FOLDER: Final = Path(__file__).parents[1]
_TRUSTED: Final = frozenset({"builtins", "cmath", "llvmlite", "math", "numba", "numpy", "operator"})
"""Modules whose functions numba itself implements: their versions tell all of them."""
_OF_NUMPY: Final = type(np.sum)
"""Class of numpy's functions that are written in Python."""
_VERSIONS: Final = (numba.__version__, np.__version__, llvmlite.__version__)
_LIVE: Final = 10**6
"""Size in bytes from which numba compiles the address of a global array rather than its values."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A digest of what a function reaches.

    With `lasting` False it holds in this process only: some of it is known by its address alone, and is kept alive by
    `held`.
    """

    digest: str
    lasting: bool
    held: tuple[Any, ...] = field(compare=False)


def mark(function: Any) -> Mark:
    """Return the mark of a function, plain or compiled, as it is now.

    Examples
    --------
    >>> scale = np.array([2.0])
    >>> def scaled(charge):
    ...     return scale[0] * charge
    >>> before = mark(scaled)
    >>> scale[0] = 3.0
    >>> before == mark(scaled), before.lasting
    (False, True)
    """
    told = _Told()
    told.tell(function) if isinstance(function, Dispatcher) else told.function(function)
    text = "\n".join([repr((_VERSIONS, numba.config.BOUNDSCHECK)), *told.parts])
    return Mark(hashlib.sha256(text.encode()).hexdigest()[:24], not told.held, tuple(told.held))


def own(function: Any) -> bool:
    """Return whether a function is icecol's own, which nobody changes while a process runs."""
    plain = getattr(function, "py_func", function)
    return plain.__module__.startswith(_PACKAGE) and Path(plain.__code__.co_filename).is_relative_to(_FOLDER)


@functools.lru_cache(maxsize=4096)
def names(code: CodeType) -> frozenset[str]:
    """Return all names that the code of a function, and of the functions defined in it, mentions."""
    inner = [names(c) for c in code.co_consts if inspect.iscode(c)]
    return frozenset(code.co_names).union(code.co_freevars, *inner)


def reached(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the globals and the variables of enclosing functions that a function names, sorted by name."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    for name in sorted(names(function.__code__)):
        if name in cells:
            yield name, cells[name].cell_contents
        elif name in function.__globals__:
            yield name, function.__globals__[name]


def trusted(value: Any) -> bool:
    """Return whether a module, class or function is one that numba implements."""
    if isinstance(value, np.ufunc):
        return type(value) is np.ufunc and getattr(np, value.__name__, None) is value
    if isinstance(value, ModuleType):
        home = value.__name__
    elif isinstance(value, FunctionType):
        home = value.__globals__.get("__name__", "")  # not __module__, which functools.wraps copies
    elif isinstance(value, type | BuiltinFunctionType | _OF_NUMPY):
        home = value.__module__ or "builtins"
    else:
        return False
    return home.partition(".")[0] in _TRUSTED


class _Told:
    """A walk over what a function reaches: one part of text for each thing found, once for each."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.held: list[Any] = []
        self._seen: dict[Any, tuple[int, Any]] = {}

    def tell(self, value: Any, near: frozenset[str] = frozenset()) -> None:
        """Append what there is to say of a value; `near` has the names by which the code may look into a module."""
        if value is None or isinstance(
            value, bool | int | float | complex | str | bytes | np.generic | np.dtype
        ):
            self.parts.append(f"{type(value).__name__} {value!r}")
            return
        # into a module, each function looks by its own names
        key = (id(value), near) if isinstance(value, ModuleType) else id(value)
        if key in self._seen:
            self.parts.append(f"again {self._seen[key][0]}")
        else:
            self._seen[key] = len(self._seen), value
            self._tell(value, near)

    def _tell(self, value: Any, near: frozenset[str]) -> None:
        if isinstance(value, Dispatcher):
            options = sorted((k, v) for k, v in value.targetoptions.items() if v is not None)
            alone = " alone" if value.targetoptions.get("fastmath") else ""  # as `function` optimises it
            self.parts.append(f"compiled{alone} {_sorted(options)}")
            self.function(value.py_func)
        elif isinstance(value, _Intrinsic):
            self.function(value._defn)
        elif isinstance(value, np.ndarray):
            self._array(value)
        elif isinstance(value, ModuleType):
            self._module(value, near)
        elif trusted(value):
            self.parts.append(f"{getattr(value, '__module__', 'numpy')}.{value.__name__}")
        elif isinstance(value, NumbaType | LLVMType):
            self.parts.append(f"type {value!r}")
        elif isinstance(value, tuple | frozenset):
            self.parts.append(f"{type(value).__qualname__} of {len(value)}")
            for item in sorted(value, key=repr) if isinstance(value, frozenset) else value:
                self.tell(item)
        elif isinstance(value, enum.EnumType):
            self.parts.append(f"{value.__qualname__} {[(m.name, m.value) for m in value]!r}")  # type: ignore[var-annotated]
        elif isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields"):
            self.parts.append(f"{value.__module__}.{value.__qualname__} {value._fields}")
        else:
            self._unknown(value)

    def _array(self, value: np.ndarray[Any, Any]) -> None:
        contiguous = value.flags.c_contiguous or value.flags.f_contiguous
        if value.dtype.hasobject or not contiguous or value.nbytes > _LIVE:
            self._unknown(value)
            return
        order = "C" if value.flags.c_contiguous else "F"
        digest = hashlib.sha256(value.tobytes("A")).hexdigest()
        self.parts.append(f"array {value.dtype.descr} {value.shape} {order} {digest}")

    def _module(self, module: ModuleType, near: frozenset[str]) -> None:
        self.parts.append(f"module {module.__name__}")
        if trusted(module):
            return
        for name in sorted(near):
            inside = getattr(module, name, _ABSENT)
            if inside is not _ABSENT:
                self.parts.append(name)
                self.tell(inside, near)

    def function(self, function: FunctionType) -> None:
        """Append what there is to say of a function that is compiled."""
        code = function.__code__
        self.parts.append(_code(code))
        for value in (function.__defaults__, tuple(sorted((function.__kwdefaults__ or {}).items()))):
            self.tell(value)
        near = names(code)
        for name, value in reached(function):
            self.parts.append(name)
            self.tell(value, near)

    def _unknown(self, value: Any) -> None:
        self.parts.append(f"{type(value).__qualname__} at {id(value)}")
        self.held.append(value)


_ABSENT: Final = object()


@functools.lru_cache(maxsize=4096)
def _code(code: CodeType) -> str:
    """Return the code of a function, and of those defined in it, as text."""
    constants = [_code(c) if inspect.iscode(c) else _sorted(c) for c in code.co_consts]
    counts = code.co_argcount, code.co_kwonlyargcount, code.co_flags
    parts = code.co_name, counts, code.co_varnames, code.co_names, code.co_freevars, code.co_code, constants
    return repr(parts)


def _sorted(value: Any) -> str:
    """Return the text of a constant, that of a set not depending on the order in which it is stored."""
    if isinstance(value, frozenset | set):
        return f"{{{', '.join(sorted(map(repr, value)))}}}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_sorted, value))})"
    return repr(value)
