from __future__ import annotations

import polars as pl
import pytest

import icecol as ic
from icecol.ahead import KEY, small_event
from icecol.speed.fresh import FEW, Fresh, cold_and_warm, main
from icecol.speed.sample import Sample


def small():
    frame = small_event().to_polars()
    return Sample(frame, ic.Pulses(KEY, ic.Geometry.nominal()), "a muon").take(20)


def test_a_process_computes_what_a_folder_has(tmp_path):
    sample = small()
    feature = ic.reco.hit_multiplicity(sample.pulses)
    (tmp_path / "feature").write_bytes(feature.meta.serialize())
    sample.frame.write_ipc(tmp_path / "events")
    found = main(tmp_path)
    assert isinstance(found, Fresh)
    assert found.first >= 0
    assert found.whole > 1e7
    assert sample.frame.height > FEW


@pytest.mark.slow
def test_the_second_process_finds_what_the_first_compiled():
    sample = small()
    cold, warm = cold_and_warm(sample, ic.reco.hit_multiplicity(sample.pulses))
    assert (cold.compiled, warm.compiled) == (1, 0)
    assert cold.first > warm.first


def test_a_feature_that_fails_elsewhere_is_told():
    sample = small()
    with pytest.raises(ValueError, match=r"cannot be computed in another process.*absent"):
        cold_and_warm(sample, pl.col("absent"))
