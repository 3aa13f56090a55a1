"""Angles between directions."""

from __future__ import annotations

import polars as pl


def opening_angle(a: str, b: str) -> pl.Expr:
    """Return the angle between two directions.

    Parameters
    ----------
    a, b : str
        Keys with columns `.zenith` and `.azimuth` (rad): particles or features.

    Returns
    -------
    polars.Expr
        Angle in rad; null where a direction is null or NaN. The haversine form is exact for small angles too.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"A.zenith": [0.0], "A.azimuth": [1.0], "B.zenith": [0.5], "B.azimuth": [2.0]})
    >>> frame.select(opening_angle("A", "B")).item()
    0.5
    """
    zenith_a, azimuth_a, zenith_b, azimuth_b = (
        pl.col(f"{key}.{angle}") for key in (a, b) for angle in ("zenith", "azimuth")
    )
    haversine = ((zenith_a - zenith_b) / 2).sin().pow(2) + zenith_a.sin() * zenith_b.sin() * (
        (azimuth_a - azimuth_b) / 2
    ).sin().pow(2)
    return (2 * haversine.clip(0, 1).sqrt().arcsin()).fill_nan(None).alias(f"{a} to {b}")
