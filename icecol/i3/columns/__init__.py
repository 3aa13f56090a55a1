"""Many objects of one class → NumPy arrays, in one compiled pass over their bytes.

In: a buffer, and the place of each object in it (from a `Batch` of `icecol.i3.container`). Out: `Columns`, which holds
one array for each member that is a number or a string, offsets for each level of lists, and the objects that could not
be read, each with the reason.

The files, in reading order:

- `compiler`: start here. A class layout becomes a `Program`: instructions such as "copy 8 bytes to leaf 3" and the
  leaves (columns) that they fill.
- `interpreter`: runs a program over all objects, first to check and count, then to write into arrays of exactly the
  right size. `decode` groups the objects by class and version first. Objects that are all laid out alike are gathered
  without interpreting anything.
- `fixed_names`: maps from names to numbers that have the same names in all events (weights, mostly).
- `old_values`: numbers of old class versions in today's meaning.
- `waveforms`: the delta code of the waveforms of DOM launches.

The idea: no size that an object claims is trusted to allocate memory, and no Python object is made for an event. An
object that is damaged becomes a null with a reason, and its neighbours do not suffer.
"""

from __future__ import annotations
