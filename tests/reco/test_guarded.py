"""`guarded`, `decorator`: users' kernels, which may be wrong, and then say so."""

from __future__ import annotations

import io
import logging
import re

import numpy as np
import polars as pl
import pytest
from numba import njit

from icecol import Geometry, Pulses, kernel, reco, with_features
from icecol.detector.geometry import omkey
from icecol.errors import GeometryError, KernelError

PULSES = Pulses("P", Geometry.nominal())
FRAME = pl.DataFrame(
    {
        "I3EventHeader.run_id": [7, 7, 7, 8],
        "I3EventHeader.event_id": [3, 4, 5, 1],
        "P.time": [[1.0, 2.0], None, [5.0, 6.0, 7.0], [9.0]],
        "P.charge": [[1.0, 0.5], None, [2.0, 2.0, 2.0], [4.0]],
        "P.omkey": [[omkey(1, 2), omkey(1, 1)], None, [omkey(2, 1)] * 3, [omkey(99, 1)]],
        "Q.time": [[10.0], [20.0], None, []],
        "Q.omkey": [[omkey(3, 3)], [omkey(3, 4)], None, []],
        "MC.energy": [1e3, 1e4, None, 1e5],
    },
    schema_overrides={
        "P.charge": pl.List(pl.Float32),
        "P.omkey": pl.List(pl.Int32),
        "Q.omkey": pl.List(pl.Int32),
    },
)
ENGINES = pytest.mark.parametrize("engine", ["in-memory", "streaming"])


@njit
def pulse(time, k):
    return time[k]


@kernel(third=pl.Float64)
def third(time, *, k=2):
    return pulse(time, k)


@ENGINES
def test_an_index_past_the_end_names_kernel_event_and_line(engine):
    said = (
        r"kernel 'third' failed on the event run 7, event 3 \(row 0 of its batch, 2 pulses\): "
        r"IndexError: index (2 )?is out of bounds"
    )
    with pytest.raises(KernelError, match=said):
        with_features(FRAME, K=third(PULSES)).collect(engine=engine)
    with pytest.raises(KernelError, match=r"event run 8, event 1 \(row \d of"):
        with_features(FRAME[2:], K=third(PULSES)).collect(engine=engine)
    with pytest.raises(KernelError, match=r"event row 0 of its batch, 2 pulses"):
        FRAME.select("P.time").lazy().select(third(PULSES)).collect(engine=engine)
    last = with_features(FRAME, K=third(PULSES, k=-1)).select("K.third").collect(engine=engine)
    assert last["K.third"].to_list() == [2.0, None, 7.0, 9.0]
    with pytest.raises(KernelError, match="IndexError"):
        with_features(FRAME, K=third(PULSES, k=-2)).collect(engine=engine)


def test_an_error_of_the_kernel_itself_is_told_with_its_line():
    @kernel(first=pl.Float64)
    def first(time, x):
        return time[: x.size].min()

    said = (
        r"'first' failed on the event run 8, event 1 \(row \d of its batch, 1 pulses\): ValueError: zero-size array.*\n"
        r"  test_guarded.py, line \d+: return time\[: x.size\].min\(\)"
    )
    with pytest.raises(KernelError, match=said):
        with_features(FRAME, K=first(PULSES)).collect()


def test_unchecked_kernels_are_for_who_asks():
    @kernel(third=pl.Float64, boundscheck=False)
    def unchecked(time):
        return time[2]

    found = with_features(FRAME, K=unchecked(PULSES)).select("K.third").collect()
    assert found["K.third"][:1].to_list() == [5.0]  # of the next event


def test_sums_are_in_double_precision():
    @kernel(total=pl.Float64, width=pl.Float64)
    def totals(charge, width):
        return charge.sum(), width.sum()

    charge = np.random.default_rng(1).lognormal(size=100_000).astype("f4")
    frame = pl.DataFrame(
        {f"P.{m}": pl.Series([charge], dtype=pl.List(pl.Float32)) for m in ("charge", "width")}
    )
    found = with_features(frame, T=totals(PULSES)).select("^T.*$").collect().row(0)
    assert found == pytest.approx([charge.astype("f8").sum()] * 2, rel=1e-13)
    assert abs(float(np.add.accumulate(charge)[-1]) / found[0] - 1) > 1e-7


