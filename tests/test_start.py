"""What a start loads, and that it needs nothing but its own files: no home, no cache, nothing to write into."""

import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from remission.knowledge import kept
from remission.knowledge.library import Library, using
from remission.patient.recipe import population
from remission.protocol.reader import read_protocol
from remission.protocol.variant import variant
from remission.trial.sources import of_agent

HEAVY = {
    "lark", "lifelines", "matplotlib", "numba", "numpy", "pandas", "pint", "polars", "pyarrow", "pydantic", "rich",
    "scipy.special", "scipy.stats", "yaml",
}  # fmt: skip
PLAN = "from datetime import date; import remission as rm; print(len(rm.plan('cog-standard-risk', age_y=4, sex='f', "
PLAN += "weight_kg=16, height_cm=102, start=date(2027, 1, 4)).rows))"

# Every write outside of one folder fails as on a disk that can only be read, whoever the user is.
READ_ONLY = """
import os, sys
allowed = os.path.realpath(sys.argv[1])
def refuse(event, found):
    if event == "open":
        path, mode, flags = found
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    else:
        path, writes = found[0], event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink")
    if writes and isinstance(path, (str, bytes, os.PathLike)):
        real = os.path.realpath(os.fsdecode(path))
        if not real.startswith((allowed, "/dev/")):
            raise OSError(30, "Read-only file system", real)
sys.addaudithook(refuse)
"""


def python(script: str, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR")}
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, words)],
        capture_output=True, text=True, env=kept | {"PYTHONDONTWRITEBYTECODE": "1"} | environment, check=False,
    )  # fmt: skip


def loaded_by(script: str) -> set[str]:
    done = python(f"{script}\nimport sys; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    return HEAVY & set(done.stdout.splitlines()[-1].split())


def test_the_package_and_its_command_line_load_no_library() -> None:
    assert loaded_by("import remission, remission.cli") == set()


def test_a_protocol_is_read_without_what_plays_and_draws() -> None:
    assert loaded_by("import remission; remission.read_protocol('cog-standard-risk')") == {
        "lark", "pydantic", "yaml",
    }  # fmt: skip


def test_playing_loads_neither_what_draws_nor_what_reads_units() -> None:
    """pint costs a quarter of a second: the units of the supplied files are kept (python tests/keep_units.py)."""
    script = "import remission; remission.simulate('cog-standard-risk', patients=1, follow_up_years=0.1)"
    assert loaded_by(script) == {"lark", "numpy", "polars", "pydantic", "rich", "yaml"}


def test_estimates_need_numpy_alone() -> None:
    assert loaded_by(
        "import numpy as np; from remission.trial import estimates as e; d = np.arange(9.0); f = d % 2 > 0\n"
        "e.survival(d, f, 5), e.median_survival(d, f), e.hazard_ratio(d, f, d < 4), e.share(1, 9)"
    ) == {"numpy"}


def test_only_what_a_protocol_needs_is_read() -> None:
    script = (
        "import sys; from remission.knowledge import kept; kept.FILE = kept.FILE.with_name('none'); seen = set()\n"
        "sys.addaudithook(lambda event, found: seen.add(str(found[0])) if event == 'open' else None)\n"
        "import remission; remission.read_protocol('tower-standard')\n"
        "print(*sorted(path.split('data/')[1] for path in seen if 'knowledge/data/' in path and 'agents/' not in path))"
    )
    read = python(script).stdout.split()
    assert "protocols/tower-standard.yaml" in read and "sources.yaml" in read
    assert not [path for path in read if path.startswith(("trials/", "populations/"))]
    assert len([path for path in read if path.startswith("protocols/")]) < 7  # with what follows a failure


@pytest.fixture
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place of its own for what is kept."""
    monkeypatch.setattr(kept, "FILE", tmp_path / "kept.pickle")
    kept.things.cache_clear()
    yield kept.FILE
    kept.things.cache_clear()


def _some(shelf: Library) -> list[object]:
    with using(shelf):
        return [shelf.agent("vincristine"), shelf.all_names(), dict(shelf.body("infection").items()),
                population("infants"), read_protocol("tower-standard"),
                variant("tower-standard", after_relapse="usual"), of_agent(shelf, "vincristine")]  # fmt: skip


def test_what_is_kept_is_what_is_read(nothing_kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = Library()
    writing.keep = {}
    read = _some(writing)
    kept.write(writing.keep, nothing_kept)
    kept.things.cache_clear()
    assert not any(str(kept.DATA).encode() in zlib.decompress(one) for one in kept.things().values())  # it may move
    with monkeypatch.context() as patched:
        patched.setattr("remission.knowledge.loader.read_yaml", None)
        patched.setattr("remission.protocol.reader.read_file", None)
        assert _some(Library()) == read


def test_what_was_kept_of_other_files_or_is_cut_off_is_not_used(nothing_kept: Path, tmp_path: Path) -> None:
    kept.write({"agents/vincristine": "kept"}, nothing_kept)
    kept.things.cache_clear()
    assert Library().kept("agents/vincristine", lambda: "read") == "kept"
    (tmp_path / "agents").mkdir()
    (tmp_path / "sources.yaml").write_text("", "utf-8")
    assert Library([tmp_path]).kept("agents/vincristine", lambda: "read") == "read"
    whole = nothing_kept.read_bytes()
    for wrong in (whole[:-1], whole[:32] + b"of other files".ljust(32) + whole[64:], b""):
        nothing_kept.write_bytes(wrong)
        kept.things.cache_clear()
        assert Library().kept("agents/vincristine", lambda: "read") == "read"


def test_pictures_of_a_program_of_our_own_need_no_list_of_fonts_and_look_the_same(tmp_path: Path) -> None:
    script = (
        "import sys; from remission.trial import drawing; sys.argv[1] == 'ours' and drawing.only_ours()\n"
        "drawing.load()\n"
        "from remission.trial.pictures import plot_cohort, png; import hashlib, polars as pl, matplotlib\n"
        "print(hashlib.sha256(png(plot_cohort({}, title='Ä 10⁹/L'), 60)).hexdigest(), matplotlib.get_cachedir())"
    )
    home = tmp_path / "home"
    ours = python(script, "ours", HOME=home)
    assert not ours.stderr and not home.exists()
    assert python(script, "theirs", HOME=os.environ.get("HOME", "")).stdout.split()[0] == ours.stdout.split()[0]


@pytest.mark.parametrize("home", ["/nonexistent", "/dev/null"])
def test_a_plan_needs_no_home_and_nothing_to_write_into(home: str, tmp_path: Path) -> None:
    done = python(READ_ONLY + PLAN, tmp_path, HOME=home)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100 and not done.stderr


def test_two_first_starts_at_once_give_the_same(tmp_path: Path) -> None:
    homes = [str(tmp_path / "home")] * 2
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PLAN], env=os.environ | {"HOME": home, "XDG_CACHE_HOME": home}, text=True,
            stdout=subprocess.PIPE,
        )
        for home in homes
    ]  # fmt: skip
    said = [one.communicate()[0] for one in running]
    assert [one.returncode for one in running] == [0, 0] and said[0] == said[1] and int(said[0]) > 100
