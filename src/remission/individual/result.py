"""All that is said of one chart: read, explained, fitted, forecast; as tables, as a page of text, as files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library
from remission.knowledge.writing import write_whole
from remission.protocol.model import Phase
from remission.protocol.person import Person as Asked
from remission.protocol.reader import read_protocol

from . import reasons as why
from .chart import Chart
from .fit import Effort, Posterior, Progress, fit
from .forecast import Forecast, forecast
from .forward import Facts
from .maintenance import PROTOCOL, phase_of
from .parameters import enzymes, missed_share, parameters
from .reading import read_chart
from .weeks import moved

HORIZONS = (4.0, 8.0, 12.0)
CHANGED = (0.75, 1.25)  # of the dose, to show what a changed dose would do
MOST_WEEKS = 52.0
EFFORT = Effort()


@dataclass(frozen=True)
class Result:
    """``reasons``, ``parameters``, ``enzymes``, ``moved``, ``forecast`` are tables; ``changed`` is the forecast's
    table under other doses, by factor."""

    chart: Chart
    phase: Phase
    protocol: str
    posterior: Posterior
    ahead: Forecast
    others: tuple[Forecast, ...]
    reasons: pl.DataFrame
    parameters: pl.DataFrame
    enzymes: pl.DataFrame
    missed: tuple[float, float, float]
    moved: pl.DataFrame
    weeks: tuple[float, ...]

    @property
    def forecast(self) -> pl.DataFrame:
        return self.ahead.at_weeks(self.weeks)

    @property
    def changed(self) -> pl.DataFrame:
        tables = [
            other.at_weeks(self.weeks).filter(pl.col("count") == "anc").with_columns(pl.lit(other.factor).alias("dose"))
            for other in (self.ahead, *self.others)
        ]
        return pl.concat(tables).sort("weeks", "dose").select("dose", pl.exclude("dose"))

    def figure(self) -> Any:
        from .picture import picture

        return picture(self.posterior, self.ahead, self.phase, self.others)

    def svg(self) -> str:
        out = io.StringIO()
        self.figure().savefig(out, format="svg", metadata={"Date": None})
        return out.getvalue()

    def as_dict(self) -> dict[str, Any]:
        """For JSON: every table as rows."""
        problems = [{"line": p.line, "what": p.what, "done": p.done, "how": p.how} for p in self.chart.problems]
        tables = {
            "changes": self.reasons, "parameters": self.parameters, "enzymes": self.enzymes, "unusual": self.moved,
            "forecast": self.forecast, "changed_doses": self.changed,
        }  # fmt: skip
        return {
            "chart": self.chart.name, "visits": len(self.chart), "problems": problems, "protocol": self.protocol,
            "phase": self.phase.id, "assumed": list(self.posterior.person.said),
            "missed_tablets": dict(zip(("median", "low", "high"), self.missed, strict=True)),
        } | {name: [_plain(row) for row in table.iter_rows(named=True)] for name, table in tables.items()}  # fmt: skip

    def write(self, folder: Path) -> list[Path]:
        """CSV tables and the picture."""
        folder.mkdir(parents=True, exist_ok=True)
        out = []
        tables = {"changes": self.reasons, "parameters": self.parameters, "enzymes": self.enzymes,
                  "unusual-visits": self.moved, "forecast": self.forecast, "changed-doses": self.changed}  # fmt: skip
        for name, table in tables.items():
            out.append(folder / f"{name}.csv")
            write_whole(out[-1], table.write_csv(), here=True)
        picture = io.BytesIO()
        self.figure().savefig(picture, format="png", dpi=130)
        out.append(folder / "chart.png")
        write_whole(out[-1], picture.getvalue(), here=True)
        return out


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    def one(x: Any) -> Any:
        if isinstance(x, float):
            return None if x != x else round(x, 6)
        return x if x is None or isinstance(x, str | int) else str(x)

    return {name: one(value) for name, value in row.items()}


def fit_chart(chart: str | Path | Chart, facts: Facts = Facts(), **more: Any) -> Result:  # noqa: B008
    """`examine` for a chart or its file (CSV). For research and teaching, never to choose a dose."""
    return examine(chart if isinstance(chart, Chart) else read_chart(Path(chart)), facts, **more)


def examine(
    chart: Chart,
    facts: Facts = Facts(),  # noqa: B008
    *,
    protocol: str | Path = PROTOCOL,
    phase: str | None = None,
    weeks: float = 12.0,
    factors: Sequence[float] = CHANGED,
    seed: int = 1,
    effort: Effort | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    knowledge: Library | None = None,
) -> Result:
    """Reads, explains, fits and forecasts one chart. ``weeks`` to come, at most a year; ``factors``: changed doses.

    Raises ``BadInput`` for a chart that is too short, or a protocol without such a phase."""
    if not 1.0 <= weeks <= MOST_WEEKS:
        raise BadInput(f"{weeks:g} weeks cannot be forecast", remedy=f"From 1 to {MOST_WEEKS:g}")
    if wrong := [x for x in factors if not 0.1 <= x <= 3.0]:
        raise BadInput(f"a dose of {wrong[0]:g} times", remedy="From 0.1 to 3")
    known = knowledge or library()
    chart = chart.require()
    read = read_protocol(protocol, known)
    where = phase_of(read, phase)
    how = effort or EFFORT
    posterior = fit(chart, facts, seed=seed, effort=how, threads=threads, progress=progress, knowledge=known)
    settings: dict[str, Any] = {"phase": phase, "weeks": weeks, "seed": seed, "threads": threads, "knowledge": known}
    ahead = forecast(posterior, read, **settings)
    others = tuple(forecast(posterior, read, factor=factor, **settings) for factor in factors)
    at = tuple(h for h in HORIZONS if h < weeks) + (float(weeks),)
    body = posterior.person.typical
    asked = Asked(float(body.age_y[0]), "male" if body.sex[0] else "female", float(body.weight_kg[0]),
                  float(body.height_cm[0]), tpmt=facts.tpmt or "normal", nudt15=facts.nudt15 or "normal")  # fmt: skip
    return Result(
        chart, where, read.id, posterior, ahead, others, why.table(why.reasons(chart, where, asked)),
        parameters(posterior, known), enzymes(posterior), missed_share(posterior),
        moved(posterior, threads=threads, knowledge=known), at,
    )  # fmt: skip
