"""Read everything that a start may ask of the shipped knowledge, and keep it: ``python -m remission.trial.keep``.

A quarter of a minute, once, when the package is set up (knowledge/kept.py)."""

from __future__ import annotations

import sys

from remission.knowledge import kept
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, using
from remission.patient import growth, recipe
from remission.protocol.reader import read_protocol
from remission.protocol.variant import USUAL, variant

from .sources import of_agent, of_body


def keep() -> None:
    """Write `kept.FILE`."""
    shelf = Library()
    shelf.keep = {}
    with using(shelf):
        shelf.all_names()
        shelf.sources()
        shelf.side_effects(computed=False)
        shelf.side_effects_with_causes()
        for read, names in (
            (shelf.agent, shelf.agents()), (shelf.body, shelf.bodies()), (shelf.pharmacy, ("rounding",)),
            (shelf.side_effect, shelf.side_effects()), (shelf.symptom, shelf.symptoms()),
            (shelf.trial, shelf.trials()), (recipe.population, shelf.populations()),
            (growth.reference, shelf.growths()), (read_protocol, shelf.protocols()),
            (lambda name: variant(name, after_relapse=USUAL), shelf.protocols()),
            (lambda name: of_agent(shelf, name), shelf.agents()), (lambda name: of_body(shelf, name), shelf.bodies()),
        ):  # fmt: skip
            for name in names:
                read(name)
    kept.write(shelf.keep)


if __name__ == "__main__":
    try:
        keep()
    except BadInput as error:  # nothing is kept, and whoever plays what it is about is told
        print(f"{error} The shipped knowledge is read anew at each start.", file=sys.stderr)
