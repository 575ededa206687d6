"""Writes docs/language.md: every word of the protocol language with an example that is checked.

make language, or: python docs/language.py. The words are in docs/language.yaml; agents, quantities, units and limits
come from the library and the language themselves.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from remission.knowledge import limits
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.knowledge.measured_file import measured as usual_numbers
from remission.protocol.explain import explain_condition, explain_sentence
from remission.protocol.model import Phase, Protocol
from remission.protocol.reader import doubts, problems, read_block, read_groups, read_protocol, read_sentence
from remission.protocol.template import template
from remission.protocol.vocabulary import ALIASES, CONCENTRATIONS, COUNTS, PERSON, SHARES, STATES, VALUES
from remission.protocol.write import condition, repeat, sentence, unparse
from remission.trial.playable import refusals

HERE = Path(__file__).parent
SENTENCES = ("give", "check", "decide", "rule", "repeat", "condition")  # kinds of the grammar; else keys of a file
_LISTS = {"give": "give", "check": "check", "decide": "decide", "rule": "rules"}
_DAYS = 35  # of the phase in which an example stands
LIBRARY = library()

Words = dict[str, Any]


def words() -> Words:
    """The file of words."""
    found: Words = yaml.safe_load((HERE / "language.yaml").read_text("utf-8"))
    return found


# --- examples ---------------------------------------------------------------------------------


def protocol_of(kind: str, example: str, beside: Words | None = None) -> str:
    """The file of a small protocol in which an example can be checked."""
    more = dict(beside or {})
    beside_keys = more.pop("top", {})
    for word in ("doubts", "canonical_differs"):
        more.pop(word, None)
    before = more.pop("before", None)
    phase: Words = {"days": _DAYS, "give": [], "check": ["weekly: counts", "day 29: marrow MRD"], "decide": [],
                    "rules": []}  # fmt: skip
    next_phase: Words = {"days": 28, "give": ["mercaptopurine 60 mg/m2/day PO on days 1-28"]}
    top: Words = {"protocol": "example", "name": "An example", "for": "age >= 1"}
    top |= beside_keys
    if kind == "protocol":
        top |= yaml.safe_load(example)
    elif kind == "phase":
        phase |= yaml.safe_load(example)
    elif kind == "repeat":
        phase["repeat"] = example
    elif kind == "condition":
        next_phase["start when"] = example
    else:
        phase[_LISTS[kind]].append(example)
    for key, value in more.items():
        phase[key] = [*phase[key], *value] if isinstance(value, list) else value
    phases = [{"first course": before}] if before else []
    phases = top.get("phases") or [*phases, {"induction": phase}, {"consolidation": next_phase}]
    return _yaml({**top, "phases": phases})


def _plain(content: Any) -> Any:
    """Sentences that YAML has taken for keys (`day 29: counts`) as sentences."""
    if isinstance(content, list):
        return [": ".join(*item.items()) if _is_sentence(item) else _plain(item) for item in content]
    return {key: _plain(value) for key, value in content.items()} if isinstance(content, dict) else content


def _is_sentence(item: Any) -> bool:
    return isinstance(item, dict) and all(isinstance(value, str) for value in item.values())


def _yaml(content: Words) -> str:
    out: str = yaml.safe_dump(_plain(content), sort_keys=False, allow_unicode=True)
    return out


@dataclass(frozen=True)
class Checked:
    """What `remission check` says of an example: mistakes, doubts, and the protocol when there is no mistake."""

    mistakes: list[BadInput]
    doubts: list[BadInput]
    protocol: Protocol | None
    written_anew: str  # the file from the model


def checked(text: str) -> Checked:
    """The protocol of a file, checked as the command does it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "example.yaml"
        path.write_text(text, encoding="utf-8")
        if found := problems(path):
            return Checked(found, [], None, "")
        protocol = read_protocol(path)
        return Checked(refusals(protocol), list(doubts(path)), protocol, unparse(protocol))


def checked_block(example: str) -> list[BadInput]:
    """The mistakes of a file of supportive care that holds these keys."""
    return _mistakes({"supportive": "example", "name": "An example"} | yaml.safe_load(example), read_block)


def checked_groups(example: str) -> list[BadInput]:
    """The mistakes of a file of risk groups that holds these keys."""
    groups = {"risk groups": "example", "name": "An example", "groups": []}
    return _mistakes(groups | yaml.safe_load(example), read_groups)


