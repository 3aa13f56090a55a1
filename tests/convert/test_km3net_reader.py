"""KM3NeT's detector files, `detx`, and its offline files, which are compared with km3io where that is installed."""

from __future__ import annotations

import math
import struct
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


def datx(version=b"V5", comments=(b"GIT 17", b"ROOT 6")):
    """The detector of `MODULES`, binary."""

    def text(words):
        return struct.pack("<i", len(words)) + words

    parts = [b"####" + text(one) for one in comments]
    parts += [struct.pack("<i", 23), text(version), struct.pack("<dd", 1, 9)]
    parts += [text(b"UTM"), text(b"WGS84"), text(b"32N"), struct.pack("<ddd", 1, 2, 3), struct.pack("<i", 2)]
    for number, unit, n in ((11, 3, 1), (12, 4, 2)):
        parts.append(struct.pack("<iii8dii", number, unit, unit - 2, 1, 2, 3, 1, 0, 0, 0, 0.5, 0, n))
        parts += [struct.pack("<i7di", 1, 1.5, 2.5, 3.5, 0.0, 0.6, -0.8, 10.0, 0)] * n
    return b"".join(parts)


def test_binary_detector_files_have_what_those_of_text_have(tmp_path):
    (tmp_path / "a.detx").write_text(MODULES[5])
    (tmp_path / "a.datx").write_bytes(datx())
    told, found = read_detx(tmp_path / "a.detx"), read_detx(tmp_path / "a.datx")
    assert found.geometry.equals(told.geometry)
    assert found.geometry.medium == "water"
    for name in ("module", "unit", "floor"):
        assert getattr(found, name).tolist() == getattr(told, name).tolist()


def test_a_real_detector_is_the_same_in_both_forms():
    one, other = (read_detx(Path(data()(f"{s}/KM3NeT_00000133_20221025.{s}"))) for s in ("datx", "detx"))
    assert len(one.geometry) == 11_718
    for name in ("module", "unit", "floor"):
        assert (getattr(one, name) == getattr(other, name)).all()
    for name in ("omkey", "x", "y", "z"):
        assert (getattr(one.geometry, name) == getattr(other.geometry, name)).all()
    axes = [np.stack([getattr(d.geometry, f"dir_{c}") for c in "xyz"]) for d in (one, other)]
    assert axes[0] == pytest.approx(axes[1] / np.linalg.norm(axes[1], axis=0), abs=1e-12)  # of text: 6 digits


@pytest.mark.parametrize("name", ["a.detx", "a.datx"])
def test_detector_files_that_end_anywhere_are_damaged(name, tmp_path):
    path, whole = tmp_path / name, MODULES[3].encode() if name == "a.detx" else datx(comments=[b"GIT"])
    ends = range(30, len(whole) - 40, 7) if name == "a.detx" else range(5, len(whole), 7)
    for end in ends:
        path.write_bytes(whole[:end])
        with pytest.raises(FormatError, match=rf"{name} is not a detector file of KM3NeT, or damaged"):
            read_detx(path)
    path.write_bytes(datx() + b"\0" * 64)
    with pytest.raises(FormatError, match="64 bytes are left"):
        read_detx(path)


def test_binary_detector_files_of_other_versions_say_what_to_do(tmp_path):
    path = tmp_path / "a.datx"
    path.write_bytes(datx(b"V4"))
    with pytest.raises(UnsupportedError, match=r"version 'V4', of which only 'V5' .*JConvertDetectorFormat"):
        read_detx(path)


@pytest.mark.parametrize("whole", [MODULES[3].encode(), datx()], ids=["text", "binary"])
def test_a_detector_file_is_not_taken_for_events(whole, tmp_path):
    (tmp_path / "a").write_bytes(whole)
    with pytest.raises(UnsupportedError, match="give it as `gcd`"):
        ic.convert.files(tmp_path / "a", tmp_path / "a.icecol", jobs=1)


