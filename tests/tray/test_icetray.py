"""On real files a tray computes what IceTray's own modules did, and changes no byte that it was not asked to."""

from __future__ import annotations

import json

import numpy as np
import pytest

import icecol as ic

FILES = {
    "oscNext_genie_level3_v02": ("icecube86", "SplitInIcePulses"),
    "oscNext_genie_level7_v02": ("icecube86", "SplitInIcePulses"),
    "oscNext_noise_level3_v02": ("icecube86", "SplitInIcePulses"),
    "upgrade_genie_step4_140028_000998": ("icecube_upgrade", "SplitInIcePulses"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_chain_gives_the_line_fits_of_icetray(shared_data, tmp_path, name):
    path = shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz"
    truth = json.loads((shared_data / "truth" / "icetray" / name / "reco.json").read_text())["frames"]
    detector, key = FILES[name]
    geometry = ic.Geometry.read_parquet(shared_data / "geometry" / f"{detector}.parquet")

    tray = ic.Tray().add(path).add(ic.tray.write(tmp_path / "same.i3"))
    for output, fit in (("LF", ic.reco.linefit), ("LFI", ic.reco.improved_linefit)):
        tray.add(fit, pulses=key, output=f"{output}_{key}", gcd=geometry)
    tray.add(ic.tray.write(tmp_path / "more.i3"))
    tray.add(ic.tray.book(tmp_path / "booked", keys="LF*", pulses=key, gcd=geometry)).run()

    physics = [frame for frame in ic.open_i3(tmp_path / "more.i3") if frame.stop == "P"]
    checked = 0
    for frame, expected in zip(physics, truth, strict=True):
        for fit in (f"LF_{key}", f"LFI_{key}"):
            assert (fit in frame) == (fit in expected["fits"])
            if fit not in frame:
                continue
            ours, theirs = frame[fit], expected["fits"][fit]
            found = [
                *(getattr(ours.pos, c) for c in "xyz"),
                ours.dir.zenith,
                ours.dir.azimuth,
                ours.time,
                ours.speed,
            ]
            names = ("x", "y", "z", "zenith", "azimuth", "time", "speed")
            assert np.array_equal(found, [theirs[n] for n in names], equal_nan=True)
            assert (ours.shape, ours.fit_status) == (theirs["shape_int"], theirs["fit_status_int"])
            params = f"{fit}Params"
            assert (params in frame) == (params in expected["fits"])
            if params in frame:
                assert {n: getattr(frame[params], n) for n in frame[params].names} == pytest.approx(
                    {n: expected["fits"][params][n] for n in frame[params].names}, rel=0
                )
            checked += 1
    assert checked > 2

    def blobs(path):
        return [(frame.stop, [(k, frame.raw(k)) for k in frame.own_keys()]) for frame in ic.open_i3(path)]

    assert blobs(tmp_path / "same.i3") == blobs(path)
    booked = ic.open_dataset(tmp_path / "booked")
    converted = ic.convert.i3(
        tmp_path / "more.i3", tmp_path / "converted", keys="LF*", pulses=key, gcd=geometry, jobs=1
    )
    assert booked.schema.equals(converted.schema, check_metadata=True)
    assert booked.scan().collect().equals(converted.scan().collect())
