"""The page: one HTML file with its script, its style and the events in it, which loads nothing from elsewhere."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from icecol import files
from icecol.places import local
from icecol.view.record import document
from icecol.view.source import Gcd, Shown, choose

SCRIPTS: Final = ("data.js", "camera.js", "light.js", "shapes.js", "scene.js", "panels.js", "main.js")
"""Parts of the script, in the order in which they follow one another."""

_HEIGHT: Final = 640  # pixels, in a notebook


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Display:
    """The display of some events, made by `icecol.plot.view`. It shows itself in a notebook, and is saved as a page."""

    data: dict[str, Any]
    """What the page knows, as `icecol.view.record.document` has it."""

    def html(self) -> str:
        """Return the page."""
        return page(self.data)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, which opens in any browser without a network. The file is written atomically.

        Parameters
        ----------
        path
            File to write; its name should end in .html.
        """
        target = local(path)
        files.write(target, self.html().encode("utf-8", "replace"))
        return target

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, so that it shares neither style nor names with the notebook."""
        return (
            f'<iframe srcdoc="{html.escape(self.html())}" sandbox="allow-scripts allow-downloads" allowfullscreen '
            f'style="width:100%;height:{_HEIGHT}px;border:0"></iframe>'
        )

    def __repr__(self) -> str:
        """Return the events in words."""
        titles = [event["title"] for event in self.data["events"]]
        return f"Display({', '.join(titles[:3])}{', ...' if len(titles) > 3 else ''})"


def view(
    events: Shown,
    *,
    run: int | None = None,
    event: int | Sequence[int] | None = None,
    n: int = 1,
    pulses: str | Iterable[str] | None = None,
    gcd: Gcd = None,
    stop: str = "P",
) -> Display:
    """Show events in an interactive display: light in the detector over time, tracks and cascades, values.

    It is one HTML page, which opens from disk in any browser and needs no network; a notebook shows it inline. Light is
    coloured from red (early) to blue (late), and a DOM is larger the more charge it has.

    Parameters
    ----------
    events
        Files of frames, a dataset or its folder, a lazy or data frame with the columns of a dataset, frames, or what
        `icecol.sim.events` returns.
    run, event
        Run number, and event number or several: these events are shown. By default, the brightest.
    n
        Number of events to show if none is chosen: the brightest, in order.
    pulses
        Pulse series to offer, or patterns; the first is shown, and tells which events are bright. By default all.
    gcd
        Where the sensors are: a GCD file, a geometry Parquet file or a Geometry. By default that of the dataset, the
        frames or the simulation, else the nominal detector.
    stop
        Frames that are events, `P` or `Q`, where frames are shown.

    Returns
    -------
    Display
        `save` writes the page.

    Raises
    ------
    MissingColumnError
        There is no such event or pulse series.
    FileNotFoundError, FormatError, DatasetError
        The file or dataset cannot be read.

    Warns
    -----
    UserWarning
        A file is damaged: what can be read is shown.

    Examples
    --------
    >>> import icecol as ic
    >>> display = ic.plot.view(ic.sim.events(20, seed=1))
    >>> display
    Display(run 1, event 16 · InIceSplit 0)
    >>> display.save("event.html")  # doctest: +SKIP
    """
    return Display(document(choose(events, run=run, event=event, n=n, pulses=pulses, gcd=gcd, stop=stop)))


def page(data: dict[str, Any]) -> str:
    """Return the page of what `document` made.

    Names that come from files are text in it: none of their `<`, `>` or `&` are in the source.
    """
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    parts = {
        "TITLE": html.escape(_title(data)),
        "STYLE": _asset("style.css"),
        "SCRIPT": "\n".join(_asset(name) for name in SCRIPTS),
        "DATA": text,
    }
    made = _asset("page.html")
    for name, part in parts.items():  # the data last: nothing in them is replaced
        made = made.replace(f"<!--{name}-->", part, 1)
    return made


def _title(data: dict[str, Any]) -> str:
    titles = [event["title"] for event in data["events"]]
    return f"{titles[0]}, {data['source']}" if titles else str(data["source"])


@cache
def _asset(name: str) -> str:
    return resources.files("icecol.view").joinpath("assets", name).read_text(encoding="utf-8")
