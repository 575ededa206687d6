"""The pictures of a run, drawn from a synthetic course: what is in the tables must be on the page."""

from __future__ import annotations

import matplotlib
import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from remission.knowledge.errors import BadInput
from remission.trial.first_event import first_events, incidence
from remission.trial.picture_numbers import course, mercaptopurine_by_month, shares
from remission.trial.picture_patient import log10_cells, marrow_cells
from remission.trial.picture_style import phase_bands, time_ticks
from remission.trial.picture_treatment import dose_rows, group_of
from remission.trial.pictures import plot_cohort, plot_patient, save

PHASES = (
    ("induction", 0, 35),
    ("consolidation", 35, 91),
    ("interim maintenance 1", 91, 154),
    ("delayed intensification", 154, 217),
    ("interim maintenance 2", 217, 273),
    ("maintenance", 273, 917),
)
NORMAL_CELLS = 11.7  # log10 of the normal nucleated marrow cells of the synthetic patients
SINGLE = (  # agent, route, days, dose, unit
    ("vincristine", "IV", [0, 7, 14, 21, 35, 91, 101, 111, 121, 154, 161, 168, 217, 227, 237, *range(273, 900, 84)],
     1.5, "mg/m2"),
    ("pegaspargase", "IV", [3, 157, 196], 2500.0, "IU/m2"),
    ("doxorubicin", "IV", [154, 161, 168], 25.0, "mg/m2"),
    ("cyclophosphamide", "IV", [35, 182], 1000.0, "mg/m2"),
    ("methotrexate", "IV", [91, 101, 111, 121, 131, 217, 227, 237, 247, 257], 100.0, "mg/m2"),
    ("cytarabine", "IT", [0], 70.0, "mg"),
    ("methotrexate", "IT", [7, 28, 35, 42, 49, 121, 154, 182, 247, *range(273, 900, 84)], 12.0, "mg"),
)  # fmt: skip
RUNS = (
    ("dexamethasone", "PO", [(0, 27), (154, 160), (168, 174), *((d, d + 4) for d in range(273, 900, 84))], 6.0),
    ("mercaptopurine", "PO", [(35, 62), (91, 147), (217, 266)], 75.0),
    ("thioguanine", "PO", [(182, 195)], 60.0),
    ("cytarabine", "SC", [(36, 39), (43, 46), (50, 53), (57, 60), (183, 186), (190, 193)], 75.0),
)


def _phase(day: float) -> str:
    return next((n for n, a, b in PHASES if a <= day < b), "follow-up")


