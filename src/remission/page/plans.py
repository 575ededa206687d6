"""The treatment plans in groups, by whom they are for: as a family looks for its own."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from remission.knowledge.library import Library, library, using
from remission.patient import recipe
from remission.protocol.reader import read_protocol
from remission.trial.run import POPULATION

from . import who
from .language import _
from .svg.colours import phase_kind

Group = Literal["children", "adults", "philadelphia", "again-children", "again-adults", "transplant"]
Plans = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # name of the group; id and name of each of its plans
FIRST = "cog-standard-risk"  # the treatment that forms offer
PHILADELPHIA = "BCR::ABL1"
GROWN = 15  # years: plans from this age on are those of adults


def plans(knowledge: Library) -> Plans:
    """Every protocol of the library in its group; in each the one that forms offer first, then by name."""
    called = {
        "children": _("First treatment: children and young people"),
        "adults": _("First treatment: adults"),
        "philadelphia": _("First treatment, with the Philadelphia chromosome"),
        "again-children": _("After a relapse: children and young people"),
        "again-adults": _("After a relapse: adults"),
        "transplant": _("Transplant"),
    }
    found: dict[Group, list[tuple[str, str]]] = {group: [] for group in called}  # type: ignore[misc]
    for id, name in names(knowledge):
        found[group_of(id, knowledge)].append((id, who.named(id, name)))
    return tuple(
        (called[group], tuple(sorted(each, key=lambda one: (one[0] != FIRST, one[1]))))
        for group, each in found.items() if each
    )  # fmt: skip


@lru_cache(maxsize=4)
def names(knowledge: Library) -> tuple[tuple[str, str], ...]:
    """Id and English name of every protocol."""
    return tuple((name, read_protocol(name, knowledge, checked=False).name) for name in knowledge.protocols())


@lru_cache(maxsize=256)
def group_of(protocol: str, knowledge: Library) -> Group:
    """By the population that a protocol is played with, and by the phase that it begins with."""
    read = read_protocol(protocol, knowledge, checked=False)
    with using(knowledge):
        people = recipe.population(read.population or POPULATION)
    grown = people.limits.age_y[0] >= GROWN
    if people.at == "relapse":
        return "again-adults" if grown else "again-children"
    if phase_kind(read.phases[0].id) == "transplant":
        return "transplant"
    if people.limits.only_subtypes == (PHILADELPHIA,):
        return "philadelphia"
    return "adults" if grown else "children"


def colour_of(phase: str, protocol: str, knowledge: Library | None = None) -> str:
    """The kind of a phase (`phase_kind`) as the plan has it that it is of: reinduction, blocks and cycles are those of
    a relapse in some plans, and of the first treatment in others."""
    known = knowledge or library()
    home = phase.rpartition(": ")[0] or protocol
    first = home in known.protocols() and not group_of(home, known).startswith("again")
    return phase_kind(phase, home, first)
