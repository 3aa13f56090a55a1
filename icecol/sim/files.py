"""Simulated events as .i3 files: frames that IceTray reads, and the geometry file (GCD) that goes with them.

A Q frame holds the event as it was read out: I3EventHeader, InIcePulses, InIcePulsesTimeRange, I3TriggerHierarchy,
FilterMask, and for a particle I3MCTree and I3MCWeightDict (MuonWeightDict for a muon). Its P frame, of sub-event stream
InIceSplit, holds I3EventHeader, SplitInIcePulses (all pulses, as a mask), SRTInIcePulses (a mask over that), and for a
particle MCPrimary and MCMostEnergeticTrack or MCMostEnergeticCascade.

`FilterMask` has the two conditions that the simulation computes: `SMT8` (the trigger fired) and `MinBias` (always, with
a prescale that keeps every tenth event).
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from icecol import units
from icecol.detector.geometry import COLUMNS, Geometry, split_omkey
from icecol.i3.archive import OMKey, encode, new
from icecol.i3.classes import type_name
from icecol.i3.container.raw import Span, encode_frame
from icecol.i3.frames.files import writing
from icecol.i3.frames.frame import Frame, Mixer
from icecol.sim import chain, particles, sensor
from icecol.sim.blobs import pulse_map, pulse_mask
from icecol.sim.columns import F64, Events
from icecol.sim.tree import PRIMARY, Tree
from icecol.sim.triggers import CONDITIONS, Condition
from icecol.sim.weights import KEYS, weights

Raw: TypeAlias = tuple[str, list[Span]]
"""A frame in bytes: its stop and its own objects."""
Thrown: TypeAlias = dict[int, dict[str, F64]]

STREAM: Final = "InIceSplit"
MIN_BIAS_PRESCALE: Final = 10
YEAR: Final = 2024
"""Simulated events take place in this year, one every 10 ms from its start."""

_SPACING: Final = 10**8  # 10 ms in tenths of ns
_GLOBAL: Final = new("TriggerKey", 40, 30, 0, None)  # global, throughput
_KEYS: Final = {  # in ice: simple multiplicity or string
    code: new("TriggerKey", 0, 120 if how.coherence else 0, 0, code) for code, how in CONDITIONS.items()
}


def _span(key: str, name: str, blob: bytes) -> Span:
    return Span(key, type_name(name), blob)


def _object(key: str, name: str, *args: Any, **members: Any) -> Span:
    return _span(key, name, encode(new(name, *args, **members)))


def _header(events: Events, i: int, run_id: int, end: float, stream: str) -> Span:
    number = events.first_event + i
    begin = number * _SPACING if events.start is None else round(10 * float(events.start[i]))
    return _object(
        "I3EventHeader",
        "I3EventHeader",
        run_id=run_id,
        sub_run_id=0,
        event_id=number,
        state=20,
        sub_event_id=0,
        sub_event_stream=stream,
        start_time=new("I3Time", utc_year=YEAR, utc_daq_time=begin),
        end_time=new("I3Time", utc_year=YEAR, utc_daq_time=begin + round(10 * end)),
    )


def _particle(events: Events, i: int, minor_id: int, pdg_encoding: int, shape: int, location: int) -> Any:
    t = events.truth
    return new(
        "I3Particle",
        minor_id=minor_id,
        major_id=events.settings["seed"] + 1,
        pdg_encoding=pdg_encoding,
        shape=shape,
        fit_status=-1,
        pos=new("I3Position", x=float(t.x[i]), y=float(t.y[i]), z=float(t.z[i])),
        dir=new("I3Direction", zenith=float(t.zenith[i]), azimuth=float(t.azimuth[i])),
        time=float(t.time[i]),
        energy=float(t.energy[i]),
        length=math.nan,
        speed=units.c,
        location_type=location,
    )


def _of_tree(events: Events, tree: Tree, k: int, minor_id: int) -> Any:
    """Return particle `k` of a tree."""
    primary = tree.shape[k] == PRIMARY
    return new(
        "I3Particle",
        minor_id=minor_id,
        major_id=_major_id(events),
        pdg_encoding=int(tree.pdg_encoding[k]),
        shape=int(tree.shape[k]),
        fit_status=-1,
        pos=new("I3Position", x=float(tree.x[k]), y=float(tree.y[k]), z=float(tree.z[k])),
        dir=new("I3Direction", zenith=float(tree.zenith[k]), azimuth=float(tree.azimuth[k])),
        time=float(tree.time[k]),
        energy=float(tree.energy[k]),
        length=float(tree.length[k]),
        speed=units.c,
        location_type=0 if primary else 30,
    )


def _major_id(events: Events) -> int:
    """Return a number that particles of one sample share: of its seed, whatever that is made of."""
    found = 0
    for part in np.ravel(events.settings["seed"]).tolist():
        found = (found * 1_000_003 + int(part) + 1) % 2**63
    return found


def _event(events: Events, i: int, run_id: int, thrown: Thrown) -> tuple[Raw, Raw]:
    """Return the Q and the P frame of one event; `thrown` is what `weights` returns for all of them."""
    hits, kind = events.pulses, events.truth.kind[i]
    s = slice(hits.offsets[i], hits.offsets[i + 1])
    omkey = hits.omkey[s]
    triggered = bool(np.isfinite(events.trigger_time[i]))
    fired = _fired(events, i)
    length = float(events.trigger_length[i]) if triggered else 0.0
    end = chain.trigger_time + length + chain.after if events.stop is None else float(events.stop[i])
    passed = {
        "MinBias": new("I3FilterResult", condition_passed=True, prescale_passed=i % MIN_BIAS_PRESCALE == 0),
        "SMT8": new("I3FilterResult", condition_passed=triggered, prescale_passed=triggered),
    }
    tree: list[Any] = []
    depths: Sequence[int] = (0, 1)
    named: list[Span] = []
    if events.tree is not None:
        all_of_it, rows = events.tree, range(*events.tree.offsets[i : i + 2].tolist())
        tree = [_of_tree(events, all_of_it, k, k) for k in rows]
        depths = all_of_it.depth[rows.start : rows.stop].tolist()
        chosen = [
            *(("MCPrimary", first) for first in tree[:1]),
            *((key, _of_tree(events, t, i, rows.stop)) for key, t in events.particles.items()),
        ]
        named = [
            _span(key, "I3Particle", encode(p)) for key, p in chosen if key == "MCPrimary" or p.pdg_encoding
        ]
    elif kind == particles.MUON:
        tree = [_particle(events, i, 2 * i, 13, 40, 30)]
        named = [_span(k, "I3Particle", encode(tree[0])) for k in ("MCPrimary", "MCMostEnergeticTrack")]
    elif kind == particles.CASCADE:
        tree = [_particle(events, i, 2 * i, 12, 10, 0), _particle(events, i, 2 * i + 1, 11, 30, 30)]
        names = ("MCPrimary", "MCMostEnergeticCascade")
        named = [_span(k, "I3Particle", encode(p)) for k, p in zip(names, tree, strict=True)]

    of_kind = [(KEYS[kind], thrown[kind])] if tree and kind in thrown else []
    q = [
        _header(events, i, run_id, end, ""),
        _object("I3TriggerHierarchy", "I3TriggerHierarchy", fired, [0, *[1] * len(fired)][: len(fired)]),
        _object("FilterMask", "I3FilterResultMap", passed),
        _span(
            "InIcePulses",
            "I3RecoPulseSeriesMap",
            pulse_map(omkey, hits.time[s], hits.charge[s], hits.width[s], hits.flags[s]),
        ),
        _object("InIcePulsesTimeRange", "I3TimeWindow", start=chain.trigger_time - chain.before, stop=end),
        _object("I3MCTree", "I3MCTree", tree, depths[: len(tree)]),
    ]
    for key, entries in events.thrown.items() if events.tree is not None else of_kind:
        how = {name: float(values[i]) for name, values in entries.items()}
        q.append(_object(key, "I3MapStringDouble", how))
    everything = np.ones(omkey.size, np.bool_)
    mask = "I3RecoPulseSeriesMapMask"
    p = [
        _header(events, i, run_id, end, STREAM),
        _span("SplitInIcePulses", mask, pulse_mask("InIcePulses", omkey, everything)),
        _span("SRTInIcePulses", mask, pulse_mask("SplitInIcePulses", omkey, hits.srt[s])),
        *named,
    ]
    return ("Q", q), ("P", p)


def _fired(events: Events, i: int) -> list[Any]:
    """Return the global trigger of an event, and below it the others, if there are any."""
    found = events.triggers
    rows = slice(found.offsets[i], found.offsets[i + 1])
    begin, length = found.time[rows].tolist(), found.length[rows].tolist()
    if not begin:
        return []
    end = max(b + t for b, t in zip(begin, length, strict=True))
    whole = new("I3Trigger", time=begin[0], length=end - begin[0], fired=True, key=_GLOBAL)
    keys = [_KEYS[code] for code in found.config_id[rows].tolist()]
    return [
        whole,
        *(
            new("I3Trigger", time=b, length=t, fired=True, key=key)
            for b, t, key in zip(begin, length, keys, strict=True)
        ),
    ]


def _omkeys(packed: Any) -> list[Any]:
    """Unpack omkeys into named tuples of Python integers."""
    return [OMKey(*key) for key in zip(*(part.tolist() for part in split_omkey(packed)), strict=True)]


def _quaternion(x: float, y: float, z: float) -> Any:
    """Return the rotation that turns the z axis into a direction."""
    if z < -1 + 1e-12:
        return new("I3Quaternion", x=1.0, y=0.0, z=0.0, w=0.0)
    norm = math.sqrt(x * x + y * y + (1 + z) ** 2)
    return new("I3Quaternion", x=-y / norm, y=x / norm, z=0.0, w=(1 + z) / norm)


def _settings(how: Condition) -> dict[str, str]:
    """Return the settings of a trigger by IceTray's names."""
    window = {"timeWindow": f"{how.window:.0f}"}
    if how.coherence:
        return {"multiplicity": str(how.threshold), **window, "coherenceLength": str(how.coherence)}
    return {"threshold": str(how.threshold), **window}


