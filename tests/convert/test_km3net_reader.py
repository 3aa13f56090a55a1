"""KM3NeT's detector files, `detx`, and its offline files, which are compared with km3io where that is installed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import icecol as ic
from icecol.convert.detx import read_detx
from icecol.errors import FormatError, GeometryError, UnsupportedError

PMT = " 1 1.5 2.5 3.5 0.0 0.6 -0.8 10.0"
POSE = "1. 2. 3. 1 0 0 0 0.0"
MODULES = {
    1: f"23 2\n11 3 1 1\n{PMT}\n12 4 2 2\n{PMT}\n{PMT}\n",
    2: f"23 v2\n1.0 9.0\nUTM WGS84 32N 1.0 2.0 3.0\n2\n11 3 1 1\n{PMT}\n12 4 2 2\n{PMT}\n{PMT}\n",
    3: f"# said\n23 v3\n1.0 9.0\nUTM WGS84 32N 1 2 3\n2\n11 3 1 1\n{PMT} 0\n12 4 2 2\n{PMT} 0\n{PMT} 0\n",
    4: f"23 V4\n1 9\nUTM 1\n2\n11 3 1 {POSE} 1\n{PMT} 0\n12 4 2 {POSE} 2\n{PMT} 0\n{PMT} 0\n",
    5: f"23 V5\n1 9\nUTM 1\n2\n11 3 1 {POSE} 0 1\n{PMT} 0\n12 4 2 {POSE} 0 2\n\n{PMT} 0\n{PMT} 0\n",
}


@pytest.mark.parametrize("version", MODULES)
def test_detector_files_of_all_versions_are_read(version, tmp_path):
    path = tmp_path / "a.detx"
    path.write_text(MODULES[version])
    found = read_detx(path)
    assert found.module.tolist() == [11, 12]
    geometry = found.geometry
    assert geometry.medium == "water"
    assert list(zip(geometry.string, geometry.om, geometry.pmt, strict=True)) == [
        (3, 1, 0),
        (4, 2, 0),
        (4, 2, 1),
    ]
    assert (geometry.x[0], geometry.y[0], geometry.z[0], geometry.dir_y[0], geometry.dir_z[0]) == (
        1.5,
        2.5,
        3.5,
        0.6,
        -0.8,
    )
    assert found.places(np.array([12, 11, 12])).tolist() == [1, 0, 1]
    with pytest.raises(FormatError, match="lacks module 13"):
        found.places(np.array([13]))


def test_detector_files_that_end_early_and_binary_ones_are_named(tmp_path):
    path = tmp_path / "a.detx"
    path.write_text(MODULES[3][:-30])
    with pytest.raises(FormatError, match=r"a\.detx is not a detector file of KM3NeT, or damaged"):
        read_detx(path)
    path.write_bytes(b"##&\0\0\0$")
    with pytest.raises(UnsupportedError, match="JConvertDetectorFormat"):
        read_detx(path)
    path.write_text(MODULES[3])
    with pytest.raises(UnsupportedError, match="give it as `gcd`"):
        ic.convert.files(path, tmp_path / "a.icecol", jobs=1)


def data():
    folder = pytest.importorskip("km3net_testdata", reason="the package km3net-testdata has the files")
    pytest.importorskip("uproot")
    return folder.data_path


@pytest.fixture
def offline(tmp_path):
    path = data()
    return ic.convert.files(
        path("offline/km3net_offline.root"),
        tmp_path / "a.icecol",
        gcd=path("detx/km3net_offline.detx"),
        jobs=1,
    )


def test_hits_and_tracks_are_those_of_km3io(offline):
    km3io = pytest.importorskip("km3io")
    told = km3io.OfflineReader(data()("offline/km3net_offline.root"))
    made = offline.scan().collect()
    assert made["hits.time"].to_list() == told.hits.t.tolist()
    assert made["hits.width"].to_list() == told.hits.tot.tolist()
    assert made["hits.dom_id"].to_list() == told.hits.dom_id.tolist()
    assert [[k & 255 for k in row] for row in made["hits.omkey"].to_list()] == told.hits.channel_id.tolist()
    for name, of in (("energy", "E"), ("x", "pos_x"), ("time", "t"), ("logl", "lik"), ("fitinf", "fitinf")):
        assert made[f"trks.{name}"].to_list() == getattr(told.tracks, of).tolist()
    zenith = np.concatenate(made["trks.zenith"].to_list())
    assert np.cos(zenith) == pytest.approx(-np.concatenate(told.tracks.dir_z.tolist()), abs=1e-12)
    assert made["I3EventHeader.run_id"].to_list() == told.run_id.tolist()


def test_modules_are_found_in_the_detector_file(offline):
    hits = (
        offline.scan()
        .select("hits.omkey", "hits.dom_id")
        .explode("hits.omkey", "hits.dom_id")
        .unique()
        .collect()
    )
    text = Path(data()("detx/km3net_offline.detx")).read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    places = {int(n): (int(unit), int(floor)) for n, unit, floor, _ in (w for w in lines if len(w) == 4)}
    assert all((k >> 16, k >> 8 & 255) == places[m] for k, m in hits.iter_rows())
    assert (offline.geometry.rows(hits["hits.omkey"].to_numpy()) >= 0).all()
    events = ic.with_features(offline.scan(), Fit=ic.reco.linefit(offline.pulses("hits")))
    assert all(0 <= z <= math.pi for z in events.select("Fit.zenith").collect().to_series())


def test_what_is_missing_or_of_another_kind_is_named(tmp_path):
    path = data()
    with pytest.raises(GeometryError, match="give the detector file"):
        ic.convert.files(path("offline/km3net_offline.root"), tmp_path / "a.icecol", jobs=1)
    with pytest.raises(UnsupportedError, match="an online file of KM3NeT"):
        ic.convert.files(path("online/km3net_online.root"), tmp_path / "a.icecol", jobs=1)
