"""How figures look: a style where the user has none, legends beside the data, open bins, series that differ in grey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from icecol.errors import needs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS: Final = ("#0072B2", "#E69F00", "#882255", "#009E73", "#56B4E9", "#D55E00", "#CC79A7", "#000000")
"""Told apart with any color vision (M. Okabe and K. Ito, 2008; the third of P. Tol), and in grey if neighbors."""
LINES: Final = ("-", "--", "-.", ":")
MARKERS: Final = ("o", "s", "^", "D")
MOST: Final = 4
"""Distributions that are drawn over each other; beyond that, as cumulative curves."""

SERIES: Final = "series"
_OWN: Final[tuple[dict[str, Any], ...]] = (
    {"figure.dpi": 120},
    {"lines.linewidth": 1.4},
    {"lines.markersize": 4},
    {"legend.frameon": False},
    {
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.color": "0.9",
        "grid.linewidth": 0.6,
        "xtick.direction": "in",
        "xtick.top": True,
        "ytick.direction": "in",
        "ytick.right": True,
    },
)
"""Settings of icecol; a group of them gives way where the user has changed any in it."""


@contextmanager
def look() -> Iterator[None]:
    """Use the settings of icecol for those of matplotlib that have their defaults: a style that is applied remains.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        import matplotlib.figure
        from cycler import cycler
    except ImportError as err:
        raise needs("matplotlib", "plot", "icecol.plot") from err  # noqa: EM101
    here: Any = mpl.rcParams
    default: Any = mpl.rcParamsDefault
    groups = (*_OWN, {"axes.prop_cycle": cycler(color=COLORS)})
    ours = [group for group in groups if all(here[key] == default[key] for key in group)]
    own: Any = {key: value for group in ours for key, value in group.items()}
    with mpl.rc_context(own):
        yield


def style(ax: Axes) -> None:
    """Set ticks and grid for good: matplotlib makes them when it draws, and the settings are others by then."""
    import matplotlib as mpl

    rc: Any = mpl.rcParams
    ax.set_axisbelow(rc["axes.axisbelow"])
    for axis in ("x", "y"):
        ax.tick_params(axis=axis, which="both", direction=rc[f"{axis}tick.direction"])
    if rc["axes.grid"]:
        line = {key: rc[f"grid.{key}"] for key in ("color", "linestyle", "linewidth", "alpha")}
        ax.grid(visible=True, which=rc["axes.grid.which"], axis=rc["axes.grid.axis"], **line)


class Series(NamedTuple):
    """What tells one series on some axes from the others."""

    color: Any
    line: str
    marker: str
    width: float


def next_series(ax: Axes, color: Any = None) -> Series:
    """Return color, line and marker of the next series on these axes; mark its artist with `gid=SERIES`."""
    from matplotlib import rcParams

    steps, points = (sum(a.get_gid() == SERIES for a in artists) for artists in (ax.patches, ax.lines))
    color = next_color(ax) if color is None else color
    width = float(rcParams["lines.linewidth"])
    return Series(color, LINES[steps % len(LINES)], MARKERS[points % len(MARKERS)], width)


def next_color(ax: Axes) -> Any:
    """Return the next color of the cycle, which stairs do not follow."""
    (probe,) = ax.plot([], [])
    color = probe.get_color()
    probe.remove()
    return color


def closed(edges: npt.ArrayLike, *, log: bool = False) -> npt.NDArray[np.float64]:
    """Return bin edges in which open bins are as wide as their neighbors; on a log axis one from 0 is open, too."""
    found = np.array(edges, float)
    lowest = 0.0 if log else -np.inf
    inside = found[np.isfinite(found) & (found > lowest)]
    if inside.size == 0:
        return np.arange(1.0, found.size + 1)
    first, last = (inside[:2], inside[-2:]) if inside.size > 1 else ([inside[0]] * 2, [inside[0]] * 2)
    if found[0] <= lowest:
        step = first[1] / first[0] if log else first[1] - first[0]
        step = step if inside.size > 1 else 1.0 + 2 * log
        found[0] = first[0] / step if log else first[0] - step
    if found[-1] == np.inf:
        step = last[1] / last[0] if log else last[1] - last[0]
        step = step if inside.size > 1 else 1.0 + 2 * log
        found[-1] = last[1] * step if log else last[1] + step
    return found


def mark_open(
    ax: Axes, edges: npt.ArrayLike, shown: npt.NDArray[np.float64], values: npt.ArrayLike, color: Any
) -> None:
    """Point outwards at the open end of the first and the last bin."""
    from matplotlib.markers import CARETLEFT, CARETRIGHT

    for end, marker in ((0, CARETLEFT), (-1, CARETRIGHT)):
        value = np.asarray(values, float)[end]
        if np.asarray(edges, float)[end] != shown[end] and np.isfinite(value):
            ax.plot(shown[end], value, marker=marker, color=color, linestyle="", markersize=7, clip_on=False)


_TOP: Final = ("upper right", "upper left", "upper center")


def legend(
    ax: Axes,
    handles: Sequence[Any] | None = None,
    labels: Sequence[str] | None = None,
    *,
    places: Sequence[Any] = _TOP,
) -> None:
    """Put the legend where no data are; if they are everywhere, raise the top of the axes until it fits."""
    given: Any = () if handles is None else (handles, labels)
    box: Any = ax.legend(*given, loc=places[0])
    for _ in range(24):
        for place in places:
            box.set_loc(place)
            # before the layout, in which axes only grow
            if not _hides(ax, box.get_window_extent().padded(4)):
                return
        low, high = ax.get_ylim()
        if ax.get_yscale() == "log" and low > 0:
            ax.set_ylim(top=high * (high / low) ** 0.08, auto=None)
        else:
            ax.set_ylim(top=high + 0.08 * (high - low), auto=None)
    box.set_loc("best")


def _hides(ax: Axes, box: Any) -> bool:
    """Return whether data lie in a box; lines across all of the axes do not count."""
    from matplotlib.collections import Collection, PolyCollection

    artist: Any
    for artist in (*ax.lines, *ax.patches, *ax.collections):
        transform = artist.get_transform()
        if transform.contains_branch_seperately(ax.transData) != (True, True):
            continue
        area = isinstance(artist, PolyCollection) or getattr(artist, "get_fill", bool)()
        paths = artist.get_paths() if isinstance(artist, Collection) else [artist.get_path()]
        drawn = (transform.transform_path(path) for path in paths)
        if any(path.intersects_bbox(box, filled=area) for path in drawn):
            return True
    return False


def bin_label(quantity: str, label: str, edges: npt.ArrayLike, *, whole: bool = False) -> str:
    """Return what a bin holds, with its width and unit if all have the same, as in "events / 5 PE"."""
    widths = np.diff(np.asarray(edges, float))
    if (
        whole
        or not widths.size
        or not np.isfinite(widths).all()
        or not np.allclose(widths, widths[0], rtol=1e-6)
    ):
        return f"{quantity} per bin"
    return f"{quantity} / {widths[0]:.4g} {unit(label)}".rstrip()


def unit(label: str) -> str:
    """Return the unit at the end of an axis label such as "charge / PE"; an empty string if there is none."""
    what, slash, last = label.rpartition(" / ")
    return last if slash and what.count("(") == what.count(")") else ""
