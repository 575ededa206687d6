"""What a start loads, and that it needs nothing but its own files: no home, no cache, nothing to write into."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
        "import sys; seen = set()\n"
        "sys.addaudithook(lambda event, found: seen.add(str(found[0])) if event == 'open' else None)\n"
        "import remission; remission.read_protocol('tower-standard')\n"
        "print(*sorted(path.split('data/')[1] for path in seen if 'knowledge/data/' in path and 'agents/' not in path))"
    )
    read = python(script).stdout.split()
    assert "protocols/tower-standard.yaml" in read and "sources.yaml" in read
    assert not [path for path in read if path.startswith(("trials/", "populations/"))]
    assert len([path for path in read if path.startswith("protocols/")]) < 4


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
