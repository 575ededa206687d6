"""Conditions and sentences as a reader of a printed plan meets them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Literal, assert_never

from ..locale import N_, called, figures, joined, language, ngettext, say
from ..locale import gettext as _
from .model import (
    Action,
    Adjust,
    And,
    Compare,
    Condition,
    Defined,
    Hold,
    Limit,
    MakeUp,
    Miss,
    Not,
    Omit,
    Or,
    Protocol,
    Repeat,
    Rescue,
    Start,
    Stop,
    Streak,
    Transfuse,
    Wait,
)
from .vocabulary import AT_TIME_POINT, COUNTS, EVER, FRACTIONS, PERSON, SHARES, STATES, VALUES

_NAMES = {
    "crs": N_("CRS grade"),
    "neurotoxicity": N_("neurotoxicity grade"),
    "igg": N_("IgG"),
    "ph": N_("Philadelphia chromosome"),
    "anc": N_("ANC"),
    "wbc": N_("WBC"),
    "tpmt": N_("TPMT"),
    "nudt15": N_("NUDT15"),
    "cns": N_("CNS"),
    "bsa": N_("BSA"),
    "t315i": N_("T315I"),
    "gvhd": N_("acute GVHD grade"),
    "chronic_gvhd": N_("chronic GVHD grade"),
    "vod": N_("VOD grade"),
    "b cells": N_("B cells"),
    "product": N_("the CAR T-cell product"),
    "diagnosis wbc": N_("WBC at diagnosis"),
    "down syndrome": N_("Down syndrome"),
}
_SAID = (  # names and values that are said as they are written in a protocol, so that they can be translated
    N_("platelets"), N_("haemoglobin"), N_("lymphocytes"), N_("blood blasts"), N_("marrow blasts"), N_("marrow MRD"),
    N_("blood MRD"), N_("chimerism"), N_("relapses"), N_("age"), N_("weight"), N_("sex"), N_("lineage"), N_("donor"),
    N_("remission"), N_("female"), N_("male"), N_("normal"), N_("intermediate"), N_("poor"), N_("none"), N_("sibling"),
    N_("unrelated"), N_("haploidentical"), N_("cord"), N_("negative"), N_("positive"), N_("no"), N_("yes"),
    N_("red cells"), N_("relapse month"), N_("chance"), N_("subtype"), N_("risk group"), N_("genetics"),
    N_("in manufacture"), N_("ready"), N_("failed"), N_("infused"),
)  # fmt: skip
_KNOWN = (*COUNTS, *FRACTIONS, *SHARES, *STATES, *PERSON, *VALUES)  # all else that is compared is a side effect
_SUBTYPES = (  # those that are more than the names of genes
    N_("high hyperdiploid"), N_("low hypodiploid"), N_("near haploid"), N_("B-other"), N_("T-ALL near-ETP"),
)  # fmt: skip
_GROUPS = (  # what files of risk groups call their groups and genes
    N_("low"), N_("standard"), N_("medium"), N_("high"), N_("very high"), N_("favourable"), N_("unfavourable"),
    N_("high risk"), N_("good risk"),
)  # fmt: skip
_UNITS = {"b cells": "/uL", "igg": " g/L", "haemoglobin": " g/dL", "blood blasts": "/uL"}
_OPS = {
    # For translators: {what} is a noun such as platelets, {value} a number or a word; {what}: below {value} is allowed
    "<=": N_("{what} at most {value}"),
    ">=": N_("{what} at least {value}"),
    "<": N_("{what} below {value}"),
    ">": N_("{what} above {value}"),
    "=": N_("{what} is {value}"),
    "!=": N_("{what} is not {value}"),
}


def condition_in_words(condition: Condition | None) -> str:
    """``ANC at least 0.75 and platelets at least 75``. Counts are in 10^9/L, haemoglobin in g/dL."""
    match condition:
        case None:
            return ""
        case Not(item):
            return _("not ({condition})").format(condition=condition_in_words(item))
        case Defined(name, op, value):
            return _(_OPS[op]).format(what=_(name), value=_(value))
        case And(items):
            return _joined(_("{one} and {other}"), items)
        case Or(items):
            return _joined(_("{one} or {other}"), items)
        case Compare(name, op, value, unit):
            return _(_OPS[op]).format(what=in_words(name), value=_value(name, value, unit))
    raise TypeError(f"no condition: {condition!r}")


def in_words(name: str) -> str:
    """The name of something compared, as it is printed: ANC, platelets, asparaginase allergy grade."""
    if name.startswith("level:"):
        return _("{agent} level").format(agent=called("agents", name.removeprefix("level:")))
    if name in AT_TIME_POINT:
        return _("marrow MRD at time point {n}").format(n=AT_TIME_POINT.index(name) + 1)
    plain = name.removesuffix(EVER)
    if plain in _NAMES or plain in _KNOWN:
        said = _(_NAMES.get(plain, plain))
    else:
        said = _("{effect} grade").format(effect=called("side-effects", plain))
    return _("highest {grade} so far").format(grade=said) if name.endswith(EVER) else said


def protocol_in_words(protocol: Protocol, field: Literal["name", "plain"] = "name") -> str:
    """The name of a protocol, or what it is in plain words, in the reader's language."""
    return say(f"protocols/{protocol.id}#{field}", " ".join(getattr(protocol, field).split()))


