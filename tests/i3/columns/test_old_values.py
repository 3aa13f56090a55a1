"""Columns of old class versions have today's meaning, as objects have (`columns.old_values`)."""

from __future__ import annotations

import numpy as np
import pytest

from icecol.i3.archive import OMKey, encode, new
from icecol.i3.classes.layout import Field, Map
from icecol.i3.classes.own import i3_class, remove
from icecol.i3.columns.batch import decode
from icecol.i3.columns.old_values import modern
from icecol.i3.container.names import Names


def test_only_columns_of_old_versions_are_changed():
    muon = new("I3Particle", pdg_encoding=13, time=1.5)
    blob = encode(muon)
    at = blob.index(b"I3Particle") + len("I3Particle") + 1
    assert blob[at] == 5
    buf = np.frombuffer(blob, np.uint8)
    (columns,) = decode(buf, np.array([0]), np.array([buf.size]), Names())
    assert modern(columns) is columns
    # version 3 has the layout of version 5, and the older codes
    old = bytearray(blob.replace((13).to_bytes(4, "little"), (6).to_bytes(4, "little")))
    old[at] = 3
    buf = np.frombuffer(bytes(old), np.uint8)
    (columns,) = decode(buf, np.array([0]), np.array([buf.size]), Names())
    leaves = {leaf.name: v for leaf, v in zip(columns.program.leaves, modern(columns).values, strict=True)}
    assert leaves["pdg_encoding"].view(np.int32).tolist() == [13]
    assert leaves["time"].tolist() == [1.5]


@pytest.fixture
def own_class():
    yield
    remove("MySettings")


@pytest.mark.usefixtures("own_class")
def test_settings_that_hang_together_are_brought_up_to_date_together():
    status = new("I3DOMStatus", spe_threshold=500.0, mpe_threshold=600.0, fe_pedestal=2000.0)
    i3_class("MySettings", Field("dom_status", Map("OMKey", "I3DOMStatus")))
    stored = new("MySettings", dom_status={OMKey(1, 1, 0): status, OMKey(1, 2, 0): status})
    stored.versions = {"I3DOMStatus": (1, 4)}
    buf = np.frombuffer(encode(stored), np.uint8).copy()
    (columns,) = decode(buf, np.array([0]), np.array([buf.size]), Names())
    places = {
        leaf.member: i for i, leaf in enumerate(columns.program.leaves) if leaf.owner.name == "I3DOMStatus"
    }
    changed = modern(columns)
    for member, expected in (("spe_threshold", 500.0), ("mpe_threshold", 600.0), ("fe_pedestal", 2000.0)):
        assert columns.values[places[member]].view(np.float64).max() < 1
        assert changed.values[places[member]].tolist() == pytest.approx([expected] * 2)
    assert changed.values[places["pmt_hv"]] is columns.values[places["pmt_hv"]]
