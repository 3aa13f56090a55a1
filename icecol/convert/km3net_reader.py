"""Reading KM3NeT's offline files (ROOT, tree `E`) through uproot: hits and tracks, given the detector file.

A hit is a pulse: its width the time over threshold, its charge the amplitude or, where a file has none, 1 PE. Its
sensor is detection unit, floor and channel as string, om and pmt. Directions are where tracks come from, as IceCube's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from icecol.convert.detx import Detector as Modules
from icecol.convert.detx import read_detx
from icecol.convert.hdf5_reader import unused_keys
from icecol.convert.rows import Array, Column, listed, pulses, unknown
from icecol.convert.source import Detector, Found, Reader
from icecol.dataset import schema as schemas
from icecol.detector.geometry import omkey
from icecol.errors import FormatError, GeometryError, needs
from icecol.names import matches

TREE: Final = "E"
BATCH_EVENTS: Final = 1024
HITS: Final = ("hits", "mc_hits")
TRACKS: Final = ("trks", "mc_trks")
_OF_HITS: Final = ("dom_id", "channel_id", "tot", "trig", "t", "a", "origin", "type", "pmt_id")
_OF_TRACKS: Final = {
    "id": ("id", ""), "pos.x": ("x", "m"), "pos.y": ("y", "m"), "pos.z": ("z", "m"), "t": ("time", "ns"),
    "E": ("energy", "GeV"), "len": ("length", "m"), "lik": ("logl", ""), "rec_type": ("rec_type", ""),
    "type": ("pdg_encoding", ""), "status": ("status", ""), "mother_id": ("mother_id", ""),
}  # fmt: skip
_OF_EVENT: Final = (
    "id", "det_id", "mc_id", "run_id", "mc_run_id", "frame_index", "trigger_mask", "trigger_counter", "overlays",
    "mc_t",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Km3netReader(Reader):
    """Reads KM3NeT's offline files; `detx` is the detector file."""

    detx: str | None = None
    keys: tuple[str, ...] | None = None

    def settings(self) -> dict[str, Any]:
        """Return the options, and the name of the form."""
        keys = None if self.keys is None else list(self.keys)
        return {"form": "KM3NeT offline", "gcd": self.detx, "keys": keys}

    def read(self, path: Path, file: BinaryIO, found: Found) -> Iterator[pa.Table]:  # noqa: ARG002
        """Yield tables of events."""
        if self.detx is None:
            msg = "hits of KM3NeT have the number of their module alone: give the detector file (.detx, .datx) as `gcd`"
            raise GeometryError(msg)
        modules = _modules(Path(self.detx))
        found.has_geometry = True
        with open_root(path) as opened:
            tree = opened[f"{TREE}/Evt"] if "Evt" in opened[TREE] else opened[TREE]
            branches = {name.rpartition("/")[2]: name for name in tree.keys(recursive=True)}
            for begin in range(0, tree.num_entries, BATCH_EVENTS):
                end = min(begin + BATCH_EVENTS, tree.num_entries)
                one = _Batch(tree, branches, begin, end, modules)
                table = one.table(self._chosen)
                found.frames += end - begin
                found.bytes += table.nbytes
                yield table

    def detector(self, path: Path) -> Detector | None:  # noqa: ARG002
        """Return the PMTs of the detector file."""
        return None if self.detx is None else Detector(_modules(Path(self.detx)).geometry)

    def unused(self, columns: Sequence[str]) -> list[str]:
        """List the patterns of keys that match no column."""
        return unused_keys(self.keys, columns)

    def _chosen(self, key: str) -> bool:
        return self.keys is None or matches(key, self.keys)


@lru_cache(maxsize=2)
def _modules(path: Path) -> Modules:
    return read_detx(path)


def open_root(path: Path) -> Any:
    """Open a ROOT file.

    Raises
    ------
    MissingDependencyError
        uproot is not installed.
    FormatError
        The file is damaged.
    """
    try:
        import uproot
    except ImportError as err:
        raise needs("uproot", "root", "reading ROOT files") from err  # noqa: EM101
    try:
        return uproot.open(path)
    except (OSError, ValueError, IndexError) as err:
        if isinstance(err, FileNotFoundError | PermissionError):
            raise
        msg = f"{path} is damaged: {err}"
        raise FormatError(msg) from err


