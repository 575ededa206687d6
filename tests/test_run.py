"""What a run holds and what its summary says, on small tables whose truth is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from remission.engine.eligible import eligible
from remission.engine.shards import run_shards
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.protocol.model import And, Compare, Not, Or
from remission.trial import cost
from remission.trial.ahead import Ahead, picture
from remission.trial.as_json import as_json
from remission.trial.estimates import Estimate
from remission.trial.first_event import first_events
from remission.trial.incidence import Incidence
from remission.trial.run import TABLES, Run, open_run, shard_size, simulate
from remission.trial.side_by_side import compared
from remission.trial.summary import DAYS_PER_YEAR, summarise, wilson
from remission.trial.validate import Reproduction, Validation

YEAR = DAYS_PER_YEAR


def outcomes(rows: list[dict]) -> pl.DataFrame:
    """A table of outcomes; what a row does not say is an uneventful course, cured at ten years."""
    uneventful = {
        "age_y": 4.0,
        "sex": "female",
        "tpmt": "normal",
        "nudt15": "normal",
        "remission": True,
        "remission_day": 28.0,
        "eoi_mrd": 1e-6,
        "outcome": "cured",
        "outcome_day": 10 * YEAR,
        "relapse_site": None,
        "death_cause": None,
        "mercaptopurine_percent": 80.0,
        "anc_in_target": 0.6,
        "fever_episodes": 2,
        "red_cell_transfusions": 3,
        "platelet_transfusions": 1,
        "delay_days": 10.0,
    }
    schema = {"relapse_site": pl.String, "death_cause": pl.String, "outcome_day": pl.Float64, "eoi_mrd": pl.Float64}
    return pl.DataFrame(
        [{"patient": i, **uneventful, **row} for i, row in enumerate(rows)], schema_overrides=schema, strict=False
    )


COHORT = outcomes(
    [
        {"outcome": "death", "outcome_day": 20, "remission": False, "eoi_mrd": None, "mercaptopurine_percent": None},
        {"outcome": "relapse", "relapse_site": "marrow", "outcome_day": 1.0 * YEAR, "eoi_mrd": 1e-2},
        {"outcome": "relapse", "relapse_site": "CNS", "outcome_day": 2.0 * YEAR},
        {"outcome": "relapse", "relapse_site": "marrow", "outcome_day": 2.0 * YEAR},
        {"outcome": "relapse", "relapse_site": "combined", "outcome_day": 6.0 * YEAR},
        {"outcome": "death", "outcome_day": 1.0 * YEAR},
        {"outcome": "left", "outcome_day": 0.5 * YEAR},
        {"outcome": "in remission", "outcome_day": 10 * YEAR, "tpmt": "intermediate", "mercaptopurine_percent": 50.0},
        {},
        {},
    ]
)


def test_remission_and_mrd_count_the_right_patients() -> None:
    table = summarise(COHORT).table
    row = {r["measure"]: r for r in table.iter_rows(named=True)}
    assert (row["complete remission"]["count"], row["complete remission"]["of"]) == (9, 10)
    mrd = row["marrow MRD < 0.01 %, of those measured"]
    assert (mrd["count"], mrd["of"]) == (8, 9), "who has no measurement is not in the denominator"
    assert row["death in induction"]["count"] == 1 and row["death in remission"]["count"] == 1


def test_relapses_by_site_and_time_add_up_to_the_cumulative_incidence() -> None:
    """By hand as below: 0.9 * 1/8 at 1 y, 0.9 * 6/8 * 2/6 at 2 y, 0.9 * 6/8 * 4/6 * 1/4 at 6 y."""
    summary = summarise(COHORT)
    for measure, percent, count in (
        ("relapse", 45, 4),
        ("relapse, marrow", 22.5, 2),
        ("relapse, CNS", 11.25, 1),
        ("relapse, combined", 11.25, 1),
        ("relapse, early, < 18 months", 11.25, 1),
        ("relapse, 18 to 36 months", 22.5, 2),
        ("relapse, late, >= 36 months", 11.25, 1),
    ):
        assert summary.value(measure) == pytest.approx(percent), measure
        assert summary.table.filter(pl.col("measure") == measure)["count"].item() == count


def test_summary_picture_and_comparison_say_the_same_relapse() -> None:
    """Someone without remission whose leukaemia grows on is no relapse; who relapses and is treated again is one."""
    some = outcomes(
        [
            {"outcome": "relapse", "outcome_day": 400, "remission": False, "relapse_day": 400},
            {"outcome": "cured", "relapse_site": "CNS", "relapse_day": 700},
            {"outcome": "relapse", "relapse_site": "marrow", "outcome_day": 900, "relapse_day": 900},
            {"outcome": "left", "outcome_day": 100},
            {},
        ]
    ).with_columns(relapse_day=pl.col("relapse_day").cast(pl.Float64))
    summary, picture = summarise(some), first_events(some)
    assert summary.value("relapse") == pytest.approx(100 * picture.cause["relapse"][-1]) == pytest.approx(80 * 2 / 3)
    assert summary.value("event-free survival at 5 years") == pytest.approx(100 * picture.event_free[-1])
    row = compared({"outcomes": some}, {"outcomes": some}, ("a", "b"), 5).row("relapse")
    assert row.first.value == pytest.approx(summary.value("relapse"))


def test_survival_by_hand() -> None:
    """10 at risk; 1 fails at 0, 1 leaves at 0.5 y, 2 of 8 fail at 1 y, 2 of 6 at 2 y: 0.9 * 6/8 * 4/6 = 0.45.
    Relapse: 0.9 * 1/8 at 1 y (one of the two is a death), then 0.9 * 6/8 * 2/6 at 2 y."""
    summary = summarise(COHORT)
    assert summary.value("event-free survival at 5 years") == pytest.approx(45.0)
    relapse = 0.9 * 1 / 8 + 0.9 * 6 / 8 * 2 / 6
    assert summary.value("cumulative incidence of relapse at 5 years") == pytest.approx(100 * relapse)


def test_without_censoring_incidence_is_the_plain_share_and_survival_its_complement() -> None:
    rng = np.random.default_rng(3)
    n = 400
    day = np.where(rng.random(n) < 0.3, rng.integers(100, 3000, n), 10 * YEAR)
    kind = np.where(day > 3000, "in remission", np.where(rng.random(n) < 0.2, "death", "relapse"))
    summary = summarise(
        outcomes([{"outcome": str(k), "outcome_day": float(d)} for k, d in zip(kind, day, strict=True)])
    )
    five = 5 * YEAR
    relapsed = np.mean((kind == "relapse") & (day <= five))
    failed = np.mean((kind != "in remission") & (day <= five))
    assert summary.value("cumulative incidence of relapse at 5 years") == pytest.approx(100 * relapsed)
    assert summary.value("event-free survival at 5 years") == pytest.approx(100 * (1 - failed))
    row = summary.table.filter(pl.col("measure") == "event-free survival at 5 years").row(0, named=True)
    assert row["low"] < row["value"] < row["high"]


def test_overall_survival_is_told_as_bounds_until_what_follows_a_relapse_is_played() -> None:
    others: list[dict[str, object]] = [{"outcome": "death", "outcome_day": 100.0}, *[{}] * 8]
    measure = "overall survival at 5 years"
    ended = summarise(outcomes([{"outcome": "relapse", "outcome_day": 400.0, "relapse_day": 400.0}, *others])).table
    bounds = ended.filter(pl.col("measure").str.starts_with(measure)).row(0, named=True)
    assert bounds["value"] is None and (bounds["low"], bounds["high"]) == pytest.approx((80, 90))
    assert ended.filter(pl.col("measure").str.starts_with("alive")).is_empty()
    saved = summarise(outcomes([{"relapse_day": 400.0}, *others]))
    assert saved.value(measure) == pytest.approx(90)
    assert saved.value("alive 5 years after a relapse") == pytest.approx(100)
    lost = summarise(outcomes([{"outcome": "death", "outcome_day": 900.0, "relapse_day": 400.0}, *others]))
    assert lost.value(measure) == pytest.approx(80) and lost.value("alive 5 years after a relapse") == 0


def test_a_short_follow_up_is_not_read_beyond_its_end() -> None:
    end = 1.5 * YEAR
    short = COHORT.with_columns(
        outcome=pl.when(pl.col("outcome_day") > end).then(pl.lit("on treatment")).otherwise("outcome"),
        outcome_day=pl.col("outcome_day").clip(0, end),
    )
    assert summarise(short).value("event-free survival at 1.5 years") == pytest.approx(100 * 0.9 * 6 / 8)


def test_wilson_against_the_textbook() -> None:
    """Newcombe 1998, table I: 81 of 263, Wilson score without continuity correction: 0.2553 to 0.3662."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(50, 50)[1] == pytest.approx(1.0)


