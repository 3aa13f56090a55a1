"""`plan`, `decorator`, `binding`, `codegen`, `feature`: kernels in a lazy plan, each run once, and only if used."""

from __future__ import annotations

import io
import itertools
import subprocess
import sys
import textwrap

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from icecol import Cuts, convert, cutflow, hist, n_minus_one, reco, sim
from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry, omkey
from icecol.errors import GeometryError, KernelError, MissingColumnError, SchemaError
from icecol.reco import event_expr, kernel, with_features
from icecol.reco.feature import cost, with_cost
from icecol.reco.testing import check_feature

GEOMETRY = Geometry.nominal()
PULSES = Pulses("P", GEOMETRY)
ENGINES = pytest.mark.parametrize("engine", ["in-memory", "streaming"])


def events(n: int = 200, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.integers(0, 30, n)
    row = [np.sort(rng.integers(0, len(GEOMETRY), k)) for k in size]
    return pl.DataFrame(
        {
            "energy": rng.lognormal(size=n),
            "P.time": [rng.normal(1e4, 500, k) for k in size],
            "P.charge": [rng.lognormal(size=k).astype("f4") for k in size],
            "P.omkey": [GEOMETRY.omkey[r] for r in row],
        },
        schema_overrides={"P.charge": pl.List(pl.Float32)},
    ).with_columns(pl.when(pl.int_range(n) % 17 != 3).then(pl.col("^P.*$")).name.keep())


class Counter:
    """A feature of two fields that counts the events it is called for."""

    def __init__(self, cost: float = 1.0, *numbers: pl.Expr) -> None:
        self.events = 0
        fields = {"n": pl.Int32, "sum": pl.Float64}
        self.feature = with_cost(event_expr(self.loop, ["P.time"], fields, events=numbers), cost)

    def loop(self, offsets, time, *rest) -> None:
        *_, out = rest
        self.events += offsets.size - 1
        out[0] = np.diff(offsets)
        out[1] = [time[a:b].sum() for a, b in itertools.pairwise(offsets)]


@ENGINES
def test_a_kernel_runs_once_for_all_of_its_fields(engine):
    counter = Counter()
    found = with_features(events(), F=counter.feature).select("F.n", "F.sum").collect(engine=engine)
    assert counter.events == 200
    assert found.columns == ["F.n", "F.sum"]


@ENGINES
def test_a_kernel_does_not_run_if_nothing_of_it_is_used(engine):
    counter = Counter()
    with_features(events(), F=counter.feature).select("energy").collect(engine=engine)
    assert counter.events == 0


@ENGINES
def test_a_cut_written_after_the_kernel_reaches_the_file(engine, tmp_path):
    events().write_parquet(tmp_path / "e.parquet")
    counter = Counter()
    query = with_features(pl.scan_parquet(tmp_path / "e.parquet"), F=counter.feature)
    query = query.filter(pl.col("energy") > 2).select("F.n")
    found = query.collect(engine=engine)
    assert counter.events == found.height < 100
    assert "PROJECT 2/4 COLUMNS" in query.explain()
    assert "SELECTION" in query.explain().split("4 COLUMNS")[1]


@ENGINES
def test_a_cut_on_a_cheap_feature_spares_the_dear_ones_in_whatever_order_they_are_given(engine):
    cheap, fit, better = Counter(), Counter(900.0), Counter(2000.0, pl.col("Fit.sum"))
    found = with_features(events(), Better=better.feature, Fit=fit.feature, Q=cheap.feature)
    assert found.collect_schema().names()[-6:] == [
        "Better.n",
        "Better.sum",
        "Fit.n",
        "Fit.sum",
        "Q.n",
        "Q.sum",
    ]
    bright = (pl.col("Fit.sum") > 0) & (pl.col("Q.n") > 20)
    left = found.filter(bright & (pl.col("Better.sum") < 1e9) & (pl.col("Fit.n") < 28)).collect(engine=engine)
    n = events()["P.time"].list.len()
    assert cheap.events == 200
    assert fit.events == (n > 20).sum() < 70
    assert better.events == ((n > 20) & (n < 28)).sum() == left.height


def test_the_name_of_a_feature_may_begin_with_that_of_another():
    frame = events().with_columns(pl.lit(1).alias("Fit.old"))
    cheap, fit = Counter(), Counter(900.0)
    found = with_features(frame, replace=True, **{"Fit": fit.feature, "Fit.Params": cheap.feature})
    own = ["Fit.n", "Fit.sum", "Fit.Params.n", "Fit.Params.sum"]
    assert found.collect().columns == found.collect_schema().names() == [*events().columns, *own]


@ENGINES
def test_a_cut_on_a_dear_feature_spares_nothing_that_it_reads(engine):
    seed, fit = Counter(50.0), Counter(9.0, pl.col("Seed.sum"))
    query = with_features(events(), Fit=fit.feature, Seed=seed.feature).filter(pl.col("Fit.n") > 20)
    assert query.collect(engine=engine).height < 70
    assert (seed.events, fit.events) == (200, 200)


def test_costs_are_those_that_kernels_and_features_say():
    @kernel(n=pl.Int32, cost=7)
    def count(time):
        return time.size

    made = reco.spe_fit(PULSES, seed="L"), reco.linefit(PULSES), count(PULSES), pl.col("energy")
    assert [cost(e) > 100 for e in made] == [True, False, False, False]
    assert [cost(e) for e in made[1:]] == [1.0, 7.0, 0.0]


def test_features_become_dotted_columns_beside_the_others():
    frame = events()
    found = with_features(
        frame, LineFit=reco.linefit(PULSES), Q=reco.charge(PULSES), double=pl.col("energy") * 2
    )
    assert isinstance(found, pl.LazyFrame)
    names = found.collect_schema()
    assert names.names()[:5] == [*frame.columns, "LineFit.x"]
    assert {
        "LineFit.fit_status": pl.Int32,
        "Q.n_pulses": pl.Int32,
        "double": pl.Float64,
    }.items() <= names.items()
    assert found.collect().schema == names


def test_a_missing_pulse_series_is_null_in_every_field():
    found = with_features(events(), L=reco.linefit(PULSES), Q=reco.charge(PULSES)).filter(
        pl.col("P.time").is_null()
    )
    assert set(np.ravel(found.select("^(L|Q)\\..*$").collect().rows())) == {None}


def test_what_an_expression_could_not_compute_is_null_but_a_column_of_a_file_stays_as_it_is():
    frame = pl.DataFrame({"x": [1.0, float("nan"), None], "n": [1, 2, 3], "t": [[float("nan")], [], None]})
    frame = frame.with_columns(s=pl.struct("x"))
    wanted = pl.struct(r=pl.col("x") * 2, q=pl.struct(y="x"), n="n")
    found = with_features(frame, F=wanted, G=pl.col("x") + 1, X=pl.col("x"), S=pl.col("s")).collect()
    assert found["F.r"].to_list() == [2.0, None, None]
    assert found["F.q"].to_list() == [{"y": 1.0}, {"y": None}, {"y": None}]
    assert found["F.n"].to_list() == [1, 2, 3]
    assert found["G"].to_list() == [2.0, None, None]
    for column in ("X", "S.x"):
        assert found[column].is_nan().to_list() == [False, True, None]
    assert found["F.r"].mean() == 2.0
    assert with_features(frame, F=wanted).filter(pl.col("F.r") > 0).collect().height == 1


def test_a_feature_may_filter_the_elements_of_a_list():
    frame = pl.DataFrame({"t": [[1.0, 5.0], []]})
    late = pl.col("t").list.filter(pl.element() > 2).list.len()
    assert with_features(frame, Late=late).collect()["Late"].to_list() == [1, 0]


def test_a_missing_column_is_named_before_anything_is_read():
    with pytest.raises(MissingColumnError, match=r"'Q' reads the column 'S.time', .*did you mean 'P.time'"):
        with_features(events().lazy(), Q=reco.charge(Pulses("S")))


def test_a_feature_that_needs_positions_asks_for_a_geometry():
    with pytest.raises(GeometryError, match=r"'linefit' needs x, y, z of the sensors of 'P'"):
        reco.linefit(Pulses("P"))


def test_a_feature_may_read_another_that_is_given_beside_it():
    angle = reco.opening_angle("L", "M")
    found = with_features(
        events(), A=angle, L=reco.linefit(PULSES), M=reco.improved_linefit(PULSES)
    ).collect()
    one = with_features(events(), L=reco.linefit(PULSES), M=reco.improved_linefit(PULSES))
    assert found["A"].equals(with_features(one, A=angle).collect()["A"])


def test_features_that_read_each_other_are_an_error():
    with pytest.raises(MissingColumnError, match="circular dependency between features: A → B → A"):
        with_features(events(), A=pl.col("B.x") + 1, B=pl.struct(x=pl.col("A")))


def test_a_column_that_a_given_feature_does_not_have_is_named():
    with pytest.raises(MissingColumnError, match=r"'L\.zenth'"):
        with_features(events(), L=reco.linefit(PULSES), Z=pl.col("L.zenth") * 2)


STORED = {"F.n": 7, "F.shape": 40, "Fit.n": 1, "F2": 2.0}


def test_a_key_of_the_file_is_not_overwritten_by_half():
    stored = events().with_columns(pl.lit(value).alias(name) for name, value in STORED.items())
    with pytest.raises(SchemaError, match=r"'F' has the name of a key .*'F.n' and 1 more.*replace=True"):
        with_features(stored, F=Counter().feature)
    with pytest.raises(SchemaError, match="'F2' has the name of a key"):
        with_features(stored, F2=pl.col("energy"))
    with pytest.raises(TypeError, match="no name of a feature"):
        with_features(stored, replace=pl.col("energy"))


@ENGINES
def test_a_key_that_is_replaced_loses_all_of_its_columns(engine):
    stored = events().with_columns(pl.lit(value).alias(name) for name, value in STORED.items())
    plan = with_features(
        stored, replace=True, F=Counter().feature, F2=pl.col("F.n") + pl.col("F2"), G=pl.col("F2") + 1
    )
    found = plan.collect(engine=engine)
    assert {c for c in found.columns if not c.startswith("P.")} == {
        "energy", "Fit.n", "F.n", "F.sum", "F2", "G",
    }  # fmt: skip
    sizes = stored["P.time"].list.len()
    assert found["F.n"].to_list() == sizes.to_list()
    assert found["F2"].to_list() == (sizes + 2.0).to_list()
    assert found["G"].to_list() == (sizes + 3.0).to_list()


def test_a_plan_with_features_can_be_sent_elsewhere():
    pytest.importorskip("cloudpickle", reason="Polars serialises Python functions with cloudpickle")
    query = with_features(events(), L=reco.linefit(PULSES)).select("^L.*$")
    sent = pl.LazyFrame.deserialize(io.BytesIO(query.serialize()))
    assert sent.collect().equals(query.collect())


@kernel(span=pl.Float64, n=pl.Int32, top=pl.Float64)
def extent(time, charge, z, string, *, least=1.0):
    n = 0
    first, last, top = np.inf, -np.inf, -np.inf
    for i in range(time.size):
        if charge[i] >= least and string[i] < 87:
            n += 1
            first, last, top = min(first, time[i]), max(last, time[i]), max(top, z[i])
    if n == 0:
        return np.nan, np.nan, np.nan
    return last - first, n, top


def test_a_users_kernel_is_a_feature_like_any_other():
    frame = events()
    found = with_features(frame, E=extent(PULSES, least=0.5)).select("^E.*$").collect().rows()
    z = dict(zip(GEOMETRY.omkey.tolist(), GEOMETRY.z.tolist(), strict=True))
    for row, time, charge, key in zip(
        found, *(frame[f"P.{m}"] for m in ("time", "charge", "omkey")), strict=True
    ):
        if time is None:
            assert row == (None, None, None)
            continue
        use = charge.to_numpy() >= 0.5
        if not use.any():
            assert row == (None, None, None)
            continue
        t = time.to_numpy()[use]
        assert row == (t.max() - t.min(), use.sum(), max(z[k] for k, u in zip(key, use, strict=True) if u))
    check_feature(extent(PULSES, least=0.5), frame[:40])


def test_a_kernel_can_be_run_on_arrays_without_compiling():
    time, charge, z, string = (
        np.array([1.0, 5.0]),
        np.array([2.0, 2.0]),
        np.array([0.0, 7.0]),
        np.array([1, 1]),
    )
    assert extent.on(time, charge, z, string) == (4.0, 2, 7.0)


def test_a_kernel_skips_sensors_that_are_not_in_the_geometry():
    frame = pl.DataFrame(
        {
            "P.time": [[1.0, 5.0, 9.0]],
            "P.charge": [[1.0, 1.0, 1.0]],
            "P.omkey": [[omkey(99, 1), omkey(2, 1), omkey(1, 1)]],
        }
    )
    assert with_features(frame, E=extent(PULSES)).select("E.n", "E.span").collect().row(0) == (2, 4.0)


def test_kernels_made_by_one_function_are_not_mistaken_for_each_other():
    def times(factor):
        @kernel(total=pl.Float64)
        def total(charge):
            return factor * charge.sum()

        return total

    frame = pl.DataFrame({"P.charge": [[1.0, 2.0]]})
    found = with_features(frame, A=times(2.0)(Pulses("P")), B=times(3.0)(Pulses("P"))).collect().row(0)
    assert found == ([1.0, 2.0], 6.0, 9.0)


def test_a_kernel_of_one_number_returns_it_plain():
    @kernel(total=pl.Float64)
    def total(charge):
        return charge.sum()

    found = with_features(pl.DataFrame({"P.charge": [[1.0, 2.0]]}), Q=total(Pulses("P"))).collect()
    assert found["Q.total"].to_list() == [3.0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"more": 1}, "has no parameter 'more'; parameters: 'least'"), ({}, "needs a value for 'cut'")],
)
def test_wrong_parameters_are_named(parameters, message):
    @kernel(a=pl.Float64)
    def needs_cut(time, cut):
        return cut

    with pytest.raises(TypeError, match=message):
        (extent if parameters else needs_cut)(PULSES, **parameters)


