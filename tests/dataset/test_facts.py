from __future__ import annotations

import json

import polars as pl
import pytest

import icecol as ic
from icecol.dataset.facts import UNITS, Facts
from icecol.errors import MissingFactError

HEADER = "I3EventHeader.event_id"


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facts")
    made = []
    for i in (1, 2):
        ic.sim.write(folder / f"{i}.i3.zst", ic.sim.events(8, seed=i))
        made.append(
            ic.convert.i3(
                folder / f"{i}.i3.zst", folder / f"{i}.icecol", jobs=1, settings={"livetime": 100.0 * i}
            )
        )
    return made


@pytest.fixture
def ds(datasets):
    return datasets[0]


@pytest.fixture
def events(ds):
    return ic.with_features(
        ds.scan(),
        LineFit=ic.reco.linefit(ds.pulses("InIcePulses")),
        Q=ic.reco.charge(ds.pulses("InIcePulses")),
    )


def test_columns_of_a_dataset_have_their_unit_and_meaning(ds):
    known = ic.facts(ds.scan())
    assert known.unit("MCPrimary.energy") == "GeV"
    assert known.unit("InIcePulses.time") == "ns"
    assert known.unit(HEADER) == ""
    assert known.label("MCPrimary.energy") == "MCPrimary.energy / GeV"
    assert known.label(HEADER) == HEADER
    assert known.doc("MCPrimary.zenith")
    assert known.sources == (ds.path,)
    assert known.livetime == 100.0


def test_how_long_a_trigger_lasts_is_no_length_of_a_track(ds):
    found = ic.with_features(ds, SMT=ic.reco.smt("InIcePulses"), Fit=ic.reco.linefit("InIcePulses"))
    known = ic.facts(found)
    assert (known.unit("SMT.length"), known.unit("Fit.x")) == ("ns", "m")


def test_a_dataset_is_events_too(ds):
    assert ic.facts(ds).unit("MCPrimary.energy") == "GeV"
    assert ic.facts(ds).livetime == 100.0


def test_features_have_the_units_of_their_members(events):
    known = ic.facts(events)
    assert known.label("LineFit.zenith") == "LineFit.zenith / rad"
    assert known.label("Q.total") == "Q.total / PE"
    assert not known.knows("LineFit.fit_status")
    assert known.unit("MCPrimary.x") == "m"


@pytest.mark.parametrize("member", UNITS)
def test_units_of_members_are_those_of_the_classes(ds, member):
    known = ic.facts(ds.scan())
    columns = {f"{key}.{member}" for key in ("MCPrimary", "InIcePulses")} & set(ds.schema.names)
    assert {known.unit(name) for name in columns} <= {UNITS[member]}
    assert columns or member in {"total", "ra", "dec"}  # of no class of these files


SAME = {
    "filter": lambda lf: lf.filter(pl.col(HEADER) > 2),
    "filter by a feature": lambda lf: lf.filter(pl.col("Q.total") > 1),
    "cuts": lambda lf: ic.Cuts(bright=pl.col("Q.total") > 1).apply(lf),
    "sort": lambda lf: lf.sort(HEADER),
    "head": lambda lf: lf.head(3),
    "unique": lambda lf: lf.unique(HEADER),
    "cache": lambda lf: lf.cache().filter(pl.col(HEADER) > 2),
    "select": lambda lf: lf.select("MCPrimary.zenith", "Q.total"),
    "drop": lambda lf: lf.drop(HEADER),
    "with_columns of another": lambda lf: lf.with_columns(other=pl.col("MCPrimary.zenith") * 2),
    "explode": lambda lf: lf.explode("InIcePulses.time"),
    "row index": lambda lf: lf.filter(pl.col("Q.total") > 1).with_row_index(),
    "concat": lambda lf: pl.concat([lf, lf.filter(pl.col(HEADER) > 2)]),
    "diagonal concat": lambda lf: pl.concat([lf, lf.select(HEADER)], how="diagonal"),
    "join on the left": lambda lf: lf.join(lf.select(HEADER, q="Q.total"), on=HEADER),
    "join on the right": lambda lf: lf.select(HEADER).join(lf, on=HEADER),
    "left join": lambda lf: lf.join(pl.LazyFrame({HEADER: [1], "w": [2.0]}), on=HEADER, how="left"),
    "anti join": lambda lf: lf.join(lf.filter(pl.col(HEADER) > 2), on=HEADER, how="anti"),
}


