"""Compiled columns hold what the generic decoder reads, for every class, version and shape; damage is reported.

`interpreter`, `passes`, `batch`, `alike`, `heads`.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from each import each
from generated import Maker

from icecol.errors import FormatError
from icecol.i3 import archive
from icecol.i3.archive import FrameMap, Record, Tree, decode, encode
from icecol.i3.archive.keys import KEYS
from icecol.i3.archive.kinds import is_base, kind
from icecol.i3.archive.objects import record
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import ARITHMETIC, Custom, Enum, Field, Map, Pair, RawPairs, Variant, Vector
from icecol.i3.columns.batch import decode as columns_of
from icecol.i3.columns.compiler import NP_TYPES, flattens
from icecol.i3.columns.heads import class_of
from icecol.i3.columns.old_values import modern
from icecol.i3.columns.passes import Columns
from icecol.i3.container.names import Names, text
from icecol.i3.container.raw import raw_frames

FLAT = [
    name
    for name in sorted(CLASSES)
    if flattens(name)
    and kind(name) in {"record", "map", "tree"}
    and CLASSES[name].tracked
    and name != "I3FrameObject"
]


# -- the naive twin ---------------------------------------------------------------------------------------------------


class Flat:
    """Columns of some objects of one class, by the tables, in plain Python: name to one nested list an object."""

    def __init__(self, name: str, objects: list[Any]) -> None:
        self.out: dict[str, list[Any]] = {}
        self.versions = objects[0].versions
        version = self.versions.get(name, (1, CLASSES[name].version))[1]
        self.fields(name, version, "", objects, [])

    def put(self, name: str, values: list[Any], levels: list[list[int]]) -> None:
        while name in self.out:
            name += "_"
        for counts in reversed(levels):
            at = np.cumsum([0, *counts]).tolist()
            values = [values[a:b] for a, b in pairwise(at)]
        self.out[name] = values

    def fields(
        self, name: str, version: int, prefix: str, objects: list[Any], levels: list[list[int]]
    ) -> None:
        whole = kind(name) in {"map", "tree", "value"}
        for f in CLASSES[name].at(version):
            if f.type == "I3FrameObject":
                continue
            values = objects if is_base(f) or whole else [getattr(o, f.name or "value") for o in objects]
            self.value(f.type, prefix, f, values, levels)

    def value(self, of: Any, prefix: str, about: Field, values: list[Any], levels: list[list[int]]) -> None:
        name = prefix + about.name or "value"
        nested = prefix + (about.flat if about.flat is not None else f"{about.name}_" if about.name else "")
        if isinstance(of, Enum):
            self.put(name, [int(v) for v in values], levels)
        elif isinstance(of, Vector):
            self.vector(of.of, name, "" if about.name == "value" else nested, values, levels)
        elif isinstance(of, Map):
            self.map(of, nested, values, levels)
        elif isinstance(of, Pair):
            self.value(of.first, nested, Field("first", of.first), [v[0] for v in values], levels)
            self.value(of.second, nested, Field("second", of.second), [v[1] for v in values], levels)
        elif isinstance(of, RawPairs):
            inner = [*levels, [len(v) for v in values]]
            for member in ("first", "second"):
                found = [x for v in values for x in v[member].tolist()]
                self.put(("" if about.name == "value" else nested) + member, found, inner)
        elif isinstance(of, Custom):
            self.custom(of, name, values, levels)
        elif of in {"OMKey", "ModuleKey"}:
            packed = [v[0] << 16 | v[1] << 8 | (v[2] if len(v) > 2 else 0) for v in values]
            self.put(name if about.name not in {"", "value"} else "omkey", packed, levels)
        elif of == "str" or of in ARITHMETIC:
            self.put(name, [v.item() if isinstance(v, np.generic) else v for v in values], levels)
        else:
            version = self.versions.get(of, (1, CLASSES[of].version))[1]
            base = is_base(about)
            self.fields(of, version, prefix if base else nested, values, levels)

    def vector(self, of: Any, name: str, nested: str, values: list[Any], levels: list[list[int]]) -> None:
        inner = [*levels, [len(v) for v in values]]
        flat = [x for v in values for x in v]
        if isinstance(of, str) and of in ARITHMETIC:
            self.put(name, [x.item() for x in flat], inner)
        elif isinstance(of, Vector) or of == "str":
            self.value(of, "", Field(name, of), flat, inner)
        else:
            self.value(of, nested, Field("", of, flat=""), flat, inner)

    def map(self, of: Map, nested: str, values: list[Any], levels: list[list[int]]) -> None:
        keys = [k for v in values for k in v]
        items = [x for v in values for x in v.values()]
        inner = [*levels, [len(v) for v in values]]
        if of.key == "str":
            self.put("name", keys, inner)
            if isinstance(of.value, Variant):
                numbers = [float("nan") if i.which > 2 else float(i.value) for i in items]
                lists = [[float(x) for x in i.value] if i.which > 2 else [] for i in items]
                self.put("which", [i.which for i in items], inner)
                self.put("number", numbers, inner)
                self.put("items", [x for one in lists for x in one], [*inner, [len(x) for x in lists]])
                return
            self.value(of.value, "", Field("", of.value, flat=""), items, inner)
        elif of.key in {"OMKey", "ModuleKey"}:
            element = series_of(of.value)
            if element is not None:  # one list over all keys
                keys = [k for k, x in zip(keys, items, strict=True) for _ in x]
                inner = [*levels, [sum(len(x) for x in v.values()) for v in values]]
                items = [x for series in items for x in series]
            packed = [k[0] << 16 | k[1] << 8 | (k[2] if len(k) > 2 else 0) for k in keys]
            self.put(f"{nested}omkey", packed, inner)
            if element is not None:
                self.value(element, nested, Field("", element, flat=""), items, inner)
            else:
                self.value(of.value, nested, Field("value", of.value, flat=""), items, inner)
        else:
            self.value(of.key, nested, Field("key", of.key, flat=""), keys, inner)
            self.value(of.value, nested, Field("value", of.value, flat=""), items, inner)

    def custom(self, of: Custom, name: str, values: list[Any], levels: list[list[int]]) -> None:
        inner = [*levels, [len(v) for v in values]] if of.codec != "optional" else levels
        if of.codec in {"tree_bits", "tree_counts"}:
            self.put("depth", [d for v in values for d in v.depth], inner)
            self.put("parent", [p for v in values for p in v.parent], inner)
            self.value(of.of, "", Field("", of.of, flat=""), [x for v in values for x in v], inner)
        elif of.codec == "optional":
            self.put(f"{name}?", [v is not None for v in values], levels)
            self.put(name, [v or 0 for v in values], levels)
        else:
            assert of.codec == "superdst_triggers"
            self.put("config_index", [int(t["index"]) for v in values for t in v], inner)
            self.put("length", [int(t["length"]) for v in values for t in v], inner)
            self.put("time", [int(x) for v in values for x in np.cumsum(v["time"])], inner)


def series_of(of: Any) -> Any:
    """Tell of what a map's value is a series, if it is one of structs."""
    if isinstance(of, Vector):
        return None if isinstance(of.of, str) and of.of in ARITHMETIC else of.of
    if isinstance(of, str) and of in CLASSES:
        members = [f for f in CLASSES[of].fields if f.type != "I3FrameObject"]
        if len(members) == 1 and isinstance(members[0].type, Vector) and members[0].name in {"", "value"}:
            return members[0].type.of
    return None


