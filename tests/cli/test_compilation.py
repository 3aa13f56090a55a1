from __future__ import annotations

import pytest
from commands import run


@pytest.mark.slow
def test_compile_tells_what_it_compiled_and_what_there_is(tmp_path):
    first = run("compile", "hit_multiplicity", "--cache", tmp_path / "cache", "-j", 1)
    assert first.exit_code == 0, first.output
    assert "hit_multiplicity" in first.output
    assert "1 compiled" in first.output
    assert "1 functions in" in first.output
    again = run("compile", "hit_multiplicity", "--cache", tmp_path / "cache", "-j", 1)
    assert "nothing to compile" in again.output
    wrong = run("compile", "linfit", "--cache", tmp_path / "cache")
    assert wrong.exit_code == 1
    assert "linefit" in wrong.output
