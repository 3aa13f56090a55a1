"""Predecessors of the direct-hit variables: `i3cuts`."""

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
    """Return the variables of IceTray's I3Cuts, the predecessor of `direct_hits` and `track_characteristics`.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it are ignored.
    track
        Key of a particle or fit, of which the columns `.x`, `.y`, `.z`, `.time`, `.zenith` and `.azimuth` are read.
    window
        Time residuals (ns) between which a pulse is direct, both excluded, or the letter of a class as in
        `direct_hits`.
    shape
        Shape of the track, as in `cherenkov`; "Cascade" for what I3Cuts calls cascade cuts.

    Returns
    -------
    pl.Expr
        Fields Nchan, Nhit, N_1hit, Nstring: hit DOMs, pulses, DOMs with exactly one pulse, strings; Nearly, Ndir,
        Nlate: pulses before, in and after the window; Ldir (m, along the track from the first to the last direct pulse,
        0 for one pulse); Sdir and Sall: smoothness of the direct pulses and of all pulses along the track (-1 to 1, 0
        for evenly spaced pulses). These three are null for fewer than one, three and three pulses. cog_x, cog_y, cog_z
        (m): centre of gravity of the charge, 0 without charge. All fields are null where the series or the track is
        null.

    Raises
    ------
    ValueError
        The window or the shape is not valid.

    Examples
    --------
    >>> from icecol import Geometry
    >>> g = Geometry.from_columns({"string": [1], "om": [1], "x": [30.0], "y": [0.0], "z": [0.0]})
    >>> track = {"L.x": 0.0, "L.y": 0.0, "L.z": 0.0, "L.time": 0.0, "L.zenith": 0.0, "L.azimuth": 0.0}
    >>> pulses = {"P.time": [[91.8, 150.0]], "P.charge": [[1.0, 1.5]], "P.omkey": [[65792, 65792]]}
    >>> cuts = i3cuts(Pulses("P", g), track="L").struct.unnest()
    >>> pl.DataFrame({**pulses, **track}).select(cuts).select("Nchan", "Nhit", "Ndir", "Nlate", "cog_x").row(
    ...     0
    ... )
    (1, 2, 1, 1, 30.0)
    """
    begin, end = direct_window(window)
    return on_track(_CUTS, pulses, track, shape, begin=begin, end=end)
