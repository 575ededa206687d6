"""Reads a chart from a table: CSV with one row a visit, columns by their names in allMT or by a mapping.

Units are found by what can be: an ANC of 1900 is cells a microlitre, one of 1.9 is 10^9/L. Where a column has both, or
a value that cannot be, the line is named. Dates are year-month-day, day/month/year or month/day/year, one kind a file.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from remission.knowledge.errors import BadInput, nearest
from remission.knowledge.yaml_file import checked, text_of

from .chart import AGENTS, BASE, BSA_M2, COUNTS, MOST_VISITS, NAN, Chart, Problem, Visit

MOST_BYTES = 2_000_000
MOST_COLUMNS, MOST_CELL = 200, 1000
MOST_PROBLEMS = 500
YEARS = (1950, 2100)
LEAST_ANC = 0.005  # 10^9/L, where none was counted
NAMES = {  # a column of the chart, and what it is called; letters alone, small
    "date": ("dates", "date", "visitdate", "day of visit", "datum", "fecha"),
    "week": ("weeks", "week", "mtweek"),
    "anc": ("anc", "neutrophils", "neut", "absoluteneutrophilcount", "abs neutrophils", "granulocytes"),
    "platelets": ("plt", "platelets", "plts", "plateletcount", "thrombocytes"),
    "haemoglobin": ("hb", "hgb", "haemoglobin", "hemoglobin"),
    "wbc": ("wbc", "leukocytes", "leucocytes", "whitecells", "wcc", "tlc"),
    "mercaptopurine": ("mp", "6mp", "mercaptopurine", "6mercaptopurine"),
    "methotrexate": ("mtx", "methotrexate"),
    "mercaptopurine_percent": ("mpadj", "mppercent", "6mpadj"),
    "methotrexate_percent": ("mtxadj", "mtxpercent"),
    "weight_kg": ("weight", "weightkg"),
    "height_cm": ("height", "heightcm"),
}
SHOWN = {"date": "Dates", "week": "Weeks", "anc": "ANC", "platelets": "PLT", "haemoglobin": "Hb", "wbc": "WBC",
         "mercaptopurine": "MP", "methotrexate": "MTX", "mercaptopurine_percent": "MP_adj",
         "methotrexate_percent": "MTX_adj", "weight_kg": "Weight", "height_cm": "Height"}  # fmt: skip
MISSING = {"", "na", "n/a", "nan", "null", "none", "-", ".", "nd"}


@dataclass(frozen=True)
class Scale:
    """A count as it is kept (``unit``), and as some write it (``other``: ``factor`` times larger numbers); from and to
    what number each is believed."""

    unit: str
    low: float
    high: float
    other: str
    other_low: float
    other_high: float
    factor: float
    said: str  # how a heading says the other unit

    def ours(self, x: float) -> bool:
        return self.low <= x <= self.high

    def theirs(self, x: float) -> bool:
        return self.other_low <= x <= self.other_high


_MICROLITRE = r"/ ?[uµμ]l|/ ?mm3|/ ?cumm|cells"
SCALES = {
    "anc": Scale("10^9/L", 0.001, 60.0, "/uL", 20.0, 60_000.0, 1000.0, _MICROLITRE),
    "platelets": Scale("10^9/L", 1.0, 2500.0, "/uL", 2501.0, 2_500_000.0, 1000.0, _MICROLITRE),
    "haemoglobin": Scale("g/dL", 2.0, 22.0, "g/L", 22.1, 220.0, 10.0, r"g/l"),
    "wbc": Scale("10^9/L", 0.05, 100.0, "/uL", 101.0, 100_000.0, 1000.0, _MICROLITRE),
}
# mg a day, mg a week: twice what any child was read to take (200 % of the protocol's dose at 2 m2)
MOST_MG = {"mercaptopurine": 500.0, "methotrexate": 160.0}


def read_chart(
    path: Path, columns: Mapping[str, str] | None = None, dates: str | None = None, *, percent: bool = False
) -> Chart:
    """A chart from a CSV file (comma, semicolon or tab; UTF-8). ``columns``: the file's own names by ours (``{"ANC":
    "Neutros"}``); ``dates``: ymd, dmy or mdy where the file leaves it open; ``percent``: doses may be in percent of the
    protocol's alone, which a fit cannot play.

    Raises ``BadInput`` for a file that is no table, lacks a column that is needed (a date or week, ANC, mercaptopurine)
    or whose dates cannot be told apart; what is wrong in single lines is in the chart's ``problems``."""
    return read_text(text_of(path, MOST_BYTES), path, columns, dates, percent=percent)


