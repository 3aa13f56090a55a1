"""Pulses of one frame under a key, in plain Python, one frame at a time: written to be believed.

The oracle of `icecol.i3.pulses`, which resolves whole batches in compiled code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby, repeat
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError, MissingColumnError, did_you_mean
from icecol.i3.archive import FrameMap, OMKey, Record, UnknownObject
from icecol.i3.pulses.series import DEEPEST, MOST_PULSES, PULSE, PulseSeries

HIT_WIDTH: Final = np.float32(3.3)
"""Width given to hits that have no charge [ns]."""

Pulses = npt.NDArray[np.void]
PulseMap = dict[OMKey, Pulses]


def flat(pulses: PulseMap) -> PulseSeries:
    """Put the pulses of all photomultipliers after each other."""
    counts = [len(series) for series in pulses.values()]
    packed = [key.string << 16 | key.om << 8 | key.pmt for key in pulses]
    joined = np.concatenate([np.zeros(0, PULSE), *pulses.values()])
    return PulseSeries(
        np.repeat(np.array(packed, np.int64), counts).astype(np.int32),
        *(np.ascontiguousarray(joined[name]) for name in PULSE.names or ()),
    )


def resolve(
    frame: Mapping[str, Any],
    key: str,
    _asked: tuple[str, ...] = (),
    _known: dict[str, PulseMap] | None = None,
) -> PulseMap:
    """Return the pulses that a key stands for, photomultipliers without pulses included.

    Parameters
    ----------
    frame : mapping
        Decoded objects by key; a mask or union looks up here what it refers to.
    key : str
        Key of an object that is a map of pulses or stands for one.

    Raises
    ------
    MissingColumnError
        The key, or one that it refers to, is not there.
    FormatError
        It is not a pulse series, a mask does not match its source, or objects refer to each other in a circle.
    """
    known = {} if _known is None else _known
    if key in known:
        return known[key]
    if key in _asked:
        msg = f"pulse series {key!r} refers to itself: {' -> '.join((*_asked, key))}"
        raise FormatError(msg)
    if len(_asked) > DEEPEST:
        msg = f"pulse series {_asked[0]!r} is a chain of more than {DEEPEST} references"
        raise FormatError(msg)
    if key not in frame:
        by = f" (needed by {_asked[-1]!r})" if _asked else ""
        msg = f"no object {key!r} in the frame{by}; {did_you_mean(key, frame, 'keys')}"
        raise MissingColumnError(msg)
    obj = frame[key]
    name = obj.i3class
    if name not in _RESOLVERS:
        msg = f"{key!r} is an object of class {name}, not a pulse series"
        raise FormatError(msg)
    if isinstance(obj, UnknownObject):
        msg = f"{key!r} is a {name} of version {obj.version}, which is not known"
        raise FormatError(msg)
    try:
        known[key] = _RESOLVERS[name](obj, lambda other: resolve(frame, other, (*_asked, key), known), frame)
    except _MismatchError as err:
        msg = f"mask {key!r} does not match its source {obj.source!r}: {err}"
        raise FormatError(msg) from None
    return known[key]


class _MismatchError(Exception):
    """A mask has another number of bits than what it masks has elements."""


Lookup = Callable[[str], PulseMap]


def _as_pulses(series: Any) -> Pulses:
    """Bring pulses of any class version into the newest form."""
    out = np.zeros(len(series), PULSE)
    for name in ("time", "charge", "width"):
        out[name] = series[name]
    if "flags" in series.dtype.names:
        out["flags"] = series["flags"]
    elif "source_index" in series.dtype.names:
        # 0: ATWD, 1 and 10: FADC, 5 and 50: FADC without coincidence
        flags = {0: 3, 1: 5, 10: 5, 5: 4, 50: 4}
        out["flags"] = [flags.get(i, 0) for i in series["source_index"].tolist()]
    return out


def _map(obj: FrameMap, _lookup: Lookup, _frame: Mapping[str, Any]) -> PulseMap:
    return {key: _as_pulses(series) for key, series in obj.items()}


def _hits(obj: FrameMap, _lookup: Lookup, _frame: Mapping[str, Any]) -> PulseMap:
    pulses = {}
    for key, series in obj.items():
        pulses[key] = np.zeros(len(series), PULSE)
        pulses[key]["time"] = series["time"]
        pulses[key]["charge"] = 1
        pulses[key]["width"] = HIT_WIDTH
    return pulses


def _mask(obj: Record, lookup: Lookup, _frame: Mapping[str, Any]) -> PulseMap:
    parent = lookup(obj.source)
    if obj.key_mask.size != len(parent):
        msg = f"{obj.key_mask.size} bits for {len(parent)} PMTs"
        raise _MismatchError(msg)
    if np.count_nonzero(obj.key_mask) != len(obj.element_masks):
        msg = f"masks for {len(obj.element_masks)} PMTs, but {np.count_nonzero(obj.key_mask)} are selected"
        raise _MismatchError(msg)
    kept = {}
    masks = iter(obj.element_masks)
    for (key, pulses), selected in zip(parent.items(), obj.key_mask.tolist(), strict=True):
        if not selected:
            continue
        mask = next(masks)
        if mask.size != len(pulses):
            msg = f"{mask.size} bits for the {len(pulses)} pulses of {key}"
            raise _MismatchError(msg)
        if mask.any():
            kept[key] = pulses[np.asarray(mask)]
    return kept


def _union(obj: Record, lookup: Lookup, _frame: Mapping[str, Any]) -> PulseMap:
    parts: dict[OMKey, list[Pulses]] = {}
    n = 0
    for source in obj.sources:
        found = lookup(source)
        n += len(found) + sum(map(len, found.values()))
        if n > MOST_PULSES:
            msg = f"a union of {len(obj.sources)} series has more than {MOST_PULSES} pulses"
            raise FormatError(msg)
        for key, pulses in found.items():
            parts.setdefault(key, []).append(pulses)
    return _merged(parts)


def _combine(obj: Record, lookup: Lookup, _frame: Mapping[str, Any]) -> PulseMap:
    parts: dict[OMKey, list[Pulses]] = {}
    for key, pulses in lookup(obj.pulses_key).items():
        parts.setdefault(key._replace(pmt=0), []).append(pulses)
    return _merged(parts)


def _merged(parts: dict[OMKey, list[Pulses]]) -> PulseMap:
    return {key: in_time_order(np.concatenate(parts[key])) for key in sorted(parts)}


def _corrected(obj: Record, lookup: Lookup, frame: Mapping[str, Any]) -> PulseMap:
    pulses = lookup(obj.pulses_key)
    if obj.calibration_key not in frame:
        msg = f"no calibration {obj.calibration_key!r} in the frame, which the charges of {obj.pulses_key!r} need"
        raise MissingColumnError(msg)
    calibrations = frame[obj.calibration_key].dom_cal
    out = {}
    for key, series in pulses.items():
        if key not in calibrations:
            msg = f"calibration {obj.calibration_key!r} has no entry for {key}"
            raise MissingColumnError(msg)
        dom = calibrations[key]
        atwd = _factor(dom.mean_atwd_charge, valid=dom.is_mean_atwd_charge_valid)
        fadc = _factor(dom.mean_fadc_charge, valid=dom.is_mean_fadc_charge_valid)
        out[key] = series.copy()
        out[key]["charge"] = series["charge"].astype(np.float64) * np.where(series["flags"] & 2, atwd, fadc)
    return out


def _factor(mean: float | None, *, valid: bool | None) -> float:
    """Return what charges are multiplied by, 1 where the mean charge is not valid."""
    if mean is None or valid is False or np.isnan(mean):
        return 1.0
    return 1.0 / mean if mean else np.copysign(np.inf, mean)


# -- I3SuperDST -----------------------------------------------------------------------------------------------------


def _superdst(obj: Record, _lookup: Lookup, _frame: Mapping[str, Any]) -> PulseMap:
    if obj.charge_stamps is None:
        msg = "I3SuperDST version 0 cannot be unpacked: its layout is not known well enough"
        raise FormatError(msg)
    try:
        found = _unpacked(obj)
    except (IndexError, StopIteration, OverflowError):
        msg = "I3SuperDST is damaged: its words end in the middle of a pulse"
        raise FormatError(msg) from None
    return {key: _without_overlap(in_time_order(np.array(found[key], PULSE))) for key in sorted(found)}


def _unpacked(obj: Record) -> dict[OMKey, list[tuple[float, float, float, int]]]:
    """Read the pulses of each module, in the order they stand in the object."""
    words = obj.charge_stamps.tolist()
    extra = iter(obj.extra_bytes.tolist())
    widths = {
        (icetop, hlc): _run_lengths(getattr(obj, f"widths_{where}_{kind}").tolist())
        for icetop, where in ((False, "inice"), (True, "icetop"))
        for hlc, kind in ((False, "slc"), (True, "hlc"))
    }
    at = 0

    def overflow(code: int, full: int) -> int:
        """Add the words that follow a code which is full; a word that is full itself has another after it."""
        nonlocal at
        if code != full:
            return code
        while True:
            word = words[at]
            at += 1
            code += word
            if word != 0xFFFF:
                return code

    found: dict[OMKey, list[tuple[float, float, float, int]]] = {}
    reference = -512
    for header in obj.dom_headers.tolist():
        key = OMKey(header >> 6 & 0x7F, (header & 0x3F) + 1, 0)
        icetop = key.om > 60
        pulses = found.setdefault(key, [])
        time = first = hlc = 0
        stop = False
        while not stop:
            word = words[at]
            at += 1
            stop = bool(word >> 15)
            if first == 0:
                time = overflow((word & 0xFF) + (header >> 13 << 8), 2047)
                hlc = word >> 14 & 1
                reference += time
                time = reference
                first = 1
            else:
                time += overflow(word & 0xFF, 255)
            code = word >> 8 & 0x3F
            if icetop:
                code |= next(extra) << 6
                charge = 10.0 ** (code * 9.0 / 16383.0 - 2.0)
            else:
                charge = 0.05 * overflow(code, 63) + 0.025
            width = float(1 << next(widths[icetop, bool(hlc)]))
            pulses.append((float(time), charge, width, 7 if hlc else 4))
    return found


def _run_lengths(codes: list[int]) -> Iterator[int]:
    """Expand width codes: lower half the code, upper half how often; equal codes in a row are digits of one number.

    The lowest digit comes first. Nothing is held in memory, since damaged codes may stand for any number of pulses.
    """
    for value, group in groupby(codes, lambda code: code & 15):
        yield from repeat(value, sum(code >> 4 << 4 * digit for digit, code in enumerate(group)))


def _without_overlap(pulses: Pulses) -> Pulses:
    """Shorten pulses that reach into the next one; those at one time share the width of the pulse before."""
    time, width = pulses["time"], pulses["width"]
    previous = -1
    merge = False

    def share(i: int) -> None:
        if width[previous] == 0 and width[i] > 0:
            width[previous] = width[i]
        width[previous] /= np.float32(2)
        width[i] = width[previous]
        time[i] = time[previous] + np.float64(width[previous])

    for i in range(len(pulses) - 1):
        width[i] = min(width[i], np.float32(time[i + 1] - time[i]))
        if width[i] == 0 or merge:
            if previous >= 0:
                share(i)
                merge = False
            else:
                merge = True
        else:
            merge = False
        previous = i
    if merge and previous >= 0:
        share(len(pulses) - 1)
    return pulses


# -- std::sort ------------------------------------------------------------------------------------------------------


def in_time_order(pulses: Pulses) -> Pulses:
    """Sort pulses by time as IceTray does, pulses at one time included.

    Masks count pulses after the sort, so the order of equal times matters. IceTray uses the C++ library's
    `std::sort`, which is not stable; this is the algorithm of libstdc++.
    """
    return pulses[std_sort(pulses["time"].tolist())]


def std_sort(keys: list[float]) -> list[int]:
    """Return the order into which libstdc++'s `std::sort` brings some keys.

    Introsort: quicksort with the median of three as pivot, until 16 are left in each part; heap sort if that goes
    too deep; and one insertion sort over everything. With NaN among the keys, where C++ promises nothing, the order
    is that of a stable sort with NaN last.

    Examples
    --------
    >>> std_sort([2.0, 1.0, 2.0])
    [1, 0, 2]
    """
    if any(k != k for k in keys):
        return np.argsort(keys, kind="stable").tolist()
    order = list(range(len(keys)))
    if len(keys) > 16:
        _introsort(keys, order)
    for i in range(1, len(order)):
        item = order[i]
        j = i
        while j > 0 and keys[item] < keys[order[j - 1]]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = item
    return order


def _introsort(keys: list[float], order: list[int]) -> None:
    parts = [(0, len(order), 2 * (len(order).bit_length() - 1))]
    while parts:
        first, last, depth = parts.pop()
        while last - first > 16:
            if depth == 0:
                _heap_sort(keys, order, first, last)
                break
            depth -= 1
            cut = _partition(keys, order, first, last)
            parts.append((cut, last, depth))
            last = cut


def _partition(keys: list[float], order: list[int], first: int, last: int) -> int:
    """Split a part around the median of its second, middle and last element, which goes to its front."""
    a, b, c = first + 1, first + (last - first) // 2, last - 1
    ka, kb, kc = keys[order[a]], keys[order[b]], keys[order[c]]
    if ka < kb:
        median = b if kb < kc else (c if ka < kc else a)
    elif ka < kc:
        median = a
    else:
        median = c if kb < kc else b
    order[first], order[median] = order[median], order[first]
    pivot = keys[order[first]]
    low, high = first + 1, last
    while True:
        while keys[order[low]] < pivot:
            low += 1
        high -= 1
        while pivot < keys[order[high]]:
            high -= 1
        if low >= high:
            return low
        order[low], order[high] = order[high], order[low]
        low += 1


def _heap_sort(keys: list[float], order: list[int], first: int, last: int) -> None:
    heap = order[first:last]
    n = len(heap)
    for parent in range((n - 2) // 2, -1, -1):
        _sift(keys, heap, parent, n, heap[parent])
    for end in range(n - 1, 0, -1):
        item = heap[end]
        heap[end] = heap[0]
        _sift(keys, heap, 0, end, item)
    order[first:last] = heap


def _sift(keys: list[float], heap: list[int], hole: int, n: int, item: int) -> None:
    """Let a hole sink to a leaf, and the item rise from there."""
    top = hole
    child = hole
    while child < (n - 1) // 2:
        child = 2 * (child + 1)
        if keys[heap[child]] < keys[heap[child - 1]]:
            child -= 1
        heap[hole] = heap[child]
        hole = child
    if n % 2 == 0 and child == (n - 2) // 2:
        child = 2 * (child + 1)
        heap[hole] = heap[child - 1]
        hole = child - 1
    parent = (hole - 1) // 2
    while hole > top and keys[heap[parent]] < keys[item]:
        heap[hole] = heap[parent]
        hole = parent
        parent = (hole - 1) // 2
    heap[hole] = item


_RESOLVERS: Final[dict[str, Callable[[Any, Lookup, Mapping[str, Any]], PulseMap]]] = {
    "I3RecoPulseSeriesMap": _map,
    "I3RecoPulseSeriesMapMask": _mask,
    "I3RecoPulseSeriesMapUnion": _union,
    "I3RecoPulseSeriesMapApplySPECorrection": _corrected,
    "I3RecoPulseSeriesMapCombineByModule": _combine,
    "I3SuperDST": _superdst,
    "I3RecoHitSeriesMap": _hits,
}
