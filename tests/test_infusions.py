"""What runs in: an infusion ends with a hold, a stop or the end of treatment, the table of doses says what ran in, held
days are made up, and what is stopped for good is neither held, resumed nor changed again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from test_engine import QUIET, anc, daily, events, give, phase, run

from remission.engine.play import Options, play
from remission.engine.program import prepare
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.patient.cohort import Cohort
from remission.patient.population import draw
from remission.protocol.model import Check, Decide, Hold, MakeUp, Stop, Streak, Target
from remission.protocol.reader import read_protocol
from remission.protocol.variant import variant

INERT = (Target("inert"),)


def bag(days, amount=112.0, hours=96.0):
    return give("inert", days, amount, "mg", "IV", infusion_h=hours)


def doses(out, what="inert"):
    """(from, to, dose, planned, hours, factor, reason) of every row."""
    columns = ("from_day", "to_day", "dose", "planned", "hours", "factor", "reason")
    return out["doses"].filter(pl.col("agent") == what).select(columns).rows()


def test_an_infusion_ends_at_the_visit_at_which_it_is_stopped():
    """The first visit is that of the second morning: a quarter of 96 hours has run in."""
    stop = Stop(INERT, anc(">", 0.0))
    out = run(phase(bag((1, 8)), days=14, rules=(stop,), check=(2, 3), next=None))
    assert doses(out) == [
        (0, 0, 28.0, 112.0, 24.0, 0.25, "cut short by a stop"), (7, 7, 0.0, 112.0, 0.0, 0.0, "stopped"),
    ]  # fmt: skip
    assert events(out, "stop") == [1]


def test_what_has_run_in_of_a_stopped_bag_acts_like_a_bag_of_that_much():
    poison, visits = give("poison", (1,), 16.0, "mg", "IV", infusion_h=96.0), range(2, 15)
    stop = Stop((Target("poison"),), anc(">", 0.0))
    stopped = run(phase(poison, days=14, rules=(stop,), check=visits, next=None))
    quarter = run(phase(give("poison", (1,), 4.0, "mg", "IV", infusion_h=24.0), days=14, check=visits, next=None))
    whole = run(phase(poison, days=14, check=visits, next=None))
    left, right, more = (out["measurements"]["anc"].to_list() for out in (stopped, quarter, whole))
    assert left == pytest.approx(right, rel=1e-9)
    assert min(more) < 0.7 * min(left)


def test_a_hold_ends_the_bag_that_runs_and_the_next_is_given_after_it():
    """Held on the third morning, free again once the counts have been good for four days: on the eighth."""
    hold = Hold(INERT, anc(">", 0.0), anc(">", 0.0), streak=Streak(4, 1))
    out = run(phase(bag((1, 5, 9)), days=14, rules=(hold,), check=range(3, 9), next=None))
    assert doses(out) == [
        (0, 0, 56.0, 112.0, 48.0, 0.5, "cut short by a hold"), (4, 4, 0.0, 112.0, 0.0, 0.0, "held"),
        (8, 8, 112.0, 112.0, 96.0, 1.0, "protocol"),
    ]  # fmt: skip
    assert events(out, "hold") == [2] and events(out, "resume") == [7]


def test_bags_that_overlap_are_cut_each_for_itself():
    """A bag of 48 hours every day: on the fourth morning the first two have run in, of the third half."""
    out = run(phase(bag(range(1, 11), 10.0, 48.0), days=10, rules=(Stop(INERT, anc(">", 0.0)),), check=(4,), next=None))
    assert doses(out)[:2] == [
        (0, 1, 10.0, 10.0, 48.0, 1.0, "protocol"), (2, 2, 5.0, 10.0, 24.0, 0.5, "cut short by a stop"),
    ]  # fmt: skip


def test_whoever_leaves_takes_no_bag_along():
    leave = Decide(3, anc(">", 0.0), "leave", "home")
    out = run(phase(bag((1,)), days=14, check=(3,), decide=(leave,), next=None))
    assert doses(out) == [(0, 0, 56.0, 112.0, 48.0, 0.5, "cut short by the end")]


def test_oral_doses_of_the_day_before_have_been_taken():
    out = run(phase(give("inert", range(1, 6), 10.0, "mg", times=2), days=5, rules=(Stop(INERT, anc(">", 0.0)),),
                    check=(3,), next=None))  # fmt: skip
    assert daily(out) == {0: 20.0, 1: 20.0, 2: 0.0, 3: 0.0, 4: 0.0}


def test_hours_and_planned_doses_stand_beside_what_was_given():
    out = run(phase(give("inert", (1,), 10.0, "mg", "IV", infusion_h=6.0), give("other", (1, 2), 10.0, "mg")))
    assert doses(out) == [(0, 0, 10.0, 10.0, 6.0, 1.0, "protocol")]
    assert doses(out, "other") == [(0, 1, 10.0, 10.0, 0.0, 1.0, "protocol")]


# --- held days are made up ----------------------------------------------------------------------


def low_counts(*rules, after=()):
    """28 daily bags while the counts, low from what was given before, come back."""
    poisoned = phase(give("poison", range(1, 9), 60.0), days=8, id="before")
    hold = Hold(INERT, anc("<", 0.75), anc(">=", 1.5))
    cycle = phase(bag(range(1, 29), 28.0, 24.0), give("other", (1, 15, 35)), days=42, id="cycle",
                  rules=(hold, *rules), check=range(1, 43), next="after")  # fmt: skip
    return run(poisoned, cycle, phase(id="after", days=7, next=None))


def test_held_days_are_made_up_and_what_follows_waits_as_long():
    without, out = low_counts(), low_counts(MakeUp(INERT))
    held = sum(reason == "held" for reason in daily(out, column="reason").values())
    made_up = sum(reason == "made up" for reason in daily(out, column="reason").values())
    assert held > 3 and made_up == held
    infused = [day for day, hours in daily(out, column="hours").items() if hours == 24.0]
    assert len(infused) == 28, "28 days of infusion in the cycle, those before and after the hold together"
    assert sum(hours == 24.0 for hours in daily(without, column="hours").values()) == 28 - held
    starts = {row["phase"]: row["day"] for row in out["events"].filter(pl.col("event") == "phase start").to_dicts()}
    assert starts["after"] - starts["cycle"] == 42 + held
    assert sorted(daily(out, "other")) == [8, 22, 8 + 34 + held], "what is planned after the last bag waits, too"
    assert out["measurements"].group_by("patient", "day").len()["len"].max() == 1


def test_after_too_long_a_hold_the_phase_begins_again():
    out = low_counts(MakeUp(INERT, longest_days=3))
    (again,) = events(out, "begins again")
    assert events(out, "resume")[-1] == again
    infused = sorted(day for day, hours in daily(out, column="hours").items() if hours == 24.0 and day >= again)
    assert infused == list(range(again, again + 28)), "all 28 days of the new cycle"


def test_what_is_stopped_is_not_made_up():
    out = low_counts(MakeUp(INERT), Stop(INERT, anc("<", 0.4)))
    assert events(out, "stop") and "made up" not in daily(out, column="reason").values()
    starts = {row["phase"]: row["day"] for row in out["events"].filter(pl.col("event") == "phase start").to_dicts()}
    assert starts["after"] - starts["cycle"] == 42


TEXT = """\
protocol: made-up
name: Made up
phases:
  - cycle:
      days: 42
      give:
        - blinatumomab 28 ug/day IV over 24 hours on days {days}
      check: ['daily: counts']
      rules:
{rules}
"""


HOLD = "hold blinatumomab when crs >= 3 until crs <= 1"


@pytest.mark.parametrize(
    ("days", "rules", "says"),
    [
        ("1-28", ["make up held days of blinatumomab"], "nothing holds blinatumomab here"),
        ("1, 8", [HOLD, "make up held days of blinatumomab"], "every day"),
        ("1-28", [HOLD, "make up held days of blinatumomab", "make up held days of blinatumomab"], "one rule"),
        ("1-28", ["make up held days of vincristine"], "never gives vincristine"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_up_is_told(tmp_path: Path, days: str, rules: list[str], says: str) -> None:
    path = tmp_path / "made-up.yaml"
    path.write_text(TEXT.format(days=days, rules="\n".join(f"        - {rule}" for rule in rules)), encoding="utf-8")
    with pytest.raises(BadInput, match=".*") as told:
        read_protocol(path)
    assert says in str(told.value) and "made-up.yaml:" in str(told.value)


# --- blinatumomab ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def adults() -> Cohort:
    return draw("relapsed-b-all-adults", 64, seed=1)


def four_days(tmp_path: Path, who: Cohort, *rules: str) -> dict[str, pl.DataFrame]:
    text = TEXT.format(days="1", rules="\n".join(f"        - {rule}" for rule in rules) or "        []")
    text = text.replace("28 ug/day IV over 24 hours", "112 ug IV over 96 hours")
    (tmp_path / "made-up.yaml").write_text(text, encoding="utf-8")
    program = prepare(read_protocol(tmp_path / "made-up.yaml"), library())
    return play(program, who, seed=1, threads=1, options=Options(chance=False, follow_up_days=10))


def test_a_bag_of_four_days_is_taken_off_when_cytokine_release_is_seen(tmp_path: Path, adults: Cohort) -> None:
    on = four_days(tmp_path, adults, "hold blinatumomab when crs >= 4 until crs <= 1")
    off = four_days(tmp_path, adults, "stop blinatumomab for good when crs >= 1")
    stopped = off["events"].filter((pl.col("event") == "stop") & (pl.col("day") == 1))["patient"]
    assert stopped.len() > 5
    mine = off["doses"].filter(pl.col("patient").is_in(stopped.to_list()))
    assert mine["dose"].to_list() == pytest.approx([28.0] * stopped.len()), "a quarter of 112 ug"
    assert set(mine["hours"]) == {24.0} and set(mine["reason"]) == {"cut short by a stop"}

    def cytokine(out: dict[str, pl.DataFrame], day: int) -> float:
        """Median, pg/mL; states are kept daily while there is cytokine release, else it is at its baseline of 5."""
        rows = out["states"].filter(pl.col("day") == day).select("patient", "cytokine_pg_ml")
        mine = stopped.to_frame().join(rows, on="patient", how="left")["cytokine_pg_ml"].fill_null(5.0)
        return float(mine.median())  # type: ignore[arg-type]

    assert cytokine(off, 1) == cytokine(on, 1) > 100.0
    assert cytokine(off, 3) < 0.2 * cytokine(on, 3)


def test_nothing_happens_any_more_to_what_was_stopped_for_good() -> None:
    """On a protocol that has holds of its own beside a stop which many meet."""
    program = prepare(variant("tower", add=("stop blinatumomab for good when crs >= 2",)), library())
    out = play(program, draw("relapsed-b-all-adults", 120, seed=1), seed=1, options=Options(record=("events",)))
    about = out["events"].filter(pl.col("event").is_in(["hold", "resume", "raise", "reduce", "stop"]))
    about = about.filter(pl.col("detail").str.contains("blinatumomab"))
    stops = about.filter(pl.col("event") == "stop").group_by("patient").agg(pl.col("day").min().alias("stopped"))
    assert stops.height > 10 and about.filter(pl.col("event") == "hold").height > 10
    later = about.join(stops, on="patient").filter((pl.col("day") >= pl.col("stopped")) & (pl.col("event") != "stop"))
    assert later.is_empty()


def test_a_hold_can_wait_until_its_reason_is_gone_for_some_days() -> None:
    hold = Hold(INERT, anc("<", 0.75), anc(">=", 1.5), streak=Streak(5, 1))
    poisoned = phase(give("poison", range(1, 9), 60.0), days=8, id="before")
    out = run(poisoned, phase(bag(range(1, 29), 28.0, 24.0), days=28, id="cycle", rules=(hold,), check=range(1, 29),
                              next=None), options=QUIET)  # fmt: skip
    seen = dict(out["measurements"].select("day", "anc").iter_rows())
    (resumed,) = events(out, "resume")
    assert all(seen[day] >= 1.5 for day in range(resumed - 5, resumed + 1)) and seen[resumed - 6] < 1.5


def test_stopping_can_wait_for_a_condition_that_lasts() -> None:
    stop = Stop(INERT, anc(">", 0.0), Streak(7, 1))
    out = run(phase(give("inert", range(1, 15), 1.0, "mg"), days=14, rules=(stop,), check=range(1, 15), next=None))
    assert events(out, "stop") == [7]


def test_a_check_of_a_level_needs_the_agent() -> None:
    course = replace(phase(give("inert", (1,)), days=7), check=(Check((2,), "level", "other"),))
    with pytest.raises(BadInput, match="never gives it"):
        run(course)


@pytest.mark.parametrize(("days", "later", "resumed"), [(30, 0.0, []), (4, 5.0, [7])])
def test_what_two_rules_hold_is_free_when_both_have_ended(days: int, later: float, resumed: list[int]) -> None:
    """The first ends on the eighth morning, the second with it or never."""
    first = Hold(INERT, anc(">", 0.0), anc(">", 0.0), streak=Streak(4, 1))
    second = Hold(INERT, anc(">", 0.0), anc(">", 0.0), resume=(0.5,), streak=Streak(days, 1))
    out = run(phase(give("inert", range(1, 15), 10.0, "mg"), days=14, rules=(first, second), check=range(3, 9),
                    next=None))  # fmt: skip
    assert daily(out) == {0: 10.0, 1: 10.0} | dict.fromkeys(range(2, 7), 0.0) | dict.fromkeys(range(7, 14), later)
    assert events(out, "hold") == [2, 2] and events(out, "resume") == resumed
