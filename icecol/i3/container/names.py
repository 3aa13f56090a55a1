"""Interned pairs of key and type name, so that compiled code handles them as integers."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from icecol.i3.container.bits import load_u64, same
from icecol.jit.cache import kept

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


class Names:
    """Interned pairs (key, type name), numbered in the order first met; `key` numbers the keys alone."""

    def __init__(self) -> None:
        self.arena = np.zeros(1 << 16, np.uint8)
        self.start = np.zeros(1024, np.int64)
        self.size = np.zeros(1024, np.int64)
        self.follow = np.full(1024, -1, np.int64)
        self.table = np.full(4096, -1, np.int64)
        self.state = np.zeros(2, np.int64)  # number of pairs, bytes used in the arena
        self._pairs: list[tuple[str, str]] = []
        self._key_ids: dict[str, int] = {}
        self._keys = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return int(self.state[0])

    def grow(self) -> None:
        """Double all tables."""
        n = self.start.size
        self.arena = np.concatenate([self.arena, np.zeros_like(self.arena)])
        self.start = np.concatenate([self.start, np.zeros(n, np.int64)])
        self.size = np.concatenate([self.size, np.zeros(n, np.int64)])
        self.follow = np.concatenate([self.follow, np.full(n, -1, np.int64)])
        self.table = np.full(2 * self.table.size, -1, np.int64)
        _rehash(self.arena, self.start, self.size, self.table, len(self))

    def add(self, key: bytes, type_name: bytes) -> int:
        """Intern one pair from Python."""
        span = struct.pack("<I", len(key)) + key + struct.pack("<I", len(type_name)) + type_name
        buf = np.frombuffer(span, np.uint8)
        while True:
            found = int(intern(buf, 0, len(span), self.arena, self.start, self.size, self.table, self.state))
            if found >= 0:
                return found
            self.grow()

    def raw(self, i: int) -> bytes:
        """Return the bytes interned under a number."""
        return self.arena[self.start[i] : self.start[i] + self.size[i]].tobytes()

    def pairs(self) -> list[tuple[str, str]]:
        """Return all (key, type name) by number."""
        for i in range(len(self._pairs), len(self)):
            span = self.raw(i)
            n = int.from_bytes(span[:4], "little")
            self._pairs.append((text(span[4 : 4 + n]), text(span[8 + n :])))
        return self._pairs

    def keys(self) -> tuple[Ints, dict[str, int]]:
        """Return the key number of every pair, and the keys with their numbers."""
        pairs = self.pairs()
        if self._keys.size < len(pairs):
            new = [self._key_ids.setdefault(key, len(self._key_ids)) for key, _ in pairs[self._keys.size :]]
            self._keys = np.concatenate([self._keys, np.array(new, np.int64)])
        return self._keys, self._key_ids


def text(data: bytes) -> str:
    """Decode a string of the format so that it can be encoded back, whatever its bytes."""
    return data.decode("utf-8", "surrogateescape")


@kept
def _hash(buf: Bytes, at: int, n: int) -> int:
    h = np.uint64(14695981039346656037)
    k = 0
    while k + 8 <= n:
        h = (h ^ load_u64(buf, at + k)) * np.uint64(1099511628211)
        h ^= h >> np.uint64(29)
        k += 8
    while k < n:
        h = (h ^ np.uint64(buf[at + k])) * np.uint64(1099511628211)
        k += 1
    return np.int64((h ^ h >> np.uint64(32)) & np.uint64(0x7FFFFFFF))


@kept
def intern(
    buf: Bytes, at: int, n: int, arena: Bytes, start: Ints, size: Ints, table: Ints, state: Ints
) -> int:
    """Return the number of the name buf[at:at+n], adding it if new; -1 when the tables are full."""
    mask = table.size - 1
    slot = _hash(buf, at, n) & mask
    while table[slot] >= 0:
        i = table[slot]
        if size[i] == n and same(buf, at, arena, start[i], n):
            return i
        slot = (slot + 1) & mask
    i = state[0]
    if i >= start.size or 2 * i >= table.size or state[1] + n > arena.size:
        return -1
    arena[state[1] : state[1] + n] = buf[at : at + n]
    start[i], size[i] = state[1], n
    state[0] += 1
    state[1] += n
    table[slot] = i
    return i


@kept
def _rehash(arena: Bytes, start: Ints, size: Ints, table: Ints, n: int) -> None:
    mask = table.size - 1
    for i in range(n):
        slot = _hash(arena, start[i], size[i]) & mask
        while table[slot] >= 0:
            slot = (slot + 1) & mask
        table[slot] = i
