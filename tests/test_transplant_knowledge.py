"""Irradiation, conditioning, grafts, their side effects: do the files give the numbers they were made for?"""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from test_knowledge_kinetics import Typical, typical

from remission.engine import layout
from remission.engine.eligible import eligible
from remission.engine.program import prepare
from remission.engine.side_effects import AGAIN, SIDE_NUMBERS, side_numbers
from remission.knowledge.agent import Agent, Radiosensitivity
from remission.knowledge.care import Care
from remission.knowledge.library import library
from remission.patient.cohort import Cohort
from remission.patient.population import draw
from remission.patient.recipe import population
from remission.protocol.reader import read_protocol
from remission.trial.run import simulate

CHILD = {"weight_kg": 20.0, "bsa_m2": 0.8, "age_y": 6.0, "sex": "male"}
GRAFTS = {
    # dose in Mcells CD34+/kg, published day of neutrophils 0.5, share with acute disease of any grade, with chronic
    "sibling_marrow": (4.0, 19, 0.385, 0.12),
    "sibling_blood": (6.0, 14, 0.49, 0.30),
    "unrelated_marrow": (4.0, 20, 0.54, 0.17),
    "unrelated_blood": (6.0, 14, 0.54, 0.30),
    "haploidentical_blood": (10.0, 14, 0.25, 0.05),
    "cord_blood": (0.25, 24, 0.60, 0.208),
}


# --- irradiation: the linear-quadratic model

SCALE = 1.6  # of sensitivity in patients to that of the colony assay


def decades(cells: Radiosensitivity, repair_h: float, days: int, gray: float, fractions: int = 1) -> float:
    """log10 of the cells killed by ``gray`` a day in ``fractions`` 6 hours apart, whole repair overnight."""
    theta = 0.5 ** (6.0 / repair_h)
    left = sum((fractions - k) * theta**k for k in range(1, fractions)) * 2.0 / fractions
    alpha, ratio = cells.alpha.value, cells.alpha_beta.value
    return days * (alpha * gray + alpha / ratio * gray**2 / fractions * (1.0 + left)) / math.log(10.0)


@pytest.mark.parametrize(
    ("name", "days", "gray", "fractions", "expect"),
    [
        ("total_body_irradiation", 1, 2.0, 1, 0.36),
        ("total_body_irradiation", 3, 4.0, 2, 2.2),  # 12 Gy in 6
        ("cranial_irradiation", 10, 1.8, 1, 3.1),
        ("craniospinal_irradiation", 10, 1.8, 1, 3.1),
        ("testicular_irradiation", 12, 2.0, 1, 4.3),
    ],
)
def test_irradiation_kills_what_the_measured_survival_predicts(name, days, gray, fractions, expect) -> None:
    """Decades by the colony assay, computed apart, times the scale."""
    beam = library().agent(name).radiation
    killed = decades(beam.blasts, beam.repair_half_life.value, days, gray, fractions)
    assert killed / SCALE == pytest.approx(expect, abs=0.1)


def surviving_2_gy(lineage: str) -> np.ndarray:
    """Of 200,000 children: the share of their blasts."""
    blasts = library().agent("total_body_irradiation").radiation.blasts
    omega = math.sqrt(math.log1p(blasts.alpha.iiv_cv**2))
    alpha = blasts.alpha.value / SCALE * np.exp(omega * np.random.default_rng(1).standard_normal(200_000))
    per_alpha = 2.0 + 4.0 / blasts.alpha_beta.value
    return np.exp(-alpha * per_alpha * blasts.alpha.covariates[0].map[lineage])


def test_survival_after_2_gy_spreads_as_in_the_colony_assay() -> None:
    """Published: median 0.43, mean 0.47, SD 0.27 in B lineage; 43 of 100 children at 0.5 or more."""
    survival = surviving_2_gy("B")
    assert np.median(survival) == pytest.approx(0.43, abs=0.01)
    assert survival.mean() == pytest.approx(0.47, abs=0.06) and survival.std() == pytest.approx(0.265, abs=0.05)
    assert (survival >= 0.5).mean() == pytest.approx(0.43, abs=0.05)


