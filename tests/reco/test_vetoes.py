"""Vetoes agree with naive twins and with the decisions of IceTray's filters on real events.

`vetoes` and the kernels `deepcore_veto`, `hese_veto`, `i3_veto`, `layer_veto`, `rt_veto`, `dom_set`.
"""

from __future__ import annotations

import math

import naive_vetoes as naive
import polars as pl
import pytest
from answers import answer
from hypothesis import given, settings
from hypothesis import strategies as st

import icecol as ic
from icecol import reco
from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry, omkey
from icecol.detector.strings import LAYERS
from icecol.errors import GeometryError
from icecol.reco.testing import check_feature

NOMINAL = Geometry.nominal()
PLACES = [(1, 1), (1, 2), (1, 60), (2, 7), (36, 44), (36, 45), (36, 1), (36, 30), (17, 60), (27, 33), (79, 20),
          (80, 11), (81, 30), (85, 5), (86, 60), (21, 48)]  # fmt: skip
KEYS = [omkey(*p) for p in PLACES]
GEOMETRY = Geometry.from_columns(
    NOMINAL.table().with_columns(calibrated=(pl.col("string") != 1) | (pl.col("om") != 2))
)
SENSORS = {r["omkey"]: r for r in GEOMETRY.table().to_dicts()}
PULSES = Pulses("P", GEOMETRY)
SMALL = Geometry.from_columns(NOMINAL.table().filter(pl.col("string") > 78))
TANKS = Geometry.from_columns(Geometry.nominal(icetop=True).table().filter(pl.col("om") > 60))

TIMES = st.one_of(st.floats(9000, 15000), st.integers(9000, 12000).map(float), st.just(9500.0))
CHARGES = st.one_of(st.floats(0, 300, width=32), st.sampled_from([0.0, 0.5, 1.0, 240.0]))
UNKNOWN = [omkey(90, 5), omkey(-3, 1)]
PULSE = st.tuples(TIMES, CHARGES, st.sampled_from(KEYS + UNKNOWN))
EVENTS = st.lists(st.one_of(st.none(), st.lists(PULSE, max_size=14)), min_size=1, max_size=6)
ODD = st.tuples(
    st.one_of(TIMES, st.sampled_from([math.nan, math.inf, -1e4])),
    st.one_of(CHARGES, st.sampled_from([math.nan, math.inf, -0.5])),
    st.sampled_from(KEYS + UNKNOWN),
)
ODD_EVENTS = st.lists(st.one_of(st.none(), st.lists(ODD, max_size=10)), min_size=1, max_size=6)

_rows = NOMINAL.table().with_row_index("i")  # of some strings all sensors, or the top ones, are off
VOLTAGE = GEOMETRY.table().with_columns(
    pmt_hv=pl.when((_rows["string"] == 75) | ((_rows["string"] == 17) & (_rows["om"] < 5))).then(0.0)
    .when(_rows["string"] == 3).then(50.0).when(_rows["string"] == 9).then(499.0)
    .when(_rows["i"] % 5 == 0).then(pl.lit(math.nan)).when(_rows["om"] == 60).then(100.0).otherwise(1300.0),
    bad=_rows["i"] % 11 == 0,
)  # fmt: skip
POWERED = {r["omkey"]: r for r in VOLTAGE.to_dicts()}
POWERED_PULSES = Pulses("P", Geometry.from_columns(VOLTAGE))


def on(sensor):
    return not sensor["pmt_hv"] < 100


def works(sensor):
    return sensor["calibrated"] and not sensor["bad"] and sensor["pmt_hv"] >= 500


POWERED_BAD = naive.hese_edge(POWERED, on)
POWERED_MESE = naive.mese_layers(POWERED, works)

