from __future__ import annotations

import gc
import json

import pytest

import icecol as ic
from icecol.dataset import manifest
from icecol.garbage import paused


def test_the_collector_pauses_until_the_last_is_done_and_comes_back_after_an_error():
    with pytest.raises(ValueError, match="inside"), paused():  # noqa: PT012
        with paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
        msg = "inside"
        raise ValueError(msg)
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        with paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_manifest_of_many_files_is_read_without_collecting(tmp_path):
    ds = ic.sim.to_dataset(ic.sim.events(1, seed=1), tmp_path / "a.icecol")
    found = json.loads((ds.path / "manifest.json").read_bytes())
    found["sources"] = [{**found["sources"][0], "path": f"{i}", "events": int(not i)} for i in range(5000)]
    (ds.path / "manifest.json").write_text(json.dumps(found))
    runs = []
    gc.callbacks.append(lambda phase, _: runs.append(phase))
    try:
        read = manifest.read(ds.path / "manifest.json")
    finally:
        gc.callbacks.pop()
    assert len(read.sources) == 5000
    assert len(runs) <= 2  # one that was due
