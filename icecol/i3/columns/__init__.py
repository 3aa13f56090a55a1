"""Many objects of one class → NumPy arrays, in one compiled pass over their bytes.

In: a buffer, and the place of each object in it (from a `Batch` of `icecol.i3.container`). Out: `Columns`, with one
array per numeric or string member, offsets for each level of lists, and the objects that could not be read, each with
the reason.

The files, in reading order:

- `compiler`: start here. A class layout becomes a `Program`: instructions such as "copy 8 bytes to leaf 3" and the
  leaves (columns) that they fill.
- `batch`: groups the objects by class and version, and runs the program of each.
- `passes`: runs a program over all objects twice, first to check and count, then to write into arrays of exactly the
  right size.
- `interpreter`: the compiled loop over instructions that both passes are.
- `alike`: objects that are all laid out alike are gathered without interpreting anything.
- `heads`: how objects and lists begin.
- `fixed_names`: maps from names to numbers that have the same names in all events (weights, mostly).
- `old_values`: numbers of old class versions in today's meaning.
- `waveforms`: the delta code of the waveforms of DOM launches.

The idea: memory is never allocated on the word of a size in an object, and no Python object is made per event. A
damaged object becomes a null with a reason, and its neighbours are unaffected.
"""

from __future__ import annotations
