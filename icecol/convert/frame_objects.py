"""The rule by which a feature of an event becomes frame objects: one for trays and for `to_i3`.

The names and types of the fields decide, so that a key has one class in all frames that have an answer:

- a pulse series (time, charge, width, flags, omkey) is an I3RecoPulseSeriesMap;
- a fit (x, y, z, zenith, azimuth) is an I3Particle, with its further fields in an object of their own beside it, such
  as the I3LineFitParams `LineFitParams` of `LineFit`;
- outcomes of filters (NAME.condition_passed, NAME.prescale_passed) are an I3FilterResultMap;
- fields that are the members of one of IceTray's classes of numbers, such as I3HitStatisticsValues, are that class;
- other numbers are an I3MapStringDouble, other lists of numbers an I3MapStringVectorDouble;
- a single number, text or list is an I3Double, I3Int, I3UInt64, I3Bool, I3String or the I3Vector of such.

A null leaves its object, or its entry of a map, out; in an object with members it is NaN, as IceTray has it, and so is
the total charge of no pulses. (A whole number has no NaN: the object is then left out if nothing else in it is known,
and is a map if something is.) A failed fit is stored as IceTray does: an I3Particle with its fit_status, speed c and
shape Null (a likelihood fit that did not converge, and a finite track, keep their shape), other members NaN, and no
parameters where all of them are null.

An object of which nothing is known is left out. Where its input is there, some of IceTray's modules store it with NaN
in all members, as I3TrackCharacteristicsValues of no DOMs; but columns do not tell whether the input was there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import polars as pl

from icecol import units
from icecol.dataset.pulses import MEMBERS, SERIES
from icecol.errors import SchemaError
from icecol.i3.archive.arrays import DTYPES
from icecol.i3.archive.kinds import is_base, is_frame_object, kind
from icecol.i3.archive.objects import new
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import Enum
from icecol.i3.classes.own import per_class
from icecol.i3.pulses.series import PulseSeries, pulse_map

Types: TypeAlias = Mapping[str, Any]
"""Polars types of the fields of a feature."""
Make: TypeAlias = Callable[[Mapping[str, Any]], dict[str, Any]]
"""From the fields of one event (lists as Series) to its frame objects by key."""
_MakeOne: TypeAlias = Callable[[Mapping[str, Any]], Any]

PLACE: Final = ("x", "y", "z", "zenith", "azimuth")
"""Fields that make a feature a fit."""
PARTICLE: Final = (
    *PLACE, "time", "energy", "length", "speed", "fit_status", "shape", "pdg_encoding", "location_type", "major_id",
    "minor_id",
)  # fmt: skip
"""Fields of a fit that are members of its I3Particle."""
OUTCOME: Final = ("condition_passed", "prescale_passed")
"""Members of an I3FilterResult."""
AXES: Final = ("zenith2", "azimuth2", "zenith3", "azimuth3")
"""Fields of a fit that are the directions of two more I3Particles, of the other axes of a tensor of inertia."""
LARGEST_INT: Final = 2**31 - 1
"""The largest value of an I3Int."""

OK, GENERAL_FAILURE, FAILED_TO_CONVERGE = 0, 10, 30  # I3Particle::FitStatus
NULL, CASCADE, INFINITE_TRACK, CONTAINED_TRACK = 0, 30, 40, 70  # I3Particle::ParticleShape


class _Fit(NamedTuple):
    """How IceTray stores a fit: what is added to its key for the parameters, shape, and statuses that have no shape."""

    suffix: str = "Params"
    shape: int = INFINITE_TRACK
    keeps_shape: Callable[[int], bool] = lambda status: status == OK


_FITS: Final = {
    "I3TensorOfInertiaFitParams": _Fit(shape=CASCADE),
    "I3CLastFitParams": _Fit(shape=CASCADE),
    "I3LogLikelihoodFitParams": _Fit(
        "FitParams", keeps_shape=lambda status: status in {OK, FAILED_TO_CONVERGE}
    ),
    "I3ParaboloidFitParams": _Fit("FitParams"),
    "I3FiniteCuts": _Fit("Cuts", CONTAINED_TRACK, lambda _status: True),
}
"""By the class of the parameters."""

_OF_NOTHING: Final = {"I3HitStatisticsValues": {"q_tot_pulses": 0.0}}
"""Sums over no pulses, which IceTray has as NaN: by class, all that is known then."""


def object_maker(key: str, types: Types) -> Make:
    """Return the function that makes the frame objects of a feature from its values for one event.

    Parameters
    ----------
    key
        Frame key of the feature.
    types
        Polars type of each of its fields; a feature that is a single value has one field.

    Raises
    ------
    SchemaError
        The feature has fields that no frame object can hold.

    Examples
    --------
    >>> make = object_maker("Q", {"total": pl.Float64, "n": pl.Int32})
    >>> make({"total": 3.5, "n": 2}), make({"total": None, "n": None})
    ({'Q': {'total': 3.5, 'n': 2.0}}, {})
    """
    if len(types) == 1:
        return _named(key, _single(key, *next(iter(types.items()))))
    if types.keys() >= set(MEMBERS) and all(
        _is_list(types[m]) and types[m].inner.is_numeric() for m in MEMBERS
    ):
        rest = {m: dtype for m, dtype in types.items() if m not in MEMBERS}
        return _together(_named(key, _pulses), *_beside(f"{key}Params", rest))
    if types.keys() >= set(PLACE) and not any(_is_list(types[m]) for m in types):
        return _fit(key, types)
    if names := _filters(types):
        return _named(key, partial(_mask, names))
    return _named(key, _several(key, types))


def _named(key: str, make: _MakeOne) -> Make:
    def made(values: Mapping[str, Any]) -> dict[str, Any]:
        obj = make(values)
        return {} if obj is None else {key: obj}

    return made


def _beside(key: str, types: Types) -> list[Make]:
    return [_named(key, _several(key, types))] if types else []


def _together(*makers: Make) -> Make:
    return lambda values: {key: obj for make in makers for key, obj in make(values).items()}


def _is_list(dtype: Any) -> bool:
    return bool(dtype.base_type() in {pl.List, pl.Array})


def _is_number(dtype: Any) -> bool:
    return bool(dtype.is_numeric() or dtype == pl.Boolean)


# -- a fit ------------------------------------------------------------------------------------------------------------


def _fit(key: str, types: Types) -> Make:
    axes = [m for m in AXES if types.keys() >= set(AXES) and m in types]
    rest = {m: dtype for m, dtype in types.items() if m not in PARTICLE and m not in axes}
    name = _class_of(rest)
    if name == "I3TensorOfInertiaFitParams" and "energy" in types:
        name = "I3CLastFitParams"  # of the same members
    stored = _FITS.get(name or "", _Fit())
    shape = CASCADE if name == "I3LogLikelihoodFitParams" and "energy" in types else stored.shape

    def particle(values: Mapping[str, Any]) -> Any:
        given = {m: v for m in PARTICLE if (v := _plain(values.get(m))) is not None}
        if not given.keys() & {*PLACE, "time", "fit_status"}:
            return None
        place = {m: float(given.pop(m, math.nan)) for m in PLACE}
        time = given.get("time", math.nan) if "time" in types else 0.0
        usable = all(map(math.isfinite, (*place.values(), time)))
        status = given.setdefault("fit_status", OK if usable else GENERAL_FAILURE)
        if math.isnan(given.get("speed", math.nan)) and ("speed" not in given or status != OK):
            given["speed"] = units.c
        given.setdefault("shape", shape if stored.keeps_shape(status) else NULL)
        return _particle(place, given)

    def others(values: Mapping[str, Any]) -> dict[str, Any]:
        made = {}
        for axis in "23":
            if values[f"zenith{axis}"] is not None:
                place = {m: _float(values[m]) for m in "xyz"}
                place |= {m: _float(values[f"{m}{axis}"]) for m in ("zenith", "azimuth")}
                given = {"time": _float(values["time"]), "speed": units.c, "shape": shape, "fit_status": OK}
                made[f"{key}Eval{axis}"] = _particle(place, given)
        return made

    params = [_named(f"{key}{stored.suffix}", _several(f"{key}{stored.suffix}", rest, name))] if rest else []
    return _together(_named(key, particle), *([others] if axes else []), *params)


def _particle(place: Mapping[str, float], members: Mapping[str, Any]) -> Any:
    pos = new("I3Position", **{m: place[m] for m in "xyz"})
    direction = new("I3Direction", zenith=place["zenith"], azimuth=place["azimuth"])
    identity = {"major_id": 0, "minor_id": 0}  # in no tree, so none is needed: files are the same each time
    return new("I3Particle", pos=pos, dir=direction, **{**identity, **members})


# -- several fields ---------------------------------------------------------------------------------------------------


class Leaf(NamedTuple):
    """A number in an object: the members that lead to it, and the kind of its type in numpy's letters."""

    path: tuple[str, ...]
    kind: str


