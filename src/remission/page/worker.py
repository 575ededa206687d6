"""A process of its own that plays scenarios, started by `jobs.Pool`; the page's process never plays.

It reads one JSON line a scenario, ``{"scenario": ADDRESS}``, and answers with frames: a letter, the length (4 bytes,
big-endian), the content. S: a `packed` summary, the last one of all patients; E: what cannot be played, as JSON. It
works at the lowest priority and ends when nobody listens any more.
"""

from __future__ import annotations

import json
import os
import select
import struct
import sys
from collections.abc import Iterator
from typing import BinaryIO

NICE = 15


def main(folders: list[str]) -> None:
    os.nice(NICE)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints does not disturb the answers
    asked = sys.stdin.buffer

    from remission.knowledge.errors import BadInput
    from remission.knowledge.library import library, using

    from .packed import packed
    from .playing import summaries
    from .scenario import Scenario

    with using(library(*folders)) as known:
        warming = _warm()
        while line := _next(asked, warming):
            try:
                scenario = Scenario.of(json.loads(line)["scenario"], known)
                for summary in summaries(scenario, knowledge=known):
                    _send(answers, b"S", packed(summary))
            except BadInput as error:
                _send(answers, b"E", json.dumps({"message": error.message, "remedy": error.remedy}).encode())


def _warm() -> Iterator[None]:
    """One step after the other of what makes the first scenario wait: the core, every protocol."""
    from remission.knowledge.library import library

    from .playing import played
    from .scenario import typical

    for name in library().protocols():
        scenario = typical(name)
        scenario.treatment()
        if name == library().protocols()[0]:
            from dataclasses import replace

            played(replace(scenario, patients=8))
        yield


def _next(asked: BinaryIO, warming: Iterator[None]) -> bytes:
    """The next line; while there is none, the time is used."""
    for _ in warming:
        if select.select([asked], [], [], 0)[0]:
            break
    return asked.readline()


def _send(answers: BinaryIO, kind: bytes, content: bytes) -> None:
    try:
        answers.write(kind + struct.pack(">I", len(content)) + content)
        answers.flush()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
