"""Files without events, of other formats, with odd objects: what is there becomes rows, and the rest is told."""

from __future__ import annotations

import importlib
import io
import tarfile
import warnings
import zlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import icecol as ic
from icecol.errors import (
    DamagedFileError,
    FormatError,
    SchemaError,
    TrayError,
    UnknownStreamError,
    UnsupportedError,
)
from icecol.i3.archive import class_name, encode, new
from icecol.i3.classes import type_name
from icecol.i3.container.compression import compressor
from icecol.i3.container.raw import RawFrame, encode_frame, raw_frames
from icecol.i3.frames.frame import as_object


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[RawFrame]:
    path = tmp_path_factory.mktemp("odd") / "muons.i3"
    ic.sim.write(path, ic.sim.events(10, seed=1))
    return list(raw_frames(path))


def encoded(frames: list[RawFrame], more: Any = lambda _i: ()) -> bytes:
    """Frames with further objects (key, object or bytes) in the physics frames."""
    out, i = [], 0
    for frame in frames:
        objects = [(s.key, s.type_name, s.blob) for s in frame.objects]
        if frame.stop == "P":
            for key, value in more(i):
                blob = value if isinstance(value, bytes) else encode(as_object(value))
                objects.append((key, type_name(class_name(blob)), blob))
            i += 1
        out.append(encode_frame(frame.stop, objects))
    return b"".join(out)


def file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def n_rows(path: Path) -> int:
    return int(ic.scan_i3(path).select(pl.len()).collect().item())


# -- no events --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip_damaged", [False, True])
@pytest.mark.parametrize("allow_empty", [False, True])
def test_a_file_that_is_no_i3_file_makes_no_dataset(tmp_path, frames, skip_damaged, allow_empty):
    text = file(tmp_path / "a.txt", b"hello world\0" * 50)
    options = {"skip_damaged": skip_damaged, "allow_empty": allow_empty, "jobs": 1}
    with pytest.raises(DamagedFileError, match=r"a\.txt: frame 0 at byte 0: .* no dataset was made"):
        ic.convert.i3(text, tmp_path / "d", **options)
    assert not (tmp_path / "d").exists()
    assert ic.convert.i3(file(tmp_path / "a.i3", encoded(frames)), tmp_path / "d", **options).rows == 10


def test_files_without_events_are_an_error_or_an_empty_dataset_on_request(tmp_path, frames):
    path = file(tmp_path / "q.i3", encoded([f for f in frames if f.stop != "P"]))
    with pytest.raises(UnknownStreamError, match="no 'P' frame in 1 files; stops seen: 'Q'"):
        ic.convert.i3(path, tmp_path / "d", jobs=1)
    ds = ic.convert.i3(path, tmp_path / "d", jobs=1, allow_empty=True)
    assert (ds.rows, ds.manifest.sources[0].stops) == (0, {"Q": 10})
    assert ic.open_dataset(ds.path).scan().collect().height == 0
    both = [path, file(tmp_path / "a.i3", encoded(frames))]
    assert ic.convert.i3(both, tmp_path / "e", jobs=1, allow_empty=True).rows == 10
    with pytest.raises(UnknownStreamError, match="no event of sub-event stream 'Typo'"):
        ic.convert.i3(both[1], tmp_path / "f", jobs=1, allow_empty=True, streams=["InIceSplit", "Typo"])


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0"])
def test_a_file_without_frames_is_told(tmp_path, frames, content):
    paths = [file(tmp_path / "empty.i3", content), file(tmp_path / "a.i3", encoded(frames))]
    with pytest.warns(UserWarning, match=r"empty\.i3 has no events \(\d+ bytes\)"):
        assert ic.convert.i3(paths, tmp_path / "d", jobs=1).rows == 10


def test_no_files_at_all_are_told(tmp_path):
    for use in (lambda: ic.convert.i3([], tmp_path / "d"), lambda: ic.scan_i3([])):
        with pytest.raises(ValueError, match="no files to"):
            use()


