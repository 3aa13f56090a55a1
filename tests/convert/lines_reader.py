"""A reader of a form of text files: what one has to write for a form of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from icecol.convert import Found, Reader
from icecol.dataset import schema as schemas
from icecol.dataset.manifest import Damage


@dataclass(frozen=True)
class Lines(Reader):
    """Reads files of lines `run event energy time,time,...`."""

    scale: float = 1.0

    def settings(self) -> dict[str, Any]:
        return {"form": "lines", "scale": self.scale}

    def read(self, path: Path, file: BinaryIO, found: Found) -> Iterator[pa.Table]:
        rows: list[tuple[Any, ...]] = []
        for line in file:
            found.bytes += len(line)
            try:
                run, event, energy, times = line.decode().rstrip("\n").split(" ")
                pulses = [float(t) for t in times.split(",") if t]
                rows.append((int(run), int(event), float(energy) * self.scale, pulses))
            except ValueError as err:
                found.damage.append(Damage(found.bytes - len(line), found.frames, str(err)))
            found.frames += 1
        fields = [
            schemas.field("I3EventHeader.run_id", pa.uint32()),
            schemas.field("I3EventHeader.event_id", pa.uint32()),
            schemas.field("Fit.energy", pa.float64(), "GeV", "energy"),
            schemas.field("Hits.time", pa.list_(pa.float64()), "ns"),
        ]
        columns = list(zip(*rows, strict=True)) or [()] * len(fields)
        yield pa.table([pa.array(c, f.type) for c, f in zip(columns, fields, strict=True)], pa.schema(fields))