def _one(patient: int, rng: np.random.Generator) -> dict[str, list[dict]]:
    tpmt = "intermediate" if rng.random() < 0.12 else "normal"
    nudt15 = "intermediate" if rng.random() < 0.10 else "poor" if rng.random() < 0.02 else "normal"
    chance = rng.random()
    kill = rng.normal(1.0, 0.18)
    outcome, last = ("death", float(rng.integers(15, 400))) if chance < 0.03 else ("in remission", 1900.0)
    if 0.03 < chance < 0.11:
        outcome, last = "relapse", float(rng.integers(400, 1700))
    if 0.11 < chance < 0.15:
        outcome, last = "left", 35.0
    days = np.arange(0, last + 1, 7.0)

    log = 12.0 - 4.6 * kill * np.minimum(days, 35) / 35 - np.clip(days - 35, 0, 240) * 0.022 * kill
    log = log - np.clip(days - 275, 0, 600) * 0.006
    log = np.where(log < -0.4, -np.inf, log)
    if outcome == "relapse":
        log = np.where(np.isneginf(log), 0.1, log)
        back = 12.0 - (last - days) * 0.03
        log = np.fmax(log, back)
    cns = np.where(log - 5.5 + rng.normal() < 0, -np.inf, log - 5.5)
    with np.errstate(over="ignore"):
        fraction = np.where(np.isneginf(log), 0.0, 1 / (1 + 10 ** (NORMAL_CELLS - np.fmax(log, -50))))

    def course_of(low: float, high: float, noise: float) -> np.ndarray:
        base = np.full(days.shape, high)
        for at, depth, width in ((14, 0.95, 16), (56, 0.75, 14), (190, 0.9, 15), (240, 0.4, 15)):
            base = base * (1 - depth * np.exp(-((days - at) ** 2) / (2 * width**2)))
        base = np.where((days > 290) & (days < 917), high * 0.42, base)
        wave = np.cumsum(rng.normal(0, noise, days.size))
        wave = wave - np.convolve(wave, np.ones(15) / 15, mode="same")[: days.size]
        return np.maximum(base * np.exp(wave), low)

    anc, platelets = course_of(0.06, 3.2, 0.22), course_of(9, 300, 0.12)
    haemoglobin = 8 + 4.6 * (1 - np.exp(-days / 80)) + rng.normal(0, 0.5, days.size)
    out: dict[str, list[dict]] = {k: [] for k in ("outcomes", "measurements", "mrd", "doses", "events", "states")}
    for i, day in enumerate(days):
        out["states"].append(
            dict(patient=patient, day=int(day), anc=anc[i], platelets=platelets[i], haemoglobin=haemoglobin[i],
                 lymphocytes=1.0, log10_blasts_marrow=log[i], log10_blasts_cns=cns[i],
                 marrow_blast_fraction=fraction[i])
        )  # fmt: skip
        if day < 917:
            noise = np.exp(rng.normal(0, 0.12, 3))
            out["measurements"].append(
                dict(patient=patient, day=int(day), phase=_phase(day), phase_day=1, anc=anc[i] * noise[0],
                     platelets=platelets[i] * noise[1], haemoglobin=haemoglobin[i] * noise[2] ** 0.2, wbc=4.0,
                     lymphocytes=1.0, blood_blasts=0.0)
            )  # fmt: skip

    eoi = float(np.interp(35, days, np.log10(np.fmax(fraction, 1e-9)))) if last > 35 else None
    for day, site in ((8, "blood"), (28, "marrow"), (90, "marrow")):
        if day < last:
            true = float(np.interp(day, days, fraction)) * (0.2 if site == "blood" else 1)
            out["mrd"].append(
                dict(patient=patient, day=day, phase=_phase(day), site=site, true_fraction=true,
                     reported_fraction=true if true > 1e-4 else 0.0, detected=true > 1e-4)
            )  # fmt: skip

    def dose(
        agent: str, route: str, start: float, end: float, amount: float, unit: str, factor: float, reason: str
    ) -> None:
        if start <= last:
            out["doses"].append(
                dict(patient=patient, agent=agent, route=route, phase=_phase(start), from_day=int(start),
                     to_day=int(min(end, last)), dose=amount * factor, unit=unit, factor=factor, reason=reason)
            )  # fmt: skip

    def event(day: float, name: str, detail: str = "") -> None:
        if day <= last:
            out["events"].append(dict(patient=patient, day=int(day), phase=_phase(day), event=name, detail=detail))

    for agent, route, at, amount, unit in SINGLE:
        for day in at:
            missed = agent == "vincristine" and rng.random() < 0.04
            lower = agent == "vincristine" and rng.random() < 0.05
            factor = 0.0 if missed else 0.5 if lower else 1.0
            dose(
                agent,
                route,
                day,
                day,
                amount,
                unit,
                factor,
                "omitted" if missed else "reduced" if lower else "protocol",
            )
    for agent, route, runs, amount in RUNS:
        for start, end in runs:
            dose(agent, route, start, end, amount, "mg/m2", 1.0, "protocol")
    factor, day = {"normal": 1.0, "intermediate": 0.65, "poor": 0.15}[nudt15 if nudt15 != "normal" else tpmt], 273
    while day < 917:
        end = min(day + int(rng.integers(28, 90)), 916)
        held = rng.random() < 0.25
        if held:
            end = min(day + 13, 916)
            event(day, "hold", "mercaptopurine, methotrexate")
            event(end + 1, "resume")
        reason = "held" if held else "protocol" if factor == 1 else "reduced" if factor < 1 else "raised"
        dose("mercaptopurine", "PO", day, end, 75, "mg/m2", 0.0 if held else factor, reason)
        for week in range(day, end + 1, 7):
            dose("methotrexate", "PO", week, week, 20, "mg/m2", 0.0 if held else factor, reason)
        day = end + 1
        factor = float(np.clip(factor * rng.choice([0.75, 1.0, 1.25]), 0.1, 1.5))
    for name, start, _ in PHASES:
        event(start, "phase start", name)
    for day in np.flatnonzero(anc < 0.3)[::4]:
        event(days[day] + 2, "fever")
        if rng.random() < 0.3:
            event(days[day] + 3, "bloodstream infection", "gram-positive")
    for day in np.flatnonzero(platelets < 25)[::2]:
        event(days[day], "platelet transfusion", "10 mL/kg")
    for day in np.flatnonzero(haemoglobin < 8.2)[::2]:
        event(days[day], "red cell transfusion", "15 mL/kg")
    event(28, "remission")
    if rng.random() < 0.5:
        event(91, "gate delay", "anc >= 0.75")
    event(917, "end of treatment")
    if outcome in ("relapse", "death", "left"):
        event(last, outcome)
    out["outcomes"].append(
        dict(patient=patient, age_y=float(rng.uniform(1.5, 9.9)), sex=str(rng.choice(["female", "male"])), lineage="B",
             subtype="ETV6::RUNX1", cns=1, wbc=float(rng.lognormal(2, 0.8)), tpmt=tpmt, nudt15=nudt15,
             remission=last > 28, remission_day=28 if last > 28 else None, eoi_mrd=None if eoi is None else 10.0**eoi,
             end_of_treatment_day=917 if last > 917 else None, outcome=outcome, outcome_day=last,
             mercaptopurine_percent=80.0, anc_in_target=0.6, fever_episodes=2)
    )  # fmt: skip
    return out


