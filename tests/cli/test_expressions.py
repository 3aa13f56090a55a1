from __future__ import annotations

import pytest
from commands import run


@pytest.mark.parametrize(
    "feature",
    [
        "linefits",
        "linefit(",
        "linefit(3)",
        "with_features",
        "dom_set",
        "fired",
        "A=linefit,b",
        "nowhere:mine",
    ],
)
def test_unknown_features_are_wrong_usage(folder, tmp_path, feature):
    done = run(
        "features", folder / "both.icecol", "-p", "InIcePulses", "-f", feature, "-o", tmp_path / "f.parquet"
    )
    assert done.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_features_need_a_pulse_series(folder):
    done = run("cutflow", folder / "both.icecol", "-f", "charge", "-c", "a=charge.total > 1")
    assert done.exit_code == 2
    assert "SRTInIcePulses" in done.stderr


def test_columns_that_are_not_there_are_named(folder):
    done = run("cutflow", folder / "both.icecol", "-c", "a=I3EventHeader.runid > 1")
    assert done.exit_code == 1
    assert "no column 'I3EventHeader.runid'; did you mean 'I3EventHeader.run_id'" in done.stderr
    done = run("cutflow", folder / "both.icecol", "-c", "a=zenith > 1")
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
    assert "no column 'zenith'; " in done.stderr
    assert run("cutflow", folder / "both.icecol", "-c", "a=I3EventHeader.run_id >").exit_code == 2
    assert run("cutflow", folder / "both.icecol", "-c", "no expression").exit_code == 2