def test_carriers_are_shown_apart() -> None:
    summary = summarise(COHORT)
    assert summary.value("mercaptopurine, % of protocol dose, TPMT intermediate") == 50.0
    assert summary.value("mercaptopurine, % of protocol dose, TPMT and NUDT15 normal") == 80.0
    with pytest.raises(KeyError):
        summary.value("mercaptopurine, % of protocol dose, NUDT15 poor")


def test_time_in_a_repeating_phase_counts_from_its_first_start() -> None:
    events = pl.DataFrame(
        [
            (0, 0, "induction", "phase start"),
            (0, 40, "maintenance", "phase start"),
            (0, 124, "maintenance", "phase start"),
            (0, 840, "maintenance", "end of treatment"),
            (1, 0, "induction", "phase start"),
            (1, 20, "induction", "fever"),
            (1, 36, "maintenance", "phase start"),
        ],
        schema=["patient", "day", "phase", "event"],
        orient="row",
    )
    summary = summarise(COHORT, events)
    assert summary.value("induction") == 38
    assert summary.value("maintenance") == 800, "patient 1 did not finish it"


def test_an_empty_cohort_has_a_summary() -> None:
    assert "complete remission" in str(summarise(COHORT.clear()))


def test_the_summary_can_be_read() -> None:
    text = str(summarise(COHORT, title="a title"))
    assert "a title" in text and "complete remission" in text and "9 of 10" in text and "90.0 %" in text


