"""Classes of the user's own: layouts that are added to those that icecol knows while a program runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, Final, TypeVar, cast

from icecol.errors import did_you_mean
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import (
    ARITHMETIC,
    CArray,
    Class,
    Custom,
    Field,
    Map,
    Pair,
    Pointer,
    RawPairs,
    Type,
    Variant,
    Vector,
)

OWN: Final[dict[str, Class]] = {}
"""The classes that were added, by name; they are in `CLASSES` too."""

F = TypeVar("F", bound=Callable[..., Any])

_CLEAR: Final[list[Callable[[], object]]] = []


def on_change(clear: Callable[[], object]) -> None:
    """Have a function called whenever a layout is added: it drops what was derived from the layouts."""
    _CLEAR.append(clear)


def per_class(function: F) -> F:
    """Remember results of a function that are derived from layouts, until a layout is added."""
    cached = cache(function)
    on_change(cached.cache_clear)
    return cast("F", cached)


def i3_class(
    name: str,
    *fields: Field | tuple[Any, ...],
    version: int = 0,
    base: str | None = "I3FrameObject",
    tracked: bool = True,
    doc: str = "",
) -> Class:
    """Tell icecol the layout of a class of your own, so that its objects are no longer bytes.

    From then on frames decode its objects, `ic.new` makes them, `write_i3` writes them, and conversions and `scan_i3`
    give their members as columns `key.member`, in worker processes of a conversion too. Objects that were decoded
    before stay what they were.

    Parameters
    ----------
    name
        Name under which the class is exported to IceTray's archives (of `I3_SERIALIZABLE`).
    *fields
        Its members in the order in which `serialize` has them: `Field`, or a tuple of its first arguments (name, type,
        unit, description). A type is one of `bool u8 i8 u16 i16 u32 i32 u64 i64 f32 f64`, `str`, the name of a class,
        or a `Vector`, `Map`, `Enum`, ... of `icecol.i3.classes.layout`. `Field(..., since=1)` is a member that
        versions below 1 do not have.
    version
        The newest class version, which is written; all from 0 on are read.
    base
        Class that `serialize` calls first: `I3FrameObject`, another one that this class is derived from, or None for a
        class that is only found inside others.
    tracked
        Whether objects have an object id, as all do unless C++ says `track_never`.
    doc
        What the class is, in one line.

    Returns
    -------
    Class
        The layout.

    Raises
    ------
    ValueError
        The name is that of a class that icecol knows already, a member has a type that is not known, or two members
        have the same name. A class of one's own can be replaced.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> layout = ic.i3_class(
    ...     "MyCascadeFit",
    ...     ("energy", "f64", "GeV", "deposited energy"),
    ...     ("n_doms", "i32"),
    ...     doc="My cascade fit.",
    ... )
    >>> frame = ic.Frame("P")
    >>> frame["Fit"] = ic.new("MyCascadeFit", energy=2e3, n_doms=31)
    >>> path = f"{tempfile.mkdtemp()}/fits.i3.zst"
    >>> ic.write_i3(path, [frame])
    1
    >>> [f["Fit"].n_doms for f in ic.open_i3(path)]
    [31]
    >>> ic.scan_i3(path).collect().to_dicts()
    [{'Fit.energy': 2000.0, 'Fit.n_doms': 31}]
    """
    members = tuple(f if isinstance(f, Field) else Field(*f) for f in fields)
    layout = Class(name, version, ((Field("", base),) if base else ()) + members, tracked, doc)
    _check(layout)
    add([layout])
    return layout


def add(layouts: Iterable[Class]) -> None:
    """Add layouts, or replace earlier ones of the same names."""
    new = {layout.name: layout for layout in layouts if CLASSES.get(layout.name) != layout}
    if new:
        OWN.update(new)
        CLASSES.update(new)
        for clear in _CLEAR:
            clear()


def remove(name: str) -> None:
    """Remove a class of the user's own: its objects are bytes again."""
    del OWN[name], CLASSES[name]
    for clear in _CLEAR:
        clear()


def own_classes() -> tuple[Class, ...]:
    """Return the layouts that were added, in that order, for another process."""
    return tuple(OWN.values())


def _check(layout: Class) -> None:
    name = layout.name
    if not name or (name in CLASSES and name not in OWN):
        why = "is a class that icecol knows" if name else "is not a class name"
        msg = f"{name!r} {why}: give the name under which your own class is exported"
        raise ValueError(msg)
    for field in layout.fields:
        for used in _named(field.type):
            if used not in CLASSES and used not in ARITHMETIC and used not in {"str", name}:
                meant = did_you_mean(used, [*ARITHMETIC, "str", *CLASSES], "types")
                msg = f"member {field.name!r} of {name}: no type {used!r} is known; {meant}"
                raise ValueError(msg)
    for version in range(layout.version + 1):
        names = [field.name for field in layout.at(version) if field.name]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            msg = f"two members of {name} version {version} are called {twice!r}"
            raise ValueError(msg)


def _named(of: Type) -> Iterator[str]:
    """Yield the names in a type."""
    match of:
        case str():
            yield of
        case Vector(of=inner) | CArray(of=inner):
            yield from _named(inner)
        case Map(key=first, value=second) | Pair(first=first, second=second):
            yield from _named(first)
            yield from _named(second)
        case RawPairs(first=one, second=other):
            yield from (one, other)
        case Pointer(to=target, derived=derived):
            yield from (target, *derived)
        case Variant(of=alternatives):
            for inner in alternatives:
                yield from _named(inner)
        case Custom(of=element) if element:
            yield element
