"""One test for many values, where a test for each would cost more than what it checks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest


def each(
    names: str | tuple[str, ...], values: Iterable[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test for each of the values, as `pytest.mark.parametrize` does, and say of which ones it does not hold."""
    keys = (names,) if isinstance(names, str) else names
    table = [(value,) if isinstance(names, str) else tuple(value) for value in values]

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        def all_of_them(**fixtures: Any) -> None:
            assert table, "there is nothing to check"
            found, held = [], 0
            for row in table:
                try:
                    test(**fixtures, **dict(zip(keys, row, strict=True)))
                    held += 1
                except pytest.skip.Exception:
                    pass
                except Exception as err:  # noqa: BLE001  told below
                    err.add_note(f"with {', '.join(f'{k} = {v!r}' for k, v in zip(keys, row, strict=True))}")
                    found.append(err)
            if found:
                msg = f"{len(found)} of {len(table)} do not hold"
                raise ExceptionGroup(msg, found)
            assert held, "all of them were skipped"

        all_of_them.__name__, all_of_them.__doc__ = test.__name__, test.__doc__
        all_of_them.__module__ = test.__module__
        all_of_them.pytestmark = getattr(test, "pytestmark", [])
        signature = inspect.signature(test)
        rest = [p for n, p in signature.parameters.items() if n not in keys]
        all_of_them.__signature__ = signature.replace(parameters=rest)
        return all_of_them

    return decorate
