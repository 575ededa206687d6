"""Side effects of a run as rows of a printed table."""

from __future__ import annotations

import polars as pl

from remission.knowledge.library import Library, library

from .side_effects import words


def incidences(table: pl.DataFrame) -> list[tuple[str, ...]]:
    """One row a phase and side effect, of ``side_effects.by_phase``: percent of any grade, of 3 or more with limits, of
    4 or more, of 5; those of few first-grade cases only (below 1 %) are left out."""
    rows = []
    phase = ""
    for key, part in table.group_by("phase", "side_effect", maintain_order=True):
        name, effect = str(key[0]), str(key[1])
        by_grade = {row["grade"]: row for row in part.iter_rows(named=True)}
        if by_grade[1]["percent"] < 1.0 and 3 not in by_grade:
            continue
        of = f"{name} ({by_grade[1]['of']:,} patients)"
        severe = by_grade.get(3)
        limits = f"{severe['percent']:.1f} ({severe['low']:.1f} to {severe['high']:.1f})" if severe else "0"
        rest = [f"{by_grade[grade]['percent']:.1f}" if grade in by_grade else "0" for grade in (4, 5)]
        rows.append(("" if of == phase else of, words(effect), f"{by_grade[1]['percent']:.1f}", limits, *rest))
        phase = of
    return rows


def courses(table: pl.DataFrame, shelf: Library | None = None) -> list[tuple[str, ...]]:
    """Stretches of days with a side effect, of ``side_effects.course``: name, first and last day, worst grade, and the
    symptoms that go with that grade: those that make it, in brackets those that may come along."""
    shelf = shelf or library()
    spans = []
    for name in table.columns[1:]:
        one = table.select("day", grade=pl.col(name)).with_columns(run=(pl.col("grade") > 0).rle_id())
        for _, part in one.filter(pl.col("grade") > 0).group_by("run", maintain_order=True):
            spans.append((int(part["day"][0]), name, int(part["day"][-1]), int(part["grade"].max() or 0)))  # type: ignore[arg-type]
    return [
        (words(name), f"{first}", f"{last}", f"{worst}", _symptoms(shelf, name, worst))
        for first, name, last, worst in sorted(spans)
    ]


def _symptoms(shelf: Library, side_effect: str, grade: int) -> str:
    found = [(words(s.symptom), b.how) for s, b in shelf.symptoms_of(side_effect, grade)]
    always, one_of, may = ([name for name, how in found if how == this] for this in ("always", "one of", "may"))
    sure = ", ".join(filter(None, (*always, " or ".join(one_of))))
    return " ".join(filter(None, (sure, f"({', '.join(may)})" if may else "")))
