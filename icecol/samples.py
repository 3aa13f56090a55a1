"""Samples: events that belong together, and sets of them, so that data and simulation need one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Final, Literal

import polars as pl

from icecol import hist, notebook
from icecol.dataset.events import Events, expression, lazy_frame
from icecol.dataset.facts import facts
from icecol.errors import MissingColumnError, MissingFactError, did_you_mean
from icecol.hist import Axis, Bundle
from icecol.hist.text import text
from icecol.names import plain
from icecol.reco.plan import with_features
from icecol.select import Cuts, cutflow, n_minus_one, require_columns
from icecol.weight.sums import Totals, totals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from icecol.reco.feature import Feature
    from icecol.stats import Model, Parameter

__all__ = ["Sample", "Samples"]

_LONGEST: Final = 80
"""Characters that the name of a sample's events, or its weight, may have."""


def __dir__() -> list[str]:
    return __all__


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sample:
    """Events of data, or of one kind of simulation with its weight.

    Attributes
    ----------
    events
        A dataset or lazy frame, or several of them, whose events are used together.
    weight
        Column or expression of the weight in Hz, for simulation; None for data.
    label
        Name in legends; by default, its name in `Samples`.
    color
        Any matplotlib color; None for the next in the cycle.
    variations
        Alternative sets of the same simulation by name, such as one with another DOM efficiency or hole ice.

    Examples
    --------
    >>> import icecol as ic, polars as pl
    >>> simulated = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
    >>> samples = ic.Samples(signal=ic.Sample(simulated, "rate", label="signal"), livetime=1e3)
    >>> samples.fill(ic.hist.regular("x", 2, 0, 2))["signal"].values()
    array([1., 4.])
    """

    events: Events | Sequence[Events]
    weight: str | pl.Expr | None = None
    label: str | None = None
    color: Any = None
    variations: Mapping[str, Sample] = field(default_factory=dict)

    @property
    def is_data(self) -> bool:
        """Whether it is data, which has no weight."""
        return self.weight is None

    @property
    def parts(self) -> tuple[Events, ...]:
        """The datasets and frames it is made of."""
        return tuple(self.events) if isinstance(self.events, Sequence) else (self.events,)

    def scan(self) -> pl.LazyFrame:
        """Return its events as one lazy frame; a column that a part lacks is null there.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> ic.Sample(pl.DataFrame({"x": [0.5, 1.5, 1.7]})).scan().collect().height
        3
        """
        frames = [lazy_frame(part) for part in self.parts]
        return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")

    def __repr__(self) -> str:
        kind = "data" if self.is_data else f"weight {_short(self.weight)}"
        varied = f", variations {', '.join(self.variations)}" if self.variations else ""
        return plain(f"Sample({' + '.join(map(_short, self.parts))}; {kind}{varied})")

    def _repr_html_(self) -> str:
        return _table({"": self})

    def map(self, function: Callable[[Events], Events]) -> Sample:
        """Apply a function to each part, in all variations too.

        Parameters
        ----------
        function
            Takes a dataset, lazy frame or data frame of the sample, and returns what takes its place.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> sample = ic.Sample(pl.DataFrame({"x": [0.5, 1.5, 1.7]}))
        >>> sample.map(lambda events: events.lazy().filter(pl.col("x") > 1)).scan().collect().height
        2
        """
        others = {name: sample.map(function) for name, sample in self.variations.items()}
        return replace(self, events=tuple(function(part) for part in self.parts), variations=others)


def _short(value: object) -> str:
    """Name events or a weight in some characters: of a lazy frame there is nothing to say."""
    if isinstance(value, pl.LazyFrame):
        return "LazyFrame"
    if isinstance(value, pl.DataFrame):
        return f"DataFrame({value.height:,} events)"
    written = text(value) if isinstance(value, pl.Expr) else str(value)
    return written if len(written) <= _LONGEST else f"{written[: _LONGEST - 3]}..."


def _table(samples: Mapping[str, Sample], note: str = "") -> str:
    rows = [
        (
            name,
            sample.label,
            " + ".join(map(_short, sample.parts)),
            "data" if sample.is_data else f"simulation, weight {_short(sample.weight)}",
            ", ".join(sample.variations),
        )
        for name, sample in samples.items()
    ]
    return notebook.table(["sample", "label", "events", "kind", "variations"], rows, note=note)


