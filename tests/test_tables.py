"""The tables of a run: one row of counts a patient and day, days and cycles of a phase, drug levels, whose dose the
mean dose is, what was not assessed, and whom another protocol takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from remission.engine.lanes import _has
from remission.engine.play import Options, limit_of_quantification, play
from remission.engine.program import prepare
from remission.knowledge.agent import Antigen
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.knowledge.trial_file import Endpoint
from remission.patient.cohort import Cohort
from remission.patient.person import one
from remission.patient.population import draw
from remission.protocol.reader import read_protocol
from remission.trial.endpoints import NotSimulated, Played, simulated
from remission.trial.summary import summarise

YEAR = Options(follow_up_days=366)


def played(path: Path, text: str, who: Cohort, options: Options = YEAR, name: str = "mine") -> dict[str, pl.DataFrame]:
    file = path / f"{name}.yaml"
    file.write_text(f"protocol: {name}\nname: {name}\n{text}", encoding="utf-8")
    return play(prepare(read_protocol(file), library()), who, seed=1, threads=1, options=options)


@pytest.fixture(scope="module")
def children() -> Cohort:
    return draw("standard-risk-b-all", 64, seed=2)


@pytest.fixture(scope="module")
def standard(children: Cohort) -> dict[str, pl.DataFrame]:
    program = prepare(read_protocol("cog-standard-risk"), library())
    return play(program, children, seed=2, threads=1, options=Options(follow_up_days=900))


def test_counts_have_one_row_a_patient_and_day(standard: dict[str, pl.DataFrame]) -> None:
    rows = standard["measurements"]
    assert rows.height > 1000
    assert rows.select("patient", "day").is_duplicated().sum() == 0


def test_days_of_a_phase_begin_with_one_and_cycles_are_counted(standard: dict[str, pl.DataFrame]) -> None:
    rows = standard["measurements"]
    assert rows["phase_day"].min() == 1 and rows["cycle"].min() == 1
    waiting = rows.filter(pl.col("phase_day").is_null())
    assert waiting.height, "counts drawn while a phase waits for them"
    cycles = rows.filter(pl.col("phase") == "maintenance").drop_nulls("phase_day").sort("patient", "day")
    assert cycles["cycle"].max() > 2  # type: ignore[operator]
    again = cycles.with_columns(step=pl.col("cycle").diff().over("patient")).filter(pl.col("step") > 0)
    assert again.height and set(again["step"]) == {1} and again["phase_day"].max() < 8  # type: ignore[operator]
    assert set(standard["mrd"].filter(pl.col("phase") == "induction")["phase_day"]) == {8, 29}


LEVELS = """\
phases:
  - course:
      days: 14
      give:
        - methotrexate 5000 mg/m2 IV over 24 hours on day 1
      check:
        - days 2, 3, 4, 12: methotrexate level
"""


def test_drug_levels_have_a_unit_and_what_is_too_low_to_tell(tmp_path: Path, children: Cohort) -> None:
    out = played(tmp_path, LEVELS, children)["levels"]
    assert out.height >= 4 * 60 and set(out["agent"]) == {"methotrexate"} and set(out["unit"]) == {"umol/L"}
    assert set(out["limit"]) == {0.04} == {limit_of_quantification(library(), library().agent("methotrexate"))}
    middle = dict(out.group_by("phase_day").agg(pl.col("level").median()).sort("phase_day").iter_rows())
    assert 30 < middle[2] < 200, "at the end of 5 g/m2 over a day: about 65 umol/L"
    assert middle[2] > 20 * middle[3] > 20 * middle[4]
    late = out.filter(pl.col("phase_day") == 12)
    assert late["below_limit"].mean() > 0.5 and (late["level"].is_null() == late["below_limit"]).all()  # type: ignore[operator]
    assert out.filter(~pl.col("below_limit"))["level"].min() >= 0.04  # type: ignore[operator]


LEAVES = LEVELS + """\
        - day 4: marrow MRD
      decide:
        - 'day 4: if age >= 0 leave for "another hospital"'
