"""Work files of a translator, and what comes back.

A block is ``@@ 17``, lines with # (where it stands, terms), the English behind >, and the translation below::

    @@ 17
    # page treatment/induction: The aim
    # terms: remission = Remission
    > Induction goes on until ...

    Die Induktion dauert, bis ...

A sentence that counts has a line for each plural form: ``one: ...``, ``other: ...``. Numbers are those of the work
files in the same folder; what is handed in may hold any of the blocks, with or without the lines of # and >.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..knowledge.errors import BadInput, nearest
from ..knowledge.writing import write_whole
from ..knowledge.yaml_file import text_of
from ..locale import KNOWN, TRANSLATED
from ..locale.catalogue import Kind
from .checks import faults, plural_forms
from .filed import Filed
from .terms import Said, Terms, found_in, path_of, term_base, terms_of
from .units import Unit, units

BLOCKS, WORDS = 250, 3500  # at most, of a work file
NUMBERS = "numbers.json"  # which block of which text has which number
TERMS = "terms.txt"
_BLOCK = re.compile(r"@@\s*(\S.*?)\s*$")


@dataclass(frozen=True)
class Returned:
    """A block that came back: its number or term, its lines, and the line of the file on which each stands."""

    name: str
    line: int
    lines: tuple[tuple[int, str], ...]

    @property
    def text(self) -> str:
        return " ".join(text.strip() for _, text in self.lines).strip()


@dataclass(frozen=True)
class Taken:
    """``faults``: each with its place, as ``file:line: what``."""

    filed: int
    faults: tuple[str, ...]


# --- giving out


def todo(key: str, folder: Path, again: bool = False) -> list[Path]:
    """Write what is missing, old or fuzzy (``again``: everything) as work files; and the terms that lack. Returns the
    files; none where all is done."""
    filed, terms = Filed.of(known(key)), terms_of(key)
    wanted, seen = [], set()
    for unit in units():
        english = unit.kind, unit.english, unit.id if unit.id.endswith("#forms") else ""
        if english not in seen and (again or filed.state(unit) != "done"):
            seen.add(english)
            wanted.append(unit)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in (*folder.glob("[0-9][0-9].txt"), *folder.glob(TERMS)):
        stale.unlink()
    written = [path] if (path := _terms_file(folder, terms)) else []
    parts = list(_cut(wanted))
    number = 0
    numbers: dict[str, list[str]] = {}
    for at, part in enumerate(parts, 1):
        lines = [*_head(key, at, len(parts), len(part)), ""]
        for unit in part:
            number += 1
            numbers[str(number)] = [unit.kind, unit.id, unit.english]
            lines += [*_block(number, unit, key, filed, terms), ""]
        written.append(write_whole(folder / f"{at:02d}.txt", "\n".join(lines)))
    write_whole(folder / NUMBERS, json.dumps({"language": key, "blocks": numbers}, ensure_ascii=False, indent=0))
    return written


def _cut(wanted: list[Unit]) -> Iterator[list[Unit]]:
    part: list[Unit] = []
    for unit in wanted:
        if part and (len(part) == BLOCKS or sum(u.words for u in part) + unit.words > WORDS):
            yield part
            part = []
        part.append(unit)
    if part:
        yield part


def _head(key: str, at: int, of: int, blocks: int) -> list[str]:
    forms = plural_forms(key)
    return [
        f"# {KNOWN[key].english}, file {at} of {of}: {blocks} blocks.",
        "# Write the translation below the English of each block, where the empty line is.",
        "# Keep what stands in {braces}, %(this)s, [words](link), [@source] and **bold**; every number (decimals as",
        "# your language writes them, Latin digits); and the terms. Lines with # and > are not read.",
        f"# Where a sentence counts, write one line for each form: {', '.join(f'{form}: ...' for form in forms)}",
    ]


def _block(number: int, unit: Unit, key: str, filed: Filed, terms: Terms) -> Iterator[str]:
    yield f"@@ {number}"
    yield f"# {unit.where}" + (f" ({unit.id})" if unit.id else "")
    if unit.note:
        yield f"# {unit.note}"
    named = [f"{term} = {terms.terms[term].term}" for term in found_in(unit.english) if term in terms.terms]
    if named:
        yield f"# terms: {'; '.join(named)}"
    if filed.state(unit) in ("old", "fuzzy") and (before := filed.old.get((unit.kind, unit.id or unit.english))):
        yield f"# the English was: {before[0]}"
        yield f"# and its translation: {' / '.join(before[1])}"
    yield f"> {unit.english}"
    if unit.plural is not None:
        yield f"> (for more than one:) {unit.plural}"


def _terms_file(folder: Path, terms: Terms) -> Path | None:
    missing = {term: known for term, known in term_base().terms.items() if term not in terms.terms}
    if not missing:
        return None
    lines = [
        "# Terms. Below each write: the term | other beginnings of words under which it stands in texts | ...",
        "# and in a second line `source: ` with the page or guideline where you found it, or `source: none found`.",
        "# At the end, words that your language must not use: `@@ forbidden`, then lines `word | why`.",
        "",
    ]
    for term, known in missing.items():
        lines += [f"@@ {term}", f"# {known.note}" + ("" if known.check else " (texts are not held to it)"), ""]
    return write_whole(folder / TERMS, "\n".join(lines))


# --- taking back


def take(key: str, path: Path, folder: Path) -> Taken:
    """Check what came back and file what is right. Raises ``BadInput`` where the file as a whole cannot be read."""
    known(key)
    blocks = list(_returned(path))
    if not blocks:
        raise BadInput("there is no block in it", path, 1, remedy="A block begins with a line '@@ 17'")
    if any(not block.name.isdigit() for block in blocks):
        return _take_terms(key, path, blocks)
    numbers = _numbers(key, folder)
    by_key = {(unit.kind, unit.id, unit.english): unit for unit in units()}
    filed, terms = Filed.of(key), terms_of(key)
    wrong: list[str] = []
    done = 0
    for block in blocks:
        here = f"{path}:{block.line}: block {block.name}"
        if not block.lines:
            continue  # not translated yet
        asked = numbers.get(block.name)
        if asked is None:
            wrong.append(f"{here}: there is no such number in {folder / NUMBERS}")
            continue
        unit = by_key.get(asked)
        if unit is None:
            wrong.append(f"{here}: the English has changed since; run todo again")
            continue
        said = _plural(block, key) if unit.plural is not None else (block.text,)
        found = [said] if isinstance(said, str) else list(faults(unit, said, key, terms))
        wrong += [f"{here} {fault} [{unit.english[:60]}]" for fault in found]
        if not found and not isinstance(said, str):
            filed.put(unit, said)
            done += 1
    if done:
        filed.write()
    return Taken(done, tuple(wrong))


def _plural(block: Returned, key: str) -> tuple[str, ...] | str:
    """A text for each plural form, or what is wrong."""
    forms = plural_forms(key)
    found: dict[str, str] = {}
    for line, text in block.lines:
        name, colon, said = text.partition(":")
        if not colon or name.strip() not in forms:
            return f"line {line} begins with no plural form; write {', '.join(f'{form}: ...' for form in forms)}"
        found[name.strip()] = said.strip()
    if missing := [form for form in forms if form not in found]:
        return f"lacks the plural form {', '.join(missing)}"
    return tuple(found[form] for form in forms)


def _take_terms(key: str, path: Path, blocks: list[Returned]) -> Taken:
    terms = terms_of(key)
    said, forbidden = dict(terms.terms), [entry.model_dump() for entry in terms.forbidden]
    wrong: list[str] = []
    done = 0
    for block in blocks:
        here = f"{path}:{block.line}: '{block.name}'"
        if block.name == "forbidden":
            for line, text in block.lines:
                word, _bar, why = (part.strip() for part in text.partition("|"))
                if not why:
                    wrong.append(f"{path}:{line}: write 'word | why'")
                elif word not in {entry["word"] for entry in forbidden}:
                    forbidden.append({"word": word, "why": why})
                    done += 1
            continue
        if block.name not in term_base().terms:
            near = nearest(block.name, term_base().terms)
            wrong.append(f"{here} is no term of the base" + (f"; did you mean '{near}'?" if near else ""))
            continue
        if not block.lines:
            continue
        source = [text.strip()[7:].strip() for _, text in block.lines if text.strip().lower().startswith("source:")]
        named = [text for _, text in block.lines if not text.strip().lower().startswith("source:")]
        forms = [form.strip() for text in named for form in text.split("|") if form.strip()]
        if not forms:
            wrong.append(f"{here} has no term")
        elif not source or not source[0]:
            wrong.append(f"{here} has no source: write 'source: ...', or 'source: none found'")
        else:
            said[block.name] = Said(term=forms[0], forms=tuple(forms[1:]), source=source[0])
            done += 1
    ordered = {
        term: said[term].model_dump(mode="json", exclude_defaults=True) for term in term_base().terms if term in said
    }
    tree = {"terms": ordered, "forbidden": forbidden}
    head = (
        f"# The terms of the term base in {KNOWN[key].english}, each with where it was found; words not to be used.\n"
    )
    path_of(key).parent.mkdir(exist_ok=True)
    write_whole(path_of(key), head + yaml.safe_dump(tree, allow_unicode=True, sort_keys=False, width=120))
    return Taken(done, tuple(wrong))


def _returned(path: Path) -> Iterator[Returned]:
    name, begun, lines = "", 0, list[tuple[int, str]]()
    for number, line in enumerate(text_of(path).split("\n"), 1):
        if found := _BLOCK.match(line):
            if name:
                yield Returned(name, begun, tuple(lines))
            name, begun, lines = found[1], number, []
        elif line.strip() and not line.startswith(("#", ">")):
            if not name:
                raise BadInput("this stands before the first block", path, number, remedy="A block begins with '@@ 17'")
            lines.append((number, line))
    if name:
        yield Returned(name, begun, tuple(lines))


def _numbers(key: str, folder: Path) -> dict[str, tuple[Kind, str, str]]:
    path = folder / NUMBERS
    if not path.is_file():
        raise BadInput("there are no work files", folder, remedy=f"Write them first: remission translations todo {key}")
    held = json.loads(path.read_text("utf-8"))
    if held.get("language") != key:
        raise BadInput(
            f"these work files are of '{held.get('language')}'", path, remedy=f"Run todo {key} in another folder"
        )
    return {number: (kind, id, english) for number, (kind, id, english) in held["blocks"].items()}


def known(key: str) -> str:
    if key not in TRANSLATED:
        raise BadInput(f"there is no language '{key}' to translate into", remedy=f"Known: {', '.join(TRANSLATED)}")
    return key
