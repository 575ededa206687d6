"""What was fitted to what, how well and how surely: as a page, as data, and into the knowledge files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from remission.knowledge.library import Library, library
from remission.knowledge.loader import load
from remission.knowledge.places import Place, Provenance, changed
from remission.knowledge.posterior import FILE, Posterior
from remission.knowledge.writing import write_whole

from .emulator import Floats
from .plan import Parameter, Plan, now
from .point import Point
from .search import Fit
from .squares import ALL
from .targets import PLAIN, Target, off_scale

SPEAKING = 4  # targets that are named for a parameter
TIED = 0.6  # correlation from which two parameters are named together


def inside(target: Target, point: Point) -> bool | None:
    """Does the simulated value at a point lie in the published interval? None where it cannot be told."""
    one = point.told.get(target.name)
    return None if one is None else target.low <= off_scale(one[0], target.unit) <= target.high


def speaking(plan: Plan, found: list[Target], fit: Fit) -> dict[str, list[tuple[str, float]]]:
    """The targets that tell most about each parameter: how far each moves, in its own standard errors, when the
    parameter goes from end to end of its bounds and the others stay where they fit."""
    by_name = {t.name: t for t in found}
    out: dict[str, list[tuple[str, float]]] = {}
    for i, name in enumerate(plan.parameters):
        ends = np.array([fit.best.units, fit.best.units], dtype=float)
        ends[:, i] = 0.0, 1.0
        mean, _ = fit.emulator.predict(ends)
        moved = [(t, abs(mean[1, k] - mean[0, k]) / by_name[t].sd) for k, t in enumerate(fit.emulator.names)]
        out[name] = sorted(moved, key=lambda one: -one[1])[:SPEAKING]
    return out


def page(plan: Plan, found: list[Target], passed: Mapping[str, str], fit: Fit, *, date: str, plan_file: str) -> str:
    """The report as Markdown."""
    base = now(plan)
    present, best = plan.present(base), plan.values(list(fit.best.units))
    telling = speaking(plan, found, fit)
    judged = plan.method.judge_seeds
    again = runs_of(judged or plan.method.confirm_seeds)
    seeds = "the same" if judged else f"the seeds of the fit ({runs_of(plan.seeds)})"
    if fit.best is fit.before:
        seeds += "; nothing that was found is better than the numbers of before, which stay"
    told = [t for t in found if inside(t, fit.best) is not None]
    good, was = (sum(inside(t, p) or False for t in found) for p in (fit.best, fit.before))
    lines = [
        f"# Calibration: {plan.title}",
        "",
        f"`remission calibrate {plan_file}` wrote this page ({date}). {len(plan.parameters)} numbers were fitted to "
        f"{len(found)} published ones of the kind `calibrate`; no number of the kind `predict` was read.",
        "",
        f"**{good} of {len(told)} fitted numbers lie in the published 95 % interval** with seeds that no fit used "
        f"({again}); before, {was} with {seeds}.",
        "",
        f"Method: {_method(plan)}; every target emulated on its scale (percentages as logits, the rest as logarithms) "
        "by a line and a Gaussian process; posterior of prior x likelihood (Student's t, 4 degrees of freedom) by "
        "ensemble sampling (differential evolution), a target's variance being that of the paper, of the emulator, of "
        f"the finite cohorts and of a discrepancy of {plan.method.discrepancy:g} that no fit removes. {plan.patients} "
        f"patients an arm and seed{_more(plan)}, {_shared(plan)}. {fit.played} points, "
        f"{fit.seconds / 3600:.1f} hours of a core.",
        "",
        "## Numbers",
        "",
        "*Learnt*: how much narrower the posterior is than the prior (1 - SD / SD). *Told by*: the targets that move "
        "most, in their standard errors, when the number goes from bound to bound.",
        "",
        "| number | bounds | before | fitted | 95 % of the posterior | learnt | told by |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for i, (name, one) in enumerate(plan.parameters.items()):
        low, high = limits(one, fit.sample[:, i])
        names = "; ".join(f"{t} ({x:.1f})" for t, x in telling[name])
        words = f"**{name}** {one.why.strip()} ({', '.join(f'`{text}`' for text in one.texts)})"
        cells = (
            words, f"{one.bounds[0]:g} to {one.bounds[1]:g}", f"{present[name]:.3g}", f"{best[name]:.3g}",
            f"{low:.3g} to {high:.3g}", f"{learnt(one, fit.sample[:, i]):.2f}", names,
        )  # fmt: skip
        lines.append(_row(cells))
    if tied := _tied(plan, fit.sample):
        lines += ["", f"Told only together (correlation in the posterior): {'; '.join(tied)}."]
    lines += [
        "",
        "## Targets",
        "",
        "*z*: fitted minus published on the target's scale, over the standard errors of both together.",
        "",
        "| target | published (95 %) | before | fitted | z | in interval |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for t in found:
        unit = {"percent": " %", PLAIN: ""}.get(t.unit, f" {t.unit}".rstrip(" -"))
        seen = f"{t.value:.3g}{unit} ({t.low:.3g} to {t.high:.3g})"
        is_in = inside(t, fit.best)
        away = fit.best.told.get(t.name)
        lines.append(_row((
            t.name, seen, _told(t, fit.before), _told(t, fit.best),
            "" if away is None else f"{(away[0] - t.centre) / math.hypot(t.sd, away[1]):+.1f}",
            "not told" if is_in is None else "yes" if is_in else "**no**",
        )))  # fmt: skip
    if passed:
        lines += ["", "Not fitted to: " + "; ".join(f"{name}: {why}" for name, why in passed.items()) + "."]
    return "\n".join(lines) + "\n"


def limits(one: Parameter, units: Floats) -> tuple[float, float]:
    """95 % limits of a parameter in a sample."""
    low, high = np.quantile(units, [0.025, 0.975])
    return one.value(float(low)), one.value(float(high))


def learnt(one: Parameter, units: Floats) -> float:
    """1 - SD of the posterior / SD of the prior, at least 0."""
    normal = one.prior_in_units()
    prior = 1 / math.sqrt(12) if normal is None else min(normal[1], 1 / math.sqrt(12))
    return max(0.0, 1 - float(units.std()) / prior)


def sample_of(plan: Plan, fit: Fit, date: str) -> Posterior:
    """The posterior as it travels with the knowledge files; the first draw is the fit itself."""
    base = now(plan)
    rows = [_numbers(plan, units, base) for units in (fit.best.units, *fit.sample)]
    places = sorted(rows[0])
    numbers = [tuple(row[where] for where in places) for row in rows]
    return Posterior(
        plan=plan.plan, date=date, seeds=plan.seeds, places=tuple(map(str, places)), fitted=numbers[0],
        draws=tuple(numbers[1:]),
    )  # fmt: skip


def _numbers(plan: Plan, units: Iterable[float], base: dict[Place, float]) -> dict[Place, float]:
    """What is written at a point: with three digits, which is more than is known."""
    exact = plan.numbers(plan.values([float(x) for x in units]), base)
    return {where: float(f"{value:.3g}") for where, value in exact.items()}


def apply(
    plan: Plan, found: list[Target], fit: Fit, *, date: str, plan_file: str, shelf: Library | None = None
) -> list[Path]:
    """Write the fitted numbers into the knowledge files, each with its provenance, and the sample beside them; the
    files' comments and order stay. Returns the files."""
    shelf = shelf or library()
    base = now(plan, shelf)
    best = _numbers(plan, fit.best.units, base)
    telling = speaking(plan, found, fit)
    sample = sample_of(plan, fit, date)
    texts: dict[Path, str] = {}
    for i, (name, one) in enumerate(plan.parameters.items()):
        low, high = limits(one, fit.sample[:, i])
        factor = "as a factor " if one.factor is not None else ""
        to = (
            f"{len(found)} published numbers at once, most of all {'; '.join(t for t, _ in telling[name][:2])}: "
            f"{factor}{low:.3g} to {high:.3g} is as plausible ({plan_file}, {date}, seeds {runs_of(plan.seeds)})"
        )
        mine = {where: value for where, value in best.items() if where in one.places}
        for path, text in changed(mine, shelf, Provenance(to)).items():
            texts[path] = text
            write_whole(path, text)  # the next number may stand in the same file
    beside = write_whole(shelf.folders[0] / FILE, _with_others(sample, shelf).text())
    return [*texts, beside]


