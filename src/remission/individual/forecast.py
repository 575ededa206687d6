"""What comes next for one patient: guesses of the posterior (fit.py) played on under a protocol's rules in closed loop.

From the last visit to the next one the doses are what was prescribed there; then the protocol's phase of maintenance
begins at the patient's last share of its doses, and its rules see the played counts at its visits. A changed dose
starts at a multiple of that share. Each guess is played with a chance of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from remission.engine.layout import SETTINGS
from remission.knowledge.library import Library, library
from remission.patient.cohort import Floats
from remission.protocol.model import Compare, Phase, Protocol, Rule, Start, Target
from remission.protocol.reader import read_protocol

from .chart import AGENTS, COUNTS, Chart
from .fit import NOISE_OF, Posterior
from .forward import course, run_in, states
from .maintenance import PROTOCOL, every_days, phase_of, planned

BANDS = (0.5, 0.9)
EVERY_DAYS = 7  # of a forecast's counts
LEAST_SHARE, MOST_SHARE = 0.02, 4.0  # of the protocol's dose that a phase begins with


@dataclass(frozen=True)
class Forecast:
    """Counts to come. ``days`` from the first visit of the chart, shape (D,); ``counts`` as they would be measured,
    (guesses, D, COUNTS), 10^9/L and g/dL, nan for who has died; ``doses``: mean share of the protocol's dose that is
    prescribed on each day, (D, agents); ``held``: share of guesses in whom mercaptopurine is held."""

    chart: Chart
    protocol: str
    phase: str
    factor: float  # on the dose it begins with; 1 for the protocol's own
    days: Floats
    counts: Floats
    doses: Floats
    held: Floats

    def quantile(self, q: float, count: str = "anc") -> Floats:
        """Of a count on every day, shape (D,)."""
        return np.asarray(np.nanquantile(self.counts[:, :, COUNTS.index(count)], q, axis=0))

    def at_weeks(self, weeks: Sequence[float]) -> pl.DataFrame:
        """One row for each count and horizon (weeks from the last visit): median and both bands; shares of low ANC."""
        rows = []
        last = self.chart.visits[-1].day
        for week in weeks:
            i = int(np.argmin(np.abs(self.days - last - 7.0 * week)))
            for k, name in enumerate(COUNTS):
                x = self.counts[:, i, k]
                q = np.nanquantile(x, [0.05, 0.25, 0.5, 0.75, 0.95])
                row: dict[str, object] = {"weeks": week, "count": name, "median": q[2]}
                row |= {"50% low": q[1], "50% high": q[3], "90% low": q[0], "90% high": q[4]}
                row["below 0.5"] = float(np.mean(x[np.isfinite(x)] < 0.5)) if name == "anc" else None
                rows.append(row)
        return pl.DataFrame(rows, schema_overrides={"below 0.5": pl.Float64})


def shares(chart: Chart, phase: Phase, bsa_m2: float) -> tuple[float, float]:
    """The patient's doses as shares of the protocol's, by agent: of the last visit, or of the last one before it at
    which something was prescribed."""
    out = []
    for i, agent in enumerate(AGENTS):
        given = [visit.mg[i] for visit in chart.visits if visit.mg[i] > 0.0]
        base = planned(phase, agent) * bsa_m2
        share = given[-1] / base if given and base > 0.0 else 1.0
        out.append(float(np.clip(share, LEAST_SHARE, MOST_SHARE)))
    return out[0], out[1]


def going_on(phase: Phase, begin: tuple[float, float], days: int) -> Phase:
    """The phase, begun anew with these shares of its doses; counts are also seen every week, by nobody's rules."""
    always = Compare("age", ">=", 0.0)
    rules = [rule for rule in phase.rules if not isinstance(rule.action, Start)]
    rules += [
        Rule(Start((Target(agent, "PO"),), share, always)) for agent, share in zip(AGENTS, begin, strict=True)
    ]
    cycles = math.ceil(days / phase.days)
    return replace(
        phase, id="from now on", start_when=None, rest_days=0, rules=tuple(rules), repeat_times=cycles,
        repeat_until=(), next=None, decide=(),
    )  # fmt: skip


