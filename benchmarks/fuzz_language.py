"""Damaged and random protocol and knowledge files: each is read or refused by a BadInput, soon and in little memory.

    python benchmarks/fuzz_language.py --inputs 100000 --seed 1

Bundled files are damaged by bytes, lines, words, numbers and in the structure of their YAML; sentences are drawn from
the grammar itself; a list of bombs is always in. What passes the check is also written and read again, explained,
planned for a person and (one of ten) compiled. A worker process holds itself to 1 GiB of memory above its start; an
input is given 2 s of processor time. The first inputs that fail are printed whole; the exit code is 1 if there is any.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import queue
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from lark.lexer import PatternStr

from remission.engine.program import prepare
from remission.knowledge.errors import BadInput
from remission.knowledge.library import DATA, Library
from remission.knowledge.yaml_file import compose, construct
from remission.patient.recipe import population
from remission.protocol.explain import explain
from remission.protocol.grammar import KINDS, _lark
from remission.protocol.plan import plan
from remission.protocol.reader import problems, read_protocol, read_sentence, read_text
from remission.protocol.vocabulary import UNITS, agents, measured
from remission.protocol.write import sentence, unparse
from remission.protocol.yaml_text import Text
from remission.trial.memory import peak_mb

SECONDS = 2.0
BYTES = 2**30
ROOMS = ("agents", "side_effects", "populations", "body", "trials")
NUMBERS = (
    "0",
    "-1",
    "1",
    "1e9",
    "1e308",
    "1e999",
    ".nan",
    ".inf",
    "-.inf",
    "0.0000001",
    "10000000",
    "99999999999999999999",
    "1" * 400,
    "1_000",
    "0x1F",
    "0o17",
    "1:30:00",
    "²",
    "٣",
    "1.5.2",
    "+5",
    "--3",
    "1,5",
    "½",
    "1e",
    "00",
    "100%",
)
WORDS = (
    "null",
    "~",
    "true",
    "[]",
    "{}",
    "&a",
    "*a",
    "<<:",
    "!!python/object:os.system",
    "!!binary",
    "? ",
    "- ",
    ": ",
    "|",
    ">",
    "'",
    '"',
    "[",
    "]",
    "{",
    "}",
    "#",
    "%",
    "@",
    "`",
    "\t",
    "\x00",
    "\u2028",
    "\ufeff",
    "é",
    "µg",
    "–",
    "×",
    "if",
    "and",
    "or",
    "not",
    "(",
    ")",
    "when",
    "until",
    "on",
    "days",
    "BID",
    "AM",
    "PM",
    "U/m2",
    "as written",
    "x 4",
    "weekly",
    "Mon/Wed",
    "i.v.",
    "go to",
    "start of",
    "day -7",
    "2,500",
    "of each week",
    "nan",
    "inf",
)


class Failure(NamedTuple):
    kind: str  # of input
    what: str
    text: str


# --- inputs ----------------------------------------------------------------------------------


class Inputs:
    """Input ``i`` of a seed: what kind it is, where it belongs and its bytes. The same on every machine."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.protocols = {p.stem: p.read_text("utf-8") for p in sorted((DATA / "protocols").glob("*.yaml"))}
        self.knowledge = {
            f"{room}/{p.stem}": p.read_text("utf-8") for room in ROOMS for p in sorted((DATA / room).glob("*.yaml"))
        }
        self.words = sorted({w for text in (*self.protocols.values(), *self.knowledge.values()) for w in text.split()})
        self.sentences = Sentences()

    def draw(self, i: int) -> tuple[str, str, bytes]:
        chance = random.Random(f"{self.seed}/{i}")
        if i < len(BOMBS):
            return "bomb", "protocol", BOMBS[i]().encode("utf-8", "surrogatepass")
        kind = chance.choices(("sentence", "written", "protocol", "whole", "knowledge"), (91.0, 5.0, 2.0, 0.1, 1.9))[0]
        if kind == "sentence":
            which = chance.choice(KINDS)
            text = self.sentences.draw(chance, which, wild=chance.random() < 0.4)
            if chance.random() < 0.4:
                text = self._damaged(chance, text, (_bytes, _tokens, _numbers))
            return kind, which, text.encode("utf-8", "replace")
        if kind == "written":
            return kind, "protocol", self._protocol(chance).encode("utf-8", "replace")
        if kind == "knowledge":
            name = chance.choice(sorted(self.knowledge))
            return kind, name, self._damaged(chance, self.knowledge[name], DAMAGES).encode("utf-8", "surrogatepass")
        text = chance.choice(sorted(self.protocols.values()))
        if kind == "protocol":
            text = _one_phase(chance, text)
        return kind, "protocol", self._damaged(chance, text, DAMAGES).encode("utf-8", "surrogatepass")

    def _damaged(self, chance: random.Random, text: str, damages: tuple[Callable[..., str], ...]) -> str:
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            text = chance.choice(damages)(chance, text, self.words)
        return text

    def _protocol(self, chance: random.Random) -> str:
        """A protocol of random sentences beside some that fit, so that a part of them can be played."""
        wild = chance.random() < 0.2
        lines = ["protocol: random", "name: Random", "phases:"]
        for number in range(chance.randint(1, 2)):
            lines += [
                f"  - phase {number}:",
                f"      days: {chance.choice((7, 28, 28, 35, 84, '-7 to 30'))}",
                "      give:",
            ]
            lines += [f"        - {chance.choice(_PLAIN)}"]
            for key, kind in (("", "give"), ("check", "check"), ("decide", "decide"), ("rules", "rule")):
                if chance.random() < 0.4:
                    drawn = [self.sentences.draw(chance, kind, wild) for _ in range(chance.randint(1, 2))]
                    lines += [f"      {key}:"] if key else []
                    lines += [f"        - {json.dumps(s, ensure_ascii=False)}" for s in drawn]
            for key, kind in (("repeat", "repeat"), ("start when", "condition")):
                if chance.random() < 0.15:
                    lines.append(f"      {key}: {json.dumps(self.sentences.draw(chance, kind, wild))}")
        return "\n".join(lines) + "\n"


