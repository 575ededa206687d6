"""A simulation wherever people run one: forked, spawned, in threads, in a notebook, without a home, with nothing to
write into, as somebody who may do little. Each time it plays twice, into memory and into a folder, and must say the
same as here."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from test_start import READ_ONLY

import remission

SECONDS = 300  # longer hangs
NOBODY = 65534
PLAYED = """
import hashlib, sys, remission
def played(folder):
    said = []
    for out in (None, folder):
        run = remission.simulate("cog-standard-risk", patients=40, seed=7, threads=2, follow_up_years=0.2, out=out)
        tables = [run.outcomes, run.doses, run.events, run.states]
        said.append(hashlib.sha256("".join(table.write_csv() for table in tables).encode()).hexdigest())
    assert said[0] == said[1]
    return said[0]
"""


def started(script: str, *words: object, **more: object) -> subprocess.Popen[str]:
    where = {"PYTHONPATH": str(Path(remission.__file__).parent.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {**os.environ, **where, **(more.pop("environment", None) or {})}  # type: ignore[dict-item]
    return subprocess.Popen(
        [sys.executable, "-c", PLAYED + script, *map(str, words)],
        env={name: value for name, value in environment.items() if value is not None},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # type: ignore[call-overload]  # fmt: skip


def ended(run: subprocess.Popen[str]) -> list[str]:
    try:
        said, complained = run.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        run.kill()
        run.communicate()
        pytest.fail("it hangs")
    assert run.returncode == 0, complained
    return said.split()


@cache
def here() -> str:
    space: dict[str, object] = {}
    exec(PLAYED.replace("for out in (None, folder)", "for out in (None, None)"), space)
    return str(space["played"](None))  # type: ignore[operator]


FORKED = """
import os
from remission.knowledge.errors import BadInput
remission.read_protocol("cog-standard-risk")
def of_child(folder):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = played(folder)
        except BadInput as error:
            said = str(error)
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return said
print(of_child(sys.argv[1] + "/before"), played(sys.argv[1] + "/own"))
print("|", of_child(sys.argv[1] + "/after"), "|", played(sys.argv[1] + "/then"))
"""
POOL = """
import multiprocessing
if __name__ == "__main__":
    how, folder = sys.argv[2], sys.argv[1]
    if how != "fork":
        print(played(folder + "/own"), flush=True)
    with multiprocessing.get_context(how).Pool(2) as pool:
        print(*pool.map(played, [folder + "/a", folder + "/b"]))
"""
THREADS = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(3) as pool:
    print(*pool.map(played, [sys.argv[1] + "/" + name for name in "abc"]))
"""
NOTEBOOK = """
import asyncio
async def cell():
    await asyncio.sleep(0)
    print(played(sys.argv[1] + "/cell"))
    print(await asyncio.to_thread(played, sys.argv[1] + "/beside"))
asyncio.run(cell())
"""


def test_a_fork_before_the_first_run_and_one_after_it(tmp_path: Path) -> None:
    """Polars' threads do not live on in a child, which would wait for them for ever: it is told so instead."""
    before, child, after = " ".join(ended(started(FORKED, tmp_path))).split("|")
    assert before.split() == [here()] * 2 and after.split() == [here()]
    assert "was forked from one that had already simulated" in child and "get_context('spawn')" in child


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_a_pool_of_processes(how: str, tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(PLAYED + POOL)
    run = subprocess.Popen(
        [sys.executable, script, tmp_path, how], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(remission.__file__).parent.parent)},
    )  # fmt: skip
    assert ended(run) == [here()] * (2 if how == "fork" else 3)


def test_three_runs_at_once_in_one_process(tmp_path: Path) -> None:
    assert ended(started(THREADS, tmp_path)) == [here()] * 3


def test_a_cell_of_a_notebook_whose_loop_is_running(tmp_path: Path) -> None:
    assert ended(started(NOTEBOOK, tmp_path)) == [here()] * 2


def test_two_first_starts_at_once(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": None}
    runs = [started("print(played(sys.argv[1]))", tmp_path / name, environment=home) for name in "ab"]
    assert [ended(run) for run in runs] == [[here()]] * 2
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("home", [None, "/nonexistent", "/dev/null", "/proc"])
def test_no_home_and_nothing_to_write_into_but_the_folder_of_the_run(home: str | None, tmp_path: Path) -> None:
    """As on a read-only installation: every write of Python outside of the folder fails, whoever the user is."""
    nothing = {"HOME": home, "XDG_CACHE_HOME": None, "MPLCONFIGDIR": None}
    assert ended(started(READ_ONLY + "print(played(sys.argv[1] + '/run'))", tmp_path, environment=nothing)) == [here()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else; who runs this is nobody special")
def test_somebody_who_may_write_nothing_but_the_run(tmp_path: Path) -> None:
    """The user `nobody`, without a home. What Python itself lies in may be closed to him: then it is loaded before."""
    out = tmp_path / "run"
    out.mkdir()
    os.chown(out, NOBODY, NOBODY)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    nobody = f"""
import os
played(sys.argv[1] + "/as-root")
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
assert not os.access("/root", os.W_OK) and not os.access(remission.__file__, os.W_OK)
print(played(sys.argv[1] + "/run/mine"))
"""
    assert ended(started(nobody, tmp_path, environment={"HOME": None})) == [here()]
