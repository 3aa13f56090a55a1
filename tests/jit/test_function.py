"""`icecol.jit.function`: functions that compiled functions call, and Python."""

from __future__ import annotations

import contextlib
import gc
import math
import threading

import numpy as np
import pytest
from numba import njit
from numba.core.registry import cpu_target

from icecol.jit import function
from icecol.jit.function import compiled, compiling

MORE = "more than two"


@compiled
def ratio(a, b):
    return a / b


@compiled
def ratios(a, b):
    out = np.empty(a.size)
    for i in range(a.size):
        out[i] = ratio(a[i], b)
    return out


@compiled(error_model="python")
def strict(a, b):
    return a / b


def test_a_function_gives_the_same_to_compiled_functions_and_to_python():
    assert ratios(np.array([1.0, -1.0, 3.0]), 0.0).tolist() == [math.inf, -math.inf, math.inf]
    assert not ratio.overloads  # called from compiled code alone, it is not made ready for Python
    assert len(ratio.called.overloads) == 1
    assert ratio(3.0, 2.0) == 1.5
    assert len(ratio.overloads) == 1
    assert ratios(np.array([1.0]), 4.0).tolist() == [0.25]


def test_options_are_those_of_numba():
    with pytest.raises(ZeroDivisionError):
        strict(1.0, 0.0)
    assert compiled(boundscheck=True)(lambda a: a[0])(np.ones(1)) == 1.0
    with pytest.raises(IndexError):
        compiled(boundscheck=True)(lambda a: a[1])(np.ones(1))


def test_numbas_own_functions_may_call_it_and_be_called():
    @njit
    def sixth(x):
        return ratio(x, 6.0)

    @compiled
    def all_of(values):
        total = 0.0
        for v in values:
            total += sixth(v) + ratio(v, 3.0)
        return total

    assert all_of(np.array([6.0, 12.0])) == 9.0
    assert sixth(3.0) == 0.5
    assert all_of(np.array([6.0])) == 3.0


@pytest.mark.slow
def test_what_is_compiled_only_within_others_can_be_called_by_numbas_own_later():
    @compiled
    def inner(values):
        return np.sort(values)[0]

    @compiled
    def outer(values):
        return inner(values) + 1.0

    @njit
    def plain(values):
        return inner(values) + np.sort(values)[-1]

    assert outer(np.array([3.0, 2.0])) == 3.0
    assert plain(np.array([3.0, 2.0])) == 5.0
    assert inner(np.array([3.0, 2.0])) == 2.0


def test_exceptions_and_objects_of_functions_within_reach_python():
    @compiled
    def refusing(n):
        if n > 2:
            raise ValueError(MORE)
        return n

    @compiled
    def outer(n):
        return refusing(n) + 1

    assert outer(1) == 2
    with pytest.raises(ValueError, match="more than two"):
        outer(3)


def test_a_function_may_call_itself():
    @compiled
    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    @compiled
    def doubled(n):
        return 2 * factorial(n)

    assert doubled(5) == 240
    assert factorial(5) == 120


def test_while_compiling_no_garbage_is_collected_and_all_is_as_before_after_it():
    codegen = cpu_target.target_context.codegen()
    before = codegen._library_class
    with contextlib.suppress(ZeroDivisionError), compiling():
        assert not gc.isenabled()
        with compiling():
            assert codegen._library_class is function._Library
        assert not gc.isenabled()
        raise ZeroDivisionError
    assert gc.isenabled()
    assert codegen._library_class is before
    gc.disable()
    try:
        with compiling():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.slow
def test_threads_compile_one_after_the_other():
    functions = [compiled(lambda x, k=k: np.arange(k)[x] + ratio(x, 1)) for k in range(5, 9)]
    answers = [None] * len(functions)

    def work(i):
        answers[i] = functions[i](i, 5 + i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(functions))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == [0.0, 2.0, 4.0, 6.0]


def test_without_compilation_it_is_the_function_itself(monkeypatch):
    monkeypatch.setattr("numba.config.DISABLE_JIT", True)

    def half(x):
        return x / 2

    assert compiled(half) is half