BAD = naive.hese_edge(SENSORS)
MESE = naive.mese_layers(SENSORS)
TWINS = {
    "hese_veto": (reco.hese_veto(PULSES), lambda e: naive.hese_veto(e, SENSORS, BAD)),
    "hese_veto, voltages": (
        reco.hese_veto(POWERED_PULSES),
        lambda e: naive.hese_veto(e, POWERED, POWERED_BAD),
    ),
    "layer_veto, voltages": (
        reco.layer_veto(POWERED_PULSES),
        lambda e: naive.layer_veto(e, POWERED, POWERED_MESE),
    ),
    "layer_veto": (reco.layer_veto(PULSES), lambda e: naive.layer_veto(e, SENSORS, MESE)),
    "deepcore_veto": (reco.deepcore_veto(PULSES), lambda e: naive.deepcore_veto(e, SENSORS)),
    "deepcore_veto, all hits by charge": (
        reco.deepcore_veto(PULSES, first_hit_only=False, charge_weight_cog=True),
        lambda e: naive.deepcore_veto(e, SENSORS, first_only=False, by_charge=True),
    ),
    **{
        f"deepcore_veto, {d}": (
            reco.deepcore_veto(PULSES, fiducial=f"{d} fiducial"),
            lambda e, d=d: naive.deepcore_veto(e, SENSORS, detector=d),
        )
        for d in ("IC59", "IC79", "IC86", "IC86TwoLayVeto")
    },
    "i3_veto": (reco.i3_veto(PULSES), lambda e: naive.i3_veto(e, SENSORS, LAYERS[86])),
    **{
        f"i3_veto, IC{n}": (
            reco.i3_veto(PULSES, detector_geometry=n),
            lambda e, n=n: naive.i3_veto(e, SENSORS, LAYERS[n]),
        )
        for n in (40, 59, 79)
    },
}


def frame(events) -> pl.DataFrame:
    members = {"P.time": pl.Float64, "P.charge": pl.Float32, "P.omkey": pl.Int32}
    return pl.DataFrame(
        {
            name: pl.Series([None if e is None else [p[k] for p in e] for e in events], dtype=pl.List(t))
            for k, (name, t) in enumerate(members.items())
        }
    )


def answers(expected):
    return {name: answer(value) for name, value in expected.items()}


@pytest.mark.parametrize("name", TWINS)
@settings(max_examples=6)  # each of some events, for 14 vetoes
@given(EVENTS)
def test_a_veto_equals_its_slow_twin_to_the_last_bit(name, events):
    feature, twin = TWINS[name]
    found = frame(events).select(feature.struct.unnest()).to_dicts()
    for row, event in zip(found, events, strict=True):
        expected = event if event is None else twin(event)
        if expected is None:
            expected = dict.fromkeys(row)
        assert repr(row) == repr(answers(expected))


AT_ONCE = st.tuples(
    st.sampled_from([9500.0, 9500.0, 9501.0, 9700.0]),
    st.floats(0, 20, width=32),
    st.sampled_from(sorted(SENSORS)[::7]),
)


@pytest.mark.parametrize("name", ["hese_veto", "i3_veto", "i3_veto, IC40"])
@given(st.lists(AT_ONCE, min_size=17, max_size=60))
def test_light_at_one_time_is_in_the_order_of_icetray(name, event):
    feature, twin = TWINS[name]
    row = frame([event]).select(feature.struct.unnest()).to_dicts()[0]
    expected = twin(event)
    assert repr(row) == repr(answers(expected or dict.fromkeys(row)))


@pytest.mark.parametrize("name", ["deepcore_veto"])
@given(ODD_EVENTS)
def test_times_that_are_no_number_are_treated_as_icetray_does(name, events):
    feature, twin = TWINS[name]
    found = frame(events).select(feature.struct.unnest()).to_dicts()
    for row, event in zip(found, events, strict=True):
        assert event is None or repr(row) == repr(answers(twin(event)))


@pytest.mark.parametrize("name", TWINS)
@settings(max_examples=10)
@given(ODD_EVENTS)
@pytest.mark.slow
def test_a_row_does_not_know_how_its_frame_is_stored(name, events):
    check_feature(TWINS[name][0], frame(events))


