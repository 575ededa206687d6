"""The reader's language, for the page: see `remission.locale`."""

from ..locale import (
    LANGUAGES,
    bare,
    date,
    direction,
    english,
    first_week_day,
    gettext,
    in_sentence,
    language,
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
    "LANGUAGES", "_", "bare", "date", "direction", "english", "first_week_day", "gettext", "html_tag", "in_sentence",
    "language", "marked", "month", "ngettext", "number", "percent", "plain", "preferred", "say", "speaking", "weekdays",
]  # fmt: skip
