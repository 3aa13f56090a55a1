"""The .i3 format: frames in a byte stream, and the classes serialised in them. NumPy and numba only, no IceTray.

An .i3 file is a compressed sequence of frames; a frame is a stop letter and a set of named objects; an object is a
blob in a Boost-like archive. There are two ways through this package, and both begin in `container`:

- frame by frame: `container` → `archive` → `frames`, for people who look at objects (`ic.open_i3`, the tray);
- batch by batch: `container` → `columns` and `pulses`, for conversions, which never make a Python object per event.

The packages, in reading order, each with a page on what comes in and what goes out:

1. `container`: bytes of a file → batches of frames with the place of every object; damage is found and passed over.
2. `classes`: the layouts of all known classes, as tables. Everything below is derived from them.
3. `archive`: one object, bytes ↔ Python.
4. `columns`: many objects of one class → NumPy arrays, in one compiled pass.
5. `pulses`: pulse series of many events → NumPy arrays, with masks, unions and I3SuperDST resolved.
6. `frames`: `Frame`, reading and writing of files, surveys of their keys.

`coverage` writes the table of all classes (docs/classes.md). Nothing here knows Arrow or Polars: `icecol.convert` does.
"""

from __future__ import annotations
