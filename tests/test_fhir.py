"""FHIR: what goes out is R4 by two other readers and says what the tables say; what comes in is played or told."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle as BundleR4B
from fhirclient.models.bundle import Bundle as BundleR4
from hypothesis import given, settings
from hypothesis import strategies as st

import remission as rm
from remission.exchange import fhir_bundle, fhir_in
from remission.exchange.fhir_parts import id_of
from remission.exchange.fhir_person import is_medicine
from remission.knowledge.errors import BadInput
from remission.trial.run import OnePatient

START = date(2027, 1, 4)
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def written(path: Path) -> dict[str, dict[str, Any]]:
    """The resources of a bundle by Type/id, taken by fhir.resources (R4B) and by the SMART client (R4 4.0.1)."""
    text = path.read_text(encoding="utf-8")
    BundleR4B.model_validate_json(text)
    whole = json.loads(text)
    BundleR4(whole, strict=True)
    found = {f"{e['resource']['resourceType']}/{e['resource']['id']}": e["resource"] for e in whole["entry"]}
    assert len(found) == len(whole["entry"]), "an id stands twice"
    assert all(e["fullUrl"].endswith(f"/{name}") for e, name in zip(whole["entry"], found, strict=True))
    return found


def references(of: Any) -> list[str]:
    if isinstance(of, dict):
        own = [of["reference"]] if isinstance(of.get("reference"), str) else []
        return own + [r for value in of.values() for r in references(value)]
    return [r for value in of for r in references(value)] if isinstance(of, list) else []


@pytest.fixture(scope="module")
def one() -> OnePatient:
    return rm.simulate("cog-high-risk", patients=1, seed=5, follow_up_years=0.5).patient(0)


@pytest.fixture(scope="module")
def bundle(one: OnePatient, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rm.export(one, "fhir", tmp_path_factory.mktemp("fhir") / "patient.json", start=START)


def test_a_patient_is_a_bundle_whose_references_lead_somewhere(bundle: Path, one: OnePatient) -> None:
    found = written(bundle)
    kinds = Counter(name.partition("/")[0] for name in found)
    assert kinds["Patient"] == kinds["Condition"] == kinds["Organization"] == 1
    assert {r for resource in found.values() for r in references(resource)} <= set(found)
    cycles = [r for r in found.values() if r["resourceType"] == "CarePlan" and "partOf" in r]
    starts = one.events.filter(one.events["event"] == "phase start")
    assert len(cycles) == starts.height > 1
    assert [c["period"]["start"] for c in cycles] == [str(START + timedelta(d)) for d in starts["day"]]
    assert all(r["meta"]["security"][0]["code"] == "HTEST" for r in found.values()), "no data of a person"


def test_every_dose_and_every_count_of_the_tables_is_there(bundle: Path, one: OnePatient) -> None:
    found = written(bundle)
    told: dict[tuple[str, str, int], float] = defaultdict(float)
    for r in found.values():
        if r["resourceType"] == "MedicationAdministration" and r["status"] == "completed":
            when = r.get("effectiveDateTime") or r["effectivePeriod"]["start"]
            day = (date.fromisoformat(when[:10]) - START).days
            told[r["medicationCodeableConcept"]["text"], r["dosage"]["route"]["text"], day] += r["dosage"]["dose"][
                "value"
            ]
    for row in one.doses.to_dicts():
        for day in range(row["from_day"], row["to_day"] + 1) if row["dose"] > 0 else ():
            key = (row["agent"].replace("_", " "), row["route"], day)
            assert told.pop(key) == pytest.approx(row["dose"], rel=1e-5), key
    assert not told
    held = one.doses.filter(one.doses["dose"] == 0)
    assert sum(r.get("status") == "not-done" for r in found.values()) == held.height > 0
    for what, code in {"anc": "751-8", "platelets": "777-3", "haemoglobin": "718-7", "wbc": "26464-8"}.items():
        values = [r["valueQuantity"]["value"] for r in found.values() if r["resourceType"] == "Observation"
                  and r["code"].get("coding", [{}])[0].get("code") == code]  # fmt: skip
        assert values == pytest.approx(one.measurements[what].drop_nulls().to_list(), rel=1e-5)


def test_a_profile_is_named_only_where_its_must_haves_are_there(bundle: Path) -> None:
    """What mCODE and US Core ask for, beside FHIR: the cardinalities and bindings of their profiles."""
    found = written(bundle)
    by_profile: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for resource in found.values():
        for profile in resource["meta"].get("profile", ()):
            by_profile[profile.rpartition("/")[2]].append(resource)
    (patient,) = by_profile["mcode-cancer-patient"]
    assert patient["identifier"][0]["system"] and patient["identifier"][0]["value"]
    assert patient["name"][0]["family"] and patient["gender"] in ("female", "male")
    (condition,) = by_profile["mcode-primary-cancer-condition"]
    assert condition["code"]["coding"][0]["code"] == "277571004" and condition["category"] and condition["subject"]
    assert condition["clinicalStatus"] and condition["verificationStatus"]
    for kind in ("request", "administration"):
        made = by_profile[f"mcode-cancer-related-medication-{kind}"]
        assert len(made) > 10
        for resource in made:
            assert any(c["system"] == RXNORM for c in resource["medicationCodeableConcept"]["coding"])
            assert found[resource["reasonReference"][0]["reference"]] is condition, "reason required"
            assert found[resource["subject"]["reference"]] is patient
            if kind == "request":
                assert resource["status"] and resource["intent"] and resource["requester"] and resource["authoredOn"]
    for resource in by_profile["us-core-observation-lab"]:
        assert resource["code"]["coding"][0]["system"] == "http://loinc.org" and resource["effectiveDateTime"]
        assert resource["category"][0]["coding"][0]["code"] == "laboratory" and resource["valueQuantity"]
    without = [r for r in found.values() if r["resourceType"].startswith("Medication")
               and r["medicationCodeableConcept"]["text"] == "pegaspargase"]  # fmt: skip
    assert without and not any(MCODE in p for r in without for p in r["meta"].get("profile", ()))


def test_what_goes_out_as_fhir_comes_in_as_the_same_doses(bundle: Path, one: OnePatient) -> None:
    doses = rm.read(bundle)
    (history,) = doses.histories
    row = one.outcomes.to_dicts()[0]
    assert history.facts["sex"] == row["sex"] and history.facts["age_y"] == pytest.approx(row["age_y"], abs=0.003)
    assert history.facts["weight_kg"] == pytest.approx(row["weight_kg"], rel=1e-5)
    told: dict[tuple[str, str, int], float] = defaultdict(float)
    hours: dict[tuple[str, str, int], float] = defaultdict(float)
    for dose in history.doses:
        for day in range(dose.day, dose.last_day + 1):
            told[dose.agent, dose.route, day] += dose.amount * dose.times
            hours[dose.agent, dose.route, day] += dose.infusion_h * dose.times
    for line in one.doses.to_dicts():
        for day in range(line["from_day"], line["to_day"] + 1) if line["dose"] > 0 else ():
            key = (line["agent"], line["route"], day)
            assert told.pop(key) == pytest.approx(line["dose"], rel=1e-5), key
            assert hours[key] == pytest.approx(line["hours"], abs=1e-3), key
    assert not told
    twice = [d for d in history.doses if d.agent == "dexamethasone" or d.agent == "prednisone"]
    assert twice and all(d.times == 2 and d.hour < d.last_hour for d in twice)


def test_a_calendar_is_ordered_and_comes_back_dose_by_dose(tmp_path: Path) -> None:
    plan = rm.plan("aall1731-control", age_y=4, sex="f", weight_kg=16, height_cm=102, start=START)
    found = written(rm.export(plan, "fhir", tmp_path / "plan.json"))
    assert {r for resource in found.values() for r in references(resource)} <= set(found)
    plans = [r for r in found.values() if r["resourceType"] == "CarePlan" and "partOf" in r]
    assert len(plans) == len(plan.cycles)
    certain = [row for row in plan.rows if row.kind == "dose" and is_medicine(row.agent, row.route)]
    expected = Counter()
    for row in certain:
        expected[row.agent, row.route, (row.date - START).days] += row.dose * row.doses_per_day
    told: Counter[Any] = Counter()
    (history,) = rm.read(tmp_path / "plan.json").histories
    first = min((row.date - START).days for row in certain)
    for dose in history.doses:
        for day in range(dose.day, dose.last_day + 1):
            told[dose.agent, dose.route, day + first] += dose.amount * dose.times
    assert set(told) == set(expected)
    assert all(told[key] == pytest.approx(expected[key], rel=1e-5) for key in expected)
    by_surface = [r for r in found.values() if "301898006" in json.dumps(r.get("extension"))]
    assert by_surface and all("m2" in r["dosageInstruction"][0]["text"] for r in by_surface)
    options = [r for r in found.values() if r.get("intent") == "option"]
    assert options and all(d["asNeededCodeableConcept"]["text"] for r in options for d in r["dosageInstruction"])


@pytest.mark.parametrize("name", ["cog-standard-risk", "forum-tbi", "eliana"])
def test_a_protocol_is_a_plan_definition_with_the_days_of_every_line(tmp_path: Path, name: str) -> None:
    protocol = rm.read_protocol(name)
    found = written(rm.export(protocol, "fhir", tmp_path / "p.json", base="https://fhir.example.org/r4"))
    definition = found[f"PlanDefinition/{id_of(protocol.id)}"]
    assert definition["url"].startswith("https://fhir.example.org/r4/")
    addresses = {r["url"] for r in found.values() if r["resourceType"] == "ActivityDefinition"}
    ids = {action["id"] for action in definition["action"]}
    for phase in protocol.phases:
        action = next((a for a in definition["action"] if a["id"] == id_of(phase.id)), None)
        if action is None:
            assert ":" in phase.id, "a phase of another file"
            continue
        assert all(r["actionId"] in ids for r in action.get("relatedAction", ()))
        given_ = [
            a for a in action["action"] if a.get("id", "").startswith(f"{action['id']}-") and "textEquivalent" in a
        ]
        assert len(given_) == len(phase.give)
        for line, made in zip(phase.give, given_, strict=True):
            days: list[int] = []
            for step in made.get("action", [made]):
                (related,) = step["relatedAction"]
                assert related["actionId"] == action["id"]
                begin = int(related["offsetDuration"]["value"]) + 1
                length = step.get("timingTiming", {"repeat": {"boundsDuration": {"value": 1}}})
                days += range(begin, begin + int(length["repeat"]["boundsDuration"]["value"]))
            assert tuple(days) == line.days, made["textEquivalent"]
            assert ("condition" in made) == (line.when is not None)
            assert made.get("definitionCanonical", next(iter(addresses), "")) in addresses


# --- in ----------------------------------------------------------------------------------------


def put(tmp_path: Path, *resources: dict[str, Any], name: str = "in.json") -> Path:
    path = tmp_path / name
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "collection",
                                "entry": [{"resource": r} for r in resources]}), encoding="utf-8")  # fmt: skip
    return path


def administered(
    code: str, name: str, dose: float, unit: str = "mg", when: str = "2024-01-09", **more: Any
) -> dict[str, Any]:
    return {
        "resourceType": "MedicationAdministration", "status": "completed", "effectiveDateTime": when,
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": code, "display": name}]},
        "subject": {"reference": "Patient/brian"},
        "dosage": {"dose": {"value": dose, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
                   "route": {"coding": [{"system": "http://snomed.info/sct", "code": "47625008"}]}},
    } | more  # fmt: skip


def test_the_example_of_mcode_is_read_with_what_cannot_be_played_told(tmp_path: Path) -> None:
    """The doses of mCODE's paediatric example: one route is not one of its agent."""
    path = put(
        tmp_path, {"resourceType": "Patient", "id": "brian", "gender": "male", "birthDate": "2021-01-01"},
        administered("3002", "cyclophosphamide", 105.96), administered("5650", "IDArubicin", 5.4),
        {"resourceType": "Procedure", "status": "completed", "code": {"text": "Whole brain irradiation"}},
        administered("11202", "vincristine", 2), administered("8640", "predniSONE", 36.01, when="2024-01-02"),
    )  # fmt: skip
    doses = rm.read(path)
    (history,) = doses.histories
    assert [(d.agent, d.route, d.amount, d.unit, d.day) for d in history.doses] == [
        ("cyclophosphamide", "IV", 105.96, "mg", 0), ("idarubicin", "IV", 5.4, "mg", 0),
        ("vincristine", "IV", 2.0, "mg", 0),
    ]  # fmt: skip
    assert history.facts == {"sex": "male", "age_y": pytest.approx(3.02, abs=0.01)}
    told = "\n".join(doses.told())
    assert "Whole brain irradiation is not played: it is a Procedure" in told
    assert "entry 6 is not played: prednisone is not given IV" in told


