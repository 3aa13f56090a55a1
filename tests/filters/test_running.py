"""An online filter keeps what passes, once, whenever it is killed; `recorded` adds up what it saw."""

from __future__ import annotations

import gzip
import io
import json
import shutil

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.dataset.lock import Lock
from icecol.errors import DatasetError, MissingColumnError
from icecol.filters import running
from icecol.sim.files import write_gcd

KEY = "InIcePulses"
GEOMETRY = ic.sim.events(1, seed=1).geometry
N = 60


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """A file of events, and the answers by ordinary means."""
    folder = tmp_path_factory.mktemp("stream")
    ic.sim.write(folder / "daq.i3", ic.sim.events(N, seed=4))
    ds = ic.convert.i3(folder / "daq.i3", folder / "daq.icecol", gcd=GEOMETRY, stop="Q", jobs=1)
    events = ic.with_features(ds, Charge=ic.reco.charge(KEY), Line=ic.reco.linefit(KEY))
    return folder, ic.filters.apply(events, filters(), mask="Mine", prescales={"some": 3.0}).collect()


def filters():
    return {
        "bright": pl.col("Charge.total") > 150,
        "some": pl.lit(value=True),
        "none": pl.col("Line.zenith") > 4,
    }


def options(**more):
    features = {"Charge": ic.reco.charge(KEY), "Line": ic.reco.linefit(KEY)}
    return {
        "features": features, "filters": filters(), "mask": "Mine", "prescales": {"some": 3.0}, "events": 7,
        "gcd": GEOMETRY, **more
    }  # fmt: skip


def kept(folder):
    paths = sorted(folder.glob("*.i3.zst"))
    return [f for f in ic.open_i3(paths) if f.stop == "Q"] if paths else []


def ids(frames):
    return [frame["I3EventHeader"].event_id for frame in frames]


def expected(events):
    passed = events.filter(pl.any_horizontal(pl.col(f"Mine.{n}.prescale_passed") for n in filters()))
    return passed["I3EventHeader.event_id"].to_list()


def test_frames_that_pass_are_written_with_their_features_and_mask(stream, tmp_path):
    folder, events = stream
    state = ic.filters.run(folder / "daq.i3", tmp_path, **options())
    frames = kept(tmp_path / "sent")
    assert ids(frames) == expected(events)
    assert 10 < len(frames) < N
    assert state.segments == 9
    by_id = {row["I3EventHeader.event_id"]: row for row in events.iter_rows(named=True)}
    for frame in frames:
        row = by_id[frame["I3EventHeader"].event_id]
        assert frame["Charge"]["total"] == row["Charge.total"]
        assert frame.class_name("Line") == "I3Particle"
        for name in filters():
            result = frame["Mine"][name]
            assert result.condition_passed == row[f"Mine.{name}.condition_passed"]
            assert result.prescale_passed == row[f"Mine.{name}.prescale_passed"]
    physics = [f for f in ic.open_i3(sorted((tmp_path / "sent").glob("*"))) if f.stop == "P"]
    assert ids(physics) == ids(frames)
    assert not list((tmp_path / "held").iterdir())
    assert not (tmp_path / ".segment.i3").exists()


@pytest.mark.slow
def test_it_is_the_same_however_it_is_cut_and_from_a_pipe(stream, tmp_path):
    folder, events = stream
    for i, n in enumerate((1, 25, 1000)):
        with (folder / "daq.i3").open("rb") as pipe:
            ic.filters.run(pipe, tmp_path / str(i), **options(events=n))
        assert ids(kept(tmp_path / str(i) / "sent")) == expected(events)


class Killed(Exception):
    pass


@pytest.mark.parametrize("source", ["file", "pipe"])
def test_killed_at_any_moment_it_loses_and_repeats_nothing(stream, tmp_path, monkeypatch, source):
    folder, events = stream
    deaths = []

    def kill(owner, name, *, before, after):
        """Let the calls of these numbers die before or after they do their work, each once."""
        real, calls = getattr(owner, name), iter(range(1000))

        def called(*args, **kwargs):
            call = next(calls)
            if call in before:
                deaths.append(name)
                raise Killed
            done = real(*args, **kwargs)
            if call in after:
                deaths.append(name)
                raise Killed
            return done

        monkeypatch.setattr(owner, name, called)

    kill(running, "to_i3", before={0, 5}, after={2})
    kill(running.recorded, "counts", before={3}, after={6})
    kill(running._Runner, "_record", before={2}, after={0, 4})
    while True:
        try:
            if source == "file":
                ic.filters.run(folder / "daq.i3", tmp_path, **options())
            else:
                with (folder / "daq.i3").open("rb") as pipe:  # the sender begins again
                    ic.filters.run(pipe, tmp_path, **options())
            break
        except Killed:
            continue
    assert len(deaths) == 8
    assert ids(kept(tmp_path / "sent")) == expected(events)
    totals = ic.filters.monitoring(tmp_path).group_by("filter").agg(pl.col("n").sum())
    assert totals.filter(filter="all")["n"].item() == N
    assert totals.filter(filter="any")["n"].item() == len(expected(events))


