"""The variables of IceTray's CommonVariables: multiplicity, statistics, times, direct hits, hits along a track."""

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
"""Time residuals (ns) of the classes of direct hits; A to D are IceTray's own, E that of the online filters."""

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


@feature
def common_variables(
    pulses: Pulses,
    *,
    track: Reference,
    windows: str | Mapping[str, str | tuple[float, float]] = "ABCDE",
    cylinder_radius: float = 150.0,
    shape: str = "InfiniteTrack",
) -> pl.Expr:
    """Return multiplicity, statistics, times, direct hits of several windows, and hits along a track, all together.

    The numbers are those of the five functions by themselves, to the last bit, in less than half the time: sensors are
    looked up once, and sorted once in time and once along the track.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out of everything, even of what
        `hit_multiplicity` counts.
    track
        Key with columns `.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`: a particle or a fit.
    windows
        Of the direct hits: letters of classes, or windows (see `direct_hits`) by name.
    cylinder_radius, shape
        See `track_characteristics` and `cherenkov`.

    Returns
    -------
    pl.Expr
        The fields of the five functions; those of direct hits once for each window, with its name: n_dir_doms_A,
        n_dir_doms_B, ... Every field is null where the series or the track is.

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
    """Return the members of I3HitMultiplicityValues; needs no geometry.

    Fields: n_hit_strings, n_hit_doms, n_hit_doms_one_pulse (sensors with just one pulse), n_pulses. Every field is
    null where the series is.

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

    Fields: cog_x, cog_y, cog_z (m, the mean place of the charge) and cog_z_sigma (m, its spread in z);
    min_pulse_time, max_pulse_time (ns); q_max_doms, q_tot_pulses (PE); z_min, z_max, z_mean, z_sigma (m, of the hit
    sensors, whatever their charge); z_travel (m, mean z of all hit sensors above that of the quarter hit first). NaN
    where there are too few pulses: none, or one for a spread, or three sensors for z_travel. Pulses of a charge that
    is not finite, and of sensors that the geometry lacks, are left out. Every field is null where the series is.
    """
    return _STATISTICS(pulses)


@feature
def time_characteristics(pulses: Pulses) -> pl.Expr:
    """Return the members of I3TimeCharacteristicsValues, of the first pulse of each sensor.

    Fields: timelength_fwhm (ns, 2.35 standard deviations), timelength_last_first and timelength_maxgap (whole ns: from
    the first to the last, and the longest without one), zpattern (how often the next sensor in time is above the one
    before, less how often it is below; the first one counts as above or below z = 0). As in IceTray the
    result is -1, -1, -1 and 0 without pulses, and the longest wait is between times that were each cut to whole ns.
    Every field is null where the series is.
    """
    return _TIMES(pulses)


@feature
def direct_hits(
    pulses: Pulses, *, track: Reference, window: str | tuple[float, float], shape: str = "InfiniteTrack"
) -> pl.Expr:
    """Return the members of I3DirectHitsValues: light that came straight from a track, or before or after it.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    track
        Key with columns `.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`: a particle or a fit.
    window
        First and last time residual of direct pulses in ns, or the letter of a class: "A" (-15, 15), "B" (-15, 25),
        "C" (-15, 75), "D" (-15, 125), "E" (-15, 250).
    shape
        Of the track, see `cherenkov`.

    Returns
    -------
    pl.Expr
        Fields n_dir_strings, n_dir_doms, n_dir_pulses, q_dir_pulses (PE), the same for early and late; then
        dir_track_length (m, along the track from the first to the last sensor with direct pulses; NaN for fewer than
        two) and dir_track_hit_distribution_smoothness (-1 to 1, 0 for evenly spaced ones; NaN for fewer than three).
        A track of NaN has no pulses of any kind. Every field is null where the series or the track is.

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
    """Return first and last time residual (ns) of a window or of the class that it names."""
    if isinstance(window, str):
        if window not in DIRECT_WINDOWS:
            msg = f"`window` must be a pair of ns or one of {', '.join(DIRECT_WINDOWS)}; found {window!r}"
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
    """Return the members of I3TrackCharacteristicsValues, of the hit sensors close to a track.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    track
        Key with columns `.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`: a particle or a fit.
    cylinder_radius
        Largest distance to the track in m (IceTray's TrackCylinderRadius); `math.inf` for all sensors.
    shape
        Of the track, see `cherenkov`.

    Returns
    -------
    pl.Expr
        Fields avg_dom_dist_q_tot_dom (m, mean distance to the track, by charge), empty_hits_track_length (m, longest
        part of the track between two sensors), track_hits_separation_length (m, along the track from the centre of
        charge of the quarter of sensors hit first to that of the quarter hit last) and
        track_hits_distribution_smoothness (-1 to 1, 0 for evenly spaced ones). NaN for fewer than 1, 2, 4 and 3
        sensors. Every field is null where the series or the track is.
    """
    return on_track(_ALONG, pulses, track, shape, cylinder_radius=float(cylinder_radius))
