"""What is imported must be there on Windows too: nothing of POSIX alone outside the files that know both."""

import ast
from pathlib import Path

import pytest

import remission

PACKAGE = Path(remission.__file__).parent
POSIX = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty"}
BOTH = {"engine/alone.py", "page/serve.py", "trial/memory.py"}  # each has its way for Windows
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_imported_that_windows_lacks(file: str) -> None:
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    found = {
        alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    found |= {(node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert file in BOTH or not found & POSIX


@pytest.mark.parametrize("file", FILES)
def test_text_files_are_read_and_written_as_utf_8_whatever_the_system_prefers(file: str) -> None:
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            given = {word.arg for word in node.keywords}
            if node.func.attr == "read_text":
                assert "encoding" in given or node.args, f"{file}:{node.lineno}"
            elif node.func.attr == "write_text":
                assert "encoding" in given or len(node.args) > 1, f"{file}:{node.lineno}"
