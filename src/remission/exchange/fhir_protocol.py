"""A protocol as a PlanDefinition: phases as groups of actions, with days as offsets from the start of their phase."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from remission.knowledge.codes_file import codes
from remission.protocol.link import without_linked
from remission.protocol.model import Condition, Give, Phase, Protocol
from remission.protocol.write import condition, repeat, sentence

from .fhir_parts import HL7, Resource, agent_concept, days_in_runs, id_of, quantity, route_concept, term
from .fhir_person import is_medicine


def of_protocol(protocol: Protocol, base: str) -> list[Resource]:
    """The PlanDefinition, and an ActivityDefinition for each different dose."""
    ids = {phase.id for phase in without_linked(protocol).phases}
    own = replace(protocol, phases=tuple(phase for phase in protocol.phases if phase.id in ids))
    defined: dict[str, Resource] = {}
    actions = [_phase(own, i, base, defined) for i in range(len(own.phases))]
    if own.rules:
        actions.append(_group("rules-of-every-phase", "Rules of every phase", map(_sentence, own.rules)))
    made: Resource = {
        "resourceType": "PlanDefinition", "id": id_of(own.id), "url": f"{base}/PlanDefinition/{id_of(own.id)}",
        "name": "".join(word.capitalize() for word in id_of(own.id).split("-")), "title": own.name,
        "type": term("plan-definition-type", "protocol", "Protocol"), "status": "draft", "experimental": True,
        "subjectCodeableConcept": {"text": condition(own.eligible) if own.eligible is not None else "anybody"},
        "description": own.plain or own.name,
        "useContext": [{
            "code": {"system": HL7 + "usage-context-type", "code": "focus"},
            "valueCodeableConcept": {"coding": [_coding("disease", "ALL")], "text": "Acute lymphoblastic leukaemia"},
        }],
        "relatedArtifact": [
            {"type": "citation", "citation": text} for text in _cited(own)
        ] or None,
        "action": actions,
    }  # fmt: skip
    return [{k: v for k, v in made.items() if v is not None}, *defined.values()]


def _coding(group: str, thing: str) -> Resource:
    (code,) = codes().of(group, thing)
    return {"system": codes().systems[code.system].uri, "code": code.code, "display": code.display}


def _cited(protocol: Protocol) -> Iterator[str]:
    from remission.knowledge.library import library

    for key in protocol.sources:
        if key in library().sources():
            yield library().source(key).cite()


def _phase(protocol: Protocol, place: int, base: str, defined: dict[str, Resource]) -> Resource:
    phase = protocol.phases[place]
    id = id_of(phase.id)
    inner: list[Resource] = [_given(give, phase, id, base, defined, i) for i, give in enumerate(phase.give, 1)]
    for check in phase.check:
        what = f"{check.agent} level" if check.what == "level" else check.what
        inner.append(_on_days({"title": what, "textEquivalent": sentence(check, phase.days, phase.first_day)},
                              check.days, id))  # fmt: skip
    for decide in phase.decide:
        text = sentence(decide, phase.days, phase.first_day)
        step = {"title": f"{decide.action} {decide.target}", "textEquivalent": text, "condition": [_if(decide.when)]}
        inner.append(_on_days(step, (decide.day,), id))
    if phase.rules:
        inner.append(_group(f"{id}-rules", "Rules", (_sentence(rule, phase) for rule in phase.rules)))
    made: Resource = {"id": id, "prefix": str(place + 1), "title": phase.name, "action": inner}
    if phase.start_when is not None:
        made["condition"] = [_if(phase.start_when, "start")]
    after = _before(protocol, place)
    if after is not None:
        related: Resource = {"actionId": id_of(after.id), "relationship": "after-end"}
        if phase.rest_days:
            related["offsetDuration"] = quantity(phase.rest_days, "d")
        made["relatedAction"] = [related]
    length: Resource = {"boundsDuration": quantity(phase.days * (phase.repeat_times or 1), "d")}
    if phase.repeat_times:
        length |= {"count": phase.repeat_times, "period": phase.days, "periodUnit": "d"}
    if phase.repeat_until:
        length = {"period": phase.days, "periodUnit": "d"}
        made["textEquivalent"] = repeat(phase)
    made["timingTiming"] = {"repeat": length}
    return made if inner else {k: v for k, v in made.items() if k != "action"}


def _before(protocol: Protocol, place: int) -> Phase | None:
    """The phase after which this one follows by itself."""
    phase = protocol.phases[place]
    for other in protocol.phases:
        if other.next == phase.id:
            return other
    if place and protocol.phases[place - 1].next == "":
        return protocol.phases[place - 1]
    return None


def _given(give: Give, phase: Phase, id: str, base: str, defined: dict[str, Resource], place: int) -> Resource:
    text = sentence(give, phase.days, phase.first_day)
    made: Resource = {"title": f"{give.agent.replace('_', ' ')} {'/'.join(give.routes)}", "textEquivalent": text}
    if give.when is not None:
        made["condition"] = [_if(give.when)]
    if is_medicine(give.agent, give.route):
        made["definitionCanonical"] = _definition(give, base, defined)
    return _on_days(made, give.days, f"{id}", f"{id}-{place}")


def _definition(give: Give, base: str, defined: dict[str, Resource]) -> str:
    """The address of the ActivityDefinition of a dose, made where it is new."""
    dosage: Resource = {"text": _dose_words(give), "route": route_concept(give.route)}
    if give.amount is not None:
        amount = give.amount / give.doses_per_day if give.per == "day" else give.amount
        dosage["doseAndRate"] = [{"doseQuantity": quantity(amount, give.unit)}]
    if give.cap is not None and give.largest_dose is not None:
        dosage["maxDosePerAdministration"] = quantity(give.largest_dose, give.cap[1])
    if give.doses_per_day > 1:
        dosage["timing"] = {"repeat": {"frequency": give.doses_per_day, "period": 1, "periodUnit": "d"}}
    if give.infusion_h is not None:
        every: Resource = dosage.setdefault("timing", {"repeat": {}})["repeat"]
        every.update(duration=give.infusion_h, durationUnit="h")
    key = repr((give.agent, dosage))
    if key not in defined:
        id = id_of(give.agent, give.route, len(defined) + 1)
        defined[key] = {
            "resourceType": "ActivityDefinition", "id": id, "url": f"{base}/ActivityDefinition/{id}",
            "status": "draft", "experimental": True, "kind": "MedicationRequest", "intent": "plan",
            "productCodeableConcept": agent_concept(give.agent), "dosage": [dosage],
        }  # fmt: skip
    return str(defined[key]["url"])


def _dose_words(give: Give) -> str:
    """The dose without its days and its sources."""
    if give.amount is None:
        return f"{give.agent} {give.route} by age" + (f" (table {give.table})" if give.table else "")
    day = "/day" if give.per == "day" else ""
    text = f"{give.agent} {give.amount:g} {give.unit}{day} {'/'.join(give.routes)}"
    return text + (f" (max {give.cap[0]:g} {give.cap[1]})" if give.cap else "")


def _on_days(made: Resource, days: Sequence[int], phase: str, id: str | None = None) -> Resource:
    """The action on days of a phase: one offset and a length where they are in one run, else a step for each run."""
    runs = days_in_runs(days)
    if id is not None:
        made = {"id": id, **made}
    if len(runs) == 1:
        return made | _when(runs[0], phase)
    return made | {"action": [{"title": _called(run)} | _when(run, phase) for run in runs]}


def _called(run: tuple[int, int]) -> str:
    return f"day {run[0]}" if run[0] == run[1] else f"days {run[0]}-{run[1]}"


def _when(run: tuple[int, int], phase: str) -> Resource:
    first, last = run
    made: Resource = {"relatedAction": [
        {"actionId": phase, "relationship": "after-start", "offsetDuration": quantity(first - 1, "d")}
    ]}  # fmt: skip
    if last > first:
        made["timingTiming"] = {"repeat": {"boundsDuration": quantity(last - first + 1, "d"), "frequency": 1,
                                           "period": 1, "periodUnit": "d"}}  # fmt: skip
    return made


def _if(when: Condition, kind: str = "applicability") -> Resource:
    """A condition in the words of the protocol language: nothing else reads it as an expression."""
    return {"kind": kind, "expression": {"description": condition(when), "language": "text/plain",
                                         "expression": condition(when)}}  # fmt: skip


def _sentence(rule: Any, phase: Phase | None = None) -> Resource:
    text = sentence(rule, phase.days, phase.first_day) if phase else sentence(rule)
    return {"textEquivalent": text}


def _group(id: str, title: str, actions: Any) -> Resource:
    return {"id": id_of(id), "title": title, "groupingBehavior": "logical-group", "action": list(actions)}