# --- runs -------------------------------------------------------------------------------------


def folder_with_run(out: Path, stops_at: int | None = None) -> Path:
    def play(first: int, count: int) -> dict[str, pl.DataFrame]:
        if first == stops_at:
            raise KeyboardInterrupt
        some = COHORT.slice(first, count)
        return {"outcomes": some, "states": some.select("patient", day=pl.lit(0.0), anc=pl.lit(1.0))}

    run_shards(
        play,
        patients=10,
        shard_size=4,
        out=out,
        identity={"protocol": "test", "seed": 1},
        tables=("outcomes", "states"),
        whole={"provenance": pl.DataFrame({"value": [1.0], "read": ["assumed"]})},
    )
    return out


def test_a_run_from_its_folder(tmp_path: Path) -> None:
    run = open_run(folder_with_run(tmp_path / "run"))
    assert run.outcomes.equals(COHORT)
    assert run.outcomes.to_pandas()["patient"].tolist() == list(range(10))
    assert run.provenance()["read"].to_list() == ["assumed"]
    assert run.summary().value("relapse") == pytest.approx(45)
    one = run.patient(3)
    assert one.outcomes["relapse_site"].to_list() == ["marrow"] and one.states.height == 1
    with pytest.raises(AttributeError):
        _ = one.doses
    with pytest.raises(BadInput, match=r"no patient 10.*0 to 9"):
        run.patient(10)
    with pytest.raises(BadInput, match="no table 'doses'.*It has: outcomes, states"):
        _ = run.doses


