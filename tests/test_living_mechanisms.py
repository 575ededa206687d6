"""Living treatments against closed forms and independent integrations, one mechanism at a time.

What a test reads from the engine are its tables; what it expects is worked out here from the knowledge files and the
patient's own draws. Agents and side effects that do not exist stand in a folder of their own.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.integrate import solve_ivp
from scipy.stats import binom
from test_living import CONDITIONING, QUIET, day_of, person

import remission
from remission.body.person import individual
from remission.body.radiation import GAP_HOURS
from remission.compiled import core
from remission.engine.lanes import build
from remission.engine.living import immune
from remission.engine.play import Options, play, prepare
from remission.knowledge.library import Library, library
from remission.knowledge.places import laid_over, place
from remission.patient.person import one
from remission.patient.population import draw
from remission.protocol.reader import read_protocol

survival = core.equations.survival

DATA = Path(remission.__file__).parent / "knowledge" / "data"
CERTAIN = 1e-4  # two-sided: a right engine fails one of a hundred such tests in a hundred years


@pytest.fixture
def played(tmp_path):
    """Play phases (name, days, sentences of `give`[, lines of the phase]) with counts every day."""

    def run(phases, who, options=QUIET, *, seed=1, head="", threads=1, shelf=None):
        shelf = shelf or library()
        text = f"protocol: p\nname: p\n{head}phases:\n"
        for name, days, gives, *more in phases:
            text += f"  - {name}:\n      days: {days}\n      check: ['daily: counts']\n"
            text += "      give:\n" + "".join(f"        - '{give}'\n" for give in gives) if gives else ""
            text += "".join(f"      {line}\n" for line in more)
        path = tmp_path / "p.yaml"
        path.write_text(text, encoding="utf-8")
        program = prepare(read_protocol(path, shelf), shelf)
        return play(program, who, seed=seed, options=options, threads=threads, knowledge=shelf)

    return run


def own(agent, path, unit, who, seed=1):
    """The patients' own number of an agent's file."""
    quantity = library().agent(agent)
    for name in path.split("."):
        quantity = getattr(quantity, name)
    return individual(quantity, unit, who, seed=seed, purpose=f"{agent}.{path.partition('.')[2]}")


def column(out, name, day=None):
    states = out["states"] if day is None else out["states"].filter(pl.col("day") == day)
    return states[name].to_numpy()


def cells(out, day, name="log10_blasts_marrow"):
    return 10.0 ** column(out, name, day)


def within_chance(count, n, p):
    low, high = binom.ppf([CERTAIN / 2, 1 - CERTAIN / 2], n, p)
    return low <= count <= high


# --- radiation ------------------------------------------------------------------------------------

SOME = {"marrow_blasts": 1e-3}  # too few to crowd, too many for chance
NOTHING = "immunoglobulin 0.0001 g/kg IV on day 1 as written"  # the same states, without an effect


@pytest.mark.parametrize("fractions", [2, 3, 4])
def test_incomplete_repair_counts_every_pair_of_fractions(fractions):
    alpha, ratio, half, dose = 0.4, 4.0, 2.5, 4.8
    d = dose / fractions
    pairs = [2.0 ** (-GAP_HOURS * (j - i) / half) for j in range(fractions) for i in range(j)]
    damage = alpha * dose + alpha / ratio * (fractions * d * d + 2.0 * d * d * sum(pairs))
    assert survival(dose, fractions, alpha, ratio, half) == pytest.approx(math.exp(-damage), rel=1e-12)


@pytest.mark.parametrize(
    ("order", "days", "gray", "fractions"),
    [
        ("total_body_irradiation 2 Gy RT on day 2", 1, 2.0, 1),
        ("total_body_irradiation 4 Gy RT on day 2", 1, 4.0, 1),
        ("total_body_irradiation 4 Gy/day RT in 2 doses on days 2-4", 3, 4.0, 2),
        ("craniospinal_irradiation 1.8 Gy RT on days 2-6", 5, 1.8, 1),
        ("cranial_irradiation 1.8 Gy RT on days 2-11", 10, 1.8, 1),
        ("testicular_irradiation 2 Gy RT on days 2-13", 12, 2.0, 1),
    ],
)
def test_radiation_kills_in_its_field_only_and_as_the_dose_says(played, tmp_path, order, days, gray, fractions):
    """Linear-quadratic in the field's share of the marrow, once for all days; nothing outside. In the CNS cells move
    between the days, so that each finds the same share in the field."""
    who, name = person(**SOME, cns=3), order.split()[0]
    shelf = laid_over({place("body/leukaemia.yaml: cns.seeding"): 0.0}, tmp_path / "no seeding")
    treated, untreated = (played([("a", 21, [give])], who, shelf=shelf) for give in (order, NOTHING))
    alpha, ratio, repair, marrow, cns = (
        float(own(name, f"radiation.{path}", unit, who)[0])
        for path, unit in (
            ("blasts.alpha", "1/Gy"), ("blasts.alpha_beta", "Gy"), ("repair_half_life", "hour"), ("field.marrow", "-"),
            ("field.cns", "-"),
        )
    )  # fmt: skip
    theta = 2.0 ** (-GAP_HOURS / repair)
    k = 2.0 / fractions * sum((fractions - i) * theta**i for i in range(1, fractions))
    logs = alpha * gray + alpha / ratio * gray**2 / fractions * (1.0 + k)
    left = cells(treated, 14) / cells(untreated, 14)
    assert left == pytest.approx(1.0 - marrow + marrow * math.exp(-days * logs), rel=2e-3)
    brain = cells(treated, 14, "log10_blasts_cns") / cells(untreated, 14, "log10_blasts_cns")
    assert brain == pytest.approx((1.0 - cns + cns * math.exp(-logs)) ** days, rel=0.05, abs=1e-4)


def test_a_second_course_finds_the_marrow_mixed_again(played):
    who = person(**SOME)
    beam = "cranial_irradiation 1.8 Gy RT on days 1-10"
    first = played([("a", 56, [beam])], who)
    twice = played([("a", 56, [beam, "cranial_irradiation 1.8 Gy RT on days 40-49"])], who)
    none = played([("a", 56, [NOTHING])], who)
    share = cells(first, 56) / cells(none, 56)
    assert 0.7 < share < 0.95
    assert cells(twice, 56) / cells(none, 56) == pytest.approx(share**2, rel=5e-3)


# --- grafts ---------------------------------------------------------------------------------------

GRAFT = "sibling_marrow 4 Mcells/kg IV on day 7"


def days_to_take(out):
    """Days from a graft on day 7 until neutrophils of 0.5, by patient; 993 where they do not come."""
    tables = out["measurements"].sort("patient", "day").group_by("patient", maintain_order=True)
    return np.array([day_of(table, "anc", 0.5) or 999 for _, table in tables]) - 6


def test_grafts_take_in_the_published_time_and_are_the_donors(played):
    """Neutrophils of 0.5 after 4 Mcells/kg of marrow: day 19 in the median of the source, most by day 30."""
    who = draw("transplant-children", 48, seed=4)
    out = played([("a", 100, [*CONDITIONING, GRAFT])], who, replace(QUIET, daily_until=7))
    days = days_to_take(out)
    assert np.median(days) == pytest.approx(19, abs=3)
    assert np.mean(days <= 30) > 0.9
    assert column(out, "donor_share", 98).min() > 0.99
    assert column(out, "donor_share", 5).max() == 0.0


def test_own_cells_bring_the_counts_back_and_no_donor(played):
    """Day 12 at the median of the source, with filgrastim; some days later without. Nothing of a donor comes."""
    who = draw("transplant-children", 48, seed=4)
    graft = "autologous_blood 5 Mcells/kg IV on day 7"
    out = played([("a", 100, [*CONDITIONING, graft])], who, replace(QUIET, daily_until=7))
    days = days_to_take(out)
    assert np.median(days) == pytest.approx(15, abs=3)
    assert column(out, "donor_share", 98).max() == 0.0
    assert column(out, "normal_marrow", 98).min() > 0.5
    empty = played([("a", 60, CONDITIONING)], who.take(slice(0, 8)))
    assert column(empty, "normal_marrow", 56).max() < 0.5


def test_half_a_conditioning_makes_a_mixed_marrow(played):
    out = played([("a", 60, ["total_body_irradiation 4 Gy RT on day 1", "sibling_marrow 4 Mcells/kg IV on day 3"])],
                 person())  # fmt: skip
    share = column(out, "donor_share", 56)[0]
    left = survival(4.0, 1, *(library().agent("total_body_irradiation").radiation.stem_cells.__getattribute__(n).value
                              for n in ("alpha", "alpha_beta")), 1.0)  # fmt: skip
    seeded = 4.0 * library().agent("sibling_marrow").graft.seeded.value
    assert share == pytest.approx(seeded / (seeded + left), rel=0.3)  # two days of regrowth before the graft


def refused(folder):
    """A shelf with a graft that never takes."""
    text = (DATA / "agents" / "sibling_marrow.yaml").read_text(encoding="utf-8")
    text, changed = re.subn(r"rejection: \{value: [\d.]+", "rejection: {value: 1.0", text)
    assert changed == 1
    (folder / "agents").mkdir()
    (folder / "agents" / "sibling_marrow.yaml").write_text(text, encoding="utf-8")
    return Library(extra=[folder])


def test_a_graft_that_fails_leaves_the_marrow_empty(played, tmp_path):
    out = played([("a", 100, [*CONDITIONING, GRAFT])], person(), Options(side_effects=False), shelf=refused(tmp_path))
    assert (out["events"]["event"] == "graft failure").sum() == 1
    assert column(out, "anc")[-1] < 0.01 and column(out, "normal_marrow")[-1] < 1e-6


def test_a_graft_that_fails_brings_no_donor_cells(played, tmp_path):
    out = played([("a", 60, [*CONDITIONING, GRAFT])], person(), Options(side_effects=False), shelf=refused(tmp_path))
    assert column(out, "donor_share").max() == 0.0


def test_a_graft_that_fails_makes_no_disease_against_the_host(played, tmp_path):
    out = played([("a", 100, [*CONDITIONING, GRAFT])], draw("transplant-children", 64, seed=4), Options(),
                 shelf=refused(tmp_path))  # fmt: skip
    assert "gvhd" not in out["side_effects"]["side_effect"].to_list()


def test_an_empty_marrow_is_no_relapse(played):
    """Conditioned from day 1 to 3, without a graft to day 28; at most 1e5 cells are left of 1e8."""
    out = played([("a", 28, CONDITIONING)], person(marrow_blasts=1e-3), Options(side_effects=False, follow_up_days=28))
    assert cells(out, 7)[0] < 1e7
    assert "relapse" not in out["events"]["event"].to_list()


def test_a_donors_marrow_can_be_emptied_as_well(played):
    out = played([("a", 60, [*CONDITIONING, GRAFT]), ("b", 100, CONDITIONING)], person())
    assert column(out, "donor_share", 56)[0] > 0.99
    assert column(out, "normal_marrow")[-1] < 1e-6


# --- CAR T-cells ----------------------------------------------------------------------------------

CAR_T = "tisagenlecleucel 3 Mcells/kg IV on day 1"
SICK = {"marrow_blasts": 0.5, "wbc": 10.0}


def test_after_their_peak_cells_fall_with_two_rates(played):
    who = person(**SICK)
    out = played([("a", 60, [CAR_T])], who)
    peak, fast, slow, share = (
        float(own("tisagenlecleucel", f"cells.{path}", unit, who)[0])
        for path, unit in (
            ("expansion.peak_day", "day"), ("contraction.rate", "1/day"), ("contraction.memory_rate", "1/day"),
            ("contraction.memory_share", "-"),
        )
    )  # fmt: skip
    turn = peak
    days = np.arange(math.ceil(turn) + 1, 60)
    copies = np.array([column(out, "car_t_copies", d)[0] for d in days])
    expected = (1.0 - share) * np.exp(-fast * (days - turn)) + share * np.exp(-slow * (days - turn))
    assert copies / copies[0] == pytest.approx(expected / expected[0], rel=1e-6)


@pytest.mark.parametrize("given", [[CAR_T], [*CONDITIONING, GRAFT]])
def test_what_stays_holds_leukaemia_after_treatment_as_within_it(played, tmp_path, given):
    """Twelve weeks after treatment leukaemia is followed week by week: not while cells, a donor's T cells or anything
    else that is left still kill it."""
    who, years = person(patient=1, **SICK), Options(chance=False, side_effects=False, follow_up_days=3000)
    slow = place("agents/sibling_marrow.yaml: pharmacokinetics.drivers.alloreaction.half_life")
    shelf = laid_over({slow: 14.0}, tmp_path / "slow")
    soon = played([("a", 28, given)], who, years, shelf=shelf)
    late = played([("a", 28, given), ("b", 1500, [])], who, years, shelf=shelf)
    held, known = (out["outcomes"]["relapse_day"][0] for out in (soon, late))
    assert known > 500, "nothing has stayed: nothing is asked"
    assert abs(held - known) <= 7


def course(who, out, seed=1):
    """The equations of body.immunity for one patient, integrated here as they stand: lymphocytes and normal marrow from
    the states, all else free. Returns the solution (E, M, blasts, B, cytokine, readiness, brain) by days."""
    n = immune(library(), who, seed)[0]

    def of(path, unit="-"):
        return float(own("tisagenlecleucel", f"cells.{path}", unit, who, seed)[0])

    body = library().body("leukaemia")
    death = float(individual(body["growth.death"], "1/day", who, seed=seed, purpose="leukaemia.growth.death")[0])
    birth = float(who.growth_per_day[0]) + death
    packing = body["marrow.packing"].value
    rate, peak, most = of("expansion.rate", "1/day"), of("expansion.peak_day", "day"), of("expansion.most")
    antigen_half, few = of("expansion.antigen_half"), of("lymphocytes_half", "Gcell/L")
    fast, slow, share = of("contraction.rate", "1/day"), of("contraction.memory_rate", "1/day"), of(
        "contraction.memory_share")  # fmt: skip
    kill_max, kill_half, releases = of("kill.max", "1/day"), of("kill.half"), of("releases")
    t = column(out, "day").astype(float)
    lymphocytes, room = column(out, "lymphocytes"), column(out, "normal_marrow")

    def slope(now, y, before):
        e, m, a, b, i, r, brain = y
        copies = e + m
        kill = kill_max * copies / (copies + kill_half)
        antigen = a + n["b_body"] * b
        if before:
            crowd = max(0.0, 1.0 - copies / most)
            de = rate * antigen / (antigen + antigen_half) * few / (few + np.interp(now, t, lymphocytes)) * crowd * e
            dm = 0.0
        else:
            de, dm = -fast * e, -slow * m
        killed = kill * antigen
        released = n["release"] * r * releases * killed / (killed + n["release_half"])
        di = released - n["clearance"] * (i - n["cytokine_baseline"])
        dr = -n["priming"] * r * kill / (kill + n["priming_half"]) + n["recovery"] * (1.0 - r)
        up = math.log10(max(i / n["cytokine_baseline"], 1.0))
        return [
            de, dm, (birth * max(0.0, 1.0 - (a / packing) ** 4) - death - kill) * a,
            n["b_turnover"] * (np.interp(now, t, room) - b) - kill * b,
            di, dr, n["brain_rate"] * (up * n["brain_person"] - brain),
        ]  # fmt: skip

    start = [of("expansion.initial") * 3.0, 0.0, cells(out, 0)[0] / capacity(who, seed), column(out, "b_cells", 0)[0]
             / n["b_baseline"], n["cytokine_baseline"], 1.0, 0.0]  # fmt: skip
    turn = peak
    days = [np.array(start)]
    for day in range(28):
        y, edges = days[-1], sorted({float(day), min(max(turn, float(day)), day + 1.0), day + 1.0})
        for begin, end in zip(edges, edges[1:], strict=False):
            if begin == turn:
                y = np.concatenate([[y[0] * (1.0 - share), y[1] + share * y[0]], y[2:]])
            run = solve_ivp(slope, (begin, end), y, args=(begin < turn,), rtol=1e-8, atol=1e-10, max_step=0.1)
            y = run.y[:, -1]
        days.append(y)
    return np.array(days).T


def capacity(who, seed=1):
    body = library().body("leukaemia")
    return float(individual(body["marrow.capacity"], "1", who, seed=seed, purpose="leukaemia.marrow.capacity")[0])


@pytest.mark.parametrize("number", [1, 2, 5])
def test_cells_and_cytokine_follow_their_equations(played, number):
    """The engine goes by thirds of a day (cells) and by days (cytokine); the integration here has no steps."""
    who = person(patient=number, **SICK)
    out = played([("a", 28, [CAR_T])], who)
    e, m, blasts, b, cytokine, _, _ = course(who, out)
    copies = np.array([column(out, "car_t_copies", d)[0] for d in range(29)])
    seen = np.array([column(out, "cytokine_pg_ml", d)[0] for d in range(29)])
    played_blasts = np.array([cells(out, d)[0] for d in range(29)]) / capacity(who)
    growing = slice(1, int((copies > 0.1 * copies.max()).argmax()))
    assert copies[growing] == pytest.approx((e + m)[growing], rel=0.01)
    assert copies[1:] == pytest.approx((e + m)[1:], rel=0.08)
    many = blasts > 1e-9  # below it most of what is left are cells that T cells reach badly, which are not in `course`
    assert many.sum() > 10
    assert np.log10(played_blasts)[many] == pytest.approx(np.log10(blasts)[many], abs=0.2)
    assert seen.max() == pytest.approx(cytokine.max(), rel=0.12)
    assert seen.sum() == pytest.approx(cytokine.sum(), rel=0.12)
    assert abs(int(seen.argmax()) - int(cytokine.argmax())) <= 1
    assert column(out, "b_cells", 8)[0] / column(out, "b_cells", 0)[0] == pytest.approx(b[8] / b[0], rel=0.3)


def test_cells_stop_growing_when_their_antigen_is_gone(played):
    """Antigen falls by nine tenths a day: grown on that of the morning, cells would be half as many again."""
    who = person(patient=1, **SICK)
    out = played([("a", 28, [CAR_T])], who)
    e, m, *_ = course(who, out)
    assert column(out, "car_t_copies").max() == pytest.approx((e + m).max(), rel=0.06)


def test_products_fail_and_are_ready_as_often_and_as_soon_as_the_file_says(played):
    n = 640
    who = draw("relapsed-b-all-children", n, seed=6)
    out = played(
        [
            ("a", 1, ["tisagenlecleucel 1 dose collection on day 1"]),
            ("b", 1, [], "start when: product is ready or product is failed", "recheck: every 1 days",
             "decide: ['day 1: if product is failed leave for \"failure\"']"),
        ],
        who, Options(side_effects=False, record=("events",)), seed=6, threads=2,
    )  # fmt: skip
    made = library().agent("tisagenlecleucel").cells.manufacture
    left = (out["outcomes"]["outcome"] == "left").sum()
    there = out["events"].filter((pl.col("event") == "phase start") & (pl.col("detail") == "b"))
    assert within_chance(left, there.height, made.failure.value)
    assert there["day"].median() == pytest.approx(made.days.value, abs=2)


def test_what_is_not_made_cannot_be_given(played):
    out = played([("a", 28, ["tisagenlecleucel 1 dose collection on day 1", CAR_T.replace("day 1", "day 2")])],
                 person(**SICK))  # fmt: skip
    assert column(out, "car_t_copies").max() == 0.0


def test_a_collection_has_no_side_effects_of_an_infusion(played):
    who = draw("relapsed-b-all-children", 64, seed=6)
    out = played([("a", 42, ["tisagenlecleucel 1 dose collection on day 1"])], who, Options())
    caused = {effect.on for effect in library().agent("tisagenlecleucel").effects}
    assert not caused & set(out["side_effects"]["side_effect"].to_list())


def test_cells_without_the_antigen_grow_under_its_pressure_only(played):
    """The share of the CD19-negative clone stays what it is under nothing, and becomes all under CAR T-cells or
    blinatumomab. Patients who have such a clone at the start, of those who live through both; no chance."""
    who = draw("relapsed-b-all-children", 128, seed=8)
    never = "tisagenlecleucel 3 Mcells/kg IV on day 1 if weight > 299"
    both = {name: played([("a", 28, [give])], who, seed=8) for name, give in (("nothing", never), ("cells", CAR_T))}
    live = np.intersect1d(*(column(out, "patient", 28) for out in both.values()))
    assert len(live) > 120
    shares = {}
    for name, out in both.items():
        for day in (0, 28):
            there = np.isin(column(out, "patient", day), live)
            share = 10.0 ** (column(out, "log10_cd19_negative", day) - column(out, "log10_blasts_marrow", day))
            shares[name, day] = share[there]
    has = shares["nothing", 0] > 0
    assert 4 <= has.sum() <= 40
    assert np.all(shares["cells", 28][~has] == 0.0)
    assert shares["nothing", 28][has] == pytest.approx(shares["nothing", 0][has], rel=1e-3)
    assert np.all(shares["cells", 28][has] > 1.5 * shares["nothing", 0][has])
    assert np.median(shares["cells", 28][has] / shares["nothing", 0][has]) > 1e3


def test_cells_against_cd19_find_only_b_cells_in_t_lineage(played):
    """Without antigen on the blasts the cells grow on normal B cells alone, as in a patient without leukaemia, and take
    them away."""
    few, t = (played([("a", 28, [CAR_T])], person(**more)) for more in ({}, {"lineage": "T", **SICK}))
    assert column(t, "b_cells", 28)[0] < 0.1 * column(t, "b_cells", 0)[0]
    assert column(t, "car_t_copies").max() < 1.5 * column(few, "car_t_copies").max()


# --- cytokine -------------------------------------------------------------------------------------


def test_tocilizumab_lowers_what_is_felt_and_not_what_is_there(played):
    who = draw("relapsed-b-all-children", 48, seed=9)
    block = "tocilizumab 12 mg/kg IV over 1 hour on days 1, 4, 7, 10, 13"
    plain, blocked = (played([("a", 28, gives)], who, seed=9) for gives in ([CAR_T], [CAR_T, block]))
    early = pl.col("day") <= 28
    assert_frame_equal(
        *(out["states"].filter(early).select("patient", "day", "cytokine_pg_ml") for out in (plain, blocked))
    )

    def worst(out, name):
        return out["side_effects"].filter(pl.col("side_effect") == name)["grade"].to_numpy()

    for name in ("crs", "neurotoxicity"):
        assert worst(blocked, name).sum() < 0.5 * worst(plain, name).sum()
    assert (worst(plain, "crs") >= 3).sum() >= 5


def test_a_steroid_lowers_what_is_felt(played):
    who = draw("relapsed-b-all-children", 48, seed=9)
    steroid = "dexamethasone 10 mg/m2/day IV in 2 doses on days 1-21"
    grades = []
    for gives in ([CAR_T], [CAR_T, steroid]):
        table = played([("a", 28, gives)], who, seed=9)["side_effects"]
        grades.append(table.filter(pl.col("side_effect") == "crs")["grade"].sum())
    assert grades[1] < grades[0]


def test_macrophages_tire_and_rest(played):
    """A second exposure releases little after a week and, with B cells and readiness back (0.02 a day), all of it
    after a year. Read from the first day of each (after which a state is written)."""
    give = "blinatumomab 28 ug/day IV over 24 hours on days 1-28"
    tired, rested = (
        played([("a", days, [give]), ("b", 28, [give])], person(age_y=40.0), replace(QUIET, daily_until=36))
        for days in (34, 405)
    )
    baseline = library().body("immunity")["cytokine.baseline"].value

    def released(out, day):
        """Cytokine made on the first day, for each B cell that was there."""
        states = out["states"].filter(pl.col("day").is_between(day - 7, day + 1))
        return (states["cytokine_pg_ml"].max() - baseline) / states["b_cells"].max()

    first = released(rested, 0)
    assert released(rested, 405) == pytest.approx(first, rel=0.1)
    assert released(tired, 34) < 0.5 * first


# --- antibodies, inhibitors -----------------------------------------------------------------------


def test_b_cells_are_normal_without_blinatumomab_gone_under_it_and_come_back_with_their_turnover(played):
    give = "blinatumomab 28 ug/day IV over 24 hours on days {}"
    who = person(age_y=40.0)
    off = played([("a", 98, [give.format(1) + " if weight > 299"])], who)
    on = played([("a", 98, [give.format("1-14")])], who)
    start = column(off, "b_cells", 0)[0]
    assert column(off, "b_cells") == pytest.approx(start, rel=0.01)
    assert column(on, "b_cells", 7)[0] < 0.1 * start
    turnover = library().body("immunity")["B cells.turnover"].value
    early, late = (column(on, "b_cells", d)[0] / start for d in (28, 98))
    assert 1.0 - late == pytest.approx((1.0 - early) * math.exp(-turnover * 70), rel=0.02)


PH = {"population": "ph-positive-adults", "subtype": "BCR::ABL1", "marrow_blasts": 0.9, "blood_blasts": 20.0,
      "wbc": 30.0, "anc": 1.0, "platelets": 50.0, "haemoglobin": 9.0, "growth_per_day": 0.06}  # fmt: skip
INHIBITORS = {
    "imatinib": "imatinib 600 mg/day PO on days 1-56", "dasatinib": "dasatinib 140 mg/day PO on days 1-56",
    "ponatinib": "ponatinib 45 mg/day PO on days 1-56",
}  # fmt: skip


def test_t315i_grows_under_what_does_not_inhibit_it(played):
    """The mutant falls with the rest under ponatinib; under the two others it grows while the rest falls."""
    change = {}
    for drug, give in INHIBITORS.items():
        out = played([("a", 56, [give])], one(age_y=45.0, sex="male", **PH))
        mutant, all_cells = (column(out, n, 56) - column(out, n, 28) for n in ("log10_t315i", "log10_blasts_marrow"))
        assert column(out, "log10_t315i", 0)[0] > 0, "Luria and Delbrueck: 7e-9 per division of 1e12 cells"
        assert column(out, "log10_blasts_marrow", 56)[0] < column(out, "log10_blasts_marrow", 0)[0]
        change[drug] = mutant[0], all_cells[0]
    for drug in ("imatinib", "dasatinib"):
        assert change[drug][0] > 0.3 and change[drug][0] > change[drug][1]
    assert change["ponatinib"][0] < 0.0


def test_kinase_inhibitors_do_nothing_without_the_kinase(played):
    who = person(age_y=45.0, marrow_blasts=1e-3)
    for name, give in INHIBITORS.items():
        give = give.replace("1-56", "1-28")
        never, drug = (played([("a", 28, [line])], who) for line in (give + " if weight > 299", give))
        expected = column(never, "log10_blasts_marrow", 28)
        assert column(drug, "log10_blasts_marrow", 28) == pytest.approx(expected, abs=1e-7), name


def test_resting_cells_without_the_antigen_are_spared_as_well():
    program = prepare(read_protocol("tower"), library())
    _, lanes = build(program, person(lineage="T", marrow_blasts=0.5, wbc=10.0), library(), seed=1)
    through = [a.effect.through in ("CD19", "CD22") for own_effects in program.effects for a in own_effects]
    assert np.all(lanes.effect_size[through] == 0.0)
    assert np.all(lanes.effect_rest[through] == 0.0)


def test_the_last_cells_die(played):
    """Under CAR T-cells some thousand cells are gone for good, and the patient is cured; without, they grow."""
    who = person(marrow_blasts=1e-8, growth_per_day=0.1)
    options = Options(side_effects=False)
    ends = []
    for give in (NOTHING, CAR_T):
        out = played([("a", 60, [give])], who, options)
        ends.append((column(out, "log10_blasts_marrow", 56)[0], out["outcomes"]["outcome"].item()))
    assert ends[0][0] > 4.0 and ends[0][1] == "relapse"
    assert ends[1] == (-math.inf, "cured")


# --- side effects by hazard -----------------------------------------------------------------------

ASSUMED = "read: assumed, because: test"
AGENT = """\
agent: {name}
kind: made up
plain: made up
routes: [IV]
dose_units: [mg]
pharmacokinetics:
  amount: mg
  concentration: mg/L
  clearance: {{value: 10, unit: L/day, {assumed}}}
  volume: {{value: 10, unit: L, {assumed}}}
  drivers:
    for life:
      kind: product
      half_life: {{value: 3.65e+4, unit: day, {assumed}}}
      formation: {{value: 10, unit: L/day, {assumed}}}
      unit: mg
