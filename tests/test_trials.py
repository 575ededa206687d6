"""Published trials: their files, their endpoints on cohorts small enough to count by hand, and the page."""

from __future__ import annotations

import math
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from remission.knowledge.credibility_file import Blind, credibility
from remission.knowledge.errors import BadInput
from remission.knowledge.library import DATA, Library, library
from remission.knowledge.trial_file import DAYS, KINDS, Arm, Endpoint, Trial, days
from remission.trial import estimates
from remission.trial.endpoints import ENDPOINTS, NotSimulated, Played, simulated
from remission.trial.run import simulate
from remission.trial.validate import Comparison, Reproduction, compare, count, published, reproduce, treated
from remission.trial.validation_page import as_markdown, cells, counts, on_terminal

MONTH = DAYS["month"]

# --- the files


@pytest.mark.parametrize("name", library().trials())
def test_every_trial_file_loads_and_says_who_was_treated(name: str) -> None:
    trial = library().trial(name)
    assert len(trial.plain.split()) > 15
    assert all(row.source or row.read == "memory" for row in trial.rows())


def test_every_endpoint_of_the_vocabulary_can_be_computed() -> None:
    assert set(ENDPOINTS) == set(KINDS)
    assert all(function.__doc__ for function in ENDPOINTS.values())


def test_no_number_from_memory_is_claimed() -> None:
    for name in library().trials():
        for _, endpoint in library().trial(name).endpoints():
            assert endpoint.read != "memory" or endpoint.used == "orientation"


def test_lengths_of_time() -> None:
    assert [days(x) for x in ("28 days", "12 weeks", "1 day")] == [28, 84, 1]
    assert days("36 months") == days("3 years") == pytest.approx(1095.75)
    with pytest.raises(ValueError, match="no length of time"):
        days("3 y")


REFUSALS = [  # what is changed in forum.yaml, what the message says, and the text at the place that it names
    ("event-free survival, at: 2 years, value: 86", "event-free survival, value: 86", "needs `at`", "event-free"),
    ("read: memory, used: orientation", "read: memory, used: predict", "memory cannot predict", "predict"),
    ("read: memory, used: orientation", "read: memory, used: calibrate", "memory cannot calibrate", "calibrate"),
    ("what: relapse,", "what: relapses,", "'relapses' is not known here. Did you mean 'relapse'?", "relapses"),
    ("source: forum, used", "source: forums, used", "unknown source 'forums'. Did you mean 'forum'?", "forums"),
    ("read: abstract, source: forum,", "read: abstract,", "names its `source`", "abstract"),
    ("read: abstract, source: forum,", "read: assumed, source: forum,", "'assumed' is not known here", "assumed"),
    ("unit: percent, interval: [8, ", "unit: months, interval: [8, ", "does not fit relapse. Write percent", "months"),
    ("interval: [86, 95]", "interval: [92, 95]", "91 lies outside 92 to 95", "interval"),
    ("at: 2 years, value: 12", "at: 2 y, value: 12", "'2 y' is no length of time", "2 y"),
    ("at: 2 years, value: 12", "at: 4 years, value: 12", "4 years is later than the follow-up", "4 years"),
    ("relapse, at: 2 years, value: 12", "relapse, at: 2 years, grade: 3, value: 12", "`grade` has no use", "grade"),
    (
        "relapse, at: 2 years, value: 12",
        "relapse, at: 2 years, assay: transcripts, value: 12",
        "`assay` has no",
        "assay",
    ),
    ("at: 2 years, value: 12", "at: 2 years, since: phase transplant, value: 12", "cannot be counted", "phase tr"),
    ("at: 2 years, value: 12", "at: 2 years, of: infused, value: 12", "needs the phase", "infused"),
    ("at: 2 years, value: 12", "at: 2 years, since: remission, value: 12", "counted from it", "remission,"),
    ("at: 2 years, value: 12", "at: 2 years, among: {age_y: old}, value: 12", "'old' does not fit age_y", "old"),
    ("value: 12, unit", "value: 120, unit", "120 percent is not possible", "120"),
    ("trial: forum", "trial: forun", "Give both the same name", "forun"),
    (
        "overall survival, at: 2 years, value: 91, unit: percent, interval: [86, 95]",
        'hazard ratio of death, against: drugs, value: 0.7, unit: "-"',
        "'drugs' is no other arm. Other arms: chemotherapy",
        "drugs",
    ),
    ("    n: 212\n", "    m: 212\n", "unknown key 'm'", "m: 212"),
    ("    n: 212\n", "    together: [drugs]\n", "'drugs' is no arm of its own. Arms: ", "drugs"),
]


@pytest.mark.parametrize(("old", "new", "message", "fragment"), REFUSALS)
def test_mistakes_are_told_with_line_and_column(
    tmp_path: Path, old: str, new: str, message: str, fragment: str
) -> None:
    text = (DATA / "trials" / "forum.yaml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "trials" / "forum.yaml"
    path.parent.mkdir()
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadInput) as error:
        Library(extra=[tmp_path]).trial("forum")
    assert message in str(error.value)
    changed = text.replace(old, new, 1)
    at = changed.index(fragment, changed.index(new))
    assert error.value.line == changed[:at].count("\n") + 1
    assert str(error.value).startswith(f"{path}:{error.value.line}:")


# --- estimates against known answers


def test_survival_with_censoring_is_that_of_the_textbook() -> None:
    day = np.array([6.0, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35])
    failed = np.array([True] * 9 + [False] * 12)  # 6-mercaptopurine, Freireich 1963
    assert estimates.survival(day, failed, 6).value == pytest.approx(0.857, abs=1e-3)
    assert estimates.survival(day, failed, 22).value == pytest.approx(0.538, abs=1e-3)
    assert estimates.median_survival(day, failed).value == 23
    few = estimates.survival(day, failed, 10)
    assert (few.low, few.value, few.high) == pytest.approx((0.503, 0.753, 0.889), abs=1e-3)


