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
