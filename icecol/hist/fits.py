"""Fits of functions to histograms of one axis, by iminuit."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from icecol.errors import did_you_mean, needs
from icecol.hist.intervals import special

if TYPE_CHECKING:
    from icecol.hist.histogram import Hist

Floats = npt.NDArray[np.float64]
Model = Callable[..., Any]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A function fitted to a histogram.

    Attributes
    ----------
    values, errors
        Each parameter, and its error, by name.
    covariance
        Covariance matrix of the parameters, in their order.
    statistic
        The minimum: chi-squared, or the likelihood ratio to the saturated model, which is one for many entries a bin.
    dof
        Number of bins that were fitted less the number of parameters.
    pvalue
        Probability of at least this statistic, if it follows a chi-squared distribution.
    valid
        Whether the minimizer has converged.
    model
        The function: entries per unit of the axis.
    edges
        Edges of the bins.
    minuit
        The `iminuit.Minuit` that made the fit, for contours and the like.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> h = hist.fill(
    ...     pl.LazyFrame({"x": [0.1] * 8 + [0.6] * 4 + [1.1] * 2 + [1.6]}), hist.regular("x", 4, 0, 2)
    ... )
    >>> found = hist.fit(h, "exponential")
    >>> sorted(found.values), found.dof
    (['norm', 'scale'], 2)
    """

    values: Mapping[str, float]
    errors: Mapping[str, float]
    covariance: Floats
    statistic: float
    dof: int
    pvalue: float
    valid: bool
    model: Model
    edges: Floats
    minuit: Any

    def __call__(self, x: npt.ArrayLike) -> Floats:
        """Return the fitted function, in entries per unit of the axis."""
        return np.asarray(self.model(np.asarray(x, np.float64), *self.values.values()), np.float64)

    def expected(self) -> Floats:
        """Return the fitted content of each bin.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(
        ...     pl.LazyFrame({"x": [0.1] * 8 + [0.6] * 4 + [1.1] * 2 + [1.6]}), hist.regular("x", 4, 0, 2)
        ... )
        >>> hist.fit(h, "exponential").expected().round(1)
        array([8., 4., 2., 1.])
        """
        return _integrals(self.model, self.edges, tuple(self.values.values()))

    def __repr__(self) -> str:
        found = ", ".join(f"{k} {v:.6g} ± {self.errors[k]:.2g}" for k, v in self.values.items())
        state = "" if self.valid else "; NOT CONVERGED"
        return f"Fit({found}; {self.statistic:.4g} for {self.dof} degrees of freedom, p {self.pvalue:.3g}{state})"


def fit(
    h: Hist,
    model: Literal["gaussian", "exponential", "powerlaw", "linear"] | Model,
    *,
    start: Mapping[str, float] | None = None,
    limits: Mapping[str, tuple[float | None, float | None]] | None = None,
    fixed: tuple[str, ...] = (),
    cost: Literal["likelihood", "chi2"] = "likelihood",
) -> Fit:
    """Fit a function to the contents of a histogram of one axis.

    The function is integrated over each bin. With weights, the likelihood is that of effective entries (Bohm and Zech,
    Nucl. Instrum. Meth. A 748 (2014) 1), as iminuit's `ExtendedBinnedNLL` has it.

    Parameters
    ----------
    h
        Histogram of one axis with finite edges.
    model
        A function of x (an array) and parameters that returns the entries per unit of x; or one of these:
        `gaussian` (area, mean, sigma), `exponential` (norm exp(-x / scale)), `powerlaw` (norm (x / pivot)^-index, with
        the geometric mean of the range as pivot), `linear` (offset + slope x).
    start
        Where each parameter starts; needed for a function of yours, otherwise estimated from the histogram.
    limits
        Allowed range of parameters; None is no limit.
    fixed
        Parameters to hold at their start.
    cost
        `likelihood`: Poisson, of all bins; or `chi2`: least squares, of the bins that are not empty.

    Returns
    -------
    Fit
        Parameters with errors, and how well they describe the bins.

    Raises
    ------
    MissingDependencyError
        If iminuit or scipy is not installed.
    ValueError
        If the histogram does not have one axis of finite edges, is empty, or parameters are unknown or lack a start.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> from icecol import hist
    >>> x = np.random.default_rng(1).normal(5.0, 2.0, 10_000)
    >>> found = hist.fit(hist.fill(pl.LazyFrame({"x": x}), hist.regular("x", 40, -5, 15)), "gaussian")
    >>> found.valid, abs(found.values["mean"] - 5) < 4 * found.errors["mean"], round(found.errors["sigma"], 3)
    (True, True, 0.014)
    """
    try:
        import iminuit
        from iminuit import cost as costs
    except ImportError as err:
        raise needs("iminuit", "stats", "hist.fit") from err  # noqa: EM101
    tail = special("hist.fit").chdtrc
    edges, contents, variances = _fitted(h)
    function, guess, allowed = _named(model, h) if isinstance(model, str) else (model, {}, {})
    names = tuple(inspect.signature(function).parameters)[1:]
    begin = guess | dict(start or {})
    for name in (*begin, *(limits or {}), *fixed):
        if name not in names:
            msg = f"the function has no parameter {name!r}: {did_you_mean(name, names, 'parameters')}"
            raise ValueError(msg)
    if absent := [name for name in names if name not in begin]:
        msg = f"parameters without a start: {', '.join(absent)}; give them as in start={{{absent[0]!r}: 1.0}}"
        raise ValueError(msg)
    if cost == "likelihood":
        counted = np.array_equal(contents, variances)
        entries = contents if counted else np.stack([contents, variances], axis=-1)
        bins = contents.size
        minimized = costs.ExtendedBinnedNLL(
            entries,
            edges,
            lambda x, *p: np.concatenate([[0.0], np.cumsum(_integrals(function, x, p))]),
            name=names,
        )
    elif cost == "chi2":
        filled = variances > 0
        bins = int(filled.sum())
        minimized = costs.LeastSquares(
            np.arange(bins),
            contents[filled],
            np.sqrt(variances[filled]),
            lambda _, *p: _integrals(function, edges, p)[filled],
            name=names,
        )
    else:
        msg = f"cost must be 'likelihood' or 'chi2'; found {cost!r}"
        raise ValueError(msg)
    minuit = iminuit.Minuit(minimized, **{name: begin[name] for name in names})
    for name, interval in (allowed | dict(limits or {})).items():
        minuit.limits[name] = interval
    for name in fixed:
        minuit.fixed[name] = True
    minuit.migrad()
    minuit.hesse()
    dof = bins - (len(names) - len(fixed))
    return Fit(
        values={name: float(minuit.values[name]) for name in names},
        errors={name: float(minuit.errors[name]) for name in names},
        covariance=np.full((len(names),) * 2, np.nan)
        if minuit.covariance is None
        else np.array(minuit.covariance),
        statistic=float(minuit.fval),
        dof=dof,
        pvalue=float(tail(dof, minuit.fval)) if dof > 0 else math.nan,
        valid=bool(minuit.valid),
        model=function,
        edges=edges,
        minuit=minuit,
    )


