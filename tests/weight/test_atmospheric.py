from __future__ import annotations

import numpy as np
import pytest

from icecol import weight


@pytest.mark.parametrize(
    ("energy", "cosine", "code", "fit", "tabulated"),
    [
        (1e4, -0.5, 14, 1.373e-14, 1.395e-14),
        (1e5, -0.1, 14, 9.198e-18, 8.973e-18),
        (1e4, -0.5, 12, 4.217e-16, 4.276e-16),
        (1e5, -0.1, 12, 2.968e-19, 2.902e-19),
    ],
)
def test_conventional_flux_is_the_fit_and_close_to_honda_with_the_knee(energy, cosine, code, fit, tabulated):
    both = sum(weight.conventional().at(energy, cosine, [code, -code]))
    assert both == pytest.approx(fit, rel=5e-4)
    assert both == pytest.approx(tabulated, rel=0.03)
    assert sum(weight.conventional().at(energy, -cosine, [code, -code])) == pytest.approx(both, rel=1e-14)


def test_sibyll_changes_muon_neutrinos_within_the_range_of_the_models():
    ratio = weight.conventional("h3a_sibyll23c").at(1e4, -0.5, [14, 12]) / weight.conventional().at(
        1e4, -0.5, [14, 12]
    )
    assert ratio[1] == 1
    assert 0.84 < ratio[0] < 1.16
    assert ratio[0] != 1


def test_neutrinos_and_antineutrinos_share_the_flux_and_others_have_none():
    found = weight.conventional().at(1e4, 0.3, [14, -14, 12, -12, 16, 13])
    assert found[1] / (found[0] + found[1]) == pytest.approx(0.366)
    assert found[3] / (found[2] + found[3]) == pytest.approx(0.443)
    assert found[4:].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("model", "values", "within"),
    [
        ("ers_h3a", [8.631e-14, 2.698e-16, 5.248e-19, 3.306e-22], 0.034),
        ("berss_h3p", [3.120e-14, 9.896e-17, 1.859e-19, 1.404e-22], 0.14),
    ],
)
def test_prompt_flux_is_close_to_the_tables(model, values, within):
    found = weight.prompt(model)
    both = 2 * found.at([1e3, 1e4, 1e5, 1e6], 0.2, 14)
    assert np.allclose(both, values, rtol=within)
    assert found.at(1e5, -0.9, [12, -12, -14, 16]).tolist() == [*[both[2] / 2] * 3, 0]


def test_unknown_models_are_named():
    with pytest.raises(ValueError, match="'honda2006_h3a' or 'h3a_sibyll23c'; found 'honda'"):
        weight.conventional("honda")
    with pytest.raises(ValueError, match="'ers_h3a'"):
        weight.prompt("ers")