def why_not_offline(path: Path) -> str:
    """Say what is in a ROOT file that is not one of KM3NeT's offline files, and what to use; empty if it is one."""
    with open_root(path) as opened:
        names = sorted({name.partition(";")[0].partition("/")[0] for name in opened})
        online = [opened[name] for name in names if name.startswith("KM3NET_")]
        recorded = any(getattr(tree, "num_entries", 0) for tree in online)
        is_tree = TREE in names and any(
            n.rpartition("/")[2] == "hits.t" for n in opened[TREE].keys(recursive=True)
        )
        if is_tree and (opened[TREE].num_entries or not recorded):
            return ""
        if online:
            return "an online file of KM3NeT: convert the offline file made of it, or read it by km3io"
    inside = ", ".join(map(repr, names[:6])) or "nothing"
    return (
        f"not an offline file of KM3NeT (it has {inside}): read it by uproot, and make a dataset of its pulses by "
        "ic.convert.table"
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some events of a tree."""

    tree: Any
    branches: dict[str, str]
    begin: int
    end: int
    modules: Modules

    def table(self, chosen: Any) -> pa.Table:
        made = self._header()
        for key in HITS:
            if chosen(key) and f"{key}.t" in self.branches:
                made += self._hits(key)
        for key in TRACKS:
            if chosen(key) and f"{key}.E" in self.branches:
                made += self._tracks(key)
        if chosen("Evt"):
            made += self._event()
        return pa.Table.from_arrays([a for _, a in made], schema=pa.schema([f for f, _ in made]))

    def _read(self, name: str) -> Any:
        return self.tree[self.branches[name]].array(entry_start=self.begin, entry_stop=self.end)

    def _flat(self, name: str) -> tuple[Array, Array]:
        import awkward as ak

        array = self._read(name)
        return ak.to_numpy(ak.flatten(array)), ak.to_numpy(ak.num(array))

    def _header(self) -> list[Column]:
        made = []
        for member, names in (("run_id", ("run_id",)), ("event_id", ("id",))):
            values = np.asarray(self._read(names[0])).astype(np.int64)
            field = schemas.field(f"I3EventHeader.{member}", pa.uint32(), "", f"Evt.{names[0]}")
            made.append((field, pa.array(values.clip(0), pa.uint32(), mask=values < 0)))
        if {"t.fSec", "t.fNanoSec"} <= self.branches.keys():
            seconds = np.asarray(self._read("t.fSec")).astype(np.int64)
            ns = seconds * 1_000_000_000 + np.asarray(self._read("t.fNanoSec")).astype(np.int64)
            years: Array = np.array([datetime.fromtimestamp(int(s), UTC).year for s in seconds], np.int32)
            begins = np.array([int(datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in years], np.int64)
            stamp = pa.timestamp("ns", tz="UTC")
            doc = "time since the start of the UTC year"
            for name, time, dtype, unit, what in (
                ("start_time_utc_year", years, pa.int32(), "", "UTC year"),
                ("start_time_utc_daq_time", (ns - begins * 1_000_000_000) * 10, pa.int64(), "0.1 ns", doc),
                ("start_time", ns, stamp, "", "UTC"),
            ):
                made.append(
                    (schemas.field(f"I3EventHeader.{name}", dtype, unit, what), pa.array(time).cast(dtype))
                )
        return made

    def _hits(self, key: str) -> list[Column]:
        read = {n: self._flat(f"{key}.{n}") for n in _OF_HITS if f"{key}.{n}" in self.branches}
        counts = read["t"][1]
        rows = {name: values for name, (values, _) in read.items()}
        if key == "mc_hits":
            return self._by_number(key, rows, counts)
        places = self.modules.places(rows["dom_id"])
        floor = self.modules.floor[places]
        flat = {
            "time": rows["t"],
            "charge": np.where(rows["a"] > 0, rows["a"], 1.0) if "a" in rows else np.ones(len(rows["t"])),
            "width": rows["tot"],
            "omkey": omkey(self.modules.unit[places], floor, rows["channel_id"].astype(np.int64)),
        }
        own, _ = pulses(key, flat)
        docs = {"dom_id": "number of the module", "trig": "bits of the triggers that the hit is in"}
        own += [_plain(f"{key}.{n}", rows[n], doc=doc) for n, doc in docs.items() if n in rows]
        return listed(own, counts) + unknown(key, own, counts.size)

    def _by_number(self, key: str, rows: dict[str, Array], counts: Array) -> list[Column]:
        """Return simulated hits, which have a number of their PMT that no detector file tells."""
        names = {
            "t": ("time", "ns"),
            "a": ("charge", "PE"),
            "pmt_id": ("pmt_id", ""),
            "origin": ("origin", ""),
        }
        own = [_plain(f"{key}.{to}", rows[n], unit) for n, (to, unit) in names.items() if n in rows]
        return listed(own, counts)

    def _tracks(self, key: str) -> list[Column]:
        own: list[Column] = []
        counts: Array = np.zeros(self.end - self.begin, np.int64)
        for name, (to, unit) in _OF_TRACKS.items():
            if f"{key}.{name}" in self.branches and not (key == "trks" and name == "type"):
                values, counts = self._flat(f"{key}.{name}")
                own.append(_plain(f"{key}.{to}", values, unit))
        x, y, z = (self._flat(f"{key}.dir.{axis}")[0] for axis in "xyz")
        norm = np.sqrt(x**2 + y**2 + z**2)
        known = norm > 0
        with np.errstate(invalid="ignore", divide="ignore"):
            zenith = np.where(known, np.arccos(np.clip(-z / norm, -1, 1)), np.nan)
        azimuth = np.where(known, np.arctan2(-y, -x) % (2 * np.pi), np.nan)
        own += [_plain(f"{key}.zenith", zenith, "rad"), _plain(f"{key}.azimuth", azimuth, "rad")]
        made = listed(own, counts)
        for name in ("fitinf", "rec_stages"):
            if f"{key}.{name}" in self.branches:
                made += self._nested(f"{key}.{name}")
        return made

    def _nested(self, name: str) -> list[Column]:
        import awkward as ak

        array = self._read(name)
        if array.ndim != 3:
            return []
        values = ak.to_arrow(ak.values_astype(array, np.float64), extensionarray=False)
        dtype = pa.list_(pa.list_(pa.float64()))
        return [(schemas.field(name, dtype), values.cast(dtype))]

    def _event(self) -> list[Column]:
        made = [_plain(f"Evt.{n}", np.asarray(self._read(n))) for n in _OF_EVENT if n in self.branches]
        if "w" in self.branches:
            values, counts = self._flat("w")
            made += listed([_plain("Evt.w", values)], counts)
        return made


def _plain(name: str, values: Array, unit: str = "", doc: str = "") -> Column:
    values = values.astype(values.dtype.newbyteorder("="))
    array = pa.array(values)
    return schemas.field(name, array.type, unit, doc), array


__all__ = ["Km3netReader", "open_root", "why_not_offline"]
