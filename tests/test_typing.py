from __future__ import annotations

import inspect
import re
import subprocess
import sys

import pytest
from public import names

CONSUMER = """\
from __future__ import annotations

import polars as pl

import icecol as ic


@ic.kernel(early=pl.Float64, late=pl.Int32)
def early_late(time, charge):  # type: ignore[no-untyped-def]
    return time[0], charge.size


ds = ic.open_dataset("level2.icecol")
pulses = ds.pulses("SRTInIcePulses")
events = ic.with_features(ds.scan(), LineFit=ic.reco.linefit(pulses), Mine=early_late(pulses))
cuts = ic.Cuts(upgoing=pl.col("LineFit.zenith") > 90 * ic.units.deg)
table = ic.cutflow(events, cuts)
h = ic.hist.fill(cuts.apply(events), ic.hist.log("Mine.early", 40, 1, 1e4))
axes = ic.plot.hist1d(h)
flux = ic.weight.conventional() * ic.weight.self_veto() + ic.weight.power_law(1e-18, 2.0)
made = ic.weight.generation(ds)
weight = made.weight(flux)
model = ic.stats.Model({"signal": [1.0, 4.0], "background": [9.0, 1.0]})
fit = model.fit([10, 7])
samples = ic.Samples(data=ic.Sample(ds), nu=ic.Sample(ds, weight), livetime=3600.0)
energetic = ds.scan().filter(ds.col.MCPrimary.energy > 1e5)
"""
"""A script as an analyst would write it; each of its names is one that mypy must know."""

REVEALED = {
    "ic.open_dataset": "def (path: str | os.PathLike[str]) -> icecol.dataset.scan.Dataset",
    "ic.kernel": "icecol.reco.decorator.Kernel",
    "early_late": "icecol.reco.decorator.Kernel",
    "pulses": "icecol.dataset.pulses.Pulses",
    "events": "polars.lazyframe.frame.LazyFrame",
    "cuts": "icecol.select.Cuts",
    "cuts.apply(events)": "polars.lazyframe.frame.LazyFrame",
    "table": "polars.dataframe.frame.DataFrame",
    "h": "icecol.hist.histogram.Hist",
    "h.values()": "numpy.float64",
    "axes": "matplotlib.axes._axes.Axes",
    "ic.reco.linefit": "icecol.reco.feature.OfPulses[[*, min_hits: int =",
    "ic.convert.i3": "-> icecol.dataset.scan.Dataset",
    "ic.units.c": "0.299792458",
    "flux": "icecol.weight.flux.Flux",
    "made": "icecol.weight.generations.Generation",
    "weight": "polars.expr.expr.Expr",
    "ic.weight.totals(ds, weight).rate.value": "float",
    "ic.weight.effective_area(ds, made, [1e2, 1e3])": "polars.dataframe.frame.DataFrame",
    "model": "icecol.stats.model.Model",
    "fit.values": "dict[str, float]",
    "fit.interval('signal')": "icecol.stats.intervals.Interval",
    "fit.scan({'signal': [1.0]})": "icecol.stats.fitting.Scan",
    "model.test([10, 7], 'signal').significance": "float",
    "model.upper_limit([10, 7], 'signal').observed": "float",
    "ic.stats.point_source(ds, (1.3, 0.1))": "icecol.stats.point_sources.PointSource",
    "samples['nu']": "icecol.samples.Sample",
    "samples.fill(ic.hist.log('Q.total', 4, 1, 10))": "icecol.hist.bundle.Bundle",
    "samples.cutflow(cuts)": "polars.dataframe.frame.DataFrame",
    "samples.model(ic.hist.log('Q.total', 4, 1, 10))": "icecol.stats.model.Model",
    "samples.plot(ic.hist.log('Q.total', 4, 1, 10))": "matplotlib.axes._axes.Axes",
    "ic.plot.view(ds)": "icecol.view.page.Display",
    "ic.plot.event(ds)": "matplotlib.axes._axes.Axes",
    "ic.plot.n_minus_one(ds, cuts, {})": "list[matplotlib.axes._axes.Axes]",
    "ic.plot.save(axes, 'a.png')": "pathlib.Path",
    "h / h": "icecol.hist.points.Points",
    "ds.runs": "polars.dataframe.frame.DataFrame",
    "energetic": "polars.lazyframe.frame.LazyFrame",
}

ANYTHING = {
    *("ic.new", "ic.tray.pulse_mask"),
    *("ic.batch.load", "ic.batch.merge", "ic.batch.run"),
    *("ic.export.awkward", "ic.export.pandas", "ic.export.torch"),
}
"""Functions that return a frame object (which members it has is told by its class, a string), what the user's own
function returned, or an object of a library that may not be installed."""


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def revealed(tmp_path_factory, request):
    """What `mypy --strict` says in a folder of its own, so without icecol's settings: the type by expression."""
    functions = [name for name, value in names() if inspect.isroutine(value)]
    asked = [*REVEALED, *functions]
    folder = tmp_path_factory.mktemp("consumer")
    (folder / "script.py").write_text(CONSUMER + "".join(f"reveal_type({name})\n" for name in asked))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-color-output",
         f"--cache-dir={request.config.cache.mkdir('mypy')}", "script.py"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    first = CONSUMER.count("\n") + 1
    found = re.findall(r'^script\.py:(\d+): note: Revealed type is "(.*)"$', done.stdout, re.MULTILINE)
    return {asked[int(line) - first]: text for line, text in found}


@pytest.mark.parametrize("name", REVEALED)
def test_a_script_sees_the_type(revealed, name):
    assert REVEALED[name] in revealed[name]


def test_no_public_function_returns_anything(revealed):
    functions = [name for name, value in names() if inspect.isroutine(value)]
    assert len(functions) > 100
    assert {name for name in functions if revealed[name].endswith(("-> Any", "Any"))} == ANYTHING
