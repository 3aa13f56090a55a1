"""What the Pole computed for two public realtime alerts, found again from their pulses."""

from __future__ import annotations

import polars as pl
import pytest

import icecol as ic
from icecol.convert.geometry import read_geometry

PULSES = {
    "event_HESE_2017-11-28.json": "SplitUncleanedInIcePulses",
    "138632_31747601.json": "SplitInIcePulses",
}
"""The series that the Pole gave to its filters, in each of the alerts."""


@pytest.fixture(scope="module")
def alerts(shared_data):
    """Events by file, and the surveyed positions in centimetres, which the Pole has as well."""
    folder = shared_data / "alerts"
    if not folder.is_dir():
        pytest.skip(f"no alerts at {folder}")
    table = read_geometry(shared_data / "i3" / "GCD_icecube86.i3.gz").table()
    geometry = ic.Geometry.from_columns(
        table.with_columns(pl.col("x", "y", "z").round(2))
    )  # of f32 in this file
    return {name: ic.scan_i3(folder / name).collect().lazy() for name in PULSES}, geometry


def with_hlc(events, key, geometry):
    """The events with the HLC pulses under `HLC`, and the handles on both series."""
    pulses = ic.Pulses(key, geometry)
    return ic.with_features(events, HLC=ic.reco.hlc_pulses(pulses)), pulses, pulses.named("HLC")


def both(events, pairs):
    """Values that were computed and values that are stored, in pairs."""
    row = events.select(*pairs, *pairs.values()).collect().row(0, named=True)
    return [row[c] for c in pairs], [row[c] for c in pairs.values()]


@pytest.mark.parametrize("name", PULSES)
@pytest.mark.parametrize("nominal", [True, False], ids=["nominal", "surveyed"])
def test_the_self_veto_decides_as_at_the_pole_at_the_same_vertex(alerts, name, nominal):
    events, geometry = alerts[0][name], ic.Geometry.nominal() if nominal else alerts[1]
    events, _, hlc = with_hlc(events, PULSES[name], geometry)
    events = ic.with_features(events, Veto=ic.reco.hese_veto(hlc))
    ours, poles = both(
        events, {"Veto.vetoed": "HESE_VHESelfVeto.value", "Veto.time": "HESE_VHESelfVetoVertexTime.value"}
    )
    assert ours == poles
    ours, poles = both(events, {f"Veto.{x}": f"HESE_VHESelfVetoVertexPos.{x}" for x in "xyz"})
    assert ours == pytest.approx(poles, rel=0, abs=2e-3 if nominal else 1e-9)


@pytest.mark.parametrize("name", PULSES)
def test_charges_are_those_of_the_pole(alerts, name):
    pulses = ic.Pulses(PULSES[name], ic.Geometry.nominal())
    vertex = pl.col("HESE_VHESelfVetoVertexTime.value").alias("Vertex.time")
    events = ic.with_features(
        alerts[0][name].with_columns(vertex),
        Q=ic.reco.homogenized_qtot(pulses),
        Causal=ic.reco.causal_qtot(pulses, vertex="Vertex"),
    )
    ours, poles = both(
        events, {"Q.value": "HESE_HomogenizedQTot.value", "Causal.value": "HESE_CausalQTot.value"}
    )
    assert ours == poles


def test_likelihoods_at_the_fits_of_the_pole_are_those_it_stored(alerts):
    name = "event_HESE_2017-11-28.json"
    events, _, hlc = with_hlc(alerts[0][name], PULSES[name], alerts[1])
    events = ic.with_features(
        events,
        Single=ic.reco.track_likelihood(hlc, track="HESE_SPEFitSingle", form="SPE1st"),
        SPE2=ic.reco.track_likelihood(hlc, track="HESE_SPEFit2", form="SPE1st"),
        Cascade=ic.reco.cascade_likelihood(hlc, vertex="HESE_CascadeLlhVertexFit", form="UPandel"),
    )
    stored = {
        "Single.logl": "HESE_SPEFitSingleFitParams.logl",
        "SPE2.logl": "HESE_SPEFit2FitParams.logl",
        "Cascade.logl": "HESE_CascadeLlhVertexFitParams.NegLlh",
    }
    ours, poles = both(events, stored)
    assert ours == pytest.approx(poles, rel=1e-9)
    ours, poles = both(events, {"Single.ndof": "HESE_SPEFitSingleFitParams.ndof"})
    assert ours == poles
