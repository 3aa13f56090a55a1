"""The table of all classes (`coverage`) is up to date, and claims what the files show."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from icecol.i3 import archive, coverage
from icecol.i3.archive import reading, types
from icecol.i3.classes import CLASSES, FAMILIES, verified
from icecol.i3.classes.own import OWN
from icecol.i3.container.raw import raw_frames

PAGE = Path(__file__).parents[2] / "docs" / "classes.md"
TABLES = {
    "real": ("real/*", verified.REAL),
    "written": ("*.i3*", verified.WRITTEN),
    "regression": ("regression/*/*", verified.REGRESSION),
}


def test_the_page_is_what_the_layouts_say() -> None:
    assert PAGE.read_text() == coverage.page(), "python -m icecol.i3.coverage > docs/classes.md"


def test_the_page_has_every_class_once() -> None:
    rows = [line.split("`")[1] for line in coverage.page().splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(CLASSES.keys() - OWN)
    assert set(coverage.TITLES) == set(FAMILIES)


def test_only_versions_that_are_read_are_verified() -> None:
    for _, tables in coverage.FILES:
        for table in tables:
            for name, versions in table.items():
                assert set(versions) <= set(range(CLASSES[name].version + 1))


@pytest.mark.parametrize("what", TABLES)
@pytest.mark.slow
def test_what_is_called_verified_is_in_the_files(shared_data: Path, what: str) -> None:
    pattern, claimed = TABLES[what]
    found: dict[str, set[int]] = defaultdict(set)
    for path in sorted((shared_data / "i3").glob(pattern)):
        if path.is_file():
            for frame in raw_frames(path):
                for span in frame.objects:
                    for name, version in versions_in(span.blob).items():
                        found[name].add(version)
    assert {name: tuple(sorted(v)) for name, v in found.items()} == claimed


def versions_in(blob: bytes) -> dict[str, int]:
    """Return all classes of an object, and of those inside, with their versions."""
    reader = archive.Reader(blob)
    reading.reader_of(types.ROOT)(reader)
    names = {slot: types.TYPES[slot] for slot in reader.headers}
    return {name: reader.headers[slot][1] for slot, name in names.items() if isinstance(name, str)}
