"""What the credibility page says beside its numbers (data/credibility.yaml)."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .loader import load


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Context(_Strict):
    """A use: the question, how much the model weighs in its answer, what a wrong one costs, what is asked of it."""

    name: str
    question: str
    influence: str
    consequence: str
    asked: str
    verdict: str


class Factor(_Strict):
    """One factor of credibility; ``done`` and ``gap`` hold {names} of numbers."""

    group: str
    name: str
    done: str
    gap: str


class Blind(_Strict):
    """A round of ``trials`` that were entered on a day, all to be foretold, by someone who took no part in the model,
    while nobody who did had seen a result of them: before the commit that follows ``after`` nothing of them was in the
    repository. ``first``: what their first play gave, once a later round is entered and they are ordinary trials.
    """

    on: date
    after: str
    trials: tuple[str, ...]
    first: str | None = None

    def says(self, trials: int) -> str:
        """Of so many of them, when they are counted apart."""
        return (
            f"{trials} trials that were entered on {self.on.isoformat()} before they were ever played and of which no "
            "modeller had looked at a result"
        )


class Credibility(_Strict):
    """``looked_at``: trials whose predicted results were in view while mechanisms were chosen; ``unseen``: those that
    were added and divided before anybody had played them; ``blind``: rounds of those whose published results no
    modeller knew either until they were first played, the newest last. ``misses``: why the endpoints of a trial,
    or the incidences of a side effect, that lie outside do so; ``misses_of``: of which validation these texts are, when
    it is not the last."""

    contexts: tuple[Context, ...]
    factors: tuple[Factor, ...]
    looked_at: tuple[str, ...]
    unseen: tuple[str, ...]
    blind: Annotated[tuple[Blind, ...], Field(min_length=1)]
    misses: dict[str, str]
    misses_of: str | None = None

    @property
    def present(self) -> Blind | None:
        """The blind round that is counted apart; none while the newest is over and no other is entered."""
        return None if self.blind[-1].first else self.blind[-1]

    @model_validator(mode="after")
    def _rounds_that_are_over_say_what_they_gave(self) -> Credibility:
        if silent := [round_.on.isoformat() for round_ in self.blind[:-1] if not round_.first]:
            raise ValueError(f"the blind round of {silent[0]} is over, and does not say what its `first` play gave")
        return self


@lru_cache(maxsize=1)
def credibility() -> Credibility:
    """The file that is shipped."""
    return load(Path(__file__).parent / "data" / "credibility.yaml", Credibility)
