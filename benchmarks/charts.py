"""How good the forecasts of single patients are: docs/charts.md.

    python benchmarks/charts.py --charts FOLDER [--virtual 60] [--compare 12] [--out docs/charts.md]

Real charts are read from a folder (they are not part of the project); virtual patients have a known truth. What was
computed is kept beside, so that a long run goes on where it was (--kept FILE).
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from remission.individual.chart import Chart, copies
from remission.individual.fit import NAMES, NOISE, Effort, Posterior, Sampling, fit
from remission.individual.forecast import forecast
from remission.individual.forward import SCORES, Facts, who
from remission.individual.parameters import TOGETHER, together
from remission.individual.reading import read_chart
from remission.individual.rivals import SemiMechanistic, last_value, own_mean
from remission.individual.virtual import FACTS, people, virtual_charts
from remission.knowledge.charts_file import charts as published
from remission.knowledge.library import library

WEEKS = (4, 8, 12)
NEAR_DAYS = 7
SEED = 404  # of the virtual patients
KNOWN = replace(FACTS, tpmt="normal", nudt15="normal")
MODELS = ("remission", "last value", "own mean", "semi-mechanistic")


def targets(chart: Chart, origin: int) -> dict[int, float]:
    """ln ANC at the visit nearest to each horizon after a day, within a week."""
    out = {}
    for week in WEEKS:
        wanted = origin + 7 * week
        near = [v for v in chart.visits if v.day > origin and abs(v.day - wanted) <= NEAR_DAYS and np.isfinite(v.anc)]
        if near:
            best = min(near, key=lambda v: abs(v.day - wanted))
            out[week] = float(np.log(best.anc))
    return out


def origins(chart: Chart, several: int) -> list[int]:
    """The day of half of the visits, then days of later visits, evenly, as long as something follows."""
    half = chart.visits[len(chart) // 2 - 1].day
    later = [v.day for v in chart.visits if v.day >= half and targets(chart, v.day)]
    picked = [later[round(i)] for i in np.linspace(0, len(later) - 1, several)] if several > 1 else []
    return sorted({half, *picked})


def judged(
    chart: Chart, origin: int, facts: Facts, seed: int, effort: Effort
) -> tuple[list[dict[str, Any]], Posterior]:
    """One row for each horizon of a forecast from one day of a chart."""
    past = chart.until(origin)
    began = time.process_time()
    posterior = fit(past, facts, seed=seed, effort=effort)
    ahead = forecast(posterior, weeks=max(WEEKS), seed=seed)
    took = time.process_time() - began
    rival = SemiMechanistic(past, float(posterior.person.typical.bsa_m2[0]))
    scores = rival.fitted()
    said = dict(zip(WEEKS, rival.counts(scores, np.array([origin + 7.0 * w for w in WEEKS])), strict=True))
    rows = []
    for week, y in targets(chart, origin).items():
        i = int(np.argmin(np.abs(ahead.days - origin - 7 * week)))
        ln = np.log(ahead.counts[:, i, 0])
        ln = ln[np.isfinite(ln)]
        q = np.quantile(ln, [0.05, 0.25, 0.5, 0.75, 0.95])
        rows.append({
            "chart": chart.name, "origin": origin, "week": week, "y": y, "seconds": took,
            "remission": float(q[2]), "last value": last_value(past), "own mean": own_mean(past),
            "semi-mechanistic": float(said[week]), "in90": bool(q[0] <= y <= q[4]), "in50": bool(q[1] <= y <= q[3]),
            "width90": float(q[4] - q[0]),
        })  # fmt: skip
    return rows, posterior


def rank(posterior: Posterior, truth: np.ndarray) -> list[float]:
    """Share of the guesses below the truth, of each score."""
    return [float(np.mean(posterior.scores[:, k] < truth[k])) for k in range(len(NAMES))]


def by_importance(chart: Chart, facts: Facts, n: int, seed: int) -> tuple[Posterior, float]:
    """Guesses of the prior weighed by the same posterior, and the number of guesses that they are worth."""
    base = fit(chart, facts, seed=seed, effort=Effort(64, 1, 44, 2, keep=50))
    sampling = Sampling(chart, who(chart, facts), library(), seed, None)
    rng = np.random.default_rng(seed)
    guesses = rng.standard_normal((n, len(NAMES) + len(NOISE)))
    unrest = sampling.unrest(guesses[:, : len(NAMES)])
    logs = np.concatenate([
        sampling.log_posterior(part, unrest, sampling.root(unrest)) + 0.5 * np.sum(part**2, axis=1)
        for part in np.array_split(guesses, max(1, n // 1000))
    ])  # fmt: skip
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    at = rng.choice(n, 1000, p=weights)
    noise = np.exp(guesses[at][:, len(NAMES) :] * np.array([0.25, 0.4, 0.7]))
    genes = np.zeros((1000, 2), dtype=np.int64)
    worth = 1.0 / float(np.sum(weights**2))
    return replace(base, scores=guesses[at][:, : len(NAMES)], noise=noise, genes=genes, unrest=unrest), worth


class Kept:
    """Results by key in a JSON file; ``still``: nothing is computed, what is not there is None."""

    def __init__(self, path: Path, still: bool = False) -> None:
        self.path, self.still = path, still
        self.of: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, key: str, make: Any) -> Any:
        if key not in self.of and not self.still:
            self.of[key] = make()
            self.path.write_text(json.dumps(self.of))
            print(key, flush=True)
        return self.of.get(key)


def real(folder: Path, several: int, kept: Kept) -> dict[str, list[dict[str, Any]]]:
    read = [read_chart(path) for path in sorted(folder.glob("*.csv"))]
    twins = {copy.second: copy for copy in copies(read)}
    out = {}
    for chart in read:
        if chart.name in twins:
            print(twins[chart.name])
            continue
        rows = []
        for origin in origins(chart, several):
            key = f"real {chart.name} {origin}"
            rows += kept.get(key, lambda c=chart, o=origin: judged(c, o, Facts(), 1, Effort())[0]) or []
        out[chart.name] = rows
    return out


def virtual(n: int, kept: Kept) -> list[dict[str, Any]]:
    truth = people(n, SEED)
    charts = virtual_charts(truth, seed=SEED, weeks=64)

    def one(i: int) -> dict[str, Any]:
        chart = charts[i]
        rows, posterior = judged(chart, 48 * 7, KNOWN, SEED + i, Effort())
        both = {}
        for name, parts in TOGETHER.items():
            x, y = (together(posterior.person, z, parts, library()) for z in (posterior.scores, truth[[i]]))
            both[name] = float(np.mean(x < y[0]))
        return {"rows": rows, "rank": rank(posterior, truth[i]), "together": both}

    done = [kept.get(f"virtual {i}", lambda i=i: one(i)) for i in range(n) if charts[i].visits[-1].day >= 60 * 7]
    return [found for found in done if found]


def compared(n: int, kept: Kept) -> dict[str, list[dict[str, Any]]]:
    """Ways of sampling, on the same virtual patients."""
    truth = people(n, SEED + 1)
    charts = virtual_charts(truth, seed=SEED + 1, weeks=64)
    ways = {
        "smoother alone (ES-MDA)": Effort(ensemble=600, assimilations=6, steps=0),
        "smoother, then walkers": Effort(),
        "walkers alone (emcee)": Effort(ensemble=96, assimilations=0, steps=120),
        "importance from the population": None,
    }

    def one(i: int, effort: Effort | None) -> dict[str, Any]:
        past = charts[i].until(48 * 7)
        began = time.process_time()
        worth = float("nan")
        if effort is None:
            posterior, worth = by_importance(past, KNOWN, 9000, SEED + i)
        else:
            posterior = fit(past, KNOWN, seed=SEED + i, effort=effort)
        took = time.process_time() - began
        ahead = forecast(posterior, weeks=max(WEEKS), seed=1)
        rows = []
        for week, y in targets(charts[i], 48 * 7).items():
            ln = np.log(ahead.counts[:, int(np.argmin(np.abs(ahead.days - 48 * 7 - 7 * week))), 0])
            q = np.nanquantile(ln, [0.05, 0.5, 0.95])
            rows.append({"error": abs(float(q[1]) - y), "in90": bool(q[0] <= y <= q[2])})
        found = {"rows": rows, "rank": rank(posterior, truth[i]), "seconds": took, "worth": worth}
        return found | {"plays": posterior.plays}

    out = {
        way: [kept.get(f"way {way} {i}", lambda i=i, e=effort: one(i, e)) for i in range(n)]
        for way, effort in ways.items()
    }
    return {way: found for way, done in out.items() if (found := [one_ for one_ in done if one_])}


# --- the page -----------------------------------------------------------------------------------

Rows = list[dict[str, Any]]
HEAD = """# Forecasts of single patients

