"""Compressed waveforms expand to the samples that were packed, all launches of a batch at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_launches import delta_decode, raw_atwd, raw_fadc

from icecol.errors import FormatError
from icecol.i3.archive import class_name, decode
from icecol.i3.columns.batch import decode as columns_of
from icecol.i3.columns.waveforms import expand, launches
from icecol.i3.container.names import Names
from icecol.i3.container.raw import raw_frames

WIDTHS = (1, 2, 3, 6, 11, 20, 31)


def pack(samples: list[int]) -> np.ndarray:
    """Pack a waveform as the format says, bit by bit."""
    bits: list[int] = []
    step, last = 2, 0
    for sample in samples:
        difference = sample - last
        last = sample
        while abs(difference) >= 1 << (WIDTHS[step] - 1):
            bits += [0] * (WIDTHS[step] - 1) + [1]  # the most negative number: wider
            step += 1
        bits += [difference >> k & 1 for k in range(WIDTHS[step])]
        if step and abs(difference) < 1 << (WIDTHS[step - 1] - 1):
            step -= 1
    bits += [0] * (-len(bits) % 32)
    return np.packbits(np.array(bits, np.uint8), bitorder="little").view("<u4")


WAVEFORM = st.lists(
    st.one_of(st.integers(-3, 3), st.integers(0, 1023), st.integers(-(1 << 28), 1 << 28)), max_size=60
)


@settings(max_examples=30, deadline=None)
@given(st.lists(WAVEFORM, max_size=8))
def test_what_was_packed_is_expanded(waveforms: list[list[int]]) -> None:
    packed = [pack(w) for w in waveforms]
    for words, samples in zip(packed, waveforms, strict=True):
        assert delta_decode(words, len(samples)).tolist() == samples
    offsets = np.cumsum([0, *map(len, packed)]).astype(np.int32)
    words = np.concatenate([*packed, np.zeros(0, np.uint32)]).astype(np.uint32)
    values, ends = expand(words, offsets, np.array([len(w) for w in waveforms], np.int64))
    assert [values[a:b].tolist() for a, b in zip(ends[:-1], ends[1:], strict=True)] == waveforms  # noqa: RUF007


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=12), st.integers(0, 400))
def test_any_words_give_samples_or_an_error_as_the_plain_decoder_does(words: list[int], n: int) -> None:
    array = np.array(words, np.uint32)
    offsets = np.array([0, array.size], np.int32)
    try:
        wanted = delta_decode(array, n)
    except FormatError:
        with pytest.raises(FormatError, match="waveform"):
            expand(array, offsets, np.array([n]))
        return
    values, ends = expand(array, offsets, np.array([n]))
    assert values.tolist() == wanted.tolist()
    assert ends.tolist() == [0, n]


def test_a_count_of_samples_that_cannot_be_asks_for_no_memory() -> None:
    with pytest.raises(FormatError, match="too few for its 1099511627776 samples"):
        expand(np.zeros(3, np.uint32), np.array([0, 3], np.int32), np.array([1 << 40]))


def test_launches_of_real_files_have_the_samples_of_the_plain_decoder(shared_data: Path) -> None:
    n = 0
    paths = [
        *sorted((shared_data / "i3" / "real").glob("*.gz")),
        shared_data / "i3" / "icetray_written.i3.zst",
    ]
    for path in paths:
        blobs = [
            s.blob
            for f in raw_frames(path)
            for s in f.objects
            if s.type_name.endswith("vector<I3DOMLaunch> >")
        ]
        if not blobs:
            continue
        buf = np.frombuffer(b"".join(blobs), np.uint8).copy()
        size = np.array([len(b) for b in blobs])
        at = np.cumsum([0, *size[:-1]])
        for columns in columns_of(buf, at, size, Names()):
            made = launches(columns)
            names = {leaf.name: i for i, leaf in enumerate(made.program.leaves)}
            found: list[Any] = [x for b in made.good for series in decode(blobs[b]).values() for x in series]
            atwd, fadc = names["raw_atwd"], names["raw_fadc"]
            inner = made.program.leaves[atwd].group
            channels, samples = made.offsets[made.program.parents[inner]], made.offsets[inner]
            ends = made.offsets[made.program.leaves[fadc].group]
            assert channels.size == len(found) + 1
            for k, launch in enumerate(found):
                own = range(channels[k], channels[k + 1])
                got = [made.values[atwd][samples[c] : samples[c + 1]].tolist() for c in own]
                assert got == [w.tolist() for w in raw_atwd(launch)]
                assert made.values[fadc][ends[k] : ends[k + 1]].tolist() == raw_fadc(launch).tolist()
                n += 1
    assert n > 50


# -- the oracle itself ------------------------------------------------------------------------------------------------


def test_the_plain_decoder_tells_of_too_few_words() -> None:
    with pytest.raises(FormatError, match="33 samples in 32 bits"):
        delta_decode(np.zeros(1, "<u4"), 33)
    with pytest.raises(FormatError, match="ends after"):
        delta_decode(np.full(1, 0x44444444, "<u4"), 30)


def test_waveforms_of_real_launches_are_packed_as_by_icetray(shared_data: Path) -> None:
    count = 0
    for path in [
        *sorted((shared_data / "i3" / "real").iterdir()),
        shared_data / "i3" / "icetray_written.i3.zst",
    ]:
        for raw in raw_frames(path):
            for span in raw.objects:
                if class_name(span.blob) == "I3DOMLaunchSeriesMap":
                    found: Any = decode(span.blob)
                    count += sum(packed_alike(launch) for series in found.values() for launch in series)
    assert count > 30


def packed_alike(launch: Any) -> int:
    pairs = list(zip(launch.compressed_atwd, raw_atwd(launch), strict=True))
    pairs.append((launch.compressed_fadc, raw_fadc(launch)))
    for words, samples in pairs:
        assert pack(samples.tolist()).tolist() == words.tolist()
    return sum(samples.size > 0 for _, samples in pairs)
