from __future__ import annotations

import pytest

from icecol.speed.rounds import Timing, machine, race, seconds, versions


def test_rivals_run_in_turn_after_one_round_to_warm_up():
    ran = []
    timings, answers = race(
        {"a": lambda: ran.append("a"), "b": lambda: ran.append("b") or 7}, 2, scale={"b": 1e3}
    )
    assert ran == ["a", "b"] * 3
    assert answers == {"a": None, "b": 7}
    assert len(timings["b"].wall) == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (75.2, "75.2 s"),
        (100.0, "100 s"),
        (0.01234, "12.3 ms"),
        (2.5e-6, "2.50 us"),
        (3e-9, "3.00 ns"),
        (0.0, "0.00 ns"),
    ],
)
def test_times_have_three_digits(value, text):
    assert seconds(value) == text


def test_the_shortest_and_the_middle_of_several_times():
    timing = Timing((3.0, 1.0, 2.0), (6.0, 5.0, 9.0))
    assert (timing.best, timing.median, timing.best_cpu, timing.median_cpu) == (1.0, 2.0, 5.0, 6.0)


def test_what_it_ran_on_is_told():
    assert " cores of " in machine()
    assert versions()["numpy"].count(".") == 2
