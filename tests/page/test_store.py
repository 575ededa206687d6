"""Results on disk: what is damaged is made anew, there is a limit to how much is kept, and what travels with the
package is of these numbers."""

import io
import os
import zipfile
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from remission.knowledge.errors import BadInput
from remission.page import cohorts
from remission.page.packed import packed, unpacked
from remission.page.playing import played
from remission.page.scenario import Scenario
from remission.page.store import ENDING, Store
from remission.page.summary import SCHEMAS

SMALL = Scenario.read("icicle-maintenance", {"patients": "32"})


@pytest.fixture(scope="module")
def summary():
    return played(SMALL)


def test_what_is_kept_is_found_again_as_it_was(summary, tmp_path):
    Store(tmp_path).keep(summary)
    found = Store(tmp_path).find(SMALL)
    assert found.scenario == SMALL and found.patients == 32
    assert all(getattr(found, name).equals(getattr(summary, name)) for name in SCHEMAS)
    assert packed(found) == packed(summary)
    assert Store(tmp_path).find(replace(SMALL, seed=2)) is None


def repacked(data, **changed):
    """The zip with some files changed (None: left out)."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as box, zipfile.ZipFile(out, "w") as new:
        files = {info.filename: box.read(info) for info in box.infolist()} | changed
        for name, content in files.items():
            if content is not None:
                new.writestr(name, content)
    return out.getvalue()


def nan_in(summary):
    bands = summary.bands.with_columns(q50=pl.lit(float("nan"), pl.Float32))
    return packed(replace(summary, bands=bands))


def half(data):
    return data[: len(data) // 2]


def flipped(data):
    """One bit of a table."""
    place = data.index(b"PAR1") + 1000
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: b"",
        lambda s: b"no zip at all",
        lambda s: half(packed(s)),
        lambda s: flipped(packed(s)),
        lambda s: repacked(packed(s), **{"more.txt": b"x"}),
        lambda s: repacked(packed(s), **{"bands.parquet": None}),
        lambda s: repacked(packed(s), **{"bands.parquet": b"PAR1"}),
        lambda s: repacked(packed(s), **{"summary.json": b"{}"}),
        lambda s: repacked(packed(s), **{"summary.json": b"[" * 100_000}),
        lambda s: packed(replace(s, bands=s.bands.drop("q50"))),
        lambda s: packed(replace(s, scenario=replace(SMALL, seed=9))),
        nan_in,
        lambda s: packed(s) + b"0" * 5_000_000,
    ],
)
def test_what_is_damaged_is_taken_away_and_not_shown(damage, summary, tmp_path):
    store = Store(tmp_path)
    store.keep(summary)
    path = next(tmp_path.glob(f"*{ENDING}"))
    path.write_bytes(damage(summary))
    assert Store(tmp_path).find(SMALL) is None
    assert not path.exists()


def test_any_bytes_are_results_or_bad_input(summary):
    data, chance = packed(summary), np.random.default_rng(1)
    for _ in range(300):
        changed = bytearray(data)
        for place in chance.integers(0, len(data), 3):
            changed[place] = chance.integers(256)
        try:
            unpacked(bytes(changed))
        except BadInput:
            pass


def test_the_ones_not_asked_for_longest_make_room(summary, tmp_path):
    size = len(packed(summary))
    store = Store(tmp_path, size=4_000_000 + 3 * size)
    for seed in range(8):
        store.keep(replace(summary, scenario=replace(SMALL, seed=seed)))
        store.find(replace(SMALL, seed=0))
    assert len(list(tmp_path.glob(f"*{ENDING}"))) <= 5
    assert Store(tmp_path).find(replace(SMALL, seed=7)) is not None


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(summary, tmp_path):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "below")
    store.keep(summary)
    assert store.find(SMALL) is not None


# --- what travels with the package


def test_stored_cohorts_are_of_these_numbers():
    old = cohorts.stale()
    assert not old, f"made of other knowledge: {', '.join(old)}. Renew them with: make cohorts"


@pytest.mark.parametrize("path", ["cog-standard-risk", "eliana"])
def test_stored_cohorts_are_of_this_model(path):
    """Eight of the stored lives, played again: a change in the last digits may turn a life, a changed model turns
    most."""
    scenario = Scenario.read(path, {})
    stored = Store(None).stored(scenario)
    again = played(replace(scenario, patients=8))
    keys = ["state", "patient", "day"]
    lives = stored.lives.filter(pl.col("patient") < 8)
    both = again.lives.join(lives, on=keys, how="full", coalesce=True, suffix="_old")
    gap = (pl.col("value") - pl.col("value_old")).abs() <= 0.02 * (pl.col("value").abs() + 0.01)
    alike = gap.fill_null(pl.col("value").is_null() & pl.col("value_old").is_null())
    same = both.group_by("patient").agg(alike.mean().alias("alike"))
    assert (same["alike"] > 0.9).sum() >= 6, "made with another model. Renew them all with: make cohorts FRESH=1"


def test_what_another_server_is_just_writing_is_left_to_it(tmp_path):
    young, old = tmp_path / ".a.scenario.0.tmp", tmp_path / ".b.scenario.0.tmp"
    for path in (young, old):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert Store(tmp_path).folder is not None
    assert young.exists() and not old.exists()


def test_a_pipe_in_the_place_of_results_makes_nobody_wait(summary, tmp_path):
    os.mkfifo(tmp_path / f"{SMALL.key}{ENDING}")
    assert Store(tmp_path).find(SMALL) is None
    Store(tmp_path).keep(summary)
    assert Store(tmp_path).find(SMALL) is not None
