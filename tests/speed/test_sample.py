from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.speed.sample import KEY, by_size, given, of_size, simulated, with_seeds


def test_simulated_events_have_about_the_size():
    sample = simulated(60)
    assert sample.frame.height == 64
    assert 50 < sample.n_pulses / 64 < 70
    assert sample.sizes.to_list() == sample.frame[f"{KEY}.time"].list.len().to_list()


@pytest.mark.parametrize("size", [10, 30, 1500])
def test_events_of_a_size_have_just_that(size):
    sample = of_size(size)
    assert set(sample.sizes) == {size}
    for i in (0, -1):
        keys = sample.frame[f"{KEY}.omkey"][i].to_numpy()
        assert (np.diff(keys) >= 0).all()
        times = sample.frame[f"{KEY}.time"][i].to_numpy()
        assert (np.diff(times)[np.diff(keys) == 0] >= 0).all()
    assert set(sample.frame.columns) == set(simulated(60).frame.columns)


def test_events_are_repeated_in_turn():
    sample = simulated(60)
    twice = sample.take(130)
    assert twice.frame.height == 130
    assert twice.frame[64:128].equals(sample.frame)
    assert sample.take(3).frame.equals(sample.frame[:3])


def test_given_events_are_those_that_have_the_series():
    frame = pl.DataFrame({"P.time": [[1.0], None, [2.0, 3.0]], "P.omkey": [[7], None, [7, 8]]})
    sample = given(frame, None, None, 10)
    assert sample.sizes.to_list() == [1, 2]
    assert sample.pulses.key == "P"
    assert given(frame, "P", None, 1).frame.height == 1


@pytest.mark.slow
def test_files_and_datasets_are_read(tmp_path):
    path = tmp_path / "muons.i3.zst"
    ic.sim.write(path, ic.sim.events(5, seed=1, noise=0), gcd=tmp_path / "gcd.i3.gz")
    from_file = given(path, "InIcePulses", tmp_path / "gcd.i3.gz", 3)
    ic.convert.i3(path, tmp_path / "muons.icecol", gcd=tmp_path / "gcd.i3.gz", jobs=1)
    from_dataset = given(tmp_path / "muons.icecol", "InIcePulses", None, 3)
    assert from_file.sizes.to_list() == from_dataset.sizes.to_list()
    assert from_file.frame.height == 3


def test_groups_of_few_events_are_left_out():
    lists = [[0.0] * n for n in (10, 10, 11, 100, 100, 1000)]
    sample = given(pl.DataFrame({"P.time": lists, "P.omkey": [[7] * len(x) for x in lists]}), None, None, 10)
    assert {size: part.frame.height for size, part in by_size(sample, 2).items()} == {10: 3, 100: 2}


def test_seeds_are_made_only_where_they_are_read_and_absent():
    sample = simulated(60).take(4)
    assert with_seeds(sample, ic.reco.charge) is sample
    made = with_seeds(sample, lambda p: ic.reco.direct_hits(p, window="C", track="LineFit"))
    assert made.frame["LineFit.zenith"].null_count() == 0
    assert with_seeds(made, lambda p: ic.reco.direct_hits(p, window="C", track="LineFit")) is made