_made: dict[bytes, list[Raw]] = {}
"""The GCD frames of the last detector, by its columns: they take a second to make."""


def _gcd(geometry: Geometry, dark_rate: float) -> list[Raw]:
    """Return the G, C and D frame of a detector."""
    columns = (np.ascontiguousarray(getattr(geometry, c)).tobytes() for c in COLUMNS)
    what = hashlib.sha256(b"".join([repr((dark_rate, geometry.medium)).encode(), *columns])).digest()
    if what not in _made:
        frames = _new_gcd(geometry, dark_rate)
        _made.clear()
        _made[what] = frames
    return _made[what]


def _new_gcd(g: Geometry, dark_rate: float) -> list[Raw]:
    keys = _omkeys(g.omkey)
    valid = {
        "start_time": new("I3Time", utc_year=YEAR, utc_daq_time=0),
        "end_time": new("I3Time", utc_year=YEAR + 1, utc_daq_time=0),
    }
    rows = zip(
        g.x.tolist(),
        g.y.tolist(),
        g.z.tolist(),
        g.dir_x.tolist(),
        g.dir_y.tolist(),
        g.dir_z.tolist(),
        g.area.tolist(),
        g.om_type.tolist(),
        g.relative_efficiency.tolist(),
        strict=True,
    )
    omgeo = {
        key: new(
            "I3OMGeo",
            position=new("I3Position", x=x, y=y, z=z),
            orientation=new("I3Orientation", quaternion=_quaternion(dx, dy, dz)),
            omtype=kind,
            area=area,
            pmttype=2 if efficiency > 1 else 1,
        )
        for key, (x, y, z, dx, dy, dz, area, kind, efficiency) in zip(keys, rows, strict=True)
    }
    relative = np.unique(g.relative_efficiency)
    calibrations = [
        new(
            "I3DOMCalibration",
            relative_dom_eff=float(e),
            dom_noise_rate=dark_rate / units.s * (1.0 if np.isnan(e) else float(e)),
            mean_atwd_charge=1.0,
            mean_fadc_charge=1.0,
        )
        for e in relative
    ]
    which = np.searchsorted(relative, g.relative_efficiency).tolist()  # NaN is last, and found there
    dom_cal = {k: calibrations[w] for k, w, c in zip(keys, which, g.calibrated, strict=True) if c}
    on, off = (
        new(
            "I3DOMStatus",
            trig_mode=2,
            lc_mode=1,
            lc_window_pre=sensor.lc_window,
            lc_window_post=sensor.lc_window,
            lc_span=sensor.lc_span,
            status_atwd_a=1,
            status_atwd_b=1,
            status_fadc=1,
            pmt_hv=volt * 1e-9,
            n_bins_atwd_0=128,
            n_bins_atwd_1=128,
            n_bins_atwd_2=128,
            n_bins_fadc=256,
            slc_active=True,
            tx_mode=1,
        )
        for volt in (1300.0, 0.0)
    )
    readout = new(
        "I3TriggerReadoutConfig",
        readout_time_minus=chain.before,
        readout_time_plus=chain.after,
        readout_time_offset=0.0,
    )
    status = {
        _KEYS[code]: new(
            "I3TriggerStatus",
            trigger_name="ClusterTrigger" if how.coherence else "SimpleMultiplicityTrigger",
            trigger_settings=_settings(how),
            readout_settings={2: readout},  # in ice
        )
        for code, how in CONDITIONS.items()
    }
    throughput = new("I3TriggerStatus", trigger_name="ThroughputTrigger")
    bad = [key for key, b in zip(keys, g.bad, strict=True) if b]
    return [
        (
            "G",
            [_object("I3Geometry", "I3Geometry", omgeo=new("I3OMGeoMap", omgeo), **valid)],
        ),
        ("C", [_object("I3Calibration", "I3Calibration", dom_cal=dom_cal, **valid)]),
        (
            "D",
            [
                _object(
                    "I3DetectorStatus",
                    "I3DetectorStatus",
                    dom_status={key: off if b else on for key, b in zip(keys, g.bad, strict=True)},
                    trigger_status={**status, _GLOBAL: throughput},
                    daq_configuration_name="simulation",
                    **valid,
                ),
                _object("BadDomsList", "I3VectorOMKey", value=bad),
            ],
        ),
    ]


