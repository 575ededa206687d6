"""A run's shares as a module of Synthea, the generator of synthetic health records: a chain of states, phase by phase.

Of each phase of the run: who gets what next, how long it lasts, which medicines most patients get (those with a code
in RxNorm), the lowest counts, and how many have febrile neutropenia or a bloodstream infection and what follows on it.
What depends on more than the phase (the dose that was held, the second relapse) is not in such a chain.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from remission.knowledge.codes_file import Code, codes
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.knowledge.writing import write_whole
from remission.trial.side_effects import FEBRILE_NEUTROPENIA, episodes

from .formats import Asked, Format

if TYPE_CHECKING:
    from remission.trial.run import Run

State = dict[str, Any]

MOST_PATIENTS = 50_000  # of a larger run the first
LEAST_SHARE = 0.5  # of the patients of a phase, for a medicine to be in it
DIGITS = 6  # of a share
AFTER = "after treatment"
ENDS = {"death": "Death", "relapse": "Relapse", "left": "Left", "alive": "In_Remission"}
INFECTIONS = ("no fever", "fever", "bacteraemia")
SYSTEMS = {"SNOMED CT": "SNOMED-CT"}  # as Synthea calls them; the others have the same name
COUNTS = {"anc": "10*3/uL", "platelets": "10*3/uL", "haemoglobin": "g/dL"}


@dataclass
class Stay:
    """The stays of patients in one phase: their days, the infection in each and what followed on it."""

    days: list[int] = field(default_factory=list)
    then: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in INFECTIONS})

    @property
    def patients(self) -> int:
        return len(self.days)


def stays_of(run: Run) -> tuple[dict[str, Stay], Counter[str]]:
    """The stays by phase in the order in which the phases are first entered, and who begins in which phase. Cycles that
    follow each other are one stay; the time after the last phase is a stay of its own."""
    kinds = ["phase start", "bloodstream infection", "relapse", "death", "left", "end of treatment"]
    mine = pl.col("patient") < MOST_PATIENTS
    events = run.scan("events").filter(mine & pl.col("event").is_in(kinds)).collect()
    fevers = episodes(run.frames, only=FEBRILE_NEUTROPENIA).filter(mine).collect()
    ends = run.scan("outcomes").filter(mine).select("patient", "outcome", "outcome_day").collect()
    by_patient: dict[int, list[tuple[int, str, str]]] = {}
    for patient, day, phase, event in events.select("patient", "day", "phase", "event").iter_rows():
        by_patient.setdefault(patient, []).append((day, event, phase))
    for patient, day in fevers.select("patient", "day").iter_rows():
        by_patient.setdefault(patient, []).append((day, "fever", ""))
    stays: dict[str, Stay] = {}
    begins: Counter[str] = Counter()
    for patient, _, last in ends.sort("patient").iter_rows():
        course = _course(by_patient.get(patient, []), int(last))
        begins[course[0][0]] += 1
        for (phase, first, until, infection), after in zip(course, [c[0] for c in course[1:]] + [""], strict=True):
            stay = stays.setdefault(phase, Stay())
            stay.days.append(max(until - first, 0))
            stay.then[infection][after or _end(by_patient.get(patient, []))] += 1
    return stays, begins


def _course(events: Iterable[tuple[int, str, str]], last: int) -> list[tuple[str, int, int, str]]:
    """The stays of one patient up to the first end: phase, first day, last day, infection."""
    found: list[tuple[str, int, int, str]] = []
    place, since, infection = "", 0, "no fever"
    for day, event, phase in sorted(events, key=lambda e: (e[0], e[1] != "phase start")):
        if event in ("phase start", "end of treatment"):
            name = phase if event == "phase start" else AFTER
            if name == place:
                continue
            if place:
                found.append((place, since, day, infection))
            place, since, infection = name, day, "no fever"
        elif event == "fever" and infection == "no fever":
            infection = "fever"
        elif event == "bloodstream infection":
            infection = "bacteraemia"
        elif event in ("relapse", "death", "left"):
            last = day
            break
    return [*found, (place or AFTER, since, last, infection)]


def _end(events: Iterable[tuple[int, str, str]]) -> str:
    first = min(((day, event) for day, event, _ in events if event in ("relapse", "death", "left")), default=None)
    return "alive" if first is None else first[1]


# --- the module ----------------------------------------------------------------------------------


def module_of(run: Run, incidence: float = 1.0) -> State:
    """The module. ``incidence``: the share of all people of the generator who get the disease."""
    stays, begins = stays_of(run)
    names = {phase: _name(phase, place) for place, phase in enumerate(stays)}
    ages = run.scan("outcomes").select("age_y").collect()["age_y"]
    known = codes()
    states: dict[str, State] = {
        "Initial": {"type": "Initial", "distributed_transition": _shares(
            {"Age_At_Diagnosis": incidence, "Terminal": 1.0 - incidence})},
        "Terminal": {"type": "Terminal"},
        "Age_At_Diagnosis": _delay(ages.to_list(), "years") | {"direct_transition": "Leukaemia"},
        "Leukaemia": {
            "type": "ConditionOnset", "assign_to_attribute": "leukaemia", "target_encounter": "Diagnosis",
            "codes": _codes(known.of("disease", "ALL")), "direct_transition": "Diagnosis",
        },
        "Diagnosis": _encounter("inpatient", "Diagnosis_End"),
        "Diagnosis_End": {"type": "EncounterEnd", "distributed_transition": _shares(
            {f"{names[phase]}_Encounter": count for phase, count in begins.items()})},
        "Death": {"type": "Death", "codes": _codes(known.of("disease", "ALL")), "direct_transition": "Terminal"},
        "Relapse": {"type": "SetAttribute", "attribute": "leukaemia_relapse", "value": True,
                    "direct_transition": "Terminal"},
        "Left": {"type": "Simple", "direct_transition": "Terminal"},
        "In_Remission": {"type": "ConditionEnd", "condition_onset": "Leukaemia", "direct_transition": "Terminal"},
    }  # fmt: skip
    without: set[str] = set()
    medicines = _medicines(run, stays)
    lowest = _lowest(run)
    for phase, stay in stays.items():
        states |= _phase(names, phase, stay, medicines.get(phase, []), lowest.get(phase, {}), without)
    reached = _reached(states)
    identity = run.manifest["identity"]
    patients = min(run.manifest["patients"], MOST_PATIENTS)
    return {
        "name": f"Acute lymphoblastic leukemia, {identity['protocol']} (simulated)",
        "remarks": [
            f"Made by remission from {patients:,} virtual patients of {identity['protocol']}, seed {identity['seed']}.",
            "Shares, times and counts are those of a simulation, not of real patients: a research model.",
            "A phase is a chain state: what happens in one does not depend on what happened before it.",
            "This module was checked as text; Synthea itself was not run when it was written.",
            *(f"{phase}: {stay.patients:,} patients" for phase, stay in stays.items()),
            "A relapse ends the module. Codes of medicines are those of RxNorm's ingredients.",
            f"Given to most and left out, no code in RxNorm known: {', '.join(sorted(without)) or 'none'}.",
        ],
        "states": {name: state for name, state in states.items() if name in reached},
        "gmf_version": 2,
    }  # fmt: skip


def _phase(
    names: dict[str, str], phase: str, stay: Stay, medicines: Sequence[str], lowest: dict[str, list[float]],
    without: set[str],
) -> dict[str, State]:  # fmt: skip
    """The states of a phase: an encounter with its medicines and counts, the time, the infection, what follows."""
    name = names[phase]
    steps: list[tuple[str, State]] = []
    ordered = []
    for agent in medicines:
        rxnorm = [code for code in codes().of_agent(agent) if code.system == "RxNorm"]
        if not rxnorm:
            without.add(agent)
            continue
        ordered.append(f"{name}_{_plain(agent)}")
        steps.append((ordered[-1], {"type": "MedicationOrder", "codes": _codes(rxnorm), "administration": True,
                                    "reason": "Leukaemia"}))  # fmt: skip
    for what, values in lowest.items():
        seen = _spread(values)
        steps.append((f"{name}_Lowest_{_plain(what)}", {
            "type": "Observation", "category": "laboratory", "unit": COUNTS[what],
            "codes": _codes(codes().of("measured", what)), "distribution": seen,
        }))  # fmt: skip
    steps.append((f"{name}_Encounter_End", {"type": "EncounterEnd"}))
    steps.append((f"{name}_Time", _delay(stay.days, "days")))
    steps += [(f"{order}_End", {"type": "MedicationEnd", "medication_order": order}) for order in ordered]
    out: dict[str, State] = {f"{name}_Encounter": _encounter("outpatient", steps[0][0])}
    for (step, state), after in zip(steps, [s for s, _ in steps[1:]] + [f"{name}_Infection"], strict=True):
        out[step] = state | {"direct_transition": after}
    kinds = {kind: sum(stay.then[kind].values()) for kind in INFECTIONS}
    plain = {kind: _plain(kind) for kind in INFECTIONS}
    out[f"{name}_Infection"] = {"type": "Simple", "distributed_transition": _shares(
        {f"{name}_{plain[kind]}": count for kind, count in kinds.items() if count})}  # fmt: skip
    event = {"fever": "fever with low neutrophils", "bacteraemia": "bloodstream infection"}
    for kind, then in stay.then.items():
        if not kinds[kind]:
            continue
        here = f"{name}_{plain[kind]}"
        follows = {"distributed_transition": _shares({_target(names, after): n for after, n in then.items()})}
        if kind == "no fever":
            out[here] = {"type": "Simple"} | follows
            continue
        out[here] = _encounter("inpatient", f"{here}_Onset")
        out[f"{here}_Onset"] = {
            "type": "ConditionOnset", "target_encounter": here, "codes": _codes(codes().of("event", event[kind])),
            "direct_transition": f"{here}_Stay",
        }  # fmt: skip
        out[f"{here}_Stay"] = {"type": "EncounterEnd", "direct_transition": f"{here}_Over"}
        out[f"{here}_Over"] = {"type": "ConditionEnd", "condition_onset": f"{here}_Onset"} | follows
    return out


def _target(names: dict[str, str], after: str) -> str:
    return ENDS[after] if after in ENDS else f"{names[after]}_Encounter"


def _shares(weights: dict[str, float]) -> list[State]:
    """Transitions whose shares, rounded, make 1: what rounding leaves is with the largest."""
    total = math.fsum(weights.values())
    rounded = {name: round(weight / total, DIGITS) for name, weight in weights.items() if weight > 0}
    largest = max(rounded, key=lambda name: rounded[name])
    rest = round(1.0 - math.fsum(share for name, share in rounded.items() if name != largest), DIGITS)
    rounded[largest] = rest
    return [{"transition": name, "distribution": share} for name, share in rounded.items() if share > 0.0]


def _spread(values: Sequence[float]) -> State:
    """A normal distribution cut where the values end; one value where they do not differ."""
    mean = math.fsum(values) / len(values)
    sd = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values))
    if sd == 0.0:
        return {"kind": "EXACT", "parameters": {"value": _short(mean)}}
    return {"kind": "GAUSSIAN", "parameters": {
        "mean": _short(mean), "standardDeviation": _short(sd), "min": _short(min(values)), "max": _short(max(values)),
    }}  # fmt: skip


def _delay(values: Sequence[float], unit: str) -> State:
    return {"type": "Delay", "distribution": _spread(values), "unit": unit}


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _encounter(kind: str, after: str) -> State:
    return {"type": "Encounter", "encounter_class": kind, "reason": "Leukaemia",
            "codes": _codes(codes().of("event", "encounter")), "direct_transition": after}  # fmt: skip


def _codes(found: Iterable[Code]) -> list[State]:
    return [{"system": SYSTEMS.get(c.system, c.system), "code": c.code, "display": c.display} for c in found]


def _name(phase: str, place: int) -> str:
    return f"Phase_{place + 1}_{_plain(phase)}"


def _plain(text: str) -> str:
    """A name in the style of Synthea's states: Upper_Snake_Case."""
    return "_".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", text))


