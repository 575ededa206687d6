"""Radiation, grafts, CAR T-cells, cytokine, side effects by hazard: mechanisms against closed forms, and what must not
happen (counts that come back without a graft, effects without an antigen, rows after death)."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.integrate import solve_ivp

from remission.body.radiation import GAP_HOURS
from remission.compiled import core
from remission.engine.play import Options, play, prepare
from remission.knowledge.library import library
from remission.knowledge.quantity import Quantity, Read
from remission.patient.person import one
from remission.patient.population import draw
from remission.protocol.reader import read_protocol

survival = core.equations.survival
incomplete_repair = core.equations.incomplete_repair

QUIET = Options(chance=False, side_effects=False)
HEALTHY = {"marrow_blasts": 0.0, "blood_blasts": 0.0, "wbc": 6.0, "anc": 4.0, "platelets": 260.0, "haemoglobin": 12.5,
           "growth_per_day": 0.05}  # fmt: skip
PHASE = """
  - {name}:
      days: {days}
      give:
{gives}
      check:
        - 'daily: counts'
"""


@pytest.fixture
def played(tmp_path):
    """Play a protocol of phases (name, days, sentences[, more lines]) with one person or a cohort."""

    def run(phases, who, options=QUIET, seed=1, head="", threads=1):
        text = "protocol: p\nname: p\n" + head + "phases:"
        for name, days, gives, *more in phases:
            lines = "\n".join(f"        - '{give}'" for give in gives)
            body = PHASE.format(name=name, days=days, gives=lines)
            text += (body if gives else body.replace("      give:\n\n", "")) + "".join(more)
        path = tmp_path / "p.yaml"
        path.write_text(text, encoding="utf-8")
        return play(prepare(read_protocol(path), library()), who, seed=seed, options=options, threads=threads)

    return run


def person(**more):
    return one(**({"age_y": 9.0, "sex": "female", "donor": "sibling"} | HEALTHY | more))


def day_of(measurements, count, least):
    """First day on which the count has fallen below ``least`` and come back."""
    day, x = measurements["day"].to_numpy(), measurements[count].to_numpy()
    low = np.flatnonzero(x < least)
    assert len(low), "never below"
    back = np.flatnonzero((x >= least) & (np.arange(len(x)) > low[0]))
    return int(day[back[0]]) if len(back) else None


# --- radiation ------------------------------------------------------------------------------------


def test_survival_is_linear_quadratic_with_repair_between_fractions():
    alpha, ratio = 0.35, 4.0
    one_fraction = survival(2.0, 1, alpha, ratio, 1.0)
    assert one_fraction == pytest.approx(math.exp(-alpha * 2.0 * (1.0 + 2.0 / ratio)), rel=1e-12)
    left = 2.0 ** (-GAP_HOURS / 1.0)  # damage not mended before the second fraction
    two = survival(4.0, 2, alpha, ratio, 1.0)
    assert two == pytest.approx(one_fraction**2 * math.exp(-2.0 * left * alpha / ratio * 2.0**2), rel=1e-12)
    assert incomplete_repair(1, 1.0) == 0.0
    assert survival(4.0, 2, alpha, ratio, 1e6) == pytest.approx(survival(4.0, 1, alpha, ratio, 1.0), rel=1e-4)


def test_a_field_hits_the_same_part_of_the_marrow_every_day(played):
    """Ten cranial fractions take the share of marrow that lies in the skull, once, and leave the rest."""
    out = played([("a", 20, ["cranial_irradiation 1.8 Gy RT on days 2-11"])], person())
    share = library().agent("cranial_irradiation").radiation.field.marrow
    in_field = share.value
    for c in share.covariates:
        if c.factor is not None and (c.above is None or 9.0 > c.above) and (c.below is None or 9.0 <= c.below):
            in_field *= c.factor
        elif c.power is not None:
            in_field *= (9.0 / c.reference) ** c.power
    marrow = out["states"]["normal_marrow"].to_numpy()
    assert 1.0 - in_field - 1e-6 <= marrow.min() < 1.0 - 0.3 * in_field


# --- grafts ---------------------------------------------------------------------------------------

CONDITIONING = ["total_body_irradiation 4 Gy/day RT in 2 doses on days 1-3"]


def test_without_a_graft_counts_never_come_back(played):
    out = played([("a", 150, CONDITIONING)], person())
    late = out["measurements"].filter(pl.col("day") > 30)
    assert late["anc"].max() < 0.05
    assert out["states"]["normal_marrow"].to_list()[-1] < 1e-6


def test_a_graft_brings_counts_back_and_more_cells_bring_them_sooner(played):
    days = []
    for cells in (2, 4, 8):
        out = played([("a", 150, [*CONDITIONING, f"sibling_marrow {cells} Mcells/kg IV on day 7"])], person())
        days.append(day_of(out["measurements"], "anc", 0.5) - 6)
        assert out["states"]["donor_share"].to_list()[-1] == 1.0
        assert out["states"]["normal_marrow"].to_list()[-1] == pytest.approx(1.0, abs=0.05)
    assert 12 <= days[1] <= 28
    assert days[0] > days[1] > days[2]


def test_less_than_ablation_lets_the_own_marrow_come_back(played):
    out = played([("a", 120, ["total_body_irradiation 2 Gy RT on day 1"])], person())
    assert out["measurements"]["anc"].to_list()[-1] > 1.5
    assert out["states"]["donor_share"].max() == 0.0


# --- CAR T-cells and cytokine ---------------------------------------------------------------------


def test_expansion_is_exponential_where_antigen_is_plenty_and_stops_without_it():
    e = 1.0
    for _ in range(30):
        e = core.equations.expansion(e, 0.0, 0.1, 1e9, 0.0, 1.2, 0.005, 2.0, 1e12)
    assert e == pytest.approx(math.exp(1.2 * 3.0), rel=1e-6)
    assert core.equations.expansion(5.0, 0.0, 1.0, 0.0, 0.0, 1.2, 0.005, 2.0, 1e5) == 5.0


def test_cells_peak_contract_and_leave_a_memory(played):
    """After the peak E falls with its rate and M stays with its own: read from the states of two later times."""
    give = ["tisagenlecleucel 3 Mcells/kg IV on day 1"]
    out = played([("a", 300, give)], person(marrow_blasts=0.5, wbc=10.0))
    states = out["states"]
    copies, day = states["car_t_copies"].to_numpy(), states["day"].to_numpy()
    peak = day[copies.argmax()]
    assert 5 <= peak <= 16
    late = (day > 200) & (day <= 300)
    slope = np.polyfit(day[late], np.log(copies[late]), 1)[0]
    cells = library().agent("tisagenlecleucel").cells
    contraction, memory = cells.contraction.rate.value, cells.contraction.memory_rate.value
    assert -3.0 * contraction < slope < -0.2 * memory  # a patient's own rates, log-normal around the file's
    assert states["log10_blasts_marrow"].to_list()[-1] < 6
    b = states["b_cells"].to_numpy()
    assert b[(day > 12) & (day < 30)].max() < 0.1 * b[0]


def test_cells_do_nothing_to_leukaemia_without_the_antigen(played):
    give = ["tisagenlecleucel 3 Mcells/kg IV on day 1"]
    with_cells = played([("a", 28, give)], person(lineage="T", marrow_blasts=0.2, wbc=10.0))
    without = played(
        [("a", 28, ["immunoglobulin 0.1 g/kg IV on day 1"])], person(lineage="T", marrow_blasts=0.2, wbc=10.0)
    )
    last = [out["states"].filter(pl.col("day") == 28)["log10_blasts_marrow"].item() for out in (with_cells, without)]
    assert last[0] == pytest.approx(last[1], abs=1e-4)  # steps of four hours with cells, of a day without


def test_a_step_towards_a_target_is_exact():
    got = core.equations.towards(3.0, 10.0, 0.7, 2.0)
    run = solve_ivp(lambda t, x: 0.7 * (10.0 - x), (0, 2), [3.0], rtol=1e-10, atol=1e-12)
    assert got == pytest.approx(run.y[0, -1], rel=1e-8)
    assert core.equations.log_mean(8.0, 2.0) == pytest.approx(6.0 / math.log(4.0))
    assert core.equations.log_mean(5.0, 5.0) == 5.0
    assert [core.equations.grade_of(x, 1, 2, 3, 4) for x in (0.5, 1, 2.5, 3, 9)] == [0, 1, 2, 3, 4]


# --- targeted drugs -------------------------------------------------------------------------------


def test_mutants_are_selected_by_what_does_not_inhibit_them(played):
    """T315I takes over under dasatinib and imatinib, not under ponatinib."""
    who = draw("ph-positive-adults", 32, seed=3)
    ends = {}
    for drug in ("dasatinib 140 mg/day PO on days 1-180", "ponatinib 45 mg/day PO on days 1-180"):
        out = played([("a", 180, [drug])], who, Options(side_effects=False), seed=3)
        last = out["states"].group_by("patient").agg(pl.all().sort_by("day").last())
        ends[drug.split()[0]] = float((last["log10_t315i"] > last["log10_blasts_marrow"] - 0.05).mean())
    assert ends["dasatinib"] > ends["ponatinib"]
    assert ends["ponatinib"] < 0.2


def test_blinatumomab_empties_b_cells_within_a_week(played):
    give = ["blinatumomab 28 ug/day IV over 24 hours on days 1-14"]
    out = played([("a", 21, give)], person(age_y=40.0, marrow_blasts=0.0))
    b, day = out["states"]["b_cells"].to_numpy(), out["states"]["day"].to_numpy()
    assert b[day == 7][0] < 0.1 * b[0]


# --- the clinic -----------------------------------------------------------------------------------


def test_stopped_for_good_holds_in_later_phases(played):
    rule = "      rules:\n        - stop vincristine for good when platelets < 1000\n"
    out = played(
        [("a", 7, ["vincristine 1 mg IV on day 3"], rule), ("b", 7, ["vincristine 1 mg IV on day 3"])], person()
    )
    assert out["doses"]["reason"].to_list() == ["stopped", "stopped"]


def test_a_decision_ends_a_repeated_phase(played):
    more = "      repeat: 6 times\n      decide:\n        - 'day 7: if anc > 0.1 go to b'\n"
    out = played([("a", 7, ["vincristine 0.1 mg IV on day 1"], more), ("b", 7, [])], person())
    begun = out["events"].filter(pl.col("event") == "phase start")
    assert begun.select("day", "detail").rows() == [(0, "a"), (7, "b")]


PATHWAY = 64


@pytest.fixture(scope="module")
def pathway():
    return prepare(read_protocol("relapse-pathway"), library()), draw("first-relapse-children", PATHWAY, seed=5)


def test_nothing_is_written_after_death(pathway):
    out = play(*pathway, seed=5, threads=2)
    died = out["outcomes"].filter(pl.col("outcome") == "death").select("patient", pl.col("outcome_day").alias("died"))
    assert died.height > 0
    for name, column in (("events", "day"), ("doses", "to_day"), ("measurements", "day"), ("side_effects", "to_day")):
        after = out[name].join(died, on="patient").filter(pl.col(column) > pl.col("died"))
        assert after.height == 0, name


def test_the_whole_pathway_is_the_same_for_threads_order_and_alone(pathway):
    program, who = pathway
    whole = play(program, who, seed=5, threads=2)
    again = play(program, who.take(np.arange(PATHWAY)[::-1].copy()), seed=5, threads=1)
    alone = play(program, who.take(np.array([17])), seed=5, threads=1)
    for name, table in whole.items():
        assert_frame_equal(table, again[name], check_exact=True)
        assert_frame_equal(table.filter(pl.col("patient") == who.patient[17]), alone[name], check_exact=True)


def test_incidence_is_that_of_the_summed_hazard():
    """Graft-versus-host disease with half of everybody's susceptibility: 1 - exp(-H/2) in place of 1 - exp(-H)."""
    program, who = prepare(read_protocol("forum-tbi"), library()), draw("transplant-children", 320, seed=2)
    half = Quantity(value=0.5, unit="-", read=Read.ASSUMED, because="test")
    effects = [e.model_copy(update={"person": half}) if e.side_effect == "gvhd" else e for e in program.side_effects]
    halved = dataclasses.replace(program, side_effects=tuple(effects))
    share = []
    for p in (program, halved):
        table = play(p, who, seed=2, threads=2)["side_effects"]
        share.append(table.filter(pl.col("side_effect") == "gvhd")["patient"].n_unique() / len(who))
    assert share[1] == pytest.approx(1.0 - math.sqrt(1.0 - share[0]), abs=0.08)
    assert share[0] > 0.2