@pytest.mark.parametrize("batch", [1, 10 << 20])
def test_events_without_any_column_are_rows(tmp_path, monkeypatch, frames, batch):
    monkeypatch.setattr(importlib.import_module("icecol.convert.i3_reader"), "BATCH_BYTES", batch)
    bare = encode_frame("P", []) * 3
    path = file(tmp_path / "bare.i3", bare)
    ds = ic.convert.i3(path, tmp_path / "d", jobs=1)
    assert (ds.rows, ds.scan().collect().rows()) == (3, [(None,)] * 3)
    both = [path, file(tmp_path / "a.i3", encoded(frames))]
    found = ic.convert.i3(both, tmp_path / "e", jobs=1)
    assert found.rows == found.scan().collect().height == 13
    assert found.scan().select(pl.col("I3EventHeader.run_id").null_count()).collect().item() == 3
    assert n_rows(file(tmp_path / "one.i3", bare + encoded(frames))) == 13
    with pytest.raises(SchemaError, match="no object in the events of 1 files can become columns"):
        ic.scan_i3(path)


# -- odd objects ------------------------------------------------------------------------------------------------------


BATCHES = pytest.mark.parametrize("batch", [1, 10 << 20], ids=["small batches", "one batch"])


def among_pulses(path, frames, monkeypatch, batch, other, is_other):
    """Write a file with an object of another class among pulses of one key, to be read in batches of some bytes."""
    for module, name in [
        ("icecol.convert.i3_reader", "BATCH_BYTES"),
        ("icecol.convert.live", "BATCH_BYTES"),
        ("icecol.i3.container.scanner", "_STEP"),
    ]:
        monkeypatch.setattr(importlib.import_module(module), name, batch)
    pulses = next(s.blob for f in frames for s in f.objects if s.key == "InIcePulses")
    long = as_object("." * (1 << 18))  # longer than what is read at once
    return file(
        path, encoded(frames, lambda i: [("K", encode(other) if is_other(i) else pulses), ("Long", long)])
    )


@pytest.mark.parametrize(("odd", "batch"), [(0, 10 << 20), (1, 10 << 20), (1, 1)])
def test_an_object_with_a_column_named_as_one_of_the_pulses_is_told(
    tmp_path, monkeypatch, frames, odd, batch
):
    path = among_pulses(
        tmp_path / "a.i3", frames, monkeypatch, batch, new("I3Particle"), lambda i: i % 5 == odd
    )
    with pytest.warns(
        UserWarning, match="K: 2 objects not converted: it is of class I3Particle, and pulses in other"
    ):
        ds = ic.convert.i3(path, tmp_path / "d", jobs=1)
    assert ds.scan().select(pl.col("K.time").null_count()).collect().item() == 2
    assert len(ds.tables["K"]["time"]) == 8  # as tableio has it: no row for an event without the key
    lazy = ic.scan_i3(path)
    with warnings.catch_warnings(record=True) as untold:
        warnings.simplefilter("always")
        assert lazy.select("InIcePulses.time").collect().height == 10
    assert not [w for w in untold if "K: " in str(w.message)]  # the query did not ask for it
    with pytest.warns(UserWarning, match="K: ") as told:
        assert lazy.select("K.time", "K.charge").collect().null_count().row(0) == (2, 2)
    assert [str(w.message) for w in told if "K: " in str(w.message)] == [
        f"{path}: K: 2 objects not converted: it is of class I3Particle, and pulses in other events"
    ]
    with pytest.warns(UserWarning, match="K: [12] objects? not converted"):  # a query that stops early, too
        assert lazy.select("K.time").head(odd + 1).collect()["K.time"].null_count() == 1
    with pytest.raises(FormatError, match="'K' is an object of class I3Particle, not a pulse series"):
        [frame.pulses("K") for frame in ic.open_i3(path) if frame.stop == "P"]
    with pytest.raises(TrayError, match="of 'K', an object of class I3Particle"):
        ic.Tray().add(path).add(ic.reco.linefit, pulses="K", output="Fit", gcd=ic.Geometry.nominal()).run()


