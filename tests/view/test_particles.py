from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import icecol as ic
from icecol.view.particles import MOST, kind_of, particles

BASE = {
    "x": 1.0,
    "y": 2.0,
    "z": 3.0,
    "zenith": 0.5,
    "azimuth": 1.0,
    "time": 9.0,
    "energy": 10.0,
    "length": math.nan,
}


def one(key="Fit", **members):
    """The particles of a key with these members."""
    return particles({f"{key}.{m}": v for m, v in {**BASE, **members}.items()}, {})


@given(st.floats(0, math.pi), st.floats(0, 2 * math.pi))
def test_direction_of_flight_is_that_of_icetray(zenith, azimuth):
    found = one(zenith=zenith, azimuth=azimuth)[0]
    flight = [found[f"d{axis}"] for axis in "xyz"]
    origin = [math.sin(zenith) * math.cos(azimuth), math.sin(zenith) * math.sin(azimuth), math.cos(zenith)]
    assert flight == pytest.approx([-v for v in origin], abs=1e-12)
    assert (found["zenith"], found["azimuth"]) == (zenith, azimuth)


def test_downgoing_flies_down():
    assert one(zenith=0.0)[0]["dz"] == -1.0


@pytest.mark.parametrize(
    ("shape", "pdg", "length", "span"),
    [
        ("InfiniteTrack", 0, math.nan, (None, None)),
        ("StartingTrack", 0, math.nan, (0.0, None)),
        ("StartingTrack", 0, 120.0, (0.0, 120.0)),
        ("StoppingTrack", 0, math.nan, (None, 0.0)),
        ("StoppingTrack", 0, 120.0, (-120.0, 0.0)),
        ("ContainedTrack", 0, 120.0, (0.0, 120.0)),
        ("MCTrack", 13, 120.0, (0.0, 120.0)),
        ("Null", 13, 120.0, (None, None)),
        ("Primary", 14, math.nan, (None, 0.0)),
        ("Null", -12, 50.0, (None, 50.0)),
        ("Primary", 2212, math.nan, (None, None)),
        ("Cascade", 0, math.nan, (0.0, 0.0)),
    ],
)
def test_where_a_particle_begins_and_ends(shape, pdg, length, span):
    found = one(shape=int(ic.ParticleShape[shape]), pdg_encoding=pdg, length=length)[0]
    assert (found["start"], found["stop"]) == span


@pytest.mark.parametrize("shape", list(ic.ParticleShape))
def test_every_shape_is_a_track_or_a_cascade(shape):
    cascades = {"Cascade", "CascadeSegment"}
    assert kind_of(shape, 0) == ("cascade" if shape.name in cascades else "track")
    assert kind_of(shape, 13) == ("cascade" if shape.name in cascades else "track")


def test_failed_fits_are_marked_and_those_without_position_left_out():
    assert [p["ok"] for s in (0, -1, 10, 50) for p in one(fit_status=s)] == [True, True, False, False]
    assert one(x=math.nan) == []
    assert one(y=None) == []
    point = one(zenith=math.nan, azimuth=math.nan)[0]
    assert (point["kind"], point["zenith"]) == ("cascade", None)


def test_what_is_not_known_is_none_and_speed_is_that_of_light():
    found = one(time=math.nan, energy=math.inf, speed=math.nan)[0]
    assert (found["time"], found["energy"], found["speed"]) == (None, None, ic.units.c)
    assert one(speed=0.2)[0]["speed"] == 0.2


@pytest.mark.parametrize(
    ("key", "truth"),
    [
        ("MCPrimary", True),
        ("I3MCTree", True),
        ("True_neutrino", True),
        ("MPEFit", False),
        ("SplineMPE", False),
    ],
)
def test_truth_is_known_by_its_name(key, truth):
    assert one(key)[0]["truth"] is truth


def test_lists_are_cut_to_the_highest_energies():
    n = MOST + 5
    lists = {f"I3MCTree.{m}": np.full(n, v) for m, v in BASE.items()}
    lists["I3MCTree.energy"] = np.arange(n, dtype="f8")
    lists["I3MCTree.pdg_encoding"] = np.full(n, 13, "i4")
    found = particles({}, lists)
    assert [p["energy"] for p in found] == list(range(n - 1, 4, -1))
    assert all(p["list"] and p["truth"] and p["name"] == "MuMinus" for p in found)
    assert particles({}, {**lists, "I3MCTree.x": None}) == []


def test_other_lists_with_directions_are_no_particles():
    assert particles({}, {f"I3PhotonSeriesMap.{m}": np.zeros(2) for m in BASE}) == []
