"""A filled histogram: a boost-histogram with labels, and separate counts of the values that no bin can hold."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, overload

import boost_histogram as bh
import numpy as np
import numpy.typing as npt
from boost_histogram.serialization import from_uhi, to_uhi

from icecol import files
from icecol.errors import MissingColumnError, did_you_mean
from icecol.hist.arithmetic import ratio
from icecol.hist.axis import categories_in_digits
from icecol.hist.points import Points

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tally:
    """Entries that no bin holds: their number, sum of weights and sum of squared weights."""

    n: int = 0
    sumw: float = 0.0
    sumw2: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        """Add the counts and the sums of weights."""
        return Tally(self.n + other.n, self.sumw + other.sumw, self.sumw2 + other.sumw2)

    def __mul__(self, factor: float) -> Tally:
        """Scale the weights, not the number of entries."""
        return Tally(self.n, self.sumw * factor, self.sumw2 * factor**2)


@dataclass(frozen=True, slots=True, eq=False)
class Hist:
    """A histogram with weights and their variances; made by `hist.fill` or `hist.load`.

    It implements the PlottableHistogram protocol (`kind`, `axes`, `values`, `variances`, `counts`), so that mplhep
    and similar packages can plot it, and `boost_histogram.Histogram(h)` accepts it. Underflow and overflow are bins;
    NaN and null belong to no bin, are counted separately, and are carried unchanged through slices and projections.

    Attributes
    ----------
    bh
        The `boost_histogram.Histogram` (with Weight storage); each of its axes has a `name` and a `label`.
    nan
        Entries that were NaN on any axis.
    missing
        Entries that were null on any axis: the event had no such key.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 9.0, None]}), hist.regular("x", 3, 0, 3))
    >>> h
    Hist(x: 3 bins from 0 to 3; sum 3, outside 1, nan 0, missing 1)
    >>> (h + 2 * h).values()
    array([3., 6., 0.])
    >>> h[hist.loc(1) :].errors()
    array([1.41421356, 0.        ])
    """

    bh: Any
    nan: Tally = field(default_factory=Tally)
    missing: Tally = field(default_factory=Tally)

    @property
    def axes(self) -> Any:
        """The boost-histogram axes."""
        return self.bh.axes

    @property
    def kind(self) -> str:
        """Kind of histogram, as in the PlottableHistogram protocol: always COUNT."""
        return str(self.bh.kind)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return int(self.bh.ndim)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(getattr(a, "name", "") for a in self.axes)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the axes."""
        return tuple(getattr(a, "label", "") for a in self.axes)

    @property
    def edges(self) -> Any:
        """Bin edges: an array or, for more than one axis, a tuple of arrays."""
        edges = tuple(np.asarray(a.edges) for a in self.axes)
        return edges[0] if self.ndim == 1 else edges

    def values(self, *, flow: bool = False) -> Floats:
        """Return the sum of weights in each bin, including underflow and overflow if `flow`."""
        return cast("Floats", self.bh.values(flow=flow))

    def variances(self, *, flow: bool = False) -> Floats:
        """Return the sum of squared weights in each bin, including underflow and overflow if `flow`."""
        return cast("Floats", self.bh.variances(flow=flow))

    def errors(self, *, flow: bool = False) -> Floats:
        """Return the statistical error of each bin, the square root of its variance."""
        return cast("Floats", np.sqrt(self.variances(flow=flow)))

    def counts(self, *, flow: bool = False) -> Floats:
        """Return the effective number of entries in each bin, (sum w)^2 / sum w^2; 0 for an empty bin."""
        value, variance = self.values(flow=flow), self.variances(flow=flow)
        return np.divide(value**2, variance, out=np.zeros_like(value), where=variance != 0)

    def sum(self, *, flow: bool = False) -> float:
        """Return the sum of weights in all bins, including underflow and overflow if `flow`."""
        return float(self.bh.sum(flow=flow).value)

    def mean(self, axis: int | str = 0) -> float:
        """Return the mean of the bin centers along an axis, weighted by bin content; NaN if the sum is 0."""
        return self._moments(axis)[0]

    def std(self, axis: int | str = 0) -> float:
        """Return the standard deviation of the bin centers along an axis, weighted by bin content."""
        return self._moments(axis)[1]

    def quantile(self, q: float, axis: int | str = 0) -> float:
        """Return the `q` quantile of the binned content along an axis, interpolated linearly within a bin."""
        h = self.project(axis)
        values = h.values()
        if not values.sum() > 0:
            return float("nan")
        below = np.concatenate([[0.0], np.cumsum(values)]) / values.sum()
        return float(np.interp(q, below, _numeric_edges(h)))

    def project(self, *axes: int | str) -> Hist:
        """Project onto the given axes, by number or name, summing over all others with their under- and overflow.

        Raises
        ------
        MissingColumnError
            If there is no such axis.
        """
        kept = [self._number(a) for a in axes]
        return Hist(self.bh.project(*kept), self.nan, self.missing)

    def _number(self, axis: int | str) -> int:
        if isinstance(axis, str):
            if axis not in self.names:
                msg = f"no axis {axis!r}: {did_you_mean(axis, self.names, 'axes')}"
                raise MissingColumnError(msg)
            return self.names.index(axis)
        if not -self.ndim <= axis < self.ndim:
            msg = (
                f"no axis {axis!r}: this histogram has {self.ndim}, named {', '.join(map(repr, self.names))}"
            )
            raise MissingColumnError(msg)
        return axis % self.ndim

    def normalized(self, *, density: bool = False) -> Hist:
        """Scale the histogram so that its bins, without underflow and overflow, sum to 1.

        Parameters
        ----------
        density
            Divide by the bin widths as well, so that the integral is 1.

        Raises
        ------
        ValueError
            If the sum is 0.
        """
        total = self.sum()
        if total == 0:
            msg = f"the bins of {self!r} sum to 0, so it cannot be normalized"
            raise ValueError(msg)
        h = self * (1 / total)
        if density:
            widths = math.prod(self.axes.widths)  # broadcast to one array
            view = h.bh.view(flow=False)
            view["value"] /= widths
            view["variance"] /= widths**2
        return h

    def cumulative(self, *, reverse: bool = False) -> Hist:
        """Return the cumulative histogram: each bin plus all bins below it, underflow included.

        With `reverse`, each bin plus all bins above it, overflow included. Variances are summed in the same way.
        """
        if self.ndim != 1:
            msg = f"cumulative needs one axis, not {self.ndim}: project first, as in h.project(0)"
            raise ValueError(msg)
        h = Hist(self.bh.copy(), self.nan, self.missing)
        view = h.bh.view(flow=True)
        for part in ("value", "variance"):
            view[part] = view[part][::-1].cumsum()[::-1] if reverse else view[part].cumsum()
        return h

    def __getitem__(self, index: Any) -> Any:
        """Index with UHI: `h[1:5]`, `h[hist.loc(2.0)]`, `h[:: hist.rebin(2)]`."""
        found = self.bh[index]
        return Hist(found, self.nan, self.missing) if isinstance(found, bh.Histogram) else found

    def __add__(self, other: Hist) -> Hist:
        """Add two histograms with equal axes; categories are merged."""
        if not isinstance(other, Hist):
            return NotImplemented
        try:
            added = _in_digits(self, other) + _in_digits(other, self)
        except ValueError as err:
            msg = f"histograms with different axes cannot be added: {list(self.axes)} and {list(other.axes)}"
            raise ValueError(msg) from err
        return Hist(added, self.nan + other.nan, self.missing + other.missing)

    def __sub__(self, other: Hist) -> Hist:
        """Subtract a histogram with equal axes; the variances add, as for independent entries."""
        return self + other * -1 if isinstance(other, Hist) else NotImplemented

    def __radd__(self, other: object) -> Hist:
        """Support the builtin `sum`, which starts from 0."""
        return self if other == 0 else NotImplemented

    def __mul__(self, factor: float) -> Hist:
        """Scale the values by a number and the variances by its square."""
        return Hist(self.bh * factor, self.nan * factor, self.missing * factor)

    __rmul__ = __mul__

    @overload
    def __truediv__(self, divisor: float) -> Hist: ...
    @overload
    def __truediv__(self, divisor: Hist) -> Points: ...
    def __truediv__(self, divisor: float | Hist) -> Hist | Points:
        """Divide by a number, the variances by its square; or by an independent histogram, as `hist.ratio` does."""
        return ratio(self, divisor) if isinstance(divisor, Hist) else self * (1 / divisor)

    def __eq__(self, other: object) -> bool:
        """Compare axes and labels, all bins, and the NaN and null counts."""
        if not isinstance(other, Hist):
            return NotImplemented
        return bool(self.bh == other.bh) and (self.nan, self.missing) == (other.nan, other.missing)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        axes = ", ".join(_describe(a) for a in self.axes)
        inside = self.sum()
        outside = self.sum(flow=True) - inside
        return (
            f"Hist({axes}; sum {inside:.6g}, outside {outside:.6g}, "
            f"nan {self.nan.sumw:.6g}, missing {self.missing.sumw:.6g})"
        )

    def _to_boost_histogram_(self) -> Any:
        return self.bh

    def to_dict(self) -> dict[str, Any]:
        """Return the histogram in the UHI serialization schema, as plain lists and numbers.

        The NaN and null counts are stored under `metadata`.
        """
        content = cast("dict[str, Any]", _plain(to_uhi(self.bh)))
        content["metadata"] = content.get("metadata", {}) | {
            key: [tally.n, tally.sumw, tally.sumw2]
            for key, tally in (("nan", self.nan), ("missing", self.missing))
        }
        return content

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the histogram as JSON, for `hist.load` to read back. The file is written atomically.

        Parameters
        ----------
        path
            File to write.

        Examples
        --------
        >>> import polars as pl, tempfile, pathlib
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.1, 0.2]}), hist.regular("x", 3, 0, 3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     h.save(pathlib.Path(folder) / "x.json")
        ...     hist.load(pathlib.Path(folder) / "x.json") == h
        True
        """
        files.write(path, json.dumps(_strict(self.to_dict()), allow_nan=False).encode())

    def _moments(self, axis: int | str) -> tuple[float, float]:
        h = self.project(axis)
        values = h.values()
        total = values.sum()
        if total == 0:
            return float("nan"), float("nan")
        edges = _numeric_edges(h)
        centers = h.axes[0].centers if edges.size else edges
        mean = float((values * centers).sum() / total)
        return mean, float(np.sqrt((values * (centers - mean) ** 2).sum() / total))


def load(path: str | os.PathLike[str]) -> Hist:
    """Read a histogram written by `Hist.save`, exactly as it was.

    Parameters
    ----------
    path
        File to read.

    Raises
    ------
    ValueError
        If the file does not hold a histogram in the UHI schema.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        for part in (*content["axes"], content["storage"]):
            part |= {
                k: np.asarray(part[k], np.float64) for k in ("edges", "values", "variances") if k in part
            }
        tallies = [_tally(content["metadata"].pop(k, (0, 0, 0))) for k in ("nan", "missing")]
        return Hist(from_uhi(content), *tallies)
    except (KeyError, TypeError, ValueError) as err:
        msg = f"{os.fspath(path)} is not a histogram written by Hist.save: {err}"
        raise ValueError(msg) from err


def _plain(value: Any) -> Any:
    """Turn arrays and numpy scalars into lists and numbers, which JSON preserves exactly."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _strict(value: Any) -> Any:
    """Write what JSON has no number for as text: "inf", "-inf", "nan"."""
    if isinstance(value, dict):
        return {k: _strict(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_strict(v) for v in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _tally(content: Sequence[Any]) -> Tally:
    n, sumw, sumw2 = content
    return Tally(n, float(sumw), float(sumw2))


def _numeric_edges(h: Hist) -> Floats:
    if isinstance(h.axes[0], (bh.axis.StrCategory, bh.axis.IntCategory)):
        msg = f"axis {h.names[0]!r} holds categories, which have no mean, spread or quantile"
        raise TypeError(msg)
    return cast("Floats", h.edges)


def _in_digits(h: Hist, other: Hist) -> Any:
    """Return the histogram with integer categories in digits where those of the other are, as some exceed 32 bits."""
    axes = [
        categories_in_digits(a)
        if isinstance(a, bh.axis.IntCategory) and isinstance(b, bh.axis.StrCategory)
        else a
        for a, b in zip(h.axes, other.axes, strict=False)
    ]
    if all(a is b for a, b in zip(axes, h.axes, strict=False)):
        return h.bh
    out = bh.Histogram(*axes, storage=bh.storage.Weight())
    out.view(flow=True)[...] = h.bh.view(flow=True)
    return out


def _describe(axis: Any) -> str:
    name = getattr(axis, "name", "") or "axis"
    if isinstance(axis, (bh.axis.StrCategory, bh.axis.IntCategory)):
        return f"{name}: {len(axis)} categories"
    scale = " (log)" if getattr(axis, "transform", None) == bh.axis.transform.log else ""
    return f"{name}: {len(axis)} bins from {axis.edges[0]:.6g} to {axis.edges[-1]:.6g}{scale}"
