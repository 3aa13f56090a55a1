from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol import runs
from icecol.errors import MissingColumnError, SchemaError

H = "I3EventHeader"


def events(rows):
    """Events of (run, event, start in s, end in s) of 2016."""
    run, event, start, end = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            f"{H}.run_id": pl.Series(run, dtype=pl.UInt32),
            f"{H}.event_id": pl.Series(event, dtype=pl.UInt32),
            **{f"{H}.{t}_utc_year": [2016] * len(run) for t in ("start_time", "end_time")},
            f"{H}.start_time_utc_daq_time": [round(s * 1e10) for s in start],
            f"{H}.end_time_utc_daq_time": [round(s * 1e10) for s in end],
        }
    )


ROWS = [(2, 9, 100.0, 100.5), (1, 3, 10.0, 10.5), (1, 4, 12.0, 12.5), (1, 4, 12.25, 13.0), (1, 7, 40.0, 41.0)]


def test_a_run_lasts_from_its_first_event_to_its_last_and_sub_events_count_once():
    found = runs.table(events(ROWS)).to_dicts()
    assert [r["run_id"] for r in found] == [1, 2]
    first = found[0]
    assert (first["events"], first["first_event"], first["last_event"]) == (3, 3, 7)
    assert (first["livetime"], first["longest_gap"], first["off"]) == (31.0, 28.0, 0.0)
    assert first["rate"] == pytest.approx(3 / 31)
    assert first["rate_error"] == pytest.approx(3**0.5 / 31)
    assert str(first["start"]) == "2016-01-01 00:00:10"
    assert (found[1]["events"], found[1]["livetime"], found[1]["rate"]) == (1, None, None)


@pytest.mark.parametrize(
    ("gap", "dead_time", "livetime"), [(20.0, 0.0, 3.0), (28.0, 0.0, 31.0), (20.0, 0.5, 1.5), (1.0, 0.0, 1.0)]
)
def test_gaps_and_dead_time_are_taken_off(gap, dead_time, livetime):
    assert runs.table(events(ROWS), gap=gap, dead_time=dead_time)["livetime"][0] == pytest.approx(livetime)


def test_the_runs_of_a_dataset(tmp_path):
    for run in (5, 6):
        ic.sim.write(tmp_path / f"{run}.i3", ic.sim.events(10, seed=run), run_id=run)
    ds = ic.convert.i3([tmp_path / "5.i3", tmp_path / "6.i3"], tmp_path / "a", jobs=1)
    found = ds.runs
    assert found["run_id"].to_list() == [5, 6]
    assert found["events"].to_list() == [10, 10]
    assert np.allclose(found["livetime"], 0.09, atol=1e-4)
    assert (found["first_event"].to_list(), found["last_event"].to_list()) == ([0, 0], [9, 9])
    selected = runs.rates(ds.scan().filter(pl.col(f"{H}.event_id") < 4), found)
    assert np.allclose(selected["rate"], 4 / found["livetime"])
    made = ic.sim.to_dataset(ic.sim.events(2, seed=1), tmp_path / "b")
    with pytest.raises(MissingColumnError, match="start_time_utc_year"):
        _ = made.runs


@pytest.mark.parametrize("form", ["dates", "mjd", "IceCube"])
def test_a_list_of_runs_gives_the_livetime(tmp_path, form):
    lines = {
        "dates": "run,start,stop,good\n1,2016-01-01 00:00:00,2016-01-01 00:01:00.5,true\n"
        "1,2016-01-01 00:02:00,2016-01-01 00:02:10,true\n2,2016-01-01 01:00:00,2016-01-01 02:00:00,false\n",
        "mjd": "run,start,stop\n1,57388.0,57388.0006\n1,57388.5,57388.500215972222\n",
        "IceCube": "RunNum,good_tstart,Good_tstop,good_it\n,,,\n",
    }[form]
    path = tmp_path / "runs.csv"
    path.write_text(lines)
    if form == "IceCube":
        with pytest.raises(MissingColumnError, match="needs a column 'run'; it has 'RunNum'"):
            runs.good_runs(path)
        return
    found = runs.good_runs(path)
    assert found["run_id"].to_list() == [1]
    assert found["livetime"][0] == pytest.approx(70.5, abs=1e-3)
    both = runs.table(events(ROWS), path)
    assert both["run_id"].to_list() == [1]
    assert both["rate"][0] == pytest.approx(3 / 70.5, rel=1e-4)


def test_a_list_is_found_under_its_name_whatever_that_is(tmp_path):
    (tmp_path / "run1").mkdir()
    (tmp_path / "run1" / "good.csv").write_text("run,start,stop\n1,57000.0,57001.0\n")
    (tmp_path / "run[1]").mkdir()
    path = tmp_path / "run[1]" / "good.csv"
    path.write_text("run,start,stop\n2,57000.0,57001.0\n")
    assert runs.good_runs(path)["run_id"].to_list() == [2]


def test_a_list_that_makes_no_sense_says_where():
    with pytest.raises(ValueError, match="run 3 goes from"):
        runs.good_runs(pl.DataFrame({"run": [3], "start": [57001.0], "stop": [57000.0]}))
    with pytest.raises(ValueError, match="run 3 goes from None"):
        runs.good_runs(
            pl.DataFrame(
                {"run": [3], "start": [None], "stop": [57000.0]}, schema_overrides={"start": pl.Float64}
            )
        )
    with pytest.raises(SchemaError, match="'start' are not dates"):
        runs.good_runs(pl.DataFrame({"run": [3], "start": ["early"], "stop": ["late"]}))
    with pytest.raises(SchemaError, match="Boolean"):
        runs.good_runs(pl.DataFrame({"run": [3], "start": [True], "stop": [False]}))


def test_rates_of_weighted_events():
    table = pl.DataFrame({"run_id": [1, 2], "livetime": [10.0, None]})
    selected = pl.DataFrame({f"{H}.run_id": [1, 1, 2], "w": [3.0, 4.0, 1.0]})
    found = runs.rates(selected, table, "w")
    assert found["rate"].to_list() == [0.7, None]
    assert found["rate_error"].to_list() == [0.5, None]
    assert found["events"].to_list() == [2, 1]