def test_a_summary_that_reads_some_patients_at_a_time_is_that_of_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [
        (patient, day, event, phase, "")
        for patient in range(10)
        for day, event, phase in ((0, "phase start", "induction"), (29 + patient, "phase start", "maintenance"),
                                  (700 + patient % 3, "end of treatment", "maintenance"))
    ]  # fmt: skip
    columns = ("patient", "day", "event", "phase", "detail")
    events = pl.DataFrame(told, schema=columns, orient="row")
    had = [
        (patient, 5, name, 3 + patient % 2, 9) for patient in range(10) for name in ("vod", "crs")[: 1 + patient % 2]
    ]
    effects = pl.DataFrame(had, schema=("patient", "day", "side_effect", "grade", "to_day"), orient="row")
    whole = {"outcomes": COHORT, "events": events, "side_effects": effects}

    def play(first: int, count: int) -> dict[str, pl.DataFrame]:
        mine = pl.col("patient").is_between(first, first + count - 1)
        return {name: frame.filter(mine) for name, frame in whole.items()}

    run_shards(
        play, patients=10, shard_size=2, out=tmp_path / "run", identity={"protocol": "test", "seed": 1},
        tables=tuple(whole), whole={"provenance": pl.DataFrame({"value": [1.0]})},
    )  # fmt: skip
    monkeypatch.setattr("remission.trial.run.AT_ONCE", 4)
    manifest = {"identity": {"protocol": "test", "seed": 1}, "patients": 10}
    frames = {name: frame.lazy() for name, frame in whole.items()}
    by_parts, at_once = open_run(tmp_path / "run").summary(), Run(manifest, frames, pl.DataFrame()).summary()
    assert by_parts.table.equals(at_once.table)
    with Ahead(tmp_path / "run", open_run(tmp_path / "run").manifest, 4, drawn=4, title="four") as ahead:
        for shard in (4, 1, 0, 3, 2):  # as another machine may have written them
            ahead.seen(shard)
    beside = replace(open_run(tmp_path / "run"), ahead=ahead)
    assert beside.summary().table.equals(at_once.table)
    assert beside.picture() == picture(frames, 4, "four")
    assert by_parts.value("VOD") == 100 and by_parts.value("CRS") == 50 and by_parts.value("induction") == 33.5


def test_an_unfinished_run_is_not_shown_as_if_it_were_whole(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        folder_with_run(tmp_path / "run", stops_at=8)
    with pytest.raises(BadInput, match="not finished"):
        open_run(tmp_path / "run")


def test_shards_are_whole_blocks_and_bounded() -> None:
    sizes = [shard_size(n) for n in (1, 1000, 10_000, 100_000, 10_000_000)]
    assert all(size % 32 == 0 and 256 <= size <= 4096 for size in sizes) and sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"patients": 0}, "0 patients"),
        ({"seed": -1}, "seed -1"),
        ({"patients": 1.5}, "1.5 patients"),
        ({"patients": True}, "True patients"),
        ({"patients": 10**30}, "1,000,000,000,000"),
        ({"patients": "many"}, "'many' patients"),
        ({"seed": 1.5}, "seed 1.5"),
        ({"seed": float("nan")}, "seed nan"),
        ({"seed": False}, "seed False"),
        ({"seed": 2**63}, "seed 9223372036854775808"),
        ({"threads": 1.5}, "1.5 threads"),
        ({"threads": 10**9}, "1000000000 threads"),
        ({"follow_up_years": float("nan")}, "follow-up of nan"),
        ({"follow_up_years": float("inf")}, "follow-up of inf"),
        ({"follow_up_years": True}, "follow-up of True"),
        ({"follow_up_years": "ten"}, "follow-up of 'ten'"),
        ({"record": "outcomes"}, "a list"),
        ({"protocol": 5}, "5 is no protocol"),
        ({"follow_up_years": 0}, "follow-up of 0 years"),
        ({"threads": 0}, "0 threads"),
        ({"record": ("outcomes", "dose")}, "Did you mean 'doses'"),
        ({"record": ("doses",)}, "always records the table 'outcomes'"),
        ({"protocol": "cog-standart-risk"}, "cog-standard-risk"),
    ],
)
def test_wrong_arguments(arguments: dict, says: str) -> None:
    with pytest.raises(BadInput) as refused:
        simulate(**{"protocol": "cog-standard-risk", **arguments})
    assert says in str(refused.value)


def test_numpy_numbers_are_numbers(tmp_path: Path) -> None:
    run = simulate(
        "icicle-maintenance", patients=np.int64(8), seed=np.uint32(3), follow_up_years=np.float32(0.5),
        out=tmp_path / "run", record=("outcomes",),
    )  # fmt: skip
    same = simulate(
        "icicle-maintenance", patients=8, seed=3, follow_up_years=0.5, out=tmp_path / "run", record=("outcomes",)
    )
    assert run.outcomes.height == 8 and same.performance is None, "the same run, not played again"


