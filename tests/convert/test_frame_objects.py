"""A feature is the same frame objects whether a tray or `to_i3` puts it into a frame, and those that IceTray stores."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.convert.frame_objects import leaves, object_maker
from icecol.errors import SchemaError
from icecol.i3.archive import decode, encode, new
from icecol.i3.frames.frame import Frame

r = ic.reco
KEY = "Few"
TRACK: dict[str, Any] = {"track": "Track"}

FEATURES: dict[str, dict[str, Any]] = {
    "cascade_fit": {"seed": "Cascade", "max_calls": 50},
    "cascade_likelihood": {"vertex": "Cascade"},
    "causal_qtot": {"vertex": "Cascade"},
    "charge": {},
    "charge_range": {"min_charge": 0.5},
    "cherenkov": TRACK,
    "classic_rt": {},
    "clast": {},
    "common_variables": TRACK,
    "containment": {"vertex": "Cascade"},
    "containment_size": TRACK,
    "cramer_rao": TRACK,
    "cylinder_size": TRACK,
    "deepcore_veto": {},
    "delay_cleaning": {},
    "dipole_fit": {},
    "direct_hits": {**TRACK, "window": "C"},
    "dom_summary": {},
    "dynamic_time_window": {},
    "fill_ratio": {"vertex": "Cascade"},
    "fill_ratio_lite": {"vertex": "Cascade"},
    "finite_reco": TRACK,
    "fired": {"config_id": 1006},
    "first_pulses": {},
    "hese_veto": {"vertex_threshold": 3.0},
    "hit_multiplicity": {},
    "hit_statistics": {},
    "hlc_pulses": {},
    "homogenized_qtot": {},
    "i3_veto": {},
    "i3cuts": TRACK,
    "improved_linefit": {},
    "layer_veto": {},
    "linefit": {},
    "mpe_fit": {"seed": "Track", "max_calls": 50},
    "muon_energy": TRACK,
    "opening_angle": {"a": "Track", "b": "Cascade"},
    "paraboloid": {**TRACK, "max_calls": 50},
    "rt_veto": {},
    "seeded_rt": {},
    "select_doms": {"strings": [36, 86]},
    "slc_pulses": {},
    "smt": {},
    "spe_fit": {"seed": "Track", "max_calls": 50},
    "static_time_window": {"config_ids": (1006,)},
    "string_trigger": {},
    "tensor_of_inertia": {"axes": True},
    "time_characteristics": {},
    "time_window": {"min_time": 0.0, "max_time": 1e5},
    "track_characteristics": TRACK,
    "track_likelihood": TRACK,
    "truncated_energy": TRACK,
    "volume_trigger": {},
}
"""All features that make one object of an event, with what they ask for."""
NO_SUCH: set[str] = {
    *("dom_set", "event_expr", "explode_subevents", "kernel", "with_features"),  # no features
    "topological_split",  # several objects
}
CLASSES = {
    "clast": ("I3Particle", "I3CLastFitParams"),
    "cramer_rao": ("CramerRaoParams",),
    "charge_range": ("I3RecoPulseSeriesMap",),
    "direct_hits": ("I3DirectHitsValues",),
    "dipole_fit": ("I3Particle", "I3DipoleFitParams"),
    "dom_summary": ("I3MapStringVectorDouble",),
    "fill_ratio": ("I3FillRatioInfo",),
    "finite_reco": ("I3Particle", "I3FiniteCuts"),
    "fired": ("I3Bool",),
    "hit_multiplicity": ("I3HitMultiplicityValues",),
    "hit_statistics": ("I3HitStatisticsValues",),
    "homogenized_qtot": ("I3Double",),
    "i3_veto": ("I3Veto",),
    "linefit": ("I3Particle", "I3LineFitParams"),
    "muon_energy": ("I3MapStringDouble",),
    "opening_angle": ("I3Double",),
    "paraboloid": ("I3Particle", "I3ParaboloidFitParams"),
    "spe_fit": ("I3Particle", "I3LogLikelihoodFitParams"),
    "tensor_of_inertia": ("I3Particle", "I3Particle", "I3Particle", "I3TensorOfInertiaFitParams"),
    "time_characteristics": ("I3TimeCharacteristicsValues",),
    "track_characteristics": ("I3TrackCharacteristicsValues",),
}


class Sample(NamedTuple):
    gcd: Path
    events: Path
    dataset: Any


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Simulated events, of which some have no pulse, some one, two or five, with a track and a vertex."""
    folder = tmp_path_factory.mktemp("objects")
    gcd, raw, path = folder / "GCD.i3.gz", folder / "raw.i3.zst", folder / "events.i3.zst"
    ic.sim.write(raw, ic.sim.events(16, seed=2), gcd=gcd)

    def few(frame: Frame) -> None:
        n = (0, 1, 2, 5, 10**6, 10**6)[frame["I3EventHeader"].event_id % 6]
        pulses = frame.pulses("SplitInIcePulses")
        frame[KEY] = ic.tray.pulse_mask(frame, "SplitInIcePulses", np.arange(len(pulses)) < n)

    tray = ic.Tray().add(ic.tray.read([gcd, raw])).add(few)
    tray.add(r.linefit, pulses=KEY, output="Track").add(r.clast, pulses=KEY, output="Cascade")
    tray.add(ic.tray.write(path, stops="QP")).run()
    return Sample(gcd, path, ic.convert.i3(path, folder / "events.icecol", gcd=gcd, jobs=1))


