"""Results in words, as a physicist writes them."""

from __future__ import annotations

import math

from icecol.stats.p_values import significance


def sentence(
    observed: float,
    expected: float,
    p: float,
    *,
    error: float | tuple[float, float] | None = None,
    of: str = "expected",
    note: str = "",
) -> str:
    """Return a result in words: events seen, events expected, how likely that is, and by which convention.

    Parameters
    ----------
    observed
        Number of events.
    expected
        Expected number.
    p
        One-sided p-value.
    error
        Error of the expectation, or how far it may be up and down.
    of
        What the expectation is of.
    note
        What is put in brackets at the end.

    Examples
    --------
    >>> from icecol import stats
    >>> stats.sentence(28, 10.6, 6.518e-6, error=(5.0, 3.6))
    '28 observed, 10.6 +5.0 -3.6 expected, p = 6.5e-06, 4.4 sigma one-sided'
    """
    return _sentence(observed, expected, probability(p), float(significance(p)), error, of, note)


def _sentence(
    observed: float,
    expected: float,
    p: str,
    z: float,
    error: float | tuple[float, float] | None,
    of: str,
    note: str,
) -> str:
    spread = ""
    if isinstance(error, tuple):
        spread = f" +{error[0]:.1f} -{error[1]:.1f}" if error[0] != error[1] else f" ± {error[0]:.1f}"
    elif error is not None:
        spread = f" ± {error:.1f}"
    sigmas = f"{'more than ' if p.startswith('p <') else ''}{z:.1f} sigma one-sided"
    return f"{observed:g} observed, {expected:.1f}{spread} {of}, {p}, {sigmas}{f' ({note})' if note else ''}"


def probability(p: float) -> str:
    """Return a p-value in words."""
    return f"p = {p:.2g}" if p >= 0.01 else f"p = {p:.1e}"


def sampled(p: float, low: float, high: float, n: int) -> str:
    """Return a p-value from n pseudo-experiments in words: with its interval, or a bound where none reached it."""
    if p == 0:
        return f"p < {-math.log(0.1) / n:.1e} at 90 %"
    power = math.floor(math.log10(p))
    scale = 10.0**power if power < -2 else 1.0
    ending = f"e{power:03d}" if power < -2 else ""
    digits = max(1, 1 - math.floor(math.log10(max(high - low, 1e-300) / scale)))
    figures = "{:.{d}f} +{:.{d}f} -{:.{d}f}".format(
        p / scale, (high - p) / scale, (p - low) / scale, d=digits
    )
    return f"p = ({figures}){ending}" if ending else f"p = {figures}"
