"""Frames of versions 1 to 4 are found where they stand among others, and damage to them is said."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from framing import Frame, frame_of_version_3, frame_of_version_4, scan

from icecol.errors import DamagedFileError
from icecol.i3.container.compression import Raw
from icecol.i3.container.raw import raw_frames
from icecol.i3.container.scanner import Scanner


def test_all_files_of_old_versions_are_read(shared_data: Path) -> None:
    versions = {}
    for path in sorted((shared_data / "i3" / "regression").rglob("*.i3")):
        frames = list(raw_frames(path))
        assert frames, path
        versions.setdefault(path.parent.name, set()).update(f.version for f in frames)
        assert all(f.objects for f in frames), path
    assert versions == {"r29378": {3}, "r51782": {5}}


@pytest.mark.parametrize("folder", ["r29378", "r51782"])
@pytest.mark.slow
def test_old_files_one_after_another_are_read_in_batches_of_any_size(shared_data: Path, folder: str) -> None:
    paths = sorted((shared_data / "i3" / "regression" / folder).glob("*.i3"))
    data = b"".join(p.read_bytes() for p in paths)
    wanted = [(f.stop, tuple(tuple(s) for s in f.objects)) for p in paths for f in raw_frames(p)]
    for times, batch_bytes in ((1, 1), (1, 1 << 20), (400, 1 << 16)):
        found, damages, _ = scan(data * times, batch_bytes=batch_bytes)
        assert damages == []
        assert [f for _, f in found] == wanted * times


@pytest.mark.parametrize("make", [frame_of_version_3, frame_of_version_4])
@pytest.mark.parametrize("batch_bytes", [1000, 1 << 20])
@pytest.mark.slow
def test_old_frames_are_read_in_any_number_and_carried_as_new_ones_are(make, batch_bytes: int) -> None:
    frames: list[Frame] = [("G", (("geo", "t", b"g"),))]
    for i in range(700):
        frames.append(("Q", tuple((f"key{k}", "t", bytes([i & 255]) * 40) for k in range(60))))
        frames.append(("P", (("phys", "t", bytes([i & 255])),)))
    data = b"".join(make(s, list(o)) for s, o in frames)
    assert len(data) > 2 << 20
    scanner = Scanner(Raw(io.BufferedReader(io.BytesIO(data))), batch_bytes=batch_bytes)
    found = []
    for batch in scanner.batches():
        pairs = batch.names.pairs()
        stops = bytes(batch.stop).decode()
        for i in range(batch.fresh, len(stops)):
            objects = tuple(
                (*pairs[batch.pair[j]], batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes())
                for j in range(batch.first[i], batch.first[i + 1])
            )
            found.append((stops[i], objects))
            if stops[i] == "P":
                q = stops.rindex("Q", 0, i)
                assert batch.buf[batch.at[batch.first[q]]] == objects[0][2][0]
                assert "G" in stops[:i]
    assert scanner.damages == []
    assert found == frames


@pytest.mark.slow
def test_old_frames_with_more_objects_than_the_first_table_holds_are_read() -> None:
    frames: list[Frame] = [("P", tuple((f"key{k}", "t", b"v") for k in range(500)))] * 300
    data = b"".join(frame_of_version_3(s, list(o), 0) for s, o in frames)
    found, damages, _ = scan(data, batch_bytes=1 << 24)
    assert damages == []
    assert [f for _, f in found] == frames


@pytest.mark.parametrize(
    ("name", "n"),
    [
        # one frame of a hundred numbers; the checksums of these versions are not known, so that of a corrupt file
        # only what breaks the walk is seen
        ("truncated_hundred_doubles-v3", 0), ("corrupt_hundred_doubles-v3", 1),
        ("truncated_hundred_doubles-v4", 1), ("corrupt_hundred_doubles-v4", 0),
    ],
)  # fmt: skip
def test_icetrays_damaged_files_give_their_frame_or_a_damage(shared_data: Path, name: str, n: int) -> None:
    path = shared_data / "i3" / "damaged" / f"{name}.i3.gz"
    damages: list = []
    assert [len(f.objects) for f in raw_frames(path, damages=damages)] == [100] * n
    assert len(damages) == 1 - n
    if damages:
        with pytest.raises(DamagedFileError, match="frame 0 at byte 0"):
            list(raw_frames(path))
