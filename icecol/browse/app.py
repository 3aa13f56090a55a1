"""The browser: frames as a coloured strip, the keys of one frame, and the object under one key as a table."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.markup import escape
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from icecol.browse.display import show as show_event
from icecol.browse.grid import Grid
from icecol.browse.help import Help
from icecol.browse.index import DAMAGE, Index
from icecol.browse.lines import class_of, frame_line, size, title
from icecol.browse.strip import Frames, colour
from icecol.browse.table import Column, View, curve
from icecol.browse.views import failed, hex_view, views
from icecol.errors import IcecolError
from icecol.i3.frames.files import Paths
from icecol.i3.frames.frame import Frame
from icecol.names import plain

_DUMP: Final = 4096  # bytes of a damaged place that are shown
_STOP_KEYS: Final = "PQGCDSI"


class Browser(App[None]):
    """The application; `icecol.browse.browse` runs it.

    Parameters
    ----------
    paths : str, path, or several
        Files, read as one stream.
    at : str
        Where to begin, as in `Index.goto`.
    key : str
        Key to look at.

    Raises
    ------
    FileNotFoundError
        A file does not exist.
    ValueError
        `at` is not a position.
    """

    ENABLE_COMMAND_PALETTE = False
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012
    TITLE = "icecol browse"
    CSS = """
    Screen { background: #10141c; color: #c8ccd4; }
    #title { height: 1; padding: 0 1; background: #1a2130; }
    #frames { height: 2; margin: 1 1 0 1; }
    #frame { height: 1; padding: 0 1; margin: 1 0 0 0; }
    #title, #frames, #frame { text-wrap: nowrap; text-overflow: ellipsis; }
    #frames { text-overflow: clip; }
    .-short #frames { margin: 0 1; }
    .-short #frame { margin: 0; }
    #panes { height: 1fr; }
    .pane { border: round #333d52; border-title-color: #c8ccd4; border-subtitle-color: #7c8496; padding: 0 1; }
    .pane:focus-within { border: round #5fa8f0; }
    #left { width: 40%; }
    #right { width: 60%; }
    #note { height: auto; max-height: 3; color: #e0b060; }
    #note.wrong { color: #f0605a; }
    #profile { height: 2; color: #45c8b0; display: none; }
    #ask { display: none; height: 1; border: none; padding: 0 1; background: #1a2130; }
    #ask.open { display: block; }
    Grid { height: 1fr; background: #10141c; scrollbar-size: 1 1; scrollbar-color: #333d52;
           scrollbar-background: #10141c; scrollbar-color-hover: #5fa8f0; scrollbar-corner-color: #10141c; }
    #keys { overflow-x: hidden; }
    .grid--head { color: #7c8496; text-style: bold; background: #10141c; }
    .grid--unit { color: #566074; background: #10141c; }
    .grid--cursor { background: #2b4a75; color: #ffffff; }
    .grid--blurred-cursor { background: #232b3b; color: #ffffff; }
    .grid--guide { color: #566074; }
    .grid--first { color: #dfe4ee; }
    Footer { background: #1a2130; }
    Help { align: center middle; }
    #help { width: auto; max-width: 96%; height: auto; border: round #5fa8f0; background: #1a2130; padding: 1 2; }
    #help Static { width: auto; }
    .-short #help { padding: 0 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", show=False),
        Binding("right,l", "step(1)", "frame", key_display="← →"),
        *(Binding(stop, f"stop('{stop}', 1)", show=False) for stop in _STOP_KEYS if stop != "P"),
        Binding("P", "stop('P', 1)", "stop", key_display="P Q …"),
        Binding("[", "stop('', -1)", show=False),
        Binding("]", "stop('', 1)", "same stop", key_display="[ ]"),
        Binding("p", "same_key(-1)", show=False),
        Binding("n", "same_key(1)", "with key", key_display="p n"),
        Binding("<", "goto('first')", show=False),
        Binding(">", "goto('last')", show=False),
        Binding("!", "stop('!', 1)", show=False),
        Binding("g", "ask('go to')", "go to"),
        Binding("/", "ask('key')", "search", key_display="/"),
        Binding("v", "turn", "view"),
        Binding("e", "event", "event display"),
        Binding("backspace", "close", show=False),
        Binding("escape", "cancel", show=False),
        Binding("?", "help", "help", key_display="?"),
        Binding("q", "quit", "quit"),
    ]

    def __init__(self, paths: Paths, *, at: str = "first", key: str = "") -> None:
        super().__init__()
        self.index = Index(paths)
        self.at = -1
        self.frame: Frame | None = None
        self._keys: list[str] = []
        self._key = key  # stays wanted where a frame does not have it
        self._way = ""  # the view of objects that is preferred, where they have it
        self._ways: dict[str, Callable[[], View]] = {}
        self._path: list[tuple[str, View]] = []
        self._search = ""
        self._asked = ""
        self.index.goto(-1, at)  # raises for what is not a position before anything is shown
        self._wanted: tuple[Callable[[], int | None], str] | None = (lambda: self.index.goto(-1, at), at)
        self._cursors: list[int] = []
        self._request = 0
        self._pages: Path | None = None
        self._making = threading.Lock()
        self._known: tuple[Any, ...] = ()

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield Static(id="title")
        yield Frames(self.index, id="frames")
        yield Static(id="frame")
        with Horizontal(id="panes"):
            with Vertical(id="left", classes="pane"):
                yield Grid(id="keys")
            with Vertical(id="right", classes="pane"):
                yield Static(id="note")
                yield Static(id="profile")
                yield Grid(id="object")
        yield Input(id="ask", compact=True)
        yield Footer(show_command_palette=False)

    @property
    def _base(self) -> Screen[Any]:
        """The screen with the frames, which may lie below the help."""
        return self.screen_stack[0]

    def on_mount(self) -> None:
        """Begin to index the files."""
        self._base.query_one("#keys").focus()
        self._build()
        self.set_interval(0.1, self._poll)
        self._poll()

    def on_unmount(self) -> None:
        """Stop what is running."""
        self.index.close()

    @work(thread=True, group="index")
    def _build(self) -> None:
        self.index.build()

    def _poll(self) -> None:
        """Show how far the index is, and go to the requested position as soon as it is known."""
        if not self.screen_stack or not self._base.query("#title"):
            return  # all is being closed
        done = self.index.done  # before the search: what is found now is all there is
        known = (done, len(self.index), self.index.bytes_read, self._wanted)
        if known == self._known:
            return
        self._known = known
        if self._wanted is not None:
            find, what = self._wanted
            found = find()
            if found is not None or done:
                self._wanted = None
            if found is not None:
                self.show(found)
            elif done and len(self.index):
                self._say(f"no {what}")
        if self.at < 0 and len(self.index):
            self.show(0)
        self._show_title()
        self._base.query_one(Frames).refresh()
        if done and self.at < 0:
            self._show_view(View((), 0, lambda _: (), note="there is no frame in the file", wrong=True))

    # -- frames -------------------------------------------------------------------------------------------------

    def show(self, number: int) -> None:
        """Go to a frame."""
        self.at = number
        try:
            self.frame = self.index.frame(number)
        except (IcecolError, OSError) as err:  # the file has changed since it was indexed
            self.frame = None
            self._say(str(err))
        self._base.query_one(Frames).show(number)
        self._show_title()
        self._show_frame_line()
        self._show_keys()

    def _show_title(self) -> None:
        wanted = "" if self._wanted is None else self._wanted[1]
        self._base.query_one("#title", Static).update(title(self.index, self.size.width // 2, wanted))

    def _show_frame_line(self) -> None:
        line = frame_line(self.index.entry(self.at), self.frame, name_file=len(self.index.paths) > 1)
        self._base.query_one("#frame", Static).update(line)

    # -- keys ---------------------------------------------------------------------------------------------------

    def _show_keys(self) -> None:
        frame, entry = self.frame, self.index.entry(self.at)
        grid = self._base.query_one("#keys", Grid)
        title = f"keys with {self._search!r}" if self._search else "keys"
        if frame is None or entry.stop == DAMAGE:
            self._keys, self._ways = [], {}
            self._base.query_one("#left").border_title = self._base.query_one("#left").border_subtitle = ""
            grid.show(View((), 0, lambda _: ()))
            blob = self.index.read(self.at, _DUMP)
            where = entry.path.name
            self._show_view(
                hex_view(blob, width=self._width(), offset=entry.offset, note=entry.message, wrong=True),
                where,
            )
            return
        own = {*frame.own_keys()}
        self._keys = [key for key in frame if self._search.lower() in key.lower()]
        keys = self._keys

        def cells(i: int) -> tuple[str, ...]:
            key = keys[i]
            return frame.stop_of(key), size(len(frame.raw(key))), key, class_of(frame, key)

        def paint(i: int, column: int) -> Style:
            if column == 0:
                return Style(color=colour(frame.stop_of(keys[i])), bold=True)
            dim = keys[i] not in own
            if column == 2:
                return Style(color="#7a8499" if dim else "#e6eaf2")
            return Style(color="#566074" if dim else "#8b93a5")

        columns = (Column(""), Column("size", right=True), Column("key"), Column("type"))
        wanted = (
            keys.index(self._key)
            if self._key in keys
            else next((i for i, k in enumerate(keys) if k in own), 0)
        )
        grid.show(View(columns, len(keys), cells), cursor=wanted, paint=paint)
        self._base.query_one("#left").border_title = escape(title)
        self._base.query_one("#left").border_subtitle = (
            f"{len(keys):,} of {len(frame):,}" if self._search else f"{len(keys):,}"
        )
        if keys and (self._search or not self._key):
            self._key = keys[grid.cursor]
        self._look_at(keys[grid.cursor] if keys else "")

    @on(Grid.Moved, "#keys")
    def _moved(self, event: Grid.Moved) -> None:
        if event.grid.cursor < len(self._keys):
            self._key = self._keys[event.grid.cursor]
            self._look_at(self._key)

    @on(Grid.Opened, "#keys")
    def _chosen(self) -> None:
        self._base.query_one("#object").focus()

    # -- objects ------------------------------------------------------------------------------------------------

    def _look_at(self, key: str) -> None:
        """Make the view of an object, in a thread: some take a while."""
        self._request += 1
        if not key or self.frame is None:
            self._ways = {}
            self._show_view(View((), 0, lambda _: (), note="no key matches" if self._search else "no keys"))
            return
        self._ways = views(self.frame, key, width=self._width())
        way = self._way if self._way in self._ways else next(iter(self._ways))
        self._make(self._request, key, way, self._ways)

    @work(thread=True, exclusive=True, group="object")
    def _make(self, request: int, key: str, way: str, ways: dict[str, Callable[[], View]]) -> None:
        with self._making:  # one at a time: an object that takes long is not decoded again beside itself
            if request != self._request:
                return
            try:
                view = ways[way]()
            except IcecolError as err:
                view = failed(err)
        self.call_from_thread(self._made, request, key, way, view)

    def _made(self, request: int, key: str, way: str, view: View) -> None:
        if request == self._request:
            self._show_view(view, key, way)

    def _show_view(self, view: View, name: str = "", way: str = "") -> None:
        self._path, self._cursors = [(name, view)], []
        self._show_path(way)

    def _show_path(self, way: str = "", cursor: int = 0) -> None:
        """Show what is at the end of the path."""
        view = self._path[-1][1]
        grid, note, profile = (
            self._base.query_one("#object", Grid),
            self._base.query_one("#note", Static),
            self._base.query_one("#profile", Static),
        )
        note.update(Text(plain(view.note)))
        note.set_class(view.wrong, "wrong")
        profile.display = view.profile.size > 0
        profile.update(Text("\n".join(curve(view.profile, self._inside(), 2)) if view.profile.size else ""))
        grid.show(view, cursor=cursor)
        pane = self._base.query_one("#right")
        path, kind = " / ".join(name for name, _ in self._path), ""
        if self.frame is not None and self._path[0][0] in self.frame:
            kind = class_of(self.frame, self._path[0][0])
        pane.border_title = escape(plain(path)) + (
            f"  [#7c8496]{escape(plain(kind))}[/]" if kind != path else ""
        )
        if way:
            others = "  ".join(f"[b]{w}[/]" if w == way else w for w in self._ways)
            pane.border_subtitle = others if len(self._ways) > 1 else ""
        elif len(self._path) == 1:
            pane.border_subtitle = ""

    @on(Grid.Opened, "#object")
    def _open(self, event: Grid.Opened) -> None:
        opened = event.grid.view.inner(event.grid.cursor)
        if opened is not None:
            name, make = opened
            try:
                self._path.append((name, make()))
            except IcecolError as err:
                self._path.append((name, failed(err)))
            self._cursors.append(event.grid.cursor)
            self._show_path()

    def action_close(self) -> None:
        """Close what was opened last, or go back to the keys."""
        if len(self._path) > 1:
            self._path.pop()
            self._show_path(cursor=self._cursors.pop())
        else:
            self._base.query_one("#keys").focus()

    def action_turn(self) -> None:
        """Switch to the next view of objects."""
        ways = list(self._ways)
        if ways:
            now = self._way if self._way in ways else ways[0]
            self._way = ways[(ways.index(now) + 1) % len(ways)]
            self._look_at(self._key)

    def _inside(self) -> int:
        return max(20, self._base.query_one("#right").size.width - 4)

    def _width(self) -> int:
        """Return how many bytes fit into a line of a hex dump."""
        return 16 if self._inside() >= 8 + 16 * 3 + 16 + 6 else 8

    # -- where to go --------------------------------------------------------------------------------------------

    def _go(self, find: Callable[[], int | None], what: str) -> None:
        """Go to a position; if the index does not have it yet, as soon as it does."""
        found = find()
        if found is not None:
            self._wanted = None
            self.show(found)
        elif self.index.done:
            self._say(f"no {what}")
        else:
            self._wanted = (find, what)

    def action_step(self, step: int) -> None:
        """Go forward or back by frames."""
        at = self.at + step
        if 0 <= at < len(self.index):
            self._wanted = None
            self.show(at)

    def action_stop(self, stop: str, step: int) -> None:
        """Go to the next or previous frame of a stop, by default of the same."""
        if self.at >= 0:
            wanted, at = stop or self.index.entry(self.at).stop, self.at
            what = "damaged place" if wanted == DAMAGE else f"{wanted} frame"
            self._go(lambda: self.index.find(at, step, stop=wanted), f"{what} {_DIRECTION[step]} this one")

    def action_same_key(self, step: int) -> None:
        """Go to the next or previous frame that has the key as its own."""
        key, at = self._key, self.at
        if key:
            self._go(
                lambda: self.index.find(at, step, key=key), f"frame with {key!r} {_DIRECTION[step]} this one"
            )

    def action_goto(self, where: str) -> None:
        """Go to the position that a text names."""
        at = self.at
        self._go(lambda: self.index.goto(at, where), where)

    def action_ask(self, what: str) -> None:
        """Ask where to go, or for a key."""
        ask = self._base.query_one("#ask", Input)
        ask.placeholder = _ASK[what]
        self._asked = what
        ask.value = self._search if what == "key" else ""
        ask.add_class("open")
        self.screen.set_focus(ask)  # at once: what is typed next goes there

    @on(Input.Changed, "#ask")
    def _typed(self, event: Input.Changed) -> None:
        if self._asked == "key" and event.input.has_class("open") and self.at >= 0:
            self._search = event.value.strip()
            self._show_keys()

    @on(Input.Submitted, "#ask")
    def _answered(self, event: Input.Submitted) -> None:
        value = event.value.strip()
        self._close_ask()
        if self._asked == "key":
            if value and not self._keys:
                self._search_on(value)
        elif value:
            try:
                self.action_goto(value)
            except ValueError as err:
                self._say(str(err))

    def _search_on(self, text: str) -> None:
        """Go to the nearest frame with a matching key, after this one or else before."""
        at = self.at

        def find() -> int | None:
            keys = [key for key in list(self.index.keys) if text.lower() in key.lower()]
            after = [i for key in keys if (i := self.index.find(at, 1, key=key)) is not None]
            before = [i for key in keys if (i := self.index.find(at, -1, key=key)) is not None]
            return min(after) if after else max(before) if before and self.index.done else None

        self._go(find, f"frame with a key like {text!r}")

    def action_cancel(self) -> None:
        """Leave the prompt, or end the search."""
        asked = self._base.query_one("#ask").has_class("open")
        self._close_ask()
        self._wanted = None
        if (self._search or asked) and self.at >= 0:
            self._search = ""
            self._show_keys()

    def _close_ask(self) -> None:
        self._base.query_one("#ask").remove_class("open")
        self.screen.set_focus(self._base.query_one("#keys"))

    def action_event(self) -> None:
        """Open the event display of this frame."""
        if self.frame is not None:
            self._make_event(self.frame)

    @work(thread=True, exclusive=True, group="event")
    def _make_event(self, frame: Frame) -> None:
        if self._pages is None:
            self._pages = Path(tempfile.mkdtemp(prefix="icecol-"))  # stays: the browser shows what is in it
        try:
            said = show_event(frame, self._pages)
        except (IcecolError, OSError) as err:
            said = str(err)
        self.call_from_thread(self._say, said)

    def action_help(self) -> None:
        """Show what the keys do."""
        self.push_screen(Help())

    def _say(self, text: str) -> None:
        self.notify(escape(plain(text)), severity="warning", timeout=4)

    @on(Frames.Chosen)
    def _clicked(self, event: Frames.Chosen) -> None:
        self.show(event.number)


_DIRECTION: Final = {1: "after", -1: "before"}
_ASK: Final = {
    "go to": "frame (17, +3, last), event (e42, 7/42 with run) or stop (Q, -Q)",
    "key": "part of a key; Enter also looks in the frames that follow",
}
