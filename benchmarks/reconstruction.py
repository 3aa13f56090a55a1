"""Reconstruction beyond sums: all CommonVariables, cleanings, the density of arrival times, and track fits.

Events are simulated; every way does the same work and gives the same numbers, which are compared. Ways that are much
slower do the first events only, and their times are scaled up. The last table has what was published of IceTray, in
C++, for orientation: other events, another machine, and not run here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from common import Goal, Report, Table, Timing, parser, race
from numba import njit

import icecol as ic
from icecol.detector.medium import n_ice_group
from icecol.reco.hit_variables import DIRECT_WINDOWS
from icecol.reco.jagged import jagged
from icecol.reco.kernels.pandel import H2, convoluted, slopes, timing
from icecol.reco.kernels.pandel_table import EXACT, pandel_table

Array = npt.NDArray[Any]
KEY, CLEANED = "InIcePulses", "SRTInIcePulses"
TRACK = ("x", "y", "z", "time", "zenith", "azimuth")
FLOOR, PYTHON, STREAMING = "memory read once", "Python loop of numpy", "the same, streaming engine"
ICETRAY = [
    ["LineFit (91 sensors, 354 pulses)", "0.1 ms"],
    ["improved LineFit (the same)", "0.45 ms"],
    ["CommonVariables (45 sensors)", "206 us, its five bare functions 78 us"],
    ["SPEFitSingle (45 sensors, 415 calls)", "3.7 ms, 205 ns for a density"],
    ["SPEFitSingle (91 sensors)", "7.1 ms"],
    ["SPEFit2 (45 and 91 sensors)", "12 ms, 22 ms"],
]


def simulate(n: int, distinct: int, **settings: Any) -> tuple[pl.DataFrame, ic.Geometry]:
    """Return n events, drawn from a sample of distinct ones, and their line fit."""
    events = ic.sim.events(min(n, distinct), seed=1, **settings)
    p = ic.Pulses(KEY, events.geometry)
    frame = ic.with_features(events.to_polars(), LineFit=ic.reco.linefit(p)).collect()
    pick = np.random.default_rng(2).integers(0, len(events), n)
    wanted = [c for c in frame.columns if c.split(".")[0] in (KEY, "LineFit")]
    return frame.select(wanted)[pick].rechunk(), events.geometry


def flat(frame: pl.DataFrame, key: str, *members: str) -> tuple[Array, dict[str, Array]]:
    """Return offsets and the flat values of a pulse series."""
    lists = jagged([frame[f"{key}.{m}"] for m in members])
    return lists.offsets, dict(zip(members, lists.values, strict=True))


def read_once(frame: pl.DataFrame) -> float:
    _, values = flat(frame, KEY, "time", "charge", "omkey")
    return float(sum(v.sum() for v in values.values()))


def collect(
    frame: pl.DataFrame, features: dict[str, pl.Expr], engine: Any = "in-memory"
) -> Callable[[], pl.DataFrame]:
    """Return a run of features as users do it, all of their fields."""
    plan = ic.with_features(frame.lazy(), **features)
    made = [c for c in plan.collect_schema().names() if c not in frame.columns]
    return lambda: plan.select(made).collect(engine=engine)


def per_event(n: int) -> dict[str, Callable[[Timing], str]]:
    return {"us/event": lambda t: f"{t.best / n * 1e6:.3g}", "events/s": lambda t: f"{n / t.best:,.0f}"}


def two_cores(report: Report, what: str, timings: dict[str, Timing], one: str) -> None:
    """Add the goal that the streaming engine is nearly twice as fast on two cores, if nothing else runs on them."""
    gain = timings[one].best / timings[STREAMING].best
    report.goals.append(Goal(f"{what}: gain by the streaming engine", gain, 1.8, "x", most=False))


# -- CommonVariables --------------------------------------------------------------------------------------------------


def common_variables(report: Report, n: int, few: int, pulses: int, distinct: int, repeat: int) -> None:
    bounds = (round(0.8 * pulses), round(1.2 * pulses))
    frame, geometry = simulate(n, distinct, noise=0, n_pulses=bounds)
    p = ic.Pulses(KEY, geometry)
    joint = {"CV": ic.reco.common_variables(p, track="LineFit")}
    singles = nine(p)
    one, each = "common_variables", "the nine features by themselves"
    ways: dict[str, Callable[[], Any]] = {
        FLOOR: lambda: read_once(frame),
        one: collect(frame, joint),
        STREAMING: collect(frame, joint, "streaming"),
        each: collect(frame, singles),
        PYTHON: lambda: [python_variables(event) for event in python_events(frame[:few], geometry)],
    }
    timings, answers = race(ways, repeat, scale={PYTHON: n / few})
    expected = answers[each].cast(pl.Float64).to_numpy()
    for way in (one, STREAMING):
        report.check(f"CommonVariables: {way}", answers[way].cast(pl.Float64).to_numpy(), expected)
    names = [*PYTHON_FIELDS, *(f"n_dir_doms_{c}" for c in DIRECT_WINDOWS), "avg_dom_dist_q_tot_dom"]
    python = np.array(answers[PYTHON])
    compared = answers[one].select(pl.col(f"CV.{name}").cast(pl.Float64) for name in names).to_numpy()
    report.check(f"CommonVariables: {PYTHON}", python, compared[:few], rel=1e-9)
    keys = frame[f"{KEY}.omkey"].list
    title = f"CommonVariables: {n} events, {keys.len().mean():.0f} pulses, {keys.n_unique().mean():.0f} sensors each"
    report.race(title, timings, one, **per_event(n))
    ratio = timings[each].best_cpu / timings[one].best_cpu  # the nine run on all cores, whatever the engine
    report.goals.append(
        Goal("CommonVariables: gain over nine features, processor time", ratio, 2.0, "x", most=False)
    )
    speed = n / timings[one].best / 1e3
    report.goals.append(Goal("CommonVariables of 100 pulses", speed, 200.0, "k events/s", most=False))
    two_cores(report, "CommonVariables", timings, one)
    # the same of cascades: as many pulses, of fewer sensors
    frame, _ = simulate(n, distinct, noise=0, n_pulses=bounds, muons=0.0, cascades=1.0)
    timings, answers = race({one: collect(frame, joint), each: collect(frame, singles)}, repeat)
    expected = answers[each].cast(pl.Float64).to_numpy()
    report.check("CommonVariables: cascades", answers[one].cast(pl.Float64).to_numpy(), expected)
    keys = frame[f"{KEY}.omkey"].list
    title = f"CommonVariables of cascades: {keys.len().mean():.0f} pulses, {keys.n_unique().mean():.0f} sensors each"
    report.race(title, timings, one, **per_event(n))
    speed = n / timings[one].best / 1e3
    report.goals.append(
        Goal("CommonVariables of 100 pulses of cascades", speed, 200.0, "k events/s", most=False)
    )


def nine(p: ic.Pulses) -> dict[str, pl.Expr]:
    """Return the features that common_variables computes together, by themselves."""
    return {
        "M": ic.reco.hit_multiplicity(p),
        "S": ic.reco.hit_statistics(p),
        "T": ic.reco.time_characteristics(p),
        **{c: ic.reco.direct_hits(p, track="LineFit", window=c) for c in DIRECT_WINDOWS},
        "Along": ic.reco.track_characteristics(p, track="LineFit"),
    }


PYTHON_FIELDS = (
    "n_hit_strings", "n_hit_doms", "n_pulses", "cog_x", "cog_y", "cog_z", "q_max_doms", "q_tot_pulses",
    "min_pulse_time", "max_pulse_time", "z_min", "z_max", "z_mean",
)  # fmt: skip


def python_events(frame: pl.DataFrame, geometry: ic.Geometry, key: str = KEY) -> Any:
    """Yield what a module of a frame-by-frame chain has of each event."""
    offsets, values = flat(frame, key, "time", "charge", "omkey")
    tracks = frame.select(f"LineFit.{m}" for m in TRACK).to_numpy()
    for i, track in enumerate(tracks):
        at = slice(offsets[i], offsets[i + 1])
        rows = geometry.rows(values["omkey"][at])
        yield (
            values["time"][at],
            values["charge"][at].astype(np.float64),
            values["omkey"][at],
            geometry.xyz[rows],
            track,
        )


def python_variables(event: Any) -> list[float]:
    """Compute some of the CommonVariables of one event, in vectors of numpy."""
    t, q, k, r, track = event
    doms, first, dom = np.unique(k, return_index=True, return_inverse=True)
    charges = np.bincount(dom, q)
    z = r[first, 2]
    found = [np.unique(doms >> 16).size, doms.size, k.size, *(q @ r / q.sum()), charges.max(), q.sum()]
    found += [t.min(), t.max(), z.min(), z.max(), z.mean()]
    zenith, azimuth = track[4:]
    sin = math.sin(zenith)
    e = -np.array([sin * math.cos(azimuth), sin * math.sin(azimuth), math.cos(zenith)])
    away = r - track[:3]
    along = away @ e
    distance = np.sqrt(((away - np.outer(along, e)) ** 2).sum(1))
    theta = math.acos(1 / 1.3195)
    path = distance / math.sin(theta)
    arrival = (along - distance / math.tan(theta) + path * n_ice_group) / ic.units.c
    residual = t - track[3] - arrival
    for begin, end in DIRECT_WINDOWS.values():
        found.append(np.unique(k[(residual >= begin) & (residual <= end)]).size)
    near = distance[first] <= 150.0
    found.append((charges * distance[first])[near].sum() / charges[near].sum())
    return found


# -- cleanings --------------------------------------------------------------------------------------------------------


def cleanings(report: Report, n: int, few: int, distinct: int, repeat: int) -> None:
    frame, geometry = simulate(n, distinct)
    p = ic.Pulses(KEY, geometry)
    offsets, _ = flat(frame, KEY, "time")
    title = f"{n} events, {offsets[-1] / n:.0f} pulses each"
    for name, feature, python in (
        ("seeded_rt", ic.reco.seeded_rt(p, members=("time", "omkey")), python_seeded_rt),
        ("classic_rt", ic.reco.classic_rt(p, use_width=0.0, members=("time", "omkey")), python_classic_rt),
    ):
        made = {"C": feature}
        ways: dict[str, Callable[[], Any]] = {
            FLOOR: lambda: read_once(frame),
            name: collect(frame, made),
            STREAMING: collect(frame, made, "streaming"),
            PYTHON: lambda python=python: [python(*event) for event in clean_events(frame[:few], geometry)],
        }
        timings, answers = race(ways, repeat, scale={PYTHON: n / few})
        kept = answers[name].select(pl.col("C.time").list.len(), sum=pl.col("C.time").list.sum()).to_numpy()
        again = answers[STREAMING].select(pl.col("C.time").list.len(), sum=pl.col("C.time").list.sum())
        report.check(f"{name}: {STREAMING}", again.to_numpy().T, kept.T)
        report.check(f"{name}: {PYTHON}", np.array(answers[PYTHON]).T, kept[:few].T, rel=1e-12)
        report.race(f"{name}: {title}", timings, name, **per_event(n))


def clean_events(frame: pl.DataFrame, geometry: ic.Geometry) -> Any:
    offsets, values = flat(frame, KEY, "time", "omkey", "flags")
    for i in range(offsets.size - 1):
        at = slice(offsets[i], offsets[i + 1])
        k = values["omkey"][at]
        yield values["time"][at], k, geometry.xyz[geometry.rows(k)], values["flags"][at] & 1 != 0


def links(t: Array, r: Array) -> Array:
    """Tell which pulses are within 150 m and less than 1000 ns of which."""
    apart = np.sqrt(((r[:, None] - r) ** 2).sum(2))
    return (apart <= 150.0) & (np.abs(t[:, None] - t) < 1000.0)


def python_classic_rt(t: Array, _: Array, r: Array, __: Array) -> tuple[int, float]:
    keep = links(t, r).sum(1) > 1
    return int(keep.sum()), float(t[keep].sum())


def python_seeded_rt(t: Array, k: Array, r: Array, hlc: Array) -> tuple[int, float]:
    linked = links(t, r)
    np.fill_diagonal(linked, val=False)
    _, dom = np.unique(k, return_inverse=True)
    core = np.zeros(t.size, bool)
    for j in np.flatnonzero(hlc):
        core[j] = np.unique(dom[linked[j] & hlc]).size >= 2
    keep = core if core.any() else hlc.copy()
    for _ in range(3):
        keep = keep | linked[keep].any(0)
    return int(keep.sum()), float(t[keep].sum())


# -- arrival times ----------------------------------------------------------------------------------------------------


@njit
def densities(t: Array, xi: Array, blur: Any, table: Array, out: Array) -> None:
    for i in range(t.size):
        out[i] = convoluted(t[i], xi[i], blur, table)


@njit
def smooth(t: Array, xi: Array, blur: Any, table: Array, out: Array) -> None:
    for i in range(t.size):
        out[i] = slopes(t[i], xi[i], blur, table)[0]


def arrival_times(report: Report, n: int, repeat: int) -> None:
    """Race the ways to one density: where the convolution of Pandel's distribution has to be computed."""
    rng = np.random.default_rng(3)
    rho, sigma = H2[0], 15.0
    t, xi = rng.uniform(-5, 30, n) * sigma, rng.uniform(0.07, 5.0, n)
    blur, table = timing(rho, sigma), pandel_table()

    def run(loop: Any, table: Array) -> Callable[[], Array]:
        def ran() -> Array:
            out = np.empty(n)
            loop(t, xi, blur, table, out)
            return out

        return ran

    exact, table_name, with_slopes = "exact", "table", "table, with both slopes"
    ways: dict[str, Callable[[], Any]] = {
        FLOOR: lambda: float((t + xi).sum()),
        exact: run(densities, EXACT),
        table_name: run(densities, table),
        with_slopes: run(smooth, table),
    }
    if find_spec("scipy"):
        ways["scipy, parabolic cylinder function"] = lambda: by_scipy(t / sigma, xi, rho * sigma, sigma)
    timings, answers = race(ways, repeat)
    for name in ways:
        if name not in (FLOOR, exact):
            report.check(f"density: {name}", answers[name] / answers[exact], np.ones(n), rel=1e-6)
    each = {"ns each": lambda t: f"{t.best / n * 1e9:.3g}"}
    report.race(f"Pandel's density with jitter: {n} values", timings, exact, **each)
    worst = np.abs(answers[with_slopes] / answers[exact] - 1).max()
    report.goals.append(Goal("density by table", timings[table_name].best / n * 1e9, 100.0, "ns"))
    report.goals.append(
        Goal("density by table with slopes", timings[with_slopes].best / n * 1e9, 100.0, "ns")
    )
    report.goals.append(Goal("density by table: largest relative error", float(worst), 1e-6, ""))