effects:
{effects}
"""
SIDE = """\
side_effect: {name}
plain: made up
grades:
  1: {{value: 0.5, unit: "-", {assumed}}}
  2: {{value: 0.3, unit: "-", {assumed}}}
  3: {{value: 0.2, unit: "-", {assumed}}}
course: {{value: {course}, unit: day, {assumed}}}
again: false
{more}
"""
SLOPE, SHIELD = 0.002, 4.0  # 1/day/(mg/L); mg


@pytest.fixture
def shelf(tmp_path):
    """Agents `harm` (hazard of `hiccups` by its level), `shield` (halves it, for life, at 4 mg), `poison` (takes
    neutrophils down; `allergy`, which it causes at once, ends that), `sleeper` (brings `vod` at once, for 100 days, in
    place of the shipped side effect of that name: conditions know no others)."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "side_effects").mkdir()

    def line(on, driver, slope, unit, more=""):
        size = f"{{value: {slope}, unit: {unit}, {ASSUMED}}}"
        return f"  - {{on: {on}, driver: {driver}, function: linear, slope: {size}{more}}}\n"

    effects = {
        "harm": line("hiccups", "plasma", SLOPE, "1/day/(mg/L)"),
        "shield": line("hiccups", "for life", 1 / SHIELD, "1/mg", ", how: protects"),
        "poison": line("neutrophils", "plasma", 2.0, "L/mg") + line("allergy", "plasma", 1e4, "1/day/(mg/L)"),
        "sleeper": line("vod", "plasma", 1e4, "1/day/(mg/L)"),
    }
    for name, text in effects.items():
        (tmp_path / "agents" / f"{name}.yaml").write_text(
            AGENT.format(name=name, effects=text, assumed=ASSUMED), encoding="utf-8"
        )
    for name, course_, more in (
        ("hiccups", 5, ""), ("allergy", 2, "inactivates: [poison]"), ("vod", 100, "")
    ):  # fmt: skip
        (tmp_path / "side_effects" / f"{name}.yaml").write_text(
            SIDE.format(name=name, course=course_, more=more, assumed=ASSUMED), encoding="utf-8"
        )
    return Library(extra=[tmp_path])