_PLAIN = (
    "vincristine 1.5 mg/m2 IV (max 2 mg) on days 1, 7",
    "mercaptopurine 50 mg/m2 PO daily",
    "methotrexate 20 mg/m2 PO weekly",
    "methotrexate 100 mg/m2 IV on days 1, 3 rising by 50 mg/m2 each dose",
    "dexamethasone 6 mg/m2/day PO BID days 1-5",
    "blinatumomab 15 ug/m2/day IV over 24 hours on days 1-7",
)


class Sentences:
    """Random sentences of the grammar: its rules are walked, its words drawn."""

    def __init__(self) -> None:
        lark = _lark()
        self.rules: dict[str, list[list[Any]]] = {}
        for rule in lark.rules:
            self.rules.setdefault(rule.origin.name, []).append(list(rule.expansion))
        self.patterns = {t.name: t.pattern for t in lark.terminals}
        self.depth = {name: 99 for name in self.rules}  # the shortest way down
        for _ in range(30):
            for name, expansions in self.rules.items():
                self.depth[name] = min(self.depth[name], 1 + min(self._down(e) for e in expansions))
        given = list(agents())
        self.samples: dict[str, Any] = {
            "WORD": given,
            "UNIT": list(UNITS),
            "PER_DAY": ["/day"],
            "CAP_UNIT": ["mg", "g", "IU"],
            "ML_KG": ["mL/kg"],
            "NUMBER": ["1", "2", "3", "6", "12", "15", "24", "75", "0.5", "2500", "0", "100000", "9" * 15, "1e5"],
            "DAY_LIST": ["1", "1, 8, 15", "1-5", "1-28", "8", "0", "-7", "-7--2", "400", "3-1", "1, 1", "1 and 8"],
            "PERCENT": ["25%", "50%", "150%", "0%", "1000000%"],
            "OP": ["<", "<=", ">", ">=", "=", "≥"],
            "HOURS": ["hours", "h", "min"],
            "SPAN": ["days", "weeks", "months", "years"],
            "ROUTES": ["IV", "PO", "IT", "SC", "IM", "IV/PO", "RT", "collection", "i.v."],
            "FRACTION": ["half", "two thirds", "75%"],
            "WHAT": ["counts", "marrow MRD", "blood blasts"],
            "MEASURED": list(measured()),
            "CONCENTRATION": ["uM", "ng/mL", "IU/L"],
            "PRODUCT": ["red cells", "platelets"],
            "IN_TURN": ["in turn"],
            "EVER": ["ever"],
            "NOT": ["not"],
            "QUOTED": ['"elsewhere"'],
            "PHASE": ["phase 0", "phase 1", "end", "treatment", "cog-high-risk: consolidation"],
            "TABLE": ["cog", "bfm"],
            "TIMES": ["BID", "TID"],
            "AM": ["AM"],
            "PM": ["PM"],
            "WEEKDAYS": ["Mon", "Mon/Wed/Fri"],
        }
        self.tame: dict[str, Any] = self.samples | {
            "WORD": ["vincristine", "mercaptopurine", "methotrexate"],
            "UNIT": ["mg/m2"],
            "ROUTES": ["IV", "PO"],
            "NUMBER": ["1", "2", "3", "6", "12"],
            "DAY_LIST": ["1", "2", "7", "7", "8, 15", "1-5"],
            "PERCENT": ["25%", "50%"],
            "MEASURED": ["anc", "platelets", "age", "sex", "marrow MRD"],
            "PHASE": ["phase 0", "phase 1"],
        }

    def _down(self, expansion: list[Any]) -> int:
        return max((self.depth[s.name] for s in expansion if not s.is_term), default=0)

    def draw(self, chance: random.Random, kind: str, wild: bool = True) -> str:
        return (
            " ".join(self._walk(chance, kind, 14, self.samples if wild else self.tame))
            .replace(" ,", ",")
            .replace("( ", "(")
            .replace(" )", ")")
        )

    def _walk(self, chance: random.Random, name: str, left: int, samples: dict[str, Any]) -> Iterator[str]:
        fitting = [e for e in self.rules[name] if self._down(e) < left] or [min(self.rules[name], key=self._down)]
        if name == "compare" and samples is self.tame:
            yield chance.choice(_COMPARED)
            return
        for symbol in chance.choice(fitting):
            if not symbol.is_term:
                yield from self._walk(chance, symbol.name, left - 1, samples)
            elif symbol.name in samples:
                yield chance.choice(samples[symbol.name])
            else:
                pattern = self.patterns[symbol.name]
                yield str(pattern.value) if isinstance(pattern, PatternStr) else symbol.name.lower()


