"""Which languages there are, and which of them a reader is offered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ..knowledge.loader import load

HERE = Path(__file__).parent


class Language(BaseModel):
    """``locale``: of CLDR. ``tag``: of HTML, where it is more than the key. ``script``: a pattern of its letters, where
    they are not Latin."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str  # its own
    english: str = "English"
    locale: str
    tag: str | None = None
    script: str | None = None
    pseudo: bool = False  # made by a rule, for tests
    published: bool


class _Languages(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    languages: dict[str, Language]


KNOWN: dict[str, Language] = load(HERE / "languages.yaml", _Languages).languages
LANGUAGES: dict[str, str] = {
    key: known.name for key, known in KNOWN.items() if known.published
}  # what readers are offered
TRANSLATED = tuple(key for key, known in KNOWN.items() if key != "en" and not known.pseudo)


@contextmanager
def unpublished(*keys: str) -> Iterator[None]:
    """Inside, these languages (all that are translated, where none is named) are offered, too."""
    before = dict(LANGUAGES)
    LANGUAGES.update({key: KNOWN[key].name for key in keys or TRANSLATED})
    try:
        yield
    finally:
        LANGUAGES.clear()
        LANGUAGES.update(before)


def preferred(header: str) -> str:
    """The first language of an ``Accept-Language`` list, by weight, that is offered; else the first that there is."""
    asked: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        tag, _semicolon, said = part.strip().partition(";q=")
        asked.append((float(said) if re.fullmatch(r"[01](\.\d{0,3})?", said) else 0.0 if said else 1.0, tag.lower()))
    for weight, tag in sorted(asked, key=lambda each: -each[0]):
        stem = tag.partition("-")[0]
        near = [key for key in LANGUAGES if key.lower() == tag] + [
            key for key in LANGUAGES if key.lower().partition("-")[0] == stem
        ]
        if weight and near:
            return near[0]
    return next(iter(LANGUAGES))
