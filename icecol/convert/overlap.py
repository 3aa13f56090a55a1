"""Reading ahead and writing behind: threads read what comes next and write what is ready."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")

PENDING_BYTES: Final = 12 << 20
"""How much may wait to be written."""


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield items, each made in a thread while the one before is in use."""
    end = object()
    with ThreadPoolExecutor(1) as pool:
        coming: Future[Any] = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item


class Behind:
    """Call a function on one argument after another (and its size) in a thread, in order, with bounded memory waiting.

    An error of the function is raised at one of the next calls, or at the end of the `with` block.
    """

    def __init__(self, function: Callable[[Any, int], None], pending_bytes: int = PENDING_BYTES) -> None:
        self._function, self._most = function, pending_bytes
        self._pool = ThreadPoolExecutor(1)
        self._pending: deque[tuple[Future[None], int]] = deque()

    def __call__(self, argument: Any, size: int) -> None:
        """Hand over one argument of `size` bytes; waits while too much is pending."""
        while self._pending and (self._pending[0][0].done() or sum(n for _, n in self._pending) > self._most):
            self._pending.popleft()[0].result()
        self._pending.append((self._pool.submit(self._function, argument, size), size))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is pending; after an error, drop it."""
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is None:
            for future, _ in self._pending:
                future.result()
