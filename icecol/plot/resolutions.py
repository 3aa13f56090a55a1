"""Angular resolution of reconstructions, compared side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from icecol.plot.figure import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def resolution(
    angles_by_name: Mapping[str, npt.ArrayLike],
    ax: Axes | None = None,
    *,
    unit: Literal["rad", "deg"] = "rad",
    stop: float | None = None,
    bins: int = 60,
) -> Axes:
    """Plot the distribution of the opening angle to the true direction for each reconstruction, with its median.

    Parameters
    ----------
    angles_by_name
        Opening angles by name of the reconstruction, as `reco.opening_angle` gives them. NaNs and nulls (failed fits)
        are left out of the curve, and their fraction is given in the legend.
    ax
        Axes to draw on; a new figure if None.
    unit
        Unit of the angles: rad, as everywhere in icecol, or deg, after `.degrees()`. They are drawn in degrees.
    stop
        Upper end of the angle axis in degrees; by default, the 95 % quantile of the widest distribution, at most
        180. Larger angles still count in the median and the normalization.
    bins
        Number of bins.

    Returns
    -------
    matplotlib.axes.Axes
        The axes: fraction of events per degree, with a dashed line at each median.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If there are no angles at all, or some are not between 0 and pi, or 180 degrees.

    Examples
    --------
    >>> import numpy as np
    >>> from icecol import plot
    >>> angles = np.radians(np.linspace(0, 4, 101))
    >>> ax = plot.resolution({"LineFit": angles, "Improved": angles / 2})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['LineFit: median 2.00°', 'Improved: median 1.00°']
    """
    samples = {name: np.asarray(a, dtype=np.float64) for name, a in angles_by_name.items()}
    if not samples:
        msg = "resolution needs the angles of at least one reconstruction"
        raise ValueError(msg)
    if unit not in ("rad", "deg"):
        msg = f"unit must be 'rad' or 'deg'; found {unit!r}"
        raise ValueError(msg)
    for name, angles in samples.items():
        _require_angles(name, angles, unit)
    if unit == "rad":
        samples = {name: np.degrees(angles) for name, angles in samples.items()}
    ax = new_axes() if ax is None else ax
    good = {name: angles[~np.isnan(angles)] for name, angles in samples.items()}
    if stop is None:
        stop = min(
            180.0, max((float(np.quantile(a, 0.95)) for a in good.values() if a.size), default=180.0) or 180.0
        )
    edges = np.linspace(0, stop, bins + 1)
    for i, (name, angles) in enumerate(good.items()):
        if not angles.size:
            ax.stairs([np.nan] * bins, edges, color=f"C{i}", label=f"{name}: no answer")
            continue
        median = float(np.median(angles))
        density = np.histogram(angles, edges)[0] / angles.size / np.diff(edges)
        ax.stairs(density, edges, color=f"C{i}", linewidth=1.4, label=_legend(name, median, samples[name]))
        ax.axvline(median, color=f"C{i}", linestyle="--", linewidth=1)
    ax.set(xlabel="opening angle to the true direction / °", ylabel="fraction of events per degree")
    ax.set_xlim(0, stop)
    ax.set_ylim(0)
    ax.legend(frameon=False)
    return ax


def _require_angles(name: str, angles: npt.NDArray[np.float64], unit: str) -> None:
    largest = np.pi * (1 + 1e-9) if unit == "rad" else 180.0
    if np.any((angles < 0) | (angles > largest)):
        most = "pi; angles in degrees need unit='deg'" if unit == "rad" else "180"
        msg = (
            f"opening angles of {name!r} go from {np.nanmin(angles):.6g} to {np.nanmax(angles):.6g}, "
            f"but in {unit} they lie between 0 and {most}"
        )
        raise ValueError(msg)


def _legend(name: str, median: float, angles: npt.NDArray[Any]) -> str:
    failed = float(np.isnan(angles).mean())
    return f"{name}: median {median:.2f}°" + (f", {failed:.1%} no answer" if failed else "")
