from __future__ import annotations

import numpy as np
import pytest
from made import NUCLEI

from icecol import weight


@pytest.mark.parametrize("nucleus", NUCLEI)
def test_h3a_is_as_simweights_has_it(nucleus):
    simweights = pytest.importorskip("simweights")
    e = np.geomspace(1e3, 1e11, 60)
    assert np.allclose(
        weight.h3a().at(e, 0.5, nucleus), simweights.GaisserH3a()(e, nucleus), rtol=1e-12, atol=0
    )


def test_other_nuclei_have_none():
    assert weight.h3a().at(1e6, 1.0, 1000060120) == 0
