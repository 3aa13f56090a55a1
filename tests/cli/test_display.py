from __future__ import annotations

import json
import re

import pytest
from commands import run


def titles(path):
    """Titles of the events on a page."""
    data = re.search(r'type="application/json">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)[
        1
    ]
    return [event["title"] for event in json.loads(data)["events"]]


@pytest.mark.parametrize("name", ["run1.i3.zst", "both.icecol"])
def test_view_writes_the_events_asked_for(folder, tmp_path, name):
    page = tmp_path / "event.html"
    done = run(
        "view", folder / name, "--run", 1, "--event", 4, "--event", 2, "-p", "SRTInIcePulses", "-o", page
    )
    assert done.exit_code == 0, done.output
    assert titles(page) == ["run 1, event 2 · InIceSplit 0", "run 1, event 4 · InIceSplit 0"]
    assert "event.html: run 1, event 2" in done.output
    done = run("view", folder / name, "-n", 3, "-o", page)
    assert (done.exit_code, len(titles(page))) == (0, 3)


def test_view_reads_files_as_one_stream(folder, tmp_path):
    page = tmp_path / "event.html"
    assert (
        run(
            "view", folder / "GCD.i3.gz", folder / "run1.i3.zst", folder / "run2.i3.zst", "-o", page
        ).exit_code
        == 0
    )
    assert len(titles(page)) == 1
    assert run("view", folder / "run2.i3.zst", "--gcd", folder / "GCD.i3.gz", "-o", page).exit_code == 0


def test_view_says_what_is_wrong(folder, tmp_path):
    page = tmp_path / "event.html"
    for arguments, message in (
        (["--event", 99], "has no events of event 99"),
        (["-p", "SRTPulses"], "did you mean 'SRTInIcePulses'?"),
    ):
        done = run("view", folder / "run1.i3.zst", *arguments, "-o", page)
        assert done.exit_code == 1
        assert message in done.output
        assert not page.exists()
    assert run("view", tmp_path / "none.i3").exit_code == 1


def test_view_opens_the_page(folder, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert run("view", folder / "run1.i3.zst", "-o", tmp_path / "a.html", "--open").exit_code == 0
    assert opened == [(tmp_path / "a.html").as_uri()]