def test_cumulative_incidence_is_exact_with_ties_and_close_to_lifelines() -> None:
    day = np.array([1.0, 1, 2, 3, 4, 5])
    cause = np.array([1, 2, 0, 1, 2, 0])
    # 1/6 at day 1; 4/6 are left; 3 at risk on day 3: 1/6 + 4/6 * 1/3
    assert estimates.cumulative_incidence(day, cause, 3).value == pytest.approx(1 / 6 + 4 / 18)
    assert estimates.cumulative_incidence(day, cause, 0.5).value == 0
    rng = np.random.default_rng(3)
    day, cause = rng.exponential(10, 300), rng.integers(0, 3, 300)
    from lifelines import AalenJohansenFitter

    fit = AalenJohansenFitter(calculate_variance=True).fit(day, cause, event_of_interest=1)
    mine = estimates.cumulative_incidence(day, cause, 10)
    assert mine.value == pytest.approx(float(fit.cumulative_density_.loc[:10].iloc[-1, 0]), abs=1e-9)
    sd = math.sqrt(float(fit.variance_.loc[:10].iloc[-1]))
    assert (mine.high - mine.low) / (2 * 1.96) == pytest.approx(sd, rel=0.05)


def test_geometric_mean_and_median() -> None:
    assert estimates.geometric_mean(np.array([1.0, 100.0])).value == pytest.approx(10)
    found = estimates.median([3.0, 1.0, 2.0])
    assert (found.value, found.low, found.high) == (2, 1, 3)


# --- endpoints on hand-made tables


def of(what: str, **more: Any) -> Endpoint:
    number = {"value": 50, "unit": KINDS[what].unit, "read": "abstract", "source": "forum", "used": "predict"}
    return Endpoint.model_validate({"what": what} | number | more)


def played(
    people: list[dict[str, Any]],
    events: list[tuple[int, float, str, str]] | list[tuple[int, float, str, str, str]] | None = None,
    **tables: pl.DataFrame,
) -> Played:
    columns = {
        "patient": pl.Int64, "remission": pl.Boolean, "outcome": pl.String, "outcome_day": pl.Int32,
        "death_cause": pl.String, "left_for": pl.String, "age_y": pl.Float64, "lineage": pl.String,
        "eoi_mrd": pl.Float64, "relapse_site": pl.String,
    }  # fmt: skip
    rows = [{name: person.get(name) for name in columns} | {"patient": i} for i, person in enumerate(people)]
    outcomes = pl.DataFrame(rows, schema=columns)
    schema = {"patient": pl.Int64, "day": pl.Int32, "event": pl.String, "phase": pl.String, "detail": pl.String}
    table = pl.DataFrame([(*row, None)[:5] for row in events or []], schema=schema, orient="row")
    return Played({"outcomes": outcomes, "events": table, **tables})


def well(until: float) -> dict[str, Any]:
    return {"remission": True, "outcome": "in remission", "outcome_day": int(until)}


def dead(day: float, cause: str = "infection") -> dict[str, Any]:
    return {"remission": True, "outcome": "death", "outcome_day": int(day), "death_cause": cause}


def relapsed(day: float) -> dict[str, Any]:
    return {"remission": True, "outcome": "relapse", "outcome_day": int(day)}


def left(day: float, why: str, remission: bool | None = None) -> dict[str, Any]:
    return {"remission": remission, "outcome": "left", "outcome_day": int(day), "left_for": why}


def test_complete_remission_counts_events_in_time_among_all() -> None:
    cohort = played(
        [well(400), well(400), left(20, "toxicity"), dead(10)], [(0, 28, "remission", "a"), (1, 60, "remission", "a")]
    )
    assert simulated(cohort, of("complete remission", within="28 days")).value == 25
    assert simulated(cohort, of("complete remission", within="60 days")).value == 50


def test_since_a_relapse_the_next_remission_and_the_next_relapse_count() -> None:
    """The first remission came before, and the relapse that is the origin is no event."""
    first = [(i, 28, "remission", "a") for i in range(5)]
    came = [(i, 500, "relapse", "b") for i in range(4)]
    again = [(0, 540, "remission", "b"), (1, 540, "remission", "b"), (1, 900, "relapse", "b")]
    people = [well(3000), dead(1000), dead(520), dead(800, "leukaemia"), well(3000)]
    cohort, since = played(people, [*first, *came, *again]), {"since": "relapse", "of": "relapsed"}
    found = simulated(cohort, of("complete remission", within="12 weeks", **since))
    assert found.value == 50 and found.n == 4
    free = of("event-free survival", at="5 years", remission_within="12 weeks", **since)
    assert simulated(cohort, free).value == 25
    assert simulated(cohort, of("event-free survival", at="1 year", remission_within="12 weeks", **since)).value == 50
    assert simulated(cohort, of("relapse", at="5 years", **since)).value == 25
    assert simulated(cohort, of("overall survival", at="1 year", **since)).value == 50