def _mistakes(content: dict[str, Any], read: Callable[[Path], tuple[Any, list[BadInput]]]) -> list[BadInput]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "example.yaml"
        path.write_text(_yaml(content), encoding="utf-8")
        try:
            return read(path)[1]
        except BadInput as error:
            return [error]


def canonical(kind: str, text: str, first_day: int = 1) -> tuple[str, str]:
    """How the language writes a sentence, and what it says in plain words ('' for cycles)."""
    read = read_sentence(kind, text, days=_DAYS, first_day=first_day)  # type: ignore[arg-type]
    if kind == "condition":
        return condition(read), explain_condition(read)
    if kind == "repeat":
        days = read.every_days or _DAYS
        return repeat(Phase("", "", days, repeat_until=read.until, repeat_times=read.times)), ""
    return sentence(read, _DAYS, first_day), explain_sentence(read, Phase("", "", _DAYS, first_day=first_day))


# --- the page ---------------------------------------------------------------------------------


def page() -> str:
    """The whole page."""
    file = words()
    return "\n".join([*_beginning(), *_parts(file), *_ends(file), *_quantities(file), *_tables(file), *_agents(),
                      *_handwriting(file), *_play(file), *_assumptions(file)]).rstrip() + "\n"  # fmt: skip


def _beginning() -> Iterator[str]:
    yield from (
        "# The protocol language",
        "",
        "`make language` wrote this page from the grammar and from `docs/language.yaml`; every example passes "
        "`remission check`, and a word without its entry fails a test.",
        "",
        "Write `remission new-protocol my-protocol.yaml` and change what is different at your place; then "
        "`remission check my-protocol.yaml` names every mistake with line and column and says what would be right, "
        "`remission explain` reads the file back in plain sentences, `remission plan` makes a patient's calendar, and "
        "`remission simulate` plays it. This is what `new-protocol` writes:",
        "",
        "```yaml",
        template("my-protocol.yaml").rstrip(),
        "```",
        "",
        "Contents: [the file](#the-file) · [a phase](#a-phase) · [what is given](#what-is-given) · "
        "[what is measured](#what-is-measured) · [decisions](#decisions) · [rules](#rules) · [cycles](#cycles) · "
        "[conditions](#conditions) · [the end of a sentence](#the-end-of-a-sentence) · [quantities](#quantities) · "
        "[units and routes](#units-and-routes) · [medicines](#medicines) · [handwriting](#handwriting) · "
        "[what a run tells](#what-a-run-tells) · [what is assumed](#what-is-assumed). "
        "How much a file may hold stands in [limits.md](limits.md), the tables of a run in [tables.md](tables.md); who "
        "is treated, when and where (`care`) is said by a [population](populations.md) or a [trial](trials.md).",
        "",
    )


def _parts(file: Words) -> Iterator[str]:
    for part in file["parts"]:
        yield from (f"## {part['title']}", "", part["text"], "")
        for word in part["words"]:
            yield from _word(part["kind"], word)


def _word(kind: str, word: Words) -> Iterator[str]:
    yield from (f"### `{word['word']}`", "", word["means"], "")
    shown = word.get("example") or word["refused"]
    yield from ("```yaml", f"- {shown}" if kind in _LISTS else shown, "```", "")
    said = []
    if kind in SENTENCES and "example" in word:
        written, plain = canonical(kind, word["example"])
        if written != word["example"]:
            said.append(f"Written back as: `{written}`")
        if plain:
            said.append(f"In words: {plain}")
    if "limits" in word:
        said.append(f"Limits: {_numbers(word['limits'])}")
    said.append(f"In play: {word['play']}")
    yield from (f"- {line}" for line in said)
    yield ""


def _numbers(text: str) -> str:
    """Names of limits.py as their numbers."""
    return re.sub(r"\{([A-Z_]+)\}", lambda name: f"{getattr(limits, name[1]):,g}", text)


def _ends(file: Words) -> Iterator[str]:
    yield from ("## The end of a sentence", "", file["ends"]["text"], "")
    yield from _table(("end", "meaning", "example"),
                      ((f"`{e['end']}`", e["means"], f"`{e['example']}`") for e in file["ends"]["words"]))  # fmt: skip


