from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import polars as pl
import pytest
from typer.testing import CliRunner

import icecol as ic
from icecol.cli import app
from icecol.i3.survey import survey


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two files of simulated events, a GCD file, and a dataset of both."""
    where = tmp_path_factory.mktemp("cli")
    for i in (1, 2):
        ic.sim.write(where / f"run{i}.i3.zst", ic.sim.events(30, seed=i), gcd=where / "GCD.i3.gz", run_id=i)
    done = run(
        "convert", where / "run*.i3.zst", "--gcd", where / "GCD.i3.gz", "-j", 1, "-o", where / "both.icecol"
    )
    assert done.exit_code == 0, done.output
    return where


def run(*args, **options):
    return CliRunner().invoke(app, [str(a) for a in args], **options)


def cut_file(folder, to):
    ic.write_i3(to, ic.open_i3(folder / "run1.i3.zst"))
    to.write_bytes(to.read_bytes()[:50_000])
    return to


def test_version_and_help():
    assert run("--version").output == f"icecol {ic.__version__}\n"
    for command in ("convert", "inspect", "info", "features", "cutflow", "hist", "to-i3", "demo", "browse"):
        shown = run(command, "--help")
        assert shown.exit_code == 0
        assert f"icecol {command}" in shown.output  # an example


def test_convert_makes_a_dataset_and_says_how_large(folder):
    ds = ic.open_dataset(folder / "both.icecol")
    assert ds.rows == 60
    assert ds.geometry is not None
    assert ds.scan().select(
        pl.col("I3EventHeader.run_id").unique().sort()
    ).collect().to_series().to_list() == [1, 2]


def test_convert_takes_only_what_is_asked_for(folder, tmp_path):
    done = run(
        "convert",
        folder / "run1.i3.zst",
        "-p",
        "SRT*",
        "--keys",
        "MCPrimary,Filter*",
        "-j",
        1,
        "-o",
        tmp_path / "d",
    )
    assert done.exit_code == 0, done.output
    assert "30 events" in done.output
    keys = {k.split(".")[0] for k in ic.open_dataset(tmp_path / "d").keys}
    assert keys == {"I3EventHeader", "MCPrimary", "FilterMask", "SRTInIcePulses"}


def test_convert_reads_names_of_files_from_stdin(folder, tmp_path):
    names = f"# two files\n{folder / 'run1.i3.zst'}\n\n{folder / 'run2.i3.zst'}\n"
    done = run("convert", "--files-from", "-", "-j", 1, "-o", tmp_path / "d", input=names)
    assert done.exit_code == 0, done.output
    assert "60 events" in done.output


def test_converting_again_needs_overwrite(folder):
    again = ("convert", folder / "run1.i3.zst", "-j", 1, "-o", folder / "again.icecol")
    assert run(*again).exit_code == 0
    refused = run(*again)
    assert refused.exit_code == 1
    assert "again.icecol" in refused.stderr
    assert run(*again, "--overwrite").exit_code == 0


def test_unknown_stream_lists_those_seen(folder, tmp_path):
    done = run("convert", folder / "run1.i3.zst", "-s", "NullSplit", "-j", 1, "-o", tmp_path / "d")
    assert done.exit_code == 1
    assert "'NullSplit'" in done.stderr
    assert "'InIceSplit' (30 events)" in done.stderr


def test_damage_is_named_and_exits_with_1_unless_accepted(folder, tmp_path):
    damaged = cut_file(folder, tmp_path / "cut.i3")
    done = run("convert", damaged, "-j", 1, "-o", tmp_path / "d")
    assert done.exit_code == 1
    frame = survey(damaged).damages[0]
    assert f"{damaged}: frame {frame.frame} at byte {frame.offset}" in done.stderr
    assert 0 < ic.open_dataset(tmp_path / "d").rows < 30
    accepted = run("convert", damaged, "-j", 1, "-o", tmp_path / "d", "--overwrite", "--skip-damaged")
    assert accepted.exit_code == 0
    assert str(damaged) in accepted.stderr


@pytest.mark.parametrize(
    "args",
    [("convert", "-o", "d"), ("convert", "a.i3", "-o", "d", "-j", "0"), ("cutflow", "d"), ("nonsense",)],
    ids=["no files", "no processes", "no cuts", "no such command"],
)
def test_wrong_usage_exits_with_2(args):
    assert run(*args).exit_code == 2


def test_missing_file_is_one_line_without_a_traceback(tmp_path):
    done = run("convert", tmp_path / "none.i3", "-o", tmp_path / "d")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "none.i3" in done.stderr
    with pytest.raises(FileNotFoundError):
        run("--debug", "convert", tmp_path / "none.i3", "-o", tmp_path / "d", catch_exceptions=False)


def test_inspect_counts_frames_keys_and_streams(folder):
    text = run("inspect", folder / "run1.i3.zst").output
    assert "30 P" in text
    assert "30 InIceSplit" in text
    assert "60 right" in text
    found = json.loads(run("inspect", folder / "run1.i3.zst", "--json").output)
    assert found["stops"] == {"Q": 30, "P": 30}
    assert (found["frames"], found["events"], found["streams"]) == (60, 30, {"InIceSplit": 30})
    checked = [found[f"checksums_{what}"] for what in ("right", "wrong", "not_compared")]
    assert checked == [60, 0, 0]
    srt = next(k for k in found["keys"] if k["key"] == "SRTInIcePulses")
    assert (srt["stop"], srt["type"], srt["frames"]) == ("P", "I3RecoPulseSeriesMapMask", 30)


def test_inspect_shows_frames_and_objects(folder):
    frames = run("inspect", folder / "run1.i3.zst", "-n", 2).output
    assert "'InIcePulses' [DAQ] ==> I3Map<OMKey, vector<I3RecoPulse> >" in frames
    header = run("inspect", folder / "run1.i3.zst", "-k", "I3EventHeader", "-n", 3).output
    assert header.count("I3EventHeader(run_id=1") == 3
    wrong = run("inspect", folder / "run1.i3.zst", "-k", "I3EventHeadr")
    assert wrong.exit_code == 1
    assert "'I3EventHeader'" in wrong.stderr


def test_inspect_tells_frames_as_json(folder, tmp_path):
    found = json.loads(run("inspect", folder / "run1.i3.zst", "--json", "-n", 2).output)
    first, second = found["frames"]
    assert (first["frame"], first["stop"], first["offset"]) == (0, "Q", 0)
    assert (second["run"], second["event"], second["stream"]) == (1, 0, "InIceSplit")
    objects = {o["key"]: o for o in second["objects"]}
    assert (objects["InIcePulses"]["stop"], objects["SRTInIcePulses"]["stop"]) == ("Q", "P")
    assert objects["SRTInIcePulses"]["type"] == "I3RecoPulseSeriesMapMask"
    damaged = run("inspect", cut_file(folder, tmp_path / "cut.i3"), "--json", "-n", 1000)
    assert damaged.exit_code == 1
    assert len(json.loads(damaged.output)["damages"]) == 1
    assert run("inspect", folder / "run1.i3.zst", "--json", "-k", "I3EventHeader").exit_code == 2


def test_browse_needs_a_terminal(folder):
    done = run("browse", folder / "run1.i3.zst")
    assert done.exit_code == 2
    assert "icecol inspect" in done.output


def test_browse_is_told_where_to_begin(folder, monkeypatch):
    asked = []
    monkeypatch.setattr("icecol.browse.browse", lambda *args, **options: asked.append((args, options)))
    monkeypatch.setattr("icecol.cli.frames.sys.stdout", type("Tty", (), {"isatty": lambda _: True})(), raising=False)
    browse_command = next(c.callback for c in app.registered_commands if c.callback.__name__ == "browse")
    browse_command([str(folder / "run1.i3.zst")], at="e3", key="I3MCTree")
    assert asked == [(([str(folder / "run1.i3.zst")],), {"at": "e3", "key": "I3MCTree"})]


def test_inspect_names_damage_and_exits_with_1(folder, tmp_path):
    damaged = cut_file(folder, tmp_path / "cut.i3")
    done = run("inspect", damaged)
    assert done.exit_code == 1
    assert f"damaged: {damaged}: frame" in done.output
    assert len(json.loads(run("inspect", damaged, "--json").output)["damages"]) == 1


def test_inspect_of_a_gcd_file(folder):
    found = json.loads(run("inspect", folder / "GCD.i3.gz", "--json").output)
    assert found["stops"] == {"G": 1, "C": 1, "D": 1}
    assert found["codec"] == "gzip"


def test_info_shows_columns_with_units(folder):
    text = run("info", folder / "both.icecol", "-k", "SRTInIcePulses").output
    assert "60 events" in text
    assert "SRTInIcePulses.charge  list<item: float>   PE" in text
    assert "MCPrimary.zenith" not in text
    assert run("info", folder).exit_code == 1


def test_features_are_those_of_the_library(folder, tmp_path):
    out = tmp_path / "f.parquet"
    done = run(
        "features", folder / "both.icecol", "-p", "SRTInIcePulses", "-f", "Fit=linefit(min_hits=9)", "-f", "charge",
        "--column", "MCPrimary.energy", "-c", "many=charge.n_pulses > 8", "-o", out,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = pl.read_parquet(out)
    ds = ic.open_dataset(folder / "both.icecol")
    p = ds.pulses("SRTInIcePulses")
    events = ic.with_features(ds.scan(), Fit=ic.reco.linefit(p, min_hits=9), charge=ic.reco.charge(p))
    expected = events.filter(pl.col("charge.n_pulses") > 8).select(found.columns).collect()
    assert found.equals(expected)
    assert {"I3EventHeader.run_id", "I3EventHeader.event_id", "Fit.zenith", "charge.total"} <= set(
        found.columns
    )


def test_features_of_a_kernel_in_a_file(folder, tmp_path):
    kernels = tmp_path / "kernels.py"
    kernels.write_text(
        "import polars as pl, icecol as ic\n"
        "@ic.kernel(first=pl.Float64)\n"
        "def first_light(time):\n"
        "    return time.min() if time.size else float('nan')\n"
    )
    out = tmp_path / "f.parquet"
    done = run(
        "features", folder / "both.icecol", "-p", "InIcePulses", "-f", f"{kernels}:first_light", "-o", out
    )
    assert done.exit_code == 0, done.output
    first = pl.read_parquet(out)["first_light.first"]
    expected = (
        ic.open_dataset(folder / "both.icecol").scan().select(pl.col("InIcePulses.time").list.min()).collect()
    )
    assert first.to_list() == expected.to_series().to_list()


@pytest.mark.parametrize("feature", ["linefits", "linefit(", "linefit(3)", "with_features", "A=linefit,b"])
def test_unknown_features_are_wrong_usage(folder, tmp_path, feature):
    done = run(
        "features", folder / "both.icecol", "-p", "InIcePulses", "-f", feature, "-o", tmp_path / "f.parquet"
    )
    assert done.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_cutflow_counts_as_the_library_does(folder):
    cut = ("-c", "bright=Q.total > 30", "-c", 'late="Q.max_pulse_time" > 12000')
    shown = run("cutflow", folder / "both.icecol", "-p", "SRTInIcePulses", "-f", "Q=charge", *cut).output
    ds = ic.open_dataset(folder / "both.icecol")
    events = ic.with_features(ds.scan(), Q=ic.reco.charge(ds.pulses("SRTInIcePulses")))
    cuts = ic.Cuts(bright=pl.col("Q.total") > 30, late=pl.col("Q.max_pulse_time") > 12000)
    rows = [line.split()[:3] for line in shown.splitlines()[1:]]
    assert rows == [[str(x) for x in row[:3]] for row in ic.cutflow(events, cuts).rows()]


def test_cutflow_with_weights_and_without_each_cut(folder):
    args = (
        folder / "both.icecol",
        "-c",
        "run=I3EventHeader.run_id = 1",
        "-c",
        "even=I3EventHeader.event_id % 2 = 0",
    )
    weighted = run("cutflow", *args, "-w", "I3EventHeader.run_id * 0.5").output
    assert "sumw" in weighted
    assert "45 ±" in weighted
    assert "without" in run("cutflow", *args, "--n-minus-one").output


def test_columns_that_are_not_there_are_named(folder):
    done = run("cutflow", folder / "both.icecol", "-c", "a=I3EventHeader.runid > 1")
    assert done.exit_code == 1
    assert "no column 'I3EventHeader.runid'; columns like it: 'I3EventHeader.run_id'" in done.stderr
    assert run("cutflow", folder / "both.icecol", "-c", "a=I3EventHeader.run_id >").exit_code == 2
    assert run("cutflow", folder / "both.icecol", "-c", "no expression").exit_code == 2


def test_features_need_a_pulse_series(folder):
    done = run("cutflow", folder / "both.icecol", "-f", "charge", "-c", "a=charge.total > 1")
    assert done.exit_code == 2
    assert "SRTInIcePulses" in done.stderr


def test_hist_prints_and_writes(folder, tmp_path):
    args = ("hist", folder / "both.icecol", "MCPrimary.energy", "-b", 5, "--range", 100, 1e5, "--log")
    shown = run(*args)
    assert shown.exit_code == 0, shown.output
    assert shown.output.count("to") == 6
    done = run(*args, "-o", tmp_path / "h.json", "-o", tmp_path / "h.png")
    assert done.exit_code == 0, done.output
    ds = ic.open_dataset(folder / "both.icecol")
    axis = ic.hist.log("MCPrimary.energy", 5, 100, 1e5, label="MCPrimary.energy / GeV")
    assert ic.hist.load(tmp_path / "h.json") == ic.hist.fill(ds.scan(), axis)
    assert (tmp_path / "h.png").read_bytes()[:4] == b"\x89PNG"


def test_hist_of_an_expression_with_cuts(folder):
    done = run(
        "hist", folder / "both.icecol", "LN(MCPrimary.energy)", "-b", 3, "-c", "one=I3EventHeader.run_id = 1"
    )
    assert done.exit_code == 0, done.output
    assert "missing" in done.output


def test_a_selection_goes_back_into_one_file_with_its_features(folder, tmp_path):
    out = tmp_path / "bright.i3.zst"
    done = run(
        "to-i3", folder / "both.icecol", folder / "run*.i3.zst", "-p", "SRTInIcePulses", "-f", "Q=charge",
        "-f", "linefit(min_hits=9)", "-c", "bright=Q.n_hit_doms > 20", "--drop", "GCD", "-o", out,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    ds = ic.open_dataset(folder / "both.icecol")
    events = ic.with_features(ds.scan(), Q=ic.reco.charge(ds.pulses("SRTInIcePulses")))
    wanted = events.filter(pl.col("Q.n_hit_doms") > 20).select("Q.total").collect().to_series()
    frames = [f for f in ic.open_i3(out) if f.stop == "P"]
    assert f"{out}: {len(wanted)} events" in done.output
    assert [f["Q"]["total"] for f in frames] == wanted.to_list()
    assert {f.class_name("linefit") for f in frames} == {"I3Particle"}
    assert not {f.stop for f in ic.open_i3(out)} & set("GCD")


def test_files_of_a_dataset_go_into_a_folder_by_default_those_it_was_made_of(folder, tmp_path):
    done = run("to-i3", folder / "both.icecol", "-c", "one=I3EventHeader.run_id = 1", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    counts = {p.name: sum(f.stop == "P" for f in ic.open_i3(p)) for p in (tmp_path / "out").iterdir()}
    assert counts == {"run1.i3.zst": 30, "run2.i3.zst": 0}


def test_what_is_not_found_or_there_already_is_told(folder, tmp_path):
    with pytest.warns(UserWarning, match="30 events are not in the files"):
        done = run("to-i3", folder / "both.icecol", folder / "run1.i3.zst", "-o", tmp_path / "one.i3")
    assert done.exit_code == 0
    again = ["to-i3", folder / "both.icecol", "-k", "MCPrimary", "-o", tmp_path / "again.i3"]
    done = run(*again)
    assert done.exit_code == 1
    assert "has an object 'MCPrimary' already" in done.output
    assert run(*again, "--replace").exit_code == 0
    assert run("to-i3", folder / "both.icecol", "-k", "Nothing", "-o", tmp_path / "c.i3").exit_code == 1


def test_demo_refuses_a_foreign_folder(tmp_path):
    (tmp_path / "data.txt").write_text("mine")
    done = run("demo", "-o", tmp_path)
    assert done.exit_code == 1
    assert "not a demo folder" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a process group are POSIX")
def test_interrupted_conversion_says_how_to_go_on(folder, tmp_path):
    for i in range(20):
        (tmp_path / f"{i}.i3.zst").write_bytes((folder / "run1.i3.zst").read_bytes())
    command = [sys.executable, "-m", "icecol.cli", "convert", *sorted(map(str, tmp_path.glob("*.zst")))]
    command += ["-j", "1", "-o", str(tmp_path / "d")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "d" / ".progress").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    message = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "of 20 files are done" in message
    assert "Traceback" not in message
    again = subprocess.run(command, check=False, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert ic.open_dataset(tmp_path / "d").rows == 20 * 30


def test_warnings_are_one_line_without_code(folder, tmp_path):
    command = [
        *(sys.executable, "-c", "from icecol.cli import main; main()", "convert", folder / "run1.i3.zst"),
        *("-k", "LineFitt", "-o", tmp_path / "d"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first = done.stderr.splitlines()[0]
    assert first.startswith("icecol: warning: ")
    assert first.endswith("keys='LineFitt' asks for; `icecol inspect FILE` lists the keys")
    assert ".py" not in done.stderr
