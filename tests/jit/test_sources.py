from __future__ import annotations

import sys

import pytest

from icecol.jit.sources import digest, load, place_of
from icecol.reco.decorator import kernel


def test_only_code_counts_and_all_that_is_imported(tmp_path):
    def of(text, beside="X = 1\n"):
        (tmp_path / "beside.py").write_text(beside)
        (tmp_path / "mine.py").write_text(text)
        return digest(str(tmp_path / "mine.py"))

    text = 'from beside import X\n\ndef f(t):\n    """Doc."""\n    return t + X\n'
    first = of(text)
    assert of(text.replace("Doc", "Other") + "# comment\n\n") == first
    assert of(text.replace("t + X", "t - X")) != first
    assert of(text, "X = 2\n") != first
    assert of(text.replace("def f", "import polars\n\ndef f")) != first
    assert of(text) == first
    assert digest(str(tmp_path / "gone.py")) == ""


def test_a_digest_reaches_what_a_module_of_icecol_imports():
    from icecol.jit import sources

    _, told = sources._read(sources._path("icecol.reco.line_fits"), "icecol.reco.line_fits", 0)
    assert "icecol.reco.kernels.linefit" in told
    assert not any(name.startswith("icecol.dataset") for name in told)


def test_a_function_has_a_place_unless_it_is_of_a_script(tmp_path):
    (tmp_path / "mine.py").write_text("def f(time):\n    return 1.0\n")
    function = load(str(tmp_path / "mine.py")).f
    assert place_of(function) == str(tmp_path / "mine.py")
    assert place_of(kernel) == "icecol.reco.decorator"
    with pytest.raises(FileNotFoundError):
        load(str(tmp_path / "gone.py"))
    scope: dict[str, object] = {"__name__": "__main__"}
    exec("def g(): pass", scope)
    with pytest.raises(ValueError, match="'g' is defined in a script or notebook"):
        place_of(scope["g"])
    sys.path.remove(str(tmp_path))