@pytest.mark.xfail(reason="20 %: what radiation does to T lineage was fitted again on 1 December 2026", strict=True)
def test_more_survives_2_gy_of_the_b_than_of_the_t_lineage_as_in_the_colony_assay() -> None:
    """Published: at 0.5 or more 27 of 100 children with T lineage."""
    assert (surviving_2_gy("T") >= 0.5).mean() == pytest.approx(0.27, abs=0.05)


# --- conditioning


def taken(name: str, dose: str, doses: int, on: str, who: dict = CHILD) -> float:
    """Natural logs that a linear effect takes in all, every dose alike."""
    agent = library().agent(name)
    effect = next(e for e in agent.effects if e.on == on)
    driver = "" if effect.driver == "plasma" else f"{effect.driver}."
    return doses * effect.slope.value * Typical(agent, who, dose).look(f"{driver}AUC0-inf") / 24.0


def busulfan_course(who: dict, mg_per_kg: float) -> float:
    """mg*h/L of four daily infusions of 3 hours in a typical child, with the clearance that falls (Euler, 0.01 h)."""
    pk = library().agent("busulfan").pharmacokinetics
    late, v = typical(pk.clearance, "L/h", who), typical(pk.volume, "L", who)
    extra, fall = typical(pk.clearance_change.extra, "L/h", who), pk.clearance_change.rate.to_unit("1/h")
    q, v2 = (typical(getattr(pk.peripheral[0], n), u, who) for n, u in (("clearance", "L/h"), ("volume", "L")))
    a = b = area = 0.0
    h = 0.01
    for i in range(int(144 / h)):
        t = i * h
        rate = mg_per_kg * who["weight_kg"] / 3.0 if t < 96 and t % 24 < 3 else 0.0
        exchange = q * (a / v - b / v2)
        a, b = a + h * (rate - (late + extra * math.exp(-fall * t)) * a / v - exchange), b + h * exchange
        area += h * a / v
    return area


@pytest.mark.parametrize(
    ("kg", "age", "mg_per_kg"),
    [(13.0, 2.5, 6.5), (19.5, 5.5, 5.9), (28.0, 9.0, 5.2), (45.0, 14.0, 4.4), (60.0, 17.0, 4.4)],
)
def test_busulfan_by_weight_meets_its_target(kg: float, age: float, mg_per_kg: float) -> None:
    assert 76.0 <= busulfan_course({"weight_kg": kg, "bsa_m2": 1.0, "age_y": age}, mg_per_kg) <= 101.0


def test_busulfan_of_the_source_course() -> None:
    """4.4 mg/kg on four days in a boy of 4.2 years and 17 kg: 64 mg*h/L by the published equations (lawson2022)."""
    assert busulfan_course({"weight_kg": 17.0, "bsa_m2": 0.7, "age_y": 4.2}, 4.4) == pytest.approx(64.0, rel=0.02)


def left(course: str) -> float:
    """Share of the patient's own marrow that a whole or half course leaves."""
    share = 1.0 if course.startswith("whole") else 0.5
    if "irradiation" in course:
        beam = library().agent("total_body_irradiation").radiation
        logs = math.log(10) * decades(beam.stem_cells, beam.repair_half_life.value, 3, 4.0, 2) * share
        return math.exp(-logs - taken("etoposide", "60 mg/kg IV over 4 h", 1, "stem cells") * share)
    logs = taken("thiotepa", "5 mg/kg IV", 2, "stem cells")
    if "treosulfan" in course:
        logs += taken("treosulfan", "14000 mg/m2 IV over 2 h", 3, "stem cells")
    else:
        slope = next(e for e in library().agent("busulfan").effects if e.on == "stem cells").slope.value
        logs += slope * busulfan_course(CHILD, 5.9) / 24.0
    return math.exp(-logs * share)


