"""Values of old class versions have today's meaning in columns (`columns.old_values`)."""

from __future__ import annotations

import numpy as np
import pytest

from icecol.i3.archive import encode, new
from icecol.i3.columns.interpreter import decode
from icecol.i3.columns.old_values import CORSIKA, RDMC, modern, pdg_encoding
from icecol.i3.container.names import Names


@pytest.mark.parametrize(
    ("version", "code", "pdg"),
    [
        (0, 6, 13), (2, 202, 14), (2, -100, 0), (2, 3026, 1000260560), (2, 3002, 1000020040), (2, 1001, -2000001001),
        (2, 77, 0), (3, 6, 13), (4, 68, 14), (3, 402, 1000020040), (4, 5626, 1000260560), (3, -1001, -2000001001),
        (4, 9900, -2000009900), (4, 12345678, 0), (5, 6, 6),
    ],
)  # fmt: skip
def test_particle_codes_become_pdg_codes(version, code, pdg):
    assert pdg_encoding(np.array([code], np.int32), version).tolist() == [pdg]


def test_the_two_old_schemes_agree_on_leptons_but_not_on_neutrinos():
    assert all(RDMC[code] == CORSIKA[code] for code in (1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 14, 15))
    assert RDMC[202] == CORSIKA[68] == 14


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
