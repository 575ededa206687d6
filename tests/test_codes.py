"""The codes of things in other people's systems: known ones say where they were read, unknown ones are named."""

from __future__ import annotations

import json

import pytest

from remission.knowledge.codes_file import codes, lines
from remission.knowledge.library import library
from remission.knowledge.quantity import Read


def test_every_code_of_an_agent_says_once_how_it_was_read() -> None:
    for system, readings in codes().agents.items():
        named = [a for r in readings if r.agents != "every" for a in r.agents]
        assert len(named) == len(set(named)), system
        have = {a for a in library().agents() if system in library().agent(a).codes}
        assert set(named) == have or any(r.agents == "every" for r in readings), system
    for name in library().agents():
        assert all(code.source or code.note for code in codes().of_agent(name)), name


def test_every_source_of_a_code_is_in_the_bibliography() -> None:
    cited = [c.source for group in codes().concepts.values() for found in group.values() for c in found]
    cited += [r.source for readings in codes().agents.values() for r in readings]
    assert set(filter(None, cited)) <= set(library().sources())
    known = [c for group in codes().concepts.values() for found in group.values() for c in found]
    assert all(c.source or c.read is Read.MEMORY for c in known)
    assert all(c.system in codes().systems for c in known)


def luhn_of_loinc(code: str) -> bool:
    """LOINC's own check: the digit after the hyphen is that of mod 10 of the number before it."""
    number, check = code.split("-")
    total = sum(sum(divmod(int(d) * (2 if i % 2 == 0 else 1), 10)) for i, d in enumerate(reversed(number)))
    return (-total) % 10 == int(check)


def verhoeff(number: str) -> int:
    """SNOMED CT's own check: 0 for a whole identifier."""
    permute = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    for _ in range(6):
        permute.append([permute[1][i] for i in permute[-1]])
    times = [[(a + b) % 5 if a < 5 and b < 5 else 0 for b in range(10)] for a in range(10)]
    for a in range(10):
        for b in range(10):
            if a < 5 and b >= 5:
                times[a][b] = 5 + (a + b - 5) % 5
            elif a >= 5 and b < 5:
                times[a][b] = 5 + (a - 5 - b) % 5
            elif a >= 5 and b >= 5:
                times[a][b] = (a - b) % 5
    check = 0
    for i, digit in enumerate(reversed(number)):
        check = times[check][permute[i % 8][int(digit)]]
    return check


def test_the_check_digits_of_loinc_and_snomed_ct_are_right() -> None:
    known = [c for group in codes().concepts.values() for found in group.values() for c in found]
    assert all(luhn_of_loinc(c.code) for c in known if c.system == "LOINC")
    assert all(verhoeff(c.code) == 0 for c in known if c.system == "SNOMED CT")
    assert not luhn_of_loinc("718-6") and verhoeff("277571005")


def test_a_code_leads_back_to_what_it_means() -> None:
    rxnorm = codes().systems["RxNorm"].uri
    assert codes().agent_of(rxnorm, "11202") == "vincristine"
    assert codes().agent_of(codes().systems["ATC"].uri, "L01XX02") is None, "two asparaginases share it"
    assert codes().agent_of(rxnorm, "0") is None
    assert codes().meaning("route", "http://snomed.info/sct", "47625008") == "IV"
    assert codes().meaning("measured", "http://loinc.org", "751-8") == "anc"


def test_what_has_no_code_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    from remission.cli import app

    without = {(line.of, line.thing) for line in lines() if not line.code}
    assert ("agent", "pegaspargase") in without and ("disease", "T") in without
    assert not any(thing in ("sibling_blood", "cranial_irradiation") for _, thing in without)
    app(["list", "codes", "--missing", "--json"], standalone_mode=False)
    printed = {(row["of"], row["thing"]) for row in json.loads(capsys.readouterr().out)}
    assert printed == without
    app(["list", "codes"], standalone_mode=False)
    assert "277571004" in capsys.readouterr().out
