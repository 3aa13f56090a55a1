"""What README.md and the pages of docs/ show is true: the code runs, prints what is shown, and links lead somewhere."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import columns
import feature_columns
import pytest
from matplotlib.testing.compare import compare_images
from typer.testing import CliRunner

import icecol as ic
from icecol.cli import app
from icecol.i3.classes import CLASSES
from icecol.i3.classes.own import OWN, remove

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r'^```(python|text|bash|toml)(?: title="([\w.]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
FIGURE = re.compile(r"!\[[^]]*\]\(([^)]+\.png)\)")
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")

LEFT = {
    "batch.md": {"sim.icecol", "bright.job"},
    "event-display.md": {
        "events.html",
        "event.html",
        "bright.html",
        "event42.html",
        "event3.png",
        "Level2.i3.zst",
        "GCD.i3.gz",
    },
    "histograms.md": {"sim.icecol", "charge.json", "all.h5", "cos.parquet", "charge.png"},
    "README.md": {"level2.icecol", "charge.json", "charge.png"},
    "figures.md": {"sim.icecol", "efficiency.pdf", "sky.png"},
    "formats.md": {"own.icecol", "bright.csv"},
    "files.md": {"srt.icecol", "features.parquet", "charge_srt.png", "bright.i3.zst"},
    "simulation.md": {"nue.icecol", "numu.000001.i3.zst", "GCD_21002.i3.gz", "muons.icecol"},
    "tray.md": {"Selected.i3.zst", "selected.icecol"},
}
"""What the code of a page leaves in its folder."""


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, title (the file that the block is) and text of each block of code, in order."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def with_code() -> list[Path]:
    return [page for page in PAGES if any(language == "python" for language, _, _ in blocks(page))]


EACH_PAGE = [
    pytest.param(page, id=page.name, marks=() if page == README else pytest.mark.slow) for page in with_code()
]
"""README.md, which everybody tries, is run by default; the others are among the slow tests."""


@pytest.fixture
def no_classes_left():
    """Take out the classes that a page adds, which other tests do not expect."""
    before = set(OWN)
    yield
    for name in OWN.keys() - before:
        remove(name)


@pytest.mark.usefixtures("no_classes_left")
@pytest.mark.parametrize("page", EACH_PAGE)
def test_code_of_a_page_runs_and_prints_what_is_shown(page, tmp_path, monkeypatch):
    if page.name == "pandas-users.md":
        pytest.importorskip("pandas")
    names: dict[str, object] = {"__name__": page.stem}
    printed = ""
    monkeypatch.syspath_prepend(tmp_path)
    with contextlib.chdir(tmp_path):
        for i, (language, title, text) in enumerate(blocks(page)):
            if title:
                Path(title).write_text(text, encoding="utf-8")
                monkeypatch.delitem(sys.modules, Path(title).stem, raising=False)
            if language == "python":
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    exec(compile(text, f"{page.name}, block {i}", "exec"), names)
                printed = out.getvalue()
            elif language == "text":
                assert text == printed
            elif language == "bash":
                run_commands(text)
    made = {p.name for p in tmp_path.iterdir()}
    assert LEFT.get(page.name, set()) <= made
    for figure in FIGURE.findall(page.read_text(encoding="utf-8")):
        if Path(figure).name in made:
            compare_figures(page.parent / figure, tmp_path / Path(figure).name)


def compare_figures(shown: Path, made: Path) -> None:
    """Compare the figure on a page with the one that its code makes, or put it there if `ICECOL_NEW_FIGURES` is set."""
    if os.environ.get("ICECOL_NEW_FIGURES"):
        shown.parent.mkdir(exist_ok=True)
        shutil.copy(made, shown)
    tolerance = 10  # fonts differ between versions of matplotlib
    assert compare_images(str(shown), str(made), tol=tolerance) is None


def test_figures_of_tutorials_are_made_by_their_code():
    for page in (ROOT / "docs" / "tutorials").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        code = "".join(part for language, _, part in blocks(page) if language == "python")
        figures = FIGURE.findall(text)
        assert figures, page.name
        assert all(f'"{Path(figure).name}"' in code for figure in figures), page.name


def run_commands(text: str) -> None:
    """Run the lines that begin with `icecol`; the browser, the demo, `bench` and `compile` have tests of their own."""
    for line in text.splitlines():
        command = shlex.split(line, comments=True)
        if command[:1] == ["icecol"] and command[1] not in {"bench", "browse", "compile", "demo"}:
            done = CliRunner().invoke(app, command[1:])
            assert done.exit_code == 0, f"{line}\n{done.output}"


def test_every_shown_output_and_command_is_checked():
    checked = {page.name: [language for language, _, _ in blocks(page)] for page in with_code()}
    assert set(LEFT) <= set(checked)
    assert sum(languages.count("text") for languages in checked.values()) >= 10


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name)
def test_links_lead_to_files(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_readme_is_short_and_leads_to_every_page():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    assert {page.relative_to(ROOT).as_posix() for page in PAGES[1:]} <= set(LINK.findall(text))


def test_count_of_classes_is_that_of_the_library():
    assert f"| decodes | {len(CLASSES)} classes" in README.read_text(encoding="utf-8")


def test_page_of_columns_is_what_a_conversion_makes():
    page = ROOT / "docs" / "columns.md"
    assert page.read_text(encoding="utf-8") == columns.made(), "python tests/columns.py > docs/columns.md"


def test_page_of_the_columns_of_features_is_what_features_make():
    page = (ROOT / "docs" / "feature-columns.md").read_text(encoding="utf-8")
    command = "python tests/feature_columns.py > docs/feature-columns.md"
    assert page == feature_columns.page(), command
    assert set(feature_columns.usual()) == set(ic.reco.__all__) - feature_columns.NOT_COLUMNS


@pytest.mark.parametrize("name", sorted(set(ic.reco.__all__) - {"with_features"}))
def test_page_of_features_names_every_feature(name):
    assert f"`{name}`" in (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