class Samples(Mapping[str, Sample]):
    """Several samples by name: what is drawn, counted and compared together.

    Parameters
    ----------
    samples
        Samples by name, in the order in which they are stacked.
    named
        Further samples, by name.
    livetime
        Time (s) for which simulation is scaled; by default that of the data, where their datasets have it in their
        settings, or else none: simulation then counts in Hz.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> made = ic.sim.to_dataset(
    ...     ic.sim.events(30, seed=1, muons=0, noise=0), f"{tempfile.mkdtemp()}/sim.icecol"
    ... )
    >>> samples = ic.Samples(
    ...     data=ic.Sample(made.scan().head(10)),
    ...     nu=ic.Sample(made, weight=ic.weight.nugen(made, ic.weight.conventional()), label="atmospheric"),
    ...     livetime=3600.0,
    ... )
    >>> found = samples.fill(ic.hist.log("MCPrimary.energy", 2, 1e2, 1e5))
    >>> found["data"].sum(), round(found["nu"].sum(), 3)
    (10.0, 0.779)
    """

    __slots__ = ("_livetime", "_samples")

    def __init__(
        self,
        samples: Mapping[str, Sample] | None = None,
        /,
        *,
        livetime: float | None = None,
        **named: Sample,
    ) -> None:
        every = {**(samples or {}), **named}
        for name, sample in every.items():
            if not isinstance(sample, Sample):
                msg = f"sample {name!r} is {sample!r:.60}; make it with ic.Sample(events, weight=...)"
                raise TypeError(msg)
        if livetime is not None and not livetime > 0:
            msg = f"`livetime` is a positive number of seconds; found {livetime!r}"
            raise ValueError(msg)
        self._samples, self._livetime = every, livetime

    def __getitem__(self, name: str) -> Sample:
        """Return one sample."""
        if name not in self._samples:
            msg = f"no sample {name!r}; {did_you_mean(name, self._samples, 'samples')}"
            raise MissingColumnError(msg)
        return self._samples[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._samples)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._samples)

    def __repr__(self) -> str:
        kinds = (f"{name}={'data' if s.is_data else 'simulation'}" for name, s in self.items())
        return f"Samples({', '.join(kinds)})"

    def _repr_html_(self) -> str:
        time = f"livetime {self.livetime:,.6g} s" if self.livetime is not None else "no livetime: rates in Hz"
        return _table(self, time)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    @property
    def data(self) -> tuple[str, ...]:
        """Names of the samples of data."""
        return tuple(name for name, sample in self.items() if sample.is_data)

    @property
    def simulation(self) -> tuple[str, ...]:
        """Names of the samples of simulation."""
        return tuple(name for name, sample in self.items() if not sample.is_data)

    @property
    def livetime(self) -> float | None:
        """Time (s) for which simulation is scaled; None if it is not known, and rates remain in Hz."""
        if self._livetime is not None or not self.data:
            return self._livetime
        try:
            return sum(facts(self[name].scan()).livetime for name in self.data)
        except MissingFactError:
            return None

    @property
    def quantity(self) -> str:
        """What the samples count, as figures say it: events, of simulation alone `events / year` or `Hz`."""
        if self.data:
            return "events"
        if self.livetime is None:
            return "Hz"
        spans = {"year": 365.25 * 86400, "day": 86400.0}
        for name, seconds in spans.items():
            if abs(self.livetime / seconds - 1) < 1e-3:  # a year of 365 days, too
                return f"events / {name}"
        return "events"

    @property
    def variations(self) -> tuple[str, ...]:
        """Names of all variations."""
        return tuple(dict.fromkeys(name for sample in self.values() for name in sample.variations))

    def varied(self, variation: str) -> Samples:
        """Return the samples with one variation in place of each sample that has it.

        Parameters
        ----------
        variation
            Name of the variation.

        Raises
        ------
        MissingColumnError
            If no sample has it.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> brighter = ic.Sample(events.with_columns(pl.col("x") + 0.5), "rate")
        >>> samples = ic.Samples(
        ...     nu=ic.Sample(events, "rate", variations={"efficiency": brighter}), livetime=1e3
        ... )
        >>> x = ic.hist.regular("x", 2, 0, 2)
        >>> samples.fill(x)["nu"].values(), samples.varied("efficiency").fill(x)["nu"].values()
        (array([1., 4.]), array([0., 1.]))
        """
        if variation not in self.variations:
            msg = f"no sample has a variation {variation!r}; {did_you_mean(variation, self.variations, 'variations')}"
            raise MissingColumnError(msg)
        chosen = {}
        for name, sample in self.items():
            other = sample.variations.get(variation, sample)
            chosen[name] = replace(other, label=sample.label, color=sample.color)
        return Samples(chosen, livetime=self.livetime)

    def map(self, function: Callable[[Events], Events]) -> Samples:
        """Apply a function to the datasets or lazy frames of all samples and variations; the livetime stays.

        Parameters
        ----------
        function
            Takes a dataset, lazy frame or data frame, and returns what takes its place.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> samples = ic.Samples(data=ic.Sample(events), nu=ic.Sample(events, "rate"), livetime=1e3)
        >>> squared = samples.map(lambda events: events.lazy().with_columns(y=pl.col("x") ** 2))
        >>> squared.fill(ic.hist.regular("y", 3, 0, 3))["nu"].values()
        array([1., 0., 4.])
        """
        return Samples({n: s.map(function) for n, s in self.items()}, livetime=self.livetime)

    def with_features(
        self, *, replace: bool | pl.Expr | Feature = False, **features: pl.Expr | Feature
    ) -> Samples:
        """Add features to all samples, as `ic.with_features` does.

        Parameters
        ----------
        replace
            Whether, or where, features take the place of columns of their names, as in `ic.with_features`.
        features
            Features by name.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> samples = ic.Samples(nu=ic.Sample(events, "rate"), livetime=1e3).with_features(
        ...     Square=pl.col("x") ** 2
        ... )
        >>> samples.fill(ic.hist.regular("Square", 3, 0, 3))["nu"].values()
        array([1., 0., 4.])
        """
        return self.map(lambda events: with_features(events, replace=replace, **features))

    def select(self, cuts: Cuts) -> Samples:
        """Keep the events that pass all cuts, in all samples.

        Parameters
        ----------
        cuts
            The cuts.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> samples = ic.Samples(data=ic.Sample(events), nu=ic.Sample(events, "rate"), livetime=1e3)
        >>> samples.select(ic.Cuts(large=pl.col("x") > 1)).fill(ic.hist.regular("x", 2, 0, 2))["nu"].values()
        array([0., 4.])
        """
        return self.map(cuts.apply)

    def weight(self, name: str) -> pl.Expr | None:
        """Return the weight of a sample, scaled to the livetime: its events expected, or Hz without a livetime.

        Parameters
        ----------
        name
            Name of the sample.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> samples = ic.Samples(data=ic.Sample(events), nu=ic.Sample(events, "rate"), livetime=1e3)
        >>> events.select(expected=samples.weight("nu"))["expected"].to_list()
        [1.0, 2.0, 2.0]
        """
        weight = self[name].weight
        if weight is None:
            return None
        found = expression(weight)
        livetime = self.livetime
        return found if livetime is None else (found * livetime).alias("weight")

    def scan_each(self) -> Iterator[tuple[str, pl.LazyFrame, pl.Expr | None]]:
        """Yield the name, the events and the scaled weight (see `weight`) of each sample.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> samples = ic.Samples(data=ic.Sample(events), nu=ic.Sample(events, "rate"), livetime=1e3)
        >>> for name, scanned, weight in samples.scan_each():
        ...     print(name, scanned.select(pl.len() if weight is None else weight.sum()).collect().item())
        data 3
        nu 5.0
        """
        for name, sample in self.items():
            yield name, sample.scan(), self.weight(name)

    def fill(self, *axes: Axis, statistics: bool = False) -> Bundle:
        """Fill a histogram of each sample; ranges that are not given are those of all samples together.

        Parameters
        ----------
        axes, statistics
            As for `ic.hist.fill`.

        Returns
        -------
        Bundle
            By the name of the sample; simulation is scaled to the livetime.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> samples = ic.Samples(data=ic.Sample(events), nu=ic.Sample(events, "rate"), livetime=1e3)
        >>> filled = samples.fill(ic.hist.regular("x", 2, 0, 2))
        >>> filled["data"].values(), filled["nu"].values()
        (array([1., 2.]), array([1., 4.]))
        """
        return hist.fill(self, *axes, statistics=statistics)

    def fill_many(
        self, histograms: Mapping[str, Axis | Sequence[Axis]], *, statistics: bool = False
    ) -> Bundle:
        """Fill several histograms of each sample in one pass over its events.

        Parameters
        ----------
        histograms, statistics
            As for `ic.hist.fill_many`.

        Returns
        -------
        Bundle
            The histograms of each sample, as a bundle of bundles: by the name of the sample, then of the histogram.
            `transpose` exchanges the two.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> samples = ic.Samples(data=ic.Sample(events), nu=ic.Sample(events, "rate"), livetime=1e3)
        >>> x = ic.hist.regular("x", 2, 0, 2)
        >>> filled = samples.fill_many({"x": x, "rate": [x, ic.hist.log("rate", 2, 1e-4, 1e-2)]})
        >>> filled["nu"]["x"].values(), filled["data"]["rate"].ndim
        (array([1., 4.]), 2)
        """
        wanted = {k: (a,) if isinstance(a, Axis) else tuple(a) for k, a in histograms.items()}
        axes = {k: tuple(self._with_range(axis) for axis in several) for k, several in wanted.items()}
        return Bundle(
            {
                name: hist.fill_many(events, axes, weight=weight, statistics=statistics)
                for name, events, weight in self.scan_each()
            }
        )

    def model(
        self,
        *axes: Axis,
        powers: Mapping[str, Mapping[str, pl.Expr]] | None = None,
        parameters: Mapping[str, Parameter] | None = None,
        likelihood: str = "effective",
    ) -> Model:
        """Make the model of the counts that is expected from the samples of simulation, a component for each.

        The data are compared with it as `samples.fill(*axes)["data"]`.

        Parameters
        ----------
        axes
            As for `ic.hist.fill`; their ranges must be given.
        powers
            By the name of a sample, its spectra that are fitted, as for `ic.stats.events`: the sample's weight must be
            without them.
        parameters, likelihood
            As for `ic.stats.Model`.

        Raises
        ------
        MissingColumnError
            If there is no sample of the name of a spectrum.
        MissingDependencyError
            If scipy is not installed.
        ValueError
            If no sample is simulation.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> simulated = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> samples = ic.Samples(
        ...     data=ic.Sample(simulated.head(2)), signal=ic.Sample(simulated, "rate"), livetime=1e3
        ... )
        >>> samples.model(ic.hist.regular("x", 2, 0, 2)).expected(signal=2.0)
        array([2., 8.])
        """
        from icecol import stats

        spectra = dict(powers or {})
        for name in spectra:
            if name not in self.simulation:
                msg = f"no sample of simulation {name!r}; {did_you_mean(name, self.simulation, 'samples')}"
                raise MissingColumnError(msg)
        made: dict[str, Any] = {}
        for name, sample in self.items():
            if (weight := self.weight(name)) is None:
                continue
            if name in spectra:
                made[name] = stats.events(sample.scan(), *axes, weight=weight, powers=spectra[name])
            else:
                made[name] = hist.fill(sample.scan(), *axes, weight=weight)
        return stats.Model(made, parameters or {}, likelihood)

    def cutflow(self, cuts: Cuts) -> pl.DataFrame:
        """Count the events of each sample that pass the cuts, one after the other.

        Parameters
        ----------
        cuts
            The cuts, in the order in which they are applied.

        Returns
        -------
        polars.DataFrame
            `cut`, and for each sample its number of events: of data as it is, of simulation the sum of weights (scaled
            to the livetime) and its error, `<name>_error`. `simulation` and `simulation_error` are the sum over
            all simulation, where there are several.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> samples = ic.Samples(data=ic.Sample(events), nu=ic.Sample(events, "rate"), livetime=1e3)
        >>> samples.cutflow(ic.Cuts(large=pl.col("x") > 1)).select("cut", "data", "nu").rows()
        [('all', 3, 5.0), ('large', 2, 4.0)]
        """
        return self._counts(cutflow, cuts)

    def n_minus_one(self, cuts: Cuts) -> pl.DataFrame:
        """Count the events of each sample that pass all cuts but one, for each cut: `without`, and as in `cutflow`.

        Parameters
        ----------
        cuts
            The cuts, each of which is left out in turn.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> samples = ic.Samples(nu=ic.Sample(events, "rate"), livetime=1e3)
        >>> cuts = ic.Cuts(large=pl.col("x") > 1, small=pl.col("x") < 1.6)
        >>> samples.n_minus_one(cuts).select("without", "nu").rows()
        [(None, 2.0), ('large', 3.0), ('small', 4.0)]
        """
        return self._counts(n_minus_one, cuts)

    def _counts(self, count: Callable[..., pl.DataFrame], cuts: Cuts) -> pl.DataFrame:
        table: dict[str, pl.Series] = {}
        for name, events, weight in self.scan_each():
            found = count(events, cuts, weight)
            rows = found.columns[0]
            if weight is None or rows not in table:
                table[rows] = found[rows]
            if weight is None:
                table[name] = found["n"]
            else:
                table |= {name: found["sumw"], f"{name}_error": found["sumw_error"]}
        frame = pl.DataFrame(table)
        if len(self.simulation) < 2:
            return frame
        errors = [pl.col(f"{name}_error").pow(2) for name in self.simulation]
        return frame.with_columns(
            simulation=pl.sum_horizontal(self.simulation),
            simulation_error=pl.sum_horizontal(errors).sqrt(),
        )

    def totals(self) -> dict[str, Totals]:
        """Sum up the weights of each sample of simulation, in Hz; see `ic.weight.totals`.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> samples = ic.Samples(data=ic.Sample(events), nu=ic.Sample(events, "rate"), livetime=1e3)
        >>> samples.totals()["nu"].sumw
        0.005
        """
        simulation = ((name, s, s.weight) for name, s in self.items())
        return {name: totals(sample.scan(), w) for name, sample, w in simulation if w is not None}

    def plot(
        self,
        axis: Axis,
        ax: Axes | None = None,
        *,
        log: bool = False,
        panel: Literal["ratio", "pull"] | None = None,
    ) -> Axes:
        """Plot simulation stacked and data as points.

        Parameters
        ----------
        axis
            What is drawn along x.
        ax, log, panel
            As for `ic.plot.stack`.

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> events = pl.DataFrame({"x": [0.5, 1.5, 1.7], "rate": [1e-3, 2e-3, 2e-3]})
        >>> samples = ic.Samples(data=ic.Sample(events), nu=ic.Sample(events, "rate"), livetime=1e3)
        >>> axes = samples.plot(ic.hist.regular("x", 2, 0, 2))
        >>> ic.plot.save(axes, f"{tempfile.mkdtemp()}/x.png").name
        'x.png'
        """
        from icecol.plot import corner, record, stack

        found = self.fill(axis)
        labels = {name: sample.label or name for name, sample in self.items()}
        listed = self._lists(axis)
        drawn = stack(
            {labels[name]: found[name] for name in self.simulation},
            reduce(add, (found[name] for name in self.data)) if self.data else None,
            ax,
            colors={labels[name]: self[name].color for name in self.simulation},
            data_label=" + ".join(labels[name] for name in self.data),
            log=log,
            panel=panel,
            quantity="entries" if listed else self.quantity,
        )
        if not self.data:
            corner(drawn, "simulation")
        elif not listed:
            n = sum(
                found[name].sum(flow=True) + found[name].nan.n + found[name].missing.n for name in self.data
            )
            corner(drawn, events=round(n))
        for sample in self.values():
            for part in sample.parts:
                record(drawn, part)
        return drawn

    def _lists(self, axis: Axis) -> bool:
        """Return whether an axis has several entries in an event."""
        first = next(iter(self.values())).scan()
        return isinstance(first.select(axis.expr).collect_schema().dtypes()[0], pl.List)

    def _with_range(self, axis: Axis) -> Axis:
        """Take the range or the categories of an axis, if not given, from all samples together."""
        growing = axis.kind == "category" and axis.categories is None
        ranged = axis.kind in {"regular", "log"} and None in (axis.start, axis.stop)
        if not growing and not ranged:
            return axis
        every = [sample.scan() for sample in self.values()]
        for events in every:
            require_columns(events.collect_schema(), {f"axis {axis.name!r}": axis.expr})
        every = [events.select(axis.expr.alias("values")) for events in every]
        together = pl.concat(every, how="vertical_relaxed")
        (found,) = hist.fill(together, replace(axis, expr=pl.col("values"))).axes
        if growing:
            return replace(axis, categories=tuple(found))
        return replace(axis, start=float(found.edges[0]), stop=float(found.edges[-1]))
