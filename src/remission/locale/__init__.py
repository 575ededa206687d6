"""The reader's language: sentences by gettext, longer texts by their id, numbers and dates by CLDR.

What a reader sees is written in English. Sentences of the program stand inside ``_()`` or ``ngettext()``, whole, with
named placeholders. Pages and knowledge files are texts with an id (`say`). Their translations are gettext catalogues,
one folder a language: ``interface.po``, ``pages.po`` and ``knowledge.po``, whose entries hold the English they were
made from. A translation of another English than today's is not shown: English stands there, marked (`mark`).
"""

from .languages import KNOWN, LANGUAGES, TRANSLATED, Language, preferred, unpublished
from .marks import bare, isolated, marked, plain
from .numbers import (
    colon,
    comma,
    date,
    figures,
    first_week_day,
    in_a_row,
    listed,
    locale,
    month,
    number,
    percent,
    short_date,
    weekday,
    weekdays,
)
from .speech import N_, called, direction, english, gettext, in_sentence, joined, language, ngettext, say, speaking

_ = gettext

__all__ = [
    "KNOWN", "LANGUAGES", "Language", "N_", "TRANSLATED", "_", "bare", "called", "colon", "comma", "date",
    "direction", "english", "figures", "first_week_day", "gettext", "in_a_row", "in_sentence", "isolated", "joined",
    "language", "listed", "locale", "marked", "month", "ngettext", "number", "percent", "plain", "preferred", "say",
    "short_date", "speaking", "unpublished", "weekday", "weekdays",
]  # fmt: skip
