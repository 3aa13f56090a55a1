from __future__ import annotations

import polars as pl
import pytest
from commands import run

import icecol as ic


@pytest.fixture
def folder(tmp_path):
    for k in range(3):
        ic.sim.write(tmp_path / f"{k}.i3", ic.sim.events(3 + k, seed=k), run_id=10 + k)
    ic.convert.i3(
        tmp_path / "0.i3", tmp_path / "d.icecol", jobs=1, pulses="InIcePulses", settings={"livetime": 5.0}
    )
    return tmp_path


def test_a_dataset_grows_by_commands(folder):
    ds = folder / "d.icecol"
    done = run("append", ds, folder / "*.i3", "-j", 1)
    assert (done.exit_code, "livetime = 5" in done.output) == (1, True)
    done = run("append", ds, folder / "*.i3", "-j", 1, "--livetime", 15)
    assert done.exit_code == 0, done.output
    assert "12 events of 3 files in 3 parts" in done.output
    assert "12 events of 3 files in 1 parts" in run("compact", ds, "--purge").output
    ic.sim.write(folder / "1.i3", ic.sim.events(9, seed=7), run_id=11)
    assert "17 events of 3 files" in run("replace", ds, folder / "1.i3", "-j", 1).output
    assert "14 events of 2 files" in run("remove", ds, "0.i3", "--livetime", 10).output
    assert ic.open_dataset(ds).manifest.settings["livetime"] == 10.0
    assert run("verify", ds).exit_code == 0


def test_datasets_are_listed(folder, tmp_path):
    done = run("catalogue", folder / "*.icecol", "-o", folder / "c.parquet")
    assert done.exit_code == 0, done.output
    assert "10 - 10" in done.output
    assert pl.read_parquet(folder / "c.parquet")["events"].to_list() == [3]
    (folder / "good.csv").write_text("run,start,stop\n11,2016-05-01 00:00:00,2016-05-01 08:00:00\n")
    done = run("catalogue", folder / "*.icecol", "--runs", folder / "good.csv")
    assert "0 events" in done.output
    done = run("catalogue", folder / "*.icecol", "--time", "2016-05-01", "2016-05-02")
    assert (done.exit_code, "--runs" in done.output) == (2, True)
