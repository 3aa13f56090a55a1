"""Geometry: position and properties of every PMT, one row each, found by omkey in constant time.

`omkey = string << 16 | om << 8 | pmt`, an i32: it can be unpacked again, and it sorts like IceTray's OMKey.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol.detector import nominal
from icecol.errors import GeometryError, MissingColumnError, did_you_mean
from icecol.places import is_remote, place

if TYPE_CHECKING:
    import os

    import polars as pl

Array: TypeAlias = npt.NDArray[Any]


class Column(NamedTuple):
    """One column of the geometry: type, unit, meaning, default (None: required) and aliases."""

    dtype: str
    unit: str
    doc: str
    default: float | bool | None
    aliases: tuple[str, ...] = ()


COLUMNS: Final[Mapping[str, Column]] = {
    "omkey": Column("i4", "", "string << 16 | om << 8 | pmt", None),
    "string": Column("i4", "", "string (or IceTop station) number", None, ("string_id",)),
    "om": Column("i4", "", "OM number on the string, 1 at the top", None, ("dom_number", "om_id")),
    "pmt": Column("i4", "", "PMT number in the module", 0, ("pmt_number", "pmt_id")),
    "x": Column("f8", "m", "position, to grid east", None, ("dom_x", "sensor_x", "sensor_pos_x")),
    "y": Column("f8", "m", "position, to grid north", None, ("dom_y", "sensor_y", "sensor_pos_y")),
    "z": Column("f8", "m", "position, upward", None, ("dom_z", "sensor_z", "sensor_pos_z")),
    "dir_x": Column("f8", "", "direction the PMT faces", 0.0, ("pmt_dir_x",)),
    "dir_y": Column("f8", "", "direction the PMT faces", 0.0, ("pmt_dir_y",)),
    "dir_z": Column("f8", "", "direction the PMT faces", -1.0, ("pmt_dir_z",)),
    "area": Column("f8", "m^2", "photocathode area", np.nan, ("pmt_area",)),
    "relative_efficiency": Column(
        "f8",
        "",
        "efficiency relative to a standard DOM; NaN: not measured",
        np.nan,
        ("rde", "relative_dom_eff"),
    ),
    "calibrated": Column("?", "", "the calibration has an entry for the DOM", True),  # noqa: FBT003
    "bad": Column("?", "", "on the list of bad DOMs", False),  # noqa: FBT003
    "pmt_hv": Column("f8", "V", "high voltage; 0: no entry in the detector status; NaN: unknown", np.nan),
    "om_type": Column(
        "i4", "", "I3OMGeo.OMType: 20 IceCube, 30 IceTop, 110 PDOM, 120 DEgg, 130 mDOM", 0, ("dom_type",)
    ),
}
"""The columns of a geometry, in the order of geometry.parquet."""


def omkey(string: Any, om: Any, pmt: Any = 0) -> Any:
    """Pack string, OM and PMT numbers into omkeys.

    Parameters
    ----------
    string, om, pmt
        Integers, or arrays of them with the same shape: strings from -32768 to 32767, OMs and PMTs from 0 to 255.

    Returns
    -------
    int or array of i32
        `string << 16 | om << 8 | pmt`.

    Raises
    ------
    GeometryError
        A number is too large: the omkey would be that of another sensor.

    Examples
    --------
    >>> omkey(36, 44)
    2370560
    """
    numbers = [_whole(*item) for item in zip((string, om, pmt), _RANGES.items(), strict=True)]
    packed = ((numbers[0] << 16) | (numbers[1] << 8) | numbers[2]).astype(np.int32)
    return packed if packed.ndim else int(packed)


_RANGES: Final = {"string": (-(1 << 15), (1 << 15) - 1), "OM": (0, 255), "PMT": (0, 255)}


def _whole(numbers: Any, what: tuple[str, tuple[int, int]]) -> Array:
    """Return numbers as integers; raise where an omkey has no room for one, as it would stand for another sensor."""
    name, (low, high) = what
    given = np.asarray(numbers)
    with np.errstate(invalid="ignore"):
        whole = given.astype(np.int64)
    wrong = np.flatnonzero((whole != given) | (whole < low) | (whole > high))
    if wrong.size:
        msg = (
            f"{name} number {given.ravel()[wrong[0]]} does not fit into an omkey (string << 16 | om << 8 | pmt), which "
            f"takes integers from {low} to {high}: renumber such sensors or leave them out"
        )
        raise GeometryError(msg)
    return whole


def split_omkey(omkey: Any) -> tuple[Any, Any, Any]:
    """Unpack omkeys into string, OM and PMT numbers.

    Parameters
    ----------
    omkey
        An integer, an array, or a Polars series or expression.

    Returns
    -------
    tuple
        string, om, pmt, each of the same kind as `omkey`.

    Examples
    --------
    >>> split_omkey(2370560)
    (36, 44, 0)
    """
    if hasattr(omkey, "to_physical"):  # of Polars, where floor division is what an arithmetic shift is
        return omkey // 65536, omkey % 65536 // 256, omkey % 256
    return omkey >> 16, omkey >> 8 & 0xFF, omkey & 0xFF


class Lookup(NamedTuple):
    """Look-up table from omkey to row: per string a block of n_om x n_pmt row numbers, -1 where there is no PMT."""

    base: int
    first: Array
    n_om: Array
    n_pmt: Array
    row: Array


def _lookup(omkeys: Array) -> Lookup:
    string, om, pmt = split_omkey(omkeys)
    base = int(string.min()) if string.size else 0
    n = int(string.max()) - base + 1 if string.size else 0
    n_om, n_pmt = np.zeros(n, np.int32), np.zeros(n, np.int32)
    np.maximum.at(n_om, string - base, om + 1)
    np.maximum.at(n_pmt, string - base, pmt + 1)
    size = n_om.astype(np.int64) * n_pmt
    first = np.concatenate([[0], np.cumsum(size)])
    row = np.full(int(first[-1]), -1, np.int32)
    row[first[string - base] + om * n_pmt[string - base] + pmt] = np.arange(omkeys.size, dtype=np.int32)
    return Lookup(base, first[:-1].astype(np.int64), n_om, n_pmt, row)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Geometry:
    """The PMTs of a detector, sorted by omkey.

    `COLUMNS` describes each column; positions are in m, areas in m^2. `xyz` has the positions as an (n, 3) array, and
    `lookup` is the table with which kernels find the row of an omkey. A DOM of IceCube has one PMT, thus one row.

    Attributes
    ----------
    omkey
        `string << 16 | om << 8 | pmt`, ascending, i32.
    string, om, pmt
        Numbers of string (or IceTop station), module and PMT.
    x, y, z
        Position, in m.
    dir_x, dir_y, dir_z
        Direction the PMT faces.
    area
        Area of the photocathode, in m^2.
    relative_efficiency
        Efficiency relative to a standard DOM; NaN where it is not measured.
    calibrated
        Whether the calibration has an entry for the DOM.
    bad
        Whether it is on the list of bad DOMs.
    pmt_hv
        High voltage, in V; 0 where the detector status has no entry, NaN where it is unknown.
    om_type
        Type of the sensor, as I3OMGeo has it: 20 IceCube, 30 IceTop, 110 PDOM, 120 D-Egg, 130 mDOM.
    medium
        What light travels in: `ice`, or `water`, for which features that know the ice have no answer.

    Examples
    --------
    >>> geometry = Geometry.nominal()
    >>> geometry
    Geometry(5160 sensors on 86 strings)
    >>> geometry.z[geometry.rows(geometry.omkey[:2])].tolist()
    [496.02, 478.9995]
    """

    omkey: Array
    string: Array
    om: Array
    pmt: Array
    x: Array
    y: Array
    z: Array
    dir_x: Array
    dir_y: Array
    dir_z: Array
    area: Array
    relative_efficiency: Array
    calibrated: Array
    bad: Array
    pmt_hv: Array
    om_type: Array
    medium: str = "ice"
    lookup: Lookup = field(init=False)
    xyz: Array = field(init=False)

    def __post_init__(self) -> None:
        if self.omkey.size and not (np.diff(self.omkey) > 0).all():
            msg = "the omkeys of a geometry must be in ascending order; use Geometry.from_columns, which sorts them"
            raise GeometryError(msg)
        object.__setattr__(self, "lookup", _lookup(self.omkey))
        object.__setattr__(self, "xyz", np.column_stack([self.x, self.y, self.z]))

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any] | pl.DataFrame, *, medium: str = "ice") -> Geometry:
        """Make a geometry from columns with one row per PMT, in any order.

        Parameters
        ----------
        columns
            Mapping of names to arrays or lists, or a Polars or Arrow table. string, om (or omkey instead of both), x, y
            and z are required; the others have defaults (see `COLUMNS`), also where a value is null. The names used by
            graphnet and Prometheus (dom_x, dom_number, rde, ...) are understood.
        medium
            What light travels in, `ice` or `water`.

        Raises
        ------
        MissingColumnError
            A required column is missing; the message lists those that are there.
        GeometryError
            Columns differ in length, a required value is null, a PMT occurs twice, or a number does not fit into an
            omkey or contradicts it.

        Examples
        --------
        >>> import icecol as ic
        >>> ic.Geometry.from_columns(
        ...     {"string": [1, 1], "om": [1, 2], "x": [0.0, 0.0], "y": [0.0, 0.0], "z": [500.0, 483.0]}
        ... )
        Geometry(2 sensors on 1 strings)
        """
        names = list(getattr(columns, "column_names", None) or getattr(columns, "columns", None) or columns)
        found = {name: _find(columns, names, name) for name in COLUMNS}
        given = {name: array for name, array in found.items() if array is not None}
        required = ("x", "y", "z", *(["omkey"] if "omkey" in given else ["string", "om"]))
        for name in required:
            if name not in given:
                raise _missing(name, names)
        n = given[required[-1]].size
        for name, array in given.items():
            if array.shape != (n,):
                msg = f"geometry column {name!r} has {array.size} rows, expected {n}, one per PMT"
                raise GeometryError(msg)
            given[name] = _filled(name, array, required=name in required)
        if "omkey" in given:
            given["omkey"] = _omkeys(given["omkey"])
        else:
            given["omkey"] = omkey(given["string"], given["om"], given.get("pmt", 0))
        for name, packed in zip(("string", "om", "pmt"), split_omkey(given["omkey"]), strict=True):
            wrong = np.flatnonzero(given.get(name, packed) != packed)
            if wrong.size:
                msg = (
                    f"geometry column {name!r} has {given[name][wrong[0]]} where the omkey has {packed[wrong[0]]}: "
                    "leave out one of the two"
                )
                raise GeometryError(msg)
            given[name] = packed
        order = np.argsort(given["omkey"], kind="stable")
        filled = {
            name: given[name][order] if name in given else np.full(n, column.default, column.dtype)
            for name, column in COLUMNS.items()
        }
        twice = np.flatnonzero(np.diff(filled["omkey"]) == 0)
        if twice.size:
            key = ".".join(str(int(v)) for v in split_omkey(filled["omkey"][twice[0]]))
            msg = f"a geometry has one row per PMT, found {twice.size} duplicates, the first for string.om.pmt {key}"
            raise GeometryError(msg)
        return cls(**filled, medium=medium)

    @classmethod
    def nominal(cls, *, icetop: bool = False) -> Geometry:
        """Return the nominal geometry of the full detector, IC86: 86 strings with 60 DOMs each.

        In-ice positions agree with the surveyed ones to 5 cm (string 21, which is bent: 0.6 m), those in the tanks to
        0.4 m. Use the geometry of your GCD file for anything that is compared with stored fits.

        Parameters
        ----------
        icetop
            Add the DOMs in the surface tanks of IceTop.

        Examples
        --------
        >>> import icecol as ic
        >>> ic.Geometry.nominal(), ic.Geometry.nominal(icetop=True)
        (Geometry(5160 sensors on 86 strings), Geometry(5484 sensors on 86 strings))
        """
        return cls.from_columns(nominal.columns(icetop=icetop))

    @classmethod
    def read_parquet(cls, path: str | os.PathLike[str]) -> Geometry:
        """Read the geometry.parquet of a dataset, or a Parquet table of PMTs from another program.

        Parameters
        ----------
        path
            The file; its columns may have any names that `from_columns` understands.

        Raises
        ------
        MissingColumnError, GeometryError
            As in `from_columns`; also if the file is not Parquet, or damaged.

        Examples
        --------
        >>> import icecol as ic, tempfile
        >>> path = f"{tempfile.mkdtemp()}/geometry.parquet"
        >>> ic.Geometry.nominal().write_parquet(path)
        >>> ic.Geometry.read_parquet(path)
        Geometry(5160 sensors on 86 strings)
        """
        import polars as pl

        try:
            source = place(path)
            content: Any = io.BytesIO(source.read_bytes()) if is_remote(source) else source
            table = pl.read_parquet(content, glob=False)
            if is_remote(source):
                content.seek(0)
            medium = pl.read_parquet_metadata(content).get("medium", "ice")
        except pl.exceptions.PolarsError as err:
            msg = f"{path} cannot be read as a table of sensors: {err}"
            raise GeometryError(msg) from err
        return cls.from_columns(table, medium=medium)

    def write_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the geometry to a Parquet file, with units and meanings in the metadata of its fields.

        Parameters
        ----------
        path
            The file to write.

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> path = f"{tempfile.mkdtemp()}/geometry.parquet"
        >>> ic.Geometry.nominal().write_parquet(path)
        >>> pl.read_parquet(path, columns=["string", "om", "z"]).row(0)
        (1, 1, 496.02)
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        from icecol import files

        arrays = {name: pa.array(getattr(self, name)) for name in COLUMNS}
        schema = pa.schema(
            pa.field(name, array.type, nullable=False, metadata={"unit": c.unit, "doc": c.doc})
            for (name, array), c in zip(arrays.items(), COLUMNS.values(), strict=True)
        )
        if self.medium != "ice":
            schema = schema.with_metadata({"medium": self.medium})
        with files.whole(path) as aside:
            pq.write_table(
                pa.Table.from_arrays(list(arrays.values()), schema=schema), aside, compression="zstd"
            )

    def table(self) -> pl.DataFrame:
        """Return the geometry as a Polars table with one row per PMT.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> ic.Geometry.nominal().table().filter(pl.col("z") > 500).height
        53
        """
        import polars as pl

        return pl.DataFrame({name: getattr(self, name) for name in COLUMNS})

    def rows(self, omkey: Any) -> Array:
        """Return the row of each omkey.

        Parameters
        ----------
        omkey
            Omkeys, in an array of any shape.

        Returns
        -------
        array of int
            Rows, in the same shape; -1 for omkeys that are not in the geometry.

        Examples
        --------
        >>> import icecol as ic
        >>> geometry = ic.Geometry.nominal()
        >>> geometry.string[geometry.rows([1 << 16 | 60 << 8, 86 << 16 | 1 << 8])].tolist()
        [1, 86]
        """
        keys = np.asarray(omkey)
        if not self.omkey.size:
            return np.full(keys.shape, -1)
        at = np.minimum(np.searchsorted(self.omkey, keys), self.omkey.size - 1)
        return np.where(self.omkey[at] == keys, at, -1)

    def equals(self, other: Geometry) -> bool:
        """Return whether two geometries have the same PMTs with the same values (NaN equals NaN).

        Parameters
        ----------
        other
            Geometry to compare with.

        Examples
        --------
        >>> import icecol as ic
        >>> ic.Geometry.nominal().equals(ic.Geometry.nominal(icetop=True))
        False
        """
        return self.medium == other.medium and all(
            np.array_equal(getattr(self, c), getattr(other, c), equal_nan=COLUMNS[c].dtype == "f8")
            for c in COLUMNS
        )

    def __len__(self) -> int:
        """Return the number of PMTs."""
        return int(self.omkey.size)

    def __repr__(self) -> str:
        """Return the size of the detector in words."""
        where = "" if self.medium == "ice" else f" in {self.medium}"
        return f"Geometry({len(self)} sensors on {np.unique(self.string).size} strings{where})"


def _find(columns: Any, names: list[str], name: str) -> Array | None:
    """Return the column with that name or the first of its aliases, None if there is none."""
    for candidate in (name, *COLUMNS[name].aliases):
        if candidate in names:
            column = columns[candidate]
            return column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    return None


def _filled(name: str, values: Array, *, required: bool) -> Array:
    """Return a column with its default where a value is null; in its type, unless that is still to be checked."""
    column = COLUMNS[name]
    if values.dtype.kind in "fO":
        null = np.array([v is None or v != v for v in values.tolist()], bool)  # noqa: PLR0124
        if required and null.any():
            msg = f"geometry column {name!r} is null in {null.sum()} of {null.size} rows; every PMT needs a value"
            raise GeometryError(msg)
        default: Any = column.default
        values = np.where(null, default, values)
    return values if name in {"omkey", "string", "om", "pmt"} else values.astype(column.dtype)


def _omkeys(values: Array) -> Array:
    """Return omkeys as such, which they may not have been in a table from elsewhere."""
    if ((values < -(1 << 31)) | (values >= 1 << 31) | (values != np.floor(values))).any():
        msg = "column 'omkey' has values that are not omkeys (string << 16 | om << 8 | pmt, an i32)"
        raise GeometryError(msg)
    return values.astype(np.int32)


def _missing(wanted: str, names: list[str]) -> MissingColumnError:
    also = ", ".join(repr(a) for a in COLUMNS[wanted].aliases)
    msg = (
        f"a geometry needs the column {wanted!r}{f' (or {also})' if also else ''}; "
        f"{did_you_mean(wanted, names, 'columns', n=30)}"
    )
    return MissingColumnError(msg)