def _quantities(file: Words) -> Iterator[str]:
    yield from ("## Quantities", "", "What a condition may compare, with the unit of its number.", "")
    rows = []
    for name, said in file["quantities"].items():
        values = VALUES.get(name)
        unit = ", ".join(f"`{value}`" for value in values) if values else unit_of(name)
        usual = usual_numbers().conditions.get("grade" if name in ("crs", "neurotoxicity", "side effect") else name)
        also = [alias for alias, meant in ALIASES.items() if meant == name]
        label = f"`{name}`" + (f" (also {', '.join(also)})" if also else "")
        numbers = f"{usual.low:g} to {usual.high:g}" if usual else ""
        rows.append((label, said["means"], unit, numbers, said["play"], f"`{example_of(name, said)}`"))
    yield from _table(("name", "what it is", "unit or values", "usual numbers", "in play", "example"), rows)
    yield from (
        "A count may have another unit: `anc >= 750/uL`, `platelets >= 75 x 10^9/L`, `hb < 80 g/L`. Levels are in "
        f"{', '.join(f'`{unit}`' for unit in CONCENTRATIONS)}; mass and amount are converted.",
        "",
        "Side effects that may be asked: "
        + ", ".join(f"`{name}`" for name in LIBRARY.side_effects(computed=False))
        + " (`remission show NAME` tells what a grade is).",
        "",
    )


def unit_of(name: str) -> str:
    """The unit in which a condition writes a quantity."""
    return COUNTS.get(name) or STATES.get(name) or PERSON.get(name) or (
        "a fraction or %" if "MRD" in name or name in ("marrow blasts", *SHARES)
        else "uM, mg/L, ..." if "level" in name else "whole number"
    )  # fmt: skip


def example_of(name: str, said: Words) -> str:
    """A condition that asks for a quantity: its own, or one with its lowest usual number."""
    if "example" in said:
        return str(said["example"])
    if name in VALUES:
        return f"{name} is {VALUES[name][-1]}"
    usual = usual_numbers().conditions.get("grade" if name in ("crs", "neurotoxicity") else name)
    if usual is None:
        return f"{name} >= 0.9"
    if "MRD" in name:
        return f"{name} < 0.01%"
    return f"{name} < 5%" if name == "marrow blasts" else f"{name} >= {max(usual.low, 1):g}"


def _tables(file: Words) -> Iterator[str]:
    yield from ("## Units and routes", "")
    yield from _table(("unit of a dose", ""), ((f"`{unit}`", text) for unit, text in file["units"].items()))
    yield from ("`/day` behind a unit makes it the amount of a day.", "")
    yield from _table(("route", ""), ((f"`{route}`", text) for route, text in file["routes"].items()))
    yield from ("`IV/PO` means either.", "")


def _agents() -> Iterator[str]:
    yield from (
        "## Medicines",
        "",
        "What can be given, with the other names that are understood. A name that two medicines bear (PRED) is "
        "refused with the choice. Outside its usual dose a line is doubted, ten times outside refused. Your own: "
        "[own-library.md](own-library.md).",
        "",
    )
    rows = []
    for name in sorted(LIBRARY.agents()):
        agent = LIBRARY.agent(name)
        usual = "; ".join(usual.words() for usual in agent.usual)
        tables = ", ".join(f"`{table}`" for table in agent.intrathecal_by_age)
        rows.append(
            (f"`{name}`", ", ".join(agent.names), ", ".join(agent.routes), ", ".join(agent.dose_units), usual, tables)
        )
    yield from _table(("name", "also", "routes", "units", "usual doses", "tables by age"), rows)


def _handwriting(file: Words) -> Iterator[str]:
    yield from (
        "## Handwriting",
        "",
        "What is written on a chart is understood as far as it can mean one thing only; it is written back in the "
        "words of the language.",
        "",
    )
    rows = []
    for group in file["handwriting"]:
        for chart in group["charts"]:
            try:
                rows.append((f"`{chart}`", f"`{canonical(group['kind'], chart, group.get('first_day', 1))[0]}`"))
            except BadInput as error:
                raise SystemExit(f"{chart}: {error}") from None
    yield from _table(("on a chart", "in the language"), rows)


def _play(file: Words) -> Iterator[str]:
    yield from ("## What a run tells", "", "Column `event` of the table `events`:", "")
    yield from _table(("event", "when"), ((f"`{name}`", text) for name, text in file["events"].items()))
    yield from ("Column `reason` of the table `doses`:", "")
    yield from _table(("reason", "by which word"), ((f"`{name}`", text) for name, text in file["reasons"].items()))


def _assumptions(file: Words) -> Iterator[str]:
    yield from ("## What is assumed", "", *(f"- {text}" for text in file["assumptions"]), "")


def _table(headings: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"| {' | '.join('---' for _ in headings)} |"
    yield from (f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)
    yield ""


def main() -> None:
    (HERE / "language.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
