from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from icecol.dataset.tables import Table, Tables

FRAME = pl.LazyFrame(
    {
        "K.a": [1.0, None, None, 4.0],
        "K.b": [None, None, 3.0, 5.0],
        "K.pdg_encoding": [14, None, -14, 12],
        "Corsika.primary_energy": [1.0, 2.0, 3.0, None],
        "Corsika.energy_loss": [None, None, None, 4.0],
    }
)


class Known:
    """What tables ask of a dataset."""

    simulation = pl.DataFrame({"source": ["a", "b"], "S.n": [5, None]})
    keys = ("Corsika", "K", "S")
    path = "here.icecol"

    def scan(self) -> pl.LazyFrame:
        return FRAME


@pytest.fixture
def tables():
    return Tables(Known())


def test_an_event_without_the_key_has_no_row_and_a_missing_member_is_nan(tables):
    assert np.array_equal(tables["K"]["a"], [1.0, np.nan, 4.0], equal_nan=True)
    assert np.array_equal(tables["K"]["b"], [np.nan, 3.0, 5.0], equal_nan=True)


def test_simulation_frames_have_a_row_per_file(tables):
    assert tables["S"]["n"].tolist() == [5]


def test_members_of_particles_have_the_names_of_tableio_as_well(tables):
    assert tables["K"]["type"].tolist() == [14, -14, 12]
    assert np.array_equal(tables["Corsika"]["energy"], [1.0, 2.0, 3.0, np.nan], equal_nan=True)
    assert "zenith" not in tables["Corsika"]


def test_rows_are_chosen_by_a_mask_and_of_these_again_by_number(tables):
    some = tables["K"][np.array([True, False, True])]
    assert isinstance(some, Table)
    assert some["pdg_encoding"].tolist() == [14, 12]
    assert some[np.array([1])]["a"].tolist() == [4.0]
    assert some[np.array([False, True])]["type"].tolist() == [12]


def test_unknown_keys_and_members_are_key_errors(tables):
    assert "K" in tables
    assert "I3CorsikaWeight" not in tables
    assert "a" in tables["K"]
    with pytest.raises(KeyError, match="Corsiko"):
        tables["Corsiko"]
    with pytest.raises(KeyError, match="did you mean 'pdg_encoding'"):
        tables["K"]["pdg_enc"]


def test_a_table_has_no_public_attribute_that_could_pass_for_a_column(tables):
    assert not [name for name in dir(tables["K"]) if not name.startswith("_")]