def test_infused_and_responders_are_counted_from_the_infusion() -> None:
    events = [
        (0, 50, "phase start", "infusion"), (0, 78, "remission", "infusion"),
        (1, 40, "phase start", "infusion"), (1, 140, "remission", "infusion"),
        (2, 45, "phase start", "infusion"),
    ]  # fmt: skip
    cohort = played([well(900), well(900), well(900), left(30, "manufacturing failure")], events)
    infused = {"since": "phase infusion", "of": "infused"}
    found = simulated(cohort, of("complete remission", within="28 days", **infused))
    assert found.value == pytest.approx(100 / 3) and found.n == 3
    assert simulated(cohort, of("reached phase", phase="infusion")).value == 75
    assert simulated(cohort, of("reached phase", phase="infusion", within="45 days")).value == 50
    assert simulated(cohort, of("left the protocol", reason="manufactur")).value == 25
    responders = {"since": "phase infusion", "of": "responders", "response_within": "3 months"}
    assert simulated(cohort, of("relapse-free survival", at="12 months", **responders)).n == 1
    assert simulated(cohort, of("reached phase", phase="manufacturing")).value == 25, "left for it"
    with pytest.raises(NotSimulated, match="phase 'transplant'"):
        simulated(cohort, of("reached phase", phase="transplant"))


def test_phases_of_a_linked_protocol_are_found_by_their_own_name() -> None:
    cohort = played([well(900)], [(0, 50, "phase start", "other: infusion")])
    assert simulated(cohort, of("reached phase", phase="infusion")).value == 100


def test_a_transplant_after_a_relapse_is_not_one_that_was_reached() -> None:
    starts = [(k, day, "phase start", "transplant") for k, day in ((0, 90), (1, 400))]
    cohort = played([well(900)] * 3, [*starts, *((k, 300, "relapse", "marrow") for k in (0, 1))])
    assert simulated(cohort, of("reached phase", phase="transplant")).value == pytest.approx(100 / 3)


def test_a_remission_that_another_treatment_brought_is_not_the_arms() -> None:
    events = [
        (0, 28, "remission", "cycle 1"), (0, 60, "phase start", "transplant"),
        (1, 56, "phase start", "salvage-adults: after chemotherapy"), (1, 80, "remission", "tower: cycle 1"),
        (1, 120, "phase start", "transplant-adults-tbi: transplant"),
    ]  # fmt: skip
    cohort = played([well(900), well(900), dead(300), dead(100)], events)
    assert simulated(cohort, of("complete remission", within="12 weeks")).value == 25
    assert simulated(cohort, of("relapse-free survival", at="1 year", since="remission", of="responders")).n == 1
    assert simulated(cohort, of("event-free survival", at="1 year", remission_within="12 weeks")).value == 25
    assert simulated(cohort, of("overall survival", at="1 year")).value == 50
    assert simulated(cohort, of("reached phase", phase="transplant")).value == 50
    assert simulated(cohort, of("reached phase", phase="transplant", directly=True)).value == 25


def test_an_infusion_that_is_recorded_counts_and_not_its_phase() -> None:
    events = [(0, 50, "phase start", "infusion"), (0, 52, "infusion", "infusion"), (1, 60, "phase start", "infusion")]
    cohort = played([well(900), well(900)], events)
    found = simulated(cohort, of("overall survival", at="848 days", since="phase infusion", of="infused"))
    assert found.n == 1
    with pytest.raises(NotSimulated, match="at most 848 days"):
        simulated(cohort, of("overall survival", at="850 days", since="phase infusion", of="infused"))


def assays(*rows: tuple[int, int, float]) -> pl.DataFrame:
    table = pl.DataFrame(rows, schema=["patient", "day", "reported_fraction"], orient="row")
    return table.with_columns(pl.lit("marrow").alias("site"))


def test_mrd_is_the_lowest_reported_of_those_with_an_assay() -> None:
    table = assays((0, 29, 0.0), (1, 29, 3e-4), (1, 90, 5e-5), (2, 29, 1e-4))
    events = [(i, 29, "remission", "a") for i in range(4)]
    cohort = played([well(900)] * 5, events, mrd=table)
    day_29 = simulated(cohort, of("MRD negative", within="35 days", of="responders"))
    assert day_29.value == pytest.approx(100 / 3) and day_29.n == 3, "1e-4 itself is positive"
    assert simulated(cohort, of("MRD negative", within="100 days", of="responders")).value == pytest.approx(200 / 3)
    assert simulated(cohort, of("MRD negative", after="80 days", within="100 days")).n == 1
    assert simulated(cohort, of("MRD negative", within="35 days", below=1e-3)).value == 100
    assert simulated(cohort, of("MRD-negative remission", within="100 days")).value == 40, "of all five"
    by_transcripts = [
        simulated(cohort, of(what, assay="transcripts", within="100 days")).value
        for what in ("MRD negative", "MRD-negative remission")
    ]
    others = 9 / 40  # who carries BCR::ABL1 in other cells stays positive (hovorkova2017: 8 of 32 and 1 of 8)
    assert by_transcripts == pytest.approx([200 / 3 * (1 - others), 40 * (1 - others)])


def test_event_free_survival_with_censoring_and_missing_remission() -> None:
    events = [(i, 28, "remission", "a") for i in range(4)]
    people = [well(900), dead(100), relapsed(200), left(150, "wish", True), {**well(900), "remission": False}]
    cohort = played(people, [*events, (2, 200, "relapse", "a")])
    # without the response: 4/5 after day 100, then 3 at risk on day 200
    plain = simulated(cohort, of("event-free survival", at="1 year"))
    assert plain.value == pytest.approx(100 * 4 / 5 * 2 / 3)
    # no remission by 6 weeks fails at the origin: 4/5, 3/4 of it on day 100, 1/2 on day 200
    strict = simulated(cohort, of("event-free survival", at="1 year", remission_within="6 weeks"))
    assert strict.value == pytest.approx(100 * 4 / 5 * 3 / 4 * 1 / 2)
    median = simulated(cohort, of("median event-free survival", remission_within="6 weeks"))
    assert median.value == pytest.approx(200 / MONTH)


