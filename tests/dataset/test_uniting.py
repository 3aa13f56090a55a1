from __future__ import annotations

import pytest
from test_several import dataset

import icecol as ic
from icecol.dataset.uniting import unite
from icecol.errors import DatasetError, GeometryError


def test_the_union_has_all_events_files_and_times(tmp_path):
    a = dataset(tmp_path, "a.icecol", (1, 3), livetime=10.0, nfiles=2)
    b = dataset(tmp_path, "b.icecol", (2,), livetime=20.0, nfiles=1)
    both = unite([b, a], tmp_path / "both.icecol")
    assert both.scan().collect()["I3EventHeader.run_id"].to_list() == [1, 2, 2, 3, 3, 3]
    assert {k: both.manifest.settings[k] for k in ("livetime", "nfiles")} == {"livetime": 30.0, "nfiles": 3}
    assert sorted(s.path for s in both.manifest.sources) == sorted(
        s.path for ds in (a, b) for s in ds.manifest.sources
    )
    both.verify()
    assert both.geometry.equals(a.geometry)


def test_what_cannot_be_united_is_refused(tmp_path):
    a = dataset(tmp_path, "a.icecol", (1,))
    with pytest.raises(DatasetError, match="no datasets"):
        unite([], tmp_path / "u")
    with pytest.raises(DatasetError, match=r"1\.txt is in two"):
        unite([a, dataset(tmp_path, "b.icecol", (1, 2))], tmp_path / "u")
    with pytest.raises(DatasetError, match="has no nfiles"):
        unite([a, dataset(tmp_path, "c.icecol", (3,), nfiles=1)], tmp_path / "u")
    with pytest.raises(DatasetError, match="different ways: x is None and 1"):
        unite([a, dataset(tmp_path, "d.icecol", (4,), x=1)], tmp_path / "u")
    with pytest.raises(GeometryError):
        unite([a, dataset(tmp_path, "e.icecol", (5,), ic.Geometry.nominal(icetop=True))], tmp_path / "u")
    with pytest.raises(DatasetError, match="is blind"):
        unite([a, ic.blind(dataset(tmp_path, "f.icecol", (6,)), hide="Fit.energy")], tmp_path / "u")
    assert not (tmp_path / "u").exists()
