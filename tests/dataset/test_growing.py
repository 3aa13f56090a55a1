"""`growing`: what a change of a dataset does to its files; tests/convert/test_growing.py has what users do."""

from __future__ import annotations

import pytest
from test_several import dataset

import icecol as ic
from icecol.dataset.growing import changing, settings_after
from icecol.errors import DatasetError


def test_a_change_is_seen_at_its_end_alone(tmp_path):
    ds = dataset(tmp_path, "a.icecol", (1, 2))
    with changing(ds.path) as change:
        change.remove([ds.manifest.sources[0].path])
        assert ic.open_dataset(ds.path).rows == 3
    assert ic.open_dataset(ds.path).rows == 2
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_an_error_leaves_all_as_it_was(tmp_path):
    ds = dataset(tmp_path, "a.icecol", (1, 2))

    def fail():
        with changing(ds.path) as change:
            change.compact()
            change.remove([ds.manifest.sources[0].path])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert ic.open_dataset(ds.path).manifest == ds.manifest
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_there_must_be_a_dataset(tmp_path):
    with pytest.raises(DatasetError, match="does not exist"), changing(tmp_path / "a.icecol"):
        pass


def test_settings_are_known_after_a_change_or_asked_for(tmp_path):
    ds = dataset(tmp_path, "a.icecol", (1, 2), nfiles=2, livetime=3.0)
    with changing(ds.path) as change:
        assert settings_after(change, 2, None, same_time=True)["livetime"] == 3.0
        with pytest.raises(DatasetError, match="livetime = 3"):
            settings_after(change, 2, None)
        assert settings_after(change, 1, {"livetime": 4.0, "nfiles": 7})["nfiles"] == 7
        with pytest.raises(DatasetError, match="nfiles = 2"):
            settings_after(change, 1, {"livetime": 4.0})
