"""Models in pyhf: the same expectation, fit, CLs and limit."""

from __future__ import annotations

import numpy as np
import pytest
from made_models import full_model

from icecol import stats

pyhf = pytest.importorskip("pyhf")
pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")  # in pyhf

SIGNAL, BACKGROUND = np.array([5.0, 10.0, 3.0]), np.array([50.0, 60.0, 20.0])
DATA = [53, 65, 22]


def made(kind: str = "poisson", **components: object) -> stats.Model:
    return stats.Model(
        {"signal": SIGNAL, "background": BACKGROUND, **components},
        {"background": stats.Parameter(prior=(1.0, 0.1), lower=0.0)},
        kind,
    )


def read(model: stats.Model, data: list[int] = DATA) -> tuple:
    workspace = pyhf.Workspace(stats.pyhf_workspace(model, data, "signal"))
    theirs = workspace.model()
    return theirs, workspace.data(theirs)


@pytest.fixture
def precise():
    """Fits of pyhf that end closer to the minimum than they do by default."""
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-10))
    yield
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())


@pytest.mark.usefixtures("precise")
def test_a_model_is_read_back_and_excludes_the_same():
    ours = made()
    theirs, data = read(ours)
    assert theirs.config.poi_name == "signal"
    for value in (0.5, 1.0, 2.5):
        observed, bands = pyhf.infer.hypotest(
            value, data, theirs, test_stat="qtilde", return_expected_set=True
        )
        found = ours.cls(DATA, "signal", value)
        assert found.observed == pytest.approx(float(observed), abs=1e-6)
        assert sorted(found.expected) == pytest.approx(sorted(map(float, bands)), abs=1e-6)


EXAMPLES = {  # the first has the numbers of pyhf's README
    "two bins": ([12.0, 11.0], [50.0, 52.0], [3.0, 7.0], [51, 48]),
    "one bin": ([5.0], [50.0], [7.0], [52]),
    "ten bins": (
        [0.0, 0.5, 2.0, 5.0, 8.0, 5.0, 2.0, 0.5, 0.1, 0.0],
        [60.0, 50.0, 42.0, 35.0, 29.0, 24.0, 20.0, 17.0, 14.0, 12.0],
        [6.0, 5.0, 4.2, 3.5, 2.9, 2.4, 2.0, 1.7, 1.4, 1.2],
        [57, 52, 41, 39, 33, 30, 21, 15, 12, 13],
    ),
}
"""Signal, background and its error, which all bins have in common, and data."""


@pytest.mark.usefixtures("precise")
@pytest.mark.parametrize("name", EXAMPLES)
def test_correlated_background_of_pyhf(name):
    signal, background, error, data = (np.array(v, float) for v in EXAMPLES[name])
    theirs = pyhf.simplemodels.correlated_background(
        signal.tolist(), background.tolist(), (background + error).tolist(), (background - error).tolist()
    )
    shifted = stats.Component(
        background, variations={"correlated_bkg_uncertainty": (background - error, background + error)}
    )
    ours = stats.Model(
        {"signal": signal, "background": shifted}, {"background": stats.Parameter(fixed=True)}, "poisson"
    )
    everything = [*data, *theirs.config.auxdata]
    for value in (0.3, 1.0, 1.7):
        observed, bands = pyhf.infer.hypotest(
            value, everything, theirs, test_stat="qtilde", return_expected_set=True
        )
        found = ours.cls(data, "signal", value)
        assert found.observed == pytest.approx(float(observed), abs=1e-6)
        assert sorted(found.expected) == pytest.approx(sorted(map(float, bands)), abs=1e-6)
    p0 = pyhf.infer.hypotest(0.0, everything, theirs, test_stat="q0")
    assert ours.test(data, "signal").p == pytest.approx(float(p0), abs=1e-6)


def test_fits_agree():
    ours = made()
    theirs, data = read(ours)
    best = pyhf.infer.mle.fit(data, theirs)
    fit = ours.fit(DATA)
    names = theirs.config.par_order
    values = {name: float(best[theirs.config.par_slice(name)][0]) for name in names}
    assert fit.values["signal"] == pytest.approx(values["signal"], abs=1e-3)
    assert fit.values["background"] == pytest.approx(1 + 0.1 * values["background"], abs=1e-4)


def test_variations_are_interpolated_as_pyhf_does():
    tilted = stats.Component(
        BACKGROUND,
        norm="signal",
        variations={"ice": (BACKGROUND * [0.9, 1, 1.2], BACKGROUND * [1.2, 1, 0.7])},
    )
    ours = made(tilted=tilted)
    theirs, _ = read(ours)
    for ice in (-2.0, -0.7, 0.3, 1.0, 1.8):
        at = {"signal": 1.4, "background": 0.5, "ice": ice}
        parameters = [at[name] for name in theirs.config.par_order]
        expected = theirs.expected_actualdata(parameters)
        assert ours.expected(signal=1.4, background=1.05, ice=ice) == pytest.approx(
            np.asarray(expected, float), rel=1e-9
        )


def test_errors_of_the_simulation_are_a_staterror():
    ours = stats.Model(
        {"signal": SIGNAL, "background": (BACKGROUND, 0.5 * BACKGROUND)},
        {"background": stats.Parameter(fixed=True)},
        "barlow_beeston",
    )
    theirs, data = read(ours)
    assert "staterror_counts" in theirs.config.par_order
    at_one = -float(pyhf.infer.mle.fixed_poi_fit(1.0, data, theirs, return_fitted_val=True)[1]) / 2
    # theirs keeps the relative error of the sum at the start, signal included: the same as ours there
    parameters = theirs.config.suggested_init()
    assert at_one - float(theirs.logpdf(parameters, data)[0]) == pytest.approx(
        ours.log_likelihood(DATA, signal=1.0)
        - float(stats.log_likelihood(DATA, SIGNAL + BACKGROUND, kind="poisson").sum()),
        abs=1e-4,
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: made("effective"), "no likelihood 'effective'"),
        (lambda: full_model("poisson"), "signal"),
        (
            lambda: stats.Model({"signal": [1.0]}, {"signal": stats.Parameter(fixed=True)}, "poisson"),
            "must be free",
        ),
        (
            lambda: stats.Model(
                {"signal": [1.0], "b": [1.0]}, {"b": stats.Parameter(prior=(1.0, 0.2, 0.3))}, "poisson"
            ),
            "unequal deviations",
        ),
    ],
)
def test_what_pyhf_cannot_say_is_refused(model, message):
    built = model()
    with pytest.raises((ValueError, KeyError), match=message):
        stats.pyhf_workspace(built, np.zeros(built.shape), "signal")
