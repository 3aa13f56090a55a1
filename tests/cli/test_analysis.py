from __future__ import annotations

import polars as pl
from commands import run

import icecol as ic
from icecol.reco.watch import watching


def test_info_shows_columns_with_units(folder):
    text = run("info", folder / "both.icecol", "-k", "SRTInIcePulses").output
    assert "60 events" in text
    assert "SRTInIcePulses.charge  list<item: float>   PE" in text
    assert "MCPrimary.zenith" not in text
    assert run("info", folder).exit_code == 1


def test_info_says_which_geometry_a_dataset_has(tmp_path):
    ic.sim.write(tmp_path / "a.i3", ic.sim.events(3, seed=1))
    one_string = ic.Geometry.from_columns(ic.Geometry.nominal().table()[:60])
    for gcd, line in ((None, "geometry: nominal, 5,160 sensors"), (one_string, "geometry: 60 sensors")):
        ds = ic.convert.i3(
            tmp_path / "a.i3",
            tmp_path / "d",
            gcd=gcd,
            pulses=(),
            keys="I3EventHeader",
            jobs=1,
            overwrite=True,
        )
        assert line in run("info", ds.path).output.splitlines()


def test_info_lists_keys_and_on_request_all_columns(folder):
    text = run("info", folder / "both.icecol").output
    row = next(line for line in text.splitlines() if line.startswith("SRTInIcePulses "))
    assert row.split(maxsplit=3)[:3] == ["SRTInIcePulses", "I3RecoPulseSeriesMapMask", "60"]
    assert "time, charge, width, flags, omkey" in row
    assert row.rstrip().endswith("ns, PE")
    assert "SRTInIcePulses.charge" not in text
    assert "--columns" in text
    columns = run("info", folder / "both.icecol", "--columns").output
    assert all(name in columns for name in ic.open_dataset(folder / "both.icecol").schema.names)


