"""`simplex`, `bfgs`, `powell`: the minimisers find what scipy's find, and say when they did not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from from_python import from_python
from numba import njit

from icecol.reco.numerics.bfgs import quasi_newton
from icecol.reco.numerics.powell import direction_set
from icecol.reco.numerics.simplex import minimiser

optimize = pytest.importorskip("scipy.optimize")


@njit
def valley(x, data):
    """Rosenbrock's function, its minimum at 1."""
    y = 0.0
    for i in range(x.size - 1):
        y += data * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return y


@njit
def valley_slope(x, data, gradient):
    gradient[:] = 0.0
    for i in range(x.size - 1):
        a = x[i + 1] - x[i] ** 2
        gradient[i] += -4 * data * a * x[i] - 2 * (1 - x[i])
        gradient[i + 1] += 2 * data * a
    return valley(x, data)


simplex, bfgs, powell = from_python(minimiser(valley), quasi_newton(valley_slope), direction_set(valley))
START = np.array([-1.2, 1.0, 0.5])
STEPS = np.full(3, 0.3)
FREE = np.zeros(3)


def test_the_simplex_finds_the_minimum_that_scipy_finds():
    scipy = optimize.minimize(valley.py_func, START, 10.0, method="Nelder-Mead", tol=1e-10)
    x, y, calls, converged = simplex(10.0, START, STEPS, FREE, FREE, 1e-10, 5000)
    assert converged
    assert y == pytest.approx(scipy.fun, abs=1e-8)
    assert x == pytest.approx(scipy.x, abs=1e-3)
    assert calls < 2 * scipy.nfev


def plain_powell(f, start, tolerance):
    """Powell's method as the book has it, with scipy's minimum along a line; returns all places it came to."""
    place, before, directions, places = start.copy(), start.copy(), list(np.eye(start.size)), [start]

    def walk(direction):
        line = lambda x: f(place + x * direction)  # noqa: E731
        a, b, c, *_ = optimize.bracket(line, 0.0, 1.0, grow_limit=100.0)
        x, y, *_ = optimize.brent(line, brack=(a, b, c), tol=tolerance, full_output=True)
        places.append(place + x * direction)
        return x * direction, y

    y = f(place)
    while True:
        y_before, gains = y, []
        for direction in directions:
            y_last = y
            way, y = walk(direction)
            place = place + way
            gains.append(y_last - y)
        if 2 * (y_before - y) <= tolerance * (abs(y_before) + abs(y)) + 1e-25:
            return places
        way, beyond = place - before, f(2 * place - before)
        before, most = place, max(gains)
        test = 2 * (y_before - 2 * y + beyond) * (y_before - y - most) ** 2 - most * (y_before - beyond) ** 2
        if beyond < y_before and test < 0:
            way, y = walk(way)
            place = place + way
            directions[int(np.argmax(gains))] = directions[-1]
            directions[-1] = way


@pytest.mark.parametrize("tolerance", [1e-1, 1e-2, 1e-4])
@pytest.mark.parametrize("steepness", [0.3, 1.0, 10.0])
@pytest.mark.parametrize("seed", range(2))
def test_powells_method_stops_where_it_stops_by_the_book(tolerance, steepness, seed):
    start = np.random.default_rng(seed + 20).normal(0, 2, 4)
    places = plain_powell(lambda x: valley.py_func(x, steepness), start, tolerance)
    x, y, calls, converged = powell(steepness, start, tolerance, 50_000)
    assert converged
    assert x == pytest.approx(places[-1], rel=1e-6, abs=1e-7)
    assert y == pytest.approx(valley.py_func(x, steepness), rel=1e-12)
    assert calls > 3 * len(places)


def test_powells_method_says_when_it_had_too_few_calls():
    x, _, calls, converged = powell(10.0, START, 1e-9, 60)
    assert not converged
    assert 60 <= calls < 80
    assert valley.py_func(x, 10.0) < valley.py_func(START, 10.0)


def test_bfgs_finds_the_minimum_that_scipy_finds():
    scipy = optimize.minimize(valley.py_func, START, 10.0, method="BFGS")
    x, y, calls, converged = bfgs(10.0, START, STEPS, 1e-8, 1000)
    assert converged
    assert y == pytest.approx(scipy.fun, abs=1e-8)
    assert x == pytest.approx(scipy.x, abs=1e-3)
    assert calls < scipy.nfev


def test_a_limited_parameter_stays_inside_and_ends_at_its_limit():
    low, high = np.array([-2.0, -2.0, -2.0]), np.array([0.5, 2.0, 2.0])
    scipy = optimize.minimize(valley.py_func, START, 10.0, bounds=list(zip(low, high, strict=True)))
    x, y, _, converged = simplex(10.0, START, STEPS, low, high, 1e-10, 5000)
    assert converged
    assert (x >= low).all()
    assert (x <= high).all()
    assert y == pytest.approx(scipy.fun, abs=1e-6)
    assert x == pytest.approx(scipy.x, abs=1e-3)


def test_too_few_calls_are_no_convergence():
    *_, calls, converged = simplex(10.0, START, STEPS, FREE, FREE, 1e-10, 30)
    assert not converged
    assert calls <= 30 + 20
    *_, calls, converged = bfgs(10.0, START, STEPS, 1e-8, 5)
    assert not converged
    assert calls <= 5 + 12


def test_nan_everywhere_ends():
    x, y, _, _ = simplex(math.nan, START, STEPS, FREE, FREE, 1e-4, 200)
    assert math.isnan(y)
    assert x.shape == (3,)
    assert math.isnan(bfgs(math.nan, START, STEPS, 1e-4, 200)[1])
