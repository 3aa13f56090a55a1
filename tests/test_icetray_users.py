"""Each line of docs/icetray-users.md does what it says: what stands in its right column is run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import icecol as ic
from icecol.cli import app
from icecol.i3.classes.own import OWN, remove

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[1] / "docs" / "icetray-users.md"
ROWS = [
    row.strip("| ").replace(r"\|", "|").split(" | ")[1]
    for row in PAGE.read_text(encoding="utf-8").splitlines()
    if row.startswith("| ") and not row.startswith("| IceTray")
]
BARE = {"LineFit.zenith", "key.time", "e", "icecol browse"}
"""What names a column, a key of the keyboard or a program that needs a terminal."""
FRAGMENTS = {  # a part of a call, and the call
    'output="LineFit"': "ic.Tray().add(ic.tray.read(both)).add(ic.reco.linefit, pulses=key, {}).run()",
    'features="LineFit"': "ic.convert.to_i3(fitted, path, 'out.i3', {})",
    'streams="InIceSplit"': "ic.scan_i3(path, {})",
    'form="UPandel", minimizer="Powell", min_hits=8': "ic.reco.cascade_fit(pulses, seed='CLast', {})",
    "statistics=True": "ic.hist.fill(events, axis, {})",
}


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the snippets speak of."""
    folder = tmp_path_factory.mktemp("page")
    made = ic.sim.events(30, seed=2)
    ic.sim.write(folder / "FILE.i3.zst", made, gcd=folder / "GCD.i3.gz")
    ds = ic.convert.i3(folder / "FILE.i3.zst", folder / "ds", gcd=folder / "GCD.i3.gz", jobs=1)
    pulses = ds.pulses("SRTInIcePulses")
    fitted = ic.with_features(ds, LineFit=ic.reco.linefit(pulses))
    ic.convert.to_i3(fitted, folder / "FILE.i3.zst", folder / "fitted.i3", features="LineFit")
    ds = ic.convert.i3(folder / "fitted.i3", folder / "fitted", gcd=folder / "GCD.i3.gz", jobs=1)
    events = fitted.select(x=pl.col("LineFit.zenith"), w=pl.lit(2.0), y=pl.col("LineFit.x")).collect()
    axis = ic.hist.regular("x", 10)
    h = ic.hist.fill(events, axis, statistics=True)
    return {
        "ic": ic,
        "pl": pl,
        "ds": ds,
        "pulses": pulses,
        "fitted": fitted,
        "events": events,
        "axis": axis,
        "path": folder / "FILE.i3.zst",
        "files": [folder / "FILE.i3.zst"],
        "both": [folder / "GCD.i3.gz", folder / "FILE.i3.zst"],
        "folder": folder,
        "h": h,
        "a": h,
        "b": h,
        "h2": ic.hist.fill(events, axis, ic.hist.regular("y", 5)),
        "x": "x",
        "bins": 10,
        "n": 4,
        "key": "SRTInIcePulses",
        "to": "Renamed",
        "name": "Mine",
        "keys": ["I3MCTree"],
        "members": [("a", "f64")],
        "module": lambda frame: "LineFit" not in frame,
    }


def filled(code: str) -> str:
    """A snippet with values for what it leaves open."""
    code = code.replace("keys=[...]", "keys=['SRTInIcePulses', 'I3EventHeader']").replace(
        "if_=...", "if_=lambda f: True"
    )
    code = code.replace("ic.Cuts(name=...)", "ic.Cuts(name=pl.col('x') > 0)")
    return code.replace("h.profile()", "h2.profile('y')" if "profile" in code else code)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[:40])
def test_what_stands_in_the_right_column_runs(row, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    snippets = re.findall(r"`([^`]+)`", row)
    assert snippets
    known = dict(names, dataset=tmp_path / "made.icecol")
    before = set(OWN)
    try:
        for snippet in snippets:
            if snippet in BARE or snippet.startswith("icecol browse"):
                continue
            frames = ic.open_i3(known["folder"] / "fitted.i3")
            known["frame"] = next(
                f for f in frames if f.stop == "P"
            )  # another one for each, as some change it
            if snippet in FRAGMENTS:
                exec(FRAGMENTS[snippet].format(snippet), known)
            elif snippet.startswith("icecol "):
                named = {"FILE": "FILE.i3.zst", "N": "2", "GCD.i3.gz": "GCD.i3.gz"}
                command = [str(names["folder"] / named[w]) if w.startswith(("FILE", "GCD")) else named.get(w, w)
                           for w in shlex.split(snippet)[1:]]  # fmt: skip
                done = CliRunner().invoke(app, command)
                assert done.exit_code == 0, done.output
            else:
                exec(filled(snippet), known)
    finally:
        for name in OWN.keys() - before:
            remove(name)