def frames_of(events: Events, i: int) -> tuple[Raw, Raw]:
    """Return the Q and the P frame of one event, in bytes.

    >>> from icecol import sim
    >>> [stop for stop, _ in frames_of(sim.events(1, seed=1), 0)]
    ['Q', 'P']
    """
    return _event(events, i, 1, _weights(events))


def _weights(events: Events) -> Thrown:
    return {} if events.tree is not None else weights(events.truth, events.settings)


def _raw(events: Events, run_id: int) -> Iterator[Raw]:
    thrown = _weights(events)
    for i in range(len(events)):
        yield from _event(events, i, run_id, thrown)


def frames(events: Events, *, gcd: bool = False, run_id: int = 1) -> Iterator[Frame]:
    """Iterate over the frames of simulated events: a Q and a P frame each, optionally after the GCD frames.

    As when reading a file, a P frame also has the objects of its Q frame and of the GCD frames.

    Parameters
    ----------
    events
        Simulated events.
    gcd
        Begin with the G, C and D frames.
    run_id
        Run number of the events.

    Examples
    --------
    >>> from icecol import sim
    >>> q, p = frames(sim.events(1, seed=1))
    >>> q.stop, p.stop, "InIcePulses" in p
    ('Q', 'P', True)
    """
    mixer = Mixer()
    if gcd:
        for stop, objects in _gcd(events.geometry, events.settings["dark_rate"]):
            yield mixer.mix(Frame(stop, list(objects)))
    for stop, objects in _raw(events, run_id):
        yield mixer.mix(Frame(stop, objects))


