"""`conversion`, `__main__`: conversions on the command line, in processes of their own too."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import polars as pl
import pytest
from commands import cut_file, run

import icecol as ic
from icecol.i3.frames.survey import survey
from icecol.reco.watch import watching


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


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a process group are POSIX")
@pytest.mark.slow
def test_interrupted_conversion_says_how_to_go_on(folder, tmp_path):
    for i in range(8):
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
    assert "of 8 files are done" in message
    assert "Traceback" not in message
    again = subprocess.run(command, check=False, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert ic.open_dataset(tmp_path / "d").rows == 8 * 30


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


def test_a_selection_has_dear_features_computed_of_its_events_alone(folder, tmp_path):
    with watching() as calls:
        done = run(
            "to-i3", folder / "both.icecol", folder / "run*.i3.zst", "-p", "SRTInIcePulses",
            "-f", "Fit=improved_linefit", "-f", "Q=charge", "-c", "c=Q.total > 60", "-o", tmp_path / "out.i3.zst",
        )  # fmt: skip
    assert done.exit_code == 0, done.output
    kept = sum(f.stop == "P" for f in ic.open_i3(tmp_path / "out.i3.zst"))
    assert sum(c.events for c in calls if str(c.site) == "Q") == 60
    assert 0 < sum(c.events for c in calls if str(c.site) == "Fit") == kept < 60


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


def test_verify_says_that_a_dataset_is_whole_or_which_part_is_not(folder, tmp_path):
    assert run("convert", folder / "run1.i3.zst", "-j", 1, "-o", tmp_path / "d").exit_code == 0
    done = run("verify", tmp_path / "d")
    assert done.exit_code == 0, done.output
    assert "all 1 parts are as they were written" in done.output
    (part,) = (tmp_path / "d" / "events").iterdir()
    content = bytearray(part.read_bytes())
    content[100] ^= 1
    part.write_bytes(content)
    done = run("verify", tmp_path / "d")
    assert done.exit_code == 1
    assert f"{part.name} has checksum crc32c:" in done.stderr


def test_export_writes_selected_events_in_other_forms(folder, tmp_path):
    out = tmp_path / "a.csv"
    done = run(
        "export",
        folder / "both.icecol",
        "--to",
        "csv",
        "-k",
        "MCPrimary.energy",
        "-c",
        "e=MCPrimary.energy > 1000",
        "-o",
        out,
    )
    assert done.exit_code == 0, done.output
    energies = pl.read_csv(out)["MCPrimary.energy"]
    assert 0 < len(energies) < 60
    assert energies.min() > 1000
    done = run(
        "export",
        folder / "both.icecol",
        "--to",
        "graphnet",
        "-p",
        "SRTInIcePulses",
        "--option",
        "primary=MCPrimary",
        "-o",
        tmp_path / "out",
    )
    assert done.exit_code == 0, done.output
    assert pl.read_parquet(tmp_path / "out/truth/truth_0.parquet").height == 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "fits"), "'fits' is not a form that can be written"),
        (("--to", "graphnet"), "graphnet needs --pulses"),
        (("--to", "csv", "--option", "fit=A"), "is not NAME=VALUE with a name that csv has"),
        (("--to", "skyllh"), "skyllh needs --option fit=..., --option energy=..."),
        (("--to", "skyllh", "-k", "A"), "skyllh has columns of its own"),
    ],
)  # fmt: skip
def test_export_says_what_it_needs(arguments, message, folder, tmp_path):
    done = run("export", folder / "both.icecol", *arguments, "-o", tmp_path / "a")
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_convert_takes_tables_of_other_programs(tmp_path):
    hits = {"event_no": [0, 0, 1], "time": [1.0, 2.0, 3.0], "omkey": [65792, 65792, 66048]}
    pl.DataFrame(hits).write_parquet(tmp_path / "hits.parquet")
    done = run("convert", tmp_path / "hits.parquet", "-j", 1, "-o", tmp_path / "d")
    assert done.exit_code == 0, done.output
    assert ic.open_dataset(tmp_path / "d").rows == 2
    refused = run("convert", tmp_path / "hits.parquet", "--stop", "Q", "-j", 1, "-o", tmp_path / "e")
    assert refused.exit_code != 0


def of_another_kind(path):
    """Write a file that is whole but none that can be converted, by the ending of its name."""
    kind = path.suffix
    if kind == ".h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["x"] = [1, 2]
    elif kind == ".root":
        with pytest.importorskip("uproot").recreate(path) as file:
            file["t"] = {"a": np.arange(3)}
    elif kind == ".parquet":
        pl.DataFrame({"a": [1], "b": [2]}).write_parquet(path)
    elif kind == ".db":
        with closing(sqlite3.connect(path)) as file:
            file.execute("create table t (a int)")
    else:
        path.write_bytes(
            {".txt": b"hello\n", ".csv": b"a,b\n1,2\n", ".bin": bytes(range(128, 256)) * 20}[kind]
        )
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "a.h5",
            "is HDF5, not one of IceTray's hdfwriter (it has no __I3Index__, only 'x'): read it by h5py",
        ),
        ("a.root", "is a ROOT file, not an offline file of KM3NeT (it has 't'): read it by uproot"),
        (
            "a.parquet",
            "is Parquet of a form that is not known (columns 'a', 'b'): if it has a row per pulse, use",
        ),
        ("a.db", "is an SQLite database of neither GraphNeT nor tableio (tables: 't'): read it by"),
        ("a.txt", r"is not an .i3 file but text: it begins with 'hello\n'"),
        (
            "a.csv",
            r"is not an .i3 file but text: it begins with 'a,b\n1,2\n'; if it has a row per pulse, read it",
        ),
        ("a.bin", "no dataset was made: it may be a file of another kind"),
    ],
)
def test_convert_names_files_of_another_kind(name, message, tmp_path):
    path = of_another_kind(tmp_path / name)
    done = run("convert", path, "-j", 1, "-o", tmp_path / "d")
    assert done.exit_code == 1
    assert message in done.stderr
    assert name in done.stderr
    assert "damaged" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("module", "form"), [("h5py", "hdf5"), ("uproot", "root"), ("uproot", "rntuple")])
def test_a_missing_library_is_named_with_what_installs_it(module, form, folder, tmp_path, monkeypatch):
    source = of_another_kind(tmp_path / {"h5py": "a.h5", "uproot": "a.root"}[module])
    monkeypatch.setitem(sys.modules, module, None)
    made = ("convert", source, "-j", 1), ("export", folder / "both.icecol", "--to", form)
    for arguments in made:
        done = run(*arguments, "-o", tmp_path / "out")
        assert done.exit_code == 1
        extra = {"h5py": "hdf5", "uproot": "root"}[module]
        assert f"needs {module}: pip install {module}, or icecol with its extra [{extra}]" in done.stderr
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "csv", "-k", "MCPrimary.*", "-o", "taken"), "this is a folder: give the name of a file"),
        (("--to", "graphnet", "-p", "SRTInIcePulses", "-o", "taken"), "the folder is not empty (it has 'a')"),
        (("--to", "root", "-o", "absent/a.root"), "there is no folder 'absent': make it first"),
        (("--to", "hdf5", "-o", "absent/a.h5"), "there is no folder 'absent': make it first"),
        (("--to", "csv", "-k", "SRTInIcePulses.*", "-o", "a.csv"), "(lists): choose other columns"),
    ],
)
def test_export_says_where_it_cannot_write(arguments, message, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/a").touch()
    done = run("export", folder / "both.icecol", *arguments)
    assert done.exit_code == 1
    assert message in done.stderr
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "taken"]


def test_export_keeps_the_file_that_is_there_until_the_new_one_is_complete(folder, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    bad = run("export", folder / "both.icecol", "--to", "csv", "-k", "SRTInIcePulses.*", "-o", path)
    assert (bad.exit_code, path.read_text()) == (1, "old")
    good = run("export", folder / "both.icecol", "--to", "csv", "-k", "MCPrimary.energy", "-o", path)
    assert (good.exit_code, pl.read_csv(path).height) == (0, 60)
