"""What the keys of the browser do."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from icecol.browse.strip import INK, colour
from icecol.i3.frames.frame import STOPS

KEYS: Final = (
    ("← →   h l", "previous and next frame"),
    ("P Q G C D S I", "next frame of that stop"),
    ("[ ]", "previous and next frame of the same stop"),
    ("p n", "previous and next frame that has the key as its own"),
    ("< >", "first and last frame"),
    ("!", "next damaged place"),
    ("g", "go to a frame (17, +3, last) or stop (Q, -Q),"),
    ("", "or an event (e42, or 7/42 with its run)"),
    ("/", "search keys here; Enter: also in later frames"),
    ("↑ ↓   j k", "move in the list; PgUp PgDn Home End too"),
    ("⇧← ⇧→", "scroll a wide table"),
    ("Tab", "go from the keys to the object and back"),
    ("Enter", "open what a row holds"),
    ("Backspace", "close it again"),
    ("v", "next view of an object: pulses, members, bytes"),
    ("e", "event display of this frame, in a browser"),
    ("q", "quit"),
)


class Help(ModalScreen[None]):
    """What the keys do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "app.pop_screen", show=False)
    ]

    def compose(self) -> ComposeResult:
        """Make the table of keys."""
        lines = [Text.assemble((f"{key:<16}", "bold #e0b060"), what) for key, what in KEYS]
        named = [
            Text.assemble((f" {stop} ", f"bold {INK} on {colour(stop)}"), f" {name:<16}")
            for stop, name in STOPS.items()
        ]
        stops = [Text().join(named[:3]), Text().join(named[3:6]), Text().join(named[6:])]
        with Vertical(id="help") as box:
            box.border_title = "keys"
            yield Static(Text("\n").join([*lines, Text(), *stops]))
