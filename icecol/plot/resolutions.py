"""Angular resolution of reconstructions, compared side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.dataset.events import Events, expression, lazy_frame
from icecol.plot.figure import new_axes
from icecol.plot.histogram import corner
from icecol.plot.look import MOST, SERIES, legend, look, next_series
from icecol.plot.records import record
from icecol.reco import opening_angle
from icecol.select import require_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Floats = npt.NDArray[np.float64]


@look()
def resolution(
    events: Events | Mapping[str, npt.ArrayLike],
    ax: Axes | None = None,
    *,
    fits: Iterable[str] | Mapping[str, str] | None = None,
    truth: str = "MCPrimary",
    weight: str | pl.Expr | None = None,
    unit: Literal["rad", "deg"] = "rad",
    stop: float | None = None,
    bins: int = 60,
) -> Axes:
    """Plot the distribution of the opening angle to the true direction for each reconstruction, with its median.

    More than four are drawn as cumulative curves.

    Parameters
    ----------
    events
        Events with the fits and the true direction; or, without `fits`, the opening angles by name of the
        reconstruction. NaNs and nulls (failed fits) are left out of the curve, and their fraction is in the legend.
    ax
        Axes to draw on; a new figure if None.
    fits
        Keys of the reconstructed directions, or keys by name.
    truth
        Key of the true direction; events that have none are left out.
    weight
        Column or expression of the event weight, finite and never null.
    unit
        Unit of opening angles: rad, as everywhere in icecol, or deg, after `.degrees()`. They are drawn in degrees.
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
    MissingColumnError
        If a direction or the weight is missing.
    ValueError
        If there is no reconstruction, angles are not between 0 and pi, or 180 degrees, or a weight is null or not
        finite.

    Examples
    --------
    >>> import numpy as np
    >>> from icecol import plot
    >>> angles = np.radians(np.linspace(0, 4, 101))
    >>> ax = plot.resolution({"LineFit": angles, "Improved": angles / 2})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['LineFit: median 2.00°', 'Improved: median 1.00°']
    >>> import polars as pl
    >>> events = pl.DataFrame(
    ...     {
    ...         "MC.zenith": [0.1, 0.2],
    ...         "MC.azimuth": [1.0] * 2,
    ...         "Fit.zenith": [0.1, None],
    ...         "Fit.azimuth": [1.0] * 2,
    ...     }
    ... )
    >>> ax = plot.resolution(events, fits=["Fit"], truth="MC")
    >>> ax.get_legend().get_texts()[0].get_text()
    'Fit: median 0.00°, 50.0% no answer'
    """
    if fits is None and not isinstance(events, Mapping):
        msg = "name the reconstructions of these events, as in fits=['LineFit', 'SPEFit2']"
        raise ValueError(msg)
    weights: Floats | None = None
    if fits is None:
        given = cast("Mapping[str, npt.ArrayLike]", events)
        samples = {name: np.asarray(a, dtype=np.float64) for name, a in given.items()}
    else:
        keys = fits if isinstance(fits, Mapping) else {key: key for key in fits}
        samples, weights = _angles(cast("Events", events), keys, truth, weight)
        unit = "rad"
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
    every = {n: np.ones(a.size) if weights is None else weights for n, a in samples.items()}
    good = {name: angles[~np.isnan(angles)] for name, angles in samples.items()}
    worth = {name: every[name][~np.isnan(angles)] for name, angles in samples.items()}
    if stop is None:
        stop = min(
            180.0,
            max((quantile(a, worth[n], 0.95) for n, a in good.items() if a.size), default=180.0) or 180.0,
        )
    edges = np.linspace(0, stop, bins + 1)
    cumulative = len(samples) > MOST
    for name, angles in good.items():
        color, line, _, width = next_series(ax)
        if not worth[name].sum() > 0:
            ax.stairs([np.nan] * bins, edges, color=color, label=f"{name}: no answer", gid=SERIES)
            continue
        median = quantile(angles, worth[name], 0.5)
        failed = 1 - worth[name].sum() / every[name].sum()
        share = np.histogram(angles, edges, weights=worth[name])[0] / worth[name].sum()
        curve = np.cumsum(share) if cumulative else share / np.diff(edges)
        said = f"{name}: median {median:.2f}°" + (f", {failed:.1%} no answer" if failed > 1e-12 else "")
        step = ax.stairs(curve, edges, color=color, label=said, gid=SERIES)
        step.set(linestyle=line, linewidth=width)
        ax.axvline(median, color=color, linestyle=line, linewidth=0.8)
    ax.set(xlabel="opening angle to the true direction / °")
    ax.set_ylabel("fraction of events up to an angle" if cumulative else "fraction of events per degree")
    ax.set_xlim(0, stop)
    ax.set_ylim(0)
    if cumulative:
        legend(ax, places=("lower right", "center right", "upper left"))  # curves end at the top
    else:
        legend(ax)
    if fits is not None:
        corner(ax, "simulation", events=max(a.size for a in samples.values()))
        record(ax, cast("Events", events))
    return ax


def quantile(values: Floats, weights: Floats, q: float) -> float:
    """Return a weighted quantile, between the middles of the steps; with equal weights at 0.5 the usual median."""
    order = np.argsort(values)
    w = weights[order]
    return float(np.interp(q * w.sum(), np.cumsum(w) - w / 2, values[order]))


def _angles(
    events: Events, keys: Mapping[str, str], truth: str, weight: str | pl.Expr | None
) -> tuple[dict[str, Floats], Floats | None]:
    """Return the opening angles (rad) of each fit, NaN where it failed, and the weights."""
    worth = None if weight is None else expression(weight)
    angles = [opening_angle(key, truth) for key in keys.values()]
    wanted = {f"the angle of {key!r}": angle for key, angle in zip(keys.values(), angles, strict=True)}
    lazy = lazy_frame(events)
    require_columns(lazy.collect_schema(), wanted | ({} if worth is None else {"the weight": worth}))
    true = [pl.col(f"{truth}.{angle}").fill_nan(None).is_not_null() for angle in ("zenith", "azimuth")]
    columns = [angle.alias(f"angle {i}") for i, angle in enumerate(angles)]
    if worth is not None:
        columns.append(worth.cast(pl.Float64).fill_null(float("nan")).alias("weight"))
    found = lazy.filter(*true).select(columns).collect(engine="streaming")
    samples = {name: found[f"angle {i}"].to_numpy().astype(float) for i, name in enumerate(keys)}
    if worth is None:
        return samples, None
    weights = found["weight"].to_numpy()
    if not np.isfinite(weights).all():
        msg = f"{int((~np.isfinite(weights)).sum())} weights are null or not finite: filter these events on purpose"
        raise ValueError(msg)
    return samples, weights


def _require_angles(name: str, angles: npt.NDArray[np.float64], unit: str) -> None:
    largest = np.pi * (1 + 1e-9) if unit == "rad" else 180.0
    if np.any((angles < 0) | (angles > largest)):
        most = "pi; angles in degrees need unit='deg'" if unit == "rad" else "180"
        msg = (
            f"opening angles of {name!r} go from {np.nanmin(angles):.6g} to {np.nanmax(angles):.6g}, "
            f"but in {unit} they lie between 0 and {most}"
        )
        raise ValueError(msg)