def test_a_kernel_without_pulses_or_fields_is_refused():
    with pytest.raises(TypeError, match="takes no pulses: its arguments are a, b; name some of time"):
        kernel(f=pl.Float64)(lambda a, b: 0.0)
    with pytest.raises(TypeError, match="name the numbers"):
        kernel()
    with pytest.raises(TypeError, match="name the numbers"):
        kernel(lambda time: time.size)


@pytest.mark.parametrize("feature", [reco.charge, reco.spe_fit, kernel(n=pl.Int32)(lambda time: time.size)])
@pytest.mark.parametrize("given", [3, None, pl.col("P.time")])
def test_what_is_no_pulse_series_is_refused(feature, given):
    with pytest.raises(TypeError, match=r"needs a pulse series: a handle such as .*; found (3|None|<Expr)"):
        feature(given)


@pytest.mark.slow
def test_a_second_process_finds_the_kernels_compiled(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        textwrap.dedent("""
        import polars as pl
        import icecol as ic

        @ic.kernel(late=pl.Float64)
        def late(time, z, *, after=0.0):
            return (time * (z > after)).sum()

        p = ic.Pulses("P", ic.Geometry.nominal())
        frame = pl.DataFrame({"P.time": [[1.0]], "P.charge": [[1.0]], "P.omkey": [[65792]]})
        ic.with_features(frame, L=late(p, after=-1.0), F=ic.reco.linefit(p)).collect()
        print(sum(len(k.loop().stats.cache_misses) for k in (late, ic.reco.line_fits._LINEFIT)))
        """)
    )
    runs = [
        subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
        for _ in "ab"
    ]
    assert int(runs[1]) == 0


