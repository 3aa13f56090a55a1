"""Compiled pulse series are those of the naive resolver, however they are stored.

`batch`, `pulse_batch`, `maps`, `masks`, `unions`, `charges`, `superdst`.
"""

from __future__ import annotations

import io
import json
import os
import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import naive_resolver as naive
import numpy as np
import pytest
import zstandard

from icecol.errors import IcecolError
from icecol.i3.archive import FrameMap, OMKey, encode, new, record
from icecol.i3.container.compression import Raw
from icecol.i3.container.mixing import mix, new_order
from icecol.i3.container.raw import encode_frame
from icecol.i3.container.scanner import Scanner
from icecol.i3.container.streams import open_stream
from icecol.i3.frames.frame import Frame, Mixer
from icecol.i3.pulses.batch import PulseResolver
from icecol.i3.pulses.pulse_batch import ABSENT, OK, REASONS
from icecol.i3.pulses.series import PULSE

FIELDS = ("time", "charge", "width", "flags")


# -- series of made frames --------------------------------------------------------------------------------------------


def events_of(data: bytes, stop: str = "P", batch_bytes: int = 1 << 24) -> Any:
    """Yield (resolver, mixed frames) of each batch of some frames."""
    scanner = Scanner(Raw(io.BufferedReader(io.BytesIO(data))), batch_bytes=batch_bytes)
    mixer, order = Mixer(), new_order()
    for batch in scanner.batches():
        pairs = batch.names.pairs()
        frames = []
        for i in range(batch.fresh, batch.stop.size):
            objects = [
                (*pairs[batch.pair[j]], batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes())
                for j in range(batch.first[i], batch.first[i + 1])
            ]
            frame = mixer.mix(Frame(chr(batch.stop[i]), objects))
            if frame.stop == stop:
                frames.append(frame)
        yield PulseResolver(mix(batch, stop, order)), frames


def compare(
    resolver: PulseResolver, frames: list[Frame], keys: list[str], *, strict: bool = True
) -> dict[str, int]:
    """Assert that all series are those of the plain resolver; return numbers of series, pulses and refusals."""
    count = {"series": 0, "pulses": 0, "refused": 0, "lenient": 0, "stricter": 0}
    for key in keys:
        batch = resolver.series(key)
        offsets, omkey = batch.offsets(), batch.omkey()
        for row, frame in enumerate(frames):
            status = int(batch.status[row])
            a, b = int(offsets[row]), int(offsets[row + 1])
            if key not in frame:
                assert (status, a) == (ABSENT, b), key
                continue
            try:
                wanted = naive.flat(naive.resolve(frame, key))
            except IcecolError as err:
                if status == OK and not strict:
                    count["lenient"] += 1
                    continue
                known = status in REASONS or (status == ABSENT and not strict)  # its class is no series
                assert known, f"{key} row {row}: {err}"  # noqa: PT017
                assert a == b
                count["refused"] += 1
                continue
            if not strict and status != OK:
                count["stricter"] += 1  # of headers that the plain resolver takes as they come
                continue
            assert status == OK, f"{key} row {row}: {REASONS.get(status)}"
            assert omkey[a:b].tolist() == wanted.omkey.tolist(), key
            for name in FIELDS:
                assert getattr(batch, name)[a:b].tobytes() == getattr(wanted, name).tobytes(), (
                    key,
                    row,
                    name,
                )
            count["series"] += 1
            count["pulses"] += b - a
    return count


