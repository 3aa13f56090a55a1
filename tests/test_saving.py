"""Saved features have the values of lazy ones, and never outlive what they were made of (`dataset.saved`)."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import icecol as ic
from icecol import saving
from icecol.dataset import saved
from icecol.dataset.growing import changing
from icecol.errors import DatasetError, GeometryError, MissingColumnError, SchemaError
from icecol.jit.sources import load

KEY = "InIcePulses"
LEFT_OUT = "saved features of .* are left out"


def convert(folder, runs=(1, 2), name="sim.icecol"):
    """A dataset with a part for each run."""
    ds = None
    for run in runs:
        path = folder / f"{run}.i3"
        ic.sim.write(path, ic.sim.events(9 + run, seed=run), run_id=run)
        target = folder / name
        ds = ic.convert.append(target, path, jobs=1) if ds else ic.convert.i3(path, target, jobs=1)
    return ds


@pytest.fixture
def ds(tmp_path):
    return convert(tmp_path)


def features(**more):
    return {
        "Line": ic.reco.linefit(KEY),
        "Q": ic.reco.charge(KEY),
        "Bright": (pl.col("Q.total") * pl.lit(0.1)).sqrt(),
        **more,
    }


def save(ds, **given):
    return ic.save_features(ds, executor="local", **given)


def as_lazy(ds, found, given):
    """Compare with what `with_features` computes from the events alone."""
    events = ic.open_dataset(ds.path).scan(ds.manifest.schema.names)
    bound = {n: f if isinstance(f, pl.Expr) else f.bind(ds.geometry) for n, f in given.items()}
    expected = ic.with_features(events, **bound).collect()
    assert_frame_equal(found.scan().collect().select(expected.columns), expected, check_exact=True)


def test_saved_features_are_columns_with_the_values_of_lazy_ones(ds):
    found = save(ds, **features())
    as_lazy(ds, found, features())
    assert found.schema.field("Line.zenith").metadata[b"unit"] == b"rad"
    assert found.col.Line.zenith.meta.output_name() == "Line.zenith"
    assert "Line" in found.keys
    assert found.contents().filter(pl.col("key") == "Q")["events"].item() == 21
    facts = ic.facts(found.scan().filter(pl.col("Q.total") > 1))
    assert (facts.unit("Line.zenith"), facts.sources) == ("rad", (ds.path,))
    assert "Q = charge(InIcePulses)" in found.describe()
    found.verify()
    with pytest.raises(SchemaError, match="the name of a key that is there already"):
        ic.with_features(found, Line=ic.reco.linefit(KEY))
    again = save(found, **features())
    assert again.manifest == found.manifest
    only = found.scan(["MCPrimary.*"])
    assert "HCONCAT" not in only.explain()
    assert only.collect().height == 21
    assert ds.columns() == ic.open_dataset(ds.path).manifest.schema.names


def test_each_part_is_computed_once_also_after_it_was_killed(ds, monkeypatch):
    computed = []
    write = saved.write

    def once(path, feature, part, values):
        computed.append((feature.name, part.path))
        if len(computed) == 3:
            raise KeyboardInterrupt
        return write(path, feature, part, values)

    monkeypatch.setattr(saved, "write", once)
    with pytest.raises(KeyboardInterrupt):
        save(ds, **features())
    assert ic.open_dataset(ds.path).manifest.features == ()
    found = save(ds, **features())
    assert len(computed) == 7  # one of six was begun twice
    as_lazy(ds, found, features())
    save(found, **features())
    assert len(computed) == 7
    ic.sim.write(ds.path.parent / "3.i3", ic.sim.events(12, seed=3), run_id=3)
    with pytest.warns(UserWarning, match=f"{LEFT_OUT}: 'Line', as it has 2 of 3 parts"):
        grown = ic.convert.append(ds.path, ds.path.parent / "3.i3", jobs=1)
    assert "Line.zenith" not in grown.schema.names
    found = save(grown)
    assert len(computed) == 10
    as_lazy(ds, found, features())


def test_removing_replacing_and_compacting_keep_them_right(tmp_path):
    ds = save(convert(tmp_path, runs=(1, 2, 3)), **features())
    less = ic.convert.remove(ds.path, "2.i3")
    as_lazy(ds, less, features())
    assert less.rows == ds.rows - 11
    small = ic.convert.compact(ds.path, purge=True)
    assert len(small.manifest.parts) == 1
    assert len(list((ds.path / "features").iterdir())) == 3
    as_lazy(ds, small, features())
    small.verify()
    ic.sim.write(tmp_path / "1.i3", ic.sim.events(5, seed=8), run_id=1)
    with pytest.warns(UserWarning, match="0 of 2 parts"):
        ic.convert.replace(ds.path, tmp_path / "1.i3", jobs=1)
    as_lazy(ds, save(ds.path), features())


def test_a_changed_parameter_or_seed_makes_others_stale(ds):
    seeded = {"After": (pl.col("Line.zenith") * 2.0)}
    found = save(save(ds, Line=ic.reco.linefit(KEY)), **seeded)
    other = {"Line": ic.reco.linefit(ds.pulses(KEY), min_hits=20)}
    with pytest.warns(UserWarning, match="'After', as Line, which it reads, has changed since"):
        found = save(found, **other)
    assert "After" not in found.schema.names
    found = save(found)
    as_lazy(ds, found, other | seeded)
    assert found.scan().select(pl.col("Line.zenith").null_count()).collect().item() > 0
    with pytest.warns(UserWarning, match="'After', as Line, which it reads, has changed"):
        ic.drop_features(found, "Line")
    with pytest.raises(MissingColumnError):
        save(found.path)
    assert ic.drop_features(found.path, ["After"]).manifest.features == ()
    with pytest.raises(MissingColumnError, match="no feature 'Lin' is saved"):
        ic.drop_features(ds.path, "Lin")


KERNEL = """
import polars as pl
import icecol as ic
from constants import SCALE

