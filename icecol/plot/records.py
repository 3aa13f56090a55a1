"""What made a figure: kept with it, and written into the metadata of its file, however it is saved."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import polars as pl

import icecol
from icecol.dataset.events import Events, lazy_frame
from icecol.dataset.facts import facts
from icecol.hist import Hist

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FIELDS: Final = {"png": "Description", "pdf": "Subject", "svg": "Description"}
_FILTER: Final = re.compile(r"^\s*FILTER (.*)$", re.MULTILINE)


def record(
    figure: Figure | Axes,
    events: Events | Hist | None = None,
    *,
    cuts: Mapping[str, pl.Expr] | None = None,
    **more: str,
) -> dict[str, Any]:
    """Note in a figure what made it; `savefig` and `plot.save` write it into the metadata of PNG, PDF and SVG files.

    It is JSON, in the field Description (PNG, SVG) or Subject (PDF). Figures of icecol that are drawn from events note
    these on their own.

    Parameters
    ----------
    figure
        The figure, or any of its axes.
    events
        Events that it shows: their datasets are the inputs, and the filters of the query are noted, too. Or a
        histogram, whose datasets are.
    cuts
        Cuts by name.
    more
        Anything else, such as `author="..."`.

    Returns
    -------
    dict
        All that is noted in the figure, with the version of icecol.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist, plot
    >>> ax = plot.hist1d(hist.fill(pl.LazyFrame({"x": [0.1]}), hist.regular("x", 3, 0, 3)))
    >>> plot.record(ax, cuts={"near": pl.col("x") < 1}, sample="muons")["cuts"]
    {'near': '[(col("x")) < (dyn int: 1)]'}
    """
    whole: Any = figure if hasattr(figure, "savefig") else figure.figure
    if not hasattr(whole, "_made_by"):
        whole._made_by = {"icecol": icecol.__version__}
        whole.savefig = partial(_savefig, whole)
    noted: dict[str, Any] = whole._made_by
    if isinstance(events, Hist):
        _add(noted, "inputs", events.inputs)
        _add(noted, "blind", [events.note] if events.note else [])
    elif events is not None:
        lazy = lazy_frame(events)
        inputs = [str(path) for path in facts(lazy).sources]
        filters = _FILTER.findall(lazy.explain(optimized=False))
        for key, found in (("inputs", inputs), ("filters", filters), ("blind", _blind(lazy))):
            _add(noted, key, found)
    if cuts is not None:
        noted["cuts"] = {name: str(cut) for name, cut in cuts.items()}
    noted.update(more)
    return dict(noted)


def _add(noted: dict[str, Any], key: str, found: Iterable[str]) -> None:
    if every := list(dict.fromkeys([*noted.get(key, ()), *found])):
        noted[key] = every


def _blind(events: pl.LazyFrame) -> list[str]:
    blinding = facts(events).blinding
    return [blinding] if blinding else []


def _savefig(figure: Any, fname: Any, **options: Any) -> None:
    """Save a figure with what made it; a field that is given takes precedence."""
    from matplotlib import rcParams

    suffix = os.path.splitext(fname)[1][1:] if isinstance(fname, (str, os.PathLike)) else ""  # noqa: PTH122
    form = str(options.get("format") or suffix or rcParams["savefig.format"]).lower()
    if form in _FIELDS:
        noted = json.dumps(figure._made_by, ensure_ascii=False)
        own = {"Creator": f"icecol {icecol.__version__}", _FIELDS[form]: noted}
        options["metadata"] = {**own, **(options.get("metadata") or {})}
    type(figure).savefig(figure, fname, **options)
