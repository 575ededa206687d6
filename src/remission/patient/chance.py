"""Chance without memory: every draw is a function of (seed, patient, purpose, index) and of nothing else.

The generator is Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). The key is the
64-bit seed; the counter is (patient low, patient high, purpose, index). Whatever the thread, the block or the order,
the same patient meets the same fate, and a new purpose never moves the draws of an old one.

Every draw but the gamma inside `births` is the quantile of one uniform number, so it rises with its parameters: when
two arms share their chance, the arm with more surviving cells never ends with fewer by luck alone.

Scalar functions are compiled and may be called from compiled code. ``seed`` is a 64-bit integer, ``patient`` lies in
0..2**48-1, ``purpose`` is the 32-bit number that `purpose` gives a name, ``index`` (a day, an attempt) lies in
0..2**32-1. Counts are returned as whole float64 numbers, since cells go beyond what is safe to add as integers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from numba import njit
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]: ...

    inlined = compiled
else:
    compiled = njit(error_model="numpy", cache=True)
    inlined = njit(error_model="numpy", cache=True, forceinline=True)

EXACT_BELOW = 1e3  # mean count up to which a draw is the exact quantile; above: normal quantile corrected for skewness

_WORD = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_20, _12, _48 = np.uint64(20), np.uint64(12), np.uint64(48)


def purpose(name: str) -> int:
    """The stable 32-bit number of a purpose (CRC-32 of its name)."""
    return crc32(name.encode("utf-8"))


@inlined
def philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Ten rounds of Philox4x32: four counter words and two key words (uint64 below 2**32) to four random words."""
    c0, c1, c2, c3 = np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3)
    k0, k1 = np.uint64(k0), np.uint64(k1)
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _WORD, (p0 >> _HALF) ^ c3 ^ k1, p0 & _WORD
        k0, k1 = (k0 + _W0) & _WORD, (k1 + _W1) & _WORD
    return c0, c1, c2, c3


@inlined
def _nth_uniform(seed, patient, purpose, index, nth):  # type: ignore[no-untyped-def]
    """The ``nth`` (0..65535) uniform of one draw; it counts in the upper 16 bits of the patient's high word."""
    s, p = np.uint64(seed), np.uint64(patient) | (np.uint64(nth) << _48)
    r0, r1, _, _ = philox(
        p & _WORD, p >> _HALF, np.uint64(purpose) & _WORD, np.uint64(index) & _WORD, s & _WORD, s >> _HALF
    )
    # 52 random bits and a last bit of one: the odd multiples of 2**-53, symmetric about 1/2, never 0 or 1
    return (np.float64((r0 << _20) | (r1 >> _12)) + 0.5) * 2.0**-52


@inlined
def uniform(seed, patient, purpose, index):  # type: ignore[no-untyped-def]
    """One uniform number in the open interval (0, 1), 53 bits."""
    return _nth_uniform(seed, patient, purpose, index, 0)


@compiled
def normal_quantile(u):  # type: ignore[no-untyped-def]
    """Inverse of the standard normal distribution function (Wichura 1988, AS 241, PPND16; relative error 1e-15)."""
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        top = 2509.0809287301226727
        top = top * r + 33430.575583588128105
        top = top * r + 67265.770927008700853
        top = top * r + 45921.953931549871457
        top = top * r + 13731.693765509461125
        top = top * r + 1971.5909503065514427
        top = top * r + 133.14166789178437745
        top = top * r + 3.387132872796366608
        low = 5226.495278852854561
        low = low * r + 28729.085735721942674
        low = low * r + 39307.89580009271061
        low = low * r + 21213.794301586595867
        low = low * r + 5394.1960214247511077
        low = low * r + 687.1870074920579083
        low = low * r + 42.313330701600911252
        low = low * r + 1.0
        return q * top / low
    r = math.sqrt(-math.log(u if q < 0.0 else 1.0 - u))
    if r <= 5.0:
        r -= 1.6
        top = 7.7454501427834140764e-4
        top = top * r + 0.0227238449892691845833
        top = top * r + 0.24178072517745061177
        top = top * r + 1.27045825245236838258
        top = top * r + 3.64784832476320460504
        top = top * r + 5.7694972214606914055
        top = top * r + 4.6303378461565452959
        top = top * r + 1.42343711074968357734
        low = 1.05075007164441684324e-9
        low = low * r + 5.475938084995344946e-4
        low = low * r + 0.0151986665636164571966
        low = low * r + 0.14810397642748007459
        low = low * r + 0.68976733498510000455
        low = low * r + 1.6763848301838038494
        low = low * r + 2.05319162663775882187
        low = low * r + 1.0
    else:
        r -= 5.0
        top = 2.01033439929228813265e-7
        top = top * r + 2.71155556874348757815e-5
        top = top * r + 0.0012426609473880784386
        top = top * r + 0.026532189526576123093
        top = top * r + 0.29656057182850489123
        top = top * r + 1.7848265399172913358
        top = top * r + 5.4637849111641143699
        top = top * r + 6.6579046435011037772
        low = 2.04426310338993978564e-15
        low = low * r + 1.4215117583164458887e-7
        low = low * r + 1.8463183175100546818e-5
        low = low * r + 7.868691311456132591e-4
        low = low * r + 0.0148753612908506148525
        low = low * r + 0.13692988092273580531
        low = low * r + 0.59983220655588793769
        low = low * r + 1.0
    return -top / low if q < 0.0 else top / low


