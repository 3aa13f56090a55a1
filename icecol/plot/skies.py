"""The sky in equatorial coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol import coordinates
from icecol.dataset.events import Events, lazy_frame
from icecol.plot.figure import new_axes
from icecol.plot.look import SERIES, look, next_series
from icecol.plot.records import record
from icecol.reco.plan import with_features

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

_POLE: Final = np.radians([192.85948, 27.12825])
"""Right ascension and declination of the north Galactic pole, J2000 (ESA, Hipparcos catalogue, vol. 1, 1997)."""
_NODE: Final = np.radians(122.93192)
"""Galactic longitude of the north celestial pole."""


@look()
def sky(
    events: Events,
    direction: str,
    ax: Axes | None = None,
    *,
    projection: Literal["mollweide", "aitoff"] = "mollweide",
    label: str | None = None,
    plane: bool = True,
) -> Axes:
    """Plot directions of events in equatorial coordinates, with right ascension growing to the left.

    Parameters
    ----------
    events
        Events with the direction: columns `.ra` and `.dec` (rad, J2000) or, with the time of the event, `.zenith` and
        `.azimuth`.
    direction
        Its key.
    ax
        Axes to draw on, in one of the projections; a new figure if None.
    projection
        Projection of a new figure: `mollweide`, in which areas are equal, or `aitoff`.
    label
        Legend entry.
    plane
        Draw the Galactic plane on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, whose x is 180° less the right ascension.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    MissingColumnError
        If there is no such direction.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import plot
    >>> ax = plot.sky(pl.DataFrame({"Fit.ra": [0.5, 3.0], "Fit.dec": [0.1, -0.4]}), "Fit")
    >>> ax.lines[-1].get_xdata().round(2).tolist()
    [2.64, 0.14]
    """
    lazy = lazy_frame(events)
    schema = lazy.collect_schema()
    key = direction
    if f"{direction}.ra" not in schema:
        key = f"{direction} on the sky"
        lazy = with_features(lazy, **{key: coordinates.equatorial(direction)})
    found = lazy.select(ra=pl.col(f"{key}.ra"), dec=pl.col(f"{key}.dec")).drop_nulls().collect()
    if ax is None:
        ax = new_axes(7.2, 4.0, projection=projection)
        _ticks(ax)
        if plane:
            ra, dec = _galactic_plane()
            x = _x(ra)
            order = np.argsort(x)
            ax.plot(x[order], dec[order], color="0.5", linewidth=0.9, linestyle="--", label="Galactic plane")
    color, _, marker, _ = next_series(ax)
    ra, dec = found["ra"].to_numpy(), found["dec"].to_numpy()
    size = 4.0 if ra.size < 300 else 2.0
    (drawn,) = ax.plot(_x(ra), dec, marker, color=color, markersize=size, label=label)
    drawn.set_gid(SERIES)
    # below the map, of which no corner is free for certain
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=4, fontsize="small")
    record(ax, events)
    return ax


def _x(ra: Floats) -> Floats:
    """Return where a right ascension stands: 180° in the middle, growing to the left."""
    return np.asarray(np.pi - np.mod(ra, 2 * np.pi))


def _ticks(ax: Any) -> None:
    ra = np.arange(60, 360, 60)
    ax.set_xticks(np.pi - np.radians(ra), [f"{r}°" for r in ra])
    ax.set(xlabel="right ascension", ylabel="declination")
    ax.grid(visible=True, color="0.85", linewidth=0.6)
    ax.set_axisbelow(True)


def _galactic_plane(longitudes: npt.ArrayLike | None = None) -> tuple[Floats, Floats]:
    """Return right ascension and declination (rad) of the Galactic equator."""
    angles = np.linspace(0, 2 * np.pi, 721) if longitudes is None else np.asarray(longitudes, float)
    away = _NODE - angles
    dec = np.arcsin(np.cos(_POLE[1]) * np.cos(away))
    ra = _POLE[0] + np.arctan2(np.sin(away), -np.sin(_POLE[1]) * np.cos(away))
    return np.mod(ra, 2 * np.pi), dec
