"""Features saved beside a dataset: computed once, and found by `Dataset.scan` as if they had been converted.

What is saved is described by data (`_made`): the function by its name and place, its parameters as plain values. So any
process can make the same feature again, and tell whether it is still what it was; `icecol.dataset.saved` does so when
a dataset is opened.
"""

from __future__ import annotations

import base64
import importlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.types as pt

from icecol.batch.running import run
from icecol.dataset import manifest as manifests
from icecol.dataset import saved, writer
from icecol.dataset import schema as schemas
from icecol.dataset.facts import unit_of
from icecol.dataset.growing import KEEP, holding
from icecol.dataset.pulses import SERIES, Pulses
from icecol.dataset.saved import Saved
from icecol.dataset.scan import Dataset, open_dataset
from icecol.errors import GeometryError, MissingColumnError, did_you_mean
from icecol.jit import sources
from icecol.missing import columns_read
from icecol.places import local
from icecol.reco.feature import Feature, feature_of
from icecol.reco.plan import no_feature, with_features

if TYPE_CHECKING:
    import os

_TASKS: Final = 1000
"""Into how many tasks the parts of a dataset are divided at most."""
_PULSES: Final = {member.name: member.unit for member in SERIES}


def save_features(
    dataset: Dataset | str | os.PathLike[str],
    /,
    *,
    executor: Any = "processes",
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    **features: pl.Expr | Feature,
) -> Dataset:
    """Compute features of all events and keep them beside the dataset, where `scan` finds them as columns.

    They have the values that `with_features` computes. A call that was killed is repeated, and goes on where it
    stopped; parts of the events that came later are computed by a further call. A feature whose code, parameters,
    geometry or seed have changed, or that lacks parts of the events, is left out with a warning when the dataset is
    opened, until it is saved again.

    Parameters
    ----------
    dataset
        The dataset, or its folder.
    executor, jobs, progress
        As for `icecol.batch.run`.
    features
        As for `with_features`. Parameters are plain values, names of columns, expressions and pulse series; kernels are
        defined in modules or files. Without any, saved features that do not hold any more are renewed.

    Returns
    -------
    Dataset
        The dataset, opened again.

    Raises
    ------
    DatasetError
        Another process is writing the dataset.
    TypeError
        Something is neither an expression nor a feature, or cannot be described by data.
    ValueError
        A function is in no file of Python code.
    MissingColumnError
        A column that a feature reads is not there, or features depend on each other in a circle.
    SchemaError
        The events have the key of a feature.
    GeometryError
        A pulse series has another geometry than the dataset.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> ds = ic.sim.to_dataset(ic.sim.events(30, seed=1), f"{tempfile.mkdtemp()}/sim.icecol")
    >>> ds = ic.save_features(ds, jobs=1, LineFit=ic.reco.linefit("InIcePulses"))
    >>> ds.columns("LineFit.z*"), ds.scan().filter(ds.col.LineFit.zenith > 1.5).collect().height
    (['LineFit.z', 'LineFit.zenith'], 20)
    """
    path = _path(dataset)
    with holding(path) as (ds, _, lock):
        there = {feature.name: feature for feature in manifests.read(path / manifests.NAME).features}
        given = {name: _made(name, feature, ds) for name, feature in features.items()}
        if not features:
            holds = {feature.name for feature in ds.manifest.features}
            given = {name: dict(feature.made) for name, feature in there.items() if name not in holds}
        others = tuple(feature for name, feature in there.items() if name not in given)
        base = replace(ds.manifest, features=tuple(f for f in ds.manifest.features if f.name not in given))
        targets = _declared(Dataset(path, base), given)
        n = _compute_all(Dataset(path, base), targets, executor=executor, jobs=jobs, progress=progress)
        parts = ds.manifest.parts
        done = tuple(replace(t, parts=tuple(saved.found(path, t, part) for part in parts)) for t in targets)
        lock.check()
        if n or {(f.name, f.key) for f in done} - {(f.name, f.key) for f in there.values()} or not features:
            now = manifests.read(path / manifests.NAME)
            writer.publish(path, replace(now, features=(*others, *done)), KEEP)
    return open_dataset(path)


