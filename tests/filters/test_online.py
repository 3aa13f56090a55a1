"""`online`, `prescales`, `bandwidth`: conditions, masks and rates of the online filters."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import icecol as ic
from icecol import filters, reco
from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry
from icecol.errors import MissingColumnError, SchemaError
from icecol.select import cutflow, filter_passed

HEADER = [f"I3EventHeader.{i}" for i in ("run_id", "event_id", "sub_event_id")]
BOOL = st.sampled_from([True, True, True, False, None])
ODD = [None, math.nan]


def near(*values):
    """Draw numbers around the values that cuts are at, and those values."""
    return st.sampled_from(
        [*ODD, *values, *(v * 1.01 + 0.01 for v in values), *(v * 0.9 - 0.01 for v in values)]
    )


COLUMNS = {
    "InIceSMTTriggered": BOOL, "InIceStringTriggered": BOOL, "DeepCoreSMTTriggered": BOOL, "VolumeTriggerFlag": BOOL,
    "PoleMuonLlhFit.zenith": near(0.3, 1.2, math.acos(0.2), 1.39, 2.5), "PoleMuonLinefit.zenith": near(1.39, 2.0),
    "PoleMuonLlhFit.fit_status": st.sampled_from([0, 0, 0, 30, None]),
    "PoleMuonLinefit.fit_status": st.sampled_from([0, 20, None]),
    "PoleMuonLlhFitFitParams.rlogl": near(8.7, 10.0),
    "CleanedMuonPulses.omkey": st.sampled_from([None, [], [1 << 16], [1 << 16, 36 << 16], [72 << 16]]),
    "CleanedMuonPulsesHitStatistics.q_tot_pulses": near(10.0, 300.0, 800.0),
    "CleanedMuonPulsesHitStatistics.z_min": near(-200.0, -500.0),
    "CleanedMuonPulsesHitStatistics.z_max": near(100.0, 440.0),
    "CleanedMuonPulsesHitStatistics.z_travel": near(-10.0, 30.0),
    "CleanedMuonPulsesHitStatistics.min_pulse_time": near(1e4),
    "CleanedMuonPulsesHitStatistics.max_pulse_time": near(1.4e4),
    "CleanedMuonPulsesHitMultiplicity.n_hit_doms": st.sampled_from([4, 5, 8, 30, None]),
    "CleanedMuonPulsesHitMultiplicity.n_hit_strings": st.sampled_from([1, 2, 5, None]),
    "CascadeHitMultiplicity.n_hit_strings": st.sampled_from([1, 2, 5, None]),
    "CascadeLlhFitParams.ReducedLlh": near(10.0, 12.75), "CascadeToIParams.evalratio": near(0.08),
    "CascadeLinefit.speed": near(0.08),
    "VHESelfVeto.vetoed": st.sampled_from([True, False, None]), "CausalQTot.value": near(1500.0),
    "HomogenizedQTot.value": near(1000.0), "CausalQTot_MESE.value": near(100.0),
    "L4VetoLayer.layer0": near(0.0, 3.0), "L4VetoLayer.layer1": near(0.0),
    "HLCPulsesHitMultiplicity.n_hit_strings": st.sampled_from([3, 4, None]), "DeepCoreVeto.kept": BOOL,
    "PoleEHESummaryPulseInfo.TotalBestNPEbtw": near(10**3.6, 10**5, 10**6.59),
    "PoleEHESummaryPulseInfo.TotalNchbtw": st.sampled_from([300, 301, None]),
    "PoleEHEOpheliaParticle.zenith": near(0.5, math.acos(0.1), 2.0),
    "PoleEHEOpheliaParticleFitParams.fit_quality": near(25.0, 50.0, 80.0),
}  # fmt: skip
TYPES = {
    c: pl.Boolean if s is BOOL or c.endswith("vetoed") else pl.List(pl.Int32) if c.endswith("omkey")
    else pl.Int32 if ".n_" in c or c.endswith(("status", "Nchbtw")) else pl.Float64
    for c, s in COLUMNS.items()
}  # fmt: skip
ROWS = st.lists(st.fixed_dictionaries(COLUMNS), min_size=1, max_size=8)


class Missing(Exception):
    """A number that a filter needs is not there."""


def decide(row: dict, name: str) -> bool:
    def get(column):
        value = row[column]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            raise Missing
        return value

    try:
        return DECISIONS[name](get, row)
    except Missing:
        return False


def muon(get, row):
    cos = math.cos(get("PoleMuonLlhFit.zenith"))
    if not get("InIceSMTTriggered") or get("PoleMuonLlhFit.fit_status") != 0:
        return False
    if cos <= 0.2:
        n = get("CleanedMuonPulsesHitMultiplicity.n_hit_doms")
        return cos > -1 and get("PoleMuonLlhFitFitParams.rlogl") * (n - 5) / (n - 3) <= 8.7
    limit = 3.9 * cos + 0.65 if cos <= 0.5 else 0.6 * cos + 2.3
    charge = get("CleanedMuonPulsesHitStatistics.q_tot_pulses")
    return charge > 0 and math.log10(charge) > limit


def cascade(get, row):
    llh = get("CascadeLlhFitParams.ReducedLlh")
    if not get("InIceSMTTriggered") or get("CascadeHitMultiplicity.n_hit_strings") < 2:
        return False
    if math.cos(get("PoleMuonLlhFit.zenith")) < 0.2:
        return llh <= 12.75
    return llh <= 10 and get("CascadeToIParams.evalratio") >= 0.08 and get("CascadeLinefit.speed") <= 0.08


def any_trigger(row):
    return any(row[t] for t in list(COLUMNS)[:4])


def low_up(get, row):
    of = {m: get(f"CleanedMuonPulsesHitStatistics.{m}") for m in ("z_min", "z_max", "z_travel")}
    lasts = get("CleanedMuonPulsesHitStatistics.max_pulse_time") - get(
        "CleanedMuonPulsesHitStatistics.min_pulse_time"
    )
    fits = [f for f in ("PoleMuonLlhFit", "PoleMuonLinefit") if row[f"{f}.fit_status"] == 0]
    outer = {*range(1, 8), 13, 14, 21, 22, 30, 31, 40, 41, 50, 51, 59, 60, 67, 68, *range(73, 79)}
    return (
        any_trigger(row) and bool(fits) and get(f"{fits[0]}.zenith") >= math.radians(80)
        and get("CleanedMuonPulsesHitMultiplicity.n_hit_doms") >= 5
        and get("CleanedMuonPulsesHitMultiplicity.n_hit_strings") > 1
        and of["z_max"] - of["z_min"] <= 600 and lasts <= 4000 and of["z_travel"] >= -10 and of["z_max"] <= 440
        and any(k >> 16 not in outer for k in get("CleanedMuonPulses.omkey"))
    )  # fmt: skip


def ehe(get, row):
    npe, cos = get("PoleEHESummaryPulseInfo.TotalBestNPEbtw"), math.cos(get("PoleEHEOpheliaParticle.zenith"))
    quality = get("PoleEHEOpheliaParticleFitParams.fit_quality")
    inside = 1 - ((cos - 0.93) / 0.83) ** 2
    if npe <= 0 or not (25 < quality < 80 and get("PoleEHESummaryPulseInfo.TotalNchbtw") > 300):
        return False
    edge = 3.6 if cos < 0.1 else 3.6 + 2.99 * math.sqrt(inside) if inside >= 0 else math.inf
    return math.log10(npe) > 3.6 and math.log10(npe) >= edge


DECISIONS = {
    "MuonFilter_13": muon,
    "CascadeFilter_13": cascade,
    "HESEFilter_15": lambda get, row: (
        get("InIceSMTTriggered") and get("VHESelfVeto.vetoed") is False and get("CausalQTot.value") >= 1500
    ),
    "MESEFilter_15": lambda get, row: (
        any_trigger(row) and get("L4VetoLayer.layer0") + get("L4VetoLayer.layer1") <= 3
        and get("HLCPulsesHitMultiplicity.n_hit_strings") > 3 and get("CausalQTot_MESE.value") > 100
    ),
    "HighQFilter_17": lambda get, row: get("HomogenizedQTot.value") >= 1000,
    "DeepCoreFilter_13": lambda get, row: get("DeepCoreSMTTriggered") and get("DeepCoreVeto.kept"),
    "LowUp_13": low_up,
    "EHEAlertFilter_15": ehe,
    "FilterMinBias_13": lambda get, row: True,
}  # fmt: skip


def frame(rows) -> pl.DataFrame:
    ids = {
        "I3EventHeader.run_id": 7,
        "I3EventHeader.event_id": range(len(rows)),
        "I3EventHeader.sub_event_id": 0,
    }
    table = pl.DataFrame(rows, schema=TYPES)
    return table.with_columns(
        pl.Series(n, [v] * len(rows) if isinstance(v, int) else list(v), pl.UInt32) for n, v in ids.items()
    )


@settings(deadline=None, max_examples=25)
@given(ROWS)
def test_every_condition_is_what_its_slow_twin_decides(rows):
    found = filters.apply(frame(rows)).collect()
    for name in filters.FILTERS:
        assert found[f"FilterMask.{name}.condition_passed"].to_list() == [
            bool(decide(r, name)) for r in rows
        ], name


BRIGHT = dict.fromkeys(COLUMNS) | {
    "InIceSMTTriggered": True, "DeepCoreSMTTriggered": True, "DeepCoreVeto.kept": True,
    "PoleMuonLlhFit.zenith": 2.0, "PoleMuonLlhFit.fit_status": 0, "PoleMuonLlhFitFitParams.rlogl": 8.0,
    "CleanedMuonPulses.omkey": [1 << 16, 36 << 16],
    "CleanedMuonPulsesHitStatistics.q_tot_pulses": 1e4, "CleanedMuonPulsesHitStatistics.z_min": 0.0,
    "CleanedMuonPulsesHitStatistics.z_max": 440.0, "CleanedMuonPulsesHitStatistics.z_travel": -10.0,
    "CleanedMuonPulsesHitStatistics.min_pulse_time": 1e4, "CleanedMuonPulsesHitStatistics.max_pulse_time": 1.4e4,
    "CleanedMuonPulsesHitMultiplicity.n_hit_doms": 60, "CleanedMuonPulsesHitMultiplicity.n_hit_strings": 5,
    "CascadeHitMultiplicity.n_hit_strings": 2, "CascadeLlhFitParams.ReducedLlh": 12.75,
    "VHESelfVeto.vetoed": False, "CausalQTot.value": 1500.0, "HomogenizedQTot.value": 1000.0,
    "CausalQTot_MESE.value": 101.0, "L4VetoLayer.layer0": 3.0, "L4VetoLayer.layer1": 0.0,
    "HLCPulsesHitMultiplicity.n_hit_strings": 4, "PoleEHESummaryPulseInfo.TotalBestNPEbtw": 5000.0,
    "PoleEHESummaryPulseInfo.TotalNchbtw": 301, "PoleEHEOpheliaParticle.zenith": 2.0,
    "PoleEHEOpheliaParticleFitParams.fit_quality": 50.0,
}  # fmt: skip
BROKEN = {
    "MuonFilter_13": {"InIceSMTTriggered": False, "PoleMuonLlhFit.fit_status": 30, "PoleMuonLlhFitFitParams.rlogl": 9.1,
                      "PoleMuonLlhFit.zenith": math.nan},
    "CascadeFilter_13": {"CascadeHitMultiplicity.n_hit_strings": 1, "CascadeLlhFitParams.ReducedLlh": 12.8,
                         "PoleMuonLlhFit.zenith": 1.0},
    "HESEFilter_15": {"InIceSMTTriggered": None, "VHESelfVeto.vetoed": None, "CausalQTot.value": 1499.0},
    "MESEFilter_15": {"L4VetoLayer.layer1": 0.1, "HLCPulsesHitMultiplicity.n_hit_strings": 3,
                      "CausalQTot_MESE.value": 100.0},
    "HighQFilter_17": {"HomogenizedQTot.value": 999.0},
    "DeepCoreFilter_13": {"DeepCoreSMTTriggered": False, "DeepCoreVeto.kept": False},
    "LowUp_13": {"PoleMuonLlhFit.zenith": 1.39, "PoleMuonLlhFit.fit_status": 30,
                 "CleanedMuonPulses.omkey": [1 << 16, 2 << 16], "CleanedMuonPulsesHitMultiplicity.n_hit_strings": 1,
                 "CleanedMuonPulsesHitMultiplicity.n_hit_doms": 4, "CleanedMuonPulsesHitStatistics.z_min": -161.0,
                 "CleanedMuonPulsesHitStatistics.z_max": 441.0, "CleanedMuonPulsesHitStatistics.z_travel": -10.1,
                 "CleanedMuonPulsesHitStatistics.max_pulse_time": 14001.0},
    "EHEAlertFilter_15": {"PoleEHESummaryPulseInfo.TotalBestNPEbtw": 3981.0, "PoleEHESummaryPulseInfo.TotalNchbtw": 300,
                          "PoleEHEOpheliaParticle.zenith": 0.5, "PoleEHEOpheliaParticleFitParams.fit_quality": 80.0},
}  # fmt: skip


def test_an_event_may_pass_every_filter_and_each_cut_of_a_filter_can_stop_it():
    cuts = [(n, change) for n, changes in BROKEN.items() for change in changes.items()]
    rows = [BRIGHT, *(BRIGHT | {column: value} for _, (column, value) in cuts)]
    found = filters.apply(frame(rows)).collect()
    for i, (name, _) in enumerate(cuts):
        assert found[f"FilterMask.{name}.condition_passed"][0]
        assert not found[f"FilterMask.{name}.condition_passed"][i + 1], cuts[i]


def test_a_mask_keeps_the_events_of_every_stream_and_the_columns_before_it():
    events = frame([dict.fromkeys(COLUMNS) | {"HomogenizedQTot.value": q} for q in (999.0, 1000.0, None)])
    found = filters.apply(events, ["HighQFilter_17", "FilterMinBias_13"], mask="Mine")
    assert isinstance(found, pl.LazyFrame)
    assert found.collect_schema().names() == [
        *events.columns,
        *(
            f"Mine.{f}.{p}_passed"
            for f in ("HighQFilter_17", "FilterMinBias_13")
            for p in ("condition", "prescale")
        ),
    ]
    assert found.select(filter_passed("HighQFilter_17", "Mine")).collect().to_series().to_list() == [
        False,
        True,
        False,
    ]
    assert cutflow(events, filters.conditions("HighQFilter_17"))["n"].to_list() == [3, 1]


def events(n: int, seed: int = 3) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    ids = {
        "run_id": rng.integers(1e5, 2e5, n),
        "event_id": np.arange(n),
        "sub_event_id": rng.integers(0, 3, n),
    }
    return pl.DataFrame({f"I3EventHeader.{k}": v.astype("u4") for k, v in ids.items()})


def draw(name: str, seed: int, run: int, event: int, sub_event: int) -> float:
    """Return the number that a prescale looks at, in plain integers."""

    def mix(z):
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    start = int.from_bytes(hashlib.sha256(f"{name}\0{seed}".encode()).digest()[:8], "little")
    return (mix(mix((run << 32 | event) ^ start) ^ sub_event) >> 11) / 2**53


def test_a_prescale_draws_from_the_numbers_of_the_event_alone():
    df = events(2000)
    found = df.select(filters.prescale_passed("A", 7.0, seed=5)).to_series()
    assert found.to_list() == [draw("A", 5, *row) * 7 < 1 for row in df.rows()]
    assert df.reverse().select(filters.prescale_passed("A", 7.0, seed=5)).to_series().reverse().equals(found)


def test_a_prescale_keeps_one_in_so_many_and_filters_choose_independently():
    n = 100_000
    a, b, c = (
        events(n).select(filters.prescale_passed(f, 10.0, seed=s)).to_series().to_numpy()
        for f, s in (("A", 0), ("B", 0), ("A", 1))
    )
    for kept in (a, b, c):
        assert abs(kept.sum() - n / 10) < 4 * math.sqrt(n * 0.1 * 0.9)
    for both in (a & b, a & c):
        assert abs(both.sum() - n / 100) < 4 * math.sqrt(n / 100)


@pytest.mark.parametrize(("prescale", "expected"), [(0, False), (0.5, True), (1, True)])
def test_a_prescale_of_none_or_all_needs_no_draw(prescale, expected):
    assert pl.select(filters.prescale_passed("A", prescale)).item() is expected


MASKS = st.lists(st.tuples(*[BOOL] * 6, st.floats(0, 5), st.integers(0, 9)), max_size=20)


@settings(deadline=None, max_examples=25)
@given(MASKS)
def test_rates_are_what_counting_event_by_event_gives(rows):
    names = [f"FilterMask.{f}.{p}_passed" for f in "ABC" for p in ("condition", "prescale")]
    types = {**dict.fromkeys(names, pl.Boolean), "w": pl.Float64, "size": pl.Int64}
    table = filters.rates(pl.DataFrame(rows, schema=types, orient="row"), 4.0, weight="w", bytes="size")
    kept = [[bool(r[2 * i] and r[2 * i + 1]) for i in range(3)] for r in rows]
    for i, row in enumerate(table.rows(named=True)[1:4]):
        condition = [r for r in rows if r[2 * i]]
        out = [(r, k) for r, k in zip(rows, kept, strict=True) if k[i]]
        alone = sum(r[6] for r, k in out if sum(k) == 1)
        assert (row["filter"], row["n_condition"], row["n"]) == ("ABC"[i], len(condition), len(out))
        assert row["rate_in"] == pytest.approx(sum(r[6] for r in condition) / 4)
        assert row["rate_out"] == pytest.approx(sum(r[6] for r, _ in out) / 4)
        assert row["rate_out_error"] == pytest.approx(math.sqrt(sum(r[6] ** 2 for r, _ in out)) / 4)
        assert row["rate_unique"] == pytest.approx(alone / 4)
        assert row["bandwidth"] == pytest.approx(sum(r[6] * r[7] for r, _ in out) / 4)
    every, some = table.row(0, named=True), table.row(-1, named=True)
    assert every["n"] == every["n_condition"] == len(rows)
    assert some["n"] == sum(any(k) for k in kept)
    assert some["rate_out"] == pytest.approx(sum(r[6] for r, k in zip(rows, kept, strict=True) if any(k)) / 4)


def test_the_data_are_read_once_however_many_filters_there_are():
    seen = 0

    def count(s: pl.Series) -> pl.Series:
        nonlocal seen
        seen += len(s)
        return s > 500

    flag = pl.col("x").map_batches(count, return_dtype=pl.Boolean, is_elementwise=True)
    lf = pl.LazyFrame({"x": np.arange(1000)}).with_columns(flag.alias("flag"))
    parts = ("condition_passed", "prescale_passed")
    lf = lf.with_columns(pl.col("flag").alias(f"FilterMask.F{i}.{p}") for i in range(20) for p in parts)
    table = filters.rates(lf, livetime=1.0, bytes=100.0)
    assert seen == 1000
    assert table["n"].to_list() == [1000, *[499] * 21]
    assert table["rate_unique"].to_list()[1:] == [0.0] * 21
    assert table["bandwidth"][-1] == 49900


def test_what_is_not_there_is_named():
    with pytest.raises(MissingColumnError, match=r"no online filter 'MuonFilter_12'.*'MuonFilter_13'"):
        filters.conditions("MuonFilter_12")
    with pytest.raises(MissingColumnError, match=r"filters have no input 'lineft'.*'linefit'"):
        filters.conditions("MuonFilter_13", lineft="MPEFit")
    with pytest.raises(
        MissingColumnError, match=r"filter 'HighQFilter_17': no column 'HomogenizedQTot\.value'"
    ):
        filters.apply(events(1), "HighQFilter_17")
    with pytest.raises(
        MissingColumnError, match=r"prescale of 'FilterMinBias_13': no column 'I3EventHeader\.run_id'"
    ):
        filters.apply(pl.DataFrame({"x": [1]}), "FilterMinBias_13")
    with pytest.raises(MissingColumnError, match="a prescale is given for 'LowUp_13', which is not among"):
        filters.apply(events(1), "FilterMinBias_13", prescales={"LowUp_13": 2})
    masked = filters.apply(events(1), "FilterMinBias_13")
    with pytest.raises(
        SchemaError,
        match=r"the events already have the column 'FilterMask\.FilterMinBias_13\.condition_passed'",
    ):
        filters.apply(masked, "FilterMinBias_13")
    with pytest.raises(
        MissingColumnError, match="no filter 'LowUp_13' in 'FilterMask'; filters: 'FilterMinBias_13'"
    ):
        filters.rates(masked, 1.0, names="LowUp_13")
    with pytest.raises(MissingColumnError, match="no filter mask 'QFilterMask'"):
        filters.rates(masked, 1.0, mask="QFilterMask")


def test_rates_without_a_time_or_with_a_bad_weight_are_an_error():
    masked = filters.apply(events(3), "FilterMinBias_13")
    with pytest.raises(ValueError, match="need the livetime"):
        filters.rates(masked)
    with pytest.raises(ValueError, match="livetime is 0, expected a positive number"):
        filters.rates(masked, 0)
    with pytest.raises(ValueError, match="the weight is NaN, infinite or null in 3 of 3 events"):
        filters.rates(masked, weight=pl.lit(math.nan))
    with pytest.raises(ValueError, match="the size is NaN, infinite or null in 3 of 3 events"):
        filters.rates(masked, 1.0, bytes=math.inf)


FILES = ["genie_level3", "genie_level7", "noise_level3"]
DECIDED = [
    "MuonFilter_13",
    "HighQFilter_17",
    "DeepCoreFilter_13",
    "LowUp_13",
    "MESEFilter_15",
    "HESEFilter_15",
]


@pytest.mark.slow
def test_conditions_are_those_stored_where_the_cleaned_pulses_are_those_of_level_2(shared_data):
    geometry = Geometry.read_parquet(shared_data / "geometry" / "icecube86.parquet")
    cleaned, all_ = (Pulses(k, geometry) for k in ("SRTInIcePulses", "SplitInIcePulses"))
    tables = []
    for name in FILES:
        file = shared_data / "i3" / "real" / f"oscNext_{name}_v02_first_5_frames.i3.gz"
        lf = reco.with_features(
            ic.scan_i3(file),
            CleanedMuonPulsesHitStatistics=reco.hit_statistics(cleaned),
            CleanedMuonPulsesHitMultiplicity=reco.hit_multiplicity(cleaned),
            HLCPulsesHitMultiplicity=reco.hit_multiplicity(all_),
            HomogenizedQTot=reco.homogenized_qtot(all_), DeepCoreVeto=reco.deepcore_veto(cleaned),
            L4VetoLayer=reco.layer_veto(all_), VHESelfVeto=reco.hese_veto(all_),
            CausalQTot=reco.causal_qtot(all_, vertex="VHESelfVeto"),
            CausalQTot_MESE=reco.causal_qtot(all_, vertex="L4VetoLayer"),
            InIceSMTTriggered=reco.fired(1006), InIceStringTriggered=reco.fired(1007),
            DeepCoreSMTTriggered=reco.fired(1011), VolumeTriggerFlag=reco.fired(21001),
        )  # fmt: skip
        found = filters.apply(lf, DECIDED, mask="Found", muon_pulses="SRTInIcePulses")
        tables.append(found.select("^(FilterMask|Found).*_passed$").collect())
    passed = {
        n: [v for t in tables for v in t[f"FilterMask.{n}.condition_passed"].to_list()] for n in DECIDED
    }
    for name in DECIDED:
        for part in ("condition_passed", "prescale_passed"):
            ours, theirs = (
                [v for t in tables for v in t[f"{mask}.{name}.{part}"].to_list()]
                for mask in ("Found", "FilterMask")
            )
            assert ours == theirs, name
    assert sum(passed["LowUp_13"]) == 7
    assert sum(passed["DeepCoreFilter_13"]) == 15