@pytest.mark.slow
def test_the_detector_may_come_with_the_stream(stream, tmp_path):
    folder, events = stream
    path = tmp_path / "GCD.i3"
    write_gcd(path, GEOMETRY)
    pipe = io.BytesIO(path.read_bytes() + (folder / "daq.i3").read_bytes())
    ic.filters.run(pipe, tmp_path / "out", **options(gcd=None, events=1000))
    assert [f.stop for f in ic.open_i3(tmp_path / "out" / "GCD.i3.gz")] == ["G", "C", "D"]
    assert ids(kept(tmp_path / "out" / "sent")) == expected(events)
    again = io.BytesIO((folder / "daq.i3").read_bytes())  # it comes once, and a new start has it still
    ic.filters.run(again, tmp_path / "out", **options(gcd=None, events=1000))
    assert ids(kept(tmp_path / "out" / "sent")) == expected(events)


def test_a_budget_sends_the_most_important_first_and_holds_the_rest(stream, tmp_path):
    folder, events = stream
    whole = ic.filters.run(folder / "daq.i3", tmp_path / "a", **options(events=30))
    size = sum(p.stat().st_size for p in (tmp_path / "a" / "sent").iterdir())
    seconds = ic.filters.monitoring(tmp_path / "a").height and (N - 1) * 0.01
    half = 0.5 * size / seconds * 86400
    for _ in range(2):  # the second has nothing to do
        ic.filters.run(
            folder / "daq.i3",
            tmp_path / "b",
            **options(events=30, bytes_per_day=half),
        )
    sent, held = ids(kept(tmp_path / "b" / "sent")), ids(kept(tmp_path / "b" / "held"))
    assert sorted(sent + held) == expected(events)
    assert 3 < len(sent) < len(expected(events)) - 3
    bright = set(events.filter(pl.col("Mine.bright.prescale_passed"))["I3EventHeader.event_id"])
    for part in (range(30), range(30, N)):
        dim = [i for i in sent if i in part and i not in bright]
        assert not dim or not [i for i in held if i in part and i in bright]
    spent = sum(p.stat().st_size for p in (tmp_path / "b" / "sent").iterdir())
    assert spent < 0.8 * size
    assert whole.left == 0
    state = json.loads((tmp_path / "b" / "state.json").read_text())
    assert state["left"] == pytest.approx(half / 86400 * seconds - spent, rel=0.05)
    monitored = ic.filters.monitoring(tmp_path / "b").filter(filter="any")
    assert monitored["n_sent"].sum() == len(sent)
    assert monitored["n"].sum() == len(sent) + len(held)


def test_what_was_not_used_for_an_hour_is_lost(stream, tmp_path):
    folder, _ = stream
    path = tmp_path / "state.json"
    how = options(events=1000, bytes_per_day=86400.0)
    state = ic.filters.run(folder / "daq.i3", tmp_path, **how)
    content = json.loads(path.read_text())
    content |= {"time": state.time - 5 * 3600 * 10**9, "left": 0.0, "done": []}
    path.write_text(json.dumps(content))
    again = ic.filters.run(folder / "daq.i3", tmp_path, **how)
    spent = (tmp_path / "sent" / "00000001.i3.zst").stat().st_size if again.left < 3600 else 0
    assert again.left == pytest.approx(3600 - spent)


