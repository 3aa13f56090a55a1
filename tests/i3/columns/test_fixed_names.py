"""Maps with the same names in all events are gathered as the generic columns have them (`columns.fixed_names`)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol.i3.archive import encode, new
from icecol.i3.archive.objects import record
from icecol.i3.classes import CLASSES
from icecol.i3.columns.compiler import compile_class
from icecol.i3.columns.fixed_names import Pattern, has_names, pattern


def form(blob: bytes, name: str = "I3MapStringDouble") -> Pattern | None:
    return pattern(compile_class(name, CLASSES[name].version, {}), blob)


def gather(found: Pattern, blobs: list[bytes]):
    size = np.array([len(b) for b in blobs])
    return found.gather(np.frombuffer(b"".join(blobs), np.uint8), np.cumsum(size) - size, size)


def double_map(values: dict[str, float]) -> bytes:
    return encode(new("I3MapStringDouble", values))


NAMES = st.lists(st.text("abcäß.", max_size=6), min_size=1, max_size=8, unique=True)


@settings(deadline=None)
@given(names=NAMES, n=st.integers(1, 5), data=st.data())
def test_values_of_maps_with_the_same_names_are_those_put_in(names, n, data):
    floats = st.floats(allow_nan=False)
    maps = [{name: data.draw(floats) for name in names} for _ in range(n)]
    blobs = [double_map(m) for m in maps]
    found = form(blobs[0])
    [(leaf, values)] = gather(found, blobs)
    assert leaf.name == "value"
    assert [name.decode() for name in found.names] == sorted(names, key=str.encode)
    expected = [[m[name.decode()] for m in maps] for name in found.names]
    assert values.tolist() == expected


def test_members_of_structures_are_gathered_each():
    result = record("I3FilterResult")(condition_passed=True, prescale_passed=False)
    blob = encode(new("I3FilterResultMap", {"b": result, "a": result}))
    found = gather(form(blob, "I3FilterResultMap"), [blob, blob])
    assert {leaf.name: values.tolist() for leaf, values in found} == {
        "condition_passed": [[1, 1], [1, 1]],
        "prescale_passed": [[0, 0], [0, 0]],
    }


@pytest.mark.parametrize(
    "other",
    [{"a": 1.0}, {"a": 1.0, "c": 2.0}, {"a": 1.0, "b": 2.0, "c": 3.0}, {}],
    ids=["fewer", "another", "more", "none"],
)
def test_maps_of_other_names_do_not_fit(other):
    found = form(double_map({"a": 1.0, "b": 2.0}))
    assert gather(found, [double_map({"a": 5.0, "b": 6.0}), double_map(other)]) is None


def test_a_map_without_names_has_no_pattern():
    assert form(double_map({})) is None


def test_any_changed_byte_but_a_value_is_seen():
    blob = double_map({"a": 1.0, "bb": 2.0})
    found = form(blob)
    values = {int(o) + len(blob) - found.fixed.size + k for o in found.offset for k in range(8)}
    for i in range(len(blob)):
        changed = bytearray(blob)
        changed[i] ^= 1
        assert (gather(found, [bytes(changed)]) is not None) == (i in values)


def test_only_maps_of_names_and_values_of_one_size_have_patterns():
    with_names = {name for name in CLASSES if has_names(name)}
    assert {"I3MapStringDouble", "I3MapStringInt", "I3MapStringBool", "I3FilterResultMap"} <= with_names
    assert not with_names & {
        "I3MapStringVectorDouble",
        "I3GENIEResultDict",
        "I3Particle",
        "I3RecoPulseSeriesMap",
    }
