"""One day of the treatment: what is given and why, what happens in the body, what one may feel, what to watch for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from math import log10

import polars as pl
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library
from remission.protocol.plan import Cycle, Plan, Row
from remission.protocol.wording import place_in_words

from . import made, who
from .figures import course, shared
from .language import _, language, number
from .reading import Reading, reading
from .scenes import STILL_DAYS, Elsewhere, address, kept, links, own, patient_of, planned, read, results_of, scene
from .see import fresh
from .site import Site
from .summary import Summary
from .trust import trust

SOME_MONDAY = date(2027, 1, 4)  # a plan needs dates; those of a day of treatment are not shown
ALWAYS = ("fever", "seriously-ill")  # cards that hold on every day
FELT = 8  # side effects that are told
RARE = 0.01  # share below which a side effect is not told to families


@dataclass(frozen=True)
class Given:
    """What is given: page and name of the agent, how, how much, what for, and what a rule may change."""

    id: str
    name: str
    how: str
    dose: str
    why: str
    may_change: str = ""
    only_if: str = ""
    computed: str = ""


@dataclass(frozen=True)
class Felt:
    """What some patients have in this week, of a hundred."""

    id: str
    name: str
    says: str
    trust: str


class _Day(IntegerConvertor):
    regex = "[0-9]{1,9}"  # Python refuses to read what has thousands of digits


register_url_convertor("day", _Day())


def routes(site: Site) -> list[BaseRoute]:
    """The page of a day, and the form that leads to one."""

    def show(request: Request) -> Response:
        n = request.path_params["n"]
        try:
            scenario = scene(request, site.knowledge, f"/day/{n}")
        except Elsewhere as other:
            return other.answer()
        if site.still and n > STILL_DAYS:
            raise HTTPException(404, _("This day needs a running server."))
        plan = planned(scenario, site.knowledge, SOME_MONDAY)
        last = (plan.end - plan.start).days + 1
        if not 1 <= n <= last:
            raise HTTPException(404, _("The treatment has {last} days as planned.").format(last=number(last)))
        texts = reading(language())
        results = results_of(site, scenario)
        summary = results.summary
        specialist = request.query_params.get("view") == "specialist"
        cycle = next(c for c in reversed(plan.cycles) if c.first_day <= n)
        here = n <= cycle.last_day
        figures = [course.small(summary, site.knowledge, n - 1.0)] if summary else []
        felt, untold, found = _felt(summary, n, texts, site.knowledge, specialist) if summary else ([], [], [])
        rows = [row for row in plan.rows if row.day == n]
        coming = _coming(plan, n)
        answer = site.page(
            request, "day.html", figures=figures, scenario=scenario, n=n, last=last, title=who.called(scenario),
            phase=who.phase_name(cycle.name, site.knowledge), cycle=cycle,
            phase_day=n - cycle.first_day + 1 if here else None,
            given=list(_given(rows, texts, site.knowledge)), tests=list(_tests(rows, site.knowledge)),
            body=_body(summary, n, site.knowledge) if summary else [], felt=felt, untold=untold, found=found,
            cards=[(name, texts.card(name)) for name in ALWAYS], coming=coming, patient=patient_of(request),
            happened=list(_happened(summary, patient_of(request), n, texts)) if summary else [],
            path=links(request, scenario), coming_name=who.phase_name(coming.name, site.knowledge) if coming else "",
            changes=who.changes(scenario), kept=kept(request), protocol=who.treatment_name(scenario, site.knowledge),
        )  # fmt: skip
        return fresh(answer, results)

    def chosen(request: Request) -> Response:
        text = request.query_params.get("n", "")
        if not (text.isascii() and text.isdigit() and 0 < len(text) < 6):
            raise BadInput("that is no day of the treatment", remedy="Write a number, such as 8")
        to = address(read(request, site.knowledge), f"/day/{int(text)}", **own(request.query_params))
        return RedirectResponse(f"/{language()}{to}", 303)

    return [
        Route("/see/{scenario}/day", chosen),
        Route("/see/{scenario}/day/{n:day}", show),
    ]


# --- what is planned --------------------------------------------------------------------------


def _given(rows: list[Row], texts: Reading, knowledge: Library) -> Iterator[Given]:
    for row in rows:
        if row.kind not in ("dose", "conditional") or row.agent is None:
            continue
        title = texts.title("agents", row.agent)
        why = made.first_words(texts, "agent", row.agent)[1]
        yield Given(
            f"treatment/chemotherapy/{row.agent}", title, _way(row.route or ""), who.dose(row), why,
            row.may_change, row.when if row.kind == "conditional" else "", row.computed,
        )  # fmt: skip


def _way(route: str) -> str:
    return {
        "IV": _("into a vein"), "PO": _("by mouth"), "IT": _("into the fluid around the spine"),
        "SC": _("under the skin"), "IM": _("into a muscle"), "RT": _("radiation"),
        "collection": _("cells are collected from the blood"),
    }.get(route, route)  # fmt: skip


def _tests(rows: list[Row], knowledge: Library) -> Iterator[tuple[str, str]]:
    """What is tested or decided today, and why."""
    for row in rows:
        if row.kind in ("check", "decision", "gate"):
            said = _decided(row, knowledge) if row.kind == "decision" else row.note
            yield said[:1].upper() + said[1:], _why(row)


def _decided(row: Row, knowledge: Library) -> str:
    """What a decision leads to, as a family reads it: ``If ...: go on with Consolidation``."""
    action, _space, target = row.what.partition(" to ") if row.what.startswith("go to ") else row.what.partition(" ")
    if row.certain:
        return row.note
    condition = _("If {condition}").format(condition=row.when)
    if action == "go":
        return _("{condition}: go on with {phase}").format(condition=condition, phase=who.phase_name(target, knowledge))
    return _("{condition}: this plan ends here ({why})").format(condition=condition, why=place_in_words(target))


def _why(row: Row) -> str:
    said = row.what.lower()
    if row.kind == "gate":
        return _("The phase begins when the blood is ready for it.")
    if row.kind == "decision":
        return _("The result decides how the treatment goes on.")
    if said == "counts":
        return _("They show how the bone marrow copes, and whether medicine can be given.")
    if "mrd" in said:
        return _("It looks for leukaemia cells that a microscope cannot see. It shows how well the treatment works.")
    if "blasts" in said:
        return _("It looks for leukaemia cells.")
    if "level" in said:
        return _("It shows how fast the medicine leaves the body, so that the rescue can be set.")
    return _("It shows how the bone marrow copes, and whether medicine can be given.")


def _coming(plan: Plan, n: int) -> Cycle | None:
    """The phase that comes next."""
    return next((cycle for cycle in plan.cycles if cycle.first_day > n), None)


# --- what is played ---------------------------------------------------------------------------


def _body(summary: Summary, n: int, knowledge: Library) -> list[str]:
    """Three sentences from the states of the patients like this one: leukaemia, defence, the other blood."""
    now = {name: shared.value_on(summary, name, n - 1.0)
           for name in ("log10_blasts_marrow", "anc", "platelets", "haemoglobin")}  # fmt: skip
    out = []
    if (cells := now["log10_blasts_marrow"]) is not None:
        out.append(_leukaemia(cells["q50"], *(log10(limit.at) for limit in shared.cell_limits(summary, knowledge)[:2])))
    if (anc := now["anc"]) is not None and anc["q50"] is not None:
        out.append(_defence(anc["q50"]))
    plates, red = now["platelets"], now["haemoglobin"]
    if plates and red and plates["q50"] is not None and red["q50"] is not None:
        out.append(_blood(plates["q50"], red["q50"]))
    return out


def _leukaemia(cells: float | None, microscope: float, flow: float) -> str:
    """Of log10 cells, and of what a microscope and flow cytometry see of them: as the limits of the pictures are."""
    if cells is None:
        return _("In most patients like this one no leukaemia cell is left by now; nobody can measure that.")
    if cells >= microscope:
        return _("There are still very many leukaemia cells, enough to be seen under a microscope.")
    if cells >= flow:
        return _("The leukaemia cells have become few; a microscope no longer finds them, finer tests do.")
    if cells > 3:
        return _("Tests often find no leukaemia now, but thousands to millions of its cells are still there.")
    return _("Only a few leukaemia cells are left; the treatment goes on until the last one is gone.")


def _defence(anc: float) -> str:
    shown_ = number(round(anc, 1))
    if anc < 0.5:
        return _("The neutrophils are very low ({count}): the body can hardly fight germs.").format(count=shown_)
    if anc < 1.0:
        return _("The neutrophils are low ({count}): the body fights germs less well.").format(count=shown_)
    return _("There are enough neutrophils ({count}) against most germs.").format(count=shown_)


def _blood(platelets: float, haemoglobin: float) -> str:
    few, pale = platelets < 50, haemoglobin < 9
    if few and pale:
        return _("Platelets and red cells are low, too: bruises, nosebleeds and tiredness are common.")
    if few:
        return _("Platelets are low: bruises and nosebleeds are common.")
    if pale:
        return _("Red cells are low: many patients are pale and tired.")
    return _("Platelets and red cells are high enough for everyday life.")


def _felt(
    summary: Summary, n: int, texts: Reading, knowledge: Library, specialist: bool
) -> tuple[list[Felt], list[tuple[str, str]], list[Felt]]:
    """Side effects in the week of the day, the most frequent first: those that one may feel; those of which no number
    is told; those that tests find. What comes years later is for specialists."""
    week = (n - 1) // 7
    rows = summary.side_effects.filter((pl.col("week") == week) & (pl.col("any") >= RARE)).sort("any", descending=True)
    told: list[Felt] = []
    untold: list[tuple[str, str]] = []
    found: list[Felt] = []
    for name, share in rows.select("side_effect", "any").rows():
        title, how = texts.title("side-effects", name), trust(name, summary, knowledge)
        noticed = texts.noticed(name)
        if not specialist and (noticed == "later" or (how == "untested" and noticed == "tests")):
            continue
        if not specialist and how == "untested":
            untold.append((f"side-effects/{name}", title))
            continue
        one = Felt(f"side-effects/{name}", title, _of_hundred(share), how)
        (found if noticed == "tests" else told).append(one)
    return told[:FELT], untold[:FELT], found[:FELT]


def _of_hundred(share: float) -> str:
    return _("{n} of 100").format(n=number(round(100 * share)) if share >= 0.015 else number(round(100 * share, 1)))


def _happened(summary: Summary, patient: int, n: int, texts: Reading) -> Iterator[str]:
    """What happened to one of the virtual patients on the day."""
    mine = summary.life(patient)
    day = n - 1
    doses = mine.doses.filter((pl.col("day") <= day) & (pl.col("to_day") >= day))
    for row in doses.sort("agent").iter_rows(named=True):
        name = texts.title("agents", row["agent"])
        if row["reason"] in ("held", "omitted", "stopped", "missed"):
            why = {"held": _("not given, the counts are too low"), "omitted": _("left out"),
                   "stopped": _("stopped for good"), "missed": _("missed")}[row["reason"]]  # fmt: skip
            yield _("{agent}: {why}.").format(agent=name, why=why)
        else:
            part = row["factor"]
            said = _("{agent}: {amount} {unit}.").format(
                agent=name, amount=number(float(f"{row['amount']:.3g}")), unit=row["unit"]
            )
            if part is not None and abs(part - 1) > 0.02:
                said += " " + _("That is {percent} of the planned dose.").format(
                    percent=f"{number(round(100 * part))}%"
                )
            yield said
    for row in mine.measurements.filter(pl.col("day") == day).iter_rows(named=True):
        called = {"anc": _("neutrophils"), "platelets": _("platelets"), "haemoglobin": _("haemoglobin"),
                  "wbc": _("white cells"), "marrow MRD": _("leukaemia cells in the marrow (MRD)")}  # fmt: skip
        if row["test"] in called:
            value = _("none found") if row["detected"] is False else number(float(f"{row['value']:.2g}"))
            yield _("Test: {what} {value}.").format(what=called[row["test"]], value=value)
    ill = mine.events.filter((pl.col("event") == "side effect") & (pl.col("day") <= day) & (pl.col("to_day") >= day))
    for name, grade in ill.select("detail", "grade").unique(maintain_order=True).rows():
        yield _("{effect}, grade {grade}.").format(effect=texts.title("side-effects", name), grade=number(grade or 1))
    events = mine.events.filter((pl.col("day") == day) & pl.col("event").is_in(
        ["fever", "bloodstream infection", "red cell transfusion", "platelet transfusion", "remission", "relapse",
         "phase start"]))  # fmt: skip
    called_events = {"fever": _("Fever."), "bloodstream infection": _("Germs in the blood."),
                     "red cell transfusion": _("A transfusion of red cells."), "remission": _("Remission is found."),
                     "platelet transfusion": _("A transfusion of platelets."), "relapse": _("A relapse."),
                     "phase start": _("A phase begins.")}  # fmt: skip
    for event in events["event"]:
        yield called_events[event]
