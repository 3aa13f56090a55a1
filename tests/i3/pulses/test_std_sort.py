"""The compiled std::sort leaves equal keys as the plain one does."""

from __future__ import annotations

import naive_resolver as naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol.i3.pulses.std_sort import std_sort


def order_of(keys: list[float]) -> list[int]:
    index = np.arange(len(keys))
    std_sort(index, np.array(keys, np.float64), 0, len(keys))
    return index.tolist()


class Adversary:
    """A number that is fixed only when it must be, so that a quicksort with any pivot gets slow (McIlroy, 1999)."""

    solid = 0
    candidate: Adversary | None = None

    def __init__(self) -> None:
        self.value: int | None = None

    def __lt__(self, other: Adversary) -> bool:
        if self.value is None and other.value is None:
            pick = self if self is Adversary.candidate else other
            pick.value = Adversary.solid
            Adversary.solid += 1
        if self.value is None:
            Adversary.candidate = self
        elif other.value is None:
            Adversary.candidate = other
        if self.value is None:
            return False
        return other.value is None or self.value < other.value

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = None  # type: ignore[assignment]


def killer(n: int) -> list[float]:
    """Make keys that drive std::sort into its heap sort."""
    Adversary.solid, Adversary.candidate = 0, None
    items = [Adversary() for _ in range(n)]
    naive.std_sort(items)  # type: ignore[arg-type]
    return [float(n if item.value is None else item.value) for item in items]


@pytest.mark.parametrize("n", [0, 1, 2, 15, 16, 17, 18, 33, 100, 300, 1000, 2000])
def test_equal_times_are_ordered_as_by_the_plain_algorithm(n: int) -> None:
    rng = np.random.default_rng(n)
    for distinct in (1, 2, 5, 40, max(n // 3, 1), 10 * n + 1):
        for keys in (
            rng.integers(0, distinct, n),
            np.sort(rng.integers(0, distinct, n)),
            np.sort(rng.integers(0, distinct, n))[::-1],
            np.concatenate(
                [np.sort(rng.integers(0, distinct, n // 2)), rng.integers(0, distinct, n - n // 2)]
            ),
        ):
            assert order_of(keys.tolist()) == naive.std_sort(keys.tolist())


@pytest.mark.parametrize("n", [64, 500, 2000])
@pytest.mark.parametrize("ties", [1, 3])
def test_keys_that_defeat_the_pivot_are_ordered_by_the_same_heap_sort(monkeypatch, n: int, ties: int) -> None:
    keys = [float(int(k) // ties) for k in killer(n)]
    heaps = []
    plain = naive._heap_sort
    monkeypatch.setattr(naive, "_heap_sort", lambda *args: (heaps.append(1), plain(*args)))
    assert naive.std_sort(keys) == order_of(keys)
    assert heaps or ties > 1


def test_nan_among_the_keys_ends_with_every_pulse_once() -> None:
    rng = np.random.default_rng(7)
    for n in (5, 20, 100, 1500):
        for share in (0.05, 0.5, 1.0):
            keys = rng.integers(0, 20, n).astype(float)
            keys[rng.random(n) < share] = np.nan
            assert sorted(order_of(keys.tolist())) == list(range(n))


# -- the oracle itself ------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(allow_nan=False), max_size=200))
def test_sorting_sorts(keys):
    order = naive.std_sort(keys)
    assert sorted(order) == list(range(len(keys)))
    assert [keys[i] for i in order] == sorted(keys)


@given(st.lists(st.integers(0, 3).map(float), max_size=16))
def test_up_to_sixteen_equal_times_keep_their_order(keys):
    assert naive.std_sort(keys) == sorted(range(len(keys)), key=keys.__getitem__)


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        ([0.0] * 17, [8, 16, 15, 14, 13, 12, 11, 10, 9, 0, 7, 6, 5, 4, 3, 2, 1]),
        ([0.0, 1.0] * 10, [0, 2, 18, 4, 6, 16, 8, 10, 14, 12, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1]),
    ],
)
def test_more_than_sixteen_equal_times_are_ordered_as_by_libstdcxx(keys, order):
    assert naive.std_sort(keys) == order


def test_keys_that_defeat_the_pivot_are_sorted_by_heap(monkeypatch):
    called = []
    heap_sort = naive._heap_sort
    monkeypatch.setattr(naive, "_heap_sort", lambda *args: (called.append(args), heap_sort(*args)))
    keys = adversary(400)
    assert [keys[i] for i in naive.std_sort(keys)] == sorted(keys)
    assert called


def adversary(n):
    """Make keys whose median of three is always among the smallest."""
    half = n // 2
    keys = [0.0] * n
    for i in range(half):
        keys[i] = float(i + 1 if i % 2 == 0 else half + i + half % 2)
        keys[half + i] = float(2 * (i + 1))
    return keys


def test_nan_comes_last():
    assert naive.std_sort([2.0, float("nan"), 1.0]) == [2, 0, 1]
