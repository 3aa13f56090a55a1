"""Online filters: their conditions as expressions, reproducible prescales, and a table of rates and bandwidths."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import polars as pl

from icecol.dataset.events import Events, lazy_frame
from icecol.dataset.pulses import Pulses
from icecol.detector.strings import LOW_UP_EDGE
from icecol.errors import MissingColumnError, SchemaError, did_you_mean, not_numbers
from icecol.select import Cuts, passing, require_columns

__all__ = [
    "FILTERS",
    "INPUTS",
    "Filter",
    "apply",
    "conditions",
    "event_bytes",
    "prescale_passed",
    "rates",
]


def __dir__() -> list[str]:
    return __all__


INPUTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "InIceSMT": "InIceSMTTriggered",
        "InIceString": "InIceStringTriggered",
        "DeepCoreSMT": "DeepCoreSMTTriggered",
        "Volume": "VolumeTriggerFlag",
        "llh": "PoleMuonLlhFit",
        "llh_params": "PoleMuonLlhFitFitParams",
        "linefit": "PoleMuonLinefit",
        "muon_pulses": "CleanedMuonPulses",
        "muon_statistics": "CleanedMuonPulsesHitStatistics",
        "muon_multiplicity": "CleanedMuonPulsesHitMultiplicity",
        "cascade_multiplicity": "CascadeHitMultiplicity",
        "cascade_llh_params": "CascadeLlhFitParams",
        "cascade_toi_params": "CascadeToIParams",
        "cascade_linefit": "CascadeLinefit",
        "portia": "PoleEHESummaryPulseInfo",
        "ophelia": "PoleEHEOpheliaParticle",
        "ophelia_params": "PoleEHEOpheliaParticleFitParams",
        "homogenized_qtot": "HomogenizedQTot",
        "hese": "VHESelfVeto",
        "hese_qtot": "CausalQTot",
        "mese": "L4VetoLayer",
        "mese_qtot": "CausalQTot_MESE",
        "mese_multiplicity": "HLCPulsesHitMultiplicity",
        "deepcore": "DeepCoreVeto",
    }
)
"""The inputs of the conditions: their names, and by default the column, feature or frame key that each of them reads.

