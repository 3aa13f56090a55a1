"""Reading the Parquet files of Prometheus: one row per event, with its photons and its truth.

A photon becomes a pulse of 1 PE. The sensors are those that have photons; the medium is in the configuration.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from icecol.convert.hdf5_reader import unused_keys
from icecol.convert.positions import Sensors, modules_per_string, names_of_positions
from icecol.convert.rows import Column, listed, plain, pulses, unknown
from icecol.convert.source import Detector, Found, Reader
from icecol.convert.stores import open_parquet
from icecol.dataset import schema as schemas
from icecol.names import matches

PHOTONS: Final = ("photons", "total")
"""Names of the column with the photons, in newer and older versions."""
TRUTH: Final = "mc_truth"
CONFIG: Final = b"config_prometheus"
BATCH_EVENTS: Final = 1024
_UNITS: Final = {"energy": "GeV", "zenith": "rad", "azimuth": "rad", "x": "m", "y": "m", "z": "m"}


@dataclass(frozen=True, slots=True)
class PrometheusReader(Reader):
    """Reads the Parquet files of Prometheus."""

    keys: tuple[str, ...] | None = None
    whole_detector = False

    def settings(self) -> dict[str, Any]:
        """Return the options, and the name of the form."""
        return {"form": "Prometheus", "keys": None if self.keys is None else list(self.keys)}

    def read(self, path: Path, file: BinaryIO, found: Found) -> Iterator[pa.Table]:  # noqa: ARG002
        """Yield tables of events. Their number is their place in the file."""
        config = _config(path)
        run = config.get("run", {}).get("run number")
        per_string = _per_string(path)
        found.has_geometry = True
        at = 0
        for batch in open_parquet(path).iter_batches(BATCH_EVENTS):
            n = batch.num_rows
            made: list[Column] = []
            if isinstance(run, int) and 0 <= run < 1 << 32:
                column = schemas.field("I3EventHeader.run_id", pa.uint32(), "", "run number")
                made.append((column, pa.array(np.full(n, run, np.uint32))))
            column = schemas.field(
                "I3EventHeader.event_id", pa.uint32(), "", "place of the event in its file"
            )
            made.append((column, pa.array(np.arange(at, at + n, dtype=np.uint32))))
            for key in batch.schema.names:
                if self.keys is None or matches(key, self.keys):
                    values = bare(batch.column(key))
                    made += _photons(key, values, per_string) if key in PHOTONS else _truth(key, values)
            at += n
            found.frames = at
            found.bytes += batch.nbytes
            yield pa.Table.from_arrays([a for _, a in made], schema=pa.schema([f for f, _ in made]))

    def detector(self, path: Path) -> Detector | None:
        """Collect the sensors that have photons."""
        sensors, per_string = Sensors(), _per_string(path)
        names = names_of_positions(_members(path)) or {}
        for rows in _rows(path, names.values()):
            values = {name: rows[column] for name, column in names.items()}
            sensors.add({**values, "om": values["om"] - values["string"] * per_string})
        geometry = sensors.geometry(medium(path))
        return None if geometry is None else Detector(geometry)

    def unused(self, columns: Sequence[str]) -> list[str]:
        """List the patterns of keys that match no column."""
        return unused_keys(self.keys, columns)


def bare(array: pa.Array) -> pa.Array:
    """Return an array without the extension types that awkward marks its arrays by, at any depth."""
    if isinstance(array.type, pa.BaseExtensionType):
        return bare(array.storage)
    if pa.types.is_struct(array.type):
        names = [array.type[i].name for i in range(array.type.num_fields)]
        return pa.StructArray.from_arrays([bare(array.field(name)) for name in names], names)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        offsets = np.asarray(array.offsets)
        values = bare(array.values).slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
        return pa.ListArray.from_arrays(pa.array((offsets - offsets[0]).astype(np.int32)), values)
    return array


def medium(path: Path) -> str:
    """Return the medium that the photons were propagated in: of ice, or of water."""
    propagator = _config(path).get("photon propagator", {})
    name = str(propagator.get("name", "")).lower() if isinstance(propagator, dict) else ""
    return "water" if name == "olympus" else "ice"


def _config(path: Path) -> dict[str, Any]:
    try:
        found = json.loads((open_parquet(path).metadata.metadata or {}).get(CONFIG, b"{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _photons(key: str, values: pa.Array, per_string: int) -> list[Column]:
    rows, counts = _flat(values)
    if per_string:
        rows["sensor_id"] = rows["sensor_id"] - rows["string_id"] * per_string
    own, used = pulses(key, rows)
    positions = names_of_positions(rows) or {}
    rest = [name for name in rows if name not in {*used, *positions.values()}]
    own += [(schemas.field(f"{key}.{n}", (array := pa.array(rows[n])).type), array) for n in rest]
    return listed(own, counts) + unknown(key, own, counts.size)


def _flat(values: pa.Array) -> tuple[dict[str, Any], Any]:
    """Return the members of photons, one after the other, and the number of them in each event."""
    names = [values.type[i].name for i in range(values.type.num_fields)]
    lists = {name: bare(values.field(name)) for name in names}
    counts = plain(lists[names[0]].value_lengths()).astype(np.int64)
    return {name: plain(array.flatten()) for name, array in lists.items()}, counts


def _truth(key: str, values: pa.Array) -> list[Column]:
    if not pa.types.is_struct(values.type):
        return [(schemas.field(key, values.type), values)]
    made = []
    for i in range(values.type.num_fields):
        name, array = values.type[i].name, bare(values.field(i))
        made.append(
            (schemas.field(f"{key}.{name}", array.type, _UNITS.get(name.rpartition("_")[2], "")), array)
        )
    return made


def _photon_column(path: Path) -> tuple[str, pa.DataType]:
    schema = open_parquet(path).schema_arrow
    key = next(name for name in PHOTONS if name in schema.names)
    return key, schema.field(key).type


def _members(path: Path) -> list[str]:
    """Return the names of what is known about a photon."""
    _, photons = _photon_column(path)
    while isinstance(photons, pa.BaseExtensionType):
        photons = photons.storage_type
    return [photons[i].name for i in range(photons.num_fields)]


def _rows(path: Path, members: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield some members of the photons, of some events after the other."""
    key, dtype = _photon_column(path)
    # an extension type, of which awkward makes its columns, is read as a whole or not at all
    columns = [f"{key}.{m}" for m in dict.fromkeys(members)] if pa.types.is_struct(dtype) else [key]
    for batch in open_parquet(path).iter_batches(BATCH_EVENTS, columns=columns):
        yield _flat(bare(batch.column(key)))[0]


def _per_string(path: Path) -> int:
    members = ("string_id", "sensor_id")
    return modules_per_string([rows[name] for name in members] for rows in _rows(path, members))


__all__ = ["PrometheusReader", "bare", "medium"]
