"""`source`, `columns`: a dataset of simulated events is that of their file, in all columns that it has."""

from __future__ import annotations

import pytest

import icecol as ic
from icecol.errors import DatasetError


@pytest.mark.parametrize("muons_alone", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_it_is_the_conversion_of_the_file_of_the_events(tmp_path, muons_alone):
    events = ic.sim.events(20, seed=3, **({"cascades": 0, "noise": 0} if muons_alone else {}))
    ic.sim.write(tmp_path / "a.i3", events, gcd=tmp_path / "gcd.i3", run_id=5)
    converted = ic.convert.i3(tmp_path / "a.i3", tmp_path / "a", gcd=tmp_path / "gcd.i3", jobs=1)
    made = ic.sim.to_dataset(events, tmp_path / "b", run_id=5, settings={"nfiles": 1})
    weights = {"MuonWeightDict.OneWeight"} if muons_alone else {"I3MCWeightDict.OneWeight"}
    assert {"SRTInIcePulses.time", "MCPrimary.energy"} | weights <= set(made.schema.names)
    names = made.schema.names
    assert all(made.schema.field(n).equals(converted.schema.field(n), check_metadata=True) for n in names)
    assert made.scan().collect().equals(converted.scan(names).collect())
    assert made.geometry.equals(events.geometry)
    assert made.manifest.settings["nfiles"] == 1
    assert made.manifest.settings["seed"] == 3
    assert made.manifest.sources[0].streams == {"InIceSplit": 20}
    made.verify()
    with pytest.raises(DatasetError, match="finished dataset"):
        ic.sim.to_dataset(events, tmp_path / "b")
    assert ic.sim.to_dataset(events, tmp_path / "b", overwrite=True).rows == 20
