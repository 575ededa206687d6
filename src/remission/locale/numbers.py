"""Numbers and dates as a language writes them; digits are Latin in all, as laboratories and pharmacies print them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date as Date
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, get_day_names
from babel.numbers import format_decimal, format_percent

from .languages import KNOWN

LATIN = "latn"
SI = Locale.parse("fr")


def number(value: float, places: int | None = None) -> str:
    """1,234.5 as the language writes it; with as many decimals as are asked for, else as many as it has, at most 3."""
    whole = _here().decimal_formats[None].pattern.partition(".")[0]  # how thousands are grouped: #,##,##0 in Hindi
    form = f"{whole}.###" if places is None else whole + ("." + "0" * places if places else "")
    return format_decimal(value, format=form, locale=_signs(), numbering_system=LATIN)


def _signs() -> Locale:
    """Whose signs numbers have. Where decimals have a comma, thousands have a narrow space in every language, as SI and
    French write them: 1.750 units would be read as 1.75 by whoever knows the other way."""
    return SI if _symbols(_here())["decimal"] == "," else _here()


def _symbols(locale: Locale) -> Mapping[str, str]:
    signs = locale.number_symbols
    return signs.get(LATIN, signs)


def figures(english: str) -> str:
    """Figures as English writes them, 1,234.5, as the language writes them: no digit is lost or added."""
    from .speech import ENGLISH, language

    if language() == ENGLISH or _here().language == "en":
        return english
    signs = _symbols(_signs())
    return english.translate({ord("."): signs["decimal"], ord(","): signs["group"]})


def percent(share: float, places: int = 0) -> str:
    """0.25 as 25% (or 25 %)."""
    form = _here().percent_formats[None].pattern
    form = form.replace("0", "0." + "0" * places, 1) if places else form
    return format_percent(share, format=form, locale=_signs(), numbering_system=LATIN)


def date(day: Date) -> str:
    """4 January 2027: never figures alone, whose order differs."""
    return _latin(format_date(day, format="d MMMM y" if _here().language == "en" else "long", locale=_here()))


def short_date(day: Date) -> str:
    """Mon 4 Jan 2027."""
    form = "EEE d MMM y" if _here().language == "en" else _here().datetime_skeletons["yMMMEd"].pattern
    return _latin(format_date(day, form, locale=_here()))


def month(day: Date) -> str:
    """January 2027."""
    return _latin(format_date(day, format="MMMM y" if _here().language != "zh" else "y年M月", locale=_here()))


def weekdays() -> list[tuple[str, str]]:
    """Short and long names of the days of a week, the first as the language begins its weeks."""
    first = first_week_day()
    short, long = (get_day_names(width, locale=_here()) for width in ("abbreviated", "wide"))
    return [(short[(first + i) % 7], long[(first + i) % 7]) for i in range(7)]


def weekday(day: Date) -> str:
    """Mon."""
    return get_day_names("abbreviated", locale=_here())[day.weekday()]


def comma() -> str:
    """What stands between things of a list, with the room behind it."""
    return {"ar": "\u060c ", "zh": "\u3001"}.get(_here().language, ", ")


def colon() -> str:
    """What stands between a word and what is said of it."""
    return {"fr": "\u00a0: ", "zh": "\uff1a"}.get(_here().language, ": ")


def listed(items: Iterable[str]) -> str:
    """1, 8, 15, with the comma of the language."""
    return comma().join(items)


def in_a_row(*items: str) -> str:
    """What belongs together, one behind the other: a name, its date."""
    return {"ar": "\u060c ", "zh": "\uff0c"}.get(_here().language, ", ").join(items)


def first_week_day() -> int:
    """The day on which the weeks of the language begin, 0 = Monday."""
    return _here().first_week_day


def _latin(text: str) -> str:
    return "".join(str(int(c)) if c.isdigit() and not c.isascii() else c for c in text)


def _here() -> Locale:
    from .speech import language

    return locale(language())


@lru_cache
def locale(key: str) -> Locale:
    """The locale of a language, by CLDR."""
    known = KNOWN.get(key)
    return Locale.parse(known.locale if known else key.replace("-", "_"))
