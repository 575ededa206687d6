"""Named tuples of many arrays as three flat arrays: Numba takes longer to open sixty parts than to work on them.

`pack` gives the flat arrays and the same tuple whose arrays are views of them; `unpacker` the compiled function that
makes the tuple again inside compiled code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba import njit


def _leaves(value: Any, path: str = "p") -> Iterator[tuple[str, Any]]:
    if hasattr(value, "_fields"):
        for name in value._fields:
            yield from _leaves(getattr(value, name), f"{path}.{name}")
    else:
        yield path, value


def _rebuilt(value: Any, leaves: Iterator[Any]) -> Any:
    if hasattr(value, "_fields"):
        return type(value)(*[_rebuilt(part, leaves) for part in value])
    return next(leaves)


def _is_real(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def pack(value: Any) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], Any]:
    """((where, reals, whole numbers), the tuple with views); where: offset and shape of each leaf."""
    leaves = [leaf for _, leaf in _leaves(value)]
    where = np.zeros((len(leaves), 4), dtype=np.int64)
    flat: dict[bool, list[Any]] = {True: [], False: []}
    for i, leaf in enumerate(leaves):
        own = flat[_is_real(leaf)]
        where[i, 0] = len(own)
        where[i, 1 : 1 + np.ndim(leaf)] = np.shape(leaf)
        own += np.asarray(leaf).ravel().tolist()
    reals, wholes = np.array(flat[True]), np.array(flat[False], dtype=np.int64)

    def view(leaf: Any, offset: int) -> Any:
        if np.ndim(leaf) == 0:
            return leaf
        source = reals if _is_real(leaf) else wholes
        return source[offset : offset + leaf.size].reshape(leaf.shape)

    views = [view(leaf, int(row[0])) for leaf, row in zip(leaves, where, strict=True)]
    return (where, reals, wholes), _rebuilt(value, iter(views))


def unpacker(value: Any) -> Callable[..., Any]:
    """The compiled function (where, reals, whole numbers) -> the tuple, for all tuples of the same kinds of parts."""
    parts = []
    for i, (_, leaf) in enumerate(_leaves(value)):
        source, dimensions = ("reals" if _is_real(leaf) else "wholes"), np.ndim(leaf)
        if dimensions == 0:
            parts.append(f"{source}[where[{i}, 0]]" + (" != 0" if isinstance(leaf, bool) else ""))
            continue
        size = " * ".join(f"where[{i}, {1 + d}]" for d in range(dimensions))
        shape = ", ".join(f"where[{i}, {1 + d}]" for d in range(dimensions))
        parts.append(f"{source}[where[{i}, 0] : where[{i}, 0] + {size}].reshape(({shape},))")
    known = {type(value).__name__: type(value)}

    def written(part: Any, leaves: Iterator[str]) -> str:
        if not hasattr(part, "_fields"):
            return next(leaves)
        known[type(part).__name__] = type(part)
        return f"{type(part).__name__}({', '.join(written(x, leaves) for x in part)})"

    exec(f"def unpack(where, reals, wholes):\n    return {written(value, iter(parts))}", known)
    return njit(known["unpack"])  # type: ignore[no-any-return]
