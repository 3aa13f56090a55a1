"""`batch`, `progress`: jobs on the command line."""

from __future__ import annotations

import pytest
from commands import run

import icecol as ic
from icecol.cli import progress


@pytest.fixture(scope="module")
def ds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batch")
    return ic.sim.to_dataset(ic.sim.events(30, seed=1), folder / "sim.icecol")


def planned(ds, tmp_path, *more):
    flags = (
        "-i",
        ds.path,
        "-c",
        "high=MCPrimary.energy > 1e4",
        "--table",
        "MCPrimary.*",
        "-o",
        tmp_path / "job",
    )
    return run("plan", *flags, *more)


def test_a_job_is_planned_run_and_merged(ds, tmp_path):
    done = planned(ds, tmp_path)
    assert done.exit_code == 0, done.output
    assert "job: 1 chunk" in done.output
    done = run("status", tmp_path / "job")
    assert (done.exit_code, "not begun: 0" in done.output) == (1, True)
    done = run("merge", tmp_path / "job")
    assert (done.exit_code, "1 of 1 chunks" in done.output) == (1, True)
    done = run("run", tmp_path / "job", "--chunk", "0", "-j", 1)
    assert (done.exit_code, done.output) == (0, "chunk 0: done\n")
    assert run("run", tmp_path / "job", "-j", 1).output == "chunk 0: was done before\n"
    assert run("status", tmp_path / "job").exit_code == 0
    assert run("merge", tmp_path / "job").exit_code == 0
    found = ic.batch.load(tmp_path / "job")
    assert found["cutflow"]["n"][0] == 30
    assert found["tables"]["selected"].collect().height == found["cutflow"]["n"][1]


def test_a_toml_file_and_options_go_together(ds, tmp_path):
    (tmp_path / "up.toml").write_text(f'inputs = ["{ds.path}"]\n[cuts]\nup = "MCPrimary.zenith > 1.57"\n')
    (tmp_path / "v.toml").write_text('[z]\nexpression = "MCPrimary.zenith"\nbins = 2\nrange = [0, 3.2]\n')
    done = run("plan", tmp_path / "up.toml", "--variables", tmp_path / "v.toml")
    assert done.exit_code == 0, done.output
    assert run("run", tmp_path / "up.job", "-j", 1).exit_code == 0
    assert run("merge", tmp_path / "up.job").exit_code == 0
    found = ic.batch.load(tmp_path / "up.job")
    assert found["histograms"]["z"].sum() == found["cutflow"]["n"][1]


def test_errors_of_chunks_are_told_and_the_exit_code_says_so(ds, tmp_path):
    (tmp_path / "own.py").write_text("def analyze(ds):\n    raise KeyError('nothing')\n")
    done = run("plan", "-i", ds.path, "--analysis", f"{tmp_path}/own.py:analyze", "-o", tmp_path / "job")
    assert done.exit_code == 0, done.output
    done = run("run", tmp_path / "job", "-j", 1)
    assert (done.exit_code, "chunk 0: 'nothing'" in done.output) == (1, True)
    assert "chunk 0 failed: KeyError: 'nothing'" in run("status", tmp_path / "job").output


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["plan", "-i", "x"], 2, "--out"),
        (["plan", "-o", "job", "-i", "nothing.i3", "-c", "a=x > 1"], 1, "no file"),
        (["plan", "-o", "job", "-c", "x"], 2, "is not NAME="),
        (["run", "nothing"], 1, "is not a job"),
        (["submit", "nothing"], 2, "--slurm or --condor"),
    ],
)
def test_wrong_usage_is_told(arguments, code, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert (done.exit_code, text in done.output) == (code, True), done.output


def test_files_for_slurm_and_condor_are_written(ds, tmp_path):
    planned(ds, tmp_path)
    done = run("submit", tmp_path / "job", "--slurm", "--dry-run", "--option", "time=1:00:00")
    assert (done.exit_code, "chunks.slurm" in done.output) == (0, True)
    assert "#SBATCH --time=1:00:00\n" in (tmp_path / "job" / "chunks.slurm").read_text()
    done = run("submit", tmp_path / "job", "--condor", "--dry-run")
    assert (done.exit_code, "job.dag" in done.output) == (0, True)
    run("run", tmp_path / "job", "-j", 1)
    assert "all chunks are done" in run("submit", tmp_path / "job", "--slurm").output


def test_the_doctor_compares_versions(ds, tmp_path):
    planned(ds, tmp_path)
    done = run("doctor", "--job", tmp_path / "job")
    assert done.exit_code == 0, done.output
    assert "polars" in done.output
    plan = tmp_path / "job" / "plan.json"
    plan.write_text(plan.read_text().replace('"numba": "', '"numba": "9.'))
    done = run("doctor", "--job", tmp_path / "job")
    assert (done.exit_code, "planned with other versions: numba" in done.output) == (1, True)


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(monkeypatch, capfd):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "EVERY", 10.0)
    told = []
    monkeypatch.setattr(progress.stderr, "print", told.append)
    with progress.lines("files", 7) as count:
        for _ in range(7):
            now[0] += 4.0
            count(1, "5 events/s")
    assert told == ["icecol: 3 of 7 files in 12 s, 5 events/s", "icecol: 6 of 7 files in 24 s, 5 events/s"]