def make_tables(patients: int, seed: int = 1) -> dict[str, pl.DataFrame]:
    """Synthetic courses of 2.5 years of treatment, with the follow-up to five years."""
    rng = np.random.default_rng(seed)
    parts = [_one(p, rng) for p in range(patients)]
    return {
        name: pl.DataFrame([row for part in parts for row in part[name]], infer_schema_length=None) for name in parts[0]
    }


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    return make_tables(40)


@pytest.fixture(scope="module")
def page(tables: dict[str, pl.DataFrame]) -> Figure:
    return plot_patient(tables, patient=1)


def _panel(figure: Figure, label: str):
    return next(a for a in figure.axes if a.get_label() == label)


def _drawn(axes, gid: str) -> int:
    """How many boxes of a kind are on an axes."""
    return sum(len(c.get_paths()) for c in axes.collections if c.get_gid() == gid)


def _points(axes, gid: str) -> int:
    return sum(len(line.get_xdata()) for line in axes.lines if line.get_gid() == gid)


def _written(figure: Figure) -> str:
    return "\n".join(t.get_text() for a in figure.axes for t in a.texts)


# --- one patient ------------------------------------------------------------------------------


def test_every_dose_of_the_table_is_on_the_page_and_only_once(tables, page) -> None:
    doses = tables["doses"].filter(pl.col("patient") == 1)
    axes = _panel(page, "doses")
    held = doses.filter(pl.col("reason") == "held")
    assert len(held) > 3
    assert _drawn(axes, "held") == len(held)
    assert _drawn(axes, "omitted") == len(doses.filter(pl.col("reason") == "omitted"))
    assert _drawn(axes, "held") + _drawn(axes, "omitted") + _drawn(axes, "given") + _drawn(axes, "single") == len(doses)


