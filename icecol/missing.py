"""The rule for missing answers: what does not exist is null, and a missing value passes no cut.

A feature that has no answer for an event, such as a fit that failed, is null, as is the column of a key that the event
lacks; sums and counts of nothing are 0. Polars then does what is right: null passes no filter and spoils no mean.
(Sorting puts null first, which `nulls_last=True` changes.)

NaN remains only where a file has it, and Polars takes NaN to be greater than any number. Within a cut, every float is
therefore read as if NaN were null: columns, what is computed from them, and the values within lists. The rest is the
three-valued logic of Polars: `(x > 2) | (y > 5)` passes on `y` alone, and `~(x < 5)` does not pass if `x` is missing. A
cut that asks for NaN itself, with `is_nan`, `is_not_nan` or `fill_nan`, sees what it asks about as it is.

Polars has no interface to rewrite an expression, but it can be taken apart as it is sent to another process: as a
MessagePack tree, which keeps every number exactly (its JSON does not). What Polars adds to that tree one day is walked
through like everything else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import polars as pl

_Node: TypeAlias = Any
"""An expression as Polars serialises it: a name, or a mapping of its kind to its parts."""

_COMPARISONS: Final = {"Eq", "NotEq", "EqValidity", "NotEqValidity", "Lt", "LtEq", "Gt", "GtEq"}
_FLIPPED: Final = {"Lt": "Gt", "LtEq": "GtEq", "Gt": "Lt", "GtEq": "LtEq", "Eq": "Eq"}
_LOGIC: Final = {"And", "Or", "Xor", "LogicalAnd", "LogicalOr"}
_NAN_TESTS: Final = {"IsNan", "IsNotNan"}
_KINDS: Final = {
    "Agg", "Alias", "AnonymousAgg", "AnonymousFunction", "BinaryExpr", "Cast", "Column", "Eval", "Explode", "Field",
    "Filter", "Function", "Gather", "KeepName", "Len", "Literal", "Over", "RenameAlias", "Rolling", "Selector", "Slice",
    "Sort", "SortBy", "StructEval", "Ternary",
}  # fmt: skip
_AS_NAN: Final = {
    "Abs", "Negate", "Exp", "Log", "Log1p", "Trigonometry", "Atan2", "Sqrt", "Cbrt", "Floor", "Ceil", "Round", "Not",
}  # fmt: skip
"""Functions that are NaN where their argument is, as arithmetic is: NaN need not become null before them."""


def bears_floats(dtype: Any) -> bool:
    """Return whether values of this type are floats, or have floats in them."""
    if isinstance(dtype, pl.Struct):
        return any(bears_floats(field.dtype) for field in dtype.fields)
    if isinstance(dtype, pl.List | pl.Array):
        return bears_floats(dtype.inner)
    return bool(dtype.is_float())


def without_nan(expr: pl.Expr, dtype: Any) -> pl.Expr:
    """Return an expression of this type with null for NaN, also in lists and structs."""
    if not bears_floats(dtype):
        return expr
    if isinstance(dtype, pl.Struct):
        return expr.struct.with_fields(without_nan(pl.field(f.name), f.dtype) for f in dtype.fields)
    if isinstance(dtype, pl.List):
        return expr.list.eval(without_nan(pl.element(), dtype.inner))
    if isinstance(dtype, pl.Array):
        return expr.arr.eval(without_nan(pl.element(), dtype.inner))
    return expr.replace(math.nan, None)  # fill_nan and when() have the expression in them twice or more


def cut(expr: pl.Expr, schema: Mapping[str, pl.DataType] | None = None) -> pl.Expr:
    """Return a cut that reads NaN as null (see above), for events with these columns.

    Only where it is true is the result that of three-valued logic: false and null are not told apart. That allows
    comparisons with a number to stay comparisons, by which the Parquet reader skips row groups.

    Parameters
    ----------
    expr
        A Boolean expression.
    schema
        Name and type of each column. Where they are not known, Python looks at each value that is compared.

    Raises
    ------
    TypeError
        The expression runs a Python function that cannot be pickled.

    Examples
    --------
    >>> events = pl.DataFrame({"x": [1.0, math.nan, 3.0], "y": [6.0, 6.0, None]})
    >>> events.filter(cut((pl.col("x") > 2) | (pl.col("y") > 9), events.schema))["x"].to_list()
    [3.0]
    >>> events.filter(cut(~(pl.col("x") < 2), events.schema))["x"].to_list()
    [3.0]
    >>> events.filter(cut(pl.col("x").is_nan() | (pl.col("x") > 2), events.schema))["x"].to_list()
    [nan, 3.0]
    """
    return _rewritten(expr, schema, _Rewriting.passing)


def logic(expr: pl.Expr, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return a Boolean expression that reads NaN as null, and is null itself where three-valued logic leaves it open.

    >>> events = pl.DataFrame({"x": [1.0, math.nan, 3.0]})
    >>> events.select(logic(pl.col("x") > 2, events.schema)).to_series().to_list()
    [False, None, True]
    """
    return _rewritten(expr, schema, _Rewriting.raw)


