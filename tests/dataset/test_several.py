"""`several`: many datasets as one, and the parts of some runs alone."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from lines_reader import Lines

import icecol as ic
from icecol.errors import DatasetError, GeometryError, MissingColumnError, SchemaError


def dataset(folder, name, runs, geometry=None, **settings):
    paths = []
    for run in runs:
        paths.append(folder / f"{run}.txt")
        paths[-1].write_text("".join(f"{run} {i} {i / 2} {i}.0\n" for i in range(run)))
    return ic.convert.from_source(
        Lines(), paths, folder / name, jobs=1, geometry=geometry, settings=settings or None
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    dataset(folder, "a.icecol", (1, 2, 3), livetime=10.0)
    dataset(folder, "b.icecol", (4, 5), livetime=20.0, nfiles=2, generator={"generator": "muons"})
    return folder


def runs_of(events):
    return sorted(set(events.scan().select("I3EventHeader.run_id").collect().to_series()))


def test_a_list_of_names_or_patterns_is_one(folder):
    for names in (["*.icecol"], ["a.icecol", "b.icecol"], ["a.icecol", "*.icecol"]):
        several = ic.open_dataset([folder / name for name in names])
        assert [ds.path.name for ds in several] == ["a.icecol", "b.icecol"]
        assert several.rows == several.scan().collect().height == 15
    assert len(ic.open_dataset([folder / "a.icecol"])) == 1
    assert ic.facts(several.scan()).livetime == 30.0
    assert ic.facts(several.scan()).unit("Fit.energy") == "GeV"
    assert several.columns("Fit.*") == ["Fit.energy"]
    assert several.scan(["Fit.*"]).collect_schema().names() == ["Fit.energy"]
    assert repr(several) == "Datasets(a.icecol, b.icecol: 15 events)"
    assert several[1:].rows == several[1].rows == 9


def test_names_that_are_no_datasets_are_refused(folder, tmp_path):
    with pytest.raises(DatasetError, match="no dataset matches"):
        ic.open_dataset([tmp_path / "*.icecol"])
    with pytest.raises(DatasetError, match="does not exist"):
        ic.open_dataset([folder / "c.icecol"])
    with pytest.raises(ValueError, match="the list is empty"):
        ic.open_dataset([])
    with pytest.raises(DatasetError, match=r"is a pattern, .* ic\.open_dataset\(\['\*\.icecol'\]\)"):
        ic.open_dataset(folder / "*.icecol")


@pytest.mark.parametrize(
    ("runs", "rows", "parts"),
    [
        ([2, 4], 6, 2),
        (range(2, 5), 9, 3),
        (range(9, 12), 0, 0),
        ([], 0, 0),
        (range(1, 6, 2), 9, 3),
        ([5], 5, 1),
    ],
)
def test_parts_without_any_of_the_runs_are_left_out(folder, runs, rows, parts):
    several = ic.open_dataset([folder / "*.icecol"]).of_runs(runs)
    assert several.scan().collect().height == rows
    assert set(runs_of(several)) == {run for run in runs if run <= 5}
    assert sum(len(ds.manifest.parts) for ds in several) == parts


def test_runs_in_a_shared_part_are_told_apart(folder, tmp_path):
    ds = ic.convert.compact(dataset(tmp_path, "c.icecol", (1, 2, 3)).path)
    assert len(ds.manifest.parts) == 1
    assert runs_of(ic.open_dataset([ds.path]).of_runs([1, 3])) == [1, 3]
    assert runs_of(ic.open_dataset([ds.path]).of_runs([1, 3]).of_runs(range(2, 9))) == [3]


def test_runs_are_chosen_by_a_list_of_good_ones_and_by_time(folder):
    lines = pl.DataFrame(
        {
            "run": [1, 2, 3, 4],
            "start": [f"2016-05-0{d} 00:00:00" for d in (1, 2, 3, 4)],
            "stop": [f"2016-05-0{d} 08:00:00" for d in (1, 2, 3, 4)],
            "good": [1, 1, 0, 1],
        }
    )
    good = ic.runs.good_runs(lines)
    several = ic.open_dataset([folder / "*.icecol"])
    assert runs_of(several.of_runs(good)) == [1, 2, 4]
    assert runs_of(several.of_runs(good, time=("2016-05-02T08:00:00", "2016-05-04T00:00:01"))) == [4]
    assert runs_of(
        several.of_runs(good, time=(datetime(2016, 5, 2, 7, tzinfo=UTC), datetime(2016, 5, 4, tzinfo=UTC)))
    ) == [2]
    with pytest.raises(ValueError, match="`time` needs the times of the runs"):
        several.of_runs([1], time=("2016-05-01", "2016-05-02"))
    with pytest.raises(MissingColumnError, match="'run_id'"):
        several.of_runs(lines)


def test_the_catalogue_has_a_row_for_each(folder):
    found = ic.open_dataset([folder / "*.icecol"]).catalogue()
    assert found.select(
        "events", "sources", "first_run", "last_run", "livetime", "nfiles", "generator"
    ).rows() == [
        (6, 3, 1, 3, 10.0, None, None),
        (9, 2, 4, 5, 20.0, 2.0, "muons"),
    ]
    assert found["icecol"].to_list() == [ic.__version__] * 2
    assert found["bytes"].to_list() == [ds.manifest.bytes for ds in ic.open_dataset([folder / "*.icecol"])]


def test_features_need_one_geometry(folder, tmp_path):
    several = ic.open_dataset([folder / "*.icecol"])
    assert several.geometry.equals(ic.Geometry.nominal())
    with pytest.raises(MissingColumnError, match=r"'Hits' is not a pulse series in Datasets\("):
        several.pulses("Hits")
    other = dataset(tmp_path, "c.icecol", (1,), ic.Geometry.nominal(icetop=True))
    mixed = ic.open_dataset([folder / "a.icecol", other.path])
    assert mixed.scan().collect().height == 7
    with pytest.raises(GeometryError, match="another geometry"):
        _ = mixed.geometry


def test_columns_of_different_types_are_refused(folder, tmp_path):
    class Other(Lines):
        def read(self, path, file, found):
            for table in super().read(path, file, found):
                yield table.drop_columns("Fit.energy").append_column("Fit.energy", [["a"] * table.num_rows])

    (tmp_path / "1.txt").write_text("1 0 0.5 1.0\n")
    other = ic.convert.from_source(Other(), tmp_path / "1.txt", tmp_path / "c.icecol", jobs=1)
    with pytest.raises(SchemaError, match=r"Fit\.energy"):
        ic.open_dataset([folder / "a.icecol", other.path]).scan()
