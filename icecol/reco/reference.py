"""References: the track, vertex or seed that a feature starts from, by the name of its columns or as an expression."""

from __future__ import annotations

from typing import TypeAlias

import polars as pl
import polars.selectors as cs

Reference: TypeAlias = str | pl.Expr
"""A key with columns such as `.x` and `.zenith` (a particle, a fit, a feature), or a struct expression of such fields.

`pl.struct(x=..., y=..., z=..., time="VHESelfVetoVertexTime.value")` makes a vertex of columns that have other names.
"""


def member(reference: Reference, name: str) -> pl.Expr:
    """Return one member of a reference."""
    return pl.col(f"{reference}.{name}") if isinstance(reference, str) else reference.struct.field(name)


def present(reference: Reference, name: str) -> pl.Expr:
    """Return where a particle or fit exists that should have a member; one that failed exists, with a fit_status."""
    return (
        member(reference, name).is_not_null() | optional_member(reference, "fit_status", None).is_not_null()
    )


def optional_member(reference: Reference, name: str, default: float | None) -> pl.Expr:
    """Return one member of a reference, and `default` where it is null or the reference has no such member."""
    if isinstance(reference, str):
        return pl.coalesce(cs.by_name(f"{reference}.{name}", require_all=False), pl.lit(default))
    return pl.coalesce(reference.struct.field(f"^{name}$"), pl.lit(default))
