"""`chain`, `modules`: what a module sees and does, errors and the summary."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import icecol as ic
from icecol.errors import DamagedFileError, IcecolError, TrayError
from icecol.i3.archive import new
from icecol.i3.frames.frame import Frame


def frame(stop, **values):
    f = Frame(stop)
    f.update(values)
    return f


def header(event, stream="", sub=0):
    return new("I3EventHeader", run_id=5, event_id=event, sub_event_id=sub, sub_event_stream=stream)


def source(n=3, physics=2):
    """Yield a G frame, and `n` Q frames with P frames each."""
    yield frame("G", geometry=1)
    for i in range(n):
        yield frame("Q", I3EventHeader=header(i), event=i)
        for k in range(physics):
            yield frame("P", I3EventHeader=header(i, "Split", k), sub=k)


class Reversed:
    def stream(self, frames):
        yield from reversed(list(frames))


def stops(tray):
    return "".join(f.stop for f in tray)


def subs(tray):
    return [(f["event"].value, f["sub"].value) for f in tray if f.stop == "P"]


def tray(*modules, **options):
    made = ic.Tray().add(source, **options)
    for module in modules:
        made.add(module)
    return made


# -- what a module sees -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stops", "seen"),
    [
        ({}, "PP"),
        ({"stops": "P"}, "PP"),
        ({"stops": "QP"}, "QPP"),
        ({"stops": None}, "GQPP"),
        ({"stops": ["G"]}, "G"),
    ],
)
def test_a_function_sees_the_physics_frames_or_the_stops_it_asks_for(stops, seen):
    found = []
    tray(n=1).add(lambda f: found.append(f.stop), **stops).run()
    assert "".join(found) == seen


def test_modules_work_on_one_frame_after_another_in_the_order_they_were_added():
    done = []
    tray(
        lambda f: done.append(("a", f["sub"].value)), lambda f: done.append(("b", f["sub"].value)), n=1
    ).run()
    assert done == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_an_object_has_a_method_for_each_stop():
    class Seen:
        def __init__(self):
            self.calls = []

        def physics(self, f):
            self.calls.append("p" + f.stop)

        def daq(self, f):
            self.calls.append("q" + f.stop)

        def geometry(self, f):
            self.calls.append("g" + f.stop)

        def calibration(self, f):
            self.calls.append("c" + f.stop)

        def detector_status(self, f):
            self.calls.append("d" + f.stop)

        def simulation(self, f):
            self.calls.append("s" + f.stop)

        def tray_info(self, f):
            self.calls.append("i" + f.stop)

        def process(self, f):
            self.calls.append("x" + f.stop)

    seen = Seen()
    assert stops(ic.Tray().add([Frame(s) for s in "IGCDSQPXM"]).add(seen)) == "IGCDSQPXM"
    assert " ".join(seen.calls) == "iI gG cC dD sS qQ pP xX xM"


def test_process_stands_in_for_the_methods_that_an_object_lacks():
    class Seen:
        calls = ""

        def physics(self, f):
            self.calls += "p"

        def process(self, f):
            self.calls += f.stop

    seen = Seen()
    tray(seen, n=1).run()
    assert seen.calls == "GQpp"
    other = Seen()
    tray(n=1).add(other, stops="Q").run()
    assert other.calls == "Q"


def test_a_class_is_made_anew_with_the_parameters_for_each_run():
    class Counter:
        def __init__(self, key="Count", start=0):
            self.key, self.count = key, start

        def physics(self, f):
            f[self.key] = self.count
            self.count += 1

    made = tray().add(Counter, key="N", start=10)
    assert [[f["N"].value for f in made if f.stop == "P"] for _ in range(2)] == [[*range(10, 16)]] * 2


def test_parameters_are_bound_when_the_module_is_added():
    services = {"seen": []}

    def module(f, service, *, factor=1):
        service["seen"].append(factor * f["sub"].value)

    tray(n=1).add(module, service=services, factor=3).run()
    assert services["seen"] == [0, 3]


def test_a_condition_lets_other_frames_pass_by():
    made = tray(n=2).add(lambda f: False, if_=lambda f: f["sub"].value == 1, name="cut")
    assert subs(made) == [(0, 0), (1, 0)]
    assert made.run()["cut"].calls == 2


# -- what its answers do ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [None, True, np.True_])
def test_none_and_true_keep_the_frame(answer):
    assert stops(tray(lambda f: answer, n=1)) == "GQPP"


@pytest.mark.parametrize("answer", [False, np.False_, [], ()])
def test_false_and_no_frames_drop_it(answer):
    assert stops(tray(lambda f: answer, n=1)) == "GQ"


def test_frames_take_the_place_of_the_frame():
    def double(f):
        yield f
        yield frame("P", sub=10 + f["sub"].value)

    assert subs(tray(double, n=1)) == [(0, 0), (0, 10), (0, 1), (0, 11)]
    assert subs(tray(lambda f: frame("P", sub=7), n=1)) == [(0, 7), (0, 7)]


def test_physics_frames_go_with_the_daq_frame_that_is_dropped():
    made = tray().add(lambda f: f["event"].value != 1, stops="Q")
    assert stops(made) == "GQPPQPP"
    assert subs(made) == [(0, 0), (0, 1), (2, 0), (2, 1)]


def test_other_answers_are_refused():
    with pytest.raises(
        TrayError, match="it returned 1: return None or True to keep the frame, False to drop"
    ):
        tray(lambda f: 1).run()
    with pytest.raises(TrayError, match="it returned 'sub'"):
        tray(lambda f: ["sub"]).run()


def test_finish_is_called_after_the_last_frame_and_may_give_more():
    class Sum:
        total = 0

        def physics(self, f):
            self.total += f["sub"].value

        def finish(self):
            yield frame("X", total=self.total)

    seen = []
    made = tray(Sum).add(lambda f: seen.append(f["total"].value), stops="X")
    assert stops(made) == "GQPPQPPQPPX"
    assert seen == [3]


def test_a_module_may_take_the_stream_of_all_frames():
    assert stops(tray(Reversed, n=1)) == stops(tray(Reversed(), n=1)) == "PPQG"
    with pytest.raises(TypeError, match="stream of all frames"):
        tray().add(Reversed, stops="P")


# -- what is inherited ------------------------------------------------------------------------------------------------


def test_what_a_module_puts_into_a_daq_frame_is_seen_in_its_physics_frames():
    def mark(f):
        f["mark"] = 10 + f["event"].value

    seen = []
    tray(n=2).add(mark, stops="Q").add(lambda f: seen.append((f["mark"].value, f.stop_of("mark")))).run()
    assert seen == [(10, "Q"), (10, "Q"), (11, "Q"), (11, "Q")]


def test_frames_that_are_made_see_their_parents_and_lend_to_their_children():
    def split(f):
        yield f
        yield frame("X", extra=f["event"].value)
        yield frame("P", sub=0)

    found = []
    made = ic.Tray().add(source, n=2, physics=0).add(split, stops="Q")
    made.add(lambda f: found.append([f[k].value for k in ("geometry", "event", "extra", "sub")])).run()
    assert found == [[1, 0, 0, 0], [1, 1, 1, 0]]


def test_an_inherited_object_deleted_in_a_physics_frame_is_back_behind_the_module():
    def forget(f):
        del f["event"]
        assert "event" not in f

    assert subs(tray(forget, n=1)) == [(0, 0), (0, 1)]


def test_a_stream_of_frames_is_the_same_as_its_file(tmp_path):
    def change(f):
        if f.stop == "Q":
            f["geometry"] = 100 + f["event"].value
        if f.stop == "P" and f["sub"].value == 1:
            return [frame("Y", y=f["event"].value), f]
        return None

    made = tray().add(change, stops=None)
    made.add(ic.tray.write(tmp_path / "a.i3"))
    here = [(f.stop, {k: (f.stop_of(k), f.raw(k)) for k in f}) for f in made]
    there = [(f.stop, {k: (f.stop_of(k), f.raw(k)) for k in f}) for f in ic.open_i3(tmp_path / "a.i3")]
    assert here == there


# -- sources ----------------------------------------------------------------------------------------------------------


def test_a_source_is_a_function_an_iterable_or_files(files):
    assert stops(ic.Tray().add(source, n=1)) == "GQPP"
    assert stops(ic.Tray().add(source(1))) == "GQPP"
    assert stops(ic.Tray().add(list(source(1)))) == "GQPP"
    assert stops(ic.Tray().add(str(files.events))) == "QP" * 30


def test_the_number_of_frames_can_be_limited():
    taken = []

    def counted():
        for f in source():
            taken.append(f)
            yield f

    assert ic.Tray().add(counted).run(max_frames=4).rows[0].frames_out == 4
    assert len(taken) == 4


def test_what_is_not_a_source_or_module_is_refused_when_it_is_added():
    with pytest.raises(TrayError, match="empty tray"):
        ic.Tray().run()
    for wrong in (5, frame("P", a=1), ic.reco.linefit):
        with pytest.raises(TypeError, match="is not a source: begin with files"):
            ic.Tray().add(wrong)
    with pytest.raises(TypeError, match="'int' is not a module: give a function"):
        tray().add(5)
    with pytest.raises(TypeError, match="gave 'a', not a frame"):
        ic.Tray().add(["a"]).run()
    with pytest.raises(FileNotFoundError, match=r"no file 'nothing.i3'"):
        ic.Tray().add("nothing.i3")


def test_wrong_parameters_are_refused_when_the_module_is_added():
    def bright(f, pulses, least=3):
        return True

    class Counter:
        def physics(self, f):
            pass

    for parameters in ({"pulses": "P", "leest": 4}, {}):
        with pytest.raises(TypeError, match=r"module 'bright': .* it is bright\(f, pulses, least=3\)"):
            tray().add(bright, **parameters)
    with pytest.raises(TypeError, match="unexpected keyword argument 'n'"):
        tray().add(Counter, n=1)
    with pytest.raises(TypeError, match="takes no parameters; found 'n'"):
        tray().add(Counter(), n=1)
    tray().add(max, name="builtin")
    tray().add(functools.partial(bright, pulses="P"))


# -- errors -----------------------------------------------------------------------------------------------------------


def test_an_error_names_module_frame_event_and_file(files):
    def broken(f):
        if f["I3EventHeader"].event_id == 1:
            f["NoSuchKey"]

    with pytest.raises(RuntimeError) as caught:
        ic.Tray().add(ic.tray.read([files.gcd, files.events])).add(broken).run()
    assert isinstance(caught.value, TrayError)
    assert isinstance(caught.value, IcecolError)
    assert isinstance(caught.value.__cause__, KeyError)
    text = str(caught.value)
    assert "module 'broken' failed on a P frame (run 7, event 1, sub-event 0 of InIceSplit)" in text
    assert f"frame 3 of {files.events}: MissingColumnError: no object 'NoSuchKey'" in text


def test_an_error_tells_frames_of_other_sources_and_the_end():
    def broken(f):
        raise ValueError

    class AtTheEnd:
        def finish(self):
            raise ValueError

    class Never:
        def __init__(self):
            raise ValueError

        def physics(self, f):
            pass

    class Streaming:
        def stream(self, frames):
            for f in frames:
                yield f
                raise ValueError

    with pytest.raises(
        TrayError, match=r"'broken' failed on a Q frame \(run 5, event 0\), frame 1 of the source: ValueE"
    ):
        tray().add(broken, stops="Q").run()
    with pytest.raises(TrayError, match="'broken' failed on a G frame, frame 0 of the source: ValueError"):
        tray().add(broken, stops="G").run()
    with pytest.raises(TrayError, match="'AtTheEnd' failed after frame 9 of the source: ValueError"):
        tray(AtTheEnd).run()
    with pytest.raises(TrayError, match="'Never' failed before the first frame: ValueError"):
        tray(Never).run()
    with pytest.raises(TrayError, match="'Streaming' failed after frame 0 of the source: ValueError"):
        tray(Streaming).run()
    with pytest.raises(TrayError, match="'broken' failed on"):
        tray(broken).add(Reversed).run()


def test_an_error_of_the_source_is_its_own(files, tmp_path):
    cut = tmp_path / "cut.i3.zst"
    cut.write_bytes(files.events.read_bytes()[:20000])
    with pytest.raises(DamagedFileError, match=r"cut\.i3"):
        ic.Tray().add(ic.tray.read(cut)).add(lambda f: None).add(ic.tray.write(tmp_path / "out.i3")).run()
    assert not (tmp_path / "out.i3").exists()


# -- the summary ------------------------------------------------------------------------------------------------------


def test_the_summary_counts_calls_and_frames_and_shows_a_table():
    def first(f):
        return f["sub"].value == 0

    summary = tray(first, first).add(lambda f: None, stops="GQ", name="rest").run()
    assert [(r.name, r.calls, r.frames_in, r.frames_out) for r in summary.rows] == [
        ("source", 0, 0, 10),
        ("first", 6, 10, 7),
        ("first_2", 3, 7, 7),
        ("rest", 4, 7, 7),
    ]
    assert summary["first"].frames_out == 7
    assert 0 <= sum(r.seconds for r in summary.rows) <= summary.seconds
    text = repr(summary).splitlines()
    assert text[0].split() == ["module", "calls", "frames", "in", "frames", "out", "seconds"]
    assert text[2].split()[:4] == ["first", "6", "10", "7"]
    assert text[-1].startswith("10 frames in ")
    with pytest.raises(KeyError, match=r"no module 'last' in the tray; modules: 'first', .*'source'"):
        summary["last"]
