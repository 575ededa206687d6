"""The core is handed arrays: whatever leads out of them is an error that names the field, never a crash."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from guards import hostile
from guards.arrays import arrays

from remission.compiled import core
from remission.knowledge import limits

HOSTILE = Path(hostile.__file__)


@pytest.fixture(scope="module")
def parts():
    return arrays("relapse-pathway")


def test_arrays_that_lead_astray_are_errors_and_the_process_lives(parts, tmp_path):
    """Some hundred of the cases of `make sanitize`, which runs all of them."""
    (tmp_path / "arrays.pickle").write_bytes(pickle.dumps(parts))
    done = subprocess.run(
        [sys.executable, HOSTILE, core.__file__, tmp_path / "arrays.pickle", "--every", "41"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout.splitlines()[-1:], done.stderr[-2000:])
    refused, played = map(int, re.findall(r"run (\d+) were refused, (\d+) played", done.stdout)[0])
    assert refused > 300 and played > 50


@pytest.mark.parametrize(
    ("part", "field", "name", "row", "value", "said"),
    [
        ("tables", "phases", "next", 0, 99, r"phases\[0\]\.next is 99; there are \d+"),
        ("tables", "orders", "form", 2, -1, r"orders\[2\]\.form is -1"),
        ("tables", "forms", "next", 0, 0, r"forms\[0\]\.next is 0; it must lie in 1\.\."),
        ("tables", "terms", "variable", 0, 10**9, r"terms\[0\]\.variable is 1000000000"),
        ("layout", "segments", "states", 5, 10**6, r"segments\[5\]\.states is 1000000"),
        ("layout", "shapes", "source", 0, -3, r"shapes\[0\]\.source is -3"),
        ("layout", "micro_start", None, 0, np.nan, r"micro_start\[0\] is -?nan"),
    ],
)
def test_what_leads_astray_is_named(parts, part, field, name, row, value, said):
    wrong = parts[part][field].copy()
    (wrong[name] if name else wrong)[row] = value
    with pytest.raises(ValueError, match=said):
        hostile.play(core, parts | {part: parts[part] | {field: wrong}})


def test_what_is_made_of_the_states_takes_no_output_that_is_a_product(parts):
    """A quiet day would look for it for ever."""
    layout = parts["layout"]
    shapes, linear = layout["shapes"].copy(), layout["linear_outputs"]
    outputs = np.diff(layout["output_from"])
    row = next(i for i, s in enumerate(shapes) if s["output"] < linear[s["agent"]] < outputs[s["agent"]])
    shapes["output"][row] = linear[shapes["agent"][row]]
    with pytest.raises(ValueError, match=rf"shapes\[{row}\]\.output is \d+"):
        hostile.play(core, parts | {"layout": layout | {"shapes": shapes}})


@pytest.mark.parametrize("name", ["phases", "days", "due", "conditions", "terms", "orders"])
def test_a_table_that_is_empty_is_an_error(parts, name):
    with pytest.raises(ValueError, match=r"\w+(\[\d+\])?(\.\w+)? (is|has) "):
        hostile.play(core, parts | {"tables": parts["tables"] | {name: parts["tables"][name][:0].copy()}})


def test_a_block_keeps_what_was_checked(parts):
    """Arrays that are changed afterwards change nothing in a block that is being played."""

    def first_days(change: bool) -> list[np.ndarray]:
        mine = copy.deepcopy(parts)
        block = hostile.block(core, mine)
        if change:
            for fields in mine.values():
                for array in fields.values():
                    if isinstance(array, np.ndarray) and array.size:
                        array.reshape(-1).view(np.uint8)[:] = 0x7F
        for today in range(3):
            for lane in range(core.LANES):
                if block.status(lane) < core.words.AFTER:
                    block.morning(lane, today)
            block.kinetics(today)
            for lane in range(core.LANES):
                block.evening(lane, today)
        return [block.results(), block.x.copy(), block.line.copy()]

    for one, other in zip(first_days(False), first_days(True), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_deepest_condition_of_a_file_fits_on_the_stack_of_the_core():
    assert core.words.MAX_DEPTH > limits.CONDITION_DEPTH + 2


def test_who_has_left_treatment_has_no_mornings(parts):
    block = hostile.block(core, parts)
    left = [lane for lane in range(core.LANES) if block.status(lane) >= core.words.AFTER]
    for today in range(200):
        for lane in range(core.LANES):
            if block.status(lane) < core.words.AFTER:
                block.morning(lane, today)
            block.evening(lane, today)
        left = [lane for lane in range(core.LANES) if block.status(lane) >= core.words.AFTER]
        if left:
            break
    with pytest.raises(ValueError, match="not treated any more"):
        block.morning(left[0], 1)


@pytest.mark.parametrize(
    ("call", "args"),
    [
        ("morning", (core.LANES, 0)),
        ("evening", (-1, 0)),
        ("kinetics", (-1,)),
        ("kinetics", (10**6,)),
        ("rescue_doses", (999, 0)),
        ("status", (2**40,)),
    ],
)
def test_a_block_has_so_many_patients_days_and_agents(parts, call, args):
    with pytest.raises(ValueError, match=r"must lie in 0\.\."):
        getattr(hostile.block(core, parts), call)(*args)


def test_more_threads_than_the_machine_gives_are_no_error(parts):
    one, many = hostile.play(core, parts), hostile.play(core, parts, threads=10**6)
    np.testing.assert_array_equal(one[0], many[0])