COHORT = 1000
PLAYED = Options(record=("side_effects",))


@pytest.mark.parametrize(
    ("gives", "total"),
    [
        (["harm 1000 mg IV on day 1"], 0.2),  # 1000 mg over 10 L/day, times the slope
        (["harm 2000 mg IV on day 1"], 0.4),
        (["harm 1000 mg IV on days 1, 15, 29"], 0.6),
        (["harm 1000 mg/day IV in 2 doses on days 1, 15, 29, 43, 50"], 1.0),
        (["shield 4 mg IV on day 1", "harm 2000 mg IV on day 21"], 0.2),
        (["shield 12 mg IV on day 1", "harm 2000 mg IV on day 21"], 0.1),
    ],
)
def test_incidence_is_one_minus_the_exponential_of_the_summed_hazard(played, shelf, gives, total):
    who = draw("childhood-all", COHORT, seed=3)
    out = played([("a", 80, gives)], who, PLAYED, shelf=shelf, threads=2)
    table = out["side_effects"].filter(pl.col("side_effect") == "hiccups")
    assert table["patient"].n_unique() == table.height, "it comes once"
    assert within_chance(table.height, COHORT, 1.0 - math.exp(-total))


def test_grades_come_as_often_as_their_file_says_and_last_as_long(played, shelf):
    who = draw("childhood-all", COHORT, seed=3)
    out = played([("a", 60, ["harm 100000 mg IV on day 1"])], who, PLAYED, shelf=shelf, threads=2)
    table = out["side_effects"].filter(pl.col("side_effect") == "hiccups")
    gone = out["outcomes"].filter((pl.col("outcome_day") == 0) & (pl.col("death_cause") == "infection"))
    assert table.height == COHORT - gone.height and gone.height < 3, "all but who died the same day of an infection"
    for grade, share in ((1, 0.5), (2, 0.3), (3, 0.2)):
        assert within_chance((table["grade"] == grade).sum(), table.height, share)
    ended = table.join(out["outcomes"].select("patient", "outcome_day"), on="patient")
    whole = ended.filter(pl.col("outcome_day") > pl.col("day") + 5)
    assert (whole["to_day"] - whole["day"] + 1).unique().to_list() == [5]


