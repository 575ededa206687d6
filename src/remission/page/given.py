"""What a phase of a protocol gives, read from its file: each medicine with its way and its days, for families."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..knowledge.errors import BadInput, nearest
from ..locale import listed, number
from ..protocol.model import Give, Phase
from ..protocol.reader import read_protocol
from .pages import Item
from .prose import Marks, to_html

if TYPE_CHECKING:
    from .reading import Reading


def items(reading: Reading, protocol: str, phase: str, marks: Marks) -> tuple[Item, ...]:
    """One item for each agent of the phase, by its first day; shared supportive care is left out.

    Raises ``BadInput`` for a phase that the protocol does not have.
    """
    known = {p.id: p for p in read_protocol(protocol, reading.knowledge).phases}
    if phase not in known:
        near = nearest(phase, known) or ", ".join(known)
        raise BadInput(f"'{protocol}' has no phase '{phase}'", remedy=f"Known: {near}")
    found: dict[str, list[Give]] = {}
    for give in sorted(known[phase].give, key=lambda give: give.days[:1]):
        if not give.block:
            found.setdefault(give.agent, []).append(give)
    return tuple(_item(reading, agent, gives, known[phase], marks) for agent, gives in found.items())


def _item(reading: Reading, agent: str, gives: Sequence[Give], phase: Phase, marks: Marks) -> Item:
    listed = reading.item("agent", agent, marks)
    ways: dict[tuple[str, str], set[int]] = {}
    for give in gives:
        condition = "" if give.when is None else repr(give.when)
        ways.setdefault((give.route, condition), set()).update(give.days)
    sentences = [
        _sentence(reading, route, sorted(days), phase) + (f" {reading.said['only some']}" if condition else "")
        for (route, condition), days in ways.items()
    ]
    return Item(listed.id, listed.title, listed.html + to_html(" ".join(sentences), marks, explain=False))


def _sentence(reading: Reading, route: str, days: Sequence[int], phase: Phase) -> str:
    """In which way on which days, as a sentence."""
    said = reading.said
    steps = {after - before for before, after in zip(days, days[1:], strict=False)}
    if len(days) > 0.9 * phase.days:
        when = said["each day"]
    elif steps == {7} and len(days) > 4:
        when = said["each week"].format(first=number(days[0]))
    elif len(days) == 1:
        when = said["on day"].format(day=number(days[0]))
    else:
        when = said["on days"].format(days=listed(_runs(days, said["from to"])))
    return said[f"way {route}"].format(when=when)


def _runs(days: Sequence[int], form: str) -> list[str]:
    """1, 2, 3, 8 as "1 to 3" and "8"."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    out: list[str] = []
    for run in runs:
        whole = form.format(first=number(run[0]), last=number(run[-1]))
        out += [whole] if len(run) > 2 else [number(day) for day in run]
    return out
