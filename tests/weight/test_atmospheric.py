from __future__ import annotations

import numpy as np
import pytest

from icecol import weight

FITS = {  # A, g, B1, eta, B2, Ek, d, k1, k2, of neutrinos and antineutrinos together
    ("honda2006_h3a", 14): (1.4760e-10, 2.7129, 6.227, 0.3513, 1.147, 1.5576e5, 0.5342, 1.2668, 0.9460),
    ("honda2006_h3a", 12): (3.7561e-11, 2.7420, 11.53, 0.02557, 0.9092, 1.8051e5, 0.5309, 1.2671, 0.9197),
    ("h3a_sibyll23c", 14): (1.5161e-10, 2.6807, 6.909, 0.3544, 1.267, 9.0970e4, 0.5154, 1.2397, 0.9453),
    ("h3a_sibyll23c", 12): (3.7561e-11, 2.7420, 11.53, 0.02557, 0.9092, 1.8051e5, 0.5309, 1.2671, 0.9197),
}


@pytest.mark.parametrize(("model", "code"), FITS)
def test_conventional_flux_has_the_fitted_parameters(model, code):
    a, g, b1, eta, b2, knee, d, k1, k2 = FITS[model, code]
    rng = np.random.default_rng(5)
    e, c = 10 ** rng.uniform(2, 7, 50), rng.uniform(-1, 1, 50)
    x = abs(c)  # Chirkin, hep-ph/0407078
    x = x**2 + 0.102573**2 - 0.068287 * x**0.958633 + 0.0407253 * x**0.817285
    x = np.sqrt(x / (1 + 0.102573**2 - 0.068287 + 0.0407253))
    phi = 1 / (1 + b1 * e * x**k1 / 115) + eta / (1 + b2 * e * x**k2 / 850)
    phi *= a * (e / 1e3) ** -g * (1 + (e / knee) ** 2) ** (-d / 2)
    flux = weight.conventional(model)
    assert np.allclose(flux.at(e, c, code) + flux.at(e, c, -code), phi, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("model", "parameters"), [
    ("ers_h3a", (8.8330e-19, 2.5011, 1.0755e5, 0.9286, 1.1776)),
    ("berss_h3p", (3.0652e-19, 2.5108, 4.5590e4, 0.5982, 1.9866)),
])  # fmt: skip
def test_prompt_flux_has_the_fitted_parameters(model, parameters):
    a, g, knee, d, s = parameters
    e = np.geomspace(1e3, 1e7, 30)
    both = 2 * weight.prompt(model).at(e, 0.4, -12)
    assert np.allclose(both, a * (e / 1e5) ** -g * (1 + (e / knee) ** s) ** (-d / s), rtol=1e-12, atol=0)


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
