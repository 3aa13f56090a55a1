from __future__ import annotations

from commands import run


def test_demo_refuses_a_foreign_folder(tmp_path):
    (tmp_path / "data.txt").write_text("mine")
    done = run("demo", "-o", tmp_path)
    assert done.exit_code == 1
    assert "not a demo folder" in done.stderr


def test_the_discovery_refuses_a_foreign_folder_and_sizes_that_cannot_be(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    done = run("demo", "--discovery", "-o", tmp_path)
    assert done.exit_code != 0
    assert "something else" in done.stderr
    done = run("demo", "--discovery", "--size", "0", "-o", tmp_path / "new")
    assert done.exit_code != 0
    assert "`size` and `trials` must be positive" in done.stderr
