"""Observed against simulated in words and tables: for the terminal and as the Markdown page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from remission.knowledge.credibility_file import credibility
from remission.knowledge.library import library
from remission.knowledge.trial_file import KINDS

from .estimates import Estimate
from .validate import Comparison, Reproduction, count, scored

UNITS = {"percent": " %", "-": ""}
MARKS = {"paper": "", "se": "ᵃ", "n": "ᵇ"}
HEADINGS = ("", "published (95 % CI)", "simulated (95 % CI)", "difference", "in interval", "used to")
USED = {"predict": "predict", "calibrate": "calibrate", "orientation": "orient"}


def cells(row: Comparison) -> tuple[str, str, str, str, str, str]:
    """The row in words: endpoint, published, simulated, difference, verdict, use."""
    unit = UNITS.get(row.endpoint.unit, f" {row.endpoint.unit}")
    form = ".2f" if row.endpoint.unit == "-" else ".1f"
    limits = row.published
    observed = f"{number(row.endpoint.value, form)}{unit}"
    if limits is not None:
        observed += f" ({number(limits.low, form)} to {number(limits.high, form)}){MARKS[limits.made_from]}"
    if row.endpoint.read == "memory":
        observed += " from memory"
    gap = row.difference
    return (
        row.endpoint.label(),
        observed,
        _estimate(row.simulated, unit, form, row.unsure) if row.simulated else f"not simulated: {row.why}",
        "" if gap is None or not math.isfinite(gap) else f"{gap:+{form}}" if abs(gap) < 1000 else f"{gap:+,.0f}",
        "" if row.simulated is None else "no (overlap)" if row.verdict == "no" and row.overlap else row.verdict,
        USED[row.endpoint.used],
    )


def number(value: float, form: str = ".1f") -> str:
    if math.isinf(value):
        return "not reached"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:{form}}"


def _estimate(estimate: Estimate, unit: str, form: str, unsure: tuple[float, float] | None = None) -> str:
    if math.isinf(estimate.value):
        return f"not reached (from {number(estimate.low)})" if math.isfinite(estimate.low) else "not reached"
    low, high = number(estimate.low, form), number(estimate.high, form)
    return f"{number(estimate.value, form)}{unit} ({low} to {high}){_range(unsure, form)}"


def _range(unsure: tuple[float, float] | None, form: str) -> str:
    return "" if unsure is None else f" [{number(unsure[0], form)} to {number(unsure[1], form)}]"


def counts(done: Sequence[Reproduction]) -> list[str]:
    """The sentences at the end: how many simulated values lie in the published interval."""
    words = []
    for used, name in (("predict", "Predicted"), ("calibrate", "Calibrated")):
        found = count(done, used)  # type: ignore[arg-type]
        words.append(
            f"{name}: {found.inside} of {found.judged} in the published interval "
            f"({found.simulated} of {found.all} endpoints simulated)."
        )
        if (apart := scored(done, used)) is not None:  # type: ignore[arg-type]
            words.append(f"{name}: {apart}.")
    words[2:2] = _blind(done)
    if unplayed := [one for one in done if one.cannot]:
        words.append(f"{len(unplayed)} of {len(done)} trials cannot be played yet.")
    return words


def _blind(done: Sequence[Reproduction]) -> list[str]:
    """The trials of which no modeller had looked at a result, apart."""
    blind = credibility().present
    mine = [one for one in done if blind and one.trial.trial in blind.trials and not one.cannot]
    if not blind or not mine:
        return []
    found, apart = count(mine, "predict"), scored(mine, "predict")
    words = [f"Blind: {found.inside} of {found.judged} predicted endpoints of {blind.says(len(mine))}."]
    return words if apart is None else [*words, f"Blind: {apart}."]


def on_terminal(one: Reproduction) -> RenderableType:
    """A trial as a table of the terminal; one line when it cannot be played."""
    title = Text(f"{one.trial.name}: {one.trial.title}", style="bold")
    if one.cannot:
        return Group(title, Text(f"cannot be played: {one.cannot}"), Text(""))
    table = Table(*HEADINGS, box=None, pad_edge=False)
    arm = ""
    for row in one.comparisons:
        if row.arm.name != arm:
            arm = row.arm.name
            table.add_row(Text(f"{arm} ({row.arm.protocol})", style="bold"))
        words = cells(row)
        table.add_row(*(Text(f"  {word}" if i == 0 else word) for i, word in enumerate(words)))
    lines = [Text(f"{name}: cannot be played: {reason}") for name, reason in one.unplayed.items()]
    return Group(title, table, *lines, *(Text(text, style="dim") for text in _marks(one)), Text(""))


def _marks(one: Reproduction) -> list[str]:
    made = {row.published.made_from for row in one.comparisons if row.published}
    words = {"se": "ᵃ value ± 1.96 standard errors", "n": "ᵇ Wilson's limits from the number of patients alone"}
    return [words[key] for key in ("se", "n") if key in made]


def as_markdown(
    done: Sequence[Reproduction],
    *,
    patients: int,
    seed: int,
    uncertainty: int = 0,
    pictures: Mapping[str, str] | None = None,
) -> str:
    """The page: one section and table a trial, the counts, and what each endpoint is. ``pictures``: their addresses by
    trial, and of ``all``."""
    pictures = pictures or {}
    asked = f" --uncertainty {uncertainty}" if uncertainty else ""
    out = [
        "# Published trials, played",
        "",
        f"`remission validate --patients {patients} --seed {seed}{asked}` wrote this page: {patients:,} virtual "
        "patients in each arm, and up to eight times as many in trials one of whose numbers rests on too few of them "
        "to be twice as exact as the published one; every endpoint computed from their tables as the trial defines it, "
        "beside the published result. "
        "*In interval*: does the simulated value lie in the published 95 % interval; "
        "*overlap*: the two intervals do. *Used to*: `calibrate` (the model "
        "was fitted to this number, so agreement shows only that the fit holds), `predict` (it was not), or `orient` "
        "(not certain enough for either, for example recalled from memory: no verdict).",
        "",
        "ᵃ value ± 1.96 standard errors. ᵇ Wilson's limits from the number of patients alone; too narrow for survival, "
        "whose censoring is not published. The interval of a simulated value is that of its number of patients.",
        "",
        *(f"**{text}**  " for text in counts(done)),
        "",
        "*z* is the difference between simulated and published over the standard errors of both"
        + (", that of the uncertain fitted numbers included" if uncertainty else "")
        + "; CRPS is a proper score of the simulated value, with these errors, as a forecast of the published one "
        "(0: perfect). Percentages are compared as logits, times and ratios as logarithms.",
        "",
    ]
    if uncertainty:
        out += [f"In square brackets: 95 % of {uncertainty} draws of the fitted numbers, with the same patients.", ""]
    if "all" in pictures:
        out += [f"![published against simulated]({pictures['all']})", ""]
    for one in done:
        out += _section(one, pictures.get(one.trial.trial))
    out += [
        "## What the endpoints are",
        "",
        *(f"- **{name}** ({kind.unit}): {kind.says}" for name, kind in KINDS.items()),
    ]
    return "\n".join(out) + "\n"


def _section(one: Reproduction, picture: str | None = None) -> list[str]:
    trial = one.trial
    out = [f"## {trial.name}", "", f"{trial.title}. {trial.plain.strip()}", ""]
    if trial.note:
        out += [trial.note.strip(), ""]
    if one.cannot:
        out += [f"cannot be played: {one.cannot}", ""]
    elif one.comparisons:
        if picture:
            out += [f"![{trial.name}: published and simulated]({picture})", ""]
        out += [_line(("arm", *HEADINGS)), _line(["---"] * (len(HEADINGS) + 1))]
        notes: list[str] = []
        arm = ""
        for row in one.comparisons:
            words = list(cells(row))
            if row.endpoint.note:
                if row.endpoint.note not in notes:
                    notes.append(row.endpoint.note)
                words[0] += f" [{notes.index(row.endpoint.note) + 1}]"
            out.append(_line([row.arm.name if row.arm.name != arm else "", *words]))
            arm = row.arm.name
        out += [""]
        out += [f"{i}. {note.strip()}" for i, note in enumerate(notes, 1)] + ([""] if notes else [])
        out += [f"{name}: cannot be played: {reason}  " for name, reason in one.unplayed.items()]
        out += [""] if one.unplayed else []
    arms = (
        (
            f"{arm.name}: {' and '.join(trial.arms[part].name for part in arm.together)}, by chance"
            if arm.together
            else f"{arm.name}: protocol `{arm.protocol}`, population `{arm.population or trial.population}`"
            + (f", patients of `{arm.patients_of}`" if arm.patients_of else "")
        )
        + (f" ({arm.note.strip()})" if arm.note else "")
        for arm in trial.arms.values()
    )
    verb = "To be played" if one.cannot else "Played"
    then = f"; a relapse is treated by `{trial.second_line}`" if trial.second_line else ""
    then += f"; {trial.care}" if trial.care else ""
    many = f", {one.patients:,} patients an arm" if one.patients else ""
    out += [f"{verb} as {'; '.join(arms)}{many}; followed for {trial.follow_up}{then}.", ""]
    keys = dict.fromkeys([*trial.sources, *(e.source for _, e in trial.endpoints() if e.source)])
    out += ["Sources: " + "; ".join(library().source(key).cite() for key in keys) + ".", ""]
    return out


def _line(words: Iterable[str]) -> str:
    return "| " + " | ".join(word.replace("|", "\\|").replace("\n", " ") for word in words) + " |"