def test_parameters_may_have_any_name():
    @kernel(sum=pl.Float64)
    def named(time, x, n=1.0, i=10.0, a=100.0, *, order=1e3, out=1e4, result=1e5):
        return n + i + a + order + out + result + 0 * (time.size + x.size)

    found = with_features(FRAME, K=named(PULSES)).select("K.sum").collect()["K.sum"]
    assert found.to_list() == [111_111.0, None, 111_111.0, 111_111.0]


@kernel(
    late=pl.List(pl.Int32),
    n=pl.Int64,
    both=pl.List(pl.Float64),
    big=pl.Boolean,
    events=["energy"],
    series=["other"],
)
def matched(time, z, other_time, other_omkey, *, energy="MC.energy", after=1.5):
    both = np.concatenate((time, other_time))
    both[both == 10.0] = np.nan
    return np.nonzero(time > after)[0], other_omkey.size + z.size, both, energy > 5e3


@ENGINES
def test_numbers_an_event_a_second_series_and_lists(engine):
    found = with_features(FRAME, M=matched(PULSES, other="Q")).select("^M\\..*$")
    assert found.collect_schema()["M.late"] == pl.List(pl.Int32)
    rows = found.collect(engine=engine).rows()
    # sorted by omkey; of the last event, no sensor is in the geometry
    assert rows == [([0], 3, [2.0, 1.0, None], False), (None,) * 4, (None,) * 4, ([], 0, [], True)]
    other = matched(PULSES, other=Pulses("Q"), energy=pl.lit(1e9), after=0.0)
    rows = with_features(FRAME, M=other).select("M.late", "M.big").collect(engine=engine).rows()
    assert rows == [([0, 1], True), (None, None), (None, None), ([], True)]


def test_many_values_in_lists_and_a_null_among_the_numbers():
    @kernel(times=pl.List(pl.Float64), known=pl.Float64, events="energy")
    def copied(time, energy):
        return np.repeat(time, 100), energy

    found = with_features(FRAME, C=copied(PULSES, energy="MC.energy")).select("^C.*$").collect()
    assert found["C.times"].to_list() == [v and list(np.repeat(v, 100)) for v in FRAME["P.time"].to_list()]
    assert found["C.known"].fill_nan(None).to_list() == [1e3, None, None, 1e5]


def test_a_second_series_has_its_own_geometry_and_is_asked_for():
    @kernel(x=pl.Float64, series=["other"])
    def far(time, other_x):
        return other_x.sum()

    with pytest.raises(
        TypeError, match=r"kernel 'far' needs a second pulse series: give other=Pulses\(...\)"
    ):
        far(PULSES)
    with pytest.raises(GeometryError, match="needs x of the sensors of 'Q'"):
        far(PULSES, other=Pulses("Q"))
    found = with_features(FRAME, F=far(PULSES, other="Q")).select("F.x").collect()["F.x"]
    row = Geometry.nominal().rows(np.array([omkey(3, 3)], np.int32))
    assert found[0] == Geometry.nominal().x[row][0]


@pytest.mark.parametrize(
    "dtype", [pl.String, pl.Struct({"a": pl.Float64}), pl.List(pl.String), pl.Date, float]
)
def test_a_type_that_a_kernel_cannot_return_is_refused_where_it_is_declared(dtype):
    with pytest.raises(TypeError, match="a kernel cannot return the field 'a' of type"):
        kernel(a=dtype)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"events": ["energy"]},
            "kernel '<lambda>' has no parameter 'energy' to take a number an event.*time, cut",
        ),
        ({"events": ["time"]}, "has no parameter 'time'"),
        ({"series": "late"}, "has no argument of the series 'late', such as late_time"),
    ],
)
def test_names_in_events_and_series_are_arguments(options, message):
    with pytest.raises(TypeError, match=message):
        kernel(a=pl.Float64, **options)(lambda time, cut: cut)