@ic.kernel(sum=pl.Float64)
def scaled(charge, *, power=1.0):
    return SCALE * (charge ** power).sum()
"""


def test_a_kernel_of_a_user_is_stale_when_what_it_uses_changes(ds, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "constants.py").write_text("SCALE = 2.0\n")
    (tmp_path / "kernels.py").write_text(KERNEL)
    kernel = load(str(tmp_path / "kernels.py")).scaled
    found = save(ds, S=kernel(KEY, power=2.0))
    as_lazy(ds, found, {"S": kernel(KEY, power=2.0)})
    (tmp_path / "kernels.py").write_text(KERNEL + "\n# a comment\n")
    assert ic.open_dataset(ds.path).manifest.features
    (tmp_path / "constants.py").write_text("SCALE = 3.000\n")
    with pytest.warns(UserWarning, match=r"the code of scaled \(.*kernels.py\) has changed"):
        stale = ic.open_dataset(ds.path)
    assert "S.sum" not in stale.schema.names
    before = found.scan().collect()["S.sum"]
    after = save(ds.path).scan().collect()["S.sum"]
    assert after.to_list() == pytest.approx((before * 1.5).to_list(), rel=1e-12)


@pytest.mark.parametrize("change", ["code", "numba", "geometry", "file"])
def test_what_it_depends_on_is_checked_when_it_is_opened(ds, monkeypatch, change):
    found = save(ds, Line=ic.reco.linefit(KEY), E=pl.col("MCPrimary.energy") + 1)
    if change == "code":
        monkeypatch.setattr("icecol.jit.sources.everything", lambda: "other")
        assert len(ic.open_dataset(ds.path).manifest.features) == 2  # what is not reached may change
        monkeypatch.setattr("icecol.jit.sources.digest", lambda _place: "other")
        text = r"the code of linefit \(icecol.reco.line_fits\) has changed"
    elif change == "numba":
        monkeypatch.setattr(saved, "versions", lambda: dict.fromkeys(saved.LIBRARIES, "9"))
        text = "llvmlite is 9 instead of .* and numba is 9 instead of "
    elif change == "geometry":
        ic.Geometry.from_columns(ds.geometry.table()[1:]).write_parquet(ds.path / "geometry.parquet")
        text = "the geometry has changed"
    else:
        (ds.path / found.manifest.features[0].parts[1].path).unlink()
        text = "1 of its files are missing"
    with pytest.warns(UserWarning, match=f"{LEFT_OUT}: 'Line', as {text}"):
        stale = ic.open_dataset(ds.path)
    assert stale.columns("E") == ["E"]
    with pytest.raises(MissingColumnError):
        stale.columns("Line.zenith")


def test_features_of_blind_data_show_no_more_than_lazy_ones(ds):
    column = "MCPrimary.energy"
    blind = ic.blind(ds, burn=0.5, by="event", seed=1)
    blind = ic.blind(blind, hide=column)
    given = {"E": pl.col(column) * 2, "Line": ic.reco.linefit(KEY)}
    found = save(blind, **given)
    as_lazy(blind, found, given)
    seen = found.scan().collect()
    assert 0 < seen.height < ds.rows
    assert seen["E"].null_count() == seen.height
    hidden = ic.blind(found, hide="Line.zenith")
    assert hidden.scan().collect()["Line.zenith"].null_count() == seen.height
    with pytest.raises(ValueError, match=r"is blind by 'Line.zenith'"):
        ic.drop_features(hidden, "Line")
    with pytest.warns(UserWarning, match="'E', as what is blind has changed"):
        ic.unblind(hidden, reason="done", user="me")
    as_lazy(ds, save(ds.path), given)


def test_several_datasets_chunks_and_the_catalogue_know_them(tmp_path):
    a, b = convert(tmp_path, (1, 2), "a.icecol"), convert(tmp_path, (3,), "b.icecol")
    with ThreadPoolExecutor(2) as executor:
        ic.save_features(a, executor=executor, Q=ic.reco.charge(KEY))
    save(b, Q=ic.reco.charge(KEY))
    both = ic.open_dataset([tmp_path / "*.icecol"])
    assert both.catalogue()["features"].to_list() == [["Q"], ["Q"]]
    charges = ic.with_features(ic.open_dataset(a.path).scan(a.manifest.schema.names), C=ic.reco.charge(KEY))
    one = both.of_runs([2]).scan().select("I3EventHeader.run_id", "Q.total").collect()
    expected = charges.filter(pl.col("I3EventHeader.run_id") == 2).collect()["C.total"]
    assert one["Q.total"].to_list() == expected.to_list()

    def total(ds):
        return {"Q": ds.scan().select(pl.col("Q.total").sum()).collect().item(), "n": ds.rows}

    found = ic.batch.run(total, both, executor="local", per_chunk=1)
    assert found["n"] == both.rows
    assert found["Q"] == pytest.approx(both.scan().collect()["Q.total"].sum(), rel=1e-12)
    save(b.path, Q=ic.reco.linefit(KEY))
    with pytest.raises(DatasetError, match=r"'Q' is charge\(InIcePulses\) in .* and linefit"):
        ic.open_dataset([tmp_path / "*.icecol"]).scan()


def test_saved_cleanings_are_pulse_series_and_fits_become_particles(ds, tmp_path):
    given = {"Clean": ic.reco.classic_rt(KEY), "Line": ic.reco.linefit(KEY)}
    found = save(ds, **given)
    assert "Clean" in found.pulse_keys
    as_lazy(ds, save(found, Q=ic.reco.charge("Clean")), given | {"Q": ic.reco.charge("Clean")})
    first = found.scan().filter(pl.col("I3EventHeader.run_id") == 1)
    ic.convert.to_i3(first, tmp_path / "1.i3", tmp_path / "out.i3", features=["Line"])
    frames = [frame for frame in ic.open_i3(tmp_path / "out.i3") if frame.stop == "P"]
    zenith = {
        row[0]: row[1] for row in first.select("I3EventHeader.event_id", "Line.zenith").collect().rows()
    }
    assert frames
    assert frames[0].class_name("Line") == "I3Particle"
    assert frames[0]["Line"].dir.zenith == zenith[frames[0]["I3EventHeader"].event_id]


def test_what_cannot_be_saved_is_refused(ds):
    other = ic.Geometry.from_columns(ds.geometry.table()[1:])
    mapped = pl.col("MCPrimary.energy").map_batches(lambda s: s, return_dtype=pl.Float64)
    for wrong, error, text in (
        ({"A": mapped}, TypeError, "runs Python code that icecol does not know"),
        ({"A": 3}, TypeError, "neither an expression nor a feature"),
        ({"A": ic.reco.linefit(ic.Pulses(KEY, other))}, GeometryError, "another geometry"),
        ({"A": pl.col("nowhere")}, MissingColumnError, "nowhere"),
        ({"MCPrimary": ic.reco.linefit(KEY)}, SchemaError, "the name of a key"),
        ({"A": ic.reco.linefit(KEY, min_hits=object())}, TypeError, "cannot be written down"),
    ):
        with pytest.raises(error, match=text):
            save(ds, **wrong)
    with changing(ds.path), pytest.raises(DatasetError, match="being written by another process"):
        save(ds, Q=ic.reco.charge(KEY))
    assert ic.open_dataset(ds.path).manifest.features == ()


def test_parameters_are_the_same_after_they_were_written_down(ds):
    value = {"a": (1.0, 2), "b": [None, True, "x"], "c": pl.col("E") + 1, "d": ds.pulses(KEY)}
    for given in value.values():
        back = saving._value(saving._plain(given, "F", ds), ds)
        assert back.meta.eq(given) if isinstance(given, pl.Expr) else back == given
    assert isinstance(saving._plain(ic.reco.linefit(KEY), "F", ds)["feature"], dict)
