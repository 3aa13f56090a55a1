"""Maps, trees and the bytes of unknown classes, and when two values are equal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from icecol.i3.classes.layout import (
    Type,
)

Versions = dict[Type, tuple[int, int]]
"""Tracking flag and version of types whose headers are not those of the newest version."""


class FrameMap(dict[Any, Any]):
    """An I3Map: a dict with the name of its class."""

    __slots__ = ("i3class", "versions")

    def __init__(self, i3class: str, items: Any = (), /, versions: Versions | None = None) -> None:
        super().__init__(items)
        self.i3class = i3class
        self.versions: Versions = versions or {}

    def __reduce__(self) -> Any:
        return FrameMap, (self.i3class, dict(self), self.versions)


class Tree(list[Any]):
    """A tree of particles or triggers: its nodes in pre-order, with the depth and the parent of each.

    Attributes
    ----------
    depth : list of int
        0 for a root.
    parent : list of int
        Index of the parent in the list, -1 for a root.
    """

    __slots__ = ("depth", "i3class", "parent", "versions")

    def __init__(
        self,
        i3class: str,
        nodes: Iterable[Any] = (),
        depth: Iterable[int] = (),
        /,
        versions: Versions | None = None,
    ) -> None:
        super().__init__(nodes)
        self.i3class = i3class
        self.depth = list(depth) or [0] * len(self)
        self.versions: Versions = versions or {}
        self.parent: list[int] = []
        if len(self.depth) != len(self):
            msg = f"{i3class} of {len(self)} nodes with {len(self.depth)} depths"
            raise ValueError(msg)
        path: list[int] = []
        for i, d in enumerate(self.depth):
            if not 0 <= d <= len(path):
                msg = f"node {i} of {i3class} has depth {d} after a node of depth {len(path) - 1}"
                raise ValueError(msg)
            del path[d:]
            self.parent.append(path[-1] if path else -1)
            path.append(i)

    def children(self, node: int) -> list[int]:
        """Return the indices of a node's children; for -1, those of the roots."""
        return [i for i, parent in enumerate(self.parent) if parent == node]

    def add(self, item: Any, parent: int = -1) -> int:
        """Insert a node as the last child of another (-1: as the last root) and return its index."""
        place = len(self)
        if parent >= 0:
            after = range(parent + 1, len(self))
            place = next((i for i in after if self.depth[i] <= self.depth[parent]), place)
        self.parent = [p + (p >= place) for p in self.parent]
        self.insert(place, item)
        self.depth.insert(place, self.depth[parent] + 1 if parent >= 0 else 0)
        self.parent.insert(place, parent)
        return place

    def __reduce__(self) -> Any:
        return Tree, (self.i3class, list(self), self.depth, self.versions)


class Alternative(NamedTuple):
    """A value of one of several types: the index of the type, and the value."""

    which: int
    value: Any


@dataclass(frozen=True, slots=True)
class UnknownObject:
    """An object with an unknown layout or version: its bytes, which are written back unchanged."""

    i3class: str
    version: int
    blob: bytes

    def __repr__(self) -> str:
        return f"UnknownObject({self.i3class!r}, version {self.version}, {len(self.blob)} bytes)"


def equal(a: Any, b: Any) -> bool:
    """Compare values; NaN equals NaN."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return bool(a == b or (a != a and b != b))  # noqa: PLR0124