def columns_read(expr: pl.Expr, schema: Mapping[str, Any] | None = None) -> list[str]:
    """Return the names of the columns that an expression reads; of selectors, those of a schema.

    >>> columns_read(pl.col("l").list.filter(pl.element() > 0).list.len() > pl.col("n"))
    ['l', 'n']
    >>> columns_read(pl.any_horizontal(pl.selectors.float() > 0), {"x": pl.Float64(), "n": pl.Int64()})
    ['x']
    """
    names = dict.fromkeys(name for name in expr.meta.root_names() if name)  # "" is the element of a list
    if schema is not None and expr.meta.has_multiple_outputs():
        frame = pl.LazyFrame(schema=dict(schema))
        for selector in _selectors(_node(expr)):
            names |= dict.fromkeys(frame.select(_expr(selector)).collect_schema().names())
    return list(names)


def _selectors(part: Any) -> list[_Node]:
    if isinstance(part, dict) and "Selector" in part:
        return [part]
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [found for each in inner for found in _selectors(each)]


def _rewritten(
    expr: pl.Expr, schema: Mapping[str, Any] | None, rewrite: Callable[[_Rewriting, _Node], _Node]
) -> pl.Expr:
    try:
        node = _node(expr)
    except pl.exceptions.ComputeError as err:
        msg = (
            f"the cut {expr} runs a Python function that cannot be pickled: {err}; compute it before the cut, "
            "with with_columns or with_features"
        )
        raise TypeError(msg) from err
    if schema is not None and not expr.meta.has_multiple_outputs():  # else any column may be meant
        roots = expr.meta.root_names()
        schema = {name: schema[name] for name in roots if name in schema}
    return _expr(rewrite(_Rewriting(schema, _tested(node)), node))


class _Rewriting:
    """The rewriting of one cut in one scope: the columns that it sees, or the elements of a list."""

    def __init__(self, columns: Mapping[str, Any] | None, as_is: set[bytes]) -> None:
        self.columns, self.as_is = columns, as_is
        self._frame = None if columns is None else pl.LazyFrame(schema=dict(columns))

    def passing(self, node: _Node) -> _Node:
        """Rewrite a Boolean of which it matters only where it is true."""
        kind, body = _parts(node)
        if kind == "BinaryExpr" and body["op"] in {"And", "Or", "LogicalAnd", "LogicalOr"}:
            return {kind: {**body, "left": self.passing(body["left"]), "right": self.passing(body["right"])}}
        if kind == "BinaryExpr" and (atom := self._atom(**body)) is not None:
            return atom
        if kind == "Function" and _function(body)[-1] == "IsBetween":
            values, *limits = body["input"]
            if self._is_plain(values) and all(map(_is_number, limits)):
                return node  # NaN is not less than any number
        return self.raw(node)

    def raw(self, node: _Node) -> _Node:
        """Rewrite an expression that may have NaN where it is missing."""
        kind, body = _parts(node)
        if _packed(node) in self.as_is or kind in {
            "Column",
            "Field",
            "Literal",
            "Selector",
            "Element",
            "Len",
        }:
            return node
        if kind == "BinaryExpr":
            left, op, right = body["left"], body["op"], body["right"]
            read = self.clean if op in _COMPARISONS else self.raw
            if (
                _is_number(left) and op in _FLIPPED
            ):  # Polars gives one value for many nulls if the number is first
                left, op, right = right, _FLIPPED[op], left
            return {kind: {**body, "left": read(left), "op": op, "right": read(right)}}
        if kind == "Function":
            name = _function(body)
            keeps = not _AS_NAN.isdisjoint(name) or name == ("ListExpr", "Length")
            if name in {("Boolean", "IsNull"), ("Boolean", "IsNotNull")}:
                keeps = self._nested(body["input"][0])
            read = self.raw if keeps else self.clean
            return {kind: {**body, "input": [read(each) for each in body["input"]]}}
        if kind == "Eval":
            dtypes = self._types(body["expr"])
            inner = _Rewriting({"": dtypes[0].inner} if dtypes else None, self.as_is)
            return {
                kind: {**body, "expr": self.raw(body["expr"]), "evaluation": inner.raw(body["evaluation"])}
            }
        if kind == "StructEval":
            dtypes = self._types(body["expr"])
            fields = {field.name: field.dtype for field in dtypes[0].fields} if dtypes else {}
            inner = _Rewriting({**(self.columns or {}), **fields} if dtypes else None, self.as_is)
            return {
                kind: {
                    **body,
                    "expr": self.clean(body["expr"]),
                    "evaluation": [inner.raw(each) for each in body["evaluation"]],
                }
            }
        as_nan = kind in {"Alias", "AnonymousFunction", "KeepName", "RenameAlias", "Ternary"}
        return {kind: _each(body, self.raw if as_nan else self.clean)}

    def clean(self, node: _Node) -> _Node:
        """Rewrite an expression and make null of NaN in its result."""
        kind, body = _parts(node)
        made = self.raw(node)
        if _packed(node) in self.as_is or (kind == "BinaryExpr" and body["op"] in _COMPARISONS | _LOGIC):
            return made
        if kind == "Literal":
            return _node(pl.lit(None, pl.Float64)) if _is_nan(body) else made
        dtypes, value = self._types(node), _expr(made)
        if dtypes is None:
            dtype = pl.dtype_of(value)
            return _node(pl.map_batches([value], _without_nan, return_dtype=dtype, is_elementwise=True))
        if not any(map(bears_floats, dtypes)):
            return made
        if len(set(dtypes)) == 1:
            return _node(without_nan(value, dtypes[0]))
        return _node(value.map_batches(lambda each: _without_nan([each]), is_elementwise=True))

    def _atom(self, left: _Node, op: str, right: _Node) -> _Node | None:
        """Return a comparison of a column of floats with a number that NaN does not pass; None if it is none."""
        if self._is_plain(right):
            left, op, right = right, _FLIPPED.get(op, ""), left
        if not self._is_plain(left) or not _is_number(right) or op not in _FLIPPED:
            return None
        if op in {"Gt", "GtEq"}:
            value, limit = _expr(left), _expr(right)
            return _node(value.is_between(limit, math.inf, closed="right" if op == "Gt" else "both"))
        return {"BinaryExpr": {"left": left, "op": op, "right": right}}

    def _is_plain(self, node: _Node) -> bool:
        kind, body = _parts(node)
        return (
            kind == "Column"
            and body in (self.columns or {})
            and self.columns[body].is_float()  # type: ignore[index]
            and _packed(node) not in self.as_is
        )

    def _nested(self, node: _Node) -> bool:
        return all(dtype.is_nested() for dtype in self._types(node) or [pl.Null()])

    def _types(self, node: _Node) -> list[Any] | None:
        """Return the type of each column that an expression stands for, None if they are not known."""
        if self._frame is None:
            return None
        return self._frame.select(_expr(_as_columns(node))).collect_schema().dtypes()


