from __future__ import annotations

import numpy as np
import pytest
from made import NUCLEI

from icecol import weight
from icecol.weight.cosmic_rays import H3A


@pytest.mark.parametrize("nucleus", NUCLEI)
def test_h3a_is_as_simweights_has_it(nucleus):
    simweights = pytest.importorskip("simweights")
    e = np.geomspace(1e3, 1e11, 60)
    assert np.allclose(
        weight.h3a().at(e, 0.5, nucleus), simweights.GaisserH3a()(e, nucleus), rtol=1e-12, atol=0
    )


def test_other_nuclei_have_none():
    assert weight.h3a().at(1e6, 1.0, 1000060120) == 0


@pytest.mark.parametrize("code", sorted(set(H3A) - {2212}))
def test_charge_and_mass_are_those_of_the_pdg_code(code):
    assert code == 1_000_000_000 + 10_000 * H3A[code].charge + 10 * H3A[code].mass
