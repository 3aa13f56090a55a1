"""A widget that shows a `View`; only visible rows are made, so that any number of rows is quick to show."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from icecol.browse.table import View
from icecol.names import plain

_GAP: Final = 2
_WIDEST: Final = 44  # of any column but the last; longer texts are cut
_GUIDES: Final = "├└│─ "

Paint = Callable[[int, int], Style | None]
"""From row and column to the style of the cell."""


class Grid(ScrollView, can_focus=True, inherit_bindings=False):
    """A table with a cursor, a fixed header, and columns as wide as their contents."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "grid--head", "grid--unit", "grid--cursor", "grid--blurred-cursor", "grid--guide", "grid--first",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("home", "move(-1_000_000_000)", show=False),
        Binding("end", "move(1_000_000_000)", show=False),
        Binding("shift+left", "slide(-8)", show=False),
        Binding("shift+right", "slide(8)", show=False),
        Binding("enter", "open", show=False),
    ]

    cursor: reactive[int] = reactive(0, repaint=True)

    class Moved(Message):
        """The cursor moved to another row."""

        def __init__(self, grid: Grid) -> None:
            super().__init__()
            self.grid = grid

        @property
        def control(self) -> Grid:
            """The grid."""
            return self.grid

    class Opened(Moved):
        """A row was chosen."""

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.view = View((), 0, lambda _: ())
        self._widths: list[int] = []
        self._paint: Paint = lambda _row, _column: None

    def show(self, view: View, *, cursor: int = 0, paint: Paint | None = None) -> None:
        """Show another view, with the cursor on a row of it."""
        self.view = view
        self._paint = paint or (lambda _row, _column: None)
        self._widths = self._measure()
        self.virtual_size = Size(sum(self._widths) + _GAP * len(self._widths), view.rows + self._head)
        self.set_reactive(Grid.cursor, max(0, min(cursor, view.rows - 1)))
        self.scroll_to(0, max(0, self.cursor - self.size.height // 2), animate=False)
        self.call_after_refresh(self._keep_in_sight)
        self.refresh()

    @property
    def _head(self) -> int:
        return 1 if any(column.name for column in self.view.columns) else 0

    def _measure(self) -> list[int]:
        view = self.view
        some = {*range(min(view.rows, 300)), *range(0, view.rows, max(1, view.rows // 300))}
        rows = [view.cells(i) for i in some]
        heads = [len(c.name) + (len(c.unit) + 1 if c.unit else 0) for c in view.columns]
        widths = [max([head, *(len(plain(row[j])) for row in rows)]) for j, head in enumerate(heads)]
        return [min(w, _WIDEST) if j < len(widths) - 1 else w for j, w in enumerate(widths)]

    # -- drawing ------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw one visible line."""
        width = self.size.width
        base = self.rich_style
        if y == 0 and self._head:
            segments = self._head_line()
        else:
            row = y - self._head + round(self.scroll_y)
            if row >= self.view.rows:
                return Strip.blank(width, base)
            over = None
            if row == self.cursor:
                name = "grid--cursor" if self.has_focus else "grid--blurred-cursor"
                base = over = self.get_component_rich_style(name)
            segments = self._row_line(row, over)
        x = round(self.scroll_x)
        return Strip(segments).apply_style(base).crop_extend(x, x + width, base)

    def _head_line(self) -> list[Segment]:
        head, unit = (self.get_component_rich_style(f"grid--{part}") for part in ("head", "unit"))
        segments = []
        for column, width in zip(self.view.columns, self._widths, strict=True):
            fill = " " * (width - len(column.name) - (len(column.unit) + 1 if column.unit else 0))
            segments += [
                Segment(fill if column.right else "", head),
                Segment(column.name, head),
                Segment(f" {column.unit}" if column.unit else "", unit),
                Segment(("" if column.right else fill) + " " * _GAP, head),
            ]
        return segments

    def _row_line(self, row: int, over: Style | None) -> list[Segment]:
        """Make the cells of a row; under the cursor all but coloured letters have its colours."""
        guide, first = (self.get_component_rich_style(f"grid--{part}") for part in ("guide", "first"))
        segments = []
        cells = zip(self.view.columns, self.view.cells(row), self._widths, strict=True)
        for j, (column, text, width) in enumerate(cells):
            text = plain(text)  # noqa: PLW2901 - from here on
            shown = text if len(text) <= width else text[: max(0, width - 1)] + "…"
            fill = " " * (width - len(shown))
            painted = self._paint(row, j)
            style = painted or (first if j == 0 else Style())
            if over is not None:
                style = style + (Style(bgcolor=over.bgcolor) if painted and len(text) == 1 else over)
            rest = shown.lstrip(_GUIDES)
            segments += [
                Segment(fill if column.right else "", over),
                Segment(
                    shown[: len(shown) - len(rest)], guide + Style(bgcolor=over.bgcolor) if over else guide
                ),
                Segment(rest, style),
                Segment(("" if column.right else fill) + " " * _GAP, over),
            ]
        return segments

    # -- moving -------------------------------------------------------------------------------------------------

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a row."""
        return max(0, min(cursor, self.view.rows - 1))

    def watch_cursor(self) -> None:
        """Scroll to the cursor, and post a message."""
        self._keep_in_sight()
        self.post_message(self.Moved(self))

    def _keep_in_sight(self) -> None:
        height = self.size.height - self._head
        top = round(self.scroll_y)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif height > 0 and self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False)

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._keep_in_sight()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the mouse; a second click opens the row."""
        row = event.y - self._head + round(self.scroll_y)
        if 0 <= row < self.view.rows and event.y >= self._head:
            self.cursor = row
            if event.chain == 2:
                self.action_open()

    def action_move(self, step: int) -> None:
        """Move the cursor by rows."""
        self.cursor += step

    def action_page(self, step: int) -> None:
        """Move the cursor by a page."""
        self.cursor += step * max(1, self.size.height - self._head - 1)

    def action_slide(self, step: int) -> None:
        """Scroll sideways."""
        self.scroll_to(x=max(0, self.scroll_x + step), animate=False)

    def action_open(self) -> None:
        """Choose the row under the cursor."""
        if self.view.rows:
            self.post_message(self.Opened(self))
