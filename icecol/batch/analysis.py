"""The analysis of a job: a function of the user's, or what the tables of a job say without any code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from icecol import declared, hist
from icecol.hist.variables import declared as variables_of
from icecol.reco.plan import with_features
from icecol.select import cutflow

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset


def analysis_of(spec: Mapping[str, Any]) -> Callable[[Dataset], Any]:
    """Return the function that a job runs on each chunk.

    Raises
    ------
    ValueError
        If there is nothing to do, or a histogram has no range.
    """
    if "analysis" in spec:
        where, _, name = str(spec["analysis"]).rpartition(":")
        found = getattr(declared.module_of(where), name, None) if where else None
        if not callable(found):
            msg = f"analysis = {spec['analysis']!r}: give a file and a function of it, as in 'analysis.py:analyze'"
            raise ValueError(msg)
        function: Callable[[Dataset], Any] = found
        return function
    histograms = variables_of(spec.get("histograms", {}), "the job")
    for name, axis in histograms.items():
        if axis.kind in {"regular", "log"} and (axis.start is None or axis.stop is None):
            msg = (
                f"histogram {name!r} needs a range, which is the same for all chunks, as in range = [1, 1e5]"
            )
            raise ValueError(msg)
    tables = {name: tuple(table["columns"]) for name, table in spec.get("tables", {}).items()}
    cuts = [f"{name}={text}" for name, text in spec.get("cuts", {}).items()]
    if not (histograms or tables or cuts):
        msg = "the job has neither an analysis nor cuts, histograms or tables: there is nothing to do"
        raise ValueError(msg)
    if spec.get("features") and not spec.get("pulses"):
        msg = "the features of a job need its pulses, as in pulses = 'SRTInIcePulses'"
        raise ValueError(msg)
    return partial(
        analyze,
        Declared(
            spec.get("pulses"),
            tuple(spec.get("features", ())),
            tuple(cuts),
            spec.get("weight"),
            histograms,
            tables,
        ),
    )


@dataclass(frozen=True, slots=True)
class Declared:
    """What is to be made of each chunk, as the tables of a job say it."""

    pulses: str | None
    features: tuple[str, ...]
    cuts: tuple[str, ...]
    weight: str | None
    histograms: hist.Variables
    tables: Mapping[str, tuple[str, ...]]


def analyze(what: Declared, ds: Dataset) -> dict[str, Any]:
    """Compute features, count the events that pass the cuts, fill histograms and choose the columns of tables.

    Returns
    -------
    dict
        `events`, the number of all; `cutflow`, if there are cuts; `histograms`, a bundle of those that pass; `tables`,
        lazy frames of them.
    """
    events = ds.scan()
    if what.features:
        events = with_features(events, **declared.features_of(what.features, ds.pulses(str(what.pulses))))
    names = events.collect_schema().names()
    weight = None if what.weight is None else declared.sql(what.weight, names)
    found: dict[str, Any] = {"events": ds.scan().select(pl.len()).collect().item()}
    if what.cuts:
        cuts = declared.cuts_of(what.cuts, names)
        found["cutflow"] = cutflow(events, cuts, weight)
        events = cuts.apply(events)
    if what.histograms:
        found["histograms"] = hist.fill_many(events, what.histograms, weight=weight)
    if what.tables:
        found["tables"] = {name: events.select(_columns(p, names)) for name, p in what.tables.items()}
    return found


def _columns(patterns: Iterable[str], names: list[str]) -> list[str]:
    from icecol.dataset.scan import columns_like

    return list(dict.fromkeys(n for p in patterns for n in columns_like(p, names, "the events")))
