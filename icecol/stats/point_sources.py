"""The search for a point source: events, their angular errors and energies, and scrambled skies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from icecol.dataset.events import lazy_frame
from icecol.stats import sky
from icecol.stats.inference import HypothesisTest
from icecol.stats.templates import Floats
from icecol.stats.trials import Trials, in_threads

if TYPE_CHECKING:
    from icecol.dataset.events import Events


@dataclass(frozen=True, slots=True, eq=False)
class PointSource:
    """Events around a point in the sky, with their densities; made by `point_source`.

    Attributes
    ----------
    source
        Right ascension and declination, in radians.
    ra, dec, sigma
        Directions and angular errors of the events, in radians.
    background
        Density of background at each event, per steradian.
    energy
        Ratio of the energy densities of signal and background, by index and event.
    indices
        Spectral index of each row of `energy`; empty without energies.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import stats
    >>> events = pl.DataFrame({"ra": [1.0, 1.01, 4.0], "dec": [0.3, 0.31, -0.5], "sigma": [0.02, 0.02, 0.02]})
    >>> search = stats.point_source(events, source=(1.0, 0.3))
    >>> n_signal, _, _ = search.fit()
    >>> round(n_signal, 1)
    2.0
    """

    source: tuple[float, float]
    ra: Floats
    dec: Floats
    sigma: Floats
    background: Floats
    energy: Floats
    indices: tuple[float, ...]

    def fit(self) -> tuple[float, float | None, float]:
        """Return number of signal events, spectral index (None without energies), and test statistic.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import stats
        >>> events = pl.DataFrame(
        ...     {"ra": [1.0, 1.01, 4.0], "dec": [0.3, 0.31, -0.5], "sigma": [0.02, 0.02, 0.02]}
        ... )
        >>> n_signal, gamma, statistic = stats.point_source(events, source=(1.0, 0.3)).fit()
        >>> round(n_signal, 1), gamma, round(statistic, 1)
        (2.0, None, 22.2)
        """
        space = np.empty(self.ra.size)
        sky.spatial(self.ra, self.dec, self.sigma, *self.source, space)
        events, index, q = sky.best_index(space, self.background, self.energy)
        return events, (self.indices[index] if self.indices else None), q

    def scramble(
        self, n: int, *, seed: int = 0, threads: int | None = None, progress: bool = False
    ) -> Trials:
        """Return test statistics of n skies whose events have random right ascensions, with everything else unchanged.

        Parameters
        ----------
        n, seed, threads, progress
            As for `stats.pseudo_experiments`.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import stats
        >>> events = pl.DataFrame(
        ...     {"ra": [1.0, 1.01, 4.0], "dec": [0.3, 0.31, -0.5], "sigma": [0.02, 0.02, 0.02]}
        ... )
        >>> trials = stats.point_source(events, source=(1.0, 0.3)).scramble(100, seed=1)
        >>> trials.statistics.size
        100
        """

        def task(first: int, q: Floats, log_weights: Floats) -> None:
            sky.scrambled(
                seed, first, self.dec, self.sigma, self.background, self.energy, *self.source, q, log_weights
            )

        return Trials(*in_threads(task, n, threads, progress=progress))

    def test(
        self, n: int = 1000, *, seed: int = 0, threads: int | None = None, progress: bool = False
    ) -> HypothesisTest:
        """Return the p-value of the source, by scrambling in right ascension; print it.

        Parameters
        ----------
        n, seed, threads, progress
            As for `scramble`.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import stats
        >>> events = pl.DataFrame(
        ...     {"ra": [1.0, 1.01, 4.0], "dec": [0.3, 0.31, -0.5], "sigma": [0.02, 0.02, 0.02]}
        ... )
        >>> test = stats.point_source(events, source=(1.0, 0.3)).test(100, seed=1)
        >>> test.p < 0.1
        True
        """
        events, _, q = self.fit()
        found = self.scramble(n, seed=seed, threads=threads, progress=progress)
        p, low, high = found.p_value(q)
        return HypothesisTest(
            "the source",
            0.0,
            q,
            p,
            (low, high),
            f"{n} scrambled skies, {events:.1f} signal events fitted",
            float(self.ra.size),
            float(self.ra.size),
            None,
            events,
            found,
        )


def point_source(
    events: Events,
    source: tuple[float, float],
    *,
    ra: str | pl.Expr = "ra",
    dec: str | pl.Expr = "dec",
    sigma: str | pl.Expr = "sigma",
    energy: Mapping[float, str | pl.Expr] | None = None,
    bins: int = 20,
) -> PointSource:
    """Prepare the search for a point source (Braun et al., Astropart. Phys. 29 (2008) 299).

    ln L = Σ ln(n_s/N S + (1 - n_s/N) B): S is a von Mises-Fisher density around the source with each event's angular
    error, times that of the energy for a spectral index; B that of the background, the same in all right ascensions and
    with the declinations of the events. The number of signal events n_s is fitted, and the index is the best of those
    given.

    Parameters
    ----------
    events
        A dataset, lazy frame or data frame.
    source
        Right ascension and declination, in radians.
    ra, dec, sigma
        Columns or expressions, in radians. For a two-dimensional normal distribution, sigma is its width in each
        direction, and 1.177 sigma the median angle.
    energy
        For each spectral index, a column or expression: the density of the event's energy in the signal, over that
        in the background.
    bins
        Bins in the sine of the declination for the density of the background.

    Raises
    ------
    ValueError
        If a value is null, NaN or infinite, sigma or a ratio of energies is not positive, or there are no events.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> from icecol import stats
    >>> rng = np.random.default_rng(1)
    >>> ra, dec = rng.uniform(0, 2 * np.pi, 500), np.arcsin(rng.uniform(-1, 1, 500))
    >>> ra[:15], dec[:15] = 1.0 + 0.02 * rng.normal(size=15), 0.3 + 0.02 * rng.normal(size=15)
    >>> events = pl.DataFrame({"ra": ra, "dec": dec, "sigma": np.full(500, 0.02)})
    >>> search = stats.point_source(events, (1.0, 0.3))
    >>> 13 < search.fit()[0] < 18
    True
    """
    wanted = {"ra": ra, "dec": dec, "sigma": sigma} | {f"energy {k}": v for k, v in (energy or {}).items()}
    exprs = {name: pl.col(v) if isinstance(v, str) else v for name, v in wanted.items()}
    frame = lazy_frame(events).select(**exprs).collect()
    arrays = {}
    for name in wanted:
        values = frame[name].cast(pl.Float64).fill_null(math.nan).to_numpy()
        if (
            not np.isfinite(values).all()
            or (name not in ("ra", "dec") and not (values > 0).all())
            or not values.size
        ):
            msg = f"{name!r} must be finite (and positive, but for directions) in every event, of which there are some"
            raise ValueError(msg)
        arrays[name] = np.ascontiguousarray(values)
    edges = np.linspace(-1, 1, bins + 1)
    sine = np.sin(arrays["dec"])
    counts, _ = np.histogram(sine, edges)
    at = np.clip(np.searchsorted(edges, sine, side="right") - 1, 0, bins - 1)
    density = counts[at] / sine.size * bins / 2 / (2 * math.pi)
    ratios = [arrays[f"energy {k}"] for k in (energy or {})] or [np.ones(sine.size)]
    return PointSource(
        source, arrays["ra"], arrays["dec"], arrays["sigma"], density, np.array(ratios), tuple(energy or ())
    )
