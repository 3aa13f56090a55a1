"""Sensors come from GCD files as IceTray wrote them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import zstandard

import icecol as ic
from icecol.convert.geometry import read_geometry
from icecol.errors import GeometryError
from icecol.i3.archive import OMKey, encode, new, record
from icecol.i3.container.raw import encode_frame


def test_the_sensors_that_icetray_lists_are_read(shared_data: Path) -> None:
    with (shared_data / "truth" / "icetray_written.txt.zst").open("rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(file).read(20_000)
    text = data.decode().splitlines()
    wanted = [line.split()[1:] for line in text if line.startswith("OMGEO ")]
    means = {tuple(map(int, line.split()[1:3])): line.split() for line in text if line.startswith("CAL ")}
    geometry = read_geometry(shared_data / "i3" / "icetray_written.i3.zst")
    assert geometry.omkey.size == len(wanted) == 20
    for i, row in enumerate(wanted):
        assert [geometry.string[i], geometry.om[i], geometry.pmt[i]] == [int(v) for v in row[:3]]
        assert [geometry.x[i], geometry.y[i], geometry.z[i]] == [float(v) for v in row[3:6]]
        assert geometry.om_type[i] == int(row[6])
        assert geometry.area[i] == float(row[8])
        looks = [geometry.dir_x[i], geometry.dir_y[i], geometry.dir_z[i]]
        assert np.allclose(looks, [float(v) for v in row[9:]], atol=1e-15)
        assert geometry.calibrated[i] == ((int(row[0]), int(row[1])) in means and row[2] == "0")


def test_the_nominal_detector_written_by_icetray_is_the_one_built_in(shared_data: Path) -> None:
    geometry = read_geometry(shared_data / "i3" / "GCD_icecube86.i3.gz")
    nominal = ic.Geometry.nominal()
    place = {k: i for i, k in enumerate(nominal.omkey.tolist())}
    common = [i for i, k in enumerate(geometry.omkey.tolist()) if k in place]
    assert len(common) > 5000
    index = [place[int(geometry.omkey[i])] for i in common]
    apart = np.array([getattr(geometry, a)[common] - getattr(nominal, a)[index] for a in "xyz"])
    assert np.abs(apart[2]).max() < 0.02
    # the built-in strings are straight: the survey has the upper part of one half a metre off
    assert np.abs(apart).max() < 0.5
    assert np.mean(np.abs(apart).max(axis=0) < 0.02) > 0.98


def test_what_was_simulated_is_read_back(tmp_path: Path) -> None:
    made = ic.sim.events(1, seed=1).geometry
    ic.sim.files.write_gcd(tmp_path / "gcd.i3.zst", made)
    found = read_geometry(tmp_path / "gcd.i3.zst")
    for name in ("omkey", "x", "y", "z", "om_type"):
        assert np.array_equal(getattr(found, name), getattr(made, name)), name
    for name in ("dir_x", "dir_y", "dir_z", "area", "relative_efficiency"):
        assert np.allclose(getattr(found, name), getattr(made, name), atol=1e-12, equal_nan=True), name
    found.write_parquet(tmp_path / "geometry.parquet")
    assert np.array_equal(read_geometry(tmp_path / "geometry.parquet").x, made.x)


def test_the_first_geometry_counts_and_bad_sensors_are_marked(tmp_path: Path) -> None:
    def geo(z: float) -> bytes:
        om = record("I3OMGeo")()
        om.position.x, om.position.y, om.position.z = 1.0, 2.0, z
        return encode(record("I3Geometry")(omgeo={OMKey(1, 1): om, OMKey(1, 2): om}))

    bad = encode(new("I3VectorOMKey", value=[OMKey(1, 2)]))
    data = encode_frame("G", [("I3Geometry", "t", geo(5.0))]) + encode_frame("D", [("BadDomsList", "t", bad)])
    data += encode_frame("Q", [("x", "t", bad)]) + encode_frame("G", [("I3Geometry", "t", geo(9.0))])
    (tmp_path / "gcd.i3").write_bytes(data)
    found = read_geometry(tmp_path / "gcd.i3")
    assert found.z.tolist() == [5.0, 5.0]
    assert found.bad.tolist() == [False, True]


HERE = new("I3Position", x=0.0, y=0.0, z=0.0)


def test_the_voltage_of_a_sensor_without_status_is_0_and_without_any_status_it_is_not_told(
    tmp_path: Path,
) -> None:
    geo = encode(
        record("I3Geometry")(omgeo={OMKey(1, om): new("I3OMGeo", position=HERE) for om in (1, 2, 3)})
    )
    status = {
        OMKey(1, 1): new("I3DOMStatus", pmt_hv=1300e-9),
        OMKey(1, 3): new("I3DOMStatus", pmt_hv=math.nan),
    }
    detector = encode(new("I3DetectorStatus", dom_status=status))
    g, d = (
        encode_frame("G", [("I3Geometry", "t", geo)]),
        encode_frame("D", [("I3DetectorStatus", "t", detector)]),
    )
    (tmp_path / "gcd.i3").write_bytes(g + d)
    (tmp_path / "g.i3").write_bytes(g)
    assert read_geometry(tmp_path / "gcd.i3").pmt_hv == pytest.approx([1300.0, 0.0, math.nan], nan_ok=True)
    assert np.isnan(read_geometry(tmp_path / "g.i3").pmt_hv).all()


def test_a_file_without_geometry_is_told_with_what_it_has(tmp_path: Path) -> None:
    data = encode_frame("C", [("I3Calibration_", "t", encode(new("I3Int", value=1)))])
    (tmp_path / "gcd.i3").write_bytes(data)
    with pytest.raises(GeometryError, match=r"gcd\.i3 has no I3Geometry; .*'I3Calibration_'"):
        read_geometry(tmp_path / "gcd.i3")


def test_sensors_without_a_position_are_left_out_with_a_warning(tmp_path: Path) -> None:
    def write(name: str, positions: list[tuple[float, float, float]]) -> Path:
        omgeo = {
            OMKey(1, om): new("I3OMGeo", position=new("I3Position", x=x, y=y, z=z))
            for om, (x, y, z) in enumerate(positions, 1)
        }
        (tmp_path / name).write_bytes(
            encode_frame("G", [("I3Geometry", "t", encode(record("I3Geometry")(omgeo=omgeo)))])
        )
        return tmp_path / name

    lost = [(math.nan, 0.0, 0.0), (0.0, -math.inf, 0.0), (0.0, 0.0, math.nan)]
    path = write("some.i3", [(1.0, 2.0, 3.0), *lost, (4.0, 5.0, 6.0), *lost])
    told = (
        r"6 of 8 PMTs of the geometry have no position and are left out: \(1, 2, 0\).*\(1, 7, 0\) and 1 more"
    )
    with pytest.warns(UserWarning, match=told):
        found = read_geometry(path)
    assert found.om.tolist() == [1, 5]
    assert found.z.tolist() == [3.0, 6.0]
    with pytest.raises(
        GeometryError, match=r"none\.i3: 3 of 3 PMTs of the geometry have no position: there is none"
    ):
        read_geometry(write("none.i3", lost))
