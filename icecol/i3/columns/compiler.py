"""From a class layout to the program that turns its blobs into columns.

Columns need no objects: the layout of one class (with the versions found in a file) becomes a flat list of
instructions, which `icecol.i3.columns.interpreter` runs over all blobs of a batch. Every numeric
member ends up in one *leaf*; members inside vectors and maps are leaves of a *group*, which is one level of list
nesting.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import (
    ARITHMETIC,
    BASE,
    Class,
    Custom,
    Enum,
    Field,
    Map,
    Pair,
    RawPairs,
    Type,
    Variant,
    Vector,
)
from icecol.i3.classes.own import on_change

END: Final = 0
HDR: Final = 1  # slot, tracking, version: the class header, unless the blob had it already
ID: Final = 2  # the next object id
COPY: Final = 3  # leaf, bytes
SKIP: Final = 4  # bytes
BULK: Final = 5  # leaf, bytes, group: a vector of numbers
STR: Final = 6  # leaf, 0, group: a string
LOOP: Final = 7  # end, group or -1: a size, then the body that many times
NEXT: Final = 8  # body, group or -1
MARK: Final = 9  # group: its list in the present row of the parent group ends here
OMKEY: Final = 10  # register, has pmt: read a key
EMIT: Final = 11  # leaf, register
NAME: Final = 12  # leaf: a string, as its number in the table of names
TREE_BITS: Final = 14  # end, group, depth leaf, parent leaf
TREE_COUNTS: Final = 15  # end, group, depth leaf, parent leaf
CHILDREN: Final = 16  # the number of children of the node just read
JUMP: Final = 17  # to, group, whether an element of that group is done
WHICH: Final = 18  # leaf, leaf of numbers: the alternative of a variant
CASE: Final = 19  # value, where to go if it is another one
WIDEN: Final = 20  # leaf, kind: to f64
BULK_WIDEN: Final = 21  # leaf, kind, group
OPTIONAL: Final = 22  # leaf, leaf of validity: a flag, and an i32 only if it is set
TRIGGERS: Final = 23  # end, group: a compact size, then the body that many times
TRIGGER: Final = 24  # leaf of index, leaf of length, leaf of time
OPEN: Final = 25  # own slot: the opening was checked, which has the class's own header

NP_TYPES: Final[dict[str, type[np.generic]]] = {
    "bool": np.uint8, "u8": np.uint8, "i8": np.int8, "u16": np.uint16, "i16": np.int16, "u32": np.uint32,
    "i32": np.int32, "u64": np.uint64, "i64": np.int64, "f32": np.float32, "f64": np.float64, "str": np.uint8,
    "name": np.int32, "char": np.uint8,
}  # fmt: skip
"""numpy type of the values of a leaf of each kind."""

WIDENABLE: Final = {"i32": 0, "bool": 1, "f32": 2, "f64": 3}


class Owner(NamedTuple):
    """The class that leaves are members of: its name and version, and the prefix of their names."""

    name: str
    version: int
    prefix: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A future column: name, kind (an arithmetic type, `str` or `name`), group, meaning, and owner."""

    name: str
    kind: str
    group: int
    unit: str = ""
    doc: str = ""
    enum: tuple[tuple[str, int], ...] = ()
    owner: Owner | None = None
    member: str = ""


@dataclass(slots=True)
class Program:
    """Instructions for one class, given the versions of the classes inside, and the leaves that they fill.

    `parents[g]` is the group in which a list of group g is one value; group 0 has the rows.
    """

    name: str
    version: int
    versions: dict[str, int]
    leaves: list[Leaf] = field(default_factory=list)
    parents: list[int] = field(default_factory=lambda: [-1])
    slots: list[str | Type] = field(default_factory=list)
    code: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 5), np.int64))
    shape: str = "struct"
    dtypes: list[np.dtype[np.generic]] = field(default_factory=list)
    leaf_group: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    leaf_size: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    group_parent: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    has_tree: bool = False
    tail: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 4), np.int64))
    template: Template | None = None

    def finish(self, code: list[list[int]]) -> Program:
        """Set the instructions, and derive what every run of them needs."""
        self.code = np.array(code, np.int64)
        self.dtypes = [np.dtype(NP_TYPES[leaf.kind]) for leaf in self.leaves]
        self.leaf_group = np.array([leaf.group for leaf in self.leaves], np.int64)
        self.leaf_size = np.array([dtype.itemsize for dtype in self.dtypes], np.int64)
        self.group_parent = np.array(self.parents, np.int64)
        self.has_tree = any(step[0] in {TREE_BITS, TREE_COUNTS} for step in code)
        self.tail = _tails(self.code)
        self.template = _template(self)
        return self


