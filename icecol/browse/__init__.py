"""A browser of .i3 files in the terminal: frames as a coloured strip, their keys, and objects as tables.

An index of all frames grows in the background while the first are already shown; memory is bounded, whatever the size
of the files. The index and the tables do not depend on the terminal and can be used on their own: `Index`, `views`,
`look`.

In: .i3 files, through `index.py`, which finds and reads their frames (`spill.py` keeps what was decompressed). Out: an
application (`app.py`) of a strip of frames (`strip.py`), lines of text (`lines.py`), tables (`grid.py`) and help
(`help.py`). `views.py` makes tables (`table.py`) of the objects of a frame, `values.py` of any decoded value, and
`cells.py` the text of one cell. `display.py` opens the event display.
"""

from __future__ import annotations

from icecol.errors import needs
from icecol.i3.frames.files import Paths

__all__ = ["browse"]


def browse(paths: Paths, *, at: str = "first", key: str = "") -> None:
    """Browse .i3 files in the terminal.

    Parameters
    ----------
    paths : str, path, or several
        Files or glob patterns, compressed or not, read as one stream.
    at : str
        Where to start, as in `Index.goto`: a frame (`17`, `last`), an event (`e42`, or `7/42` with its run), the next
        frame of a stop (`P`).
    key : str
        Key to show.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    ValueError
        If `at` does not name a position.
    MissingDependencyError
        If textual is not installed.
    """
    try:
        import textual  # noqa: F401
    except ImportError as err:
        raise needs("textual", "browse", "icecol browse") from err  # noqa: EM101
    from icecol.browse.app import Browser

    Browser(paths, at=at, key=key).run()
