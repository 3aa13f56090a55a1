"""No kernel reads or writes past the end of an array."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLAIN = {"NUMBA_DISABLE_JIT": "1", "PYTHONWARNINGS": "ignore"}  # numpy warns of NaN, compiled code does not
CHECKED = {
    "NUMBA_BOUNDSCHECK": "1",
    "NUMBA_OPT": "0",
    "NUMBA_LOOP_VECTORIZE": "0",
    "NUMBA_SLP_VECTORIZE": "0",
}


def run(names, how, tmp_path):
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("bounds.py"), *names],
        env={**os.environ, **how, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_no_kernel_leaves_its_arrays(tmp_path):
    reached, known, left = run([], PLAIN, tmp_path)
    assert 0 < len(left) < 10
    compiled, _, impossible = run(left, CHECKED, tmp_path)
    assert impossible == []
    assert set(known) - set(reached) - set(compiled) == set()
    assert len(known) > 40


@pytest.mark.slow
@pytest.mark.parametrize("how", [PLAIN, CHECKED])
def test_an_array_one_too_short_is_found(how, tmp_path):
    """Else nothing would be found in the kernels either."""
    script = (
        "import numpy as np, polars as pl, icecol as ic\n"
        "@ic.kernel(next=pl.Float64)\n"
        "def beyond(time):\n"
        "    return time[time.size]\n"
        "p = ic.Pulses('P')\n"
        "frame = pl.DataFrame({'P.time': [[1.0, 2.0]]})\n"
        "try:\n"
        "    frame.select(beyond(p))\n"
        "except Exception as err:\n"
        "    print('out of bounds' in str(err))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **how, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True\n"