def test_who_left_before_the_response_was_judged_is_censored_and_who_was_judged_fails() -> None:
    events = [(0, 28, "remission", "a"), (1, 28, "remission", "a")]
    gone = played([well(900), well(900), left(8, "high-risk therapy", None)], events)
    failed = played([well(900), well(900), left(29, "induction failure", False)], events)
    strict = of("event-free survival", at="1 year", remission_within="6 weeks")
    assert simulated(gone, strict).value == 100
    assert simulated(failed, strict).value == pytest.approx(200 / 3)


def test_relapse_free_survival_and_its_median_count_from_remission() -> None:
    events = [(0, 30, "remission", "a"), (1, 30, "remission", "a"), (0, 30 + 61, "relapse", "a")]
    cohort = played([relapsed(91), well(900), left(20, "x")], events)
    since = {"since": "remission", "of": "responders"}
    assert simulated(cohort, of("relapse-free survival", at="3 months", **since)).value == 50
    assert simulated(cohort, of("relapse-free survival", at="61 days", **since)).value == 50
    assert simulated(cohort, of("relapse-free survival", at="60 days", **since)).value == 100
    assert simulated(cohort, of("median relapse-free survival", **since)).value == pytest.approx(61 / MONTH)


def test_from_a_day_on_only_those_without_an_event_by_then_are_counted() -> None:
    """Early relapse or death, or never a remission: not at risk at two years; one of two then fails."""
    events = [(p, 30, "remission", "a") for p in (0, 1, 2, 3)] + [(0, 200, "relapse", "a"), (3, 900, "relapse", "a")]
    cohort = played([dead(800, "leukaemia"), dead(300), well(2000), relapsed(900), well(2000)], events)
    late = {"since": "24 months", "of": "event-free"}
    assert simulated(cohort, of("event-free survival", at="1 year", **late)).value == 50
    assert simulated(cohort, of("event-free survival", at="100 days", **late)).value == 100
    with pytest.raises(ValueError, match="without an event"):
        of("event-free survival", at="1 year", since="24 months")


def test_overall_survival_is_bounded_while_survival_after_relapse_is_unknown() -> None:
    unknown = played([relapsed(100), well(900), well(900), dead(50)], [(0, 100, "relapse", "a")])
    with pytest.raises(NotSimulated, match="between 50.0 and 75.0"):
        simulated(unknown, of("overall survival", at="1 year"))
    known = played([dead(300, "leukaemia"), well(900), well(900), dead(50)], [(0, 100, "relapse", "a")])
    assert simulated(known, of("overall survival", at="6 months")).value == pytest.approx(75)
    assert simulated(known, of("overall survival", at="1 year")).value == 50
    assert simulated(known, of("median overall survival")).value == pytest.approx(300 / MONTH)
    refractory = played([left(60, "no response", False), well(900)], [])
    with pytest.raises(NotSimulated, match="between 50.0 and 100.0"):
        simulated(refractory, of("overall survival", at="1 year"))


def test_a_median_that_is_not_reached_is_infinite() -> None:
    found = simulated(played([well(900), well(900), dead(30)]), of("median overall survival"))
    assert math.isinf(found.value)


def test_hazard_ratios_compare_the_arms() -> None:
    old = played([dead(day) for day in (100, 200, 300, 400)] + [well(900)])
    new = Played(played([dead(day) for day in (200, 400, 600, 800)] + [well(900)] * 2).tables, others={"old": old})
    found = simulated(new, of("hazard ratio of death", against="old"))
    assert 0.2 < found.value < 0.6 and found.low < found.value < found.high
    assert simulated(new, of("hazard ratio of an event", against="old")).value == pytest.approx(found.value)
    back = simulated(Played(old.tables, others={"new": new}), of("hazard ratio of death", against="new"))
    assert back.value == pytest.approx(1 / found.value, rel=1e-3)
    with pytest.raises(NotSimulated, match="'young' is not played"):
        simulated(new, of("hazard ratio of death", against="young"))
    with pytest.raises(NotSimulated, match="no event"):
        simulated(Played(played([well(9)]).tables, others={"old": old}), of("hazard ratio of death", against="old"))
    half = Played(played([relapsed(50), well(900)]).tables, others={"old": old})
    with pytest.raises(NotSimulated, match="after relapse is unknown"):
        simulated(half, of("hazard ratio of death", against="old"))


def test_relapse_and_non_relapse_mortality_compete() -> None:
    events = [(0, 100, "relapse", "a"), (4, 150, "relapse", "a")]
    people = [relapsed(100), dead(50), dead(120, "leukaemia"), well(900), dead(400, "leukaemia")]
    cohort = played(people, events)
    assert simulated(cohort, of("relapse", at="1 year")).value == pytest.approx(40)
    assert simulated(cohort, of("non-relapse mortality", at="1 year")).value == pytest.approx(20)


def test_a_relapse_before_the_origin_is_not_an_event_after_it() -> None:
    events = [(0, 10, "relapse", "a"), (0, 50, "phase start", "infusion"), (0, 400, "relapse", "b")]
    cohort = played([dead(500, "leukaemia")], events)
    since = {"since": "phase infusion", "of": "infused"}
    assert simulated(cohort, of("event-free survival", at="300 days", **since)).value == 100
    assert simulated(cohort, of("event-free survival", at="350 days", **since)).value == 0


def test_nobody_followed_so_long_is_not_simulated() -> None:
    with pytest.raises(NotSimulated, match="nobody is followed for 5 years"):
        simulated(played([well(900), dead(20)]), of("overall survival", at="5 years"))


