"""What a calibration leaves: a sample of the numbers that it moved, as plausible together, beside the knowledge files.

Written by ``remission calibrate --apply``, read by whatever is asked for ``--uncertainty``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .errors import BadInput
from .library import Library, library, using
from .loader import Fault, FaultyNode, load
from .places import Place, laid_over, number, place, written

FILE = "posterior.yaml"


class Posterior(BaseModel):
    """``draws``: rows of numbers in the order of ``places``; ``fitted``: those that the files hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    plan: str
    date: str
    seeds: tuple[int, ...]
    places: tuple[str, ...] = Field(min_length=1)
    fitted: tuple[float, ...]
    draws: tuple[tuple[float, ...], ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _fits(self) -> Posterior:
        for key, rows in (("fitted", (self.fitted,)), ("draws", self.draws)):
            for i, row in enumerate(rows):
                if len(row) != len(self.places):
                    where = (key,) if key == "fitted" else (key, i)
                    raise FaultyNode(Fault(where, f"{len(row)} numbers for {len(self.places)} places", "Fit it anew"))
        return self

    def numbers(self, draw: int) -> dict[Place, float]:
        """What stands where in one draw."""
        return dict(zip(map(place, self.places), self.draws[draw], strict=True))

    def text(self) -> str:
        rows = "".join(f"  - [{', '.join(map(written, row))}]\n" for row in self.draws)
        places = "".join(f"  - '{text}'\n" for text in self.places)
        fitted = ", ".join(map(written, self.fitted))
        seeds = ", ".join(map(str, self.seeds))
        return (
            "# Written by `remission calibrate --apply`: numbers that are plausible together, a draw a row.\n"
            f"plan: {self.plan}\ndate: '{self.date}'\nseeds: [{seeds}]\nplaces:\n{places}"
            f"fitted: [{fitted}]\ndraws:\n{rows}"
        )


def posterior(shelf: Library | None = None) -> Posterior:
    """The sample of the library; raises `BadInput` when there is none, or when a number was changed since."""
    shelf = shelf or library()
    path = next((folder / FILE for folder in shelf.folders if (folder / FILE).is_file()), None)
    if path is None:
        remedy = "Run: remission calibrate PLAN --apply"
        raise BadInput("no calibration has left a sample of its numbers", remedy=remedy)
    found = load(path, Posterior)
    for i, (text, value) in enumerate(zip(found.places, found.fitted, strict=True)):
        there = number(place(text), shelf)
        if written(there) != written(value):
            what = f"'{text}' is {there:g} in its file, not {value:g} as fitted"
            raise BadInput(what, path, remedy=f"Calibrate anew (number {i + 1} of the sample is stale)")
    return found


@contextmanager
def drawn(draw: int, sample: Posterior, shelf: Library | None = None) -> Iterator[Library]:
    """Within, the library in use holds the numbers of one draw (counted from 0; beyond the last they begin again)."""
    with TemporaryDirectory() as folder:
        over = laid_over(sample.numbers(draw % len(sample.draws)), Path(folder), shelf)
        with using(over):
            yield over