def test_light_at_the_edge_before_the_vertex_vetoes_an_event():
    inside = [(10000.0 + 10 * i, 60.0, omkey(36, 30 + i)) for i in range(5)]  # z of 0 to -70 m
    muon = [(9000.0 + i, 2.0, omkey(1, 1 + i)) for i in range(2)]
    late = [(t + 1200.0, q, k) for t, q, k in muon]
    rows = frame([inside, muon + inside, inside + late, inside[:4]]).select(
        reco.hese_veto(PULSES).struct.unnest()
    )
    assert rows["vetoed"].to_list() == [False, True, False, None]
    assert rows["time"].to_list() == [10040.0, 10040.0, 10040.0, None]
    assert rows["veto_charge"].to_list() == [0.0, 4.0, 0.0, None]


@pytest.mark.parametrize("detector", naive.DEEPCORE)
def test_sensors_inside_and_around_deepcore_are_those_of_its_detector(detector):
    for part, expected in zip(("fiducial", "veto"), naive.deepcore_sets(detector), strict=True):
        assert reco.dom_set(f"{detector} {part}").tolist() == sorted(omkey(*p) for p in expected)


def test_light_at_the_surface_does_not_veto_what_deepcore_sees():
    geometry = Geometry.nominal(icetop=True)
    sensors = {r["omkey"]: r for r in geometry.table().to_dicts()}
    inside = [
        (t, 1.0, omkey(s, om)) for t, s, om in ((10000.0, 81, 40), (10010.0, 82, 41), (10020.0, 81, 42))
    ]
    centre = [sum(sensors[k][c] for _, _, k in inside) / 3 for c in "xyz"]

    def before(*places):
        at = [[sensors[omkey(*p)][c] for c in "xyz"] for p in places]
        far = [math.dist(centre, place) for place in at]
        return [(10000.0 - d / 0.3, 1.0, omkey(*p)) for p, d in zip(places, far, strict=True)]

    events = frame(
        [inside + before((36, 61), (35, 61), (26, 61)), inside + before((36, 1), (35, 1), (26, 1))]
    )
    tanks = [omkey(s, 61) for s in (26, 35, 36)]
    counted = {
        name: events.select(feature.struct.field("n_veto_hits")).to_series().to_list()
        for name, feature in {
            "ice": reco.deepcore_veto(Pulses("P", geometry)),
            "IC59": reco.deepcore_veto(Pulses("P", geometry), fiducial="IC59 fiducial", first_hit_only=False),
            "tanks": reco.deepcore_veto(Pulses("P", geometry), veto=tanks),
            "own": reco.deepcore_veto(Pulses("P", geometry), fiducial="DeepCore"),
            "none": reco.deepcore_veto(Pulses("P", geometry), fiducial=reco.dom_set("IC86 fiducial")),
        }.items()
    }
    assert counted == {"ice": [0, 3], "IC59": [0, 0], "tanks": [3, 0], "own": [0, 3], "none": [0, 3]}


def test_layers_of_the_medium_energy_veto_cover_the_detector_as_they_should():
    outer, dust = MESE
    assert {k >> 16 for k in outer} == set(range(1, 79))
    assert {k >> 16 for k in dust} == set(range(1, 87))


@pytest.mark.parametrize(
    ("detector", "n_strings", "edge"), [(40, 40, 2), (59, 59, 2), (79, 79, 5), (86, 86, 5)]
)
def test_each_string_of_a_detector_is_in_one_layer(detector, n_strings, edge):
    strings = [s for layer in LAYERS[detector] for s in layer]
    assert len(strings) == len(set(strings)) == n_strings
    assert len(LAYERS[detector]) == edge + 1
    named = {40: naive.OF_IC40, 59: naive.OF_IC59, 79: naive.OF_IC79, 86: range(1, 87)}
    assert set(strings) == set(named[detector])


