"""The numbers of a block of patients, side by side: one column (lane) per patient.

Everything the kernel needs to know of people and drugs is drawn here from the knowledge files,
patient by patient and purpose by purpose, so that it does not depend on the block.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from remission.body.kinetics import LANES
from remission.body.leukaemia import FEW, LEAST_GROWTH, preexisting
from remission.body.marrow import ABSENT, LIFE_SPAN, POWER, SATURATING
from remission.body.mortality import age_at_death
from remission.body.person import individual
from remission.body.pharmacokinetics import LUMBAR, Kinetics, kinetics
from remission.body.second_cancer import second_cancer
from remission.body.weeks import colds
from remission.compiled import core
from remission.knowledge.agent import KILLED, RATES, TARGETS, Agent, Effect
from remission.knowledge.body_file import Body
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library
from remission.knowledge.quantity import Quantity
from remission.patient import chance
from remission.patient.cohort import LINEAGE, SHARED, Cohort, Floats, answer, sensitivity_to
from remission.patient.growth import sizes
from remission.protocol.vocabulary import VALUES

from .acting import TOLERANT
from .layout import LINES, Layout, layout, routes, standard_child
from .living import IMMUNE_NUMBERS, immune, numbers_of_acts
from .program import MEASURED, Program
from .side_effects import side_numbers

NEVER_DAYS = 1e6
PERSON = np.dtype(core.records["Person"])  # blood_ratio: blood blasts in 1e9/L per marrow cell


class Lanes(NamedTuple):
    """Per-patient numbers, arrays whose last axis is the patient."""

    person: Any  # (N,) of PERSON, for the scalar parts
    a: Any  # (sum n^2, N)
    g: Any  # (sum outputs * n, N)
    state_scale: Any  # (states, N): amounts below 1e-7 of it count as gone
    bioavailability: Any  # (forms, N)
    product_formation: Any
    product_half: Any
    product_loss: Any
    vmax: Any  # (agents, N)
    km: Any
    clearance_extra: Any  # (agents, N), amount/day per concentration
    clearance_fading: Any
    effect_a: Any  # (effects, N): the factor of an effect's shape
    effect_b: Any
    effect_c: Any
    effect_d: Any
    effect_e: Any
    effect_size: Any  # the factor with the blasts' sensitivity
    effect_rest: Any  # and for resting blasts
    effect_relapse: Any  # times both from the first relapse in the course on
    resting: Any  # share of the kill that resting blasts feel, with their sensitivity
    antagonist_half: Any
    seen: Any  # (variables, N), the personal part filled
    # blood, by line in the order of layout.LINES
    line_base: Any  # (4, N) counts without leukaemia and drugs
    line_transit: Any  # rate of the proliferating pool and the transits, 1/day
    line_gain: Any  # into the last compartment, 1/day; renewal of red precursors
    line_loss: Any
    line_feedback: Any  # gamma, or the count of half feedback, or the exponent of erythropoietin
    line_growth: Any  # 1/day, of the saturating kind; gamma of red precursors
    production: Any  # red cells, g/dL/day
    rho: Any
    omega: Any
    presenting: Any  # (4, N): at diagnosis, by line
    # leukaemia
    capacity: Any
    cells: Any  # (clones, 2, N) at diagnosis
    cns_cells: Any
    cns_birth: Any
    birth: Any  # (clones, N)
    death: Any
    to_rest: Any
    faster_again: Any  # (clones, N): times birth from the first relapse in the course on
    rests_again: Any  # (N,): times that from the first relapse in the course on
    wake: Any
    normal: Any  # normal marrow / capacity at diagnosis
    mutation: Any  # (clones, N): mutants of the main clone per birth
    felt: Any  # (clones, N): times what a clone feels of the kills that it feels less
    seeding: Any  # (N,) 1/day: cells that come to the CNS for each in the marrow
    # the immune system, grafts, radiation, cells (living.py); side effects (side_effects.py)
    released: Any  # (effects, N): cytokine set free by what an effect kills
    antigen: Any  # (N,) 1: the leukaemia has CD19
    acts: Any  # (acts * ACT_NUMBERS, N)
    immune: Any  # (N,) of IMMUNE_NUMBERS
    side: Any  # (side effects * SIDE_NUMBERS, N)
    size: Any  # (2 * SIZES, N): body surface (m2), then weight (kg), every SIZE_DAYS from entry on


def _effect_parameters(agent: Agent, effect: Effect, k: Kinetics, cohort: Cohort, seed: int, path: str) -> list[Floats]:
    """The function's numbers in output units: linear [slope], emax [max, half], asparagine [max, half, baseline..]."""
    unit = k.units_of_outputs[effect.driver]
    size = "1/day" if effect.on in RATES or (effect.on not in TARGETS and effect.how == "causes") else "-"

    def draw(q: Quantity | None, unit: str, name: str) -> Floats:
        if q is None:
            raise BadInput(f"{agent.agent}: the effect on {effect.on} lacks `{name}`")
        return individual(q, unit, cohort, seed=seed, purpose=f"{agent.agent}.{path}.{name}")

    zero = np.zeros(len(cohort))
    if effect.function == "linear":
        per = "dimensionless" if unit == "-" else unit
        return [draw(effect.slope, f"{'1' if size == '-' else size}/({per})", "slope"), zero, zero, zero, zero]
    if effect.function == "emax":
        most = draw(effect.max, size, "max")
        if effect.on in (
            "cytokine",
            "fever",
        ):  # a share taken away by one drug, as what signalling is divided by: 1 + sum
            most = np.minimum(most, 0.999)
            most = most / (1.0 - most)
        hill = draw(effect.hill, "-", "hill") if effect.hill else zero
        return [most, draw(effect.half, unit, "half"), hill, zero, zero]
    # 1 IU turns over 1 umol a minute: 1440 umol/L a day for each IU/L, here relative to the supply
    return [
        draw(effect.max, size, "max"),
        draw(effect.half, "umol/L", "half"),
        draw(effect.baseline, "umol/L", "baseline"),
        1440.0 / draw(effect.supply, "umol/L/day", "supply"),
        draw(effect.km, "umol/L", "km"),
    ]


