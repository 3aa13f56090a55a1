"""Objects of every class, damaged at random: `python tests/i3/fuzz.py 100000 [seed]`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from random import Random

import numpy as np
from generated import VERSIONS, generate

from icecol.errors import FormatError
from icecol.i3 import columns
from icecol.i3.archive import decode, encode
from icecol.i3.container import Names

SIZES = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
KINDS = [(name, version) for name, version in VERSIONS if name != "I3StationHitMap"]
"""All but the one whose elements have no layout."""
SLOW = 5.0
"""Seconds that no single object may take."""


def damaged(rng: Random, blob: bytes) -> bytes:
    """Change, cut, repeat or put in some bytes."""
    data = bytearray(blob)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(data)) if data else 0
        match rng.randrange(5):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                data[at : at + 4] = rng.choice(SIZES).to_bytes(4, "little")
            case 2:
                del data[at:]
            case 3:
                del data[at : at + rng.randint(1, 16)]
            case _:
                data[at:at] = data[at : at + rng.randint(1, 64)]
    return bytes(data)


def run(n: int, seed: int = 0) -> Counter[str]:
    """Decode `n` damaged objects, one by one and as columns: each is an object or a told error, in bounded time."""
    rng = Random(seed)
    told: Counter[str] = Counter()
    for i in range(n):
        name, version = KINDS[i % len(KINDS)]
        blob = damaged(rng, encode(generate(name, version, rng.randrange(1 << 30))))
        began = time.perf_counter()
        try:
            obj = decode(blob)
        except FormatError:
            told["refused"] += 1
        else:
            told["decoded"] += 1
            try:
                encode(obj)
            except FormatError:
                told["not written"] += 1
        buf = np.frombuffer(bytearray(blob), np.uint8)  # writable, as of a file
        columns.decode(buf, np.zeros(1, np.int64), np.array([len(blob)]), Names())
        assert time.perf_counter() - began < SLOW or i < len(KINDS), (name, version, blob)
    return told


if __name__ == "__main__":
    sys.stdout.write(f"{dict(run(int(sys.argv[1]), int((sys.argv[2:] or ['0'])[0])))}\n")