@per_class
def leaves(name: str) -> dict[str, Leaf] | None:
    """Return the numbers of a class by the names of their columns; None if it holds anything else."""
    found: dict[str, Leaf] = {}
    if kind(name) != "record":
        return None
    for field in CLASSES[name].at(CLASSES[name].version):
        if isinstance(field.type, Enum):
            found[field.name] = Leaf((field.name,), "i")
        elif not isinstance(field.type, str):
            return None
        elif field.type in DTYPES:
            found[field.name] = Leaf((field.name,), np.dtype(DTYPES[field.type]).kind)
        elif field.type == "I3FrameObject":
            continue
        elif field.type not in CLASSES or (nested := leaves(field.type)) is None:
            return None
        else:
            prefix = f"{field.name}_" if field.flat is None and field.name else field.flat or ""
            own = () if is_base(field) else (field.name,)
            found |= {
                f"{prefix}{column}": Leaf((*own, *leaf.path), leaf.kind) for column, leaf in nested.items()
            }
    return found


@per_class
def _classes() -> dict[frozenset[str], str]:
    """Find the frame objects of several numbers by the names of their columns; the first of several counts."""
    found: dict[frozenset[str], str] = {}
    for name in CLASSES:
        if is_frame_object(name) and len(columns := leaves(name) or {}) > 1:
            found.setdefault(frozenset(columns), name)
    return found


