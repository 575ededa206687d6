"""The division of published results into fitted and foretold ones: as it was recorded, and the files keep to it."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from remission.knowledge.credibility_file import credibility
from remission.knowledge.library import DATA, Library, library
from remission.knowledge.split import FILE, departures, is_kept_back, split

BLIND = "7fe3c16246300b98e917957fe23ed3af23e916dac2cf3f997cb5ef1b4aadcad7"  # sha256 of the last round, unplayed
RECORDED = "a6f63e10236117f4bb25d0625025ffa23f510a80ad8615b1ade7e76b7aeaa48a"  # sha256, from before the fit
FORBIDDEN = (  # results that an independent check uses: no trial of these may be here
    "aall0932", "aall1131", "aall0622", "ca180_372", "aieop_bfm_2009", "all_bfm_90", "ukall2011", "ukall_xi", "total16",
    "dcog_all10", "blast", "zuma3", "mll_10", "intreall", "all_r3", "rez_2002", "calgb_10403", "hyper_cvad", "ma_spore",
    "dfci_05001", "ccg1961", "eortc_58951", "coall_07_03", "pog9404", "lal2317",
)  # fmt: skip


ADDED = {
    "ccg1952_relapses: calibrate",  # not played before
    "ccg_relapses_1983: calibrate",  # not played before
    "rez_bfm_matched: calibrate",  # not played before
    "ukall_r2: calibrate",  # not played before
    "aieop_bfm_2000_mrd: calibrate",
    "asparaginase_cog: calibrate",
    "bfm_pulses: calibrate",
    "cog_sex: calibrate",
    "same_children: calibrate",
    "nopho_relapse_deaths: calibrate",
    "without_tablets: calibrate",
    "clofarabine_alone: calibrate",
    "nelarabine_children: calibrate",
    "tacl_relapses: calibrate",
    "uk_adolescents: calibrate",
    "cog_t_relapses: calibrate",
    "steroids_bfm: calibrate",
    "ukall10: calibrate",
    "ccg105: calibrate",
    "graall_lala94: calibrate",
    "lala94_parts: calibrate",
    "ukall12_mrd: calibrate",
    "nmdp_children_cr2: calibrate",
    "cibmtr_siblings_cr1: calibrate",
    "cibmtr_adults: calibrate",
    "maintenance1996: calibrate",  # not played before, but for what the first asks; allergy: foretold, missed
    '- "GRAALL-2005, graall-2005: any grade within 400 days"',
    '- "NOPHO ALL2008, children, nopho-all2008: any grade within 280 days, age_y 1 to < 18"',
}


def test_the_split_is_the_one_that_was_recorded_before_the_fit() -> None:
    lines = FILE.read_text(encoding="utf-8").splitlines(keepends=True)
    later = [line for line in lines if "# added on " in line]
    assert {line.partition("#")[0].strip() for line in later} == ADDED
    rest = "".join(line for line in lines if line not in later)
    assert hashlib.sha256(rest.encode()).hexdigest() == RECORDED


def test_every_number_is_used_as_the_split_says() -> None:
    assert not list(departures(library()))


def test_a_number_that_is_fitted_against_the_split_is_found(tmp_path: Path) -> None:
    trials = tmp_path / "trials"
    trials.mkdir()
    text = (DATA / "trials" / "aall0232.yaml").read_text()
    (trials / "aall0232.yaml").write_text(text.replace("used: predict", "used: calibrate", 1))
    assert [line for line in departures(Library([tmp_path])) if "aall0232" in line and "says calibrate" in line]


def test_a_trial_that_the_split_does_not_name_is_predicted() -> None:
    assert split().of_trial("of_tomorrow", "all", "relapse at 5 years") == "predict"
    assert split().of_trial("aall0331", "all", "relapse at 5 years") == "predict"  # nor a new number of one it divides
    assert split().of_trial("aall0331", "all", "event-free survival at 6 years") == "calibrate"


def test_trials_that_nobody_had_seen_played_are_foretold_and_no_fit_reads_them() -> None:
    """Whole trials; what is not compared is orientation. What of them is in the split says predict too."""
    shelf = library()
    plans = "\n".join(path.read_text() for path in (Path(__file__).parents[1] / "calibration").glob("*.yaml"))
    for name in credibility().unseen:
        used = Counter(e.used for _, e in shelf.trial(name).endpoints())
        assert used["predict"] and not used["calibrate"] and split().trials.get(name, "predict") == "predict"
        assert name not in plans and name not in credibility().looked_at


def test_blind_trials_are_all_foretold_and_as_they_were_before_they_were_played() -> None:
    shelf, known = library(), credibility()
    digest = hashlib.sha256()
    if known.present is None:
        pytest.skip("the newest round is over, and the next is not entered yet")
    for name in sorted(known.present.trials):
        used = Counter(e.used for _, e in shelf.trial(name).endpoints())
        assert used["predict"] and not used["calibrate"] and name not in split().trials
        assert name not in known.looked_at and name not in known.unseen
        digest.update((DATA / "trials" / f"{name}.yaml").read_bytes())
    assert len(known.present.trials) >= 8 and digest.hexdigest() == BLIND


def test_a_blind_round_that_is_over_says_what_it_gave_and_was_looked_at() -> None:
    known = credibility()
    for over in known.blind[: None if known.present is None else -1]:
        assert over.first and not {*over.trials} - {*known.looked_at}
    names = [name for entered in known.blind for name in entered.trials]
    assert len(names) == len({*names})
    with pytest.raises(ValueError, match="is over, and does not say"):
        known.model_validate({**known.model_dump(), "blind": [{**known.blind[0].model_dump(), "first": None}] * 2})


def test_trials_that_were_looked_at_are_named_as_they_are() -> None:
    assert not {*credibility().looked_at, *credibility().unseen} - {*library().trials()}


def test_half_of_the_results_and_whole_trials_are_foretold() -> None:
    shelf = library()
    used = {name: Counter(e.used for _, e in shelf.trial(name).endpoints()) for name in shelf.trials()}
    foretold = sum(count["predict"] for count in used.values())
    assert foretold >= sum(count["calibrate"] for count in used.values())
    assert sum(count["predict"] > 0 and count["calibrate"] == 0 for count in used.values()) >= 10


def test_no_result_of_the_independent_check_is_used() -> None:
    shelf = library()
    assert not set(FORBIDDEN) & (set(split().trials) | set(shelf.trials()))
    assert not [name for name in shelf.trials() if is_kept_back(shelf.trial(name).name)]
    mine = [(name, seen) for name in shelf.side_effects() for seen in shelf.side_effect(name).published]
    theirs = [(name, seen.name, seen.used) for name, seen in mine if is_kept_back(seen.name)]
    assert len(theirs) == 3 and {used for _, _, used in theirs} == {"orientation"}, theirs
