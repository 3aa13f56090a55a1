"""Machine code on disk: one file for each function, type of its arguments, processor, and mark of what it was made of.

Files are found by what they are made of, wherever icecol is installed. Nothing depends on them: where none can be
written or read, functions are compiled anew, and a warning says so once.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import logging
import os
import pickle
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, overload

import numba
from numba.core.caching import NullCache
from numba.core.runtime import rtsys
from numba.core.serialize import dumps
from numba.core.utils import _dynamic_modname, _dynamic_module

from icecol.files import temporary
from icecol.jit import turns
from icecol.jit.function import Function, compiled, packed, unpacked
from icecol.jit.mark import Mark, mark
from icecol.jit.targets import targets

_LOG: Final = logging.getLogger("icecol")
_DIGEST: Final = hashlib.sha256().digest_size
_FORM: Final = 2
"""Raised when machine code is made in another way, or kept in another form."""
_HASHES: Final = b"_numba_hashsecret"
"""Beginning of the symbols that machine code with dictionaries and sets refers to."""
_warned: set[str] = set()
made: list[tuple[str, float]] = []
"""Functions that this process has compiled and kept: name, and seconds of the clock."""


@overload
def kept(function: Callable[..., Any], /) -> Any: ...


@overload
def kept(*, label: str | None = None, **options: Any) -> Callable[[Callable[..., Any]], Any]: ...


def kept(function: Callable[..., Any] | None = None, /, *, label: str | None = None, **options: Any) -> Any:
    """Compile a function with numba as `njit(nogil=True)` does, and keep the machine code on disk.

    Parameters
    ----------
    function
        The function, if there are no options.
    label
        Name under which the user is told that it is being compiled; without it that goes unsaid.
    options
        Options of `numba.njit`.

    Examples
    --------
    >>> @kept(error_model="numpy")
    ... def half(x):
    ...     return x / 2
    >>> half(3.0)
    1.5
    """
    if function is None:
        return lambda function: _kept(function, label, options)
    return _kept(function, label, options)


def _kept(function: Callable[..., Any], label: str | None, options: dict[str, Any]) -> Any:
    dispatcher = compiled(**{"error_model": "python"} | options)(function)
    if isinstance(dispatcher, Function):  # with NUMBA_DISABLE_JIT there is nothing to keep
        dispatcher._cache = _Cache(dispatcher, label)
    return dispatcher


def folders() -> list[Path]:
    """Return where machine code is looked for, in this order; new code is kept in the first.

    First the folder that NUMBA_CACHE_DIR names, or else `icecol` in the user's cache (XDG_CACHE_HOME or ~/.cache). Then
    the folders that ICECOL_CACHE names, separated as in PATH, and `share/icecol/compiled` of the Python environment:
    `icecol compile --cache` fills these, and nothing else writes there.
    """
    first = numba.config.CACHE_DIR
    if not first:
        first = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "icecol"
    shared = [p for p in os.environ.get("ICECOL_CACHE", "").split(os.pathsep) if p]
    return [Path(p) for p in (first, *shared, Path(sys.prefix) / "share" / "icecol" / "compiled")]


class _Cache(NullCache):
    """What a dispatcher asks for machine code before it compiles, and gives it to afterwards."""

    def __init__(self, dispatcher: Any, label: str | None) -> None:
        self._dispatcher = dispatcher
        self._label = label
        self._asked: dict[Any, tuple[Mark, float]] = {}
        self._turns: list[tuple[Path, int]] = []

    @property
    def cache_path(self) -> str:
        """Folder of the files."""
        return str(folders()[0])

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was compiled for these types, if it is there and whole."""
        rtsys.initialize(target_context)  # not all that compiling needs: to load that takes half a second
        made_of = mark(self._dispatcher)
        found = None
        if made_of.lasting:
            names = [self._name(sig, target, made_of) for target in targets(target_context.codegen())]
            module = self._dispatcher.py_func.__module__
            found = _find(names, target_context, module) or self._in_turn(names, target_context)
        if found is None:
            self._asked[sig] = made_of, time.perf_counter()
            if self._label:
                _say(f"compiling {self._label}{' (once: it is kept on disk)' if made_of.lasting else ''}")
        return found

    def _in_turn(self, names: list[str], target_context: Any) -> Any:
        """Wait while another process compiles the function, and return what it has kept."""
        path = folders()[0] / names[0]
        turn = turns.take(path)
        if turn is None:
            return None
        handle, waited = turn
        self._turns.append((path, handle))
        return _find(names, target_context, self._dispatcher.py_func.__module__) if waited else None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, unless what it was made of cannot be told, or changed in the meantime."""
        made_of, begin = self._asked.pop(sig)
        took = time.perf_counter() - begin
        if self._label:
            _say(f"compiled {self._label} in {took:.1f} s")
        if not made_of.lasting or mark(self._dispatcher) != made_of:
            return
        with _forgiving("written"):
            content = packed(data)
            if content is not None:
                name = self._name(sig, data.codegen.magic_tuple(), made_of)
                _write(folders()[0] / name, dumps(content))
                made.append((name.rpartition("-")[0], took))

    def finish(self) -> None:
        """Let other processes go on, be it compiled or not."""
        while self._turns:
            turns.give_back(*self._turns.pop())

    def _name(self, sig: Any, target: tuple[str, ...], made_of: Mark) -> str:
        function = self._dispatcher.py_func
        name = f"{function.__module__}.{function.__qualname__}".replace(".<locals>", "")
        python = sys.implementation.cache_tag
        key = repr((_FORM, python, name, sig, target, made_of.digest))
        readable = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)[-100:]
        return f"{readable}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.nbc"


def _find(names: list[str], target_context: Any, module: str) -> Any:
    for path in [folder / name for folder in folders() for name in names]:
        with _forgiving("read"):
            found = _load(path, target_context, module)
            if found is not None:
                return found
    return None


def _load(path: Path, target_context: Any, module: str) -> Any:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    digest, data = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(data).digest() != digest:
        msg = f"{path} is damaged"
        raise pickle.UnpicklingError(msg)
    if _HASHES in data:
        from numba.cpython import hashing  # noqa: F401  # adds these symbols
    with _importable(module):
        return unpacked(pickle.loads(data), target_context)


@contextlib.contextmanager
def _importable(module: str) -> Any:
    """Let numba import the module of a function, which may be in no file: that of a page, or of a notebook's cell."""
    absent = []
    for name in (module, _dynamic_modname):
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except ImportError:
                absent.append(name)
    sys.modules.update(dict.fromkeys(absent, _dynamic_module))
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = temporary(path)
    try:
        aside.write_bytes(hashlib.sha256(content).digest() + content)
        aside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


@contextlib.contextmanager
def _forgiving(what: str) -> Any:
    try:
        yield
    except Exception as err:  # noqa: BLE001  # whatever is wrong with the file, it can be compiled
        _warn(f"it cannot be {what} ({type(err).__name__}: {err})")


def _warn(reason: str) -> None:
    """Warn once in a process."""
    if not _warned:
        _warned.add(reason)
        msg = (
            f"machine code is not kept on disk: {reason}; functions are compiled anew, which takes some seconds each "
            "(set NUMBA_CACHE_DIR to a folder that can be written)"
        )
        warnings.warn(msg, RuntimeWarning, stacklevel=2)


def _say(text: str) -> None:
    """Tell what takes a while: in the log, and on the terminal if there is one."""
    _LOG.info(text)
    if sys.stderr.isatty():
        print(f"icecol: {text}", file=sys.stderr)  # noqa: T201
