"""What studies counted, as it was published: fever and germs in the blood, late effects."""

from __future__ import annotations

from remission.knowledge.library import Library
from remission.knowledge.side_effect import Published

from ..figure import Figure, Known, Table
from ..language import _, in_a_row, language, ngettext, number
from ..reading import reading
from ..site import Site
from ..svg import axis
from ..svg.bars import Bar, Row, bars

YEARS = 365.25
FEVER, FEVER_IN = ("febrile_neutropenia", "bloodstream_infection"), "aall1731-control"
LATE = ("osteonecrosis", "heart_damage", "infertility", "second_cancer", "second_leukaemia",
        "hypothyroidism", "cataract")  # fmt: skip
TOP = 100.0

Named = tuple[str, Published]


def fever_counted(site: Site) -> Figure | None:
    """How many had a fever with low counts, and how many germs in the blood, in one trial."""
    said = [(name, one) for name in FEVER if (one := _first(site.knowledge, name, FEVER_IN))]
    if len(said) < len(FEVER):
        return None
    (_f, fever), (_g, germs) = said
    finding = _("In a trial {n} of 100 had a fever with low counts; {germs} of 100 had germs in the blood").format(
        n=number(round(fever.value)), germs=number(round(germs.value))
    )
    return _bars(
        "fever-counted", finding, said,
        _("Most fevers are not germs in the blood. Nobody can tell by looking. So each fever is an emergency."),
        _("{n} children with standard risk, treated with chemotherapy.").format(n=number(fever.n or 0)),
    )  # fmt: skip


def late_effects(site: Site) -> Figure | None:
    """Late effects as studies counted them; each among other patients and over another time."""
    said = [(name, one) for name in LATE if (one := _first(site.knowledge, name))]
    said.sort(key=lambda each: -each[1].value)
    if not said:
        return None
    most = said[0][1]
    finding = _("Late effects differ: from {few} of 100 up to {n} of 100 ({whom})").format(
        few=_of(said[-1][1].value), n=_of(most.value), whom=most.name
    )
    titles = reading(language())
    whose = "; ".join(f"{titles.title('side-effects', name)}: {one.name}" for name, one in said)
    return _bars(
        "late-effects", finding, said,
        _("Each bar is from another study, with other patients. {whose}. Ask which ones fit your plan.").format(
            whose=whose
        ),
        _("Survivors of several studies, named in the table; not one group of people."),
    )  # fmt: skip


def _first(knowledge: Library, name: str, protocol: str | None = None) -> Published | None:
    """The number that was read (of that protocol), one the model was fitted to before others."""
    published = knowledge.side_effect(name).published
    read = [one for one in published if one.read != "memory" and protocol in (None, one.protocol)]
    return min(read, key=lambda one: one.used != "calibrate", default=None)


def _bars(id: str, finding: str, said: list[Named], says: str, about: str) -> Figure:
    titles = reading(language())
    rows = [
        Row(titles.title("side-effects", name),
            [Bar(one.value, _("{n} of 100, {time}").format(n=_of(one.value), time=_time(one)), "leukaemia",
                 *(one.interval or (None, None)))])
        for name, one in said
    ]  # fmt: skip
    return Figure(
        id=id,
        finding=finding,
        svg=bars(finding, _("A bar for each."), axis.linear(0, TOP, _("Of 100 patients, so many had it")), rows),
        reading=says,
        table=Table(
            (_("What"), _("Had it, of 100"), _("Had it not, of 100"), _("Within"), _("Grade or worse"), _("Study")),
            tuple((titles.title("side-effects", name), _of(one.value), number(100 - round(one.value)), _time(one),
                   float(one.grade), one.name) for name, one in said),
            _("As published"),
        ),
        known=Known("published", _("Counted in the studies named in the table."),
                    tuple(dict.fromkeys(one.source for _n, one in said if one.source))),
        about=about,
    )  # fmt: skip


def _of(value: float) -> str:
    return number(round(value)) if value >= 1 else _("fewer than 1")


def _time(one: Published) -> str:
    """``within 5 years``; the phase where that is the time."""
    if one.within_days is None:
        return _("in {phase}").format(phase=in_a_row(*one.in_phases))
    years = round(one.within_days / YEARS)
    if years < 1:
        days = round(one.within_days)
        return ngettext("within {n} day", "within {n} days", days).format(n=number(days))
    return ngettext("within {n} year", "within {n} years", years).format(n=number(years))
