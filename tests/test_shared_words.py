"""What Python and the core both know is named once; a word that one side lacks, or that nobody uses, fails here."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

import remission
from remission.compiled import core
from remission.engine import lanes, layout, living, play, program, side_effects
from remission.knowledge import agent
from remission.knowledge.library import library
from remission.knowledge.side_effect import Cause
from remission.protocol import vocabulary
from remission.trial import run

HOME = Path(remission.__file__).parent
HEADERS = HOME / "engine" / "core"
LISTS = dict(re.findall(r"L\((\w+), (\w+)\)", (HEADERS / "words.hpp").read_text()))
# Words for which an `else` or a zero stands in the core, and variables that never change after Python has set them
UNSAID = {
    "UNEQUAL", "NOT", "FLAT", "BY_AGE", "MAKE_UP", "ASPARAGINE", "NODES", "IMMUNOGLOBULIN", "OF_IGG", "NO_PRODUCT",
    "V_WEIGHT", "V_BSA", "V_SEX", "V_CNS", "V_LINEAGE", "V_TPMT", "V_NUDT15", "V_DIAGNOSIS_WBC", "V_DONOR", "V_PH",
    "V_SUBTYPE", "V_DOWN",
}  # fmt: skip
words = core.words


def names_of(kind: str) -> list[str]:
    """The names of a list of words.hpp, in its order."""
    text = (HEADERS / "words.hpp").read_text()
    body = re.search(rf"#define {LISTS[kind]}\(W\)((?:.*\\\n)*.*\n)", text)
    assert body, kind
    return re.findall(r"W\((\w+), ", body[1])


@pytest.mark.parametrize("kind", LISTS)
def test_a_word_is_a_number_and_a_text_on_both_sides(kind: str) -> None:
    names = names_of(kind)
    assert [getattr(words, name) for name in names] == list(range(len(names)))
    texts = [text for text in getattr(words, kind) if text]
    assert len(getattr(words, kind)) == len(names) and len(set(texts)) == len(texts)


@pytest.mark.parametrize("kind", LISTS)
def test_the_core_uses_every_word(kind: str) -> None:
    code = "\n".join(path.read_text() for path in HEADERS.glob("*.hpp") if path.name != "words.hpp")
    used = set(re.findall(r"\w+", code))
    aliases = dict(re.findall(r"(\w+) = (ON_\w+)", (HEADERS / "words.hpp").read_text()))
    used |= {of for name, of in aliases.items() if name in used}
    unused = [name for name in names_of(kind) if name not in used | UNSAID]
    assert not unused, f"words.hpp names what no step uses: {unused}"


# Lists whose words Python takes whole, by their text; of the others it has to name each.
WHOLE = {
    "Outcome": play.OUTCOMES, "Event": play.EVENTS, "Reason": play.REASONS, "Setting": layout.SETTINGS,
    "Variable": program.VARIABLES, "Target": layout.TARGETS, "CauseOf": layout.OF, "CauseOfDeath": words.CauseOfDeath,
    "RecordTable": words.RecordTable, "ProductState": words.ProductState, "Basis": words.Basis,
}  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE)
def test_python_takes_a_list_whole(kind: str) -> None:
    assert WHOLE[kind] == getattr(words, kind)


@pytest.mark.parametrize(
    "kind", sorted(LISTS.keys() - WHOLE.keys() - {"Status", "Operation", "ActNumber", "SideNumber"})
)
def test_python_uses_every_word(kind: str) -> None:
    code = "\n".join(path.read_text() for path in HOME.rglob("*.py"))
    unused = [name for name in names_of(kind) if not re.search(rf"\b{name}\b", code)]
    assert not unused, f"the core knows what Python never says: {unused}"


def test_targets_of_effects() -> None:
    assert set(agent.TARGETS) == set(layout.TARGETS)


def test_functions_of_effects() -> None:
    assert set(get_args(agent.Function)) == set(layout.FUNCTIONS) == {text for text in words.Function if text}


def test_causes_of_side_effects() -> None:
    assert get_args(Cause.model_fields["of"].annotation) == layout.OF


def test_settings_have_a_value_each() -> None:
    assert lanes.settings(library()).keys() == set(layout.SETTINGS)


def test_numbers_of_acts_and_side_effects() -> None:
    assert len(living.CELL_NUMBERS) == living.ACT_NUMBERS == len(names_of("ActNumber"))
    assert [name.split(".")[0] for name, _ in living.CELL_NUMBERS].count("expansion") == 5
    assert side_effects.SIDE_NUMBERS == len(names_of("SideNumber"))


def test_what_conditions_compare_is_what_the_language_says() -> None:
    known = {*vocabulary.COUNTS, *vocabulary.FRACTIONS, *vocabulary.SHARES, *vocabulary.STATES, *vocabulary.PERSON,
             *vocabulary.VALUES}  # fmt: skip
    assert known == set(program.VARIABLES)


def test_tables_of_a_run() -> None:
    assert set(play.TABLES) == set(run.TABLES) == {"outcomes", *words.RecordTable}


@pytest.mark.parametrize("made", [program.Tables, layout.Layout, lanes.Lanes], ids=lambda made: made.__name__)
def test_the_core_takes_every_array_that_python_makes(made: type) -> None:
    spare = {"effect_a", "resting"}  # of Lanes: parts of effect_size and effect_rest, which the reference looks at
    assert set(made._fields) - spare == set(core.arrays[made.__name__])  # type: ignore[attr-defined]


def _said_of_column(column: str) -> set[tuple[str, str]]:
    """(file, word) of every comparison of a table's column with a word, in the package."""
    found = set()

    def is_column(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and [getattr(a, "value", None) for a in node.args[:1]] == [column]

    for path in HOME.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            said: list[ast.AST] = []
            if isinstance(node, ast.Compare) and is_column(node.left):
                said = list(node.comparators)
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "is_in":
                said = list(node.args) if is_column(node.func.value) else []  # type: ignore[attr-defined]
            texts = [n for part in said for n in ast.walk(part) if isinstance(n, ast.Constant)]
            found |= {(str(path), n.value) for n in texts if isinstance(n.value, str)}
    return found


@pytest.mark.parametrize(
    ("column", "known"), [("event", words.Event), ("outcome", words.Outcome), ("reason", words.Reason)]
)
def test_python_asks_tables_for_words_that_the_core_writes(column: str, known: tuple[str, ...]) -> None:
    said = _said_of_column(column)
    assert said, f"nobody asks for a word of {column}: this test has lost its way"
    own = {"side effect", "event-free"} if column == "event" else set()  # words of the page's summaries
    wrong = sorted(
        (path, word) for path, word in said
        if not any(each.endswith(word) for each in known)  # is one, or ends one
        and not ("/page/" in path and word in own)
    )  # fmt: skip
    assert not wrong, wrong
