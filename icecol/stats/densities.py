"""Unbinned likelihoods of events with user-defined densities."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.dataset.events import lazy_frame
from icecol.stats.model import Model
from icecol.stats.templates import Floats, Parameter

if TYPE_CHECKING:
    from icecol.dataset.events import Events

Density = str | pl.Expr | Callable[[pl.DataFrame], npt.ArrayLike]


def unbinned(
    events: Events,
    densities: Mapping[str, Density],
    parameters: Mapping[str, Parameter] | None = None,
) -> tuple[Model, Floats]:
    """Return the extended unbinned likelihood of events as a model whose norms are numbers of events, and its data.

    ln L = Σ ln(Σ n_c p_c(x)) - Σ n_c. Each event becomes a bin with one count, which holds the densities at the event,
    and all that is not at an event one bin without counts. Fits, intervals, scans, contours and asymptotic
    tests are those of any model; ln L has a constant added. Pseudo-experiments would need other events, so they are
    meaningless here.

    Parameters
    ----------
    events
        A dataset, lazy frame or data frame.
    densities
        Probability density of each component at an event: a column, an expression, or a function of the data frame,
        such as a kernel density. Each is normalized to 1 over the range of the events.
    parameters
        Settings of the numbers of events, as for `Model`.

    Raises
    ------
    ValueError
        If a density is negative or not finite, or an event has none.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import stats
    >>> x = pl.col("x")
    >>> events = pl.DataFrame({"x": [0.1, 0.5, 0.52, 0.48, 0.9, 0.51]})
    >>> peak = (-0.5 * ((x - 0.5) / 0.02) ** 2).exp() / (0.02 * 2.5066)
    >>> model, data = stats.unbinned(events, {"signal": peak, "background": pl.lit(1.0)})
    >>> fit = model.fit(data)
    >>> round(fit.values["signal"], 2), round(fit.values["background"], 2)
    (3.85, 2.15)
    """
    frame = lazy_frame(events).collect()
    values = {name: _values(frame, name, density) for name, density in densities.items()}
    together = sum(values.values(), start=np.zeros(frame.height))
    if frame.height == 0 or not (together > 0).all():
        msg = "there are no events, or one at which all densities are 0"
        raise ValueError(msg)
    scale = 0.5 / max(float(v.sum()) for v in values.values())
    templates = {name: np.append(scale * v, 1 - scale * v.sum()) for name, v in values.items()}
    start = frame.height / len(values)
    settings = {name: Parameter(start=start, lower=0.0) for name in values} | dict(parameters or {})
    return Model(templates, settings, "poisson"), np.append(np.ones(frame.height), 0.0)


def _values(frame: pl.DataFrame, name: str, density: Density) -> Floats:
    if isinstance(density, (str, pl.Expr)):
        expr = pl.col(density) if isinstance(density, str) else density
        found = frame.with_columns(
            expr.alias("density")
        )  # not select, as a literal must be as long as the frame
        values = found["density"].cast(pl.Float64).fill_null(math.nan).to_numpy()
    else:
        values = np.asarray(density(frame), np.float64)
    if values.shape != (frame.height,) or not (np.isfinite(values) & (values >= 0)).all():
        msg = f"density {name!r} must be one finite number of at least 0 for each of {frame.height} events"
        raise ValueError(msg)
    return values
