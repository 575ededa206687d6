"""Fits what the published incidences of vomiting say of three numbers, and judges the fit on a seed it did not see.

    python benchmarks/fit_vomiting.py [--patients 300] [--seeds 11 12 13] [--judge 21]

1. the hazards of mercaptopurine and of thioguanine, by the guideline class of a course of tablets (side_effects/
   nausea_vomiting.yaml; thioguanine by its own two weeks of delayed intensification);
2. the share of episodes of grade 3 or more, by AALL1331's blocks 2 and 3, both at once.

A hazard is linear in its slope, so that -ln(1 - p) is too, but for the spread between people: a few steps of that rule.
Nothing is written: it prints the numbers for the files.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import polars as pl

from remission.knowledge.library import library
from remission.protocol.variant import variant
from remission.trial.run import simulate
from remission.trial.side_effects import in_phase, phases

NAME = "nausea_vomiting"
RECORD = ("outcomes", "events", "side_effects")
TABLETS = {
    "mercaptopurine": ("consolidation", ("methotrexate", "ondansetron", "vincristine")),
    "thioguanine": (
        "delayed intensification",
        ("aprepitant", "cyclophosphamide", "cytarabine", "doxorubicin", "methotrexate", "ondansetron", "vincristine"),
    ),
}
BLOCKS = ("block 2", "block 3")


def slope(agent: str, value: float | None = None) -> float:
    """The slope of the hazard of vomiting of an agent; with a value, set for the rest of this process."""
    known = library().agent(agent)
    at = next(i for i, effect in enumerate(known.effects) if effect.on == NAME)
    quantity = known.effects[at].slope
    assert quantity is not None
    if value is not None:
        effect = known.effects[at].model_copy(update={"slope": quantity.model_copy(update={"value": value})})
        effects = (*known.effects[:at], effect, *known.effects[at + 1 :])
        library()._agents[agent] = known.model_copy(update={"effects": effects})
    return float(quantity.value)


def in_course(agent: str, patients: int, seeds: Sequence[int]) -> float:
    """Share of those who began the course of tablets who vomited in it, nothing else that makes sick being given."""
    phase, without = TABLETS[agent]
    changed = variant("cog-standard-risk", without=without, phases=(phase,))
    had = began = 0
    for seed in seeds:
        run = simulate(changed, patients=patients, seed=seed, follow_up_years=1, record=RECORD)
        tables = {name: frame.collect() for name, frame in run.frames.items()}
        started = phases(tables).filter(pl.col("phase") == phase)
        found = in_phase(tables["side_effects"].filter(pl.col("side_effect") == NAME), phases(tables))
        had += found.filter(pl.col("phase") == phase)["patient"].n_unique()
        began += started["patient"].n_unique()
    return had / began


def episodes(patients: int, seeds: Sequence[int]) -> dict[str, list[int]]:
    """Number of episodes in each block of AALL1331's chemotherapy, of each patient who began it."""
    out: dict[str, list[int]] = {block: [] for block in BLOCKS}
    for seed in seeds:
        run = simulate("aall1331-chemotherapy", patients=patients, seed=seed, follow_up_years=1, record=RECORD)
        tables = {name: frame.collect() for name, frame in run.frames.items()}
        found = in_phase(tables["side_effects"].filter(pl.col("side_effect") == NAME), phases(tables))
        for block in BLOCKS:
            began = phases(tables).filter(pl.col("phase") == block)["patient"].unique()
            count = dict(found.filter(pl.col("phase") == block).group_by("patient").len().iter_rows())
            out[block] += [count.get(patient, 0) for patient in began]
    return out


def severe(counts: Sequence[int], share: float) -> float:
    """Share of patients with an episode of grade 3 or more, when each one is with this probability."""
    return sum(1 - (1 - share) ** n for n in counts) / len(counts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--judge", type=int, default=21)
    said = parser.parse_args()
    published = library().side_effect(NAME).published
    target = next(p.value / 100 for p in published if p.phases == ("consolidation",))
    for agent in TABLETS:
        for _ in range(3):
            seen = in_course(agent, said.patients, said.seeds)
            print(f"{agent}: slope {slope(agent):.4g} gives {100 * seen:.1f} % in a course, wanted {100 * target:g}")
            slope(agent, slope(agent) * math.log(1 - target) / math.log(1 - min(max(seen, 1e-3), 0.99)))
        judged = in_course(agent, said.patients, [said.judge])
        print(f"{agent}: slope {slope(agent):.4g}; {100 * judged:.1f} % with seed {said.judge}")
    wanted = {p.phase: (p.value, p.n) for p in published if p.protocol == "aall1331-chemotherapy" and p.grade == 3}
    events = sum(value / 100 * n for value, n in wanted.values())
    counts = episodes(said.patients, said.seeds)
    low, high = 0.0, 1.0
    while high - low > 1e-5:
        share = (low + high) / 2
        expected = sum(n * severe(counts[block], share) for block, (_, n) in wanted.items())
        low, high = (share, high) if expected < events else (low, share)
    judge = episodes(said.patients, [said.judge])
    print(f"share of grade 3 or more: {share:.4f}")
    for block, (value, n) in wanted.items():
        fitted, seen, any_grade = (severe(c[block], s) for c, s in ((counts, share), (judge, share), (judge, 1.0)))
        print(
            f"  {block}: {value} % of {n} published, {100 * fitted:.1f} fitted, {100 * seen:.1f} with seed {said.judge}"
            f" (any grade {100 * any_grade:.0f}, {sum(judge[block]) / len(judge[block]):.1f} episodes a patient)"
        )


if __name__ == "__main__":
    main()
