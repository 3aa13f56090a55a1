"""Time and direction: from IceCube's clock and its angles to MJD, UTC, right ascension and declination.

IceCube's zenith and azimuth say where a particle comes from, with the azimuth counterclockwise from grid east. IceTray
takes UT1 for UTC, and neither refraction nor polar motion into account; so do these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, Literal

import polars as pl

from icecol.errors import needs

__all__ = ["LATITUDE", "LONGITUDE", "equatorial", "mjd", "utc"]


def __dir__() -> list[str]:
    return __all__


LATITUDE: Final = math.radians(-89.9944)
"""Latitude of IceCube in rad."""
LONGITUDE: Final = math.radians(-62.6081)
"""Longitude of IceCube in rad, positive to the east."""

_DAQ_PER_DAY: Final = 864_000_000_000_000  # tenths of ns
_MJD_1970: Final = 40587
_J2000: Final = 51544.5
_ARCSEC: Final = math.pi / 180 / 3600


def mjd(time: str = "I3EventHeader.start_time") -> pl.Expr:
    """Return the modified Julian date of an I3Time.

    A year with a leap second (the last was 2016) has it at the end of June or December; times after one in June are
    1 s late, as the clock counts tenths of ns from the start of the year.

    Parameters
    ----------
    time
        Name of the time; its columns are `<time>_utc_year` and `<time>_utc_daq_time`.

    Returns
    -------
    polars.Expr
        In days; good to 1 microsecond, which is what a float holds.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"t_utc_year": [2016], "t_utc_daq_time": [112012019883772887]})
    >>> frame.select(mjd("t")).item()
    57517.64354153215
    """
    daq = pl.col(f"{time}_utc_daq_time").cast(pl.Float64)
    return (_new_year(time) + _MJD_1970 + daq / _DAQ_PER_DAY).alias("mjd")


def utc(time: str = "I3EventHeader.start_time") -> pl.Expr:
    """Return the UTC of an I3Time, as a Datetime of nanoseconds.

    Parameters
    ----------
    time
        As for `mjd`.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"t_utc_year": [2016], "t_utc_daq_time": [112012019883772887]})
    >>> str(frame.select(utc("t")).item())
    '2016-05-09 15:26:41.988377'
    """
    start = _new_year(time).cast(pl.Int64) * 86_400_000_000_000
    ns = pl.col(f"{time}_utc_daq_time").cast(pl.Int64) // 10
    return (start + ns).cast(pl.Datetime("ns")).alias("utc")


def equatorial(
    direction: str,
    time: str = "I3EventHeader.start_time",
    *,
    method: Literal["closed", "astropy"] = "closed",
) -> pl.Expr:
    """Return right ascension and declination (J2000) of a direction at a time.

    Parameters
    ----------
    direction
        Key with columns `.zenith` and `.azimuth` (rad): a particle or a feature.
    time
        As for `mjd`.
    method
        `closed`: sidereal time, and precession since J2000, as an expression; within 0.01 deg, as it leaves out
        nutation and aberration. `astropy`: all of it, within 0.001 deg of IceTray's; needs astropy, and takes longer.

    Returns
    -------
    polars.Expr
        A struct of `ra` (0 to 2 pi) and `dec` in rad, for `ic.with_features`; null where the direction or the time is.

    Raises
    ------
    MissingDependencyError
        If astropy is asked for and not installed.

    Examples
    --------
    >>> import icecol as ic, math
    >>> events = pl.DataFrame(
    ...     {
    ...         "Fit.zenith": [2.299430],
    ...         "Fit.azimuth": [0.947530],
    ...         "I3EventHeader.start_time_utc_year": [2016],
    ...         "I3EventHeader.start_time_utc_daq_time": [112012019883772887],
    ...     }
    ... )
    >>> sky = ic.with_features(events, Sky=ic.coordinates.equatorial("Fit")).collect()
    >>> round(math.degrees(sky["Sky.ra"][0]), 1), round(math.degrees(sky["Sky.dec"][0]), 1)
    (135.0, 41.8)
    """
    zenith, azimuth = (pl.col(f"{direction}.{angle}").fill_nan(None) for angle in ("zenith", "azimuth"))
    if method == "astropy":
        return _by_astropy(zenith, azimuth, mjd(time))
    if method != "closed":
        msg = f"`method` must be 'closed' or 'astropy'; found {method!r}"
        raise ValueError(msg)
    return _closed(zenith, azimuth, mjd(time))


def _new_year(time: str) -> pl.Expr:
    """Return the days from 1970 to the start of the year."""
    year = pl.col(f"{time}_utc_year").cast(pl.Int32)
    return pl.date(year, 1, 1).cast(pl.Int32)


def _closed(zenith: pl.Expr, azimuth: pl.Expr, time: pl.Expr) -> pl.Expr:
    days = time - _J2000
    century = days / 36525
    sidereal = (280.46061837 + 360.98564736629 * days + 0.000387933 * century.pow(2)).radians()
    # of the day: hour angle and declination of an altitude and an azimuth from north to east
    from_north = math.pi / 2 - azimuth - LONGITUDE
    up, along = zenith.cos(), zenith.sin()
    sin_lat, cos_lat = math.sin(LATITUDE), math.cos(LATITUDE)
    north = along * from_north.cos()
    sin_dec = (sin_lat * up + cos_lat * north).clip(-1, 1)
    cos_dec = (1 - sin_dec.pow(2)).sqrt()
    hour = pl.arctan2(-along * from_north.sin(), up * cos_lat - north * sin_lat)
    ra = sidereal + LONGITUDE - hour
    # back to the equator of J2000: J. Lieske et al., Astron. Astrophys. 58 (1977) 1
    zeta, z, theta = (
        (a * century + b * century.pow(2) + c * century.pow(3)) * _ARCSEC
        for a, b, c in (
            (2306.2181, 0.30188, 0.017998),
            (2306.2181, 1.09468, 0.018203),
            (2004.3109, -0.42665, -0.041833),
        )
    )
    x = theta.cos() * cos_dec * (ra - z).cos() + theta.sin() * sin_dec
    y = cos_dec * (ra - z).sin()
    pole = (theta.cos() * sin_dec - theta.sin() * cos_dec * (ra - z).cos()).clip(-1, 1)
    turn = 2 * math.pi
    right_ascension = (pl.arctan2(y, x) - zeta) % turn
    known = right_ascension.is_not_null()
    both = pl.struct(right_ascension.alias("ra"), pole.arcsin().alias("dec"))
    return pl.when(known).then(both).alias("equatorial")


def _by_astropy(zenith: pl.Expr, azimuth: pl.Expr, time: pl.Expr) -> pl.Expr:
    try:
        import astropy.coordinates  # noqa: F401
    except ImportError as err:
        library, extra, what = "astropy", "coordinates", "equatorial(method='astropy')"
        raise needs(library, extra, what) from err
    fields = {"ra": pl.Float64, "dec": pl.Float64}
    return pl.map_batches(
        [pl.struct(zenith.alias("zenith"), azimuth.alias("azimuth"), time.alias("mjd"))],
        _to_sky,
        return_dtype=pl.Struct(fields),
        is_elementwise=True,
    ).alias("equatorial")


def _to_sky(columns: Sequence[pl.Series]) -> pl.Series:
    from astropy import units as u
    from astropy.coordinates import AltAz, EarthLocation, SkyCoord
    from astropy.time import Time
    from astropy.utils import iers

    frame: Any = columns[0].struct.unnest()
    known = frame.with_row_index("row").drop_nulls()
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("iers_degraded_accuracy", "ignore"):  # noqa: FBT003
        when = Time(known["mjd"].to_numpy(), format="mjd", scale="utc")
        when.delta_ut1_utc = 0.0
        here = EarthLocation(lon=LONGITUDE * u.rad, lat=LATITUDE * u.rad, height=0 * u.m)
        sky = SkyCoord(
            az=(math.pi / 2 - known["azimuth"].to_numpy() - LONGITUDE) * u.rad,
            alt=(math.pi / 2 - known["zenith"].to_numpy()) * u.rad,
            frame=AltAz(obstime=when, location=here),
        ).icrs
    found = known.select("row").with_columns(ra=sky.ra.rad, dec=sky.dec.rad)
    rows = frame.select(row=pl.int_range(pl.len(), dtype=pl.UInt32)).join(
        found, on="row", how="left", maintain_order="left"
    )
    both = pl.when(pl.col("ra").is_not_null()).then(pl.struct("ra", "dec"))
    return rows.select(both.alias(columns[0].name)).to_series()