Written by `make charts CHARTS=FOLDER` (benchmarks/charts.py). `remission fit CHART` reads one chart of
maintenance, fits the patient and forecasts the counts under a protocol's rules; how:
`src/remission/individual/`. This is how good it is.

The rivals (`src/remission/individual/rivals.py`): the last ANC carried forward; the mean of the patient's own
ln ANC; and a semi-mechanistic model fitted to the patient, of the structure of Jost 2020, whose own table of
parameters could not be read, with the numbers that the same group published for it in 2023.
"""
REAL = """## Real charts

{number} different patients ({names}; ICiCLe-ALL-14, published with the R package allMT). UPN_2 and UPN_918 of
that package are UPN_1 again with scaled doses, as `remission fit` says when it is given them together: they do
not count. The numbers of the weeks were fitted to {used} (docs/weeks.md); {untuned} were not used for tuning,
though three summary numbers of UPN_914 were looked at. Few patients: the table says what was found, not what
will be.
"""
VIRTUAL = """## Virtual patients, whose truth is known

{number} patients of the model's own population under icicle-maintenance with chance, seed {seed}: charts of 48
weeks, forecasts of 12. A fit with its forecast took {seconds:.0f} s of one core.
"""
RANKS = """Simulation-based calibration: where the true number lies among the guesses of the posterior. Where ranks are
uniform, 50 and 90 of 100 lie in the intervals (p: chi-squared in five bins). The last two are products of what
is taken, what of it becomes active and how it is felt, which counts tell better than their parts.
"""
WAYS = """## Which sampler

