"""A file is there whole, or as it was before, whatever happens while it is written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from remission.knowledge.writing import half_written, write_whole


def test_text_and_bytes(tmp_path: Path) -> None:
    assert write_whole(tmp_path / "b.txt", "µg\n").read_bytes() == "µg\n".encode()
    assert write_whole(tmp_path / "b.txt", b"new").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["b.txt"]
    with pytest.raises(FileNotFoundError, match=r"no/b\.txt"):
        write_whole(tmp_path / "no" / "b.txt", "µg\n")


def test_a_failure_leaves_the_old_file_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_whole(tmp_path / "calendar.csv", "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*calendar\.csv"):
        write_whole(path, "new")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["calendar.csv"]


def test_a_link_is_followed_and_a_mode_is_kept(tmp_path: Path) -> None:
    real = write_whole(tmp_path / "real.csv", "old")
    real.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(real)
    write_whole(tmp_path / "link.csv", "new")
    assert (tmp_path / "link.csv").is_symlink() and real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_what_is_no_file_is_written_to_as_it_is(tmp_path: Path) -> None:
    """--csv /dev/stdout | less"""
    script = "from remission.knowledge.writing import write_whole; write_whole('/dev/stdout', 'through a pipe')"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "through a pipe"
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, "a folder")


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # as a disk that fills up
sys.argv = ["remission", *sys.argv[1:]]
from remission.cli import main
main()
"""


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("schema", "--out", "."), "agent.schema.json"),
        (("plan", "cog-standard-risk", "--age", "4", "--sex", "f", "--weight", "16", "--height", "102",
          "--start", "2027-01-04", "--csv", "p.csv"), "p.csv"),
        (("plan", "cog-standard-risk", "--age", "4", "--sex", "f", "--weight", "16", "--height", "102",
          "--start", "2027-01-04", "--html", "p.html"), "p.html"),
        (("plan", "cog-standard-risk", "--age", "4", "--sex", "f", "--weight", "16", "--height", "102",
          "--start", "2027-01-04", "--ics", "p.ics"), "p.ics"),
    ],
)  # fmt: skip
def test_a_command_that_cannot_write_all_says_so_and_leaves_no_stump(
    tmp_path: Path, words: tuple[str, ...], file: str
) -> None:
    (tmp_path / file).write_text("old")
    shown = subprocess.run([sys.executable, "-c", LIMITED, *words], capture_output=True, text=True, cwd=tmp_path)
    assert shown.returncode == 2 and file in shown.stderr and "Traceback" not in shown.stderr
    assert (tmp_path / file).read_text() == "old" and os.listdir(tmp_path) == [file]


def test_leftovers_of_a_kill_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / ".a.csv.0f0f0f0f.tmp").write_text("half")
    (tmp_path / "a.csv").write_text("whole")
    assert half_written(tmp_path, "a.csv.*") == half_written(tmp_path) == [tmp_path / ".a.csv.0f0f0f0f.tmp"]
