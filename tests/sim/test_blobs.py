from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol.sim import blobs


def naive_opening(name, version):
    size = struct.pack("<I", len(name))
    return (
        bytes([0, 1, 2, 0])
        + size
        + name.encode()
        + bytes([1, version, 0, 0, 0, 0])
        + bytes([1, 0, 1, 0, 0, 0])
    )


def naive_pulse_map(rows):
    """Serialise sorted (omkey, time, charge, width, flags) in the order of the format, headers at the first use."""
    seen = set()
    ids = 1

    def header(name, version, *, tracked):
        nonlocal ids
        out = b"" if name in seen else bytes([tracked, version])
        seen.add(name)
        if tracked:
            ids += 1
            out += struct.pack("<I", ids)
        return out

    keys = sorted({r[0] for r in rows})
    out = naive_opening("I3RecoPulseSeriesMap", 0) + bytes([0, 0]) + struct.pack("<I", len(keys))
    for key in keys:
        out += header("pair", 0, tracked=False) + header("OMKey", 2, tracked=True)
        out += struct.pack("<iIB", key >> 16, key >> 8 & 255, key & 255)
        mine = [r for r in rows if r[0] == key]
        out += header("vector", 0, tracked=False) + struct.pack("<I", len(mine))
        for _, time, charge, width, flags in mine:
            out += header("pulse", 3, tracked=True) + struct.pack("<dffB", time, charge, width, flags)
    return out


def naive_bits(keep):
    value = sum(1 << i for i, k in enumerate(keep) if k)
    n = (len(keep) + 7) // 8
    return struct.pack("<HB", n, 8 * n - len(keep)) + value.to_bytes(n, "little")


def naive_mask(source, keys, keep):
    by_key = {k: [m for key, m in zip(keys, keep, strict=True) if key == k] for k in sorted(set(keys))}
    out = naive_opening("I3RecoPulseSeriesMapMask", 2) + struct.pack("<I", len(source)) + source.encode()
    out += bytes(2) + naive_bits([any(m) for m in by_key.values()])
    kept = [m for m in by_key.values() if any(m)]
    return out + bytes(2) + struct.pack("<I", len(kept)) + b"".join(map(naive_bits, kept))


omkey = st.builds(
    lambda s, om, pmt: s << 16 | om << 8 | pmt,
    st.sampled_from([-5, 1, 86]),
    st.integers(1, 64),
    st.integers(0, 23),
)
rows = st.lists(
    st.tuples(
        omkey,
        st.floats(width=64),
        st.floats(width=32),
        st.floats(0, 100, width=32),
        st.integers(0, 255),
        st.booleans(),
    ),
    max_size=30,
).map(lambda r: sorted(r, key=lambda p: p[0]))


def columns(rows):
    types = (np.int32, np.float64, np.float32, np.float32, np.uint8, np.bool_)
    return [np.array([r[k] for r in rows], t) for k, t in enumerate(types)]


@settings(deadline=None)
@given(rows)
def test_a_pulse_map_has_the_bytes_of_the_format(rows):
    *pulses, _ = columns(rows)
    assert blobs.pulse_map(*pulses) == naive_pulse_map([r[:5] for r in rows])


@settings(deadline=None)
@given(rows)
def test_a_mask_has_the_bytes_of_the_format(rows):
    keys, *_, keep = columns(rows)
    assert blobs.pulse_mask("InIcePulses", keys, keep) == naive_mask(
        "InIcePulses", keys.tolist(), keep.tolist()
    )


def test_slices_of_larger_arrays_are_written_as_such():
    key = np.arange(10, dtype=np.int32) << 8
    one = np.arange(10.0)
    a = blobs.pulse_map(key[2:7:2], one[2:7:2], one[2:7:2], one[2:7:2], one[2:7:2])
    assert a == naive_pulse_map(
        [(int(k), float(v), float(v), float(v), int(v)) for k, v in zip(key, one, strict=True)][2:7:2]
    )


@pytest.mark.parametrize("size", [7, 8, 9])
def test_masks_of_whole_and_broken_bytes(size):
    key = np.full(size, 256, np.int32)
    keep = np.arange(size) % 3 == 0
    assert blobs.pulse_mask("X", key, keep) == naive_mask("X", key.tolist(), keep.tolist())
