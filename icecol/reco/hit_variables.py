"""Variables of IceTray's CommonVariables: multiplicity, statistics, times, direct hits and hits along a track."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.jagged import frozen
from icecol.reco.kernels import common_variables as together
from icecol.reco.kernels import direct_hits as direct
from icecol.reco.kernels import hit_multiplicity as multiplicity
from icecol.reco.kernels import hit_statistics as statistics
from icecol.reco.kernels import time_characteristics as times
from icecol.reco.kernels import track_characteristics as along
from icecol.reco.reference import Reference
from icecol.reco.tracks import TRACK, on_track

DIRECT_WINDOWS: Final = {
    "A": (-15.0, 15.0),
    "B": (-15.0, 25.0),
    "C": (-15.0, 75.0),
    "D": (-15.0, 125.0),
    "E": (-15.0, 250.0),
}
"""Time windows (residuals in ns) of the classes of direct hits: A to D are IceTray's, E is the online filters'."""

_MULTIPLICITY = Kernel(
    multiplicity.hit_multiplicity,
    dict.fromkeys(("n_hit_strings", "n_hit_doms", "n_hit_doms_one_pulse", "n_pulses"), pl.Int32),
)
_STATISTICS = Kernel(
    statistics.hit_statistics,
    dict.fromkeys(
        (
            "cog_x", "cog_y", "cog_z", "cog_z_sigma", "min_pulse_time", "max_pulse_time", "q_max_doms", "q_tot_pulses",
            "z_min", "z_max", "z_mean", "z_sigma", "z_travel",
        ),
        pl.Float64,
    ),
)  # fmt: skip
_TIMES = Kernel(
    times.time_characteristics,
    {
        "timelength_fwhm": pl.Float64,
        **dict.fromkeys(("timelength_last_first", "timelength_maxgap", "zpattern"), pl.Int32),
    },
)
_DIRECT = Kernel(
    direct.direct_hits,
    {
        f"{part}_{group}_{things}": pl.Float64 if part == "q" else pl.Int32
        for group in ("dir", "early", "late")
        for part, things in (("n", "strings"), ("n", "doms"), ("n", "pulses"), ("q", "pulses"))
    }
    | dict.fromkeys(("dir_track_length", "dir_track_hit_distribution_smoothness"), pl.Float64),
    events=TRACK,
)
_ALONG = Kernel(
    along.track_characteristics,
    dict.fromkeys(
        (
            "avg_dom_dist_q_tot_dom",
            "empty_hits_track_length",
            "track_hits_separation_length",
            "track_hits_distribution_smoothness",
        ),
        pl.Float64,
    ),
    events=TRACK,
)


@feature(cost=10)
def common_variables(
    pulses: Pulses,
    *,
    track: Reference,
    windows: str | Mapping[str, str | tuple[float, float]] = "ABCDE",
    cylinder_radius: float = 150.0,
    shape: str = "InfiniteTrack",
) -> pl.Expr:
    """Return all of CommonVariables at once: multiplicity, statistics, times, direct hits, and hits along a track.

    The values are those of the five separate functions, to the last bit, in less than half of the time: each DOM is
    looked up once, and pulses are sorted once in time and once along the track.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored everywhere, even in the fields of
        `hit_multiplicity`.
    track
        Key of a particle or fit, of which the columns `.x`, `.y`, `.z`, `.time`, `.zenith` and `.azimuth` are read.
    windows
        Time windows of the direct hits: a string of class letters, or windows by name (see `direct_hits`).
    cylinder_radius
        As in `track_characteristics`.
    shape
        Shape of the track, as in `cherenkov`.

    Returns
    -------
    pl.Expr
        The fields of the five functions. Those of `direct_hits` are repeated for each window with its name at the end:
        n_dir_doms_A, n_dir_doms_B, ... All fields are null where the series or the track is null.

    Raises
    ------
    ValueError
        A window or the shape is not valid.

    Examples
    --------
    >>> import icecol as ic
    >>> p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    >>> cv = common_variables(p, track="MCPrimary", windows="AC")
    >>> ic.with_features(ic.sim.toy(2), CV=cv).select("CV.n_hit_doms", "CV.n_dir_doms_C").collect().rows()
    [(15, 6), (15, 2)]
    """
    named = {w: w for w in windows} if isinstance(windows, str) else dict(windows)
    edges = np.array([direct_window(w) for w in named.values()], np.float64).reshape(-1, 2)
    of_windows = {f"{member}_{name}": dtype for name in named for member, dtype in _DIRECT.fields.items()}
    fields: dict[str, Any] = {
        **_MULTIPLICITY.fields,
        **_STATISTICS.fields,
        **_TIMES.fields,
        **of_windows,
        **_ALONG.fields,
    }
    kernel = Kernel(together.common_variables, fields, events=TRACK, array=True)
    begins, ends = (frozen(np.ascontiguousarray(edge)) for edge in edges.T)
    return on_track(
        kernel, pulses, track, shape, begins=begins, ends=ends, cylinder_radius=float(cylinder_radius)
    )


@feature
def hit_multiplicity(pulses: Pulses) -> pl.Expr:
    """Return the members of I3HitMultiplicityValues.

    Parameters
    ----------
    pulses
        Pulse series; no geometry needed.

    Returns
    -------
    pl.Expr
        Fields n_hit_strings, n_hit_doms, n_hit_doms_one_pulse (DOMs with exactly one pulse) and n_pulses. All fields
        are null where the series is null.

    Examples
    --------
    >>> frame = pl.DataFrame({"P.omkey": [[65792, 65792, 65793, 131328]]})
    >>> frame.select(hit_multiplicity(Pulses("P")).struct.unnest()).row(0)
    (2, 3, 2, 4)
    """
    return _MULTIPLICITY(pulses)


@feature
def hit_statistics(pulses: Pulses) -> pl.Expr:
    """Return the members of I3HitStatisticsValues.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it, and pulses whose charge is NaN or infinite,
        are ignored.

    Returns
    -------
    pl.Expr
        Fields cog_x, cog_y, cog_z (m, centre of gravity of the charge), cog_z_sigma (m, spread of the charge in z);
        min_pulse_time, max_pulse_time (ns); q_max_doms, q_tot_pulses (PE); z_min, z_max, z_mean, z_sigma (m, of the hit
        DOMs, regardless of charge); z_travel (m, mean z of all hit DOMs minus that of the first quarter of them).
        Without pulses q_tot_pulses is 0; the others are null if there are too few: none, one for a spread, or fewer
        than four DOMs for z_travel. All fields are null where the series is null.

    Examples
    --------
    >>> from icecol import Geometry
    >>> g = Geometry.from_columns(
    ...     {"string": [1, 1], "om": [1, 2], "x": [0, 0], "y": [0, 0], "z": [40.0, 20.0]}
    ... )
    >>> pulses = {"P.time": [[0.0, 90.0]], "P.charge": [[1.0, 3.0]], "P.omkey": [[65792, 66048]]}
    >>> found = pl.DataFrame(pulses).select(hit_statistics(Pulses("P", g)).struct.unnest())
    >>> found.select("cog_z", "z_mean", "q_tot_pulses", "max_pulse_time").row(0)
    (25.0, 30.0, 4.0, 90.0)
    """
    return _STATISTICS(pulses)


@feature
def time_characteristics(pulses: Pulses) -> pl.Expr:
    """Return the members of I3TimeCharacteristicsValues, computed from the first pulse of each DOM.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.

    Returns
    -------
    pl.Expr
        Fields timelength_fwhm (ns, 2.35 standard deviations); timelength_last_first (ns, from the first to the last
        pulse) and timelength_maxgap (ns, longest gap), both integers; zpattern (number of steps up minus number of
        steps down in z, DOMs in order of time; the first DOM is compared with z = 0). As in IceTray these are -1, -1,
        -1 and 0 without pulses, and the longest gap is that between times truncated to integers. All fields are null
        where the series is null.

    Examples
    --------
    >>> from icecol import Geometry
    >>> g = Geometry.from_columns(
    ...     {"string": [1, 1], "om": [1, 2], "x": [0, 0], "y": [0, 0], "z": [40.0, 20.0]}
    ... )
    >>> pulses = {"P.time": [[0.0, 30.0, 90.0]], "P.omkey": [[65792, 65792, 66048]]}
    >>> found = pl.DataFrame(pulses).select(time_characteristics(Pulses("P", g)).struct.unnest())
    >>> found.select("timelength_last_first", "timelength_maxgap", "zpattern").row(0)
    (90, 90, 0)
    """
    return _TIMES(pulses)


@feature
def direct_hits(
    pulses: Pulses, *, track: Reference, window: str | tuple[float, float], shape: str = "InfiniteTrack"
) -> pl.Expr:
    """Return the members of I3DirectHitsValues: direct, early and late light of a track.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.
    track
        Key of a particle or fit, of which the columns `.x`, `.y`, `.z`, `.time`, `.zenith` and `.azimuth` are read.
    window
        First and last time residual (ns) of direct pulses, or the letter of a class: "A" (-15, 15), "B" (-15, 25), "C"
        (-15, 75), "D" (-15, 125), "E" (-15, 250).
    shape
        Shape of the track, as in `cherenkov`.

    Returns
    -------
    pl.Expr
        Fields n_dir_strings, n_dir_doms, n_dir_pulses, q_dir_pulses (PE), and the same with early and late in place of
        dir; dir_track_length (m, along the track from the first to the last DOM with direct pulses; null for fewer than
        two); dir_track_hit_distribution_smoothness (-1 to 1, 0 for evenly spaced DOMs; null for fewer than three). A
        track at NaN has no pulses of any kind. All fields are null where the series or the track is null.

    Raises
    ------
    ValueError
        The window or the shape is not valid.

    Examples
    --------
    >>> from icecol import Geometry
    >>> g = Geometry.from_columns({"string": [1], "om": [1], "x": [30.0], "y": [0.0], "z": [0.0]})
    >>> track = {"L.x": 0.0, "L.y": 0.0, "L.z": 0.0, "L.time": 0.0, "L.zenith": 0.0, "L.azimuth": 0.0}
    >>> pulses = {"P.time": [[91.8, 120.0]], "P.charge": [[1.0, 1.5]], "P.omkey": [[65792, 65792]]}
    >>> hits = direct_hits(Pulses("P", g), track="L", window="A").struct.unnest()
    >>> pl.DataFrame({**pulses, **track}).select(hits).select("q_dir_pulses", "q_late_pulses").row(0)
    (1.0, 1.5)
    """
    begin, end = direct_window(window)
    return on_track(_DIRECT, pulses, track, shape, begin=begin, end=end)


def direct_window(window: str | tuple[float, float]) -> tuple[float, float]:
    """Return the first and last time residual (ns) of a window, given as such or by the letter of a class.

    Raises
    ------
    ValueError
        The class is unknown, or the first time is after the last.
    """
    if isinstance(window, str):
        if window not in DIRECT_WINDOWS:
            msg = f"`window` must be a pair of times in ns or one of {', '.join(DIRECT_WINDOWS)}; found {window!r}"
            raise ValueError(msg)
        return DIRECT_WINDOWS[window]
    begin, end = window
    if not begin <= end:
        msg = f"`window` must be (first, last) in ns with first <= last; found {window!r}"
        raise ValueError(msg)
    return float(begin), float(end)


@feature
def track_characteristics(
    pulses: Pulses, *, track: Reference, cylinder_radius: float = 150.0, shape: str = "InfiniteTrack"
) -> pl.Expr:
    """Return the members of I3TrackCharacteristicsValues, computed from the hit DOMs near a track.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.
    track
        Key of a particle or fit, of which the columns `.x`, `.y`, `.z`, `.time`, `.zenith` and `.azimuth` are read.
    cylinder_radius
        Largest distance (m) of a DOM from the track (IceTray's TrackCylinderRadius); `math.inf` for all DOMs.
    shape
        Shape of the track, as in `cherenkov`.

    Returns
    -------
    pl.Expr
        Fields avg_dom_dist_q_tot_dom (m, charge-weighted mean distance from the track), empty_hits_track_length (m,
        longest section of the track without a hit DOM), track_hits_separation_length (m, along the track from the
        centre of charge of the first quarter of the DOMs in time to that of the last quarter) and
        track_hits_distribution_smoothness (-1 to 1, 0 for evenly spaced DOMs). Null for fewer than 1, 2, 4 and 3 DOMs.
        All fields are null where the series or the track is null.

    Raises
    ------
    ValueError
        The shape is not valid.

    Examples
    --------
    >>> from icecol import Geometry
    >>> z = [0.0, 20.0, 40.0]
    >>> g = Geometry.from_columns(
    ...     {"string": [1] * 3, "om": [1, 2, 3], "x": [30.0] * 3, "y": [0.0] * 3, "z": z}
    ... )
    >>> track = {"L.x": 0.0, "L.y": 0.0, "L.z": 0.0, "L.time": 0.0, "L.zenith": 0.0, "L.azimuth": 0.0}
    >>> keys = [1 << 16 | om << 8 for om in (1, 2, 3)]
    >>> pulses = {"P.time": [[92.0, 160.0, 230.0]], "P.charge": [[1.0] * 3], "P.omkey": [keys]}
    >>> found = track_characteristics(Pulses("P", g), track="L").struct.unnest()
    >>> columns = "avg_dom_dist_q_tot_dom", "empty_hits_track_length"
    >>> pl.DataFrame({**pulses, **track}).select(found).select(pl.col(columns).round(3)).row(0)
    (30.0, 20.0)
    """
    return on_track(_ALONG, pulses, track, shape, cylinder_radius=float(cylinder_radius))
