"""Counts under a steroid: what a blood test shows, beside what the marrow makes."""

from __future__ import annotations

import polars as pl

from ..figure import Figure, Known, Table
from ..language import _, number
from ..site import Site
from ..summary import Summary
from ..svg import axis
from ..svg.bars import Bar, Row, bars
from . import stored

PROTOCOL = "cog-standard-risk"
STEROIDS = ("dexamethasone", "prednisone", "prednisolone")
LEAST = 20  # tests in each group
OF = 10  # neutrophils that would be seen without a steroid


def steroid_counts(site: Site) -> Figure | None:
    """The median of tested over true neutrophils, on days with a steroid and on days without."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None:
        return None
    tests = _tests(summary)
    on, off = (tests.filter(pl.col("steroid") == given) for given in (True, False))
    if min(on.height, off.height) < LEAST:
        return None
    with_it, without = (float(part["ratio"].median() or 0.0) for part in (on, off))  # type: ignore[arg-type]
    if not without:
        return None
    seen = round(OF * with_it / without)
    finding = (
        _("Where a blood test shows {of} neutrophils without a steroid, it shows {n} under one")
        if seen != OF
        else _("A steroid makes no difference here: {n} neutrophils are shown where {of} are")
    ).format(of=number(OF), n=number(seen))
    rows = [(_("Without a steroid"), OF, off.height, "first"), (_("Under a steroid"), seen, on.height, "second")]
    return Figure(
        id="steroid-counts",
        finding=finding,
        svg=bars(finding, _("Two bars: neutrophils that a test shows, without and under a steroid."),
                 axis.linear(0, max(OF, seen), _("Neutrophils in the test, for the same marrow")),
                 [Row(name, [Bar(n, number(n), kind)]) for name, n, _tests, kind in rows]),
        reading=_("The marrow makes the same. The steroid only calls more of them out into the blood."),
        table=Table((_("When"), _("Neutrophils in the test"), _("Tests")),
                    tuple((name, float(n), float(tests)) for name, n, tests, _kind in rows),
                    _("Tested counts beside what the marrow makes, as a ratio; without a steroid: {of}").format(
                        of=number(OF))),
        known=Known("calibrated", _("The model was fitted to counts that are half as high again under a steroid.")),
        about=stored.lives_about(summary),
    )  # fmt: skip


def _tests(summary: Summary) -> pl.DataFrame:
    """Tested over true neutrophils on the days that have both; was a steroid given on that day and the one before?"""
    lives = summary.lives.filter((pl.col("state") == "anc") & (pl.col("value") > 0))
    true = lives.select("patient", "day", true="value")
    tested = summary.measurements.filter(pl.col("test") == "anc").select("patient", "day", "value")
    both = tested.join(true, on=["patient", "day"]).with_columns(ratio=pl.col("value") / pl.col("true"))
    given = summary.doses.filter(pl.col("agent").is_in(STEROIDS) & (pl.col("amount") > 0) & (pl.col("route") != "IT"))
    days = given.with_columns(day=pl.int_ranges(pl.col("day"), pl.col("to_day") + 1)).explode("day")
    days = days.select("patient", pl.col("day").cast(pl.Int32)).unique()
    before = days.with_columns(pl.col("day") + 1)
    under = days.join(before, on=["patient", "day"]).with_columns(steroid=pl.lit(True))
    near = pl.concat([days, before]).unique()
    all_of = both.join(under, on=["patient", "day"], how="left").with_columns(pl.col("steroid").fill_null(False))
    neither = all_of.filter(~pl.col("steroid")).join(near, on=["patient", "day"], how="anti")
    return pl.concat([all_of.filter(pl.col("steroid")), neither])