def test_a_number_that_its_field_cannot_hold_is_told():
    @kernel(n=pl.UInt8)
    def many(time):
        return 300 * time.size

    with pytest.raises(KernelError, match=r"(?s)kernel 'many' returned what its field cannot hold: .*600"):
        with_features(FRAME, K=many(PULSES)).collect()


@pytest.mark.parametrize(
    ("dtype", "function", "message"),
    [
        (
            pl.List(pl.Float64),
            lambda time: 1.0,
            "returns float64 for the list 'a': return an array of one dimension",
        ),
        (
            pl.Float64,
            lambda time: (1.0, 2.0),
            "does not return 1 number.*a tuple of 2, not the number itself",
        ),
        (pl.Float64, lambda time: "x", "return a number"),
    ],
)
def test_what_a_kernel_returns_is_what_it_declares(dtype, function, message):
    with pytest.raises(KernelError, match=message):
        with_features(FRAME, K=kernel(a=dtype)(function)(PULSES)).collect()


def test_the_first_compilation_is_said(caplog):
    caplog.set_level(logging.INFO, "icecol")
    unknown = [0]  # not kept on disk, therefore
    late = kernel(n=pl.Int32)(lambda time: time.size if True else unknown)
    for _ in range(2):
        with_features(FRAME, L=late(PULSES)).collect()
    begun, done = caplog.messages
    assert begun == "compiling kernel '<lambda>'"
    assert re.fullmatch(r"compiled kernel '<lambda>' in \d+\.\d s", done)


def test_a_selection_of_ones_own_is_checked_and_in_double_precision():
    cut = reco.Selection(lambda charge: charge + np.float64(1e-9) > 0.5)
    assert FRAME.select(cut(PULSES, ["time"]).struct.field("time")).to_series().to_list()[0] == [1.0, 2.0]
    past = reco.Selection(lambda time: time > time[2])
    with pytest.raises(IndexError):
        FRAME.select(past(PULSES, ["time"]))
    more = reco.Selection(lambda time: np.ones(time.size + 1, np.bool_))
    with pytest.raises(ValueError, match="one value per pulse"):
        FRAME.select(more(PULSES, ["time"]))


@ENGINES
def test_a_users_kernel_is_lazy_and_can_be_sent_elsewhere(engine, tmp_path):
    pytest.importorskip("cloudpickle", reason="Polars serialises Python functions with cloudpickle")
    FRAME.write_parquet(tmp_path / "e.parquet")
    query = with_features(pl.scan_parquet(tmp_path / "e.parquet"), K=third(PULSES, k=0))
    query = query.filter(pl.col("MC.energy") > 2e3).select("K.third")
    assert "PROJECT 4/8 COLUMNS" in query.explain()
    assert 'SELECTION: col("MC.energy") > 2000.0' in query.explain()
    sent = pl.LazyFrame.deserialize(io.BytesIO(query.serialize()))
    assert sent.collect(engine=engine)["K.third"].to_list() == [None, 9.0]
    assert query.head(0).collect(engine=engine).schema == {"K.third": pl.Float64}


def test_a_parameter_that_numba_does_not_know_is_named():
    with pytest.raises(
        KernelError, match=r"the parameter 'k' of kernel 'third' is a dict, which numba does not know"
    ):
        with_features(FRAME, K=third(PULSES, k={})).collect()


@pytest.mark.parametrize(
    ("value", "message"),
    [(1.5, "returned 1.5 for its field 'n' of Int64"), (2.0**53 + 2, "beyond 2^53 cannot be told apart")],
)
@pytest.mark.parametrize("of_list", [False, True])
def test_a_number_that_a_field_of_integers_would_round_is_refused(value, message, of_list):
    @kernel(n=pl.List(pl.Int64) if of_list else pl.Int64)
    def number(time, *, by=1.0):
        return np.full(time.size, by) if of_list else by

    def run(by):
        return with_features(FRAME, N=number(PULSES, by=by)).select("N.n").collect()["N.n"].to_list()

    with pytest.raises(KernelError, match=re.escape(message)):
        run(value)
    assert run(2.0**53)[0] == ([2**53] * 2 if of_list else 2**53)
    assert run(-3.0)[3] == ([-3] if of_list else -3)
