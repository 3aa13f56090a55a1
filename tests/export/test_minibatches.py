from __future__ import annotations

import os
import pickle
import sys
import types
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.errors import MissingDependencyError, SchemaError, UnsupportedError

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


@pytest.fixture
def torch(monkeypatch):
    """A stand-in for torch: its loader's worker is number 1 of 2, and its tensors are arrays."""
    fake, data = types.ModuleType("torch"), types.ModuleType("torch.utils.data")
    fake.from_numpy = lambda array: ("tensor", array)
    data.IterableDataset = object
    data.worker = types.SimpleNamespace(id=1, num_workers=2, seed=1001)
    data.get_worker_info = lambda: data.worker
    monkeypatch.setitem(sys.modules, "torch", fake)
    monkeypatch.setitem(sys.modules, "torch.utils", types.ModuleType("torch.utils"))
    monkeypatch.setitem(sys.modules, "torch.utils.data", data)
    return data


def of_tensors(sets):
    return [int(i) for batch in sets for i in batch["id"][1]]


def test_torch_is_loaded_when_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="needs torch"):
        ic.export.torch(ic.export.batches(EVENTS, "id"))


def test_a_worker_of_torch_gets_its_share_in_arrays_that_torch_takes(torch):
    events = EVENTS.with_columns(
        small=pl.col("id").cast(pl.UInt16), run=pl.col("id").cast(pl.UInt32), big=pl.col("id").cast(pl.UInt64)
    )
    sets = ic.export.batches(events, ["id", "small", "run", "big", "Hits.t"], size=50, shuffle=False)
    (batch,) = ic.export.torch(sets)
    assert batch["id"][0] == "tensor"
    assert batch["id"][1].tolist() == list(range(1, 23, 2))
    types_of = {name: array.dtype.name for name, (_, array) in batch.items()}
    assert types_of == {
        "id": "int64", "small": "int32", "run": "int64", "big": "uint64", "Hits.t": "float64", "Hits.t.mask": "bool",
    }  # fmt: skip
    assert all(array.flags.writeable and array.flags.c_contiguous for _, array in batch.values())


def test_workers_of_torch_agree_on_an_order_that_differs_by_epoch(torch):
    made = ic.export.torch(ic.export.batches(EVENTS, "id", size=4))
    first, kept = of_tensors(made), of_tensors(made)  # of a worker that stays
    torch.worker.seed = 2001
    anew = of_tensors(ic.export.torch(ic.export.batches(EVENTS, "id", size=4)))  # of one that is started anew
    assert sorted(first) == sorted(kept) == sorted(anew) == list(range(1, 23, 2))
    assert first != kept
    assert first != anew
    torch.worker.id, torch.worker.seed = 0, 1000
    other = of_tensors(ic.export.torch(ic.export.batches(EVENTS, "id", size=4)))
    assert sorted(first + other) == list(range(23))


def test_workers_of_torch_take_the_parts_in_one_order_and_have_all_of_them(torch, tmp_path):
    for i in range(7):
        hits = {"event_no": [i], "time": [1.0], "omkey": [65792]}
        pl.DataFrame(hits).write_parquet(tmp_path / f"{i}.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("icecol.convert.run.GROUP_FILES", 1)
        ds = ic.convert.files(tmp_path / "*.parquet", tmp_path / "a.icecol", jobs=1)
    assert len(ds.manifest.parts) == 7
    for base in range(1000, 1010):  # torch gives a worker the seed of its loader and its own number
        seen = []
        for torch.worker.id in (0, 1):
            torch.worker.seed = base + torch.worker.id
            made = ic.export.torch(ic.export.batches(ds, "I3EventHeader.event_id", size=2))
            seen += [int(i) for batch in made for i in batch["I3EventHeader.event_id"][1]]
        assert sorted(seen) == list(range(7))


def test_epochs_are_counted():
    sets = ic.export.batches(EVENTS, "id", size=4)
    assert [sets.epoch, len(list(sets)), sets.epoch, len(list(sets)), sets.epoch] == [0, 6, 1, 6, 2]


def test_a_fork_is_refused_and_a_new_process_is_not(torch, monkeypatch):
    made = ic.export.torch(ic.export.batches(EVENTS, "id"))
    make, arguments = made.__reduce__()
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.raises(UnsupportedError, match="multiprocessing_context='spawn'"):
        list(made)
    assert len(of_tensors(make(*pickle.loads(pickle.dumps(arguments))))) == 11


@pytest.mark.services
def test_a_loader_of_torch_itself_has_all_events_once_an_epoch(tmp_path):
    data = pytest.importorskip("torch.utils.data", reason="torch is not installed")
    ds = ic.sim.to_dataset(ic.sim.events(40, seed=1), tmp_path / "sim.icecol")
    sets = ic.export.batches(ds, ["I3EventHeader.event_id", "InIcePulses.*"], size=8)
    options = {"num_workers": 2, "multiprocessing_context": "spawn", "persistent_workers": True}
    loader = data.DataLoader(ic.export.torch(sets), batch_size=None, **options)
    epochs = [[i for batch in loader for i in batch["I3EventHeader.event_id"].tolist()] for _ in range(2)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(40))] * 2
    assert epochs[0] != epochs[1]
    with pytest.raises(UnsupportedError, match="spawn"):
        next(iter(data.DataLoader(ic.export.torch(sets), batch_size=None, num_workers=1)))
