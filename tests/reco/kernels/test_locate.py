"""`locate`, `first_pulses`, `append`: what every compiled loop does before and after its kernel."""

from __future__ import annotations

import numpy as np
from from_python import from_python
from hypothesis import given
from hypothesis import strategies as st

from icecol.detector.geometry import Geometry, omkey
from icecol.reco.kernels.append import append
from icecol.reco.kernels.first_pulses import first_pulses
from icecol.reco.kernels.locate import arrange, locate, longest, rises, row_of

append, arrange, locate, rises = from_python(append, arrange, locate, rises)
GEOMETRY = Geometry.from_columns(
    {
        "string": [3, 3, 7, 7, 7],
        "om": [1, 2, 1, 1, 4],
        "pmt": [0, 0, 0, 2, 1],
        **{c: np.arange(5.0) for c in "xyz"},
    }
)
KEYS = st.lists(st.builds(omkey, st.integers(0, 9), st.integers(0, 6), st.integers(0, 4)), max_size=30)


def plain_row(key):
    return next((i for i, k in enumerate(GEOMETRY.omkey) if k == key), -1)


@given(KEYS)
def test_the_row_of_a_sensor_is_where_the_geometry_has_it(keys):
    assert [row_of(np.int32(k), GEOMETRY.lookup) for k in keys] == [plain_row(k) for k in keys]


def test_strings_below_the_first_and_beyond_the_last_are_not_there():
    far = [omkey(-5, 1), omkey(2, 1), omkey(8, 1), omkey(32767, 255, 255), omkey(-32768, 0)]
    assert [row_of(np.int32(k), GEOMETRY.lookup) for k in far] == [-1] * 5


@given(KEYS, st.booleans())
def test_pulses_are_located_and_it_is_told_whether_all_are_there_in_order(keys, ordered):
    keys = np.array(sorted(keys) if ordered else keys, np.int32)
    rows = np.empty(keys.size, np.int32)
    fine = locate(keys, GEOMETRY.lookup, rows)
    assert rows.tolist() == [plain_row(k) for k in keys]
    assert fine == (bool((np.diff(keys) >= 0).all()) and -1 not in rows)
    assert rises(keys) == bool((np.diff(keys) >= 0).all())


@given(KEYS)
def test_pulses_are_arranged_by_sensor_without_those_that_are_not_there(keys):
    keys = np.array(keys, np.int32)
    rows = np.empty(keys.size, np.int32)
    found = arrange(keys, GEOMETRY.lookup, rows)
    expected = [j for j in np.argsort(keys, kind="stable") if plain_row(keys[j]) >= 0]
    assert found.tolist() == expected
    assert rows[: found.size].tolist() == [plain_row(keys[j]) for j in expected]


@given(KEYS)
def test_first_pulses_begin_the_runs_of_one_sensor(keys):
    keys = np.array(sorted(keys), np.int32)
    found = first_pulses(keys)
    assert found.tolist() == [*np.unique(keys, return_index=True)[1], keys.size]


def test_the_longest_event():
    assert longest(np.array([0, 3, 3, 10, 11])) == 7
    assert longest(np.array([0])) == 0


@given(st.lists(st.lists(st.floats(allow_nan=False), max_size=9), max_size=9))
def test_an_array_grows_by_what_is_appended(parts):
    flat, used = np.empty(0), 0
    for part in parts:
        size = flat.size
        used, flat = append(flat, used, np.array(part))
        assert flat.size == (size if used <= size else max(used, 2 * size))
    assert flat[:used].tolist() == [x for part in parts for x in part]
