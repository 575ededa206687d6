"""What the benchmarks play is what they say: the reference problem is its own small library."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

reference_problem = pytest.importorskip("reference_problem")


def test_the_reference_problem_draws_the_numbers_that_are_written_down() -> None:
    import remission_row

    drawn = remission_row.parameters(400)
    assert set(drawn) == set(reference_problem.NAMES)
    for name, typical in reference_problem.TYPICAL.items():
        assert np.median(drawn[name]) == pytest.approx(typical, rel=0.12), name
    assert np.median(remission_row.people(400).weight_kg) == pytest.approx(20.0, rel=0.03)
