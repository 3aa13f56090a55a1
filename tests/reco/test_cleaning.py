"""`cleaning`, `rt_cleaning`, `selection`: the pulses kept are those IceTray stored, and those of naive twins.

Their kernels are `classic_rt`, `seeded_rt`, `pulse_cuts`, `dynamic_time_window`.
"""

from __future__ import annotations

import math

import naive_cleaning as naive
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import interval_cleaning

from icecol import reco
from icecol.convert.live import scan_i3
from icecol.dataset.pulses import MEMBERS, Pulses
from icecol.detector.geometry import Geometry, omkey
from icecol.errors import GeometryError
from icecol.reco.testing import check_feature

PLACES = [
    *((36, om) for om in (19, 22, 39, 45, 46, 60)),
    *((79, om) for om in (10, 11, 40)),
    *((80, om) for om in (5, 12, 45)),
    *((26, om) for om in (1, 39, 45, 61)),
    *((84, om) for om in (30, 45, 60)),
]
GEOMETRY = Geometry.from_columns(
    Geometry.nominal(icetop=True).table().filter(pl.col("omkey").is_in([omkey(*p) for p in PLACES]))
)
SENSORS = {r["omkey"]: r for r in GEOMETRY.table().to_dicts()}
PULSES = Pulses("P", GEOMETRY)
KEYS = [*SENSORS, omkey(36, 61), omkey(90, 1)]

TIMES = st.one_of(
    st.integers(9000, 12000).map(float),
    st.sampled_from([9500.0, 9600.0, 10600.0, math.nan]),
    st.floats(9000, 11000),
)
CHARGES = st.one_of(st.floats(0, 50, width=32), st.sampled_from([0.25, 1.0, -0.5, math.nan]))
EVENT = st.lists(
    st.tuples(TIMES, CHARGES, st.sampled_from([1, 7, 4, 4]), st.sampled_from(KEYS)), max_size=16
).map(lambda event: sorted(event, key=lambda p: p[3]))


def frame(events, order=None) -> pl.DataFrame:
    """Make a pulse series of events; the width of a pulse is its place in its event."""
    rows = [None if e is None else [(*p, i) for i, p in enumerate(e)] for e in events]
    if order is not None:
        rows = [r and sorted(r, key=order) for r in rows]
    types = {
        "time": pl.Float64,
        "charge": pl.Float32,
        "flags": pl.UInt8,
        "omkey": pl.Int32,
        "width": pl.Float32,
    }
    return pl.DataFrame(
        {f"P.{m}": pl.Series([None if r is None else [p[k] for p in r] for r in rows], dtype=pl.List(t))
         for k, (m, t) in enumerate(types.items())}
    )  # fmt: skip


def kept(cleaned: pl.Expr, event, order=None) -> set[int]:
    """Return the places of the pulses that are kept of one event."""
    row = frame([event], order).select(cleaned.struct.unnest()).row(0, named=True)
    assert len({len(v) for v in row.values()}) == 1
    return {int(w) for w in row["width"]}


LINKS = st.sampled_from([(150.0, 1000.0), (75.0, 500.0), (200.0, 300.0, 50.0), (60.0, 700.0, 200.0)])


