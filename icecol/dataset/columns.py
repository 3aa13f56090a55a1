"""Columns of a dataset by attributes, checked: `ds.col.MPEFit.zenith` is `pl.col("MPEFit.zenith")`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from icecol.errors import MissingColumnError, did_you_mean
from icecol.names import plain
from icecol.notebook import shortened


class Columns:
    """The columns whose names begin with a key, or all; an attribute or item is one of them, or what is below a key.

    Examples
    --------
    >>> col = Columns(["MPEFit.zenith", "MPEFit.azimuth", "Fit 2.x"])
    >>> col.MPEFit.zenith.meta.output_name(), col["Fit 2"].x.meta.output_name()
    ('MPEFit.zenith', 'Fit 2.x')
    >>> col.MPEFit
    Columns('MPEFit': azimuth, zenith)
    >>> col.MPEFit.zenit
    Traceback (most recent call last):
    AttributeError: 'MPEFit' has no member 'zenit'; did you mean 'zenith'?
    """

    __slots__ = ("__names", "__prefix")

    def __init__(self, names: Sequence[str], prefix: str = "") -> None:
        self.__names = tuple(names)
        self.__prefix = prefix

    # Any, as only the dataset tells a column from a key: a checker would refuse all that only one of the two has
    def __getitem__(self, name: str) -> Any:
        """Return a column (`polars.Expr`), or the columns of a key (`Columns`).

        Raises
        ------
        MissingColumnError
            There is neither; the message names what is similar.
        """
        full = self.__prefix + name
        if full in self.__names:
            return pl.col(full)
        below = [n for n in self.__names if n.startswith(f"{full}.")]
        if below:
            return Columns(below, f"{full}.")
        known = [n[len(self.__prefix) :] for n in self.__names]
        meant = did_you_mean(name, known if "." in name else self.__keys(), "names")
        if not meant.startswith("did"):
            meant = did_you_mean(name, known, "names")  # perhaps the member of a key
        msg = f"{f'{self.__prefix[:-1]!r} has no member' if self.__prefix else 'no column'} {name!r}; {meant}"
        raise MissingColumnError(msg)

    def __getattr__(self, name: str) -> Any:
        """Return the same for a name that is an identifier."""
        if name.startswith(
            ("__", "_Columns__")
        ):  # asked for by Python itself, perhaps of one that is not made yet
            raise AttributeError(name)
        try:
            return self[name]
        except MissingColumnError as err:
            raise AttributeError(str(err)) from None

    __iter__ = None

    def __keys(self) -> list[str]:
        at = len(self.__prefix)
        return sorted({name[at:].partition(".")[0] for name in self.__names})

    def __dir__(self) -> list[str]:
        return [key for key in self.__keys() if key.isidentifier()]

    def _ipython_key_completions_(self) -> list[str]:
        return [*self.__keys(), *(name[len(self.__prefix) :] for name in self.__names)]

    def __repr__(self) -> str:
        what = repr(self.__prefix[:-1]) if self.__prefix else f"{len(self.__names):,} columns"
        return plain(f"Columns({what}: {shortened(self.__keys(), 10)})")
