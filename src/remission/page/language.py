"""The reader's language, for the page: see `remission.locale`."""

from ..locale import (
    LANGUAGES,
    bare,
    date,
    direction,
    first_week_day,
    gettext,
    language,
    mark,
    marked,
    month,
    ngettext,
    number,
    percent,
    preferred,
    say,
    speaking,
    weekdays,
)
from ..locale.marks import BEGIN
from ..locale.speech import html_tag

_ = gettext


def in_sentence(name: str) -> str:
    """A name that begins a line, as it stands inside a sentence: in small letters, but short forms and German."""
    if language() == "de":
        return name
    if language() == "en":
        return name.lower()
    start = 1 if name.startswith(BEGIN) else 0
    first, second = name[start : start + 1], name[start + 1 : start + 2]
    return name if second.isupper() else name[:start] + first.lower() + name[start + 1 :]

__all__ = [
    "LANGUAGES", "_", "bare", "date", "direction", "first_week_day", "gettext", "html_tag", "in_sentence", "language",
    "mark", "marked", "month", "ngettext", "number", "percent", "preferred", "say", "speaking", "weekdays",
]  # fmt: skip