@settings(max_examples=90)
@given(EVENT, st.data())
def test_seeded_rt_equals_its_slow_twin(event, data):
    draw = data.draw
    ic, dc, mixed = draw(LINKS), draw(LINKS), draw(LINKS)
    procedure = draw(
        st.sampled_from(
            ["AllHLCHits", "HLCCoreHits", "AllCoreHits", "HLCCOGSTHits", "OMKeyHits", "FirstOMKeyHits"]
        )
    )
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4)) if "OMKey" in procedure else None
    threshold, iterations = draw(st.integers(0, 3)), draw(st.sampled_from([-1, 0, 1, 3]))
    allow_none, itself, string_36 = (draw(st.booleans()) for _ in range(3))
    dust = draw(st.sampled_from([None, (-150.0, 0.0), (-400.0, -200.0)]))
    pingu = draw(st.sampled_from([None, (84, 86)]))
    cleaned = reco.seeded_rt(
        PULSES,
        seed_procedure=procedure,
        n_hits_threshold=threshold,
        allow_no_seed_hits=allow_none,
        max_n_iterations=iterations,
        seeds=keys,
        ic_ic=ic,
        dc_dc=dc,
        ic_dc=mixed,
        pingu_strings=pingu,
        dc_pingu=ic,
        string_36_as_deepcore=string_36,
        allow_self_coincidence=itself,
        dust_range=dust,
    )
    links = {
        frozenset(("IC",)): ic,
        frozenset(("DC",)): dc,
        frozenset(("IC", "DC")): mixed,
        frozenset(("PINGU",)): dc,
        frozenset(("IC", "PINGU")): dc,
        frozenset(("DC", "PINGU")): ic,
    }
    twin = naive.seeded_rt(
        event,
        SENSORS,
        procedure,
        threshold=threshold,
        allow_none=allow_none,
        iterations=iterations,
        links=links,
        self_coincidence=itself,
        keys=keys,
        string_36=string_36,
        pingu=pingu,
        dust=dust,
    )
    assert kept(cleaned, event) == twin
    assert kept(cleaned, event, order=lambda p: -p[3]) == twin


def test_a_link_includes_the_radius_and_excludes_the_time():
    columns = {"string": [1, 2], "om": [1, 1], "x": [0.0, 150.0], "y": [0.0, 0.0], "z": [0.0, 0.0]}
    p = Pulses("P", Geometry.from_columns(columns))
    cleaned = reco.seeded_rt(p, seed_procedure="AllHLCHits")
    for t, both in ((999.0, {0, 1}), (1000.0, {0})):
        assert kept(cleaned, [(0.0, 1.0, 1, omkey(1, 1)), (t, 1.0, 4, omkey(2, 1))]) == both


def test_photomultipliers_of_a_module_are_linked_where_the_module_is():
    columns = {
        "string": [87, 87, 88],
        "om": [1, 1, 1],
        "pmt": [0, 5, 0],
        "x": [0.0, -9.0, 50.0],
        "y": [0.0] * 3,
    }
    p = Pulses("P", Geometry.from_columns({**columns, "z": [0.0] * 3}))
    event = [(0.0, 1.0, 1, omkey(87, 1, 5)), (9.0, 1.0, 1, omkey(87, 1, 0)), (9.0, 1.0, 0, omkey(88, 1, 0))]
    options = {"seed_procedure": "AllHLCHits", "pingu_strings": (87, 93)}
    assert kept(reco.seeded_rt(p, **options, pingu_pingu=(50.0, 100.0)), event) == {0, 1, 2}
    alone = reco.seeded_rt(
        p,
        seed_procedure="AllCoreHits",
        n_hits_threshold=1,
        allow_no_seed_hits=True,
        pingu_strings=(87, 93),
        pingu_pingu=(1.0, 100.0),
        allow_self_coincidence=False,
    )
    assert kept(alone, event) == set()


@given(EVENT, st.lists(st.booleans(), min_size=16, max_size=16))
def test_seeds_can_be_the_pulses_of_another_series(event, chosen):
    f = frame([event])
    some = [i for i, _ in enumerate(event) if chosen[i]]
    places = pl.lit(pl.Series([some], dtype=pl.List(pl.UInt32)))
    f = f.with_columns(pl.col(f"P.{m}").list.gather(places).alias(f"S.{m}") for m in MEMBERS)
    seeded = reco.seeded_rt(
        PULSES, seed_procedure="HitSeriesMapHitsFromFrame", seeds=PULSES.named("S"), max_n_iterations=0
    )
    found = {int(w) for w in f.select(seeded.struct.field("width")).item()}
    assert found == {i for i in some if event[i][3] in SENSORS and not math.isnan(event[i][0])}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed_procedure": "Brightest"}, "must be one of 'AllHLCHits'.*found 'Brightest'"),
        ({"seed_procedure": "OMKeyHits"}, "'OMKeyHits' takes omkeys as `seeds`; found nothing"),
        ({"seeds": [1]}, "'HLCCoreHits' takes nothing as `seeds`; found omkeys"),
        (
            {"seed_procedure": "HitSeriesMapHitsFromFrame", "seeds": [1]},
            "takes a pulse series as `seeds`; found omkeys",
        ),
    ],
)
def test_seeds_fit_the_procedure(options, message):
    with pytest.raises(ValueError, match=message):
        reco.seeded_rt(PULSES, **options)


