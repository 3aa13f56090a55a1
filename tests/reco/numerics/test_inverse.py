from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol.reco.numerics.inverse import inverse


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_it_is_the_inverse_of_numpy(n, seed):
    matrix = np.random.default_rng(seed).normal(size=(n, n))
    before = matrix.copy()
    found, regular = inverse(matrix)
    assert regular
    condition = np.linalg.cond(matrix)
    np.testing.assert_allclose(found, np.linalg.inv(matrix), rtol=1e-13 * condition, atol=1e-13 * condition)
    np.testing.assert_array_equal(matrix, before)


def test_a_zero_on_the_diagonal_is_no_obstacle():
    found, regular = inverse(np.array([[0.0, 2.0], [4.0, 0.0]]))
    assert regular
    np.testing.assert_array_equal(found, [[0.0, 0.25], [0.5, 0.0]])


def test_the_largest_element_of_a_column_is_divided_by():
    matrix = np.array([[1e-20, 1.0], [1.0, 1.0]])  # dividing by 1e-20 would lose the second row
    found, _ = inverse(matrix)
    np.testing.assert_allclose(found, [[-1.0, 1.0], [1.0, 0.0]], atol=1e-15)


@pytest.mark.parametrize("matrix", [np.zeros((2, 2)), np.array([[1.0, 2.0], [2.0, 4.0]])])
def test_a_singular_matrix_has_none(matrix):
    assert not inverse(matrix)[1]


def test_the_inverse_of_nan_is_nan():
    found, regular = inverse(np.array([[np.nan, 0.0], [0.0, 1.0]]))
    assert regular
    assert np.isnan(found).any()
