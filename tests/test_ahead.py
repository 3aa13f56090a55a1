"""`icecol.ahead`: what is compiled before it is needed; also `jit.turns` and `jit.targets`."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from llvmlite.binding import get_host_cpu_features

import icecol as ic
from icecol import ahead
from icecol.jit import targets, turns


def test_a_name_stands_for_all_forms_of_a_feature():
    assert ahead.chosen(["spe_fit"]) == ["spe_fit", "spe_fit, BFGS", "spe_fit, 2 more directions"]
    assert ahead.chosen(["linefit", "spe_fit, BFGS"]) == ["spe_fit, BFGS", "linefit"]
    assert ahead.chosen([]) == list(ahead.work())
    with pytest.raises(ValueError, match=r"'linfit' is not something to compile.*linefit"):
        ahead.chosen(["linfit"])


def test_every_feature_with_a_kernel_can_be_compiled_ahead():
    known = {name.partition(",")[0] for name in ahead.work()}
    made_by_others = {"Kernel", "Selection", "kernel", "dom_set", "event_expr", "with_features", "fired"}
    of_the_same_kind = {
        "charge_range",
        "slc_pulses",
        "static_time_window",
        "time_window",
        "explode_subevents",
    }
    assert set(ic.reco.__all__) - known == made_by_others | of_the_same_kind


USE = """
    import sys
    import icecol as ic
    from icecol import ahead
    from icecol.jit import cache
    ahead.work()[sys.argv[1]]()
    print(len(cache.made))
"""


@pytest.mark.slow
def test_processes_find_what_was_compiled_ahead_in_a_folder_that_they_cannot_write(tmp_path):
    shared, own = tmp_path / "shared", tmp_path / "own"
    (done,) = ahead.compile_ahead(["opening_angle"], cache=shared, jobs=1)
    assert (done.functions, done.error) == ((), None)  # an expression of Polars
    (done,) = ahead.compile_ahead(["hit_multiplicity"], cache=shared, jobs=1, portable=True)
    assert done.error is None
    assert [name.rpartition(".")[2] for name, _ in done.functions] == ["hit_multiplicity_events"]
    assert sum(seconds for _, seconds in done.functions) > 0
    shared.chmod(0o500)
    env = os.environ | {"NUMBA_CACHE_DIR": str(own), "ICECOL_CACHE": str(shared)}
    command = [sys.executable, "-c", textwrap.dedent(USE), "hit_multiplicity"]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["0"]
    assert not own.exists() or not list(own.glob("*.nbc"))


def test_one_process_has_the_turn_and_others_wait(tmp_path):
    path = tmp_path / "folder" / "f.nbc"
    handle, waited = turns.take(path)
    assert not waited
    found = []
    other = threading.Thread(target=lambda: found.append(turns.take(path)))
    other.start()
    time.sleep(0.3)
    assert not found
    turns.give_back(path, handle)
    other.join(20)
    ((handle, waited),) = found
    assert waited
    turns.give_back(path, handle)
    assert not list(path.parent.iterdir())


def test_nobody_waits_for_ever_or_where_nothing_can_be_locked(tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "LONGEST", 0.1)
    path = tmp_path / "f.nbc"
    handle, _ = turns.take(path)
    assert turns.take(path) is None
    turns.give_back(path, handle)
    path.touch()
    assert turns.take(path / "no folder" / "f.nbc") is None


def test_portable_code_is_for_what_this_processor_has_too():
    class Codegen:
        def magic_tuple(self):
            return ("triple", "znver3", "+all")

    found = list(targets.targets(Codegen()))
    assert found[0] == ("triple", "znver3", "+all")
    if get_host_cpu_features().get("avx2"):
        assert found[1:] == [("triple", "x86-64-v3", targets.FEATURES)]
    Codegen.magic_tuple = lambda self: ("triple", targets.NAME, targets.FEATURES)
    assert list(targets.targets(Codegen())) == [("triple", "x86-64-v3", targets.FEATURES)]