@given(
    EVENT, st.sampled_from([0, 1, 2]), st.sampled_from([0.0, 50.0, 700.0]), st.sampled_from([100.0, 300.0])
)
def test_classic_rt_equals_its_slow_twin(event, multiplicity, width, radius):
    cleaned = reco.classic_rt(PULSES, radius, 400.0, multiplicity=multiplicity, use_width=width)
    assert kept(cleaned, event) == naive.classic_rt(event, SENSORS, radius, 400.0, multiplicity, width)
    anywhere = reco.classic_rt(PULSES, math.nan, 400.0, multiplicity=multiplicity, use_width=width)
    assert kept(anywhere, event) == naive.classic_rt(event, SENSORS, math.inf, 400.0, multiplicity, width)


def test_a_pulse_lasts_for_its_own_width():
    key = omkey(36, 45)
    event = [(0.0, 1.0, 1, key), *[(5e4 * k, 1.0, 1, key) for k in range(2, 600)]]
    near = kept(reco.classic_rt(PULSES, 1.0, 49_500.0), event)
    assert near == set(range(501, 599))


@given(EVENT, st.sampled_from([0.0, 100.0, 1000.0]), st.booleans())
def test_dynamic_time_window_equals_its_slow_twin(event, window, use_charge):
    event = [(t, abs(q) if math.isfinite(q) else 1.0, *rest) for t, q, *rest in event]
    event = [(t, float(round(q * 4)), *rest) for t, q, *rest in event]  # sums without rounding
    cleaned = reco.dynamic_time_window(PULSES, window, use_charge=use_charge)
    assert kept(cleaned, event) == naive.dynamic_time_window(event, window, use_charge=use_charge)


@given(EVENT)
def test_pulses_are_chosen_one_by_one(event):
    def those(test):
        return {i for i, p in enumerate(event) if test(*p)}

    assert kept(reco.hlc_pulses(PULSES), event) == those(lambda t, q, f, k: f & 1)
    assert kept(reco.slc_pulses(PULSES), event) == those(lambda t, q, f, k: not f & 1)
    assert kept(reco.charge_range(PULSES, min_charge=0.25, max_charge=9.0), event) == those(
        lambda t, q, f, k: 0.25 <= q <= 9
    )
    assert kept(reco.time_window(PULSES, min_time=9500, max_time=pl.lit(1e4)), event) == those(
        lambda t, q, f, k: 9500 < t < 1e4
    )
    assert kept(reco.time_window(PULSES, min_time=9500, max_time=pl.lit(None)), event) == set()
    some = {"omkeys": KEYS[:3], "strings": [79, 90]}
    wanted = those(lambda t, q, f, k: k in KEYS[:3] or k >> 16 in (79, 90))
    assert kept(reco.select_doms(PULSES, **some), event) == wanted
    assert kept(reco.select_doms(PULSES, **some, exclude=True), event) == set(range(len(event))) - wanted
    first = {i for i, p in enumerate(event) if i == 0 or event[i - 1][3] != p[3]}
    assert kept(reco.first_pulses(PULSES), event, order=lambda p: (p[3] % 7, p[4])) == first


@given(EVENT, st.booleans(), st.booleans())
def test_first_pulses_without_a_mask_are_the_earliest_with_all_charge(event, own, scattered):
    cleaned = reco.first_pulses(PULSES, use_mask=False, keep_only_first_charge=own)
    # sensors in any order, the pulses of each as they come
    table = frame([event], (lambda p: (p[3] % 7, p[4])) if scattered else None)
    row = table.select(cleaned.struct.unnest()).row(0, named=True)
    twin = naive.first_pulsifier(event, keep_only_first_charge=own)
    found = dict(zip((int(w) for w in row["width"]), row["charge"], strict=True))
    assert {k: repr(float(v)) for k, v in found.items()} == {k: repr(float(v)) for k, v in twin.items()}
    assert all(repr(t) == repr(event[i][0]) for i, t in zip(found, row["time"], strict=True))
    assert all(f == event[i][2] for i, f in zip(found, row["flags"], strict=True))


