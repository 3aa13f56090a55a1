from __future__ import annotations

import json

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from icecol import sim
from icecol.dataset import schema as schemas
from icecol.dataset import writer as writers
from icecol.dataset.making import making
from icecol.dataset.manifest import Damage, Source
from icecol.dataset.pulses import Pulses
from icecol.dataset.records import record
from icecol.dataset.scan import open_dataset
from icecol.detector.geometry import Geometry
from icecol.errors import DatasetError, GeometryError, MissingColumnError

RUN = "I3EventHeader.run_id"
PULSES = {
    "time": pa.float64(),
    "charge": pa.float32(),
    "width": pa.float32(),
    "flags": pa.uint8(),
    "omkey": pa.int32(),
}


def pulses(key: str, rows: list[list[int] | None]) -> dict[str, pa.Array]:
    return {f"{key}.{name}": pa.array(rows, pa.list_(dtype)) for name, dtype in PULSES.items()}


@pytest.fixture
def dataset(tmp_path):
    """Two parts: the second has a key and a pulse series that the first lacks."""
    tables = [
        pa.table(
            {
                RUN: pa.array([1, 1], pa.uint32()),
                "I3MCWeightDict.OneWeight": [1.0, None],
                **pulses("A", [[1], []]),
            }
        ),
        pa.table(
            {
                RUN: pa.array([2, 2], pa.uint32()),
                "LineFit.zenith": pa.array([0.5, 1.5]),
                **pulses("B.x", [[1, 2], None]),
                "C.time": [[1.0], [2.0]],
            }
        ),
    ]
    with making(tmp_path / "d") as folder:
        for i, table in enumerate(tables):
            path = tmp_path / f"{i}.i3"
            path.touch()
            with writers.part_writer(folder, [path], {}) as writer:
                writer.append(table, str(path))
            damage = (Damage(99, 7, "unexpected end of data"),) if i else ()
            row = {str(path): pa.table({"I3CorsikaInfo.n_events": [5]})} if i else None
            source = Source(str(path), 0, path.stat().st_mtime_ns, events=2, damage=damage)
            record(folder, [source], {}, writer, simulation=row)
        writers.finish(folder, {})
    return open_dataset(tmp_path / "d")


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_a_column_that_some_parts_lack_is_null_there_under_projection_and_predicate(dataset, engine):
    scan = dataset.scan()
    assert scan.collect(engine=engine)["LineFit.zenith"].to_list() == [None, None, 0.5, 1.5]
    assert scan.select("B.x.time").collect(engine=engine)["B.x.time"].to_list() == [None, None, [1, 2], None]
    assert scan.filter(pl.col("LineFit.zenith") > 1).select(RUN).collect(engine=engine)[RUN].to_list() == [2]
    assert scan.filter(pl.col("LineFit.zenith").is_null()).select(RUN).collect(engine=engine)[
        RUN
    ].to_list() == [1, 1]
    one = scan.filter(pl.col(RUN) == 2).select("A.time", "LineFit.zenith").collect(engine=engine)
    assert one.to_dict(as_series=False) == {"A.time": [None, None], "LineFit.zenith": [0.5, 1.5]}
    assert scan.select(pl.len()).collect(engine=engine).item() == 4


def test_the_lazy_schema_is_the_manifests(dataset):
    assert dataset.scan().collect_schema() == schemas.to_polars(dataset.schema)
    assert dataset.scan().collect().schema == schemas.to_polars(dataset.schema)


def test_columns_are_chosen_by_name_and_pattern(dataset):
    assert dataset.columns("LineFit.*") == ["LineFit.zenith"]
    assert dataset.scan(["A.t*", RUN, "A.time"]).collect().columns == ["A.time", RUN]
    with pytest.raises(MissingColumnError, match=r"'LineFit\.zenit'; did you mean 'LineFit\.zenith'"):
        dataset.scan(["LineFit.zenit"])