def test_subgroups() -> None:
    people = [{**well(900), "age_y": 4.0, "lineage": "B", "eoi_mrd": 0.0}, {**dead(90), "age_y": 12.0, "lineage": "T"}]
    cohort = played(people)
    assert simulated(cohort, of("overall survival", at="1 year", among={"age_y": [1, 10]})).value == 100
    assert simulated(cohort, of("overall survival", at="1 year", among={"lineage": "T"})).value == 0
    found = simulated(cohort, of("overall survival", at="1 year", among={"eoi_mrd": [0, 1e-4]}))
    assert found.value == 100 and found.n == 1
    with pytest.raises(NotSimulated, match="no patient"):
        simulated(cohort, of("overall survival", at="1 year", among={"lineage": "NK"}))


def test_side_effects_by_grade_and_time() -> None:
    rows = [(0, 12, "crs", 2, 15), (0, 13, "crs", 4, 18), (1, 90, "crs", 3, 95), (2, 12, "vod", 4, 30)]
    table = pl.DataFrame(rows, schema=["patient", "day", "side_effect", "grade", "to_day"], orient="row")
    events = [(i, 10, "phase start", "infusion") for i in range(4)]
    infused = {"since": "phase infusion", "of": "infused", "side_effect": "crs"}
    cohort = played([well(900)] * 5, events, side_effects=table)
    assert simulated(cohort, of("side effect", grade=3, within="8 weeks", **infused)).value == 25
    assert simulated(cohort, of("side effect", grade=3, within="3 months", **infused)).value == 50
    known = Played(cohort.tables, ["crs", "vod", "gvhd"])
    assert simulated(known, of("side effect", side_effect="gvhd", grade=1, within="8 weeks")).value == 0
    with pytest.raises(NotSimulated, match="no side effect 'stroke'"):
        simulated(known, of("side effect", side_effect="stroke", grade=1, within="8 weeks"))
    with pytest.raises(NotSimulated, match="no table 'side_effects'"):
        simulated(played([well(900)]), of("side effect", side_effect="crs", grade=1, within="8 weeks"))


def test_febrile_neutropenia_and_bloodstream_infections_are_read_from_the_events() -> None:
    rows = [(0, 5, "fever", "ANC 0.2"), (1, 5, "fever", "ANC 1.4"), (1, 9, "bloodstream infection", "ANC 1.4")]
    events = pl.DataFrame(rows, schema=["patient", "day", "event", "detail"], orient="row")
    cohort = Played(played([well(900)] * 4).tables | {"events": events.with_columns(phase=pl.lit("a"))})
    fever = of("side effect", side_effect="febrile_neutropenia", grade=3, within="1 year")
    assert simulated(cohort, fever).value == 25, "the second fever came with enough neutrophils"
    assert (
        simulated(cohort, of("side effect", side_effect="bloodstream_infection", grade=3, within="8 days")).value == 0
    )
    assert (
        simulated(cohort, of("side effect", side_effect="bloodstream_infection", grade=3, within="9 days")).value == 25
    )


def test_neutrophil_recovery_and_days_of_neutropenia() -> None:
    rows = [
        (0, 10, 2.0), (0, 14, 0.1), (0, 20, 0.6), (0, 21, 0.3), (0, 24, 0.9), (0, 30, 1.5),
        (1, 10, 2.0), (1, 15, 0.2), (1, 30, 0.7), (2, 12, 1.0), (2, 20, 0.9),
    ]  # fmt: skip
    table = pl.DataFrame(rows, schema=["patient", "day", "anc"], orient="row")
    events = [(i, 10, "phase start", "transplant") for i in range(3)]
    cohort = played([well(900)] * 3, events, measurements=table)
    since = {"since": "phase transplant", "of": "transplanted"}
    found = simulated(cohort, of("days to neutrophil recovery", **since))
    assert found.value == 14 and found.n == 2, "day 20 was taken back on day 21; the third was never neutropenic"
    low = simulated(cohort, of("days of neutropenia", within="60 days", **since))
    assert low.value == pytest.approx(((20 - 14) + (24 - 21) + (30 - 15) + 0) / 3)
    short = simulated(cohort, of("days of neutropenia", within="6 days", **since))
    assert short.value == pytest.approx((2 + 1 + 0) / 3)


def test_b_cell_aplasia_ends_with_the_first_b_cells_and_is_censored_at_relapse() -> None:
    rows = [(p, d, b) for p, course in enumerate((
        {7: 200.0, 14: 0.0, 180: 0.0, 400: 25.0}, {14: 0.0, 90: 75.0}, {14: 0.0, 60: 0.0}, {14: 250.0, 200: 250.0},
    )) for d, b in course.items()]  # fmt: skip
    states = pl.DataFrame(rows, schema=["patient", "day", "b_cells"], orient="row")
    cohort = played([well(900), well(900), relapsed(70), well(900)], [(2, 70, "relapse", "a")], states=states)
    found = simulated(cohort, of("B-cell aplasia", at="6 months"))
    assert found.value == 50 and found.n == 3
    with pytest.raises(NotSimulated, match="no column b_cells"):
        simulated(played([well(9)], states=states.drop("b_cells")), of("B-cell aplasia", at="6 months"))


def test_car_t_peak_exposure_and_day() -> None:
    rows = [
        (0, 100, 0.0), (0, 110, 1000.0), (0, 130, 0.0), (0, 300, 0.0), (1, 100, 0.0), (1, 108, 10.0), (1, 116, 0.0),
        (1, 140, 0.0),
    ]  # fmt: skip
    states = pl.DataFrame(rows, schema=["patient", "day", "car_t_copies"], orient="row")
    cohort = played([well(900)] * 2, [(i, 100, "phase start", "infusion") for i in range(2)], states=states)
    since = {"since": "phase infusion", "of": "infused"}
    assert simulated(cohort, of("CAR T peak", **since)).value == pytest.approx(100)
    assert simulated(cohort, of("CAR T day of peak", **since)).value == 9
    first = 5000 + (1000 + 100) / 2 * 18  # the trapezoid is cut at day 28
    assert simulated(cohort, of("CAR T exposure", **since)).value == pytest.approx(math.sqrt(first * 80))


