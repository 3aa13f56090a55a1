"""Unaligned loads and stores on byte arrays, and memcmp/memcpy, for compiled decoders.

No bounds are checked here: a caller checks once for a whole record and then loads its members. With
`NUMBA_BOUNDSCHECK=1` in the environment the same functions are built from checked byte accesses instead, so that
the decoders can be run on hostile input under observation.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from icecol.jit.cache import kept
from icecol.jit.function import compiled

CHECKED = os.environ.get("NUMBA_BOUNDSCHECK", "0") not in {"", "0"}


def _loader(numba_type: Any, llvm_type: Any) -> Any:
    @intrinsic
    def load(_context: Any, buf: Any, at: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            pointer = builder.bitcast(builder.gep(array.data, [args[1]]), llvm_type.as_pointer())
            return builder.load(pointer, align=1)

        return numba_type(buf, types.intp), codegen

    return load


def _storer(numba_type: Any, llvm_type: Any) -> Any:
    @intrinsic
    def store(_context: Any, buf: Any, at: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            pointer = builder.bitcast(builder.gep(array.data, [args[1]]), llvm_type.as_pointer())
            builder.store(args[2], pointer, align=1)
            return context.get_dummy_value()

        return types.void(buf, types.intp, numba_type), codegen

    return store


load_u16 = _loader(types.uint16, ir.IntType(16))
load_u32 = _loader(types.uint32, ir.IntType(32))
load_i32 = _loader(types.int32, ir.IntType(32))
load_u64 = _loader(types.uint64, ir.IntType(64))
load_i64 = _loader(types.int64, ir.IntType(64))
load_f32 = _loader(types.float32, ir.FloatType())
load_f64 = _loader(types.float64, ir.DoubleType())
store_u16 = _storer(types.uint16, ir.IntType(16))
store_u32 = _storer(types.uint32, ir.IntType(32))
store_i32 = _storer(types.int32, ir.IntType(32))
store_u64 = _storer(types.uint64, ir.IntType(64))
store_f64 = _storer(types.float64, ir.DoubleType())

if CHECKED:

    def _checked_load(dtype: Any) -> Any:
        size = np.dtype(dtype).itemsize

        @compiled(error_model="python")
        def load(buf: Any, at: int) -> Any:
            raw = np.empty(size, np.uint8)
            for i in range(size):
                raw[i] = buf[at + i]
            return raw.view(dtype)[0]

        return load

    def _checked_store(dtype: Any) -> Any:
        size = np.dtype(dtype).itemsize

        @compiled(error_model="python")
        def store(buf: Any, at: int, value: Any) -> None:
            raw = np.empty(1, dtype)
            raw[0] = value
            view = raw.view(np.uint8)
            for i in range(size):
                buf[at + i] = view[i]

        return store

    load_u16 = _checked_load(np.uint16)
    load_u32, load_i32 = _checked_load(np.uint32), _checked_load(np.int32)
    load_u64, load_i64 = _checked_load(np.uint64), _checked_load(np.int64)
    load_f32, load_f64 = _checked_load(np.float32), _checked_load(np.float64)
    store_u16, store_u32 = _checked_store(np.uint16), _checked_store(np.uint32)
    store_i32, store_u64 = _checked_store(np.int32), _checked_store(np.uint64)
    store_f64 = _checked_store(np.float64)


@kept
def same(a: np.ndarray, i: int, b: np.ndarray, j: int, n: int) -> bool:
    """Return whether a[i:i+n] and b[j:j+n] are equal; both ranges must lie inside their arrays."""
    k = 0
    while k + 8 <= n:
        if load_u64(a, i + k) != load_u64(b, j + k):
            return False
        k += 8
    while k < n:
        if a[i + k] != b[j + k]:
            return False
        k += 1
    return True


@kept
def copy(dst: np.ndarray, i: int, src: np.ndarray, j: int, n: int) -> None:
    """Copy src[j:j+n] to dst[i:i+n]; both ranges must lie inside their arrays and not overlap."""
    k = 0
    while k + 8 <= n:
        store_u64(dst, i + k, load_u64(src, j + k))
        k += 8
    while k < n:
        dst[i + k] = src[j + k]
        k += 1