def drop_features(dataset: Dataset | str | os.PathLike[str], names: str | Iterable[str]) -> Dataset:
    """Remove saved features from a dataset; who opened it before can read them for another day.

    Parameters
    ----------
    dataset
        The dataset, or its folder.
    names
        Names of features.

    Returns
    -------
    Dataset
        The dataset, opened again.

    Raises
    ------
    MissingColumnError
        No feature of that name is saved.
    DatasetError
        Another process is writing the dataset.
    ValueError
        What is blind in the dataset is told by the feature.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> ds = ic.sim.to_dataset(ic.sim.events(9, seed=1), f"{tempfile.mkdtemp()}/sim.icecol")
    >>> ds = ic.save_features(ds, jobs=1, Q=ic.reco.charge("InIcePulses"))
    >>> drop_features(ds, "Q").manifest.features
    ()
    """
    path = _path(dataset)
    chosen = [names] if isinstance(names, str) else list(names)
    with holding(path):
        manifest = manifests.read(path / manifests.NAME)
        there = {feature.name: feature for feature in manifest.features}
        blind = {c for veil in manifest.blinding.veils for c in (*veil.columns, *veil.region)}
        for name in chosen:
            if name not in there:
                msg = f"no feature {name!r} is saved in {path}; {did_you_mean(name, list(there), 'saved features')}"
                raise MissingColumnError(msg)
            if used := blind & set(there[name].schema.names):
                msg = f"{path} is blind by {min(used)!r}, which would be gone: `ic.unblind` it first"
                raise ValueError(msg)
        left = tuple(feature for feature in manifest.features if feature.name not in chosen)
        writer.publish(path, replace(manifest, features=left), KEEP)
    return open_dataset(path)


def _path(dataset: Any) -> Path:
    return local(dataset.path if isinstance(dataset, Dataset) else dataset, "save features of").absolute()


# -- a feature as data ------------------------------------------------------------------------------------------------


def _made(name: str, given: Any, ds: Dataset) -> dict[str, Any]:
    """Describe a feature by data."""
    feature = given if isinstance(given, Feature) else feature_of(given)
    if feature is None:
        if not isinstance(given, pl.Expr):
            raise TypeError(no_feature(name, given))
        return {"expression": _text(given, name)}
    function = getattr(feature.function, "function", feature.function)  # of a kernel
    if feature.geometry is not None and not (
        ds.geometry is not None and feature.geometry.equals(ds.geometry)
    ):
        msg = f"feature {name!r} is of {feature.key!r} with another geometry than that of {ds.path}: use ds.pulses()"
        raise GeometryError(msg)
    return {
        "place": sources.place_of(function),
        "function": getattr(function, "py_func", function).__name__,
        "pulses": feature.key,
        "arguments": [_plain(value, name, ds) for value in feature.arguments],
        "parameters": {k: _plain(value, name, ds) for k, value in feature.parameters.items()},
    }


