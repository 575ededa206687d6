"""The credibility page, after ASME V&V 40: contexts of use, verification, validation, uncertainty, every miss by name.

Made of what other commands found: ``validate --json``, ``validate --side-effects --json``, docs/verification.md, and
the posterior that a calibration left.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import quantiles
from typing import Any

from remission.knowledge.credibility_file import credibility
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library
from remission.knowledge.places import number, place
from remission.knowledge.posterior import FILE, posterior
from remission.knowledge.provenance import counts, provenance

from .estimates import Z
from .score import Apart, on_scale, score, spread

Rows = list[dict[str, Any]]


def results(path: Path) -> Rows:
    """What a command printed with --json; raises `BadInput`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise ValueError("it is no list of results")
    except OSError as error:
        raise BadInput(f"the file cannot be read: {error.strerror}", path, remedy="Check the path") from error
    except ValueError as error:
        remedy = "remission validate --json > FILE"
        raise BadInput(f"this is not what --json prints: {error}", path, remedy=remedy) from error
    return found


def page(
    trials: Rows, effects: Rows, verification: str, *, tests: Path | None = None, shelf: Library | None = None
) -> str:
    """The page as Markdown. ``verification``: the text of docs/verification.md; ``tests``: their folder."""
    shelf, words = shelf or library(), credibility()
    try:
        facts = _facts(trials, effects, verification, tests, shelf)
    except (KeyError, TypeError) as error:
        remedy = "Take what remission validate --json and --side-effects --json print"
        raise BadInput(f"the results lack {error}", remedy=remedy) from error
    out = [
        "# Credibility",
        "",
        "`remission credibility` wrote this page from the results of `remission validate`, `make verify` and "
        "`remission calibrate`. It follows the order of ASME V&V 40 (risk-informed credibility of computational "
        "models): what the model may be used for, whether it solves its equations, whether these describe patients, "
        "and how sure that is. It claims no conformity with the standard.",
        "",
        "## Contexts of use",
        "",
        "| use | question | weight of the model in the answer | cost of a wrong one | what is asked of it | verdict |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for c in words.contexts:
        out.append(_line((f"**{c.name}**", c.question, c.influence, c.consequence, c.asked, c.verdict)))
    out += ["", "## Factors of credibility", ""]
    out += ["| | factor | what was done | what is lacking |", "| --- | --- | --- | --- |"]
    group = ""
    for factor in words.factors:
        name = factor.group if factor.group != group else ""
        out.append(_line((name, factor.name, factor.done.format(**facts), factor.gap.format(**facts))))
        group = factor.group
    out += ["", "## Validation", ""]
    out += [f"- **{name}**: {told}" for name, told in _validation(trials, effects)]
    out += ["", "Trial by trial: [validation.md](validation.md); side effects: [side-effects.md](side-effects.md).", ""]
    out += ["## Every miss", "", *_misses(trials, effects, words.misses, words.misses_of), ""]
    out += ["## Uncertainty", "", *_uncertainty(trials, shelf)]
    return "\n".join(out) + "\n"


def _facts(trials: Rows, effects: Rows, verification: str, tests: Path | None, shelf: Library) -> dict[str, str]:
    known, words = counts(_numbers(shelf)), credibility()
    predicted = [row for row in _endpoints(trials) if row["used"] == "predict" and row["verdict"] in ("yes", "no")]
    incidences = [row for row in effects if row["published"]["used"] == "predict" and row["verdict"] in ("yes", "no")]
    told = score(filter(None, map(_apart, predicted)))
    counted = {
        "": predicted,
        "unlooked_": [row for row in predicted if row["trial"] not in words.looked_at],
        "unseen_": [row for row in predicted if row["trial"] in words.unseen],
        "effects_": incidences,
    }
    aims = re.findall(r"(NOT met|met)(?:\*\*)?[ .|]*(?:\||$)", verification, re.MULTILINE)
    met = sum(aim == "met" for aim in aims)
    sample = _sample(shelf)
    files = sorted(tests.rglob("test_*.py")) if tests is not None else []
    texts = [file.read_text(encoding="utf-8") for file in files]
    return {
        "tests": f"{sum(len(re.findall(r'^def test_', text, re.MULTILINE)) for text in texts):,}",
        "test_files": str(len(files)),
        "verified": str(len(aims)),
        "verified_met": str(met),
        "verified_missed": "" if met == len(aims) else f"{len(aims) - met} aims are missed",
        "worst_anc": _worst(verification, "ANC, relative"),
        "worst_blasts": _worst(verification, "marrow blasts, decades"),
        "numbers": f"{sum(known.values()):,}",
        "known": ", ".join(f"{count:,} {read}" for read, count in known.items()),
        "assumed": f"{known.get('assumed', 0):,}",
        "memory": f"{known.get('memory', 0):,}",
        "fitted": str(len(sample.places)) if sample else "none",
        "trials": str(len(trials)),
        "arms": str(sum(len({row["arm"] for row in one["endpoints"]}) for one in trials)),
        "unplayed": str(sum(not one["endpoints"] for one in trials)) if trials else "0",
        "score": str(told) if told else "no score",
        "looked_at": str(len(words.looked_at)),
        "unseen": str(len(words.unseen)),
        "blind_now": _blind_now(predicted),
        **{f"{of}inside": str(_inside(rows)) for of, rows in counted.items()},
        **{f"{of}judged": str(len(rows)) for of, rows in counted.items()},
    }


def _numbers(shelf: Library) -> Iterator[Any]:
    from remission.patient import recipe

    for name in shelf.agents():
        yield from provenance(shelf.agent(name))
    for name in shelf.bodies():
        yield from provenance(shelf.body(name))
    for name in shelf.side_effects():
        yield from provenance(shelf.side_effect(name))
    own = {  # what a population takes from another one is counted once
        row for name in shelf.populations() for row in provenance(recipe.numbers(recipe.population(name)))
    }
    yield from own


def _worst(verification: str, what: str) -> str:
    """The largest of the column `worst` of all tables that have the row."""
    row = rf"^\| {re.escape(what)} \|[^|]*\|[^|]*\| *([0-9.e+-]+) *\|"
    found = [float(x) for x in re.findall(row, verification, re.MULTILINE)]
    return f"{max(found):.1e}" if found else "not measured"


def _endpoints(trials: Rows) -> Iterator[dict[str, Any]]:
    for one in trials:
        for row in one["endpoints"]:
            yield {**row, "trial": one["trial"], "name": one["name"]}


def _apart(row: Mapping[str, Any]) -> Apart | None:
    found, limits, unit = row["simulated"], row["published_limits"], row["unit"]
    if found is None or limits is None or found["value"] is None or None in (found["low"], found["high"]):
        return None
    sd = spread(found["value"], found["low"], found["high"], unit, found["n"])
    drawn = row.get("simulated_95_percent_of_draws")
    if drawn and drawn[0] < drawn[1]:
        sd = math.hypot(sd, spread(found["value"], drawn[0], drawn[1], unit, found["n"]))
    seen = spread(row["published"], limits["low"], limits["high"], unit)
    return Apart(on_scale(row["published"], unit), seen, on_scale(found["value"], unit, found["n"]), sd)


def _validation(trials: Rows, effects: Rows) -> Iterator[tuple[str, str]]:
    for used, name in (("predict", "Predicted endpoints"), ("calibrate", "Fitted endpoints")):
        rows = [row for row in _endpoints(trials) if row["used"] == used and row["verdict"] in ("yes", "no")]
        yield name, _scored(rows)
        if used == "predict":
            yield from _blind(rows)
    for used, name in (("predict", "Predicted incidences"), ("calibrate", "Fitted incidences")):
        mine = [row for row in effects if row["published"]["used"] == used and row["verdict"] in ("yes", "no")]
        said = _share(mine)
        if changed := sum(row.get("counted_as_before") is not None for row in mine):
            before = sum(row["verdict_before"] == "yes" for row in mine)
            said += (
                f"; {before} when all are counted as they were before the results of {changed} of them had been seen "
                "(side-effects.md tells both)"
            )
        yield name, said


def _blind(predicted: Rows) -> Iterator[tuple[str, str]]:
    for entered in credibility().blind:
        rows = [row for row in predicted if row["trial"] in entered.trials]
        if entered.first:
            yield "Blind endpoints before", f"of {entered.says(len(entered.trials))}: {entered.first}"
        elif rows:
            played = len({row["trial"] for row in rows})
            yield "Blind endpoints", f"of these, of {entered.says(played)}: {_scored(rows)}"


def _blind_now(predicted: Rows) -> str:
    """The round that is under way, as the end of a sentence."""
    if (entered := credibility().present) is None:
        return ""
    rows = [row for row in predicted if row["trial"] in entered.trials]
    return (
        f". Of the {len(entered.trials)} trials of the present round, entered in the same way on "
        f"{entered.on.isoformat()}, {_inside(rows)} of {len(rows)}"
    )


def _scored(endpoints: Rows) -> str:
    return f"{_share(endpoints)}; {score(filter(None, map(_apart, endpoints))) or 'no score'}"


def _share(judged: Rows) -> str:
    return f"{_of(_inside(judged), len(judged))} in the published interval"


def _inside(judged: Rows) -> int:
    return sum(row["verdict"] == "yes" for row in judged)


def _of(some: int, of: int) -> str:
    return f"{some} of {of} ({100 * some / of:.0f} %)" if of else "none"


def _misses(trials: Rows, effects: Rows, words: Mapping[str, str], of: str | None) -> Iterator[str]:
    yield "Simulated values outside the published 95 % interval; *z*: the difference in standard errors of both."
    if of:
        yield f"**The rows are of this validation; the texts, and the figures in them, are of an earlier one ({of}).**"
    yield ""
    for one in trials:
        out = [row for row in one["endpoints"] if row["verdict"] == "no"]
        if out:
            yield f"- **{one['name']}**. {words.get(one['trial'], 'Not discussed yet.')}"
            for row in out:
                away = _apart(row)
                z = f", z {away.z:+.1f}" if away else ""
                limits = row["published_limits"]
                yield (
                    f"  - {row['arm']}, {row['endpoint']}: published {_n(row['published'])} ({_n(limits['low'])} to "
                    f"{_n(limits['high'])}), simulated {_n(row['simulated']['value'])} ({row['used']}{z})"
                )
    by_effect: dict[str, Rows] = {}
    for row in effects:
        if row["verdict"] == "no":
            by_effect.setdefault(row["side_effect"], []).append(row)
    for name, rows in by_effect.items():
        yield f"- **{name.replace('_', ' ')}**. {words.get(name, 'Not discussed yet.')}"
        for row in rows:
            seen, limits = row["published"], row["published_limits"]
            yield (
                f"  - {seen['name']}: published {_n(seen['value'])} % ({_n(limits['low'])} to {_n(limits['high'])}), "
                f"simulated {_n(row['simulated']['value'])} % ({seen['used']})"
            )


def _n(value: float | None) -> str:
    return "not reached" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _uncertainty(trials: Rows, shelf: Library) -> Iterator[str]:
    yield (
        "*Chance*: every simulated value has the 95 % limits of its number of patients; arms share patients and chance."
    )
    yield ""
    sample = _sample(shelf)
    if sample is None:
        yield "*Numbers*: no calibration has left a sample of its numbers."
        return
    yield (
        f"*Numbers*: {len(sample.places)} numbers were fitted together ({sample.plan}; {sample.date}; seeds "
        f"{', '.join(map(str, sample.seeds))}); {len(sample.draws)} draws that are plausible together travel with the "
        f"package ({FILE}), and `--uncertainty DRAWS` plays them. [calibration.md](calibration.md) says what each was "
        "fitted to. All other numbers are taken as sure, which they are not: the intervals are too narrow by what "
        "those would add."
    )
    yield ""
    yield from ("| number | value | 95 % of the draws |", "| --- | --- | --- |")
    for i, text in enumerate(sample.places):
        low, *_, high = quantiles([draw[i] for draw in sample.draws], n=40)
        yield _line((f"`{text}`", f"{number(place(text), shelf):.3g}", f"{low:.3g} to {high:.3g}"))
    drawn = [row for row in _endpoints(trials) if row.get("simulated_95_percent_of_draws")]
    if drawn:
        wide = Counter(_wider(row) for row in drawn)
        yield ""
        yield (
            f"Of {len(drawn)} endpoints the uncertain numbers widen {wide[True]} by more than the chance of the "
            f"published trial does (half their 95 % range against {Z:.2f} standard errors of the paper)."
        )


def _wider(row: Mapping[str, Any]) -> bool | None:
    limits = row["published_limits"]
    low, high = row["simulated_95_percent_of_draws"]
    return None if limits is None else high - low > limits["high"] - limits["low"]


def _sample(shelf: Library) -> Any:
    return posterior(shelf) if any((folder / FILE).is_file() for folder in shelf.folders) else None


def _line(words: Iterable[str]) -> str:
    return "| " + " | ".join(word.replace("|", "\\|").replace("\n", " ") for word in words) + " |"