On the same virtual patients, 48 weeks each: error and 90 % band of the ANC at 4, 8 and 12 weeks, and how many
of all true scores lie in their 90 % interval (90 is right).

| | patients | s a fit, one core | plays | error of ln ANC | in the band | true scores in 90 % |
|---|---|---|---|---|---|---|"""


def errors(rows: Rows) -> dict[str, str]:
    """MAE of ln ANC of each model by horizon, and over all."""
    out = {}
    for model in MODELS:
        cells = []
        for weeks in ((4,), (8,), (12,), WEEKS):
            e = [abs(row[model] - row["y"]) for row in rows if row["week"] in weeks]
            cells.append(f"{np.mean(e):.2f}" if e else "")
        out[model] = " | ".join(cells)
    return out


def table(rows: Rows) -> list[str]:
    counts = " | ".join(str(sum(row["week"] in w for row in rows)) for w in ((4,), (8,), (12,), WEEKS))
    lines = ["| mean absolute error of ln ANC at | 4 weeks | 8 weeks | 12 weeks | all |", "|---|---|---|---|---|"]
    lines += [f"| {model} | {cells} |" for model, cells in errors(rows).items()]
    lines += [f"| visits | {counts} |", ""]
    inside, half = np.mean([row["in90"] for row in rows]), np.mean([row["in50"] for row in rows])
    return [*lines, f"Of {len(rows)} counts {inside:.0%} lie in the 90 % band, {half:.0%} in the 50 % band.", ""]


def calibration(done: Rows) -> list[str]:
    from scipy.stats import chi2

    ranks = np.array([one["rank"] for one in done])
    labels = [SCORES[name] for name in NAMES] + list(TOGETHER)
    both = np.column_stack([ranks, [[one["together"][name] for name in TOGETHER] for one in done]])
    lines = ["| number | in the 50 % interval | in the 90 % interval | p |", "|---|---|---|---|"]
    for k, what in enumerate(labels):
        r = both[:, k]
        bins = np.histogram(r, bins=5, range=(0.0, 1.0))[0]
        p = float(chi2.sf(np.sum((bins - len(r) / 5) ** 2 / (len(r) / 5)), 4))
        inside = [np.mean((r > low) & (r < 1.0 - low)) for low in (0.25, 0.05)]
        lines.append(f"| {what} | {inside[0]:.0%} | {inside[1]:.0%} | {p:.2f} |")
    own = both[:, : len(NAMES)]
    inside = [np.mean((own > low) & (own < 1.0 - low)) for low in (0.25, 0.05)]
    return [*lines, f"| all scores | {inside[0]:.0%} | {inside[1]:.0%} | |", ""]


def of_way(way: str, done: Rows) -> str:
    rows = [row for one in done for row in one["rows"]]
    ranks = np.array([one["rank"] for one in done])
    worth = [one["worth"] for one in done]
    name = f"{way} (worth {np.median(worth):.0f} guesses)" if np.isfinite(worth).all() else way
    cells = [
        name, str(len(done)),
        f"{np.mean([one['seconds'] for one in done]):.1f}", f"{np.mean([one['plays'] for one in done]):.0f}",
        f"{np.mean([row['error'] for row in rows]):.3f}", f"{np.mean([row['in90'] for row in rows]):.0%}",
        f"{np.mean((ranks > 0.05) & (ranks < 0.95)):.0%}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def page(found: dict[str, Rows], made: Rows, ways: dict[str, Rows]) -> str:
    lines = [HEAD]
    if found:
        used = [name for name in found if published().charts.get(name) == "calibrate"]
        untuned = [name for name in found if name not in used]
        first = {name: min(row["origin"] for row in rows) for name, rows in found.items()}
        half = {name: [row for row in rows if row["origin"] == first[name]] for name, rows in found.items()}
        told = {"number": len(found), "names": ", ".join(found), "used": " and ".join(used)}
        lines += [
            REAL.format(**told, untuned=", ".join(untuned)),
            "From the first half of each chart, charts that were not used for tuning:", "",
            *table([row for name in untuned for row in half[name]]),
            "The same charts, from the half and from later visits (several forecasts a chart, not independent):", "",
            *table([row for name in untuned for row in found[name]]),
            "All charts, from the half and later:", "", *table([row for rows in found.values() for row in rows]),
        ]  # fmt: skip
    if made:
        rows = [row for one in made for row in one["rows"]]
        seconds = np.mean([one["rows"][0]["seconds"] for one in made if one["rows"]])
        lines += [VIRTUAL.format(number=len(made), seed=SEED, seconds=seconds), *table(rows), RANKS, *calibration(made)]
    if ways:
        lines += [WAYS, *(of_way(way, done) for way, done in ways.items()), ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charts", type=Path, required=True)
    parser.add_argument("--several", type=int, default=5, help="forecasts a chart")
    parser.add_argument("--virtual", type=int, default=60)
    parser.add_argument("--compare", type=int, default=12)
    parser.add_argument("--kept", type=Path, default=Path("charts-kept.json"))
    parser.add_argument("--still", action="store_true", help="compute nothing: the page of what is kept")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    kept = Kept(asked.kept, asked.still)
    found = real(asked.charts, asked.several, kept) if asked.several else {}
    made = virtual(asked.virtual, kept) if asked.virtual else []
    ways = compared(asked.compare, kept) if asked.compare else {}
    if asked.out:
        asked.out.write_text(page(found, made, ways))


if __name__ == "__main__":
    main()
