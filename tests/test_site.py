"""The site of the documentation builds without a warning, its links lead somewhere, and nothing comes from elsewhere.

Covers `docs/site/hooks.py`, which makes the pages that are not in docs/.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser
import pytest
from public import names

pytest.importorskip("mkdocs", reason="needs icecol[docs]")

ROOT = Path(__file__).parents[1]


class Page(HTMLParser):
    """Links of a page, what it loads, and the places in it that a link may name."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := found.get(name))}
        if tag == "a" and (href := found.get("href")):
            self.links.add(href)
        elif tag in {"link", "script", "img", "iframe"} and (target := found.get("href") or found.get("src")):
            self.loads.add(target)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Build the site, where every warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": paths}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {path.resolve(): Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}


@pytest.mark.slow
def test_links_lead_to_places_that_are_there(pages):
    lost = []
    for path, page in pages.items():
        for link in page.links:
            scheme, host, target, _, anchor = urlsplit(link)
            if scheme or host:
                continue
            there = (path.parent / unquote(target)).resolve() if target else path
            anchors = pages[there].anchors if there in pages else set()
            if not there.exists() or (anchor and anchor != "__skip" and unquote(anchor) not in anchors):
                lost.append(f"{path.name}: {link}")
    assert not lost


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(pages):
    for path, page in pages.items():
        for target in page.loads:
            assert (path.parent / unquote(urlsplit(target).path)).exists(), f"{path.name}: {target}"


@pytest.mark.slow
def test_every_public_name_is_in_the_reference_and_found_by_the_search(site):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    titles = {document["title"] for document in index["docs"]}
    assert {name for name, _ in names()} <= titles


@pytest.mark.slow
def test_examples_and_pages_from_elsewhere_are_on_the_site(site):
    for script in (ROOT / "examples").glob("*.py"):
        assert (site / "examples" / f"{script.stem}.html").exists(), script.name
    assert {"index.html", "contributing.html", "changelog.html"} <= {path.name for path in site.iterdir()}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    if not browser.found():
        pytest.skip("no Chromium or Chrome is installed")
    with browser.chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.mark.services
def test_pages_are_dark_where_the_system_is_and_fit_a_phone(site, chromium):
    for name in ("features.html", "index.html", "classes.html", "reference/ic.reco.html"):
        chromium.open((site / name).as_uri(), width=390, height=844, dark=True)
        assert chromium.run("document.body.dataset.mdColorScheme") == "slate"
        assert chromium.run("document.documentElement.scrollWidth") == 390
    assert chromium.errors == []
    assert all(url.startswith(("file:", "data:", "about:")) for url in chromium.requests)


@pytest.mark.services
def test_search_finds_a_feature_in_a_site_opened_from_disk(site, chromium):
    chromium.open((site / "index.html").as_uri())
    chromium.run("document.querySelector('[data-md-component=search-query]').focus()")
    for letter in "paraboloid":
        chromium.press(letter)
    found = "[...document.querySelectorAll('.md-search-result__item')]"
    chromium.until(f"{found}.some(item => item.textContent.includes('ic.reco.paraboloid'))")
