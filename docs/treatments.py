"""Writes docs/treatments.md and its pictures: one virtual patient for each treatment, chosen by a rule.

make treatments, or: python docs/treatments.py [--patients 500] [--seed 1] [--runs runs/treatments]
A run that is in the folder already is not played again. The patient and the days in the texts come from the tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from PIL import Image

from remission.knowledge.writing import write_whole
from remission.trial.picture_immune import engraftments
from remission.trial.pictures import save
from remission.trial.run import Run, simulate

HERE = Path(__file__).parent
KNOWLEDGE = "../src/remission/knowledge/data"
Facts = dict[str, object]


@dataclass(frozen=True)
class Example:
    """A picture. ``choose`` gives the patients that fit the rule, best first; ``facts`` what the text says of one, with
    ``until``, the last day shown."""

    name: str
    title: str
    protocol: str
    rule: str
    choose: Callable[[Run], list[int]]
    facts: Callable[[Run, int], Facts]
    text: str
    files: tuple[str, ...]


# --- looking at tables --------------------------------------------------------------------------


def having(run: Run, event: str, detail: str = "") -> pl.DataFrame:
    """patient and the first day of an event."""
    rows = run.events.filter((pl.col("event") == event) & pl.col("detail").fill_null("").str.contains(detail))
    return rows.group_by("patient").agg(pl.col("day").min()).sort("patient")


def worst(run: Run, side_effect: str) -> pl.DataFrame:
    """patient, grade, day and to_day of the worst episode of a side effect."""
    rows = run.side_effects.filter(pl.col("side_effect") == side_effect).sort("grade", descending=True)
    return rows.unique("patient", keep="first", maintain_order=True).sort("patient")


def first_day(run: Run, patient: int, event: str, detail: str = "") -> int:
    """Day of the first such event of one patient."""
    return int(having(run, event, detail).filter(pl.col("patient") == patient)["day"][0])


def typical(frame: pl.DataFrame, column: str) -> list[int]:
    """Patients, those nearest to the median of a column first."""
    distance = (pl.col(column) - pl.col(column).median()).abs()
    return frame.sort(distance, "patient")["patient"].to_list()


def well(run: Run) -> pl.DataFrame:
    """Outcomes of those who lived without relapse as long as they were followed."""
    alive = pl.col("outcome").is_in(["cured", "in remission", "on treatment"]) & pl.col("relapse_day").is_null()
    return run.outcomes.filter(alive)


# --- the examples -------------------------------------------------------------------------------


def _dasatinib(run: Run) -> list[int]:
    found = having(run, "goes to", "^ponatinib$")
    alive = run.outcomes.filter(pl.col("outcome").is_in(["cured", "in remission", "on treatment"]))
    clean = run.mrd.join(found.rename({"day": "switch"}), on="patient")
    clean = clean.filter((pl.col("day") < pl.col("switch")) & ~pl.col("detected")).select("patient").unique()
    return typical(found.join(alive, on="patient", how="semi").join(clean, on="patient", how="semi"), "day")


def _dasatinib_facts(run: Run, patient: int) -> Facts:
    doses = run.doses.filter((pl.col("patient") == patient) & (pl.col("agent") == "ponatinib") & (pl.col("dose") > 0))
    start = int(doses["from_day"].min() or 0)  # type: ignore[arg-type]
    after = run.states.filter((pl.col("patient") == patient) & (pl.col("day") > start))
    clean = int(after.filter(pl.col("marrow_blast_fraction") < 1e-4)["day"].min() or start)  # type: ignore[arg-type]
    found = having(run, "goes to", "^ponatinib$").height
    seen = first_day(run, patient, "goes to", "^ponatinib$")
    return {"seen": seen, "start": start, "clean": clean, "found": found, "until": clean + 250}


def _blinatumomab(run: Run) -> list[int]:
    held = having(run, "hold", "blinatumomab").join(having(run, "resume", "blinatumomab"), on="patient", how="semi")
    remission = run.outcomes.filter(pl.col("remission_day") < 60)
    released = worst(run, "crs").filter(pl.col("grade") >= 3)
    both = held.join(remission, on="patient", how="semi").join(released, on="patient", how="semi")
    return both["patient"].to_list()


def _blinatumomab_facts(run: Run, patient: int) -> Facts:
    release = worst(run, "crs").filter(pl.col("patient") == patient).row(0, named=True)
    peak = run.states.filter(pl.col("patient") == patient)["cytokine_pg_ml"].max()
    gone = run.states.filter((pl.col("patient") == patient) & (pl.col("b_cells") < 10))["day"].min()
    hold, resume = (first_day(run, patient, e, "blinatumomab") for e in ("hold", "resume"))
    return {**release, "peak": peak, "gone": gone, "hold": hold, "resume": resume, "until": 130}


def _inotuzumab(run: Run) -> list[int]:
    missed = run.doses.filter((pl.col("agent") == "inotuzumab") & (pl.col("dose") == 0))
    missed = missed.group_by("patient").agg(pl.col("from_day").min().alias("missed"))
    injured = worst(run, "vod").filter(pl.col("grade") >= 2).join(missed, on="patient")
    injured = injured.filter((pl.col("missed") >= pl.col("day")) & (pl.col("missed") < pl.col("day") + 28))
    remission = run.outcomes.filter((pl.col("remission_day") < 60) & (pl.col("outcome_day") > 200))
    return typical(injured.join(remission, on="patient", how="semi"), "day")


def _inotuzumab_facts(run: Run, patient: int) -> Facts:
    vod = worst(run, "vod").filter(pl.col("patient") == patient).row(0, named=True)
    mine = pl.col("patient") == patient
    given = run.doses.filter(mine & (pl.col("agent") == "inotuzumab") & (pl.col("dose") > 0))
    before = given.filter(pl.col("from_day") <= vod["day"])
    remission = run.outcomes.filter(mine)["remission_day"][0]
    return {**vod, "given": before.height, "remission": remission, "until": max(vod["to_day"] + 20, 120)}


def _car_t(run: Run) -> list[int]:
    released = worst(run, "crs").filter(pl.col("grade").is_in([3, 4]))
    treated = run.doses.filter(pl.col("agent") == "tocilizumab").select("patient").unique()
    replaced = run.doses.filter(pl.col("agent") == "immunoglobulin").select("patient").unique()
    peaks = run.states.group_by("patient").agg(pl.col("car_t_copies").max().log10())
    for others in (well(run).filter(pl.col("remission_day").is_not_null()), released, treated, replaced):
        peaks = peaks.join(others, on="patient", how="semi")
    return typical(peaks, "car_t_copies")


def _car_t_facts(run: Run, patient: int) -> Facts:
    infusion = first_day(run, patient, "infusion", "leucel")
    states = run.states.filter(pl.col("patient") == patient)
    highest = states.sort("car_t_copies").row(-1, named=True)
    release = worst(run, "crs").filter(pl.col("patient") == patient).row(0, named=True)
    replaced = run.doses.filter((pl.col("patient") == patient) & (pl.col("agent") == "immunoglobulin"))
    first = int(replaced["from_day"].min() or 0)  # type: ignore[arg-type]
    return {
        "infusion": infusion, "peak": highest["car_t_copies"], "after": highest["day"] - infusion,
        "cytokine": states["cytokine_pg_ml"].max(), "b_cells": states["b_cells"].min(), **release,
        "replaced": first, "until": first + 60,
    }  # fmt: skip


def _cd19_loss(run: Run) -> list[int]:
    back = run.outcomes.filter(pl.col("infusion_day").is_not_null() & pl.col("remission_day").is_not_null())
    seen = run.states.join(back.select("patient", "relapse_day"), on="patient")
    seen = seen.filter((pl.col("day") >= pl.col("relapse_day")) & pl.col("log10_cd19_negative").is_finite())
    seen = seen.sort("patient", "day").unique("patient", keep="first", maintain_order=True)
    most = pl.col("log10_cd19_negative") > pl.col("log10_blasts_marrow") - 0.05
    marrow = pl.col("marrow_blast_fraction") >= 0.05
    return typical(seen.filter(most & marrow), "relapse_day")


def _cd19_loss_facts(run: Run, patient: int) -> Facts:
    mine = run.outcomes.filter(pl.col("patient") == patient).row(0, named=True)
    states = run.states.filter((pl.col("patient") == patient) & (pl.col("day") <= mine["infusion_day"]))
    cells = states.sort("day")["log10_cd19_negative"][-1]
    before = f"about {10**cells:,.0f} of them" if cells > 0 else "none yet"
    found = len(_cd19_loss(run))
    relapses = run.outcomes.filter(pl.col("infusion_day").is_not_null() & pl.col("relapse_day").is_not_null()).height
    return {
        "infusion": mine["infusion_day"], "relapse": mine["relapse_day"], "before": before, "found": found,
        "relapses": relapses, "until": mine["relapse_day"] + 50,
    }  # fmt: skip


def _transplant(run: Run) -> list[int]:
    donor = having(run, "transplant", "unrelated").select("patient")
    gvhd = worst(run, "gvhd").filter(pl.col("grade") == 2).select("patient")
    few = well(run).join(donor, on="patient", how="semi").join(gvhd, on="patient", how="semi")
    days = []
    for patient in few["patient"]:
        (taken,) = engraftments(run.patient(patient).tables)
        days.append((patient, taken.neutrophils - taken.graft))
    return typical(pl.DataFrame(days, ["patient", "taken"], orient="row").fill_nan(None).drop_nulls(), "taken")


def _transplant_facts(run: Run, patient: int) -> Facts:
    (taken,) = engraftments(run.patient(patient).tables)
    gvhd = worst(run, "gvhd").filter(pl.col("patient") == patient).row(0, named=True)
    return {
        "graft": taken.graft, "anc": taken.neutrophils - taken.graft, "platelets": taken.platelets - taken.graft,
        "grade": gvhd["grade"], "skin": gvhd["day"] - taken.graft, "until": 150,
    }  # fmt: skip


def _pathway(run: Run) -> list[int]:
    o = run.outcomes.filter(pl.col("infusion_day").is_not_null() & pl.col("transplant_day").is_not_null())
    o = o.filter(pl.col("outcome").is_in(["cured", "in remission", "on treatment"]))
    o = o.join(having(run, "graft failure"), on="patient", how="anti")
    later = pl.col("transplant_day") > pl.col("infusion_day")
    return o.sort(~pl.col("relapse_day").is_not_null(), ~later, "patient")["patient"].to_list()


def _pathway_facts(run: Run, patient: int) -> Facts:
    grafts = run.events.filter((pl.col("patient") == patient) & (pl.col("event") == "transplant"))["day"]
    infusion = first_day(run, patient, "infusion", "leucel")
    last = int(max(grafts.max() or 0, infusion))  # type: ignore[type-var]
    days = " and ".join(f"{day}" for day in grafts)
    return {"infusion": infusion, "grafts": days, "until": last + 170}


EXAMPLES = (
    Example(
        "ph", "Ph-positive ALL: a mutation that dasatinib does not fit, and ponatinib does", "d-alba",
        "MRD was once below the limit, T315I was found under dasatinib later, and the patient lives; of these the one "
        "whose finding came on the day nearest to the median",
        _dasatinib, _dasatinib_facts,
        "Dasatinib and blinatumomab bring the leukaemia (blue) below what can be measured. Some of the cells carry "
        "T315I (dotted): dasatinib does not bind to their BCR::ABL1, so that they are all that is left, grow under it "
        "(a straight line on this scale) and are found on day {seen}. Ponatinib (from day {start}) still binds: on day "
        "{clean} they are below 1 in 10,000 again. T315I was found in {found} of {played} patients of this run.",
        ("agents/dasatinib.yaml", "agents/ponatinib.yaml", "body/leukaemia.yaml", "protocols/d-alba.yaml"),
    ),
    Example(
        "blinatumomab", "Blinatumomab: an infusion of four weeks, interrupted and begun again", "tower",
        "cytokine release of grade 3 or more, the infusion held and resumed by rule, remission within 60 days; of "
        "these the first",
        _blinatumomab, _blinatumomab_facts,
        "Where there is much leukaemia, the first dose sets free much cytokine (orange, {peak:,.0f} pg/mL): "
        "cytokine release of grade {grade} from day {day} on, so that the infusion is held on day {hold} (hatched),"
        " dexamethasone given, and the infusion begun again on day {resume}. Later cycles find few cells and set "
        "free little. B cells fall below 10 per microlitre by day {gone} and come back when each infusion ends.",
        ("agents/blinatumomab.yaml", "body/immunity.yaml", "side_effects/crs.yaml", "side_effects/neurotoxicity.yaml",
         "protocols/tower.yaml"),
    ),
    Example(
        "inotuzumab", "Inotuzumab: weekly doses, low counts, and the liver", "ino-vate",
        "remission, VOD of grade 2 or more while doses were still due; of these the one whose VOD came on the day "
        "nearest to the median",
        _inotuzumab, _inotuzumab_facts,
        "Three small doses a cycle bring a remission by day {remission}; neutrophils and platelets stay low. The "
        "harm to the liver adds up: after {given} doses, on day {day}, the small veins of the liver close (VOD, "
        "grade {grade}), and the doses that were due are left out by rule.",
        ("agents/inotuzumab.yaml", "side_effects/vod.yaml", "protocols/ino-vate.yaml"),
    ),
    Example(
        "car-t", "CAR T-cells: from the collection to the loss of B cells", "eliana",
        "lasting remission, cytokine release of grade 3 or 4 with tocilizumab, immunoglobulin given; of these the one "
        "whose peak of CAR T-cells is nearest to the median",
        _car_t, _car_t_facts,
        "Weeks pass between the collection and the infusion (day {infusion}), in which other drugs hold the "
        "leukaemia. The cells multiply to {peak:,.0f} copies per microgram {after} days later, the leukaemia falls,"
        " cytokine rises to {cytokine:,.0f} pg/mL (cytokine release of grade {grade}) and tocilizumab is given. B "
        "cells, which carry CD19, too, fall to {b_cells:.1f} per microlitre; IgG, which they leave behind, falls "
        "slowly and is replaced from day {replaced} on.",
        ("agents/tisagenlecleucel.yaml", "body/immunity.yaml", "side_effects/crs.yaml", "agents/tocilizumab.yaml",
         "agents/immunoglobulin.yaml", "protocols/eliana.yaml"),
    ),
    Example(
        "cd19-loss", "CAR T-cells: a relapse that has lost CD19", "eliana",
        "remission after CAR T-cells, relapse of the marrow in which nine of ten cells lack CD19; of these the one "
        "whose relapse came on the day nearest to the median",
        _cd19_loss, _cd19_loss_facts,
        "A few leukaemic cells make no CD19 (dashed; at the infusion on day {infusion} {before}). CAR T-cells kill all "
        "others and do not see these: they grow through the remission and come back on day {relapse}, while B cells, "
        "which have CD19, tell how well CAR T-cells still work. It was so in {found} of the {relapses} relapses after "
        "an infusion.",
        ("body/leukaemia.yaml", "agents/tisagenlecleucel.yaml", "body/immunity.yaml", "protocols/eliana.yaml"),
    ),
    Example(
        "transplant", "Total body irradiation and a transplant", "forum-tbi",
        "an unrelated donor, acute GVHD of grade 2, no relapse; of these the one whose neutrophils came back on the"
        " day nearest to the median",
        _transplant, _transplant_facts,
        "Three days of irradiation empty the marrow (grey) and take most of the leukaemia with it. Without the "
        "graft of day {graft:.0f} the counts would not come back; with it the donor's cells fill the marrow, "
        "neutrophils pass 0.5 on day +{anc:.0f} and platelets 20 on day +{platelets:.0f}. The donor's T cells "
        "attack what is left of the leukaemia, and the patient: acute GVHD of grade {grade} on day +{skin:.0f}, "
        "answered with prednisolone.",
        ("agents/total_body_irradiation.yaml", "agents/unrelated_marrow.yaml", "agents/ciclosporin.yaml",
         "side_effects/gvhd.yaml", "body/marrow.yaml", "protocols/forum-tbi.yaml"),
    ),
    Example(
        "pathway", "One patient through all of it", "relapse-pathway",
        "CAR T-cells and a graft that took, alive at the end; those with another relapse and with a transplant "
        "after the CAR T-cells first",
        _pathway, _pathway_facts,
        "Chemotherapy, blinatumomab, CAR T-cells (day {infusion}) and transplants (day {grafts}) in one run: every "
        "decision is one of the protocol's sentences, taken on what was measured that day. What one treatment leaves "
        "behind (few B cells, a donor's marrow, leukaemia below the limit) is what the next one finds.",
        ("protocols/relapse-pathway.yaml", "protocols/forum-tbi.yaml", "body/immunity.yaml", "body/leukaemia.yaml"),
    ),
)  # fmt: skip


# --- the page -----------------------------------------------------------------------------------

HEAD = """# One patient for each treatment