@compiled
def normal(seed, patient, purpose, index):  # type: ignore[no-untyped-def]
    """One standard normal number (mean 0, standard deviation 1)."""
    return normal_quantile(uniform(seed, patient, purpose, index))


@compiled
def exponential(seed, patient, purpose, index):  # type: ignore[no-untyped-def]
    """One exponential number of mean 1."""
    return -math.log1p(-uniform(seed, patient, purpose, index))


@compiled
def _rounded_quantile(u, mean, sd, skewness_sd):  # type: ignore[no-untyped-def]
    """Whole-number quantile by the first Cornish-Fisher terms; ``skewness_sd`` = skewness x standard deviation."""
    z = normal_quantile(u)
    return max(0.0, math.floor(mean + sd * z + skewness_sd * (z * z - 1.0) / 6.0 + 0.5))


@compiled
def poisson_quantile(u, mean):  # type: ignore[no-untyped-def]
    """Smallest count whose Poisson distribution function reaches ``u``. Exact for a mean up to `EXACT_BELOW`."""
    if not mean > 0.0:
        return 0.0
    if mean > EXACT_BELOW:
        return _rounded_quantile(u, mean, math.sqrt(mean), 1.0)
    k = max(0.0, math.floor(mean - 9.0 * math.sqrt(mean)))  # less than 1e-17 lies below
    last = mean + 12.0 * math.sqrt(mean) + 40.0
    mass = math.exp(k * math.log(mean) - mean - math.lgamma(k + 1.0))
    reached = mass
    while reached < u and k < last:
        k += 1.0
        mass *= mean / k
        reached += mass
    return k


@compiled
def poisson(seed, patient, purpose, index, mean):  # type: ignore[no-untyped-def]
    """A Poisson count of the given mean (normal approximation above `EXACT_BELOW`)."""
    return poisson_quantile(uniform(seed, patient, purpose, index), mean)


@compiled
def _log_choices(n, k):  # type: ignore[no-untyped-def]
    """log(n! / (n-k)!) without cancellation for large n (difference of two Stirling series)."""
    if n < 1e3:
        return math.lgamma(n + 1.0) - math.lgamma(n - k + 1.0)
    m = n - k
    tail = 1.0 / (12.0 * n) - 1.0 / (12.0 * m) - 1.0 / (360.0 * n**3) + 1.0 / (360.0 * m**3)
    return k * math.log(n) - (m + 0.5) * math.log1p(-k / n) - k + tail


@compiled
def binomial_quantile(u, n, p):  # type: ignore[no-untyped-def]
    """Smallest count whose binomial distribution function reaches ``u``.

    Exact while the expected number of the rarer outcome is at most `EXACT_BELOW`. ``n`` is rounded down.
    """
    n = math.floor(n)
    if n <= 0.0 or p <= 0.0:
        return 0.0
    if p >= 1.0:
        return n
    if u <= 1.0 - n * p:  # (1 - p)^n is no less (Bernoulli): nothing happens, as most often where p is small
        return 0.0
    if p > 0.5:
        return n - binomial_rare(1.0 - u, n, 1.0 - p)
    return binomial_rare(u, n, p)


@compiled
def binomial_rare(u, n, p):  # type: ignore[no-untyped-def]
    """`binomial_quantile` for 0 < p <= 1/2 and whole n >= 1."""
    mean, sd = n * p, math.sqrt(n * p * (1.0 - p))
    if mean > EXACT_BELOW:
        return min(n, _rounded_quantile(u, mean, sd, 1.0 - 2.0 * p))
    k = max(0.0, math.floor(mean - 9.0 * math.sqrt(mean)))
    last = min(n, mean + 12.0 * sd + 40.0)
    odds = p / (1.0 - p)
    mass = math.exp(_log_choices(n, k) - math.lgamma(k + 1.0) + k * math.log(p) + (n - k) * math.log1p(-p))
    reached = mass
    while reached < u and k < last:
        k += 1.0
        mass *= (n - k + 1.0) / k * odds
        reached += mass
    return k


