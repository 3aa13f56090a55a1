"""`first_guesses`, `kernels.clast`, `dipole_fit`: first guesses agree with slow twins."""

from __future__ import annotations

import math

import naive_first_guesses as naive
import polars as pl
import pytest
from answers import near
from hypothesis import given, settings
from hypothesis import strategies as st
from random_events import EVENTS, GEOMETRY, PULSES, SENSORS, frame

from icecol import Geometry, Pulses, reco
from icecol.reco.first_guesses import DEEPCORE_ENERGY
from icecol.reco.testing import check_feature

CALM = st.lists(
    st.one_of(
        st.none(),
        st.lists(
            st.tuples(
                st.floats(9000, 12000),
                st.floats(0.125, 50, width=32),
                st.sampled_from(sorted(SENSORS)[::137]),
            ),
            max_size=14,
        ),
    ),
    min_size=1,
    max_size=6,
)


def rows(events, feature: pl.Expr) -> list[dict]:
    return frame(events).select(feature.struct.unnest()).to_dicts()


def agree(found: dict, expected: dict, rel: float = 1e-9) -> None:
    for name, value in expected.items():
        assert found[name] == near(value, rel=rel, abs=1e-7), name


@settings(max_examples=25)
@given(CALM, st.sampled_from([0, 1]), st.sampled_from([1.0, 0.5]))
def test_clast_agrees_with_its_slow_twin(events, option, power):
    feature = reco.clast(PULSES, amplitude_option=option, amplitude_weight=power)
    for row, event in zip(rows(events, feature), events, strict=True):
        if event is None:
            assert set(row.values()) == {None}
            continue
        expected = naive.clast(event, SENSORS, option=option, power=power)
        if row["fit_status"] == 0 and row["eval2"] - row["mineval"] < 1e-6 * row["eval2"]:
            expected = {k: v for k, v in expected.items() if k not in ("zenith", "azimuth")}
        sign = expected.pop("zenith", None), expected.pop("azimuth", None)
        agree(row, expected, rel=1e-7)
        if sign[0] is not None and not math.isnan(sign[0]):  # the sense may hang on rounding
            assert abs(math.cos(row["zenith"])) == pytest.approx(abs(math.cos(sign[0])), abs=1e-5)


DARK = CALM.map(
    lambda events: [
        e and [(t, q if q > 9 else math.nan if q > 8 else 0.0, k) for t, q, k in e] for e in events
    ]
)


@settings(max_examples=30)
@given(
    st.one_of(CALM, DARK),
    st.sampled_from([0.0, 1.0, -1.0]),
    st.sampled_from([0, 2]),
    st.sampled_from([0, 1, 3]),
)
def test_dipole_fit_agrees_with_its_slow_twin(events, power, step, least):
    feature = reco.dipole_fit(PULSES, min_hits=least, dipole_step=step, amp_weight_power=power)
    for row, event in zip(rows(events, feature), events, strict=True):
        if event is None:
            assert set(row.values()) == {None}
        else:
            expected = naive.dipole_fit(event, SENSORS, min_hits=least, power=power, step=step)
            if row["fit_status"] == 0 and (row["Magnet"] or 0.0) < 1e-9:
                continue  # nothing but rounding has a direction
            agree(row, expected)


def test_pairs_of_sensors_hit_at_one_time_are_those_of_std_sort():
    keys = sorted(SENSORS)[::97]
    event = [(1e4 + i % 3, 1.0, k) for i, k in enumerate(keys)]
    [row] = rows([event], reco.dipole_fit(PULSES))
    agree(row, naive.dipole_fit(event, SENSORS))


def test_the_largest_weight_is_that_of_all_pairs():
    here, there = sorted(SENSORS)[:2]
    places = GEOMETRY.table().filter(pl.col("omkey").is_in([here, there, here + 256 * 2]))
    same = places.with_columns(
        pl.when(pl.col("omkey") == here + 512).then(places["z"][0]).otherwise("z").alias("z")
    )
    event = [(1.0, 9.0, here), (2.0, 9.0, here + 512), (3.0, 1.0, there)]
    fit = reco.dipole_fit(Pulses("P", Geometry.from_columns(same)), min_hits=3, amp_weight_power=1.0)
    [row] = rows([event], fit)
    assert (row["MaxAmp"], row["AmpSum"], row["NPairs"]) == (9.0, 5.0, 1)