def named_columns(said: Sequence[str]) -> dict[str, str]:
    """``["ANC=Neutros"]`` as a mapping."""
    out = {}
    for text in said:
        ours, equals, theirs = text.partition("=")
        if not equals or not ours.strip() or not theirs.strip():
            known = ", ".join(SHOWN.values())
            raise BadInput(f"'{text}' names no column", remedy=f"Write ANC=Neutros; ours are {known}")
        out[ours.strip()] = theirs.strip()
    return out


def read_text(
    text: str,
    path: Path,
    columns: Mapping[str, str] | None = None,
    dates: str | None = None,
    *,
    percent: bool = False,
) -> Chart:
    """The same of a text; ``path`` names it in messages."""
    rows, names = _table(checked(text, path, MOST_BYTES), path)
    where = _columns(names, columns or {}, path, percent)
    reader = _Reader(rows, {key: (i, names[i].lower()) for key, i in where.items()}, path, dates)
    return reader.chart(path.stem[:80])


def _table(text: str, path: Path) -> tuple[list[tuple[int, list[str]]], list[str]]:
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    rows: list[tuple[int, list[str]]] = []
    names: list[str] = []
    line = 0
    try:
        for row in reader:
            begun, line = line + 1, reader.line_num
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if line > begun:
                what = "a quotation mark is opened and not closed"
                raise BadInput(what, path, begun, remedy="Close it: what follows would be read as one cell")
            if names and any(cells[len(names) :]):
                what = f"{len(cells)} cells below {len(names)} names"
                remedy = "Give each cell a column; a decimal comma needs quotation marks, or semicolons between cells"
                raise BadInput(what, path, reader.line_num, remedy=remedy)
            if len(cells) > MOST_COLUMNS or max(map(len, cells)) > MOST_CELL:
                raise BadInput("a row longer than a chart's", path, reader.line_num, remedy="Is it the right file?")
            if not names:
                names = cells
                continue
            if len(rows) == MOST_VISITS:
                raise BadInput(f"more than {MOST_VISITS} visits", path, remedy="One chart is of one patient")
            rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise BadInput(f"this is no CSV ({error})", path, reader.line_num, remedy="Save it as CSV, UTF-8") from error
    if not rows:
        raise BadInput("the chart has no visits", path, remedy="One row a visit below the names of the columns")
    return rows, names


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _columns(names: Sequence[str], mapping: Mapping[str, str], path: Path, percent: bool) -> dict[str, int]:
    """Where each of our columns stands; a unit in brackets is no part of a name."""
    own = {_plain(shown): name for name, shown in SHOWN.items()} | {_plain(name): name for name in SHOWN}
    bare = [_plain(re.sub(r"[\[(].*", "", name)) for name in names]
    out: dict[str, int] = {}
    for ours, theirs in mapping.items():
        if (key := own.get(_plain(ours))) is None:
            near = nearest(ours, SHOWN.values())
            known = f"Known: {', '.join(SHOWN.values())}"
            raise BadInput(f"a chart has no '{ours}'", remedy=f"Did you mean {near}?" if near else known)
        if theirs not in names:
            near = nearest(theirs, names)
            there = f"Did you mean '{near}'?" if near else f"Its columns: {', '.join(names)[:200]}"
            raise BadInput(f"no column '{theirs}'", path, 1, remedy=there)
        out[key] = names.index(theirs)
    for key, called in NAMES.items():
        found = [i for i, name in enumerate(bare) if name in map(_plain, called)]
        if len(found) > 1 and key not in out:
            both = " and ".join(names[i] for i in found[:2])
            remedy = f"Say which: --column {SHOWN[key]}=..."
            raise BadInput(f"two columns for {SHOWN[key]}: {both}", path, 1, remedy=remedy)
        if found:
            out.setdefault(key, found[0])
    by_percent = percent and "mercaptopurine_percent" in out
    missing = [SHOWN[name] for name in (("anc",) if by_percent else ("anc", "mercaptopurine")) if name not in out]
    missing += [] if "date" in out or "week" in out else ["Dates or Weeks"]
    if missing:
        there = f"Its columns: {', '.join(names)[:200]}. Say which is meant: --column ANC=Neutrophils"
        raise BadInput(f"no column {', '.join(missing)}", path, 1, remedy=there)
    return out