TRIGGERED = {
    "id": [0, 1, -1], "run_id": [7, 7, 7], "det_id": [23] * 3, "mc_t": [0.5, 1.5, 2.5],
    "trigger_mask": [1, 2, (1 << 63) + 1], "t.fSec": [1704067200, 1704067199, 1704067200],
    "t.fNanoSec": [500, 999_999_999, 0], "w": [[1.0, 2.0], [], [3.0]],
    "hits.dom_id": [[12, 12, 11], [], [11]], "hits.channel_id": [[1, 0, 0], [], [0]],
    "hits.tot": [[20, 21, 255], [], [1]], "hits.trig": [[1, 0, 3], [], [0]],
    "hits.t": [[5.5, 6.5, 7.5], [], [1e9]], "hits.a": [[0.0, 2.5, -1.0], [], [1.0]],
    "mc_hits.t": [[1.0], [], [2.0]], "mc_hits.a": [[2.0], [], [1.0]], "mc_hits.pmt_id": [[5], [], [6]],
    "mc_hits.origin": [[1], [], [2]],
    "trks.id": [[1, 2], [], [3]], "trks.E": [[10.0, 20.0], [], [30.0]], "trks.type": [[0, 0], [], [0]],
    "trks.lik": [[1.0, 2.0], [], [3.0]], "trks.dir.x": [[0.0, -1.0], [], [0.0]],
    "trks.dir.y": [[0.0, 0.0], [], [0.0]], "trks.dir.z": [[-2.0, 0.0], [], [0.0]],
    "mc_trks.E": [[1e3], [2e3], [3e3]], "mc_trks.type": [[14], [-13], [12]],
    "mc_trks.dir.x": [[0.0], [0.0], [0.0]], "mc_trks.dir.y": [[-1.0], [1.0], [0.0]],
    "mc_trks.dir.z": [[0.0], [0.0], [1.0]],
}  # fmt: skip
"""Three events as a file has them: the second has neither hits nor tracks, the third no number."""
KINDS = {"dom_id": "i4", "channel_id": "u4", "tot": "u4", "trig": "i4", "trigger_mask": "u8", "pmt_id": "i4"}


def written(path, columns, tree="E"):
    """Write columns as a tree, plain: of objects of KM3NeT's classes uproot writes none."""
    uproot, ak = pytest.importorskip("uproot"), pytest.importorskip("awkward")
    arrays = {}
    for name, values in columns.items():
        whole = all(isinstance(v, int) for row in values for v in (row if isinstance(row, list) else [row]))
        kind = KINDS.get(name.rpartition(".")[2], "i4" if whole else "f8")
        jagged = isinstance(values[0], list) if values else "." in name and name[0] != "t"
        arrays[name] = (
            ak.values_astype(ak.Array([np.array(v, kind) for v in values]), kind)
            if jagged
            else np.array(values, kind)
        )
    with uproot.recreate(path) as file:
        file.mktree(
            tree, {n: a.dtype if isinstance(a, np.ndarray) else a.type.content for n, a in arrays.items()}
        )
        if len(next(iter(columns.values()))):
            file[tree].extend(arrays)
    return path


@pytest.fixture
def made(tmp_path):
    (tmp_path / "a.datx").write_bytes(datx())
    path = written(tmp_path / "a.root", TRIGGERED)
    return ic.convert.files(path, tmp_path / "made.icecol", gcd=tmp_path / "a.datx", jobs=1)


def test_hits_are_pulses_of_the_modules_of_the_detector_file(made):
    events = made.scan().collect()
    assert events["hits.omkey"].to_list() == [
        [4 << 16 | 2 << 8 | 1, 4 << 16 | 2 << 8, 3 << 16 | 1 << 8],
        [],
        [3 << 16 | 1 << 8],
    ]
    assert events["hits.time"].to_list() == TRIGGERED["hits.t"]
    assert events["hits.width"].to_list() == TRIGGERED["hits.tot"]
    assert events["hits.charge"].to_list() == [[1.0, 2.5, 1.0], [], [1.0]]  # without an amplitude 1 PE
    assert events["hits.dom_id"].to_list() == TRIGGERED["hits.dom_id"]
    assert events["hits.trig"].to_list() == TRIGGERED["hits.trig"]
    assert events["hits.flags"].to_list() == [None] * 3
    assert events["mc_hits.charge"].to_list() == TRIGGERED["mc_hits.a"]
    assert events["mc_hits.pmt_id"].to_list() == TRIGGERED["mc_hits.pmt_id"]
    assert made.geometry.medium == "water"
    assert made.pulse_keys == ("hits",)