@compiled
def binomial(seed, patient, purpose, index, n, p):  # type: ignore[no-untyped-def]
    """How many of ``n`` happen, each with probability ``p`` (normal approximation above `EXACT_BELOW`)."""
    return binomial_quantile(uniform(seed, patient, purpose, index), n, p)


@compiled
def _gamma(seed, patient, purpose, index, nth, shape):  # type: ignore[no-untyped-def]
    """A gamma number of scale 1 and shape >= 1 (Marsaglia and Tsang 2000), drawing from ``nth`` on."""
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    for attempt in range(1000):
        x = normal_quantile(_nth_uniform(seed, patient, purpose, index, nth + 2 * attempt))
        v = (1.0 + c * x) ** 3
        u = _nth_uniform(seed, patient, purpose, index, nth + 2 * attempt + 1)
        if v > 0.0 and math.log(u) < 0.5 * x * x + d * (1.0 - v + math.log(v)):
            return d * v
    return shape  # not reached: each attempt is accepted with probability above 0.95


@compiled
def _births_from(seed, patient, purpose, index, nth, m, p):  # type: ignore[no-untyped-def]
    m = math.floor(m)
    if m <= 0.0 or p >= 1.0:
        return max(m, 0.0)
    u = _nth_uniform(seed, patient, purpose, index, nth)
    if m == 1.0:
        return max(1.0, math.ceil(math.log1p(-u) / math.log1p(-p)))
    mean = m * (1.0 - p) / p
    if mean > 0.5 * EXACT_BELOW:  # exact mixture: the number born is Poisson with a gamma-distributed mean
        return m + poisson_quantile(u, _gamma(seed, patient, purpose, index, nth + 1, m) * (1.0 - p) / p)
    k = 0.0
    last = mean + 40.0 * (math.sqrt(mean / p) + 1.0 / p)
    mass = math.exp(m * math.log(p))
    reached = mass
    while reached < u and k < last:
        k += 1.0
        mass *= (m + k - 1.0) / k * (1.0 - p)
        reached += mass
    return m + k


@compiled
def negative_binomial_births(seed, patient, purpose, index, m, p):  # type: ignore[no-untyped-def]
    """Cells that ``m`` surviving lineages have become: a sum of m geometric numbers, each 1 or more, of mean 1/p.

    Quantile of one uniform where 500 or fewer births are expected, an exact gamma-Poisson mixture above.
    """
    return _births_from(seed, patient, purpose, index, 0, m, p)


@compiled
def birth_death(seed, patient, purpose, index, cells, birth_per_day, death_per_day, days):  # type: ignore[no-untyped-def]
    """Cells alive after ``days`` of a linear birth-death process that starts with ``cells`` (Kendall 1948).

    With x = (exp(g t) - 1) / g and g = birth - death, a lineage survives with probability exp(g t) / (1 + b x), and a
    surviving lineage has a geometric number of cells with success probability 1 / (1 + b x).
    """
    if days <= 0.0:
        return math.floor(cells)
    gt = (birth_per_day - death_per_day) * days
    x = days * (math.expm1(gt) / gt if gt != 0.0 else 1.0)
    p = 1.0 / (1.0 + birth_per_day * x)
    alive = binomial_quantile(_nth_uniform(seed, patient, purpose, index, 0), cells, min(1.0, math.exp(gt) * p))
    return _births_from(seed, patient, purpose, index, 1, alive, p)


@compiled
def _fill_uniform(seed, patients, purpose, index, out):  # type: ignore[no-untyped-def]
    for i in range(patients.size):
        out[i] = uniform(seed, patients[i], purpose, index[i])


@compiled
def _fill_normal(seed, patients, purpose, index, out):  # type: ignore[no-untyped-def]
    for i in range(patients.size):
        out[i] = normal(seed, patients[i], purpose, index[i])


def _filled(fill: Any, seed: int, patients: Any, purpose: int, index: Any) -> NDArray[np.float64]:
    numbers = np.ascontiguousarray(patients, dtype=np.int64)
    indices = np.ascontiguousarray(np.broadcast_to(np.asarray(index, dtype=np.int64), numbers.shape))
    out = np.empty(numbers.shape)
    fill(np.uint64(seed & 0xFFFFFFFFFFFFFFFF), numbers, np.uint64(purpose), indices, out)
    return out


def uniforms(
    seed: int, patients: NDArray[np.int64], purpose: int, index: int | NDArray[np.int64] = 0
) -> NDArray[np.float64]:
    """`uniform` for many patients, shape (N,); ``index`` is one number or one per patient."""
    return _filled(_fill_uniform, seed, patients, purpose, index)


def normals(
    seed: int, patients: NDArray[np.int64], purpose: int, index: int | NDArray[np.int64] = 0
) -> NDArray[np.float64]:
    """`normal` for many patients, shape (N,); ``index`` is one number or one per patient."""
    return _filled(_fill_normal, seed, patients, purpose, index)