def test_first_pulses_keep_the_types_of_their_series():
    table = frame([[(2.0, 1.5, 1, KEYS[0]), (1.0, 2.5, 4, KEYS[0])], [], None])
    found = table.select(reco.first_pulses(PULSES, use_mask=False).struct.unnest())
    assert found.schema == {m: table.schema[f"P.{m}"] for m in MEMBERS}
    assert found["charge"].to_list() == [[4.0], [], None]
    times = reco.first_pulses(PULSES, use_mask=False, members=("time",))
    assert table.select(times.struct.unnest()).to_dict(as_series=False) == {"time": [[1.0], [], None]}
    none = table[1:].with_columns(pl.Series("P.charge", [[], None], dtype=pl.List(pl.Null)))
    charges = reco.first_pulses(PULSES, use_mask=False).struct.field("charge")
    assert none.select(charges).to_series().to_list() == [[], None]


@given(EVENT)
def test_delay_cleaning_keeps_what_comes_soon_after_the_first_light_nearby(event):
    there = [i for i, p in enumerate(event) if p[3] in SENSORS and not math.isnan(p[0])]
    event = [event[i] for i in there]
    first = {}
    for t, _, _, k in event:
        first.setdefault(k, t)

    def earliest(key):
        at = naive.place(SENSORS[key])
        return min(t for k, t in first.items() if math.dist(at, naive.place(SENSORS[k])) < 156.0)

    wanted = {i for i, p in enumerate(event) if p[0] <= earliest(p[3]) + 778.0}
    if len({event[i][3] for i in wanted}) < 2:
        wanted = set(range(len(event)))
    assert kept(reco.delay_cleaning(PULSES), event) == wanted


@given(EVENT, st.sampled_from([100.0, 500.0, 1500.0]), st.sampled_from([1, 3]))
def test_what_a_quiet_time_parts_from_the_brightest_sensor_is_left_out(event, interval, min_doms):
    event = [(t, q, f, k) for t, q, f, k in event if k in SENSORS and not math.isnan(t)]
    cleaned = reco.delay_cleaning(PULSES, time_interval=interval, min_doms=min_doms)
    # pulses by their places, so that two alike can be told apart
    place = {k: naive.place(s) for k, s in SENSORS.items()}
    twin = interval_cleaning([(t, q, k) for t, q, _, k in event], place, interval, min_doms)
    found = [event[i] for i in sorted(kept(cleaned, event))]
    assert repr([(t, q, k) for t, q, _, k in found]) == repr(twin)


def test_a_quiet_time_before_the_brightest_sensor_parts_nothing_from_it():
    far = [k for k in SENSORS if k >> 16 in (26, 79, 80, 84)][:3]
    for charges, remain in (([9.0, 1.0, 1.0], {0}), ([1.0, 9.0, 1.0], {0, 1}), ([1.0, 1.0, 9.0], {1, 2})):
        event = [(2e4 * i, q, 1, k) for i, (q, k) in enumerate(zip(charges, far, strict=True))]
        assert kept(reco.delay_cleaning(PULSES, distance=1.0, time_interval=1e4, min_doms=1), event) == remain
        assert kept(reco.delay_cleaning(PULSES, distance=1.0, time_interval=1e4, min_doms=3), event) == {
            0,
            1,
            2,
        }