def kinetics_of(program: Program, cohort: Cohort, seed: int) -> tuple[Kinetics, ...]:
    return tuple(kinetics(agent, cohort, seed=seed, routes=routes(program, agent.agent)) for agent in program.agents)


def settings(library: Library, assay: str | None = None) -> dict[str, float]:
    """Scalars of the body files that are the same for everyone; assay: by which the protocol measures MRD."""
    leukaemia, infection, assays = library.body("leukaemia"), library.body("infection"), library.body("assays")
    return {
        "packing": leukaemia["marrow.packing"].to_unit("-"),
        "other_leukocytes": library.body("marrow")["other_leukocytes"].value,
        "blood_loss": leukaemia["blood.return"].to_unit("1/day") + leukaemia["blood.death"].to_unit("1/day"),
        "cns_death": leukaemia["growth.death"].to_unit("1/day"),
        **_of_mrd(assays, assay),
        "aspirate_sd": assays["aspirate.sd_log"].to_unit("-"),
        "noise_anc": assays["counts.neutrophils_cv"].to_unit("-"),
        "noise_platelets": assays["counts.platelets_cv"].to_unit("-"),
        "noise_haemoglobin": assays["counts.haemoglobin_cv"].to_unit("-"),
        "noise_level": assays["levels.cv"].to_unit("-") if "levels.cv" in assays else 0.0,
        "hazard_below_0.1": infection["fever.anc_below_0_1"].to_unit("1/day"),
        "hazard_below_0.5": infection["fever.anc_0_1_to_0_5"].to_unit("1/day"),
        "hazard_below_1.0": infection["fever.anc_0_5_to_1"].to_unit("1/day"),
        "hazard_above_1.0": infection["fever.anc_above_1"].to_unit("1/day"),
        "whole_lining_hazard": infection["fever.whole_lining"].to_unit("-"),
        "fever_pause_days": infection["fever.pause"].to_unit("day"),
        "bloodstream_share": infection["bloodstream.share"].to_unit("-"),
        "bloodstream_share_above_0.5": infection["bloodstream.share_above_0_5"].to_unit("-"),
        "bloodstream_relapsed": infection["bloodstream.again"].to_unit("-"),
        "bloodstream_relapsed_first": infection["bloodstream.again_first"].to_unit("-"),
        "bloodstream_first_days": infection["bloodstream.first"].to_unit("day"),
        "death_share": infection["bloodstream.death"].to_unit("-"),
        "death_share_relapsed": infection["bloodstream.death"].to_unit("-")
        * infection["bloodstream.relapsed"].to_unit("-"),
        **_of_weeks(library),
        "red_cell_rise": assays["transfusion.red_cells_rise"].value,
        "platelet_rise": assays["transfusion.platelets_rise"].value,
        "platelet_pool_loss": 1.0 - 2.0 ** (-1.0 / assays["transfusion.platelets_half_life"].to_unit("day")),
        "relapse_marrow": leukaemia["detection.marrow_relapse"].to_unit("-"),
        "relapse_cns": leukaemia["detection.cns_relapse"].value,
        "remission_marrow": leukaemia["detection.remission"].to_unit("-"),
        "remission_from_day": leukaemia.number("detection.remission_from", "day", 0.0),
        "lethal": leukaemia.number("detection.lethal", "1/day", 0.0),
        "lethal_cns": leukaemia.number("detection.lethal_cns", "-", np.inf),
        "lethal_shape": leukaemia.number("detection.lethal_shape", "-", 1.0),
        "loss_early": leukaemia.number("loss.early", "day", 0.0),
        "loss_late": leukaemia.number("loss.late", "day", 1.0),
        "loss_share": leukaemia.number("loss.share", "-", 1.0),
    }


