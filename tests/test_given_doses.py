"""Doses that were given are played as they were given: by the same engine, with the same answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import remission as rm
from remission.engine.play import Options, play, prepare
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.patient.population import draw
from remission.protocol.doses import Dose, Doses, History, checked, played_hour
from remission.trial.run import Run

HEAD = "patient,agent,route,from_day,to_day,dose,unit,hours,doses_per_day,first_hour,last_hour"


def table(tmp_path, *lines, head=HEAD):
    path = tmp_path / "given.csv"
    path.write_text("\n".join((head, *lines)) + "\n")
    return path


@pytest.fixture(scope="module")
def played():
    """Four children on a protocol with rescue by level, infusions and several doses a day, without chance."""
    protocol = rm.read_protocol("cog-high-risk")
    cohort = draw("childhood-all", 4, seed=3)
    options = Options(follow_up_days=260, chance=False, daily_until=260)
    frames = play(prepare(replace(protocol, rules=()), library()), cohort, seed=3, options=options)
    manifest = {"identity": {"protocol": protocol.id, "seed": 3}, "patients": 4, "finished": True}
    run = Run(manifest, {name: frame.lazy() for name, frame in frames.items()}, pl.DataFrame())
    return run, cohort, options


def daily(doses):
    """What was given on each day, and from which hour on."""
    days = doses.filter(pl.col("dose") > 0.0).with_columns(day=pl.int_ranges("from_day", pl.col("to_day") + 1))
    by = ("patient", "agent", "route", "day")
    return days.explode("day").group_by(by).agg(pl.col("dose").sum(), pl.col("first_hour").min()).sort(by)


def test_doses_written_by_a_run_and_played_give_the_same_counts_and_the_same_leukaemia(played, tmp_path):
    run, cohort, options = played
    doses = rm.read(rm.export(run, "doses", tmp_path / "doses.csv"))
    program = prepare(replace(doses, rules=()).protocol(), library())
    again = play(program, cohort, seed=3, options=options, begins=1 + np.arange(4))
    one, two = daily(run.doses), daily(again["doses"])
    assert one.drop("dose").equals(two.drop("dose")) and "leucovorin" in set(one["agent"])
    assert (one["dose"] / two["dose"] - 1.0).abs().max() < 1e-9
    both = run.states.join(again["states"], on=["patient", "day"], suffix="_again")
    assert both.height == run.states.height
    # Doses in milligrams instead of doses by size differ in their last digits, and these may choose another step where
    # an effect moves little: as near as the steps' own error (below 1e-3 of the counts, test_engine), not as the doses.
    for name in ("anc", "platelets", "haemoglobin", "lymphocytes"):
        assert both.select((pl.col(name) / pl.col(f"{name}_again")).log().abs().max()).item() < 2e-4
    assert both.select((pl.col("log10_blasts_marrow") - pl.col("log10_blasts_marrow_again")).abs().max()).item() < 1e-5


def test_a_patient_has_the_same_fate_whoever_else_is_in_the_table(tmp_path):
    lines = [
        "a,vincristine,IV,0,0,1.5,mg,0,1,0,0",
        "b,doxorubicin,IV,3,3,25,mg,1,1,8,8",
        "c,prednisone,PO,0,27,40,mg,0,3,,",
    ]
    all_three = rm.read(table(tmp_path, *lines))
    a = rm.simulate(all_three, patients=7, seed=5, follow_up_years=0.2)
    given = a.doses.filter(pl.col("dose") > 0.0).group_by("patient").agg(pl.col("agent").unique()).sort("patient")
    agents = ["vincristine", "doxorubicin", "prednisone"]
    assert [row["agent"] for row in given.iter_rows(named=True)] == [[agents[i % 3]] for i in range(7)]
    b = rm.simulate(all_three, patients=2, seed=5, follow_up_years=0.2)
    assert b.states.equals(a.states.filter(pl.col("patient") < 2))


def test_what_is_known_of_a_patient_is_that_patient(tmp_path):
    head = "patient,day,agent,route,dose,unit,age_y,sex,weight_kg,height_cm,tpmt"
    path = table(
        tmp_path, "x,0,vincristine,IV,1,mg,4.5,f,17,105,poor", "y,2,vincristine,IV,2,mg,16,male,70,175,", head=head
    )
    known = rm.simulate(doses=rm.read(path), patients=3, seed=1, follow_up_years=0.1).outcomes
    assert known["age_y"].to_list() == [4.5, 16.0, 4.5]
    assert known["sex"].to_list() == ["female", "male", "female"]
    assert known["weight_kg"].to_list() == [17.0, 70.0, 17.0] and known["tpmt"][0] == "poor"


@pytest.mark.parametrize(
    "line, said",
    [
        ("1,vincristin,IV,0,0,1,mg,0,1,0,0", "Did you mean 'vincristine'"),
        ("1,vincristine,PO,0,0,1,mg,0,1,0,0", "vincristine is not given PO"),
        ("1,vincristine,XX,0,0,1,mg,0,1,0,0", "the route 'XX' is not known"),
        ("1,vincristine,IV,0,0,1,mL,0,1,0,0", "not dosed in mL"),
        ("1,vincristine,IV,0,0,1500,mg,0,1,0,0", "1500 mg vincristine IV is no dose"),
        ("1,vincristine,IV,3,2,1,mg,0,1,0,0", "a dose on day 2"),
        ("1,vincristine,IV,0,99999999,1,mg,0,1,0,0", "a dose on day 99999999"),
        ("1,vincristine,IV,0.5,1,1,mg,0,1,0,0", "whole number"),
        ("1,vincristine,IV,0,0,1,mg,1e6,1,0,0", "an infusion of 1e.06 hours"),
        ("1,vincristine,IV,,,1,mg,0,1,0,0", "no day"),
        ("1,vincristine,IV,0,0,-1,mg,0,1,0,0", "Expected 0"),
        ("1,vincristine,IV,0,0,nan1,mg,0,1,0,0", "not a number"),
        ("1,vincristine,IV,0,0,1,mg,0,30,0,0", "doses_per_day is 30"),
        ("1,vincristine,IV,0,0,1,mg,0,1,0,30", "last_hour is 30"),
    ],
)
def test_what_is_no_dose_is_told_with_its_line(line, said, tmp_path):
    with pytest.raises(BadInput, match=said) as refused:
        rm.read(table(tmp_path, "1,prednisone,PO,0,27,40,mg,0,2,0,12", line))
    assert refused.value.line == 3 and "given.csv" in str(refused.value)


def test_a_table_in_which_nothing_is_given_is_refused_and_what_is_left_out_is_told(tmp_path):
    with pytest.raises(BadInput, match="there is no dose"):
        rm.read(table(tmp_path, "1,vincristine,IV,0,0,0,mg,0,1,0,0"))
    kept = rm.read(table(tmp_path, "1,vincristine,IV,0,0,0,mg,0,1,0,0", "2,vincristine,IV,0,0,1,mg,0,1,0,0"))
    assert list(kept.told())[3:] == ["1 line with a dose of 0", "patients without any dose, left out: 1"]


def test_a_table_in_place_of_a_protocol_is_told_how_it_is_played(tmp_path):
    path = table(tmp_path, "1,vincristine,IV,0,0,1.5,mg,0,1,0,0")
    with pytest.raises(BadInput, match=r"simulate\(doses=read\(FILE\)\)"):
        rm.simulate(str(path), patients=1)
    assert rm.simulate(doses=rm.read(path)).outcomes.height == 1  # as many patients as the table has


def test_doses_are_played_instead_of_a_protocol_and_once_they_are_read(tmp_path):
    doses = rm.read(table(tmp_path, "1,vincristine,IV,0,0,1.5,mg,0,1,0,0"))
    for asked, said in (
        ({}, "nothing is to be played"),
        ({"protocol": "cog-standard-risk", "doses": doses}, "played as they are"),
        ({"doses": "given.csv"}, r"doses=remission.read\(FILE\)"),
    ):
        with pytest.raises(BadInput, match=said):
            rm.simulate(**asked)


def test_a_protocol_that_gives_nothing_is_refused_also_when_it_was_made_in_python():
    read = rm.read_protocol("cog-standard-risk")
    phases = tuple(replace(phase, give=(), rules=()) for phase in read.phases)
    with pytest.raises(BadInput, match="the protocol gives nothing"):
        rm.simulate(replace(read, phases=phases, rules=()), patients=1)


def test_the_same_dose_twice_on_a_day_is_given_twice_and_a_thousand_times_is_a_mistake(tmp_path):
    line = "1,vincristine,IV,4,4,1,mg,0,1,0,0"
    twice = rm.simulate(rm.read(table(tmp_path, line, line)), patients=1, follow_up_years=0.1)
    assert twice.doses.filter(pl.col("dose") > 0.0).select("from_day", "dose", "doses_per_day").rows() == [(4, 2.0, 2)]
    with pytest.raises(BadInput, match="stands 1000 times on one day"):
        rm.read(table(tmp_path, *[line] * 1000)).protocol()


def test_checks_and_rules_hold_beside_the_doses(tmp_path):
    doses = rm.read(table(tmp_path, "1,vincristine,IV,0,0,1.5,mg,0,1,0,0", "1,prednisone,PO,0,20,40,mg,0,2,,"))
    rules = ("day 29: marrow MRD", "weekly: counts", "hold prednisone when anc >= 0 until anc > 100")
    run = rm.simulate(replace(doses, rules=rules), patients=2, follow_up_years=0.2)
    assert run.mrd["day"].to_list() == [28, 28] and run.outcomes["eoi_mrd"].is_not_null().all()
    held = run.doses.filter((pl.col("agent") == "prednisone") & (pl.col("reason") == "held"))
    assert held["patient"].n_unique() == 2, "a rule changes the doses where it is asked to"


def test_hours_that_are_played():
    assert [played_hour(h, 0.0) for h in (0.0, 0.9, 9.0, 18.0, 23.9)] == [0.0, 0.0, 8.0, 18.0, 22.0]
    assert [played_hour(h, 24.0) for h in (2.0, 9.5, 18.0, 23.0)] == [0.0, 12.0, 18.0, 18.0]
    assert played_hour(9.0, 96.0) == 0.0
    uneven = Dose(0, 0, "leucovorin", "PO", 10.0, "mg", times=2, hour=0.0, last_hour=6.0)
    lines = Doses((History("1", (uneven,)),)).protocol().phase("doses 1").give
    assert [(give.hour, give.doses_per_day, give.days) for give in lines] == [(0.0, 1, (1,)), (6.0, 1, (1,))]


def test_units_and_names_as_others_write_them():
    dose = checked(Dose(0, 0, "Oncaspar", "IV", 2500.0, "U"), "x")
    assert (dose.agent, dose.unit) == ("pegaspargase", "IU")
