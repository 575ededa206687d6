"""Pages made of knowledge files: an agent, a side effect, a symptom. What the files say is said once, there.

The figures ``weeks-SIDE_EFFECT`` and ``level-AGENT`` stand on their pages where they can be made.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import TYPE_CHECKING

from ..knowledge.agent import Agent, Note
from ..knowledge.errors import BadInput, nearest
from ..knowledge.side_effect import Published, SideEffect
from ..locale import bare, english, in_a_row, listed, ngettext, number
from ..locale.marks import mark
from .pages import Block, Item, Page
from .prose import ROOMS, Marks, cite, to_html
from .shelf import Told, one

if TYPE_CHECKING:
    from .reading import Reading

_ROOM = {"agent": "agents", "effect": "side-effects", "symptom": "symptoms"}
_COUNTS = {"neutrophils": "neutropenia", "platelets": "thrombocytopenia", "red cells": "anaemia",
           "B cells": "low_igg_infection", "cytokine": "crs"}  # fmt: skip
_CALL = ("fever", "seriously-ill")  # cards that stand on every page about a medicine
_REVIEWED = datetime.date(2026, 11, 29)


def page(reading: Reading, id: str) -> Page:
    """The page of the agent, side effect or symptom of that id."""
    room, _, name = id.rpartition("/")
    kind = next(kind for kind, folder in ROOMS.items() if folder == room)
    make = {"agent": _agent, "effect": _effect, "symptom": _symptom}[kind]
    blocks, marks, plain = reading.numbered(lambda marks: make(reading, name, marks))
    room_words = _ROOM[kind]
    _, summary = first_words(reading, kind, name)
    return Page(
        id, reading.language, reading.title(room_words, name), summary, _REVIEWED, blocks, tuple(marks.cited),
        plain, reading.words(marks), tuple(dict.fromkeys(marks.links)), crumbs=reading.crumbs(id),
    )  # fmt: skip


def first_words(reading: Reading, kind: str, name: str) -> tuple[str, str]:
    """The room of words and the first sentence of what an agent, a side effect or a symptom is."""
    text = _words(reading, kind, name)["plain"]
    first = _sentences(bare(text))[0]
    return _ROOM[kind], first if bare(text) == text else mark(first)


def often(reading: Reading, name: str, marks: Marks) -> str:
    """How often a side effect was seen, as natural frequencies with their studies: those that the words of the
    language name, else the first that was read."""
    effect = _known_effect(reading, name)
    read = {p.name: p for p in reversed(effect.published) if p.read != "memory"}
    if not read:
        return f"<p>{escape(reading.said['often none'])}</p>"
    told = reading.told["side-effects"].get(name)
    studies = told.often if told and told.often else list(read)[-1:]
    for study in studies:
        if study not in read:
            raise BadInput(f"{name} has no number of a study '{study}'", remedy=f"Known: {'; '.join(read)}")
    rows = (f"{_frequency(reading, p)}{cite(filter(None, [p.source]), marks)}" for p in (read[s] for s in studies))
    return "".join(f"<p>{row}</p>" for row in rows)


# --- an agent


def _agent(reading: Reading, name: str, marks: Marks) -> Iterator[Block]:
    agent = reading.knowledge.agent(name)
    told = reading.told["agents"].get(name) or Told(title=name)
    said = reading.said
    words = _words(reading, "agent", name)
    yield Block("what", "text", said["what it is"], to_html(words["plain"], marks))
    ways = " ".join(said[f"route {route}"] for route in agent.routes if f"route {route}" in said)
    yield Block("how", "text", said["how it is given"], to_html(ways, marks))
    yield Block("level", "figure", figure=f"level-{name}")
    if told.home:
        yield Block("home", "text", said["at home"], _list(told.home, marks) + cite(told.source, marks))
    caused = [reading.item("effect", effect, marks) for effect in side_effects_of(reading, agent)]
    if caused:
        yield Block("effects", "items", said["what one may notice"], items=tuple(caused),
                    html=to_html(said["not everybody"], marks))  # fmt: skip
    spared = [reading.item("effect", effect, marks) for effect in _effects(reading, agent, "protects")]
    if spared and not agent.radiation:
        yield Block("protects", "items", said["what it protects from"], items=tuple(spared))
    yield Block("call", "cards", said["when to call"], cards=tuple((c, reading.card(c)) for c in _CALL))
    yield Block("ask", "questions", said["ask the team"], _list(told.ask or _asked(reading, "agent"), marks))
    names = f'<p translate="no">{escape(", ".join(agent.names))}.</p>'
    yield Block("names", "text", said["other names"], names, specialist=True)
    yield from _notes(said["published toxicity"], "toxicity", agent.toxicities, marks)
    yield from _notes(said["interactions"], "interactions", agent.interactions, marks)


def side_effects_of(reading: Reading, agent: Agent) -> list[str]:
    """The side effects that an agent causes, and the counts that it lowers, in the order of its file."""
    counts = [_COUNTS[e.on] for e in agent.effects if e.on in _COUNTS and e.on != "cytokine"]
    storm = ["crs", "neurotoxicity"] if agent.cells or any(e.releases for e in agent.effects) else []
    return list(dict.fromkeys([*counts, *storm, *_effects(reading, agent, "causes", "worsens")]))


def _effects(reading: Reading, agent: Agent, *how: str) -> list[str]:
    known = reading.knowledge.side_effects()
    causes = {e.on for e in agent.effects if e.how in ("causes", "worsens")}
    found = [e.on for e in agent.effects if e.on in known and e.how in how]
    return [name for name in dict.fromkeys(found) if how != ("protects",) or name not in causes]


# --- a side effect


def _effect(reading: Reading, name: str, marks: Marks) -> Iterator[Block]:
    effect = reading.knowledge.side_effect(name)
    told = reading.told["side-effects"].get(name) or Told(title=name)
    said = reading.said
    words = _words(reading, "effect", name)
    yield Block("what", "text", said["what it is"], to_html(words["plain"], marks))
    if words["watch"]:
        yield Block("call", "call", said["when to call"], to_html(words["watch"], marks))
    if told.when:
        yield Block("when", "text", said["when it comes"], to_html(told.when, marks))
    yield Block("often", "often", said["how often"], often(reading, name, marks))
    yield Block("weeks", "figure", figure=f"weeks-{name}")
    if told.helps:
        yield Block("helps", "text", said["what helps"], _list(told.helps, marks) + cite(told.source, marks))
    if words["care"]:
        yield Block("team", "text", said["what the team does"], to_html(words["care"], marks))
    signs = [reading.item("symptom", symptom.symptom, marks) for symptom, _ in reading.knowledge.symptoms_of(name)]
    if signs:
        yield Block("signs", "items", said["signs"], items=tuple(signs))
    causes = tuple(reading.item("agent", agent, marks) for agent in agents_that_cause(reading, name))
    if causes:
        yield Block("causes", "items", said["what can bring it"], items=causes)
    yield Block("cards", "cards", said["always call"], cards=tuple((c, reading.card(c)) for c in _CALL))
    yield Block("grades", "text", said["grades"], _graded(effect), specialist=True)
    yield from _published(reading, effect, marks)
    yield from _notes(said["notes"], "notes", effect.notes, marks)
    if effect.open:
        yield Block("open", "text", said["open"], _plain_list(effect.open), specialist=True)


def agents_that_cause(reading: Reading, name: str) -> list[str]:
    """The agents that bring a side effect, in alphabetical order."""
    agents = (reading.knowledge.agent(agent) for agent in reading.knowledge.agents())
    return [agent.agent for agent in agents if name in side_effects_of(reading, agent)]


def _frequency(reading: Reading, p: Published) -> str:
    """One whole sentence: so many of 100, in which time, in which study; both framings."""
    said = reading.said
    few = p.value < 1
    rest = 99 if few else 100 - round(p.value)
    parts = (
        said["study"].format(name=english(p.name)),
        said[f"{'few' if few else 'of 100'} grade {min(p.grade, 4)}"].format(n=f"{p.value:.0f}", rest=rest),
        said["counted"].format(when=listed(_times(reading, p))),
    )
    return escape(" ".join(parts))


def _times(reading: Reading, p: Published) -> Iterator[str]:
    said = reading.said
    if p.within_days is not None:
        for unit, length in (("years", 360), ("months", 57), ("weeks", 13), ("days", 1)):
            if p.within_days >= length:
                size = {"years": 365.25, "months": 30.4, "weeks": 7, "days": 1}[unit]
                yield _within(unit, max(1, round(p.within_days / size)))
                break
    if p.phase is not None:
        after = "from phase" if p.within_days is not None else "in phase"
        yield said[after].format(phase=in_a_row(*(said.get(f"phase {one}", english(one)) for one in p.in_phases)))


def _within(unit: str, count: int) -> str:
    """``within two years``, as what says in which time something was counted."""
    forms = {
        "years": ngettext("within one year", "within {count} years", count),
        "months": ngettext("within one month", "within {count} months", count),
        "weeks": ngettext("within one week", "within {count} weeks", count),
        "days": ngettext("within one day", "within {count} days", count),
    }
    return forms[unit].format(count=number(count))


def _published(reading: Reading, effect: SideEffect, marks: Marks) -> Iterator[Block]:
    if effect.published:
        rows = "".join(
            f"<tr><td>{escape(english(p.name))}</td><td>{escape(english(p.label()))}</td><td>{p.value:g}</td>"
            f"<td>{p.n if p.n else ''}</td><td>{escape(english(f'{p.read}, {p.used}'))}"
            f"{cite(filter(None, [p.source]), marks)}</td></tr>"
            for p in effect.published
        )
        heads = "".join(f'<th scope="col">{escape(h)}</th>' for h in reading.said["published columns"].split("|"))
        yield Block("published", "text", reading.said["published"], f"<table><thead><tr>{heads}</tr></thead>"
                    f"<tbody>{rows}</tbody></table>", specialist=True)  # fmt: skip


def _graded(effect: SideEffect) -> str:
    parts = [f"{effect.grading}: {effect.code or effect.side_effect}."]
    if effect.grades:
        parts.append("; ".join(f"grade {g}: {q.value:g}" for g, q in effect.grades.items()) + ".")
    if effect.limits:
        limits = (f"grade {g}: below {q.value:g} {q.unit}" for g, q in effect.limits.items())
        parts.append(f"{effect.measured}: " + "; ".join(limits) + ".")
    return f"<p>{escape(english(' '.join(parts)))}</p>"


# --- a symptom


def _symptom(reading: Reading, name: str, marks: Marks) -> Iterator[Block]:
    symptom = reading.knowledge.symptom(name)
    said = reading.said
    words = _words(reading, "symptom", name)
    source = cite(filter(None, [symptom.source]), marks)
    yield Block("now", "call", said["emergency"], to_html(words["now"], marks) + source)
    yield Block("call", "call", said["when to call"], to_html(words["watch"], marks) + source)
    yield Block("what", "text", said["what it is"], to_html(words["plain"], marks))
    yield Block("team", "text", said["what the team does"], to_html(words["care"], marks))
    items = tuple(
        Item(item.id, item.title, to_html(reading.say(f"symptoms/{name}#of.{b.side_effect}", one(b.text or "")), marks,
                                          explain=False) + cite(filter(None, [b.source]), marks))
        for b in symptom.of
        for item in [reading.item("effect", b.side_effect, marks)]
    )
    yield Block("of", "items", said["what can be behind it"], items=items)


# --- parts


def _words(reading: Reading, kind: str, name: str) -> dict[str, str]:
    """plain, now, watch and care of a knowledge file, in the language of the page."""
    known = {"agent": reading.knowledge.agent, "effect": lambda n: _known_effect(reading, n),
             "symptom": reading.knowledge.symptom}[kind](name)  # fmt: skip
    return {field: reading.say(f"{_ROOM[kind]}/{name}#{field}", one(getattr(known, field, None) or ""))
            for field in ("plain", "now", "watch", "care")}  # fmt: skip


def _known_effect(reading: Reading, name: str) -> SideEffect:
    known = reading.knowledge.side_effects()
    if name not in known:
        near = nearest(name, known)
        raise BadInput(f"there is no side effect '{name}'", remedy=f"Did you mean '{near}'?" if near else None)
    return reading.knowledge.side_effect(name)


def _asked(reading: Reading, kind: str) -> tuple[str, ...]:
    return tuple(text for key, text in reading.said.items() if key.startswith(f"ask {kind} "))


def _notes(heading: str, id: str, notes: Iterable[Note], marks: Marks) -> Iterator[Block]:
    rows = [f"<li>{escape(english(note.text))}{cite(filter(None, [note.source]), marks)}</li>" for note in notes]
    if rows:
        yield Block(id, "text", heading, f"<ul>{''.join(rows)}</ul>", specialist=True)


def _list(texts: Iterable[str], marks: Marks) -> str:
    return to_html("\n".join(f"- {text}" for text in texts), marks)


def _plain_list(texts: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(english(text))}</li>" for text in texts) + "</ul>"


def _sentences(text: str) -> list[str]:
    """The sentences of a text; a dot inside a number ends none."""
    return [piece for piece in re.split(r"(?<=[.!?؟।]) +|(?<=[。！？])", text.strip()) if piece]
