"""Fever, infection and other events by hazard. Time is days.

    fever            dH/dt = hazard(ANC) frailty (w: lining whole) / (1 + X)           X: prophylaxis
    side effect s    dH/dt = (drugs + body) person (1 + worse) / (1 + protected) (factor after a transplant)
    body             hazard killed/capacity, hazard load, hazard max(0, 1 - x / below) of a low count or IgG
    lethal           dH/dt = lethal * share of blasts, of a relapse that fills the marrow; H^shape counts

An event comes when H has reached a number drawn from the unit exponential: the arrivals of an inhomogeneous Poisson
process are those of a plain one on the clock of the summed hazard. After a fever comes a pause without hazard.

    bloodstream      P = 1 - exp(-share(ANC) person (1 + X))          of the fevers; X: steroids of weeks past
    death            P / (1 - P) = death lethality care (1 + Y)       of those; Y: steroids; more after a relapse
    grade 5          P of the side effect's file, by the person       of its episodes

``person`` and ``lethality`` rise with age among adults, in infants and with Down syndrome; after a
relapse bacteria are in the blood `again` times as often. ``care``: by the year and the country of treatment, after a
graft `care_after_transplant`, in the first month of the first treatment times `care_first`; ``lethality`` below
holds it.
Core: engine/core/ends.hpp, side_effects.hpp.
Numbers and sources: knowledge/data/body/infection.yaml, side_effects/*.yaml.
"""

from __future__ import annotations

STEPS = (0.1, 0.5, 1.0)  # ANC, 10^9/L, at which the hazard of fever changes


def fever_hazard(anc: float, hazards: tuple[float, float, float, float], frailty: float, protected: float) -> float:
    """1/day; hazards: below 0.1, 0.5, 1.0 and above."""
    return hazards[sum(anc >= step for step in STEPS)] * frailty / (1.0 + protected)


def lethal_at(exponential: float, shape: float) -> float:
    """The H at which a marrow that blasts fill kills: H^shape reaches a unit exponential, so that above 1 what the
    marrow has gone through adds up, and few die in the first weeks."""
    return float(exponential ** (1.0 / shape))


def kills(death: float, lethality: float, steroids: float) -> float:
    """Probability that a bloodstream infection kills; death: the odds of a child without steroids. What was published
    of who dies are ratios of odds, and so they multiply."""
    odds = death * lethality * (1.0 + steroids)
    return odds / (1.0 + odds)


def of_low_count(x: float, hazard: float, below: float) -> float:
    """1/day: none at ``below``, the whole hazard at 0."""
    return hazard * max(0.0, 1.0 - x / below)


def of_side_effect(caused: float, person: float, worse: float, protected: float, factor: float) -> float:
    """1/day; caused: sum over drugs and body."""
    return caused * person * (1.0 + worse) / (1.0 + protected) * factor