"""


def test_no_levels_are_drawn_from_who_has_left(tmp_path: Path) -> None:
    """A neighbour in the block is treated on: the one who left on day 4 has the levels of days 2 to 4 alone."""
    two = draw("standard-risk-b-all", 40, seed=2)
    text = LEAVES.replace("age >= 0", f"age >= {float(two.age_y.max()) - 1e-6}")
    tables = played(tmp_path, text, two)
    left = tables["outcomes"].filter(pl.col("outcome") == "left")["patient"].to_list()
    assert len(left) == 1
    assert tables["levels"].filter(pl.col("patient") == left[0])["day"].to_list() == [1, 2, 3]


MAINTENANCE = """\
phases:
  - maintenance:
      days: 28
      repeat: 4 cycles
      give:
        - methotrexate 20 mg/m2 PO weekly
        - mercaptopurine 75 mg/m2/day PO on days 1-28
      check: ['weekly: counts']
      rules:
        - raise methotrexate by 25% when anc >= 0.1, at most 200%
        - start mercaptopurine at 40% when age >= 0
"""


def test_the_mean_dose_of_mercaptopurine_is_mercaptopurines(tmp_path: Path, children: Cohort) -> None:
    children = replace(children, missed=np.zeros(len(children)))
    mean = played(tmp_path, MAINTENANCE, children)["outcomes"]["mercaptopurine_percent"]
    assert mean.drop_nulls().to_list() == pytest.approx([40.0] * mean.drop_nulls().len())
    other = MAINTENANCE.replace("        - mercaptopurine 75 mg/m2/day PO on days 1-28\n", "")
    other = other.replace("        - start mercaptopurine at 40% when age >= 0\n", "")
    assert played(tmp_path, other, children)["outcomes"]["mercaptopurine_percent"].null_count() == len(children)


# --- what is not assessed -----------------------------------------------------------------------

UNSEEN = """\
phases:
  - induction:
      days: 35
      give:
        - vincristine 1.5 mg/m2 IV on days 1, 8, 15, 22
        - dexamethasone 6 mg/m2/day PO in 2 doses on days 1-28
        - pegaspargase 2500 IU/m2 IV on day 4
  - rest:
      days: 28