Boolean columns, whether a trigger fired (`reco.fired`): InIceSMT (SMT-8), InIceString, DeepCoreSMT (SMT-3), Volume.
Fits: llh, linefit, cascade_linefit, ophelia (`.zenith`, `.fit_status`, `.speed`), with llh_params `.rlogl`,
cascade_llh_params `.ReducedLlh`, cascade_toi_params `.evalratio`, ophelia_params `.fit_quality`. Pulses: muon_pulses
`.omkey`, muon_statistics (`reco.hit_statistics`), the multiplicities (`reco.hit_multiplicity`), portia
`.TotalBestNPEbtw` and `.TotalNchbtw`; homogenized_qtot, hese_qtot, mese_qtot `.value` (`reco.homogenized_qtot`,
`reco.causal_qtot`), hese `.vetoed` (`reco.hese_veto`), mese `.layer0`, `.layer1` (`reco.layer_veto`), deepcore `.kept`
(`reco.deepcore_veto`).
"""

_REPORT: Final = {
    "filter": pl.String,
    **dict.fromkeys(("n_condition", "n"), pl.Int64),
    **dict.fromkeys(
        (
            "rate_in", "rate_in_error", "rate_out", "rate_out_error", "rate_unique", "overlap", "fraction", "bandwidth",
        ),
        pl.Float64,
    ),
}  # fmt: skip

BYTES_PER_PULSE: Final = 21.0
BYTES_PER_EVENT: Final = 1000.0
"""Defaults of `event_bytes` for a pulse (time, charge, width, flags and omkey: 8 + 4 + 4 + 1 + 4 bytes) and the rest of
an event. For the true size of a stream give `rates` the size of its files divided by their number of events instead."""

Column = Callable[..., pl.Expr]


@dataclass(frozen=True, slots=True)
class Filter:
    """An online filter: a condition and a prescale."""

    condition: Callable[[Column], pl.Expr]
    """Takes `column(input, member)`, the column of one of the `INPUTS`, and returns a Boolean expression."""
    prescale: float = 1.0
    """One in this many events that pass the condition is kept; 0 keeps none, values up to 1 keep all."""
    doc: str = ""
    """What the filter selects."""


def _any_trigger(column: Column) -> pl.Expr:
    return pl.any_horizontal(
        [column(t).fill_null(value=False) for t in ("InIceSMT", "InIceString", "DeepCoreSMT", "Volume")]
    )


def _muon(column: Column) -> pl.Expr:
    cos = column("llh", "zenith").cos()
    n = column("muon_multiplicity", "n_hit_doms").cast(pl.Float64)
    charge = column("muon_statistics", "q_tot_pulses").log10()
    zones = (
        ((cos > -1.0) & (cos <= 0.2) & (column("llh_params", "rlogl") * (n - 5) / (n - 3) <= 8.7))
        | ((cos > 0.2) & (cos <= 0.5) & (charge > 3.9 * cos + 0.65))
        | ((cos > 0.5) & (cos <= 1.0) & (charge > 0.6 * cos + 2.3))
    )
    return column("InIceSMT") & (column("llh", "fit_status") == 0) & zones


def _cascade(column: Column) -> pl.Expr:
    cos = column("llh", "zenith").cos()
    rlogl = column("cascade_llh_params", "ReducedLlh")
    down = (
        (rlogl <= 10.0)
        & (column("cascade_toi_params", "evalratio") >= 0.08)
        & (column("cascade_linefit", "speed") <= 0.08)
    )
    zones = ((cos < 0.2) & (rlogl <= 12.75)) | ((cos >= 0.2) & down)
    return column("InIceSMT") & (column("cascade_multiplicity", "n_hit_strings") >= 2) & zones


def _hese(column: Column) -> pl.Expr:
    return column("InIceSMT") & ~column("hese", "vetoed") & (column("hese_qtot", "value") >= 1500)


def _mese(column: Column) -> pl.Expr:
    return (
        _any_trigger(column)
        & (column("mese", "layer0") + column("mese", "layer1") <= 3)
        & (column("mese_multiplicity", "n_hit_strings") > 3)
        & (column("mese_qtot", "value") > 100)
    )


def _low_up(column: Column) -> pl.Expr:
    llh_ok, linefit_ok = ((column(f, "fit_status") == 0).fill_null(value=False) for f in ("llh", "linefit"))
    zenith = pl.when(llh_ok).then(column("llh", "zenith")).when(linefit_ok).then(column("linefit", "zenith"))
    of = {
        m: column("muon_statistics", m)
        for m in ("z_min", "z_max", "z_travel", "min_pulse_time", "max_pulse_time")
    }
    inner = column("muon_pulses", "omkey").list.eval(~(pl.element() // 65536).is_in(LOW_UP_EDGE)).list.any()
    return (
        _any_trigger(column)
        & (zenith >= 80 * math.pi / 180)
        & (column("muon_multiplicity", "n_hit_doms") >= 5)
        & (of["z_max"] - of["z_min"] <= 600)
        & (of["max_pulse_time"] - of["min_pulse_time"] <= 4000)
        & (of["z_travel"] >= -10)
        & (of["z_max"] <= 440)
        & (column("muon_multiplicity", "n_hit_strings") > 1)
        & inner
    )


def _ehe_alert(column: Column) -> pl.Expr:
    npe = column("portia", "TotalBestNPEbtw").log10()
    cos = column("ophelia", "zenith").cos()
    quality = column("ophelia_params", "fit_quality")
    ellipse = 3.6 + 2.99 * (1 - ((cos - 0.93) / 0.83) ** 2).sqrt()
    return (
        (npe > 3.6)
        & (column("portia", "TotalNchbtw") > 300)
        & (quality > 25)
        & (quality < 80)
        & (npe >= pl.when(cos < 0.1).then(3.6).otherwise(ellipse))
    )


FILTERS: Final[Mapping[str, Filter]] = MappingProxyType(
    {
        "MuonFilter_13": Filter(_muon, doc="well-reconstructed upgoing and bright downgoing tracks"),
        "CascadeFilter_13": Filter(
            _cascade, doc="cascades, selected by likelihood, shape and line-fit speed"
        ),
        "HESEFilter_15": Filter(_hese, doc="high-energy starting events"),
        "MESEFilter_15": Filter(_mese, doc="medium-energy starting events"),
        "HighQFilter_17": Filter(
            lambda column: column("homogenized_qtot", "value") >= 1000,
            doc="events with a large charge",
        ),
        "DeepCoreFilter_13": Filter(
            lambda column: column("DeepCoreSMT") & column("deepcore", "kept"),
            doc="events that start in DeepCore",
        ),
        "LowUp_13": Filter(_low_up, doc="low-energy upgoing events"),
        "EHEAlertFilter_15": Filter(_ehe_alert, doc="extremely-high-energy tracks, for alerts"),
        "FilterMinBias_13": Filter(
            lambda _: pl.lit(value=True), prescale=1000.0, doc="one in a thousand of all events"
        ),
    }
)
"""The online filters of 2013 to 2019 whose cuts are formulas, with the values used at the South Pole."""


def conditions(names: str | Iterable[str] | None = None, **inputs: str) -> Cuts:
    """Return the conditions of online filters as named cuts, to select with or for `cutflow`.

    Parameters
    ----------
    names
        Filters in `FILTERS`; None for all of them.
    inputs
        Keys or columns to read instead of those in `INPUTS`: `llh="MPEFit", llh_params="MPEFitFitParams"`.

    Raises
    ------
    MissingColumnError
        A filter, or the name of an input, is unknown.

    Examples
    --------
    >>> events = pl.LazyFrame({"Q.value": [50.0, 2000.0]})
    >>> conditions("HighQFilter_17", homogenized_qtot="Q").apply(events).collect().rows()
    [(2000.0,)]
    """
    for role in inputs:
        if role not in INPUTS:
            msg = f"the filters have no input {role!r}; {did_you_mean(role, INPUTS, 'inputs')}"
            raise MissingColumnError(msg)
    keys = {**INPUTS, **inputs}

    def column(role: str, member: str = "") -> pl.Expr:
        return pl.col(f"{keys[role]}.{member}" if member else keys[role])

    return Cuts({name: FILTERS[name].condition(column) for name in _chosen(names)})


def apply(
    events: Events,
    names: str | Iterable[str] | None = None,
    *,
    mask: str = "FilterMask",
    prescales: Mapping[str, float] | None = None,
    seed: int = 0,
    header: str = "I3EventHeader",
    **inputs: str,
) -> pl.LazyFrame:
    """Add a filter mask: the columns `mask.NAME.condition_passed` and `mask.NAME.prescale_passed`, never null.

    An event does not pass a condition one of whose inputs is null or NaN. `prescale_passed` describes the prescales.

    Parameters
    ----------
    events
        A dataset, a lazy frame or a table, with the columns that `conditions` reads, and run_id, event_id and
        sub_event_id of the `header`.
    names, inputs
        As in `conditions`.
    mask
        Key of the new columns; choose another one if the events have a filter mask already.
    prescales
        Prescales by filter, to use instead of those in `FILTERS`.
    seed
        Seed of the prescales.
    header
        Key of the event header.

    Returns
    -------
    pl.LazyFrame
        The events, with the columns of the mask added.

    Raises
    ------
    MissingColumnError
        A filter or the name of an input is unknown, or a column is missing.
    SchemaError
        The events already have a mask of that name.

    Examples
    --------
    >>> ids = {f"I3EventHeader.{i}": [1, 1] for i in ("run_id", "event_id", "sub_event_id")}
    >>> apply(
    ...     pl.DataFrame({**ids, "Q.value": [50.0, 2000.0]}), "HighQFilter_17", homogenized_qtot="Q"
    ... ).select("FilterMask.HighQFilter_17.prescale_passed").collect().to_series().to_list()
    [False, True]
    """
    chosen = _chosen(names)
    cuts = conditions(chosen, **inputs)
    factors = {n: FILTERS[n].prescale for n in chosen} | dict(prescales or {})
    for name in factors.keys() - set(chosen):
        msg = f"a prescale is given for {name!r}, which is not among the filters: {', '.join(chosen)}"
        raise MissingColumnError(msg)
    lazy = lazy_frame(events)
    schema = lazy.collect_schema()
    there = [c for c in schema if c.startswith(f"{mask}.")]
    if there:
        msg = f"the events already have the column {there[0]!r}; choose another name, as with mask='MyFilterMask'"
        raise SchemaError(msg)
    require_columns(schema, {f"filter {n!r}": e for n, e in cuts.items()})
    kept = {n: prescale_passed(n, factors[n], seed=seed, header=header) for n in chosen}
    require_columns(schema, {f"prescale of {n!r}": e for n, e in kept.items()})
    pairs = {n: _pair(mask, n) for n in chosen}
    passed = passing(cuts, lazy)
    lazy = lazy.with_columns(
        passed[n].fill_null(value=False).alias(condition) for n, (condition, _) in pairs.items()
    )
    lazy = lazy.with_columns((pl.col(c) & kept[n]).alias(p) for n, (c, p) in pairs.items())
    return lazy.select(*schema, *(c for pair in pairs.values() for c in pair))


def prescale_passed(name: str, prescale: float, *, seed: int = 0, header: str = "I3EventHeader") -> pl.Expr:
    """Return whether an event passes a prescale.

    IceTray draws a random number for each event and filter. Here that number is a hash of the run, event and sub-event
    numbers, the name of the filter and the seed. The result for an event is thus always the same, whatever is read with
    it and in which order, and the prescales of different filters are independent of one another.

    Parameters
    ----------
    name
        Name of the filter.
    prescale
        Keep one in so many events: 0 keeps none, values up to 1 keep all.
    seed
        Another seed gives another, independent selection.
    header
        Key of the event header, of which run_id, event_id and sub_event_id are read.

    Returns
    -------
    pl.Expr
        Boolean.

    Examples
    --------
    >>> ids = {"run_id": 1, "event_id": pl.int_range(10000), "sub_event_id": 0}
    >>> events = pl.select(pl.int_range(10000)).select(**{f"I3EventHeader.{k}": v for k, v in ids.items()})
    >>> events.select(prescale_passed("FilterMinBias_13", 1000.0)).to_series().sum()
    13
    """
    if prescale == 0:
        return pl.lit(value=False)
    if prescale <= 1:
        return pl.lit(value=True)
    run, event, sub_event = (
        pl.col(f"{header}.{i}").cast(pl.UInt64) for i in ("run_id", "event_id", "sub_event_id")
    )
    start = int.from_bytes(hashlib.sha256(f"{name}\0{seed}".encode()).digest()[:8], "little")
    number = _mixed(_mixed(run * _u64(1 << 32) + event ^ _u64(start)) ^ sub_event)
    return (number // _u64(1 << 11)).cast(pl.Float64) * 2.0**-53 * prescale < 1.0


def event_bytes(
    pulses: Pulses | str, *, per_pulse: float = BYTES_PER_PULSE, header: float = BYTES_PER_EVENT
) -> pl.Expr:
    """Return an estimate of the size of an event in bytes.

    Parameters
    ----------
    pulses
        The pulse series that is stored with the event.
    per_pulse
        Bytes per pulse.
    header
        Bytes of the rest of the event.

    Returns
    -------
    pl.Expr
        `header` plus `per_pulse` for each pulse.

    Examples
    --------
    >>> pl.DataFrame({"P.time": [[1.0, 2.0], None]}).select(event_bytes(Pulses("P"))).to_series().to_list()
    [1042.0, 1000.0]
    """
    series = Pulses(pulses) if isinstance(pulses, str) else pulses
    return header + per_pulse * pl.col(series.column("time")).list.len().fill_null(0)


def rates(
    events: Events,
    livetime: float | None = None,
    *,
    names: str | Iterable[str] | None = None,
    mask: str = "FilterMask",
    weight: str | pl.Expr | None = None,
    bytes: float | str | pl.Expr | None = None,  # noqa: A002
) -> pl.DataFrame:
    """Return the rates and bandwidths of filters, as tabulated for those at the South Pole, in one pass over the data.

    Parameters
    ----------
    events
        A dataset, a lazy frame or a table, with a filter mask that is stored or made by `apply`.
    livetime
        Livetime (s) of the events: the rate of n events is n / livetime.
    names
        Filters; None for all filters of the mask.
    mask
        Key of the mask.
    weight
        Column or expression of the event weight, finite and never null: in Hz if no livetime is given, else in number
        of events in that livetime.
    bytes
        Size of an event: a number (the size of the files divided by their number of events), a column, or an expression
        such as `event_bytes(pulses)`.

    Returns
    -------
    pl.DataFrame
        A first row `all` (all events that enter the filters), a row for each filter, and a last row `any` (events that
        at least one filter keeps):

        =====================  =============================================================================
        filter                 name of the filter
        n_condition, n         events that pass its condition, and also its prescale
        rate_in, ..._error     rate (Hz) of its condition, before the prescale
        rate_out, ..._error    rate (Hz) after the prescale; errors are those of the (weighted) counts
        rate_unique            rate (Hz) of events that no other filter keeps (`any`: that one filter keeps)
        overlap                fraction of its events that other filters keep as well
        fraction               rate_out divided by that of `any`
        bandwidth              bytes/s of the events it keeps; null if no size is given
        =====================  =============================================================================

    Raises
    ------
    ValueError
        Neither livetime nor weight is given, the livetime is not positive, or a weight or size is null, NaN or
        infinite.
    MissingColumnError
        There is no such mask or filter, or the column of the weight or size is missing.

    Examples
    --------
    >>> kept = {"A": [True, True, False], "B": [True, False, False]}
    >>> parts = ("condition_passed", "prescale_passed")
    >>> events = pl.DataFrame({f"FilterMask.{f}.{p}": v for f, v in kept.items() for p in parts})
    >>> rates(events, livetime=2.0).select("filter", "n", "rate_out", "rate_unique").rows()
    [('all', 3, 1.5, None), ('A', 2, 1.0, 0.5), ('B', 1, 0.5, 0.0), ('any', 2, 1.0, 0.5)]
    """
    if livetime is None and weight is None:
        msg = "rates need the livetime of the events in s or a weight in Hz, found neither"
        raise ValueError(msg)
    if livetime is not None and not 0 < livetime < math.inf:
        msg = f"livetime is {livetime!r}, expected a positive number of seconds"
        raise ValueError(msg)
    lazy = lazy_frame(events)
    schema = lazy.collect_schema()
    chosen = _masked(schema, mask, names)
    w, size = _expression(weight, 1.0), _expression(bytes, 0.0)
    require_columns(schema, {"weight": w, "bytes": size})
    masks = {n: [pl.col(c).fill_null(value=False) for c in _pair(mask, n)] for n in chosen}
    lazy = lazy.with_columns(  # not select, which would make a single row of mere literals
        w.cast(pl.Float64).alias("_w"),
        size.cast(pl.Float64).alias("_b"),
        *(condition.alias(f"_in {n}") for n, (condition, _) in masks.items()),
        *((condition & kept).alias(f"_out {n}") for n, (condition, kept) in masks.items()),
    )
    outs = [pl.col(f"_out {n}") for n in chosen]
    n_kept = pl.sum_horizontal([o.cast(pl.UInt32) for o in outs])
    every = pl.col("_w").is_not_null()
    rows = {
        "all": (every, every, None),
        **{n: (pl.col(f"_in {n}"), pl.col(f"_out {n}"), pl.col(f"_out {n}") & (n_kept == 1)) for n in chosen},
        "any": (pl.any_horizontal([pl.col(f"_in {n}") for n in chosen]), n_kept > 0, n_kept == 1),
    }
    return _table(lazy, rows, livetime or 1.0, sized=bytes is not None)


def _table(
    lazy: pl.LazyFrame,
    rows: Mapping[str, tuple[pl.Expr, pl.Expr, pl.Expr | None]],
    livetime: float,
    *,
    sized: bool,
) -> pl.DataFrame:
    """Sum up, for each row, the events that pass the condition, those that pass the prescale too, and unique ones."""
    w, b = pl.col("_w"), pl.col("_b")
    sums: dict[str, pl.Expr] = {"n": pl.len()}
    for what, values in (("weight", w), ("size", b)):
        sums[what] = (~values.is_finite()).fill_null(value=True).sum()
    for i, (condition, kept, alone) in enumerate(rows.values()):
        sums |= {f"n_condition {i}": condition.sum(), f"n {i}": kept.sum()}
        for name, passed in (("in", condition), ("out", kept)):
            sums |= {f"{name} {i}": (w * passed).sum(), f"{name}2 {i}": (w * w * passed).sum()}
        sums |= {
            f"alone {i}": pl.lit(None) if alone is None else (w * alone).sum(),
            f"b {i}": (w * b * kept).sum(),
        }
    found = lazy.select(**sums).collect(engine="streaming").row(0, named=True)
    for what in ("weight", "size"):
        if found[what]:
            raise ValueError(not_numbers(f"the {what}", found[what], found["n"]))
    total = found[f"out {len(rows) - 1}"]
    return pl.DataFrame(
        [
            {
                "filter": name,
                "n_condition": found[f"n_condition {i}"],
                "n": found[f"n {i}"],
                "rate_in": found[f"in {i}"] / livetime,
                "rate_in_error": math.sqrt(found[f"in2 {i}"]) / livetime,
                "rate_out": found[f"out {i}"] / livetime,
                "rate_out_error": math.sqrt(found[f"out2 {i}"]) / livetime,
                "rate_unique": None if alone is None else found[f"alone {i}"] / livetime,
                "overlap": None if alone is None else 1 - _ratio(found[f"alone {i}"], found[f"out {i}"]),
                "fraction": _ratio(found[f"out {i}"], total),
                "bandwidth": found[f"b {i}"] / livetime if sized else None,
            }
            for i, (name, (_, _, alone)) in enumerate(rows.items())
        ],
        schema=_REPORT,
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _expression(value: float | str | pl.Expr | None, default: float) -> pl.Expr:
    if isinstance(value, pl.Expr):
        return value
    return pl.col(value) if isinstance(value, str) else pl.lit(default if value is None else float(value))


def _pair(mask: str, name: str) -> tuple[str, str]:
    return f"{mask}.{name}.condition_passed", f"{mask}.{name}.prescale_passed"


def _chosen(names: str | Iterable[str] | None) -> list[str]:
    chosen = list(FILTERS) if names is None else [names] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in FILTERS:
            msg = f"no online filter {name!r} with known cuts; {did_you_mean(name, FILTERS, 'filters', n=20)}"
            raise MissingColumnError(msg)
    return chosen


def _masked(schema: Mapping[str, pl.DataType], mask: str, names: str | Iterable[str] | None) -> list[str]:
    """Return all filters of a mask, or the named ones after checking that the mask has them."""
    end = ".condition_passed"
    there = [
        c.removeprefix(f"{mask}.").removesuffix(end)
        for c in schema
        if c.startswith(f"{mask}.") and c.endswith(end)
    ]
    if not there:
        keys = {column.partition(".")[0] for column in schema}
        msg = f"no filter mask {mask!r}: no column like {mask}.MuonFilter_13{end}; {did_you_mean(mask, keys, 'keys')}"
        raise MissingColumnError(msg)
    chosen = there if names is None else [names] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in there:
            msg = f"no filter {name!r} in {mask!r}; {did_you_mean(name, there, 'filters')}"
            raise MissingColumnError(msg)
    return chosen


def _mixed(number: pl.Expr) -> pl.Expr:
    """Scramble the bits of unsigned 64-bit integers (the finaliser of SplitMix64, Steele et al., OOPSLA 2014)."""
    number = (number ^ number // _u64(1 << 30)) * _u64(0xBF58476D1CE4E5B9)
    number = (number ^ number // _u64(1 << 27)) * _u64(0x94D049BB133111EB)
    return number ^ number // _u64(1 << 31)


def _u64(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.UInt64)
