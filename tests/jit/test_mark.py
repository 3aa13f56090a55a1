"""`icecol.jit.mark`: whatever compiled code depends on changes its mark."""

from __future__ import annotations

import enum
import types
from typing import NamedTuple

import numpy as np
import pytest
from numba import njit, vectorize

from icecol.jit.mark import mark, own
from icecol.reco.kernels.linefit import linefit


class Mode(enum.IntEnum):
    A = 1


class Pair(NamedTuple):
    a: float
    b: float


def module(source: str) -> types.ModuleType:
    made = types.ModuleType("made")
    exec("import numpy as np\nfrom numba import njit\n" + source, vars(made))
    return made


BEFORE = """
SCALE = 2.0
TABLE = np.array([1.0, 2.0])
@njit
def deep(x): return x * SCALE
@njit
def near(x, more=1.0): return deep(x) + more
PAIR = (near, deep)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x * SCALE", "x + SCALE"),  # the code of a function
        ("SCALE = 2.0", "SCALE = 2"),  # the type of a constant
        ("more=1.0", "more=1.5"),
        ("[1.0, 2.0]", "[1.0, 2.5]"),
        ("[1.0, 2.0]", "[[1.0, 2.0]]"),
        ("@njit\ndef deep", "@njit(fastmath=True)\ndef deep"),
        ("(near, deep)", "(deep, near)"),
    ],
)
def test_what_a_function_reaches_in_other_modules_is_in_its_mark(old, new):
    def functions(made):
        def through_the_module(time):
            return made.near(time) + made.TABLE[0] + made.PAIR[0](time)

        near, table, pair = made.near, made.TABLE, made.PAIR

        def by_name(time):
            return near(time) + table[0] + pair[0](time)

        return through_the_module, by_name

    marks = [[mark(f) for f in functions(module(s))] for s in (BEFORE, BEFORE, BEFORE.replace(old, new))]
    for a, same, other in zip(*marks, strict=True):
        assert a == same != other
        assert a.lasting


def test_two_functions_may_look_into_one_module_for_different_things():
    made = module("A = 1.0\nB = 2.0\n")

    @njit
    def inner(x):
        return x * made.B

    def outer(x):
        return inner(x) + made.A

    before = mark(outer)
    made.B = 3.0
    assert mark(outer) != before


def test_code_constants_closures_and_enumerations_are_in_the_mark():
    def times(factor):
        return lambda time: time * factor

    assert mark(times(2.0)) == mark(times(2.0)) != mark(times(3.0))
    assert mark(lambda x: x + 1) != mark(lambda x: x + 2)
    assert mark(lambda x: x + 1) != mark(lambda x: x + 1.0)
    assert mark(lambda x: [x + i for i in range(1)]) != mark(lambda x: [x + i for i in range(2)])
    assert mark(lambda x: x in {"a", "b"}) == mark(lambda x: x in {"b", "a"})
    assert mark(times(Mode.A)) != mark(times(1))
    assert mark(times(Pair(1.0, 2.0))) != mark(times((1.0, 2.0)))
    for value in (Mode, Pair, np.sin, np.linalg.norm, np.float32, len, float("nan"), None):
        assert mark(times(value)).lasting


@pytest.mark.parametrize(
    "value", [[1.0], {1: 2}, np.zeros(200_000), np.arange(6.0)[::2], np.random.default_rng(1), lambda x: x]
)
def test_what_cannot_be_told_is_not_kept_but_told_from_others_of_its_kind(value):
    found = mark(lambda time: time + value)
    assert not found.lasting
    assert found.held == (value,) or found.held[0] is value


def test_numbas_other_functions_are_not_kept():
    @vectorize
    def twice(x):
        return 2 * x

    assert not mark(lambda time: twice(time) + 1).lasting


def test_a_recursive_function_has_a_mark():
    @njit
    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    assert mark(factorial).lasting


def test_every_function_of_icecol_can_be_kept():
    assert own(linefit)
    assert not own(test_every_function_of_icecol_can_be_kept)
    import importlib
    import pkgutil

    from numba.core.dispatcher import Dispatcher

    import icecol

    n = 0
    for name in ("reco", "sim", "i3", "convert"):
        package = importlib.import_module(f"icecol.{name}")
        for found in pkgutil.walk_packages(package.__path__, f"icecol.{name}."):
            for value in vars(importlib.import_module(found.name)).values():
                if isinstance(value, Dispatcher):
                    n += 1
                    assert mark(value).lasting, value
    assert n > 300
    assert icecol
