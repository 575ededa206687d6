"""Writes the table of docs/formats.md: every format with what goes out and comes in, as the registry has it.

make formats, or: python docs/formats.py. What stands between the two marks is written; the rest of the page is by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from remission.exchange.formats import WORDS, Format, formats
from remission.knowledge.writing import write_whole

PAGE = Path(__file__).parent / "formats.md"
BEGIN, END = "<!-- formats: make formats -->", "<!-- end of formats -->"


def block() -> str:
    """What stands between the marks."""
    return "\n".join([BEGIN, "", *_table(), "", *_notes(), END])


def _table() -> Iterator[str]:
    yield "| format | what it is | out | in | needs |"
    yield "|---|---|---|---|---|"
    for name, one in formats().items():
        title = f"[{one.title}]({one.source.removeprefix('docs/')})"
        out = ", ".join(WORDS[kind].removeprefix("a ") for kind in one.of)
        into = WORDS[one.gives].removeprefix("a ") if one.gives else ""
        yield f"| `{name}` | {title} | {out} | {into} | {f'`{one.needs}`' if one.needs else ''} |"


def _notes() -> Iterator[str]:
    for name, one in formats().items():
        if one.options or one.asks or one.limits:
            yield f"- `{name}`: {' '.join(_said(one))}"
    yield ""


def _said(one: Format) -> Iterator[str]:
    for text in one.limits:
        yield f"{text[:1].upper()}{text[1:].rstrip('.')}."
    for option, what in one.options.items():
        yield f"`--option {option}=...`: {what}."
    for option, what in one.asks.items():
        yield f"To read it, `--option {option}=...`: {what}."


def page(text: str) -> str:
    """The page with the block as it is now."""
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise SystemExit(f"{PAGE.name} has lost its marks: {BEGIN} and {END}")
    return before + block() + after


if __name__ == "__main__":
    write_whole(PAGE, page(PAGE.read_text(encoding="utf-8")))