@pytest.mark.parametrize("regimen", ["irradiation", "treosulfan", "busulfan"])
def test_conditioning_empties_the_marrow_and_half_of_it_does_not(regimen: str) -> None:
    assert left(f"whole {regimen}") < 3e-5
    assert left(f"half {regimen}") > 1e-3


def logs_of_drugs(busulfan: bool) -> float:
    """Natural logs that conditioning without irradiation kills in the typical child."""
    logs = taken("thiotepa", "5 mg/kg IV", 2, "blasts")
    logs += next(e for e in library().agent("fludarabine").effects if e.on == "blasts").slope.value * FLUDARABINE
    if not busulfan:
        return logs + taken("treosulfan", "14000 mg/m2 IV over 2 h", 3, "blasts")
    slope = next(e for e in library().agent("busulfan").effects if e.on == "blasts").slope.value
    return logs + slope * busulfan_course(CHILD, 5.9) / 24.0


FLUDARABINE = 5 * 16.2 / 24.0  # umol/L*day of five doses of 30 mg/m2 (its check)


def test_treosulfan_and_busulfan_kill_alike() -> None:
    assert logs_of_drugs(busulfan=True) == pytest.approx(logs_of_drugs(busulfan=False), rel=0.1)


def etoposide_kill(mg: float, hours: float = 4.0) -> float:
    """Natural logs of blasts that one infusion kills in the typical child of 0.8 m2."""
    agent = library().agent("etoposide")
    kill = next(e for e in agent.effects if e.on == "blasts")
    model = Typical(agent, CHILD, f"{mg:g} mg IV over {hours:g} h")
    t = np.linspace(0.0, 300.0, 1501)
    c = np.array([model.output(model.state(x), "plasma") for x in t])
    return float(np.trapezoid(kill.max.value * c / (kill.half.value + c), t)) / 24.0


def test_etoposide_kills_per_small_dose_what_it_was_made_for_and_little_more_in_one_large_dose() -> None:
    assert etoposide_kill(80.0, 1.0) == pytest.approx(0.4, rel=0.05)
    assert etoposide_kill(1200.0) == pytest.approx(1.5, rel=0.05)


# --- grafts


def day_of_neutrophils(seeded: float) -> float:
    """Day after the graft on which neutrophils reach 0.5: the marrow regrows from what was seeded, the chain of
    Friberg 2002 follows it; seven days of conditioning before, with proliferation standing still (Euler, 0.01 d)."""
    body = library().body("marrow")
    rho = body["normal_marrow.regrowth"].to_unit("1/day")
    c0 = body["neutrophils.baseline"].value
    k = 4.0 / body["neutrophils.mean_transit_time"].to_unit("day")
    gamma = body["neutrophils.feedback"].value
    n, chain, h = 1.0, [c0] * 5, 0.01
    for i in range(round(60 / h)):
        t = -7.0 + i * h
        if i == round(7 / h):
            n += seeded
        conditioned = t < -1.0
        p, a, b, d, c = chain
        feedback = min((n * c0 / max(c, 1e-6)) ** gamma, 5.0)
        made = 0.0 if conditioned else feedback
        slopes = (p * (made - 1.0), p - a, a - b, b - d, d - c)
        chain = [max(x + h * k * dx, 1e-6) for x, dx in zip(chain, slopes, strict=True)]
        n += h * (rho * n * (1.0 - n) - (math.log(1e5) / 6.0 * n if conditioned else 0.0))
        if t > 0.0 and chain[4] >= 0.5:
            return t
    return math.inf


@pytest.mark.parametrize("name", GRAFTS)
def test_neutrophils_come_back_on_the_published_day(name: str) -> None:
    dose, day, _, _ = GRAFTS[name]
    graft = library().agent(name).graft
    assert day_of_neutrophils(graft.seeded.value * dose) == pytest.approx(day, abs=0.7)


