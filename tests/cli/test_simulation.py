from __future__ import annotations

import pytest
from commands import run

import icecol as ic


def test_a_dataset_is_simulated_and_says_how(tmp_path):
    done = run(
        "simulate", "nue", "-d", 7, "-f", "2", "-n", 8, "--energy", 1e4, 1e5, "--zenith", 0, 90, "-j", 1,
        "--ice", "layers", "-o", tmp_path / "a",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "16 thrown in 2 files" in done.stdout
    ds = ic.open_dataset(tmp_path / "a")
    assert ds.manifest.settings["nfiles"] == 2
    assert ds.manifest.settings["generator"]["flavor"] == "nue"
    assert ds.manifest.settings["detector"]["ice"] == "layers"
    zenith = ds.scan().select("I3MCWeightDict.MaxZenith").collect().to_series()
    assert zenith.round(6).unique().to_list() == [1.570796]


@pytest.mark.slow
def test_files_of_bundles_are_made_by_their_numbers(tmp_path):
    arguments = ("simulate", "bundles", "-d", 7, "-n", 60, "-j", 1, "-o", tmp_path / "b.{file:02d}.i3")
    done = run(*arguments, "-f", "3,5-6")
    assert done.exit_code == 0, done.output
    assert sorted(p.name for p in tmp_path.glob("b.*")) == ["b.03.i3", "b.05.i3", "b.06.i3"]
    with_detector = run(*arguments, "-f", "3", "--gcd", tmp_path / "GCD_7.i3.gz")
    assert with_detector.exit_code == 0, with_detector.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nux",), "nux"),
        (("nue", "-f", "a"), "neither a number of files"),
        (("nue", "--energy", 5, 1), "low < high"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, message, tmp_path):
    done = run("simulate", *arguments, "-d", 1, "-o", tmp_path / "a")
    assert done.exit_code != 0
    assert message in done.output
