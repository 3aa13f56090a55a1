"""Objects made from the layouts alone: any class, any version, with values that are awkward on purpose."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import numpy as np

from icecol.i3.archive import Alternative, FrameMap, Record, Tree
from icecol.i3.archive.arrays import DTYPES, TRIGGERS, pair_dtype
from icecol.i3.archive.keys import KEYS
from icecol.i3.archive.kinds import is_base, kind
from icecol.i3.archive.objects import record
from icecol.i3.archive.old_values import to_today
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import CArray, Custom, Enum, Map, Pair, Pointer, RawPairs, Variant, Vector
from icecol.i3.classes.old_values import change_of

WHOLE = [name for name in CLASSES if kind(name) in {"record", "map", "tree"}]
"""Classes that can be the object of a blob."""
VERSIONS = [(name, version) for name in WHOLE for version in range(CLASSES[name].version + 1)]
"""Each of them in each of its versions."""

TEXTS = ("", "x", "SplitInIcePulses", "zwölf", "\udcff\udc80", "a" * 300)
FLOATS = (0.0, -0.0, 1.5, -2.25, math.nan, math.inf, -math.inf, 2.0**-30, 2.0**30)


class Maker:
    """Make values of types; `versions` are those of the classes inside."""

    def __init__(self, rng: Random, versions: dict[str, int]) -> None:
        self.rng = rng
        self.versions = versions
        self.depth = 0

    def number(self, of: str) -> Any:
        if of == "bool":
            return bool(self.rng.getrandbits(1))
        if of in {"f32", "f64"}:
            return self.rng.choice(FLOATS)
        info = np.iinfo(DTYPES[of])
        return self.rng.choice((0, 1, int(info.min), int(info.max), self.rng.randint(info.min, info.max)))

    def size(self) -> int:
        return self.rng.choice((0, 1, 2, 3)) if self.depth < 6 else 0

    def value(self, of: Any) -> Any:
        self.depth += 1
        try:
            return self._value(of)
        finally:
            self.depth -= 1

    def _value(self, of: Any) -> Any:
        match of:
            case "str":
                return self.rng.choice(TEXTS)
            case str() if of in DTYPES:
                return self.number(of)
            case "OMKey" | "ModuleKey":
                numbers = self.rng.randint(-3, 90), self.rng.randint(0, 70), self.rng.randint(0, 30)
                version = self.versions.get(of, CLASSES[of].version)
                return KEYS[of](*numbers[: 3 if of == "OMKey" and version else 2])
            case str():
                return self.object(of)
            case Enum(values=values):
                return self.rng.choice([*(n for _, n in values), -1, 77])
            case Vector(of=str(inner)) if inner in DTYPES:
                return np.array([self.number(inner) for _ in range(self.size())], DTYPES[inner])
            case Vector(of=inner):
                return [self.value(inner) for _ in range(self.size())]
            case RawPairs(first=a, second=b):
                rows = [(self.number(a), self.number(b)) for _ in range(self.size())]
                return np.array(rows, pair_dtype(of))
            case Map(key=key, value=value):
                return {self.value(key): self.value(value) for _ in range(self.size())}
            case Pair(first=a, second=b):
                return self.value(a), self.value(b)
            case CArray(of=str(inner), n=n) if inner in DTYPES:
                return np.array([self.number(inner) for _ in range(n)], DTYPES[inner])
            case CArray(of=inner, n=n):
                rows = [self.value(inner)] * n
                return np.array(rows) if isinstance(rows[0], np.ndarray) else rows
            case Pointer(to=to, derived=derived):
                if self.depth > 6 or not self.rng.randrange(4):
                    return None
                return self.object(self.rng.choice(derived) if derived else to)
            case Variant(of=inner):
                which = self.rng.randrange(len(inner))
                return Alternative(which, self.value(inner[which]))
            case Custom():
                return self.custom(of)
        raise TypeError(of)

    def custom(self, of: Custom) -> Any:
        match of.codec:
            case "size" | "size_codec":
                return self.rng.choice((0, 1, 246, 247, 300, 1 << 20))
            case "rest" | "compact":
                return np.array([self.number(of.of) for _ in range(self.size())], DTYPES[of.of])
            case "bits":
                return np.array([self.rng.getrandbits(1) for _ in range(self.rng.randrange(20))], np.bool_)
            case "optional":
                return self.rng.choice((None, -5, 1006))
            case "vector16":
                return [self.value(of.of) for _ in range(self.size())]
            case "superdst_triggers":
                rows = [
                    (
                        self.rng.randrange(16),
                        self.rng.choice((3, 300, 1 << 40)),
                        self.rng.choice((0, 250, 70_000)),
                    )
                    for _ in range(self.size())
                ]
                return np.array(rows, TRIGGERS)
            case "superdst_v0":
                stamps = np.array([self.number("u16") for _ in range(self.size())], "<u2")
                return stamps, np.arange(np.count_nonzero(stamps >> 15), dtype="<u2")
        raise TypeError(of)

    def members(self, name: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for field in CLASSES[name].at(self.versions.get(name, CLASSES[name].version)):
            if is_base(field):
                made |= self.members(str(field.type))
            else:
                made[field.name or "value"] = self.value(field.type)
        return made

    def object(self, name: str) -> Any:
        if kind(name) == "tree":
            depths: list[int] = []
            for _ in range(self.rng.choice((0, 1, 5, 90))):
                depths.append(self.rng.randrange(0, depths[-1] + 2) if depths else 0)
            inner = next(f.type for f in CLASSES[name].fields if not is_base(f))
            return Tree(name, [self.object(inner.of) for _ in depths], depths)
        made = self.members(name)
        if kind(name) == "map":
            return FrameMap(name, made["value"])
        if kind(name) == "value":
            return made["value"]
        if name in KEYS:
            return KEYS[name](**made)
        obj = record(name).__new__(record(name))
        for member, value in made.items():
            setattr(obj, member, value)
        for cls in with_bases(name):  # what was made is what is stored
            version = self.versions.get(cls, CLASSES[cls].version)
            if change_of(cls, version) is not None:
                to_today(cls, version, obj)
        return obj


def with_bases(name: str) -> list[str]:
    """Return a class and the classes it is derived from."""
    bases = [str(f.type) for f in CLASSES[name].fields if is_base(f)]
    return [name, *(cls for base in bases for cls in with_bases(base))]


def generate(name: str, version: int, seed: int) -> Any:
    """Make an object of a class; half of them with older versions of the classes inside as well."""
    rng = Random(f"{name} {version} {seed}")
    old = rng.getrandbits(1)
    versions = {c: rng.randint(0, layout.version) if old else layout.version for c, layout in CLASSES.items()}
    versions[name] = version
    obj = Maker(rng, versions).object(name)
    obj.versions = {c: (int(CLASSES[c].tracked), v) for c, v in versions.items() if v != CLASSES[c].version}
    return obj


def plain(value: Any) -> Any:
    """Take an object apart into lists, dicts and numbers, so that what it is made of does not matter."""
    if isinstance(value, Tree):
        return [value.depth, [plain(v) for v in value]]
    if isinstance(value, Record):
        return {n: plain(getattr(value, n)) for n in value.names if getattr(value, n) is not None}
    if isinstance(value, dict):
        return {repr(plain(k)): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray) and value.dtype.names is not None:
        names = value.dtype.names
        return [{n: plain(v) for n, v in zip(names, row, strict=True)} for row in value.tolist()]
    if isinstance(value, np.ndarray | list):
        return [plain(v) for v in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        if names == ("which", "value") or names is None:
            return [plain(v) for v in value]
        return {n: plain(v) for n, v in zip(names, value, strict=True) if v is not None}
    if isinstance(value, float):
        return value.hex()
    return int(value) if isinstance(value, int) else value
