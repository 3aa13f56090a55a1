"""Frames as bytes for tests of what reads them: what is written, and what a scanner finds."""

from __future__ import annotations

import gzip
import io
import random
import struct
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from icecol.i3.container.compression import Raw, decompress, sniff
from icecol.i3.container.raw import encode_frame
from icecol.i3.container.scanner import TAG, Scanner

Frame = tuple[str, tuple[tuple[str, str, bytes], ...]]


def scan(
    data: bytes,
    *,
    batch_bytes: int = 1 << 20,
    verify: bool = True,
    tray: bool = True,
    codec: str | None = "raw",
) -> tuple[list[tuple[int, Frame]], list, list[bool]]:
    """Return (offset, frame) of all frames, the damages, and which frames are orphans."""
    file = io.BufferedReader(io.BytesIO(data))
    stream = Raw(file) if codec == "raw" else decompress(file, sniff(data[:6]))
    scanner = Scanner(stream, verify=verify, tray=tray, batch_bytes=batch_bytes)
    found = []
    orphans = []
    for batch in scanner.batches():
        pairs = batch.names.pairs()
        for i in range(batch.fresh, batch.stop.size):
            objects = tuple(
                (*pairs[batch.pair[j]], batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes())
                for j in range(batch.first[i], batch.first[i + 1])
            )
            found.append((int(batch.offset[i]), (chr(batch.stop[i]), objects)))
            orphans.append(bool(batch.orphan[i]))
    return found, scanner.damages, orphans


def sample(n: int, seed: int = 1, *, size: int = 60) -> list[Frame]:
    """Make frames as a file has them: trays, then Q and P with objects whose keys repeat."""
    rng = random.Random(seed)
    frames: list[Frame] = []
    for i in range(n):
        stop = "I" if i % 7 == 0 else "QPP"[i % 3]
        keys = [k for k in ("Alpha", "Beta", "Gamma", "Delta", "I3EventHeader") if rng.random() < 0.8]
        objects = tuple((k, f"I3Class<{k}>", rng.randbytes(rng.randint(1, size))) for k in sorted(keys))
        frames.append((stop, objects))
    return frames


def encode(frames: list[Frame]) -> tuple[bytes, list[int]]:
    """Return the bytes, and where each frame begins (and the last ends)."""
    parts = [encode_frame(*f) for f in frames]
    return b"".join(parts), [0, *np.cumsum([len(p) for p in parts]).tolist()]


NAME = st.text(st.characters(codec="utf-8", exclude_characters=" \t\n"), min_size=1, max_size=12)
FRAMES = st.lists(
    st.tuples(
        st.sampled_from("IGCDSQPNXm"),
        st.dictionaries(
            NAME, st.tuples(st.text(max_size=12), st.binary(min_size=1, max_size=300)), max_size=6
        ),
    ),
    max_size=12,
)


def frame_of_version_3(stop: str, objects: list[tuple[str, str, bytes]], history: int = 2) -> bytes:
    text = lambda s: struct.pack("<I", len(s)) + s  # noqa: E731
    out = struct.pack("<IBBI", 3, 0, 0, history)
    for i in range(history):
        out += b"\x01\x00" if i == 0 else b""
        out += struct.pack("<I", i) + text(b"module") + b"P" + text(b"key") + text(b"type") + text(b"")
    out += b"\x01\x00" + struct.pack("<I", history) + stop.encode() + struct.pack("<I", len(objects))
    for key, name, blob in objects:
        out += text(key.encode()) + text(name.encode()) + text(blob)
    return out + bytes(12)


def frame_of_version_4(stop: str, objects: list[tuple[str, str, bytes]]) -> bytes:
    text = lambda s: struct.pack("<I", len(s)) + s  # noqa: E731
    body = b"\x01\x00" + bytes(4) + stop.encode() + b"\x00\x00" + bytes(4) + struct.pack("<I", len(objects))
    for key, name, blob in objects:
        body += text(key.encode()) + text(name.encode()) + text(blob)
    return TAG + struct.pack("<IQI", 4, len(body), 0) + body


def check_damaged(
    data: bytes, at: int, found: list, damages: list, starts: list[int], frames: list[Frame]
) -> None:
    """Assert that the byte `at` cost its own frame only."""
    k = int(np.searchsorted(starts, at, side="right")) - 1
    wanted = [(s, f) for i, (s, f) in enumerate(zip(starts[:-1], frames, strict=True)) if i != k]
    assert found == wanted, f"byte {at} of frame {k} at {starts[k]}"
    assert [(d.offset, d.frame) for d in damages] == [(starts[k], k)], f"byte {at} of frame {k}"


REAL = [
    "upgrade_genie_step4_140028_000998", "oscNext_genie_level3_v02", "oscNext_noise_level3_v02",
    "oscNext_genie_level7_v02",
]  # fmt: skip


def real_bytes(shared_data: Path, name: str) -> bytes:
    return gzip.decompress((shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz").read_bytes())
