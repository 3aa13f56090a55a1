"""Special functions agree with scipy's where the time distributions use them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from icecol.reco.numerics.special import digamma, gamma_p, gamma_q, kummer, tricomi

special = pytest.importorskip("scipy.special")


@given(st.floats(0.005, 60), st.floats(0, 200))
def test_incomplete_gamma_functions_are_those_of_scipy(a, x):
    assert gamma_q(a, x) == pytest.approx(special.gammaincc(a, x), rel=1e-11, abs=1e-14)
    assert gamma_p(a, x) == pytest.approx(special.gammainc(a, x), rel=1e-11, abs=1e-300)


@given(st.floats(0.005, 60))
def test_digamma_is_that_of_scipy(x):
    assert digamma(x) == pytest.approx(special.digamma(x), rel=1e-12, abs=1e-12)


@given(st.floats(0.0, 3), st.sampled_from([0.5, 1.5]), st.floats(0, 60))
@example(6e-34, 0.5, 59.0)
def test_kummer_is_that_of_scipy(a, b, x):
    assert kummer(a, b, x) == pytest.approx(special.hyp1f1(a, b, x), rel=1e-12)


@given(st.floats(0.02, 2.5), st.floats(0.911, 13))
def test_tricomi_is_its_integral(a, x):
    """U(a, b, x) is the integral of exp(-x t) t^(a - 1) (1 + t)^(b - a - 1) over Gamma(a), here with t = exp(s)."""
    s = np.linspace(-34 / a, 4, 40000)
    t = np.exp(s)
    f = np.exp(a * s - x * t) * (1 + t) ** (-0.5 - a)
    assert tricomi(a, 0.5, x) == pytest.approx(f.sum() * (s[1] - s[0]) / special.gamma(a), rel=1e-11)
