"""Scores, pictures of a validation, and what the uncertainty of fitted numbers does to results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from remission.knowledge.errors import BadInput
from remission.knowledge.library import DATA, Library, library, using
from remission.knowledge.places import number, place
from remission.knowledge.posterior import Posterior
from remission.trial.picture_validation import pictures
from remission.trial.score import Apart, off_scale, on_scale, score, spread
from remission.trial.uncertainty import over_draws
from remission.trial.validate import validate

LETHAL = "body/leukaemia.yaml: detection.lethal"


def test_the_crps_is_the_integral_that_defines_it() -> None:
    one = Apart(0.3, 0.2, 0.9, 0.4)
    sd = np.hypot(0.2, 0.4)
    below = quad(lambda x: norm.cdf(x, 0.9, sd) ** 2, -10, 0.3)[0]
    above = quad(lambda x: (1 - norm.cdf(x, 0.9, sd)) ** 2, 0.3, 10)[0]
    assert one.crps == pytest.approx(below + above, rel=1e-6)
    assert one.z == pytest.approx(0.6 / sd)
    assert score([one, one]).agree == 2  # type: ignore[union-attr]
    assert score([]) is None


def test_shares_are_compared_as_logits_and_times_as_logarithms() -> None:
    assert on_scale(50, "percent") == pytest.approx(0)
    assert on_scale(80, "percent", 10_000) == pytest.approx(np.log(4), abs=1e-3)
    assert off_scale(on_scale(12.0, "months"), "months") == pytest.approx(12.0)
    p, n = 0.8, 400
    half = 1.96 * np.sqrt(p * (1 - p) / n)
    se = 1 / np.sqrt(n * p * (1 - p))
    assert spread(80, 100 * (p - half), 100 * (p + half), "percent") == pytest.approx(se, 0.02)
    assert np.isfinite(on_scale(0.0, "percent")) and np.isfinite(spread(0.0, 0.0, 0.0, "percent", 100))


@pytest.fixture
def mine(tmp_path: Path) -> Library:
    """A library whose posterior is unsure of one number: how soon a full marrow kills."""
    fitted = number(place(LETHAL))
    draws = tuple((fitted * x,) for x in (0.3, 0.6, 1.0, 2.0, 4.0))
    sample = Posterior(plan="toy", date="2030-01-01", seeds=(1,), places=(LETHAL,), fitted=(fitted,), draws=draws)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "posterior.yaml").write_text(sample.text(), encoding="utf-8")
    return library(tmp_path / "own")


def test_a_validation_tells_what_the_uncertain_numbers_change_and_draws_it(mine: Library, tmp_path: Path) -> None:
    done = validate(["tower"], patients=32, seed=3, threads=1, knowledge=mine, uncertainty=5)
    rows = {row.endpoint.label(): row for row in done[0].comparisons if row.arm.protocol == "tower"}
    survival = rows["median overall survival"]
    assert survival.unsure is not None and survival.simulated is not None
    assert survival.unsure[0] < survival.simulated.value < survival.unsure[1]
    assert survival.unsure[1] > 1.2 * survival.unsure[0]
    remission = rows["complete remission within 12 weeks"]
    assert remission.unsure is not None and remission.simulated is not None
    assert remission.unsure[1] - remission.unsure[0] < 20  # death of leukaemia comes later than remission
    drawn = pictures(done, tmp_path / "img")
    assert set(drawn) == {"tower", "all"}
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in drawn.values())


def test_without_a_calibration_or_with_too_many_draws_nothing_is_played(mine: Library, tmp_path: Path) -> None:
    def never() -> dict[str, float]:
        raise AssertionError

    with using(mine), pytest.raises(BadInput, match="6 draws cannot be played. The sample has 5"):
        over_draws(6, never)
    if not (DATA / "posterior.yaml").exists():
        with pytest.raises(BadInput, match="no calibration has left a sample"):
            over_draws(2, never)


def test_the_shipped_sample_fits_the_shipped_numbers() -> None:
    from remission.knowledge.posterior import posterior

    if (DATA / "posterior.yaml").exists():
        assert len(posterior().draws) >= 50


def test_the_credibility_page_names_every_miss_and_counts_what_was_found(mine: Library) -> None:
    import json

    from remission.knowledge.credibility_file import credibility
    from remission.trial.as_json import as_json
    from remission.trial.credibility import page

    done = validate(["cibmtr_children_irradiation"], patients=32, seed=3, threads=1)
    rows = json.loads(as_json(list(done)))
    effect = {
        "side_effect": "vod", "verdict": "no", "published": {"name": "A", "value": 5.0, "used": "predict"},
        "published_limits": {"low": 4.0, "high": 6.0}, "simulated": {"value": 9.0},
    }  # fmt: skip
    verification = "| ANC, relative | 1e-4 | 2e-4 | 3.5e-4 | 2e-08 | 0.001 | 100.0 % | met |\n"
    text = page(rows, [effect], verification)
    missed = [row for row in done[0].comparisons if row.verdict == "no"]
    assert missed and all(row.endpoint.label() in text.split("## Every miss")[1] for row in missed)
    assert "A: published 5 % (4 to 6), simulated 9 % (predict)" in text
    assert "3.5e-04 relative in neutrophils" in text and "1 of 1 aims" in text
    assert "no calibration has left a sample" in text or "numbers were fitted together" in text
    assert all(context.name in text for context in credibility().contexts)
    assert all(over.first and over.first in text for over in credibility().blind if over is not credibility().present)
    with using(mine):
        assert f"`{LETHAL}`" in page(rows, [], verification)
    with pytest.raises(BadInput, match="the results lack"):
        page([{"name": "x"}], [], verification)
