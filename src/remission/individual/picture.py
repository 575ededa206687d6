"""A chart with its fit and its forecast on one page."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from remission.patient.cohort import Floats
from remission.protocol.model import Phase
from remission.trial.picture_style import BLACK, BLUE, GREEN, GREY, LARGE, ORANGE, SMALL, VERMILLION, style

from .chart import AGENTS, COUNTS, Chart
from .fit import NOISE_OF, Posterior
from .forecast import Forecast
from .maintenance import planned

LABELS = {"anc": "neutrophils\n(ANC, 10⁹/L)", "platelets": "platelets\n(10⁹/L)",
          "haemoglobin": "haemoglobin\n(g/dL)", "wbc": "leukocytes\n(10⁹/L)"}  # fmt: skip
LINES = {"anc": (0.5, 1.5), "platelets": (50.0,), "haemoglobin": (8.0,), "wbc": ()}
NORMAL_SCORES = {0.5: 0.674, 0.9: 1.645}
DISCLAIMER = "A model's answer, for research and teaching: never to choose a dose."


def picture(posterior: Posterior, forecast: Forecast, phase: Phase, others: tuple[Forecast, ...] = ()) -> Figure:
    """From the top: ANC, platelets, haemoglobin and, where they were counted, leukocytes: dots are the chart, the line
    and its bands (50 and 90 %) what the fitted patient has on average and may have; right of the last visit the
    forecast. Below, the doses as a share of the protocol's: prescribed, then as the rules would give them on average.
    ``others``: forecasts under changed doses, their medians dashed."""
    chart = posterior.chart
    shown = [k for k, name in enumerate(COUNTS) if name == "anc" or np.isfinite(chart.column(name)).any()]
    with style():
        figure = Figure(figsize=(11.0, 2.0 * len(shown) + 2.6), layout="constrained")
        axes = figure.subplots(len(shown) + 1, 1, sharex=True, height_ratios=[*([2.0] * len(shown)), 1.6])
        week = chart.days / 7.0
        to_come = forecast.days / 7.0
        for axis, k in zip(axes, shown, strict=False):
            name = COUNTS[k]
            spread = posterior.unrest.sd[:, k] * float(np.median(posterior.noise[:, NOISE_OF[k]]))
            middle = posterior.expected[:, k]
            for share, alpha in ((0.9, 0.14), (0.5, 0.26)):
                z = NORMAL_SCORES[share]
                below, above = np.exp(middle - z * spread), np.exp(middle + z * spread)
                axis.fill_between(week, below, above, color=BLUE, alpha=alpha, lw=0)
                below, above = (forecast.quantile(q, name) for q in ((1 - share) / 2, (1 + share) / 2))
                axis.fill_between(to_come, below, above, color=ORANGE, alpha=alpha + 0.1, lw=0)
            axis.plot(week, np.exp(middle), color=BLUE, lw=1.4, label="fitted, on average")
            axis.plot(to_come, forecast.quantile(0.5, name), color=VERMILLION, lw=1.6, label="forecast, median")
            for other, colour in zip(others, (GREEN, GREY, BLACK), strict=False):
                label = f"begun at {other.factor:.0%} of that dose"
                axis.plot(to_come, other.quantile(0.5, name), color=colour, lw=1.2, ls="--", label=label)
            axis.plot(week, chart.column(name), "o", color=BLACK, ms=3.5, label="counted")
            low, high = axis.get_ylim()
            for level in LINES[name]:
                if low <= level <= high:
                    axis.axhline(level, color=GREY, lw=0.7, ls=":")
            if name != "haemoglobin":
                axis.set_yscale("log")
                axis.set_yticks(_ticks(chart.column(name), forecast, name), minor=False)
                axis.minorticks_off()
                axis.yaxis.set_major_formatter(lambda x, _pos: f"{x:g}")
            axis.set_ylabel(LABELS[name])
        _doses(axes[-1], chart, forecast, phase, float(posterior.person.typical.bsa_m2[0]))
        for axis in axes:
            axis.axvline(week[-1], color=GREY, lw=0.8)
        axes[0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=5, frameon=False, fontsize=SMALL)
        begin = chart.visits[0].date
        axes[-1].set_xlabel("weeks from the first visit" + (f" ({begin.isoformat()})" if begin else ""))
        title = f"{chart.name}: fitted to {len(chart)} visits; forecast under {forecast.protocol}"
        figure.suptitle(title, fontsize=LARGE)
        figure.supxlabel(DISCLAIMER + " Bands: 50 and 90 %.", fontsize=SMALL, color="#555555")
    return figure


def _ticks(values: Floats, forecast: Forecast, name: str) -> list[float]:
    known = np.concatenate([values[np.isfinite(values)], forecast.quantile(0.05, name), forecast.quantile(0.95, name)])
    low, high = float(known.min()), float(known.max())
    every = [m * 10.0**e for e in range(-3, 5) for m in (1, 2, 5)]
    return [x for x in every if 0.7 * low <= x <= 1.4 * high]


def _doses(axis: object, chart: Chart, forecast: Forecast, phase: Phase, bsa_m2: float) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axis, Axes)
    for i, (agent, colour) in enumerate(zip(AGENTS, (BLUE, VERMILLION), strict=True)):
        base = planned(phase, agent) * bsa_m2
        if not (math.isfinite(base) and base > 0.0):
            continue
        given = np.array([visit.mg[i] for visit in chart.visits]) / base * 100.0
        weeks = np.append(chart.days, chart.days[-1]) / 7.0
        axis.step(weeks, np.append(given, given[-1]), where="post", color=colour, lw=1.3, label=agent)
        axis.plot(forecast.days / 7.0, forecast.doses[:, i] * 100.0, color=colour, lw=1.3, ls="--")
    axis.axhline(100.0, color=GREY, lw=0.7, ls=":")
    axis.set_ylim(bottom=0.0)
    axis.set_ylabel("dose, % of\nthe protocol's")
    axis.legend(loc="lower left", ncols=2, frameon=False, fontsize=SMALL)