_COMPARED = (
    "anc < 0.5",
    "anc >= 0.75",
    "platelets < 50",
    "age >= 10",
    "sex is female",
    "cns is not 3",
    "wbc != 2",
    "marrow MRD >= 0.01%",
    "methotrexate < 0.25 uM",
    "lineage is B",
    "mucositis ever >= 3",
    "tpmt is poor",
)


def _one_phase(chance: random.Random, text: str) -> str:
    """The head of a protocol and one of its phases."""
    head, _, rest = text.partition("\nphases:\n")
    phases = re.split(r"(?m)^(?=  - [^\n]*:$)", rest)
    return f"{head}\nphases:\n{chance.choice([p for p in phases if p.strip()] or [rest])}"


def _bytes(chance: random.Random, text: str, _: list[str]) -> str:
    raw = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(chance.choice((1, 2, 5))):
        at = chance.randrange(len(raw) + 1)
        change = chance.randrange(3)
        if change == 0:
            raw[at:at] = bytes([chance.randrange(256)])
        elif raw:
            raw[at : at + 1] = b"" if change == 1 else bytes([chance.randrange(256)])
    return raw.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode("utf-8")


def _lines(chance: random.Random, text: str, _: list[str]) -> str:
    lines = text.split("\n")
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    change = chance.randrange(6)
    if change == 0:
        del lines[at : at + chance.choice((1, 1, 5))]
    elif change == 1:
        lines[at:at] = [lines[other]] * chance.choice((1, 1, 3, 1000))
    elif change == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif change == 3:
        lines[at] = " " * chance.randrange(9) + lines[at].lstrip()
    elif change == 4:
        lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
    else:
        lines = lines[: at + 1]
    return "\n".join(lines)


def _tokens(chance: random.Random, text: str, words: list[str]) -> str:
    parts = re.split(r"(\s+)", text)
    at = chance.randrange(len(parts))
    change = chance.randrange(4)
    if change == 0:
        parts[at] = chance.choice(WORDS)
    elif change == 1:
        parts[at] = chance.choice(words)
    elif change == 2:
        parts[at] = ""
    else:
        parts[at] = f"{parts[at]} {parts[at]} " * chance.choice((1, 1, 40, 3000))
    return "".join(parts)


