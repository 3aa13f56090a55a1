from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol import plot
from icecol.plot import skies

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("projection", ["mollweide", "aitoff"])
def test_right_ascension_grows_to_the_left_from_the_right_end(projection):
    events = pl.DataFrame({"S.ra": [1, 180, 359, None], "S.dec": [-10, 0, 80, None]}).select(
        pl.all().radians()
    )
    ax = plot.sky(events, "S", projection=projection, label="events")
    ax.figure.canvas.draw()
    drawn = np.degrees(ax.lines[-1].get_xydata())
    np.testing.assert_allclose(drawn, [[179, -10], [0, 0], [-179, 80]], atol=1e-9)
    assert ax.name == projection
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["Galactic plane", "events"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["60°", "120°", "180°", "240°", "300°"]
    np.testing.assert_allclose(np.degrees(ax.get_xticks()), [120, 60, 0, -60, -120])


def test_local_directions_are_turned_at_the_time_of_the_event():
    events = pl.DataFrame(
        {
            "Fit.zenith": [2.299430],
            "Fit.azimuth": [0.947530],
            "I3EventHeader.start_time_utc_year": [2016],
            "I3EventHeader.start_time_utc_daq_time": [112012019883772887],
        }
    )
    expected = ic.with_features(events, S=ic.coordinates.equatorial("Fit")).collect()
    x, dec = plot.sky(events, "Fit", plane=False).lines[-1].get_xydata()[0]
    assert (np.pi - x, dec) == pytest.approx((expected["S.ra"][0], expected["S.dec"][0]))


def test_the_galactic_plane_passes_the_center_and_the_anticenter():
    ra, dec = np.degrees(skies._galactic_plane([0, np.pi]))
    np.testing.assert_allclose([ra, dec], [[266.405, 86.405], [-28.936, 28.936]], atol=2e-3)