def test_a_reduced_dose_is_lower_and_a_raised_one_higher_than_the_protocol_dose() -> None:
    rows = [
        dict(patient=1, agent="mercaptopurine", route="PO", phase="maintenance", from_day=a, to_day=a + 9, dose=75 * f,
             unit="mg/m2", factor=f, reason=r)
        for a, f, r in ((0, 1.0, "protocol"), (10, 0.5, "reduced"), (20, 1.5, "raised"))
    ]  # fmt: skip
    axes = _panel(plot_patient({"doses": pl.DataFrame(rows)}, patient=1), "doses")
    bars = next(c for c in axes.collections if c.get_gid() == "given")
    heights = [np.ptp(p.vertices[:, 1]) for p in bars.get_paths()]
    assert heights[1] == pytest.approx(heights[0] / 2) and heights[2] == pytest.approx(heights[0] * 1.5)
    lightness = [colour[:3].sum() for colour in bars.get_facecolors()]
    assert lightness[1] > lightness[0] > lightness[2]
    assert [(p.vertices[:, 0].min(), p.vertices[:, 0].max()) for p in bars.get_paths()] == [(0, 10), (10, 20), (20, 30)]


def test_rows_are_grouped_as_a_haematologist_reads_them(tables) -> None:
    rows = dose_rows(tables["doses"].filter(pl.col("patient") == 1))
    assert rows[0] == ("dexamethasone", "PO") and rows[-1][1] == "IT"
    assert [group_of(*r) for r in rows] == sorted(group_of(*r) for r in rows)
    assert group_of("methotrexate", "IT") != group_of("methotrexate", "PO")
    assert group_of("erwinia asparaginase", "IM") == group_of("pegaspargase", "IV")


def test_panels_share_the_time_axis_and_name_their_units(page) -> None:
    assert [a.get_label() for a in page.axes] == ["strip", "leukaemia", "anc", "platelets", "haemoglobin", "doses"]
    assert len({a.get_xlim() for a in page.axes}) == 1
    for label, unit in (("anc", "10⁹/L"), ("platelets", "10⁹/L"), ("haemoglobin", "g/dL"), ("leukaemia", "cells")):
        assert unit in _panel(page, label).get_ylabel()
    assert _panel(page, "doses").get_xlabel() == "days from the first dose"
    assert _panel(page, "anc").get_yscale() == "log"


def test_phases_are_bands_in_order_and_maintenance_alone_has_the_target(tables, page) -> None:
    strip = _panel(page, "strip")
    assert [p.get_gid() for p in strip.patches] == [f"phase {name}" for name, *_ in PHASES]
    target = [c for c in _panel(page, "anc").collections if c.get_gid() == "target"]
    assert len(target) == 1
    x = target[0].get_paths()[0].vertices[:, 0]
    assert (x.min(), x.max()) == (273, 917)
    assert [b.name for b in phase_bands(tables, 1, 917)] == [name for name, *_ in PHASES]


def test_counts_events_and_transfusions_are_all_marked(tables, page) -> None:
    events = tables["events"].filter(pl.col("patient") == 1)
    for event in ("fever", "bloodstream infection"):
        assert _points(_panel(page, "anc"), event) == len(events.filter(pl.col("event") == event))
    for panel, product in (("platelets", "platelet"), ("haemoglobin", "red cell")):
        given = events.filter(pl.col("event") == f"{product} transfusion")
        assert _points(_panel(page, panel), f"{product} transfusions") == len(given) > 0
    assert _points(_panel(page, "anc"), "anc measured") == len(tables["measurements"].filter(pl.col("patient") == 1))


def test_limits_of_detection_stand_where_the_fraction_is_reached(tables, page) -> None:
    states = tables["states"].filter(pl.col("patient") == 1)
    normal = marrow_cells(states)
    assert normal == pytest.approx(NORMAL_CELLS, abs=1e-6)
    lines = [line.get_ydata()[0] for line in _panel(page, "leukaemia").lines if line.get_gid() == "limit"]
    assert lines == pytest.approx([10.421, 7.7, 6.7], abs=0.01)  # 5 %, 1e-4, 1e-5 of a marrow of 10**11.7 normal cells
    assert float(log10_cells(0.5, normal)) == pytest.approx(NORMAL_CELLS)