@ENGINES
def test_columns_reach_the_loop_in_their_types(engine):
    seen = []

    def loop(offsets, time, charge, key, out) -> None:
        seen.append((time.dtype.str[1:], charge.dtype.str[1:], key.dtype.str[1:]))
        out[:] = 0

    feature = event_expr(loop, ["P.time", "P.charge", "P.omkey"], {"n": pl.Int32})
    for frame in (events(), events()[:0], events()[3:4], events().filter(pl.col("energy") > 1)):
        frame.lazy().select(pl.col("energy"), feature.alias("f")).collect(engine=engine)
    assert set(seen) == {("f8", "f4", "i4")}


@pytest.mark.parametrize(
    ("returns", "match"),
    [
        (
            lambda time: (time.size, 2.0, 3.0),
            r"does not return 2 numbers, .* a tuple of 3, not a tuple of 2, for a, b",
        ),
        (
            lambda time: time.size,
            r"kernel '<lambda>' does not return 2 numbers, one a field: it returns int64",
        ),
        (lambda time: (time, 2.0), r"returns .*array\(float64, 1d, C\) for 'a': return a number"),
        (
            lambda time: (time.nothing(), 2.0),
            r"for time: readonly array.*\n.*line \d+: .*time.nothing.*\n.*\n.*Unknown attr",
        ),
    ],
)
def test_a_kernel_that_does_not_return_its_fields_says_so(returns, match):
    made = kernel(a=pl.Float64, b=pl.Float64)(returns)
    frame = pl.DataFrame({"P.time": [[0.0, 1.0]]})
    with pytest.raises(KernelError, match=match):
        with_features(frame, K=made(Pulses("P"))).collect()


