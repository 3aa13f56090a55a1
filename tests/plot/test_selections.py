from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol import hist, plot
from icecol.errors import MissingColumnError

pytest.importorskip("matplotlib")

EVENTS = pl.DataFrame({"q": [1.0, 20.0, 30.0, 40.0], "z": [2.0, 0.5, 2.5, 3.0], "w": [1.0, 2.0, 3.0, 4.0]})
CUTS = ic.Cuts(bright=pl.col("q") > 10, upgoing=pl.col("z") > 1.5, none=pl.col("q") > 99)


def spans(container):
    return np.array([s[:, 0] for s in container.lines[2][0].get_segments() if len(s) == 2])


def test_a_cutflow_shows_what_the_table_says():
    ax = plot.cutflow(EVENTS, CUTS)
    ax.figure.canvas.draw()
    table = ic.cutflow(EVENTS, CUTS)
    assert [t.get_text() for t in ax.get_yticklabels()] == table["cut"].to_list()
    assert ax.lines[0].get_xdata().tolist() == table["n"].to_list()
    np.testing.assert_allclose(spans(ax.containers[0])[0], [2, 6])
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert list(plot.record(ax)["cuts"]) == list(CUTS)
    assert (ax.get_xscale(), ax.get_xlim()[0]) == ("linear", 0)
    many = plot.cutflow(pl.DataFrame({"q": [1.0] * 21 + [20.0] * 2}), ic.Cuts(bright=pl.col("q") > 10))
    assert many.get_xscale() == "log"


def test_weights_and_samples_have_their_own_errors():
    table = ic.cutflow(EVENTS, CUTS, "w")
    ax = plot.cutflow(EVENTS, CUTS, weight="w", quantity="Hz")
    assert (ax.lines[0].get_xdata().tolist(), ax.get_xlabel()) == (table["sumw"].to_list(), "Hz")
    assert spans(ax.containers[0])[0, 1] == pytest.approx(10 + 30**0.5)
    samples = ic.Samples(data=ic.Sample(EVENTS), mc=ic.Sample(EVENTS, weight="w"), livetime=2.0)
    ax = plot.cutflow(samples, CUTS)
    ax.figure.canvas.draw()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["data", "mc"]
    assert [c.lines[0].get_xdata()[0] for c in ax.containers] == [4, 20]


@pytest.mark.parametrize("log", [False, True])
def test_n_minus_one_shows_what_the_others_leave_and_what_the_cut_keeps(log):
    two = CUTS.without("none")
    axes = {"bright": hist.regular("q", 4, 0, 40.5), "upgoing": hist.regular("z", 2)}
    bright, upgoing = plot.n_minus_one(EVENTS, two, axes, log=log)
    bright.figure.canvas.draw()
    every, kept = (patch.get_data().values for patch in bright.patches)
    assert (every.tolist(), kept.tolist()) == ([1, 0, 1, 1], [0, 0, 1, 1])
    every, kept = (patch.get_data() for patch in upgoing.patches)
    assert (every.values.sum(), kept.values.sum()) == (3, 2)
    np.testing.assert_array_equal(every.edges, kept.edges)
    assert bright.figure is upgoing.figure
    with pytest.raises(MissingColumnError, match="no cut 'dark'"):
        plot.n_minus_one(EVENTS, two, {"dark": axes["bright"]})
    with pytest.raises(ValueError, match="at least one cut"):
        plot.n_minus_one(EVENTS, two, {})


def test_rates_leave_out_runs_without_one():
    table = pl.DataFrame({"run_id": [7, 8, 9], "rate": [2.0, None, 4.0], "rate_error": [0.1, None, 0.2]})
    ax = plot.rates(table, label="filter")
    ax.figure.canvas.draw()
    assert ax.lines[0].get_xydata().tolist() == [[7, 2], [9, 4]]
    assert ax.lines[-1].get_ydata()[0] == pytest.approx((2 / 0.01 + 4 / 0.04) / (1 / 0.01 + 1 / 0.04))
    assert all(float(t.get_text()).is_integer() for t in ax.get_xticklabels())
    with pytest.raises(MissingColumnError, match="rates need 'rate_error'"):
        plot.rates(table.drop("rate_error"))


def test_a_dataset_has_the_rates_of_its_runs(tmp_path):
    ic.sim.write(tmp_path / "a.i3", ic.sim.events(20, seed=3, noise=0), run_id=7)
    ds = ic.convert.i3(tmp_path / "a.i3", tmp_path / "a.icecol", jobs=1)
    ax = plot.rates(ds)
    assert ax.lines[0].get_xydata().tolist() == [[7, ds.runs["rate"][0]]]
    assert plot.record(ax)["inputs"] == [str(ds.path)]


def test_n_minus_one_of_samples_stacks_simulation_and_says_what_the_cut_keeps_of_it():
    two = CUTS.without("none")
    samples = ic.Samples(
        data=ic.Sample(EVENTS), a=ic.Sample(EVENTS, "w", label="A"), b=ic.Sample(EVENTS, "w"), livetime=2.0
    )
    (ax,) = plot.n_minus_one(samples, two, {"bright": hist.regular("q", 4, 0, 40.5)})
    ax.figure.canvas.draw()
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["b", "A", "data", "simulation, and bright"]
    others = samples.select(two.without("bright")).fill(hist.regular("q", 4, 0, 40.5))
    total, _, a, b, kept = (patch.get_data() for patch in ax.patches)
    np.testing.assert_allclose(total.values, (others["a"] + others["b"]).values())
    np.testing.assert_allclose(a.values, others["a"].values())
    np.testing.assert_allclose(b.values, total.values)
    every = samples.select(two).fill(hist.regular("q", 4, 0, 40.5))
    np.testing.assert_allclose(kept.values, (every["a"] + every["b"]).values())
    np.testing.assert_allclose(ax.containers[-1].lines[0].get_ydata(), others["data"].values())


@pytest.mark.parametrize(
    ("data", "livetime", "label"),
    [(False, 365 * 86400.0, "events / year"), (False, 365.25 * 86400, "events / year"),
     (False, 86400.0, "events / day"), (False, None, "Hz"), (False, 1e6, "events"), (True, 86400.0, "events")],
)  # fmt: skip
def test_samples_say_what_they_count(data, livetime, label):
    kinds = {"mc": ic.Sample(EVENTS, "w")} | ({"data": ic.Sample(EVENTS)} if data else {})
    samples = ic.Samples(kinds, livetime=livetime)
    assert samples.quantity == label
    assert plot.cutflow(samples, CUTS).get_xlabel() == label
    (ax,) = plot.n_minus_one(samples, CUTS.without("none"), {"bright": hist.regular("q", 4, 0, 40)})
    assert ax.get_ylabel() == f"{label} / 10"