def test_undetected_mrd_is_an_open_mark_and_never_above_the_limit(tables, page) -> None:
    mrd = tables["mrd"].filter((pl.col("patient") == 1) & (pl.col("site") == "marrow"))
    axes = _panel(page, "leukaemia")
    below = [c.lines[0] for c in axes.containers if c.lines[0].get_gid() == "marrow MRD below limit"]
    assert len(below[0].get_xdata()) == len(mrd.filter(~pl.col("detected")))
    assert below[0].get_markerfacecolor() == "white"
    assert max(below[0].get_ydata()) <= float(log10_cells(1e-4, NORMAL_CELLS)) + 1e-9


def test_an_extinct_leukaemia_is_drawn_at_none_and_said(tables, page) -> None:
    axes = _panel(page, "leukaemia")
    marrow = next(line for line in axes.lines if line.get_gid() == "marrow blasts")
    assert np.isfinite(marrow.get_ydata()).all() and marrow.get_ydata()[-1] == -1
    assert "last leukaemic cell dies" in _written(page)


def test_a_death_on_day_20_ends_the_phases_and_is_named() -> None:
    whole = make_tables(1, seed=3)
    early = {}
    for name, frame in whole.items():
        day = {"outcomes": None, "doses": "from_day"}.get(name, "day")
        early[name] = frame if day is None else frame.filter(pl.col(day) <= 20)
    died = dict(patient=0, day=20, phase="induction", event="death", detail="bloodstream infection")
    early["events"] = pl.concat([early["events"], pl.DataFrame([died])])
    figure = plot_patient(early, patient=0)
    assert "death, day 20" in _written(figure)
    (band,) = phase_bands(early, 0, 30)
    assert (band.name, band.start, band.to) == ("induction", 0, 20)
    assert figure.axes[0].get_xlim()[1] < 45


@pytest.mark.parametrize("missing", [("states",), ("mrd", "events"), ("measurements",), ("doses",), ("outcomes",)])
def test_a_run_without_some_tables_is_still_drawn(tables, missing, tmp_path) -> None:
    some = {k: v for k, v in tables.items() if k not in missing}
    save(plot_patient(some, patient=1), tmp_path / "patient.png", dpi=40)
    save(plot_cohort(some), tmp_path / "cohort.png", dpi=40)


@pytest.mark.parametrize("empty", ["none", "no rows", "no columns"])
def test_empty_tables_give_an_empty_page_and_no_error(tables, empty, tmp_path) -> None:
    nothing = {
        "none": {},
        "no rows": {k: v.head(0) for k, v in tables.items()},
        "no columns": {k: pl.DataFrame() for k in tables},
    }
    save(plot_patient(nothing[empty], patient=1), tmp_path / "patient.png", dpi=40)
    figure = plot_cohort(nothing[empty])
    save(figure, tmp_path / "cohort.png", dpi=40)
    assert "no doses recorded" in _written(plot_patient(nothing[empty], patient=1))
    assert "no states recorded" in _written(figure)


def test_a_leukaemia_without_fractions_has_no_limits(tables) -> None:
    bare = {"states": tables["states"].drop("marrow_blast_fraction")}
    axes = _panel(plot_patient(bare, patient=1), "leukaemia")
    assert not [line for line in axes.lines if line.get_gid() == "limit"]


def test_zoom_shows_the_days_asked_for_and_only_what_was_given_then(tables) -> None:
    figure = plot_patient(tables, patient=1, days=(0, 34))
    low, high = figure.axes[0].get_xlim()
    assert -1 < low <= 0 and 34 <= high < 35
    rows = [t.get_text() for t in _panel(figure, "doses").get_yticklabels()]
    assert "doxorubicin IV" not in rows and "vincristine IV" in rows


def test_days_far_beyond_the_record_are_drawn_as_far_as_it_goes_and_refused_where_nothing_is(tables) -> None:
    low, high = plot_patient(tables, patient=1, days=(0, 1e9)).axes[0].get_xlim()
    assert -50 < low <= 0 and high < 5000
    for days in ((1e8, 1e9), (float("nan"), 10.0), (-20.0, -10.0)):
        with pytest.raises(BadInput):
            plot_patient(tables, patient=1, days=days)