def rate(graft: Agent, on: str, dose: float, t: np.ndarray, antagonised: bool = True) -> np.ndarray:
    """Hazard or kill per day by days after the graft, with the antagonist's typical levels."""
    effect = next(e for e in graft.effects if e.on == on)
    driver = graft.pharmacokinetics.drivers[effect.driver]
    k, loss = (math.log(2) / d for d in (9.5, driver.half_life.to_unit("day")))
    shape = t * np.exp(-k * t) if abs(loss - k) < 1e-9 else (np.exp(-k * t) - np.exp(-loss * t)) / (loss - k)
    against = next((a for a in graft.antagonists if on in a.on), None) if antagonised else None
    adult = graft.graft.collected_from == "blood"
    level = levels(against.agent, t, graft.graft.donor, adult) if against else 0.0 * t
    divided = 1.0 + level / (against.half.value if against else 1.0)
    return effect.slope.value * dose * driver.formation.to_unit("1/day") * shape / divided


def passed(graft: Agent, on: str, dose: float, antagonised: bool = True) -> float:
    """The same over two years."""
    return float(rate(graft, on, dose, np.arange(0.0, 730.0, 0.1), antagonised).sum() * 0.1)


def levels(agent: str, t: np.ndarray, donor: str, adult: bool) -> np.ndarray:
    """Mean ciclosporin in ug/L under 4 mg/kg a day IV, then 6 by mouth (adults, to whom blood is given: 3, 6 and 10,
    from five weeks on 6), or antibody in mg/L after 7.5 mg/kg."""
    pk = library().agent(agent).pharmacokinetics
    if agent == "antithymocyte_globulin":
        return 7.5 / pk.volume.value * 0.5 ** ((t + 1.6) / 6.0)
    who = {**CHILD, "weight_kg": 70.0, "bsa_m2": 1.8, "age_y": 35.0} if adult else CHILD
    litres = typical(pk.clearance, "L/h", who) * 24.0
    vein, mouth = (np.where(t < 7, 3.0, 6.0), np.where(t < 36, 10.0, 6.0)) if adult else (4.0, 6.0)
    mean = (
        np.where(t < 21, vein, mouth * pk.absorption["PO"].bioavailability.value) * who["weight_kg"] / litres * 1000.0
    )
    stop, gone = (60, 100) if donor == "sibling" and not adult else (112, 180)
    return mean * np.clip((gone - t) / (gone - stop), 0.0, 1.0)


@pytest.mark.parametrize("name", GRAFTS)
def test_graft_versus_host_disease_and_leukaemia_come_as_often_as_read(name: str) -> None:
    graft = library().agent(name)
    dose, _, acute, chronic = GRAFTS[name]
    assert 1.0 - math.exp(-passed(graft, "gvhd", dose)) == pytest.approx(acute, abs=0.03)
    assert 1.0 - math.exp(-passed(graft, "chronic_gvhd", dose)) == pytest.approx(chronic, abs=0.03)
    kill, as_sibling = (
        passed(library().agent(g), "blasts", GRAFTS[g][0])
        for g in (
            name,
            "sibling_blood" if name in ("sibling_blood", "unrelated_blood") else "sibling_marrow",
        )  # adults by adults
    )
    # a stranger's cells with what is given against more disease of the graft: as many relapses (Ringden 2009)
    assert kill / as_sibling == pytest.approx(0.865 if "unrelated" in name else 1.0, abs=0.05)


TOO_LITTLE = pytest.mark.xfail(
    strict=True, reason="3.6 decades since adults' ciclosporin goes by measured levels: docs/credibility.md"
)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=TOO_LITTLE if name == "unrelated_blood" else ()) for name in GRAFTS],
)
def test_a_grafts_cells_kill_four_to_eleven_decades(name: str) -> None:
    assert 4.0 < passed(library().agent(name), "blasts", GRAFTS[name][0]) / math.log(10) < 11.0


def test_without_protection_acute_disease_is_the_rule() -> None:
    for name, least in (("sibling_marrow", 0.7), ("unrelated_marrow", 0.7)):
        graft = library().agent(name)
        assert 1.0 - math.exp(-passed(graft, "gvhd", GRAFTS[name][0], antagonised=False)) > least


# --- side effects