@kernel(n_late=pl.Int32)
def late(time, *, after=10.0):
    return (time > after).sum()


def test_a_series_may_be_given_by_name_where_there_is_a_dataset(tmp_path, monkeypatch):
    sim.write(tmp_path / "run.i3.zst", sim.events(3, seed=1), gcd=tmp_path / "GCD.i3.gz")
    ds = convert.i3(tmp_path / "run.i3.zst", tmp_path / "run.icecol", gcd=tmp_path / "GCD.i3.gz")
    reads, read = [], Geometry.read_parquet
    monkeypatch.setattr(Geometry, "read_parquet", lambda path: reads.append(path) or read(path))
    cleaned = ("time", "charge", "omkey")
    named = with_features(
        ds,
        SRT=reco.seeded_rt("InIcePulses", members=cleaned),
        Clean=reco.linefit("SRT", min_hits=3),
        L=reco.linefit("SRTInIcePulses"),
        Late=late("SRTInIcePulses", after=1e4),
    )
    p = ds.pulses("SRTInIcePulses")
    given = with_features(
        ds.scan(),
        SRT=reco.seeded_rt(ds.pulses("InIcePulses"), members=cleaned),
        Clean=reco.linefit(p.named("SRT"), min_hits=3),
        L=reco.linefit(p),
        Late=late(p, after=1e4),
    )
    assert_frame_equal(named.collect(), given.collect())
    assert named.select("Late.n_late").collect().to_series().sum() > 0
    assert len(reads) <= 1  # however often the geometry is asked for
    with pytest.raises(GeometryError, match=r"'linefit' needs x, y, z of the sensors of 'SRTInIcePulses'"):
        with_features(ds.scan(), L=reco.linefit("SRTInIcePulses"))
    cuts = Cuts(bright=pl.col("SRTInIcePulses.time").list.len() > 5)
    assert cutflow(ds, cuts).equals(cutflow(ds.scan(), cuts))
    assert n_minus_one(ds, cuts).equals(n_minus_one(ds.scan(), cuts))
    assert_frame_equal(cuts.apply(ds).collect(), cuts.apply(ds.scan()).collect())
    time = hist.regular("SRTInIcePulses.time", 5, 9e3, 12e3)
    assert hist.fill(ds, time).values().tolist() == hist.fill(ds.scan(), time).values().tolist()


def test_a_track_may_be_an_expression():
    track = {"x": 5.0, "y": 1.0, "z": -9.0, "time": 1e4, "zenith": 1.2, "azimuth": 0.3}
    table = events().with_columns(pl.lit(v).alias(f"T.{m}") for m, v in track.items())
    named, given = (
        table.select(reco.direct_hits(PULSES, track=t, window="C").struct.unnest())
        for t in ("T", pl.struct(**{m: pl.col(f"T.{m}") for m in track}))
    )
    assert_frame_equal(named, given)
    assert named["n_dir_doms"].sum() > 0


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (reco.charge, r"'A' is a function that is not called.*A=charge\('SRTInIcePulses'\)"),
        (extent, r"'A' is a function that is not called.*A=extent\('SRTInIcePulses'\)"),
        (1.0, r"'A' is 1.0, neither.*pl.lit\(1.0\)"),
        ("P.time", r"'A' is 'P.time', neither.*pl.col\('P.time'\)"),
    ],
    ids=["function", "kernel", "number", "name"],
)
def test_what_is_no_feature_is_refused_with_what_to_give(feature, message):
    with pytest.raises(TypeError, match=message):
        with_features(pl.DataFrame({"P.time": [[1.0]]}), A=feature)