def _numbers(chance: random.Random, text: str, _: list[str]) -> str:
    found = list(re.finditer(r"\d+(\.\d+)?", text))
    if not found:
        return text
    hit = chance.choice(found)
    return text[: hit.start()] + chance.choice(NUMBERS) + text[hit.end() :]


def _structure(chance: random.Random, text: str, words: list[str]) -> str:
    """Something of the tree is put elsewhere, or replaced."""
    try:
        tree = construct(compose(text, Path("damaged")), Path("damaged"))
    except Exception:  # damaged before
        return text
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []
        for key in keys:
            places.append((node, key))
            walk(node[key])

    walk(tree)
    if not places:
        return text
    home, key = chance.choice(places)
    other = chance.choice(places)
    deep: Any = 1
    for _ in range(30):
        deep = [deep]
    home[key] = chance.choice(
        (
            None,
            [],
            {},
            "",
            0,
            -1,
            1e308,
            True,
            deep,
            other[0][other[1]],
            [home[key]] * 2,
            {"a": home[key]},
            chance.choice(words),
            [1] * 5000,
            {str(n): n for n in range(500)},
        )
    )
    try:
        return json.dumps(tree, default=str, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):  # put into itself
        return text


DAMAGES = (_bytes, _lines, _tokens, _numbers, _structure)

_HEAD = "protocol: p\nname: P\nphases:\n  - a:\n      days: 28\n"
BOMBS: tuple[Callable[[], str], ...] = (
    lambda: "",
    lambda: "\x00" * 1000,
    lambda: "[" * 100_000,
    lambda: "{a: " * 50_000,
    lambda: "- a\n" * 1_000_000,
    lambda: "a: b\n" * 70_000,
    lambda: "#" * 100_000_000,
    lambda: (
        "a: &a [x]\n"
        + "".join(f"b{i}: &b{i} [{', '.join(['*' + ('a' if i == 0 else f'b{i - 1}')] * 10)}]\n" for i in range(12))
    ),
    lambda: "a: &a [*a]\n",
    lambda: "protocol: p\nname: P\nphases: &p\n  - a: {days: 3, give: *p}\n",
    lambda: _HEAD.replace("28", "1" + "0" * 20),
    lambda: _HEAD.replace("28", "100000000"),
    lambda: _HEAD.replace("28", "²"),
    lambda: _HEAD + "      repeat: 1000000 times\n",
    lambda: _HEAD + "      repeat: until 1000000000 years from start of treatment\n",
    lambda: _HEAD + "      start when: " + "(" * 5000 + "anc > 1" + ")" * 5000 + "\n",
    lambda: _HEAD + "      start when: " + "(" * 900 + "anc > 1" + ")" * 900 + "\n",
    lambda: _HEAD + "      start when: " + "not " * 3000 + "anc > 1\n",
    lambda: _HEAD + "      start when: " + "not " * 400 + "anc > 1\n",
    lambda: _HEAD + "      start when: " + " and ".join(["(anc > 1 or wbc > 2)"] * 40) + "\n",
    lambda: _HEAD + "      start when: " + " or ".join(["anc > 1"] * 200) + "\n",
    lambda: (
        _HEAD
        + "      rules:\n"
        + "        - hold vincristine when "
        + " and ".join(["(anc < 1 or wbc < 2)"] * 6)
        + " until anc > 2\n"
        + "        - hold vincristine when (anc < 1 or wbc < 2) and (anc < 3 or wbc < 1) until anc > 2\n" * 190
    ),
    lambda: _HEAD + "      give:\n" + "        - vincristine 1 mg/m2 IV daily\n" * 190,
    lambda: _HEAD + "      give:\n" + "        - vincristine 1 mg/m2 IV onn days 1\n" * 190,
    lambda: _HEAD + "      give:\n" + "        - vinc 1 mg/m2 IV on day 1\n" * 5000,
    lambda: _HEAD + "      give:\n        - vincristine 1 mg/m2 IV over 1e9 hours on day 1\n",
    lambda: _HEAD + "      give:\n        - blinatumomab 28 ug IV over 500 hours daily\n",
    lambda: _HEAD + "      give:\n        - vincristine 1 mg/m2 IV on day 1, then taper 50% for 1000000000 days\n",
    lambda: _HEAD + "      give:\n        - vincristine " + "9" * 400 + " mg/m2 IV on day 1\n",
    lambda: _HEAD + "      give:\n        - vincristine 1 mg/m2 IV on days 1-99999999999999999999\n",
    lambda: (
        _HEAD
        + "      give:\n        - methotrexate 5 g/m2 IV on day 1\n      rules:\n        - give leucovorin 15 mg/m2 IV "
        "every 6 hours from hour 42 after methotrexate IV until methotrexate < 0.25 uM, at least 999999999 doses\n"
    ),
    lambda: _HEAD + "      rest: 99999999999 days\n",
    lambda: _HEAD + "      recheck: every 99999 days\n",
    lambda: "protocol: p\nname: P\nphases:\n" + "".join(f"  - a{i}: {{days: 7000}}\n" for i in range(5000)),
    lambda: (
        "protocol: p\nname: P\nphases:\n"
        + "".join(f"  - a{i}:\n      days: 7000\n      give: ['vincristine 1 mg/m2 IV daily']\n" for i in range(150))
    ),
    lambda: "protocol: p\nprotocol: q\nname: P\nname: Q\nphases: 3\n",
    lambda: "? [a, b]\n: c\n",
    lambda: _HEAD + "      give:\n        - " + " " * 100_000 + "\n",
    lambda: _HEAD + "      give:\n        - " + "a " * 50_000 + "\n",
    lambda: _HEAD + "      give:\n        - 'vincristine 1 mg/m2 IV on day 1 [" + "a, " * 600 + "a]'\n",
)


