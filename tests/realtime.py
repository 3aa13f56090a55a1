"""Realtime alerts of made-up events, packed as IceCube's system packs them: for tests of whatever reads them."""

from __future__ import annotations

import base64
import json
import struct
import zlib

import icecol as ic

FIT = {"zen": 1.57, "azi": 4.88, "llh": 1081.2, "fit_stat": 0, "name": "SplineMPE", "pb_err1": None}
VALUES = {
    "unique_id": "run00138632.evt000031747601",
    "eventtime": "2023-12-02 17:08:24.093230",
    "run_id": 138632,
    "nch": 175,
    "qtot": 830.4,
    "it_trig": False,
    "reco": {"splinempe": FIT},
    "neutrino": {"bdt_up": 0.18, "bdt_down": None},
}


def pickled(frame, *, python=3, module="icecube._icetray", name="I3Frame"):
    """Pickle the bytes of a frame by hand, as there is no I3Frame here: each opcode as its generation writes it."""
    begin = b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"q\x00)Rq\x01}q\x02"
    if python == 2:
        short = len(frame) < 256
        held = (b"U" + bytes([len(frame)]) if short else b"T" + struct.pack("<i", len(frame))) + frame
    else:
        text = frame.decode("latin-1").encode("utf-8")
        held = b"c_codecs\nencode\nq\x03X" + struct.pack("<I", len(text)) + text + b"q\x04"
        held += b"X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\x07"
    return begin + held + b"\x86q\x08b."


def packed(data):
    return base64.b64encode(zlib.compress(data)).decode()


def frames_of(run=138632, event=7, n=300):
    """The five frames of an alert, with differences to a baseline GCD that icecol does not know."""
    made = []
    for stop, key in (("G", "I3GeometryDiff"), ("C", "I3CalibrationDiff"), ("D", "I3DetectorStatusDiff")):
        opening = b"\x00\x01\x02\x00" + struct.pack("<I", len(key)) + key.encode()
        made.append(ic.Frame(stop, [(key, key, opening + b"\x01\x00" + bytes(range(256)) * 2)]))
    for stop in "QP":
        frame = ic.Frame(stop)
        stream = "" if stop == "Q" else "InIceSplit"
        frame["I3EventHeader"] = ic.new("I3EventHeader", run_id=run, event_id=event, sub_event_stream=stream)
        frame[f"Of{stop}"] = [float(i) for i in range(n)]
        made.append(frame)
    return made


def alert(
    frames=None, values=VALUES, *, python=3, pack=lambda frame, python: packed(pickled(frame, python=python))
):
    """Write a message of one generation."""
    texts = [[f.stop, pack(f.encoded(), python)] for f in frames or frames_of()]
    data = {"frames": texts, **values} if python == 3 else texts
    return {"prio": 2, "value": {"zmqnotify": {"topics": ["x"]}, "data": data}, "_id": "656b"}


def write(path, *messages, indent=None):
    path.write_text("\n".join(json.dumps(message, indent=indent) for message in messages))
    return path