def _write(path: str | os.PathLike[str], frames: Sequence[Raw] | Iterator[Raw]) -> None:
    with writing(path) as out:
        for stop, objects in frames:
            out.write(encode_frame(stop, objects))


def write_gcd(path: str | os.PathLike[str], geometry: Geometry, *, dark_rate: float = 500.0) -> None:
    """Write a detector as a GCD file: I3Geometry, I3Calibration, I3DetectorStatus and BadDomsList.

    The calibration has the relative DOM efficiencies and dark rates, the status the trigger and the local-coincidence
    settings; whatever the simulation does not model is NaN.

    Parameters
    ----------
    path
        File to write.
    geometry
        The detector.
    dark_rate
        Dark rate of a standard DOM in Hz.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> path = f"{tempfile.mkdtemp()}/GCD.i3.gz"
    >>> write_gcd(path, ic.Geometry.nominal())
    >>> [frame.stop for frame in ic.open_i3(path)]
    ['G', 'C', 'D']
    """
    _write(path, _gcd(geometry, dark_rate))


def write(
    path: str | os.PathLike[str],
    events: Events,
    *,
    gcd: str | os.PathLike[str] | None = None,
    run_id: int = 1,
) -> None:
    """Write simulated events to an .i3 file, compressed according to its suffix, and optionally a GCD file.

    Parameters
    ----------
    path
        File to write.
    events
        Simulated events.
    gcd
        GCD file to write as well, if any.
    run_id
        Run number of the events.

    Examples
    --------
    >>> import tempfile
    >>> from icecol import sim
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/muons.i3.zst", sim.events(3, seed=1))
    """
    if gcd is not None:
        write_gcd(gcd, events.geometry, dark_rate=events.settings["dark_rate"])
    _write(path, _raw(events, run_id))