def _of_mrd(assays: Any, assay: str | None) -> dict[str, float]:
    """What an assay of MRD counts, and the share of leukaemic cells in marrow that it tells from others (all of them
    where it is not said, and where the library says nothing of it)."""
    of = f"{(assay or 'flow').lower()}_mrd"
    said = assay is not None and f"{of}.found.share" in assays
    return {
        "mrd_cells": assays[f"{of}.cells"].value,
        "mrd_minimum": assays[f"{of}.minimum_events"].value,
        "mrd_found": assays[f"{of}.found.share"].to_unit("-") if said else 1.0,
        "mrd_found_sd": assays[f"{of}.found.sd_log"].to_unit("-") if said else 0.0,
        "mrd_until": assays[f"{of}.found.until"].to_unit("day") if said else 0.0,
        "mrd_whole": assays[f"{of}.found.whole"].to_unit("day") if said else 1.0,
    }


def _of_weeks(library: Library) -> dict[str, float]:
    """Colds and the swing of proliferation; none where the library has no such file."""
    weeks = library.body("weeks")
    out = {"swing_kept": weeks["swing.kept"].to_unit("-"), "winter": weeks["colds.winter"].to_unit("-")}
    for of, path in (("swing", "swing"), ("cold", "colds.takes")):
        for line in LINES:
            name = line.replace(" ", "_")
            at = f"{path}.{name}"
            out[f"{of}_{name}"] = weeks[at].to_unit("-") if at in weeks else 0.0
    return out


def _lines(marrow: Any) -> list[int]:
    """The kind of each line, from the parameters that the body file gives it."""
    kinds = []
    for name in LINES:
        name = name.replace(" ", "_")
        if f"{name}.baseline" not in marrow:
            kinds.append(ABSENT)
        elif f"{name}.life_span" in marrow:
            kinds.append(LIFE_SPAN)
        else:
            kinds.append(SATURATING if f"{name}.growth" in marrow else POWER)
    return kinds


