"""Plots of fits and tests: expectation over data, likelihood scans, test statistics, limits, pulls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from icecol.plot.figure import new_axes
from icecol.plot.look import bin_label, legend, look, next_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from icecol.stats import Fit, Limit, Scan, Trials

LEVELS = (0.682689, 0.9)


@look()
def fit(
    fit: Fit, edges: npt.ArrayLike, ax: Axes | None = None, *, label: str = "", log_x: bool = False
) -> Axes:
    """Plot the components of a fit as a stack, the error of their sum as a band, and the data as points.

    Parameters
    ----------
    fit
        Fit of a model with one axis.
    edges
        Bin edges.
    ax
        Axes to draw on; a new figure if None.
    label
        Label of the x axis.
    log_x
        Use a logarithmic x axis.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with the artists added.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If the model has more than one axis, or another number of bins.

    Examples
    --------
    >>> from icecol import plot, stats
    >>> model = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 2.0]})
    >>> ax = plot.fit(model.fit([10, 9]), [0, 1, 2], label="energy / TeV")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['signal', 'background', 'error of the fit', 'data']
    """
    bounds = np.asarray(edges, np.float64)
    if fit.model.shape != (bounds.size - 1,):
        msg = f"plot.fit draws one axis with {bounds.size - 1} bins; the model has bins of shape {fit.model.shape}"
        raise ValueError(msg)
    ax = new_axes() if ax is None else ax
    base = np.zeros(bounds.size - 1)
    for name, values in reversed(fit.components().items()):
        area = ax.stairs(base + values, bounds, baseline=base, fill=True, color=next_color(ax), label=name)
        area.set(edgecolor="white", linewidth=0.8, alpha=0.8)
        base = base + values
    error = fit.expected_errors()
    ax.stairs(
        base + error,
        bounds,
        baseline=base - error,
        fill=True,
        hatch="///",
        facecolor="none",
        edgecolor="0.3",
        linewidth=0,
        label="error of the fit",
    )
    from icecol.stats import poisson_interval

    k = fit.counts
    ends = np.array([poisson_interval(n) for n in k]).T
    centers = np.sqrt(bounds[1:] * bounds[:-1]) if log_x else (bounds[1:] + bounds[:-1]) / 2
    ax.errorbar(centers, k, (k - ends[0], ends[1] - k), fmt="o", color="black", label="data")
    handles, labels = ax.get_legend_handles_labels()
    order = [labels.index(name) for name in (*fit.components(), "error of the fit", "data")]
    if log_x:
        ax.set_xscale("log")
    ax.set_xlabel(label)
    ax.set_ylabel(bin_label("events", label, bounds))
    ax.set_ylim(bottom=0)
    legend(ax, [handles[i] for i in order], [labels[i] for i in order])
    return ax


@look()
def scan(scan: Scan, ax: Axes | None = None) -> Axes:
    """Plot a likelihood scan: the profile of one parameter, or contours of two at 68 and 90 %.

    Parameters
    ----------
    scan
        Scan of one or two parameters, from `Fit.scan`.
    ax
        Axes to draw on; a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with the artists added.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If the scan has more than two parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from icecol import plot, stats
    >>> fitted = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 2.0]}).fit([10, 9])
    >>> ax = plot.scan(fitted.scan({"signal": np.linspace(0, 4, 9)}))
    >>> ax.get_xlabel()
    'signal'
    """
    if len(scan.grids) > 2:
        msg = f"plot.scan draws one or two parameters; this scan has {len(scan.grids)}"
        raise ValueError(msg)
    ax = new_axes() if ax is None else ax
    from scipy.stats import chi2

    if len(scan.grids) == 1:
        ((name, grid),) = scan.grids.items()
        ax.plot(grid, scan.values)
        for level in LEVELS:
            ax.axhline(chi2.ppf(level, 1), color="0.5", linestyle=":", linewidth=1)
        ax.set_ylabel(r"$-2\,\Delta\ln L$")
        ax.set_ylim(bottom=0)
    else:
        (name, grid), (other, across) = scan.grids.items()
        levels = chi2.ppf(LEVELS, 2)
        color = next_color(ax)
        shown = ax.contour(grid, across, scan.values.T, levels=levels, linestyles=["-", "--"], colors=[color])
        ax.clabel(shown, fmt=dict(zip(levels, ("68 %", "90 %"), strict=True)))
        best = np.unravel_index(int(scan.values.argmin()), scan.values.shape)
        ax.plot(grid[best[0]], across[best[1]], "+", color=color)
        ax.set_ylabel(other)
    ax.set_xlabel(name)
    return ax


@look()
def trials(trials: Trials, observed: float | None = None, ax: Axes | None = None, *, bins: int = 50) -> Axes:
    """Plot the distribution of the test statistic of pseudo-experiments, and the observed value.

    Parameters
    ----------
    trials
        Pseudo-experiments, whose weights are used.
    observed
        Observed test statistic.
    ax
        Axes to draw on; a new figure if None.
    bins
        Number of bins.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with the artists added. The dashed line is half of a χ² distribution of one degree of freedom.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from icecol import plot, stats
    >>> model = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 2.0]})
    >>> ax = plot.trials(model.pseudo_experiments(500, "signal"), observed=6.0)
    >>> ax.get_yscale()
    'log'
    """
    ax = new_axes() if ax is None else ax
    from scipy.stats import chi2

    top = max(float(trials.statistics.max()), observed or 0.0, 1.0) * 1.05
    edges = np.linspace(0, top, bins + 1)
    w = np.exp(trials.log_weights) / trials.statistics.size
    color = next_color(ax)
    shares, _ = np.histogram(trials.statistics, edges, weights=w)
    ax.stairs(shares, edges, color=color, label="pseudo-experiments")
    above = 0.5 * chi2.sf(edges, 1)
    ax.plot((edges[1:] + edges[:-1]) / 2, above[:-1] - above[1:], "--", color="0.5", label=r"$\chi^2_1/2$")
    if observed is not None:
        ax.axvline(observed, color="black", label=f"observed: {observed:.1f}")
    ax.set_yscale("log")
    ax.set_ylim(bottom=shares[shares > 0].min(initial=1.0) / 3)
    ax.set_xlabel("test statistic")
    ax.set_ylabel("share of pseudo-experiments")
    legend(ax)
    return ax


@look()
def limits(
    limits: Mapping[float, Limit], ax: Axes | None = None, *, x_label: str = "", y_label: str = ""
) -> Axes:
    """Plot upper limits against a quantity: observed, and those expected with bands of one and two sigma.

    Parameters
    ----------
    limits
        Limits, from `stats.upper_limit`, by the value of the quantity.
    ax
        Axes to draw on; a new figure if None.
    x_label, y_label
        Labels of the axes.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with the artists added.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from icecol import plot, stats
    >>> known = {"background": stats.Parameter(fixed=True)}
    >>> found = {
    ...     s: stats.Model({"signal": [s], "background": [3.0]}, known).upper_limit([3], "signal")
    ...     for s in (1.0, 2.0)
    ... }
    >>> plot.limits(found, x_label="mass / TeV").get_xlabel()
    'mass / TeV'
    """
    ax = new_axes() if ax is None else ax
    x = np.array(list(limits))
    bands = np.array([found.expected for found in limits.values()]).T
    ax.fill_between(x, bands[0], bands[4], color="0.85", label="expected, ± 2 sigma")
    ax.fill_between(x, bands[1], bands[3], color="0.65", label="expected, ± 1 sigma")
    ax.plot(x, bands[2], "--", color="black", label="expected")
    ax.plot(x, [found.observed for found in limits.values()], color="black", label="observed")
    ax.set_yscale("log")
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    legend(ax)
    return ax


@look()
def pulls(fit: Fit, ax: Axes | None = None) -> Axes:
    """Plot how far a fit moved each parameter with a prior, in units of the prior's width, and its error.

    Parameters
    ----------
    fit
        The fit.
    ax
        Axes to draw on; a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with the artists added.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from icecol import plot, stats
    >>> known = {"background": stats.Parameter(prior=(1.0, 0.2), lower=0.0)}
    >>> fitted = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 2.0]}, known).fit([14, 9])
    >>> [text.get_text() for text in plot.pulls(fitted).get_yticklabels()]
    ['background']
    """
    ax = new_axes() if ax is None else ax
    found = fit.pulls()
    y = np.arange(len(found))
    moved, errors = np.array(list(found.values())).reshape(-1, 2).T
    ax.axvspan(-1, 1, color="0.9")
    ax.axvline(0, color="0.6", linewidth=1)
    ax.errorbar(moved, y, xerr=errors, fmt="o", color="black")
    ax.set_yticks(y, list(found))
    ax.set_ylim(-0.5, len(found) - 0.5)
    ax.set_xlabel("pull")
    return ax
