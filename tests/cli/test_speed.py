from __future__ import annotations

import json

import pytest
from commands import run

from icecol.speed import measure


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """Run for a millisecond instead of some ten."""
    monkeypatch.setattr(measure, "SIZES", (10,))
    monkeypatch.setitem(measure.bench.__kwdefaults__, "seconds", 1e-3)


@pytest.mark.slow
def test_a_feature_is_measured_and_kept_and_compared_with_what_was(folder, tmp_path):
    old = tmp_path / "old.json"
    done = run("bench", "charge", "--quick", "--repeat", 1, "--json", old, "--plot", tmp_path / "a.png")
    assert done.exit_code == 0, done.output
    assert "compiled loop" in done.output
    assert "agree to 1e-09" in done.output
    assert json.loads(old.read_text())["feature"] == "charge"
    assert (tmp_path / "a.png").stat().st_size > 1000
    dataset = folder / "both.icecol"
    done = run("bench", "charge", dataset, "-p", "InIcePulses", "--quick", "--repeat", 1, "--compare", old)
    assert done.exit_code == 0, done.output
    assert "both.icecol" in done.output
    assert "before" in done.output


@pytest.mark.slow
def test_answers_that_differ_are_printed_and_are_no_error():
    done = run("bench", "linefit", "--against", "linefit(min_hits=60)", "--quick", "--repeat", 1)
    assert done.exit_code == 0, done.output
    assert "missing in one" in done.output


def test_wrong_input_is_told(tmp_path):
    assert run("bench", "linfit").exit_code == 2
    assert run("bench", "linefit", "--against", "linfit").exit_code == 2
    (tmp_path / "a.json").write_text("{}")
    done = run("bench", "linefit", "--compare", tmp_path / "a.json")
    assert done.exit_code == 1
    assert "not the JSON file of a benchmark" in done.stderr