def test_an_allergy_ends_what_the_drug_does(played, shelf):
    """With side effects the drug is gone from the first dose on; without them counts are down for as long as it is
    given."""
    who, gives = person(), ["poison 20 mg IV on days 1-40"]
    with_allergy = played([("a", 42, gives)], who, Options(chance=True), shelf=shelf)
    without = played([("a", 42, gives)], who, Options(side_effects=False), shelf=shelf)
    allergy = with_allergy["side_effects"].filter(pl.col("side_effect") == "allergy")
    assert allergy["day"].to_list() == [0]
    assert column(without, "anc", 42)[0] < 0.3
    assert column(with_allergy, "anc", 42)[0] > 2.0


def test_a_grade_can_be_asked_for(played, shelf):
    more = "decide: ['day 14: if vod >= 1 go to c']", "next: b"
    out = played([("a", 14, ["sleeper 10 mg IV on day 7"], *more), ("b", 7, []), ("c", 7, [])], person(),
                 Options(), shelf=shelf)  # fmt: skip
    begun = out["events"].filter(pl.col("event") == "phase start")["detail"].to_list()
    assert begun == ["a", "c"]


def test_a_side_effect_ends_after_its_time_also_after_treatment(played, shelf):
    out = played([("a", 7, ["sleeper 10 mg IV on day 1"])], person(), Options(), shelf=shelf)
    row = out["side_effects"].filter(pl.col("side_effect") == "vod").row(0, named=True)
    assert (row["day"], row["to_day"]) == (0, 99)