@pytest.mark.parametrize("feature", [reco.linefit, reco.dipole_fit, reco.improved_linefit])
def test_one_hit_does_not_converge_and_none_is_too_few(feature):
    one = [(1e4, 1.0, min(SENSORS))]
    assert [r["fit_status"] for r in rows([one, []], feature(PULSES, min_hits=1))] == [30, 20]
    assert [r["fit_status"] for r in rows([one, []], feature(PULSES, min_hits=0))] == [20, 20]


@given(EVENTS)
@settings(max_examples=20)
def test_odd_numbers_do_no_harm(events):
    for row, event in zip(rows(events, reco.clast(PULSES)), events, strict=True):
        assert row["fit_status"] in ((None,) if event is None else (0, 20))
    for row, event in zip(rows(events, reco.dipole_fit(PULSES)), events, strict=True):
        assert row["fit_status"] in ((None,) if event is None else (0, 20, 30))


def test_light_that_runs_down_a_string_makes_a_dipole_of_one():
    string = [s for s in SENSORS.values() if s["string"] == 36][:10]
    event = [(1e4 + 50.0 * i, 1.0, s["omkey"]) for i, s in enumerate(string)]
    [row] = rows([event], reco.dipole_fit(PULSES))
    assert row["Magnet"] == pytest.approx(1.0)
    assert (row["zenith"], row["NPairs"]) == (pytest.approx(0.0, abs=1e-7), 5)


def test_small_charges_count_as_one_in_the_tensor_alone():
    keys = sorted(SENSORS)[:4]
    small, whole = (
        [(1e4, q, k) for q, k in zip(charges, keys, strict=True)]
        for charges in ([0.5, 1.5, 1.0, 3.0], [1.0, 1.0, 1.0, 3.0])
    )
    [a, b] = rows([small, whole], reco.clast(PULSES, amplitude_option=0))
    [c, _] = rows([small, whole], reco.clast(PULSES))
    assert (a["x"], a["z"], a["energy"]) == (c["x"], c["z"], c["energy"])
    assert a["eval3"] != c["eval3"]
    [same, _] = rows([whole, whole], reco.clast(PULSES))
    assert b == same
    with pytest.raises(ValueError, match="amplitude_option must be 1"):
        reco.clast(PULSES, amplitude_option=2)


def test_the_energy_is_a_polynomial_of_the_charge():
    keys = sorted(SENSORS)[:4]
    [row] = rows([[(1e4, 25.0, k) for k in keys]], reco.clast(PULSES, energy=(1.0, 0.5, 0.25, 0, 0, 0)))
    assert row["energy"] == pytest.approx(10 ** (1 + 0.5 * 2 + 0.25 * 4))


@pytest.mark.parametrize(
    "feature", [reco.clast(PULSES), reco.dipole_fit(PULSES)], ids=["clast", "dipole_fit"]
)
def test_a_row_depends_on_itself_alone(feature):
    keys = sorted(SENSORS)[::211]
    events = [[(1e4 + 40.0 * i * k % 977, 1.0 + i, keys[i]) for i in range(k)] for k in range(12)]
    check_feature(feature, frame([None, *events]))


@pytest.mark.parametrize(
    "name", ["oscNext_genie_level7_v02", "oscNext_genie_level3_v02", "oscNext_noise_level3_v02"]
)
def test_stored_cascades_and_dipoles_are_made_again(shared_data, name):
    from icecol import scan_i3

    geometry = Geometry.read_parquet(shared_data / "geometry" / "icecube86.parquet")
    pulses = Pulses("SRTTWOfflinePulsesDC", geometry)
    table = reco.with_features(
        scan_i3(shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz"),
        C=reco.clast(pulses, energy=DEEPCORE_ENERGY),
        D=reco.dipole_fit(pulses),
    ).collect()
    stored = {"C": ("CascadeLast_DC", "CascadeLast_DCParams"), "D": ("DipoleFit_DC", "DipoleFit_DCParams")}
    exact = {"C": {"x", "y", "z", "time", "energy", "fit_status"}, "D": set(table.columns)}
    n = 0
    for ours, keys in stored.items():
        for column in [c.removeprefix(f"{ours}.") for c in table.columns if c.startswith(f"{ours}.")]:
            for theirs in [f"{k}.{column}" for k in keys if f"{k}.{column}" in table.columns]:
                rel = 0.0 if column in exact[ours] or ours == "D" else 1e-12
                for a, b in table.select(f"{ours}.{column}", theirs).iter_rows():
                    assert a == near(b, rel=rel, abs=0), theirs
                    n += 1
    assert n >= 5 * 20
    assert len(GEOMETRY) == 5160