def test_sensors_that_are_off_are_no_edge_and_no_layer():
    assert POWERED_MESE[0] != MESE[0]
    places = [s for s in SENSORS.values() if BAD(s) != POWERED_BAD(s)]
    assert {s["string"] for s in places} > {75}
    dark = Geometry.from_columns(NOMINAL.table().with_columns(pmt_hv=pl.lit(0.0)))
    with pytest.raises(GeometryError, match=r"none of the 5160 DOMs .* is switched on"):
        reco.hese_veto(Pulses("P", dark))
    with pytest.raises(GeometryError, match="no good DOM on strings 1 to 78, which define the top"):
        reco.layer_veto(Pulses("P", dark))
    untold = Geometry.from_columns(GEOMETRY.table().with_columns(pmt_hv=pl.lit(math.nan)))
    assert untold.equals(GEOMETRY)


def test_amanda_has_no_layer():
    amanda = pl.lit(-3).cast(NOMINAL.table().schema["string"]), pl.lit(5).cast(NOMINAL.table().schema["om"])
    first = NOMINAL.table()[:1].with_columns(string=amanda[0], om=amanda[1])
    table = pl.concat([first, NOMINAL.table()])
    pulses = Pulses("P", Geometry.from_columns(table.drop("omkey")))
    event = [(9000.0, 50.0, omkey(-3, 5)), (9500.0, 1.0, omkey(36, 44))]
    row = frame([event, event[:1]]).select(reco.i3_veto(pulses).struct.unnest()).to_dicts()
    assert [r["earliestOM"] for r in row] == [44, None]
    assert [r["nDomsBeforeMaxDOM"] for r in row] == [0, 0]


def test_a_veto_says_what_its_geometry_lacks():
    with pytest.raises(GeometryError, match=r"positions of the DOMs; give Pulses\('P', geometry\)"):
        reco.hese_veto(Pulses("P"))
    with pytest.raises(
        GeometryError, match=r"needs x, y, z of the sensors of 'P'; give Pulses\(key, geometry\)"
    ):
        reco.rt_veto(Pulses("P"))
    with pytest.raises(GeometryError, match=r"no good DOM on strings 1 to 78, .*with good DOMs: "):
        reco.layer_veto(Pulses("P", SMALL))
    with pytest.raises(GeometryError, match="none of the 324 sensors"):
        reco.hese_veto(Pulses("P", TANKS))
    with pytest.raises(ValueError, match="must be 40, 59, 79, 86; found 22"):
        reco.i3_veto(PULSES, detector_geometry=22)
    with pytest.raises(GeometryError, match=r"no DOM set 'Deepcore'.*; did you mean 'DeepCore'"):
        reco.deepcore_veto(PULSES, fiducial="Deepcore")


NEAR = [
    (36, 20),
    (36, 45),
    (36, 47),
    (36, 60),
    (27, 44),
    (26, 46),
    (26, 61),
    (79, 11),
    (81, 40),
    (86, 41),
    (1, 45),
]
TANKED = Geometry.nominal(icetop=True)
TANKED_SENSORS = {r["omkey"]: r for r in TANKED.table().to_dicts()}
LINKS = st.sampled_from([(250.0, 1000.0), (75.0, 500.0), (200.0, 300.0, 50.0)])
CLUSTERED = st.lists(
    st.tuples(
        st.one_of(st.integers(9000, 13000).map(float), st.sampled_from([9500.0, 9600.0, math.nan])),
        st.sampled_from([*(omkey(*p) for p in NEAR), *UNKNOWN]),
    ),
    max_size=30,
)


