"""Blobs to objects and back, for every class that has a layout in `icecol.i3.classes`.

A blob is a self-contained archive. A class header (tracking flag and version) precedes the first instance of each type
in the blob, an object id precedes every instance of a tracked class, and pointers name their class by a number that
counts the types in order of appearance. All of this is followed for any layout, so that
`encode(decode(blob)) == blob`; to this end, the versions that were read are kept with the object.

What an object is in Python: a layout with members becomes a record with those attributes, an I3Map a dict, a tree a
list with depths and parents, a vector of numbers an array, a vector of simple structs a record array, a key such as
OMKey a named tuple. A class without a layout keeps its bytes.

The files, in reading order:

- `objects`: start here. `Record` and the classes made of it, one per layout; defaults of members; `new`.
- `containers`, `keys`, `arrays`: the other forms that objects have in Python: `FrameMap`, `Tree` and `UnknownObject`;
  named tuples such as `OMKey`; structs of numbers as one array.
- `kinds`: what a layout says of the object that it becomes: its kind, members and enumerations.
- `blobs`: `decode` and `encode` of whole blobs, and the quick way to read objects that begin as an earlier one did.
- `reader`: a position in a blob, with the headers and objects before it.
- `reading` and `writing`: a function for each type, made once from its layout; `at_once` and `masks` read many values
  in one go.
- `codecs`: the types whose layout needs code (bit masks, compact vectors, trees), reader and writer side by side.
- `fixed_size`: values of one size, read by a single `struct`.
- `old_values`: members that meant something else in old versions.
- `types`: what reading and writing share.
- `jsonable`: objects as JSON, for the command line.
"""

from __future__ import annotations

from icecol.i3.archive.blobs import class_name, decode, encode
from icecol.i3.archive.containers import Alternative, FrameMap, Tree, UnknownObject
from icecol.i3.archive.keys import ModuleKey, OMKey
from icecol.i3.archive.kinds import enumeration
from icecol.i3.archive.objects import FrameObject, Record, new, record
from icecol.i3.archive.reader import Reader
from icecol.i3.archive.writing import Writer

__all__ = [
    "Alternative", "FrameMap", "FrameObject", "ModuleKey", "OMKey", "Reader", "Record", "Tree", "UnknownObject",
    "Writer", "class_name", "decode", "encode", "enumeration", "new", "record",
]  # fmt: skip