def _with_others(sample: Posterior, shelf: Library) -> Posterior:
    """The sample beside what earlier calibrations left of other numbers, as independent of them."""
    path = shelf.folders[0] / FILE
    if not path.is_file():
        return sample
    earlier = load(path, Posterior)
    kept = [i for i, text in enumerate(earlier.places) if text not in sample.places]
    if not kept:
        return sample
    rows = len(sample.draws)
    before = [[earlier.draws[k * len(earlier.draws) // rows][i] for i in kept] for k in range(rows)]
    return sample.model_copy(
        update={
            "plan": ", ".join(dict.fromkeys((*earlier.plan.split(", "), sample.plan))),
            "seeds": tuple(sorted({*earlier.seeds, *sample.seeds})),
            "places": (*(earlier.places[i] for i in kept), *sample.places),
            "fitted": (*(earlier.fitted[i] for i in kept), *sample.fitted),
            "draws": tuple((*old, *new) for old, new in zip(before, sample.draws, strict=True)),
        }
    )


def runs_of(numbers: Sequence[int]) -> str:
    """Whole numbers, three or more that follow one another as a range: "3, 1501-1524"."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def _method(plan: Plan) -> str:
    waves = plan.method.waves - 1
    further = f"; waves from the posterior of what was played before: {waves}" if waves else ""
    if plan.method.search == "crossed":
        more = f"; around the top of the posterior {plan.method.points} more ({waves} times)" if waves else ""
        return (
            f"{plan.method.crossed} points around the present numbers, every number up or down at once by "
            f"{ALL * plan.method.step:.2g} of its bounds{more}"
        )
    if plan.method.search == "design":
        return f"Sobol design of {plan.method.first} points{further}"
    number = plan.method.crossed
    crossed = f"; {number} points around the lowest with every number up or down at once" if number else ""
    return (
        "least squares (trust region, SciPy) of all targets and priors from the present numbers on, slopes by steps of "
        f"{plan.method.step:g} of the bounds ({plan.method.slopes} times){crossed}{further}"
    )


def _shared(plan: Plan) -> str:
    """With which seeds a point was played."""
    each, seeds = plan.a_point or len(plan.seeds), len(plan.seeds)
    if plan.method.search == "crossed":
        return f"{each} of the {seeds} seeds a pair of points, in turn"
    if not plan.in_common:
        return f"{each} of the {seeds} seeds a point, in turn"
    every = f"all points with {runs_of(plan.seeds_of(1))}"
    if each == seeds:
        return every
    other = ", those around the lowest with the others in turn" if plan.method.crossed else ""
    return f"{every}{other}, the first with all {seeds} seeds, which tells how far each lies off by chance"


def _more(plan: Plan) -> str:
    """Trials that are played with another number of patients."""
    by = "; ".join(f"{name} {n}" for name, n in plan.more.items())
    return f" ({by})" if by else ""


def _told(target: Target, point: Point) -> str:
    one = point.told.get(target.name)
    if one is None:
        return "not told"
    low, middle, high = (off_scale(one[0] + k * 1.96 * one[1], target.unit) for k in (-1, 0, 1))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def _tied(plan: Plan, sample: Floats) -> list[str]:
    names = list(plan.parameters)
    if len(names) < 2:
        return []
    r = np.atleast_2d(np.corrcoef(sample.T))
    pairs = [(i, j) for i in range(len(names)) for j in range(i) if abs(r[i, j]) >= TIED]
    return [f"{names[j]} and {names[i]} ({r[i, j]:+.2f})" for i, j in pairs]


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
