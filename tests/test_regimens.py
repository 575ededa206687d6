"""Regimens in other notations become drafts that the language reads; nothing unclear is guessed silently."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import remission as rm
from remission.exchange import brn, hemonc
from remission.exchange.draft import Draft
from remission.knowledge.errors import BadInput
from remission.protocol.link import without_linked
from remission.protocol.model import Protocol
from remission.protocol.write import days as days_in_words

BEACOPP = """Name: BEACOPP
NCI-Code: C11638

Course: BEACOPP
Bleomycin 10.0 IU/m^2 iv d8
Etoposide 100.0 mg/m^2 iv d1-3
Doxorubicin 25.0 mg/m^2 iv d1
Cyclophosphamide 650.0 mg/m^2 iv push 30-60 mins d1 in cycles 2-4
Vincristine 1.4 mg/m^2 iv d8
Procarbazine 100.0 mg/m^2 po qd d1-7
Prednisone 40.0 mg/m^2 po qd d1-7
Q21d x 4 cycles

Course: Course 2
Etoposide 100.0 mg/m^2 iv d1-3
Q21d
"""  # the example of the notation's own page


def draft(tmp_path: Path, text: str, name: str = "a.brn") -> Draft:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    made = rm.read(path)
    assert isinstance(made, Draft)
    return made


def doses(protocol: Protocol) -> list[tuple[object, ...]]:
    """Phase by phase what is given on a day: agent, route, amount a day, unit, days."""
    return [
        (phase.days, phase.repeat_times or 1, give.agent, give.route,
         round((give.amount or 0) * (give.doses_per_day if give.per == "dose" else 1), 9), give.unit, give.days,
         give.doses_per_day, give.infusion_h)
        for phase in protocol.phases for give in phase.give
    ]  # fmt: skip


def test_the_example_of_the_notation_is_a_draft_with_everything_unclear_marked_open(tmp_path: Path) -> None:
    made = draft(tmp_path, BEACOPP)
    protocol = made.protocol()
    assert protocol.name == "BEACOPP"
    assert [(p.name, p.days, p.repeat_times) for p in protocol.phases] == [
        ("BEACOPP, cycle 1", 21, None), ("BEACOPP, cycles 2-4", 21, 3), ("Course 2", 21, None)
    ]  # fmt: skip
    first, later, second = protocol.phases
    assert [g.agent for g in first.give] == ["etoposide", "doxorubicin", "vincristine", "prednisone"]
    assert "cyclophosphamide" in [g.agent for g in later.give] and second.give[0].days == (1, 2, 3)
    cyclophosphamide = next(g for g in later.give if g.agent == "cyclophosphamide")
    assert "30-60" in (cyclophosphamide.provenance.open or "") and cyclophosphamide.infusion_h is None
    told = "\n".join(made.told())
    for said in ("Bleomycin", "Procarbazine", "NCI-Code: C11638", "number of cycles is not said", "who is treated"):
        assert said in told, said


def test_a_draft_passes_the_check_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from remission.cli import app

    (tmp_path / "a.brn").write_text(BEACOPP, encoding="utf-8")
    out = tmp_path / "draft.yaml"
    app(["import", str(tmp_path / "a.brn"), "--out", str(out)], standalone_mode=False)
    assert "open: who is treated" in capsys.readouterr().out
    app(["check", str(out)], standalone_mode=False)
    assert rm.read_protocol(out).phases


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("PRED 40 mg/m^2 po d1", "prednisolone or prednisone"),
        ("Carboplatin 5 AUC iv d1", "AUC"),
        ("Ondansetron 5 mg/m^2 iv prn d1", "prn"),
        ("Vincristine 1.5 mg/m^2 d1", "route is not said"),
        ("Vincristine 1.5 mg/m^2 iv", "days are not said"),
        ("Vincristine 1.5 mg/m^2 iv d99", "day 99 lies behind the end"),
        ("Vincristine 1.5 mg/m^2 iv d8-1", "backwards"),
        ("Vincristine 1500 mg/m^2 iv d1", "far more than usual"),
        ("Vincristine 1.5 mg/m^2 it d1", "IT"),
    ],
)
def test_a_line_that_cannot_be_given_stays_with_its_reason(tmp_path: Path, line: str, why: str) -> None:
    made = draft(tmp_path, f"Course: A\nEtoposide 100 mg/m^2 iv d1-3\n{line}\nQ21d x 2 cycles\n")
    (phase,) = made.protocol().phases
    assert [g.agent for g in phase.give] == ["etoposide"]
    assert any(f"line 3, '{line}'" in said and why in said for said in phase.open), phase.open


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        ("Prednisone 20 mg/m^2 po bid d1-7", "bid"),
        ("Etoposide 100-200 mg/m^2 iv d1", "100-200"),
        ("Etoposide 100 mg/m^2 iv slowly d1", "slowly"),
    ],
)
def test_a_line_that_is_given_says_what_is_open_in_it(tmp_path: Path, line: str, mark: str) -> None:
    (phase,) = draft(tmp_path, f"Course: A\n{line}\nQ21d x 2 cycles\n").protocol().phases
    (give,) = phase.give
    assert mark in (give.provenance.open or "")


AGENTS = {"vincristine": (0.5, 2, "mg/m^2", "iv"), "etoposide": (60, 150, "mg/m^2", "iv"),
          "mercaptopurine": (25, 75, "mg/m^2", "po"), "cyclophosphamide": (300, 1000, "mg/m^2", "iv"),
          "pegaspargase": (1000, 2500, "IU/m^2", "im")}  # fmt: skip


@st.composite
def courses(draw: st.DrawFn) -> list[tuple[int, int, list[tuple[str, float, str, str, list[int]]]]]:
    made = []
    for _ in range(draw(st.integers(1, 3))):
        length = draw(st.integers(7, 84))
        lines = []
        for agent in draw(st.lists(st.sampled_from(sorted(AGENTS)), min_size=1, max_size=4, unique=True)):
            low, high, unit, route = AGENTS[agent]
            amount = draw(st.integers(round(low * 100), round(high * 100))) / 100
            most = min(length, 3)
            days = draw(st.lists(st.integers(1, length), min_size=1, max_size=most, unique=True).map(sorted))
            lines.append((agent, amount, unit, route, days))
        made.append((length, draw(st.integers(1, 6)), lines))
    return made


@settings(max_examples=25, deadline=None)
@given(of=courses())
def test_doses_and_days_come_in_as_they_were_written(tmp_path_factory: pytest.TempPathFactory, of) -> None:
    text = ""
    for i, (length, cycles, lines) in enumerate(of, 1):
        text += f"Course: {i}\n"
        for agent, amount, unit, route, days in lines:
            text += f"{agent.capitalize()} {amount} {unit} {route} d{days_in_words(days).replace(' ', '')}\n"
        text += f"Q{length}d x {cycles} cycles\n\n"
    protocol = draft(tmp_path_factory.mktemp("brn"), text).protocol()
    written = [
        (length, cycles, agent, route.upper(), amount, unit.replace("^", ""), tuple(days), 1, None)
        for length, cycles, lines in of
        for agent, amount, unit, route, days in lines
    ]
    assert doses(protocol) == written


@pytest.mark.parametrize("name", ["cog-high-risk", "ukall-2003", "hyper-cvad", "total-xv"])
def test_what_goes_out_of_a_protocol_comes_back_with_the_same_doses(tmp_path: Path, name: str) -> None:
    protocol = rm.read_protocol(name)
    path = rm.export(protocol, "brn", tmp_path / "out.brn")
    text = path.read_text(encoding="utf-8")
    back = rm.read(path).protocol()
    out = [d[:5] + d[5:7] for d in doses(back)]
    chain = brn._in_turn(without_linked(protocol))
    assert len(back.phases) == len(chain)
    expressed = [
        (phase.days, phase.repeat_times or 1, give.agent, give.route,
         round(give.amount * (give.doses_per_day if give.per == "dose" else 1), 9), give.unit,
         brn._days_given(give, phase))
        for phase in chain for give in phase.give if not brn._not_expressed(give, phase)
    ]  # fmt: skip
    assert out == [e for e in expressed if e[-1]]
    unsaid = sum(bool(brn._not_expressed(give, phase)) for phase in chain for give in phase.give)
    assert sum("(" in line for line in text.splitlines() if line.startswith("Left-Out")) >= unsaid
    for said in (line.partition(": ")[2] for line in text.splitlines() if line.startswith("Left-Out")):
        assert any(said[:40].replace("[", "(") in o for o in back.open), said


SIGS = """regimen,variant,phase,phase_step,portion,component,component_role,route,doseminnum,dosemaxnum,doseunit,\
dosecapnum,dosecapunit,durationminnum,durationmaxnum,durationunit,frequency,divided,alldays,cyclesigs,timing_sequence
L,v1,Induction,1,1,Daunorubicin,primary systemic,IV,60,60,mg/m^2,,,,,,once per day,false,"1,2,3,(15)",28-day course,
L,v1,Induction,1,1,Vincristine (Oncovin),primary systemic,IV,1.4,1.4,mg/m^2,2,mg,,,,once per day,false,"1,8,15,22",28-day course,
L,v1,Induction,1,1,Prednisone (Sterapred),primary systemic,PO,60,60,mg/m^2,,,,,,twice per day,true,1-28,28-day course,
L,v1,Induction,1,1,Asparaginase (Elspar),primary systemic,IM,6000,6000,units/m^2,,,,,,once per day,false,17-28,28-day course,
L,v1,Consolidation,2,1,Etoposide (Vepesid),primary systemic,IV,200,300,mg/m^2,,,30,60,minutes,once per day,false,"1,(+n)",28-day cycle for 2 cycles,"1,2"
L,v1,Consolidation,2,1,Methotrexate (MTX),primary systemic,IV,220,220,mg/m^2,,,1,1,hour,once,false,1,28-day cycle for 2 cycles,2
L,v1,Consolidation,2,1,Amifostine (Ethyol),supportive,IV,220,220,mg/m^2,,,1,1,hour,once,false,1,28-day cycle for 2 cycles,2
"""  # noqa: E501


def test_a_table_of_a_regimen_is_a_draft(tmp_path: Path) -> None:
    made = draft(tmp_path, SIGS, "sigs.csv")
    induction, first, second = made.protocol().phases
    daunorubicin, vincristine, prednisone, asparaginase = induction.give
    assert daunorubicin.days == (1, 2, 3) and "(15)" in (daunorubicin.provenance.open or "")
    assert vincristine.cap == (2, "mg") and vincristine.amount == 1.4 and vincristine.provenance.open is None
    assert (prednisone.per, prednisone.amount, prednisone.doses_per_day) == ("day", 60, 2)
    assert asparaginase.agent == "asparaginase_ecoli", "the name is of two, the brand of one"
    assert [g.agent for g in first.give] == ["etoposide"] and "200-300" in (first.give[0].provenance.open or "")
    assert [g.agent for g in second.give] == ["etoposide", "methotrexate"] and second.give[1].infusion_h == 1
    assert any("Amifostine" in said for said in second.open)


def test_a_table_with_several_regimens_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "sigs.csv"
    path.write_text(SIGS.replace("\nL,v1,Consolidation", "\nOther,v1,Consolidation", 1), encoding="utf-8")
    with pytest.raises(BadInput, match="2 of 'regimen': L, Other"):
        rm.read(path)


@pytest.mark.parametrize(
    "text",
    [
        "Course: A\nQ0d x 4 cycles\nVincristine 1 mg iv d1\n",
        "Course: A\nVincristine 1 mg iv d1\nQ99999d x 99999 cycles\n",
        "Course: A\nVincristine 1 mg iv d1 in cycles 1-7000\nQ21d\n",
        "Course: A\n" * 200 + "Vincristine 1 mg iv d1\n",
        "Course: A\n" + "Vincristine 1 mg iv d1\n" * 100_000 + "Q21d\n",
        "Course: A\nVincristine 1 mg iv d1\nQ21d\n" + "what is this\n" * 50_000,
        "Course: A\n" + "a " * 400_000 + "\nQ21d\n",
        "Course: A\nnothing here\nQ21d\n",
        "Course: A\nVincristine " + "9" * 400 + " mg iv d1\nQ21d\n",
    ],
)
def test_a_hostile_regimen_ends_in_a_message(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.brn"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput):
        brn.read(path).protocol()


@settings(max_examples=30, deadline=None)
@given(text=st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=300))
def test_whatever_a_regimen_holds_it_is_a_draft_or_a_message(tmp_path_factory: pytest.TempPathFactory, text) -> None:
    path = tmp_path_factory.mktemp("x") / "a.brn"
    path.write_text(f"Course: {text}\nVincristine 1 mg iv d1\n{text}\nQ21d x 2 cycles", encoding="utf-8")
    try:
        brn.read(path).protocol()
    except BadInput:
        pass


def test_a_table_that_means_harm_ends_in_a_message(tmp_path: Path) -> None:
    head = SIGS.split("\n", 1)[0]
    for body in ("L,v1," * 3, ("L,v1" + "," * 19 + "\n") * 20_000, 'L,v1,"' + "x" * 100_000):
        path = tmp_path / "sigs.csv"
        path.write_text(f"{head}\n{body}", encoding="utf-8")
        with pytest.raises(BadInput):
            hemonc.read(path)
