"""`terminal`, `rendering`."""

from __future__ import annotations

import io

from icecol.terminal import Terminal, table


def test_text_and_cells_are_shown_without_markup_and_control_characters():
    out = io.StringIO()
    console = Terminal(file=out, width=60, force_terminal=False)
    console.print("[red]a[/x]\x1b]52;c;aGk=\x07", style="bold")
    made = table("[b]key", "n", numbers=["n"], title="[t]")
    made.add_row("k[/x]\x1b[2J", "1\x9b")
    console.print(made)
    shown = out.getvalue()
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)
    for text in ("[red]a[/x]", r"\x1b]52;c;aGk=\x07", "[b]key", r"k[/x]\x1b[2J", "[t]"):
        assert text in shown
