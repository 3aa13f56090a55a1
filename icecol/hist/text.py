"""Names, labels and units of expressions, for axes that are not given any."""

from __future__ import annotations

import re
from typing import Final

import polars as pl

from icecol.dataset.facts import Facts

_LONGEST: Final = 60
_SPELLINGS: Final = (
    (re.compile(r'col\("(.*?)"\)'), r"\1"),
    (re.compile(r"dyn (?:int|float): "), ""),
    (re.compile(r"\.(?:struct\.)?field_by_name\((.*?)\)\(\)"), r".\1"),
    (re.compile(r"\.log\(\[10(?:\.0)?\]\)"), ".log10()"),
    (re.compile(r"\.python_udf\(\)"), ".map()"),
)
_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")
_WORD: Final = re.compile(r"\"[^\"]*\"|'[^']*'|[A-Za-z_][\w.]*")
_ARGUMENT: Final = re.compile(r"\(⟨([^⟨⟩]*)⟩\)")


def name_of(expr: pl.Expr) -> str:
    """Return the name of a column or alias; of any other expression, its text.

    >>> (
    ...     name_of(pl.col("Q.total")),
    ...     name_of(pl.col("Q.total").log10()),
    ...     name_of(pl.col("x").log10().alias("lg x")),
    ... )
    ('Q.total', 'Q.total.log10()', 'lg x')
    """
    bare = expr.meta.undo_aliases()
    return expr.meta.output_name() if bare.meta.is_column() or not bare.meta.eq(expr) else text(expr)


def text(expr: pl.Expr) -> str:
    """Write an expression as one would type it; a long one is cut in the middle.

    >>> text((pl.col("a") + 2 * pl.col("b")).sqrt())
    '(a + (2 * b)).sqrt()'
    """
    written = str(expr)
    for pattern, plain in _SPELLINGS:
        written = pattern.sub(plain, written)
    while (inner := _BRACKETS.search(written)) is not None:
        written = written[: inner.start()] + _without_brackets(inner[1]) + written[inner.end() :]
    written = _ARGUMENT.sub(r"(\1)", written.removeprefix(".")).replace("⟨", "(").replace("⟩", ")")
    if _closed(written) == len(written):
        written = written[1:-1]
    half = (_LONGEST - 1) // 2
    return written if len(written) <= _LONGEST else f"{written[:half]}…{written[-half:]}"


def parse(written: str) -> pl.Expr:
    """Parse an SQL expression; dotted column names need no quotes.

    Raises
    ------
    ValueError
        If it is not one.

    >>> text(parse("log10(Q.total) + 1"))
    'Q.total.log10() + 1'
    """
    try:
        return pl.sql_expr(_WORD.sub(_quoted, written))
    except (pl.exceptions.SQLInterfaceError, pl.exceptions.SQLSyntaxError) as err:
        msg = f"{written!r} is not a valid SQL expression: {err}"
        raise ValueError(msg) from err


def _quoted(match: re.Match[str]) -> str:
    token = match[0]
    return f'"{token}"' if "." in token and token[0] not in "\"'" else token


def unit_of(expr: pl.Expr, known: Facts | None) -> str:
    """Return the unit of a column, renamed or not, where it is known, and of an angle after `.degrees()`.

    >>> unit_of(pl.col("zenith").degrees(), None), unit_of(pl.col("zenith").cos(), None)
    ('deg', '')
    """
    bare = expr.meta.undo_aliases()
    if bare.meta.is_column():
        column = bare.meta.output_name()
        return known.unit(column) if known is not None and known.knows(column) else ""
    written = str(bare)
    return "deg" if written.endswith(".degrees()") else "rad" if written.endswith(".radians()") else ""


def with_unit(label: str, unit: str) -> str:
    """Join a label and a unit.

    >>> with_unit("charge", "PE"), with_unit("cos zenith", "")
    ('charge / PE', 'cos zenith')
    """
    return f"{label} / {unit}" if unit else label


def _without_brackets(inner: str) -> str:
    """Rewrite the inside of square brackets: `(a) + (b)` as a sum, anything else as the arguments of a call."""
    end = _closed(inner)
    if end is None or end == len(inner):
        return inner
    operator, start, right = inner[end:].partition("(")
    if not start or _closed(start + right) != len(right) + 1:
        return inner
    return f"⟨{_bare(inner[:end])}{operator}{_bare(start + right)}⟩"


def _bare(operand: str) -> str:
    return operand[1:-1]


def _closed(written: str) -> int | None:
    """Return the position after the parenthesis that closes the first character, if that opens one."""
    depth = 0
    for i, character in enumerate(written):
        depth += (character in "(⟨") - (character in ")⟩")
        if depth == 0:
            return i + 1 if i else None
    return None
