from __future__ import annotations

import polars as pl
import pytest

from icecol import hist, plot

pytest.importorskip("matplotlib")

H = hist.fill(pl.DataFrame({"x": [0.5, 1.5, 1.7]}), hist.regular("x", 2, 0, 2))
PNG = b"\x89PNG\r\n\x1a\n"


def test_save_writes_figures_and_axes_whole(tmp_path):
    ax = plot.hist1d(H)
    assert plot.save(ax, tmp_path / "a.png").read_bytes().startswith(PNG)
    assert plot.save(ax.figure, tmp_path / "b.pdf").read_bytes().startswith(b"%PDF")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.pdf"]


def test_a_save_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(TypeError):
        plot.save(plot.hist1d(H), path, dpi="many")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]
    with pytest.raises(ValueError, match="cannot tell the file format"):
        plot.save(plot.hist1d(H), tmp_path / "a")


def test_new_axes_show_themselves_in_a_notebook():
    assert plot.hist1d(H)._repr_png_().startswith(PNG)


def test_where_pyplot_is_imported_the_figure_is_its_current_one():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    try:
        ax = plot.hist1d(H)
        assert (pyplot.gcf(), pyplot.gca()) == (ax.figure, ax)
        other = pyplot.figure()
        plot.hist1d(H, ax)
        assert pyplot.gcf() is other
    finally:
        pyplot.close("all")


def test_a_notebook_shows_a_figure_of_pyplot_once(monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    ax = plot.hist1d(H)
    try:
        assert ax._repr_png_().startswith(PNG)
        monkeypatch.setattr(pyplot, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
        assert ax._repr_png_() is None
    finally:
        pyplot.close("all")
    assert ax._repr_png_().startswith(PNG)