def by_scipy(u: Array, xi: Array, rs: float, sigma: float) -> Array:
    from scipy.special import pbdv

    eta = rs - u
    value, _ = pbdv(-xi, eta)
    return rs**xi * np.exp(0.25 * eta * eta - 0.5 * u * u) * value / (math.sqrt(2 * math.pi) * sigma)


# -- fits -------------------------------------------------------------------------------------------------------------


def fits(report: Report, n: int, few: int, repeat: int) -> None:
    events = ic.sim.events(n, seed=4)
    p = ic.Pulses(CLEANED, events.geometry)
    frame = ic.with_features(events.to_polars(), LineFit=ic.reco.improved_linefit(p)).collect()
    frame = frame.filter(pl.col(f"{CLEANED}.omkey").list.n_unique() > 8)
    n, few = frame.height, min(few, frame.height)
    simplex, bfgs, mpe, linefit = "SPE, simplex", "SPE, BFGS", "MPE, simplex", "improved LineFit, the seed"
    made = {
        simplex: ic.reco.spe_fit(p),
        "SPE, simplex with tables": ic.reco.spe_fit(p, tables=True),
        bfgs: ic.reco.spe_fit(p, minimizer="BFGS"),
        "SPE, simplex, 2 more directions": ic.reco.spe_fit(p, iterations=2),
        mpe: ic.reco.mpe_fit(p, seed="LineFit"),
    }
    ways: dict[str, Callable[[], Any]] = {
        linefit: collect(frame, {"F": ic.reco.improved_linefit(p)}),
        **{name: collect(frame, {"F": fit}) for name, fit in made.items()},
    }
    scale = {}
    if find_spec("scipy"):
        rival = "scipy Nelder-Mead over numpy"
        scale[rival] = n / few
        ways[rival] = lambda: [
            by_nelder_mead(event) for event in python_events(frame[:few], events.geometry, CLEANED)
        ]
    timings, answers = race(ways, repeat, scale=scale)
    logl = {name: answers[name]["F.logl"].to_numpy() for name in made}
    tables = logl["SPE, simplex with tables"] - logl[simplex]
    report.check("fits: simplex with tables, logl to 0.01", np.nanmedian(np.abs(tables)) < 1e-2, 1)
    lines = []
    for name in (*made, *scale):
        if name == mpe:
            continue
        found = np.array(answers[name]) if name in scale else logl[name]
        higher = (found - logl[simplex][: found.size])[np.isfinite(logl[simplex][: found.size])]
        lines.append(
            [
                name,
                *(f"{np.mean(v):.1%}" for v in (higher < 1e-3, higher < 0.1, higher < -0.1)),
                str(higher.size),
            ]
        )
        report.check(f"fits: {name}, nine of ten as low as the simplex", np.mean(higher < 0.1) >= 0.9, 1)
    sensors = frame[f"{CLEANED}.omkey"].list.n_unique().mean()
    title = f"Track fits: {n} events, {sensors:.0f} sensors each"
    extra = {
        "ms/event": lambda t: f"{t.best / n * 1e3:.3g}",
        "core ms/event": lambda t: f"{t.best_cpu / n * 1e3:.3g}",
    }
    report.race(title, timings, simplex, **extra)
    note = "Share of the events in which -ln L is at most so much above that of the simplex, or below by 0.1."
    columns = ["", "1e-3 above", "0.1 above", "0.1 below", "events"]
    report.tables.append(Table("Minima that were found", columns, lines, note))
    higher = logl[bfgs] - logl[simplex]
    share = float(np.mean(higher[np.isfinite(higher)] < 1e-3))
    report.goals.append(Goal("SPE fit by BFGS: as low as the simplex, to 1e-3", share, 0.97, "", most=False))
    report.goals.append(
        Goal("SPE fit by BFGS", timings[bfgs].best / timings[simplex].best, 0.6, "x the simplex")
    )
    some = frame.filter(pl.col(f"{CLEANED}.omkey").list.n_unique().is_between(25, 35)).rechunk()
    alone, _ = race({bfgs: collect(some, {"F": made[bfgs]})}, repeat)
    each = alone[bfgs].best / some.height * 1e3
    report.goals.append(Goal("SPE fit by BFGS of 25 to 35 sensors, one core", each, 0.3, "ms"))


