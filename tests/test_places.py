from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import icecol as ic
from icecol.errors import UnsupportedError
from icecol.places import Remote, expanded, is_remote, local, place, recorded

SIGNED = "https://me:pass@example.org/2016/a.i3.zst?X-Amz-Signature=abc123&X-Amz-Expires=60"


@pytest.mark.parametrize("name", ["a.i3", "/data/a.i3", "./s3/a.i3", "a:b.i3", "kernels.py:f"])
def test_what_has_no_scheme_is_a_local_path(name):
    assert place(name) == Path(name)
    assert local(name) == Path(name)


@pytest.mark.parametrize("url", ["s3://bucket/a/b.i3.zst", "https://example.org/a/b.i3.zst"])
def test_a_url_survives_pathlib(url):
    assert str(place(Path(url))) == url
    assert place(url) == place(Path(url))


def test_a_file_url_is_a_local_path():
    assert place("file:///data/a.i3") == Path("/data/a.i3")


def test_a_remote_place_has_the_parts_of_a_path():
    one = place("s3://bucket/2016/Level2.i3.zst")
    assert (one.name, one.suffix, one.stem, str(one.parent)) == (
        "Level2.i3.zst", ".zst", "Level2.i3", "s3://bucket/2016",
    )  # fmt: skip
    assert [str(p) for p in list(one.parents)[:1]] == ["s3://bucket/2016"]
    assert str(one.parent / "b" / "c d.i3") == "s3://bucket/2016/b/c d.i3"
    assert str(place("https://e.org/x/") / "c d.i3") == "https://e.org/x/c%20d.i3"
    assert not one.is_dir()
    assert one.absolute() is one


@pytest.mark.parametrize("url", ["gs://bucket/a.i3", "abfs://c/a.i3", "root://eos/a.i3", "ftp://e.org/a.i3"])
def test_other_stores_are_refused_by_name(url):
    with pytest.raises(UnsupportedError, match=f"^{url} cannot be read: icecol reads local files, s3://"):
        place(url)


def test_nothing_shows_what_is_secret_in_a_url():
    one = place(SIGNED)
    told = f"{one} {one!r} {one.parent} {one / 'b'} {one.__fspath__()} {Path(one)}"
    assert is_remote(one)
    assert not [word for word in ("pass", "me:", "abc123", "60") if word in told]
    assert "https://example.org/2016/a.i3.zst?X-Amz-Signature=…&X-Amz-Expires=…" in told
    assert one.url == SIGNED
    assert pickle.loads(pickle.dumps(one)).url == SIGNED


@given(st.text("abcdef0123456789", min_size=12), st.text("ghijkl", min_size=12))
def test_no_value_of_a_query_and_no_password_is_shown(value, password):
    told = str(Remote(f"https://user:{password}@e.org/a.i3?sig={value}&{value}"))
    assert value not in told
    assert password not in told


def test_a_signed_url_is_not_written_into_a_plan():
    with pytest.raises(ValueError, match="cannot be an input of a job") as caught:
        recorded(SIGNED)
    assert "abc123" not in str(caught.value)


def test_a_name_without_a_pattern_stands_for_itself_and_asks_nothing():
    assert expanded(Remote("s3://bucket/a.i3")) == [Remote("s3://bucket/a.i3")]


def test_a_pattern_of_a_web_server_is_refused():
    with pytest.raises(UnsupportedError, match="does not list its files: name each of them"):
        ic.open_i3("https://example.org/*.i3")


EVENTS = ic.sim.events(3, seed=1)
OUTPUTS = {
    "write_i3": lambda to: ic.write_i3(to, []),
    "sim.write": lambda to: ic.sim.write(to, EVENTS),
    "sim.to_dataset": lambda to: ic.sim.to_dataset(EVENTS, to),
    "convert": lambda to: ic.convert.i3(__file__, to),
    "append": lambda to: ic.convert.append(to, []),
    "compact": ic.convert.compact,
    "geometry": lambda to: ic.Geometry.nominal().write_parquet(to),
    "tray": ic.tray.write,
    "plan": lambda to: ic.batch.plan({"inputs": [__file__]}, to),
}


@pytest.mark.parametrize("mangled", [False, True], ids=["url", "Path"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_nothing_is_written_to_a_store(name, mangled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    to = "s3://icecube/x.i3"
    with pytest.raises(
        UnsupportedError, match=r"cannot [a-z ]+ s3://icecube/x.i3: object stores are only read"
    ):
        OUTPUTS[name](Path(to) if mangled else to)
    assert not list(tmp_path.iterdir())
