"""The online filters whose cuts are formulas: what each reads, its condition and its prescale."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

import polars as pl

from icecol.detector.strings import LOW_UP_EDGE
from icecol.errors import MissingColumnError, did_you_mean
from icecol.select import Cuts

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

Column = Callable[..., pl.Expr]


@dataclass(frozen=True, slots=True)
class Filter:
    """An online filter: a condition and a prescale.

    Examples
    --------
    >>> import icecol as ic
    >>> bright = ic.filters.Filter(
    ...     lambda column: column("homogenized_qtot", "value") > 1000, doc="much light"
    ... )
    >>> cuts = ic.filters.conditions({"Bright": bright}, homogenized_qtot="Q")
    >>> cuts.apply(pl.LazyFrame({"Q.value": [50.0, 2000.0]})).collect().rows()
    [(2000.0,)]
    """

    condition: Callable[[Column], pl.Expr]
    """Takes `column(input, member)`, the column of one of the `INPUTS`, and returns a Boolean expression."""
    prescale: float = 1.0
    """One in this many events that pass the condition is kept; 0 keeps none, values up to 1 keep all."""
    doc: str = ""
    """What the filter selects."""


Names: TypeAlias = "str | Iterable[str] | Mapping[str, Filter | pl.Expr] | None"
"""Filters: names of those in `FILTERS`, or filters of the user's own by name."""


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


def conditions(names: Names = None, **inputs: str) -> Cuts:
    """Return the conditions of online filters as named cuts, to select with or for `cutflow`.

    Parameters
    ----------
    names
        Filters in `FILTERS`; None for all of them. Or filters of your own, by name: each a `Filter`, or its condition
        as a Boolean expression.
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

    return Cuts({name: f.condition(column) for name, f in chosen(names).items()})


def chosen(names: Names) -> dict[str, Filter]:
    """Return filters by name after checking that they exist; all for None."""
    if isinstance(names, Mapping):
        return {name: _own(name, given) for name, given in names.items()}
    found = list(FILTERS) if names is None else [names] if isinstance(names, str) else list(names)
    for name in found:
        if name not in FILTERS:
            msg = f"no online filter {name!r} with known cuts; {did_you_mean(name, FILTERS, 'filters', n=20)}"
            raise MissingColumnError(msg)
    return {name: FILTERS[name] for name in found}


def _own(name: str, given: Filter | pl.Expr) -> Filter:
    if not isinstance(given, Filter | pl.Expr):
        msg = f"filter {name!r} is {given!r}, neither a Filter nor an expression such as pl.col('Q.total') > 1000"
        raise TypeError(msg)
    return given if isinstance(given, Filter) else Filter(lambda _column: given)