def _plain(value: Any, name: str, ds: Dataset) -> Any:
    """Return a parameter as JSON has it."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_plain(inner, name, ds) for inner in value]
    if isinstance(value, tuple):
        return {"tuple": [_plain(inner, name, ds) for inner in value]}
    if isinstance(value, Pulses):
        return {"pulses": value.key}
    if isinstance(value, Feature | pl.Expr):
        found = _made(name, value, ds)
        return found if "expression" in found else {"feature": found}
    msg = (
        f"feature {name!r} has a parameter of type {type(value).__name__}, which cannot be written down: give plain "
        "values, names of columns, expressions or pulse series"
    )
    raise TypeError(msg)


def _text(expression: pl.Expr, name: str) -> str:
    content = expression.meta.serialize()
    if b"AnonymousFunction" in content:
        msg = (
            f"feature {name!r} runs Python code that icecol does not know: save a feature of icecol.reco or a kernel "
            "as it is, and compute the rest in the query"
        )
        raise TypeError(msg)
    return base64.b64encode(content).decode("ascii")


def _expression(made: Any, ds: Dataset) -> pl.Expr:
    """Return the feature that data describe."""
    if "expression" in made:
        content = base64.b64decode(made["expression"])
        if b"AnonymousFunction" in content:
            msg = "the expression of a saved feature has Python code in it, which is not run"
            raise TypeError(msg)
        return pl.Expr.deserialize(io.BytesIO(content))
    place = made["place"]
    own = place.startswith("icecol.") and not place.endswith(".py")
    module = importlib.import_module(place) if own else sources.fresh(place)
    function = getattr(module, made["function"])
    arguments = [_value(value, ds) for value in made["arguments"]]
    parameters = {k: _value(value, ds) for k, value in made["parameters"].items()}
    found: pl.Expr = function(Pulses(made["pulses"], ds.geometry), *arguments, **parameters)
    return found


def _value(value: Any, ds: Dataset) -> Any:
    if isinstance(value, list):
        return [_value(inner, ds) for inner in value]
    if not isinstance(value, dict):
        return value
    if "tuple" in value:
        return tuple(_value(inner, ds) for inner in value["tuple"])
    if "pulses" in value:
        return Pulses(value["pulses"], ds.geometry)
    return _expression(value.get("feature", value), ds)


def _declared(ds: Dataset, given: Mapping[str, Mapping[str, Any]]) -> list[Saved]:
    """Return features with all that they depend on and their columns, each after those that it reads."""
    expressions = {name: _expression(made, ds) for name, made in given.items()}
    lazy = with_features(ds.scan(), **expressions).collect_schema()
    known = {feature.name: feature.key for feature in ds.manifest.features}
    read = {name: sorted(columns_read(expr, dict(lazy))) for name, expr in expressions.items()}
    keys = {name: {k for c in columns for k in (c, c.rpartition(".")[0])} for name, columns in read.items()}
    reads = {name: sorted(found & (known.keys() | given.keys()) - {name}) for name, found in keys.items()}
    done: list[Saved] = []
    waiting = dict(given)
    while waiting:
        name = next(n for n in waiting if not waiting.keys() & set(reads[n]))  # with_features refuses circles
        made = waiting.pop(name)
        is_kernel = "place" in made
        depends = {
            "code": sources.digest(made["place"]) if is_kernel else "",
            "versions": saved.versions() if is_kernel else {"polars": pl.__version__},
            "geometry": saved.geometry_of(ds.path) if is_kernel else None,
            "reads": {other: known[other] for other in reads[name]},
            "columns": read[name],
            "veils": saved.veils_of(ds.manifest.blinding, read[name]),
        }
        columns = [c for c in lazy.names() if c == name or c.startswith(f"{name}.")]
        feature = Saved(name, dict(made), depends, pa.schema([]), everything=sources.everything())
        known[name] = feature.key
        members = [c[len(name) + 1 :] for c in columns]
        fields = [_field(c, lazy[c], feature, members) for c in columns]
        done.append(replace(feature, schema=pa.schema(fields)))
    return done


def _field(column: str, dtype: Any, feature: Saved, members: Sequence[str]) -> pa.Field:
    """Return a column of a feature that has these members, with its unit and meaning."""
    member = column[len(feature.name) + 1 :]
    kind = pl.Series([], dtype=dtype).to_arrow().type
    if pt.is_large_list(kind):
        kind = pa.list_(kind.value_type)
    if pt.is_large_string(kind) or pt.is_string_view(kind):
        kind = pa.string()
    unit = unit_of(member, members) or (_PULSES.get(member, "") if pt.is_list(kind) else "")
    return schemas.field(column, kind, unit=unit, doc=f"{member or 'value'} of {feature.describe()}")


# -- computing --------------------------------------------------------------------------------------------------------


def _compute_all(ds: Dataset, targets: list[Saved], **how: Any) -> int:
    """Compute the values of features for all parts that lack some; return for how many."""
    lacking = tuple(part for part in ds.manifest.parts if _lacking(ds, targets, part))
    if not lacking:
        return 0
    some = Dataset(ds.path, replace(ds.manifest, parts=lacking))
    names = [feature.name for feature in ds.manifest.features]
    per_chunk = -(-len(lacking) // _TASKS)
    return int(run(partial(_compute, targets=targets, others=names), some, per_chunk=per_chunk, **how))


def _lacking(ds: Dataset, targets: list[Saved], part: manifests.Part) -> list[Saved]:
    return [feature for feature in targets if not (ds.path / saved.file_of(feature, part)).is_file()]


def _compute(ds: Dataset, *, targets: list[Saved], others: list[str]) -> int:
    """Compute what is lacking for the parts of a dataset; what is there is read."""
    blinding = replace(
        ds.manifest.blinding, burn=None, veils=tuple(v for v in ds.manifest.blinding.veils if v.how != "drop")
    )
    for part in ds.manifest.parts:
        lacking = _lacking(ds, targets, part)
        there = [
            replace(target, parts=(saved.found(ds.path, target, part),))
            for target in targets
            if target not in lacking
        ]
        known = [feature for feature in ds.manifest.features if feature.name in others]
        one = Dataset(
            ds.path, replace(ds.manifest, parts=(part,), blinding=blinding, features=(*known, *there))
        )
        events = with_features(one.scan(), **{t.name: _expression(t.made, one) for t in lacking})
        values = events.select([c for t in lacking for c in t.schema.names]).collect(engine="streaming")
        for target in lacking:
            saved.write(ds.path, target, part, values.select(target.schema.names))
    return len(ds.manifest.parts)


__all__ = ["drop_features", "save_features"]