@pytest.mark.parametrize(("asked", "played"), [(1, 1), (8, 2)])
def test_a_run_says_how_many_cores_played(asked: int, played: int) -> None:
    run = simulate("icicle-maintenance", patients=8, follow_up_years=0.1, threads=asked)
    assert run.performance is not None and run.performance.threads == played, "few patients are played by two at most"


def test_a_big_run_is_weighed_and_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "WEIGHED_FROM", 32)
    monkeypatch.setattr(cost, "LONG_SECONDS", 0.0)
    asked: list[cost.Cost] = []
    words = {"protocol": "icicle-maintenance", "patients": 32, "follow_up_years": 0.1, "threads": 1}
    with pytest.raises(BadInput, match="32 patients will take about .* memory"):
        simulate(**words)
    with pytest.raises(BadInput, match="will take"):
        simulate(**words, consent=lambda one: asked.append(one) or False)
    assert asked[0].patients == 32 and asked[0].where == "memory" and asked[0].size_bytes > 1000
    assert simulate(**words, consent=lambda one: True).outcomes.height == 32


def test_lengths_and_sizes_in_words() -> None:
    assert [cost.duration(s) for s in (0.2, 60, 5400, 86400 * 12, 3.2e9)] == [
        "0.2 seconds", "1.0 minute", "1.5 hours", "12 days", "101 years",
    ]  # fmt: skip
    assert [cost.size(b) for b in (12, 8.6e6, 9.13e12, 5e17)] == ["12 bytes", "8.6 MB", "9.13 TB", "500 PB"]


def test_objects_can_be_printed_and_seen_in_a_notebook(small: Run) -> None:
    other = compared({"outcomes": small.outcomes}, {"outcomes": small.outcomes}, ("one", "other"))
    trial = library().trial("aall0331")
    done = Validation([Reproduction(trial, (), {"arm": "its protocol is <not> there"})])
    for what, says in (
        (small, "complete remission"), (small.summary(), "complete remission"), (other, "event-free survival"),
        (done, "cannot be played"), (done[0], "&lt;not&gt;"),
    ):  # fmt: skip
        page = what._repr_html_()
        assert says in page and page.startswith("<pre") and "\x1b" not in str(what)
        assert says.replace("&lt;", "<").replace("&gt;", ">") in str(what)
        assert len(repr(what)) < 300 or what is done
    assert repr(small).startswith("Run(cog-standard-risk, 300 virtual patients, seed 7; tables: outcomes, ")
    assert "rows: outcomes 1" in repr(small.patient(3))
    for wrong in (1.5, True, -1):
        with pytest.raises(BadInput, match="no patient"):
            small.patient(wrong)
    with pytest.raises(BadInput, match="cannot be read at nan years"):
        small.summary(years=float("nan"))


def test_identical_runs_have_identical_summaries(small: Run, tmp_path: Path) -> None:
    text = small.summary().table.write_csv()
    again = simulate("cog-standard-risk", patients=300, seed=7, follow_up_years=4, out=tmp_path / "run")
    for _ in range(5):
        assert open_run(tmp_path / "run").summary().table.write_csv() == text
    assert again.summary().table.write_csv() == text


def test_phases_that_tie_are_in_one_order() -> None:
    rows = [(i, 0 if k < 2 else 30, f"phase {k}", "phase start") for i in range(50) for k in (3, 2, 1, 0)]
    events = pl.DataFrame(rows, schema=["patient", "day", "phase", "event"], orient="row")
    orders = {summarise(COHORT, events.sample(fraction=1, shuffle=True, seed=s)).table.write_csv() for s in range(8)}
    assert len(orders) == 1


def test_eligibility() -> None:
    patients = {
        "age_y": np.array([0.5, 4.0, 4.0, 12.0]),
        "wbc": np.array([10.0, 10.0, 80.0, 10.0]),
        "lineage": np.array(["B", "B", "T", "B"]),
    }
    standard = And((Compare("age", ">=", 1.0), Compare("age", "<", 10.0), Compare("diagnosis wbc", "<", 50.0)))
    assert eligible(standard, patients).tolist() == [False, True, False, False]
    assert eligible(Not(standard), patients).tolist() == [True, False, True, True]
    assert eligible(Or((standard, Compare("lineage", "=", "T"))), patients).tolist() == [False, True, True, False]
    assert eligible(None, patients).all()
    with pytest.raises(BadInput, match="not known at diagnosis"):
        eligible(Compare("anc", "<", 0.5), patients)