def test_a_dose_that_is_not_as_ordered_is_told(tmp_path: Path) -> None:
    """As in mCODE's paediatric example: 450.03 mg are ordered and 105.96 mg given."""
    order = {
        "resourceType": "MedicationRequest", "id": "r1", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/brian"}, "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "3002"}]},  # noqa: E501
        "dosageInstruction": [{
            "timing": {"repeat": {"boundsPeriod": {"start": "2024-01-09"}}}, "route": {"text": "IV"},
            "doseAndRate": [{"doseQuantity": {"value": 450.03, "unit": "mg"}}],
        }],
    }  # fmt: skip
    upon = {"request": {"reference": "MedicationRequest/r1"}}
    doses = rm.read(put(tmp_path, order, administered("3002", "cyclophosphamide", 105.96, **upon)))
    assert "cyclophosphamide: 1 dose not as ordered, 105.96 mg given (entry 2), 450.03 mg ordered" in doses.notes
    same = rm.read(put(tmp_path, order, administered("3002", "cyclophosphamide", 0.45, "g", **upon)))
    assert not any("not as ordered" in note for note in same.notes)


def test_what_was_not_given_or_is_not_clear_is_no_dose(tmp_path: Path) -> None:
    vincristine = ("11202", "vincristine", 1.5)
    path = put(
        tmp_path, administered(*vincristine),
        administered(*vincristine, status="not-done"), administered(*vincristine, status="entered-in-error"),
        administered(*vincristine, when="2024-01"), administered(*vincristine, unit="mL"),
        administered("6851", "methotrexate", 5, "g", effectiveDateTime=None,
                     effectivePeriod={"start": "2024-01-10T20:00:00+02:00", "end": "2024-01-11T20:00:00+02:00"}),
        administered("6851", "methotrexate", 5, effectiveDateTime=None,
                     effectivePeriod={"start": "2024-01-10", "end": "2024-01-12"}),
        {**administered("0", "x", 1), "medicationCodeableConcept": {"text": "Oncaspar"},
         "dosage": {"dose": {"value": 1250, "unit": "IU"}, "route": {"text": "Intramuscular route"}}},
    )  # fmt: skip
    doses = rm.read(path)
    made = {(d.agent, d.route, d.amount, d.unit, d.day, d.hour, d.infusion_h) for d in doses.histories[0].doses}
    assert made == {("vincristine", "IV", 1.5, "mg", 0, 0.0, 0.0), ("methotrexate", "IV", 5.0, "g", 1, 20.0, 24.0),
                    ("pegaspargase", "IM", 1250.0, "IU", 0, 0.0, 0.0)}  # fmt: skip
    told = "\n".join(doses.notes)
    for said in ("not-done", "entered-in-error", "its day is not said", "a dose in mg, g, ug or IU", "without hours"):
        assert said in told, said


