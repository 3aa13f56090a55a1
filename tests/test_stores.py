from __future__ import annotations

import json
import logging
import pickle
import re

import polars as pl
import pytest
from object_server import over_http, over_s3, upload

import icecol as ic
from icecol import files, stores
from icecol.batch.chunks import chunks_of, opened
from icecol.errors import DatasetError, UnsupportedError
from icecol.places import place

pytest.importorskip("aiohttp", reason="the extra [remote] is not installed")

SECRET = "X-Amz-Signature=abc123"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two files and the dataset of them."""
    folder = tmp_path_factory.mktemp("made")
    for run in (7, 8):
        ic.sim.write(folder / f"run{run}.i3.zst", ic.sim.events(20, seed=run), run_id=run)
    ds = ic.convert.i3(f"{folder}/*.i3.zst", folder / "runs.icecol", jobs=1, settings={"livetime": 10.0})
    return folder, ds


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(stores, "WAITS", (0.0, 0.0))
    with over_http() as objects:
        yield objects


def answers(ds):
    """What one asks of a dataset, by name."""
    events = ic.with_features(ds.scan(), Q=ic.reco.charge(ds.pulses("InIcePulses")))
    cuts = ic.Cuts(bright=pl.col("Q.total") > 10)
    return {
        "events": ds.scan().collect(),
        "some": ds.scan().filter(pl.col("I3EventHeader.run_id") == 8).select("MCPrimary.zenith").collect(),
        "features": events.select("^Q\\..*$").collect(),
        "hist": ic.hist.fill(events, ic.hist.regular("Q.total", 5, 0, 100)).values(),
        "cutflow": str(ic.cutflow(events, cuts)),
        "runs": ds.runs,
        "geometry": ds.geometry.table(),
        "livetime": ic.facts(ds.scan()).livetime,
    }


def same(a, b):
    assert a.keys() == b.keys()
    for name, value in a.items():
        equal = value.equals(b[name]) if isinstance(value, pl.DataFrame) else str(value) == str(b[name])
        assert equal, name


def test_a_dataset_of_a_web_server_gives_the_same_answers(made, server):
    _folder, ds = made
    remote = ic.open_dataset(server.put(ds.path, "runs.icecol"))
    assert server.told() == [
        ("GET", "/runs.icecol/manifest.json", len((ds.path / "manifest.json").read_bytes()))
    ]
    same(answers(remote), answers(ds))
    assert {method for method, path, _ in server.told() if path.endswith(".parquet")} == {"GET", "HEAD"}
    remote.verify()


def test_frames_of_a_web_server_are_those_of_the_file(made, server):
    folder, _ = made
    path = folder / "run7.i3.zst"
    url = server.put(path, "run7.i3.zst")
    with ic.open_i3(path) as here, ic.open_i3(url) as there:
        assert [frame.encoded() for frame in there] == [frame.encoded() for frame in here]
    assert server.told() == [("HEAD", "/run7.i3.zst", 0), ("GET", "/run7.i3.zst", path.stat().st_size)]


def test_a_conversion_reads_each_file_once(made, server, tmp_path):
    folder, ds = made
    urls = [server.put(folder / f"run{run}.i3.zst", f"run{run}.i3.zst") for run in (7, 8)]
    there = ic.convert.i3(urls, tmp_path / "b.icecol", jobs=1)
    assert there.scan().collect().equals(ds.scan().collect())
    assert [s.path for s in there.manifest.sources] == urls
    assert [s.checksum for s in there.manifest.sources] == [s.checksum for s in ds.manifest.sources]
    asked = server.told()
    assert sum(n for _, _, n in asked) == sum((folder / f"run{r}.i3.zst").stat().st_size for r in (7, 8))
    assert sum(method == "GET" for method, _, _ in asked) == 2


def test_a_batch_runs_over_urls(made, server):
    folder, ds = made
    url = server.put(ds.path, "runs.icecol")
    parts = chunks_of(url, 1)
    assert [chunk.inputs for chunk in parts] == [chunk.inputs for chunk in chunks_of(ds, 1)]
    files = chunks_of([server.put(folder / f"run{run}.i3.zst", f"run{run}.i3.zst") for run in (7, 8)], 1)
    for several in (parts, files):
        n = 0
        for chunk in several:
            with opened(chunk) as one:
                n += _count(one)["n"]
        assert n == ds.rows


def _count(ds):
    return {"n": ds.scan().select(pl.len()).collect().item()}


@pytest.fixture
def blocks(monkeypatch, server):
    """Ranges of 1,000 bytes, and an object of 2,500."""
    monkeypatch.setattr(stores, "BLOCK", 1000)
    server.content["/a.bin"] = bytes(range(250)) * 10
    return server


def test_ranges_add_up_to_the_object(blocks):
    with place(f"{blocks.url}/a.bin").open("rb", buffering=0) as file:
        pieces = [file.read(100) for _ in range(25)]
        assert file.read(1) == b""
        file.seek(-3, 2)
        assert file.read() == b"\xf7\xf8\xf9"
    assert b"".join(pieces) == blocks.content["/a.bin"]
    assert sum(method == "GET" for method, _, _ in blocks.told()) <= 4


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2000, 2001])
def test_objects_of_any_size_are_read_whole(blocks, size):
    content = bytes(i % 251 for i in range(size))
    blocks.content["/b.bin"] = content
    with files.Input(f"{blocks.url}/b.bin") as one:
        assert one.file.read() == content
        assert one.finish().size == size


def test_a_body_that_ends_early_is_asked_for_again(blocks):
    blocks.cut = 2
    with place(f"{blocks.url}/a.bin").open("rb") as file:
        assert file.read() == blocks.content["/a.bin"]


def test_a_body_that_always_ends_early_is_an_error(blocks):
    blocks.cut = 100
    with (
        place(f"{blocks.url}/a.bin").open("rb") as file,
        pytest.raises(OSError, match=r"a\.bin cannot be read"),
    ):
        file.read()


@pytest.mark.parametrize("matches", [True, False], ids=["knows If-Match", "does not"])
def test_an_object_that_changes_between_ranges_is_an_error(blocks, matches):
    blocks.matches = matches

    def change():
        blocks.content["/a.bin"] = bytes(3000 if not matches else 2500)

    with place(f"{blocks.url}/a.bin").open("rb", buffering=0) as file:
        file.read(10)
        change()
        with pytest.raises(OSError, match=r"a\.bin changed while it was being read"):
            list(iter(lambda: file.read(1000), b""))


def test_an_object_that_changes_after_it_was_read_is_not_recorded(server):
    server.content["/a.bin"] = b"123456789"
    with files.Input(f"{server.url}/a.bin") as one:
        assert one.file.read() == b"123456789"
        server.content["/a.bin"] = b"123456780"
        with pytest.raises(OSError, match="changed while it was being read"):
            one.finish()


def test_a_server_without_ranges_is_named(blocks):
    blocks.ranges = False
    with place(f"{blocks.url}/a.bin").open("rb", buffering=0) as file:
        assert file.read(100) == blocks.content["/a.bin"][:100]
        file.seek(2000)
        with pytest.raises(OSError, match="its server gives no ranges of a file; copy it"):
            file.read(100)


def test_a_dataset_on_a_server_without_ranges_is_an_error_and_not_other_data(made, server):
    _, ds = made
    server.ranges = False
    remote = ic.open_dataset(server.put(ds.path, "runs.icecol"))
    with pytest.raises((OSError, pl.exceptions.PolarsError)):
        remote.scan().collect()


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [(404, FileNotFoundError, "no object"), (403, PermissionError, "may not be read"), (500, OSError, "500")],
)
def test_what_a_server_refuses_says_why(server, status, error, text):
    server.content["/a.i3"] = b"x"
    server.status = status
    with pytest.raises(error, match=text), ic.open_i3(f"{server.url}/a.i3") as frames:
        next(frames)


def test_what_fails_in_passing_is_asked_for_again(server):
    server.content["/a.bin"] = b"123"
    server.status = 503
    waits = iter(range(1))

    def after():
        server.status = 0 if next(waits, None) is None else 503

    server.after = after
    assert place(f"{server.url}/a.bin").read_bytes() == b"123"


def test_a_missing_dataset_is_an_error(server):
    with pytest.raises(
        DatasetError, match=re.escape(f"{server.url}/none.icecol is not a dataset: it has no manifest")
    ):
        ic.open_dataset(f"{server.url}/none.icecol")


def test_a_signature_reaches_the_server_and_nothing_else(made, server, tmp_path, caplog):
    folder, _ = made
    server.secret = SECRET
    url = server.put(folder / "run7.i3.zst", "run7.i3.zst")
    signed = url.replace("://", "://me:hidden@") + "?" + SECRET
    with caplog.at_level(logging.DEBUG):
        ds = ic.convert.i3(signed, tmp_path / "a.icecol", jobs=1)
        with pytest.raises(PermissionError) as caught:
            ic.convert.i3(signed.replace("abc", "abd"), tmp_path / "b.icecol", jobs=1)
        with pytest.raises(DatasetError) as refused:
            ic.open_dataset(signed)
    assert ds.rows == 20
    told = f"{caught.value}{caught.value.__cause__}{refused.value}{caplog.text}{ds.manifest}{ds.describe()}"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for word in ("abc123", "abd123", "hidden"):
        assert word not in told
        assert word.encode() not in kept
    assert (
        json.loads((ds.path / "manifest.json").read_text())["sources"][0]["path"]
        == f"{url}?X-Amz-Signature=…"
    )


def test_files_that_differ_in_what_is_hidden_alone_are_refused(server, tmp_path):
    server.content["/get"] = b""
    with pytest.raises(ValueError, match="several files are"):
        ic.convert.i3([f"{server.url}/get?id=1", f"{server.url}/get?id=2"], tmp_path / "a.icecol", jobs=1)


def test_files_of_other_forms_are_to_be_copied(server, tmp_path):
    server.content["/a.parquet"] = b"PAR1" + bytes(100)
    with pytest.raises(UnsupportedError, match="copy it first"):
        ic.convert.files(f"{server.url}/a.parquet", tmp_path / "a.icecol")


def test_logged_urls_lose_their_secrets():
    assert stores._redacted("GET https://a:b@e.org/x?s=1 404") == "GET https://e.org/x?s=… 404"


# -- S3 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.services
def test_s3_gives_the_same_answers_and_few_requests(made, tmp_path, monkeypatch, caplog):
    folder, ds = made
    with over_s3(monkeypatch) as s3:
        url = upload(ds.path, "data/runs.icecol")
        for run in (7, 8):
            upload(folder / f"run{run}.i3.zst", f"run{run}.i3.zst")
        s3.told()
        remote = ic.open_dataset(url)
        assert [method for method, _, _ in s3.told()] == ["GET", "GET"]  # the manifest, and one listing
        remote.scan(["MCPrimary.*"]).collect()
        assert len(s3.told()) <= 2 * len(ds.manifest.parts)
        same(answers(remote), answers(ds))
        remote.verify()

        several = ic.open_dataset(["s3://icecube/data/*.icecol"])
        assert several.scan().collect().equals(ds.scan().collect())

        s3.told()
        with caplog.at_level(logging.DEBUG):
            there = ic.convert.i3("s3://icecube/run*.i3.zst", tmp_path / "b.icecol", jobs=1)
        assert "Signature" not in caplog.text
        assert "X-Amz-" not in caplog.text
        assert "Credential" not in caplog.text
        assert there.scan().collect().equals(ds.scan().collect())
        asked = s3.told()
        assert sum(method == "GET" for method, path, _ in asked if path.endswith(".zst")) == 2
        kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert b"very-secret" not in kept

        here = ic.batch.run(_count, ds.path, per_chunk=1)
        assert ic.batch.run(_count, url, per_chunk=1) == here
        assert ic.batch.run(_count, "s3://icecube/run*.i3.zst", per_chunk=1) == here
        assert b"very-secret" not in pickle.dumps(remote.scan().serialize())


@pytest.mark.services
def test_s3_errors_say_what_and_where(made, monkeypatch):
    _folder, ds = made
    with over_s3(monkeypatch):
        url = upload(ds.path, "runs.icecol")
        with pytest.raises(FileNotFoundError, match=r"no object s3://icecube/none.i3"):
            next(ic.open_i3("s3://icecube/none.i3"))
        with pytest.raises(DatasetError, match=r"s3://icecube/none.icecol is not a dataset"):
            ic.open_dataset("s3://icecube/none.icecol")
        part = ds.manifest.parts[0].path
        upload(ds.path / "manifest.json", f"runs.icecol/{part}")
        with pytest.raises(DatasetError, match=f"{part} has [0-9,]+ bytes, the manifest says"):
            ic.open_dataset(url)


@pytest.mark.services
def test_an_object_of_s3_that_changes_is_an_error(made, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "BLOCK", 1000)
    with over_s3(monkeypatch):
        path = tmp_path / "a.bin"
        path.write_bytes(bytes(2500))
        url = upload(path, "a.bin")
        with place(url).open("rb", buffering=0) as file:
            file.read(10)
            path.write_bytes(bytes(2499) + b"1")
            upload(path, "a.bin")
            with pytest.raises(OSError, match=r"a\.bin changed while it was being read"):
                list(iter(lambda: file.read(1000), b""))