def test_a_pulse_series_has_all_its_columns(dataset):
    assert dataset.pulse_keys == ("A", "B.x")
    with pytest.raises(MissingColumnError, match=r"'C' is not a pulse series.*'A', 'B\.x'"):
        dataset.pulses("C")
    with pytest.raises(MissingColumnError, match=r"'D' does not exist"):
        dataset.pulses("D")


def test_pulses_have_the_geometry_of_the_dataset(dataset):
    assert dataset.geometry is None
    assert dataset.pulses("A") == Pulses("A", None)
    Geometry.nominal().write_parquet(dataset.path / "geometry.parquet")
    assert dataset.pulses("B.x").geometry.equals(Geometry.nominal())
    assert dataset.pulses("B.x").column("time") in dataset.schema.names


def test_the_description_names_keys_and_damage(dataset):
    text = dataset.describe()
    assert "4 events" in repr(dataset)
    assert "1.i3: frame 7 at byte 99: unexpected end of data" in text
    assert "LineFit: zenith" in text


def test_tables_are_arrays_by_key_and_member_of_events_and_simulation_frames(dataset):
    assert dataset.tables["I3MCWeightDict"]["OneWeight"].tolist() == [1.0]
    assert dataset.tables["I3CorsikaInfo"]["n_events"].tolist() == [5]


def test_what_is_no_dataset_is_explained(tmp_path):
    with pytest.raises(DatasetError, match="does not exist"):
        open_dataset(tmp_path / "absent")
    (tmp_path / "a.i3").touch()
    with pytest.raises(DatasetError, match="is a file"):
        open_dataset(tmp_path / "a.i3")
    with pytest.raises(DatasetError, match=r"no manifest\.json, only 'a\.i3'"):
        open_dataset(tmp_path)


def test_plain_parquet_readers_see_the_events(dataset):
    tables = [pq.read_table(path) for path in sorted((dataset.path / "events").glob("*.parquet"))]
    assert sum(table.num_rows for table in tables) == 4


def test_a_part_that_does_not_fit_the_manifest_is_named(dataset):
    dataset.verify()
    one, two = (dataset.path / part.path for part in dataset.manifest.parts)
    content = two.read_bytes()
    two.write_bytes(content[:-1])
    with pytest.raises(DatasetError, match=rf"{two.name} has .* bytes, the manifest says .*overwrite"):
        open_dataset(dataset.path)
    two.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    with pytest.raises(DatasetError, match=rf"1 of 2 parts .*{two.name} has checksum crc32c:"):
        open_dataset(dataset.path).verify()
    one.unlink()
    with pytest.raises(DatasetError, match=rf"{one.name} is missing.*{two.name} has checksum"):
        dataset.verify()
    with pytest.raises(DatasetError, match=rf"{one.name} is missing"):
        open_dataset(dataset.path)


def test_a_manifest_whose_parts_are_not_all_of_its_events_is_damaged(tmp_path):
    ds = sim.to_dataset(sim.events(4, seed=1), tmp_path / "d")
    path = ds.path / "manifest.json"
    found = json.loads(path.read_text())
    for change in ({"parts": []}, {"sources": [{**found["sources"][0], "events": ds.rows + 1}]}):
        path.write_text(json.dumps(found | change))
        with pytest.raises(DatasetError, match=r"manifest\.json is damaged: its sources have \d+ events"):
            open_dataset(ds.path)


@pytest.mark.parametrize("content", [b"", b"no table"])
def test_a_damaged_table_beside_the_events_is_named(dataset, content):
    (dataset.path / "geometry.parquet").write_bytes(content)
    with pytest.raises(GeometryError, match=r"geometry\.parquet cannot be read as a table of sensors"):
        _ = dataset.geometry
    for name in ("simulation", "calibration", "detector_status", "trigger_status"):
        (dataset.path / f"{name}.parquet").write_bytes(content)
        with pytest.raises(DatasetError, match=rf"{name}\.parquet is damaged"):
            getattr(dataset, name)
