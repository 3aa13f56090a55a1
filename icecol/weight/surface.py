"""Generation surfaces: how many particles of a type were thrown, and how densely in energy, direction and area."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

_CM2 = 1e4  # in a m^2


@dataclass(frozen=True, slots=True)
class Surface:
    """Particles of one type, thrown with a power law through a circle or an upright cylinder.

    Attributes
    ----------
    pdg_encoding
        Type of the particles.
    n_events
        Number thrown of that type, over all files.
    index
        Spectral index: the energies follow E^-index.
    energy
        Lowest and highest energy in GeV.
    cos_zenith
        Smallest and largest cosine of the zenith angle.
    radius
        Radius (m) of the circle or cylinder.
    height
        Height (m) of the cylinder; None for a circle at right angles to the direction.
    natural
        Directions follow the projected area of the cylinder, instead of being uniform in solid angle.
    scale
        Factor on the weights of all its events, such as GENIE's global probability scale.

    Examples
    --------
    >>> from icecol import weight
    >>> surface = weight.Surface(14, 1000, 2, energy=(1e2, 1e6), cos_zenith=(-1, 1), radius=700)
    >>> f"{surface.etendue:.3g} cm^2 sr"
    '1.93e+11 cm^2 sr'
    """

    pdg_encoding: int
    n_events: float
    index: float
    energy: tuple[float, float]
    cos_zenith: tuple[float, float]
    radius: float
    height: float | None = None
    natural: bool = False
    scale: float = 1.0

    @property
    def spectrum_integral(self) -> float:
        """Integral of E^-index over the energies."""
        low, high = self.energy
        k = 1 - self.index
        return math.log(high / low) if k == 0 else (high**k - low**k) / k

    @property
    def etendue(self) -> float:
        """Integral of the area over the directions, in cm^2 sr.

        >>> round(Surface(2212, 1, 2, (1e3, 1e6), (0, 1), 800, 1600, natural=True).etendue / 1e11, 6)
        1.894964
        """
        (low, high), r, h = self.cos_zenith, self.radius, self.height
        if h is None:
            return 2 * math.pi * (high - low) * math.pi * r**2 * _CM2

        def integral(c: float) -> float:
            return math.pi * r**2 * c * abs(c) + 2 * r * h * (c * math.sqrt(1 - c * c) - math.acos(c))

        return math.pi * (integral(high) - integral(low)) * _CM2

    def area(self, cos_zenith: pl.Expr) -> pl.Expr:
        """Return the area (cm^2) seen from a direction.

        Parameters
        ----------
        cos_zenith
            Cosine of the zenith angle.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import weight
        >>> surface = weight.Surface(14, 1000, 2, energy=(1e2, 1e6), cos_zenith=(-1, 1), radius=700)
        >>> f"{pl.select(surface.area(pl.lit(0.5))).item():.3g} cm^2"
        '1.54e+10 cm^2'
        """
        cap = math.pi * self.radius**2 * _CM2
        if self.height is None:
            return pl.lit(cap)
        side = 2 * self.radius * self.height * _CM2
        return cap * cos_zenith.abs() + side * (1 - cos_zenith * cos_zenith).clip(lower_bound=0).sqrt()

    def density(self, energy: pl.Expr, cos_zenith: pl.Expr) -> pl.Expr:
        """Density of the particles thrown, in GeV^-1 cm^-2 sr^-1; 0 outside the surface.

        Parameters
        ----------
        energy
            Energy in GeV.
        cos_zenith
            Cosine of the zenith angle.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import weight
        >>> surface = weight.Surface(14, 1000, 2, energy=(1e2, 1e6), cos_zenith=(-1, 1), radius=700)
        >>> events = pl.DataFrame({"E": [1e3, 1e7], "cos": [0.5, 0.5]})
        >>> [f"{d:.3g}" for d in events.select(d=surface.density(pl.col("E"), pl.col("cos")))["d"]]
        ['5.17e-13', '0']
        """
        (low, high), (down, up) = self.energy, self.cos_zenith
        norm = self.n_events / self.spectrum_integral / self.scale
        if self.natural or self.height is None:
            found = norm / self.etendue * energy.pow(-self.index)
        else:
            found = norm / (2 * math.pi * (up - down)) * energy.pow(-self.index) / self.area(cos_zenith)
        inside = energy.is_between(low, high) & cos_zenith.is_between(down, up)
        return pl.when(inside).then(found).otherwise(0.0)


def merged(surfaces: Iterable[Surface]) -> tuple[Surface, ...]:
    """Merge surfaces that differ in the number of events alone, as those of the files of one production do.

    >>> one = Surface(14, 10, 2, (1e2, 1e6), (-1, 1), 700)
    >>> [s.n_events for s in merged([one, one, replace(one, index=1)])]
    [20, 10]
    """
    found: dict[Surface, float] = {}
    for surface in surfaces:
        shape = replace(surface, n_events=0)
        found[shape] = found.get(shape, 0) + surface.n_events
    return tuple(replace(shape, n_events=n) for shape, n in found.items())