def _medicines(run: Run, stays: dict[str, Stay]) -> dict[str, list[str]]:
    """By phase the agents that most of its patients get; no radiation and no grafts."""
    got = (
        run.scan("doses").filter((pl.col("patient") < MOST_PATIENTS) & (pl.col("dose") > 0))
        .group_by("phase", "agent").agg(pl.col("patient").n_unique().alias("patients"), pl.col("from_day").min())
        .sort("phase", "from_day", "agent").collect()
    )  # fmt: skip
    out: dict[str, list[str]] = {}
    for phase, agent, patients, _ in got.iter_rows():
        known = library().agent(agent)
        if phase in stays and patients >= LEAST_SHARE * stays[phase].patients and not (known.radiation or known.graft):
            out.setdefault(phase, []).append(agent)
    return out


def _lowest(run: Run) -> dict[str, dict[str, list[float]]]:
    """By phase and count the lowest of each patient."""
    lowest = (
        run.scan("measurements").filter(pl.col("patient") < MOST_PATIENTS)
        .group_by("phase", "patient").agg(pl.col(list(COUNTS)).min()).sort("phase", "patient").collect()
    )  # fmt: skip
    out: dict[str, dict[str, list[float]]] = {}
    for (phase,), frame in lowest.partition_by("phase", as_dict=True).items():
        found = {what: frame[what].drop_nulls().to_list() for what in COUNTS}
        out[str(phase)] = {what: values for what, values in found.items() if values}
    return out