class _Reader:
    """One chart being read; what is wrong is noted as it is met."""

    def __init__(
        self, rows: list[tuple[int, list[str]]], where: Mapping[str, tuple[int, str]], path: Path, dates: str | None
    ) -> None:
        self.rows, self.where, self.path, self.dates = rows, where, path, dates
        self.problems: list[Problem] = []

    def note(self, line: int, what: str, done: str, how: str = "") -> None:
        if len(self.problems) >= MOST_PROBLEMS:
            raise BadInput(
                f"more than {MOST_PROBLEMS} lines cannot be read, the last: {what}", self.path, line,
                remedy="Is it the right file, and are its columns the right ones?",
            )  # fmt: skip
        self.problems.append(Problem(line, what, done, how))  # type: ignore[arg-type]

    def cell(self, row: Sequence[str], name: str) -> str:
        i = self.where[name][0] if name in self.where else -1
        text = row[i] if 0 <= i < len(row) else ""
        return "" if text.lower() in MISSING else text

    def number(self, line: int, row: Sequence[str], name: str) -> float:
        """nan for an empty cell, and for one that is no number, which is noted."""
        text = self.cell(row, name)
        if not text:
            return NAN
        plain = text.replace("\u00a0", "").replace(" ", "")
        if re.fullmatch(r"[-+]?\d{1,12},\d{1,6}", plain):
            plain = plain.replace(",", ".")
        if not re.fullmatch(r"[-+]?(\d{1,15}\.?\d{0,20}|\.\d{1,20})([eE][-+]?\d{1,2})?", plain):
            self.note(line, f"{SHOWN[name]} is '{text[:40]}', not a number", "left out")
            return NAN
        return float(plain)

    def chart(self, name: str) -> Chart:
        lines = [line for line, _ in self.rows]
        visits = [Visit(line, 0) for line in lines]
        values = {
            key: [self.number(line, row, key) for line, row in self.rows]
            for key in SHOWN
            if key != "date" and key in self.where
        }
        empty = [NAN] * len(self.rows)
        for key in COUNTS:
            values[key] = self.counts(key, values.get(key, empty), lines)
        self.leukocytes(values, lines)
        doses = self.doses(values, lines, empty)
        days, dated, week = self.time(values.get("week", empty), lines)
        kept: list[tuple[int, Visit]] = []
        for i, visit in enumerate(visits):
            day = days[i]
            if day is None:
                self.note(visit.line, "neither a date nor a week", "left out", "the visit")
                continue
            shares = tuple(values.get(f"{agent}_percent", empty)[i] for agent in AGENTS)
            more: dict[str, Any] = {key: values[key][i] for key in COUNTS}
            for key in ("weight_kg", "height_cm"):
                more[key] = self.size(key, values.get(key, empty)[i], visit.line)
            kept.append((i, replace(
                visit, day=day, date=dated[i], mercaptopurine_mg=doses["mercaptopurine"][i],
                methotrexate_mg=doses["methotrexate"][i], percent=(shares[0], shares[1]),
                **more,
            )))  # fmt: skip
        ordered = self.in_order([visit for _, visit in kept])
        ordered = self.without_twins(ordered)
        if not ordered:
            raise BadInput("the chart has no visit that can be used", self.path, remedy=str(self.problems[0]))
        first = ordered[0].day
        ordered = [replace(visit, day=visit.day - first) for visit in ordered]
        ordered = self.fill(ordered)
        start = week if math.isnan(week) else week + first / 7.0
        problems = tuple(sorted(self.problems, key=lambda problem: problem.line))
        return Chart(name, tuple(ordered), start, problems, self.path)

    # --- counts

    def counts(self, key: str, values: Sequence[float], lines: Sequence[int]) -> list[float]:
        """In our unit. A column all in the other unit is converted and said once; single values are named."""
        scale = SCALES[key]
        ours = sum(scale.ours(x) for x in values)
        theirs = sum(scale.theirs(x) and not scale.ours(x) for x in values)
        said = key in self.where and re.search(scale.said, self.where[key][1]) and "10" not in self.where[key][1]
        turned = bool(said) or theirs > ours
        if turned and theirs:
            self.note(lines[0], f"{SHOWN[key]} is in {scale.other}", "read as", f"{scale.unit}, the whole column")
        unit, other = (scale.other, scale.unit) if turned else (scale.unit, scale.other)
        out = []
        for x, line in zip(values, lines, strict=True):
            y = NAN
            if x == 0.0 and key == "anc":
                y = LEAST_ANC
                self.note(line, "ANC is 0", "read as", f"{y:g} 10^9/L")
            elif scale.theirs(x) if turned else scale.ours(x):
                y = x / scale.factor if turned else x
            elif scale.ours(x) if turned else scale.theirs(x):
                y = x if turned else x / scale.factor
                what = f"{SHOWN[key]} is {x:g} in a column in {unit} (mixed units: it can only be {other})"
                self.note(line, what, "read as", f"{y:g} {scale.unit}")
            elif math.isfinite(x):
                self.note(line, f"{SHOWN[key]} is {x:g}, which cannot be", "left out")
            out.append(y)
        return out

    def leukocytes(self, values: dict[str, list[float]], lines: Sequence[int]) -> None:
        """Neutrophils are among the leukocytes."""
        for i, (anc, wbc) in enumerate(zip(values["anc"], values["wbc"], strict=True)):
            if wbc < 0.98 * anc:
                self.note(lines[i], f"WBC of {wbc:g} is below the ANC of {anc:g}", "left out", "the WBC")
                values["wbc"][i] = NAN

    def size(self, key: str, x: float, line: int) -> float:
        low, high = (3.0, 200.0) if key == "weight_kg" else (45.0, 220.0)
        if math.isnan(x) or low <= x <= high:
            return x
        self.note(line, f"{SHOWN[key]} is {x:g}, which cannot be", "left out")
        return NAN

    # --- doses

    def doses(
        self, values: dict[str, list[float]], lines: Sequence[int], empty: list[float]
    ) -> dict[str, list[float]]:
        out = {}
        for agent in AGENTS:
            shares = values.get(f"{agent}_percent", empty)
            given = list(values.get(agent, empty))
            for i, (mg, share) in enumerate(zip(given, shares, strict=True)):
                if mg < 0.0 or share < 0.0 or mg > 7.0 * MOST_MG[agent] or share > 500.0:
                    self.note(lines[i], f"{SHOWN[agent]} is {mg:g} mg ({share:g} %), which cannot be", "left out")
                    given[i] = NAN
                elif (mg == 0.0) != (share == 0.0) and math.isfinite(mg + share):
                    self.note(lines[i], f"{SHOWN[agent]} is {mg:g} mg and {share:g} %", "noted", f"{mg:g} mg is taken")
            out[agent] = given
        if self.a_week(out, values, empty):
            out["mercaptopurine"] = [mg / 7.0 for mg in out["mercaptopurine"]]
        for agent in AGENTS:
            for i, mg in enumerate(out[agent]):
                if mg > MOST_MG[agent]:
                    self.note(lines[i], f"{SHOWN[agent]} of {mg:.4g} mg cannot be", "left out")
                    out[agent][i] = NAN
        return out

    def a_week(
        self, doses: Mapping[str, list[float]], values: Mapping[str, list[float]], empty: list[float]
    ) -> bool:
        """Mercaptopurine is written in mg a week, or a day: what gives the body surface that methotrexate gives, where
        percentages are there; else what the size of the numbers says."""
        if "mercaptopurine" not in self.where:  # percent alone
            return False
        head = self.where["mercaptopurine"][1]
        if re.search(r"week|/ ?wk", head):
            return True
        if re.search(r"day|/ ?d\b|daily", head):
            return False
        surfaces = {}
        for agent in AGENTS:
            shares = values.get(f"{agent}_percent", empty)
            told = [
                mg / (share / 100.0) / BASE[agent]
                for mg, share in zip(doses[agent], shares, strict=True)
                if mg > 0.0 and share > 0.0
            ]
            surfaces[agent] = float(np.median(told)) if told else NAN
        mp, mtx = surfaces["mercaptopurine"], surfaces["methotrexate"]
        first = self.rows[0][0]
        if math.isfinite(mp) and math.isfinite(mtx):
            return abs(math.log(mp / 7.0 / mtx)) < abs(math.log(mp / mtx))
        if math.isfinite(mp):
            return not BSA_M2[0] <= mp <= BSA_M2[1]
        known = [mg for mg in doses["mercaptopurine"] if mg > 0.0]
        if not known:
            return False
        week = float(np.median(known)) > 150.0
        self.note(first, "MP does not say whether it is mg a day or a week", "read as",
                  f"mg a {'week' if week else 'day'}, by its size")  # fmt: skip
        return week

    def fill(self, visits: list[Visit]) -> list[Visit]:
        """A visit that says nothing of a dose goes on with the one before."""
        out: list[Visit] = []
        for visit in visits:
            for agent in AGENTS:
                key = f"{agent}_mg"
                if math.isnan(getattr(visit, key)) and agent in self.where:
                    if out and math.isfinite(before := getattr(out[-1], key)):
                        unit = "a day" if agent == "mercaptopurine" else "a week"
                        how = f"{before:.4g} mg {unit} as before"
                        self.note(visit.line, f"no dose of {SHOWN[agent]}", "filled", how)
                        visit = replace(visit, **{key: before})
                    else:
                        self.note(visit.line, f"no dose of {SHOWN[agent]}", "noted", "nothing stands before it")
            out.append(visit)
        return out

    # --- time

    def time(
        self, weeks: Sequence[float], lines: Sequence[int]
    ) -> tuple[list[int | None], list[date | None], float]:
        """Day of every visit from a common day 0, its date, and the week of that day."""
        weeks = [self.week(week, line) for week, line in zip(weeks, lines, strict=True)]
        texts = [self.cell(row, "date") for _, row in self.rows]
        dated = self.dates_of(texts, weeks, lines)
        offsets = [d.toordinal() - 7.0 * (w - 1.0) for d, w in zip(dated, weeks, strict=True) if d and math.isfinite(w)]
        start = float(np.median(offsets)) if offsets else NAN  # of week 1
        with_dates = [d.toordinal() for d in dated if d]
        zero = min(with_dates) if with_dates else 0
        days: list[int | None] = []
        for i, (told, week) in enumerate(zip(dated, weeks, strict=True)):
            by_week = start + 7.0 * (week - 1.0) if with_dates else 7.0 * (week - 1.0)
            if told is not None:
                if math.isfinite(by_week) and abs(told.toordinal() - by_week) > 21:
                    what = f"{told.isoformat()} is not in week {week:g} as the other lines have it"
                    self.note(lines[i], what, "noted", "the date is taken")
                days.append(told.toordinal() - zero)
            elif math.isfinite(by_week):
                if "date" in self.where:
                    self.note(lines[i], "no date", "filled", f"from its week, {week:g}")
                days.append(round(by_week) - zero)
                if with_dates:
                    dated[i] = date.fromordinal(round(by_week))
            else:
                days.append(None)
        if with_dates:
            first_week = 1.0 + (zero - start) / 7.0 if math.isfinite(start) else NAN
        else:
            first_week = 1.0
        return days, dated, first_week

    def week(self, week: float, line: int) -> float:
        if math.isnan(week) or 0.0 <= week <= 520.0:
            return week
        self.note(line, f"week {week:g} cannot be", "left out", "the week")
        return NAN

    def dates_of(self, texts: Sequence[str], weeks: Sequence[float], lines: Sequence[int]) -> list[date | None]:
        """Dates in the order of day, month and year that most lines can be read in, goes back least and fits the weeks
        best; ``BadInput`` where two orders do as well."""
        kinds = [self.dates] if self.dates else ["ymd", "dmy", "mdy"]
        read = {kind: [_date(text, kind) if text else None for text in texts] for kind in kinds}
        known = sum(bool(text) for text in texts)
        if not known:
            return [None] * len(texts)
        good = {kind: sum(d is not None for d in dates) for kind, dates in read.items()}
        best = max(good.values())
        left = [kind for kind, n in good.items() if n == best]
        if best == 0:
            at = next(i for i, text in enumerate(texts) if text)
            raise BadInput(f"'{texts[at][:40]}' is no date", self.path, lines[at], remedy="Write 2021-03-18")
        odd = {kind: _odd(read[kind], weeks) for kind in left}
        left = [kind for kind in left if odd[kind] == min(odd.values())]
        if any(read[kind] != read[left[0]] for kind in left):
            raise BadInput(
                f"'{next(text for text in texts if text)}' may be day/month or month/day, and no line tells which",
                self.path, lines[0], remedy="Say which: --dates dmy or --dates mdy",
            )  # fmt: skip
        for text, told, line in zip(texts, read[left[0]], lines, strict=True):
            if text and told is None:
                self.note(line, f"'{text[:40]}' {_unlike(text, left[0])}", "left out", "the date")
        return read[left[0]]

    def in_order(self, visits: list[Visit]) -> list[Visit]:
        for before, visit in zip(visits, visits[1:], strict=False):
            if visit.day < before.day:
                told = visit.date.isoformat() if visit.date else f"day {visit.day}"
                self.note(visit.line, f"{told} comes after a later visit (line {before.line})", "noted", "put in order")
        return sorted(visits, key=lambda visit: visit.day)

    def without_twins(self, visits: list[Visit]) -> list[Visit]:
        """Of two visits on one day the first stays."""
        out: list[Visit] = []
        for visit in visits:
            if out and out[-1].day == visit.day:
                told = visit.date.isoformat() if visit.date else "the same day"
                same = repr(replace(visit, line=out[-1].line)) == repr(out[-1])  # nan is not equal to nan
                how = "" if same else ", with other numbers"
                self.note(visit.line, f"a second visit on {told} (line {out[-1].line}){how}", "left out", "the second")
                continue
            out.append(visit)
        return out