def test_features_are_those_of_the_library(folder, tmp_path):
    out = tmp_path / "f.parquet"
    done = run(
        "features", folder / "both.icecol", "-p", "SRTInIcePulses", "-f", "Fit=linefit(min_hits=9)", "-f", "charge",
        "--column", "MCPrimary.energy", "-c", "many=charge.n_pulses > 8", "-o", out,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = pl.read_parquet(out)
    ds = ic.open_dataset(folder / "both.icecol")
    p = ds.pulses("SRTInIcePulses")
    events = ic.with_features(ds.scan(), Fit=ic.reco.linefit(p, min_hits=9), charge=ic.reco.charge(p))
    expected = events.filter(pl.col("charge.n_pulses") > 8).select(found.columns).collect()
    assert found.equals(expected)
    assert {"I3EventHeader.run_id", "I3EventHeader.event_id", "Fit.zenith", "charge.total"} <= set(
        found.columns
    )


def test_features_of_a_kernel_in_a_file(folder, tmp_path):
    kernels = tmp_path / "kernels.py"
    kernels.write_text(
        "import polars as pl, icecol as ic\n"
        "@ic.kernel(first=pl.Float64)\n"
        "def first_light(time):\n"
        "    return time.min() if time.size else float('nan')\n"
    )
    out = tmp_path / "f.parquet"
    done = run(
        "features", folder / "both.icecol", "-p", "InIcePulses", "-f", f"{kernels}:first_light", "-o", out
    )
    assert done.exit_code == 0, done.output
    first = pl.read_parquet(out)["first_light.first"]
    expected = (
        ic.open_dataset(folder / "both.icecol").scan().select(pl.col("InIcePulses.time").list.min()).collect()
    )
    assert first.to_list() == expected.to_series().to_list()


def test_cutflow_counts_as_the_library_does(folder):
    cut = ("-c", "bright=Q.total > 30", "-c", 'late="Q.max_pulse_time" > 12000')
    shown = run("cutflow", folder / "both.icecol", "-p", "SRTInIcePulses", "-f", "Q=charge", *cut).output
    ds = ic.open_dataset(folder / "both.icecol")
    events = ic.with_features(ds.scan(), Q=ic.reco.charge(ds.pulses("SRTInIcePulses")))
    cuts = ic.Cuts(bright=pl.col("Q.total") > 30, late=pl.col("Q.max_pulse_time") > 12000)
    rows = [line.split()[:3] for line in shown.splitlines()[1:]]
    assert rows == [[str(x) for x in row[:3]] for row in ic.cutflow(events, cuts).rows()]


def test_cutflow_with_weights_and_without_each_cut(folder):
    args = (
        folder / "both.icecol",
        "-c",
        "run=I3EventHeader.run_id = 1",
        "-c",
        "even=I3EventHeader.event_id % 2 = 0",
    )
    weighted = run("cutflow", *args, "-w", "I3EventHeader.run_id * 0.5").output
    assert "sumw" in weighted
    assert "45 ±" in weighted
    assert "without" in run("cutflow", *args, "--n-minus-one").output


def test_hist_prints_and_writes(folder, tmp_path):
    args = ("hist", folder / "both.icecol", "MCPrimary.energy", "-b", 5, "--range", 100, 1e5, "--log")
    shown = run(*args)
    assert shown.exit_code == 0, shown.output
    assert shown.output.count("to") == 6
    done = run(*args, "-o", tmp_path / "h.json", "-o", tmp_path / "h.png")
    assert done.exit_code == 0, done.output
    ds = ic.open_dataset(folder / "both.icecol")
    axis = ic.hist.log("MCPrimary.energy", 5, 100, 1e5, label="MCPrimary.energy / GeV")
    assert ic.hist.load(tmp_path / "h.json") == ic.hist.fill(ds.scan(), axis)
    assert (tmp_path / "h.png").read_bytes()[:4] == b"\x89PNG"


def test_hist_of_an_expression_with_cuts(folder):
    done = run(
        "hist", folder / "both.icecol", "LN(MCPrimary.energy)", "-b", 3, "-c", "one=I3EventHeader.run_id = 1"
    )
    assert done.exit_code == 0, done.output
    assert "missing" in done.output


def test_hist_computes_dear_features_of_events_that_pass_cuts_on_cheap_ones(folder):
    features = ("-p", "SRTInIcePulses", "-f", "Fit=improved_linefit", "-f", "Q=charge")
    with watching() as calls:
        done = run(
            "hist",
            folder / "both.icecol",
            "Fit.zenith",
            *features,
            "-b",
            3,
            "--range",
            0,
            4,
            "-c",
            "c=Q.total > 60",
        )
    assert done.exit_code == 0, done.output
    ds = ic.open_dataset(folder / "both.icecol")
    charges = ic.with_features(ds.scan(), Q=ic.reco.charge(ds.pulses("SRTInIcePulses"))).select("Q.total")
    bright = (charges.collect().to_series() > 60).sum()
    assert sum(c.events for c in calls if str(c.site) == "Q") == 60
    assert 0 < sum(c.events for c in calls if str(c.site) == "Fit") == bright < 60


def test_two_cuts_of_one_name_are_refused(folder):
    done = run(
        "cutflow", folder / "both.icecol", "-c", "t=MCPrimary.energy > 1000", "-c", "t=MCPrimary.energy > 100"
    )
    assert done.exit_code == 2
    assert "two cuts named 't'" in done.stderr


def test_hist_of_a_declared_variable(folder, tmp_path):
    variables = tmp_path / "variables.toml"
    variables.write_text(
        '[energy]\nexpression = "MCPrimary.energy"\nkind = "log"\nbins = 5\nrange = [100, 1e5]\nunit = "GeV"'
    )
    out = tmp_path / "h.parquet"
    run("hist", folder / "both.icecol", "energy", "--variables", variables, "-o", out)
    ds = ic.open_dataset(folder / "both.icecol")
    assert ic.hist.load(out) == ic.hist.fill(ds.scan(), ic.hist.load_variables(variables)["energy"])
    assert ic.hist.load(out).labels == ("energy / GeV",)


def test_features_are_saved_renewed_and_dropped(tmp_path):
    ic.sim.write(tmp_path / "a.i3", ic.sim.events(9, seed=1))
    ds = ic.convert.i3(tmp_path / "a.i3", tmp_path / "a.icecol", jobs=1)
    done = run("features", ds.path, "-p", "InIcePulses", "-f", "Fit=linefit(min_hits=9)", "--save", "-j", 1)
    assert done.exit_code == 0, done.output
    assert "Fit = linefit(InIcePulses, min_hits=9): Fit.x" in done.output
    assert "Fit = linefit(InIcePulses, min_hits=9)" in run("info", ds.path).output
    done = run("hist", ds.path, "Fit.zenith", "--range", 0, 3.2)
    assert done.exit_code == 0, done.output
    assert run("features", ds.path, "--save", "-j", 1).exit_code == 0
    assert "0 saved features" in run("features", ds.path, "--drop", "Fit").output
    assert run("features", ds.path, "--drop", "Fit").exit_code == 1
    for wrong in (
        ["-p", "InIcePulses", "-f", "charge"],
        ["-f", "charge", "--save"],
        ["-f", "charge", "--save", "-p", "InIcePulses", "-o", tmp_path / "a.parquet"],
        ["-f", "charge", "--drop", "Fit"],
    ):
        assert run("features", ds.path, *wrong).exit_code == 2