Each picture is one virtual patient on one page. Lines are the true course, dots what was measured; below are the doses
as they were given, held and changed. How to read the marks is said under each picture. Patients are chosen by the rule
that stands beside them, not by hand. What is seen is one fate of many: how often it comes is in
[validation.md](validation.md). `make treatments` plays the runs, draws the pictures and writes this page.
"""


def section(example: Example, run: Run, folder: str, patients: int, seed: int) -> str:
    """Draw one example and say what it shows."""
    fitting = example.choose(run)
    if not fitting:
        return f"\n## {example.title}\n\nNo patient of this run fits the rule: {example.rule}.\n"
    patient = fitting[0]
    facts = example.facts(run, patient)
    picture = f"img/treatment-{example.name}.png"
    save(run.patient(patient).plot((0, float(str(facts["until"])))), HERE / picture)
    with Image.open(HERE / picture) as drawn:  # the same picture, packed as small as can be
        drawn.load()
    drawn.save(HERE / picture, optimize=True, dpi=drawn.info["dpi"])
    files = ", ".join(f"[{file}]({KNOWLEDGE}/{file})" for file in example.files)
    return f"""
## {example.title}

![{example.title}]({picture})

{example.text.format(**facts, played=patients)}

Chosen by: {example.rule} ({len(fitting)} of {patients} fit). What acts here is in {files}.

```sh
remission simulate {example.protocol} --patients {patients} --seed {seed} --out {folder}/{example.protocol}
remission plot {folder}/{example.protocol} --patient {patient} --days 0 {facts["until"]} --out docs/{picture}
```
"""


def main() -> None:
    """Play what is missing, draw, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--patients", type=int, default=500)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--runs", default="runs/treatments")
    options.add_argument("only", nargs="*", help="names of examples to draw again; the page is written when all are")
    given = options.parse_args()
    parts = []
    for example in EXAMPLES:
        if given.only and example.name not in given.only:
            continue
        folder = Path(given.runs) / example.protocol
        run = simulate(example.protocol, patients=given.patients, seed=given.seed, out=folder)
        parts.append(section(example, run, "runs/treatments", given.patients, given.seed))
        print(parts[-1])
    if not given.only:
        write_whole(HERE / "treatments.md", HEAD + "".join(parts))


if __name__ == "__main__":
    main()