def test_survival_after_a_relapse_counts_from_it_those_who_had_one() -> None:
    events = [(0, 300, "relapse", "a"), (1, 300, "relapse", "a"), (2, 1200, "relapse", "a"), (2, 1500, "relapse", "b")]
    cohort = played([dead(400), well(3000), dead(1600, "leukaemia"), well(3000)], events)
    since = {"since": "relapse", "of": "relapsed"}
    assert simulated(cohort, of("overall survival", at="1 year", **since)).value == pytest.approx(200 / 3)
    assert simulated(cohort, of("overall survival", at="5 years", **since)).value == pytest.approx(100 / 3)
    early = {"among": {"relapse_month": [0, 18]}}
    assert simulated(cohort, of("overall survival", at="1 year", **since, **early)).value == 50
    late = of("median overall survival", **since, among={"relapse_month": [36, 60]})
    assert simulated(cohort, late).value == pytest.approx(400 / MONTH)
    with pytest.raises(NotSimulated, match="no relapsed to count"):
        simulated(cohort, of("overall survival", at="1 year", **since, among={"relapse_month": [18, 36]}))


def test_whom_a_decision_led_elsewhere_is_a_subgroup_and_all_others_are_one_too() -> None:
    events = [
        (0, 7, "goes to", "IA", "bfm-high-risk: first HR-1"),
        (1, 32, "goes to", "IA", "bfm-high-risk: first HR-1"),
        (2, 32, "goes to", "IA", "bfm-high-risk-2"),
        (3, 7, "goes to", "IA", "slow consolidation"),
    ]
    cohort = played([dead(400), well(3000), well(3000), dead(500), dead(300)], events)
    alive = {"at": "5 years"}
    assert simulated(cohort, of("overall survival", **alive, among={"led_to": "bfm-high-risk"})).value == 50
    others = of("overall survival", **alive, among={"led_to": "not bfm-high-risk"})
    assert simulated(cohort, others).value == pytest.approx(100 / 3)
    assert simulated(cohort, of("overall survival", **alive, among={"led_to": "slow consolidation"})).value == 0
    with pytest.raises(NotSimulated, match="no patient to count"):
        simulated(cohort, of("overall survival", **alive, among={"led_to": "interim"}))


def test_relapses_by_site_compete() -> None:
    sites = ("CNS", "combined", "marrow", None)
    events = [(i, 100, "relapse", "a") for i in range(3)]
    cohort = played([well(900) | {"relapse_site": site} for site in sites], events)
    assert simulated(cohort, of("relapse", at="1 year")).value == pytest.approx(75)
    assert simulated(cohort, of("relapse", at="1 year", relapse_site="CNS")).value == pytest.approx(50)
    assert simulated(cohort, of("relapse", at="1 year", relapse_site="CNS alone")).value == pytest.approx(25)


def test_from_a_relapse_only_those_who_had_one_are_counted() -> None:
    for wrong in ({"since": "relapse"}, {"of": "relapsed"}, {"since": "relapse", "of": "responders"}):
        with pytest.raises(ValueError, match="from a relapse count those who had one"):
            of("overall survival", at="1 year", **wrong)


# --- comparison and page


def arm(*endpoints: Endpoint, **more: Any) -> Arm:
    return Arm.model_validate({"name": "the arm", "protocol": "p", "endpoints": endpoints} | more)


def trial(**arms: Arm) -> Trial:
    words = {"trial": "forum", "name": "FORUM", "title": "A trial", "plain": "Plain.", "sources": ["forum"]}
    return Trial.model_validate(words | {"population": "childhood-all", "follow_up": "3 years", "arms": arms})


SURVIVAL = {"at": "1 year", "value": 80}
COHORT = played([well(900), well(900), well(900), dead(50)])  # 75 % at one year


def test_published_limits_come_from_the_paper_the_standard_error_or_the_number() -> None:
    given = published(of("overall survival", **SURVIVAL, interval=[70, 90]), arm(of("CAR T peak")))
    assert given and (given.low, given.high, given.made_from) == (70, 90, "paper")
    error = published(of("overall survival", **SURVIVAL, se=15), arm(of("CAR T peak")))
    assert error and error.low == pytest.approx(80 - 1.96 * 15, abs=0.01) and error.high == 100
    from_n = published(of("overall survival", **SURVIVAL), arm(of("CAR T peak"), n=50))
    assert from_n and from_n.made_from == "n" and from_n.low == pytest.approx(67.0, abs=0.1)
    assert published(of("overall survival", **SURVIVAL, among={"lineage": "B"}), arm(of("CAR T peak"), n=50)) is None
    assert published(of("median overall survival", n=50), arm(of("CAR T peak"))) is None