def test_pulses_under_a_key_that_was_a_particle_in_an_earlier_batch_are_refused(
    tmp_path, monkeypatch, frames
):
    path = among_pulses(tmp_path / "a.i3", frames, monkeypatch, 1, new("I3Particle"), lambda i: i < 5)
    with pytest.raises(
        SchemaError, match=r"double in some events of .*a\.i3 but list<.*> in others.*leave out the key"
    ):
        ic.convert.i3(path, tmp_path / "d", jobs=1)
    with (
        pytest.warns(UserWarning, match="too late to be scanned: "),
        pytest.raises(
            (SchemaError, pl.exceptions.ComputeError), match=r"'K\.time'.* but list<.*leave out the key"
        ),
    ):
        ic.scan_i3(path).select("K.time").collect()
    assert ic.convert.i3(path, tmp_path / "d", jobs=1, keys="I3EventHeader", pulses="InIcePulses").rows == 10


@BATCHES
@pytest.mark.parametrize("odd", [0, 1])
def test_a_number_among_pulses_of_one_key_has_a_column_of_its_own(tmp_path, monkeypatch, frames, odd, batch):
    path = among_pulses(tmp_path / "a.i3", frames, monkeypatch, batch, as_object(2.5), lambda i: i % 5 == odd)
    found = ic.convert.i3(path, tmp_path / "d", jobs=1).scan().select("K.value", "K.time").collect()
    assert found["K.value"].to_list() == [2.5 if i % 5 == odd else None for i in range(10)]
    assert found["K.time"].is_null().equals(found["K.value"].is_not_null())


