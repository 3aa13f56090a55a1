"""The benchmarks run at small sizes, and a wrong answer in them does not pass."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"

pytestmark = pytest.mark.slow


@pytest.fixture
def load(monkeypatch):
    """Import a script as it imports its neighbours when it is run, whatever else bears its name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for script in FOLDER.glob("*.py"):
        monkeypatch.delitem(sys.modules, script.stem, raising=False)
    return importlib.import_module


CONVERSION = ["--mb", "0.1", "--events", "2", "--pulses", "300", "--repeat", "1", "--no-memory"]
KERNELS = ["--events", "20", "--pulses", "30", "--distinct", "10", "--sample", "4", "--repeat", "1"]
FRAMES = ["--mb", "0.1", "--events", "3", "--pulses", "200", "--repeat", "1"]
SELECT = ["--events", "5000", "--repeat", "1"]


def test_conversion_agrees_with_a_loop_over_frames(load, tmp_path):
    out = tmp_path / "conversion.json"
    assert load("conversion").main([*CONVERSION, "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert not found["problems"]
    assert any("sum of charge" in check for check in found["checks"])


def test_conversion_takes_the_frames_of_files(load, tmp_path):
    import icecol as ic

    path = tmp_path / "muons.i3.gz"
    ic.sim.write(path, ic.sim.events(4, seed=1), gcd=tmp_path / "gcd.i3.gz")
    module = load("conversion")
    block = module.file_block(path)
    made = module.make("muons", block, tmp_path, 0.2, "SRTInIcePulses", "gz", real=True)
    assert made.events == 4 * made.repeats
    assert made.raw == len(block) * made.repeats >= 2e5
    buffer = memoryview(bytearray(1 << 16))
    assert module.decompress(made, buffer) == module.library(made, buffer) == made.raw
    assert module.in_dataset(module.convert(made, tmp_path, every=True), "SRTInIcePulses")[0] == (
        module.frame_by_frame(made)[0] * made.repeats
    )


def test_conversion_tells_a_wrong_answer(load, monkeypatch, capsys):
    module = load("conversion")
    right = module.decode
    monkeypatch.setattr(module, "decode", lambda file: (right(file)[0], right(file)[1] * (1 + 1e-6)))
    assert module.main(CONVERSION) == 1
    assert (
        "WRONG ANSWER: bright-300, + pulses of one series as arrays: sum of charge" in capsys.readouterr().out
    )


def test_conversion_in_a_fresh_process_tells_its_memory(load, tmp_path):
    module = load("conversion")
    made = module.make("few", module.bright_block(2, 300, tmp_path), tmp_path, 0.01, None, "zst", real=False)
    before, after, rows = module.peak_memory(made, tmp_path, every=False)
    assert rows == made.events
    assert 10 < before <= after < 4000


def test_frames_agree_with_plain_frames(load, tmp_path):
    out = tmp_path / "frames.json"
    assert load("frames").main([*FRAMES, "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert not found["problems"]
    for what in ("sum of charge", "number of objects", "frames written, raw: bytes"):
        assert any(what in check for check in found["checks"])


def test_frames_tell_a_wrong_answer(load, monkeypatch, capsys):
    module = load("frames")
    right = module.series
    monkeypatch.setattr(module, "series", lambda file: (right(file)[0] + 1, right(file)[1]))
    assert module.main(FRAMES) == 1
    assert "WRONG ANSWER: bright-200: number of pulses" in capsys.readouterr().out


def test_kernels_agree_with_all_other_ways(load):
    assert load("kernels").main(KERNELS) == 0


def test_kernels_tell_a_wrong_answer(load, monkeypatch, capsys):
    module = load("kernels")
    right = module.reduceat

    def wrong(feature, sample):
        found = right(feature, sample)
        found[0, 3] *= 1 + 1e-6
        return found

    monkeypatch.setattr(module, "reduceat", wrong)
    assert module.main([*KERNELS, "--kernels", "charge"]) == 1
    assert "WRONG ANSWER: charge: numpy reduceat: 1 of" in capsys.readouterr().out


def test_reconstructions_agree_with_all_other_ways(load, monkeypatch, capsys):
    small = ["--events", "40", "--pulses", "60", "--distinct", "20", "--sample", "10", "--densities", "500"]
    module = load("reconstruction")
    arguments = [*small, "--fits", "20", "--repeat", "1"]
    assert module.main(arguments) == 0
    right = module.python_seeded_rt
    monkeypatch.setattr(module, "python_seeded_rt", lambda *event: (right(*event)[0] + 1, right(*event)[1]))
    assert module.main(arguments) == 1
    assert "WRONG ANSWER: seeded_rt: Python loop of numpy" in capsys.readouterr().out


def test_summaries_agree_with_all_other_ways(load, capsys):
    small = ["--events", "20", "--pulses", "30", "--distinct", "10", "--sample", "4", "--repeat", "1"]
    assert load("summaries").main(small) == 0
    assert "Python loop of numpy" in capsys.readouterr().out


def test_cutflow_and_histograms_agree_with_other_ways(load):
    assert load("select_hist").main(SELECT) == 0


def test_cutflow_tells_a_wrong_answer(load, monkeypatch, capsys):
    module = load("select_hist")
    right = module.one_by_one
    monkeypatch.setattr(module, "one_by_one", lambda path: right(path) + np.eye(4, 7))
    assert module.main(SELECT) == 1
    assert "WRONG ANSWER: cutflow: Polars filters one by one" in capsys.readouterr().out


def test_startup_runs_fresh_processes(load, monkeypatch):
    module = load("startup")
    few = {name: module.COMMANDS[name] for name in ("python", "import icecol", "icecol --help")}
    few["first conversion"] = "import sys; print(3 if sys.argv[1].endswith('.i3.zst') else 0)"
    few |= dict.fromkeys(("ready to read datasets", "ready to convert"), "import json")
    monkeypatch.setattr(module, "COMMANDS", few)
    assert module.main(["--events", "3", "--repeat", "1"]) == 0
    assert module.main(["--events", "4", "--repeat", "1"]) == 1


def test_import_times_are_summed_by_package(load):
    found = dict(load("startup").import_times("import json.tool", 100))
    assert "json" in found
    assert "json.tool" not in found


@pytest.mark.parametrize(
    ("found", "expected", "rel", "right"),
    [
        (3, 3, 0, True),
        (3, 4, 0, False),
        (1.0 + 1e-10, 1.0, 1e-9, True),
        (1.0 + 1e-8, 1.0, 1e-9, False),
        ([1.0, np.nan], [1.0, np.nan], 0, True),
        ([1.0, np.nan], [1.0, 2.0], 1e-9, False),
        ([1.0, 2.0], [1.0, np.nan], 1e-9, False),
        ([1.0], [1.0, 1.0], 0, False),
        ([[1e9, 0.0], [1e-3, 0.0]], [[1e9, 0.0], [2e-3, 0.0]], 1e-9, False),
        ([np.inf], [1.0], 1e-9, False),
    ],
)
def test_answers_are_compared_row_by_row(load, found, expected, rel, right):
    report = load("common").Report("test", {})
    report.check("answer", found, expected, rel=rel)
    assert (not report.problems) == right
    assert bool(report.checks) == right


def test_a_benchmark_that_compared_nothing_fails(load):
    common = load("common")
    assert common.Report("test", {}).finish(common.parser("", repeat=1).parse_args([])) == 1


RESULT = {
    "benchmark": "kernels",
    "date": "2026-01-31 12:00 UTC",
    "machine": "2 cores",
    "load": 0.1,
    "versions": {"icecol": "0.1.0"},
    "settings": {"events": 10},
    "tables": [{"title": "Loop", "columns": ["", "wall"], "rows": [["a|b", "1 ms"]], "note": ""}],
    "goals": [{"what": "plan", "measured": 1.5, "bound": 1.3, "unit": "x", "most": True, "met": False}],
    "checks": ["a"],
    "problems": [],
}


def test_report_replaces_what_is_between_the_markers(load, tmp_path):
    module = load("report")
    result, readme, short = (tmp_path / name for name in ("a.json", "b.md", "c.md"))
    result.write_text(json.dumps(RESULT))
    readme.write_text("before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n")
    short.write_text("<!-- benchmarks --><!-- /benchmarks -->\n")
    arguments = [str(result), "--into", str(readme), "--brief", str(short)]
    for _ in range(2):
        assert module.main(arguments) == 0
        text = readme.read_text()
        assert text.startswith("before\n<!-- benchmarks -->\n\n### kernels")
        assert text.endswith("<!-- /benchmarks -->\nafter\n")
        assert "old" not in text
        assert r"| a\|b | 1 ms |" in text
        assert "| plan | 1.5 x | <= 1.3 x | no |" in short.read_text()


@pytest.mark.parametrize("change", [{"problems": ["sum differs"]}, {"checks": []}])
def test_report_refuses_figures_with_wrong_answers(load, tmp_path, change):
    result = tmp_path / "a.json"
    result.write_text(json.dumps(RESULT | change))
    with pytest.raises(SystemExit, match="mean nothing"):
        load("report").main([str(result), "--into", str(tmp_path / "b.md")])


def test_each_step_of_the_track_fits_has_its_resolution(load, capsys):
    assert load("resolution").main(["--events", "30"]) == 0
    assert "MPE fit: median angle from 100 PE on" in capsys.readouterr().out


def test_report_needs_markers(load, tmp_path):
    result, readme = tmp_path / "a.json", tmp_path / "b.md"
    result.write_text(json.dumps(RESULT))
    readme.write_text("nothing here\n")
    with pytest.raises(SystemExit, match="add them"):
        load("report").main([str(result), "--into", str(readme)])


def test_readme_names_every_script_and_has_the_markers(load):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert {p.name for p in FOLDER.glob("*.py")} - {"common.py"} <= {
        word.strip("`").removeprefix("benchmarks/") for word in text.split()
    }
    assert text.count(load("report").BEGIN) == text.count(load("report").END) == 1


def test_weights_agree_with_simweights_and_numpy(load, monkeypatch, capsys):
    module = load("weights")
    small = ["--events", "2000", "--repeat", "1"]
    assert module.main(small) == 0
    assert "6 answers agree, 0 do not" in capsys.readouterr().out
    right = module.in_plan
    monkeypatch.setattr(module, "in_plan", lambda ds: tuple(x * (1 + 1e-8) for x in right(ds)))
    assert module.main(small) == 1


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")  # in pyhf
def test_pseudo_experiments_agree_with_numpy_and_pyhf(load, capsys):
    small = ["--trials", "3000", "--sample", "2", "--repeat", "1"]
    assert load("pseudo_experiments").main(small) == 0
    assert "0 do not" in capsys.readouterr().out


def test_simulated_events_are_the_same_for_any_number_of_processes(load, capsys):
    assert load("simulation").main(["--events", "6", "--seconds", "0.002", "--processes", "2"]) == 0
    assert "3 answers agree, 0 do not" in capsys.readouterr().out


def test_effective_areas_are_those_of_the_weights_and_beside_the_published_ones(load, tmp_path, capsys):
    module = load("effective_areas")
    table = tmp_path / "areas.csv"
    table.write_text("energy_min,energy_max,nue,numu,nutau\n1e5,2e5,2,2,2\n2e5,1e7,5,5,5\n")
    first = (0.5 * 2 + (1e5 / 2e5 - 10**-0.5) * 5) / (1 - 10**-0.5)
    assert module.published(table, "nue") == pytest.approx([first, 5.0, 5.0])
    assert module.main(["--events", "40", "--ice", "bulk", "--published", str(table)]) == 0
    assert "3 answers agree, 0 do not" in capsys.readouterr().out


def test_an_effective_area_is_rate_over_flux(load):
    import polars as pl

    module = load("effective_areas")
    # a detector of 3 m^2 that sees everything: its rate is 4 pi 3 m^2 times the flux of both types
    low, high = module.EDGES[:2]
    rate = 3e4 * 4 * np.pi * 2 * module.NORM * 1e10 * (1 / low - 1 / high)
    frame = pl.DataFrame({"energy": [2e5] * 4, "weight": [rate / 4] * 4, "passed": [True, True, True, False]})
    trigger, area, error = module.areas(frame)[0]
    assert (trigger, area, error) == pytest.approx((3.0, 2.25, 3 * np.sqrt(3) / 4))


def test_an_online_filter_keeps_what_a_plan_keeps(load, tmp_path):
    out = tmp_path / "online.json"
    assert load("online").main(["--events", "40", "--files", "2", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["checks"] == ["events", "events by filter", "frames kept"]


def test_readers_of_forms_answer_as_the_tools_that_their_users_have(load, tmp_path, capsys):
    pytest.importorskip("h5py")
    out = tmp_path / "forms.json"
    small = ["--events", "20", "--repeat", "1", "--no-writing", "--json", str(out)]
    assert load("forms").main(small) == 0
    checks = json.loads(out.read_text())["checks"]
    assert {check.partition(":")[0] for check in checks} >= set(load("forms").FORMS)


def test_scaling_counts_the_same_events_at_each_size(load, monkeypatch, tmp_path):
    module = load("scaling")
    monkeypatch.setattr(module, "two_workers", lambda *_: None)  # processes of their own take long to start
    monkeypatch.setattr(module, "overhead", lambda *_: None)
    out = tmp_path / "scaling.json"
    sizes = ["--part", "100", "--events", "1000", "--files", "10"]
    assert module.main([*sizes, "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert [table["rows"][-1][0] for table in found["tables"]] == ["1,000", "10"]
    assert len(found["checks"]) == 14
