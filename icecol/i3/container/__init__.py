"""Bytes of a file → frames with the place of each object in them, and back. No object is decoded here.

In: a path or a byte stream, compressed or not. Out: a `Batch`, that is, one buffer of some megabytes and integer
arrays that say where in it each frame and each object begins. A batch is only valid until the next one is asked for,
as its buffer is reused: memory is bounded by the batch size or by the largest frame.

The files, in reading order:

- `scanner`: start here. `Scanner` walks the frames, verifies their checksums, and after damage resumes at the next
  intact frame.
- `walk`: the compiled walk, and the `Batch` it gives. The module's docstring describes a frame byte by byte.
- `raw`: single frames, for what needs no batch: `raw_frames` reads them from a file, `encode_frame` writes one.
- `names`: pairs of key and type name as integers.
- `checksums`: CRC-32C and CRC-16.
- `streams`: a file as a stream of bytes, whatever its codec (detected from its content), also inside a tar archive.
- `alerts`: the frames of realtime alerts, which are JSON, as a stream of frames, with the values of the message added.
- `compression`, `zstd`, `tar`: what `streams` unwraps files with; `compression` also writes.
- `mixing`: which object each key has in each event, once older frames (G, C, D, Q, ...) have lent theirs. The same
  rule for single frames is `icecol.i3.frames.frame.Mixer`.
- `old_versions`: frames of container versions 1 to 4, in plain Python.
- `bits`: unaligned loads and stores for compiled code, with a build that checks bounds.

The idea: in a file of high-level data the walk over keys, type names and sizes takes longer than the decoding, so the
walk is compiled and handles names as interned integers.
"""

from __future__ import annotations
