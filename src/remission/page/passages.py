"""The passages of a Markdown page: the paragraphs, list items, cells and headings that a translator puts into another
language, each with an id. What stands around them (list marks, tables, directives, ids) stays as it is in English.

An id is ``part.number`` within the page, ``part.heading`` for its heading: ``aim.1``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_HEADING = re.compile(r"(##\s+)(.+?)(\s*\{#([a-z][a-z0-9-]*)\})$")
_FOLD = re.compile(r"(:::(?:fold|questions)\s+)(.*\S)()$")
_ITEM = re.compile(r"(\s*(?:[-*]|\d+\.)\s+)(.*)$")
_CODE = re.compile(r" {4}|\t")
_RULE = re.compile(r"\|[\s|:-]*\|$")

Say = Callable[[str, str], str]


@dataclass(frozen=True)
class Passage:
    """``line``: of the page's body, from 0. ``heading``: of the part that it stands in."""

    id: str
    text: str
    line: int
    heading: str


def passages(lines: Sequence[str]) -> list[Passage]:
    """The passages of the body of a page."""
    found: list[Passage] = []

    def keep(passage: Passage) -> str:
        found.append(passage)
        return passage.text

    for _line in _walk(lines, keep):
        pass
    return found


def said(lines: Sequence[str], say: Say) -> list[str]:
    """The lines of a page's body with each passage put through ``say(id, text)``; as many lines as there were."""
    return list(_walk(lines, lambda passage: say(passage.id, passage.text)))


def _walk(lines: Sequence[str], turn: Callable[[Passage], str]) -> Iterator[str]:
    part, heading, count = "top", "", 0
    held: list[str] = []  # lines of a paragraph that goes on
    lead = ""

    def next_id() -> str:
        nonlocal count
        count += 1
        return f"{part}.{count}"

    def close(at: int) -> Iterator[str]:
        nonlocal held
        if held:
            text = " ".join(line.strip() for line in held)
            yield lead + turn(Passage(next_id(), text, at - len(held), heading))
            yield from [""] * (len(held) - 1)
            held = []

    for at, line in enumerate(lines):
        if found := _HEADING.match(line):
            yield from close(at)
            part, heading, count = found[4], found[2], 0
            yield found[1] + turn(Passage(f"{part}.heading", found[2], at, heading)) + found[3]
        elif found := _FOLD.match(line):
            yield from close(at)
            yield found[1] + turn(Passage(next_id(), found[2], at, heading))
        elif not line.strip() or line.startswith("::") or _RULE.match(line.strip()) or (not held and _CODE.match(line)):
            yield from close(at)
            yield line
        elif line.lstrip().startswith("|"):
            yield from close(at)
            cells = line.strip().strip("|").split("|")
            turned = [turn(Passage(next_id(), c.strip(), at, heading)) if c.strip() else "" for c in cells]
            yield "| " + " | ".join(turned) + " |"
        elif found := _ITEM.match(line):
            yield from close(at)
            lead, held = found[1], [found[2]]
        else:
            if not held:
                lead = ""
            held.append(line)
    yield from close(len(lines))
