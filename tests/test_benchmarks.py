"""What the benchmarks play is what they say: the reference problem is its own small library."""

import subprocess
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


def test_bodies_of_the_reference_problem_keep_their_size() -> None:
    """Else their clearances change with them, and what is compared with other programs is another problem."""
    import remission_row

    from remission.engine import lanes

    _, drawn = lanes.build(remission_row.program(True), remission_row.people(40), remission_row.knowledge(), seed=1)
    assert np.ptp(drawn.size, axis=1).min() > 0.1, "patients differ"
    assert np.ptp(drawn.size.reshape(2, -1, drawn.size.shape[1]), axis=1).max() == 0.0, "and nobody grows"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not tell who descends from whom")
def test_the_memory_of_a_command_is_its_own_and_that_of_its_children_and_not_that_of_who_started_it() -> None:
    from peak import waited_for

    ours = bytearray(300_000_000)  # of this process
    ours[::4096] = b"x" * len(ours[::4096])
    held = "import sys, time; held = b'x' * 60_000_000; time.sleep(0.6)"
    parent = f"import subprocess, sys; held = b'x' * 60_000_000; subprocess.run([sys.executable, '-c', {held!r}])"
    failed, _, peak_mb = waited_for(subprocess.Popen([sys.executable, "-c", parent]))
    assert failed == 0 and 125 < peak_mb < 200
    assert waited_for(subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]))[0] == 3
