"""The reader's language, for the page: see `remission.locale`."""

from ..locale import (
    LANGUAGES,
    bare,
    colon,
    comma,
    date,
    direction,
    english,
    first_week_day,
    gettext,
    in_a_row,
    in_sentence,
    language,
    listed,
    marked,
    month,
    ngettext,
    number,
    percent,
    plain,
    preferred,
    say,
    speaking,
    weekdays,
)
from ..locale.speech import html_tag

_ = gettext

__all__ = [
    "LANGUAGES", "_", "bare", "colon", "comma", "date", "direction", "english", "first_week_day", "gettext",
    "html_tag", "in_a_row", "in_sentence", "language", "listed", "marked", "month", "ngettext", "number", "percent",
    "plain", "preferred", "say", "speaking", "weekdays",
]  # fmt: skip