def test_directions_are_where_tracks_come_from(made):
    events = made.scan().collect()
    zenith, azimuth = events["trks.zenith"].to_list(), events["trks.azimuth"].to_list()
    assert zenith[0] == pytest.approx([0.0, math.pi / 2])
    assert azimuth[0][1] == pytest.approx(0.0, abs=1e-15)
    assert zenith[1] == []
    assert math.isnan(zenith[2][0])  # a track without a direction has none
    assert math.isnan(azimuth[2][0])
    assert events["mc_trks.zenith"].to_list() == [[math.pi / 2], [math.pi / 2], [math.pi]]
    assert events["mc_trks.azimuth"].to_list()[:2] == [[math.pi / 2], [3 * math.pi / 2]]
    assert events["mc_trks.pdg_encoding"].to_list() == TRIGGERED["mc_trks.type"]
    assert "trks.pdg_encoding" not in events.columns  # of a fit it says nothing
    assert events["trks.logl"].to_list() == TRIGGERED["trks.lik"]


def test_headers_have_numbers_and_times(made):
    events = made.scan().collect()
    assert events["I3EventHeader.event_id"].to_list() == [0, 1, None]
    assert events["I3EventHeader.run_id"].to_list() == [7] * 3
    assert events["I3EventHeader.start_time_utc_year"].to_list() == [2024, 2023, 2024]
    assert events["I3EventHeader.start_time_utc_daq_time"].to_list() == [5000, 365 * 86_400 * 10**10 - 10, 0]
    assert [str(t)[:29] for t in events["I3EventHeader.start_time"].cast(str)][:2] == [
        "2024-01-01 00:00:00.000000500",
        "2023-12-31 23:59:59.999999999",
    ]
    assert events["Evt.trigger_mask"].to_list() == TRIGGERED["trigger_mask"]
    assert events["Evt.mc_t"].to_list() == TRIGGERED["mc_t"]
    assert events["Evt.w"].to_list() == TRIGGERED["w"]


def test_keys_and_batches_of_a_tree_are_what_was_asked_for(tmp_path, made, monkeypatch):
    monkeypatch.setattr("icecol.convert.km3net_reader.BATCH_EVENTS", 2)
    args = {"gcd": tmp_path / "a.datx", "jobs": 1}
    pieces = ic.convert.files(tmp_path / "a.root", tmp_path / "b.icecol", **args)
    assert pieces.scan().collect().equals(made.scan().collect())
    some = ic.convert.files(tmp_path / "a.root", tmp_path / "c.icecol", keys=["mc_*"], **args)
    assert {name.partition(".")[0] for name in some.schema.names} == {"I3EventHeader", "mc_hits", "mc_trks"}
    with pytest.warns(UserWarning, match="keys='nothing'"):
        ic.convert.files(tmp_path / "a.root", tmp_path / "d.icecol", keys=["hits", "nothing"], **args)


def test_files_without_events_and_of_other_trees_are_told_apart(tmp_path):
    (tmp_path / "a.datx").write_bytes(datx())
    args = {"gcd": tmp_path / "a.datx", "jobs": 1}
    none = written(tmp_path / "none.root", {name: [] for name in TRIGGERED})
    with pytest.warns(UserWarning, match=r"none\.root has no events"):
        assert ic.convert.files(none, tmp_path / "a.icecol", allow_empty=True, **args).rows == 0
    for tree, columns in (("T", TRIGGERED), ("E", {"x": [1.0]})):
        other = written(tmp_path / "other.root", columns, tree)
        with pytest.raises(UnsupportedError, match=f"not an offline file of KM3NeT .it has '{tree}'"):
            ic.convert.files(other, tmp_path / "b.icecol", **args)


def test_a_module_that_the_detector_file_lacks_is_named(tmp_path):
    (tmp_path / "a.datx").write_bytes(datx())
    path = written(tmp_path / "a.root", {**TRIGGERED, "hits.dom_id": [[12, 99, 11], [], [11]]})
    with pytest.raises(FormatError, match="lacks module 99: give the one of the run"):
        ic.convert.files(path, tmp_path / "a.icecol", gcd=tmp_path / "a.datx", jobs=1)


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