def transitions(state: State) -> Iterator[tuple[str, float]]:
    """Where a state leads and how often."""
    if "direct_transition" in state:
        yield state["direct_transition"], 1.0
    for one in state.get("distributed_transition", ()):
        yield one["transition"], one["distribution"]


def _reached(states: dict[str, State]) -> set[str]:
    found, open_ = {"Initial"}, ["Initial"]
    while open_:
        for name, _ in transitions(states[open_.pop()]):
            if name not in found:
                found.add(name)
                open_.append(name)
    return found


def write(run: Run, path: Path, asked: Asked) -> None:
    said = asked.more.get("incidence", "1")
    try:
        incidence = float(said)
    except ValueError:
        incidence = math.nan
    if not 0.0 < incidence <= 1.0:
        raise BadInput(f"the incidence is '{said[:40]}'", remedy="Give a share of all people, above 0 and up to 1")
    write_whole(path, json.dumps(module_of(run, incidence), indent=2, ensure_ascii=False) + "\n")


FORMAT = Format(
    name="synthea",
    title="Synthea module (generic module framework)",
    suffix=".json",
    media="application/json",
    source="https://github.com/synthetichealth/synthea/wiki/Generic-Module-Framework",
    of=("run",),
    write=write,
    options={"incidence": "the share of the generator's people who get the disease; 1 if left out"},
    limits=(
        "Out: a chain over phases with the run's shares; a relapse ends it. Medicines without a code in RxNorm are "
        "named in the remarks.",
        "Checked as text (every transition leads to a state, shares make 1); Synthea itself, which needs Java, was "
        "not run.",
    ),
)
