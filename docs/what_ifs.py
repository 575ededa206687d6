"""Writes docs/what-ifs.md: the same virtual patients with one thing changed in their treatment, side by side.

make what-ifs, or: python docs/what_ifs.py [--patients 1000] [--seed 1]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from remission.knowledge.writing import write_whole
from remission.protocol.model import Protocol
from remission.protocol.reader import read_protocol
from remission.protocol.variant import variant
from remission.trial.side_by_side import SideBySide, side_by_side

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Change:
    """Sentences that are added, agents that are left out, in some phases (all when none is named)."""

    add: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()


@dataclass(frozen=True)
class WhatIf:
    """One question: a protocol, what is changed in turn, and the measures that answer it (of all the rows of
    `side_by_side`). ``lower``: the first of them is expected to fall (True) or to rise (False)."""

    question: str
    protocol: str
    changes: tuple[Change, ...]
    measures: tuple[str, ...]
    lower: bool
    known: str
    years: float = 1.0
    population: str | None = None

    def changed(self) -> Protocol:
        protocol = read_protocol(self.protocol)
        for change in self.changes:
            protocol = variant(protocol, without=change.without, add=change.add, phases=change.phases)
        return protocol

    def played(self, patients: int, seed: int) -> SideBySide:
        return side_by_side(self.protocol, self.changed(), patients=patients, seed=seed, population=self.population,
                            years=self.years)  # fmt: skip


def _capped(phase: str, days: str) -> tuple[Change, ...]:
    return (
        Change(without=("pegaspargase",), phases=(phase,)),
        Change(add=(f"pegaspargase 2500 IU/m2 IV (max 3750 IU) on days {days}",), phases=(phase,)),
    )


WHAT_IFS = (
    WhatIf(
        "No medicine against sickness in consolidation; the first hundred days",
        "cog-high-risk",
        (Change(without=("aprepitant", "ondansetron"), phases=("consolidation", "slow consolidation")),),
        ("nausea vomiting, days", "nausea vomiting, days in grade 3 or more", "constipation, any grade"),
        False,
        "control in 93 % of 15 children on the first day (Dick 1995)",
        years=0.27,
    ),
    WhatIf(
        "Itraconazole every day beside vincristine, in induction, consolidation and delayed intensification",
        "cog-high-risk",
        (
            Change(
                add=("itraconazole 5 mg/kg/day PO in 1 dose daily",),
                phases=("induction", "consolidation", "delayed intensification"),
            ),
        ),
        ("neuropathy, any grade", "neuropathy, grade 3 or more", "constipation, any grade"),
        False,
        "severe neurotoxicity in 29 with and 6 % without itraconazole, adults (series told in van Schie 2011)",
    ),
    WhatIf(
        "Dexrazoxane at ten times the dose, before each anthracycline",
        "bfm-standard",
        (
            Change(add=("dexrazoxane 300 mg/m2 IV on days 8, 15, 22, 29",), phases=("IA",)),
            Change(add=("dexrazoxane 300 mg/m2 IV on days 8, 15, 22, 29",), phases=("II",)),
        ),
        ("heart damage, grade 3 or more", "relapse"),
        True,
        "half of the loss of function five years after 300 mg/m2 (Lipshultz 2010); relapse hazard 0.84 (0.63 to 1.13) "
        "(Chow 2022)",
        years=5.0,
    ),
    WhatIf(
        "Pegaspargase capped at one vial, 3750 IU, in young adults",
        "cog-high-risk",
        (*_capped("induction", "4"), *_capped("consolidation", "15, 43"), *_capped("delayed intensification", "4, 43")),
        ("thrombosis, any grade", "pancreatitis, any grade", "hyperglycaemia, any grade", "relapse"),
        True,
        "usual in adults and in AIEOP-BFM trials; no randomised number was read",
        population="adult-all",
        years=5.0,
    ),
    WhatIf(
        "Rasburicase in place of allopurinol for five days from the first dose",
        "bfm-standard",
        (
            Change(
                without=("allopurinol",), add=("rasburicase 0.2 mg/kg/day IV in 1 dose on days 1-5",), phases=("IA",)
            ),
        ),
        ("tumour lysis, grade 3 or more", "tumour lysis, days in grade 3 or more"),
        True,
        "2.6 times less uric acid than with allopurinol (Goldman 2001)",
    ),
    WhatIf(
        "No allopurinol in the first week",
        "bfm-standard",
        (Change(without=("allopurinol",)),),
        ("tumour lysis, grade 3 or more", "tumour lysis, days in grade 3 or more"),
        False,
        "that it halves the hazard is assumed: no trial of allopurinol against nothing was found",
    ),
    WhatIf(
        "G-CSF from the end of each course of consolidation until neutrophils come back",
        "cog-high-risk",
        (
            Change(add=("filgrastim 5 ug/kg SC on days 13-28, 41-56 if anc < 1",), phases=("consolidation",)),
        ),
        ("neutropenia, days in grade 3 or more", "febrile neutropenia, grade 3 or more", "days of delay at gates"),
        True,
        "no trial in this phase was read",
    ),
    WhatIf(
        "Levofloxacin every day in blocks 1 and 2 of a first relapse",
        "aall1331-chemotherapy",
        (Change(add=("levofloxacin 10 mg/kg/day PO in 1 dose on days 1-35",), phases=("block 1", "block 2")),),
        ("bloodstream infection, grade 3 or more", "febrile neutropenia, grade 3 or more"),
        True,
        "bloodstream infection in 21.9 with and 43.4 % without it, in two courses (Alexander 2018)",
    ),
    WhatIf(
        "Mercaptopurine tablets missed on one day in ten of maintenance",
        "cog-standard-risk",
        (Change(add=("miss 10% of mercaptopurine",), phases=("maintenance",)),),
        ("neutropenia, days in grade 3 or more", "fever episodes", "relapse", "event-free survival at 6 years"),
        True,
        "children who took less than 95 % of their tablets relapsed more often, 13.9 against 4.7 %, hazard ratio 2.7 "
        "(COG AALL03N1, Bhatia 2015); against 95 % or more, 4.1 (1.2 to 13.5) at 90 to 94.9 %, 4.0 (1.0 to 15.5) at "
        "85 to 89.9 % and 5.7 (1.9 to 16.8) below 85 % (Bhatia 2012). That is an association: who misses tablets may "
        "differ in other ways, too. What is played is the cause alone, the same children with and without the missed "
        "tablets, with doses raised again by the counts. It does not bring the observed difference about",
        years=6.0,
    ),
)  # fmt: skip


def page(patients: int, seed: int) -> str:
    """The whole page."""
    out = [
        "# What if?",
        "",
        f"`make what-ifs` wrote this page: {patients:,} virtual patients (seed {seed}) play a protocol and the same "
        "protocol with one change, each patient with the same chance in both. Differences are paired, with their 95 % "
        "intervals; * leaves out zero. Any of these is one line of `remission compare PROTOCOL --without AGENT "
        "--add SENTENCE --in PHASE`.",
        "",
    ]
    for what in WHAT_IFS:
        found = what.played(patients, seed)
        out += [f"## {what.question}", "", f"`{what.protocol}`, {what.years:g} year{'s' if what.years != 1 else ''}. "
                f"Known: {what.known}.", "", "| | as written | changed | difference (95 % CI) | |",
                "| --- | ---: | ---: | ---: | --- |"]  # fmt: skip
        for measure in what.measures:
            out.append(f"| {measure} | {' | '.join(found.row(measure).cells())} |")
        out.append("")
    return "\n".join(out)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--patients", type=int, default=1000)
    ask.add_argument("--seed", type=int, default=1)
    said = ask.parse_args()
    write_whole(HERE / "what-ifs.md", page(said.patients, said.seed))


if __name__ == "__main__":
    main()
