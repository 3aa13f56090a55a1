from __future__ import annotations

import sys
import types
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.errors import MissingDependencyError, SchemaError

EVENTS = pl.DataFrame(
    {"id": range(23), "Hits.t": [[float(i)] * (i % 4) for i in range(23)], "text": ["a"] * 23}
)


def ids(sets):
    return [int(i) for batch in sets for i in batch["id"]]


def test_batches_are_of_the_size_asked_for_and_have_all_events_once():
    sets = ic.export.batches(EVENTS, ["id", "Hits.*"], size=5, buffer=7)
    made = list(sets)
    assert [len(batch["id"]) for batch in made] == [5, 5, 5, 5, 3]
    assert sorted(ids(made)) == list(range(23))
    for batch in made:
        counts = batch["id"] % 4
        assert batch["Hits.t"].shape == batch["Hits.t.mask"].shape == (len(counts), counts.max())
        assert batch["Hits.t.mask"].sum(axis=1).tolist() == counts.tolist()
        assert (batch["Hits.t"] == np.where(batch["Hits.t.mask"], batch["id"][:, None], 0)).all()


def test_ragged_batches_have_values_and_offsets():
    (batch,) = ic.export.batches(EVENTS, ["id", "Hits.t"], size=50, padded=False, shuffle=False)
    assert batch["Hits.t.offsets"].tolist() == np.concatenate([[0], np.cumsum(np.arange(23) % 4)]).tolist()
    assert batch["Hits.t"].tolist() == [float(i) for i in range(23) for _ in range(i % 4)]


def test_order_is_random_differs_by_epoch_and_is_that_of_the_seed():
    sets = ic.export.batches(EVENTS, "id", size=4, seed=1)
    first, second = ids(sets), ids(sets)
    assert first != second != list(range(23))
    assert ids(ic.export.batches(EVENTS, "id", size=4, seed=1)) == first
    assert ids(ic.export.batches(EVENTS, "id", size=4, shuffle=False)) == list(range(23))


@pytest.mark.parametrize("workers", [1, 2, 3, 9])
@pytest.mark.slow
def test_workers_share_events(workers, tmp_path):
    for i in range(4):
        ic.sim.write(tmp_path / f"{i}.i3.zst", ic.sim.events(5, seed=i), run_id=i)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("icecol.convert.run.GROUP_FILES", 1)
        ds = ic.convert.i3(tmp_path / "*.i3.zst", tmp_path / "a.icecol", jobs=1)
    for events in (ds, ds.scan()):
        sets = ic.export.batches(events, "I3EventHeader.*_id", size=2)
        names = ("I3EventHeader.run_id", "I3EventHeader.event_id")
        seen = [
            pair
            for number in range(workers)
            for batch in replace(sets, worker=(number, workers))
            for pair in zip(*(batch[name].tolist() for name in names), strict=True)
        ]
        assert sorted(seen) == [(r, e) for r in range(4) for e in range(5)]


def test_what_cannot_be_an_array_is_refused():
    with pytest.raises(SchemaError, match="'text' is String"):
        ic.export.batches(EVENTS, "*")
    with pytest.raises(ValueError, match="found size=0"):
        ic.export.batches(EVENTS, "id", size=0)
    with pytest.raises(ValueError, match=r"found \(2, 2\)"):
        ic.export.batches(EVENTS, "id", worker=(2, 2))


def test_torch_is_loaded_when_asked_for(monkeypatch):
    """With a stand-in: only that arrays pass `from_numpy`, and that a loader's worker gets its share."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="needs torch"):
        ic.export.torch(ic.export.batches(EVENTS, "id"))
    fake, data = types.ModuleType("torch"), types.ModuleType("torch.utils.data")
    fake.from_numpy = lambda array: ("tensor", array)
    data.IterableDataset = object
    data.get_worker_info = lambda: types.SimpleNamespace(id=1, num_workers=2)
    monkeypatch.setitem(sys.modules, "torch", fake)
    monkeypatch.setitem(sys.modules, "torch.utils", types.ModuleType("torch.utils"))
    monkeypatch.setitem(sys.modules, "torch.utils.data", data)
    tensors = list(ic.export.torch(ic.export.batches(EVENTS, "id", size=50, shuffle=False)))
    assert tensors[0]["id"][0] == "tensor"
    assert tensors[0]["id"][1].tolist() == list(range(1, 23, 2))
