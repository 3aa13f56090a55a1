from __future__ import annotations

import math
import sys

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.coordinates import LATITUDE, LONGITUDE, equatorial, mjd, utc
from icecol.errors import MissingDependencyError

EVENTS = pl.DataFrame(
    {
        "Fit.zenith": [2.301952, 0.842646, 2.299430],
        "Fit.azimuth": [3.503799, 0.734259, 0.947530],
        "I3EventHeader.start_time_utc_year": [2022, 2022, 2016],
        "I3EventHeader.start_time_utc_daq_time": [150919964052594113, 123828921853524946, 112012019883772887],
        "true.ra": [45.0, 45.0, 135.0],
        "true.dec": [41.8103, -41.8103, 41.8103],
    }
)
"""Centres of healpix pixels, and where IceTray puts them in the detector at the times of three events."""


def distance(frame):
    a, b = frame["Sky.dec"].to_numpy(), np.radians(frame["true.dec"].to_numpy())
    d = frame["Sky.ra"].to_numpy() - np.radians(frame["true.ra"].to_numpy())
    return np.degrees(
        2 * np.arcsin(np.sqrt(np.sin((a - b) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(d / 2) ** 2))
    )


@pytest.mark.parametrize(
    ("method", "within"), [("closed", 0.007), pytest.param("astropy", 0.0005, marks=pytest.mark.slow)]
)
def test_directions_in_the_sky_are_those_of_icetray(method, within):
    if method == "astropy":
        pytest.importorskip("astropy")
    found = ic.with_features(EVENTS, Sky=equatorial("Fit", method=method)).collect()
    assert (distance(found) < within).all()
    assert found["Sky.ra"].is_between(0, 2 * math.pi).all()


@pytest.mark.slow
def test_the_earth_has_turned_as_far_as_utc_says():
    """UT1, which differs by up to 0.9 s, has to be looked up."""
    pytest.importorskip("astropy")
    from astropy import units as u
    from astropy.coordinates import AltAz, EarthLocation, SkyCoord
    from astropy.time import Time

    found = EVENTS.select(equatorial("Fit", method="astropy").struct.unnest(), mjd())
    time = Time(found["mjd"].to_numpy(), format="mjd", scale="utc")
    time.delta_ut1_utc = 0.0
    here = EarthLocation(lon=LONGITUDE * u.rad, lat=LATITUDE * u.rad)
    sky = SkyCoord(ra=found["ra"].to_numpy() * u.rad, dec=found["dec"].to_numpy() * u.rad)
    back = sky.transform_to(AltAz(obstime=time, location=here))
    assert back.alt.rad == pytest.approx(math.pi / 2 - EVENTS["Fit.zenith"].to_numpy(), abs=1e-8)
    turned = back.az.rad - (math.pi / 2 - EVENTS["Fit.azimuth"].to_numpy() - LONGITUDE)
    assert np.angle(np.exp(1j * turned)) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("method", ["closed", "astropy"])
def test_no_direction_or_no_time_has_no_place_in_the_sky(method):
    if method == "astropy":
        pytest.importorskip("astropy")
    events = EVENTS.with_columns(
        pl.Series("Fit.zenith", [None, float("nan"), 1.0]),
        pl.Series("I3EventHeader.start_time_utc_year", [2022, 2022, None]),
    )
    found = events.select(s=equatorial("Fit", method=method))
    assert found["s"].null_count() == 3
    assert events.clear().select(s=equatorial("Fit", method=method)).height == 0
    late = events.select(s=equatorial("Fit", method=method)).slice(1)
    assert late["s"].null_count() == 2


@pytest.mark.parametrize("seed", range(2))
def test_the_closed_form_is_close_to_astropy_everywhere(seed):
    pytest.importorskip("astropy")
    rng = np.random.default_rng(seed)
    n = 200
    events = pl.DataFrame(
        {
            "Fit.zenith": np.arccos(rng.uniform(-1, 1, n)),
            "Fit.azimuth": rng.uniform(0, 2 * math.pi, n),
            "I3EventHeader.start_time_utc_year": rng.integers(2010, 2025, n),
            "I3EventHeader.start_time_utc_daq_time": rng.integers(0, 3 * 10**17, n),
        }
    )
    exact = ic.with_features(events, Sky=equatorial("Fit", method="astropy")).collect()
    closed = ic.with_features(events, Sky=equatorial("Fit")).collect()
    true = closed.with_columns(
        exact["Sky.ra"].degrees().alias("true.ra"), exact["Sky.dec"].degrees().alias("true.dec")
    )
    assert distance(true).max() < 0.01


def test_mjd_at_the_start_of_years_and_at_noon():
    years = pl.DataFrame({"t_utc_year": [2011, 2012, 2015, 2016, 2017], "t_utc_daq_time": [0] * 5})
    assert years.select(mjd("t")).to_series().to_list() == [55562, 55927, 57023, 57388, 57754]
    noon = years.with_columns(t_utc_daq_time=pl.lit(432_000_000_000_000 + 364 * 864_000_000_000_000))
    assert noon.select(mjd("t")).to_series().to_list() == [55926.5, 56291.5, 57387.5, 57752.5, 58118.5]


def test_utc_keeps_the_nanoseconds_and_is_the_time_of_the_header(tmp_path):
    frame = pl.DataFrame({"t_utc_year": [2016], "t_utc_daq_time": [112012019883772887]})
    assert frame.select(utc("t").dt.epoch("ns")).item() == 1_451_606_400_000_000_000 + 11_201_201_988_377_288
    ic.sim.write(tmp_path / "a.i3", ic.sim.events(3, seed=1))
    ds = ic.convert.i3(tmp_path / "a.i3", tmp_path / "a", jobs=1)
    both = (
        ds.scan()
        .select(utc(), pl.col("I3EventHeader.start_time").cast(pl.Datetime("ns")).alias("h"))
        .collect()
    )
    assert both["utc"].to_list() == both["h"].to_list()


def test_methods_that_are_not_there_are_explained(monkeypatch):
    with pytest.raises(ValueError, match="'closed' or 'astropy'; found 'exact'"):
        equatorial("Fit", method="exact")
    monkeypatch.setitem(sys.modules, "astropy.coordinates", None)
    with pytest.raises(MissingDependencyError, match=r"its extra \[coordinates\]"):
        equatorial("Fit", method="astropy")


def test_facts_know_the_unit(tmp_path):
    ic.sim.write(tmp_path / "a.i3", ic.sim.events(2, seed=1, noise=0))
    ds = ic.convert.i3(tmp_path / "a.i3", tmp_path / "a", jobs=1)
    sky = ic.with_features(ds.scan(), Sky=equatorial("MCPrimary"))
    assert (ic.facts(sky).unit("Sky.ra"), ic.facts(sky).unit("Sky.dec")) == ("rad", "rad")
