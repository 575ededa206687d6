"""Children are as tall and as heavy as the growth references say, and they grow while they are treated."""

from __future__ import annotations

import numpy as np
import pytest

from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, using
from remission.patient.cohort import SEX
from remission.patient.growth import reference, sizes
from remission.patient.person import one
from remission.patient.population import draw

AGES = np.array([0.3, 0.9, 1.6, 2.2, 3.7, 5.0, 7.3, 9.9, 11.2, 12.8, 14.1, 15.6, 17.4, 19.2])
MEASURES = {"height_cm": "height", "weight_kg": "weight"}


@pytest.mark.parametrize(("name", "library"), [("usa", "cdc"), ("usa-down-syndrome", "trisomy-21-aap")])
@pytest.mark.parametrize("sex", SEX)
@pytest.mark.parametrize("what", MEASURES)
def test_sizes_are_those_of_the_library_of_growth_references(name, library, sex, what):
    """rcpchgrowth holds every month (day below 2 years), the file here every half of a year."""
    measurement_from_sds = pytest.importorskip("rcpchgrowth").measurement_from_sds
    index = np.full(AGES.shape, SEX.index(sex))
    for z in (-2.0, -1.0, 0.0, 1.0, 2.0):
        own = reference(name).size(what, AGES, index, np.full(AGES.shape, z))
        theirs = [measurement_from_sds(library, z, MEASURES[what], sex, float(age)) for age in AGES]
        assert own == pytest.approx(np.array(theirs, dtype=float), rel=0.012)


def test_a_score_is_the_reverse_of_a_size():
    growth = reference("usa")
    sex = (np.arange(AGES.size) % 2).astype(np.int64)
    z = np.linspace(-2.5, 2.5, AGES.size)
    for what in MEASURES:
        assert growth.score(what, AGES, sex, growth.size(what, AGES, sex, z)) == pytest.approx(z, abs=1e-9)


def test_a_child_of_four_gains_as_much_in_three_years_as_the_median_does():
    child = one(age_y=4, sex="f")
    surface, weight = sizes(child, np.array([0.0, 1095.75]))
    assert (surface[0, 0], weight[0, 0]) == (child.bsa_m2[0], child.weight_kg[0])
    later = one(age_y=7, sex="f")
    assert weight[1, 0] == pytest.approx(later.weight_kg[0], rel=1e-3)
    assert surface[1, 0] == pytest.approx(later.bsa_m2[0], rel=1e-3)


def test_nobody_shrinks_and_grown_ups_stay_as_they_are():
    for name in ("childhood-all", "adult-all"):
        people = draw(name, 500, seed=3)
        surface, weight = sizes(people, np.arange(0.0, 3000.0, 182.625))
        assert np.all(np.diff(surface[:, people.age_y < 14], axis=0) > -1e-12)
        grown_up = people.age_y >= 20
        assert np.all(surface[:, grown_up] == people.bsa_m2[grown_up]) and np.isfinite(weight).all()


def test_children_with_down_syndrome_are_smaller():
    for age in (3, 8, 14):
        with_it, without = one(age_y=age, sex="m", down=True), one(age_y=age, sex="m")
        assert with_it.height_cm[0] < 0.96 * without.height_cm[0]


def test_a_faulty_growth_reference_is_told_with_its_line(tmp_path):
    (tmp_path / "growth").mkdir()
    text = reference_text().replace("ages_y: [0, 0.083, 0.167,", "ages_y: [0, 0.167, 0.083,")
    (tmp_path / "growth" / "mine.yaml").write_text(text)
    with using(Library([tmp_path])), pytest.raises(BadInput, match="the ages do not rise") as caught:
        reference("mine")
    assert text.splitlines()[caught.value.line - 1].startswith("ages_y")
    with using(Library([tmp_path])), pytest.raises(BadInput, match="growth reference"):
        reference("ours")


def reference_text() -> str:
    from remission.knowledge.library import library

    return library().growth_path("usa").read_text(encoding="utf-8")
