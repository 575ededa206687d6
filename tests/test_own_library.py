"""Own drugs and side effects from a folder: checked, played, cited and told apart like the supplied ones."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import remission as rm
from remission.cli import app
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library, using
from remission.protocol import vocabulary
from remission.protocol.reader import problems, read_protocol, read_sentence

PAGE = Path(__file__).parents[1] / "docs" / "own-library.md"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The example of docs/own-library.md as files."""
    folder = tmp_path / "mine"
    named_block = r"`([\w/-]+\.yaml)`[^`]*(?:`\w+`[^`]*)*```yaml\n(.*?)```"
    for name, text in re.findall(named_block, PAGE.read_text(encoding="utf-8"), re.DOTALL):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*.yaml")) == [
        "agents/testomab.yaml", "protocols/my-trial.yaml", "side_effects/vivid_dreams.yaml", "sources.yaml",
    ]  # fmt: skip
    return folder


def cli(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(done.exception, BadInput):
        return 2, str(done.exception)
    return done.exit_code, done.output


def test_the_language_knows_the_words_of_the_library_that_is_given_and_no_other(mine: Path) -> None:
    protocol = read_protocol("my-trial", library(mine))
    assert protocol.phases[0].give[0].agent == "testomab"
    assert protocol.phases[0].rules[0].action.targets[0].agent == "testomab"  # written T drug
    assert protocol.phases[0].rules[1].action.when.name == "level:testomab"  # type: ignore[union-attr]
    assert "vivid_dreams" not in vocabulary.side_effects() and "testomab" not in vocabulary.agents()
    with pytest.raises(BadInput, match="vivid_dreams"):
        read_sentence("condition", "vivid_dreams >= 2")
    with using(library(mine)):
        assert read_sentence("condition", "vivid_dreams ever >= 2").name == "vivid_dreams ever"
    assert problems(mine / "protocols" / "my-trial.yaml")
    assert not problems(mine / "protocols" / "my-trial.yaml", library(mine))


def test_an_own_drug_is_played_and_its_numbers_are_cited(mine: Path, tmp_path: Path) -> None:
    shelf = library(mine)
    run = rm.simulate("my-trial", patients=32, seed=1, follow_up_years=0.2, knowledge=shelf, threads=1)
    given = run.doses.filter(agent="testomab")
    assert given["patient"].n_unique() == 32
    effects = run.side_effects.filter(side_effect="vivid_dreams")
    assert effects["patient"].n_unique() > 16 and set(effects["grade"]) == {1, 2}
    stopped = set(run.events.filter(event="stop")["patient"])
    assert stopped and stopped <= set(effects.filter(grade=2)["patient"])
    numbers = run.provenance()
    assert numbers.filter(of="agent testomab", source="smith2030").height >= 4
    assert run.burden().table.height  # days in hospital know the own side effect, though no library is in use now


def test_a_run_covers_own_files_and_says_when_they_are_missing(mine: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    call = ("simulate", "my-trial", "--patients", "32", "--follow-up", "0.2", "--out", out, "--threads", "1")
    code, said = cli(*call, "--library", mine)
    assert code == 0, said
    before = json.loads((out / "manifest.json").read_text())["identity"]["knowledge"]
    assert before != Library().digest()
    code, said = cli("--library", mine, "sources", out)
    assert code == 0 and "testomab" in said and "smith2030" in said
    code, said = cli("side-effects", out, "--library", mine)
    assert code == 0 and "vivid dreams" in said
    code, said = cli("side-effects", out)
    assert code == 2 and "vivid_dreams" in said and "--library" in said
    agent = mine / "agents" / "testomab.yaml"
    agent.write_text(agent.read_text().replace("value: 0.2,", "value: 0.3,"))
    code, said = cli(*call, "--library", mine)
    assert code == 2 and "knowledge differs" in said


@pytest.mark.parametrize(
    "words",
    [("list", "agents"), ("show", "T drug"), ("sources", "TST-1"), ("explain", "my-trial")],
)
def test_the_option_holds_before_and_after_any_command(mine: Path, words: tuple[str, ...]) -> None:
    for call in (("--library", mine, *words), (*words, "--library", mine), (*words, f"--library={mine}")):
        code, said = cli(*call)
        assert code == 0 and "testomab" in said.lower()
    code, said = cli(*words)
    assert "testomab" not in said.lower() or code == 2


def test_a_whole_library_is_checked_and_every_mistake_is_placed(mine: Path) -> None:
    code, said = cli("check", mine)
    assert code == 0 and "1 agents, 1 protocols, 1 side effects" in said
    (mine / "agents" / "testomab.yaml").write_text(
        (mine / "agents" / "testomab.yaml").read_text().replace("on: vivid_dreams", "on: vivid_dream"), encoding="utf-8"
    )
    other = "protocol: other\nname: Other\nsources: [smith2031]\nphases:\n  - one:\n      days: 7\n"
    (mine / "protocols" / "other.yaml").write_text(other, encoding="utf-8")
    code, said = cli("check", mine)
    assert code == 2
    assert "testomab.yaml:21:9: unknown target 'vivid_dream'. Did you mean 'vivid_dreams'?" in said
    assert "other.yaml:3:11: unknown source 'smith2031'. Did you mean 'smith2030'?" in said
    code, said = cli("list", "agents", "--library", mine)
    assert code == 2 and "testomab.yaml:21:9" in said


def test_own_files_take_the_place_of_supplied_ones(mine: Path) -> None:
    text = (library().folders[-1] / "agents" / "vincristine.yaml").read_text(encoding="utf-8")
    (mine / "agents" / "vincristine.yaml").write_text(text.replace("value: 30.5", "value: 99"), encoding="utf-8")
    assert library(mine).agent("VCR").pharmacokinetics.clearance.value == 99
    assert library().agent("VCR").pharmacokinetics.clearance.value == 30.5


@pytest.mark.parametrize(
    ("make", "said"),
    [
        ("agent/x.yaml", "'agent' is not read. Call it agents"),
        ("agents/x.yml", "ends in .yml is not read"),
        ("x.yaml", "a file beside the folders is not read"),
    ],
)
def test_files_that_would_be_passed_over_are_told(mine: Path, make: str, said: str) -> None:
    path = mine / make
    path.parent.mkdir(exist_ok=True)
    path.write_text("agent: x\n")
    code, told = cli("list", "agents", "--library", mine)
    assert code == 2 and said in told and str(mine / Path(make).parts[0]) in told


def test_a_folder_that_is_no_library_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    assert "holds no knowledge files" in cli("list", "agents", "--library", tmp_path)[1]
    assert "no such folder" in cli("list", "agents", "--library", tmp_path / "none")[1]
    code, said = cli("list", "agents", "--library")
    assert code == 2 and "a folder is missing behind it" in said


@pytest.mark.parametrize("kind", ["pipe", "file for a folder"])
def test_what_cannot_be_read_in_a_library_is_told_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    if kind == "pipe":
        (tmp_path / "agents").mkdir()
        os.mkfifo(tmp_path / "agents" / "x.yaml")
    else:
        (tmp_path / "agents").write_text("")
    with pytest.raises(BadInput, match="agents"):
        library(tmp_path)
