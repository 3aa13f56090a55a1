"""`icecol.jit.cache`: machine code on disk, and what happens where it cannot be kept."""

from __future__ import annotations

import errno
import importlib.util
import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from icecol.jit import cache
from icecol.jit.cache import folders, kept

SOURCE = "def twice(x):\n    return 2 * x\n"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "_warned", set())
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ICECOL_CACHE", "")


def twice(folder: Path, source: str = SOURCE):
    """Return the function `twice` of a file, as a process finds it."""
    path = folder / "mine.py"
    folder.mkdir(exist_ok=True)
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("mine", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return kept(label="twice")(module.twice)


def misses(function) -> int:
    return sum(function.stats.cache_misses.values())


def test_machine_code_is_kept_until_the_function_changes(tmp_path, caplog):
    caplog.set_level(logging.INFO, "icecol")
    first = twice(tmp_path)
    assert first(2) == 4
    assert "compiling twice (once: it is kept on disk)" in caplog.text
    caplog.clear()
    again = twice(tmp_path / "elsewhere", f"# a comment above\n{SOURCE}")
    assert again(2) == 4
    assert (misses(first), misses(again)) == (1, 0)
    assert not caplog.text
    # of another length: Python takes a source of the same second and length for the same
    changed = twice(tmp_path, SOURCE.replace("2 * x", "2 * x + x"))
    assert changed(2) == 6
    assert [p.name.rpartition("-")[0] for p in (tmp_path / "cache").iterdir()] == ["mine.twice"] * 2


NAMELESS = """
import numpy as np, polars as pl, icecol as ic
source = \'\'\'
@ic.kernel(delay=pl.Float64, n=pl.Int32)
def delay(time, charge):
    if time.size == 0:
        return np.nan, 0
    order = np.argsort(time)
    return time[order[-1]] - time[order[0]], time.size
\'\'\'
exec(source, names := {"__name__": "no_such_module", "ic": ic, "np": np, "pl": pl})
events = pl.DataFrame({"P.time": [[3.0, 1.0, 7.0]], "P.charge": [[1.0, 1.0, 1.0]]})
print(ic.with_features(events, D=names["delay"]("P")).select("D.delay").collect().item())
"""


@pytest.mark.slow
def test_machine_code_of_a_kernel_without_a_module_is_read_back(tmp_path):
    """As of a page that is run: numba notes a module that nobody can import."""
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", NAMELESS],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.strip() == "6.0", done.stderr


@pytest.mark.parametrize("left", [0, 10, 200, -1])
def test_a_file_that_is_cut_is_replaced(tmp_path, left):
    twice(tmp_path)(2)
    (path,) = (tmp_path / "cache").glob("*.nbc")
    content = path.read_bytes()
    path.write_bytes(content[:left])
    with pytest.warns(
        RuntimeWarning, match=r"cannot be read \(UnpicklingError: .*twice.*\.nbc is damaged"
    ) as said:
        assert twice(tmp_path)(2) == 4
    assert len(said) == 1
    again = twice(tmp_path)
    assert again(2) == 4
    assert misses(again) == 0


def test_a_flipped_bit_is_noticed(tmp_path):
    twice(tmp_path)(2)
    (path,) = (tmp_path / "cache").glob("*.nbc")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.warns(RuntimeWarning, match="is damaged"):
        assert twice(tmp_path)(2) == 4


def test_without_a_folder_that_can_be_written_functions_are_compiled_and_it_is_said_once(
    tmp_path, monkeypatch
):
    (tmp_path / "cache").write_text("a file in the place of the folder")
    function = twice(tmp_path)
    with pytest.warns(RuntimeWarning, match=r"not kept on disk: it cannot be written.*set NUMBA_CACHE_DIR"):
        assert function(2) == 4
    assert function(0.5) == 1.0  # a second warning would be an error
    assert twice(tmp_path)(2) == 4


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(path, content):
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    function = twice(tmp_path)
    with pytest.warns(RuntimeWarning, match=r"cannot be written \(OSError: .*No space left"):
        assert function(2) == 4
    assert function(0.5) == 1.0  # a second warning would be an error
    assert not list((tmp_path / "cache").iterdir())


def test_code_is_read_from_shared_folders_and_written_to_the_users_own(tmp_path, monkeypatch):
    shared, own = tmp_path / "shared", tmp_path / "cache"
    monkeypatch.setattr("numba.config.CACHE_DIR", str(shared))
    twice(tmp_path)(2)
    shared.chmod(0o500)
    monkeypatch.setattr("numba.config.CACHE_DIR", str(own))
    monkeypatch.setenv("ICECOL_CACHE", f"{tmp_path / 'absent'}:{shared}")
    function = twice(tmp_path)
    assert function(2) == 4
    assert misses(function) == 0
    assert not own.exists()
    assert function(0.5) == 1.0
    assert misses(function) == 1
    assert len(list(own.iterdir())) == len(list(shared.iterdir())) == 1


def test_without_other_words_code_is_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.config.CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folders() == [tmp_path / "icecol", Path(sys.prefix) / "share" / "icecol" / "compiled"]
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folders()[0] == tmp_path / ".cache" / "icecol"


def test_a_function_typed_at_a_prompt_is_compiled_without_a_word():
    made = {}
    exec(compile(SOURCE, "<stdin>", "exec"), made)
    assert kept(made["twice"])(2) == 4


HELPERS = """
from numba import njit
from deeper import shifted
SCALE = 10.0
@njit
def moved(time): return shifted(time)
"""
DEEPER = "from numba import njit\nSHIFT = 1.0\n@njit\ndef shifted(time): return time + SHIFT\n"
SESSION = """
    import json
    import numpy as np, polars as pl, icecol as ic
    import helpers

    TABLE = np.array([100.0, 200.0])

    def make(factor):
        @ic.kernel(shift=pl.Float64, scale=pl.Float64, table=pl.Float64, factor=pl.Float64)
        def numbers(time):
            return helpers.moved(time)[0], helpers.SCALE * time[0], TABLE[1] * time[0], factor * time[0]
        return numbers

    frame = pl.DataFrame({"P.time": [[1.0]]})
    answers = []
    for change in (False, True):
        if change:
            TABLE[1] = 5.0  # in place, in this session
        numbers = make(FACTOR)
        answers.append(ic.with_features(frame, N=numbers(ic.Pulses("P"))).select("^N.*$").collect().row(0))
        answers[-1] += (sum(numbers.loop().stats.cache_misses.values()),)
    print(json.dumps(answers))
"""


@pytest.mark.slow
def test_no_session_has_the_answers_of_old_code(tmp_path):
    def session(factor: float) -> list[list[float]]:
        (tmp_path / "mine.py").write_text(textwrap.dedent(SESSION).replace("FACTOR", str(factor)))
        command = [sys.executable, tmp_path / "mine.py"]
        env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        return json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)

    def write(scale: float, shift: float) -> None:
        (tmp_path / "helpers.py").write_text(HELPERS.replace("10.0", str(scale)))
        (tmp_path / "deeper.py").write_text(DEEPER.replace("1.0", str(shift)))

    write(10.0, 1.0)
    assert session(3.0) == [[2.0, 10.0, 200.0, 3.0, 1], [2.0, 10.0, 5.0, 3.0, 1]]
    write(20.0, 2.0)
    assert session(4.0) == [[3.0, 20.0, 200.0, 4.0, 1], [3.0, 20.0, 5.0, 4.0, 1]]


@pytest.mark.slow
def test_functions_of_one_name_do_not_stand_for_one_another(tmp_path):
    """Numba tells them apart by numbers from 1, and code from the disk brings that of another process."""
    program = textwrap.dedent("""
        import sys
        from icecol.jit.cache import kept
        from icecol.jit.function import compiled

        for scale in map(float, sys.argv[1:]):
            scope = {"scale": scale, "__name__": "kernels"}
            exec("def inner(x):\\n    return scale * x\\ndef outer(x):\\n    return inner(x)", scope)
            scope["inner"] = compiled(scope["inner"])
            print(kept(scope["outer"])(10.0))
    """)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def answers(*scales):
        done = subprocess.run(
            [sys.executable, "-c", program, *scales],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    assert answers("2") == ["20.0"]
    assert answers("2", "3") == ["20.0", "30.0"]