# --- one input -------------------------------------------------------------------------------


class Slow(BaseException):
    """More processor time than an input may take; no `Exception`, so that nothing on the way swallows it."""


class Subject:
    """Puts one input through all that reads it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.own = folder, folder / "own"  # of a protocol; of knowledge, which holds nothing else
        self.known = Library()
        self.sources = self.known._bibliography()
        for room in ROOMS:
            (self.own / room).mkdir(parents=True)

    def take(self, i: int, kind: str, where: str, raw: bytes) -> str:
        """``refused``, ``read`` or ``played``; anything but a BadInput goes through."""
        try:
            if kind == "sentence":
                return self._sentence(where, raw.decode("utf-8", "replace"))
            if kind == "knowledge":
                return self._knowledge(where, raw)
            return self._protocol(i, raw)
        except BadInput as problem:
            assert problem.message, "an error that says nothing"
            return "refused"

    def _sentence(self, kind: Any, text: str) -> str:
        read = read_sentence(kind, text, days=28)
        if kind in ("give", "check", "decide", "rule"):
            again = read_sentence(kind, sentence(read, 28), days=28)
            assert again == read, f"written as {sentence(read, 28)!r}, which reads otherwise"
        return "read"

    def _protocol(self, i: int, raw: bytes) -> str:
        path = self.folder / "p.yaml"
        path.write_bytes(raw)
        if found := problems(path, self.known):
            assert len({str(p) for p in found}) == len(found), "a mistake is told twice"
            return "refused"
        protocol = read_protocol(path, self.known)
        explain(protocol)
        text = unparse(protocol)
        again, wrong = read_text(Text(path, text))
        assert not wrong, f"written anew it is wrong: {wrong[0]}"
        assert unparse(again) == text, "written anew it reads otherwise"
        for age_y in (5.0, 40.0):
            size = (18.5, 109.0) if age_y < 18 else (75.0, 170.0)
            plan(
                protocol,
                age_y=age_y,
                sex="female",
                weight_kg=size[0],
                height_cm=size[1],
                start=date(2027, 1, 4),
                agent=self.known.agent,
            )
        if i % 10 == 0:
            prepare(protocol, self.known)
        return "played"

    def _knowledge(self, where: str, raw: bytes) -> str:
        room, name = where.split("/")
        path = self.own / room / f"{name}.yaml"
        path.write_bytes(raw)
        try:
            own = Library(extra=[self.own])
            own._sources = self.sources
            ask = {"agents": own.agent, "side_effects": own.side_effect, "body": own.body, "trials": own.trial}.get(
                room
            )
            if ask is not None:
                ask(name)
            else:
                population(path)
            return "read"
        finally:
            path.unlink()


def control(subject: Subject, inputs: Inputs) -> None:
    """What is not damaged is played and read, so that a refusal means something; and caches are warm."""
    first, *_ = inputs.protocols.values()
    assert subject.take(0, "whole", "protocol", first.encode()) == "played"
    for room in ROOMS:
        name = next(name for name in inputs.knowledge if name.startswith(f"{room}/"))
        assert subject.take(0, "knowledge", name, inputs.knowledge[name].encode()) == "read", name


def work(first: int, last: int, seed: int, out: Any, seconds: float = SECONDS) -> None:
    """Inputs ``first`` to ``last`` (not included); counts, the slowest and the failures go to ``out``."""
    signal.signal(signal.SIGVTALRM, _too_slow)
    inputs = Inputs(seed)
    counts: Counter[str] = Counter()
    slowest, spent = (0.0, ""), Counter[str]()
    failures: list[Failure] = []
    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(Path(folder))
        control(subject, inputs)
        start = _megabytes("VmSize") * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (start + BYTES, start + BYTES))
        for i in range(first, last):
            kind, where, raw = inputs.draw(i)
            began = time.process_time()
            signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
            try:
                counts[f"{kind}: {subject.take(i, kind, where, raw)}"] += 1
            except BaseException as error:  # RecursionError, MemoryError, Slow: all of them are findings
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
                if isinstance(error, KeyboardInterrupt):
                    raise
                counts[f"{kind}: FAILED"] += 1
                last_lines = "".join(traceback.format_exception(error)[-3:])
                failures.append(Failure(f"{i} {kind} {where}", last_lines, raw[:3000].decode("utf-8", "replace")))
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            if (i + 1 - first) % 5000 == 0:
                print(f"  {i + 1 - first:,} inputs, {len(failures)} failures", file=sys.stderr, flush=True)
            took = time.process_time() - began
            spent[kind] += took
            slowest = max(slowest, (took, f"{i} {kind} {where}"))
    peak = peak_mb() * 1e6 / 2**20
    out.put((counts, slowest, failures, peak, spent))


def _too_slow(*_: Any) -> None:
    raise Slow("more processor time than an input may take")


def _megabytes(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    found = re.search(rf"{name}:\s*(\d+) kB", text)
    return int(found[1]) // 1024 if found else 4096


def fuzz(
    inputs: int, seed: int, processes: int, say: Callable[[str], None] = print, seconds: float = SECONDS
) -> list[Failure]:
    """Runs them all, each within ``seconds`` of processor time, and tells the figures; returns the failures."""
    began = time.time()
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    bounds = [inputs * n // processes for n in range(processes + 1)]
    workers = [context.Process(target=work, args=(*part, seed, out, seconds)) for part in pairwise(bounds)]
    for worker in workers:
        worker.start()
    results: list[Any] = []
    while len(results) < len(workers):
        try:
            results.append(out.get(timeout=1.0))
        except queue.Empty:
            if dead := [worker.exitcode for worker in workers if worker.exitcode not in (None, 0)]:
                return [Failure("a worker", f"died with exit code {dead[0]}", "")]
    for worker in workers:
        worker.join()
    counts: Counter[str] = sum((r[0] for r in results), Counter())
    failures = [failure for r in results for failure in r[2]]
    slowest, peak = max(r[1] for r in results), max(r[3] for r in results)
    say(f"{sum(counts.values()):,} inputs (seed {seed}) in {time.time() - began:.0f} s, {len(failures)} failures")
    for name, number in sorted(counts.items()):
        say(f"  {name:22s} {number:8,}")
    spent: Counter[str] = sum((r[4] for r in results), Counter())
    say("  processor time, s: " + ", ".join(f"{kind} {seconds:.0f}" for kind, seconds in spent.most_common()))
    say(f"slowest: {slowest[0]:.2f} s of processor time ({slowest[1]}); peak memory of a worker {peak:,.0f} MiB")
    return failures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--show", type=int, default=5, help="failures that are printed whole")
    asked = parser.parse_args()
    failures = fuzz(asked.inputs, asked.seed, asked.processes)
    for failure in failures[: asked.show]:
        print(f"\n--- {failure.kind}\n{failure.what}\n{failure.text[:1500]}")
    sys.stdout.flush()
    os._exit(bool(failures))


if __name__ == "__main__":
    main()
