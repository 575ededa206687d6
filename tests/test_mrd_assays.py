"""Flow cytometry and PCR do not report the same: what the clinic decides on and what is recorded is the assay's."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import polars as pl
import pytest

import remission as rm
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.protocol.reader import read_protocol, read_protocol_text
from remission.protocol.template import template
from remission.protocol.write import write
from remission.trial.validate import treated

ASSAYS = library().body("assays")
COHORT = {"patients": 700, "seed": 5, "record": ("outcomes", "mrd", "events"), "follow_up_years": 0.3}


def played(mrd: str | None, **more: object) -> rm.Run:
    protocol = replace(read_protocol("cog-standard-risk"), mrd=mrd)
    return rm.simulate(protocol, **{**COHORT, **more})


@pytest.fixture(scope="module")
def runs() -> dict[str | None, rm.Run]:
    return {mrd: played(mrd) for mrd in (None, "flow", "PCR")}


def first_marrow(run: rm.Run) -> pl.DataFrame:
    rows = run.mrd.filter((pl.col("site") == "marrow") & (pl.col("phase") == "induction"))
    return rows.unique("patient", keep="first", maintain_order=True)


def test_the_leukaemia_is_the_same_whatever_assay_looks_at_it(runs: dict[str | None, rm.Run]) -> None:
    true = [first_marrow(run)["true_fraction"].to_list() for run in runs.values()]
    assert true[0] == true[1] == true[2]


def test_flow_finds_its_share_once_and_pcr_all(runs: dict[str | None, rm.Run]) -> None:
    """Of samples with many cells among those counted, the median over the spread is the share."""
    for mrd, share, spread in (("flow", ASSAYS["flow_mrd.found.share"].value, ASSAYS["flow_mrd.found.sd_log"].value),
                               ("PCR", 1.0, 0.0)):  # fmt: skip
        rows = first_marrow(runs[mrd]).filter(pl.col("true_fraction") > 2e-3)
        ratio = np.log(rows["reported_fraction"].to_numpy() / rows["true_fraction"].to_numpy())
        noise = np.hypot(spread, ASSAYS["aspirate.sd_log"].value)
        assert rows.height > 35
        assert ratio.std() == pytest.approx(noise, rel=0.25)
        assert np.median(ratio) == pytest.approx(log(share), abs=4 * noise / np.sqrt(rows.height))


def test_pcr_sees_less_than_flow_can(runs: dict[str | None, rm.Run]) -> None:
    least = {mrd: first_marrow(run).filter(pl.col("reported_fraction") > 0)["reported_fraction"].min()
             for mrd, run in runs.items()}  # fmt: skip
    assert least["PCR"] < 1e-5 < 4e-5 <= min(least[None], least["flow"])


def test_decisions_and_the_record_are_what_the_assay_reports(runs: dict[str | None, rm.Run]) -> None:
    """Day 29: 0.01 % or more leads to the backbone of high risk, by the same number that the outcome holds."""
    run = runs["flow"]
    reported = first_marrow(run).select("patient", "reported_fraction")
    told = run.outcomes.drop_nulls("eoi_mrd").join(reported, on="patient")
    assert told["eoi_mrd"].to_list() == told["reported_fraction"].to_list()
    gone = set(run.events.filter((pl.col("event") == "goes to") & (pl.col("phase") == "induction"))["patient"])
    positive = set(told.filter(pl.col("eoi_mrd") >= 1e-4)["patient"])
    assert positive and positive <= gone


def test_threads_change_nothing() -> None:
    one, two = (played("flow", patients=100, threads=n).mrd for n in (1, 2))
    assert one.equals(two)


def test_after_a_relapse_flow_tells_all_cells() -> None:
    """No comparison was read for second treatment: there only the spread of samples is left."""
    run = rm.simulate("relapse-children-2000s", patients=400, seed=6, record=("outcomes", "mrd"), follow_up_years=0.15)
    rows = run.mrd.filter((pl.col("site") == "marrow") & (pl.col("day") <= 45) & (pl.col("true_fraction") > 2e-3))
    ratio = (rows["reported_fraction"] / rows["true_fraction"]).log().to_numpy()
    assert np.median(ratio) == pytest.approx(0.0, abs=4 * ASSAYS["flow_mrd.found.sd_log"].value / np.sqrt(len(ratio)))


def test_the_word_is_read_written_and_refused() -> None:
    begun = template("mine").replace("for: ", "mrd: pcr [memory]\nfor: ")
    protocol = read_protocol_text(begun, "mine")
    assert protocol.mrd == "PCR" and "mrd: PCR [memory]" in write(protocol)
    assert read_protocol_text(template("mine"), "mine").mrd is None
    with pytest.raises(BadInput) as caught:
        read_protocol_text(begun.replace("pcr", "sequencing"), "mine")
    assert "flow or PCR" in str(caught.value.remedy)


def test_an_arm_may_have_an_assay_of_its_own() -> None:
    arm = library().trial("pethema_hr11").arms["all"]
    assert read_protocol(arm.protocol).mrd == "PCR" and treated(arm, None).mrd == "flow"


def test_the_assay_survives_what_follows_a_relapse() -> None:
    arm = library().trial("p9900").arms["intensified"]
    assert treated(arm, "relapse-children-2000s").mrd == treated(arm, None).mrd == "flow"


def test_known_protocols_say_theirs() -> None:
    said = {name: read_protocol(name).mrd for name in ("cog-high-risk", "bfm-standard", "ukall-2003", "total-xv")}
    assert said == {"cog-high-risk": "flow", "bfm-standard": "PCR", "ukall-2003": "PCR", "total-xv": "flow"}
