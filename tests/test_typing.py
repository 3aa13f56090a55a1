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
"""
"""A script as an analyst would write it; each of its names is one that mypy must know."""

REVEALED = {
    "ic.open_dataset": "def (path: str | pathlib.Path) -> icecol.dataset.scan.Dataset",
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
}

ANYTHING = {"ic.new", "ic.tray.pulse_mask"}
"""Functions that return a frame object: which members it has is told by its class, a string."""


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