@dataclass(frozen=True, slots=True)
class Template:
    """What all blobs of a class without strings, lists and keys share: everything but the values.

    `fixed` and `mask` cover the bytes after the opening: where the mask is 0xff the blob must have the fixed byte.
    `offset[i]` is the position of the value of leaf i.
    """

    fixed: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.uint8]
    offset: npt.NDArray[np.int64]


def _template(program: Program) -> Template | None:
    """Return the template of the blobs of a program, if they all have the same form."""
    fixed, mask = bytearray(), bytearray()
    offset = np.zeros(len(program.leaves), np.int64)
    seen = set()
    next_id = 1
    for what, a, b, g, _ in program.code.tolist():
        if what == OPEN:
            seen.add(a)
        elif what == HDR:
            if a not in seen:
                seen.add(a)
                fixed += bytes([b, g])
                mask += b"\xff\xff"
        elif what == ID:
            fixed += next_id.to_bytes(4, "little")
            mask += b"\xff\xff\xff\xff"
            next_id += 1
        elif what == COPY:
            offset[a] = len(fixed)
            fixed += bytes(b)
            mask += bytes(b)
        elif what != END:
            return None
    return Template(np.frombuffer(bytes(fixed), np.uint8), np.frombuffer(bytes(mask), np.uint8), offset)


TAIL_ID: Final = 0  # offset: an object id
TAIL_COPY: Final = 1  # offset, leaf, bytes
TAIL_KEY: Final = 2  # offset, leaf, has pmt
TAIL_EMIT: Final = 3  # register, leaf