def _fitted(h: Hist) -> tuple[Floats, Floats, Floats]:
    if h.ndim != 1:
        msg = f"a fit needs one axis, but this histogram has {h.ndim}: project it first, as in h.project(0)"
        raise ValueError(msg)
    edges = np.asarray(h.edges, np.float64)
    if not np.isfinite(edges).all():
        msg = "a fit needs finite edges: cut off the bins that are open at one end, as in h[1:-1]"
        raise ValueError(msg)
    if not h.values().any():
        msg = f"there is nothing to fit in {h!r}"
        raise ValueError(msg)
    return edges, h.values(), h.variances()


def _integrals(function: Model, edges: Floats, parameters: tuple[float, ...]) -> Floats:
    """Integrate a function over each bin, by eight points of Gauss and Legendre."""
    half = np.diff(edges)[:, None] / 2
    x = (edges[:-1] + edges[1:])[:, None] / 2 + half * _NODES
    found = np.asarray(function(x.ravel(), *parameters), np.float64)
    return np.broadcast_to(found, x.size).reshape(x.shape) @ _WEIGHTS * half[:, 0]


def _gaussian(x: Floats, area: float, mean: float, sigma: float) -> Floats:
    return area / (math.sqrt(2 * math.pi) * sigma) * np.exp(-0.5 * ((x - mean) / sigma) ** 2)


def _exponential(x: Floats, norm: float, scale: float) -> Floats:
    return norm * np.exp(-x / scale)


def _linear(x: Floats, offset: float, slope: float) -> Floats:
    return offset + slope * x


_POSITIVE: Final = (1e-300, None)


def _named(model: str, h: Hist) -> tuple[Model, dict[str, float], dict[str, Any]]:
    """Return a function by name, with a start and limits for its parameters."""
    edges, total = np.asarray(h.edges), h.sum()
    width = float(edges[-1] - edges[0])
    level = total / width
    match model:
        case "gaussian":
            guess = {"area": total, "mean": h.mean(), "sigma": h.std() or width / len(h.axes[0])}
            return _gaussian, guess, {"sigma": _POSITIVE}
        case "exponential":
            scale = max(h.mean() - edges[0], 1e-3 * width)
            return _exponential, {"norm": total / scale * math.exp(edges[0] / scale), "scale": scale}, {}
        case "powerlaw":
            if edges[0] <= 0:
                msg = f"a power law needs an axis above 0; this one starts at {edges[0]:g}"
                raise ValueError(msg)
            pivot = math.sqrt(edges[0] * edges[-1])

            def powerlaw(x: Floats, norm: float, index: float) -> Floats:
                return norm * (x / pivot) ** -index

            shape = _integrals(powerlaw, edges, (1.0, 2.0)).sum()
            return powerlaw, {"norm": total / float(shape), "index": 2.0}, {"norm": _POSITIVE}
        case "linear":
            return _linear, {"offset": level, "slope": 0.0}, {}
    known = ["gaussian", "exponential", "powerlaw", "linear"]
    msg = f"no function {model!r}: {did_you_mean(model, known, 'functions')} Or give a function of x and parameters"
    raise ValueError(msg)
