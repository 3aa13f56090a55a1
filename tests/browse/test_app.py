"""`app`, `strip`, `lines`, `grid`, `help`, `browse.display`: the application as a user sees it."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from icecol import sim
from icecol.browse import browse
from icecol.browse.index import Index
from icecol.errors import MissingDependencyError
from icecol.i3.frames.files import open_i3, write_i3
from icecol.i3.frames.frame import Frame

pytest.importorskip("textual")

from textual.widgets import Input, Static

from icecol.browse.app import Browser
from icecol.browse.display import show
from icecol.browse.grid import Grid
from icecol.browse.help import KEYS, Help
from icecol.browse.strip import Frames


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    where = tmp_path_factory.mktemp("browse") / "events.i3.zst"
    sim.write(where, sim.events(40, seed=3), run_id=7)
    return where


@asynccontextmanager
async def browsing(*paths, size=(80, 20), **options):
    app = Browser(paths, **options)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        yield app, pilot


async def settled(pilot):
    """Wait until everything is indexed and shown."""
    for _ in range(2):
        while not pilot.app.index.done or pilot.app._wanted is not None:
            await pilot.pause(0.02)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


async def press(pilot, *keys):
    await pilot.press(*keys)
    await settled(pilot)


def text(app, name):
    return str(app._base.query_one(f"#{name}", Static).render())


def shown(app, name="object"):
    return app.query_one(f"#{name}", Grid).view


@pytest.mark.slow
def test_frames_are_walked_by_keys(path):
    async def run():
        async with browsing(path) as (app, pilot):
            places = [app.at]
            for key in (
                "right",
                "h",
                "P",
                "P",
                "Q",
                "]",
                "[",
                "greater_than_sign",
                "less_than_sign",
            ):
                await press(pilot, key)
                places.append(app.at)
            assert places == [0, 1, 0, 1, 3, 4, 6, 4, 79, 0]
            await press(pilot, "left")
            assert app.at == 0
            await press(pilot, "G")
            assert app.at == 0
            assert [n.message for n in app._notifications] == ["no G frame after this one"]
            assert "run 7 event 0.0" in text(app, "frame")
            assert "80 frames" in text(app, "title")

    asyncio.run(run())


def test_the_key_stays_and_n_finds_it(path):
    async def run():
        async with browsing(path, at="P", key="SRTInIcePulses") as (app, pilot):
            assert app.at == 1
            pulses = app.frame.pulses("SRTInIcePulses")
            assert shown(app).rows == len(pulses)
            await press(pilot, "n")
            assert (app.at, app._key) == (3, "SRTInIcePulses")
            assert app.query_one("#right").border_title.startswith("SRTInIcePulses")
            await press(pilot, "p")
            assert app.at == 1
            await press(pilot, "left")  # the Q frame does not have it
            assert app.at == 0
            await press(pilot, "n")
            assert app.at == 1
            assert app._key in app.frame

    asyncio.run(run())


@pytest.mark.slow
def test_views_turn_and_rows_open_and_close(path):
    async def run():
        async with browsing(path, at="P", key="SRTInIcePulses") as (app, pilot):
            assert shown(app).columns[0].name == "string"
            await press(pilot, "v")
            assert shown(app).cells(0)[:2] == ("source", "SplitInIcePulses")
            await press(pilot, "tab", "down", "enter")
            assert app.query_one("#right").border_title.startswith("SRTInIcePulses / key_mask")
            assert [c.name for c in shown(app).columns] == ["#", "value"]
            await press(pilot, "backspace")
            assert shown(app).cells(1)[0] == "key_mask"
            assert app.query_one("#object", Grid).cursor == 1
            await press(pilot, "backspace")
            assert app.query_one("#keys").has_focus
            await press(pilot, "v")
            assert [c.name for c in shown(app).columns] == ["offset", "bytes", "text"]

    asyncio.run(run())


@pytest.mark.slow
def test_keys_are_searched_here_and_in_the_frames_that_follow(path):
    async def run():
        async with browsing(path) as (app, pilot):
            await press(pilot, "slash", *"mctree")
            assert [shown(app, "keys").cells(i)[2] for i in range(shown(app, "keys").rows)] == ["I3MCTree"]
            await press(pilot, "escape")
            assert shown(app, "keys").rows == len(app.frame)
            await press(pilot, "slash", *"srt", "enter")
            assert app.at == 1
            assert app._key == "SRTInIcePulses"
            await press(pilot, "slash", *"nothing", "enter")
            assert app.at == 1
            assert any("'nothing'" in n.message for n in app._notifications)

    asyncio.run(run())


@pytest.mark.slow
def test_one_goes_to_events_and_frames(path):
    async def run():
        async with browsing(path, at="7/12") as (app, pilot):
            assert app.at == 24
            for where, at in (("e5", 10), ("31", 31), ("-Q", 30), ("last", 79)):
                await press(pilot, "g", *where, "enter")
                assert app.at == at
            await press(pilot, "g", *"where", "enter")
            assert any("'where' is not a place" in n.message for n in app._notifications)
            await press(pilot, "g", "escape", "left")
            assert app.at == 78

    asyncio.run(run())


def test_what_is_not_indexed_yet_is_waited_for(path, monkeypatch):
    whole = Index.build
    monkeypatch.setattr(Index, "build", lambda _: None)

    async def run():
        app = Browser(path, at="e39")
        async with app.run_test(size=(80, 20)) as pilot:
            await pilot.pause()
            assert app.at < 0
            assert "looking for e39" in text(app, "title")
            whole(app.index)
            await settled(pilot)
            assert app.at == 78
            assert "looking" not in text(app, "title")

    asyncio.run(run())


def test_the_help_does_not_stop_the_index(path, monkeypatch):
    whole = Index.build
    monkeypatch.setattr(Index, "build", lambda _: None)

    async def run():
        app = Browser(path)
        async with app.run_test(size=(80, 20)) as pilot:
            await pilot.press("question_mark")
            whole(app.index)
            await settled(pilot)
            assert isinstance(app.screen, Help)
            await pilot.press("escape")
            assert "80 frames" in text(app, "title")

    asyncio.run(run())


def test_damage_is_shown_where_it_is(path, tmp_path):
    damaged = tmp_path / "damaged.i3"
    write_i3(damaged, open_i3(path))
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 0xFF
    damaged.write_bytes(data)

    async def run():
        async with browsing(damaged) as (app, pilot):
            assert "1 damaged" in text(app, "title")
            await press(pilot, "exclamation_mark")
            assert "checksum" in text(app, "note")
            assert "damaged" in text(app, "frame")
            assert shown(app).cells(0)[2].startswith("[i3]")
            await press(pilot, "right")
            assert shown(app, "keys").rows > 0

    asyncio.run(run())


def test_a_file_without_frames_says_so(tmp_path):
    empty = tmp_path / "empty.i3"
    empty.write_bytes(b"")

    async def run():
        async with browsing(empty) as (app, pilot):
            assert "no frame" in text(app, "note")
            await press(pilot, "right", "P", "n", "v", "slash", "a", "enter", "backspace", "left")
            assert app.at == -1

    asyncio.run(run())


def test_objects_that_cannot_be_decoded_and_unknown_ones_are_dumped(path, tmp_path):
    odd = tmp_path / "odd.i3"
    good = next(open_i3(path))
    bad = good.raw("I3EventHeader")[:-3]
    write_i3(odd, [Frame("Q", [("Cut", "I3EventHeader", bad), ("Odd", "OddThing", b"\x01\x02\x03")])])

    async def run():
        async with browsing(odd) as (app, pilot):
            assert app.query_one("#note").has_class("wrong")
            assert "'Cut'" in text(app, "note")
            await press(pilot, "down")
            assert "no layout of OddThing is known" in text(app, "note")
            assert shown(app).cells(0)[1] == "01 02 03"

    asyncio.run(run())


def test_the_strip_shows_the_frames_around_and_is_clicked(path):
    async def run():
        async with browsing(path, at="40", size=(120, 20)) as (app, pilot):
            letters, ruler = str(app.query_one(Frames).render()).split("\n")
            assert letters.replace(" ", "").startswith(("QP", "PQ"))
            at = ruler.index("▲")
            assert letters[at] == app.frame.stop
            assert "▲ 40" in ruler
            assert abs(at - 60) < 6
            await pilot.click(Frames, offset=(at + 4, 0))
            await settled(pilot)
            assert app.at == 41

    asyncio.run(run())


def test_every_binding_is_in_the_help(path):
    async def run():
        async with browsing(path, size=(80, 24)) as (app, pilot):
            await press(pilot, "question_mark")
            assert isinstance(app.screen, Help)
            assert app.screen.query_one("#help").region.height > len(KEYS)
            assert app.screen.region.contains_region(app.screen.query_one("#help").region)
            await press(pilot, "escape")
            assert not isinstance(app.screen, Help)
            named = {key for keys, _ in KEYS for key in keys.split()}
            letters = {b.key for b in Browser.BINDINGS if len(b.key) == 1} - {"?", "/"}
            assert letters <= named
            assert not app.query_one("#ask", Input).has_class("open")

    asyncio.run(run())


def test_rows_of_a_long_table_are_made_only_when_seen():
    from icecol.browse.table import Column, View

    made = []

    def cells(i):
        made.append(i)
        return (str(i),)

    async def run():
        from textual.app import App

        class Alone(App):
            def compose(self):
                yield Grid(id="grid")

        app = Alone()
        async with app.run_test(size=(40, 10)) as pilot:
            app.query_one(Grid).show(View((Column("n"),), 1_000_000_000, cells))
            await pilot.pause()
            await pilot.press("end")
            await pilot.pause()
            assert app.query_one(Grid).cursor == 999_999_999
            assert 999_999_999 in made
            assert len(set(made)) < 2000
            await pilot.press("home", "pagedown", "up")
            assert app.query_one(Grid).cursor == 7

    asyncio.run(run())


def test_without_textual_it_is_said_what_to_install(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "textual", None)
    with pytest.raises(
        MissingDependencyError,
        match=r"icecol browse needs textual: .*its extra \[browse\]",
    ):
        browse(path)


def test_a_file_that_is_not_there_is_an_error_before_anything_is_drawn(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.i3"):
        browse(tmp_path / "none.i3")


def test_a_start_that_names_no_place_is_refused_before_anything_is_shown(path):
    with pytest.raises(ValueError, match="'nowhere' is not a place in the files"):
        Browser(path, at="nowhere")


def test_the_event_display_of_a_frame_is_opened(path, monkeypatch):
    opened = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)

    async def run():
        async with browsing(path, at="e5") as (app, pilot):
            await press(pilot, "e")
            assert app.frame.stop == "Q"
            await press(pilot, "P", "e")
            said = [n.message for n in app._notifications]
            assert said == [f"opened {url.removeprefix('file://')}" for url in opened]
        pages = [Path(url.removeprefix("file://")) for url in opened]
        assert [page.name for page in pages] == ["run7-event5-Q.html", "run7-event5-P.html"]
        for page in pages:
            assert "run 7, event 5" in page.read_text(encoding="utf-8")
            page.unlink()
        pages[0].parent.rmdir()

    asyncio.run(run())


def test_without_a_desktop_the_display_is_named_and_other_frames_have_none(path, monkeypatch, tmp_path):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("webbrowser.open", lambda url: pytest.fail(f"{url} was opened"))
    frame = next(f for f in open_i3(path) if f.stop == "P")
    page = tmp_path / "run7-event0-P.html"
    assert show(frame, tmp_path) == f"open {page} in a browser"
    assert page.exists()
    assert show(Frame("G"), tmp_path) == "a G frame is not an event: go to a P or Q frame"
