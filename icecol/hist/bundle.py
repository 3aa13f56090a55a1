"""Bundles: named histograms that are added, merged, drawn and saved together."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import boost_histogram as bh

from icecol.errors import MissingColumnError, did_you_mean
from icecol.hist import writing
from icecol.hist.arithmetic import inputs, notes, require_equal_axes
from icecol.hist.drawing import draw
from icecol.hist.histogram import Hist, Tally
from icecol.hist.statistics import number_of

T = TypeVar("T")


class Bundle(Mapping[str, Any]):
    """Histograms, or bundles of them, by name; immutable.

    Parameters
    ----------
    members
        A mapping of names to histograms or bundles.
    named
        The same as keyword arguments.

    Raises
    ------
    TypeError
        If a member is neither a histogram nor a bundle.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> x = hist.regular("x", 2, 0, 2)
    >>> muons, noise = (hist.fill(pl.LazyFrame({"x": v}), x) for v in ([0.5, 1.5], [0.5]))
    >>> simulation = hist.Bundle(muons=muons, noise=noise)
    >>> simulation.merge().values()
    array([2., 1.])
    >>> (simulation + simulation)["muons"].values()
    array([2., 2.])
    >>> simulation.stack("kind").values()
    array([[1., 1.],
           [1., 0.]])
    """

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        found = {**(members or {}), **named}
        for name, member in found.items():
            if isinstance(member, Mapping) and not isinstance(member, Bundle):
                found[name] = Bundle(member)
            elif not isinstance(member, (Hist, Bundle)):
                msg = f"{name!r} is {member!r:.60}, neither a histogram nor a bundle of them"
                raise TypeError(msg)
        self._members = found

    def __getitem__(self, name: str) -> Any:
        """Return one member."""
        if name not in self._members:
            msg = f"no histogram {name!r}: {did_you_mean(name, self._members, 'histograms')}"
            raise MissingColumnError(msg)
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in order."""
        return iter(self._members)

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        """Return whether there is a member of that name."""
        return name in self._members

    def __eq__(self, other: object) -> bool:
        """Compare names and histograms, whatever their order."""
        return self._members == other._members if isinstance(other, Bundle) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Bundle) -> Bundle:
        """Add histograms of the same name, and keep those that are in one bundle only: partial results become one."""
        if not isinstance(other, Bundle):
            return NotImplemented
        both = {n: self[n] + other[n] if n in self and n in other else (self if n in self else other)[n]
                for n in (*self, *(m for m in other if m not in self))}  # fmt: skip
        return Bundle(both)

    def __radd__(self, other: object) -> Bundle:
        """Support the builtin `sum`, which starts from 0."""
        return self if other == 0 else NotImplemented

    def __sub__(self, other: Bundle) -> Bundle:
        """Subtract histograms of the same name; both bundles must have the same names."""
        return self + other * -1 if self._same(other) else NotImplemented

    def __mul__(self, factor: float | Mapping[str, float]) -> Bundle:
        """Scale all members by a number, or each by its own."""
        if isinstance(factor, Mapping):
            return Bundle({n: m * factor[n] for n, m in self.items()})
        return Bundle({n: m * factor for n, m in self.items()})

    __rmul__ = __mul__

    def __truediv__(self, divisor: float | Hist) -> Any:
        """Divide by a number; or by one histogram, which gives a dictionary of ratios."""
        return self.map(lambda h: h / divisor) if isinstance(divisor, Hist) else self * (1 / divisor)

    def map(self, function: Callable[[Hist], T]) -> dict[str, Any] | Bundle:
        """Apply a function to each histogram.

        Parameters
        ----------
        function
            Called with each histogram, also those of bundles within.

        Returns
        -------
        Bundle or dict
            A bundle, if the function returns histograms; otherwise a dictionary of what it returns.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5]}), hist.regular("x", 2, 0, 2))
        >>> hist.Bundle(a=h, b=2 * h).map(lambda h: h.sum())
        {'a': 2.0, 'b': 4.0}
        """
        found: dict[str, Any] = {
            n: m.map(function) if isinstance(m, Bundle) else function(m) for n, m in self.items()
        }
        return Bundle(found) if all(isinstance(m, (Hist, Bundle)) for m in found.values()) else found

    def select(self, *names: str) -> Bundle:
        """Keep the named members, in this order.

        Parameters
        ----------
        names
            Names of the members.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> muons = hist.fill(pl.LazyFrame({"x": [0.5, 1.5]}), hist.regular("x", 2, 0, 2))
        >>> list(hist.Bundle(muons=muons, noise=0.1 * muons, data=2 * muons).select("data", "muons"))
        ['data', 'muons']
        """
        return Bundle({name: self[name] for name in names})

    def merge(self) -> Any:
        """Return the sum of all members: one histogram or, of bundles, one bundle.

        Raises
        ------
        ValueError
            If there is none, or their axes differ.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> x = hist.regular("x", 2, 0, 2)
        >>> muons, noise = (hist.fill(pl.LazyFrame({"x": v}), x) for v in ([0.5, 1.5], [0.5]))
        >>> hist.Bundle(muons=muons, noise=noise).merge().values()
        array([2., 1.])
        """
        if not self._members:
            msg = "an empty bundle has no sum"
            raise ValueError(msg)
        return sum(self.values())

    def stack(self, name: str = "name") -> Hist:
        """Join histograms with equal axes into one, with a category axis of their names in front.

        `hist.unstack` is the inverse.

        Parameters
        ----------
        name
            Name of the new axis.

        Raises
        ------
        ValueError
            If there is none, or their axes differ.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> muons = hist.fill(pl.LazyFrame({"x": [0.5, 1.5]}), hist.regular("x", 2, 0, 2))
        >>> hist.Bundle(muons=muons, noise=0.1 * muons).stack("kind").project("kind").values()
        array([2. , 0.2])
        """
        members = list(self.values())
        if not members or not all(isinstance(m, Hist) for m in members):
            msg = f"only histograms can be stacked; found {self!r}"
            raise ValueError(msg)
        for member in members[1:]:
            require_equal_axes(members[0], member, "stacked")
        axis = bh.axis.StrCategory(list(self), growth=True)
        axis.name = axis.label = name
        out = bh.Histogram(axis, *members[0].axes, storage=bh.storage.Weight())
        for i, member in enumerate(members):
            out.view(flow=True)[i] = member.bh.view(flow=True)
        out.metadata, out.inputs = notes(*members) or None, inputs(*members)
        return Hist(out, sum((m.nan for m in members), Tally()), sum((m.missing for m in members), Tally()))

    def transpose(self) -> Bundle:
        """Exchange the levels of a bundle of bundles: by sample and variable becomes by variable and sample.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> x, y = (hist.regular(v, 2, 0, 2) for v in "xy")
        >>> events = pl.LazyFrame({"x": [0.5, 1.5], "y": [0.1, 0.2]})
        >>> filled = hist.Bundle(x=hist.fill(events, x), y=hist.fill(events, y))
        >>> by_sample = hist.Bundle(muons=filled, noise=0.1 * filled)
        >>> by_variable = by_sample.transpose()
        >>> list(by_variable), list(by_variable["x"])
        (['x', 'y'], ['muons', 'noise'])
        """
        if not all(isinstance(m, Bundle) for m in self.values()):
            msg = f"only a bundle of bundles can be transposed; found {self!r}"
            raise ValueError(msg)
        inner = dict.fromkeys(name for member in self.values() for name in member)
        return Bundle({i: Bundle({n: m[i] for n, m in self.items() if i in m}) for i in inner})

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Plot histograms of one axis together, as `plot.bundle` does, whose options these are; returns the axes.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure if None.
        options
            Those of `plot.bundle`.

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> x = ic.hist.regular("x", 2, 0, 2)
        >>> muons, noise = (ic.hist.fill(pl.LazyFrame({"x": v}), x) for v in ([0.5, 1.5], [0.5]))
        >>> axes = ic.hist.Bundle(muons=muons, noise=noise).plot()
        >>> ic.plot.save(axes, f"{tempfile.mkdtemp()}/x.png").name
        'x.png'
        """
        return draw("bundle", self, ax, **options)

    def save(self, path: str | os.PathLike[str], *, group: str | None = None) -> None:
        """Write the bundle as JSON or HDF5, as `hist.save` does, for `hist.load` to read back.

        Parameters
        ----------
        path
            File to write: `.json` or `.h5`.
        group
            Group in an HDF5 file, which may hold others.

        Examples
        --------
        >>> import polars as pl, tempfile
        >>> from icecol import hist
        >>> muons = hist.fill(pl.LazyFrame({"x": [0.5, 1.5]}), hist.regular("x", 2, 0, 2))
        >>> path = f"{tempfile.mkdtemp()}/simulation.json"
        >>> hist.Bundle(muons=muons, noise=0.1 * muons).save(path)
        >>> hist.load(path)["noise"].values()
        array([0.1, 0.1])
        """
        writing.save(self, path, group=group)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='vertical-align: top'>{html.escape(name)}</td><td>{member._repr_html_()}</td></tr>"
            for name, member in self.items()
        )
        return f"<table>{rows}</table>"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def _same(self, other: object) -> bool:
        if not isinstance(other, Bundle):
            return False
        if set(self) != set(other):
            msg = f"bundles of different names cannot be subtracted: {sorted(set(self) ^ set(other))} are in one only"
            raise ValueError(msg)
        return True

    def __repr__(self) -> str:
        inner = "".join(f"\n    {name}: {member!r}" for name, member in self.items())
        return f"Bundle({inner})" if inner else "Bundle()"


def unstack(h: Hist, axis: int | str = 0) -> Bundle:
    """Return a histogram for each bin of an axis, named by its category or its range; `Bundle.stack` is the inverse.

    Parameters
    ----------
    h
        Histogram of two or more axes.
    axis
        Name or number of the axis.

    Raises
    ------
    MissingColumnError
        If there is no such axis.
    ValueError
        If it is the only one.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> events = pl.LazyFrame({"x": [0.5, 1.5], "kind": ["muon", "noise"]})
    >>> h = hist.fill(events, hist.category("kind"), hist.regular("x", 2, 0, 2))
    >>> hist.unstack(h, "kind")["noise"].values()
    array([0., 1.])
    """
    i = number_of(axis, h.names)
    if h.ndim == 1:
        msg = f"axis {h.names[0]!r} is the only one of this histogram, so none would be left"
        raise ValueError(msg)
    return Bundle({name: h[{i: k}] for k, name in enumerate(_bin_names(h.axes[i]))})


def _bin_names(axis: Any) -> list[str]:
    if isinstance(axis, (bh.axis.StrCategory, bh.axis.IntCategory)):
        return [str(c) for c in axis]
    return [f"{a:.6g} to {b:.6g}" for a, b in zip(axis.edges[:-1], axis.edges[1:], strict=True)]
