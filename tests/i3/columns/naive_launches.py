"""Delta-coded waveforms of DOM launches, one at a time in plain Python: the oracle of `columns.waveforms`."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.archive.objects import Record

_WIDTHS: Final = (1, 2, 3, 6, 11, 20, 31)


def delta_decode(words: npt.NDArray[np.uint32], n_samples: int) -> npt.NDArray[np.int32]:
    """Unpack a delta-compressed waveform.

    Differences of neighbouring samples are two's complement numbers of 1, 2, 3, 6, 11, 20 or 31 bits, the least
    significant bit first. The most negative number asks for the next larger width; a difference that would fit
    into the next smaller one narrows it. It begins with 3 bits and the value 0.

    Raises
    ------
    FormatError
        Fewer than `n_samples` samples are in the words.
    """
    stream = int.from_bytes(np.ascontiguousarray(words, "<u4").tobytes(), "little")
    left = 32 * len(words)
    if n_samples > left:
        msg = f"{n_samples} samples in {left} bits of a waveform"
        raise FormatError(msg)
    samples = np.zeros(n_samples, np.int32)
    value, step, i, at = 0, 2, 0, 0
    while i < n_samples:
        width = _WIDTHS[step]
        if at + width > left:
            msg = f"waveform ends after {i} of {n_samples} samples"
            raise FormatError(msg)
        field = stream >> at & (1 << width) - 1
        at += width
        if field == 1 << (width - 1):
            if step + 1 == len(_WIDTHS):
                msg = "waveform asks for more than 31 bits"
                raise FormatError(msg)
            step += 1
            continue
        difference = field - (1 << width) if field >> (width - 1) else field
        value += difference
        samples[i] = (value + (1 << 31)) % (1 << 32) - (1 << 31)
        i += 1
        if step and abs(difference) < 1 << (_WIDTHS[step - 1] - 1):
            step -= 1
    return samples


def raw_atwd(launch: Record) -> list[npt.NDArray[np.int32]]:
    """Return the samples of the four ATWD channels of an I3DOMLaunch, in counts."""
    if launch.compressed_atwd is None:
        return [np.asarray(channel, np.int32) for channel in launch.raw_atwd]
    sizes = [getattr(launch, f"n_samples_atwd{i}") for i in range(4)]
    return [delta_decode(words, n) for words, n in zip(launch.compressed_atwd, sizes, strict=False)]


def raw_fadc(launch: Record) -> npt.NDArray[np.int32]:
    """Return the FADC samples of an I3DOMLaunch, in counts."""
    if launch.compressed_fadc is None:
        return np.asarray(launch.raw_fadc, np.int32)
    return delta_decode(launch.compressed_fadc, launch.n_samples_fadc)