# --- relapse and the end --------------------------------------------------------------------------

BACK = {"marrow_blasts": 0.02, "growth_per_day": 0.15, "blood_blasts": 0.0}  # in remission, 25 % within a month


def test_a_relapse_goes_to_its_phase(played):
    phases = [
        ("a", 120, ["vincristine 0.01 mg IV on day 110"], "next: end"),
        ("c", 20, ["vincristine 0.02 mg IV on day 2"]),
    ]
    out = played(phases, person(**BACK), head="on relapse: go to c\n")
    day = out["events"].filter(pl.col("event") == "relapse")["day"].to_list()[0]
    assert 7 <= day <= 60
    starts = out["events"].filter(pl.col("event") == "phase start").select("day", "detail").rows()
    assert starts[:2] == [(0, "a"), (day + 1, "c")]
    assert out["doses"]["from_day"].to_list()[0] == day + 2
    assert out["outcomes"]["relapse_day"].item() == day
    end = played(phases[:1], person(**BACK))
    row = end["outcomes"].row(0, named=True)
    assert (row["outcome"], row["outcome_day"], row["relapse_day"]) == ("relapse", day, day)
    assert end["doses"].height == 0 and end["measurements"]["day"].max() <= day


def test_a_late_relapse_goes_to_its_phase_too(played):
    phases = [
        ("a", 7, ["vincristine 0.01 mg IV on day 1"], "next: end"),
        ("c", 20, ["vincristine 0.02 mg IV on day 2"]),
    ]
    out = played(phases, person(**(BACK | {"growth_per_day": 0.015})), head="on relapse: go to c\n")
    relapse = out["outcomes"]["relapse_day"].item()
    assert relapse > 91
    assert out["events"].filter(pl.col("event") == "phase start")["detail"].to_list() == ["a", "c"]


