"""Chance without memory: every draw is a function of (seed, patient, purpose, index) and of nothing else.

The generator is Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). The key is the
64-bit seed; the counter is (patient low, patient high, purpose, index). Whatever the thread, the block or the order,
the same patient meets the same fate, and a new purpose never moves the draws of an old one.

Every draw but the gamma inside `births` is the quantile of one uniform number, so it rises with its parameters: when
two arms share their chance, the arm with more surviving cells never ends with fewer by luck alone.

The draws are compiled (engine/core/chance.hpp). ``seed`` is a 64-bit integer, ``patient`` lies in
0..2**48-1, ``purpose`` is the 32-bit number that `purpose` gives a name, ``index`` (a day, an attempt) lies in
0..2**32-1. Counts are returned as whole float64 numbers, since cells go beyond what is safe to add as integers.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from remission.compiled import core

uniform = core.chance.uniform  # (seed, patient, purpose, index): one number in the open interval (0, 1), 53 bits
normal = core.chance.normal
exponential = core.chance.exponential
poisson = core.chance.poisson  # (seed, patient, purpose, index, mean)
binomial = core.chance.binomial  # (seed, patient, purpose, index, n, p)
negative_binomial_births = core.chance.negative_binomial_births
birth_death = core.chance.birth_death  # (seed, patient, purpose, index, cells, birth, death per day, days)
normal_quantile = core.chance.normal_quantile
poisson_quantile = core.chance.poisson_quantile
binomial_quantile = core.chance.binomial_quantile
philox = core.chance.philox
EXACT_BELOW: float = core.chance.EXACT_BELOW  # mean up to which a draw is the exact quantile
_WORD = 0xFFFFFFFFFFFFFFFF  # a seed is taken modulo 2^64


def purpose(name: str) -> int:
    """The stable 32-bit number of a purpose (CRC-32 of its name)."""
    return crc32(name.encode("utf-8"))


def _as_numbers(patients: NDArray[np.int64], index: int | NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    numbers = np.ascontiguousarray(patients, dtype=np.int64)
    return numbers, np.ascontiguousarray(np.broadcast_to(np.asarray(index, dtype=np.int64), numbers.shape))


def uniforms(
    seed: int, patients: NDArray[np.int64], purpose: int, index: int | NDArray[np.int64] = 0
) -> NDArray[np.float64]:
    """`uniform` for many patients, shape (N,); ``index`` is one number or one per patient."""
    numbers, indices = _as_numbers(patients, index)
    out: NDArray[np.float64] = core.chance.uniforms(seed & _WORD, numbers, purpose, indices)
    return out


def normals(
    seed: int, patients: NDArray[np.int64], purpose: int, index: int | NDArray[np.int64] = 0
) -> NDArray[np.float64]:
    """`normal` for many patients, shape (N,); ``index`` is one number or one per patient."""
    numbers, indices = _as_numbers(patients, index)
    out: NDArray[np.float64] = core.chance.normals(seed & _WORD, numbers, purpose, indices)
    return out
