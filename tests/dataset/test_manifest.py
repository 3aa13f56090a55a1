from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol.dataset import manifest as manifests
from icecol.dataset import schema as schemas
from icecol.dataset.manifest import Damage, LeftOut, Manifest, Part, Source
from icecol.errors import DatasetError

SCHEMA = pa.schema(
    [
        schemas.field("A.x", pa.float64(), unit="m", doc="where"),
        schemas.field("P.time", pa.list_(pa.float64())),
    ]
)
counts = st.integers(0, 2**60)
parts = st.builds(
    Part,
    path=st.from_regex(r"events/\w{1,9}\.parquet", fullmatch=True),
    rows=counts,
    bytes=counts,
    checksum=st.text(),
    run_range=st.none() | st.tuples(counts, counts),
    sources=st.lists(st.text()).map(tuple),
)
sources = st.builds(
    Source,
    path=st.text(),
    size=counts,
    modified=counts,
    checksum=st.text(),
    events=counts,
    frames_read=counts,
    frames_skipped=counts,
    stops=st.dictionaries(st.text(), counts),
    streams=st.dictionaries(st.text(), counts),
    damage=st.lists(st.builds(Damage, counts, counts, st.text())).map(tuple),
    orphans=counts,
    left_out=st.lists(st.builds(LeftOut, st.text(), st.text(), counts)).map(tuple),
    has_geometry=st.booleans(),
    notes=st.lists(st.text()).map(tuple),
)
settings = st.dictionaries(
    st.text(), st.none() | st.booleans() | counts | st.text() | st.lists(counts), max_size=4
)


@given(
    st.lists(parts, max_size=3, unique_by=lambda part: part.path).map(tuple),
    st.lists(sources, max_size=3).map(tuple),
    settings,
)
def test_a_manifest_reads_back_as_it_was_written(tmp_path_factory, parts, sources, settings):
    path = tmp_path_factory.getbasetemp() / "manifest.json"
    before = Manifest(SCHEMA, parts, sources, settings)
    manifests.write(before, path)
    after = manifests.read(path)
    assert after == before
    assert after.schema.equals(SCHEMA, check_metadata=True)


def test_people_can_read_the_columns(tmp_path):
    manifests.write(Manifest(SCHEMA), tmp_path / "manifest.json")
    columns = json.loads((tmp_path / "manifest.json").read_text())["columns"]
    assert columns[0] == {"name": "A.x", "type": "double", "unit": "m", "doc": "where"}


def test_rows_and_bytes_are_those_of_the_parts():
    manifest = Manifest(SCHEMA, (Part("a", 3, 100), Part("b", 4, 10)))
    assert (manifest.rows, manifest.bytes) == (7, 110)


def test_a_newer_schema_version_is_refused_with_advice(tmp_path):
    path = tmp_path / "manifest.json"
    manifests.write(Manifest(SCHEMA, icecol_version="9.9", schema_version=manifests.SCHEMA_VERSION + 1), path)
    with pytest.raises(DatasetError, match=r"icecol 9\.9.*update icecol"):
        manifests.read(path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema_version": 1}', '{"schema_version": "x"}'])
def test_what_is_no_manifest_is_said_to_be_none(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DatasetError, match=r"manifest\.json"):
        manifests.read(tmp_path / "manifest.json")


def test_a_failed_write_keeps_what_was_there_and_leaves_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "manifest.json"
    manifests.write(Manifest(SCHEMA), path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        manifests.write(Manifest(SCHEMA, settings={"nfiles": 1}), path)
    assert manifests.read(path).settings == {}
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


def test_a_manifest_of_version_1_is_read(tmp_path):
    """Its sources told in sentences what they were; damage becomes a fact again."""
    old = {
        "schema_version": 1,
        "icecol_version": "0.0.9",
        "settings": {"keys": None, "nfiles": 2},
        "parts": [
            {"path": "events/part-0-0.parquet", "rows": 3, "bytes": 99, "run_range": [1, 2], "sources": ["/a.i3"]}
        ],
        "sources": [
            {
                "path": "/a.i3", "size": 5, "checksum": "crc32c:00000000", "frames_read": 9, "frames_skipped": 1,
                "frames_damaged": 1, "events": 3, "status": "damaged",
                "messages": [
                    "/a.i3: frame 4 at byte 1234: wrong checksum: it says: no",
                    "/a.i3: 2 physics frames are without their DAQ frame, which is lost to damage: null",
                    "Fit: not converted in 2 objects: cut",
                    "streams seen: Ice, Split 3",
                ],
            },
            {
                "path": "/b.i3", "size": 5, "checksum": "", "frames_read": 0, "frames_skipped": 0,
                "frames_damaged": 0, "events": 0, "status": "failed", "messages": [],
            },
        ],
        "columns": [],
        "schema": schemas.to_text(SCHEMA),
    }  # fmt: skip
    (tmp_path / "manifest.json").write_text(json.dumps(old))
    found = manifests.read(tmp_path / "manifest.json")
    a, b = found.sources
    assert (a.path, a.size, a.events, a.frames_read, a.frames_skipped) == ("/a.i3", 5, 3, 9, 1)
    assert a.damage == (Damage(1234, 4, "wrong checksum: it says: no"),)
    assert a.describe()[0] == "/a.i3: frame 4 at byte 1234: wrong checksum: it says: no"
    assert a.notes == tuple(old["sources"][0]["messages"][1:])
    assert (a.status, b.status) == ("damaged", "damaged")
    assert found.parts == (Part("events/part-0-0.parquet", 3, 99, "", (1, 2), ("/a.i3",)),)
    assert (found.rows, found.settings, found.schema_version) == (3, {"keys": None, "nfiles": 2}, 1)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("schema_version",), 0),
        (("schema_version",), -1),
        (("schema_version",), "2"),
        (("schema_version",), True),
        (("settings",), [1]),
        (("parts", 0, "rows"), "12"),
        (("parts", 0, "rows"), -1),
        (("parts", 0, "bytes"), 1.5),
        (("parts", 0, "path"), "/etc/passwd"),
        (("parts", 0, "path"), "../other/part.parquet"),
        (("parts", 0, "path"), "events/../../other.parquet"),
        (("parts", 0, "path"), None),
        (("parts", 1, "path"), "events/a.parquet"),
        (("parts", 0, "run_range"), 5),
        (("sources", 0, "events"), "3"),
        (("sources", 0, "size"), None),
        (("sources",), 7),
        (("parts",), None),
        (("schema",), "AAAA"),
    ],
)
def test_an_entry_that_cannot_be_is_an_error_that_names_the_manifest(tmp_path, where, value):
    path = tmp_path / "manifest.json"
    both = tuple(Part(f"events/{name}.parquet", 3, 100, "crc32c:00000000") for name in "ab")
    manifests.write(Manifest(SCHEMA, both, (Source("/a.i3", 10),)), path)
    found = json.loads(path.read_text())
    *inside, last = where
    target = found
    for step in inside:
        target = target[step]
    target[last] = value
    path.write_text(json.dumps(found))
    with pytest.raises(DatasetError, match=r"manifest\.json .*(restore it|convert again)"):
        manifests.read(path)


def test_a_manifest_that_is_no_text_is_a_damaged_one(tmp_path):
    path = tmp_path / "manifest.json"
    manifests.write(Manifest(SCHEMA), path)
    path.write_bytes(path.read_bytes().replace(b"unit", b"\xff\xfe\x80t", 1))
    with pytest.raises(DatasetError, match="restore it"):
        manifests.read(path)
