"""`speed.result`: figures as text, plot and JSON, and beside older ones."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

from icecol.errors import IcecolError
from icecol.speed.answers import SCHEMA as ANSWERS
from icecol.speed.result import SCHEMA, Bench, comparison, load

ABOUT = {
    "events": "muons",
    "machine": "a machine",
    "load": 0.1,
    "repeat": 3,
    "tolerance": 1e-9,
    "against": "other",
    "date": "now",
}
FACTS = {
    "bandwidth": 5e9,
    "read_bytes": 720.0,
    "read": 1e-7,
    "cold": 2.0,
    "warm": 0.2,
    "start": 0.5,
    "compiled": 1.0,
}


def made(event=1e-6, differ=0):
    rows = [
        ("event", "lazy plan", None, 100, 50.0, event, event / 50, 1 / event, 1.0),
        ("pulses", "lazy plan", 10, 100, 10.0, event, event / 10, 1 / event, 1.2),
        ("pulses", "lazy plan", 100, 100, 100.0, 123 * event, event / 10, 1 / event, 123.4),
    ]
    answers = [("numpy", "x", 100, differ, 0, 0.5 if differ else 0.0, 7 if differ else None)]
    return Bench(
        "linefit",
        pl.DataFrame(rows, SCHEMA, orient="row"),
        FACTS | {"memory": 500.0, "input": 1200.0},
        pl.DataFrame(answers, {"way": pl.String, **ANSWERS}, orient="row"),
        (0.5, 0.7, 0.6),
        ("a note",),
        ABOUT,
    )


def test_everything_is_told():
    text = str(made())
    for part in (
        "One event: linefit",
        "Against pulses an event",
        "1.00 us  20.0 ns",
        "720 bytes an event read once in 100 ns; memory gives 5.0 GB/s",
        "first answer 2.00 s of processor time where nothing is compiled (1 functions), 200 ms after",
        "memory: 0.5 kB an event beyond the events themselves, which are 1.2 kB",
        "linefit takes 0.6 of the time of other (pairs: 0.5 to 0.7)",
        "answers of 1 ways agree to 1e-09 (100 values)",
        "a note",
    ):
        assert part in text


def test_answers_that_differ_are_told():
    found = made(differ=3)
    assert not found.agree
    assert found.disagreements() == [
        "numpy: x differs in 3 of 100 values, relative difference up to 0.5, first in event 7"
    ]
    assert "agree to" not in str(found)


def test_what_was_saved_is_read_again(tmp_path):
    found = made()
    again = load(found.save(tmp_path / "bench.json"))
    assert again.rows.equals(found.rows)
    assert again.answers.equals(found.answers)
    assert dataclasses.replace(again, rows=found.rows, answers=found.answers) == dataclasses.replace(found)
    (tmp_path / "other.json").write_text('{"format": "another"}')
    with pytest.raises(IcecolError, match="is not the JSON file of a benchmark"):
        load(tmp_path / "other.json")


def test_times_are_compared_with_older_ones():
    new, old = made(1.2e-6), made(1e-6)
    compared = new.compare(old)
    assert compared["ratio"].to_list() == pytest.approx([1.2] * 3)
    assert compared["slower"].all()
    assert not made(1.1e-6).compare(old)["slower"].any()
    fewer = dataclasses.replace(old, rows=old.rows[1:2])
    assert new.compare(fewer)["at"].to_list() == [10]
    assert comparison(new, old).row_count == 3
    with pytest.raises(IcecolError, match="'linefit' and 'charge'"):
        new.compare(dataclasses.replace(old, feature="charge"))


def test_the_plot_has_a_line_for_each_way():
    pytest.importorskip("matplotlib")
    ax = made().plot()
    (line,) = ax.lines
    assert line.get_xdata().tolist() == [10, 100]
    assert line.get_ydata().tolist() == pytest.approx([100.0, 100.0])