# --- the real engine --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> Run:
    return simulate("cog-standard-risk", patients=300, seed=7, follow_up_years=4)


def test_a_simulated_cohort(small: Run, tmp_path: Path) -> None:
    assert small.outcomes["patient"].to_list() == list(range(300))
    assert small.outcomes["age_y"].is_between(1, 10, closed="left").all() and (small.outcomes["wbc"] < 50).all()
    assert small.summary().value("complete remission") > 80
    on_disk = simulate("cog-standard-risk", patients=300, seed=7, follow_up_years=4, out=tmp_path / "run", threads=1)
    for name in TABLES:
        assert on_disk.scan(name).collect().equals(small.scan(name).collect()), "neither threads nor disk change fate"


def test_patients_do_not_depend_on_how_many_there_are(small: Run) -> None:
    few = simulate("cog-standard-risk", patients=40, seed=7, follow_up_years=4)
    for name in TABLES:
        assert few.scan(name).collect().equals(small.scan(name).filter(pl.col("patient") < 40).collect())


def test_a_run_is_another_one_when_a_file_that_its_protocol_goes_on_to_has_changed(tmp_path: Path) -> None:
    phase = "  - {phase}:\n      days: 7\n      give:\n"
    phase += "        - vincristine 1.5 mg/m2 IV (max 2 mg) on day 1 [assumed: test]\n"
    one, two = (f"protocol: {name}\nname: {name}\nphases:\n" for name in ("one", "two"))
    (tmp_path / "two.yaml").write_text(two + phase.format(phase="rest"))
    decide = "      decide:\n        - 'day 7: if anc >= 0.1 go to two: rest [assumed: test]'\n"
    (tmp_path / "one.yaml").write_text(one + phase.format(phase="start") + decide)
    words = {"patients": 8, "follow_up_years": 0.05, "threads": 1, "out": tmp_path / "run"}
    simulate(tmp_path / "one.yaml", **words)
    assert simulate(tmp_path / "one.yaml", **words).performance is None
    (tmp_path / "two.yaml").write_text((tmp_path / "two.yaml").read_text().replace("1.5 mg/m2", "1 mg/m2"))
    with pytest.raises(BadInput, match="protocol_files differs"):
        simulate(tmp_path / "one.yaml", **words)


def test_who_leaves_before_the_check_is_neither_in_remission_nor_a_failure(tmp_path):
    """A poor prednisone response leaves on day 8; remission is empty, the patient is censored that day."""
    text = library().protocol_path("bfm-standard").read_text(encoding="utf-8")
    goes_on = "if blood blasts >= 1000 go to IB before blocks"
    leaves = 'if blood blasts >= 1000 leave for "high-risk therapy"'
    assert goes_on in text
    path = tmp_path / "leaving.yaml"
    path.write_text(text.replace(goes_on, leaves), encoding="utf-8")
    run = simulate(path, patients=64, seed=1, record=("outcomes", "events"))
    left = run.outcomes.filter(pl.col("left_for").is_not_null() & pl.col("remission").is_null())
    assert left.height > 0
    assert "complete remission" in str(run.summary())


def test_json_has_no_nan_and_keeps_what_was_judged() -> None:
    seen = library().side_effect("vod").published[0]
    row = Incidence("vod", seen, Estimate(float("nan"), 0.0, float("inf"), 5))
    told = json.loads(as_json({"rows": [row], "table": pl.DataFrame({"x": [float("nan"), 1.0]}), "path": Path("a")}))
    assert told["rows"][0]["simulated"] == {"value": None, "low": 0.0, "high": None, "n": 5}
    assert told["rows"][0]["verdict"] == row.verdict and told["rows"][0]["published"]["value"] == seen.value
    assert told["table"] == [{"x": None}, {"x": 1.0}] and told["path"] == "a"
