"""Realtime alerts, as they were sent: read, reconstructed again, and compared with what the South Pole sent.

`python examples/alerts.py` makes two alerts of simulated tracks, packed as IceCube's realtime system packs them. With
alerts of your own: `python examples/alerts.py alerts/*.json --pulses SplitInIcePulses --sent l2_online_SplineMPE`
"""

from __future__ import annotations

import argparse
import base64
import json
import struct
import zlib
from pathlib import Path

import polars as pl

import icecol as ic


def packed(frame: ic.Frame) -> list[str]:
    """Return a frame as a message has it: its stop, and base64 of zlib of the pickle of its bytes."""
    text = frame.encoded().decode("latin-1").encode("utf-8")
    begin = b"\x80\x02cicecube._icetray\nI3Frame\n)R}c_codecs\nencode\nX" + struct.pack("<I", len(text))
    pickled = begin + text + b"X\6\0\0\0latin1\x86R\x86b."
    return [frame.stop, base64.b64encode(zlib.compress(pickled)).decode()]


def simulated(folder: Path, n: int = 2) -> list[Path]:
    """Write alerts of bright tracks, with the true direction as the one that was sent."""
    frames = list(ic.sim.frames(ic.sim.bright(n, seed=4)))
    paths = []
    for number, pair in enumerate(zip(frames[::2], frames[1::2], strict=True)):
        primary = pair[1]["MCPrimary"]
        sent = {"zen": primary.dir.zenith, "azi": primary.dir.azimuth}
        data = {"frames": [packed(frame) for frame in pair], "reco": {"splinempe": sent}}
        paths.append(folder / f"alert{number}.json")
        paths[-1].write_text(json.dumps({"value": {"version": "2023a", "data": data}}), encoding="utf-8")
    return paths


def main() -> None:
    """Read, reconstruct, compare, and draw."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("alerts", nargs="*", type=Path, help="JSON files of alerts")
    options.add_argument("--gcd", help="GCD file; by default, the nominal detector")
    options.add_argument("--pulses", default="InIcePulses", help="pulse series")
    options.add_argument("--sent", default="Alert_reco_splinempe", help="key of the direction that was sent")
    options.add_argument("-o", "--out", type=Path, default=Path("alerts"))
    given = options.parse_args()
    given.out.mkdir(exist_ok=True)
    alerts = given.alerts or simulated(given.out)

    gcd = given.gcd or ic.Geometry.nominal()
    ds = ic.convert.i3(alerts, given.out / "alerts.icecol", gcd=gcd, overwrite=True)
    pulses = ds.pulses(given.pulses)
    events = ic.with_features(
        ds,
        HLC=ic.reco.hlc_pulses(pulses),
        Veto=ic.reco.hese_veto(pulses.named("HLC")),
        Q=ic.reco.homogenized_qtot(pulses.named("HLC")),
        LineFit=ic.reco.improved_linefit(pulses.named("HLC")),
        Fit=ic.reco.mpe_fit(pulses.named("HLC"), seed="LineFit"),
        Sky=ic.coordinates.equatorial("Fit"),
    ).select(
        "I3EventHeader.run_id",
        "I3EventHeader.event_id",
        "Veto.vetoed",
        pl.col("Q.value").round(1).alias("charge / PE"),
        pl.col("Sky.ra", "Sky.dec").degrees().round(2),
        ic.reco.opening_angle("Fit", given.sent).degrees().round(2).alias("from what was sent / °"),
    )
    print(events.collect())
    ic.plot.view(ds, n=len(alerts), pulses=given.pulses).save(given.out / "alerts.html")
    print(given.out / "alerts.html")


if __name__ == "__main__":
    main()
