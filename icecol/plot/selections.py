"""What cuts do, and the rates of runs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from icecol import hist
from icecol.dataset.events import Events, Several, lazy_frame
from icecol.errors import MissingColumnError, did_you_mean
from icecol.hist import Axis
from icecol.plot.figure import new_axes, new_figure
from icecol.plot.histogram import hist1d
from icecol.plot.look import SERIES, legend, look, next_series, style
from icecol.plot.records import record
from icecol.plot.stacking import stack
from icecol.select import Cuts
from icecol.select import cutflow as count

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@look()
def cutflow(
    events: Events | Several,
    cuts: Cuts,
    ax: Axes | None = None,
    *,
    weight: str | pl.Expr | None = None,
    quantity: str = "",
) -> Axes:
    """Plot how many events pass the cuts, one after the other, from the top down.

    Parameters
    ----------
    events, cuts, weight
        As for `ic.cutflow`; each of `ic.Samples` has points of its own.
    ax
        Axes to draw on; a new figure if None.
    quantity
        Label of the x axis, as in `Hz` or `events / year` for weights; by default events, or what `ic.Samples` count.

    Returns
    -------
    matplotlib.axes.Axes
        The axes; x is logarithmic where the numbers span more than a factor of ten.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError, SchemaError, MissingColumnError
        As in `ic.cutflow`.

    Examples
    --------
    >>> import polars as pl
    >>> import icecol as ic
    >>> events = pl.DataFrame({"q": [1.0, 20.0, 30.0], "zenith": [2.0, 0.5, 2.5]})
    >>> cuts = ic.Cuts(bright=pl.col("q") > 10, upgoing=pl.col("zenith") > 1.5)
    >>> ax = ic.plot.cutflow(events, cuts)
    >>> [text.get_text() for text in ax.get_yticklabels()], ax.lines[0].get_xdata().tolist()
    (['all', 'bright', 'upgoing'], [3, 2, 1])
    """
    table = count(events, cuts, weight)
    if isinstance(events, Several):
        names = [name for name in table.columns if name != "cut" and not name.endswith("_error")]
        found = {name: (table[name], table.get_column(f"{name}_error", default=None)) for name in names}
    elif weight is None:
        found = {"": (table["n"], None)}
    else:
        found = {"": (table["sumw"], table["sumw_error"])}
    ax = new_axes() if ax is None else ax
    y = np.arange(table.height)
    for name, (values, errors) in found.items():
        color, _, marker, _ = next_series(ax)
        x = values.to_numpy()
        error = np.sqrt(x) if errors is None else errors.to_numpy()
        shown = np.where(x > 0, x, np.nan) if np.any(x > 0) else x
        bars = (np.minimum(error, 0.999 * np.abs(shown)), error)
        drawn = ax.errorbar(x, y, xerr=bars, fmt=marker, color=color, label=name or None)
        drawn.lines[0].set_gid(SERIES)
    ax.set_yticks(y, table["cut"].to_list())
    ax.set_ylim(table.height - 0.5, -0.5)
    positive = [x for values, _ in found.values() for x in values if x > 0]
    if positive and max(positive) > 10 * min(positive):
        ax.set_xscale("log")
    else:
        ax.set_xlim(left=0)
    ax.set_xlabel(quantity or _counted(events))
    if isinstance(events, Several):
        # beside the names of the cuts the axes are crowded
        ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize="small")
        record(ax, cuts=cuts)
    else:
        record(ax, events, cuts=cuts)
    return ax


def _counted(events: Events | Several) -> str:
    return str(getattr(events, "quantity", "events"))


@look()
def n_minus_one(
    events: Events | Several,
    cuts: Cuts,
    axes: Mapping[str, Axis],
    *,
    weight: str | pl.Expr | None = None,
    log: bool = False,
    quantity: str = "",
) -> list[Axes]:
    """Plot for each cut the distribution of its quantity after all other cuts, and what the cut keeps as an area.

    Parameters
    ----------
    events, cuts, weight
        As for `ic.n_minus_one`; of `ic.Samples` simulation is stacked, and data are points.
    axes
        Quantity and bins by the name of the cut, each a panel.
    log
        Use logarithmic y axes.
    quantity
        What the bins hold, for the y labels; by default events, or what `ic.Samples` count.

    Returns
    -------
    list of matplotlib.axes.Axes
        One for each of `axes`, in a new figure.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    MissingColumnError
        If there is no such cut, or a column is missing.
    ValueError
        If no quantity is given.

    Examples
    --------
    >>> import polars as pl
    >>> import icecol as ic
    >>> events = pl.DataFrame({"q": [1.0, 20.0, 30.0], "zenith": [2.0, 0.5, 2.5]})
    >>> cuts = ic.Cuts(bright=pl.col("q") > 10, upgoing=pl.col("zenith") > 1.5)
    >>> (ax,) = ic.plot.n_minus_one(events, cuts, {"bright": ic.hist.regular("q", 2, 0, 40)})
    >>> ax.patches[0].get_data().values.tolist()
    [1.0, 1.0]
    """
    if not axes:
        msg = "give the quantity of at least one cut, as in {'bright': ic.hist.log('Q.total', 20, 1, 1e4)}"
        raise ValueError(msg)
    cuts.only(*axes)
    columns = min(len(axes), 3)
    rows = -(-len(axes) // columns)
    figure: Any = new_figure(4.0 * columns, 3.2 * rows)
    panels: list[Any] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in panels[len(axes) :]:
        panel.remove()
    for panel, (name, axis) in zip(panels, axes.items(), strict=False):
        style(panel)
        panel._repr_png_ = figure._repr_png_
        passed = hist.integer(Cuts({name: cuts[name]}).mask().cast(pl.Int64), 0, 2, label="passed")
        others = cuts.without(name)
        counted = quantity or _counted(events)
        if isinstance(events, Several):
            _stacked(events, others, (axis, passed), panel, name, log=log, quantity=counted)
            continue
        both = hist.fill(others.apply(events), axis, passed, weight=weight)
        hist1d(both.project(0), panel, label="all other cuts", log=log, quantity=counted, note=False)
        color = panel.patches[0].get_edgecolor()
        panel.stairs(
            both[:, 1].values(),
            both[:, 1].edges,
            fill=True,
            color=color,
            alpha=0.3,
            label=f"and {name}",
            zorder=0.5,
        )
        legend(panel)
    record(figure, None if isinstance(events, Several) else events, cuts=cuts)
    return panels[: len(axes)]


def _stacked(
    samples: Any, others: Cuts, axes: tuple[Axis, Axis], panel: Axes, cut: str, *, log: bool, quantity: str
) -> None:
    """Stack simulation after all other cuts, with data as points, and draw a line for what the cut keeps of it."""
    found = samples.select(others).fill(*axes)
    labels = {name: sample.label or name for name, sample in samples.items()}
    simulation = {name: found[name] for name in samples.simulation}
    data = [found[name].project(0) for name in samples.data]
    stack(
        {labels[name]: h.project(0) for name, h in simulation.items()},
        reduce(add, data) if data else None,
        panel,
        colors={labels[name]: samples[name].color for name in simulation},
        data_label=" + ".join(labels[name] for name in samples.data),
        log=log,
        quantity=quantity,
    )
    if simulation:
        kept = reduce(add, simulation.values())[:, 1]
        line = panel.stairs(
            kept.values(), kept.edges, baseline=None, color="k", linestyle="--", linewidth=1.2
        )
        handles, names = panel.get_legend_handles_labels()
        drawn = dict(zip(names, handles, strict=True))
        box: Any = panel.get_legend()
        order = [text.get_text() for text in box.get_texts()]
        legend(panel, [*(drawn[name] for name in order), line], [*order, f"simulation, and {cut}"])


@look()
def rates(runs: pl.DataFrame | Events, ax: Axes | None = None, *, label: str | None = None) -> Axes:
    """Plot the rate of each run with its error, and the mean of all as a line.

    Parameters
    ----------
    runs
        A dataset, whose `runs` are drawn, or a table with `run_id`, `rate` and `rate_error`, as from `ic.runs.rates`;
        runs without a rate are left out.
    ax
        Axes to draw on; a new figure if None.
    label
        Legend entry.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    MissingColumnError
        If the table lacks a column.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import plot
    >>> table = pl.DataFrame({"run_id": [118, 119], "rate": [2.0, 2.2], "rate_error": [0.1, 0.1]})
    >>> ax = plot.rates(table)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('run', 'rate / Hz')
    """
    table: Any = runs if isinstance(runs, pl.DataFrame) else getattr(runs, "runs", None)
    if table is None:
        from icecol.runs import table as of_runs

        table = of_runs(lazy_frame(runs))
    for column in ("run_id", "rate", "rate_error"):
        if column not in table.columns:
            msg = f"rates need {column!r}; {did_you_mean(column, table.columns, 'columns')}"
            raise MissingColumnError(msg)
    known = table.filter(pl.col("rate").is_finite())
    ax = new_axes() if ax is None else ax
    color, _, marker, _ = next_series(ax)
    run, rate, error = (known[c].to_numpy() for c in ("run_id", "rate", "rate_error"))
    drawn = ax.errorbar(run, rate, error, fmt=marker, color=color, label=label)
    drawn.lines[0].set_gid(SERIES)
    weights = np.divide(1.0, error**2, out=np.zeros(error.size), where=error > 0)
    if weights.sum() > 0:
        ax.axhline(float(np.average(rate, weights=weights)), color=color, linewidth=0.8, linestyle=":")
    ax.locator_params(axis="x", integer=True)
    ax.ticklabel_format(axis="x", useOffset=False, style="plain")
    ax.set(xlabel="run", ylabel="rate / Hz")
    if label is not None:
        legend(ax)
    record(ax, None if isinstance(runs, pl.DataFrame) else runs)
    return ax
