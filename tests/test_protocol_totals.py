"""The doses of protocols add up to what their sources say, phase by phase; who is meant gets them."""

from __future__ import annotations

import pytest

from remission.protocol.model import Give
from remission.protocol.reader import read_protocol
from remission.trial.run import simulate

# (protocol, phase, agent, route): sum of what is given without a condition, in the unit of the line; from the totals
# of the published tables as they were noted with each schedule
TOTALS = {
    ("aall0434-capizzi", "induction", "prednisone", "PO"): 1680,
    ("aall0434-capizzi", "consolidation", "cyclophosphamide", "IV"): 2000,
    ("aall0434-capizzi", "consolidation", "cytarabine", "IV"): 1200,
    ("aall0434-high-dose", "interim maintenance", "methotrexate", "IV"): 20,
    ("aall0434-capizzi-nelarabine", "consolidation", "nelarabine", "IV"): 6500,
    ("aall0434-capizzi-nelarabine", "delayed intensification", "nelarabine", "IV"): 3250,
    ("aall0434-capizzi-nelarabine", "maintenance with nelarabine", "nelarabine", "IV"): 3250,
    ("bfm-high-risk", "first HR-1", "cyclophosphamide", "IV"): 1000,
    ("bfm-high-risk", "first HR-1", "cytarabine", "IV"): 4,
    ("bfm-high-risk", "first HR-2", "vindesine", "IV"): 6,
    ("bfm-high-risk", "first HR-2", "ifosfamide", "IV"): 4000,
    ("bfm-high-risk", "first HR-3", "etoposide", "IV"): 500,
    ("bfm-high-risk", "first HR-3", "cytarabine", "IV"): 8,
    ("interfant-06", "induction", "cytarabine", "IV"): 1050,
    ("interfant-06", "induction", "prednisolone", "PO"): 420,
    ("interfant-06", "MARMA", "cytarabine", "IV"): 24,
    ("interfant-06", "OCTADAD 1", "thioguanine", "PO"): 1680,
    ("ukall-2003", "induction", "vincristine", "IV"): 7.5,
    ("ukall-2003", "augmented consolidation", "pegaspargase", "IM"): 2000,
    ("ukall-2003", "delayed intensification 1", "dexamethasone", "PO"): 140,
    ("ukall12-e2993", "induction 1", "daunorubicin", "IV"): 240,
    ("ukall12-e2993", "induction 1", "asparaginase_ecoli", "IV"): 120_000,
    ("ukall12-e2993", "induction 2", "cyclophosphamide", "IV"): 1950,
    ("ukall12-e2993", "induction 2", "methotrexate", "IT"): 50,
    ("total-xv", "induction", "prednisone", "PO"): 1120,
    ("total-xv", "reinduction 1", "asparaginase_ecoli", "IM"): 75_000,
    ("total-xv", "low reinduction 1", "asparaginase_ecoli", "IM"): 90_000,
}


def given(line: Give) -> float:
    assert line.amount is not None
    times = 1 if line.per == "day" else line.doses_per_day
    return line.amount * times * len(line.days)


@pytest.mark.parametrize(("name", "phase", "agent", "route"), list(TOTALS))
def test_the_doses_of_a_phase_add_up_to_the_published_total(name: str, phase: str, agent: str, route: str) -> None:
    lines = [g for g in read_protocol(name).phase(phase).give if (g.agent, g.route, g.when) == (agent, route, None)]
    assert sum(map(given, lines)) == pytest.approx(TOTALS[name, phase, agent, route])


@pytest.mark.parametrize(("name", "fewest", "most"), [("total-xv", 13, 25), ("cccg-2015", 16, 22)])
def test_the_fluid_is_treated_as_often_as_published(name: str, fewest: int, most: int) -> None:
    """Of low risk and of the others; without those who get more because the fluid or T cells ask for it."""
    phases = read_protocol(name).phases
    low = [p for p in phases if p.id.startswith("low ")]
    shared = [p for p in phases if p.id in ("induction", "consolidation")]
    others = [p for p in phases if p not in low and ":" not in p.id]
    for way in (shared + low, others):
        times = sum(len(g.days) * (p.repeat_times or 1) for p in way for g in p.give
                    if (g.agent, g.route, g.when) == ("methotrexate", "IT", None))  # fmt: skip
        assert fewest <= times <= most


def test_six_courses_of_nelarabine_are_thirty_doses() -> None:
    phases = read_protocol("aall0434-high-dose-nelarabine").phases
    doses = [len(g.days) * (p.repeat_times or 1) for p in phases for g in p.give if g.agent == "nelarabine"]
    assert sum(doses) == 30


def test_who_has_low_risk_t_cell_leukaemia_gets_no_nelarabine_and_no_irradiation(tmp_path) -> None:
    run = simulate("aall0434-capizzi-nelarabine", patients=120, seed=2, out=tmp_path / "run")
    people, doses, mrd = (run.scan(name).collect() for name in ("outcomes", "doses", "mrd"))
    first = {r["patient"]: r["reported_fraction"] for r in mrd.filter(mrd["phase_day"] == 29).iter_rows(named=True)
             if r["phase"] == "induction"}  # fmt: skip
    low = {r["patient"] for r in people.iter_rows(named=True) if r["patient"] in first
           and r["age_y"] < 9.9 and r["wbc"] < 50 and r["cns"] == 1 and first[r["patient"]] < 0.001}  # fmt: skip
    treated = {agent: set(doses.filter(doses["agent"] == agent)["patient"].to_list())
               for agent in ("nelarabine", "cranial_irradiation")}  # fmt: skip
    assert low and not low & treated["nelarabine"] and not low & treated["cranial_irradiation"]
    others = {p for p, found in first.items() if found >= 0.001}
    assert others & treated["nelarabine"] and others & treated["cranial_irradiation"]


def test_high_risk_of_aieop_bfm_2000_has_three_blocks_and_protocol_ii_twice() -> None:
    """As conter2014 says; ALL-BFM 95, six blocks and protocol II once."""
    phases = {phase.id: phase for phase in read_protocol("bfm-standard").phases}
    way = ["HR-1"]
    ids = list(phases)
    while way[-1] != "bfm-high-risk: maintenance":
        way.append(phases[way[-1]].next or ids[ids.index(way[-1]) + 1])
    rest = [f"bfm-high-risk: {name}" for name in ("II", "irradiation", "maintenance")]
    assert way == ["HR-1", "HR-2", "HR-3", "first II", *rest]
    assert phases["first II"].give == phases["bfm-high-risk: II"].give


def test_high_risk_by_bfm_goes_on_with_blocks_and_nobody_leaves(tmp_path) -> None:
    run = simulate("bfm-standard", patients=100, seed=2, out=tmp_path / "run")
    people, events = (run.scan(name).collect() for name in ("outcomes", "events"))
    assert people["left_for"].is_null().all()
    assert events.filter(events["phase"].str.contains("HR-3"))["patient"].n_unique() >= 5