def lists_of(columns: Columns, i: int) -> list[Any]:
    """Return one nested list for each blob of a leaf."""
    leaf = columns.program.leaves[i]
    values: Any = columns.values[i]
    group = leaf.group
    if leaf.kind == "str":
        at = columns.offsets[group]
        data = values.tobytes()
        values = [text(data[a:b]) for a, b in pairwise(at)]
        group = columns.program.parents[group]
    elif leaf.kind == "name":
        start, size, arena = columns.names.start, columns.names.size, columns.names.arena
        values = [text(arena[start[k] : start[k] + size[k]].tobytes()) for k in values]
    elif leaf.kind == "bool":
        values = (values != 0).tolist()  # as a table has them; damaged bytes are any number
    else:
        values = values.tolist()
    while group:
        at = columns.offsets[group]
        values = [values[a:b] for a, b in pairwise(at)]
        group = columns.program.parents[group]
    return values


def same_bits(a: Any, b: Any, kind_of: str) -> bool:
    """Compare nested lists; numbers by the bytes of their type."""
    if isinstance(a, list) != isinstance(b, list):
        return False
    if isinstance(a, list):
        if len(a) != len(b):
            return False
        if a and not isinstance(a[0], list | str):
            dtype = NP_TYPES[kind_of]
            return np.array(a, dtype).tobytes() == np.array(b, dtype).tobytes()
        return all(same_bits(x, y, kind_of) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def run(blobs: list[bytes], names: Names | None = None) -> list[Columns]:
    """Decode blobs that stand one after another, with some room between, to today's values as objects have them."""
    gap = b"\xaa" * 3
    buf = np.frombuffer(gap + gap.join(blobs) + gap, np.uint8).copy()
    size = np.array([len(b) for b in blobs], np.int64)
    at = np.cumsum([3, *(size[:-1] + 3)]).astype(np.int64)[: len(blobs)]
    return [modern(columns) for columns in columns_of(buf, at, size, Names() if names is None else names)]


def check(blobs: list[bytes]) -> tuple[int, int]:
    """Assert that all blobs, of any classes, become what the generic decoder reads; return leaves and values."""
    results = run(blobs)
    assert results[-1].failed == []
    assert sorted(int(i) for c in results for i in c.good) == list(range(len(blobs)))
    leaves = total = 0
    for columns in results:
        name = columns.program.name
        objects = [decode(blobs[i]) for i in columns.good]
        wanted = Flat(name, objects).out
        # objects of one result may differ in versions only where no difference shows
        assert {leaf.name for leaf in columns.program.leaves} == set(wanted), name
        for i, leaf in enumerate(columns.program.leaves):
            found = lists_of(columns, i)
            assert same_bits(found, wanted[leaf.name], leaf.kind), f"{name}.{leaf.name}"
            leaves += 1
            total += columns.values[i].size
    return leaves, total


# -- random objects ---------------------------------------------------------------------------------------------------


def inner_classes(of: Any, found: set[str] | None = None) -> set[str]:
    """Return the classes inside a type."""
    found = set() if found is None else found
    if isinstance(of, str):
        if of in CLASSES and of not in found:
            found.add(of)
            for f in CLASSES[of].fields:
                inner_classes(f.type, found)
    elif isinstance(of, Vector | Custom):
        inner_classes(of.of, found)
    elif isinstance(of, Map):
        inner_classes(of.key, found)
        inner_classes(of.value, found)
    elif isinstance(of, Pair):
        inner_classes(of.first, found)
        inner_classes(of.second, found)
    return found


def random_blob(name: str, rng: random.Random, versions: dict[str, int]) -> bytes:
    obj = Maker(rng, versions).object(name)
    obj.versions = {
        of: (int(CLASSES[of].tracked), v) for of, v in versions.items() if v != CLASSES[of].version
    }
    return encode(obj)


# -- claims -----------------------------------------------------------------------------------------------------------


@each("name", FLAT)
def test_random_objects_of_every_class_become_what_the_decoder_reads(name: str) -> None:
    rng = random.Random(name)
    check([random_blob(name, rng, {}) for _ in range(12)])


OLD = [(name, v) for name in FLAT for v in range(CLASSES[name].version)]


@each(("name", "version"), OLD)
def test_older_versions_of_every_class_become_what_the_decoder_reads(name: str, version: int) -> None:
    try:
        blobs = [random_blob(name, random.Random(i), {name: version}) for i in range(6)]
        decode(blobs[0])
    except (FormatError, KeyError, AssertionError) as err:
        pytest.skip(f"cannot be made: {err}")
    found = run(blobs)
    if all("cannot become columns" in why for _, why in found[-1].failed) and found[-1].failed:
        pytest.skip(found[-1].failed[0][1])
    check(blobs)


INSIDE = [
    (name, inner, v)
    for name in FLAT
    for inner in sorted(inner_classes(name) - {name, "I3FrameObject"})
    for v in range(CLASSES[inner].version)
]


def test_several_versions_of_classes_inside_may_be_in_one_batch() -> None:
    tried = skipped = 0
    for name, inner, version in INSIDE:
        rng = random.Random(f"{name}{inner}{version}")
        try:
            old = [random_blob(name, rng, {inner: version}) for _ in range(3)]
            new = [random_blob(name, rng, {}) for _ in range(3)]
            for blob in old:
                decode(blob)
        except (FormatError, KeyError, AssertionError):
            skipped += 1
            continue
        found = run(old)
        if found[-1].failed and all("cannot become columns" in why for _, why in found[-1].failed):
            skipped += 1
            continue
        blobs = [old[0], new[0], new[1], old[1], old[2], new[2]]
        results = run(blobs)
        assert results[-1].failed == [], (name, inner, version)
        for columns in results:
            for k, i in enumerate(columns.good):
                obj = decode(blobs[i])
                wanted = Flat(name, [obj]).out
                for j, leaf in enumerate(columns.program.leaves):
                    # an empty container does not say which version its elements would have had
                    if leaf.name in wanted:
                        assert same_bits([lists_of(columns, j)[k]], wanted[leaf.name], leaf.kind), (
                            name,
                            inner,
                        )
        tried += 1
    assert tried > 40, (tried, skipped)


def test_what_blobs_become_does_not_depend_on_those_decoded_before() -> None:
    name, inner, checked = "I3ParticleIntersectionsSeries", "I3Particle", 0
    today = {leaf.name for leaf in run([random_blob(name, random.Random(1), {})])[0].program.leaves}
    for seed in range(60):
        blob = random_blob(name, random.Random(seed), {})
        if len(decode(blob)):
            continue
        run(
            [random_blob(name, random.Random(k), {inner: 4}) for k in range(6)]
        )  # with Bjorken x and y inside
        (columns,) = run([blob])
        assert {leaf.name for leaf in columns.program.leaves} == today
        checked += 1
    assert checked > 0


def test_blobs_of_several_classes_are_told_apart() -> None:
    rng = random.Random(1)
    names = ["I3Double", "I3Particle", "I3MapStringDouble", "I3Int"]
    check([random_blob(rng.choice(names), rng, {}) for _ in range(60)])


def test_no_blobs_are_no_columns() -> None:
    assert run([]) == []


def test_classes_without_columns_and_unknown_ones_fail_with_the_reason() -> None:
    mask = encode(archive.new("I3RecoPulseSeriesMapMask", source="x", key_mask=np.ones(3, bool)))
    other = encode(archive.new("I3Double", value=1.0))
    unknown = other.replace(b"I3Double", b"I3Trouble"[:8])
    newer = other[:17] + b"\x09" + other[18:]
    found = run([mask, other, unknown, newer, b"\x00", b"", other])
    assert found[0].good.tolist() == [1, 6]
    why = dict(found[-1].failed)
    assert set(why) == {0, 2, 3, 4, 5}
    assert "cannot become columns" in why[0]
    assert "unknown class" in why[2]
    assert "newer" in why[3]


@pytest.mark.slow
def test_deep_and_wide_trees_keep_depth_and_parent() -> None:
    for name, n in (("I3MCTree", 70_000), ("I3TriggerHierarchy", 3000)):
        node = record("I3Particle")(energy=1.0) if name == "I3MCTree" else record("I3Trigger")()
        for depths in (
            list(range(n)) if n < 5000 else [min(i, 5) for i in range(n)],
            [0] * n,
            [i % 2 for i in range(n)],
        ):
            blob = encode(Tree(name, [node] * n, depths))
            (columns,) = run([blob, encode(Tree(name))])
            assert columns.failed == []
            leaves = {leaf.name: i for i, leaf in enumerate(columns.program.leaves)}
            assert columns.values[leaves["depth"]].tolist() == depths
            assert columns.values[leaves["parent"]].tolist() == Tree(name, [node] * n, depths).parent
            assert columns.offsets[columns.program.leaves[leaves["depth"]].group].tolist() == [0, n, n]


def test_sensors_that_do_not_fit_the_packed_number_are_told() -> None:
    good = encode(archive.new("I3VectorOMKey", value=[KEYS["OMKey"](86, 60, 3)]))
    for string, om in ((40_000, 1), (-40_000, 1), (1, 256), (1, 1 << 31)):
        bad = encode(archive.new("I3VectorOMKey", value=[KEYS["OMKey"](string, om, 0)]))
        (columns,) = run([good, bad])
        assert columns.good.tolist() == [0]
        assert "string << 16" in columns.failed[0][1]


def test_names_do_not_run_out() -> None:
    blobs = [
        encode(FrameMap("I3MapStringDouble", {f"name{i}_{k}": 1.0 for k in range(300)})) for i in range(20)
    ]
    check(blobs)


# -- real files -------------------------------------------------------------------------------------------------------


def blobs_of(paths: list[Path]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for path in paths:
        for frame in raw_frames(path):
            for span in frame.objects:
                found.setdefault(
                    class_of(np.frombuffer(span.blob, np.uint8), 0, len(span.blob))[0], []
                ).append(span.blob)
    return found


def test_every_object_of_the_real_files_becomes_what_the_decoder_reads(shared_data: Path) -> None:
    paths = sorted((shared_data / "i3" / "real").glob("*.gz"))
    found = blobs_of([*paths, shared_data / "i3" / "icetray_written.i3.zst"])
    n = 0
    for name, blobs in found.items():
        if flattens(name):
            few = [b for b in dict.fromkeys(blobs) if len(b) < 3_000_000]
            check(few)
            n += len(few)
    without = {name for name in found if not flattens(name)}
    assert without <= {
        "I3TrayInfo", "I3RecoPulseSeriesMapMask", "I3SuperDST", "I3Calibration", "I3DetectorStatus",
        "I3RecoPulseSeriesMapUnion", "I3RecoPulseSeriesMapApplySPECorrection",
        "I3RecoPulseSeriesMapCombineByModule", "I3Matrix", "I3MapStringStringDouble",
    }  # fmt: skip
    assert n > 1400


def test_every_object_of_old_files_becomes_what_the_decoder_reads(shared_data: Path) -> None:
    n = 0
    for folder in ("r29378", "r51782"):
        for blobs in blobs_of(sorted((shared_data / "i3" / "regression" / folder).glob("*.i3"))).values():
            results = run(blobs)
            if results[-1].failed and all("cannot become columns" in why for _, why in results[-1].failed):
                continue
            for blob in blobs:
                check([blob])
            n += len(blobs)
    assert n >= 72


# -- damage -----------------------------------------------------------------------------------------------------------

SAMPLE = [name for name in FLAT if len(inner_classes(name)) < 40]


def damaged(blob: bytes, rng: random.Random, most: int) -> list[bytes]:
    out = []
    places = range(len(blob)) if len(blob) <= most else sorted(rng.sample(range(len(blob)), most))
    for i in places:
        out.append(
            blob[:i] + bytes([blob[i] ^ rng.choice([1, 0x80, 0xFF, rng.randint(1, 255)])]) + blob[i + 1 :]
        )
        out.append(blob[:i])
    out.append(blob + b"\x00")
    return out


def check_damaged(name: str, most: int) -> tuple[int, int]:
    """Assert that damaged blobs give a value or a reason; return how many gave which."""
    rng = random.Random(name)
    blob = max((random_blob(name, rng, {}) for _ in range(6)), key=lambda b: (len(b) < 1500, len(b)))
    bad = damaged(blob, rng, most)
    results = run([blob, *bad, blob])
    good = [int(i) for c in results for i in c.good]
    failed = [i for i, _ in results[-1].failed]
    assert sorted(good + failed) == list(range(len(bad) + 2)), name
    assert {0, len(bad) + 1} <= set(good), name
    return len(good), len(failed)


@each("name", FLAT)
@pytest.mark.slow
def test_damaged_objects_give_a_value_or_a_reason(name: str) -> None:
    check_damaged(name, 300)


@pytest.mark.slow
def test_what_the_decoder_refuses_does_not_become_columns() -> None:
    """A damaged blob that gives columns is one that the generic decoder reads too, with the same values."""
    lenient: dict[str, int] = {}
    for name in FLAT:
        rng = random.Random(name)
        blob = max((random_blob(name, rng, {}) for _ in range(4)), key=lambda b: (len(b) < 1000, len(b)))
        bad = damaged(blob, rng, 60)
        for columns in run(bad):
            for k, i in enumerate(columns.good):
                try:
                    obj = decode(bad[i])
                except FormatError:
                    lenient[name] = lenient.get(name, 0) + 1
                    continue
                if not isinstance(obj, Record | FrameMap | Tree):
                    lenient[name] = lenient.get(name, 0) + 1
                    continue
                if encode(obj) != bad[i]:
                    continue  # a key twice in a map, which a dict does not show
                for n, values in Flat(name, [obj]).out.items():
                    j = next((j for j, leaf in enumerate(columns.program.leaves) if leaf.name == n), None)
                    if j is not None and not columns.program.shape.startswith(("name", "var")):
                        assert same_bits([lists_of(columns, j)[k]], values, columns.program.leaves[j].kind), (
                            name,
                            n,
                        )
    assert lenient == {}


@pytest.mark.slow
def test_reading_stays_inside_under_checked_bounds(tmp_path: Path) -> None:
    names = [
        "I3Particle",
        "I3MCTree",
        "I3TriggerHierarchy",
        "I3EventHeader",
        "I3GENIEResultDict",
        "I3VectorOMKey",
    ]
    names += ["I3SuperDSTTriggerSeries", "I3FilterResultMap", "I3MapKeyVectorDouble", "I3VectorDoubleDouble"]
    names += ["I3DOMLaunchSeriesMap", "I3MapTriggerUInt", "I3VectorString"]
    script = (
        f"import sys; sys.path[:0] = {[str(Path(__file__).parents[i]) for i in (2, 1, 0)]}\n"
        "import test_interpreter as module\n"
        "from icecol.i3.container import bits\n"
        "assert bits.CHECKED\n"
        f"print([module.check_damaged(name, 150) for name in {names!r}])\n"
    )
    env = {**os.environ, "NUMBA_OPT": "0", "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-3000:]
