from __future__ import annotations

import os
import random

import pytest

from icecol.browse import spill as module
from icecol.browse.spill import Spill


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 100)


def test_any_part_is_read_back_at_any_time(small_chunks):
    rng = random.Random(1)
    spill, whole = Spill(), b""
    for _ in range(60):
        data = rng.randbytes(rng.choice([0, 1, 37, 99, 100, 101, 450]))
        spill.write(data)
        whole += data
        assert len(spill) == len(whole)
        for _ in range(5):
            at, n = rng.randint(0, len(whole) + 20), rng.choice([0, 1, 60, 250, 5000])
            assert spill.read(at, n) == whole[at : at + n]
    spill.close()


def test_a_full_disk_names_the_folder_and_the_cure(small_chunks, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    spill = Spill()
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match=r"no room .*TMPDIR.*No space left"):
        spill.write(b"x" * 200)
    spill.close()
