"""A model of binned counts: components with norms, nuisance parameters, and spectra that reweight events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from icecol.errors import MissingColumnError, did_you_mean
from icecol.stats import fitting, inference, limits
from icecol.stats.likelihoods import kind_number, require_counts
from icecol.stats.tables import Tables, tables
from icecol.stats.templates import INDEX, NORM, SHIFT, Floats, Parameter, Part, part

if TYPE_CHECKING:
    from icecol.stats.fitting import Fit
    from icecol.stats.inference import HypothesisTest
    from icecol.stats.limits import CLs, Limit
    from icecol.stats.trials import Trials


@dataclass(frozen=True, eq=False)
class Model:
    """Expected counts in bins as a sum of components, and the likelihood of data.

    Each component is a histogram (or an array of values, a pair of arrays for values and variances, events from
    `stats.events`, or a `stats.Component`) times a norm of the same name, which starts at 1, is free, and not negative.

    Attributes
    ----------
    components
        The components by name, all with the same bins.
    parameters
        Settings of norms and nuisance parameters, by name, where they differ from the defaults: `stats.Parameter`.
    likelihood
        Likelihood of a bin, as in `stats.log_likelihood`; the variances of all components add up.

    Raises
    ------
    ValueError
        If components have different bins, or no likelihood of that name exists.
    MissingColumnError
        If settings are given for a parameter that the model does not have.

    Examples
    --------
    >>> from icecol import stats
    >>> model = stats.Model(
    ...     {"signal": [1.0, 3.0, 6.0], "background": [8.0, 3.0, 1.0]},
    ...     {"background": stats.Parameter(prior=(1.0, 0.3), lower=0.0)},
    ... )
    >>> model.names
    ('signal', 'background')
    >>> fit = model.fit([9, 5, 8])
    >>> round(fit.values["signal"], 2), round(fit.errors["signal"], 2)
    (1.06, 0.4)
    >>> print(model.test([9, 5, 8], "signal"))
    22 observed, 12.0 ± 3.6 expected without signal, p = 2.1e-05, 4.1 sigma one-sided (asymptotic, q0 = 16.8)
    """

    components: Mapping[str, Any]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    likelihood: str = "effective"
    parts: tuple[Part, ...] = field(init=False, repr=False)
    shape: tuple[int, ...] = field(init=False)
    kind: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.components:
            msg = "a model needs components, such as {'signal': h1, 'background': h2}"
            raise ValueError(msg)
        made = {name: part(name, given) for name, given in self.components.items()}
        shapes = {name: shape for name, (_, shape) in made.items()}
        if len(set(shapes.values())) > 1:
            msg = f"components have different bins: {shapes}"
            raise ValueError(msg)
        parts = tuple(p for p, _ in made.values())
        defaults: dict[str, Parameter] = {p.norm: NORM for p in parts}
        for p in parts:
            defaults |= dict.fromkeys(p.shifts, SHIFT)
            defaults |= dict.fromkeys(p.events.logs if p.events else (), INDEX)
        for name in self.parameters:
            if name not in defaults:
                msg = f"the model has no parameter {name!r}: {did_you_mean(name, defaults, 'parameters')}"
                raise MissingColumnError(msg)
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "shape", next(iter(shapes.values())))
        object.__setattr__(self, "kind", kind_number(self.likelihood))
        object.__setattr__(self, "parameters", defaults | dict(self.parameters))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(self.parameters)

    @property
    def start(self) -> Floats:
        """Values at which the parameters start."""
        return np.array([p.start for p in self.parameters.values()])

    @property
    def centers(self) -> Floats:
        """Means of the priors; the start of parameters without one."""
        return np.array([p.center for p in self.parameters.values()])

    @cached_property
    def tables(self) -> Tables | None:
        """The model as compiled code reads it; None where it has no tables."""
        return tables(self)

    def number(self, name: str) -> int:
        """Return the position of a parameter.

        Parameters
        ----------
        name
            Name of the parameter.

        Raises
        ------
        MissingColumnError
            If there is no such parameter.

        Examples
        --------
        >>> from icecol import stats
        >>> stats.Model({"signal": [1.0, 3.0], "background": [8.0, 3.0]}).number("background")
        1
        """
        if name not in self.parameters:
            msg = f"the model has no parameter {name!r}: {did_you_mean(name, self.names, 'parameters')}"
            raise MissingColumnError(msg)
        return self.names.index(name)

    def vector(self, values: Mapping[str, float]) -> Floats:
        """Return all parameters as an array: those given, the others at their start.

        Parameters
        ----------
        values
            Values of parameters by name.

        Raises
        ------
        MissingColumnError
            If there is no such parameter.

        Examples
        --------
        >>> from icecol import stats
        >>> stats.Model({"signal": [1.0, 3.0], "background": [8.0, 3.0]}).vector({"signal": 2.0})
        array([2., 1.])
        """
        x = self.start
        for name, given in values.items():
            x[self.number(name)] = given
        return x

    def counts(self, data: Any) -> Floats:
        """Return data, a histogram or an array, as flat counts.

        Parameters
        ----------
        data
            Histogram or array of counts.

        Raises
        ------
        ValueError
            If the bins are not those of the model, a count is negative, or events are seen where no component
            expects any.

        Examples
        --------
        >>> from icecol import stats
        >>> stats.Model({"signal": [[1.0, 3.0], [2.0, 1.0]]}).counts([[2, 4], [3, 0]])
        array([2., 4., 3., 0.])
        """
        k = np.asarray(data.values() if hasattr(data, "variances") else data, np.float64)
        if k.shape != self.shape:
            msg = f"the data have bins of shape {k.shape}, the model of shape {self.shape}"
            raise ValueError(msg)
        require_counts(k)
        possible = sum((np.abs(p.values) for p in self.parts), start=np.zeros(k.size))
        if (impossible := (k.ravel() > 0) & (possible == 0)).any():
            where = tuple(int(i) for i in np.argwhere(impossible.reshape(k.shape))[0])
            msg = f"bin {where} has {k[where]:g} events, but no component expects any there: merge it with another"
            raise ValueError(msg)
        return k.ravel()

    def expectation(self, x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the flat expectation, its variance, and the slopes of both by parameter and bin.

        Parameters
        ----------
        x
            Values of all parameters, in the order of `names`.

        Examples
        --------
        >>> from icecol import stats
        >>> model = stats.Model({"signal": [1.0, 3.0], "background": [8.0, 3.0]})
        >>> expected, variance, *_ = model.expectation(model.vector({"signal": 2.0}))
        >>> expected
        array([10.,  9.])
        """
        values = dict(zip(self.names, x.tolist(), strict=True))
        size = int(np.prod(self.shape))
        mu, s2 = np.zeros(size), np.zeros(size)
        in_mu, in_s2 = np.zeros((x.size, size)), np.zeros((x.size, size))
        for p in self.parts:
            norm, i = values[p.norm], self.names.index(p.norm)
            t, v, slopes = p.at(values)
            mu += norm * t
            s2 += norm**2 * v
            in_mu[i] += t
            in_s2[i] += 2 * norm * v
            for name, (dt, dv) in slopes.items():
                j = self.names.index(name)
                in_mu[j] += norm * dt
                in_s2[j] += norm**2 * dv
        return mu, s2, in_mu, in_s2

    def expected(self, **values: float) -> Floats:
        """Return the expected counts.

        Parameters
        ----------
        values
            Values of parameters; the others are at their start.

        Returns
        -------
        numpy.ndarray
            Expected counts, of the shape of the bins.

        Examples
        --------
        >>> from icecol import stats
        >>> stats.Model({"signal": [1.0, 2.0], "background": [3.0, 1.0]}).expected(signal=2.0)
        array([5., 5.])
        """
        return self.expectation(self.vector(values))[0].reshape(self.shape)

    def log_likelihood(self, data: Any, **values: float) -> float:
        """Return ln L of data, priors included (0 at their means).

        Parameters
        ----------
        data
            Histogram or array of counts.
        values
            Values of parameters; the others are at their start.

        Examples
        --------
        >>> from icecol import stats
        >>> model = stats.Model({"signal": [1.0, 3.0], "background": [8.0, 3.0]})
        >>> round(model.log_likelihood([9, 6], signal=1.0, background=1.0), 3)
        -3.856
        """
        return -fitting.objective(self, self.counts(data), self.centers)(self.vector(values)) / 2

    def fit(self, data: Any, **fixed: float) -> Fit:
        """Fit the model to data.

        Parameters
        ----------
        data
            Histogram or array of counts.
        fixed
            Parameters to hold at a value.

        Returns
        -------
        Fit
            Values, errors, and what can be asked of them: intervals, scans, contours, goodness of fit.

        Raises
        ------
        MissingDependencyError
            If iminuit is not installed.

        Examples
        --------
        >>> from icecol import stats
        >>> fit = stats.Model({"signal": [1.0, 4.0], "background": [9.0, 1.0]}).fit([10, 7])
        >>> low, high = fit.interval("signal")
        >>> bool(low < fit.values["signal"] < high)
        True
        """
        return fitting.fit(self, self.counts(data), self.centers, fixed)

    def test(self, data: Any, parameter: str, value: float = 0.0, **options: Any) -> HypothesisTest:
        """Test the hypothesis that a norm has a value, by default 0, against larger ones: `stats.hypotest`.

        Parameters
        ----------
        data
            Histogram or array of counts.
        parameter
            Name of the norm.
        value
            Its value under the hypothesis.
        options
            Those of `stats.hypotest`.

        Examples
        --------
        >>> from icecol import stats
        >>> model = stats.Model({"signal": [1.0, 3.0, 6.0], "background": [8.0, 3.0, 1.0]})
        >>> round(model.test([9, 5, 8], "signal").significance, 1)
        3.7
        """
        return inference.hypotest(self, data, parameter, value, **options)

    def cls(self, data: Any, parameter: str, value: float, **options: Any) -> CLs:
        """Return CLs of a value of a norm, observed and expected: `stats.cls`.

        Parameters
        ----------
        data
            Histogram or array of counts.
        parameter, value
            The norm, and the value to be excluded.
        options
            Those of `stats.cls`.

        Examples
        --------
        >>> from icecol import stats
        >>> model = stats.Model({"signal": [1.0, 3.0, 6.0], "background": [8.0, 3.0, 1.0]})
        >>> round(model.cls([9, 3, 1], "signal", 1.0).observed, 3)
        0.002
        """
        return limits.cls(self, data, parameter, value, **options)

    def upper_limit(self, data: Any, parameter: str, level: float = 0.95) -> Limit:
        """Return the upper limit of a norm by CLs, observed and expected: `stats.upper_limit`.

        Parameters
        ----------
        data
            Histogram or array of counts.
        parameter
            Name of the norm.
        level
            Confidence level.

        Examples
        --------
        >>> from icecol import stats
        >>> model = stats.Model({"signal": [1.0, 3.0, 6.0], "background": [8.0, 3.0, 1.0]})
        >>> round(model.upper_limit([9, 3, 1], "signal").observed, 2)
        0.54
        """
        return limits.upper_limit(self, data, parameter, level)

    def pseudo_experiments(self, n: int, parameter: str, value: float = 0.0, **options: Any) -> Trials:
        """Return the test statistic of pseudo-experiments: `stats.pseudo_experiments`.

        Parameters
        ----------
        n
            Number of pseudo-experiments.
        parameter, value
            The norm that is tested, and its value under the hypothesis.
        options
            Those of `stats.pseudo_experiments`.

        Examples
        --------
        >>> from icecol import stats
        >>> model = stats.Model({"signal": [1.0, 3.0, 6.0], "background": [8.0, 3.0, 1.0]})
        >>> trials = model.pseudo_experiments(50, "signal", seed=1)
        >>> len(trials.statistics)
        50
        """
        return inference.pseudo_experiments(self, n, parameter, value, **options)