def _tails(code: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Find the loops whose elements are all laid out alike from the second on, and describe that layout as a tail.

    The tail of such a loop runs without interpreting instructions. The last column of its NEXT instruction has the row
    where the tail begins (0: none). A tail is a head (number of steps, bytes of an element or of what follows its name,
    whether a name comes first, leaf of the name), followed by its steps.
    """
    rows: list[list[int]] = [[0, 0, 0, 0]]
    for end in np.flatnonzero(code[:, 0] == NEXT).tolist():
        begin, group = int(code[end, 1]), int(code[end, 2])
        steps: list[list[int]] = []
        at = 0
        name = -1
        keys: dict[int, list[int]] = {}
        for k, (what, a, b, _, _) in enumerate(code[begin:end].tolist()):
            if what == HDR:
                continue
            if what == ID:
                steps.append([TAIL_ID, at, 0, 0])
                at += 4
            elif what == COPY:
                steps.append([TAIL_COPY, at, a, b])
                at += b
            elif what == SKIP:
                at += a
            elif what == OMKEY:
                keys[a] = [TAIL_KEY, at, -1, b]
                at += 9 if b else 8
            elif what == EMIT:
                steps.append([TAIL_KEY, keys[b][1], a, keys[b][3]] if b in keys else [TAIL_EMIT, b, a, 0])
            elif what == NAME and name < 0 and at == 0 and k <= 1:
                name = a
            else:
                break
        else:
            if group >= 0 and (at > 0 or name >= 0):
                code[end, 4] = len(rows)
                rows += [[len(steps), at, int(name >= 0), name], *steps]
    return np.array(rows, np.int64)


def flattens(name: str) -> bool:
    """Return whether a program can turn a class into columns."""
    try:
        compile_class(name, CLASSES[name].version if name in CLASSES else 0, {})
    except FormatError:
        return False
    return True


_CACHE: Final[dict[tuple[str, int, tuple[tuple[str, int], ...]], Program]] = {}
on_change(_CACHE.clear)


def compile_class(name: str, version: int, versions: dict[str, int]) -> Program:
    """Make the program of a frame object's class.

    Parameters
    ----------
    name : str
        Export name.
    version : int
        Class version in the blobs.
    versions : dict of str to int
        Versions of classes inside that differ from the newest known.

    Raises
    ------
    FormatError
        If the class is unknown or cannot become columns.
    """
    key = (name, version, tuple(sorted(versions.items())))
    if key not in _CACHE:
        _CACHE[key] = _Compiler(name, version, versions).run()
    return _CACHE[key]


class _Compiler:
    def __init__(self, name: str, version: int, versions: dict[str, int]) -> None:
        if name not in CLASSES:
            msg = f"unknown class {name!r}"
            raise FormatError(msg)
        layout = CLASSES[name]
        if version > layout.version:
            msg = f"{name} version {version} is newer than the newest known version, {layout.version}"
            raise FormatError(msg)
        self.layout = layout
        self.program = Program(name, version, versions)
        self.code: list[list[int]] = []
        self.depth = 0
        self.owner: Owner | None = None

    def run(self) -> Program:
        self.emit(OPEN, self.slot(self.layout.name))
        self.fields(self.layout, self.program.version, "", 0)
        self.emit(END)
        return self.program.finish(self.code)

    def emit(self, op: int, *args: int) -> int:
        self.code.append([op, *args, *[0] * (4 - len(args))])
        return len(self.code) - 1

    def slot(self, of: Type) -> int:
        if of not in self.program.slots:
            self.program.slots.append(of)
        return self.program.slots.index(of)

    def group(self, parent: int) -> int:
        self.program.parents.append(parent)
        return len(self.program.parents) - 1

    def leaf(self, name: str, kind: str, group: int, about: Field | None, enum: Enum | None = None) -> int:
        names = {leaf.name for leaf in self.program.leaves}
        while name in names:
            name += "_"
        unit, doc, member = (about.unit, about.doc, about.name) if about else ("", "", "")
        values = enum.values if enum else ()
        self.program.leaves.append(Leaf(name, kind, group, unit, doc, values, self.owner, member))
        return len(self.program.leaves) - 1

    def refuse(self) -> FormatError:
        return FormatError(f"{self.layout.name} version {self.program.version} cannot become columns")

    # -- classes ------------------------------------------------------------------------------------------------

    def header(self, of: Type, *, tracking: int = 0, version: int = 0) -> None:
        self.emit(HDR, self.slot(of), tracking, version)

    def enter(self, layout: Class) -> int:
        own = layout.name == self.layout.name  # a class that contains itself: one header, so one version
        version = self.program.version if own else self.program.versions.get(layout.name, layout.version)
        if version > layout.version:
            msg = f"{layout.name} version {version} is newer than the newest known version, {layout.version}"
            raise FormatError(msg)
        self.header(layout.name, tracking=int(layout.tracked), version=version)
        if layout.tracked:
            self.emit(ID)
        return version

    def fields(self, layout: Class, version: int, prefix: str, group: int) -> None:
        self.depth += 1
        if self.depth > 20:  # a class that contains itself would never end
            raise self.refuse()
        outer, self.owner = self.owner, Owner(layout.name, version, prefix)
        for member in layout.at(version):
            self.value(member.type, prefix, group, member)
        self.owner = outer
        self.depth -= 1

    # -- values -------------------------------------------------------------------------------------------------

    def value(self, of: Type, prefix: str, group: int, about: Field) -> None:
        """Compile one member; its column name is `prefix` and the member's own name."""
        name = prefix + about.name or "value"
        nested = prefix + (about.flat if about.flat is not None else f"{about.name}_" if about.name else "")
        if isinstance(of, str) and of in ARITHMETIC:
            self.emit(COPY, self.leaf(name, of, group, about), ARITHMETIC[of])
        elif of == "str":
            chars = self.group(group)
            self.emit(STR, self.leaf(name, "str", chars, about), 0, chars)
        elif isinstance(of, Enum):
            self.emit(COPY, self.leaf(name, "i32", group, about, of), 4)
        elif isinstance(of, Vector):
            self.vector(of, name, "" if about.name == "value" else nested, group, about)
        elif isinstance(of, Map):
            self.map(of, nested, group, about)
        elif isinstance(of, Pair):
            self.header(of)
            self.value(of.first, nested, group, Field("first", of.first, about.unit, about.doc))
            self.value(of.second, nested, group, Field("second", of.second, about.unit, about.doc))
        elif isinstance(of, RawPairs):
            self.raw_pairs(of, nested if about.name != "value" else "", group, about)
        elif isinstance(of, Custom):
            self.custom(of, name, group, about)
        elif isinstance(of, str) and of in {"OMKey", "ModuleKey"}:
            self.key(of, 0)
            self.emit(
                EMIT, self.leaf(name if about.name not in {"", "value"} else "omkey", "i32", group, about), 0
            )
        elif isinstance(of, str) and of in CLASSES:
            layout = CLASSES[of]
            self.fields(layout, self.enter(layout), nested if about is not BASE else prefix, group)
        else:
            raise self.refuse()

    def vector(self, of: Vector, name: str, nested: str, group: int, about: Field) -> None:
        inner = self.group(group)
        if isinstance(of.of, str) and of.of in ARITHMETIC:
            self.emit(BULK, self.leaf(name, of.of, inner, about), ARITHMETIC[of.of], inner)
        else:
            self.header(of)
            loop = self.emit(LOOP, 0, inner)
            if isinstance(of.of, Vector) or (isinstance(of.of, str) and of.of == "str"):
                self.value(of.of, "", inner, Field(name, of.of, about.unit, about.doc))
            else:
                self.value(of.of, nested, inner, Field("", of.of, about.unit, about.doc, flat=""))
            self.code[loop][1] = self.emit(NEXT, loop + 1, inner) + 1
        self.emit(MARK, inner)

    def raw_pairs(self, of: RawPairs, nested: str, group: int, about: Field) -> None:
        first, second = ARITHMETIC[of.first], ARITHMETIC[of.second]
        inner = self.group(group)
        self.header(of)
        loop = self.emit(LOOP, 0, inner)
        self.emit(COPY, self.leaf(f"{nested}first", of.first, inner, about), first)
        gap = -first % second
        if gap:
            self.emit(SKIP, gap)
        self.emit(COPY, self.leaf(f"{nested}second", of.second, inner, about), second)
        gap = -(first + gap + second) % max(first, second)
        if gap:
            self.emit(SKIP, gap)
        self.code[loop][1] = self.emit(NEXT, loop + 1, inner) + 1
        self.emit(MARK, inner)

    def key(self, of: str, register: int) -> None:
        layout = CLASSES[of]
        version = self.enter(layout)
        if any(f.type == "I3FrameObject" for f in layout.at(version)):
            self.value("I3FrameObject", "", 0, BASE)
        self.emit(OMKEY, register, int(any(f.name == "pmt" for f in layout.at(version))))

    # -- maps ---------------------------------------------------------------------------------------------------

    def map(self, of: Map, nested: str, group: int, about: Field) -> None:
        self.header(of)
        if of.key == "str":
            self.string_map(of, group, about)
        elif of.key in {"OMKey", "ModuleKey"}:
            self.key_map(of, nested, group, about)
        else:
            inner = self.group(group)
            loop = self.emit(LOOP, 0, inner)
            self.header(Pair(of.key, of.value))
            self.value(of.key, nested, inner, Field("key", of.key, doc="key of the entry", flat=""))
            self.value(of.value, nested, inner, Field("value", of.value, about.unit, about.doc, flat=""))
            self.code[loop][1] = self.emit(NEXT, loop + 1, inner) + 1
            self.emit(MARK, inner)

    def string_map(self, of: Map, group: int, about: Field) -> None:
        if group != 0:
            raise self.refuse()
        self.program.shape = "names"
        inner = self.group(group)
        loop = self.emit(LOOP, 0, inner)
        self.header(Pair(of.key, of.value))
        self.emit(NAME, self.leaf("name", "name", inner, about))
        if isinstance(of.value, Variant):
            self.program.shape = "variants"
            self.variant(of.value, inner, about)
        else:
            self.value(of.value, "", inner, Field("", of.value, about.unit, about.doc, flat=""))
        self.code[loop][1] = self.emit(NEXT, loop + 1, inner) + 1
        self.emit(MARK, inner)

    def variant(self, of: Variant, group: int, about: Field) -> None:
        self.header(of)
        which = self.leaf("which", "i32", group, about)
        number = self.leaf("number", "f64", group, about)
        self.emit(WHICH, which, number)
        items = self.group(group)
        item = self.leaf("items", "f64", items, about)
        jumps = []
        for i, alternative in enumerate(of.of):
            case = self.emit(CASE, i, 0)
            if isinstance(alternative, str) and alternative in WIDENABLE:
                self.emit(WIDEN, number, WIDENABLE[alternative])
            elif isinstance(alternative, Vector) and alternative.of in WIDENABLE:
                self.emit(BULK_WIDEN, item, WIDENABLE[str(alternative.of)], items)
            else:
                raise self.refuse()
            jumps.append(self.emit(JUMP, 0))
            self.code[case][2] = len(self.code)
        self.emit(CASE, -1, -1)  # no such alternative
        for jump in jumps:
            self.code[jump][1] = len(self.code)
        self.emit(MARK, items)

    def key_map(self, of: Map, nested: str, group: int, about: Field) -> None:
        about_key = Field("omkey", "i32", doc="string << 16 | om << 8 | pmt")
        series = self.series(of.value)
        if series is None:
            inner = self.group(group)
            loop = self.emit(LOOP, 0, inner)
            self.header(Pair(of.key, of.value))
            self.key(str(of.key), 0)
            self.emit(EMIT, self.leaf(f"{nested}omkey", "i32", inner, about_key), 0)
            self.value(of.value, nested, inner, Field("value", of.value, about.unit, about.doc, flat=""))
            self.code[loop][1] = self.emit(NEXT, loop + 1, inner) + 1
            self.emit(MARK, inner)
            return
        # Structures by key: one list over all keys, with the key repeated beside each element.
        enter, vector = series
        inner = self.group(group)
        outer = self.emit(LOOP, 0, -1)
        self.header(Pair(of.key, of.value))
        self.key(str(of.key), 0)
        if enter is not None:
            version = self.enter(enter)
            if BASE in enter.at(version):
                self.value("I3FrameObject", "", inner, BASE)
        self.header(vector)
        loop = self.emit(LOOP, 0, inner)
        self.emit(EMIT, self.leaf(f"{nested}omkey", "i32", inner, about_key), 0)
        self.value(vector.of, nested, inner, Field("", vector.of, about.unit, about.doc, flat=""))
        self.code[loop][1] = self.emit(NEXT, loop + 1, inner) + 1
        self.code[outer][1] = self.emit(NEXT, outer + 1, -1) + 1
        self.emit(MARK, inner)

    @staticmethod
    def series(of: Type) -> tuple[Class | None, Vector] | None:
        """Return the vector of structures in a map, bare or as the only member of a class; None for other values."""
        if isinstance(of, Vector) and not (isinstance(of.of, str) and of.of in ARITHMETIC):
            return None, of
        if isinstance(of, str) and of in CLASSES:
            members = [f for f in CLASSES[of].fields if f.type != "I3FrameObject"]
            if len(members) == 1 and isinstance(members[0].type, Vector) and members[0].name in {"", "value"}:
                return CLASSES[of], members[0].type
        return None

    # -- the rest -----------------------------------------------------------------------------------------------

    def custom(self, of: Custom, name: str, group: int, about: Field) -> None:
        if of.codec in {"tree_bits", "tree_counts"}:
            if group != 0:
                raise self.refuse()
            inner = self.group(group)
            depth = self.leaf(
                "depth", "i32", inner, Field("", "i32", doc="generations since the root: 0 for a root")
            )
            parent = self.leaf(
                "parent", "i32", inner, Field("", "i32", doc="index of the parent, -1 for a root")
            )
            loop = self.emit(TREE_BITS if of.codec == "tree_bits" else TREE_COUNTS, 0, inner, depth, parent)
            self.value(of.of, "", inner, Field("", of.of, flat=""))
            if of.codec == "tree_counts":
                self.emit(CHILDREN)
            self.code[loop][1] = self.emit(JUMP, loop, inner, 1) + 1
            self.emit(MARK, inner)
        elif of.codec == "optional":
            valid = self.leaf(f"{name}?", "bool", group, None)
            self.emit(OPTIONAL, self.leaf(name, "i32", group, about), valid)
        elif of.codec == "superdst_triggers":
            inner = self.group(group)
            self.header("I3SuperDST::SizeCodec")
            loop = self.emit(TRIGGERS, 0, inner)
            self.emit(
                TRIGGER,
                self.leaf(
                    "config_index", "i32", inner, Field("", "i32", doc="position in the detector status")
                ),
                self.leaf("length", "i64", inner, Field("", "i64", "ns", "length of the trigger")),
                self.leaf("time", "i64", inner, Field("", "i64", "ns", "start of the trigger")),
            )
            self.code[loop][1] = self.emit(NEXT, loop + 1, inner) + 1
            self.emit(MARK, inner)
        else:
            raise self.refuse()


__all__ = ["NP_TYPES", "Leaf", "Program", "compile_class", "flattens"]