def forecast(
    posterior: Posterior,
    protocol: Protocol | str = PROTOCOL,
    *,
    phase: str | None = None,
    weeks: float = 12.0,
    factor: float = 1.0,
    seed: int = 1,
    guesses: int | None = None,
    threads: int | None = None,
    knowledge: Library | None = None,
) -> Forecast:
    """``weeks`` from the chart's last visit under a protocol (its phase of maintenance), the dose of both agents
    begun at ``factor`` times what the patient had. Raises ``BadInput`` for a protocol without such a phase."""
    known = knowledge or library()
    if isinstance(protocol, str):
        protocol = read_protocol(protocol, known)
    chart, person = posterior.chart, posterior.person
    where = phase_of(protocol, phase)
    between = every_days(where)
    mine = shares(chart, where, float(person.typical.bsa_m2[0]))
    ahead = EVERY_DAYS * math.ceil(weeks)
    begin = (mine[0] * factor, mine[1] * factor)
    then = going_on(where, begin, max(ahead - between, 1) + where.days)
    if factor != 1.0:  # the changed dose is prescribed at the last visit
        chart = _changed(chart, factor)
    more = max(ahead - between, 1) + EVERY_DAYS
    played = course(chart, person, known, then=then, rules=protocol.rules, lasting=more, tail=between)
    n = min(guesses or len(posterior), len(posterior))
    tables = played.played(
        posterior.scores[:n], posterior.genes[:n], chance=True, seed=seed, record=("states", "doses"), threads=threads
    )
    last = run_in(chart) + chart.visits[-1].day
    at = [last + day for day in range(0, ahead + 1, EVERY_DAYS)]
    settings = dict(zip(SETTINGS, played.plan(True).settings, strict=True))
    ln = states(tables["states"], n, at, settings["other_leukocytes"])
    noise = np.array([settings[f"noise_{name}"] for name in ("anc", "platelets", "haemoglobin", "anc")])
    ln += noise * np.random.default_rng(seed).standard_normal(ln.shape)
    given, held = _prescribed(tables["doses"], at, begin, chart, last + between)
    return Forecast(
        posterior.chart, protocol.id, where.id, factor, np.array(at, dtype=float) - run_in(chart),
        np.exp(_as_restless(ln, posterior, n)), given, held,
    )  # fmt: skip


def _changed(chart: Chart, factor: float) -> Chart:
    """The chart with other doses from its last visit on."""
    end = chart.visits[-1]
    end = replace(
        end, mercaptopurine_mg=end.mercaptopurine_mg * factor, methotrexate_mg=end.methotrexate_mg * factor
    )
    return replace(chart, visits=(*chart.visits[:-1], end))


def _as_restless(ln: Floats, posterior: Posterior, n: int) -> Floats:
    """Played ln counts with this patient's restlessness in place of the model's: of the variance of each day what weeks
    of chance make is multiplied by s squared, what guesses differ in stays."""
    out = ln.copy()
    for k in range(len(COUNTS)):
        middle = np.nanmedian(ln[:, :, k], axis=0)
        total = np.nanvar(ln[:, :, k], axis=0)
        within = np.minimum(np.median(posterior.unrest.sd[:, k]) ** 2, total)
        s = posterior.noise[:n, NOISE_OF[k], None]
        times = np.sqrt((total - within + s**2 * within) / np.maximum(total, 1e-12))
        out[:, :, k] = middle + (ln[:, :, k] - middle) * times
    return out


def _prescribed(
    doses: pl.DataFrame, days: Sequence[int], first: tuple[float, float], chart: Chart, begin: int
) -> tuple[Floats, Floats]:
    """Mean share of the protocol's dose on each day, (days, agents), and in how many mercaptopurine is held; before
    ``begin`` it is what the last visit prescribes."""
    now = [first[i] if mg > 0.0 else 0.0 for i, mg in enumerate(chart.visits[-1].mg)]
    out = np.tile(np.array(now), (len(days), 1))
    held = np.full(len(days), float(now[0] == 0.0))
    later = [i for i, day in enumerate(days) if day >= begin]
    grid = pl.DataFrame({"day": [days[i] for i in later]}, schema={"day": pl.Int32})
    for k, agent in enumerate(AGENTS):
        rows = doses.filter(
            (pl.col("agent") == agent) & (pl.col("route") == "PO") & (pl.col("phase") == "from now on")
            & (pl.col("planned") > 0.0) & (pl.col("reason") != "missed")
        )  # fmt: skip
        rows = rows.select("patient", pl.col("from_day").alias("day"), (pl.col("dose") / pl.col("planned")).alias("x"))
        asked = rows.select("patient").unique().join(grid, how="cross").sort("day")
        if not asked.height:
            continue
        found = asked.join_asof(rows.sort("day"), on="day", by="patient", check_sortedness=False)
        by_day = found.group_by("day").agg(
            pl.col("x").mean().alias("mean"), (pl.col("x") == 0.0).mean().alias("held")
        ).sort("day")  # fmt: skip
        told = {row[0]: row[1:] for row in by_day.rows()}
        for i in later:
            mean, none = told.get(days[i], (None, None))
            out[i, k] = out[i - 1, k] if mean is None else mean
            if k == 0:
                held[i] = held[i - 1] if none is None else none
    return out, held