def phase_in_words(name: str) -> str:
    """A phase, by its id or its name, as the reader's language calls it; of another protocol with that before it."""
    if language() == "en":
        return name
    whole = name[:1].upper() + name[1:]
    if (known := say(f"phases#{whole}", whole)) != whole:  # Low risk: consolidation
        return known
    home, colon, own = name.rpartition(": ")
    said = own[:1].upper() + own[1:]
    return f"{home}{colon}{say(f'phases#{said}', said)}"


def place_in_words(name: str) -> str:
    """Where somebody goes who leaves a protocol: transplant in first remission."""
    return say(f"places#{name}", name)


def block_in_words(name: str) -> str:
    """The name of a file of supportive care."""
    return say(f"blocks#{name}", name)


def change_in_words(action: Action) -> str:
    """What a rule does to a dose and when, without naming the dose; '' for rules that change none."""
    match action:
        case Hold(__, when, end, ___, streak):
            return _("not given if {condition}, until {end}").format(
                condition=condition_in_words(when), end=condition_in_words(end) + _lasting(streak)
            )
        case MakeUp():
            return _("days without it are made up")
        case Omit(__, when):
            return _("not given if {condition}").format(condition=condition_in_words(when))
        case Miss(__, fraction, when):
            share = f"{figures(f'{100 * fraction:.4g}')}%"
            if when is None:
                return _("{share} of doses missed by chance").format(share=share)
            return _("{share} of doses missed by chance if {condition}").format(
                share=share, condition=condition_in_words(when)
            )
        case Stop(__, when, streak):
            return _("stopped for good if {condition}").format(condition=condition_in_words(when) + _lasting(streak))
        case Limit(__, fraction, when):
            return _("{share} while {condition}").format(share=f"{fraction:.0%}", condition=condition_in_words(when))
        case Repeat(__, when):
            return _("no rise if {condition}").format(condition=condition_in_words(when))
        case Adjust(__, factor, when, streak, at_most):
            said = _("raised by {share} if {condition}") if factor > 1 else _("lowered by {share} if {condition}")
            said = said.format(share=f"{abs(factor - 1):.0%}", condition=condition_in_words(when) + _lasting(streak))
            return _("{change}, to at most {share}").format(change=said, share=f"{at_most:.0%}") if at_most else said
        case Start() | Wait() | Rescue() | Transfuse():
            return ""
        case _:
            assert_never(action)


def unit_in_words(unit: str | None) -> str:
    """A unit as the language writes it: IU/m2, UI/m2."""
    said = (unit or "").replace("IU", _("IU"))
    return said if language() == "en" else said.replace("Mcells", _("million cells"))


def word_in_words(name: str, value: str) -> str:
    """A word that is known of a person: positive, low hypodiploid; names of genes and of lineages stay."""
    stays = name == "lineage" or (name == "subtype" and value not in _SUBTYPES)
    return value if stays else _(value.replace("_", " "))


def _lasting(streak: Streak) -> str:
    days = " " + ngettext("for {n} day", "for {n} days", streak.days).format(n=streak.days) if streak.days else ""
    visits = " " + ngettext("at {n} visit", "at {n} visits", streak.visits).format(n=streak.visits)
    return days + (visits if streak.visits > 1 else "")


def _joined(pair: str, items: Sequence[Condition]) -> str:
    return joined(pair, map(_inner, items))


def runs(days: Sequence[int]) -> list[tuple[int, int]]:
    """Days in a row as first and last: 2-7, 9-28 of [2, ..., 7, 9, ..., 28]."""
    found = [[day for _, day in mine] for _, mine in groupby(enumerate(sorted(set(days))), lambda x: x[1] - x[0])]
    return [(mine[0], mine[-1]) for mine in found]


def sentence(text: str) -> str:
    """A sentence of the protocol without the bracket that names its sources."""
    head, bracket, _ = text.rstrip().rpartition(" [")
    return head.strip() if bracket and text.rstrip().endswith("]") else text.strip()


def _value(name: str, value: float | str, unit: str | None) -> str:
    if isinstance(value, str):
        return word_in_words(name, value)
    if name in (*FRACTIONS, *SHARES):
        return figures(f"{value * 100:.4g}") + "%"
    if name == "age":
        return _("{age} years").format(age=figures(f"{value:g}"))
    return figures(f"{value:g}") + (" " + unit_in_words(unit).replace("uM", "umol/L") if unit else _UNITS.get(name, ""))


def _inner(condition: Condition) -> str:
    words = condition_in_words(condition)
    return f"({words})" if isinstance(condition, And | Or) else words
