"""The first event of each patient, and the incidence of first events: one definition for summary, picture, comparison.

An event is no remission at the end of induction (on day 0; a death before it is a death on day 0), the first relapse,
a second cancer or death in remission, whatever follows; everyone else is censored on the last day, as are patients who
left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from .estimates import Floats

FIRST_EVENTS = ("no remission", "death", "relapse", "second cancer")


def first_event(outcomes: pl.DataFrame) -> pl.DataFrame:
    """patient by patient, in the order of ``outcomes``: ``day`` (NaN when nothing is known) and ``kind``, one of
    `FIRST_EVENTS` or null for censored."""
    relapse = pl.col("relapse_day") if "relapse_day" in outcomes.columns else pl.lit(None)
    relapse = relapse.cast(pl.Float64)
    last = pl.col("outcome_day").cast(pl.Float64)
    second = pl.col("second_cancer_day") if "second_cancer_day" in outcomes.columns else pl.lit(None)
    second = second.cast(pl.Float64)
    relapse = pl.when(pl.col("outcome") == "relapse").then(pl.coalesce(relapse, last)).otherwise(relapse)
    failed = ~pl.col("remission").fill_null(True)  # who left before the check is followed until then, without event
    died = (pl.col("outcome") == "death").fill_null(False)
    seen = pl.col("eoi_mrd").is_not_null() if "eoi_mrd" in outcomes.columns else pl.lit(False)  # a marrow was looked at
    kind = (
        pl.when(failed & (seen | ~died))
        .then(pl.lit("no remission"))
        .when(~failed & second.is_not_null() & (second <= pl.min_horizontal(relapse, last)))
        .then(pl.lit("second cancer"))
        .when(~failed & relapse.is_not_null())
        .then(pl.lit("relapse"))
        .when(died)
        .then(pl.lit("death"))
    )
    day = pl.when(failed).then(0.0).otherwise(pl.coalesce(pl.min_horizontal(second, relapse), last))
    return outcomes.select(day=day.fill_null(float("nan")), kind=kind)


@dataclass(frozen=True)
class Incidence:
    """Steps at ``day``: event-free share with its 95 % interval, and the cumulative incidence of each cause."""

    day: Floats
    event_free: Floats
    low: Floats
    high: Floats
    cause: dict[str, Floats]

    def at(self, day: float) -> int:
        return int(np.searchsorted(self.day, day, side="right")) - 1


def incidence(day: Floats, outcome: Sequence[str | None], causes: Sequence[str]) -> Incidence:
    """Kaplan-Meier event-free share and Aalen-Johansen cumulative incidence of competing first events.

    Outcomes other than the causes are censored on their day. The interval is Greenwood's variance on the log(-log)
    scale. Rows without a day are left out.
    """
    kind = np.array([o or "" for o in outcome], dtype=object)
    kind, day = kind[~np.isnan(day)], day[~np.isnan(day)]
    times = np.unique(day[np.isin(kind, list(causes))])
    at_risk = day.size - np.searchsorted(np.sort(day), times, side="left")
    died = {c: np.bincount(np.searchsorted(times, day[kind == c]), minlength=times.size).astype(float) for c in causes}
    events = np.sum(list(died.values()), axis=0) if times.size else np.zeros(0)
    free = np.cumprod(1 - events / at_risk)
    before = np.concatenate([[1.0], free[:-1]]) if times.size else free
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(events / (at_risk * (at_risk - events)))
        spread = 1.96 * np.sqrt(variance) / np.abs(np.log(free))
        low, high = free ** np.exp(spread), free ** np.exp(-spread)
    low, high = np.where(free > 0, low, 0.0), np.where(free > 0, high, 0.0)

    def stepped(values: Floats, start: float) -> Floats:
        return np.concatenate([[start], values])

    return Incidence(
        stepped(times, 0.0), stepped(free, 1.0), stepped(low, 1.0), stepped(high, 1.0),
        {c: stepped(np.cumsum(before * died[c] / at_risk), 0.0) for c in causes},
    )  # fmt: skip


def relapse_or_other(kinds: pl.Series) -> npt.NDArray[np.int_]:
    """First events as estimates of the incidence of relapse ask for them: 1 a relapse, 2 any other, 0 none."""
    kind = kinds.fill_null("").to_numpy()
    return np.where(kind == "relapse", 1, np.where(kind != "", 2, 0))


def first_events(outcomes: pl.DataFrame) -> Incidence:
    """Event-free survival of a cohort and the cumulative incidence of each first event."""
    rows = first_event(outcomes)
    return incidence(rows["day"].to_numpy().astype(float), rows["kind"].to_list(), FIRST_EVENTS)
