"""Numbers of conditions and rules that are probably not meant, or cannot be: a count in the wrong unit, a rise of a
million percent, an infusion that outlasts its phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..knowledge import limits
from ..knowledge.errors import BadInput
from ..knowledge.measured_file import Usual, measured
from .complaint import at_word, bad, doubt
from .logic import compares
from .model import Adjust, Compare, Condition, Give, Hold, Limit, Phase, Place, Rescue, Rule, Start, Transfuse
from .numerals import number, percent
from .usual import unusual
from .vocabulary import EVER, FRACTIONS


def of_condition(condition: Condition, at: Callable[[str], Place | None], as_written: bool) -> Iterator[BadInput]:
    """Numbers that lie outside what is usual for what they are compared with. ``at``: where a name stands."""
    for compare in compares(condition):
        place = at(compare.name.removesuffix(EVER))
        usual = _usual(compare)
        if usual is None or isinstance(compare.value, str):
            continue
        share = compare.name in FRACTIONS
        value = percent(compare.value) if share else number(compare.value)
        what = f"{compare.name} {compare.op} {value}"
        if usual.cannot_be(compare.value):
            most, least = usual.most, usual.least
            said = f"at most {most:g}" if most is not None and compare.value > most else f"at least {least:g}"
            yield bad(place, f"{what} asks for what cannot be", f"It is {said} {usual.unit}".rstrip())
        elif compare.value == 0 and compare.op in (">", "=", "!="):
            continue  # whether there is any
        elif found := unusual(what, compare.value, usual.low, usual.high, usual.unit, place, as_written):
            yield found


def _usual(compare: Compare) -> Usual | None:
    known = measured().conditions
    if compare.name in known:
        return known[compare.name]
    graded = compare.name.removesuffix(EVER)
    words = isinstance(compare.value, str) or compare.name.startswith("level:") or graded in ("chimerism", "t315i")
    return None if words else known["grade"]


def of_rule(rule: Rule) -> Iterator[BadInput]:
    """Changes of dose and volumes that lie outside what is usual."""
    action = rule.action
    said: list[tuple[str, float | None]] = []
    if isinstance(action, Hold) and action.resume != (1.0,):
        said = [("resume at", share) for share in action.resume]
    elif isinstance(action, Adjust):
        word = "raise by" if action.factor > 1 else "reduce by"
        said = [(word, round(abs(action.factor - 1), 9)), ("at most", action.at_most), ("at least", action.at_least)]
    elif isinstance(action, Limit):
        said = [("give at", action.fraction)]
    elif isinstance(action, Start):
        said = [("start at", action.fraction)]
    for word, share in said:
        if share is not None:
            place = at_word(rule, percent(share).rstrip("%"))
            yield from _judged(f"{word} {percent(share)}", word, share * 100, place, rule)
    if isinstance(action, Transfuse):
        place = at_word(rule, number(action.ml_per_kg))
        what = f"{number(action.ml_per_kg)} mL/kg of {action.product}"
        yield from _judged(what, action.product, action.ml_per_kg, place, rule)
    if isinstance(action, Rescue):
        for hours in (action.every_h, action.from_h):
            if hours % 2:
                yield bad(
                    at_word(rule, number(hours)),
                    "a rescue is played in steps of two hours",
                    f"Write {number(hours // 2 * 2 + 2)} hours, for example",
                )


def of_give(give: Give, phase: Phase) -> Iterator[BadInput]:
    """Tapers that rise, infusions that outlast the phase."""
    for share, _ in give.taper:
        yield from _judged(f"taper {percent(share)}", "taper", share * 100, at_word(give, "taper"), give)
    left = (phase.days - min(give.days, default=1) + 1) * 24
    if give.infusion_h is not None and give.infusion_h > left and not give.provenance.as_written:
        place, hours = at_word(give, "over"), number(give.infusion_h)
        yield doubt(
            place, f"an infusion over {hours} hours outlasts the phase", f"{left} hours are left when it begins"
        )


def _judged(what: str, word: str, value: float, place: Place | None, item: Give | Rule) -> Iterator[BadInput]:
    usual = measured().rules[word]
    found = unusual(what, value, usual.low, usual.high, usual.unit, place, item.provenance.as_written)
    if found is not None:
        yield found


def of_phases(phases: tuple[Phase, ...], days: int) -> Iterator[BadInput]:
    """More phases, or more days, than can be played."""
    if len(phases) > limits.PHASES:
        yield bad(phases[-1].place, f"{len(phases)} phases, with those of other protocols", f"At most {limits.PHASES}")
    if days > limits.TREATMENT_DAYS:
        yield bad(
            phases[-1].place, f"all phases together last {days:,} days", f"At most {limits.TREATMENT_DAYS:,} days"
        )
