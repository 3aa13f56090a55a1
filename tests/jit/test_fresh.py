"""`icecol.jit.fresh`: functions compiled anew, with all that they call, and with their indices checked."""

from __future__ import annotations

import types

import numpy as np
import pytest
from numba import njit

from icecol.jit.fresh import fresh
from icecol.reco.kernels.linefit import linefit

SHIFT = 1


@njit
def at(time, i):
    return time[i + SHIFT]


TOOLS = types.ModuleType("tools")
TOOLS.at = at


@pytest.mark.filterwarnings("ignore::numba.NumbaExperimentalFeatureWarning")
def test_indices_are_checked_in_the_functions_that_a_function_calls():
    time = np.arange(9.0)
    assert at(time[:2], 1) == 2.0  # the pulse of a neighbour

    @njit
    def direct(time):
        return at(time, 1)

    both = (at, at)
    for function in (direct, lambda time: TOOLS.at(time, 1), lambda time: both[0](time, 1)):
        with pytest.raises(IndexError):
            fresh(function, boundscheck=True)(time[:2])
        assert fresh(function, boundscheck=False)(time[:2]) == 2.0


@pytest.mark.parametrize(("i", "value"), [(0, 5.0), (-1, 6.0), (-2, 5.0), (2, None), (-3, None)])
def test_negative_indices_count_from_the_end_of_the_event(i, value):
    time = np.arange(9.0)[5:7]
    checked = fresh(lambda time, i: time[i], boundscheck=True)
    if value is None:
        with pytest.raises(IndexError):
            checked(time, i)
    else:
        assert checked(time, i) == value


def test_flat_is_refused_since_numba_does_not_check_its_indices():
    with pytest.raises(TypeError, match=r"'<lambda>' uses `\.flat`"):
        fresh(lambda time: time.flat[9], boundscheck=True)


def test_a_fresh_function_has_the_constants_of_now(monkeypatch):
    time = np.arange(4.0)
    assert at(time, 0) == 1.0
    monkeypatch.setitem(globals(), "SHIFT", 2)
    assert at(time, 0) == 1.0
    assert fresh(at, boundscheck=True)(time, 0) == 2.0


def test_functions_may_call_themselves_and_those_of_icecol_stay():
    @njit
    def count(n):
        return 0 if n == 0 else 1 + count(n - 1)

    assert fresh(count, boundscheck=True)(3) == 3
    assert fresh(linefit, boundscheck=True) is linefit