def plan_of(
    program: Program, library: Library, *, refine: int = 1, watch: bool = False, side_effects: bool = True
) -> Layout:
    """How every block of a program lies in memory, whoever is in it; refine, watch: see `layout.layout`."""
    systems = kinetics_of(program, standard_child(), 0)
    kinds = _lines(library.body("marrow"))
    power = int(library.body("leukaemia")["marrow.crowding_power"].value)
    return layout(
        program, systems, settings(library, program.protocol.mrd), list(program.clones), kinds, power,
        refine=refine, watch=watch, side_effects=side_effects,
    )  # fmt: skip


def build(
    program: Program,
    cohort: Cohort,
    library: Library,
    *,
    seed: int,
    plan: Layout | None = None,
    refine: int = 1,
    watch: bool = False,
    side_effects: bool = True,
    begins: Any = None,
) -> tuple[Layout, Lanes]:
    """Draw every number of every patient of the cohort; padding to a multiple of ``LANES`` repeats the last one.
    begins: the place of the phase in which each patient begins, the first one when left out.
    plan: that of `plan_of`, made once for many cohorts; else it is made with refine, watch, side_effects."""
    plan = plan or plan_of(program, library, refine=refine, watch=watch, side_effects=side_effects)
    n = len(cohort)
    padded = -(-n // LANES) * LANES
    index = np.minimum(np.arange(padded), n - 1)
    people = cohort.take(index)
    systems = kinetics_of(program, people, seed)
    clones = list(program.clones)
    marrow, leukaemia, infection = library.body("marrow"), library.body("leukaemia"), library.body("infection")

    def draw(body: Any, path: str, unit: str) -> Floats:
        return individual(body[path], unit, people, seed=seed, purpose=f"{body.name}.{path}")

    def spread(path: str) -> Floats:
        """exp(N(0, sd)), one draw a patient; the sd of the logarithm stands at ``path`` of the leukaemia's file."""
        return log_normal(f"leukaemia.{path.removesuffix('_sd_log')}", leukaemia[path].to_unit("-"))

    def log_normal(purpose: str, sd: float) -> Floats:
        return np.exp(sd * chance.normals(seed, people.patient, chance.purpose(purpose)))

    kinds = _lines(marrow)

    def flat(parts: list[Any]) -> Floats:
        """Per-patient blocks (N, ...) to rows (sum, N)."""
        return np.ascontiguousarray(
            np.concatenate([p.reshape(padded, -1).T for p in parts]) if parts else np.zeros((0, padded))
        )

    scale = []
    orders = program.tables.orders
    of_agent = program.tables.forms["agent"][orders["form"]] if len(orders) else np.zeros(0, dtype=int)
    amounts = orders["amount"] * np.where(orders["basis"] == 0, 0.7, 1.0)
    by_route = np.array([program.forms[form].route for form in orders["form"]], dtype=object)
    for i, k in enumerate(systems):
        entry = np.zeros(k.n)
        for route, e in k.entries.items():  # 12 mg into the fluid are not measured by 5 g into a vein
            mine = amounts[(of_agent == i) & (by_route == route)]
            typical = np.max(mine if mine.size else amounts[of_agent == i], initial=1.0)
            entry[e.state] = max(entry[e.state], typical)
        scale.append(np.abs(np.linalg.solve(k.a, np.broadcast_to(-entry[:, None], (padded, k.n, 1)))[:, :, 0]))
    shared = leukaemia.number("shared_sensitivity.power", "-", 0.0)
    reached, sheltered = spread("cns.kill_sd_log"), spread("cns.shelter_sd_log")
    products = [p for k in systems for p in k.saturable_products]
    zeros = np.zeros(padded)
    effects: list[list[Floats]] = []
    resting, sensitivity, later, halves, released = [], [], [], [], []

    def draw_release(agent: Agent, effect: Effect, path: str) -> Floats:
        if effect.releases is None:
            return zeros
        return individual(effect.releases, "-", people, seed=seed, purpose=f"{agent.agent}.{path}.releases")

    for agent, k in zip(program.agents, systems, strict=True):
        for acting in program.effects[program.agents.index(agent)]:
            effect = acting.effect
            path = f"effects.{effect.on}.{acting.number}"
            effects.append(_effect_parameters(agent, effect, k, people, seed, path))
            share = (
                individual(effect.resting, "-", people, seed=seed, purpose=f"{agent.agent}.{path}.resting")
                if effect.resting
                else zeros
            )
            by = agent.sensitivity if effect.on in KILLED else None
            sensitive = sensitivity_to(people.sensitivity, by, shared) if by else zeros + 1.0
            if effect.on == "CNS blasts" and by and by != SHARED:
                sensitive = sensitive * sheltered * (reached if effect.driver == LUMBAR else 1.0)
            if acting.effect.through:
                sensitive = sensitive * _has(acting.effect.through, people, leukaemia)
            resting.append(share * sensitive)
            sensitivity.append(sensitive)
            loses = by if effect.on != "CNS blasts" else None  # cells there were spared by distance, not by resistance
            later.append(sensitivity_to(people.after_relapse, loses, shared) if loses else zeros + 1.0)
            released.append(draw_release(agent, effect, path))
            half = np.ones(padded)
            for other in agent.antagonists:
                if effect.on in other.on and any(a.agent == other.agent for a in program.agents):
                    half = individual(other.half, _plasma_unit(program, other.agent), people, seed=seed,
                                      purpose=f"{agent.agent}.{path}.antagonist")  # fmt: skip
            halves.append(half)
    nothing = np.zeros((0, padded))
    parameters = [np.stack([e[i] for e in effects]) if effects else nothing for i in range(5)]

    seen = np.full((len(program.variables), padded), np.nan)
    personal = (
        people.age_y, people.weight_kg, people.bsa_m2, people.sex, people.cns, people.lineage, people.tpmt,
        people.nudt15, people.wbc, people.donor, _in_subtypes(("BCR::ABL1",), people), _subtype(people), people.down,
    )  # fmt: skip
    for i, column in enumerate(personal):
        seen[len(MEASURED) + i] = column
    seen[len(MEASURED) + len(personal) :] = 0.0

    capacity = draw(leukaemia, "marrow.capacity", "1")
    omega = draw(leukaemia, "marrow.competition", "-")
    f0 = people.marrow_blasts
    total = capacity * f0 / (1.0 - (1.0 - omega) * f0)
    total = np.where(total < FEW, np.floor(total), total)  # few cells are whole ones; none in some who are in remission
    normal = np.maximum(1.0 - omega * total / capacity, 1e-3)
    death = draw(leukaemia, "growth.death", "1/day")
    wake = draw(leukaemia, "cycling.wake", "1/day")
    typical_rest = draw(leukaemia, "cycling.resting_share", "-")
    rest_share = typical_rest * spread("cycling.resting_share_sd_log")
    if_slow = leukaemia.number("cycling.resting_if_slow", "-", 0.0)  # who answers slowly has more cells at rest
    rest_share *= np.exp(np.where(people.relapsed == 1, 0.0, -if_slow * answer(people.sensitivity)))
    # drawn whether or not a drug tells tolerant cells from others: the same patient under every protocol
    of_tolerant = leukaemia.number(f"resistant_clones.{TOLERANT}.kill_sd_log", "-", 0.0)
    tolerance = log_normal(f"{TOLERANT}.kill", of_tolerant)  # also of who enters at a relapse: no loss is in it
    rest_share *= tolerance ** -leukaemia.number("cycling.resting_if_tolerant", "-", 0.0)
    rest_share = np.minimum(rest_share, 0.5)
    kept = leukaemia.number("cycling.resting_kept_at_relapse", "-", 1.0)
    again = (rest_share > 0.0) & (people.relapsed != 1)  # who enters with a relapse has had it
    own = np.divide(rest_share, typical_rest, out=np.ones(padded), where=again)
    drawn_sd = leukaemia["cycling.resting_share_sd_log"].to_unit("-") * np.sqrt(1.0 - kept * kept)
    rests_again = np.where(again, own ** (kept - 1.0) * log_normal("leukaemia.cycling.resting_again", drawn_sd), 1.0)
    cells = np.zeros((len(clones), 2, padded))
    birth = np.zeros((len(clones), padded))
    to_rest = np.zeros((len(clones), padded))
    faster_again = np.ones((len(clones), padded))
    faster = draw(leukaemia, "loss.growth", "-") if "loss.growth" in leukaemia else np.ones(padded)
    faster = np.where(people.relapsed == 1, 1.0, faster)
    mutation = np.zeros((len(clones), padded))
    felt = np.ones((len(clones), padded))
    main = total.copy()
    for i, clone in enumerate(clones):
        growth = people.growth_per_day
        if clone.cost is not None:
            cost = individual(clone.cost, "-", people, seed=seed, purpose=f"{clone.name}.fitness_cost")
            growth = growth * (1.0 - np.minimum(cost, 1.0))
        birth[i] = growth + death
        faster_again[i] = np.where(faster == 1.0, 1.0, (faster * growth + death) / birth[i])
        to_rest[i] = (growth + wake) * rest_share / (1.0 - rest_share)
        if clone.mutation is None:
            continue
        felt[i] = log_normal(f"{clone.name}.kill", clone.kill_sd) * tolerance**clone.kill_if_tolerant
        mutation[i] = individual(clone.mutation, "-", people, seed=seed, purpose=f"{clone.name}.mutation")
        mutation[i] *= _in_subtypes(clone.subtypes, people)
        for subtype, times in clone.times.items():
            more = individual(times, "-", people, seed=seed, purpose=f"{clone.name}.times.{subtype}")
            mutation[i] *= np.where(_in_subtypes((subtype,), people) > 0.0, more, 1.0)
        size = _preexisting(clone.name, mutation[i], total, birth[0], people, seed)
        size = np.minimum(size, 0.1 * total)
        size = np.where(total < FEW, np.floor(size), size)
        cells[i, 1] = np.floor(size * rest_share)
        cells[i, 0] = size - cells[i, 1]
        main -= size
    resting_cells = main * rest_share
    cells[0, 1] = np.where(total < FEW, np.floor(resting_cells), resting_cells)
    cells[0, 0] = main - cells[0, 1]
    cns_median = np.array([leukaemia[f"cns.cells_cns{c}"].value for c in (1, 2, 3)])
    cns = cns_median[people.cns - 1] * spread("cns.cells_sd_log")
    seeding = leukaemia["cns.seeding"].to_unit("1/day") * cns / capacity  # as much as its cells like to be there
    faster = people.growth_per_day / leukaemia["cns.as_measured"].to_unit("1/day")
    cns_growth = draw(leukaemia, "cns.growth", "1/day") * faster ** leukaemia["cns.growth_power"].to_unit("-")
    cns *= np.minimum(1.0, f0 / leukaemia["detection.remission"].to_unit("-"))  # in remission they went with the marrow
    line = {name: np.ones((4, padded)) for name in ("base", "transit", "gain", "loss", "feedback", "growth")}
    for i, (name, kind) in enumerate(zip(LINES, kinds, strict=True)):
        path = name.replace(" ", "_")
        if kind == ABSENT:
            continue
        line["base"][i] = draw(marrow, f"{path}.baseline", marrow[f"{path}.baseline"].unit)
        if kind == LIFE_SPAN:
            line["transit"][i] = 1.0 / draw(marrow, f"{path}.progenitor_time", "day")
            line["loss"][i] = 4.0 / draw(marrow, f"{path}.life_span", "day")
            line["gain"][i] = draw(marrow, f"{path}.renewal", "1/day")
            line["growth"][i] = draw(marrow, f"{path}.renewal_feedback", "-")
            line["feedback"][i] = draw(marrow, f"{path}.feedback", "-")
        elif kind == SATURATING:
            line["growth"][i] = draw(marrow, f"{path}.growth", "1/day")
            line["transit"][i] = np.minimum(draw(marrow, f"{path}.transit", "1/day"), 0.95 * line["growth"][i])
            line["gain"][i] = line["transit"][i]
            line["loss"][i] = draw(marrow, f"{path}.loss", "1/day")
            transit, growth = line["transit"][i], line["growth"][i]
            line["feedback"][i] = transit / (growth - transit) * line["base"][i]
        else:
            line["transit"][i] = 4.0 / draw(marrow, f"{path}.mean_transit_time", "day")
            line["gain"][i] = line["loss"][i] = line["transit"][i]
            line["feedback"][i] = draw(marrow, f"{path}.feedback", "-")
    presenting = np.stack([people.anc, people.platelets, people.haemoglobin, np.maximum(line["base"][3] * normal, 0.1)])

    if plan.living:  # who has been treated before has fewer lymphocytes left
        left = individual(library.body("immunity")["T cells.pretreated"], "-", people, seed=seed, purpose="pretreated")
        presenting[3] *= np.where(people.relapsed == 1, np.minimum(left, 1.0), 1.0)
    lethality = draw(infection, "bloodstream.lethality", "-")
    cared = lethality * draw(infection, "bloodstream.care", "-")
    person = np.zeros(padded, dtype=PERSON)
    columns: dict[str, Any] = {
        "patient": people.patient, "real": np.arange(padded) < n,
        "first_phase": 0 if begins is None else np.asarray(begins)[index], "age_y": people.age_y,
        "weight_kg": people.weight_kg, "bsa_m2": people.bsa_m2, "capacity": capacity, "omega": omega,
        "blood_ratio": people.blood_blasts / np.where(total > 0.0, total, np.inf),
        "frailty": draw(infection, "fever.frailty", "-"),
        "lethality": cared,
        "lethality_first": cared * draw(infection, "bloodstream.care_first", "-"),
        "lethality_grafted": lethality * draw(infection, "bloodstream.care_after_transplant", "-"),
        "bacteraemia": draw(infection, "bloodstream.person", "-"),
        "dies_on": _dies_on(library, people, seed),
        "wake": wake, "death": death, "colds": colds(library.body("weeks"), people, seed), "missed": people.missed,
        "relapsed": people.relapsed, "in_remission": f0 < leukaemia["detection.remission"].to_unit("-"),
    }  # fmt: skip
    for name, column in columns.items():
        person[name] = column
    living = numbers_of_acts(program, people, seed, shared)

    lanes = Lanes(
        person=person,
        a=flat([k.a for k in systems]),
        g=flat([k.g for k in systems]),
        state_scale=flat(scale),
        bioavailability=np.array(
            [
                systems[program.tables.forms["agent"][i]].entries[f.route].bioavailability
                for i, f in enumerate(program.forms)
            ]
        ).reshape(-1, padded),
        product_formation=np.stack([p.formation for p in products]) if products else np.zeros((0, padded)),
        product_half=np.stack([p.half for p in products]) if products else np.zeros((0, padded)),
        product_loss=np.stack([p.loss for p in products]) if products else np.zeros((0, padded)),
        vmax=np.array([k.vmax if k.vmax is not None else zeros for k in systems]).reshape(-1, padded),
        km=np.array([k.km if k.km is not None else zeros + 1.0 for k in systems]).reshape(-1, padded),
        clearance_extra=np.array([k.extra if k.extra is not None else zeros for k in systems]).reshape(-1, padded),
        clearance_fading=np.array([k.fading if k.fading is not None else zeros for k in systems]).reshape(-1, padded),
        effect_a=parameters[0],
        effect_b=parameters[1],
        effect_c=parameters[2],
        effect_d=parameters[3],
        effect_e=parameters[4],
        effect_size=parameters[0] * np.stack(sensitivity) if sensitivity else nothing,
        effect_rest=parameters[0] * np.stack(resting) if resting else nothing,
        effect_relapse=np.stack(later) if later else nothing,
        resting=np.stack(resting) if resting else nothing,
        antagonist_half=np.stack(halves) if halves else nothing,
        seen=seen,
        line_base=line["base"],
        line_transit=line["transit"],
        line_gain=line["gain"],
        line_loss=line["loss"],
        line_feedback=line["feedback"],
        line_growth=line["growth"],
        production=line["base"][2] * line["loss"][2] / 4.0,
        rho=draw(marrow, "normal_marrow.regrowth", "1/day"),
        omega=omega,
        presenting=presenting,
        capacity=capacity,
        cells=cells,
        cns_cells=np.floor(cns),
        cns_birth=death + cns_growth,
        birth=birth,
        death=death,
        to_rest=to_rest,
        faster_again=faster_again,
        rests_again=rests_again,
        wake=wake,
        normal=normal,
        mutation=mutation,
        felt=felt,
        seeding=seeding,
        released=np.stack(released) if released else nothing,
        antigen=_has("CD19", people, leukaemia) if plan.living else zeros + 1.0,
        acts=living,
        immune=immune(library, people, seed) if plan.living else np.zeros(padded, dtype=IMMUNE_NUMBERS),
        side=side_numbers(program, people, seed),
        size=np.concatenate(sizes(people, np.arange(core.words.SIZES) * core.words.SIZE_DAYS)),
    )
    return plan, lanes


def _dies_on(library: Library, people: Cohort, seed: int) -> Floats:
    """Days from entry to the death of another cause, a second cancer among them; beyond all days for who would outlive
    the table."""
    age = age_at_death(library.body("mortality"), people, seed)
    cancer = second_cancer(library.body("second_cancer"), people, seed).death
    return np.minimum(np.minimum(np.floor(365.25 * (age - people.age_y)), cancer), NEVER_DAYS)


def _has(antigen: str, people: Cohort, leukaemia: Body) -> Floats:
    """1 for patients whose leukaemia has what the drug acts through: the body file names lineages and subtypes."""
    known = leukaemia.children("antigens")
    if antigen not in known:
        raise BadInput(
            f"the body file does not say which leukaemias carry {antigen}",
            remedy=f"add it under antigens; known: {', '.join(known)}",
        )
    carriers = [word.strip() for word in leukaemia.text(f"antigens.{antigen}").split(",")]
    lineages = [LINEAGE.index(word) for word in carriers if word in LINEAGE]
    subtypes = tuple(word for word in carriers if word not in LINEAGE)
    return np.maximum(np.isin(people.lineage, lineages), _in_subtypes(subtypes, people) if subtypes else 0.0)


def _subtype(people: Cohort) -> Floats:
    """The place of the subtype among the words of the protocol language, -1 for one that it does not know."""
    places = [VALUES["subtype"].index(name) if name in VALUES["subtype"] else -1 for name in people.subtypes]
    return np.asarray(places, dtype=float)[people.subtype]


def _in_subtypes(subtypes: tuple[str, ...], people: Cohort) -> Floats:
    """1 for patients of these subtypes; 1 for all when none is named."""
    if not subtypes:
        return np.ones(len(people))
    return np.isin(np.asarray(people.subtypes)[people.subtype], subtypes).astype(float)


def _plasma_unit(program: Program, agent: str) -> str:
    return next((a.pharmacokinetics.concentration for a in program.agents if a.agent == agent), "umol/L")


def _preexisting(name: str, mutation: Floats, total: Floats, birth: Floats, people: Cohort, seed: int) -> Floats:
    """Cells of a resistant clone at diagnosis, or at the relapse with which somebody enters."""
    m = mutation * total * birth / np.maximum(people.growth_per_day, LEAST_GROWTH)
    u = chance.uniforms(seed, people.patient, chance.purpose(f"clone.{name}"))
    return np.asarray(preexisting(m, u))
