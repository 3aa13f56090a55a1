"""Random numbers of pseudo-experiments: a stream for each trial, the same on any number of threads.

Philox4x32-10 (Salmon et al., SC 2011, doi:10.1145/2063384.2063405) turns a counter into random bits: the seed is its
key, the number of the trial and the position in its stream are the counter.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept
from icecol.stats.gamma_poisson import stirling

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

MULTIPLY_0, MULTIPLY_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL_0, WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
LOW, HALF, KEPT = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(11)
ONE = np.uint64(1)

FEW = 20.0
"""Up to this mean, a Poisson number is found by adding up probabilities."""


@kept(error_model="numpy")
def philox(counter: Words, key_0: Any, key_1: Any) -> tuple[Any, Any, Any, Any]:
    """Return four random words of 32 bits from a counter of four and a key of two."""
    a, b, c, d = counter[0], counter[1], counter[2], counter[3]
    for _ in range(10):
        first, second = MULTIPLY_0 * a, MULTIPLY_1 * c
        a, b, c, d = (second >> HALF) ^ b ^ key_0, second & LOW, (first >> HALF) ^ d ^ key_1, first & LOW
        key_0, key_1 = (key_0 + WEYL_0) & LOW, (key_1 + WEYL_1) & LOW
    return a, b, c, d


@kept(error_model="numpy")
def start(stream: Words, seed: int, trial: int) -> None:
    """Begin the stream of a trial: words 0 to 3 are the counter, 4 and 5 the key, 6 and 7 a number kept for later."""
    stream[0] = np.uint64(0)
    stream[1] = np.uint64(0)
    stream[2] = np.uint64(trial) & LOW
    stream[3] = np.uint64(trial) >> HALF
    stream[4] = np.uint64(seed) & LOW
    stream[5] = np.uint64(seed) >> HALF
    stream[7] = np.uint64(0)


@kept(error_model="numpy")
def uniform(stream: Words) -> float:
    """Return the next number of a stream, between 0 and 1, and neither of them."""
    if stream[7] == ONE:
        stream[7] = np.uint64(0)
        bits = stream[6]
    else:
        a, b, c, d = philox(stream, stream[4], stream[5])
        stream[0] += ONE
        stream[6] = (c << HALF) | d
        stream[7] = ONE
        bits = (a << HALF) | b
    return (float(bits >> KEPT) + 0.5) * 2.0**-53


@kept(error_model="numpy")
def normal(stream: Words) -> float:
    """Return a standard normal number (Box and Muller)."""
    return math.sqrt(-2.0 * math.log(uniform(stream))) * math.cos(2.0 * math.pi * uniform(stream))


@kept(error_model="numpy")
def poisson(stream: Words, mean: float) -> float:
    """Return a Poisson number, by its probabilities or by Hörmann's transformed rejection (PTRS, 1993)."""
    if mean <= 0.0:
        return 0.0
    if mean < FEW:
        left = uniform(stream)
        p = math.exp(-mean)
        n = 0.0
        while left > p and n < 200.0:
            left -= p
            n += 1.0
            p *= mean / n
        return n
    log_mean, b = math.log(mean), 0.931 + 2.53 * math.sqrt(mean)
    a, inverse_alpha = -0.059 + 0.02483 * b, 1.1239 + 1.1328 / (b - 3.4)
    enough = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u, v = uniform(stream) - 0.5, uniform(stream)
        us = 0.5 - abs(u)
        n = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= enough:
            return n
        if n < 0.0 or (us < 0.013 and v > us):
            continue
        if math.log(v * inverse_alpha / (a / (us * us) + b)) <= n * log_mean - mean - log_factorial(n):
            return n


@kept(error_model="numpy")
def log_factorial(n: float) -> float:
    """Return ln n!."""
    x = n + 1.0
    if x < 10.0:
        return math.lgamma(x)
    return (x - 0.5) * math.log(x) - x + 0.9189385332046727 + stirling(x)


@kept(error_model="numpy")
def counts(seed: int, trial: int, expected: Floats) -> Floats:
    """Return the counts of all bins in one pseudo-experiment, the first numbers of its stream."""
    stream = np.empty(8, np.uint64)
    start(stream, seed, trial)
    out = np.empty(expected.size)
    for i in range(expected.size):
        out[i] = poisson(stream, expected[i])
    return out
