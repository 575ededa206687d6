"""The catalogues as files: what a language has, against what the English says today."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from ..knowledge.writing import write_whole
from ..locale import KNOWN
from ..locale.catalogue import KINDS, Kind, catalogue, path_of, read
from .units import Unit, units

State = Literal["done", "missing", "old", "fuzzy"]
_HEAD = """# {language} translations of remission: {kind}.
# Every entry holds the English from which it was made. Edit it with any gettext editor, or as docs/translation.md says.
#"""
_WAS = "the English was: "
_NEVER = datetime(2026, 11, 29, tzinfo=UTC)  # no date of making: a file changes only when a text does


@dataclass
class Filed:
    """The translations of one language: texts by kind, id and English; one text a plural form."""

    key: str
    texts: dict[tuple[Kind, str, str], tuple[str, ...]] = field(default_factory=dict)
    old: dict[tuple[Kind, str], tuple[str, tuple[str, ...]]] = field(default_factory=dict)  # id: its English then, text
    fuzzy: set[tuple[Kind, str, str]] = field(default_factory=set)

    @classmethod
    def of(cls, key: str) -> Filed:
        filed = cls(key)
        for kind in KINDS:
            for message in read(key, kind):
                said = _forms(message.string)
                if not message.id or not any(said):
                    continue
                id, english = message.context or "", _forms(message.id)[0]
                if message.fuzzy:
                    was = [note.removeprefix(_WAS) for note in message.user_comments if note.startswith(_WAS)]
                    before = was[0] if was else english
                    filed.old[kind, id or english] = before, said
                    filed.fuzzy.add((kind, id, english))
                else:
                    filed.texts[kind, id, english] = said
                    filed.old.setdefault((kind, id or english), (english, said))
        return filed

    def text(self, unit: Unit) -> tuple[str, ...] | None:
        """The translation of a unit; of a text that is elsewhere now, what the same English has become."""
        found = self.texts.get((unit.kind, unit.id, unit.english))
        return found or (
            self._same.get((unit.kind, unit.english)) if unit.id and not unit.id.endswith("#forms") else None
        )

    def state(self, unit: Unit) -> State:
        if self.text(unit) is not None:
            return "done"
        if (unit.kind, unit.id, unit.english) in self.fuzzy:
            return "fuzzy"
        return "old" if (unit.kind, unit.id) in self.old and unit.id else "missing"

    def put(self, unit: Unit, said: Sequence[str]) -> None:
        self.texts[unit.kind, unit.id, unit.english] = self._same[unit.kind, unit.english] = tuple(said)
        self.fuzzy.discard((unit.kind, unit.id, unit.english))

    @cached_property
    def _same(self) -> dict[tuple[Kind, str], tuple[str, ...]]:
        return {(kind, english): said for (kind, _id, english), said in self.texts.items()}

    def write(self, kinds: Iterable[Kind] = KINDS) -> None:
        """Write the catalogues anew: every unit of today, in the order of `units`; old ones as fuzzy."""
        for kind in kinds:
            catalog = Catalog(
                locale=KNOWN[self.key].locale, project="remission", header_comment=_HEAD.format(
                    language=KNOWN[self.key].english, kind=kind), creation_date=_NEVER, revision_date=_NEVER,
                last_translator="", language_team="", fuzzy=False, charset="utf-8",
            )  # fmt: skip
            for unit in units():
                if unit.kind == kind:
                    self._add(catalog, unit)
            held = io.BytesIO()
            write_po(held, catalog, width=0)
            path_of(self.key, kind).parent.mkdir(exist_ok=True)
            write_whole(path_of(self.key, kind), _plain_head(held.getvalue().decode()))
        catalogue.cache_clear()

    def _add(self, catalog: Catalog, unit: Unit) -> None:
        said, before = self.text(unit), None
        if said is None and unit.id and (unit.kind, unit.id) in self.old:
            before, said = self.old[unit.kind, unit.id]
        count = catalog.num_plurals if unit.plural is not None else 1
        blank = ("",) * count
        catalog.add(
            (unit.english, unit.plural) if unit.plural is not None else unit.english,
            tuple((*(said or blank),)[:count]) if unit.plural is not None else (said or blank)[0],
            context=unit.id or None, auto_comments=[unit.where, *([unit.note] if unit.note else [])],
            flags=["fuzzy"] if before is not None else [],
            user_comments=[_WAS + before] if before is not None else [],
        )  # fmt: skip


def _forms(said: object) -> tuple[str, ...]:
    return tuple(said) if isinstance(said, tuple | list) else (str(said or ""),)


def _plain_head(text: str) -> str:
    """The file without the lines of the head that change by themselves."""
    dropped = (
        '"POT-Creation-Date',
        '"PO-Revision-Date',
        '"Generated-By',
        '"Report-Msgid-Bugs-To',
        '"Last-Translator',
        '"Language-Team',
    )
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(dropped))
