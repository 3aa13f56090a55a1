"""The event display of the current frame, as a page in the desktop's browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

from icecol.i3.frames.frame import Frame


def show(frame: Frame, folder: Path) -> str:
    """Write the display of a P or Q frame to a folder and open it; return what to tell the user.

    A browser only opens on a desktop: one that runs in the terminal would overwrite the screen.

    Raises
    ------
    IcecolError
        The frame cannot be shown.
    """
    from icecol.view import view  # loads Polars, which this browser does not need
    from icecol.view.frames import numbers

    if frame.stop not in "PQ":
        return f"a {frame.stop} frame is not an event: go to a P or Q frame"
    run, event = numbers(frame) or (0, 0)
    page = view(frame, stop=frame.stop).save(folder / f"run{run}-event{event}-{frame.stop}.html")
    desktop = sys.platform in {"darwin", "win32"} or any(
        os.environ.get(f"{d}DISPLAY") for d in ("", "WAYLAND_")
    )
    if desktop and webbrowser.open(page.as_uri()):
        return f"opened {page}"
    return f"open {page} in a browser"
