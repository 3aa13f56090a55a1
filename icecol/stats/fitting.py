"""Fits of a model: maximum, errors, intervals, scans and contours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from icecol.stats import ascent, bins
from icecol.stats.intervals import ONE_SIGMA, Interval
from icecol.stats.libraries import iminuit, scipy

if TYPE_CHECKING:
    from icecol.stats.model import Model

Floats = npt.NDArray[np.float64]

HUGE = 1e100
"""Stands for infinity, which Minuit cannot follow."""

TOLERANCE = 1e-5
"""Minuit's tolerance: -2 ln L is then within 2e-8 of its minimum."""


def objective(model: Model, k: Floats, centers: Floats) -> Callable[[Floats], float]:
    """Return -2 ln L as a function of the parameters, with the priors around `centers`."""
    widths = deviations(model)

    def cost(x: Floats) -> float:
        mu, s2, _, _ = model.expectation(x)
        found = -2 * (bins.total(model.kind, k, mu, s2) - penalty(x, centers, widths)[0])
        return found if np.isfinite(found) else HUGE

    return cost


def gradient(model: Model, k: Floats, centers: Floats) -> Callable[[Floats], Floats]:
    """Return the gradient of -2 ln L."""
    widths = deviations(model)

    def slope(x: Floats) -> Floats:
        mu, s2, in_mu, in_s2 = model.expectation(x)
        by_mu, by_s2 = bins.slopes(model.kind, k, mu, s2)
        return -2 * (in_mu @ by_mu + in_s2 @ by_s2 - penalty(x, centers, widths)[1])

    return slope


def deviations(model: Model) -> Floats:
    """Return the standard deviations of the priors, below and above, of each parameter."""
    return np.array([p.deviations for p in model.parameters.values()])


def penalty(x: Floats, centers: Floats, widths: Floats) -> tuple[float, Floats]:
    """Return minus the logarithm of the priors, and its gradient."""
    width = np.where(x < centers, widths[:, 0], widths[:, 1])
    pull = (x - centers) / width
    return float(pull @ pull) / 2, pull / width


def priors(model: Model, centers: Floats) -> Floats:
    """Return mean and deviations of each prior, as compiled code takes them."""
    return np.column_stack([centers, deviations(model)])


def bounds(model: Model) -> Floats:
    """Return the bounds of each parameter."""
    return np.array([(p.lower, p.upper) for p in model.parameters.values()])


def free(model: Model, fixed: Mapping[str, float]) -> npt.NDArray[np.bool_]:
    """Return which parameters are free."""
    held = {*fixed, *without_meaning(model, fixed)}
    return np.array([name not in held and not p.fixed for name, p in model.parameters.items()])


def without_meaning(model: Model, fixed: Mapping[str, float]) -> set[str]:
    """Return the parameters that shape nothing but components whose norm is held at 0, and have no prior."""
    gone = {norm for norm, value in fixed.items() if value == 0}
    left = {name for p in model.parts if p.norm not in gone for name in p.shapes}
    lost = {name for p in model.parts if p.norm in gone for name in p.shapes} - left
    return {
        name for name in lost if model.parameters[name].prior is None and not model.parameters[name].fixed
    }


def maximum(
    model: Model, k: Floats, centers: Floats, fixed: Mapping[str, float], start: Floats | None = None
) -> tuple[Floats, float]:
    """Return the parameters at the maximum of ln L, and its value.

    It is found by compiled code or, for a model that has no tables, by L-BFGS-B, which may start at a bound, and Minuit
    if that fails.

    Raises
    ------
    RuntimeError
        If the fit does not converge.
    """
    x = model.vector(fixed) if start is None else start.copy()
    for name, value in fixed.items():
        x[model.number(name)] = value
    if model.tables is not None:
        known = priors(model, centers)
        log = ascent.fit(model.kind, k, model.tables, x, known, bounds(model), free(model, fixed))
        if np.isnan(log):
            msg = f"the fit of {model.names} did not converge; the last values are {x}"
            raise RuntimeError(msg)
        return x, log
    limits = np.where(free(model, fixed)[:, None], bounds(model), x[:, None])
    cost, slope = objective(model, k, centers), gradient(model, k, centers)
    best = scipy("optimize").minimize(
        cost,
        x,
        jac=slope,
        bounds=limits,
        method="L-BFGS-B",
        options={"ftol": 1e-11, "gtol": 1e-5, "maxiter": 500},
    )
    if best.success and best.fun < HUGE:
        return best.x, -float(best.fun) / 2
    minuit = minimized(model, k, centers, fixed, x)
    return np.array(minuit.values), -minuit.fval / 2