def test_a_name_stands_for_a_set_of_sensors():
    fiducial = reco.dom_set("IC86EDC fiducial")
    assert fiducial.size == 12 * 22 + 8 * 50
    assert set(reco.dom_set("IC86 fiducial")) < set(fiducial)
    event = [(0.0, 1.0, 1, k) for k in SENSORS]
    assert kept(reco.select_doms(PULSES, "DeepCore"), event) == {
        i for i, k in enumerate(SENSORS) if k >> 16 >= 79
    }
    with pytest.raises(GeometryError, match=r"no DOM set 'Deepcore'.*; did you mean 'DeepCore'"):
        reco.select_doms(PULSES, "Deepcore")


def test_static_time_window_is_set_by_the_triggers_that_count():
    triggers = pl.DataFrame(
        {
            "I3TriggerHierarchy.time": [[6000.0, 100.0, 300.0, 0.0], [1.0], None, []],
            "I3TriggerHierarchy.config_id": [[None, 1011, 1010, 1006], [None], None, []],
        }
    )
    times = [0.0, 50.0, 51.0, 399.0, 400.0, 199.0, 200.0]
    f = frame([[(t, 1.0, 1, KEYS[0]) for t in times]] * 4).hstack(triggers)
    options = {"window_minus": 50.0, "window_plus": 100.0, "members": ("time",)}
    both = reco.static_time_window(PULSES, [1010, 1011], **options)
    first = reco.static_time_window(PULSES, [1010, 1011], first_trigger_only=True, **options)
    one = reco.static_time_window(PULSES, **options)
    found = reco.with_features(f, B=both, F=first, O=one).collect()
    assert found["O.time"].to_list() == [[399.0], [], None, []]
    assert found["B.time"].to_list() == [[51.0, 399.0, 199.0, 200.0], [], None, []]
    assert found["F.time"].to_list() == [[51.0, 199.0], [], None, []]


@pytest.mark.parametrize(
    "name", ["seeded_rt", "select_doms", "dynamic_time_window", "classic_rt", "first_pulses"]
)
@settings(max_examples=8)
@given(st.lists(st.one_of(st.none(), EVENT), min_size=1, max_size=6))
@pytest.mark.slow
def test_a_row_does_not_know_how_its_frame_is_stored(name, events):
    cleaned = {
        "seeded_rt": reco.seeded_rt(PULSES),
        "select_doms": reco.select_doms(PULSES, "DeepCore", members=("time", "omkey")),
        "dynamic_time_window": reco.dynamic_time_window(PULSES, 500.0),
        "classic_rt": reco.classic_rt(PULSES),
        "first_pulses": reco.first_pulses(PULSES, use_mask=False),
    }[name]
    found = check_feature(cleaned, frame(events)).struct.unnest()
    assert [row is None for row in found["time"]] == [e is None for e in events]