def test_bad_requests_say_what_would_be_right(tables, page, tmp_path) -> None:
    with pytest.raises(BadInput, match="patient 4711"):
        plot_patient(tables, patient=4711)
    with pytest.raises(BadInput, match="interval"):
        plot_patient(tables, patient=1, days=(40, 10))
    with pytest.raises(BadInput, match="jpeg"):
        save(page, tmp_path / "page.jpeg")


@pytest.mark.parametrize("span", [5, 34, 120, 400, 917, 4000])
def test_ticks_are_few_rise_and_begin_at_the_start(span) -> None:
    at, labels = time_ticks(0, span)
    assert 2 <= len(at) <= 14 and len(at) == len(labels) and at[0] == 0
    assert (np.diff(at) > 0).all() and not labels[0].startswith("-")


def test_names_of_phases_and_milestones_do_not_overlap(tables) -> None:
    for patient in (1, 27):
        figure = plot_patient(tables, patient=patient)
        texts = figure.axes[0].texts
        boxes = [t.get_window_extent() for t in texts]
        for i, a in enumerate(boxes):
            assert not any(a.overlaps(b) for b in boxes[i + 1 :])


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_run_gives_the_same_bytes(tables, ending, tmp_path) -> None:
    first = save(plot_patient(tables, patient=1), tmp_path / f"a.{ending}", dpi=50)
    second = save(plot_patient(tables, patient=1), tmp_path / f"b.{ending}", dpi=50)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"a.{ending}", f"b.{ending}"]


def test_a_users_own_settings_neither_change_the_page_nor_are_changed(tables, tmp_path) -> None:
    plain = save(plot_patient(tables, patient=1), tmp_path / "a.png", dpi=50).read_bytes()
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black", "lines.linewidth": 9}):
        own = save(plot_patient(tables, patient=1), tmp_path / "b.png", dpi=50).read_bytes()
        assert matplotlib.rcParams["font.size"] == 20
    assert own == plain


# --- the cohort -------------------------------------------------------------------------------


def test_cohort_has_its_panels_with_units(tables) -> None:
    figure = plot_cohort(tables, title="test")
    titles = [a.get_title(loc="left") for a in figure.axes]
    assert len(titles) == 9 and all(titles)
    units = [a.get_ylabel() for a in figure.axes[:8]]
    assert all("10⁹/L" in u for u in units[1:3]) and units[3] == "g/dL" and all("%" in u for u in units[4:])
    bars = [p.get_height() for p in figure.axes[6].patches]
    assert sum(bars) == pytest.approx(100)


def test_quantiles_count_extinct_leukaemias() -> None:
    states = pl.DataFrame({"patient": range(5), "day": [7] * 5, "x": [-np.inf, -np.inf, -np.inf, 3.0, 9.0]})
    row = course(states, "x").row(0, named=True)
    assert row["n"] == 5 and row["q50"] == -np.inf and row["q95"] == 9.0


def test_incidence_without_censoring_is_the_plain_share() -> None:
    found = incidence(
        np.array([10.0, 20, 20, 50, 50]), ["relapse", "death", "relapse", "cured", None], ("relapse", "death")
    )
    assert found.event_free[-1] == pytest.approx(2 / 5)
    assert found.cause["relapse"][-1] == pytest.approx(2 / 5) and found.cause["death"][-1] == pytest.approx(1 / 5)


def test_incidence_with_censoring_by_hand() -> None:
    """Four patients: relapse on 1, left on 2, death on 3, followed to 4. S: 3/4, then 3/4 * 1/2."""
    found = incidence(np.array([1.0, 2, 3, 4]), ["relapse", "left", "death", "cured"], ("relapse", "death"))
    assert found.event_free.tolist() == pytest.approx([1, 3 / 4, 3 / 8])
    assert found.cause["relapse"].tolist() == pytest.approx([0, 1 / 4, 1 / 4])
    assert found.cause["death"].tolist() == pytest.approx([0, 0, 3 / 8])
    assert (found.low <= found.event_free).all() and (found.event_free <= found.high).all()


