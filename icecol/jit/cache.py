"""Machine code on disk: one file for each function, type of its arguments, and mark of what it was made of.

Nothing depends on it. Where no file can be written or read, functions are compiled anew, and a warning says so once.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import pickle
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, overload

from numba import njit
from numba.core.caching import CompileResultCacheImpl, NullCache
from numba.core.serialize import dumps

from icecol.files import temporary
from icecol.jit.mark import mark

_LOG: Final = logging.getLogger("icecol")
_DIGEST: Final = hashlib.sha256().digest_size
_warned: set[str] = set()


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
    dispatcher = njit(nogil=True, **options)(function)
    if hasattr(dispatcher, "py_func"):  # with NUMBA_DISABLE_JIT there is nothing to keep
        dispatcher._cache = _Cache(dispatcher, label)
    return dispatcher


class _Cache(NullCache):
    """What a dispatcher asks for machine code before it compiles, and gives it to afterwards."""

    def __init__(self, dispatcher: Any, label: str | None) -> None:
        self._dispatcher = dispatcher
        self._label = label
        self._files: CompileResultCacheImpl | None = None
        self._marks: dict[Any, Any] = {}

    @property
    def cache_path(self) -> str | None:
        """Folder of the files."""
        return self._files.locator.get_cache_path() if self._files else None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was compiled for these types, if it is there and whole."""
        target_context.refresh()
        made_of = self._marks[sig] = mark(self._dispatcher)
        path = None
        found = None
        if made_of.lasting:
            with self._forgiving("read"):
                path = self._path(sig, target_context.codegen(), made_of.digest)
                found = self._load(path, target_context) if path else None
        if found is None and self._label:
            _say(f"compiling {self._label}{' (once: it is kept on disk)' if path else ''}")
        return found

    def _load(self, path: Path, target_context: Any) -> Any:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        digest, data = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(data).digest() != digest:
            msg = f"{path} is damaged"
            raise pickle.UnpicklingError(msg)
        assert self._files is not None
        return self._files.rebuild(target_context, pickle.loads(data))

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, unless what it was made of cannot be told, or changed in the meantime."""
        made_of = self._marks.pop(sig, None)
        if made_of is None or not made_of.lasting or mark(self._dispatcher) != made_of:
            return
        with self._forgiving("written"):
            path = self._path(sig, data.codegen, made_of.digest)
            if path is None or not self._files or not self._files.check_cachable(data):
                return
            content = dumps(self._files.reduce(data))
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = temporary(path)
            try:
                aside.write_bytes(hashlib.sha256(content).digest() + content)
                aside.replace(path)
            finally:
                aside.unlink(missing_ok=True)

    def _path(self, sig: Any, codegen: Any, digest: str) -> Path | None:
        if self._files is None:
            try:
                self._files = CompileResultCacheImpl(self._dispatcher.py_func)
            except (OSError, RuntimeError):  # no folder, or no file to keep the machine code beside
                if Path(self._dispatcher.py_func.__code__.co_filename).exists():
                    _warn("there is no folder for it that can be written")
                return None
        key = hashlib.sha256(repr((sig, codegen.magic_tuple(), digest)).encode()).hexdigest()[:24]
        return Path(self._files.locator.get_cache_path()) / f"{self._files.filename_base}-{key}.nbc"

    @contextlib.contextmanager
    def _forgiving(self, what: str) -> Any:
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
