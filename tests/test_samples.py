from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol import Sample, Samples, hist
from icecol.errors import MissingColumnError
from icecol.samples import _short

DATA = pl.LazyFrame({"q": [1.0, 2.0, 3.0, 9.0], "kind": ["a", "b", "a", "a"]})
MUONS = pl.LazyFrame({"q": [1.0, 5.0], "w": [2e-3, 1e-3], "kind": ["a", "c"]})
NUS = [pl.LazyFrame({"q": [2.0], "w": [1e-4], "kind": ["b"]}), pl.LazyFrame({"q": [20.0], "w": [3e-4]})]


@pytest.fixture
def samples():
    return Samples(
        data=Sample(DATA, label="2016"),
        mu=Sample(MUONS, "w", color="C3"),
        nu=Sample(NUS, pl.col("w") * 2, label="neutrinos", variations={"eff +10 %": Sample(NUS[0], "w")}),
        livetime=1000.0,
    )


def test_histograms_of_all_samples_in_one_call_scaled_to_the_livetime(samples):
    found = samples.fill(hist.regular("q", 2, 0, 10))
    assert found["data"].values().tolist() == [3, 1]
    assert np.allclose(found["mu"].values(), [2, 1])
    assert np.allclose(found["nu"].values(flow=True), [0, 0.2, 0, 0.6])
    assert np.allclose(found["nu"].variances(flow=True), [0, 0.04, 0, 0.36])


def test_ranges_and_categories_are_those_of_all_samples_together(samples):
    found = samples.fill_many({"q": hist.log("q", 4), "both": (hist.category("kind"), hist.regular("q", 3))})
    for name, events in (("data", 4), ("mu", 3), ("nu", 0.8)):
        h = found[name]["q"]
        assert np.array_equal(h.edges, found["data"]["q"].edges)
        assert h.sum() == pytest.approx(events)
        assert sorted(found[name]["both"].axes[0]) == ["a", "b", "c"]
    assert found["nu"]["both"].missing.n == 1


def test_cutflow_of_all_samples_with_errors_and_the_sum_of_simulation(samples):
    cuts = ic.Cuts(low=pl.col("q") < 10, high=pl.col("q") > 1.5)
    table = samples.cutflow(cuts)
    assert table["cut"].to_list() == ["all", "low", "high"]
    assert table["data"].to_list() == [4, 4, 3]
    assert np.allclose(table["mu"], [3, 3, 1])
    assert np.allclose(table["nu"], [0.8, 0.2, 0.2])
    assert np.allclose(table["simulation"], [3.8, 3.2, 1.2])
    assert np.allclose(table["simulation_error"], np.sqrt([4 + 1 + 0.04 + 0.36, 5.04, 1.04]))
    assert np.allclose(samples.select(cuts).cutflow(ic.Cuts())["simulation"], [1.2])


def test_functions_for_a_dataset_take_samples_too(samples):
    q, cuts = hist.regular("q", 2, 0, 10), ic.Cuts(low=pl.col("q") < 10, high=pl.col("q") > 1.5)
    assert hist.fill(samples, q) == samples.fill(q)
    assert hist.fill_many(samples, {"q": q, "log": hist.log("q", 3)}) == samples.fill_many(
        {"q": q, "log": hist.log("q", 3)}
    )
    assert ic.cutflow(samples, cuts).equals(samples.cutflow(cuts))
    found = hist.fill(samples, q, statistics=True)
    assert found["mu"].data.mean() == pytest.approx((2 * 1.0 + 1 * 5.0) / 3)
    table = hist.describe(samples, q, quantiles=[0.5])
    assert table["sample"].to_list() == ["data", "mu", "nu"]
    assert table["mean"].to_list() == pytest.approx([15 / 4, 7 / 3, (0.2 * 2 + 0.6 * 20) / 0.8])


def test_n_minus_one_of_all_samples(samples):
    cuts = ic.Cuts(low=pl.col("q") < 10, high=pl.col("q") > 1.5)
    table = ic.n_minus_one(samples, cuts)
    assert table["without"].to_list() == [None, "low", "high"]
    assert table["data"].to_list() == [3, 3, 4]
    assert np.allclose(table["nu"], [0.2, 0.8, 0.2])
    assert np.allclose(table["simulation"], [1.2, 1.8, 3.2])
    assert np.allclose(table["simulation_error"], np.sqrt([1.04, 1.4, 5.04]))


@pytest.mark.parametrize(
    "call",
    [
        lambda s: hist.fill(s, hist.regular("q", 2), weight="w"),
        lambda s: hist.describe(s, hist.regular("q", 2), weight="w"),
        lambda s: ic.cutflow(s, ic.Cuts(), "w"),
        lambda s: ic.n_minus_one(s, ic.Cuts(), "w"),
    ],
    ids=["fill", "describe", "cutflow", "n_minus_one"],
)
def test_a_weight_beside_those_of_the_samples_is_refused(samples, call):
    with pytest.raises(TypeError, match="samples have weights of their own"):
        call(samples)


def test_what_is_neither_events_nor_samples_is_named():
    with pytest.raises(TypeError, match=r"expected a dataset, a lazy frame or a table; found \[1, 2\]"):
        hist.fill([1, 2], hist.regular("q", 2))


@pytest.mark.parametrize("axis", [hist.log("qq", 3), hist.category("kin"), hist.regular("qq", 2, 0, 1)])
def test_a_misspelt_column_is_named(samples, axis):
    with pytest.raises(
        MissingColumnError, match=r"axis '(qq|kin)': no column '(qq|kin)'; (did you mean|columns)"
    ):
        hist.fill(samples, axis)
    with pytest.raises(TypeError, match=r"found Samples\(.*samples have methods of their own"):
        ic.with_features(samples, a=pl.col("q"))


