"""What a person sees who types a command: the answer, or one clear line and exit code 2."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remission import cli
from remission.knowledge.errors import BadInput
from remission.progress import Lines

Answer = tuple[int, str, str]
Remission = Callable[..., Answer]


@pytest.fixture
def remission(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Remission:
    """Run the command in this process; gives exit code, stdout, stderr."""

    def command(*words: str | Path) -> Answer:
        monkeypatch.setattr(sys, "argv", ["remission", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else 0
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return command


def test_help_does_not_load_the_engine() -> None:
    heavy = "{'numba', 'numpy', 'polars', 'matplotlib', 'pydantic', 'pint', 'scipy', 'lifelines'}"
    script = f"import sys, remission, remission.cli; print({heavy} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_help_names_every_command(remission: Remission) -> None:
    code, out, _ = remission("--help")
    assert code == 0
    for command in (
        "simulate",
        "validate",
        "plan",
        "show",
        "sources",
        "explain",
        "check",
        "list",
        "schema",
        "plot",
        "compare",
        "side-effects",
    ):
        assert command in out


def test_the_public_names_are_there() -> None:
    import remission as rm

    assert all(getattr(rm, name) for name in rm.__all__)
    with pytest.raises(AttributeError):
        _ = rm.nothing


@pytest.mark.parametrize("what", ["protocols", "agents", "side-effects", "populations", "sources"])
def test_list(remission: Remission, what: str) -> None:
    code, out, _ = remission("list", what)
    assert code == 0
    expected = {
        "protocols": "cog-standard-risk",
        "agents": "vincristine",
        "side-effects": "febrile_neutropenia",
        "populations": "childhood-all",
        "sources": "matloub2011",
    }
    assert expected[what] in out


def test_show_and_sources_of_an_agent(remission: Remission) -> None:
    code, out, _ = remission("show", "vincristine")
    assert code == 0 and "clearance" in out and "IV" in out
    code, out, _ = remission("sources", "vincristine")
    assert code == 0 and "clearance" in out and "Numbers by how they are known" in out


def test_show_and_sources_of_a_side_effect(remission: Remission) -> None:
    code, out, _ = remission("show", "febrile neutropenia")
    assert (
        code == 0
        and "38.0 °C (100.4 °F) once, even if your child looks well" in " ".join(out.split())
        and "AALL1731" in out
    )
    code, out, _ = remission("sources", "vod")
    assert code == 0 and "side effect vod" in out and "besponsa_label" in out
    code, out, _ = remission("show", "vod")
    assert code == 0 and "brought about by" in out and "inotuzumab" in out


def test_show_explain_check_sources_of_a_protocol(remission: Remission) -> None:
    from remission.knowledge.library import library

    code, out, _ = remission("show", "cog-standard-risk")
    assert code == 0 and "induction" in out and "vincristine IV" in out
    code, out, _ = remission("explain", "cog-standard-risk")
    assert code == 0 and "vincristine" in out.lower()
    code, out, _ = remission("check", library().protocol_path("cog-standard-risk"))
    assert code == 0 and "no mistakes" in out
    code, out, _ = remission("sources", "cog-standard-risk")
    assert code == 0 and "agent vincristine" in out and "protocol cog-standard-risk" in out


CHILD = ("--age", "4", "--sex", "f", "--weight", "16", "--height", "102", "--start", "2027-01-04")


def test_plan_on_the_terminal_and_as_files(remission: Remission, tmp_path: Path) -> None:
    code, out, _ = remission("plan", "cog-standard-risk", *CHILD)
    assert code == 0 and "4 Jan 2027" in out and "vincristine" in out.lower()
    code, _, _ = remission(
        "plan", "cog-standard-risk", *CHILD, "--csv", tmp_path / "p.csv", "--html", tmp_path / "p.html"
    )
    assert code == 0
    assert "vincristine" in (tmp_path / "p.csv").read_text().lower()
    assert "<html" in (tmp_path / "p.html").read_text().lower()


def test_plan_takes_what_a_person_has_and_writes_a_calendar_file(
    remission: Remission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # else columns of words run into each other
    file = tmp_path / "p.ics"
    facts = ("--cns", "2", "--tpmt", "intermediate", "--wbc", "20", "--ph", "negative", "--marrow-mrd", "0.02%")
    code, out, _ = remission("plan", "cog-standard-risk", *CHILD, *facts)
    assert code == 0 and "since marrow MRD at least 0.01%" in " ".join(out.split())
    assert "CNS status 2, " in " ".join(out.split()) and "TPMT intermediate, " in " ".join(out.split())
    code, _, err = remission("plan", "cog-standard-risk", *CHILD, *facts, "--ics", file, "--csv", tmp_path / "p.csv")
    assert "60% (TPMT intermediate)" in (tmp_path / "p.csv").read_text()
    assert code == 0 and file.read_bytes().startswith(b"BEGIN:VCALENDAR") and str(file) in err
    code, out, _ = remission("plan", "cog-standard-risk", *CHILD, "--json")
    rows = json.loads(out)
    assert code == 0 and {row["kind"] for row in rows if row["agent"] == "asparaginase_erwinia"} == {"conditional"}
    code, _, err = remission("plan", "cog-standard-risk", *CHILD, "--csv", file, "--html", file)
    assert code == 2 and "two calendars" in err
    code, _, err = remission("plan", "cog-standard-risk", *CHILD, "--marrow-mrd", "0.02")
    assert code == 2 and "0.02%" in err and "Traceback" not in err


def test_schema(remission: Remission, tmp_path: Path) -> None:
    code, out, _ = remission("schema", "--out", tmp_path / "schemas")
    assert code == 0 and "agent.schema.json" in out
    assert (tmp_path / "schemas" / "protocol.schema.json").exists()


def test_simulate_ends_with_summary_files_and_picture_then_plot_and_sources(
    remission: Remission, tmp_path: Path
) -> None:
    command = ("simulate", "cog-standard-risk", "--patients", "64", "--follow-up", "3", "--out", tmp_path / "run")
    code, out, err = remission(*command)
    assert code == 0 and "complete remission" in out and "patients/s" in out and "cohort.png" in err
    shown = ("summary.csv", "cohort.png", "datapackage.json")
    for name in ("manifest.json", *shown, "provenance.parquet", "outcomes/part-00000.parquet"):
        assert (tmp_path / "run" / name).stat().st_size > 0
    code, out, err = remission(*command)
    assert code == 0 and "complete remission" in out and "finished" in err
    code, out, _ = remission("plot", tmp_path / "run", "--patient", "3")
    assert code == 0 and (tmp_path / "run" / "patient-3.png").stat().st_size > 10_000
    code, out, _ = remission(
        "plot", tmp_path / "run", "--patient", "3", "--days", "0", "35", "--out", tmp_path / "a.png"
    )
    assert code == 0 and (tmp_path / "a.png").stat().st_size > 10_000
    code, _, err = remission("plot", tmp_path / "run", "--days", "0", "35")
    assert code == 2 and "--patient" in err
    code, out, _ = remission("sources", tmp_path / "run")
    assert code == 0 and "population" in out
    code, out, err = remission("side-effects", tmp_path / "run", "--csv", tmp_path / "side.csv")
    assert code == 0 and "induction (64 patients)" in out and "days in hospital" in out and "side.csv" in err
    assert (tmp_path / "side.csv").read_text().startswith("phase,side_effect,grade,patients,of,percent,low,high")
    code, out, _ = remission("side-effects", tmp_path / "run", "--patient", "3")
    assert code == 0 and "neutropenia" in out and "from day" in out
    code, _, err = remission(*command, "--seed", "2")
    assert code == 2 and "seed is 1 there, 2 here" in err
    code, _, err = remission("plot", tmp_path / "run", "--patient", "64")
    assert code == 2 and "0 to 63" in err
    code, _, err = remission("plot", tmp_path / "run", "--out", tmp_path / "picture.docx")
    assert code == 2 and ".png" in err


def test_json_where_a_table_is_printed(remission: Remission, tmp_path: Path) -> None:
    def asked(*words: str | Path) -> Any:
        code, out, _ = remission(*words, "--json")
        assert code == 0
        return json.loads(out)

    assert "cog-standard-risk" in [row["name"] for row in asked("list", "protocols")]
    assert asked("show", "vincristine")["agent"]["agent"] == "vincristine"
    assert list(asked("show", "vod")) == ["side_effect"] and list(asked("show", "tower")) == ["protocol", "trial"]
    told = asked("sources", "vod")
    assert 0 < sum(told["by_how_they_are_known"].values()) <= len(told["numbers"])
    words = ("cog-standard-risk", "--patients", "32")
    run = asked("simulate", *words, "--follow-up", "1", "--out", tmp_path / "run")
    assert {"group", "measure", "value", "unit", "low", "high", "count", "of"} <= run["rows"][0].keys()
    assert len(run["rows"]) == len((tmp_path / "run" / "summary.csv").read_text().splitlines()) - 1
    told = asked("side-effects", tmp_path / "run")
    assert told["by_phase"][0]["phase"] == "whole treatment" and told["burden"]
    assert asked("side-effects", tmp_path / "run", "--patient", "3")[0].keys() == {
        "side_effect", "from_day", "to_day", "worst_grade", "symptoms",
    }  # fmt: skip
    both = asked("compare", *words, "--years", "1", "--without", "methotrexate IT")
    assert both["b"] == "cog-standard-risk without methotrexate IT" and both["rows"][0]["change"]["n"] == 32


def test_a_damaged_run_is_refused_by_every_command_and_mended_by_its_own(remission: Remission, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ("simulate", "icicle-maintenance", "--patients", "300", "--follow-up", "0.2", "--out", out)
    assert remission(*command)[0] == 0
    whole = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    part = out / "outcomes" / "part-00001.parquet"
    for damage in (part.unlink, lambda: part.write_bytes(b""), lambda: part.write_bytes(whole[part][:-1] + b"!")):
        damage()
        for words in (("plot", out), ("side-effects", out), ("sources", out)):
            code, shown, err = remission(*words)
            assert code == 2 and str(part) in err and not shown, words
        assert remission(*command)[0] == 0
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == whole
    (out / "outcomes" / "part-00002.parquet").write_bytes(whole[part])  # 344 of 300 patients
    code, shown, err = remission(*command)
    assert code == 2 and "part-00002.parquet" in err and not shown
    assert (out / "summary.csv").read_bytes() == whole[out / "summary.csv"]


OWN_TRIAL = """\
trial: ours
name: Our trial
title: Vincristine alone
plain: One arm.
sources: [matloub2011]
population: childhood-all
follow_up: 60 days
arms:
  only:
    name: only arm
    protocol: mine
    n: 20
    endpoints:
      - {what: complete remission, within: 28 days, value: 3, unit: percent, read: memory, used: orientation, n: 20}
