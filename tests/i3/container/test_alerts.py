"""Realtime alerts: made here as IceCube's system makes them, read in every way that .i3 files are, and hostile ones."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import pickle
import pickletools
import re
import sys
import zlib
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from realtime import VALUES, alert, frames_of, packed, pickled, write

import icecol as ic
from icecol.errors import DamagedFileError, FormatError, UnsupportedError
from icecol.i3.container import alerts
from icecol.i3.container.alerts import unpickled
from icecol.i3.container.streams import is_json
from icecol.i3.frames.survey import survey


@pytest.fixture
def message(tmp_path):
    return write(tmp_path / "alert.json", alert())


# -- what is in it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("python", [2, 3])
@pytest.mark.parametrize("n", [1, 300], ids=["short", "long"])
def test_frames_are_as_they_were_sent(tmp_path, python, n):
    sent = frames_of(n=n)
    got = list(ic.open_i3(write(tmp_path / "alert.json", alert(sent, python=python))))
    assert [f.stop for f in got] == list("GCDQP")
    for was, now in zip(sent, got, strict=True):
        assert {k: now.raw(k) for k in was} == {k: was.raw(k) for k in was}
        own = [k for k in now.own_keys() if not k.startswith("Alert")]
        assert own == list(was)
        if now.stop != "Q":
            assert now.encoded() == was.encoded()
            assert set(now.own_keys()) == set(was)


def test_the_pickles_made_here_are_what_pickle_writes():
    module = type("I3Frame", (), {"__module__": "icecube._icetray"})
    text = frames_of()[3].encoded()
    ours = [(op.name, arg) for op, arg, _ in pickletools.genops(pickled(text))]
    inner = [(op.name, arg) for op, arg, _ in pickletools.genops(pickle.dumps(text, protocol=2))]
    without = [step for step in ours if step[0] != "BINPUT"]
    assert [s for s in inner if s[0] != "BINPUT"][1:-1] == without[5:10]
    assert without[1] == ("GLOBAL", f"{module.__module__} I3Frame")


def test_values_of_the_message_are_objects_of_the_event(message):
    frame = list(ic.open_i3(message))[-1]
    assert dict(frame["Alert"]) == {"run_id": 138632, "nch": 175, "qtot": 830.4, "it_trig": 0}
    assert frame["Alert_eventtime"].value == VALUES["eventtime"]
    assert dict(frame["Alert_reco_splinempe"]) == {
        "zenith": 1.57,
        "azimuth": 4.88,
        "llh": 1081.2,
        "fit_stat": 0,
    }
    assert frame["Alert_reco_splinempe_name"].value == "SplineMPE"
    assert dict(frame["Alert_neutrino"]) == {"bdt_up": 0.18}
    assert {frame.stop_of(k) for k in frame if k.startswith("Alert")} == {"Q"}
    rest = json.loads(frame["AlertMessage"].value)
    assert rest["value"]["data"] == VALUES
    assert (rest["prio"], rest["_id"], rest["value"]["zmqnotify"]) == (2, "656b", {"topics": ["x"]})


def test_a_message_without_values_still_says_what_it_is(tmp_path):
    frame = list(ic.open_i3(write(tmp_path / "old.json", alert(python=2))))[-1]
    assert [k for k in frame if k.startswith("Alert")] == ["AlertMessage"]
    assert json.loads(frame["AlertMessage"].value)["value"] == {"zmqnotify": {"topics": ["x"]}}


def test_differences_keep_their_bytes(message):
    frame = list(ic.open_i3(message))[-1]
    found = frame["I3CalibrationDiff"]
    assert type(found).__name__ == "UnknownObject"
    assert frame.raw("I3CalibrationDiff").endswith(bytes(range(256)))


def test_odd_values_stay_in_the_text(tmp_path):
    odd = {"a b": 1, "big": 10**400, "deep": {"b": {"c": {"d": {"e": 1}}}}, "list": [1, 2], "sur": "\ud800"}
    odd |= {"nan": float("nan"), "": 2}
    frame = list(ic.open_i3(write(tmp_path / "a.json", alert(values=odd))))[-1]
    assert [k for k in frame if k.startswith("Alert")] == ["Alert", "AlertMessage", "Alert_sur"]
    assert list(frame["Alert"]) == ["nan"]
    assert frame["Alert"]["nan"] != frame["Alert"]["nan"]
    assert frame["Alert_sur"].value == "?"
    assert json.loads(frame["AlertMessage"].value)["value"]["data"]["big"] == 10**400


def test_as_deep_as_recos_are_named(tmp_path):
    frame = list(
        ic.open_i3(write(tmp_path / "a.json", alert(values={"a": {"b": {"c": {"d": 1, "e": {"f": 2}}}}})))
    )[-1]
    assert [k for k in frame if k.startswith("Alert_")] == ["Alert_a_b_c"]


# -- every way of reading ---------------------------------------------------------------------------------------------


def test_scan_and_convert_give_columns(message, tmp_path):
    wanted = ["Alert.nch", "Alert_reco_splinempe.zenith", "Alert_eventtime.value", "I3EventHeader.event_id"]
    row = (175.0, 1.57, VALUES["eventtime"], 7)
    assert ic.scan_i3(message).select(wanted).collect().row(0) == row
    ds = ic.convert.i3(message, tmp_path / "ds", gcd=ic.Geometry.nominal(), jobs=1)
    assert ds.scan().select(wanted).collect().row(0) == row
    assert ds.manifest.sources[0].left_out == ()


def test_without_a_gcd_file_the_nominal_detector_is_taken_and_that_is_said(message, tmp_path):
    with pytest.warns(UserWarning, match="nominal one is used.*I3GeometryDiff.*give a GCD file"):
        ds = ic.convert.i3(message, tmp_path / "ds", jobs=1)
    assert ds.geometry.table().equals(ic.Geometry.nominal().table())


def test_the_form_is_told_by_content(message, tmp_path):
    (tmp_path / "x.i3").write_bytes(gzip.compress(message.read_bytes()))
    (tmp_path / "y.i3.zst").write_bytes(b"\xef\xbb\xbf \n" + message.read_bytes())
    assert survey(message).codec == survey(tmp_path / "y.i3.zst").codec == "JSON"
    assert survey(tmp_path / "x.i3").codec == "gzip"
    assert {survey(p).checksums for p in (message, tmp_path / "x.i3", tmp_path / "y.i3.zst")} == {5}


@pytest.mark.parametrize("way", ["lines", "spread", "list", "gzip"])
def test_several_alerts_in_a_file(tmp_path, way):
    messages = [alert(frames_of(event=e), {"nch": e}, python=3 if e < 3 else 2) for e in (1, 2, 3)]
    path = write(tmp_path / "a.json", *messages, indent=1 if way == "spread" else None)
    if way == "list":
        path.write_text(json.dumps(messages))
    if way == "gzip":
        path.write_bytes(gzip.compress(path.read_bytes()))
    found = ic.scan_i3(path).select("I3EventHeader.event_id", "Alert.nch").collect()
    assert found.rows() == [(1, 1.0), (2, 2.0), (3, None)]


def test_a_folder_of_alerts_stands_for_them(tmp_path):
    for event in (2, 1):
        write(tmp_path / f"{event}.json", alert(frames_of(event=event)))
    (tmp_path / ".hidden").touch()
    assert [f["I3EventHeader"].event_id for f in ic.open_i3(tmp_path) if f.stop == "P"] == [1, 2]
    (tmp_path / "notes.txt").touch()
    with pytest.raises(IsADirectoryError, match=r"name the files in it"):
        ic.open_i3(tmp_path)


def test_an_event_of_a_later_file_has_nothing_of_the_alert(message, tmp_path):
    later = tmp_path / "later.i3"
    ic.write_i3(later, frames_of(event=8)[3:])
    last = list(ic.open_i3([message, later]))[-1]
    assert last["I3EventHeader"].event_id == 8
    assert not [k for k in last if k.startswith("Alert")]


def test_what_is_written_is_read_again(message, tmp_path):
    was = list(ic.open_i3(message))
    ic.write_i3(tmp_path / "a.i3.zst", was)
    now = list(ic.open_i3(tmp_path / "a.i3.zst"))
    assert [{k: f.raw(k) for k in f} for f in now] == [{k: f.raw(k) for k in f} for f in was]


# -- what is no alert, damaged, or hostile ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", "[1, 2]", '{"value": 1}', '{"value": {"data": []}}', '{"value": {"data": {"frames": [["G"]]}}}',
     '{"value": {"data": [["Geo", "x"]]}}', '{"value": {"data": [["G", 1]]}}', '["[i3]"]'],
)  # fmt: skip
def test_other_json_is_no_alert(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UnsupportedError, match=r"x\.json: this is JSON, but not an alert"):
        list(ic.open_i3(path))


def test_what_begins_like_a_frame_is_no_json():
    assert is_json(b'{"a": 1}')
    assert is_json(b"\xef\xbb\xbf [ -1")
    assert not is_json(b"[i3]\x06\0\0\0")
    assert not is_json(b"{ a")
    assert not is_json(b"")


def broken(tmp_path, pack, stop="P"):
    """Read an alert of which one frame is packed in another way; return the stops before it, and the error."""
    frames = frames_of()
    message = alert(frames)
    at = [f.stop for f in frames].index(stop)
    message["value"]["data"]["frames"][at][1] = pack(frames[at].encoded())
    path = write(tmp_path / "bad.json", message)
    stops = []
    with pytest.raises(DamagedFileError) as caught:
        stops += [f.stop for f in _collecting(ic.open_i3(path), stops)]
    with ic.open_i3(path, skip_damaged=True) as stream:
        after = [f.stop for f in stream][len(stops) :]
        assert len(stream.damages) == 1
    assert after == (["P"] if "checksum" in str(caught.value) and stop == "Q" else [])
    return "".join(stops), str(caught.value)


def _collecting(stream, into):
    for frame in stream:
        into.append(frame.stop)
    yield from ()


def bomb(n):
    data = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join(data.compress(block) for _ in range(n)) + data.flush()


CALL = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."
HOSTILE = {
    "not base64": lambda f: "@@@" + packed(pickled(f)),
    "not base64: ": lambda f: packed(pickled(f))[:-3] + "é",
    "not compressed by zlib": lambda f: base64.b64encode(f).decode(),
    "zlib stream ends in the middle": lambda f: base64.b64encode(zlib.compress(pickled(f))[:-9]).decode(),
    r"has GLOBAL 'os system', which no I3Frame has: nothing of it was run": lambda f: packed(CALL),
    r"GLOBAL 'icecube\._icetray I3Tray'": lambda f: packed(pickled(f, name="I3Tray")),
    r"GLOBAL 'builtins I3Frame'": lambda f: packed(pickled(f, module="builtins")),
    r"is not that of one I3Frame: PROTO SHORT_BINBYTES STOP": lambda f: packed(b"\x80\x02C\x01a."),
    r"is not that of one I3Frame: PROTO STOP": lambda f: packed(b"\x80\x02."),
    r"is not that of one I3Frame: PROTO GLOBAL EMPTY_TUPLE": lambda f: packed(pickled(f)[:-2] + b"bb."),
    r"is not that of one I3Frame: PROTO GLOBAL GLOBAL": lambda f: packed(
        pickled(f).replace(b")R", b"cicecube.icetray\nI3Frame\n")
    ),
    r"is not that of one I3Frame: (PROTO )+": lambda f: packed(b"\x80\x02" * 5000),
    "damaged pickle": lambda f: packed(pickled(f)[:200]),
    "damaged pickle: character 'Ā' is not a byte": lambda f: packed(
        pickled(b"[i3]").replace(b"X\x04\x00\x00\x00[i3]", b"X\x06\x00\x00\x00[i3]\xc4\x80")
    ),
    r"its pickle holds no frame: it begins with b'nothing'": lambda f: packed(pickled(b"nothing")),
    "checksum does not match": lambda f: packed(pickled(f[:-1] + bytes([f[-1] ^ 1]))),
}  # fmt: skip


@pytest.mark.parametrize("says", HOSTILE)
def test_a_damaged_frame_is_named_and_those_before_it_are_kept(tmp_path, says):
    stops, error = broken(tmp_path, HOSTILE[says])
    assert stops == "GCDQ"
    assert re.search(says, error), error
    assert "bad.json: frame 4 at byte" in error
    if "checksum" not in says:
        assert "message 1, 'P' frame: " in error


def test_a_wrong_checksum_of_the_daq_frame_is_not_mended_by_the_values(tmp_path):
    stops, error = broken(tmp_path, lambda f: packed(pickled(f[:-20] + bytes([f[-20] ^ 1]) + f[-19:])), "Q")
    assert "frame 3" in error
    assert "checksum does not match" in error
    assert stops == "GCD"


def test_a_bomb_is_not_inflated(tmp_path, monkeypatch):
    monkeypatch.setattr(alerts, "MAX_PICKLE", 4 << 20)
    stops, error = broken(tmp_path, lambda f: base64.b64encode(bomb(8)).decode())
    assert stops == "GCDQ"
    assert "decompresses to more than 4 MiB" in error
    assert "its pickle has opcode" in broken(tmp_path, lambda f: base64.b64encode(bomb(4)).decode())[1]


def test_a_bomb_of_json_is_not_inflated(tmp_path, monkeypatch):
    monkeypatch.setattr(alerts, "MAX_TEXT", 1 << 20)
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b"{}" + b" " * (3 << 20)))
    with pytest.raises(UnsupportedError, match=r"bomb.json.gz: JSON of more than 1 MiB"):
        list(ic.open_i3(path))


@pytest.mark.parametrize("cut", [10, 200, 2000, -30, -1])
def test_json_that_is_cut_is_an_error(tmp_path, cut):
    path = write(tmp_path / "a.json", alert())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DamagedFileError, match=r"a\.json: frame 0 at byte 0: cut or damaged JSON"):
        list(ic.open_i3(path))


@pytest.mark.parametrize(
    ("damaged", "says", "kept"),
    [
        (lambda whole: whole[:-50], "cut or damaged JSON", [1]),
        (lambda whole: gzip.compress(whole)[:-300], "gzip stream ends in the middle", [1]),
        (lambda whole: b"[" + whole.replace(b"\n", b","), "the list of messages has no end", [1, 2]),
        (lambda whole: whole + b"{}", "message 3: this is JSON, but not an alert", [1, 2]),
        (lambda whole: whole.replace(b"\n", b"{}"), "message 2: this is JSON, but not an alert", [1]),
        (lambda whole: whole + b"[" * 100_000, "cut or damaged JSON: .*recursion", [1, 2]),
        (lambda whole: whole + b"\n" + b"9" * 5000, "cut or damaged JSON: Exceeds the limit", [1, 2]),
        (lambda whole: whole + b"\xff", "JSON that is not UTF-8", [1, 2]),
        (lambda whole: whole[:-9] + b"\xff" + whole[-9:], "JSON that is not UTF-8", [1]),
    ],
    ids=["cut", "gzip", "list", "other", "other between", "deep", "digits", "bytes", "bytes inside"],
)
def test_messages_before_a_damage_are_kept(tmp_path, damaged, says, kept):
    path = write(tmp_path / "a.json", alert(frames_of(event=1)), alert(frames_of(event=2)))
    path.write_bytes(damaged(path.read_bytes()))
    with ic.open_i3(path, skip_damaged=True) as stream:
        assert [f["I3EventHeader"].event_id for f in stream if f.stop == "P"] == kept
    with pytest.raises(DamagedFileError, match=says):
        list(ic.open_i3(path))


@given(st.binary(max_size=200), st.data())
@settings(max_examples=60)
def test_no_pickle_does_more_than_a_format_error(noise, data):
    good = pickled(b"[i3]" + b"x" * 20)
    at = data.draw(st.integers(0, len(good)))
    for text in (noise, b"\x80\x02" + noise, good[:at] + noise + good[at:], good[:at] + noise):
        with contextlib.suppress(FormatError):
            assert alerts.unpickled(text).startswith(b"[i3]")


def test_nothing_is_called(tmp_path, monkeypatch):
    monkeypatch.setattr(pickle, "loads", None)
    monkeypatch.setattr(pickle, "Unpickler", None)
    assert len(list(ic.open_i3(write(tmp_path / "a.json", alert())))) == 5


# -- real ones --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("event_HESE_2017-11-28.json", (None, None)), ("138632_31747601.json", (888.0, 1.56891))],
)
def test_real_alerts_are_read(shared_data, name, numbers):
    path = shared_data / "alerts" / name
    if not path.exists():
        pytest.skip(f"no {path}")
    found = survey(path)
    assert found.stops == dict.fromkeys("GCDQP", 1)
    assert (found.checksums, found.damages) == (5, ())
    frame = list(ic.open_i3(path))[-1]
    assert frame.pulses("InIceDSTPulses").time.size > 500
    assert [k for k in frame if isinstance(frame[k], ic.i3.archive.UnknownObject)] == [
        "I3CalibrationDiff", "I3DetectorStatusDiff", "I3GeometryDiff"
    ]  # fmt: skip
    columns = ic.scan_i3(path).collect()
    wanted = ("Alert.npulses", "Alert_reco_spefit2.zenith")
    assert tuple(columns[c][0] if c in columns.columns else None for c in wanted) == numbers


class Pickled:
    """What boost::python gives to pickle for an I3Frame: the class, no arguments, and the state."""

    def __init__(self, frame=b""):
        self.frame = frame

    def __reduce__(self):
        return type(self), (), ({}, self.frame)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("n", [1, 300, 70_000])
def test_frames_are_read_from_pickles_of_every_protocol(monkeypatch, protocol, n):
    module = ModuleType("icecube._icetray")
    made = type("I3Frame", (Pickled,), {"__module__": module.__name__, "__qualname__": "I3Frame"})
    module.I3Frame = made
    monkeypatch.setitem(sys.modules, "icecube", ModuleType("icecube"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    frame = frames_of(n=n)[-1].encoded()
    assert unpickled(pickle.dumps(made(frame), protocol)) == frame
    data = pickle.dumps(made(frame), protocol).replace(b"I3Frame", b"I3Fraud")
    with pytest.raises(FormatError, match="I3Fraud', which no I3Frame has: nothing of it was run"):
        unpickled(data)