def test_totals_are_rates(samples):
    found = samples.totals()
    assert list(found) == ["mu", "nu"]
    assert found["nu"].rate == pytest.approx((8e-4, np.hypot(2e-4, 6e-4)))


def test_a_variation_takes_the_place_of_its_sample_and_keeps_its_looks(samples):
    other = samples.varied("eff +10 %")
    assert samples.variations == ("eff +10 %",)
    assert other.fill(hist.regular("q", 1, 0, 100))["nu"].sum() == pytest.approx(0.1)
    assert other.fill(hist.regular("q", 1, 0, 100))["mu"].sum() == pytest.approx(3)
    assert other["nu"].label == "neutrinos"
    with pytest.raises(MissingColumnError, match="did you mean 'eff \\+10 %'"):
        samples.varied("eff +10%")
    twice = samples.map(lambda lf: lf.with_columns(pl.col("w") * 2) if "w" in lf.collect_schema() else lf)
    assert twice.varied("eff +10 %").fill(hist.regular("q", 1, 0, 100))["nu"].sum() == pytest.approx(0.2)


def test_livetime_is_that_of_the_data_and_features_are_added_to_datasets(tmp_path):
    made = [
        ic.sim.to_dataset(
            ic.sim.events(4, seed=i, muons=0, noise=0), tmp_path / str(i), settings={"livetime": t}
        )
        for i, t in ((1, 100.0), (2, 50.0))
    ]
    samples = Samples(
        data=Sample(made), nu=Sample(made[0], ic.weight.nugen(made[0], ic.weight.power_law(1e-15, 2)))
    )
    assert samples.livetime == 150
    bright = samples.with_features(Q=ic.reco.charge("SRTInIcePulses"))
    assert bright.livetime == 150
    found = bright.fill(hist.log("Q.total", 3))
    assert found["data"].sum() == 8
    rate = ic.weight.totals(made[0], samples["nu"].weight).rate.value
    assert found["nu"].sum() == pytest.approx(150 * rate)
    assert Samples(data=Sample(DATA), mu=Sample(MUONS, "w")).livetime is None
    assert (
        Samples(data=Sample(DATA), mu=Sample(MUONS, "w")).fill(hist.regular("q", 1, 0, 9))["mu"].sum() == 3e-3
    )


def test_data_and_stacked_simulation_in_one_figure(samples):
    pytest.importorskip("matplotlib")
    ax = samples.plot(hist.regular("q", 2, 0, 10), log=True)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["neutrinos", "mu", "2016"]
    filled = [p for p in ax.patches if p.get_label() in {"mu", "neutrinos"}]
    assert [
        np.allclose(p.get_data().values, top) for p, top in zip(filled, ([2, 1], [2.2, 1]), strict=True)
    ] == [True, True]
    assert filled[1].get_data().baseline.tolist() == pytest.approx([2, 1])
    with pytest.raises(ValueError, match="nothing to stack"):
        ic.plot.stack({})


def test_what_is_no_sample_is_refused(samples):
    with pytest.raises(TypeError, match=r"ic\.Sample"):
        Samples(data=DATA)
    with pytest.raises(ValueError, match="positive number of seconds"):
        Samples(livetime=0)
    with pytest.raises(MissingColumnError, match="samples: 'data', 'mu', 'nu'"):
        samples["corsika"]
    assert repr(samples) == "Samples(data=data, mu=simulation, nu=simulation)"


def test_a_model_has_a_component_for_each_simulation_scaled_to_the_livetime(samples):
    axis = hist.regular("q", 2, 0, 10)
    made = samples.model(axis, parameters={"mu": ic.stats.Parameter(prior=(1.0, 0.2), lower=0.0)})
    filled = samples.fill(axis)
    assert made.names == ("mu", "nu")
    assert made.expected(mu=0.5, nu=2.0) == pytest.approx(
        0.5 * filled["mu"].values() + 2 * filled["nu"].values()
    )
    assert made.parameters["mu"].prior == (1.0, 0.2)
    assert made.counts(filled["data"]).tolist() == [3, 1]


def test_a_spectrum_weights_the_events_of_a_sample_anew(samples):
    axis = hist.regular("q", 2, 0, 10)
    made = samples.model(axis, powers={"mu": {"index": pl.col("q") / 5}}, likelihood="poisson")
    assert made.names == ("mu", "nu", "index")
    assert made.expected(mu=1.0, nu=0.0, index=3.0) == pytest.approx([2 * 5**3, 1])
    with pytest.raises(MissingColumnError, match="did you mean 'mu'"):
        samples.model(axis, powers={"muu": {"index": pl.col("q")}})
    with pytest.raises(ValueError, match="needs components"):
        Samples(data=Sample(DATA)).model(axis)


@pytest.mark.parametrize(
    ("days", "quantity"),
    [
        (365.25, "events / year"),
        (365, "events / year"),
        (1, "events / day"),
        (364, "events"),
        (1.01, "events"),
    ],
)
def test_simulation_over_a_year_or_a_day_is_counted_so(days, quantity):
    frame = pl.LazyFrame({"x": [1.0], "w": [1.0]})
    samples = ic.Samples({"mc": ic.Sample(frame, weight="w")}, livetime=days * 86400)
    assert samples.quantity == quantity


def test_long_names_are_cut_at_80_characters():
    assert [len(_short("w" * n)) for n in (79, 80, 81, 200)] == [79, 80, 80, 80]
    assert _short("w" * 81) == "w" * 77 + "..."
