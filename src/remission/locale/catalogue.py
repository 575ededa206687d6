"""The catalogues of a language: gettext files of three kinds, read when the language is first spoken."""

from __future__ import annotations

import io
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Literal

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from ..knowledge.errors import BadInput
from .languages import HERE, KNOWN
from .pseudo import Pseudo

Kind = Literal["interface", "pages", "knowledge"]  # sentences of the program; pages to read; knowledge files
KINDS: tuple[Kind, ...] = ("interface", "pages", "knowledge")


class Catalogue:
    """What one language has: sentences by their English, texts by their id and English."""

    def __init__(self, key: str) -> None:
        interface, *others = (read(key, kind) for kind in KINDS)
        self._sentences: NullTranslations = compiled(interface)
        self._texts: dict[tuple[str, str], str] = {}
        self._same: dict[str, str] = {}  # English: a text that is not at its place any more is found by what it says
        self._by_id: dict[str, str] = {}
        for catalog in others:
            for message in catalog:
                english, said = message.id, message.string
                if isinstance(english, str) and isinstance(said, str) and english and said and not message.fuzzy:
                    self._texts[message.context or "", english] = said
                    if not (message.context or "").endswith("#forms"):  # a list of its own for every word
                        self._same.setdefault(english, said)
                    self._by_id[message.context or ""] = said

    def sentence(self, english: str) -> str | None:
        said = self._sentences.gettext(english)
        return said if said != english or self._has(english) else None

    def plural(self, one: str, many: str, n: int) -> str | None:
        said = self._sentences.ngettext(one, many, n)
        return None if said == (one if n == 1 else many) and not self._has((one, 0)) else said

    def text(self, id: str, english: str) -> str | None:
        return self._texts.get((id, english)) or self._same.get(english)

    def name(self, id: str) -> str | None:
        """The text of an id whatever its English says now: a name stays what it is."""
        return self._by_id.get(id)

    def _has(self, key: object) -> bool:
        return key in getattr(self._sentences, "_catalog", {})


def path_of(key: str, kind: Kind) -> Path:
    return HERE / key / f"{kind}.po"


def read(key: str, kind: Kind) -> Catalog:
    """A catalogue as it stands in its file; an empty one where there is none. Raises ``BadInput`` with the line."""
    path = path_of(key, kind)
    if not path.is_file():
        return Catalog(locale=KNOWN[key].locale)
    with path.open("rb") as file:
        try:
            return read_po(file, locale=KNOWN[key].locale, abort_invalid=True)
        except PoFileError as error:
            raise BadInput(str(error), path, error.lineno + 1, remedy="Write it as gettext wants it") from error


def compiled(catalog: Catalog) -> GNUTranslations:
    file = io.BytesIO()
    write_mo(file, catalog)
    file.seek(0)
    return GNUTranslations(file)


@lru_cache
def catalogue(key: str) -> Catalogue | Pseudo:
    """What a language says. Read once: what is translated while a page is served is seen when it starts anew."""
    return Pseudo() if KNOWN[key].pseudo else Catalogue(key)