def random_pulses(rng: random.Random, n: int, *, sort: bool = True) -> np.ndarray:
    """Make pulses with many equal times."""
    times = [float(rng.randint(0, max(n // 2, 1))) for _ in range(n)]
    rows = [(t, rng.random() * 3, rng.choice([1, 2, 8]), rng.choice([1, 4, 5, 7])) for t in times]
    return np.array(sorted(rows) if sort else rows, PULSE)


def random_map(rng: random.Random, *, most: int = 40) -> FrameMap:
    keys = sorted(
        {OMKey(rng.randint(-2, 5), rng.randint(1, 6), rng.randint(0, 2)) for _ in range(rng.randint(0, 12))}
    )
    return new("I3RecoPulseSeriesMap", {k: random_pulses(rng, rng.choice([0, 1, 3, 20, most])) for k in keys})


def random_mask(rng: random.Random, frame: Frame, source: str) -> Any:
    pulses = naive.resolve(frame, source)
    keep = [rng.random() < 0.7 for _ in pulses]
    elements = [
        np.array([rng.random() < 0.6 for _ in series], bool)
        for series, kept in zip(pulses.values(), keep, strict=True)
        if kept
    ]
    return new(
        "I3RecoPulseSeriesMapMask", source=source, key_mask=np.array(keep, bool), element_masks=elements
    )


def superdst(rng: random.Random, n: int) -> Any:
    """Pack random readouts as an I3SuperDST, by the format's own words."""
    words, heads, extra = [], [], []
    widths: dict[tuple[bool, bool], list[int]] = {(a, b): [] for a in (False, True) for b in (False, True)}

    def number(code: int, full: int) -> tuple[int, list[int]]:
        if code < full:
            return code, []
        code -= full
        more = [65535] * (code // 65535)
        return full, [*more, code % 65535]

    for _ in range(n):
        om = rng.choice([1, 3, 60, 61, 64])
        icetop = om > 60
        hlc = rng.random() < 0.5
        k = rng.choice([1, 1, 2, 5, 19])
        time, more = number(rng.choice([0, 0, 3, 200, 2046, 2047, 2048, 70_000, 200_000]), 2047)
        heads.append(om - 1 | rng.randint(0, 9) << 6 | time >> 8 << 13)
        code = time & 0xFF
        for i in range(k):
            if i:
                code, more = number(rng.choice([0, 0, 1, 5, 254, 255, 300, 66_000]), 255)
            if icetop:
                charge, over = rng.randrange(64), []
                extra.append(rng.randrange(256))
            else:
                charge, over = number(rng.choice([0, 5, 62, 63, 64, 70_000]), 63)
            words.append(
                code | charge << 8 | hlc << 14 if i == 0 else code | charge << 8 | rng.randrange(2) << 14
            )
            words[-1] |= (i == k - 1) << 15
            words += [*more, *over]
            more = []
            widths[icetop, hlc].append(rng.choice([0, 0, 3, 7, 14]))

    def runs(codes: list[int]) -> np.ndarray:
        out = []
        i = 0
        while i < len(codes):
            j = i
            while j < len(codes) and codes[j] == codes[i]:
                j += 1
            run = j - i
            while run:
                out.append(codes[i] | (run & 15) << 4)
                run >>= 4
            i = j
        return np.array(out, np.uint8)

    return new(
        "I3SuperDST",
        charge_stamps=np.array(words, np.uint16),
        dom_headers=np.array(heads, np.uint16),
        widths_inice_slc=runs(widths[False, False]),
        widths_inice_hlc=runs(widths[False, True]),
        widths_icetop_slc=runs(widths[True, False]),
        widths_icetop_hlc=runs(widths[True, True]),
        extra_bytes=np.array(extra, np.uint8),
    )


def random_file(seed: int, n: int = 4) -> tuple[bytes, list[str]]:
    """Make frames with all that can stand for pulses, several P to a Q."""
    rng = random.Random(seed)
    doms = {}
    for string in range(-2, 10):
        for om in range(1, 65):
            for pmt in range(3):
                dom = record("I3DOMCalibration")()
                dom.mean_atwd_charge = rng.choice([1.0, 0.9, float("nan")])
                dom.mean_fadc_charge = rng.choice([1.0, 1.3, float("nan")])
                if rng.random() < 0.999:
                    doms[OMKey(string, om, pmt)] = dom
    calibration = encode(record("I3Calibration")(dom_cal=dict(sorted(doms.items()))))
    data = [encode_frame("C", [("I3Calibration", "I3Calibration", calibration)])]
    mixer = Mixer()
    frame = Frame("C", [("I3Calibration", "I3Calibration", calibration)])
    mixer.mix(frame)
    keys: set[str] = set()
    for _ in range(n):
        frame = mixer.mix(Frame("Q"))
        frame["A"] = random_map(rng)
        frame["B"] = random_map(rng, most=rng.choice([3, 200]))
        frame["SDST"] = superdst(rng, rng.choice([0, 1, 30]))
        frame["Hits"] = new(
            "I3RecoHitSeriesMap",
            {
                k: np.array(
                    [(t["time"], 1, 0) for t in v], [("time", "<f8"), ("id", "<i4"), ("source_index", "<i4")]
                )
                for k, v in random_map(rng).items()
            },
        )
        frame["Union"] = new("I3RecoPulseSeriesMapUnion", sources=["A", "B", "SDST"][: rng.choice([1, 2, 3])])
        frame["MaskA"] = random_mask(rng, frame, "A")
        frame["MaskMaskA"] = random_mask(rng, frame, "MaskA")
        frame["MaskU"] = random_mask(rng, frame, "Union")
        frame["MaskS"] = random_mask(rng, frame, "SDST")
        frame["MaskH"] = random_mask(rng, frame, "Hits")
        frame["Mod"] = new(
            "I3RecoPulseSeriesMapCombineByModule", pulses_key=rng.choice(["A", "Union", "MaskA"])
        )
        frame["SPE"] = new(
            "I3RecoPulseSeriesMapApplySPECorrection",
            pulses_key=rng.choice(["A", "B", "SDST"]),
            calibration_key=rng.choice(["I3Calibration", "I3Calibration", "Nothing"]),
        )
        frame["Lost"] = new("I3RecoPulseSeriesMapUnion", sources=["A", "Nowhere"])
        keys |= set(frame.own_keys())
        data.append(frame.encoded())
        mixer.mix(frame)
        for _ in range(rng.choice([0, 1, 3])):
            phys = mixer.mix(Frame("P"))
            phys["Split"] = random_mask(rng, phys, rng.choice(["A", "Union", "SDST", "MaskU"]))
            if rng.random() < 0.5:
                phys["SplitMask"] = random_mask(rng, phys, "Split")
            if rng.random() < 0.3:
                phys["A"] = random_map(rng)  # now what masks A does not fit
            phys["Circle"] = new("I3RecoPulseSeriesMapUnion", sources=["Circle"])
            keys |= set(phys.own_keys())
            data.append(phys.encoded())
    return b"".join(data), sorted(keys)


SEEDS = [seed if seed < 1 else pytest.param(seed, marks=pytest.mark.slow) for seed in range(3)]


@pytest.mark.parametrize("seed", SEEDS)
def test_all_ways_to_store_pulses_give_those_of_the_plain_resolver(seed: int) -> None:
    data, keys = random_file(seed)
    total: dict[str, int] = {}
    for stop in "PQ":
        for batch_bytes in (1 << 24, 1):
            for resolver, frames in events_of(data, stop, batch_bytes):
                for name, n in compare(resolver, frames, keys).items():
                    total[name] = total.get(name, 0) + n
    assert total["series"] > 20
    assert total["refused"] > 0


@pytest.mark.parametrize("version", [0, 1, 2, 3])
@pytest.mark.parametrize("key_version", [0, 1, 2])
def test_maps_of_older_versions_are_read(version: int, key_version: int) -> None:
    rng = random.Random(version)
    dtype = {
        0: [("time", "<f8"), ("id", "<i4"), ("charge", "<f8"), ("width", "<f8")],
        1: [("time", "<f8"), ("id", "<i4"), ("charge", "<f8"), ("width", "<f8"), ("source_index", "<i4")],
        2: [("time", "<f4"), ("charge", "<f4"), ("width", "<f4"), ("flags", "u1")],
        3: [("time", "<f8"), ("charge", "<f4"), ("width", "<f4"), ("flags", "u1")],
    }[version]
    frames = []
    for _ in range(6):
        items = {}
        for key, pulses in random_map(rng).items():
            series = np.zeros(len(pulses), dtype)
            for name, _ in dtype:
                if name == "source_index":
                    series[name] = [rng.choice([0, 1, 5, 10, 50, 7, -1]) for _ in pulses]
                elif name in FIELDS:
                    series[name] = pulses[name]
            items[key if key_version else key._replace(pmt=0)] = series
        obj = FrameMap("I3RecoPulseSeriesMap", items)
        obj.versions = {"I3RecoPulse": (1, version), "OMKey": (1, key_version)}
        frames.append(encode_frame("P", [("A", "t", encode(obj))]))
    newest = encode_frame("P", [("A", "t", encode(random_map(rng)))])
    for resolver, mixed in events_of(b"".join([*frames, newest])):
        assert compare(resolver, mixed, ["A"])["series"] == 7


def test_masks_of_version_one_have_a_time_before_the_bits() -> None:
    rng = random.Random(3)
    frame = Frame("P")
    frame["A"] = random_map(rng)
    frame["M"] = random_mask(rng, frame, "A")
    blob = frame.raw("M")
    head = 8 + len("I3RecoPulseSeriesMapMask")
    at = head + 12 + 4 + len("A")
    old = blob[: head + 1] + b"\x01" + blob[head + 2 : at] + struct.pack("<f", 2.0) + blob[at:]
    data = encode_frame("P", [("A", "t", frame.raw("A")), ("M", "t", old), ("N", "t", blob)])
    for resolver, mixed in events_of(data):
        compare(resolver, mixed, ["A", "N"])
        old_series, new_series = resolver.series("M"), resolver.series("N")
        assert old_series.status.tolist() == [OK]
        assert old_series.time.tolist() == new_series.time.tolist()


def test_calibrations_that_say_they_are_not_valid_do_not_count() -> None:
    dom = record("I3DOMCalibration")()
    dom.mean_atwd_charge, dom.mean_fadc_charge = 2.0, 4.0
    dom.is_mean_atwd_charge_valid, dom.is_mean_fadc_charge_valid = False, True
    obj = record("I3Calibration")(dom_cal={OMKey(1, 1): dom})
    obj.versions = {"I3DOMCalibration": (1, 11)}
    frame = Frame("P")
    pulses = np.array([(1.0, 1.0, 1.0, 7), (2.0, 1.0, 1.0, 4)], PULSE)
    frame["A"] = new("I3RecoPulseSeriesMap", {OMKey(1, 1): pulses})
    frame["S"] = new("I3RecoPulseSeriesMapApplySPECorrection", pulses_key="A", calibration_key="Cal")
    try:
        blob = encode(obj)
    except IcecolError as err:
        pytest.skip(f"cannot be made: {err}")
    data = encode_frame("P", [("Cal", "t", blob), ("A", "t", frame.raw("A")), ("S", "t", frame.raw("S"))])
    for resolver, mixed in events_of(data):
        assert compare(resolver, mixed, ["S"])["series"] == 1


# -- damage -----------------------------------------------------------------------------------------------------------


def check_damaged(seed: int, most: int) -> dict[str, int]:
    """Resolve damaged objects of all kinds beside sound ones; assert that the sound ones do not suffer."""
    rng = random.Random(seed)
    data, _ = random_file(seed, 2)
    total: dict[str, int] = {}
    for _, frames in events_of(data, "Q"):
        frame = frames[0]
        for key in ("A", "MaskA", "MaskMaskA", "Union", "SDST", "MaskU", "Mod", "SPE", "Hits", "MaskH"):
            blob = frame.raw(key)
            bad = []
            for at in sorted(rng.sample(range(len(blob)), min(most, len(blob)))):
                bad += [blob[:at] + bytes([blob[at] ^ (1 << rng.randrange(8))]) + blob[at + 1 :], blob[:at]]
            others = [(k, "t", frame.raw(k)) for k in frame if k != key]
            made = encode_frame("Q", others)
            for one in [blob, *bad, blob]:
                if one:
                    made += encode_frame("P", [(key, "t", one)])
            for resolver, mixed in events_of(made):
                found = compare(resolver, mixed, [key], strict=False)
                for name, n in found.items():
                    total[name] = total.get(name, 0) + n
                status = resolver.series(key).status
                assert status[0] == status[-1]
                if found["lenient"]:
                    total[f"lenient {key}"] = total.get(f"lenient {key}", 0) + found["lenient"]
    return total


@pytest.mark.parametrize("seed", [1, 5])
@pytest.mark.slow
def test_damaged_objects_give_pulses_or_a_reason_and_their_neighbours_do_not_suffer(seed: int) -> None:
    total = check_damaged(seed, 16)
    assert total["refused"] > 20
    assert total["lenient"] == 0, total
    assert total["stricter"] <= 0.02 * total["refused"], total


@pytest.mark.slow
def test_reading_stays_inside_under_checked_bounds(tmp_path: Path) -> None:
    script = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parents[1])!r}, {str(Path(__file__).parent)!r}]\n"
        "import test_batch as module\n"
        "from icecol.i3.container import bits\n"
        "assert bits.CHECKED\n"
        "print(module.check_damaged(1, 30))\n"
        "module.test_all_ways_to_store_pulses_give_those_of_the_plain_resolver(3)\n"
        "import test_std_sort; test_std_sort.test_nan_among_the_keys_ends_with_every_pulse_once()\n"
    )
    env = {**os.environ, "NUMBA_OPT": "0", "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-3000:]


# -- what icetray reads -----------------------------------------------------------------------------------------------


def events_of_file(path: Path, stop: str, batch_bytes: int = 1 << 24) -> Any:
    stream, file, _ = open_stream(path)
    order = new_order()
    with file:
        for batch in Scanner(stream, batch_bytes=batch_bytes).batches():
            events = mix(batch, stop, order)
            yield events, PulseResolver(events)


def test_ties_overlaps_and_corrections_are_those_of_icetray(shared_data: Path) -> None:
    lines = zstandard.ZstdDecompressor().stream_reader(
        (shared_data / "truth" / "icetray_written.txt.zst").open("rb")
    )
    wanted: dict[str, list[tuple[int, float, float, float, int]]] = {}
    key, om = "", 0
    for line in io.TextIOWrapper(lines):
        what, *rest = line.split()
        if what == "MAP":
            key = rest[0]
            wanted[key] = []
        elif what == "K":
            om = int(rest[0]) << 16 | int(rest[1]) << 8 | int(rest[2])
        elif what == "P":
            time, charge, width = map(float, rest[:3])
            wanted[key].append((om, time, np.float32(charge), np.float32(width), int(rest[3])))
    n = 0
    ((events, resolver),) = events_of_file(shared_data / "i3" / "icetray_written.i3.zst", "P")
    row = 0  # the first P frame has the mask of its own that the listing shows
    for key, pulses in wanted.items():
        batch = resolver.series(key)
        assert batch.status[row] == OK, key
        a, b = batch.offsets()[row : row + 2]
        columns = [batch.omkey(), batch.time, batch.charge, batch.width, batch.flags]
        assert list(zip(*(c[a:b].tolist() for c in columns), strict=True)) == [
            (o, t, float(q), float(w), f) for o, t, q, w, f in pulses
        ], key
        n += len(pulses)
    assert (len(wanted), n) == (9, 836)
    assert events.n > 1


@pytest.mark.parametrize(
    "name",
    ["oscNext_genie_level7_v02", "oscNext_genie_level3_v02", "oscNext_noise_level3_v02",
     "upgrade_genie_step4_140028_000998"],
)  # fmt: skip
def test_pulses_of_real_files_are_those_of_icetray(shared_data: Path, name: str) -> None:
    folder = shared_data / "truth" / "icetray" / name
    truth = np.load(folder / "pulses.npz")
    frames = {f["index"]: f for f in json.loads((folder / "frames.json").read_text())}
    path = shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz"
    own = inherited = 0
    for stop in "PQ":
        rows: dict[int, tuple[Any, int]] = {}
        for events, resolver in events_of_file(path, stop):
            rows |= {int(events.batch.index[f]): (resolver, i) for i, f in enumerate(events.frames)}
        assert sorted(rows) == sorted(i for i, f in frames.items() if f["stop"] == stop)
        for at, (resolver, row) in rows.items():
            for entry in frames[at]["keys"]:
                key = entry["key"]
                # the truth lists a series once, with the frame that it is in
                source = max(i for i in frames if i <= at and frames[i]["stop"] == entry["stop"])
                if f"{source:05d}|{key}" not in truth.files:
                    continue
                wanted = truth[f"{source:05d}|{key}"]
                batch = resolver.series(key)
                assert batch.status[row] == OK, (at, key, REASONS.get(int(batch.status[row])))
                a, b = batch.offsets()[row : row + 2]
                omkey = wanted["string"] << 16 | wanted["om"].astype(np.int32) << 8 | wanted["pmt"]
                assert np.array_equal(batch.omkey()[a:b], omkey)
                for f in FIELDS:
                    assert getattr(batch, f)[a:b].tobytes() == np.ascontiguousarray(wanted[f]).tobytes(), (
                        key,
                        f,
                    )
                own += source == at
                inherited += source != at
    assert own == len(truth.files) > 0
    assert inherited > 0
