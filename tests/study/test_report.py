"""`report`, `samples`, `tables`: the study of resolutions."""

from __future__ import annotations

import json
import math

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from icecol import study
from icecol.cli import app
from icecol.study.report import _finite


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    console = Console(record=True, width=120)
    return study.run(folder, muons=12, cascades=12, seed=2, console=console), folder, console.export_text()


def test_quantiles_are_those_of_the_events_in_each_range():
    frame = pl.DataFrame({"angle": [1.0, 2.0, 3.0, None, 7.0], "zenith": [10.0, 20.0, 30.0, 40.0, 100.0]})
    table = study.distribution(frame, {"SPE": "angle"}, "zenith", [0, 60, 90, 120])
    assert table.rows() == [
        (0.0, 60.0, 4, "SPE", 3, pytest.approx(1.4), 2.0, pytest.approx(2.6), pytest.approx(2.8)),
        (60.0, 90.0, 0, "SPE", 0, None, None, None, None),
        (90.0, 120.0, 1, "SPE", 1, 7.0, 7.0, 7.0, 7.0),
    ]


def test_energies_have_bias_and_spread_in_powers_of_ten():
    ratios = [10 ** (0.1 + 0.01 * k) for k in range(-50, 51)]
    frame = pl.DataFrame({"energy": [1e3] * 101, "found": [1e3 * r for r in ratios]})
    row = study.energies(frame, {"E": "found"}, [1e2, 1e4]).row(0, named=True)
    assert row["bias"] == pytest.approx(0.1)
    assert row["spread"] == pytest.approx(0.34)


@pytest.mark.slow
def test_a_study_has_tables_plots_and_one_json_file(few):
    found, folder, text = few
    names = {path.name for path in folder.iterdir()}
    assert names == {path.name for path in found.files}
    assert {"study.json", "angles.png", "muon_energy.png", "cascade_vertex.png"} <= names
    stored = json.loads((folder / "study.json").read_text())
    assert stored["settings"] == {"muons": 12, "cascades": 12, "seed": 2, "losses": True}
    assert stored["tables"].keys() == found.tables.keys()
    for title, table in found.tables.items():
        assert title in text.replace("\n", " ")
        assert len(stored["tables"][title]) == table.height
    assert stored["tables"]["angles of muons / ° by charge / PE"][-1]["high"] is None


@pytest.mark.slow
def test_every_event_is_in_a_range_and_every_fit_is_there(few):
    found, _, _ = few
    for title, kinds in (
        ("angles of muons / ° by true zenith / °", study.TRACK_FITS),
        ("angles of muons / ° by charge / PE", study.TRACK_FITS),
        ("log10 energy of muons by true energy / GeV", study.MUON_ENERGIES),
        ("vertex error of cascades / m by charge / PE", study.CASCADE_FITS),
    ):
        table = found.tables[title]
        counts = table.group_by("name").agg(pl.sum("events"))
        assert dict(counts.iter_rows()) == dict.fromkeys(kinds, 12)


def test_nothing_to_study_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="must not be negative or both 0"):
        study.run(tmp_path, muons=0, cascades=0)


def test_the_command_makes_a_study(tmp_path):
    done = CliRunner().invoke(app, ["study", "--muons", "0", "--cascades", "6", "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "angles of cascades" in done.output
    assert "muons" not in done.output
    assert (tmp_path / "study.json").exists()
    done = CliRunner().invoke(app, ["study", "--muons", "0", "--cascades", "0", "-o", str(tmp_path)])
    assert done.exit_code == 2


def test_open_ranges_have_no_end_in_json():
    assert _finite({"a": [1.0, math.inf]}) == {"a": [1.0, None]}
