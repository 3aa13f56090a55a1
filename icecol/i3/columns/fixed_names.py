"""String maps with the same names in every event: their values are gathered from fixed places.

A map such as the weights of an event is serialised name by name, and mostly has the same names in all events of a
file. The first serves as a pattern for the rest: in a blob that differs from it only in values, no names need to be
looked up and no values sorted by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.classes import CLASSES
from icecol.i3.classes.own import per_class
from icecol.i3.columns import compiler as op
from icecol.i3.columns.alike import gather
from icecol.i3.columns.compiler import Leaf, Program, compile_class
from icecol.i3.columns.heads import Bytes, Ints, opening

_LAID_OUT: Final = frozenset(
    (op.OPEN, op.HDR, op.ID, op.COPY, op.SKIP, op.LOOP, op.NEXT, op.NAME, op.MARK, op.END)
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """The form of one blob: `fixed` must be where `mask` is 0xff, the rest are values.

    `offset` and `size` are the position and the bytes of each value, `leaves` the leaves of the program that they
    belong to: the values of one leaf lie together, in the order of `names`.
    """

    program: Program
    names: tuple[bytes, ...]
    fixed: Bytes
    mask: Bytes
    offset: Ints
    size: Ints
    leaves: tuple[int, ...]

    def gather(self, buf: Bytes, at: Ints, size: Ints) -> list[tuple[Leaf, npt.NDArray[np.generic]]] | None:
        """Return for each leaf its values, of shape (names, blobs); None if a blob has another form."""
        base = np.zeros(self.size.size + 1, np.int64)
        np.cumsum(self.size * at.size, out=base[1:])
        out = np.empty(int(base[-1]), np.uint8)
        head = opening(self.program.name, self.program.version)
        if not gather(buf, at, size, 1, head, self.fixed, self.mask, self.offset, self.size, base, out):
            return None
        found = []
        n = len(self.names)
        for i, leaf in enumerate(self.leaves):
            values = out[base[i * n] : base[(i + 1) * n]].view(self.program.dtypes[leaf])
            found.append((self.program.leaves[leaf], values.reshape(n, at.size)))
        return found


@per_class
def has_names(class_name: str) -> bool:
    """Return whether the objects of a class are maps from names to values of one size."""
    try:
        program = compile_class(class_name, CLASSES[class_name].version, {})
    except (FormatError, KeyError):
        return False
    steps = program.code[:, 0].tolist()
    return program.shape == "names" and _LAID_OUT.issuperset(steps) and steps.count(op.LOOP) == 1


def pattern(program: Program, blob: bytes) -> Pattern | None:
    """Return the pattern of a blob that `program` can read; None if it has no names, or one twice.

    Examples
    --------
    >>> from icecol.i3.archive import encode, new
    >>> blob = encode(new("I3MapStringDouble", {"b": 2.0, "a": 1.0}))
    >>> found = pattern(compile_class("I3MapStringDouble", 0, {}), blob)
    >>> found.names
    (b'a', b'b')
    >>> [
    ...     (leaf.name, v.tolist())
    ...     for leaf, v in found.gather(np.frombuffer(blob, np.uint8), *np.array([[0], [len(blob)]]))
    ... ]
    [('value', [[1.0], [2.0]])]
    """
    head = opening(program.name, program.version).size
    mask = np.full(len(blob), 0xFF, np.uint8)
    code = program.code.tolist()
    places: dict[tuple[int, bytes], int] = {}
    names: list[bytes] = []
    seen: set[int] = set()
    pos, pc, left = head, 0, 0
    while code[pc][0] != op.END:
        what, a, b = code[pc][:3]
        pc += 1
        if what == op.OPEN:
            seen.add(a)
        elif what == op.HDR and a not in seen:
            seen.add(a)
            pos += 2
        elif what == op.ID:
            pos += 4
        elif what == op.SKIP:
            mask[pos : pos + a] = 0
            pos += a
        elif what == op.COPY:
            places[a, names[-1]] = pos
            mask[pos : pos + b] = 0
            pos += b
        elif what in {op.LOOP, op.NAME}:
            n = int.from_bytes(blob[pos : pos + 4], "little")
            pos += 4
            if n == 0xFFFFFFFF:
                return None
            if what == op.NAME:
                names.append(blob[pos : pos + n])
                pos += n
            elif n == 0:
                return None
            else:
                left = n
        elif what == op.NEXT:
            left -= 1
            pc = a if left else pc
    if len(set(names)) != len(names):
        return None
    order = sorted(names)
    leaves = tuple(i for i, leaf in enumerate(program.leaves) if leaf.kind != "name")
    return Pattern(
        program,
        tuple(order),
        np.frombuffer(blob, np.uint8)[head:],
        mask[head:],
        np.array([places[leaf, name] - head for leaf in leaves for name in order], np.int64),
        np.repeat(program.leaf_size[list(leaves)], len(order)),
        leaves,
    )
