"""Sensors from the geometry, calibration and status frames of an .i3 file."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from icecol.detector.geometry import Geometry
from icecol.errors import GeometryError, did_you_mean, naming
from icecol.i3 import archive
from icecol.i3.archive.objects import Record
from icecol.i3.container.raw import raw_frames
from icecol.places import place

BAD_DOMS = ("BadDomsList", "BadDomsListSLC")
"""Keys of lists of bad sensors, of which the first found is used."""


_MOST_NAMED: Final = 5


def read_geometry(path: str | Path) -> Geometry:
    """Read the geometry of a detector from a GCD file, or from a file that `Geometry.write_parquet` wrote.

    Positions, directions, areas and types of the PMTs come from the I3Geometry. The I3Calibration provides relative
    efficiencies and which PMTs are calibrated, the I3DetectorStatus high voltages, and the list of bad DOMs which are
    bad, as far as the file has them.

    Parameters
    ----------
    path
        A GCD file (.i3, whatever its compression), or a Parquet file with the suffix `.parquet`.

    Returns
    -------
    Geometry
        One row per PMT; those whose position the file does not know are left out, with a warning.

    Raises
    ------
    GeometryError
        The file has no geometry, or one with numbers that do not fit into an omkey.

    Examples
    --------
    >>> import icecol as ic, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "GCD.i3.gz"
    >>> ic.sim.write_gcd(path, ic.Geometry.nominal())
    >>> ic.convert.read_geometry(path)
    Geometry(5160 sensors on 86 strings)
    """
    if place(path).suffix == ".parquet":
        return Geometry.read_parquet(path)
    objects = read_objects(path, WANTED)
    with naming(path):
        return from_objects(objects)


WANTED = ("I3Geometry", "I3Calibration", "I3DetectorStatus", *BAD_DOMS)
"""Keys that a geometry is made from."""


def read_objects(path: str | Path, wanted: Collection[str]) -> dict[str, Any]:
    """Decode the first object of each key in the geometry, calibration and status frames of a file.

    Reading stops at the first other frame after an I3Geometry.

    Raises
    ------
    GeometryError
        The file has no I3Geometry, or only differences to another file.
    """
    found: dict[str, Any] = {}
    keys: set[str] = set()
    for frame in raw_frames(path):
        if frame.stop not in "GCD":
            if "I3Geometry" in keys:
                break
            continue
        keys |= {span.key for span in frame.objects}
        for span in reversed(frame.objects):  # of a key that is there twice, the last counts
            if span.key in wanted and span.key not in found:
                found[span.key] = archive.decode(span.blob)
    if "I3GeometryDiff" in keys:
        msg = f"{path} has only what differs from a baseline GCD file (I3GeometryDiff): give a GCD file"
        raise GeometryError(msg)
    if "I3Geometry" not in keys:
        msg = f"{path} has no I3Geometry; {did_you_mean('I3Geometry', keys, 'keys of its G, C and D frames')}"
        raise GeometryError(msg)
    return found


@lru_cache(maxsize=2)
def gcd_objects(path: str) -> dict[str, bytes]:
    """Return the serialised objects of the geometry, calibration and status frames of a file; none for a table."""
    if path.endswith(".parquet"):
        return {}
    return {
        span.key: span.blob for frame in raw_frames(path) if frame.stop in "GCD" for span in frame.objects
    }


def from_objects(objects: Mapping[str, Any]) -> Geometry:
    """Make the geometry of decoded objects by their keys: I3Geometry, those of the sensors, list of bad sensors."""
    geometry, calibration = objects["I3Geometry"], objects.get("I3Calibration")
    bad = next((objects[key] for key in BAD_DOMS if key in objects), None)
    items = _located(sorted(geometry.omgeo.items()))
    keys = [key for key, _ in items]
    columns: dict[str, Any] = {
        "string": np.array([k.string for k in keys], np.int32),
        "om": np.array([k.om for k in keys], np.int32),
        "pmt": np.array([k.pmt for k in keys], np.int32),
        "x": np.array([g.position.x for _, g in items], np.float64),
        "y": np.array([g.position.y for _, g in items], np.float64),
        "z": np.array([g.position.z for _, g in items], np.float64),
        "area": np.array([g.area for _, g in items], np.float64),
        "om_type": np.array([int(g.omtype) for _, g in items], np.int32),
    }
    looks = np.array([_direction(g) for _, g in items], np.float64).reshape(-1, 3)
    columns |= {f"dir_{axis}": looks[:, i] for i, axis in enumerate("xyz")}
    if calibration is not None:
        known = calibration.dom_cal
        columns["calibrated"] = np.array([k in known for k in keys], bool)
        columns["relative_efficiency"] = np.array(
            [getattr(known[k], "relative_dom_eff", np.nan) if k in known else np.nan for k in keys],
            np.float64,
        )
    status = objects.get("I3DetectorStatus")
    if isinstance(status, Record):
        known = status.dom_status
        columns["pmt_hv"] = np.array(
            [getattr(known[k], "pmt_hv", np.nan) * 1e9 if k in known else 0.0 for k in keys], np.float64
        )
    if bad is not None:
        listed = set(bad.value if hasattr(bad, "value") else bad)
        columns["bad"] = np.array([k in listed for k in keys], bool)
    return Geometry.from_columns(columns)


def _located(items: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Leave out sensors without a position, and say so."""
    found = [(k, g) for k, g in items if all(math.isfinite(getattr(g.position, axis)) for axis in "xyz")]
    if missing := sorted({k for k, _ in items} - {k for k, _ in found}):
        named = ", ".join(f"({k.string}, {k.om}, {k.pmt})" for k in missing[:_MOST_NAMED])
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        what = f"{len(missing)} of {len(items)} PMTs of the geometry have no position"
        if not found:
            msg = f"{what}: there is none left"
            raise GeometryError(msg)
        warnings.warn(f"{what} and are left out: {named}{more}", stacklevel=4)
    return found


def _direction(om: Any) -> tuple[float, float, float]:
    """Return the direction a sensor faces, its rotated z axis; I3OMGeo version 0 has up, down, or nothing."""
    turned = getattr(om, "orientation", None)
    if turned is None:
        return (0.0, 0.0, {1: 1.0, -1: -1.0}.get(int(om.old_orientation), np.nan))
    q = turned.quaternion
    return (2 * (q.x * q.z + q.w * q.y), 2 * (q.y * q.z - q.w * q.x), 1 - 2 * (q.x * q.x + q.y * q.y))