def test_orders_are_played_only_where_nothing_says_what_was_given(tmp_path: Path) -> None:
    order = {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"reference": "Patient/a"},  # noqa: E501
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "6851"}]},
        "dosageInstruction": [{
            "timing": {"repeat": {"boundsPeriod": {"start": "2024-02-20", "end": "2024-03-10"}, "frequency": 1,
                                  "period": 1, "periodUnit": "wk"}},
            "route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006"}]},
            "doseAndRate": [{"doseQuantity": {"value": 15, "unit": "mg"}}],
        }],
    }  # fmt: skip
    (history,) = rm.read(put(tmp_path, order)).histories
    assert [(d.agent, d.route, d.amount, d.day) for d in history.doses] == [
        ("methotrexate", "PO", 15.0, d) for d in (0, 7, 14)
    ]
    twice = json.loads(json.dumps(order))
    twice["dosageInstruction"][0]["timing"] = {
        "repeat": {"boundsPeriod": {"start": "2024-02-28", "end": "2024-03-01"}}, "code": {"coding": [{"system": "x", "code": "BID"}]}  # noqa: E501
    }  # fmt: skip
    (history,) = rm.read(put(tmp_path, twice)).histories
    assert [(d.day, d.last_day, d.times, d.last_hour) for d in history.doses] == [(0, 2, 2, 12.0)], "a leap day"
    given_ = administered("11202", "vincristine", 1.5, subject={"reference": "Patient/a"})
    both = rm.read(put(tmp_path, order, given_))
    assert [d.agent for d in both.histories[0].doses] == ["vincristine"]
    assert any("requests are not played" in note for note in both.notes)


