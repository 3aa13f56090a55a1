"""A dataset as tables of numpy arrays, one per frame key: what libraries that know IceTray's tableio read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.errors import MissingColumnError, did_you_mean

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset

_ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "type": ("pdg_encoding", "primary_pdg_encoding"),
    "energy": ("primary_energy",),
    "zenith": ("primary_zenith",),
}
"""Names that tableio gives to members of a particle, and of an object that holds its primary particle."""


class Tables:
    """A dataset as a mapping from frame key to `Table`."""

    __slots__ = ("__dataset",)

    def __init__(self, dataset: Dataset) -> None:
        self.__dataset = dataset

    def __getitem__(self, key: str) -> Table:
        """Get the columns of a frame key, from the S frames if they have it, else from the events."""
        for frame in self.__frames():
            members = {
                name[len(key) + 1 :]: name
                for name in frame.collect_schema().names()
                if name.startswith(f"{key}.")
            }
            if members:
                return Table(key, frame, members)
        keys = self.__dataset.keys
        msg = f"no frame key {key!r} in {self.__dataset.path}; {did_you_mean(key, keys, 'keys')}"
        raise MissingColumnError(msg)

    def __contains__(self, key: object) -> bool:
        try:
            return isinstance(key, str) and self[key] is not None
        except MissingColumnError:
            return False

    def __frames(self) -> Iterator[pl.LazyFrame]:
        simulation = self.__dataset.simulation
        if simulation is not None:
            yield simulation.lazy()
        yield self.__dataset.scan()


class Table:
    """The columns of one frame key as numpy arrays, read on demand; rows without the key are left out.

    It has no public attributes: libraries that first look for a column among the attributes of a table would mistake a
    method for a column of that name.
    """

    __slots__ = ("__chosen", "__frame", "__key", "__members")

    def __init__(
        self,
        key: str,
        frame: pl.LazyFrame,
        members: Mapping[str, str],
        chosen: npt.NDArray[Any] | None = None,
    ) -> None:
        self.__key, self.__chosen = key, chosen
        self.__frame = frame.filter(pl.any_horizontal(pl.col(list(members.values())).is_not_null()))
        also = {
            name: members[other]
            for name, others in _ALSO.items()
            for other in others
            if name not in members and other in members
        }
        self.__members = {**members, **also}

    def __getitem__(self, which: str | npt.NDArray[Any]) -> Any:
        """Read a column as an array, in which a null is NaN; or, given a mask or row numbers, choose those rows."""
        if not isinstance(which, str):
            rows = np.asarray(which)
            if self.__chosen is not None:
                rows = self.__chosen[rows]
            elif rows.dtype == bool:
                rows = np.flatnonzero(rows)
            return Table(self.__key, self.__frame, self.__members, rows)
        if which not in self.__members:
            msg = f"{self.__key!r} has no member {which!r}; {did_you_mean(which, self.__members, 'members')}"
            raise MissingColumnError(msg)
        values = self.__frame.select(self.__members[which]).collect().to_series().to_numpy()
        return values if self.__chosen is None else values[self.__chosen]

    def __contains__(self, member: object) -> bool:
        return member in self.__members