_STYLES = {"ymd": "year, month, day", "dmy": "day, month, year", "mdy": "month, day, year"}


def _unlike(text: str, kind: str) -> str:
    """Why a text is no date of the kind that the others are."""
    for other, said in _STYLES.items():
        if other != kind and _date(text, other) is not None:
            return f"is a date as {said}, the others are as {_STYLES[kind]}"
    year = next((n for n in re.findall(r"(?<!\d)\d{4}(?!\d)", text) if not YEARS[0] <= int(n) <= YEARS[1]), None)
    return "is no date" if year is None else f"lies in the year {year}, outside {YEARS[0]} to {YEARS[1]}"


def _date(text: str, kind: str) -> date | None:
    parts = re.fullmatch(r"(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})(?:[T ]\d{1,2}:\d{2}(?::\d{2})?)?", text)
    if parts is None:
        return None
    a, b, c = parts.groups()
    if (len(a) == 4) != (kind == "ymd") or (kind != "ymd" and len(c) not in (2, 4)):
        return None
    year, month, day = {"ymd": (a, b, c), "dmy": (c, b, a), "mdy": (c, a, b)}[kind]
    full = int(year) + (2000 if len(year) == 2 else 0)
    try:
        return date(full, int(month), int(day)) if YEARS[0] <= full <= YEARS[1] else None
    except ValueError:
        return None


def _odd(dates: Sequence[date | None], weeks: Sequence[float]) -> float:
    """Days by which dates go back, and by which they are away from the weeks beside them."""
    known = [(d, week) for d, week in zip(dates, weeks, strict=True) if d is not None]
    out = 0.0
    for (a, before), (b, week) in zip(known, known[1:], strict=False):
        out += max((a - b).days, 0)
        away = (b - a).days - 7.0 * (week - before)
        out += 0.0 if math.isnan(away) else abs(away)
    return out
