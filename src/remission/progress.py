"""How far a simulation is, on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

FIRST_LINE_S, NEXT_LINES_S = 10.0, 60.0


class Lines:
    """A line after ten seconds, then one a minute: nothing for a run that is done at once."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self.stream, self.clock = stream, clock
        self.began = clock()
        self.due = self.began + FIRST_LINE_S
        self.start: int | None = None  # patients that were there already

    def __call__(self, done: int, patients: int) -> None:
        now = self.clock()
        self.start = done if self.start is None or done < self.start else self.start
        if now < self.due or done >= patients:
            return
        self.due = now + NEXT_LINES_S
        rate = (done - self.start) / (now - self.began)
        left = f", {rate:,.0f} patients/s, about {_duration((patients - done) / rate)} left" if rate else ""
        print(f"{done:,} of {patients:,} patients{left}", file=self.stream, flush=True)


class Bar:
    """A context in which ``bar(done, patients)`` is shown on stderr."""

    def __enter__(self) -> Callable[[int, int], None]:
        if not sys.stderr.isatty():
            self.stop: Callable[[], None] = lambda: None
            return Lines(sys.stderr)
        from rich import progress as parts
        from rich.console import Console

        class Rate(parts.ProgressColumn):
            def render(self, task: parts.Task) -> str:
                return f"{task.speed:,.0f} patients/s" if task.speed else "reading"

        bar = parts.Progress(
            parts.TextColumn("{task.description}"),
            parts.BarColumn(),
            parts.MofNCompleteColumn(),
            Rate(),
            parts.TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        bar.start()
        self.stop = bar.stop
        task = bar.add_task("Simulating", total=None)
        return lambda done, patients: bar.update(task, completed=done, total=patients)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