def _class_of(types: Types) -> str | None:
    """Find the class whose numbers have these names, and types that hold those of the fields."""
    name = _classes().get(frozenset(types))
    columns = leaves(name) if name is not None else None
    if columns is None or not all(_holds(columns[member].kind, dtype) for member, dtype in types.items()):
        return None
    return name


def _holds(of: str, dtype: Any) -> bool:
    return bool(
        dtype == pl.Boolean or (of != "b" and dtype.is_integer()) or (of == "f" and dtype.is_numeric())
    )


def _several(key: str, types: Types, name: str | None = None) -> _MakeOne:
    """Return how to make an object of several fields: of the class `name`, or a map."""
    if all(_is_list(dtype) and _is_number(dtype.inner) for dtype in types.values()):
        return partial(_lists, types)
    for member, dtype in types.items():
        if not _is_number(dtype):
            msg = (
                f"field {member!r} of {key!r} is {dtype}: a frame object of several fields holds only numbers, or "
                "only lists of numbers; make the field a feature of its own, or leave it out"
            )
            raise SchemaError(msg)
    name = name or _class_of(types)
    columns = (leaves(name) if name is not None else None) or {}
    floats = {column for column, leaf in columns.items() if leaf.kind == "f"}

    def make(values: Mapping[str, Any]) -> Any:
        given = {member: v for member in types if (v := _plain(values[member])) is not None}
        if not given:
            return None
        if given == _OF_NOTHING.get(name or ""):
            given = dict.fromkeys(given, math.nan)
        if name is not None and given.keys() | floats >= types.keys():
            return _record(name, columns, {column: given.get(column, math.nan) for column in columns})
        if name is not None and all(map(math.isnan, given.values())):
            return None  # its whole numbers are not known, and nothing else is
        return new("I3MapStringDouble", {member: float(value) for member, value in given.items()})

    return make