def test_verdicts() -> None:
    rows = compare(
        arm(
            of("overall survival", **SURVIVAL, interval=[70, 90]),
            of("overall survival", **SURVIVAL, interval=[79, 90], used="calibrate"),
            of("overall survival", **SURVIVAL),
            of("overall survival", **SURVIVAL, read="memory", used="orientation", interval=[70, 90]),
            of("side effect", side_effect="crs", grade=3, within="8 weeks", n=10),
            of("median overall survival", interval=[40, 60]),
        ),
        COHORT,
    )
    assert [row.verdict for row in rows] == ["yes", "no", "no interval", "-", "not simulated", "no"]
    assert rows[0].difference == pytest.approx(-5)
    assert cells(rows[1])[4] == "no (overlap)" and cells(rows[0])[4] == "yes"
    done = [Reproduction(trial(a=rows[0].arm), tuple(rows))]
    predicted, calibrated = count(done, "predict"), count(done, "calibrate")
    assert (predicted.inside, predicted.judged, predicted.simulated, predicted.all) == (1, 2, 3, 4)
    assert (calibrated.inside, calibrated.judged) == (0, 1)
    assert counts(done)[0] == "Predicted: 1 of 2 in the published interval (3 of 4 endpoints simulated)."
    assert cells(rows[5])[2].startswith("not reached")


def test_blind_trials_are_counted_apart_and_among_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trials with one hit and one miss each; one of them is blind."""
    asked = arm(of("overall survival", **SURVIVAL, interval=[70, 90]), of("median overall survival", interval=[40, 60]))
    rows = tuple(compare(asked, COHORT))
    seen = trial(a=asked)
    entered = Blind(on=date(2026, 1, 1), after="0", trials=("unseen",))
    known = credibility().model_copy(update={"blind": (*credibility().blind, entered)})
    monkeypatch.setattr("remission.trial.validation_page.credibility", lambda: known)
    blind = seen.model_copy(update={"trial": "unseen"})
    assert not [line for line in counts([Reproduction(seen, rows)]) if line.startswith("Blind")]
    lines = counts([Reproduction(seen, rows), Reproduction(blind, rows)])
    assert lines[0].startswith("Predicted: 2 of 4 ")
    assert [line for line in lines if line.startswith("Blind: 1 of 2 predicted endpoints of 1 trials")]


def test_a_group_too_small_for_its_published_number_is_played_with_more_patients_eight_times_at_most() -> None:
    """75 % of 40: a standard error of 6.8 points; the first patients stay who they are."""
    asked: list[int] = []

    def more(times: int) -> Any:
        asked.append(times)
        return lambda *_: played([*[well(900)] * 30, *[dead(50)] * 10] * times)

    def patients(se: float, **words: Any) -> int:
        asked.clear()
        one = trial(a=arm(of("overall survival", at="1 year", value=75, se=se, **words)))
        found = reproduce(one, more(1), more)
        assert asked[-1] * 40 == found.patients
        return found.patients

    assert patients(14) == 40
    assert patients(9.8) == 80  # a simulated error of half the published one
    assert patients(0.5) == 320
    assert patients(0.5, used="orientation", read="memory") == 40
    assert reproduce(trial(a=arm(of("overall survival", **SURVIVAL, se=0.5))), more(1)).patients == 40


def test_an_arm_that_is_not_there_yet_is_told_and_the_others_are_played() -> None:
    both = trial(
        a=arm(of("overall survival", **SURVIVAL), name="old"), b=arm(of("overall survival", **SURVIVAL), name="new")
    )

    def play(_: Trial, which: Arm) -> Played:
        if which.name == "new":
            raise BadInput("unknown protocol 'p'", file="/somewhere/p.yaml", line=3, remedy="Did you mean 'q'?")
        return COHORT

    one = reproduce(both, play)
    assert one.cannot is None and len(one.comparisons) == 1
    assert one.unplayed == {"new": "p.yaml:3: unknown protocol 'p'. Did you mean 'q'?"}
    assert "new: cannot be played: p.yaml:3" in as_markdown([one], patients=4, seed=1)


def test_arms_that_are_told_together_share_their_patients_in_turn() -> None:
    """75 and 25 of 100 live; together patients 0 and 2 of the one, who live, and 1 and 3 of the other: one does."""
    alive = of("overall survival", at="1 year", value=50)
    three = trial(
        all=arm(alive, name="all", together=["a", "b"]), a=arm(alive, name="a"), b=arm(alive, name="b"),
    )  # fmt: skip
    lived = {"a": [well(900), well(900), well(900), dead(50)], "b": [dead(50), well(900), dead(50), dead(50)]}
    found = {c.arm.name: c.simulated for c in reproduce(three, lambda _, one: played(lived[one.name])).comparisons}
    assert {name: (one.value, one.n) for name, one in found.items() if one} == {
        "all": (75.0, 4), "a": (75.0, 4), "b": (25.0, 4)
    }  # fmt: skip
    assert list(found) == ["all", "a", "b"]

    def lacking(_: Trial, which: Arm) -> Played:
        if which.name == "b":
            raise BadInput("unknown protocol 'p'")
        return COHORT

    assert set(reproduce(three, lacking).unplayed) == {"all", "b"}


def test_the_markdown_table() -> None:
    endpoint = of("overall survival", **SURVIVAL, interval=[70, 90], note="a | b")
    what = arm(endpoint, of("relapse", at="1 year", se=2.0), n=10)
    one = Reproduction(trial(a=what), tuple(compare(what, COHORT)))
    page = as_markdown([one, Reproduction(trial(a=what), (), {"the arm": "no"})], patients=4, seed=1)
    assert "| arm |  | published (95 % CI) | simulated (95 % CI) | difference | in interval | used to |" in page
    line = next(row for row in page.splitlines() if "overall survival at 1 year [1]" in row)
    assert line.startswith("| the arm | overall survival at 1 year [1] | 80.0 % (70.0 to 90.0) | 75.0 % (")
    assert line.endswith(") | -5.0 | yes | predict |")
    assert "50.0 % (46.1 to 53.9)ᵃ | 0.0 % (0.0 to 0.0) | -50.0 | no | predict |" in page
    assert "1. a | b" in page and "cannot be played: no" in page and "1 of 2 trials cannot be played yet." in page
    assert "- **relapse** (percent): Cumulative incidence" in page
    table = [row for row in page.splitlines() if row.startswith("|")]
    assert {row.count(" | ") for row in table} == {6}


# --- the command


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    from remission import cli

    def run(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["remission", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else 0
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_list_show_and_sources_of_trials(command: Any) -> None:
    assert "eliana" in command("list", "trials")[1]
    code, out, _ = command("show", "forum")
    assert code == 0 and "protocol forum-tbi" in out and "overall survival at 2 years" in out
    code, out, _ = command("sources", "aall0331")
    assert code == 0 and "maloney2020" in out and "event-free survival at 6 years" in out


def test_an_unknown_trial_is_told_with_the_nearest(command: Any) -> None:
    code, _, err = command("validate", "elliana")
    assert code == 2 and "unknown trial 'elliana'. Did you mean 'eliana'?" in err
    code, _, err = command("validate", "eliana", "--patients", "0")
    assert code == 2 and "0 patients" in err


def test_validate_prints_each_trial_and_writes_the_page(
    command: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class FakeRun:
        frames = {name: frame.lazy() for name, frame in COHORT.tables.items()}

    def simulate(protocol: Any, **options: Any) -> FakeRun:
        assert options["patients"] in range(7, 57, 7) and options["seed"] == 3
        assert options["population"] == "transplant-children"
        if getattr(protocol, "id", protocol) == "forum-chemo":
            raise BadInput("unknown protocol 'forum-chemo'")
        return FakeRun()

    monkeypatch.setattr("remission.trial.validate.simulate", simulate)
    page = tmp_path / "new" / "page.md"
    code, out, err = command("validate", "forum", "--patients", "7", "--seed", "3", "--out", page)
    assert code == 0 and "cannot be played: unknown protocol 'forum-chemo'" in out and str(page) in err
    assert "Predicted: " in out and "from memory" in out
    assert "## FORUM" in page.read_text(encoding="utf-8")


def test_a_trial_that_cannot_be_played_is_one_line() -> None:
    from rich.console import Console

    console = Console(width=120, color_system=None)
    with console.capture() as shown:
        console.print(
            on_terminal(Reproduction(trial(a=arm(of("CAR T peak"))), (), {"the arm": "unknown protocol 'p'"}))
        )
    assert [line.strip() for line in shown.get().splitlines() if line.strip()] == [
        "FORUM: A trial",
        "cannot be played: unknown protocol 'p'",
    ]


def test_a_comparison_without_a_simulated_value_has_no_difference() -> None:
    what = arm(of("CAR T peak"))
    assert Comparison(what, what.endpoints[0], None, None, "no").difference is None


def test_more_relapses_are_a_difference_in_points_and_never_less_than_none() -> None:
    events = [(patient, 100, "relapse", "a") for patient in range(2)]
    few = played([relapsed(100), *[well(900)] * 3], events[:1])
    many = Played(played([relapsed(100)] * 2 + [well(900)] * 2, events).tables, others={"few": few})
    found = simulated(many, of("more relapses", at="1 year", against="few"))
    assert found.value == pytest.approx(25) and 0 <= found.low < 25 < found.high
    back = Played(few.tables, others={"many": many})
    assert simulated(back, of("more relapses", at="1 year", against="many")).value == 0


def test_two_treatments_may_be_given_to_the_same_children() -> None:
    """`patients_of`; without it BFM's arm would be of all children, most of them of standard risk."""
    arms = library().trial("same_children").arms
    who = ["age_y", "sex", "wbc", "cns", "lineage", "subtype"]
    bfm, cog = (simulate(treated(arm, None), patients=24, seed=5, follow_up_years=0.1, record=("outcomes",))
                .outcomes.select(who) for arm in (arms["bfm"], arms["cog"]))  # fmt: skip
    assert bfm.equals(cog) and not arms["bfm"].as_it_is
    high = (pl.col("age_y") >= 10) | (pl.col("wbc") >= 50) | (pl.col("cns") == 3)
    assert bfm.filter((pl.col("lineage") == "B") & high).height == 24


