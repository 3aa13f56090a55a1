"""One writer at a time; locks that were left behind are taken over."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from icecol.dataset import lock as module
from icecol.dataset.lock import Lock
from icecol.errors import DatasetError


def left_behind(folder, *, host=None, pid=None, age=0.0):
    """Write the lock of another process."""
    path = folder / "lock"
    content = {"host": host or socket.gethostname(), "pid": pid, "since": "yesterday", "token": "other"}
    path.write_text(json.dumps(content))
    then = time.time() - age
    os.utime(path, (then, then))


def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_second_writer_is_told_who_holds_it_and_what_to_do(tmp_path):
    with Lock(tmp_path, tmp_path / "d"):
        who = rf"process {os.getpid()} on {socket.gethostname()}, since 20.*wait until it has finished"
        with pytest.raises(DatasetError, match=who), Lock(tmp_path, tmp_path / "d"):
            pass
    with Lock(tmp_path, tmp_path / "d") as lock:
        lock.check()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_of_a_process_that_has_ended_is_taken_over(tmp_path):
    left_behind(tmp_path, pid=dead())
    with pytest.warns(UserWarning, match="taking over from process"), Lock(tmp_path, tmp_path) as lock:
        lock.check()


@pytest.mark.parametrize("age", [10.0, 1000.0])
def test_a_lock_of_another_machine_is_taken_over_when_it_gives_no_sign_of_life(tmp_path, age):
    left_behind(tmp_path, host="far-away", pid=os.getpid(), age=age)
    if age < module.STALE:
        with pytest.raises(DatasetError, match="on far-away, since yesterday"), Lock(tmp_path, tmp_path):
            pass
    else:
        with pytest.warns(UserWarning, match="far-away"), Lock(tmp_path, tmp_path):
            pass


def test_a_writer_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    with Lock(tmp_path, tmp_path) as lock:
        os.utime(lock.path, (0, 0))
        limit = time.monotonic() + 20
        while lock.path.stat().st_mtime == 0 and time.monotonic() < limit:
            time.sleep(0.01)
        assert lock.path.stat().st_mtime > 1e9


def test_a_writer_that_was_taken_over_notices_and_leaves_the_others_lock(tmp_path):
    with Lock(tmp_path, tmp_path) as lock:
        left_behind(tmp_path, pid=1)
        with pytest.raises(DatasetError, match="another process took over"):
            lock.check()
    assert json.loads((tmp_path / "lock").read_text())["token"] == "other"


def test_a_lock_that_is_being_written_counts(tmp_path):
    (tmp_path / "lock").touch()
    with pytest.raises(DatasetError, match="being written by another process"), Lock(tmp_path, tmp_path):
        pass