def test_severe_and_fatal_shares() -> None:
    gvhd = library().side_effect("gvhd").grades
    severe = sum(gvhd[g].value for g in (3, 4, 5)) / sum(gvhd[g].value for g in (2, 3, 4, 5))
    assert severe == pytest.approx(0.3, abs=0.03)  # 6 of 35 and 18 of 44 children (bertaina2018)
    fatal = library().side_effect("vod").grades[5].value
    assert fatal * 0.20 == pytest.approx(1 / 180, abs=0.004) and fatal * 0.05 < 0.01  # kalwak2025


def test_busulfan_hurts_the_liver_of_a_fifth() -> None:
    """Hazard of the effect compartment with the factor of the file from the graft on day 8 on (Euler, 0.01 d)."""
    effect = next(e for e in library().agent("busulfan").effects if e.on == "vod")
    after = library().side_effect("vod").after_transplant
    k, h, x, hazard = math.log(2) / 12.0, 0.01, 0.0, 0.0
    for i in range(round(150 / h)):
        t = i * h
        c = 90.0 / 24.0 if t < 4.0 and t % 1.0 < 0.25 else 0.0
        x += h * k * (c - x)
        hazard += h * effect.slope.value * x * (after.factor.value if 8.0 <= t < 8.0 + after.days.value else 1.0)
    assert 1.0 - math.exp(-hazard) == pytest.approx(0.20, abs=0.02)


@pytest.mark.parametrize("name", ["gvhd", "chronic_gvhd", "vod"])
def test_side_effects_speak_to_a_family(name: str) -> None:
    effect = library().side_effect(name)
    for words in (effect.plain, effect.watch, effect.care):
        assert words and len(words.split()) > 15


def test_grades_after_a_transplant_are_their_own_and_else_the_usual_ones() -> None:
    """Who is infertile after a transplant has no sperm or eggs left; after cyclophosphamide alone half have none."""
    played = simulate("forum-tbi", patients=80, seed=5, follow_up_years=3, record=("outcomes", "side_effects"))
    had = played.frames["side_effects"].filter(pl.col("side_effect") == "infertility").collect()
    assert had.height > 30 and (had["grade"] == 3).mean() > 0.85
    infertility, vod = (library().side_effect(name) for name in ("infertility", "vod"))
    grades = layout._grades(SimpleNamespace(side_effects=(infertility, vod)))  # type: ignore[arg-type]
    assert infertility.after_transplant and grades[1, 1] == infertility.after_transplant.grades[2].value
    assert grades[0, 1] == infertility.grades[2].value and (grades[2] == grades[3]).all()


def at_entry(protocol: str, population: str, n: int, seed: int) -> Cohort:
    """The patients that are played."""
    condition = read_protocol(protocol).eligible
    return draw(population, n, seed=seed, accept=lambda patients: eligible(condition, patients))


def test_who_had_relapsed_dies_of_a_graft_as_much_more_often_as_published() -> None:
    """Hazards of one unit of the score (mebmt2010), of who entered with a relapse and of nobody else."""
    program = prepare(read_protocol("transplant-adults-tbi"), library())
    i = next(i for i, effect in enumerate(program.side_effects) if effect.side_effect == "infection_after_transplant")
    people = draw("transplant-adults", 4, seed=3)
    rows = side_numbers(program, people, seed=3).reshape(len(program.side_effects), SIDE_NUMBERS, 4)[:, AGAIN]
    assert (rows[i] == 1.36).all() and (np.delete(rows, i, axis=0) == 1.0).all()
    people = at_entry("transplant-adults-tbi", "transplant-adults", 2500, 7)
    played = simulate(
        "transplant-adults-tbi", population="transplant-adults", patients=2500, seed=7, follow_up_years=1,
        record=("outcomes", "side_effects"),
    )  # fmt: skip
    had = played.frames["side_effects"].filter(pl.col("side_effect") == "infection_after_transplant").collect()
    begun = np.isin(people.patient, had["patient"].to_numpy())
    again, first = (-np.log1p(-begun[people.relapsed == k].mean()) for k in (1, 0))
    assert again / first == pytest.approx(1.36, abs=0.25)