FILES = {
    "level3": "oscNext_genie_level3_v02",
    "level7": "oscNext_genie_level7_v02",
    "noise": "oscNext_noise_level3_v02",
    "upgrade": "upgrade_genie_step4_140028_000998",
}
DEEPCORE = {
    "seed_procedure": "AllHLCHits",
    "max_n_iterations": -1,
    "dc_dc": (75.0, 500.0),
    "string_36_as_deepcore": True,
    "allow_self_coincidence": False,
    "dust_range": (-150.0, 0.0),
}
WIDE = {"window_minus": 5000.0, "window_plus": 4000.0}
LEVEL2 = {
    "SRTInIcePulses": lambda p: reco.seeded_rt(p("SplitInIcePulses")),
    "SRTTWOfflinePulsesDC": lambda p: reco.static_time_window(p("SRTInIcePulses"), [1011], **WIDE),
    "TWOfflinePulsesDC": lambda p: reco.static_time_window(p("SplitInIcePulses"), [1011], **WIDE),
    "TWRTVetoSeries": lambda p: reco.static_time_window(
        p("SplitInIcePulses"), [1011], window_minus=5000.0, window_plus=0.0
    ),
    "TWOfflinePulses_FR_WIMP": lambda p: reco.static_time_window(
        p("SplitInIcePulses"),
        [1006, 1007, 1011, 21001],
        window_minus=4000.0,
        window_plus=6000.0,
        first_trigger_only=True,
    ),
    "RTTWOfflinePulses_FR_WIMP": lambda p: reco.seeded_rt(
        p("TWOfflinePulses_FR_WIMP"), seed_procedure="AllCoreHits", n_hits_threshold=1, max_n_iterations=0
    ),
}
LEVEL4 = {
    "L4_TWPulses": lambda p: reco.static_time_window(p("SplitInIcePulses"), [1010, 1011]),
    "L4_TWPulses_DCFid": lambda p: reco.select_doms(p("L4_TWPulses"), "IC86 fiducial"),
    "L4_TWPulses_DCFid_DTW200": lambda p: reco.dynamic_time_window(p("L4_TWPulses_DCFid"), 200.0),
    "L4_SRTTWPulses": lambda p: reco.seeded_rt(
        p("L4_TWPulses"), seed_procedure="AllHLCHits", max_n_iterations=-1, allow_self_coincidence=False
    ),
}
OF_UPGRADE = {
    "SplitIceCubePulsesSRT": lambda p: reco.seeded_rt(p("SplitIceCubePulses"), **DEEPCORE),
    "SplitIceCubePulsesTWSRT": lambda p: reco.static_time_window(p("SplitIceCubePulsesSRT"), [1011], **WIDE),
    # the links of the Upgrade are in no public configuration: these are those that give what is stored
    "SplitInIcePulsesSRT": lambda p: reco.seeded_rt(
        p("SplitInIcePulses"),
        **DEEPCORE,
        pingu_strings=(87, 93),
        pingu_pingu=(80.0, 200.0),
        dc_pingu=(100.0, 200.0),
    ),
    "SplitInIcePulsesTWSRT": lambda p: reco.static_time_window(
        p("SplitInIcePulsesSRT"), [1018], window_minus=2000.0, window_plus=2000.0
    ),
}
STORED = [
    *[(f, key) for f in ("level3", "level7", "noise") for key in LEVEL2],
    *[("level7", key) for key in LEVEL4],
    *[("upgrade", key) for key in OF_UPGRADE],
]


@pytest.fixture(scope="module")
def files(shared_data):
    """Return the frame and the geometry of each file, read once."""
    read = {}

    def file(name):
        if name not in read:
            kind = "icecube_upgrade" if name == "upgrade" else "icecube86"
            geometry = Geometry.read_parquet(shared_data / "geometry" / f"{kind}.parquet")
            path = shared_data / "i3" / "real" / f"{FILES[name]}_first_5_frames.i3.gz"
            read[name] = (
                scan_i3(path).select("^.*[Pp]uls.*$|^TWRT.*$|^I3TriggerHierarchy.*$").collect(),
                geometry,
            )
        return read[name]

    return file


@pytest.mark.parametrize(("file", "key"), STORED, ids=[f"{f}-{k}" for f, k in STORED])
def test_the_stored_series_is_reproduced_to_the_last_pulse(files, file, key):
    events, geometry = files(file)
    make = {**LEVEL2, **LEVEL4, **OF_UPGRADE}[key]
    found = reco.with_features(events, Made=make(lambda name: Pulses(name, geometry))).collect()
    for member in MEMBERS:
        assert found[f"Made.{member}"].equals(found[f"{key}.{member}"].alias(f"Made.{member}"))
    assert found.height == 5


def test_an_isolated_pulse_is_one_without_a_partner_whoever_asks(files):
    events, geometry = files("level3")
    p = Pulses("TWOfflinePulses_FR_WIMP", geometry)
    found = reco.with_features(events, Made=reco.classic_rt(p, use_width=0.0)).collect()
    assert found["Made.time"].equals(found["RTTWOfflinePulses_FR_WIMP.time"].alias("Made.time"))


def test_what_was_cleaned_is_a_series_like_any_other():
    events = frame([[(float(i), 1.0, 1, k) for i, k in enumerate(SENSORS)]])
    srt = PULSES.named("SRT")
    found = reco.with_features(events, F=reco.linefit(srt), SRT=reco.seeded_rt(PULSES), Q=reco.charge(srt))
    assert found.select("F.NHits", "Q.n_pulses").collect().row(0) == (17, 17)  # one is of IceTop
