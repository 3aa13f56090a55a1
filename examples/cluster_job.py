"""A job in chunks, as a cluster runs it: planned in a folder, run, one chunk lost, run again, and merged.

`python examples/cluster_job.py` simulates four files and does all of it on this machine. On a cluster, with
files of your own: `python examples/cluster_job.py "L2/*.i3.zst" --gcd GCD.i3.gz --per-chunk 100 --submit slurm`, and
when the chunks are done `python examples/cluster_job.py --result`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl

import icecol as ic

CUTS = ic.Cuts(bright=pl.col("Q.n_hit_doms") >= 12, upgoing=pl.col("LineFit.zenith") > 1.4)


def analyze(ds: ic.Dataset) -> dict[str, object]:
    """Return what adds over the chunks: a cutflow, a histogram, and the selected events."""
    pulses = ds.pulses("SRTInIcePulses")
    events = ic.with_features(ds, Q=ic.reco.charge(pulses), LineFit=ic.reco.improved_linefit(pulses))
    selected = CUTS.apply(events)
    return {
        "cutflow": ic.cutflow(events, CUTS),
        "charge": ic.hist.fill(selected, ic.hist.log("Q.total", 30, 1e0, 1e5, label="charge / PE")),
        "selected": selected.select("^I3EventHeader.*_id$", "^LineFit.*$"),
    }


def icecol(*arguments: object) -> int:
    """Run a command, as a job script does, and return its exit code."""
    command = [sys.executable, "-m", "icecol", *map(str, arguments)]
    print("$ icecol", *arguments, flush=True)
    return subprocess.run(command, check=False).returncode


def show(job: Path) -> None:
    """Show the merged result."""
    result = ic.batch.load(job)
    print(result["cutflow"].select("cut", "n", "eff_all"))
    ic.plot.save(ic.plot.hist1d(result["charge"], log=True), job / "charge.png")
    print(f"{result['selected'].select(pl.len()).collect().item()} events selected; {job / 'charge.png'}")


def main() -> None:
    """Plan, run or submit, and merge."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("files", nargs="*", help=".i3 files; by default, four are simulated")
    options.add_argument("--gcd")
    options.add_argument("--per-chunk", type=int, default=1, help="files in each chunk")
    options.add_argument("--jobs", type=int, default=2, help="processes, where nothing is submitted")
    options.add_argument("--submit", choices=["slurm", "condor"], help="leave the chunks to a batch system")
    options.add_argument("--result", action="store_true", help="show the result of a job that was merged")
    options.add_argument("--events", type=int, default=200, help="events to simulate for each file")
    options.add_argument("-o", "--out", type=Path, default=Path("cluster.job"), help="folder of the job")
    given = options.parse_args()
    if given.result:
        show(given.out)
        return
    files, gcd = given.files, given.gcd
    if not files:
        folder = given.out.with_suffix(".files")
        folder.mkdir(parents=True, exist_ok=True)
        files, gcd = [str(folder / f"run{run}.i3.zst") for run in range(1, 5)], folder / "GCD.i3.gz"
        for run, file in enumerate(files, 1):
            ic.sim.write(file, ic.sim.events(given.events, seed=run), gcd=gcd, run_id=run)

    spec = {"inputs": files, "per_chunk": given.per_chunk, "analysis": f"{Path(__file__).absolute()}:analyze"}
    convert = {"pulses": ["SRTInIcePulses"]} | ({"gcd": str(gcd)} if gcd else {})
    job = ic.batch.plan({**spec, "convert": convert}, given.out, overwrite=True)
    print(f"{len(job.chunks)} chunks in {given.out}")
    if given.submit:
        icecol("submit", given.out, f"--{given.submit}")
        return
    icecol("run", given.out, "--jobs", given.jobs)
    shutil.rmtree(job.place(0))  # a disk fails
    icecol("status", given.out)
    icecol("run", given.out, "--jobs", given.jobs)  # what is not done
    icecol("merge", given.out)
    show(given.out)


if __name__ == "__main__":
    main()