def by_nelder_mead(event: Any) -> float:
    """Fit as the usual script does: a likelihood in vectors of numpy, and scipy's simplex."""
    from scipy.optimize import minimize

    t, _, k, r, track = event
    _, first = np.unique(k, return_index=True)
    t, r = t[first], r[first]
    rho, scattering, p1, *p0 = H2
    n_phase, n_group, c, sin = 1.3195, 1.35634, 0.2997924, 0.65241392973

    def light(v: Array) -> tuple[Array, Array, Array]:
        e = -np.array([math.sin(v[3]) * math.cos(v[4]), math.sin(v[3]) * math.sin(v[4]), math.cos(v[3])])
        away = r - v[:3]
        along = away @ e
        d = np.sqrt(np.maximum((away**2).sum(1) - along**2, 1e-12))
        cos = (away[:, 2] - (along - d / sin / n_phase) * e[2]) * sin / d
        xi = (p1 * d + p0[0] + p0[1] * cos + p0[2] * cos**2) / scattering
        return along, xi, (along + d * (n_phase * n_group - 1) / (sin * n_phase)) / c

    start = np.array([*track[:3], track[4], track[5]])
    e = -np.array(
        [math.sin(start[3]) * math.cos(start[4]), math.sin(start[3]) * math.sin(start[4]), math.cos(start[3])]
    )
    s = (r.mean(0) - start[:3]) @ e
    start[:3] += s * e
    residual = t - light(start)[2]
    time = residual[residual > residual.mean() - 1000].min()

    blur = timing(rho, 15.0)

    def logl(v: Array) -> float:
        _, xi, arrival = light(v)
        out = np.empty(t.size)
        densities(t - time - arrival, xi, blur, EXACT, out)
        return float(-np.log(1e-8 + out).sum())

    steps = np.diag([20.0, 20.0, 20.0, 0.1, 0.2])
    corners = np.vstack([start, start + steps])
    options = {"initial_simplex": corners, "fatol": 1e-3, "xatol": 1e-3, "maxfev": 1000}
    return float(minimize(logl, start, method="Nelder-Mead", options=options).fun)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=5)
    arguments.add_argument("--events", type=int, default=50_000, help="events of features (%(default)s)")
    arguments.add_argument("--pulses", type=int, default=100, help="pulses of each, about (%(default)s)")
    arguments.add_argument(
        "--distinct", type=int, default=1000, help="different events among them (%(default)s)"
    )
    arguments.add_argument("--sample", type=int, default=200, help="events that slow ways do (%(default)s)")
    arguments.add_argument("--densities", type=int, default=200_000, help="arrival times (%(default)s)")
    arguments.add_argument("--fits", type=int, default=600, help="events that are fitted (%(default)s)")
    args = arguments.parse_args(argv)
    names = ("events", "pulses", "distinct", "sample", "densities", "fits", "repeat")
    report = Report("reconstruction", {k: getattr(args, k) for k in names})
    few = min(args.sample, args.events)
    common_variables(report, args.events, few, args.pulses, args.distinct, args.repeat)
    cleanings(report, args.events, few, args.distinct, args.repeat)
    arrival_times(report, args.densities, args.repeat)
    fits(report, args.fits, max(2, few // 10), args.repeat)
    if not find_spec("scipy"):
        report.tables.append(Table("Left out", [""], [["not installed: scipy"]]))
    report.tables.append(Table("IceTray in C++, as published, not run here", ["", "an event"], ICETRAY))
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
