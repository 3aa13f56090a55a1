"""An event as a figure: the detector in three dimensions, light by charge and time, tracks and cascades."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from icecol.plot.figure import new_axes
from icecol.view.record import COLOURS, decode, document
from icecol.view.source import Gcd, Shown, choose

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[Any]

_AROUND: Final = 160.0  # m beyond the detector, where tracks end


def event(
    events: Shown,
    ax: Axes | None = None,
    *,
    run: int | None = None,
    event: int | None = None,
    pulses: str | None = None,
    particles: Iterable[str] | None = None,
    gcd: Gcd = None,
    stop: str = "P",
) -> Axes:
    """Draw an event: hit DOMs as large as their charge and coloured by the time of their first pulse, red to blue.

    Parameters
    ----------
    events, run, event, gcd, stop
        As for `view`: where events are, and which of them; by default the brightest.
    ax
        Three-dimensional axes to draw on; a new figure if None.
    pulses
        Pulse series to draw; by default the first of those that `view` offers.
    particles
        Keys of the tracks and cascades to draw; by default all particles of keys with a single one, failed fits
        aside, if there are four at most, else the true ones.

    Returns
    -------
    mpl_toolkits.mplot3d.Axes3D
        The axes, in m.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    MissingColumnError
        There is no such event, pulse series or particle.

    Examples
    --------
    >>> import icecol as ic
    >>> ax = ic.plot.event(ic.sim.events(20, seed=1))
    >>> ax.get_title()
    'run 1, event 16 · InIceSplit 0'
    """
    data = document(choose(events, run=run, event=event, pulses=pulses, gcd=gcd, stop=stop))
    shown = data["events"][0]
    drawn = _drawn(shown["particles"], particles, shown["title"])
    if ax is None:
        ax = new_axes(7.0, 6.0, projection="3d")
    axes: Any = ax
    axes.computed_zorder = False  # the light before the sensors, whichever is nearer
    sensors = {name: decode(data["detector"][name]) for name in ("omkey", "x", "y", "z", "ice")}
    box = _detector(axes, sensors)
    if shown["series"]:
        _light(axes, shown["series"][0], sensors)
    for i, particle in enumerate(drawn):
        _particle(axes, particle, f"C{i}", box)
    if axes.lines:
        axes.legend(loc="upper left", frameon=False, fontsize=8)
    axes.set(xlabel="x / m", ylabel="y / m", zlabel="z / m", title=shown["title"])
    axes.set_box_aspect([high - low for low, high in box], zoom=1.2)
    axes.view_init(elev=12, azim=-60)
    axes.grid(visible=False)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.pane.set_visible(False)
    return axes


def _drawn(found: list[dict[str, Any]], wanted: Iterable[str] | None, title: str) -> list[dict[str, Any]]:
    """Return the particles that are drawn."""
    if wanted is None:
        single = [p for p in found if p["ok"] and not p["list"]]
        return single if len(single) <= 4 else [p for p in single if p["truth"]]
    from icecol.errors import MissingColumnError, did_you_mean

    keys = list(wanted)
    for key in keys:
        if all(p["key"] != key for p in found):
            msg = f"{title} has no particle {key!r}; {did_you_mean(key, {p['key'] for p in found}, 'particles')}"
            raise MissingColumnError(msg)
    return [p for key in keys for p in found if p["key"] == key]


def _detector(ax: Any, sensors: dict[str, Array]) -> list[tuple[float, float]]:
    """Draw the sensors in the ice as points; return the extent of the detector along each axis."""
    inside = sensors["ice"].astype(bool)
    inside = inside if inside.any() else np.ones_like(inside)
    places = [sensors[axis][inside] for axis in "xyz"]
    ax.scatter(*places, s=0.6, c="0.75", linewidths=0, depthshade=False, zorder=1)
    box = [
        (float(p.min()) - _AROUND, float(p.max()) + _AROUND) if p.size else (-500.0, 500.0) for p in places
    ]
    ax.set(xlim=box[0], ylim=box[1], zlim=box[2])
    return box


def _light(ax: Any, series: dict[str, Any], sensors: dict[str, Array]) -> None:
    """Draw the modules that saw light, with a colour bar."""
    from matplotlib.colors import LinearSegmentedColormap

    omkey, time, charge = (decode(series[name]) for name in ("omkey", "time", "charge"))
    at = np.searchsorted(sensors["omkey"], omkey)
    at[at == sensors["omkey"].size] = 0
    known = sensors["omkey"][at] == omkey if sensors["omkey"].size else np.zeros(omkey.size, bool)
    if not known.any():
        return
    at, time, charge = at[known], time[known], charge[known].astype("f8")
    _, first, module = np.unique(omkey[known] >> 8, return_index=True, return_inverse=True)
    total = np.bincount(module, charge)
    begin = np.full(total.size, np.inf)
    np.minimum.at(begin, module, time)
    low, high = _span(time, charge)
    drawn = ax.scatter(
        *(sensors[axis][at[first]] for axis in "xyz"),
        s=9 * np.maximum(total, 0.1) ** 0.64,  # an area: the radius goes with the charge to the power 0.32
        c=begin,
        cmap=LinearSegmentedColormap.from_list("early to late", COLOURS),
        vmin=low,
        vmax=high,
        alpha=0.85,
        linewidths=0,
        depthshade=False,
        zorder=2,
    )
    ax.figure.colorbar(
        drawn, ax=ax, label="time of the first pulse / ns", shrink=0.55, pad=0.1, extend="both"
    )


def _span(time: Array, charge: Array) -> tuple[float, float]:
    """Return the times between which most of the charge lies, as the colours of the display have it."""
    order = np.argsort(time, kind="stable")
    sums = np.cumsum(np.maximum(charge[order], 0))
    low, high = (
        float(time[order][min(int(np.searchsorted(sums, f * sums[-1], "right")), time.size - 1)])
        for f in (0.04, 0.9)
    )
    return (low, high) if high > low else (low - 50, high + 50)


def _particle(ax: Any, p: dict[str, Any], colour: str, box: list[tuple[float, float]]) -> None:
    """Draw a track inside the box, or the place of a cascade; true ones dashed."""
    place, flight = (np.array([p[f"{prefix}{axis}"] for axis in "xyz"]) for prefix in ("", "d"))
    style = "--" if p["truth"] else "-"
    if p["kind"] == "cascade":
        ax.plot(
            *place[:, None],
            marker="o" if p["truth"] else "D",
            mfc="none",
            mec=colour,
            ls="",
            zorder=3,
            label=p["key"],
        )
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        cuts = np.sort([(np.array([b[i] for b in box]) - place) / flight for i in (0, 1)], axis=0)
    low, high = float(np.nanmax(cuts[0])), float(np.nanmin(cuts[1]))
    if low >= high:  # it misses the box
        near = float(flight @ (np.mean(box, axis=1) - place))
        low, high = near - 600, near + 600
    low, high = (
        max(low, p["start"] if p["start"] is not None else low),
        min(high, p["stop"] if p["stop"] is not None else high),
    )
    if low < high:
        ends = place[:, None] + np.outer(flight, [low, high])
        ax.plot(*ends, color=colour, linestyle=style, linewidth=1.6, zorder=3, label=p["key"])
