"""The examples run, and the page on the discovery shows their code and what they print."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

import icecol as ic

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PAGE = (ROOT / "docs" / "discovery.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(py|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHARED = ROOT.parent / "shared" / "data" / "discovery"
ALERTS = ROOT.parent / "shared" / "data" / "alerts"

sys.path.insert(0, str(EXAMPLES))
import hese  # noqa: E402


def test_code_on_the_page_is_that_of_the_example():
    text = (EXAMPLES / "discovery.py").read_text(encoding="utf-8")
    quoted = [code for language, code in BLOCK.findall(PAGE) if language == "py"]
    assert quoted
    for code in quoted:
        assert code in text


@pytest.mark.slow
def test_discovery_runs_and_prints_what_the_page_shows(tmp_path):
    command = [sys.executable, str(EXAMPLES / "discovery.py")]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    for language, text in BLOCK.findall(PAGE):
        if language == "text":
            assert text in done.stdout
    assert {path.name for path in tmp_path.glob("*.png")} == {"discovery.png", "contour.png"}


RUNS = {
    "search.py": (
        ["--events", "150"],
        {"fit.png"},
        r"observed, .* expected without astro, p = .* sigma one-sided",
    ),
    "veto.py": (
        ["--events", "20"],
        {"muons.png", "neutrinos.png"},
        r"neutrinos: \d+ with a vertex, self-veto keeps \d+",
    ),
    "own_kernel.py": (["--quick"], {"events"}, r"answers of \d+ ways agree to 1e-09"),
    "cluster_job.py": (
        ["--events", "30", "--jobs", "1"],
        {"plan.json", "charge.png"},
        r"│ all +┆ 120 +┆ 1.0 ",
    ),
    "alerts.py": ([], {"alert0.json", "alerts.html"}, r"│ 1 +┆ 1 +┆ true +┆ 306.0 +┆ .* ┆ 0.0\d"),
}
"""Arguments of each script, what it leaves in its folder, and what it prints."""


@pytest.mark.slow
@pytest.mark.parametrize("script", RUNS)
def test_examples_run_on_simulated_events(script, tmp_path, monkeypatch, capsys):
    arguments, left, printed = RUNS[script]
    monkeypatch.setattr(sys, "argv", [script, *arguments, "-o", str(tmp_path / "out.icecol")])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    assert re.search(printed, capsys.readouterr().out)
    assert left <= {path.name for path in (tmp_path / "out.icecol").iterdir()}


def test_every_example_is_run():
    others = {"discovery.py", "hese.py"}  # run above, and imported
    assert {path.name for path in EXAMPLES.glob("*.py")} == RUNS.keys() | others


@pytest.mark.slow
@pytest.mark.skipif(not ALERTS.exists(), reason="the alerts are not here")
@pytest.mark.parametrize(
    ("alert", "pulses", "sent", "found"),
    [
        ("138632_31747601.json", "SplitInIcePulses", "l2_online_SplineMPE", r"true +┆ 813\.8 +┆ .* ┆ 0\.06"),
        (
            "event_HESE_2017-11-28.json",
            "SplitUncleanedInIcePulses",
            "OnlineL2_SplineMPE",
            r"false +┆ 7443\.3 ",
        ),
    ],
)
def test_alerts_that_were_sent(alert, pulses, sent, found, tmp_path, monkeypatch, capsys):
    arguments = [str(ALERTS / alert), "--pulses", pulses, "--sent", sent, "-o", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["alerts.py", *arguments])
    runpy.run_path(str(EXAMPLES / "alerts.py"), run_name="__main__")
    assert re.search(found, capsys.readouterr().out)


def test_events_in_bins_are_those_counted_by_hand():
    events = hese.events("2013")
    energy, _ = np.histogram(np.log10(events["energy"]), np.linspace(4.4, 6.4, 11))
    assert energy.tolist() == [8, 4, 7, 2, 4, 1, 0, 0, 2, 0]
    for topology, counts in (
        ("shower", [2, 4, 5, 5, 2, 0, 2, 1, 0, 0]),
        ("track", [1, 0, 2, 2, 1, 0, 0, 0, 1, 0]),
    ):
        found, _ = np.histogram(events.filter(topology=topology)["sin_dec"], np.linspace(-1, 1, 11))
        assert found.tolist() == counts
    later = hese.events("7.5_years")
    assert later.height == 102
    assert later["topology"].value_counts().sort("topology").rows() == [("shower", 75), ("track", 27)]
    assert (later["energy"] > 6e4).sum() == 60
    assert (later["sin_dec"] < 0).sum() == 62


@pytest.fixture(scope="module")
def neutrinos() -> pl.DataFrame:
    return hese.neutrinos(120_000, 1)


def expected(events: pl.DataFrame, flux: ic.weight.Flux, days: float) -> float:
    columns = [pl.col(name) for name in ("true_energy", "cos_zenith", "pdg_encoding")]
    return events.select((pl.col("weight") * flux(*columns) * days).sum()).item()


@pytest.mark.parametrize(
    ("types", "events"), [((12, -12), 8.79), ((14, -14), 4.16), ((16, -16), 5.49), (None, 18.43)]
)
def test_weights_give_the_events_that_the_areas_give(neutrinos, types, events):
    flux = ic.weight.power_law(0.6e-18, 2, types=types)  # E^2 phi = 1.2e-8 for a flavor
    assert expected(neutrinos, flux, 662) == pytest.approx(events, rel=0.02)


@pytest.mark.parametrize(("flux", "index", "events"), [(0.95, 2.0, 21.78), (1.5, 2.3, 22.71)])
def test_weights_give_the_events_of_three_years(neutrinos, flux, index, events):
    assert expected(neutrinos, ic.weight.power_law(flux * 1e-18 / 2, index), 988) == pytest.approx(
        events, rel=0.02
    )


def test_matter_crossed_is_that_of_the_preliminary_reference_earth_model():
    zenith = np.radians([90, 95, 100, 120, 150, 180])
    expected = [1.439e7, 3.089e8, 7.264e8, 2.551e9, 6.788e9, 1.0948e10]
    assert hese.column(np.cos(zenith)) == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize(
    ("log_energy", "nu", "nubar"), [(4, 0.4239, 0.3476), (5, 0.3397, 0.3114), (6, 0.2773, 0.2719)]
)
def test_mean_inelasticities(log_energy, nu, nubar):
    rng = np.random.default_rng(1)
    for sign, mean in ((1, nu), (-1, nubar)):
        y = hese.inelasticities(rng, np.full(100_000, 10.0**log_energy), np.full(100_000, sign))
        assert y.mean() == pytest.approx(mean, abs=4e-3)


def test_the_glashow_resonance_has_its_height_and_width():
    assert hese.glashow(np.array([6.3217e6]))[0] * 18 / 10 == pytest.approx(5.08e-31, rel=2e-3)
    energy = np.linspace(5e6, 8e6, 30_001)
    above = energy[hese.glashow(energy) > hese.glashow(energy).max() / 2]
    assert np.ptp(above) == pytest.approx(0.328e6, rel=1e-2)


def test_a_threshold_in_deposited_energy_makes_the_areas_of_all_flavors():
    """The areas divided by cross section, absorption and threshold are one constant for all flavors and energies."""
    rng = np.random.default_rng(2)
    areas = pl.read_csv(hese.PUBLISHED / "areas_2013.csv", comment_prefix="#")
    grid = hese.column(np.linspace(-0.995, 0.995, 100))
    ratios = []
    for row in areas.filter(pl.col("log_energy").is_between(4.4, 6.4)).gather_every(4).iter_rows(named=True):
        n = 4000
        energy, sign = np.full(n, 10 ** (row["log_energy"] + 0.04)), rng.choice([-1, 1], n)
        charged, neutral = hese.cross_sections(energy, sign)
        total = charged + neutral
        absorbed = np.exp(-grid[None] * hese.AVOGADRO * total[:50, None]).mean()
        y, is_charged = hese.inelasticities(rng, energy, sign), rng.uniform(size=n) < charged / total
        for code, name in ((12, "nue"), (14, "numu"), (16, "nutau")):
            light, _ = hese.deposited(rng, np.full(n, code), is_charged, energy, y)
            ratios.append(row[name] / (total.mean() * absorbed * hese.seen(light).mean()))
    assert np.std(np.log(ratios)) < 0.12


@pytest.mark.parametrize("index", [2.7, 3.8, 4.8])
def test_muons_are_a_power_law_above_the_threshold(index):
    muons = hese.muons(200_000, seed=3, index=index)
    energy = np.logspace(4, 7, 3001)
    content = energy ** (1 - index) * hese.seen(energy)
    share = (content * norm.cdf(np.log(energy / 6e4) / hese.RESOLUTION)).sum() / content.sum()
    assert muons["weight"].sum() == pytest.approx(1)
    assert muons.filter(pl.col("energy") > 6e4)["weight"].sum() == pytest.approx(share, rel=0.02)
    assert muons.filter(pl.col("sin_dec") < 0.1)["weight"].sum() > 0.99


@pytest.mark.skipif(not SHARED.exists(), reason="the published files are not here")
def test_small_tables_are_those_of_the_published_files():
    whole = pl.read_csv(SHARED / "effective_areas_2013.csv", comment_prefix="#").filter(
        pl.col("energy_min") > 1.2e4
    )
    areas = pl.read_csv(hese.PUBLISHED / "areas_2013.csv", comment_prefix="#")
    assert areas["log_energy"].to_numpy() == pytest.approx(np.log10(whole["energy_min"]), abs=1e-3)
    for name in ("nue", "numu", "nutau"):
        assert areas[name].to_numpy() == pytest.approx(whole[name].to_numpy(), rel=1e-3)
