from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol import plot
from icecol.errors import MissingColumnError

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def sample():
    return ic.sim.events(12, seed=4)


def collections(ax):
    """Sensors and light."""
    return ax.collections[0], ax.collections[1]


def test_every_hit_dom_is_drawn_by_charge_and_first_time(sample):
    row = sample.to_polars().row(2, named=True)
    ax = plot.event(sample, event=2, pulses="InIcePulses")
    sensors, light = collections(ax)
    assert len(sensors._offsets3d[0]) == 5160
    first, charge = {}, {}
    for key, t, q in zip(*(row[f"InIcePulses.{m}"] for m in ("omkey", "time", "charge")), strict=True):
        first[key] = min(first.get(key, np.inf), t)
        charge[key] = charge.get(key, 0.0) + q
    keys = sorted(first)
    at = sample.geometry.rows(np.array(keys))
    assert np.array_equal(light._offsets3d[0], sample.geometry.x[at])
    assert np.array_equal(light._offsets3d[2], sample.geometry.z[at])
    assert light.get_array().tolist() == pytest.approx([first[key] for key in keys])
    assert light.get_sizes().tolist() == pytest.approx([9 * max(charge[key], 0.1) ** 0.64 for key in keys])
    early, late = light.cmap(0.0), light.cmap(1.0)
    assert early[0] > 2 * early[2]
    assert late[2] > 2 * late[0]
    assert ax.get_title() == "run 1, event 2 · InIceSplit 0"


def test_tracks_lie_on_their_line_and_in_the_box(sample):
    row = sample.to_polars().row(1, named=True)
    ax = plot.event(sample, event=1)
    place = np.array([row[f"MCPrimary.{axis}"] for axis in "xyz"])
    zenith, azimuth = row["MCPrimary.zenith"], row["MCPrimary.azimuth"]
    flight = -np.array([np.sin(zenith) * np.cos(azimuth), np.sin(zenith) * np.sin(azimuth), np.cos(zenith)])
    assert [line.get_label() for line in ax.lines] == ["MCPrimary", "MCMostEnergeticTrack"]
    ends = np.array(ax.lines[0].get_data_3d()).T
    assert np.linalg.norm(np.cross(ends - place, flight), axis=1).max() < 1e-6
    assert (ends[1] - ends[0]) @ flight > 100
    for i, limits in enumerate((ax.get_xlim(), ax.get_ylim(), ax.get_zlim())):
        assert ends[:, i].min() >= limits[0] - 1e-6
        assert ends[:, i].max() <= limits[1] + 1e-6


def test_particles_can_be_chosen(sample):
    ax = plot.event(sample, event=2, particles=["MCPrimary"])
    assert [line.get_label() for line in ax.lines] == ["MCPrimary"]
    assert plot.event(sample, event=2, particles=[]).lines[:] == []
    with pytest.raises(MissingColumnError, match="no particle 'MCPrimery'; did you mean 'MCPrimary'"):
        plot.event(sample, event=2, particles=["MCPrimery"])


def test_events_without_light_and_sensors_without_position_are_drawn(sample, tmp_path):
    table = sample.to_polars()[2:3]
    empty = table.with_columns(pl.col("^SRTInIcePulses.*$").list.head(0))
    assert len(plot.event(empty).collections) == 1
    half = ic.Geometry.from_columns(sample.geometry.table().filter(pl.col("string") <= 1))
    ax = plot.event(table, gcd=half)
    assert plot.save(ax, tmp_path / "event.png").stat().st_size > 5000


def test_axes_that_are_given_are_used(sample):
    from matplotlib.figure import Figure

    ax = Figure().add_subplot(projection="3d")
    assert plot.event(sample, ax) is ax