def test_minutes_add_up_to_the_events_and_rates(stream, tmp_path):
    folder, events = stream
    axis = ic.hist.regular("Charge.total", 4, 0, 400)
    ic.filters.run(folder / "daq.i3", tmp_path, **options(histograms={"charge": axis}))
    found = ic.filters.monitoring(tmp_path)
    assert found["minute"].unique().dt.strftime("%Y-%m-%d %H:%M").to_list() == ["2024-01-01 00:00"]
    rows = {row["filter"]: row for row in found.iter_rows(named=True)}
    assert list(rows) == ["all", *filters(), "any"]
    assert rows["all"]["rate"] == pytest.approx(N / ((N - 1) * 0.01), rel=1e-3)
    for name in filters():
        assert rows[name]["n_condition"] == events[f"Mine.{name}.condition_passed"].sum()
        assert rows[name]["n"] == rows[name]["n_sent"] == events[f"Mine.{name}.prescale_passed"].sum()
    size = sum(p.stat().st_size for p in (tmp_path / "sent").iterdir())
    assert rows["any"]["bytes"] == pytest.approx(size, rel=0.5)
    counted = ic.filters.histograms(tmp_path)["charge"]
    assert np.array_equal(counted.values(), ic.hist.fill(events, axis).values())
    assert counted.sum() > 20


def test_files_of_a_folder_are_taken_once_in_their_order(stream, tmp_path):
    folder, events = stream
    incoming = tmp_path / "in"
    incoming.mkdir()
    shutil.copy(folder / "daq.i3", incoming / "1.i3")
    (incoming / ".2.i3.tmp").write_bytes(b"half of a file")
    for _ in range(2):
        ic.filters.run(incoming, tmp_path / "out", **options())
        assert ids(kept(tmp_path / "out" / "sent")) == expected(events)
    shutil.copy(folder / "daq.i3", incoming / "2.i3")
    state = ic.filters.run(incoming, tmp_path / "out", **options())
    assert ids(kept(tmp_path / "out" / "sent")) == expected(events) * 2
    assert state.done == ["1.i3", "2.i3"]


def test_each_segment_is_acknowledged_when_it_is_recorded(stream, tmp_path):
    folder, _ = stream
    told = []

    def acknowledge(state):
        recorded = json.loads((tmp_path / "state.json").read_text())
        assert recorded["last"] == state.last
        told.append((state.segments, state.last))

    with (folder / "daq.i3").open("rb") as pipe:
        ic.filters.run(pipe, tmp_path, **options(events=20, acknowledge=acknowledge))
    assert told == [(1, [1, 19]), (2, [1, 39]), (3, [1, 59])]


def test_damaged_events_cost_themselves_alone(stream, tmp_path):
    folder, events = stream
    data = bytearray((folder / "daq.i3").read_bytes())
    victim = expected(events)[3]
    frames = [m for m in range(len(data)) if data[m : m + 4] == b"[i3]"]
    at = frames[2 * victim]  # a Q and a P frame for each event
    data[at + 200] ^= 255
    with pytest.warns(UserWarning, match="stdin, segment .* checksum"):
        ic.filters.run(io.BytesIO(bytes(data)), tmp_path, **options())
    assert ids(kept(tmp_path / "sent")) == [i for i in expected(events) if i != victim]
    parts = [json.loads(p.read_text()) for p in sorted((tmp_path / "monitoring").iterdir())]
    assert sum(len(part["damage"]) for part in parts) == 1