@pytest.mark.parametrize("values", [[{"a": 1.5}, 2.5], [2.5, {"a": 1.5}], [{"a": 1.5}, [1.0, 2.0]]])
@pytest.mark.parametrize("batch", [1, 10 << 20])
def test_a_key_that_is_a_map_here_and_of_another_class_there_has_the_columns_of_both(
    tmp_path, monkeypatch, frames, values, batch
):
    monkeypatch.setattr(importlib.import_module("icecol.convert.i3_reader"), "BATCH_BYTES", batch)
    path = file(tmp_path / "a.i3", encoded(frames, lambda i: [("K", values[i // 5])]))
    ds = ic.convert.i3(path, tmp_path / "d", jobs=1)
    assert ds.scan().select(pl.col("K.a", "K.value").count()).collect().row(0) == (5, 5)


def test_of_a_key_that_is_in_a_frame_twice_the_last_counts_and_it_is_told(tmp_path, frames):
    content = encoded(frames, lambda i: [("K", 1.5), ("K", 2.5 + i)])
    path = file(tmp_path / "a.i3", content)
    with pytest.warns(
        UserWarning, match="K: 10 objects not converted: it is in a frame twice, and the last one"
    ):
        ds = ic.convert.i3(path, tmp_path / "d", jobs=1)
    columns = ds.scan().collect()["K.value"].to_list()
    with pytest.warns(UserWarning, match=r"a\.i3: frame 1 has 'K' more than once: the last one counts"):
        assert (
            columns
            == [f["K"].value for f in ic.open_i3(path) if f.stop == "P"]
            == [2.5 + i for i in range(10)]
        )


def test_of_a_key_that_is_inherited_and_twice_there_the_last_counts(tmp_path, frames):
    daq, physics = frames[:2]
    objects = [(s.key, s.type_name, s.blob) for s in daq.objects]
    objects += [("K", "", encode(as_object(value))) for value in (1.5, 2.5, 3.5)]
    content = encode_frame("Q", objects) + encoded([physics] * 2)
    path = file(tmp_path / "a.i3", content)
    with pytest.warns(UserWarning, match="K: 4 objects not converted"):
        ds = ic.convert.i3(path, tmp_path / "d", jobs=1)
    assert ds.scan().collect()["K.value"].to_list() == [3.5, 3.5]
    with pytest.warns(UserWarning, match=r"frame 0 has 'K' more than once"):
        assert [f["K"].value for f in ic.open_i3(path) if f.stop == "P"] == [3.5, 3.5]


def test_bytes_left_over_are_refused_by_frames_and_columns_alike(tmp_path, frames):
    for name in ("I3MCTree", "I3Particle", "I3MapStringDouble", "I3RecoPulseSeriesMap"):
        blob = encode(new(name)) + b"more"
        path = file(tmp_path / "a.i3", encoded(frames, lambda _i, blob=blob: [("K", blob)]))
        with pytest.raises(FormatError, match="4 extra bytes"):
            next(f for f in ic.open_i3(path) if f.stop == "P")["K"]
        with pytest.warns(UserWarning, match="K: 10 objects not converted"):
            ds = ic.convert.i3(path, tmp_path / "d", jobs=1, overwrite=True)
        assert all(n == 10 for n in ds.scan().select(r"^K\..*$").null_count().collect().row(0))
        with pytest.warns(UserWarning, match=r"a\.i3(, in the first events)?: K: 10 objects not converted"):
            found = ic.scan_i3(path).collect()
        assert all(found[name].null_count() == 10 for name in found.columns if name.startswith("K."))


def test_a_frame_whose_header_is_of_another_class_is_not_selected(tmp_path, frames):
    path = file(tmp_path / "a.i3", encoded(frames))
    ds = ic.convert.i3(path, tmp_path / "d", jobs=1)
    wrong = encode_frame("P", [("I3EventHeader", "", encode(as_object(1.5)))])
    other = file(tmp_path / "b.i3", encoded(frames[:2]) + wrong)
    with pytest.warns(UserWarning, match="9 events are not in the files"):
        assert ic.convert.to_i3(ds, other, tmp_path / "out.i3") == {tmp_path / "out.i3": 1}


# -- archives and other formats ---------------------------------------------------------------------------------------


def packed(content: bytes, codec: str) -> bytes:
    out = io.BytesIO()
    stream = compressor(out, codec)
    stream.write(content)
    stream.close()
    return out.getvalue()


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as out:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_packed_members_of_an_archive_are_read_beside_plain_ones(tmp_path, frames, name):
    content = encoded(frames)
    suffixes = {"": "raw", ".gz": "gzip", ".bz2": "bzip2", ".zst": "zstd", ".xz": "xz"}
    members = {f"x/{codec}.i3{end}": packed(content, codec) for end, codec in suffixes.items()}
    path = archive(tmp_path / name, {"readme.txt": b"text", **members, "b.zst": b"not asked for"})
    assert n_rows(path) == ic.convert.i3(path, tmp_path / "d", jobs=1).rows == 50


def test_damage_in_a_packed_member_names_it(tmp_path, frames):
    content = packed(encoded(frames), "zstd")
    path = archive(tmp_path / "a.tar", {"a.i3.zst": content, "b.i3.zst": content[:-100], "c.i3.zst": content})
    with pytest.raises(
        DamagedFileError, match=r"in 'b\.i3\.zst'; what follows it in the archive was not read"
    ):
        ic.convert.i3(path, tmp_path / "d", jobs=1)
    assert ic.open_dataset(tmp_path / "d").rows >= 10


@pytest.mark.parametrize("skip_damaged", [False, True])
def test_another_format_is_named_and_not_skipped_as_damage(tmp_path, frames, skip_damaged):
    good = file(tmp_path / "good.i3", encoded(frames))
    wrong = {
        "an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(600),
        "a zip archive": b"PK\x03\x04" + good.read_bytes(),
        "compressed by lz4": b"\x04\x22\x4d\x18" + bytes(600),
        "a web page": b"\n<!DOCTYPE HTML><html>404</html>",
        "a ROOT file": packed(b"root" + bytes(600), "gzip"),
        "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\n",
        "compressed twice: decompressed once, it is still zstd": packed(
            packed(good.read_bytes(), "zstd"), "gzip"
        ),
        "compressed by zlib": zlib.compress(encoded(frames)),
        "text: it begins with 'run,event": b"run,event\n1,2\n",
    }
    for what, content in wrong.items():
        path = file(tmp_path / "wrong.i3", content)
        with pytest.raises(UnsupportedError, match=rf"wrong\.i3 is not an \.i3 file but {what}"):
            ic.convert.i3([good, path], tmp_path / "d", jobs=1, skip_damaged=skip_damaged)
        for use in (ic.scan_i3, lambda p: next(ic.open_i3(p, skip_damaged=skip_damaged))):
            with pytest.raises(UnsupportedError, match=what):
                use(path)
    path = archive(tmp_path / "a.tar", {"a.txt": b"text"})
    with pytest.raises(
        UnsupportedError, match=r"a\.tar is a tar archive without \.i3 files; its members: 'a\.txt'"
    ):
        ic.convert.i3(path, tmp_path / "e", jobs=1, skip_damaged=skip_damaged)
