"""`inertia` and `kernels.tensor_of_inertia` agree with a slow twin, and with what inertia is."""

from __future__ import annotations

import math

import naive
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_events import EVENT, EVENTS, KEYS, PULSES, SENSORS, UNKNOWN, assert_same, frame

from icecol import reco
from icecol.reco.testing import check_feature


def axis(row) -> np.ndarray:
    zenith, azimuth = row["zenith"], row["azimuth"]
    return -np.array(
        [math.sin(zenith) * math.cos(azimuth), math.sin(zenith) * math.sin(azimuth), math.cos(zenith)]
    )


@given(
    st.lists(
        st.tuples(st.floats(9000, 12000), st.floats(0.125, 300, width=32), st.sampled_from(KEYS + UNKNOWN)),
        max_size=14,
    )
)
def test_tensor_of_inertia_agrees_with_its_slow_twin(event):
    row = frame([event]).select(reco.tensor_of_inertia(PULSES).struct.unnest()).to_dicts()[0]
    twin = naive.tensor_of_inertia(event, SENSORS)
    assert list(row) == list(twin)
    assert row["fit_status"] == twin["fit_status"]
    if twin["fit_status"]:
        assert_same(row, twin, event)
        return
    size = twin["eval3"]
    for name in ("mineval", "eval2", "eval3"):
        assert row[name] == pytest.approx(twin[name], rel=1e-12, abs=1e-12 * size)
    for name in ("x", "y", "z", "time"):
        assert row[name] == pytest.approx(twin[name], rel=1e-12, abs=1e-9)
    assert row["evalratio"] == pytest.approx(twin["evalratio"], abs=1e-12)
    assume((twin["eval2"] - twin["mineval"]) / size > 1e-6)
    a, b = (axis(r) for r in (row, twin))
    assert abs(a @ b) == pytest.approx(1, abs=1e-9)


@given(
    st.lists(
        st.tuples(st.floats(9000, 12000), st.floats(0.125, 300, width=32), st.sampled_from(KEYS)),
        min_size=4,
        max_size=14,
        unique_by=lambda pulse: pulse[2],
    )
)
def test_the_axes_of_inertia_are_at_right_angles_and_those_of_its_eigenvalues(event):
    found = frame([event, event[:2]]).select(reco.tensor_of_inertia(PULSES, axes=True).struct.unnest())
    row, few = found.to_dicts()
    plain = frame([event]).select(reco.tensor_of_inertia(PULSES).struct.unnest()).to_dicts()[0]
    assert {k: v for k, v in row.items() if k in plain} == plain
    assert {few[f"{m}{k}"] for m in ("zenith", "azimuth") for k in (2, 3)} == {None}
    axes = [axis({m: row[f"{m}{k}"] for m in ("zenith", "azimuth")}) for k in ("", 2, 3)]
    np.testing.assert_allclose(np.array(axes) @ np.transpose(axes), np.eye(3), atol=1e-7)
    r = np.array([[SENSORS[k][c] for c in "xyz"] for _, _, k in event]) - [row[c] for c in "xyz"]
    q = np.array([q for _, q, _ in event])
    for name, e in zip(
        ("mineval", "eval2", "eval3"), axes, strict=True
    ):  # the moment of inertia around the axis
        around = (q * ((r * r).sum(1) - (r @ e) ** 2)).sum() / q.sum()
        assert row[name] == pytest.approx(around, rel=1e-6, abs=1e-7 * row["eval3"])


@given(st.lists(EVENT, min_size=1, max_size=4))
def test_tensor_of_inertia_survives_any_charge(events):
    found = frame(events).select(reco.tensor_of_inertia(PULSES).struct.unnest()).to_dicts()
    for row, event in zip(found, events, strict=True):
        q = [q for _, q, k in event if k in SENSORS]
        if not sum(q) or not np.isfinite(q).all():
            assert row["time"] is None or not math.isfinite(row["time"])
        n_doms = len(naive.by_dom(event, SENSORS))
        assert row["fit_status"] == (20 if n_doms < 3 else 0)
        assert (row["mineval"] is None) == (n_doms < 3)


@pytest.mark.parametrize("axes", [False, True])
@settings(max_examples=12)
@given(EVENTS)
@pytest.mark.slow
def test_a_row_does_not_know_how_its_frame_is_stored(axes, events):
    check_feature(reco.tensor_of_inertia(PULSES, axes=axes), frame(events))