"""


def test_without_a_marrow_sample_remission_is_not_assessed(tmp_path: Path, children: Cohort) -> None:
    out = played(tmp_path, UNSEEN, children, Options(follow_up_days=1800))
    people = out["outcomes"]
    assert people["remission"].null_count() == len(children) and not out["mrd"].height
    relapses = people.filter(pl.col("outcome") == "relapse").height
    assert relapses > 0.3 * len(children), "what comes back is a relapse, though nobody had looked at the marrow"
    table = summarise(people, out["events"], years=4)
    row = {r["measure"]: r for r in table.table.iter_rows(named=True)}
    assert row["complete remission"]["value"] is None and "not assessed" in str(table)
    events = out["events"]
    early = events.filter((pl.col("event") == "death") & (pl.col("phase") == "induction")).height
    assert row["death in induction"]["count"] == early
    assert row["death after induction"]["count"] == people.filter(pl.col("outcome") == "death").height - early
    free = next(r for name, r in row.items() if name.startswith("event-free survival"))
    assert free["count"] <= people.filter(pl.col("outcome").is_in(["relapse", "death"])).height, "no other events"
    for what in (
        {"what": "complete remission", "within": "60 days"},
        {"what": "event-free survival", "at": "1 year", "remission_within": "60 days"},
    ):
        endpoint = Endpoint(
            **(
                {"of": "all", "value": 50, "unit": "percent", "read": "label", "source": "forum", "used": "predict"}
                | what
            )
        )
        with pytest.raises(NotSimulated, match="not assessed"):
            simulated(Played(out), endpoint)


def test_who_died_before_the_check_was_in_no_remission_and_who_died_after_it_died_without_one(tmp_path: Path) -> None:
    who = draw("childhood-all", 64, seed=2)
    looked = UNSEEN.replace("  - rest", "      check:\n        - day 29: marrow MRD\n  - rest")
    looked = looked.replace("        - vincristine 1.5 mg/m2 IV on days 1, 8, 15, 22\n", "")
    looked = looked.replace("2500 IU/m2 IV on day 4", "1 IU/m2 IV on day 4 as written")
    out = played(tmp_path, looked, who, Options(follow_up_days=1000))
    people = out["outcomes"]
    died = people.filter(pl.col("outcome") == "death")
    row = {r["measure"]: r["count"] for r in summarise(people, out["events"]).table.iter_rows(named=True)}
    before, after = died.filter(pl.col("outcome_day") < 28).height, died.filter(~pl.col("remission")).height
    assert row["death in induction"] == before
    assert row.get("death after induction, without a remission", 0) == after - before > 0


def test_a_phase_without_treatment_plays(tmp_path: Path, children: Cohort) -> None:
    phases = "phases:\n  - waiting:\n      days: 28\n  - treated:\n      days: 7\n"
    out = played(tmp_path, phases + "      give: [vincristine 1.5 mg/m2 IV on day 1]\n", children)
    assert set(out["doses"]["phase"]) == {"treated"} and set(out["doses"]["from_day"]) == {28}
    assert out["events"].filter(pl.col("event") == "end of treatment").height > 30
    assert set(out["outcomes"]["mercaptopurine_percent"]) == {None}


# --- whom another protocol takes ------------------------------------------------------------------

FIRST = """\
phases:
  - first:
      days: 7
      check: ['day 1: counts']
      decide:
        - 'day 1: if age >= 0 go to forum-busulfan: transplant'
        - 'day 1: if age >= 18 go to other way'
  - other way:
      days: 7
      next: end
"""


def test_another_protocol_takes_only_whom_it_is_for(tmp_path: Path) -> None:
    well = {"marrow_blasts": 1e-9, "blood_blasts": 0.0, "wbc": 6.0, "anc": 4.0, "platelets": 260.0, "haemoglobin": 12.5}
    went = []
    for age_y, donor in ((6.0, "sibling"), (6.0, "none"), (40.0, "sibling")):
        who = one(age_y=age_y, sex="female", weight_kg=50.0, height_cm=160.0, donor=donor, **well)
        events = played(tmp_path, FIRST, who, Options(chance=False, follow_up_days=30))["events"]
        what = events.filter(pl.col("event").is_in(["not eligible", "goes to"]))
        went.append(list(what.select("event", "detail").iter_rows()))
    conditioning = "forum-busulfan: transplant"
    assert went == [
        [("goes to", conditioning)],
        [("not eligible", conditioning)],
        [("not eligible", conditioning), ("goes to", "other way")],
    ]


def test_a_decision_into_a_later_phase_of_another_protocol_is_no_entry() -> None:
    """Who answered badly to standard-risk induction goes on with high-risk consolidation, whatever the `for:` says."""
    protocol = read_protocol("cog-standard-risk")
    assert protocol.phase("cog-high-risk: consolidation").entry is None
    assert prepare(protocol, library()).tables.decides["entry"].max() == -1


def test_which_leukaemias_carry_an_antigen_is_data() -> None:
    who = draw("childhood-all", 200, seed=1)
    leukaemia = library().body("leukaemia")
    on_b, on_t = _has("CD19", who, leukaemia), _has("CD7", who, leukaemia)
    assert (on_b + on_t == 1).all() and 0 < on_t.sum() < 60, "CD7 is on T-lineage blasts, CD19 on the others"
    assert _has("BCR::ABL1", who, leukaemia).sum() == (who.ph == 1).sum()
    assert set(Antigen.__args__) == set(leukaemia.children("antigens"))
    with pytest.raises(BadInput, match="which leukaemias carry CD33"):
        _has("CD33", who, leukaemia)
