"""Writing behind: a thread writes one table while the next is made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Behind(Generic[T]):
    """Call a function on one argument after another in a thread, in order; at most one call is under way.

    An error of the function is raised at the next call, or at the end of the `with` block.

    Examples
    --------
    >>> done = []
    >>> with Behind(done.append) as later:
    ...     for i in range(3):
    ...         later(i)
    >>> done
    [0, 1, 2]
    """

    def __init__(self, function: Callable[[T], None]) -> None:
        self._function = function
        self._pool = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def __call__(self, argument: T) -> None:
        """Hand over one argument, when the call for the one before has ended."""
        self._wait()
        self._last = self._pool.submit(self._function, argument)

    def _wait(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True)
        if kind is None:
            self._wait()
