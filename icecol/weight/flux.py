"""Fluxes: functions of energy, direction and type of a particle that become expressions of a query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

F64: TypeAlias = npt.NDArray[np.float64]
Number: TypeAlias = float | int


@dataclass(frozen=True, slots=True, eq=False)
class Flux:
    """A flux of particles, in GeV^-1 cm^-2 s^-1 sr^-1 per type; fluxes add, and multiply with numbers and factors.

    Called with expressions of energy (GeV), cosine of the zenith angle and PDG code, it returns the expression of the
    flux. A factor, such as `self_veto`, is a flux without a unit.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import weight
    >>> flux = weight.power_law(1e-18, 2.5) + weight.power_law(4e-18, 3, types=(14, -14))
    >>> events = pl.LazyFrame({"E": [1e5, 1e5], "cos": [0.1, 0.2], "type": [12, 14]})
    >>> events.select(flux(pl.col("E"), pl.col("cos"), pl.col("type")).alias("flux")).collect()[
    ...     "flux"
    ... ].to_list()
    [1e-18, 5e-18]
    """

    function: Callable[[pl.Expr, pl.Expr, pl.Expr], pl.Expr]
    """The expression of the flux, from those of energy, cosine of the zenith angle and PDG code."""

    def __call__(self, energy: pl.Expr, cos_zenith: pl.Expr, pdg_encoding: pl.Expr) -> pl.Expr:
        """Return the expression of the flux."""
        return self.function(energy, cos_zenith, pdg_encoding)

    def at(
        self, energy: npt.ArrayLike, cos_zenith: npt.ArrayLike = 0.0, pdg_encoding: npt.ArrayLike = 14
    ) -> F64:
        """Return the flux for numbers or arrays, which are broadcast; NaN where it has no value.

        Parameters
        ----------
        energy
            Energies in GeV.
        cos_zenith
            Cosines of zenith angles.
        pdg_encoding
            PDG codes.

        Examples
        --------
        >>> from icecol import weight
        >>> weight.power_law(1e-18, 2).at([1e5, 1e6])
        array([1.e-18, 1.e-20])
        """
        e, c, p = np.broadcast_arrays(
            np.asarray(energy, float), np.asarray(cos_zenith, float), np.asarray(pdg_encoding, np.int64)
        )
        columns = {"energy": e.ravel(), "cos_zenith": c.ravel(), "pdg_encoding": p.ravel()}
        found = pl.DataFrame(columns).select(self(*map(pl.col, columns)).cast(pl.Float64).alias("flux"))
        return found["flux"].to_numpy().reshape(e.shape)

    def __add__(self, other: Flux) -> Flux:
        if not isinstance(other, Flux):
            return NotImplemented
        return Flux(lambda e, c, p: self(e, c, p) + other(e, c, p))

    def __radd__(self, other: Any) -> Flux:
        return self if other == 0 else NotImplemented  # for `sum`

    def __mul__(self, other: Flux | Number) -> Flux:
        if isinstance(other, Flux):
            return Flux(lambda e, c, p: self(e, c, p) * other(e, c, p))
        if isinstance(other, (int, float)):
            return Flux(lambda e, c, p: self(e, c, p) * other)
        return NotImplemented

    __rmul__ = __mul__


FluxLike: TypeAlias = Flux | pl.Expr | Number | Callable[[pl.Expr, pl.Expr, pl.Expr], pl.Expr]
"""A flux, its expression, a constant, or a function like `Flux.function`."""


def of_types(values: Mapping[int, pl.Expr], pdg_encoding: pl.Expr) -> pl.Expr:
    """Choose by particle type: 0 for the types that are not named."""
    found = pl.lit(0.0)
    for code, value in values.items():
        found = pl.when(pdg_encoding == code).then(value).otherwise(found)
    return pl.when(pdg_encoding.is_not_null()).then(found)


def _limited(function: Callable[[pl.Expr], pl.Expr], types: Sequence[int] | None) -> Flux:
    if types is None:
        return Flux(lambda e, _c, _p: function(e))
    chosen = [int(t) for t in types]
    return Flux(lambda e, _c, p: pl.when(p.is_in(chosen)).then(function(e)).otherwise(0.0))


def power_law(
    norm: float,
    index: float,
    *,
    pivot: float = 1e5,
    cutoff: float | None = None,
    types: Sequence[int] | None = None,
) -> Flux:
    """Make a power law, norm (E / pivot)^-index, optionally with an exponential cut-off, exp(-E / cutoff).

    Parameters
    ----------
    norm
        Flux at the pivot in GeV^-1 cm^-2 s^-1 sr^-1, of each particle type: half of what is given for a flavour, a
        sixth of what is given for all neutrinos and antineutrinos together.
    index
        Spectral index, positive for a falling flux.
    pivot
        Energy in GeV at which the flux is `norm`; 100 TeV by default.
    cutoff
        Energy of the cut-off in GeV; None for none.
    types
        PDG codes of the particles that have this flux, while others have none; None for all.

    Examples
    --------
    >>> from icecol import weight
    >>> flux = weight.power_law(6.37e-18 / 6, 2.87)  # IceCube's starting events, arXiv:2011.03545
    >>> f"{flux.at(1e6):.2e}"
    '1.43e-21'
    """

    def value(energy: pl.Expr) -> pl.Expr:
        found = norm * (energy / pivot).pow(-index)
        return found if cutoff is None else found * (-energy / cutoff).exp()

    return _limited(value, types)


def broken_power_law(
    norm: float,
    indices: tuple[float, float],
    break_energy: float,
    *,
    smoothness: float | None = None,
    types: Sequence[int] | None = None,
) -> Flux:
    """Make a power law that changes its index at an energy, at once or smoothly.

    Parameters
    ----------
    norm
        Flux in GeV^-1 cm^-2 s^-1 sr^-1 at the break, continued from below if it is smooth.
    indices
        Spectral indices below and above the break.
    break_energy
        Energy of the break in GeV.
    smoothness
        s in (E / break)^-low (1 + (E / break)^s)^((low - high) / s): the larger, the sharper; None for a sharp break.
    types
        As for `power_law`.

    Examples
    --------
    >>> from icecol import weight
    >>> weight.broken_power_law(1e-18, (2, 3), 1e5).at([1e4, 1e6])
    array([1.e-16, 1.e-21])
    """
    low, high = indices

    def value(energy: pl.Expr) -> pl.Expr:
        x = energy / break_energy
        if smoothness is None:
            return norm * pl.when(x < 1).then(x.pow(-low)).otherwise(x.pow(-high))
        return norm * x.pow(-low) * (1 + x.pow(smoothness)).pow((low - high) / smoothness)

    return _limited(value, types)


def tabulated(
    energy: npt.ArrayLike,
    flux: npt.ArrayLike,
    *,
    cos_zenith: npt.ArrayLike | None = None,
    types: Sequence[int] | None = None,
) -> Flux:
    """Make a flux from a table, interpolated in the logarithms of energy and flux, and in the cosine of the zenith.

    Parameters
    ----------
    energy
        Energies in GeV, positive and increasing, shape (n,).
    flux
        Fluxes in GeV^-1 cm^-2 s^-1 sr^-1, not negative, of shape (n,), or (n, m) with `cos_zenith`. Next to a flux of
        0 it is interpolated linearly.
    cos_zenith
        Cosines of the zenith angle, increasing, shape (m,).
    types
        As for `power_law`.

    Returns
    -------
    Flux
        Null outside the table.

    Raises
    ------
    ValueError
        If the shapes do not match, or the axes do not increase.

    Examples
    --------
    >>> from icecol import weight
    >>> flux = weight.tabulated([1e3, 1e5], [1e-10, 1e-14])
    >>> flux.at([1e4, 1e6])
    array([1.e-12,    nan])
    """
    x, z = np.log10(np.asarray(energy, float)), np.asarray(flux, float)
    y = None if cos_zenith is None else np.asarray(cos_zenith, float)
    for name, axis in (("energy", x), ("cos_zenith", y)):
        if axis is not None and not (axis.ndim == 1 and axis.size > 1 and (np.diff(axis) > 0).all()):
            msg = f"`{name}` of a tabulated flux must be two or more increasing numbers; found shape {axis.shape}"
            raise ValueError(msg)
    shape = (x.size,) if y is None else (x.size, y.size)
    if z.shape != shape or not (z >= 0).all():
        msg = f"`flux` must be numbers of at least 0 of shape {shape}, like the axes; found shape {z.shape}"
        raise ValueError(msg)

    def look_up(energy: F64, cos_zenith: F64, _types: npt.NDArray[np.int64]) -> F64:
        with np.errstate(divide="ignore", invalid="ignore"):
            at = np.log10(energy)
        if y is None:
            return _interpolated(x, z[:, None], at, np.zeros(1), np.zeros_like(at))
        return _interpolated(x, z, at, y, cos_zenith)

    inner = from_function(look_up)
    if types is None:
        return inner
    chosen = [int(t) for t in types]
    return Flux(lambda e, c, p: pl.when(p.is_in(chosen)).then(inner(e, c, p)).otherwise(0.0))


def _interpolated(x: F64, z: F64, at_x: F64, y: F64, at_y: F64) -> F64:
    """Interpolate z between the nodes of x and y: along x in the logarithm of z, where that is finite."""
    outside = ~((at_x >= x[0]) & (at_x <= x[-1]))
    at_x = np.where(outside, x[0], at_x)
    i = np.clip(np.searchsorted(x, at_x, side="right") - 1, 0, x.size - 2)
    u = (at_x - x[i]) / (x[i + 1] - x[i])
    j, v = np.zeros(at_y.size, np.int64), np.zeros(at_y.size)
    if y.size > 1:
        outside |= ~((at_y >= y[0]) & (at_y <= y[-1]))
        j = np.clip(np.searchsorted(y, at_y, side="right") - 1, 0, y.size - 2)
        v = (at_y - y[j]) / (y[j + 1] - y[j])

    def along_x(k: npt.NDArray[np.int64]) -> F64:
        a, b = z[i, k], z[i + 1, k]
        positive = (a > 0) & (b > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithmic = np.exp((1 - u) * np.log(a) + u * np.log(b))
        return np.where(positive, logarithmic, (1 - u) * a + u * b)

    found = along_x(j) if y.size == 1 else (1 - v) * along_x(j) + v * along_x(j + 1)
    return np.where(outside, np.nan, found)


def from_function(function: Callable[[F64, F64, npt.NDArray[np.int64]], npt.ArrayLike]) -> Flux:
    """Make a flux from a function of arrays, such as one from another library.

    Parameters
    ----------
    function
        Called with arrays of energies (GeV), cosines of zenith angles and PDG codes, returns an array of as many
        fluxes. It never sees a null; NaN in what it returns becomes null.

    Examples
    --------
    >>> from icecol import weight
    >>> weight.from_function(lambda energy, cos_zenith, pdg_encoding: 1e-8 * energy**-2.0).at(1e2)
    array(1.e-12)
    """

    def batch(columns: Sequence[pl.Series]) -> pl.Series:
        frame = columns[0].struct.unnest()
        known = frame.select(pl.all_horizontal(pl.all().is_not_null())).to_series()
        e, c, p = frame.filter(known).iter_columns()
        energy, cos_zenith = (s.cast(pl.Float64).to_numpy() for s in (e, c))
        values = np.asarray(function(energy, cos_zenith, p.cast(pl.Int64).to_numpy()), dtype=np.float64)
        if values.shape != energy.shape:
            msg = f"the function of a flux returned shape {values.shape} for arrays of shape {energy.shape}"
            raise ValueError(msg)
        out = np.full(known.len(), np.nan)
        out[known.to_numpy()] = values
        return pl.Series(columns[0].name, out).fill_nan(None)

    return Flux(
        lambda e, c, p: pl.map_batches(
            [pl.struct(e.alias("e"), c.alias("c"), p.alias("p"))],
            batch,
            return_dtype=pl.Float64,
            is_elementwise=True,
        )
    )
