from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol.errors import FormatError
from icecol.i3.frames.files import open_i3
from icecol.i3.launches import delta_decode, raw_atwd, raw_fadc

WIDTHS = (1, 2, 3, 6, 11, 20, 31)


def delta_encode(samples):
    """Pack as the format asks for, bit by bit."""
    bits, last, step = [], 0, 2
    for sample in samples:
        difference = sample - last
        last = sample
        while abs(difference) >= 1 << (WIDTHS[step] - 1):
            bits += [0] * (WIDTHS[step] - 1) + [1]
            step += 1
        bits += [difference >> i & 1 for i in range(WIDTHS[step])]
        if step and abs(difference) < 1 << (WIDTHS[step - 1] - 1):
            step -= 1
    bits += [0] * (-len(bits) % 32)
    return np.packbits(np.array(bits, bool), bitorder="little").view("<u4")


@given(st.lists(st.integers(-(2**20), 2**20) | st.integers(-3, 3), max_size=60))
def test_waveforms_read_back(samples):
    assert delta_decode(delta_encode(samples), len(samples)).tolist() == samples


def test_too_few_words_are_told():
    with pytest.raises(FormatError, match="33 samples in 32 bits"):
        delta_decode(np.zeros(1, "<u4"), 33)
    with pytest.raises(FormatError, match="ends after"):
        delta_decode(np.full(1, 0x44444444, "<u4"), 30)


def test_waveforms_of_real_launches_are_packed_as_by_icetray(shared_data):
    count = 0
    for path in [
        *sorted((shared_data / "i3" / "real").iterdir()),
        shared_data / "i3" / "icetray_written.i3.zst",
    ]:
        for frame in open_i3(path):
            for key in frame.own_keys():
                if frame.class_name(key) == "I3DOMLaunchSeriesMap":
                    count += sum(check(launch) for series in frame[key].values() for launch in series)
    assert count > 30


def check(launch):
    pairs = list(zip(launch.compressed_atwd, raw_atwd(launch), strict=True))
    pairs.append((launch.compressed_fadc, raw_fadc(launch)))
    for words, samples in pairs:
        assert delta_encode(samples.tolist()).tolist() == words.tolist()
    return sum(samples.size > 0 for _, samples in pairs)
