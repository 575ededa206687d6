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
from remission.individual.parameters import omega
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


def judged(chart: Chart, origin: int, facts: Facts, seed: int, effort: Effort) -> tuple[list[dict[str, Any]], Posterior]:
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
        sampling.log_posterior(part, unrest, sampling.roots(unrest)) + 0.5 * np.sum(part**2, axis=1)
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
    """Results by key in a JSON file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.of: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, key: str, make: Any) -> Any:
        if key not in self.of:
            self.of[key] = make()
            self.path.write_text(json.dumps(self.of))
            print(key, flush=True)
        return self.of[key]


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
            rows += kept.get(f"real {chart.name} {origin}", lambda c=chart, o=origin: judged(c, o, Facts(), 1, Effort())[0])
        out[chart.name] = rows
    return out


def virtual(n: int, kept: Kept) -> list[dict[str, Any]]:
    truth = people(n, SEED)
    charts = virtual_charts(truth, seed=SEED, weeks=64)

    def one(i: int) -> dict[str, Any]:
        chart = charts[i]
        rows, posterior = judged(chart, 48 * 7, KNOWN, SEED + i, Effort())
        together = {
            name: float(np.mean(_sum(posterior.scores, pair) < _sum(truth[[i]], pair)[0])) for name, pair in PAIRS.items()
        }
        return {"rows": rows, "rank": rank(posterior, truth[i]), "together": together,
                "autocorrelation": posterior.autocorrelation}  # fmt: skip

    return [kept.get(f"virtual {i}", lambda i=i: one(i)) for i in range(n) if charts[i].visits[-1].day >= 60 * 7]


PAIRS = {
    "effect of mercaptopurine on neutrophils": (
        "mercaptopurine.drivers.TGN.formation", "mercaptopurine.effects.neutrophils.0.slope",
    ),
    "effect of mercaptopurine on platelets": (
        "mercaptopurine.drivers.TGN.formation", "mercaptopurine.effects.platelets.0.slope",
    ),
}  # fmt: skip


def _sum(scores: np.ndarray, pair: tuple[str, ...]) -> np.ndarray:
    return np.sum([omega(name, library()) * scores[:, NAMES.index(name)] for name in pair], axis=0)


def compared(n: int, kept: Kept) -> dict[str, list[dict[str, Any]]]:
    """Ways of sampling, on the same virtual patients."""
    truth = people(n, SEED + 1)
    charts = virtual_charts(truth, seed=SEED + 1, weeks=64)
    ways = {
        "smoother alone (ES-MDA)": Effort(ensemble=600, assimilations=6, steps=0),
        "walkers alone (emcee)": Effort(ensemble=96, assimilations=0, steps=120),
        "smoother, then walkers": Effort(),
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
        return {"rows": rows, "rank": rank(posterior, truth[i]), "seconds": took, "worth": worth, "plays": posterior.plays}

    return {
        way: [kept.get(f"way {way} {i}", lambda i=i, e=effort: one(i, e)) for i in range(n)] for way, effort in ways.items()
    }


# --- the page -----------------------------------------------------------------------------------


def errors(rows: list[dict[str, Any]]) -> dict[str, str]:
    """MAE of ln ANC of each model by horizon, and over all."""
    out = {}
    for model in MODELS:
        cells = []
        for weeks in ((4,), (8,), (12,), WEEKS):
            e = [abs(row[model] - row["y"]) for row in rows if row["week"] in weeks]
            cells.append(f"{np.mean(e):.2f}" if e else "")
        out[model] = " | ".join(cells)
    return out


def table(rows: list[dict[str, Any]]) -> list[str]:
    counts = " | ".join(str(sum(row["week"] in w for row in rows)) for w in ((4,), (8,), (12,), WEEKS))
    lines = ["| mean absolute error of ln ANC at | 4 weeks | 8 weeks | 12 weeks | all |", "|---|---|---|---|---|"]
    lines += [f"| {model} | {cells} |" for model, cells in errors(rows).items()]
    lines += [f"| visits | {counts} |", ""]
    inside, half = np.mean([row["in90"] for row in rows]), np.mean([row["in50"] for row in rows])
    lines += [f"Of {len(rows)} counts {inside:.0%} lie within the 90 % band, {half:.0%} within the 50 % band.", ""]
    return lines


def calibration(done: list[dict[str, Any]]) -> list[str]:
    from scipy.stats import chi2

    ranks = np.array([one["rank"] for one in done])
    labels = [SCORES[name] for name in NAMES] + list(PAIRS)
    both = np.column_stack([ranks, [[one["together"][name] for name in PAIRS] for one in done]])
    lines = ["| number | in the 50 % interval | in the 90 % interval | p (uniform ranks) |", "|---|---|---|---|"]
    for k, what in enumerate(labels):
        r = both[:, k]
        bins = np.histogram(r, bins=5, range=(0.0, 1.0))[0]
        expected = len(r) / 5
        p = float(chi2.sf(np.sum((bins - expected) ** 2 / expected), 4))
        lines.append(f"| {what} | {np.mean((r > 0.25) & (r < 0.75)):.0%} | {np.mean((r > 0.05) & (r < 0.95)):.0%} | {p:.2f} |")
    return [*lines, ""]


def page(found: dict[str, list[dict[str, Any]]], made: list[dict[str, Any]], ways: dict[str, list[dict[str, Any]]]) -> str:
    used = published().charts
    untuned = [name for name in found if used.get(name) != "calibrate"]
    half = {name: [row for row in rows if row["origin"] == min(r["origin"] for r in rows)] for name, rows in found.items()}
    lines = [
        "# Forecasts of single patients", "",
        "Written by `make charts-page` (benchmarks/charts.py). `remission fit CHART` reads one chart of maintenance, fits the",
        "patient and forecasts the counts; how: `src/remission/individual/`. Here is how good that is, as it is.", "",
        "## Real charts", "",
        f"{len(found)} different patients ({', '.join(found)}; ICiCLe-ALL-14, published with the R package allMT; UPN_2 and",
        "UPN_918 are UPN_1 again with scaled doses and do not count). The weeks' numbers of the model were fitted to UPN_1 and",
        f"UPN_915 (docs/weeks.md), so that those were seen; {', '.join(untuned)} were not used for tuning"
        + (" (three summary numbers of UPN_914 were looked at)." if "UPN_914" in untuned else "."), "",
        "From the first half of each chart, charts not used for tuning:", "",
        *table([row for name in untuned for row in half[name]]),
        "From the half and from later visits (several forecasts a chart, which are not independent), the same charts:", "",
        *table([row for name in untuned for row in found[name]]),
        "All charts, from the half and later:", "",
        *table([row for rows in found.values() for row in rows]),
    ]  # fmt: skip
    if made:
        rows = [row for one in made for row in one["rows"]]
        seconds = np.mean([one["rows"][0]["seconds"] for one in made if one["rows"]])
        lines += [
            "## Virtual patients, whose truth is known", "",
            f"{len(made)} patients of the model's own population under icicle-maintenance with chance, seed {SEED}: charts of 48",
            f"weeks, forecasts of 12. A fit with its forecast took {seconds:.0f} s of one core.", "",
            *table(rows),
            "Simulation-based calibration: where the true number lies among the guesses of the posterior. Uniform ranks mean",
            "50 and 90 % (p: chi-squared in five bins).", "", *calibration(made),
        ]  # fmt: skip
    if ways:
        lines += [
            "## Which sampler", "",
            "On the same virtual patients, 48 weeks each; error and band of the ANC at 4, 8 and 12 weeks, and how many of all true",
            "scores lie in their 90 % interval (90 is right).", "",
            "| | s a fit, one core | plays | error of ln ANC | in the 90 % band | true scores in 90 % |", "|---|---|---|---|---|---|",
        ]  # fmt: skip
        for way, done in ways.items():
            rows = [row for one in done for row in one["rows"]]
            ranks = np.array([one["rank"] for one in done])
            worth = [one["worth"] for one in done]
            more = f" (worth {np.median(worth):.0f} guesses)" if np.isfinite(worth).all() else ""
            lines.append(
                f"| {way}{more} | {np.mean([one['seconds'] for one in done]):.1f} | {np.mean([one['plays'] for one in done]):.0f} | "
                f"{np.mean([row['error'] for row in rows]):.3f} | {np.mean([row['in90'] for row in rows]):.0%} | "
                f"{np.mean((ranks > 0.05) & (ranks < 0.95)):.0%} |"
            )
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charts", type=Path, required=True)
    parser.add_argument("--several", type=int, default=5, help="forecasts a chart")
    parser.add_argument("--virtual", type=int, default=60)
    parser.add_argument("--compare", type=int, default=12)
    parser.add_argument("--kept", type=Path, default=Path("charts-kept.json"))
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    kept = Kept(asked.kept)
    found = real(asked.charts, asked.several, kept) if asked.several else {}
    made = virtual(asked.virtual, kept) if asked.virtual else []
    ways = compared(asked.compare, kept) if asked.compare else {}
    if asked.out:
        asked.out.write_text(page(found, made, ways))


if __name__ == "__main__":
    main()
