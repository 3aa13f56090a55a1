from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

import icecol as ic
from icecol import demo
from icecol.errors import DatasetError, MissingDependencyError
from icecol.reco import line_fits


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run of the demo, and what it printed."""
    text = io.StringIO()
    folder = tmp_path_factory.mktemp("demo") / "out"
    return demo.run(folder, events=200, seed=3, console=Console(file=text, width=160)), text.getvalue()


def test_makes_files_that_the_library_reads(done):
    found, _ = done
    assert ic.open_dataset(found.folder / "demo.icecol").rows == 200
    frames = [frame.stop for frame in ic.open_i3(found.folder / "run01.i3.zst")]
    assert frames == ["Q", "P"] * 100
    assert ic.hist.load(found.folder / "charge.json") == found.charge
    assert {"charge.png", "resolution.png", "GCD.i3.gz"} <= {p.name for p in found.folder.iterdir()}


def test_ends_in_numbers(done):
    found, text = done
    assert found.cutflow["cut"].to_list() == ["all", "triggered", "bright", "tracklike"]
    assert found.charge.sum(flow=True) == found.cutflow["n"][-1] > 50
    assert 0.5 < found.medians["LineFit (improved)"] < found.medians["LineFit"] < 8
    assert f"{found.medians['LineFit']:.2f}°" in text
    assert json.loads((found.folder / demo.RESULT).read_text())["medians"] == found.medians


def test_shows_each_step_with_its_code_and_time(done):
    found, text = done
    steps = ["simulate", "write", "compile", "convert", "select", "histogram", "resolution"]
    assert list(found.seconds) == steps
    for code in (
        "ic.convert.i3(",
        "ic.with_features(",
        "ic.cutflow(",
        "ic.hist.fill(",
        "ic.plot.resolution(",
    ):
        assert code in text


@pytest.mark.slow
def test_same_seed_gives_the_same_numbers_and_runs_over_its_own_folder(done):
    found, _ = done
    (found.folder / "notes.txt").write_text("mine")
    again = demo.run(found.folder, events=200, seed=3, console=Console(file=io.StringIO()))
    assert again.medians == found.medians
    assert again.cutflow.equals(found.cutflow)
    assert (found.folder / "notes.txt").read_text() == "mine"


def test_refuses_a_folder_that_it_did_not_make(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(DatasetError, match="not a demo folder"):
        demo.run(tmp_path, events=20)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_refuses_fewer_events_than_files(tmp_path):
    with pytest.raises(ValueError, match="at least 2"):
        demo.run(tmp_path / "out", events=1)


@pytest.mark.slow
def test_without_matplotlib_says_what_to_install(tmp_path, monkeypatch):
    def absent(*_args, **_kwargs):
        msg = "icecol.plot needs matplotlib: pip install matplotlib"
        raise MissingDependencyError(msg)

    monkeypatch.setattr(ic.plot, "hist1d", absent)
    monkeypatch.setattr(ic.plot, "resolution", absent)
    text = io.StringIO()
    found = demo.run(tmp_path / "out", events=60, console=Console(file=text, width=160))
    assert "pip install matplotlib" in text.getvalue()
    assert not list(found.folder.glob("*.png"))
    assert (found.folder / "charge.json").exists()


def test_helpers_compile_what_the_steps_use():
    demo.compile_conversion()
    demo.compile_features()
    assert line_fits._IMPROVED.loop().signatures
