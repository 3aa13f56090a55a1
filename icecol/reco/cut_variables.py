"""The older counts of direct hits: `i3cuts`."""

from __future__ import annotations

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.reco.decorator import Kernel
from icecol.reco.feature import feature
from icecol.reco.hit_variables import direct_window
from icecol.reco.kernels import i3cuts as kernels
from icecol.reco.reference import Reference
from icecol.reco.tracks import TRACK, on_track

_CUTS = Kernel(
    kernels.i3cuts,
    {
        **dict.fromkeys(("Nchan", "Nhit", "N_1hit", "Nstring", "Nearly", "Ndir", "Nlate"), pl.Int32),
        **dict.fromkeys(("Ldir", "Sdir", "Sall", "cog_x", "cog_y", "cog_z"), pl.Float64),
    },
    events=TRACK,
)


@feature
def i3cuts(
    pulses: Pulses,
    *,
    track: Reference,
    window: str | tuple[float, float] = (-15.0, 25.0),
    shape: str = "InfiniteTrack",
) -> pl.Expr:
    """Return what IceTray's I3Cuts counts; `direct_hits` and `track_characteristics` are its successors.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out.
    track
        Key with columns `.x`, `.y`, `.z`, `.time`, `.zenith`, `.azimuth`: a particle or a fit.
    window
        Time residuals in ns between which a pulse is direct, both excluded, or the letter of a class as in
        `direct_hits`.
    shape
        Of the track, see `cherenkov`; "Cascade" for what I3Cuts calls cascade cuts.

    Returns
    -------
    pl.Expr
        Fields Nchan, Nhit, N_1hit, Nstring: sensors, pulses, sensors with one pulse, strings; Nearly, Ndir, Nlate:
        pulses before, in and after the window; Ldir (m, along the track from the first to the last direct pulse, 0
        for one); Sdir and Sall, smoothness of the direct and of all pulses along the track (-1 to 1, 0 for evenly
        spaced ones). NaN for too few: one, three and three pulses. cog_x, cog_y, cog_z (m): the mean place of the
        pulses, weighted with charge, 0 without charge. Every field is null where the series or the track is.
    """
    begin, end = direct_window(window)
    return on_track(_CUTS, pulses, track, shape, begin=begin, end=end)
