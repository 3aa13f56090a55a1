"""`dataset.events`: whatever holds events is taken as a lazy frame."""

from __future__ import annotations

import polars as pl

from icecol.dataset.events import lazy_frame


class Scanned:
    """Something that is scanned, as a dataset is."""

    def __init__(self, table):
        self.table = table

    def scan(self):
        return self.table.lazy()


def test_frames_are_taken_as_they_are_and_a_dataset_is_scanned():
    table = pl.DataFrame({"a": [1, 2]})
    later = table.lazy().filter(pl.col("a") > 1)
    assert lazy_frame(later) is later
    for events in (table, Scanned(table)):
        assert isinstance(lazy_frame(events), pl.LazyFrame)
        assert lazy_frame(events).collect().equals(table)
