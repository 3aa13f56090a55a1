"""Cuts, weights and features given as text, on the command line or in the file of a job."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from icecol.jit.sources import load

if TYPE_CHECKING:
    import polars as pl

    from icecol.dataset.pulses import Pulses


class TextError(ValueError):
    """Text that is not what it should be, and the option that it was given for."""

    def __init__(self, message: str, option: str | None = None) -> None:
        super().__init__(message)
        self.option = option


def named(text: str, option: str, example: str) -> tuple[str, str]:
    """Split `NAME=...`; the option and the example are said in the error."""
    name, equals, rest = text.partition("=")
    if not equals or not name.strip() or not rest.strip():
        msg = f"{text!r} is not NAME=..., such as {example!r}"
        raise TextError(msg, option)
    return name.strip(), rest.strip()


def cuts_of(texts: Iterable[str], names: list[str]) -> Any:
    """Make `Cuts` from texts such as `bright=Q.total > 100`."""
    from icecol.select import Cuts

    cuts: dict[str, Any] = {}
    for text in texts:
        name, cut = named(text, "--cut", "bright=Q.total > 100")
        if name in cuts:
            msg = f"there are two cuts named {name!r}: give each its own name"
            raise TextError(msg, "--cut")
        cuts[name] = sql(cut, names)
    return Cuts(cuts)


def sql(text: str, names: list[str]) -> pl.Expr:
    """Parse an SQL expression; dotted column names need no quotes."""
    from icecol import missing
    from icecol.errors import MissingColumnError, did_you_mean
    from icecol.hist.text import parse

    try:
        expr = parse(text)
    except ValueError as err:
        raise TextError(str(err)) from err
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
        raise TextError(msg, "--feature")
    name, what, arguments = match.groups()
    return name or what.rpartition(":")[2], what, arguments


def features_of(texts: Iterable[str], pulses: Pulses | str) -> dict[str, Any]:
    """Make features from texts such as `LineFit=improved_linefit` or `linefit(min_hits=5)`."""
    found: dict[str, Any] = {}
    for text in texts:
        name, what, arguments = parts_of(text)
        if name in found:
            msg = f"two features are named {name!r}; give one another name, as in First={text}"
            raise TextError(msg, "--feature")
        found[name] = feature_of(what)(pulses, **arguments_of(text, arguments))
    return found


def feature_of(what: str) -> Any:
    """Find a feature of `icecol.reco`, or a user's kernel in a file or module, such as `kernels.py:early_late`."""
    from icecol import reco
    from icecol.errors import did_you_mean

    where, colon, name = what.rpartition(":")
    if not colon:
        known = [n for n in reco.__all__ if _takes_pulses(getattr(reco, n))]
        if name not in known:
            msg = f"no feature {name!r}; {did_you_mean(name, known, 'features')}"
            raise TextError(msg, "--feature")
        return getattr(reco, name)
    module = module_of(where)
    found = getattr(module, name, None)
    if not callable(found):
        msg = f"{where} has no kernel {name!r}"
        raise TextError(msg, "--feature")
    return found


def module_of(where: str) -> Any:
    """Import a module by its name, or a file of Python code, whose folder is then searched for what it imports."""
    if where.endswith(".py"):
        try:
            module = load(where)
        except FileNotFoundError as err:
            raise TextError(str(err), "--feature") from err
    else:
        try:
            module = importlib.import_module(where)
        except ImportError as err:
            msg = f"the module {where!r} cannot be imported: {err}"
            raise TextError(msg, "--feature") from err
    return module


def _takes_pulses(function: Any) -> bool:
    """Return whether a function of `icecol.reco` is a feature of a pulse series."""
    return next(iter(inspect.signature(function).parameters), "") == "pulses"


def arguments_of(text: str, arguments: str | None) -> dict[str, Any]:
    """Read `(min_hits=5)` as keyword arguments that are plain values."""
    if arguments is None:
        return {}
    try:
        call = ast.parse(f"f{arguments}", mode="eval").body
        if (
            not isinstance(call, ast.Call)
            or not isinstance(call.func, ast.Name)
            or call.args
            or any(k.arg is None for k in call.keywords)
        ):
            raise ValueError  # noqa: TRY301
        return {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (ValueError, SyntaxError) as err:
        msg = f"{text!r}: write the arguments as (name=value, ...), with plain values"
        raise TextError(msg, "--feature") from err
