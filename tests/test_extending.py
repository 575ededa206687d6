"""docs/extending.md: what it quotes stands in the code, what it runs runs, and it touches as few files as it says."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
PAGE = (HOME / "docs" / "extending.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"<!-- (\S+) -->\n( *)```\w+\n(.*?)\n\2```", PAGE, re.S)
PYTHON = [
    textwrap.dedent(code)
    for before, code in re.findall(r"([^\n]*)\n *```python\n(.*?)\n *```", PAGE, re.S)
    if "<!--" not in before
]


@pytest.mark.parametrize(("file", "text"), [(file, text) for file, _, text in QUOTED], ids=lambda x: x[-30:])
def test_quotes_stand_in_the_code(file: str, text: str) -> None:
    code = " ".join((HOME / file).read_text(encoding="utf-8").split())
    assert " ".join(textwrap.dedent(text).split()) in code


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_python_runs(code: str) -> None:
    exec(code, {})


def test_a_mechanism_touches_four_files_of_code() -> None:
    part = PAGE[PAGE.index("\n## A mechanism") : PAGE.index("\n## An equation")]
    files = {file for file, _, _ in QUOTED if f"<!-- {file} -->" in part}
    assert len([file for file in files if "/data/" not in file]) == 4
    assert len(QUOTED) >= 6 and len(PYTHON) >= 2


def test_files_that_the_page_names_exist() -> None:
    named = set(re.findall(r"`((?:protocol|engine|body|knowledge)/[\w/]+\.\w+)`", PAGE))
    missing = [name for name in named if not (HOME / "src" / "remission" / name).exists()]
    assert len(named) > 10 and not missing