def test_rt_veto_has_the_stored_charge_and_hits(shared_data):
    geometry = Geometry.read_parquet(shared_data / "geometry" / "icecube86.parquet")
    for name in ("genie_level3", "genie_level7", "noise_level3"):
        events = ic.scan_i3(shared_data / "i3" / "real" / f"oscNext_{name}_v02_first_5_frames.i3.gz")
        around = reco.select_doms(Pulses("TWRTVetoSeries"), "IC86EDC fiducial", exclude=True)
        events = reco.with_features(events, Around=around)
        events = reco.with_features(events, Cluster=reco.rt_veto(Pulses("Around", geometry)))
        events = reco.with_features(events, Q=reco.charge(Pulses("Cluster"))).collect()
        assert events["Q.total"].to_list() == events["IC2018_LE_L3_Vars.RTVeto250PE"].to_list()
        assert events["Q.n_hit_doms"].to_list() == events["IC2018_LE_L3_Vars.RTVeto250Hits"].to_list()


@settings(max_examples=60)
@given(
    CLUSTERED, LINKS, LINKS, LINKS, st.booleans(), st.booleans(), st.sampled_from([None, (-250.0, -100.0)])
)
def test_rt_veto_equals_its_slow_twin(pulses, ic_ic, dc_dc, ic_dc, itself, string_36, dust):
    event = [(t, float(i), k) for i, (t, k) in enumerate(pulses)]
    cluster = reco.rt_veto(
        Pulses("P", TANKED), ic_ic=ic_ic, dc_dc=dc_dc, ic_dc=ic_dc, string_36_as_deepcore=string_36,
        allow_self_coincidence=itself, dust_range=dust, members=("charge",),
    )  # fmt: skip
    links = {frozenset(("IC",)): ic_ic, frozenset(("DC",)): dc_dc, frozenset(("IC", "DC")): ic_dc}
    twin = naive.rt_veto(
        event, TANKED_SENSORS, links, self_coincidence=itself, string_36=string_36, dust=dust
    )
    assert set(frame([event]).select(cluster.struct.field("charge")).item()) == twin


@settings(max_examples=10)
@given(ODD_EVENTS)
def test_clusters_do_not_know_how_their_frame_is_stored(events):
    check_feature(reco.rt_veto(PULSES, members=("time", "charge", "omkey")), frame(events))


def test_of_clusters_of_one_size_the_first_in_time_is_the_veto():
    late = [(9500.0 + i, 1.0, omkey(1, 10 + i)) for i in range(2)]
    early = [(9000.0 + i, 2.0, omkey(60, 10 + i)) for i in range(2)]
    cluster = reco.rt_veto(PULSES, members=("charge",)).struct.field("charge")
    found = frame([late + early, [*late, (9502.0, 1.0, omkey(1, 12)), *early], [], None]).select(cluster)
    assert found.to_series().to_list() == [[2.0, 2.0], [1.0, 1.0, 1.0], [], None]


@pytest.mark.parametrize("name", ["genie_level3", "genie_level7", "noise_level3"])
def test_the_deepcore_veto_keeps_the_events_that_the_online_filter_kept(shared_data, name):
    file = shared_data / "i3" / "real" / f"oscNext_{name}_v02_first_5_frames.i3.gz"
    geometry = Geometry.read_parquet(shared_data / "geometry" / "icecube86.parquet")
    events = reco.with_features(ic.scan_i3(file), Veto=reco.deepcore_veto(Pulses("SRTInIcePulses", geometry)))
    kept, online = events.select("Veto.kept", "FilterMask.DeepCoreFilter_13.condition_passed").collect()
    assert kept.to_list() == online.to_list() == [True] * 5


def test_by_default_rt_veto_links_pulses_up_to_250_m_and_within_1000_ns():
    def linked(metres, time):
        columns = {"string": [1, 2], "om": [1, 1], "x": [0.0, metres], "y": [0.0] * 2, "z": [0.0] * 2}
        g = Geometry.from_columns(columns)
        cluster = reco.rt_veto(Pulses("P", g), members=("time",)).struct.field("time").list.len()
        return frame([[(1e4, 1.0, omkey(1, 1)), (1e4 + time, 1.0, omkey(2, 1))]]).select(cluster).item() == 2

    assert [linked(*link) for link in ((250.0, 999.0), (250.1, 0.0), (0.0, 1000.0))] == [True, False, False]