def test_what_is_left_of_a_relapse_grows_as_a_relapse_in_the_course_does() -> None:
    """Of the same patients, in a later remission over a first one."""
    loss = library().body("leukaemia")["loss.growth"]
    for name, age, within in (("transplant-children", 8.0, 1e-9), ("transplant-adults", 30.0, 0.15)):
        factor = population(name).growth_factor.value
        relapse = loss.value * math.prod(c.factor for c in loss.covariates if age > c.above)
        assert factor == pytest.approx(relapse, rel=within), name
        people = draw(name, 2000, seed=3)
        again, first = (np.median(people.growth_per_day[people.relapsed == k]) for k in (1, 0))
        assert again / first == pytest.approx(factor, rel=0.12)


def test_who_has_acute_disease_of_the_graft_relapses_less_often_as_published() -> None:
    """Hazard ratios of 0.49 to 0.69 by grade and age (yeshurun2019, abstract), here of relapse after day 100."""
    for protocol, people in (
        ("forum-tbi", "transplant-children-second-remission"),
        ("transplant-adults-tbi", "transplant-adults"),
    ):
        n, day = 1200, 100
        frames = simulate(
            protocol, population=people, patients=n, seed=19, follow_up_years=3, record=("outcomes", "side_effects")
        ).frames  # fmt: skip
        played, had = frames["outcomes"].collect(), frames["side_effects"].filter(pl.col("side_effect") == "gvhd")
        by_then = had.filter((pl.col("grade") >= 2) & (pl.col("day") <= day)).collect()["patient"].to_numpy()
        ill = np.isin(played["patient"].to_numpy(), by_then)
        back = played["relapse_day"].is_not_null().to_numpy()
        well = played.select(pl.min_horizontal("relapse_day", "outcome_day") > day).to_series().to_numpy()
        with_it, without = (-np.log1p(-back[well & group].mean()) for group in (ill, ~ill))
        assert 0.35 < with_it / without < 0.8, people


def test_adults_in_first_remission_live_as_long_after_a_transplant_as_in_europe() -> None:
    """Two years after sibling and unrelated grafts of 2008-2012, by age (giebel2017, abstract)."""
    played = simulate(
        "transplant-adults-tbi", population="transplant-adults-ph-negative", patients=1500, seed=11, follow_up_years=3,
        record=("outcomes",), care=Care(years=(2008, 2012)),
    ).frames["outcomes"].collect()  # fmt: skip
    dead = (pl.col("outcome") == "death") & (pl.col("outcome_day") <= 2 * 365.25 + 12)
    alive = [
        100 * (1 - played.filter(pl.col("age_y").is_between(low, high, closed="left")).select(dead.mean()).item())
        for low, high in ((18, 26), (46, 56))
    ]
    assert alive[0] == pytest.approx((76 + 66) / 2, abs=8) and alive[1] == pytest.approx((60 + 62) / 2, abs=8), alive
    assert alive[0] - alive[1] > 5  # older ones die of it more often


def test_residual_leukaemia_before_a_transplant_tells_of_children_as_much_as_published() -> None:
    """Relapse at three years in 33 of 100 with 0.01 % or more and 20 without (balduzzi2025): odds twice as high."""
    rates = []
    for protocol in ("forum-tbi", "forum-chemo"):
        people = at_entry(protocol, "transplant-children", 1500, 13)
        played = simulate(protocol, patients=1500, seed=13, follow_up_years=3, record=("outcomes",))
        back = played.frames["outcomes"].collect()["relapse_day"].is_not_null().to_numpy()
        more = people.marrow_blasts >= 1e-4
        assert more.mean() == pytest.approx(0.21, abs=0.03)
        rates.append((back[~more].mean(), back[more].mean()))
    without, with_it = np.array(rates).T @ [0.6, 0.4]  # so that as many relapse as there
    odds = with_it / (1 - with_it) / (without / (1 - without))
    assert 1.3 < odds < 3.0, rates
