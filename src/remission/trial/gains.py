"""Who gains and who loses by the second of two treatments: the same patients, with the same chance, one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .estimates import Estimate, Z, share
from .first_event import first_event
from .shown import Shown
from .summary import DAYS_PER_YEAR

LEAST = 30  # patients of a group about whom something is said

_MRD = pl.col("eoi_mrd")
GROUPS: tuple[tuple[str, str, pl.Expr], ...] = (
    ("age_y", "age 1 to < 10", (pl.col("age_y") >= 1) & (pl.col("age_y") < 10)),
    ("age_y", "age 10 to < 18", (pl.col("age_y") >= 10) & (pl.col("age_y") < 18)),
    ("age_y", "age 18 to < 40", (pl.col("age_y") >= 18) & (pl.col("age_y") < 40)),
    ("age_y", "age 40 or more", pl.col("age_y") >= 40),
    ("sex", "girls and women", pl.col("sex") == "female"),
    ("sex", "boys and men", pl.col("sex") == "male"),
    ("lineage", "B lineage", pl.col("lineage") == "B"),
    ("lineage", "T lineage", pl.col("lineage") == "T"),
    ("wbc", "WBC < 50", pl.col("wbc") < 50),
    ("wbc", "WBC >= 50", pl.col("wbc") >= 50),
    ("cns", "CNS 2 or 3", pl.col("cns") > 1),
    ("eoi_mrd", "end-of-induction MRD < 0.01 %", _MRD < 1e-4),
    ("eoi_mrd", "end-of-induction MRD 0.01 to < 0.1 %", (_MRD >= 1e-4) & (_MRD < 1e-3)),
    ("eoi_mrd", "end-of-induction MRD >= 0.1 %", _MRD >= 1e-3),
)


@dataclass(frozen=True)
class Row:
    """Percent of a group: without an event in the second treatment only (gain), in the first only (lose), with one in
    both, in neither; ``net``: gain minus lose, paired."""

    group: str
    patients: int
    gain: Estimate
    lose: Estimate
    both: Estimate
    neither: Estimate
    net: Estimate


@dataclass(frozen=True, repr=False)
class Gains(Shown):
    names: tuple[str, str]
    years: float
    rows: tuple[Row, ...]

    def __repr__(self) -> str:
        return f"Gains({self.names[0]} | {self.names[1]}: {len(self.rows)} groups)"

    def __rich__(self) -> RenderableType:
        table = Table(box=None, pad_edge=False)
        for heading in ("", "n", "saved by B, %", "lost by B, %", "event in both, %", "in neither, %", "net (95 % CI)"):
            table.add_column(heading, justify="right" if heading else "left")
        for row in self.rows:
            shown = (f"{x.value:.1f}" for x in (row.gain, row.lose, row.both, row.neither))
            net = f"{row.net.value:+.1f} ({row.net.low:+.1f} to {row.net.high:+.1f})"
            clear = " *" if row.net.low * row.net.high > 0 else ""
            table.add_row(row.group, f"{row.patients:,}", *shown, net + clear)
        head = f"Who gains and who loses: the first event within {self.years:g} years, the same patient under both"
        return Group(Text(head, "bold"), table, Text("* the interval leaves out zero", "dim"))


def gains(first: pl.DataFrame, second: pl.DataFrame, names: tuple[str, str], years: float) -> Gains:
    """From the tables ``outcomes`` of both. Who is not followed so long under either treatment is left out; groups are
    those at diagnosis, MRD that of the first treatment; subtypes that are frequent enough come last."""
    events = [first_event(one.sort("patient")).fill_nan(0.0) for one in (first, second)]
    people = pl.concat([first.sort("patient"), events[0], events[1].rename(lambda name: f"{name}_b")], how="horizontal")
    at = years * DAYS_PER_YEAR
    for end in ("", "_b"):
        failed = pl.col(f"kind{end}").is_not_null() & (pl.col(f"day{end}") <= at)
        known = failed | (pl.col(f"day{end}") >= at - 1)
        people = people.with_columns(failed.alias(f"failed{end}"), known.alias(f"known{end}"))
    people = people.filter(pl.col("known") & pl.col("known_b"))
    rows = [_row("all", people)]
    groups = [(name, which) for column, name, which in GROUPS if column in people.columns]
    for name in sorted(people["subtype"].drop_nulls().unique()) if "subtype" in people.columns else []:
        groups.append((str(name), pl.col("subtype") == name))
    for name, which in groups:
        mine = people.filter(which.fill_null(False))
        if LEAST <= mine.height < people.height:
            rows.append(_row(name, mine))
    return Gains(names, years, tuple(rows))


def _row(name: str, people: pl.DataFrame) -> Row:
    a, b = people["failed"].to_numpy(), people["failed_b"].to_numpy()
    n = people.height
    ways = (a & ~b, ~a & b, a & b, ~a & ~b)
    gain, lose, both, neither = (
        share(int(way.sum()), n).times(100) if n else Estimate(0, 0, 0, 0) for way in ways
    )  # fmt: skip
    step = 100.0 * (a.astype(float) - b.astype(float))
    middle = float(step.mean()) if n else 0.0
    half = Z * float(step.std(ddof=1)) / np.sqrt(n) if n > 1 else 0.0
    return Row(name, n, gain, lose, both, neither, Estimate(middle, middle - half, middle + half, n))