def test_a_phase_begins_when_the_rounds_of_another_are_over(played):
    dose = ["vincristine 0.01 mg IV on day 1"]
    out = played([("a", 7, dose, "repeat: 3 times"), ("b", 7, dose)], person())
    assert out["doses"]["from_day"].to_list() == [0, 7, 14, 21]
    assert out["outcomes"]["delay_days"].item() == 0


def test_who_comes_with_a_relapse_has_had_one(played):
    more = "decide: ['day 1: if relapses >= 1 go to c']", "next: b"
    out = played([("a", 1, [NOTHING], *more), ("b", 7, []), ("c", 7, [])], person(relapsed=True))
    assert out["events"].filter(pl.col("event") == "phase start")["detail"].to_list() == ["a", "c"]


def test_a_marrow_full_of_leukaemia_is_no_remission(played):
    out = played([("a", 7, ["vincristine 0.01 mg IV on day 1"])], person(marrow_blasts=0.8, wbc=20.0))
    assert out["outcomes"]["outcome"].item() not in ("in remission", "cured")


@pytest.fixture(scope="module")
def pathway():
    program, who = prepare(read_protocol("relapse-pathway"), library()), draw("first-relapse-children", 128, seed=11)
    return play(program, who, seed=11, threads=2)


def test_death_is_told_once_and_is_the_end(pathway):
    events, outcomes = pathway["events"], pathway["outcomes"]
    died = outcomes.filter(pl.col("outcome") == "death").select("patient", died="outcome_day", cause="death_cause")
    told = events.filter(pl.col("event") == "death").select("patient", died="day", cause="detail")
    assert died.height > 10
    assert_frame_equal(died, told.sort("patient"), check_dtypes=False)
    later = {"states": 1}  # a state is that of the evening, counted to the next morning
    for name, day in (("events", "day"), ("measurements", "day"), ("mrd", "day"), ("doses", "to_day"),
                      ("side_effects", "to_day"), ("states", "day")):  # fmt: skip
        rows = pathway[name].join(died, on="patient").filter(pl.col(day) > pl.col("died") + later.get(name, 0))
        assert rows.height == 0, name