def test_arms_of_more_and_less_asparaginase_give_what_they_say() -> None:
    def doses(trial: str, arm: str) -> pl.DataFrame:
        one = library().trial(trial).arms[arm]
        run = simulate(treated(one, None), patients=60, seed=5, population=one.population, follow_up_years=2,
                       record=("doses", "outcomes"))  # fmt: skip
        given = run.doses.filter(pl.col("agent").cast(pl.Utf8).str.contains("aspar"))
        agents = pl.col("agent").cast(pl.Utf8).unique().alias("agents")
        return run.outcomes.join(given.group_by("patient").agg(agents, pl.len().alias("n")), on="patient")

    stopped, whole = doses("asparaginase_cog", "stopped"), doses("asparaginase_cog", "all_doses")
    peg = pl.col("agents") == ["pegaspargase"]
    assert stopped.filter(peg)["n"].max() <= 3 and whole.filter(peg)["n"].max() >= 5  # one more in extended induction
    few, more = doses("asparaginase_cog", "low_risk"), doses("asparaginase_cog", "low_risk_more")
    clear = peg & (pl.col("eoi_mrd") < 1e-4)
    assert (few.filter(clear)["n"].max(), more.filter(clear)["n"].max()) == (2, 6)
    erwinia = doses("eortc58881", "erwinia")
    assert erwinia.filter(pl.col("n") == 12)["agents"].explode().unique().to_list() == ["asparaginase_erwinia"]
    assert erwinia["n"].median() == 12  # the others had blocks