def _without_nan(columns: Sequence[pl.Series]) -> pl.Series:
    values = columns[0]
    return values.to_frame().select(without_nan(pl.col(values.name), values.dtype)).to_series()


def _node(expr: pl.Expr) -> _Node:
    import msgpack

    return msgpack.unpackb(expr.meta.serialize(), strict_map_key=False)


def _packed(node: _Node) -> bytes:
    import msgpack

    return bytes(msgpack.packb(node))


def _expr(node: _Node) -> pl.Expr:
    return pl.Expr.deserialize(_packed(node))


def _parts(node: _Node) -> tuple[str, Any]:
    """Return the kind of an expression and its parts."""
    return (node, None) if isinstance(node, str) else next(iter(node.items()))


def _function(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the name of a function, after that of its family."""
    name = body["function"]
    if not isinstance(name, dict):
        return (str(name),)
    family, own = next(iter(name.items()))
    return (family, own if isinstance(own, str) else next(iter(own)) if isinstance(own, dict) and own else "")


def _each(part: Any, rewrite: Callable[[_Node], _Node]) -> Any:
    """Rewrite the expressions in the parts of one."""
    if part == "Element" or (isinstance(part, dict) and len(part) == 1 and next(iter(part)) in _KINDS):
        return rewrite(part)
    if isinstance(part, dict):
        return {k: v if k in {"dtype", "options"} else _each(v, rewrite) for k, v in part.items()}
    return [_each(v, rewrite) for v in part] if isinstance(part, list) else part


def _tested(part: Any) -> set[bytes]:
    """Return what a cut asks about with a test for NaN (that of which fill_nan is made, too)."""
    if isinstance(part, list):
        return {each for inner in part for each in _tested(inner)}
    if not isinstance(part, dict):
        return set()
    found = {each for inner in part.values() for each in _tested(inner)}
    if "Function" in part and not _NAN_TESTS.isdisjoint(_function(part["Function"])):
        found |= {_packed(each) for each in part["Function"]["input"]}
    return found


def _as_columns(part: Any) -> Any:
    """Put columns for the element of a list and the fields of a struct, which have a type only inside of these."""
    if part == "Element":
        return {"Column": ""}
    if isinstance(part, dict):
        if "Field" in part:
            return {"Column": part["Field"][0]}
        inner = {"evaluation": part["evaluation"]} if "evaluation" in part else {}
        return {k: _as_columns(v) for k, v in part.items() if k not in inner} | inner
    return [_as_columns(each) for each in part] if isinstance(part, list) else part


def _number(body: Mapping[str, Any]) -> Any:
    kind, value = _parts(body)
    value = next(iter(value.values())) if isinstance(value, dict) else value
    return value if kind in {"Dyn", "Scalar"} else None


def _is_nan(body: Mapping[str, Any]) -> bool:
    return isinstance(value := _number(body), float) and math.isnan(value)


def _is_number(node: _Node) -> bool:
    """Return whether an expression is a number that is not NaN."""
    kind, body = _parts(node)
    if kind != "Literal" or _is_nan(body):
        return False
    _, value = _parts(body)
    return isinstance(value, dict) and next(iter(value)).startswith(("Float", "Int", "UInt"))
