"""The generation of simulated events: how many were thrown where, and so the weight of each event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from icecol.weight.flux import Flux, FluxLike
from icecol.weight.surface import Surface, merged


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """How a sample was generated: its surfaces, and what they need from each event; made by `icecol.weight.generation`.

    Generations add: an event then has the weight that it has in the united sample, flux over the sum of the densities
    of *all* surfaces that could have thrown it. Never combine events of several samples with the weights of the single
    samples.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import weight
    >>> surface = weight.Surface(14, 1000, 2, energy=(1e2, 1e6), cos_zenith=(-1, 1), radius=700)
    >>> made = weight.Generation((surface,), pl.col("pdg"), pl.col("E"), pl.col("cos"), factor=pl.lit(1.0))
    >>> events = pl.DataFrame({"pdg": [14, 12], "E": [1e3, 1e3], "cos": [0.5, 0.5]})
    >>> events.select(made.weight(weight.power_law(1e-18, 2)))["weight"].round(
    ...     4
    ... ).to_list()  # no nue was thrown
    [0.0193, None]
    """

    surfaces: tuple[Surface, ...]
    """How many particles were thrown where."""
    pdg_encoding: pl.Expr
    """Type of the primary."""
    energy: pl.Expr
    """Energy of the primary in GeV."""
    cos_zenith: pl.Expr
    """Cosine of the zenith angle that the primary comes from."""
    factor: pl.Expr
    """Weight of the event in its generation, such as the probability of the interaction that was forced."""

    @property
    def types(self) -> tuple[int, ...]:
        """PDG codes of the particles thrown."""
        return tuple(dict.fromkeys(surface.pdg_encoding for surface in self.surfaces))

    def density(self) -> pl.Expr:
        """Return the expression of the density of generated particles, in GeV^-1 cm^-2 sr^-1.

        It is the number thrown times the probability density of each event, summed over the surfaces of its type, over
        the event's factor: what simweights calls `epdf`. Null for an event without a primary, or outside all surfaces.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import weight
        >>> surface = weight.Surface(14, 1000, 2, energy=(1e2, 1e6), cos_zenith=(-1, 1), radius=700)
        >>> made = weight.Generation(
        ...     (surface,), pl.col("pdg"), pl.col("E"), pl.col("cos"), factor=pl.lit(1.0)
        ... )
        >>> events = pl.DataFrame({"pdg": [14, 12], "E": [1e3, 1e3], "cos": [0.5, 0.5]})
        >>> [d and f"{d:.3g}" for d in events.select(d=made.density())["d"]]
        ['5.17e-13', None]
        """
        pdg = self.pdg_encoding
        parts = [
            pl.when(pdg == s.pdg_encoding).then(s.density(self.energy, self.cos_zenith)).otherwise(0.0)
            for s in self.surfaces
        ]
        total = pl.sum_horizontal(parts)
        return pl.when(pdg.is_not_null() & (total > 0)).then(total / self.factor).alias("density")

    def weight(self, flux: FluxLike = 1.0) -> pl.Expr:
        """Return the expression of the weight of each event in Hz: its contribution to the rate, given a flux.

        Parameters
        ----------
        flux
            A flux (GeV^-1 cm^-2 s^-1 sr^-1 per particle type), an expression, a number, or a function of the
            expressions of energy, cosine of the zenith angle and PDG code. For 1, the weight is IceCube's OneWeight
            over the number of events of that type.

        Returns
        -------
        polars.Expr
            Named `weight`; null for an event that was not generated, or lies outside all surfaces.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import weight
        >>> surface = weight.Surface(14, 1000, 2, energy=(1e2, 1e6), cos_zenith=(-1, 1), radius=700)
        >>> made = weight.Generation(
        ...     (surface,), pl.col("pdg"), pl.col("E"), pl.col("cos"), factor=pl.lit(1.0)
        ... )
        >>> events = pl.DataFrame({"pdg": [14, 14], "E": [1e3, 1e5], "cos": [0.5, 0.5]})
        >>> events.select(w=made.weight(weight.power_law(1e-18, 2)))["w"].round(4).to_list()
        [0.0193, 0.0193]
        """
        return (self.flux(flux) / self.density()).alias("weight")

    def flux(self, flux: FluxLike) -> pl.Expr:
        """Return the expression of a flux for the primary of each event; arguments as for `weight`.

        Parameters
        ----------
        flux
            As for `weight`.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import weight
        >>> surface = weight.Surface(14, 1000, 2, energy=(1e2, 1e6), cos_zenith=(-1, 1), radius=700)
        >>> made = weight.Generation(
        ...     (surface,), pl.col("pdg"), pl.col("E"), pl.col("cos"), factor=pl.lit(1.0)
        ... )
        >>> events = pl.DataFrame({"pdg": [14, 14], "E": [1e5, 1e6], "cos": [0.5, 0.5]})
        >>> [f"{f:.3g}" for f in events.select(f=made.flux(weight.power_law(1e-18, 2)))["f"]]
        ['1e-18', '1e-20']
        """
        if isinstance(flux, pl.Expr):
            return flux
        if isinstance(flux, (int, float)):
            return pl.lit(float(flux))
        if isinstance(flux, Flux) or callable(flux):
            return flux(self.energy, self.cos_zenith, self.pdg_encoding)
        msg = f"a flux is made by icecol.weight, an expression, a number or a function; found {flux!r:.80}"
        raise TypeError(msg)

    def __add__(self, other: Generation) -> Generation:
        if not isinstance(other, Generation):
            return NotImplemented
        mine, yours = self._columns(), other._columns()
        both = [a if a.meta.eq(b) else pl.coalesce(a, b) for a, b in zip(mine, yours, strict=True)]
        return Generation(merged((*self.surfaces, *other.surfaces)), *both)

    def __radd__(self, other: Any) -> Generation:
        return self if other == 0 else NotImplemented  # for `sum`

    def _columns(self) -> tuple[pl.Expr, ...]:
        return self.pdg_encoding, self.energy, self.cos_zenith, self.factor

    def __repr__(self) -> str:
        lines = (f"  {surface}" for surface in self.surfaces)
        return "\n".join([f"Generation of {sum(s.n_events for s in self.surfaces):,.0f} particles:", *lines])
