"""A selection goes back into .i3 files: what survives keeps its bytes, and features become frame objects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import icecol as ic
from icecol.convert import to_i3
from icecol.errors import DamagedFileError, MissingColumnError, SchemaError
from icecol.i3.archive import new
from icecol.i3.frames.frame import Frame

IDENTITY = [f"I3EventHeader.{m}" for m in ("run_id", "event_id", "sub_event_id", "sub_event_stream")]


def header(event: int, sub: int = 0, stream: str = "") -> Any:
    return new("I3EventHeader", run_id=7, event_id=event, sub_event_id=sub, sub_event_stream=stream)


def frame(stop: str, **objects: Any) -> Frame:
    made = Frame(stop)
    made.update(objects)
    return made


def two_each(n: int) -> Iterator[Frame]:
    """Events with two physics frames each; the readout of every third has none."""
    yield frame("I", Tray=new("I3TrayInfo"))
    yield frame("G", Geometry=1.0)
    for i in range(n):
        yield frame("Q", I3EventHeader=header(i), Readout=float(i))
        for sub in range(0 if i % 3 == 2 else 2):
            yield frame("P", I3EventHeader=header(i, sub, "InIceSplit"), Fit=float(i + sub))
    yield frame("X", Last=True)


def rows(*which: tuple[int, int], stream: str = "InIceSplit", **columns: Any) -> pl.DataFrame:
    events = [e for e, _ in which]
    return pl.DataFrame(
        {IDENTITY[0]: [7] * len(which), IDENTITY[1]: events, IDENTITY[2]: [s for _, s in which],
         IDENTITY[3]: [stream] * len(which), **columns}
    )  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    ic.write_i3(tmp_path / "events.i3.zst", two_each(6))
    return tmp_path / "events.i3.zst"


def seen(path: Path) -> list[tuple[str, Any, Any]]:
    return [(f.stop, f.get("Readout"), f.get("Fit")) for f in ic.open_i3(path)]


def letters(path: Path) -> str:
    return "".join(f.stop for f in ic.open_i3(path))


def test_frames_that_survive_keep_their_bytes_and_bring_their_readout(file: Path, tmp_path: Path) -> None:
    made = to_i3(rows((0, 1), (3, 0), (3, 1)), file, tmp_path / "out.i3.gz")
    assert made == {tmp_path / "out.i3.gz": 3}
    before = {f.encoded() for f in ic.open_i3(file)}
    after = [f.encoded() for f in ic.open_i3(tmp_path / "out.i3.gz")]
    assert set(after) <= before
    assert letters(tmp_path / "out.i3.gz") == "IGQPQPPX"
    physics = [f for f in ic.open_i3(tmp_path / "out.i3.gz") if f.stop == "P"]
    assert [(f["Readout"].value, f["Fit"].value) for f in physics] == [(0.0, 1.0), (3.0, 3.0), (3.0, 4.0)]


def test_further_frames_can_be_left_out(file: Path, tmp_path: Path) -> None:
    to_i3(rows((1, 0)), file, tmp_path / "out.i3", drop="IGX")
    assert letters(tmp_path / "out.i3") == "QP"


def test_a_readout_that_was_selected_brings_all_its_physics_frames(file: Path, tmp_path: Path) -> None:
    chosen = rows((1, 0), (2, 0), stream="", Weight=[2.5, 3.5])
    to_i3(chosen, file, tmp_path / "out.i3", features="Weight")
    assert letters(tmp_path / "out.i3") == "IGQPPQX"
    daq = [f for f in ic.open_i3(tmp_path / "out.i3") if f.stop == "Q"]
    assert [f["Weight"].value for f in daq] == [2.5, 3.5]


def test_nothing_selected_leaves_what_is_no_event(file: Path, tmp_path: Path) -> None:
    assert to_i3(rows(), file, tmp_path / "out.i3") == {tmp_path / "out.i3": 0}
    assert letters(tmp_path / "out.i3") == "IGX"


def test_files_go_into_a_folder_under_their_names_or_into_one_file(tmp_path: Path) -> None:
    for i in range(3):
        ic.write_i3(tmp_path / f"part_{i}.i3.bz2", [frame("Q"), frame("P", I3EventHeader=header(i, 0, "s"))])
    chosen = rows((0, 0), (2, 0), stream="s")
    made = to_i3(chosen, tmp_path / "part_*.i3.bz2", tmp_path / "out")
    assert {p.name: n for p, n in made.items()} == {
        "part_0.i3.bz2": 1,
        "part_1.i3.bz2": 0,
        "part_2.i3.bz2": 1,
    }
    assert [letters(p) for p in made] == ["QP", "", "QP"]
    assert to_i3(chosen, tmp_path / "part_*.i3.bz2", tmp_path / "all.i3") == {tmp_path / "all.i3": 2}
    assert letters(tmp_path / "all.i3") == "QPQP"


# -- features -------------------------------------------------------------------------------------------------------


def test_features_become_the_objects_that_icetray_has_for_them(file: Path, tmp_path: Path) -> None:
    fit = {"x": 1.0, "y": 1.0, "z": 1.0, "time": 1.0, "zenith": 0.5, "azimuth": 6.0, "speed": 0.25}
    chosen = rows(
        (0, 0),
        **{f"Track.{m}": [v] for m, v in fit.items()},
        **{"Track.fit_status": [0], "Track.shape": [30], "Track.Sigma": [0.125]},
        **{"LF.LFVel": [0.3], "LF.LFVelX": [0.1], "LF.LFVelY": [0.2], "LF.LFVelZ": [0.2], "LF.NHits": [5]},
        **{"Cut.n": [3], "Cut.ok": [True], "Cut.missing": pl.Series([None], dtype=pl.Float64)},
        **{"Wrapped.value": [1.5]},
        Score=[0.75],
        Count=pl.Series([4], dtype=pl.Int16),
        Flag=[False],
        Name=["muon"],
        Big=pl.Series([1 << 40], dtype=pl.UInt64),
        Many=[[1.0, 2.0]],
    )
    keys = ["Track", "LF", "Cut", "Score", "Count", "Flag", "Name", "Big", "Wrapped", "Many"]
    to_i3(chosen, file, tmp_path / "out.i3", features=keys)
    f = next(f for f in ic.open_i3(tmp_path / "out.i3") if f.stop == "P")
    assert {key: f.class_name(key) for key in [*keys, "TrackParams"]} == {
        "Track": "I3Particle", "TrackParams": "I3MapStringDouble", "LF": "I3LineFitParams",
        "Cut": "I3MapStringDouble", "Score": "I3Double", "Count": "I3Int", "Flag": "I3Bool", "Name": "I3String",
        "Big": "I3UInt64", "Wrapped": "I3Double", "Many": "I3VectorDouble",
    }  # fmt: skip
    track = f["Track"]
    assert (track.pos.x, track.dir.zenith, track.dir.azimuth, track.speed) == (1.0, 0.5, 6.0, 0.25)
    assert (track.fit_status.name, track.shape.name) == ("OK", "Cascade")
    assert dict(f["TrackParams"]) == {"Sigma": 0.125}
    assert dict(f["Cut"]) == {"n": 3.0, "ok": 1.0}
    assert f["LF"].NHits == 5
    assert (f["Score"].value, f["Count"].value, f["Flag"].value, f["Name"].value) == (0.75, 4, False, "muon")
    assert f["Big"].value == 1 << 40
    assert f["Many"].value.tolist() == [1.0, 2.0]


def test_a_fit_without_a_direction_is_a_failed_fit_and_null_puts_nothing_in(
    file: Path, tmp_path: Path
) -> None:
    nan = float("nan")
    values = {f"Track.{m}": [nan, 1.0, None] for m in ("x", "y", "z", "time", "zenith", "azimuth")}
    chosen = rows((0, 0), (0, 1), (1, 0), **values, Score=[1.0, None, 2.0])
    to_i3(chosen, file, tmp_path / "out.i3", features=["Track", "Score"])
    physics = [f for f in ic.open_i3(tmp_path / "out.i3") if f.stop == "P"]
    assert [f["Track"].fit_status.name for f in physics[:2]] == ["GeneralFailure", "OK"]
    assert physics[1]["Track"].speed == 0.299792458
    assert "Track" not in physics[2]
    assert ["Score" in f for f in physics] == [True, False, True]


def test_events_converted_cut_written_and_converted_again_are_the_same(tmp_path: Path) -> None:
    ic.sim.write(tmp_path / "sim.i3.zst", ic.sim.events(20, seed=3))
    ds = ic.convert.i3(tmp_path / "sim.i3.zst", tmp_path / "sim.icecol", jobs=1)
    pulses = ds.pulses("SRTInIcePulses")
    events = ic.with_features(ds.scan(), Charge=ic.reco.charge(pulses), MyFit=ic.reco.linefit(pulses))
    copied = {
        f"Mine.{m}": pl.col(f"SRTInIcePulses.{m}") for m in ("time", "charge", "width", "flags", "omkey")
    }
    cut = events.with_columns(**copied).filter(pl.col("Charge.n_hit_doms") > 12).collect()
    assert 0 < cut.height < ds.rows
    made = to_i3(cut, tmp_path / "sim.i3.zst", tmp_path / "cut.i3.zst", features=["Charge", "MyFit", "Mine"])
    again = ic.convert.i3(list(made), tmp_path / "cut.icecol", jobs=1).scan().collect()
    params = [name for name in cut.columns if name.startswith("MyFit.LF") or name == "MyFit.NHits"]
    renamed = cut.rename({name: name.replace("MyFit.", "MyFitParams.") for name in params})
    assert set(renamed.columns) <= set(again.columns)
    assert_frame_equal(again.select(renamed.columns), renamed, check_dtypes=False, check_exact=True)


# -- real files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["oscNext_genie_level7_v02", "upgrade_genie_step4_140028_000998"])
def test_surviving_frames_of_real_files_keep_their_bytes(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    path = next((shared_data / "i3" / "real").glob(f"{name}*"))
    frames = list(ic.open_i3(path))
    chosen = pl.DataFrame(
        {
            c: [getattr(f["I3EventHeader"], c.rpartition(".")[2]) for f in frames if f.stop == "P"]
            for c in IDENTITY
        }
    )[1::2].with_columns(Score=pl.lit(0.5))
    to_i3(chosen, path, tmp_path / "plain.i3")
    alive = set(chosen.select(IDENTITY).iter_rows())
    kept: list[bytes] = []
    daq = b""
    for f in frames:
        identity = tuple(getattr(f.get("I3EventHeader"), c.rpartition(".")[2], None) for c in IDENTITY)
        if f.stop == "Q":
            daq = f.encoded()
        elif f.stop != "P" or identity in alive:
            kept += [daq] * (f.stop == "P" and bool(daq)) + [f.encoded()]
            daq = b"" if f.stop == "P" else daq
    assert len(kept) > 2
    assert [f.encoded() for f in ic.open_i3(tmp_path / "plain.i3")] == kept
    to_i3(chosen, path, tmp_path / "scored.i3", features="Score")
    without = []
    for f in ic.open_i3(tmp_path / "scored.i3"):
        if f.stop == "P":
            assert f["Score"].value == 0.5
            del f["Score"]
        without.append(f.encoded())
    assert without == kept


# -- what goes wrong ------------------------------------------------------------------------------------------------


def test_what_cannot_be_written_is_told(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.i3"
    with pytest.raises(MissingColumnError, match=r"no column .*sub_event_stream"):
        to_i3(rows((0, 0)).drop(IDENTITY[3]), file, out)
    with pytest.raises(MissingColumnError, match=r"no feature 'Scor'.*'Score'"):
        to_i3(rows((0, 0), Score=[1.0]), file, out, features="Scor")
    with pytest.raises(SchemaError, match=r"field 'x' of 'A' is List"):
        to_i3(rows((0, 0), **{"A.x": [[1.0]], "A.y": [2.0]}), file, out, features="A")
    with pytest.raises(SchemaError, match="feature 'A' is Date, which no frame object holds"):
        to_i3(rows((0, 0), A=pl.Series([None], dtype=pl.Date)), file, out, features="A")
    with pytest.raises(ValueError, match="has an object 'Fit' already"):
        to_i3(rows((0, 0), Fit=[1.0]), file, out, features="Fit")
    with pytest.raises(ValueError, match="would replace the file that is read"):
        to_i3(rows(), file, file.parent)
    assert not out.exists()
    to_i3(rows((0, 0), Fit=[9.0]), file, out, features="Fit", replace=True)
    assert [f["Fit"].value for f in ic.open_i3(out) if f.stop == "P"] == [9.0]


def test_events_that_are_not_in_the_files_are_told(file: Path, tmp_path: Path) -> None:
    with pytest.warns(
        UserWarning, match="2 events are not in the files, the first: run 7, event 99, sub-event 0"
    ):
        to_i3(rows((0, 0), (99, 0), (98, 1)), file, tmp_path / "out.i3")
    assert letters(tmp_path / "out.i3") == "IGQPX"


def test_an_event_that_is_there_twice_is_not_guessed(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"run 7, event 0.*more often"):
        to_i3(rows((0, 0)), [file, file], tmp_path / "out.i3")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ValueError, match="have the same name"):
        to_i3(rows((0, 0)), [file, tmp_path / "other" / file.name], tmp_path / "out")


def test_events_of_one_number_are_told_apart_by_sub_run_or_time(tmp_path: Path) -> None:
    def numbered(number: int, frame: Frame) -> Frame:
        for key in ("I3EventHeader",):
            made = frame[key]
            made.sub_run_id = number
            frame[key] = made
        return frame

    for number, name in (
        (1, "z.i3"),
        (2, "a.i3"),
    ):  # datasets have their files by name, not as they were given
        frames = ic.sim.frames(ic.sim.events(20, seed=number))
        ic.write_i3(tmp_path / name, (numbered(number, f) if f.stop in "QP" else f for f in frames))
    files = [tmp_path / "z.i3", tmp_path / "a.i3"]
    ds = ic.convert.i3(files, tmp_path / "sim.icecol", jobs=1)
    events = ic.with_features(ds.scan(), Q=ic.reco.charge(ds.pulses("SplitInIcePulses"))).collect()
    bright = events.filter(pl.col("Q.total") > events["Q.total"].median())
    for chosen in (events, bright):
        assert to_i3(chosen, files, tmp_path / "out.i3", features="Q") == {tmp_path / "out.i3": chosen.height}
        for f in ic.open_i3(tmp_path / "out.i3"):
            if f.stop == "P":
                light = float(f.pulses("SplitInIcePulses").charge.sum(dtype=float))
                assert f["Q"]["total"] == pytest.approx(light, rel=1e-6)
    second = events.filter(pl.col("I3EventHeader.sub_run_id") == 2)
    with pytest.warns(UserWarning, match="20 events are not in the files"):
        assert to_i3(second, tmp_path / "z.i3", tmp_path / "none.i3") == {tmp_path / "none.i3": 0}


def test_features_of_events_that_cannot_be_told_apart_are_refused(file: Path, tmp_path: Path) -> None:
    twice = rows((0, 0), (1, 0), (0, 0), Score=[1.0, 2.0, 3.0])
    with pytest.raises(
        ValueError, match=r"run 7, event 0.*is 2 times among the events: .*cannot be told apart"
    ):
        to_i3(twice, [file, file], tmp_path / "out.i3", features="Score")
    assert not (tmp_path / "out.i3").exists()


def test_a_null_among_the_members_of_a_class_is_nan_there(file: Path, tmp_path: Path) -> None:
    members = {"LFVel": [1.0, None], "LFVelX": [2.0, 2.5], "LFVelY": [3.0, 3.5], "LFVelZ": [4.0, 4.5]}
    chosen = rows((0, 0), (1, 0), **{f"LF.{m}": v for m, v in members.items()}, **{"LF.NHits": [5, 6]})
    to_i3(chosen, file, tmp_path / "out.i3", features="LF")
    found = [f["LF"] for f in ic.open_i3(tmp_path / "out.i3") if f.stop == "P"]
    assert [f.i3class for f in found] == ["I3LineFitParams"] * 2
    assert (found[0].LFVel, found[1].LFVelX, found[1].NHits) == (1.0, 2.5, 6)
    assert math.isnan(found[1].LFVel)


def test_large_whole_numbers_become_doubles(file: Path, tmp_path: Path) -> None:
    chosen = rows((0, 0), (1, 0), Small=[1, -2], Large=[2**40, -3])
    to_i3(chosen, file, tmp_path / "out.i3", features=["Small", "Large"])
    found = [(f.class_name("Small"), f["Small"].value, f.class_name("Large"), f["Large"].value)
             for f in ic.open_i3(tmp_path / "out.i3") if f.stop == "P"]  # fmt: skip
    assert found == [("I3Int", 1, "I3Double", 2.0**40), ("I3Int", -2, "I3Double", -3.0)]


def test_damage_is_an_error_or_passed_over(file: Path, tmp_path: Path) -> None:
    parts = [f.encoded() for f in ic.open_i3(file)]
    broken = bytearray(parts[2])  # the first readout
    broken[-6] ^= 1
    path = tmp_path / "damaged.i3"
    path.write_bytes(b"".join([*parts[:2], bytes(broken), *parts[3:]]))
    with pytest.raises(DamagedFileError, match="frame 2"):
        to_i3(rows((1, 0)), path, tmp_path / "out.i3")
    assert not (tmp_path / "out.i3").exists()
    to_i3(rows((1, 0)), path, tmp_path / "out.i3", skip_damaged=True)
    assert letters(tmp_path / "out.i3") == "IGQPX"