def test_no_table_of_the_pathway_has_a_number_that_is_none(pathway):
    for name in ("states", "measurements", "doses", "mrd"):
        for column_ in pathway[name].select(pl.selectors.float()).columns:
            assert not pathway[name][column_].is_nan().any(), (name, column_)
    states = pathway["states"].select(pl.selectors.float()).drop(pl.selectors.starts_with("log10"))
    assert states.select(pl.all().min()).row(0) >= (0.0,) * states.width
    for share in ("donor_share", "marrow_blast_fraction"):
        assert states[share].max() <= 1.0


def test_side_effects_of_one_kind_do_not_overlap(pathway):
    table = pathway["side_effects"].sort("patient", "side_effect", "day")
    assert (table["to_day"] >= table["day"]).all()
    again = table.with_columns(before=pl.col("to_day").shift(1).over("patient", "side_effect"))
    assert again.filter(pl.col("before") >= pl.col("day")).height == 0


def test_one_patient_goes_through_all_of_it(pathway):
    """Blinatumomab or CAR T-cells, then a transplant: and the day of an infusion is the day of its first copies."""
    outcomes = pathway["outcomes"]
    assert outcomes.filter(pl.col("infusion_day").is_not_null() & pl.col("transplant_day").is_not_null()).height > 0
    first = (
        pathway["states"].filter(pl.col("car_t_copies") > 0).group_by("patient").agg(pl.col("day").min())
        .join(outcomes.select("patient", "infusion_day"), on="patient")
    )  # fmt: skip
    assert first.height > 10
    assert (first["day"] - first["infusion_day"]).is_between(1, 7).all()


@pytest.mark.parametrize("h", [0.05, 1.0 / 3.0])
def test_logarithmic_mean_is_the_mean_of_an_exponential(h):
    a, k = 7.0, 1.3
    mean = a * (1.0 - math.exp(-k * h)) / (k * h)
    assert core.equations.log_mean(a, a * math.exp(-k * h)) == pytest.approx(mean, rel=1e-9)
    assert core.equations.log_mean(a, a * (1 - 1e-8)) == pytest.approx(a, rel=1e-7)
    assert core.equations.log_mean(0.0, 0.0) == 0.0
