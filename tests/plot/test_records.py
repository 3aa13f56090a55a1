from __future__ import annotations

import json
import pickle

import polars as pl
import pytest

import icecol as ic
from icecol import hist, plot

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def dataset(tmp_path):
    return ic.sim.to_dataset(ic.sim.events(5, seed=1, noise=0), tmp_path / "sim.icecol")


@pytest.fixture
def ax(dataset):
    near = dataset.scan().filter(pl.col("MCPrimary.zenith") < 3)
    axis = hist.regular("MCPrimary.zenith", 3, 0, 4)
    return plot.efficiency(near, {"down": pl.col("MCPrimary.zenith") < 1}, axis)


def test_every_format_has_inputs_version_and_cuts(ax, dataset, tmp_path):
    for form in ("png", "pdf", "svg"):
        ax.figure.savefig(tmp_path / f"a.{form}")
    noted = json.loads(Image.open(tmp_path / "a.png").text["Description"])
    assert noted["icecol"] == ic.__version__
    assert noted["inputs"] == [str(dataset.path)]
    assert list(noted["cuts"]) == ["down"]
    assert "MCPrimary.zenith" in noted["cuts"]["down"]
    assert "MCPrimary.zenith" in noted["filters"][0]
    assert dataset.path.name.encode() in (tmp_path / "a.pdf").read_bytes()
    assert dataset.path.name in (tmp_path / "a.svg").read_text()


def test_pyplot_save_and_what_the_user_gives_are_honoured(ax, tmp_path):
    plot.record(ax, author="me")
    plot.save(ax, tmp_path / "a.png", metadata={"Creator": "mine"}, dpi=50)
    text = Image.open(tmp_path / "a.png").text
    assert (text["Creator"], json.loads(text["Description"])["author"]) == ("mine", "me")
    with (tmp_path / "b.png").open("wb") as out:
        ax.figure.savefig(out)
    assert "Description" in Image.open(tmp_path / "b.png").text
    ax.figure.savefig(tmp_path / "c.jpg")


def test_a_figure_that_knows_what_made_it_can_be_pickled(ax, tmp_path):
    again = pickle.loads(pickle.dumps(ax.figure))
    again.savefig(tmp_path / "a.png")
    assert "cuts" in json.loads(Image.open(tmp_path / "a.png").text["Description"])


def test_samples_note_where_all_of_them_come_from(dataset):
    samples = ic.Samples(data=ic.Sample(dataset), livetime=1.0)
    drawn = samples.plot(hist.regular("MCPrimary.zenith", 2, 0, 4))
    assert plot.record(drawn)["inputs"] == [str(dataset.path)]
    assert [t.get_text() for t in drawn.texts] == ["5 events"]
    assert drawn.get_ylabel() == "events / 2 rad"
    simulated = ic.Samples(mc=ic.Sample(dataset, weight=pl.lit(2.0)))
    drawn = simulated.plot(hist.regular("MCPrimary.zenith", 2, 0, 4))
    assert [t.get_text() for t in drawn.texts] == ["simulation"]
    assert drawn.get_ylabel() == "Hz / 2 rad"


def test_histograms_know_their_datasets_and_so_do_their_figures(dataset):
    axes = hist.regular("MCPrimary.zenith", 3, 0, 4, unit="rad"), hist.log("MCPrimary.energy", 3, 1, 1e6)
    h = hist.fill(dataset, *axes)
    one, none = hist.fill(dataset, axes[0]), hist.fill(dataset.scan().collect(), axes[0])
    where = (str(dataset.path),)
    assert none.inputs == ()
    for made in (
        h,
        h.project(0),
        h[1:, :],
        h * 2,
        h + h,
        none + one,
        one - none,
        hist.Bundle(a=one, b=none).stack(),
    ):
        assert made.inputs == where
    for ax in (
        plot.hist1d(one),
        plot.hist2d(h),
        plot.stack({"a": one}, one),
        plot.bundle(hist.Bundle(a=one)),
    ):
        assert plot.record(ax)["inputs"] == list(where)
    assert "inputs" not in plot.record(plot.hist1d(none))
