"""Stochastic energy losses of a muon along its track: bremsstrahlung, pair production, photonuclear losses.

Per metre of ice there are dN/dv losses of a fraction v of the energy:

    bremsstrahlung   0.35 b (4/3 (1 - v) + v^2) / v
    pair production  0.52 b w (1 + w) / (v (v + w)^2),  w = 2 m_e / m_mu
    photonuclear     0.13 b / v

Each integrates with v to its part of the mean relative loss b, which does not depend on the energy. The first is
bremsstrahlung with complete screening; the second has the shape of pair production, 1/v at small v and 1/v^3 at large
ones, with the transition at w; the third is rough. A muon keeps its energy, which is that at the detector: a loss does
not reduce the light behind it. Losses emit light as cascades, which give some 10 % less light at 20 to 50 m than they
contribute to the mean light of a muon.

References
----------
Groom, Mokhov and Striganov, At. Data Nucl. Data Tables 78 (2001) 183: the parts of b.
Chirkin and Rhode, hep-ph/0407075: b in ice.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept

F64 = npt.NDArray[np.float64]

relative_loss: Final = 0.363e-3 * 0.917
"""Mean relative energy loss b in 1/m: 0.363e-3 per m of water, times the density of ice."""

bremsstrahlung, pairs, photonuclear = 0.35, 0.52, 0.13

smallest: Final = 1e-3
"""Losses of a smaller fraction of the energy are spread along the track."""

half_length: Final = 1200.0
"""Losses are drawn up to this many m before and behind the point of the track closest to the detector's centre."""

_turn: Final = 2 * 0.51099895 / 105.6583755


def spectrum(v: F64) -> F64:
    """Return dN/dv per metre of ice.

    Examples
    --------
    >>> import numpy as np
    >>> v = np.geomspace(1e-9, 1, 100_001)
    >>> bool(abs(np.trapezoid(v * spectrum(v), v) / relative_loss - 1) < 1e-3)
    True
    """
    shape = bremsstrahlung * (4 / 3 * (1 - v) + v * v) / v
    shape += pairs * _turn * (1 + _turn) / (v * (v + _turn) ** 2)
    shape += photonuclear / v
    return np.asarray(relative_loss * shape)


def _tables() -> tuple[F64, float, float]:
    """Return log10 v at equal steps of the number of losses below v, and their rate and fraction of the mean loss."""
    u = np.linspace(np.log10(smallest), 0, 2001)
    v = 10**u
    number = spectrum(v) * v * np.log(10)
    sums = np.concatenate([[0], np.cumsum((number[1:] + number[:-1]) / 2) * (u[1] - u[0])])
    lost = float(np.trapezoid(number * v, u))
    return np.interp(np.linspace(0, sums[-1], 2**14 + 1), sums, u), float(sums[-1]), lost / relative_loss


_log_share, rate, discrete = _tables()
"""`rate` is the number of losses per metre, `discrete` their fraction of the mean loss and its light."""


@kept(error_model="numpy")
def share(u: float) -> float:
    """Return the fraction of the energy below which a fraction `u` of all losses lies."""
    place = u * (_log_share.size - 1)
    i = min(int(place), _log_share.size - 2)
    return float(10 ** (_log_share[i] + (place - i) * (_log_share[i + 1] - _log_share[i])))
