"""The registry of formats and the guarded way in: what a file holds is read in bounds or refused with its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest
from icalendar import Calendar

import remission as rm
from remission.exchange import formats, guarded
from remission.exchange.formats import Asked, Format
from remission.knowledge.errors import BadInput

PERSON = {"age_y": 5.0, "sex": "female", "weight_kg": 20.0, "height_cm": 110.0, "start": date(2027, 1, 4)}


def test_every_format_says_what_it_is_and_does_something():
    for name, one in formats.formats().items():
        assert one.name == name and one.title and one.media and one.source
        assert bool(one.write) == bool(one.of) and bool(one.read) == bool(one.gives) and (one.write or one.read)
        assert not one.read or one.knows, f"{name} is read but cannot be told from others"


def test_a_calendar_by_the_registry_is_what_the_calendar_library_reads(tmp_path):
    plan = rm.plan("cog-standard-risk", **PERSON)
    path = rm.export(plan, "icalendar", tmp_path / "plan.ics")
    events = list(Calendar.from_ical(path.read_bytes()).walk("VEVENT"))
    days = {event.decoded("dtstart") for event in events if event.get("status") != "TENTATIVE"}
    assert {row.date for row in plan.rows if row.kind == "dose"} <= days


def test_a_protocol_by_its_name_is_exported_as_the_one_that_was_read(tmp_path):
    read, named = (rm.export(what, "protocol", tmp_path / name) for what, name in (
        (rm.read_protocol("cog-standard-risk"), "read"), ("cog-standard-risk", "named")))  # fmt: skip
    assert read.read_bytes() == named.read_bytes() and read.stat().st_size > 1000
    with pytest.raises(BadInput, match="cog-standard-rsk"):
        rm.export("cog-standard-rsk", "protocol", tmp_path / "x")


def test_what_cannot_be_written_in_a_format_is_told_with_what_can(tmp_path):
    protocol = rm.read_protocol("cog-standard-risk")
    with pytest.raises(BadInput, match="a protocol cannot be written as icalendar"):
        rm.export(protocol, "icalendar", tmp_path / "x")
    with pytest.raises(BadInput, match="Did you mean 'icalendar'"):
        rm.export(protocol, "icalender", tmp_path / "x")
    with pytest.raises(BadInput, match="list cannot be exported"):
        rm.export([], "icalendar", tmp_path / "x")
    with pytest.raises(BadInput, match="no option 'colour'"):
        rm.export(protocol, "protocol", tmp_path / "x", colour="red")
    assert not list(tmp_path.iterdir())


def test_a_writer_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    def broken(what: object, path: Path, asked: Asked) -> None:
        path.write_text("half of it")
        raise OSError(28, "No space left on device")

    one = Format("broken", "x", ".txt", "text/plain", "x", of=("protocol",), write=broken)
    monkeypatch.setattr(formats, "formats", lambda: {"broken": one})
    path = tmp_path / "out.txt"
    path.write_text("the old one")
    with pytest.raises(BadInput, match="No space left"):
        formats.export(rm.read_protocol("cog-standard-risk"), "broken", path)
    assert path.read_text() == "the old one" and list(tmp_path.iterdir()) == [path]


def test_a_plug_in_joins_by_its_entry_point_and_a_broken_one_is_named(monkeypatch):
    class Point:
        def __init__(self, name: str, what: object) -> None:
            self.name, self.value, self.what = name, f"{name}_package:FORMAT", what

        def load(self) -> object:
            if isinstance(self.what, Exception):
                raise self.what
            return self.what

    own = Format("mine", "Mine", ".x", "text/plain", "x", of=("run",), write=lambda *a: None)
    points = [Point("mine", own)]
    monkeypatch.setattr(formats, "entry_points", lambda group: points)
    formats.formats.cache_clear()
    try:
        assert formats.format_named("mine") is own and own in formats.writers("run")
        for wrong in (ImportError("no such thing"), "no format", Format("icalendar", "x", "", "x", "x")):
            points[0] = Point("other", wrong)
            formats.formats.cache_clear()
            with pytest.raises(BadInput, match="other|icalendar"):
                formats.formats()
    finally:
        formats.formats.cache_clear()


def test_a_library_that_is_not_installed_is_told_by_the_name_of_the_extra(tmp_path, monkeypatch):
    def lacks(what: object, path: Path, asked: Asked) -> None:
        import no_such_library  # noqa: F401

    one = Format("x", "x", ".x", "x", "x", of=("protocol",), write=lacks, needs="exchange")
    monkeypatch.setattr(formats, "formats", lambda: {"x": one})
    with pytest.raises(BadInput, match=r"pip install 'remission\[exchange\]'"):
        formats.export(rm.read_protocol("cog-standard-risk"), "x", tmp_path / "y")


# --- files that mean harm ----------------------------------------------------------------------


def _zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("big.csv", b"0" * 5_000_000)


HOSTILE = {
    "bomb.zip": _zip_bomb,
    "deep.json": lambda p: p.write_text('{"a":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "deep-open.json": lambda p: p.write_text("[" * 1_000_000),
    "quotes.json": lambda p: p.write_text('{"a": "' + '\\"' * 1_000_000),
    "wide.json": lambda p: p.write_text("[" + "0," * 3_100_000 + "0]"),
    "huge-number.json": lambda p: p.write_text('{"resourceType": "Bundle", "a": 1' + "0" * 5000 + "}"),
    "overflow.json": lambda p: p.write_text('{"resourceType": "Bundle", "a": 1e999}'),
    "nan.json": lambda p: p.write_text('{"resourceType": "Bundle", "a": NaN}'),
    "twice.json": lambda p: p.write_text('{"resourceType": "Bundle", "a": 1, "a": 2}'),
    "half.json": lambda p: p.write_text('{"resourceType": "Bundle", "a": "\\ud800"}'),
    "bomb.xml": lambda p: p.write_text('<!DOCTYPE z [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><z>&b;</z>'),
    "bomb.yaml": lambda p: p.write_text(
        "a: &a [x, x]\n"
        + "\n".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]" for i in range(24))
    ),
    "lines.csv": lambda p: p.write_text("ID,TIME,AMT,EVID,CMT\n" + "1,0,1,1,1\n" * 1_000_000),
    "columns.csv": lambda p: p.write_text("ID,TIME,AMT,EVID," + "X," * 100_000 + "Y\n"),
    "cell.csv": lambda p: p.write_text("ID,TIME,AMT,EVID\n1,0," + "9" * 5_000_000 + ",1\n"),
    "quote.csv": lambda p: p.write_text('ID,TIME,AMT,EVID\n1,0,"1,1\n' * 10_000),
    "utf16.csv": lambda p: p.write_text("ID,TIME,AMT,EVID\n1,0,1,1\n", encoding="utf-16"),
    "latin.csv": lambda p: p.write_bytes("ID,TIME,AMT,EVID,NAME\n1,0,1,1,Müller\n".encode("latin-1")),
    "nul.csv": lambda p: p.write_bytes(b"ID,TIME,AMT,EVID\n1,0,1,\x001\n"),
    "empty.csv": lambda p: p.write_text(""),
    "blank.csv": lambda p: p.write_text("\n" * 1_000_000),
    "random.bin": lambda p: p.write_bytes(os.urandom(100_000)),
}


BIG = {"wide.json": "fhir", "lines.csv": "nonmem"}  # those that take a while, with the one that they are meant for


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_in_a_message(name, tmp_path):
    path = tmp_path / name
    HOSTILE[name](path)
    able = [n for n, one in formats.formats().items() if one.read]
    for wanted in (None, *([BIG[name]] if name in BIG else able)):
        with pytest.raises(BadInput) as refused:
            rm.read(path, wanted)
        assert name in str(refused.value) and len(str(refused.value)) < 1000


@pytest.mark.skipif(sys.platform == "win32", reason="memory is limited by setrlimit")
def test_the_worst_of_them_are_refused_within_a_gigabyte(tmp_path):
    import resource

    for name in ("wide.json", "lines.csv"):
        HOSTILE[name](tmp_path / name)
    code = (
        "import sys, remission as rm\n"
        "from remission.exchange import guarded\n"
        "from remission.knowledge.errors import BadInput\n"
        "from pathlib import Path\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        guarded.json_of(Path(name)) if 'json' in name else list(guarded.rows(Path(name), frozenset()))\n"
        "    except BadInput as error:\n"
        "        print(error)\n"
    )
    limit = 1_000_000_000
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "wide.json"), str(tmp_path / "lines.csv")],
        capture_output=True, text=True, check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 2, done.stderr


def test_json_within_the_bounds_is_what_json_reads(tmp_path):
    path = tmp_path / "fine.json"
    content = {"text": 'a "quoted" { [ word \\', "n": [1, -2.5, 1e-3, True, None], "deep": {"a": {"b": []}}, "ß": "😀"}
    for ascii_only in (True, False):
        path.write_text(json.dumps(content, ensure_ascii=ascii_only), encoding="utf-8")
        assert guarded.json_of(path) == content


@pytest.mark.parametrize("sign", [",", ";", "\t", " "])
def test_a_table_is_read_with_any_separator_and_lines_are_those_of_the_file(sign, tmp_path):
    path = tmp_path / "table.csv"
    rows = [["#ID", "TIME", "Note"], ["1", "0.5", "."], [], ["2", "-1e3", "NA"]]
    path.write_text("\ufeff\n" + "\r\n".join(sign.join(row) for row in rows), encoding="utf-8")
    read = list(guarded.rows(path, frozenset({"id", "time", "note"}), needed=("id",)))
    assert [(row.line, row.whole("id"), row.number("time"), row.word("note")) for row in read] == [
        (3, 1, 0.5, None),
        (5, 2, -1000.0, None),
    ]
    with pytest.raises(BadInput, match=r":5: time is -1e3. Expected 0 or more"):
        read[1].number("time", low=0.0)
    with pytest.raises(BadInput, match="there is no column 'dv'"):
        list(guarded.rows(path, frozenset({"dv"}), needed=("dv",)))
