from __future__ import annotations

from commands import run


def test_demo_refuses_a_foreign_folder(tmp_path):
    (tmp_path / "data.txt").write_text("mine")
    done = run("demo", "-o", tmp_path)
    assert done.exit_code == 1
    assert "not a demo folder" in done.stderr
