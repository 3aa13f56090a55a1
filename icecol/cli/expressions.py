"""Cuts, weights and features given on the command line, as expressions over a dataset."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    import polars as pl

    from icecol.dataset.pulses import Pulses
    from icecol.dataset.scan import Dataset

CutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--cut", "-c", metavar="NAME=EXPR", help="A named cut; may be repeated, and the order matters."
    ),
]
FeatureOption = Annotated[
    list[str] | None,
    typer.Option(
        "--feature",
        "-f",
        metavar="[NAME=]FEATURE",
        help="A feature such as linefit, LineFit=improved_linefit, 'ToI=tensor_of_inertia(min_hits=5)', or a kernel "
        "of your own, kernels.py:early_late. Its fields become columns NAME.field. May be repeated.",
    ),
]
PulsesOption = Annotated[
    str | None, typer.Option("--pulses", "-p", metavar="KEY", help="Pulse series that the features read.")
]
WeightOption = Annotated[
    str | None,
    typer.Option("--weight", "-w", metavar="EXPR", help="Event weight: a column or an SQL expression."),
]


def listed(values: list[str] | None) -> list[str] | None:
    """Split the values of an option, which may be repeated or comma-separated."""
    return [part for value in values for part in value.split(",") if part] if values else None


def events_of(
    ds: Dataset, pulses: str | None, feature: list[str] | None, cut: list[str] | None = None
) -> tuple[pl.LazyFrame, list[str]]:
    """Return the events that pass all cuts, with the requested features, and the names of all columns."""
    import icecol as ic

    events = ds.scan()
    if feature:
        if pulses is None:
            msg = f"features need --pulses KEY; pulse series in {ds.path}: {', '.join(ds.pulse_keys)}"
            raise typer.BadParameter(msg, param_hint="--pulses")
        events = ic.with_features(events, **features_of(feature, ds.pulses(pulses)))
    names = events.collect_schema().names()
    return cuts_of(cut, names).apply(events) if cut else events, names


def _named(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, rest = text.partition("=")
    if not equals or not name.strip() or not rest.strip():
        msg = f"{text!r} is not NAME=..., such as {example!r}"
        raise typer.BadParameter(msg, param_hint=option)
    return name.strip(), rest.strip()


def cuts_of(texts: Iterable[str], names: list[str]) -> Any:
    """Make `Cuts` from texts such as `bright=Q.total > 100`."""
    import icecol as ic

    cuts: dict[str, Any] = {}
    for text in texts:
        name, cut = _named(text, "--cut", "bright=Q.total > 100")
        if name in cuts:
            msg = f"there are two cuts named {name!r}: give each its own name"
            raise typer.BadParameter(msg, param_hint="--cut")
        cuts[name] = sql(cut, names)
    return ic.Cuts(cuts)


def sql(text: str, names: list[str]) -> pl.Expr:
    """Parse an SQL expression; dotted column names need no quotes."""
    from icecol import missing
    from icecol.errors import MissingColumnError, did_you_mean
    from icecol.hist.text import parse

    try:
        expr = parse(text)
    except ValueError as err:
        raise typer.BadParameter(str(err)) from err
    for name in missing.columns_read(expr):
        if name not in names:
            msg = f"no column {name!r}; {did_you_mean(name, names, 'columns')}"
            raise MissingColumnError(msg)
    return expr


_FEATURE: Final = re.compile(r"(?:(\w+)\s*=)?\s*([^(=]+?)\s*(\(.*\))?")


def parts_of(text: str) -> tuple[str, str, str | None]:
    """Split a feature such as `LineFit=linefit(min_hits=5)` into its name, what it is, and its arguments."""
    match = _FEATURE.fullmatch(text.strip())
    if match is None:
        msg = f"{text!r} is not [NAME=]FEATURE, such as LineFit=improved_linefit or linefit(min_hits=5)"
        raise typer.BadParameter(msg, param_hint="--feature")
    name, what, arguments = match.groups()
    return name or what.rpartition(":")[2], what, arguments


def features_of(texts: Iterable[str], pulses: Pulses) -> dict[str, pl.Expr]:
    """Make features from texts such as `LineFit=improved_linefit` or `linefit(min_hits=5)`."""
    found: dict[str, pl.Expr] = {}
    for text in texts:
        name, what, arguments = parts_of(text)
        if name in found:
            msg = f"two features are named {name!r}; give one another name, as in First={text}"
            raise typer.BadParameter(msg, param_hint="--feature")
        found[name] = feature_of(what)(pulses, **_arguments(text, arguments))
    return found


def feature_of(what: str) -> Any:
    """Find a feature of `icecol.reco`, or a user's kernel in a file or module, such as `kernels.py:early_late`."""
    import importlib
    import importlib.util

    import icecol as ic
    from icecol.errors import did_you_mean

    where, colon, name = what.rpartition(":")
    if not colon:
        known = [n for n in ic.reco.__all__ if _takes_pulses(getattr(ic.reco, n))]
        if name not in known:
            msg = f"no feature {name!r}; {did_you_mean(name, known, 'features')}"
            raise typer.BadParameter(msg, param_hint="--feature")
        return getattr(ic.reco, name)
    if where.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(where).stem, where)
        if spec is None or spec.loader is None or not Path(where).is_file():
            msg = f"no file {where!r}"
            raise typer.BadParameter(msg, param_hint="--feature")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        try:
            module = importlib.import_module(where)
        except ImportError as err:
            msg = f"the module {where!r} cannot be imported: {err}"
            raise typer.BadParameter(msg, param_hint="--feature") from err
    found = getattr(module, name, None)
    if not callable(found):
        msg = f"{where} has no kernel {name!r}"
        raise typer.BadParameter(msg, param_hint="--feature")
    return found


def _takes_pulses(function: Any) -> bool:
    """Return whether a function of `icecol.reco` is a feature of a pulse series."""
    return next(iter(inspect.signature(function).parameters), "") == "pulses"


def _arguments(text: str, arguments: str | None) -> dict[str, Any]:
    """Read `(min_hits=5)` as keyword arguments that are plain values."""
    if arguments is None:
        return {}
    try:
        call = ast.parse(f"f{arguments}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or any(k.arg is None for k in call.keywords):
            raise ValueError  # noqa: TRY301
        return {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (ValueError, SyntaxError) as err:
        msg = f"{text!r}: write the arguments as (name=value, ...), with plain values"
        raise typer.BadParameter(msg, param_hint="--feature") from err