"""


def test_a_trial_of_ones_own_with_a_protocol_beside_it(remission: Remission, tmp_path: Path) -> None:
    text = "protocol: mine\nname: Mine\nphases:\n  - induction:\n      days: 28\n      give:\n"
    text += "        - vincristine 1.5 mg/m2 IV (max 2 mg) on days 1, 8, 15, 22 [assumed: test]\n"
    (tmp_path / "mine.yaml").write_text(text + "      check:\n        - 'day 28: marrow MRD [assumed: test]'\n")
    (tmp_path / "own.yaml").write_text(OWN_TRIAL)
    code, out, err = remission("validate", tmp_path / "own.yaml", "--patients", "32", "--json")
    assert code == 0, err
    (trial,) = json.loads(out)
    assert trial["trial"] == "ours" and not trial["cannot_be_played"] and trial["endpoints"][0]["published"] == 3
    (tmp_path / "own.yaml").write_text(OWN_TRIAL.replace("percent", "parts"))
    code, _, err = remission("validate", tmp_path / "own.yaml")
    assert code == 2 and "own.yaml:14:" in err and "parts" in err
    code, _, err = remission("validate", tmp_path / "gone.yaml")
    assert code == 2 and "gone.yaml" in err


def test_check_reads_standard_input() -> None:
    from remission.knowledge.library import library

    good = library().protocol_path("icicle-maintenance").read_bytes()
    for text, code, says in (
        (good, 0, "-: no mistakes."),
        (good.replace(b"- mercaptopurine", b"- mercaptopurin", 1), 2, "Did you mean 'mercaptopurine'?"),
        (b"\xff\x00", 2, "-:1: the file is not UTF-8 text."),
        (b"", 2, "-:1:1: the file holds no keys"),
    ):
        words = [sys.executable, "-c", "from remission.cli import main; main()", "check", "-"]
        shown = subprocess.run(words, input=text, capture_output=True)
        assert shown.returncode == code and says in (shown.stdout + shown.stderr).decode()


def test_the_shell_completes_names() -> None:
    script = "import sys; sys.argv = ['remission']; from remission.cli import main; main()"
    for words, at, expected in (
        ("remission sim", 1, "simulate"),
        ("remission simulate cog-st", 2, "cog-standard-risk"),
        ("remission compare cog-high-risk --without pegasp", 4, "pegaspargase"),
        ("remission list pop", 2, "populations"),
    ):
        told = {"_REMISSION_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": f"{at}"}
        shown = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, **told}
        )
        assert shown.stdout.split() == [expected], words


def test_without_a_terminal_progress_is_a_plain_line_now_and_then() -> None:
    now, stream = [0.0], io.StringIO()
    lines = Lines(stream, clock=lambda: now[0])
    for seconds, done in ((0, 200), (5, 300), (10, 400), (30, 600), (71, 1000), (200, 1200)):
        now[0] = seconds
        lines(done, 1200)
    assert stream.getvalue().splitlines() == [
        "400 of 1,200 patients, 20 patients/s, about 40 s left",
        "1,000 of 1,200 patients, 11 patients/s, about 18 s left",
    ]


def test_a_run_of_a_billion_says_what_it_will_cost_and_is_not_begun(remission: Remission, tmp_path: Path) -> None:
    words = ("simulate", "icicle-maintenance", "--patients", "1000000000", "--threads", "1", "--follow-up", "0.1")
    code, _, err = remission(*words, "--out", tmp_path / "run")
    assert code == 2 and "1,000,000,000 patients will take about" in err and "of disk" in err and "--yes" in err
    assert not (tmp_path / "run").exists()
    code, _, err = remission(*words)
    assert code == 2 and "of memory" in err and "Give --out" in err


def broken_protocol(folder: Path, old: str, new: str) -> Path:
    from remission.knowledge.library import library

    text = library().protocol_path("icicle-maintenance").read_text()
    assert old in text
    path = folder / "mine.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_a_misspelt_drug_names_line_and_nearest_word(remission: Remission, tmp_path: Path) -> None:
    path = broken_protocol(tmp_path, "- mercaptopurine", "- mercaptopurin")
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if "- mercaptopurin " in text)
    for command in ("check", "explain", "simulate"):
        code, _, err = remission(command, path)
        assert code == 2 and f"mine.yaml:{line}:" in err and "mercaptopurine" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "vincristin"), "vincristine"),
        (("show", "cog-standart-risk"), "cog-standard-risk"),
        (("sources", "dexametason"), "dexamethasone"),
        (("explain", "cog-standart-risk"), "cog-standard-risk"),
        (("simulate", "cog-standart-risk"), "cog-standard-risk"),
        (("simulate", "cog-standard-risk", "--population", "childhod-all"), "childhood-all"),
        (("simulate", "cog-standard-risk", "--patients", "0"), "0 patients"),
        (("simulate", "cog-standard-risk", "--patients", "many"), "--patients"),
        (("simulate", "cog-standard-risk", "--follow-up", "-1"), "follow-up"),
        (("list", "protocol"), "protocols"),
        (("simulate", "cog-standard-risk", "--patients", "1.5"), "--patients"),
        (("simulate", "cog-standard-risk", "--follow-up", "nan"), "follow-up"),
        (("compare", "cog-high-risk", "--without", "vincristine IT"), "does not give vincristine IT there"),
        (("compare", "cog-high-risk"), "nothing beside it"),
        (("compare", "cog-high-risk", "--without", "pegaspargas"), "Did you mean 'pegaspargase'?"),
        (("simulate", "cog-high-risk", "--add", "vincristine 1 mg/m2 IV daily", "--in", "inducton"), "induction"),
        (("validate", "aall0331", "--side-effects"), "no trials can be named with"),
        (("plan", "cog-standard-risk", *CHILD[:4], "--weight", "-16", *CHILD[6:]), "-16"),
        (("plan", "cog-standard-risk", *CHILD[:2], "--sex", "femal", *CHILD[4:]), "female"),
        (("plan", "cog-standard-risk", *CHILD[:8], "--start", "tomorrow"), "tomorrow"),
        (("plot", "no-such-folder"), "no run is here"),
        (("sources", "."), "no run is here"),
        (("check", "no-such-file.yaml"), "no-such-file.yaml"),
        (("nonsense",), "nonsense"),
    ],
)
def test_wrong_words(
    remission: Remission, words: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = remission(*words)
    assert code == 2 and says in err, err


def test_files_that_are_no_protocols(remission: Remission, tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(bytes(range(256)))
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    for path in (binary, empty, tmp_path):
        for command in ("check", "explain", "simulate"):
            code, _, err = remission(command, path)
            assert code == 2 and str(path) in err


def test_a_folder_that_is_not_a_run_and_a_file_that_cannot_be_written(remission: Remission, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    code, _, err = remission("simulate", "cog-standard-risk", "--patients", "1", "--out", tmp_path)
    assert code == 2 and "thesis.tex" in err
    code, _, err = remission("plan", "cog-standard-risk", *CHILD, "--csv", tmp_path / "no" / "p.csv")
    assert code == 2 and "p.csv" in err


@pytest.mark.parametrize(("words", "says"), [((), "without --out"), (("--out", "runs/x"), "the same command")])
def test_ctrl_c_says_how_to_go_on(
    remission: Remission, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("remission.trial.run.simulate", stopped)
    code, _, err = remission("simulate", "cog-standard-risk", *words)
    assert code == 130 and says in err


def test_a_full_disk_is_exit_2(remission: Remission, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise BadInput("the disk is full; the shards finished so far are kept", file="runs/x")

    monkeypatch.setattr("remission.trial.run.simulate", full)
    code, _, err = remission("simulate", "cog-standard-risk", "--out", "runs/x")
    assert code == 2 and err.strip() == "runs/x: the disk is full; the shards finished so far are kept."


def test_ctrl_c_on_a_real_run_keeps_the_finished_shards(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["simulate", "cog-standard-risk", "--patients", "5000", "--follow-up", "3", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", "from remission.cli import main; main()", *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    deadline = time.monotonic() + 900  # a guard against hanging: the first run compiles
    while not (out / "shards" / "00000.json").exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "goes on from there" in err and "Traceback" not in err
    assert (out / "outcomes" / "part-00000.parquet").exists()


@pytest.mark.parametrize("stdout", ["closed", "ascii", "full"])
def test_a_stream_that_cannot_be_written_to_gives_no_traceback(stdout: str) -> None:
    where = {"closed": ">&-", "ascii": "> /dev/null", "full": "> /dev/full"}[stdout]
    command = f"'{sys.executable}' -m remission list sources {where}"
    surroundings = {**os.environ, **({"PYTHONIOENCODING": "ascii"} if stdout == "ascii" else {})}
    done = subprocess.run(["sh", "-c", command], env=surroundings, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if stdout == "full" else 0)


def test_timings_show_the_steps_of_the_day(remission: Remission) -> None:
    command = ("simulate", "cog-standard-risk", "--patients", "32", "--follow-up", "0.2", "--after-relapse", "none")
    code, out, _ = remission(*command, "--timings")
    table = out[out.index("step of the day") :].splitlines()[1:]
    rows = dict(line.rsplit(maxsplit=2)[::2] for line in table if line.strip())
    assert code == 0 and {"clinic", "kinetics", "effects", "body"} <= rows.keys() and "acts" not in rows
    assert sum(float(share) for share in rows.values()) == pytest.approx(100.0, abs=1.0)
    steps = json.loads(remission(*command, "--timings", "--json")[1])["performance"]["steps"]
    assert {name for name, seconds in steps.items() if seconds} >= rows.keys()
    assert json.loads(remission(*command, "--json")[1])["performance"]["steps"] is None
