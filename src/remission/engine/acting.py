"""Which clones there are, and which effects act on which of them.

An effect's kill goes into a pool; how much of a pool a clone feels is one number (0..1). Pools are the drug classes
that resistant clones differ in, the antigens that effects act through, and for a clone on which an effect has numbers
of its own (a kinase mutant) a pool of that clone alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from remission.body.pharmacokinetics import CSF, csf_parts
from remission.knowledge.agent import Agent, Effect
from remission.knowledge.body_file import Body
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library
from remission.knowledge.quantity import Quantity

TOLERANT = "tolerant"  # the clone of body/leukaemia.yaml that bears drugs for a while
RADIATION_POOL = "radiation"  # of clones that radiation kills less
FADES = "as the main clone"  # what `after_relapse` of a clone says


@dataclass(frozen=True)
class Clone:
    """A kind of clone: how often a division makes it and what share of net growth it costs (by the person; None: the
    main clone), what kills it less, in which subtypes it comes, and how many times as often in some (``times``)."""

    name: str
    mutation: Quantity | None
    cost: Quantity | None
    kill: dict[str, float]
    kill_sd: float = 0.0  # of the logarithm of all these, between patients
    kill_if_tolerant: float = 0.0  # power of what tolerant cells feel, beside their own
    sows: float = 1.0  # times what the main clone seeds into the CNS
    fades: bool = False  # once it has grown to a relapse it is like the main clone
    keeps: float = 0.0  # but for this power of what it felt less
    anew: float = 1.0  # times as many in an early relapse as in a leukaemia of its size at diagnosis
    subtypes: tuple[str, ...] = ()
    times: dict[str, Quantity] = field(default_factory=dict)


@dataclass(frozen=True)
class Acting:
    """One effect of an agent on one group of clones. ``number``: of those that the agent has on that target; it is
    part of the name that keys the effect's chance, so that an effect on something else does not move it."""

    effect: Effect
    number: int
    through: str | None  # drug class or antigen
    but_not: tuple[str, ...] = ()  # clones on which it has numbers of its own
    only: str | None = None


def clone_table(library: Library, agents: tuple[Agent, ...] | None = None) -> list[Clone]:
    """The main clone and the kinds of data/body/leukaemia.yaml that differ from it under these agents (None: all).

    A kind counts where an agent kills it less than the main clone or has numbers of its own for it."""
    body = library.body("leukaemia")
    used = {name for agent in agents or () for name in _acts_through(agent)}
    out = [Clone("main", None, None, {})]
    for name in body.children("resistant_clones"):
        path = f"resistant_clones.{name}"
        kill = {c: body[f"{path}.kill.{c}"].to_unit("-") for c in body.children(f"{path}.kill")}
        if agents is not None and not used & {name, *kill}:
            continue
        subtypes = body.text(f"{path}.subtypes") if "subtypes" in body.children(path) else ""
        out.append(
            Clone(
                name,
                body[f"{path}.mutation_per_division"],
                body[f"{path}.fitness_cost"],
                kill,
                body.number(f"{path}.kill_sd_log", "-", 0.0),
                _if_tolerant(body, name),
                body.number(f"{path}.sows", "-", 1.0),
                _fades(body, path),
                _keeps(body, path),
                body.number(f"{path}.more_at_relapse", "-", 1.0),
                tuple(word.strip() for word in subtypes.split(",") if word.strip()),
                {word: body[f"{path}.times.{word}"] for word in body.children(f"{path}.times")},
            )
        )
    return out


def _if_tolerant(body: Body, name: str) -> float:
    path = f"resistant_clones.{name}.kill_if_tolerant"
    if name == TOLERANT and path in body:
        raise BadInput(
            f"{body.name}: '{path}' ties what these cells feel to itself",
            remedy="Say how much patients differ in it by `kill_sd_log`, and leave this out",
        )
    return body.number(path, "-", 0.0)


def _fades(body: Body, path: str) -> bool:
    """Does a clone resist no more once it has grown to a relapse?"""
    if "after_relapse" not in body.children(path):
        return False
    if (said := body.text(f"{path}.after_relapse")) != FADES:
        raise BadInput(f"{body.name}: '{path}.after_relapse' is '{said}'", remedy=f"Write `{FADES}`, or leave it out")
    return True


def _keeps(body: Body, path: str) -> float:
    """How much of its resistance, on the log scale, what has grown from a clone has at a relapse."""
    if f"{path}.kept_at_relapse" in body and not _fades(body, path):
        raise BadInput(
            f"{body.name}: '{path}.kept_at_relapse' is of a clone that keeps all it has",
            remedy=f"Write `after_relapse: {FADES}` beside it, or leave it out",
        )
    return body.number(f"{path}.kept_at_relapse", "-", 0.0)


def _acts_through(agent: Agent) -> set[str]:
    kills = [effect for effect in agent.effects if effect.on == "blasts"]
    names = {name for effect in kills for name in (effect.through, *effect.clones) if name}
    if kills and agent.sensitivity:
        names.add(agent.sensitivity)
    if agent.cells:
        names.add(agent.cells.antigen)
    if agent.radiation:
        names.add(RADIATION_POOL)
    return names


def acting(agent: Agent, clones: list[Clone]) -> tuple[Acting, ...]:
    """An agent's effects, one for each group of clones that an effect tells apart, and one for each way into the fluid:
    what comes from plasma is everywhere, what a lumbar dose reaches differs between patients."""
    known = {clone.name for clone in clones}
    out = []
    of_target: Counter[str] = Counter()
    for effect in agent.effects:
        number = of_target[effect.on]
        of_target[effect.on] += 1
        through = effect.through or (
            agent.sensitivity if effect.on in ("blasts", "blood blasts", "CNS blasts") else None
        )
        own = tuple(name for name in effect.clones if name in known) if effect.on == "blasts" else ()
        parts = csf_parts(agent) if (effect.on, effect.driver) == ("CNS blasts", CSF) else ()
        for driver in parts or (effect.driver,):
            out.append(Acting(effect.model_copy(update={"driver": driver}), number, through, own))
        for name in own:
            other = effect.clones[name]
            changed = {key: value for key in ("max", "half", "hill") if (value := getattr(other, key)) is not None}
            out.append(Acting(effect.model_copy(update=changed), number, through, (), name))
    return tuple(out)


Group = tuple[str | None, tuple[str, ...], str | None]  # what kills: through, but not, only


def pools(kills: list[Group], clones: list[Clone]) -> tuple[list[int], list[list[float]]]:
    """The pool of all that kills, and what each clone feels of each pool. What no clone tells apart shares one."""
    known: dict[tuple[float, ...], int] = {}
    numbers = []
    for through, but_not, only in kills:
        felt = tuple(_felt(through, but_not, only, clone) for clone in clones)
        numbers.append(known.setdefault(felt, len(known)))
    table = [list(felt) for felt in known] or [[1.0] * len(clones)]
    return numbers, [[pool[c] for pool in table] for c in range(len(clones))]


def _felt(through: str | None, but_not: tuple[str, ...], only: str | None, clone: Clone) -> float:
    if (only is not None and clone.name != only) or clone.name in but_not:
        return 0.0
    return clone.kill.get(through or "", 1.0)