def minimized(model: Model, k: Floats, centers: Floats, fixed: Mapping[str, float], start: Floats) -> Any:
    """Return Minuit at the minimum of -2 ln L.

    Raises
    ------
    RuntimeError
        If the fit does not converge.
    """
    cost, limits, moves = objective(model, k, centers), bounds(model), free(model, fixed)
    inside = np.where(model.start > limits[:, 0], (model.start + limits[:, 0]) / 2, limits[:, 0] + 0.5)
    start = np.where(moves & (start <= limits[:, 0]), inside, start)  # Minuit does not leave a bound
    if cost(start) == HUGE:  # no expectation where there are counts
        start = np.where(moves, np.maximum(start, 1.0), start)
    minuit = iminuit().Minuit(cost, start, grad=gradient(model, k, centers), name=model.names)
    minuit.errordef = 1.0
    minuit.tol = TOLERANCE
    minuit.limits = [tuple(b) for b in limits]
    minuit.fixed = (~moves).tolist()
    minuit.migrad()
    for _ in range(3):
        if (
            not minuit.fmin.is_above_max_edm
        ):  # where a norm is 0 its index is free, and the covariance is not defined
            return minuit
        minuit.simplex().migrad()
    msg = f"the fit of {model.names} did not converge:\n{minuit.fmin}"
    raise RuntimeError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A model fitted to data.

    Attributes
    ----------
    model
        The model.
    counts
        The data, flat.
    values
        Fitted values by parameter.
    errors
        Standard errors from the curvature of ln L, by parameter; 0 for one that is fixed. They ignore bounds: use
        `interval` near one.
    covariance
        Covariance of all parameters, in the order of `model.names`.
    log_likelihood
        ln L at the maximum.
    fixed
        Parameters that were held at a value.
    minuit
        The `iminuit.Minuit` object, for everything else; None if no parameter is free.

    Examples
    --------
    >>> from icecol import stats
    >>> fit = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 1.0]}).fit([10, 7])
    >>> print(fit)
    signal = 1.514 ± 0.69
    background = 0.9429 ± 0.37
    ln L = -3.9824, 17 observed, 17 expected
    """

    model: Model
    counts: Floats
    values: dict[str, float]
    errors: dict[str, float]
    covariance: Floats
    log_likelihood: float
    fixed: dict[str, float]
    minuit: Any

    def expected(self) -> Floats:
        """Return the expected counts at the fitted values.

        Examples
        --------
        >>> from icecol import stats
        >>> stats.Model({"signal": [1.0, 4.0], "background": [9.0, 1.0]}).fit([10, 7]).expected().round(2)
        array([10.,  7.])
        """
        return self.model.expected(**self.values)

    def components(self) -> dict[str, Floats]:
        """Return the expected counts of each component at the fitted values.

        Examples
        --------
        >>> from icecol import stats
        >>> fit = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 1.0]}).fit([10, 7])
        >>> {name: counts.round(2).tolist() for name, counts in fit.components().items()}
        {'signal': [1.51, 6.06], 'background': [8.49, 0.94]}
        """
        return {
            p.name: (self.values[p.norm] * p.at(self.values)[0]).reshape(self.model.shape)
            for p in self.model.parts
        }

    def expected_errors(self) -> Floats:
        """Return the error of each expected count that the errors of the parameters cause, correlations included.

        Examples
        --------
        >>> from icecol import stats
        >>> fit = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 1.0]}).fit([10, 7])
        >>> fit.expected_errors().round(2)
        array([3.16, 2.65])
        """
        _, _, in_mu, _ = self.model.expectation(self._x())
        variance = np.einsum("pi,pq,qi->i", in_mu, self.covariance, in_mu)
        return np.sqrt(np.maximum(variance, 0)).reshape(self.model.shape)

    def interval(self, parameter: str, level: float = ONE_SIGMA) -> Interval:
        """Return the interval where -2 ln of the profile likelihood ratio is below its χ² quantile (MINOS).

        Parameters
        ----------
        parameter
            Name of a parameter.
        level
            Confidence level.

        Returns
        -------
        Interval
            The interval; it ends at a bound that the profile does not reach the quantile before.

        Raises
        ------
        ValueError
            If the parameter is fixed.

        Examples
        --------
        >>> from icecol import stats
        >>> fit = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 1.0]}).fit([10, 7])
        >>> found = fit.interval("signal")
        >>> round(found.lower, 2), round(found.upper, 2)
        (0.91, 2.29)
        """
        position = self.model.number(parameter)
        if not free(self.model, self.fixed)[position]:
            msg = f"parameter {parameter!r} is fixed, and has no interval"
            raise ValueError(msg)
        self.minuit.minos(parameter, cl=level)
        found = self.minuit.merrors[parameter]
        x = self.minuit.values[position]
        low, high = bounds(self.model)[position]
        return Interval(
            x + found.lower if found.lower_valid and not found.at_lower_limit else low,
            x + found.upper if found.upper_valid and not found.at_upper_limit else high,
        )

    def scan(self, grids: Mapping[str, npt.ArrayLike]) -> Scan:
        """Return the profile likelihood on a grid: -2 ln of its ratio to the maximum, all else fitted at each point.

        Parameters
        ----------
        grids
            Values of one parameter, or of each of several, by name.

        Returns
        -------
        Scan
            The grid and the values.

        Examples
        --------
        >>> from icecol import stats
        >>> fit = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 1.0]}).fit([10, 7])
        >>> fit.scan({"signal": [1.0, 1.5, 2.0]}).values.round(2)
        array([0.69, 0.  , 0.43])
        """
        axes = {name: np.asarray(grid, np.float64) for name, grid in grids.items()}
        out = np.empty([grid.size for grid in axes.values()])
        start = self._x()
        for point in product(*(range(n) for n in out.shape)):
            at = {name: float(grid[i]) for (name, grid), i in zip(axes.items(), point, strict=True)}
            start, log = maximum(self.model, self.counts, self.model.centers, {**self.fixed, **at}, start)
            out[point] = 2 * (self.log_likelihood - log)
        return Scan(axes, out)

    def contour(self, x: str, y: str, level: float = ONE_SIGMA, points: int = 100) -> Floats:
        """Return a contour of the profile likelihood of two parameters that covers both with a probability (MNCONTOUR).

        Parameters
        ----------
        x, y
            Names of two parameters.
        level
            Joint confidence level, for two degrees of freedom.
        points
            Number of points.

        Returns
        -------
        numpy.ndarray
            Points of the contour, of shape (points, 2). Near a bound, scan a grid instead.

        Examples
        --------
        >>> from icecol import stats
        >>> fit = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 1.0]}).fit([10, 7])
        >>> fit.contour("signal", "background", points=20).shape
        (21, 2)
        """
        return np.asarray(self.minuit.mncontour(x, y, cl=level, size=points))

    def pulls(self) -> dict[str, tuple[float, float]]:
        """Return how far each parameter with a prior moved, and its error, both in units of the prior's width.

        Examples
        --------
        >>> from icecol import stats
        >>> prior = {"background": stats.Parameter(prior=(1.0, 0.3), lower=0.0)}
        >>> fit = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 1.0]}, prior).fit([14, 7])
        >>> moved, error = fit.pulls()["background"]
        >>> round(moved, 2), round(error, 2)
        (0.48, 0.78)
        """
        out = {}
        for name, setting in self.model.parameters.items():
            if setting.prior is not None:
                moved = self.values[name] - setting.center
                width = setting.deviations[int(moved > 0)]
                out[name] = moved / width, self.errors[name] / width
        return out

    def __str__(self) -> str:
        lines = [
            f"{name} = {value:.4g} " + (f"± {self.errors[name]:.2g}" if self.errors[name] else "(fixed)")
            for name, value in self.values.items()
        ]
        counts = f"{self.counts.sum():g} observed, {self.expected().sum():.4g} expected"
        return "\n".join([*lines, f"ln L = {self.log_likelihood:.4f}, {counts}"])

    def _x(self) -> Floats:
        return self.model.vector(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A profile likelihood on a grid.

    Attributes
    ----------
    grids
        Values of each scanned parameter.
    values
        -2 ln of the likelihood ratio to the maximum, by grid point.

    Examples
    --------
    >>> from icecol import stats
    >>> fit = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 1.0]}).fit([10, 7])
    >>> scan = fit.scan({"signal": [0.0, 1.0, 2.0]})
    >>> scan.names, scan.values.round(2).tolist()
    (('signal',), [11.31, 0.69, 0.43])
    """

    grids: dict[str, Floats]
    values: Floats

    @property
    def names(self) -> Sequence[str]:
        """Names of the scanned parameters."""
        return tuple(self.grids)


def fit(model: Model, k: Floats, centers: Floats, fixed: Mapping[str, float]) -> Fit:
    """Fit a model to flat counts, with errors."""
    x, log = maximum(model, k, centers, fixed)
    covariance, minuit = np.zeros((x.size, x.size)), None
    if free(model, fixed).any():
        minuit = minimized(model, k, centers, fixed, x)
        minuit.hesse()
        covariance = (
            np.nan_to_num(np.array(minuit.covariance)) if minuit.covariance is not None else covariance
        )
        if -minuit.fval / 2 > log:
            x, log = np.array(minuit.values), -minuit.fval / 2
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    values, spread = (dict(zip(model.names, v.tolist(), strict=True)) for v in (x, errors))
    return Fit(model, k, values, spread, covariance, log, dict(fixed), minuit)