@pytest.mark.parametrize("query", SAME.values(), ids=SAME)
def test_units_follow(events, query):
    known = ic.facts(query(events))
    assert known.unit("MCPrimary.zenith") == "rad"
    assert known.unit("Q.total") == "PE"
    assert len(known.sources) == 1


def test_units_follow_a_new_name(events):
    renamed = events.rename({"MCPrimary.zenith": "truth"}).select("truth", energy="MCPrimary.energy")
    assert (ic.facts(renamed).unit("truth"), ic.facts(renamed).unit("energy")) == ("rad", "GeV")
    joined = events.join(events, on=HEADER, suffix="_again")
    assert ic.facts(joined).unit("MCPrimary.zenith_again") == "rad"


LOST = {
    "computed": lambda lf: lf.with_columns(pl.col("MCPrimary.zenith").degrees()),
    "swapped": lambda lf: lf.with_columns(pl.col("MCPrimary.energy").alias("MCPrimary.zenith") * 1),
    "collected": lambda lf: lf.collect(),
    "collected and lazy again": lambda lf: lf.collect().lazy(),
    "group_by": lambda lf: lf.group_by(HEADER).agg(pl.col("MCPrimary.zenith").mean()),
    "aggregated": lambda lf: lf.select(pl.col("MCPrimary.zenith").mean()),
    "foreign rows": lambda lf: pl.concat(
        [lf.select("MCPrimary.zenith"), pl.LazyFrame({"MCPrimary.zenith": [90.0]})]
    ),
    "computed in one of two": lambda lf: pl.concat([lf, lf.with_columns(pl.col("MCPrimary.zenith") * 57)]),
    "a foreign function": lambda lf: lf.map_batches(lambda df: df),
    "a struct of the user": lambda lf: lf.with_columns(S=pl.struct(zenith=HEADER)).with_columns(
        pl.col("S").struct.field("zenith").alias("MCPrimary.zenith")
    ),
    "a column taking its name": lambda lf: lf.select(pl.col(HEADER)).with_row_index("MCPrimary.zenith"),
    "foreign frame": lambda _: pl.LazyFrame({"MCPrimary.zenith": [1.0]}),
}


@pytest.mark.parametrize("query", LOST.values(), ids=LOST)
def test_nothing_is_said_of_a_column_that_does_not_come_unchanged_from_a_dataset(events, query):
    known = ic.facts(query(events))
    assert not known.knows("MCPrimary.zenith")
    with pytest.raises(MissingFactError, match=r"'MCPrimary.zenith'.*ask the dataset"):
        known.unit("MCPrimary.zenith")


def test_a_column_with_another_units_name_has_that_unit(events):
    swapped = events.with_columns(pl.col("MCPrimary.energy").alias("MCPrimary.zenith"))
    assert ic.facts(swapped).unit("MCPrimary.zenith") == "GeV"


def test_a_column_that_is_not_there_is_told_as_such(events):
    with pytest.raises(MissingFactError, match="the frame has no column 'Nothing'"):
        ic.facts(events.select(HEADER)).unit("Nothing")


def test_livetime_is_that_of_all_datasets(datasets):
    both = pl.concat([d.scan() for d in datasets]).filter(pl.col(HEADER) > 2)
    assert ic.facts(both).livetime == 300.0
    assert ic.facts(both).sources == tuple(d.path for d in datasets)
    twice = pl.concat([datasets[0].scan(), datasets[0].scan().filter(pl.col(HEADER) > 2)])
    assert ic.facts(twice).livetime == 100.0
    joined = datasets[0].scan().join(datasets[1].scan().select(HEADER), on=HEADER, how="semi")
    assert ic.facts(joined).livetime == 100.0


