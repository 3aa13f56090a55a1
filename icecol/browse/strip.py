"""A widget with the frames around the current one, each a letter in the colour of its stop."""

from __future__ import annotations

from typing import Final

from rich.style import Style
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from icecol.browse.index import DAMAGE, Index

COLOURS: Final = {
    "I": "#8b93a5", "G": "#8fbf6a", "C": "#e0b060", "D": "#d58bc2", "S": "#a48be0", "Q": "#5fa8f0", "P": "#45c8b0",
    "N": "#6b7280", DAMAGE: "#f0605a",
}  # fmt: skip
"""Colour of each stop, and of damaged places."""

INK: Final = "#10141c"
_PLAIN: Final = "#c8ccd4"  # user-defined stops


def colour(stop: str) -> str:
    """Return the colour of a stop."""
    return COLOURS.get(stop, _PLAIN)


class Frames(Widget):
    """The frames around the current one, each a letter in the colour of its stop, and a ruler below."""

    class Chosen(Message):
        """A frame was clicked."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, index: Index, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._index = index
        self._at = 0
        self._columns: list[int] = []  # the frame in each column, -1 between two

    def show(self, at: int) -> None:
        """Centre another frame."""
        self._at = at
        self.refresh()

    def render(self) -> Text:
        """Draw letters and ruler."""
        width = self.size.width
        begin, stops = self._around(width)
        letters, self._columns = Text(no_wrap=True, overflow="crop"), []
        for i, stop in enumerate(stops, begin):
            if stop != "P" and self._columns:
                letters.append(" ")
                self._columns.append(-1)
            paper = "#ffffff" if i == self._at else colour(stop)
            letters.append(f" {stop} ", Style(color=INK, bgcolor=paper, bold=True))
            self._columns += [i] * 3
        return Text("\n", no_wrap=True, overflow="crop").join([letters, self._ruler(width)])

    def _around(self, width: int) -> tuple[int, str]:
        """Return the first visible frame and the stops from there on, with the current one about in the middle."""
        begin = max(0, self._at - width // 3)
        stops = self._index.stops(begin, self._at + width // 3 + 1)
        first, used = self._at - begin, 0
        while first > 0 and used + 4 <= width // 2:
            used += 3 + (stops[first] != "P")
            first -= 1
        return begin + first, stops[first:]

    def _ruler(self, width: int) -> Text:
        marks = [" "] * width
        current = self._columns.index(self._at) if self._at in self._columns else -1
        label = f"▲ {self._at:,}"
        for column, i in enumerate(self._columns[:width]):
            fresh = i >= 0 and (column == 0 or self._columns[column - 1] != i)
            text = f"{i:,}"
            clear = current < 0 or column + len(text) + 1 < current or column > current + len(label) + 2
            if fresh and i % 10 == 0 and clear and column + len(text) < width:
                marks[column + 1 : column + 1 + len(text)] = text
        ruler = Text("".join(marks)[:width], style="#7c8496", no_wrap=True, overflow="crop")
        if current >= 0:
            begin = min(current + 1, max(0, width - len(label)))
            line = ruler.plain[:begin] + label + ruler.plain[begin + len(label) :]
            ruler = Text(line[:width], style="#7c8496", no_wrap=True, overflow="crop")
            ruler.stylize("bold #ffffff", begin, begin + len(label))
        return ruler

    def on_click(self, event: events.Click) -> None:
        """Go to the frame that is clicked."""
        if event.x < len(self._columns) and self._columns[event.x] >= 0:
            self.post_message(self.Chosen(self._columns[event.x]))