def counted(code: str, value: float, unit: str, when: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/a"},
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "effectiveDateTime": when,
        "valueQuantity": {"value": value, "unit": unit},
    } | more  # fmt: skip


def taken(code: str, dose: float, first: str, last: str, frequency: int = 1, unit: str = "d") -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"reference": "Patient/a"},  # noqa: E501
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": code}]},
        "dosageInstruction": [{
            "timing": {"repeat": {"boundsPeriod": {"start": first, "end": last}, "frequency": frequency, "period": 1,
                                  "periodUnit": unit}},
            "route": {"text": "oral"}, "doseAndRate": [{"doseQuantity": {"value": dose, "unit": "mg"}}],
        }],
    }  # fmt: skip


def test_counts_and_maintenance_doses_are_a_chart(tmp_path: Path) -> None:
    path = put(
        tmp_path, counted("751-8", 1900, "/uL", "2024-01-01"), counted("777-3", 250, "10*3/uL", "2024-01-01T09:00:00Z"),
        counted("718-7", 112, "g/L", "2024-01-01"), counted("6690-2", 3.1, "10*9/L", "2024-01-01"),
        counted("751-8", 0.4, "10*9/L", "2024-01-15"), counted("751-8", 1.2, "10*9/L", "2024-01-29"),
        counted("751-8", 1.2, "mmol/L", "2024-01-29"), counted("751-8", 1.3, "10*9/L", "2024"),
        counted("751-8", 9.9, "10*9/L", "2024-01-20", status="entered-in-error"),
        taken("103", 50, "2024-01-01", "2024-01-14"), taken("103", 25, "2024-01-29", "2024-02-11"),
        taken("6851", 15, "2024-01-01", "2024-02-11", unit="wk"),
    )  # fmt: skip
    chart = rm.read(path, "fhir-chart")
    assert [(v.day, v.anc) for v in chart.visits] == [(0, 1.9), (14, 0.4), (28, 1.2)]
    first = chart.visits[0]
    assert (first.platelets, first.haemoglobin, first.wbc) == (250, pytest.approx(11.2), 3.1)
    assert [v.mercaptopurine_mg for v in chart.visits] == [50, 0, 25], "nothing in between: held"
    assert [v.methotrexate_mg for v in chart.visits] == pytest.approx([15, 15, 15])
    told = "\n".join(chart.told())
    assert "mmol/l" in told and "without a day" in told and len(chart.problems) == 2