def test_keys_that_some_events_lack_are_null_there(stream, tmp_path):
    folder, _ = stream
    out = tmp_path / "gaps.i3"
    tray = ic.Tray().add(folder / "daq.i3")
    tray.add(lambda f: f.__delitem__(KEY) if f["I3EventHeader"].event_id // 10 == 2 else None, stops="Q")
    tray.add(ic.tray.write(out, stops="QP")).run()
    ic.filters.run(out, tmp_path / "o", **options(events=10))
    total = ic.filters.monitoring(tmp_path / "o").filter(filter="all")["n"].sum()
    assert total == N
    bright = ids(f for f in kept(tmp_path / "o" / "sent") if f["Mine"]["bright"].condition_passed)
    assert bright
    assert not [i for i in bright if i // 10 == 2]


def test_what_does_not_go_together_is_refused(stream, tmp_path):
    folder, _ = stream
    ic.filters.run(folder / "daq.i3", tmp_path, **options())
    with pytest.raises(DatasetError, match=r"other settings \(prescales\): give another folder"):
        ic.filters.run(folder / "daq.i3", tmp_path, **{**options(), "prescales": {}})
    with pytest.raises(DatasetError, match="no online filter wrote there"):
        ic.filters.monitoring(tmp_path / "sent")
    with pytest.raises(TypeError, match="neither a Filter nor an expression"):
        ic.filters.run(folder / "daq.i3", tmp_path / "x", filters={"a": "Q.total > 5"})
    none = {"features": {"C": ic.reco.charge("NoSuch")}, "filters": {"a": pl.col("C.total") > 1}}
    with pytest.raises(MissingColumnError, match="NoSuch"):
        ic.filters.run(folder / "daq.i3", tmp_path / "y", **none)
    with pytest.raises(ValueError, match=r"two files are named 'daq\.i3'"):
        ic.filters.run([folder / "daq.i3", tmp_path / "daq.i3"], tmp_path / "z", **options())


def test_events_of_a_pipe_may_come_in_any_order_and_only_a_new_start_repeats(stream, tmp_path):
    folder, events = stream
    data = (folder / "daq.i3").read_bytes()
    begins = [m for m in range(len(data)) if data[m : m + 4] == b"[i3]"][
        ::2
    ]  # a Q and a P frame for each event
    parts = [data[a:b] for a, b in zip(begins, [*begins[1:], len(data)], strict=True)]
    turned = b"".join(reversed(parts))
    ic.filters.run(io.BytesIO(turned), tmp_path, **options())
    assert ids(kept(tmp_path / "sent")) == expected(events)[::-1]


def test_a_file_that_cannot_be_decompressed_is_read_as_far_as_it_goes_and_does_not_stop_the_others(
    stream, tmp_path
):
    folder, events = stream
    inbox = tmp_path / "in"
    inbox.mkdir()
    whole = gzip.compress((folder / "daq.i3").read_bytes(), 1)
    half = bytearray(whole)
    half[len(half) // 2 :] = bytes(len(half) - len(half) // 2)
    (inbox / "a.i3.gz").write_bytes(bytes(half))
    (inbox / "b.i3.gz").write_bytes(whole)
    with (
        pytest.warns(UserWarning, match=r"a\.i3\.gz, segment .* no valid frame"),
        pytest.warns(
            UserWarning, match=r"a\.i3\.gz is left after [\d,]+ frames, as it cannot be read any further"
        ),
    ):
        state = ic.filters.run(inbox, tmp_path / "out", **options())
    assert state.done == ["a.i3.gz", "b.i3.gz"]
    assert list(state.unread) == ["a.i3.gz"]
    found = ids(kept(tmp_path / "out" / "sent"))
    n = len(found) - len(expected(events))
    assert 0 < n < len(expected(events))
    assert found == expected(events)[:n] + expected(events)
    assert ic.filters.run(inbox, tmp_path / "out", **options()).segments == state.segments


def test_events_without_a_header_are_counted(stream, tmp_path):
    folder, events = stream
    tray = ic.Tray().add(folder / "daq.i3")
    tray.add(
        lambda f: f.__delitem__("I3EventHeader") if f["I3EventHeader"].event_id == 9 else None, stops="Q"
    )
    tray.add(ic.tray.write(tmp_path / "some.i3", stops="Q")).run()
    with pytest.warns(UserWarning, match=r"some\.i3, segment 1: 1 events without I3EventHeader are left out"):
        state = ic.filters.run(tmp_path / "some.i3", tmp_path / "o", **options())
    assert state.headless == 1
    assert ids(kept(tmp_path / "o" / "sent")) == [i for i in expected(events) if i != 9]


def test_one_process_writes_a_folder(stream, tmp_path):
    folder, _ = stream
    with Lock(tmp_path, tmp_path), pytest.raises(DatasetError, match="being written by another process"):
        ic.filters.run(folder / "daq.i3", tmp_path, **options())
    ic.filters.run(folder / "daq.i3", tmp_path, **options())
    assert not (tmp_path / "lock").exists()


def test_a_later_status_leaves_the_geometry_in_force(stream, tmp_path):
    folder, events = stream
    path = tmp_path / "GCD.i3"
    write_gcd(path, GEOMETRY)
    status = [frame for frame in ic.open_i3(path) if frame.stop == "D"]
    ic.write_i3(tmp_path / "D.i3", status)
    data = [place.read_bytes() for place in (path, folder / "daq.i3", tmp_path / "D.i3")]
    ic.filters.run(io.BytesIO(b"".join(data)), tmp_path / "out", **options(gcd=None))
    assert [f.stop for f in ic.open_i3(tmp_path / "out" / "GCD.i3.gz")] == ["G", "C", "D"]
    assert ids(kept(tmp_path / "out" / "sent")) == expected(events)