def _record(name: str, columns: Mapping[str, Leaf], values: Mapping[str, Any]) -> Any:
    made = new(name)
    for column, (path, of) in columns.items():
        owner = made
        for member in path[:-1]:
            owner = getattr(owner, member)
        value = values[column]
        setattr(owner, path[-1], float(value) if of == "f" else bool(value) if of == "b" else int(value))
    return made


def _lists(types: Types, values: Mapping[str, Any]) -> Any:
    given = {member: values[member] for member in types if values[member] is not None}
    lists = {
        member: series.cast(pl.Float64).fill_null(math.nan).to_numpy() for member, series in given.items()
    }
    return new("I3MapStringVectorDouble", lists) if lists else None


def _pulses(values: Mapping[str, Any]) -> Any:
    if any(values[member] is None for member in MEMBERS):
        return None
    return pulse_map(
        PulseSeries(**{m.name: values[m.name].to_numpy().astype(m.dtype, copy=False) for m in SERIES})
    )


def _filters(types: Types) -> list[str]:
    """Return the names of the filters whose outcomes all the fields are; none if they are anything else."""
    names = list(dict.fromkeys(member.rpartition(".")[0] for member in types))
    outcomes = {f"{name}.{member}" for name in names for member in OUTCOME}
    return names if outcomes == types.keys() and set(types.values()) == {pl.Boolean} else []


def _mask(names: list[str], values: Mapping[str, Any]) -> Any:
    """Return a filter mask; an outcome that is not known is one that did not pass."""
    results = {n: new("I3FilterResult", **{m: bool(values[f"{n}.{m}"]) for m in OUTCOME}) for n in names}
    return new("I3FilterResultMap", results)


# -- one field --------------------------------------------------------------------------------------------------------


def _single(key: str, member: str, dtype: Any) -> _MakeOne:
    """Return how to make an object of one value."""
    inner = dtype.inner if _is_list(dtype) else dtype
    if inner == pl.Boolean:
        names = "I3Bool", "I3VectorBool"
    elif inner == pl.String:
        names = "I3String", "I3VectorString"
    elif inner.is_float():
        names = "I3Double", "I3VectorDouble"
    elif inner in {pl.UInt32, pl.UInt64}:
        names = "I3UInt64", "I3VectorUInt64"
    elif inner.is_integer():
        names = "I3Int", "I3VectorInt64" if inner == pl.Int64 else "I3VectorInt"
    else:
        msg = (
            f"feature {key!r} is {dtype}, which no frame object holds: give numbers, texts, or lists of them"
        )
        raise SchemaError(msg)
    if _is_list(dtype):
        return lambda values: _vector(key, names[1], values[member])
    return lambda values: _value(names[0], _plain(values[member]))


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "I3Int" and not -LARGEST_INT <= value <= LARGEST_INT:
        name = "I3Double"
    return new(name, value=float(value) if name == "I3Double" else value)


def fits_int(series: pl.Series) -> pl.Series:
    """Return whole numbers as floats if one of them is too large for an I3Int: all then become I3Double."""
    if series.dtype != pl.Int64:
        return series
    large = not series.drop_nulls().is_between(-LARGEST_INT, LARGEST_INT).all()
    return series.cast(pl.Float64) if large else series


def _vector(key: str, name: str, series: pl.Series | None) -> Any:
    if series is None:
        return None
    if name == "I3VectorDouble":
        return new(name, value=series.cast(pl.Float64).fill_null(math.nan).to_numpy())
    if series.null_count():
        msg = f"a list of {key!r} has a null in it, which an {name} cannot hold: drop it or fill it"
        raise SchemaError(msg)
    return new(name, value=series.to_list())


def _float(value: Any) -> float:
    return math.nan if value is None else float(value)


def _plain(value: Any) -> Any:
    """Return a number as one of Python."""
    return value.item() if isinstance(value, np.generic) else value
