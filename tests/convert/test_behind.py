from __future__ import annotations

import threading

import pytest

from icecol.convert.behind import Behind


def test_calls_are_made_in_order_in_another_thread():
    done = []
    with Behind(lambda i: done.append((i, threading.get_ident()))) as later:
        for i in range(5):
            later(i)
    assert [i for i, _ in done] == list(range(5))
    assert threading.get_ident() not in {t for _, t in done}


def test_an_error_is_raised_at_the_next_call():
    def fail(_):
        msg = "disk full"
        raise OSError(msg)

    with Behind(fail) as later:
        later(1)
        with pytest.raises(OSError, match="disk full"):
            later(2)


def test_an_error_of_the_last_call_is_raised_at_the_end():
    def fail(_):
        msg = "disk full"
        raise OSError(msg)

    with pytest.raises(OSError, match="disk full"), Behind(fail) as later:
        later(1)


def test_an_error_outside_is_not_hidden_by_one_inside():
    def fail(_):
        msg = "disk full"
        raise OSError(msg)

    def both():
        with Behind(fail) as later:
            later(1)
            raise KeyError

    with pytest.raises(KeyError):
        both()