def test_event_free_and_causes_add_to_one(tables) -> None:
    found = first_events(tables["outcomes"])
    assert found.event_free + sum(found.cause.values()) == pytest.approx(np.ones(found.day.size))


def test_a_relapse_that_was_treated_is_shown_as_one_that_was_the_end(tables) -> None:
    def shown(outcomes: pl.DataFrame) -> list[str]:
        figure = plot_cohort(tables | {"outcomes": outcomes})
        axes = next(a for a in figure.axes if "first events" in a.get_title("left"))
        return [text.get_text() for text in axes.get_legend().get_texts()]

    ended = pl.col("outcome") == "relapse"
    treated = tables["outcomes"].with_columns(
        relapse_day=pl.when(ended).then("outcome_day"),
        outcome_day=pl.when(ended).then(pl.col("outcome_day").max()).otherwise("outcome_day"),
        outcome=pl.when(ended).then(pl.lit("cured")).otherwise("outcome"),
    )
    assert shown(treated) == shown(tables["outcomes"]) and "relapse 0.0 %" not in shown(treated)


def test_no_remission_is_an_event_on_day_0() -> None:
    rows = [(False, "left", 36.0), (False, "death", 20.0), (True, "cured", 900.0), (None, "on treatment", 10.0)]
    outcomes = pl.DataFrame(rows, schema=["remission", "outcome", "outcome_day"], orient="row")
    found = first_events(outcomes)
    assert found.day.tolist() == [0.0, 0.0] and found.event_free[-1] == pytest.approx(0.5)
    assert found.cause["no remission"][-1] == found.cause["death"][-1] == pytest.approx(0.25)


def test_mercaptopurine_by_month_weighs_days_and_counts_holds_as_zero() -> None:
    def row(start: int, end: int, factor: float, reason: str, phase: str = "maintenance") -> dict:
        return dict(
            patient=1, agent="mercaptopurine", phase=phase, from_day=start, to_day=end, factor=factor, reason=reason
        )

    doses = pl.DataFrame(
        [row(10, 20, 1.0, "protocol", "interim maintenance 1"), row(100, 120, 1.0, "protocol"),
         row(121, 134, 1.0, "held"), row(135, 155, 0.5, "reduced")]
    )  # fmt: skip
    months = mercaptopurine_by_month(doses)
    assert months["month"].to_list() == [0, 1]
    assert months["percent"].to_list() == pytest.approx([100 * 21 / 28, 100 * (0 * 7 + 0.5 * 21) / 28])


def test_shares_of_patients_add_to_one_while_all_are_followed(tables) -> None:
    days = np.array([0.0, 20, 100, 300, 900])
    parts = shares(tables, tables["outcomes"], days)
    assert list(parts)[: len(PHASES)] == [name for name, *_ in PHASES]
    assert np.sum(list(parts.values()), axis=0) == pytest.approx(np.ones(days.size))
    assert parts["induction"][0] == 1.0


def test_courses_of_some_with_outcomes_of_all_are_said_and_shares_stay_whole(tables) -> None:
    some = {k: v if k == "outcomes" else v.filter(pl.col("patient") < 10) for k, v in tables.items()}
    parts = shares(some, some["outcomes"], np.array([10.0, 300.0]))
    assert np.sum(list(parts.values()), axis=0) == pytest.approx(np.ones(2))
    assert "courses and doses of 10 of them" in plot_cohort(some).texts[1].get_text()


def test_a_day_on_which_few_are_recorded_is_none_of_the_cohort() -> None:
    """States are recorded daily around a graft: those of the other patients on these days are not known."""
    weekly = [(patient, day, 1.0) for patient in range(20) for day in (0, 7, 14)]
    grafted = [(patient, day, 9.0) for patient in range(6) for day in range(8, 14)]
    states = pl.DataFrame(weekly + grafted, schema=["patient", "day", "x"], orient="row")
    found = course(states, "x")
    assert found["day"].to_list() == [0, 7, 14] and found["q95"].to_list() == [1.0, 1.0, 1.0]
