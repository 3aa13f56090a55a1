"""Cuts, weights and features given on the command line, as expressions over a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl

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
    from icecol import declared

    events = ds.scan()
    if feature:
        if pulses is None:
            msg = f"features need --pulses KEY; pulse series in {ds.path}: {', '.join(ds.pulse_keys)}"
            raise typer.BadParameter(msg, param_hint="--pulses")
        with _given():
            features = declared.features_of(feature, ds.pulses(pulses))
        events = ic.with_features(events, **features)
    names = events.collect_schema().names()
    return cuts_of(cut, names).apply(events) if cut else events, names


@contextmanager
def _given() -> Iterator[None]:
    """Say of an error in a text that the option was used incorrectly."""
    from icecol.declared import TextError

    try:
        yield
    except TextError as err:
        raise typer.BadParameter(str(err), param_hint=err.option) from err


def cuts_of(texts: list[str], names: list[str]) -> Any:
    """Make `Cuts` from texts such as `bright=Q.total > 100`."""
    from icecol import declared

    with _given():
        return declared.cuts_of(texts, names)


def sql(text: str, names: list[str]) -> pl.Expr:
    """Parse an SQL expression; dotted column names need no quotes."""
    from icecol import declared

    with _given():
        return declared.sql(text, names)


def parts_of(text: str) -> tuple[str, str, str | None]:
    """Split a feature such as `LineFit=linefit(min_hits=5)` into its name, what it is, and its arguments."""
    from icecol import declared

    with _given():
        return declared.parts_of(text)


def features_of(texts: list[str], pulses: str) -> dict[str, Any]:
    """Make features from texts such as `LineFit=improved_linefit` or `linefit(min_hits=5)`."""
    from icecol import declared

    with _given():
        return declared.features_of(texts, pulses)


@contextmanager
def as_usage(option: str) -> Iterator[None]:
    """Say of a ValueError that an option was used incorrectly."""
    try:
        yield
    except ValueError as err:
        raise typer.BadParameter(str(err), param_hint=option) from err
