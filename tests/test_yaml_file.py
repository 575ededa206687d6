"""YAML as our files use it: the core schema of version 1.2, whichever of PyYAML's parsers cuts it."""

import string
from pathlib import Path
from typing import Any

import pytest
import yaml

from remission.knowledge import yaml_file
from remission.knowledge.errors import BadInput
from remission.knowledge.library import DATA
from remission.knowledge.loader import read_yaml
from remission.knowledge.yaml_file import compose, construct

HERE = Path("some.yaml")


def read(text: str) -> Any:
    return construct(compose(yaml_file.checked(text, HERE), HERE), HERE)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", "on"), ("no", "no"), ("12:30", "12:30"), ("2027-01-04", "2027-01-04"), ("0777", 777), ("0o17", 15),
        ("0x1F", 31), ("1_000", 1000), ("-3", -3), ("+5", 5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0),
        ("-1.5E-3", -0.0015), ("1e", "1e"), (".", "."), ("1.2.3", "1.2.3"), ("true", True),
        ("False", False), ("yes", "yes"), ("~", None), ("null", None), ("", None), ("'5'", "5"), ('"null"', "null"),
        ("!!str 5", "5"), ("! 5", "5"), ("<<", "<<"),
    ],
)  # fmt: skip
def test_a_scalar_is_what_yaml_1_2_says(written: str, meant: object) -> None:
    found = read(f"key: {written}")
    assert found == {"key": meant} and type(found["key"]) is type(meant)


@pytest.mark.parametrize("strange", [".inf", "-.INF", ".nan", "1e999", "9" * 400])
def test_a_number_that_cannot_be_reckoned_with_has_its_place(strange: str) -> None:
    with pytest.raises(BadInput, match="no number to reckon with") as told:
        read(f"a: 1\nlist:\n  - 2\n  - {strange}")
    assert (told.value.line, told.value.column) == (4, 5)


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", 4, 3, "'c' is written twice"),
        ("1: x\n1: y", 2, 1, "'1' is written twice"),
        ("a: !!python/object:os.system 1", 1, 4, "the tag tag:yaml.org,2002:python/object:os.system is not read"),
        ("!mine a: 1", 1, 1, "the tag !mine is not read"),
        ("a: *b", 1, 4, "nothing is named &b"),
        ("a: &a [1, *a]", 1, 11, "stands within what it repeats"),
        ("[1, 2]: x", 1, 1, "a key is one word"),
        ("a: 1\n---\nb: 2", 2, 1, "a second document"),
        ("a: [1, 2", 2, 1, "not YAML"),
        ("a: b: c", 1, 5, "a ': ' too many"),
        ("a: x\u2028b: 2", 1, 5, "no text"),
        ("a: \ud800", 1, 4, "no text"),
    ],
)
def test_a_mistake_has_its_place(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(BadInput, match=".") as told:
        read(text)
    assert said in told.value.message
    assert told.value.line == line and told.value.column == column


def test_what_an_alias_repeats_is_read_and_counted() -> None:
    assert read("a: &x [1, {b: 2}]\nc: *x") == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}
    with pytest.raises(BadInput, match="keys, values and items"):
        read("a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
            f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
        ))  # fmt: skip


def test_the_parser_without_libyaml_reads_every_bundled_file_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of them: every letter is the beginning of one."""
    files = {path.name[0]: path for path in sorted(DATA.rglob("*.yaml")) if path.stat().st_size < 10_000}
    assert len(files) > len(string.ascii_lowercase) / 2
    fast = [read_yaml(path) for path in files.values()]
    monkeypatch.setattr(yaml_file, "_Events", yaml.BaseLoader)
    assert [read_yaml(path) for path in files.values()] == fast