def test_a_bundle_goes_to_fit_on_the_command_line(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from remission.cli import app

    app(["fit", str(bundle), "--read-only", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["visits"] > 10
    app(["import", str(bundle), "--as", "fhir-chart"], standalone_mode=False)
    assert "counted: anc" in capsys.readouterr().out


def test_the_chart_of_a_virtual_patient_has_its_counts(bundle: Path, one: OnePatient) -> None:
    chart = rm.read(bundle, "fhir-chart")
    assert chart.column("anc") == pytest.approx(one.measurements["anc"].to_numpy(), rel=1e-5)
    assert list(chart.days) == (one.measurements["day"] - one.measurements["day"][0]).to_list()


def test_an_infusion_of_an_order_is_as_long_as_its_rate_says(tmp_path: Path) -> None:
    """5,000 mg at 208.333 mg/h take 24 hours; a rate in mL/h says nothing of them."""
    order = taken("6851", 5000, "2024-01-01", "2024-01-01")
    order["dosageInstruction"][0]["route"] = {"text": "IV"}
    rate = order["dosageInstruction"][0]["doseAndRate"][0]
    rate["rateQuantity"] = {"value": 208.3333, "unit": "mg/h"}
    assert rm.read(put(tmp_path, order)).histories[0].doses[0].infusion_h == pytest.approx(24.0, abs=0.01)
    rate["rateQuantity"] = {"value": 50, "unit": "mL/h"}
    doses = rm.read(put(tmp_path, order))
    assert doses.histories[0].doses[0].infusion_h == 0.0 and any("rate" in note for note in doses.notes)


def test_the_size_is_that_of_the_time_of_the_first_dose(tmp_path: Path) -> None:
    weights = [counted("29463-7", kg, "kg", day) for kg, day in ((31.0, "2027-05-01"), (20.0, "2024-01-05"))]
    (history,) = rm.read(put(tmp_path, *weights, taken("103", 50, "2024-01-09", "2024-01-20"))).histories
    assert history.facts["weight_kg"] == 20.0
    assert (
        rm.read(
            put(tmp_path, counted("29463-7", 44, "[lb_av]", "2024-01-05"), taken("103", 50, "2024-01-09", "2024-01-20"))
        )
        .histories[0]
        .facts
        == {}
    )  # noqa: E501


MEDICINES = {"11202": ("vincristine", 0.1, 2.0), "6851": ("methotrexate", 10.0, 5000.0), "3002": ("cyclophosphamide", 50, 1500),  # noqa: E501
             "3041": ("cytarabine", 10.0, 4000.0)}  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(MEDICINES)), st.integers(0, 900), st.floats(0, 1), st.booleans()), min_size=1,
        max_size=12, unique_by=lambda x: x[:2],
    ),
    st.dates(date(1990, 1, 1), date(2090, 1, 1)),
    st.sampled_from(["", "T08:30:00Z", "T23:59:59+05:30", "T00:00:00-08:00"]),
)  # fmt: skip
def test_dates_and_doses_come_in_unchanged(
    tmp_path_factory: pytest.TempPathFactory, lines, start: date, clock: str
) -> None:
    resources, expected = [], []
    first = min(day for _, day, _, _ in lines)
    for code, day, share, in_grams in lines:
        name, low, high = MEDICINES[code]
        amount = round(low + share * (high - low), 3)
        value, unit = (amount / 1000.0, "g") if in_grams else (amount, "mg")
        resources.append(administered(code, name, value, unit, f"{start + timedelta(days=day)}{clock}"))
        expected.append((name, day - first, pytest.approx(amount)))
    (history,) = rm.read(put(tmp_path_factory.mktemp("x"), *resources)).histories
    found = [(d.agent, day, d.amount * {"g": 1000.0, "mg": 1.0}[d.unit]) for d in history.doses
             for day in range(d.day, d.last_day + 1)]  # fmt: skip
    assert sorted(found) == sorted(expected, key=lambda x: x[:2])


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)  # noqa: E501
    | st.sampled_from(["2024-01-09", "11202", RXNORM, "mg", "completed"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["coding", "system", "code", "text", "value", "unit", "start", "end", "reference", "repeat"]), inner,  # noqa: E501
        max_size=3), max_leaves=8,
)  # fmt: skip
PATHS = [("status",), ("effectiveDateTime",), ("effectivePeriod",), ("medicationCodeableConcept",), ("subject",), ("dosage",),  # noqa: E501
         ("dosage", "dose"), ("dosage", "dose", "value"), ("dosage", "route"), ("resourceType",),
         ("medicationCodeableConcept", "coding")]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(PATHS),
    anything,
    st.sampled_from(["MedicationAdministration", "MedicationRequest", "Observation", "Patient"]),
)
def test_whatever_stands_where_a_bundle_has_something_else_it_is_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, where, what, kind
) -> None:
    resource = administered("11202", "vincristine", 1.5, resourceType=kind)
    resource |= {
        "dosageInstruction": what,
        "valueQuantity": what,
        "contained": what,
        "birthDate": what,
        "id": what,
        "intent": "order",
    }
    inside: Any = resource
    for key in where[:-1]:
        inside = inside[key]
    inside[where[-1]] = what
    path = put(tmp_path_factory.mktemp("x"), resource, administered("11202", "vincristine", 1.5))
    assert rm.read(path, "fhir").histories


def test_orders_without_end_are_refused_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fhir_bundle, "MOST_DOSES", 3000)
    endless = taken("103", 50, "2000-01-01", "2050-01-01", unit="wk")
    endless["dosageInstruction"] *= 2
    with pytest.raises(BadInput, match="more than 3,000 doses"):
        rm.read(put(tmp_path, endless))


@pytest.mark.parametrize(
    "text", ["{}", '{"resourceType": "Bundle"}', '{"resourceType": "Bundle", "entry": [1, {"a": 2}]}', "[]"]
)
def test_a_file_that_holds_no_dose_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(BadInput):
        fhir_in.read(path)


def test_an_address_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no address"):
        rm.export(rm.read_protocol("eliana"), "fhir", tmp_path / "x.json", base="javascript:alert(1)")
