from __future__ import annotations

import json

import pytest
from commands import run

import icecol as ic
from icecol.cli.filtering import _filters


def test_a_stream_is_filtered_and_monitored(tmp_path):
    ic.sim.write(tmp_path / "daq.i3", ic.sim.events(30, seed=1))
    arguments = (
        "filter", tmp_path / "daq.i3", "-o", tmp_path / "out", "-p", "InIcePulses", "-f", "Q=charge",
        "-F", "bright=Q.total > 100", "-F", "tenth/10=true",
    )  # fmt: skip
    done = run(*arguments, "--events", 10, "--acknowledge")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["last"] for line in lines] == [[1, 9], [1, 19], [1, 29], [1, 29]]
    found = dict(ic.filters.monitoring(tmp_path / "out").select("filter", "n_condition").iter_rows())
    assert found["all"] == found["tenth"] == 30
    assert 3 < found["bright"] < 27
    again = run(*arguments)
    assert again.exit_code == 0, again.output
    assert "bright" in again.stdout


def test_filters_of_icecube_go_by_their_names():
    found, prescales = _filters(["HighQFilter_17", "MuonFilter_13/4", "mine = a > 1"])
    assert list(found) == ["HighQFilter_17", "MuonFilter_13", "mine"]
    assert found["HighQFilter_17"] is ic.filters.FILTERS["HighQFilter_17"]
    assert prescales == {"MuonFilter_13": 4.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "at least one filter"),
        (("-f", "charge", "-F", "a=true"), "--pulses KEY"),
        (("-F", "a/x=true"), "'x' is not a number"),
        (("-F", "MuonFilter_99"), "no online filter 'MuonFilter_99'"),
        (("-F", "a=true", "-F", "a=false"), "two filters are named 'a'"),
        (("-F", "a=(("), "--filter"),
    ],
)
def test_what_cannot_be_filtered_is_refused(tmp_path, arguments, message):
    done = run("filter", tmp_path / "none.i3", "-o", tmp_path / "out", *arguments)
    assert done.exit_code != 0
    assert message in done.output.replace("\n", " ").replace("│ ", "")
