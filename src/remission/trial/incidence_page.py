"""Published and simulated side effects in words and tables: for the terminal and as the Markdown page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from remission.knowledge.library import Library, library

from .incidence import Incidence, count, scored
from .side_effects import words
from .validation_page import USED

HEADINGS = ("side effect", "of", "what", "published (95 % CI)", "simulated (95 % CI)", "in interval", "used to")


def cells(row: Incidence) -> tuple[str, ...]:
    """The row in words, in the order of `HEADINGS`."""
    seen, limits, found = row.seen, row.published, row.simulated
    observed = f"{seen.value:.3g} %"
    if limits is not None:
        observed += f" ({limits.low:.1f} to {limits.high:.1f})" + ("ᵇ" if limits.made_from == "n" else "")
    if seen.read == "memory":
        observed += " from memory"
    told = (
        f"not simulated: {row.why}" if found is None else f"{found.value:.1f} % ({found.low:.1f} to {found.high:.1f})"
    )
    if row.before:
        told += "; counted as before " + ", then ".join(f"{old.value:.1f} %" for old in row.before)
    said = {"not simulated": "", "no interval": "no interval"}.get(row.verdict, row.verdict)
    return words(row.side_effect), seen.name, seen.label(), observed, told, said, USED[seen.used]


def sentences(rows: Sequence[Incidence]) -> list[str]:
    """How many lie in the published interval."""
    out = []
    for used, name in (("predict", "Predicted"), ("calibrate", "Calibrated")):
        one = count(rows, (used,))
        out.append(f"{name}: {one.inside} of {one.judged} incidences in the published interval ({one.all} published).")
        if changed := [row for row in rows if row.seen.used == used and row.before]:
            known = [row for row in rows if row.seen.used == used and row.verdict_before in ("yes", "no")]
            out.append(
                f"{name}, in the same patients as they were counted before: "
                f"{sum(row.verdict_before == 'yes' for row in known)} of {len(known)}. What is counted was changed for "
                f"{len(changed)} of them after the simulated number had been seen (see the notes)."
            )
        if (apart := scored(rows, used)) is not None:
            out.append(f"{name}: {apart}.")
    both = count(rows)
    out.append(
        f"Side effects: {both.effects_all_inside} of {both.effects_judged} with every incidence in its interval, "
        f"{both.effects_some_inside} with one at least."
    )
    return out


def missing(rows: Sequence[Incidence], shelf: Library | None = None) -> Iterator[tuple[str, str]]:
    """Side effects without a verdict, and why: no published number, none with an interval, or not simulated."""
    shelf = shelf or library()
    for name in shelf.side_effects():
        mine = [row for row in rows if row.side_effect == name]
        if any(row.verdict in ("yes", "no") for row in mine):
            continue
        reasons = dict.fromkeys(row.why for row in mine if row.why)
        if not mine:
            why = "no published incidence was found"
        elif reasons:
            why = "; ".join(reasons)
        elif all(row.seen.used == "orientation" for row in mine):
            why = "the published numbers are orientation only"
        else:
            why = "the published numbers have neither an interval nor a number of patients"
        yield words(name), why


def as_markdown(
    rows: Sequence[Incidence], *, patients: int, seed: int, shelf: Library | None = None, picture: str | None = None
) -> str:
    """The page: counts, the table, what is missing, and each side effect in plain words. ``picture``: the address of
    that of all incidences."""
    shelf = shelf or library()
    out = [
        "# Side effects, published and played",
        "",
        f"`remission validate --side-effects --patients {patients} --seed {seed}` wrote this page: {patients:,} "
        "virtual patients in each protocol that a side effect's file names, the share with an episode of that grade "
        "or worse beside the published one. *In interval*: is the simulated value inside the published 95 % interval? "
        "*Used to*: `calibrate` (the model was fitted to this number), `predict` (it was not) or `orient`.",
        "",
        "ᵇ Wilson's limits from the number of patients. Counts are graded on the days on which they are measured; "
        "trials differ in what they report of them.",
        "",
        *(f"**{text}**  " for text in sentences(rows)),
        "",
        *([f"![published against simulated]({picture})", ""] if picture else []),
        _line(HEADINGS),
        _line(["---"] * len(HEADINGS)),
    ]
    notes: list[str] = []
    last = ""
    for row in rows:
        told = list(cells(row))
        if row.seen.note:
            if row.seen.note not in notes:
                notes.append(row.seen.note)
            told[2] += f" [{notes.index(row.seen.note) + 1}]"
        told[0], last = ("" if told[0] == last else told[0]), told[0]
        out.append(_line(told))
    out += ["", *(f"{i}. {note.strip()}" for i, note in enumerate(notes, 1)), ""]
    if lacking := list(missing(rows, shelf)):
        out += ["## Without a verdict", "", *(f"- {name}: {why}" for name, why in lacking), ""]
    out += ["## What they are", ""]
    for name in shelf.side_effects():
        effect = shelf.side_effect(name)
        out += [f"**{words(name)}** ({effect.grading}: {effect.code or 'no term'}). {effect.plain.strip()}", ""]
        out += [f"  *Open:* {text}  " for text in effect.open] + ([""] if effect.open else [])
    keys = dict.fromkeys(row.seen.source for row in rows if row.seen.source)
    out += ["## Sources", "", *(f"- {shelf.source(key).cite()}" for key in keys)]
    return "\n".join(out) + "\n"


def _line(row: Iterable[str]) -> str:
    return "| " + " | ".join(word.replace("|", "\\|").replace("\n", " ") for word in row) + " |"
