"""Risk groups: what `risk group is high` and `genetics is favourable` mean, by the file of a study group.

A protocol names the file (``risk groups: cog-b-all``); while it is read, the file's words are those in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from .logic import possible
from .model import And, Condition, Not, Or, Place, Provenance


@dataclass(frozen=True)
class Groups:
    """``genetics`` and ``groups``: word -> condition, in an order in which the first that is true counts; None (written
    ``otherwise``): whoever is in none of those before."""

    id: str
    name: str
    plain: str
    sources: tuple[str, ...]
    genetics: dict[str, Condition | None] = field(hash=False)
    groups: dict[str, Condition | None] = field(hash=False)
    said: tuple[tuple[str, Provenance], ...] = ()  # provenance by the word
    open: tuple[str, ...] = ()
    file: str = field(default="", compare=False)
    places: dict[str, Place] = field(default_factory=dict, compare=False)

    def meanings(self, name: str) -> dict[str, Condition]:
        """What each word of ``genetics`` or ``risk group`` means by itself."""
        made: dict[str, Condition] = {}
        before: list[Condition] = []
        for word, condition in (self.genetics if name == "genetics" else self.groups).items():
            near = [one for one in before if condition is None or possible(And((one, condition)))]
            others = [Not(near[0] if len(near) == 1 else Or(tuple(near)))] if near else []
            parts = [*([condition] if condition is not None else []), *others]
            made[word] = parts[0] if len(parts) == 1 else And(tuple(parts))
            before += [condition] if condition is not None else []
        return made


_USED: ContextVar[Groups | None] = ContextVar("risk groups", default=None)


def groups_in_use() -> Groups | None:
    """The risk groups of the file that is being read."""
    return _USED.get()


@contextmanager
def grouped(groups: Groups | None) -> Iterator[None]:
    """Sentences that are read inside use these words."""
    token = _USED.set(groups)
    try:
        yield
    finally:
        _USED.reset(token)
