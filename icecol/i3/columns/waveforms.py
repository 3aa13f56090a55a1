"""Delta-compressed waveforms of DOM launches, decoded over all launches of a batch at once.

The differences between neighbouring samples are a bit stream of 32-bit words, least significant bit first, in fields of
1, 2, 3, 6, 11, 20 or 31 bits. The most negative number of a field says that the next wider field follows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.columns.compiler import Leaf
from icecol.i3.columns.passes import Columns
from icecol.jit.cache import kept

I32 = npt.NDArray[np.int32]

_WIDTHS = np.array([1, 2, 3, 6, 11, 20, 31], np.int64)


@kept
def _expand(words: npt.NDArray[np.uint32], begin: I32, samples: npt.NDArray[np.int64], widths: npt.NDArray[np.int64],
            out: I32, offsets: I32) -> int:  # fmt: skip
    """Decode every waveform; return the first that has too few words, -1 if none has."""
    k = 0
    for w in range(samples.size):
        offsets[w] = k
        bit = np.int64(begin[w]) * 32
        end = np.int64(begin[w + 1]) * 32
        index = 2
        last = np.int64(0)
        done = 0
        while done < samples[w]:
            width = widths[index]
            if bit + width > end:
                return w
            value = np.uint64(words[bit >> 5]) >> np.uint64(bit & 31)
            if (bit & 31) + width > 32:
                value |= np.uint64(words[(bit >> 5) + 1]) << np.uint64(32 - (bit & 31))
            code = np.int64(value & ((np.uint64(1) << np.uint64(width)) - np.uint64(1)))
            bit += width
            half = np.int64(1) << (width - 1)
            if code == half:
                if index == 6:
                    return w
                index += 1
                continue
            if code > half:
                code -= 2 * half
            last += code
            out[k] = np.int32(last)
            k += 1
            done += 1
            if index > 0 and abs(code) < np.int64(1) << (widths[index - 1] - 1):
                index -= 1
    offsets[samples.size] = k
    return -1


def expand(words: npt.NDArray[np.uint32], offsets: I32, samples: npt.NDArray[np.int64]) -> tuple[I32, I32]:
    """Decode waveforms.

    Parameters
    ----------
    words : array of u32
        Words of all waveforms; those of waveform i are words[offsets[i]:offsets[i + 1]].
    samples : array of i64
        Number of samples of each.

    Returns
    -------
    values, offsets : arrays of i32
        The samples, likewise.

    Raises
    ------
    FormatError
        A waveform has too few words for its samples.
    """
    # A sample takes at least one bit: no larger count is trusted with memory.
    most = np.diff(offsets).astype(np.int64) * 32
    bad = np.flatnonzero(samples > most)
    out = np.empty(0 if bad.size else int(samples.sum()), np.int32)
    ends = np.zeros(samples.size + 1, np.int32)
    wrong = int(bad[0]) if bad.size else int(_expand(words, offsets, samples, _WIDTHS, out, ends))
    if wrong >= 0:
        have = int(offsets[wrong + 1] - offsets[wrong])
        msg = f"compressed waveform has {have} words, too few for its {samples[wrong]} samples"
        raise FormatError(msg)
    return out, ends


def launches(columns: Columns) -> Columns:
    """Replace the compressed waveforms of launches by their samples: `raw_atwd` and `raw_fadc`."""
    names = {leaf.name: i for i, leaf in enumerate(columns.program.leaves)}
    if "compressed_atwd" not in names:
        return columns
    leaves, values, offsets = list(columns.program.leaves), list(columns.values), list(columns.offsets)
    i = names["compressed_atwd"]
    group = leaves[i].group
    channels = offsets[
        columns.program.parents[group]
    ]  # launch l has waveforms channels[l] to channels[l + 1]
    n_launch = channels.size - 1
    counts = np.zeros(int(channels[-1]) if channels.size else 0, np.int64)
    channel = np.arange(counts.size) - np.repeat(channels[:-1], np.diff(channels))
    launch = np.repeat(np.arange(n_launch), np.diff(channels))
    for k in range(4):
        of_launch = values[names[f"n_samples_atwd{k}"]].astype(np.int64)
        counts[channel == k] = of_launch[launch[channel == k]]
    values[i], offsets[group] = expand(values[i].view(np.uint32), offsets[group], counts)
    leaves[i] = Leaf("raw_atwd", "i32", group, "counts", "ATWD samples of each channel")
    i = names["compressed_fadc"]
    group = leaves[i].group
    n_fadc = values[names["n_samples_fadc"]].astype(np.int64)
    values[i], offsets[group] = expand(values[i].view(np.uint32), offsets[group], n_fadc)
    leaves[i] = Leaf("raw_fadc", "i32", group, "counts", "FADC samples")
    keep = [j for j, leaf in enumerate(leaves) if not leaf.name.startswith("n_samples_")]
    return replace(
        columns,
        program=replace(columns.program, leaves=[leaves[j] for j in keep]),
        values=[values[j] for j in keep],
        offsets=offsets,
    )