NO_LIVETIME = {
    "head": lambda lf: lf.head(3),
    "slice after a cut": lambda lf: lf.filter(pl.col(HEADER) > 1).sort(HEADER).slice(1, 2),
    "group_by": lambda lf: lf.group_by(HEADER).len(),
    "foreign rows": lambda lf: pl.concat(
        [lf.select(HEADER), pl.LazyFrame({HEADER: [1]})], how="vertical_relaxed"
    ),
    "collected": lambda lf: lf.collect(),
}


@pytest.mark.parametrize("query", NO_LIVETIME.values(), ids=NO_LIVETIME)
def test_no_livetime_is_made_up(ds, query):
    with pytest.raises(MissingFactError, match="livetime is not known"):
        _ = ic.facts(query(ds.scan())).livetime


def test_a_dataset_without_livetime_says_so(ds, tmp_path):
    import shutil

    copy = tmp_path / "copy.icecol"
    shutil.copytree(ds.path, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["settings"]["livetime"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(MissingFactError, match=r"copy\.icecol has no livetime"):
        _ = ic.facts(ic.open_dataset(copy).scan()).livetime


def test_parquet_files_beside_a_dataset_are_not_of_it(ds):
    path = ds.path / "other.parquet"
    pl.DataFrame({"MCPrimary.zenith": [90.0]}).write_parquet(path)
    assert not ic.facts(pl.scan_parquet(path)).knows("MCPrimary.zenith")
    parts = pl.scan_parquet([ds.path / part.path for part in ds.manifest.parts])
    assert ic.facts(parts).unit("MCPrimary.zenith") == "rad"


def test_a_plan_that_cannot_be_read_has_no_facts(events, monkeypatch):
    def fails(_self):
        msg = "another version of Polars"
        raise AttributeError(msg)

    class Frame(pl.LazyFrame):
        _ldf = property(fails)

    frame = Frame.__new__(Frame)
    monkeypatch.setattr(pl.LazyFrame, "lazy", lambda _: frame)
    known = ic.facts(events)
    assert isinstance(known, Facts)
    assert not known.knows("MCPrimary.zenith")
    assert known.sources == ()


def test_axes_without_a_label_show_the_unit(events):
    h = ic.hist.fill(
        events,
        ic.hist.log("Q.total", 10, 1, 1e4),
        ic.hist.regular("MCPrimary.zenith", 5, 0, 4, label="zenith"),
        ic.hist.integer(HEADER, 0, 10),
        ic.hist.regular(pl.col("MCPrimary.energy").log10(), 5, 0, 8),
    )
    assert h.labels == ("Q.total / PE", "zenith", HEADER, "MCPrimary.energy.log10()")
    named = ic.hist.fill(events.collect(), ic.hist.log("Q.total", 10, 1, 1e4, name="charge"))
    assert named.labels == ("charge",)


def test_a_cutflow_counts_in_the_unit_that_the_facts_of_its_events_give(events):
    cuts = ic.Cuts(bright=pl.col("Q.total") > 20, upgoing=pl.col("LineFit.zenith").fill_nan(None) > 1.5)
    livetime = ic.facts(events).livetime
    rates = ic.cutflow(events, cuts, pl.lit(1 / livetime))
    assert livetime == 100.0
    assert rates["sumw"].to_list() == pytest.approx([n / 100.0 for n in rates["n"]])
    assert 0 < rates["n"][-1] < rates["n"][0] == 8


def test_facts_stay_with_the_events_of_a_cutflow_and_are_not_those_of_its_table(events, ds):
    cuts = ic.Cuts(bright=pl.col("Q.total") > 20)
    table = ic.cutflow(events, cuts)
    selected = ic.facts(cuts.apply(events))
    assert (selected.label("Q.total"), selected.unit("MCPrimary.energy")) == ("Q.total / PE", "GeV")
    assert (selected.livetime, selected.sources) == (100.0, (ds.path,))
    for column in ("n", "eff"):
        with pytest.raises(MissingFactError, match=f"nothing is known about '{column}'"):
            ic.facts(table).unit(column)
    with pytest.raises(MissingFactError, match="livetime is not known"):
        _ = ic.facts(table).livetime
    assert ic.facts(table).sources == ()
