"""Frames as a user sees them: a mapping of keys to objects, read from files and written to them.

In: files (`open_i3`), or objects made in Python (`Frame`, `ic.new`). Out: frames whose objects are decoded on demand,
and files in which everything that was left untouched is identical byte for byte.

The files, in reading order:

- `frame`: start here. `Frame` and the rule by which older frames lend their objects (`Mixer`).
- `files`: `open_i3` and `write_i3`. Frames refer to the buffer of the scanner, and take a copy of their bytes only if
  they outlive it.
- `survey`: which keys, classes and stops a file has, without decoding an object (`icecol inspect`).

The idea: a loop looks at one or two keys of most frames and then drops them, so a frame costs next to nothing until
an object is requested; pulse series are resolved for a whole batch of frames once a second frame asks for them.
"""

from __future__ import annotations
