"""No kernel reads or writes past the end of an array."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_no_kernel_leaves_its_arrays(tmp_path):
    quick = {"NUMBA_OPT": "0", "NUMBA_LOOP_VECTORIZE": "0", "NUMBA_SLP_VECTORIZE": "0"}  # to compile, that is
    environment = {**os.environ, **quick, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    script = Path(__file__).with_name("bounds.py")
    parts = [
        subprocess.Popen(
            [sys.executable, script, str(part), "2"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for part in range(2)
    ]
    reached, known = set(), set()
    for part in parts:
        out, err = part.communicate()
        assert part.returncode == 0, err
        for names, into in zip(json.loads(out), (reached, known), strict=True):
            into.update(names)
    assert known - reached == set()
    assert len(known) > 40
