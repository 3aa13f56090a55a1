"""Unaligned loads and stores agree with `struct` at every place, in both builds of them."""

from __future__ import annotations

import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from numba import njit

from icecol.i3.container import bits

LOADS = {
    "u16": "<H",
    "u32": "<I",
    "i32": "<i",
    "u64": "<Q",
    "i64": "<q",
    "f32": "<f",
    "f64": "<d",
}
STORES = ["u16", "u32", "i32", "u64", "f64"]
DATA = np.random.default_rng(1).integers(0, 256, 64).astype(np.uint8)


@pytest.mark.parametrize("name", sorted(LOADS))
def test_a_load_reads_what_struct_reads(name: str) -> None:
    load = getattr(bits, f"load_{name}")

    @njit
    def run(buf, at):
        return load(buf, at)

    size = struct.calcsize(LOADS[name])
    for at in range(64 - size + 1):
        (wanted,) = struct.unpack_from(LOADS[name], DATA, at)
        got = run(DATA, at)
        assert got == wanted or (got != got and wanted != wanted), at


@pytest.mark.parametrize("name", STORES)
def test_a_store_writes_what_struct_writes_and_no_other_byte(name: str) -> None:
    store = getattr(bits, f"store_{name}")

    @njit
    def run(buf, at, value):
        store(buf, at, value)

    size = struct.calcsize(LOADS[name])
    (value,) = struct.unpack_from(LOADS[name], DATA, 40)
    kind = {"u16": np.uint16, "u32": np.uint32, "i32": np.int32, "u64": np.uint64, "f64": np.float64}[name]
    for at in range(32 - size + 1):
        out = np.full(32, 7, np.uint8)
        run(out, at, kind(value))
        wanted = bytearray(b"\x07" * 32)
        struct.pack_into(LOADS[name], wanted, at, value)
        assert out.tobytes() == bytes(wanted), at


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 16, 23])
def test_ranges_are_compared_and_copied_whatever_their_length(n: int) -> None:
    other = DATA.copy()
    for i, j in ((0, 0), (1, 1), (3, 3)):
        assert bits.same(DATA, i, other, j, n)
        for k in range(n):
            changed = DATA.copy()
            changed[j + k] ^= 1
            assert not bits.same(DATA, i, changed, j, n)
    out = np.zeros(40, np.uint8)
    bits.copy(out, 5, DATA, 3, n)
    assert out[5 : 5 + n].tobytes() == DATA[3 : 3 + n].tobytes()
    assert not out[:5].any()
    assert not out[5 + n :].any()


@pytest.mark.slow
def test_with_checked_bounds_the_same_claims_hold_and_reading_outside_raises(tmp_path) -> None:
    script = (
        "import numpy as np\n"
        "from icecol.i3.container import bits\n"
        "assert bits.CHECKED\n"
        "data = np.arange(16, dtype=np.uint8)\n"
        "assert bits.load_u32(data, 3) == 0x06050403\n"
        "assert bits.load_f64(data, 8) == data[8:].view('<f8')[0]\n"
        "bits.store_u16(data, 5, np.uint16(0x0201))\n"
        "assert data[5:7].tolist() == [1, 2]\n"
        "assert bits.same(data, 0, data.copy(), 0, 16)\n"
        "for call in (lambda: bits.load_u64(data, 9), lambda: bits.store_u32(data, 13, np.uint32(1))):\n"
        "    try:\n"
        "        call()\n"
        "    except IndexError:\n"
        "        continue\n"
        "    raise AssertionError('no error outside')\n"
    )
    env = {**os.environ, "NUMBA_OPT": "0", "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