def made(frames: Iterator[Frame], output: str) -> list[dict[str, bytes]]:
    return [
        {key[len(output) :]: frame.raw(key) for key in sorted(frame.own_keys()) if key.startswith(output)}
        for frame in frames
        if frame.stop == "P"
    ]


def test_every_feature_is_tried() -> None:
    features = {name for name in r.__all__ if inspect.isfunction(getattr(r, name))}
    assert features - NO_SUCH == FEATURES.keys()


class Both(NamedTuple):
    """What each feature becomes in the frames of a selection, and in those of a tray."""

    selected: dict[str, list[dict[str, bytes]]]
    trayed: dict[str, list[dict[str, bytes]]]


@pytest.fixture(scope="module")
def both(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Both:
    made_of, names = {}, {name: f"Made{i:02}" for i, name in enumerate(FEATURES)}
    for name, output in names.items():
        feature, parameters = getattr(r, name), dict(FEATURES[name])
        asks = inspect.signature(feature).parameters
        if "geometry" in asks:
            parameters["geometry"] = sample.dataset.geometry
        pulses = {"pulses": sample.dataset.pulses(KEY)} if "pulses" in asks else {}
        made_of[output] = feature(*pulses.values(), **parameters)
    events = ic.with_features(sample.dataset.scan(), **made_of).collect()
    path = tmp_path_factory.mktemp("both") / "selected.i3"
    ic.convert.to_i3(events, sample.events, path, features=list(made_of))
    tray = ic.Tray().add(ic.tray.read([sample.gcd, sample.events]))
    for output, expression in made_of.items():
        tray.add(expression, output=output, name=output)
    selected, trayed = list(ic.open_i3(path)), list(tray)
    return Both(*({name: made(iter(f), o) for name, o in names.items()} for f in (selected, trayed)))


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.slow
def test_a_tray_and_a_selection_give_the_same_objects(both: Both, name: str) -> None:
    selected = both.selected[name]
    assert both.trayed[name] == selected
    assert len(selected) == 16
    assert sum(map(bool, selected)) > 4
    if name in CLASSES:
        whole = selected[4]  # has all its pulses
        assert tuple(decode(blob).i3class for blob in whole.values()) == CLASSES[name]


@pytest.mark.parametrize("name", ["linefit", "seeded_rt"])
@pytest.mark.slow
def test_a_feature_by_its_name_gives_them_too(sample: Sample, name: str) -> None:
    feature = getattr(r, name)
    source = ic.tray.read([sample.gcd, sample.events])
    by_name = ic.Tray().add(source).add(feature, pulses=KEY, output="Made")
    by_hand = ic.Tray().add(source).add(feature(sample.dataset.pulses(KEY)), output="Made")
    assert made(iter(by_name), "Made") == made(iter(by_hand), "Made")


# -- as IceTray ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["oscNext_genie_level3_v02", "oscNext_genie_level7_v02"])
def test_fits_are_stored_as_icetray_stores_them(shared_data: Path, name: str) -> None:
    path = shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz"
    truth = json.loads((shared_data / "truth" / "icetray" / name / "reco.json").read_text())["frames"]
    gcd = ic.Geometry.read_parquet(shared_data / "geometry" / "icecube86.parquet")
    keys = sorted(
        {fit.removeprefix("LF_") for event in truth for fit in event["fits"] if fit.startswith("LF_")}
    )
    keys = [key for key in keys if not key.endswith("Params")]
    tray = ic.Tray().add(path)
    for key in keys:
        tray.add(r.linefit, pulses=key, output=f"LF_{key}", gcd=gcd)
        tray.add(r.tensor_of_inertia, pulses=key, output=f"TOI_{key}", gcd=gcd, axes=True)
    failed = fitted = 0
    physics = [frame for frame in tray if frame.stop == "P"]
    for frame, event in zip(physics, truth, strict=True):
        for fit, stored in event["fits"].items():
            if fit.startswith(("LF_", "TOI_")) and "fit_status" in stored and fit in frame:
                found = frame[fit]
                assert (found.fit_status, found.shape) == (stored["fit_status_int"], stored["shape_int"])
                assert found.speed == pytest.approx(stored["speed"], rel=1e-6)
                assert (f"{fit}Params" in frame) == (f"{fit}Params" in event["fits"])
                assert math.isnan(found.pos.x) == math.isnan(stored["x"])
                failed += found.fit_status != 0
                fitted += found.fit_status == 0
    assert failed > 3
    assert fitted > 30


NAN = math.nan
PLACE = dict.fromkeys(("x", "y", "z", "time", "zenith", "azimuth"), pl.Float64)
LIKELIHOOD = {"logl": pl.Float64, "rlogl": pl.Float64, "ndof": pl.Int32, "nmini": pl.Int32}


def test_what_is_missing_is_nan_where_icetray_has_nan() -> None:
    found = object_maker("Fit", {**PLACE, "fit_status": pl.Int32})({**dict.fromkeys(PLACE), "fit_status": 20})
    assert (found["Fit"].fit_status, found["Fit"].shape) == (20, 0)
    assert all(map(math.isnan, (found["Fit"].pos.x, found["Fit"].dir.zenith, found["Fit"].time)))
    members = [
        "cog_x", "cog_y", "cog_z", "cog_z_sigma", "min_pulse_time", "max_pulse_time", "q_max_doms", "q_tot_pulses",
        "z_min", "z_max", "z_mean", "z_sigma", "z_travel",
    ]  # fmt: skip
    make = object_maker("H", dict.fromkeys(members, pl.Float64))
    nothing, dark = (
        make({**dict.fromkeys(members), "q_tot_pulses": 0.0})["H"],
        make(dict.fromkeys(members, 0.0))["H"],
    )
    assert nothing.i3class == "I3HitStatisticsValues"
    assert all(map(math.isnan, (nothing.cog.x, nothing.cog.y, nothing.cog.z)))
    assert all(math.isnan(getattr(nothing, member)) for member in members[3:])
    assert dark.q_tot_pulses == 0.0
    assert make(dict.fromkeys(members)) == {}


@pytest.mark.parametrize(
    ("status", "shape"),
    [(0, "InfiniteTrack"), (10, "Null"), (20, "Null"), (30, "InfiniteTrack"), (40, "Null")],
)
def test_a_likelihood_fit_that_did_not_converge_keeps_its_shape(status: int, shape: str) -> None:
    make = object_maker("SPEFit", {**PLACE, "fit_status": pl.Int32, **LIKELIHOOD})
    values = dict.fromkeys(PLACE, NAN if status else 1.0)
    found = make({**values, "fit_status": status, "logl": NAN, "rlogl": NAN, "ndof": -1, "nmini": -1})
    assert list(found) == ["SPEFit", "SPEFitFitParams"]
    fit = decode(encode(found["SPEFit"]))
    assert (fit.shape.name, fit.fit_status, fit.speed) == (shape, status, 0.299792458)
    params = found["SPEFitFitParams"]
    assert (params.i3class, params.ndof, params.nmini) == ("I3LogLikelihoodFitParams", -1, -1)
    cascade = object_maker("C", {**PLACE, "energy": pl.Float64, **LIKELIHOOD})
    made = cascade(
        {**dict.fromkeys(PLACE, 1.0), "energy": 7.0, "logl": 1.0, "rlogl": 1.0, "ndof": 1, "nmini": 1}
    )
    assert decode(encode(made["C"])).shape.name == "Cascade"


def test_a_fit_without_a_status_has_one_by_its_numbers() -> None:
    types = {m: dtype for m, dtype in PLACE.items() if m != "time"}
    make = object_maker("Fit", PLACE)
    assert [make(dict.fromkeys(PLACE, v))["Fit"].fit_status for v in (1.0, NAN)] == [0, 10]
    (fit,) = object_maker("Fit", types)(dict.fromkeys(types, 1.0)).values()
    assert (fit.i3class, fit.fit_status) == ("I3Particle", 0)
    assert math.isnan(fit.time)
    assert make(dict.fromkeys(PLACE)) == {}


def test_the_type_of_a_single_value_decides_its_class() -> None:
    cases: list[tuple[Any, Any, str]] = [
        (pl.Float32, 1.5, "I3Double"), (pl.Int16, 3, "I3Int"), (pl.Int64, 3, "I3Int"), (pl.Int64, 2**40, "I3Double"),
        (pl.UInt32, 3, "I3UInt64"), (pl.Boolean, True, "I3Bool"), (pl.String, "x", "I3String"),
        (pl.List(pl.Float32), pl.Series([1.0, None]), "I3VectorDouble"),
        (pl.List(pl.Int64), pl.Series([1]), "I3VectorInt64"),
        (pl.List(pl.UInt8), pl.Series([1]), "I3VectorInt"), (pl.List(pl.Boolean), pl.Series([True]), "I3VectorBool"),
        (pl.List(pl.String), pl.Series(["a"]), "I3VectorString"),
    ]  # fmt: skip
    for dtype, value, name in cases:
        made = object_maker("K", {"value": dtype})({"value": value})["K"]
        assert made.i3class == name
        assert decode(encode(made)).i3class == name
        assert object_maker("K", {"value": dtype})({"value": None}) == {}
    with pytest.raises(SchemaError, match="a list of 'K' has a null in it, which an I3VectorInt cannot hold"):
        object_maker("K", {"value": pl.List(pl.Int32)})({"value": pl.Series([1, None])})


def test_fields_that_are_no_class_are_a_map_and_whole_members_need_whole_numbers() -> None:
    members = ("LFVel", "LFVelX", "LFVelY", "LFVelZ", "NHits")
    values = dict.fromkeys(members, 1.0)
    assert object_maker("K", dict.fromkeys(members, pl.Float64))(values)["K"].i3class == "I3MapStringDouble"
    whole = {**dict.fromkeys(members, pl.Float64), "NHits": pl.Int32}
    assert object_maker("K", whole)({**values, "NHits": 1})["K"].i3class == "I3LineFitParams"
    assert dict(object_maker("K", whole)({**values, "NHits": None})["K"]) == dict.fromkeys(members[:-1], 1.0)


def test_the_fields_beside_a_pulse_series_are_not_lost() -> None:
    pulses = {"time": [1.0], "charge": [1.0], "width": [8.0], "flags": [1], "omkey": [65792]}
    types = {m: pl.Series(v).dtype for m, v in pulses.items()}
    make = object_maker(
        "P", {**{m: pl.List(dtype) for m, dtype in types.items()}, "a": pl.Float64, "b": pl.Int32}
    )
    found = make({**{m: pl.Series(v) for m, v in pulses.items()}, "a": 1.0, "b": 2})
    assert {key: obj.i3class for key, obj in found.items()} == {
        "P": "I3RecoPulseSeriesMap",
        "PParams": "I3MapStringDouble",
    }


def test_the_columns_of_a_class_are_those_of_a_conversion(tmp_path: Path) -> None:
    for name in ("I3Particle", "I3HitStatisticsValues", "I3ParaboloidFitParams", "CramerRaoParams", "I3Veto"):
        frame = Frame("P")
        frame["I3EventHeader"] = new("I3EventHeader")
        frame["K"] = new(name)
        ic.write_i3(tmp_path / f"{name}.i3", [Frame("Q"), frame])
        columns = ic.scan_i3(tmp_path / f"{name}.i3").collect_schema().names()
        assert {c.removeprefix("K.") for c in columns if c.startswith("K.")} == set(leaves(name) or ())


def test_outcomes_of_filters_are_a_mask() -> None:
    outcomes = ("condition_passed", "prescale_passed")
    types = {f"{name}.{m}": pl.Boolean for name in ("Muon_13", "HESE") for m in outcomes}
    make = object_maker("Mask", types)
    mask = make(dict(zip(types, (True, False, None, None), strict=True)))["Mask"]
    assert mask.i3class == "I3FilterResultMap"
    assert mask["Muon_13"].condition_passed
    assert not mask["Muon_13"].prescale_passed
    assert not mask["HESE"].condition_passed
    other = object_maker("M", {"a.condition_passed": pl.Boolean, "b": pl.Boolean})
    assert other({"a.condition_passed": True, "b": False})["M"].i3class == "I3MapStringDouble"
