"""Pages of patients with the newer treatments: the panels that appear, and what stands in them."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from PIL import Image

from remission.trial.picture_immune import conditioning, engraftments
from remission.trial.picture_side_effects import GRADES
from remission.trial.picture_style import phase_bands
from remission.trial.picture_treatment import dose_rows, group_of
from remission.trial.pictures import plot_patient, save

DOCS = Path(__file__).parent.parent / "docs"
Tables = dict[str, pl.DataFrame]


def _course(days: int = 120, **columns: np.ndarray) -> pl.DataFrame:
    """Daily states of a patient in remission, some columns replaced."""
    day = np.arange(days)
    fixed = {
        "anc": 2.0, "platelets": 200.0, "haemoglobin": 11.0, "lymphocytes": 1.0, "log10_blasts_marrow": 6.0,
        "log10_blasts_cns": -np.inf, "marrow_blast_fraction": 2e-6, "car_t_copies": 0.0, "cytokine_pg_ml": 5.0,
        "b_cells": 200.0, "igg_g_l": 9.0, "donor_share": 0.0, "normal_marrow": 1.0,
    }  # fmt: skip
    full = {name: np.full(days, value) for name, value in fixed.items()} | columns
    return pl.DataFrame({"patient": np.zeros(days, dtype=int), "day": day} | full)


def _doses(*rows: tuple[str, str, int, int, float, str, str]) -> pl.DataFrame:
    names = ("agent", "route", "from_day", "to_day", "dose", "unit", "phase")
    return pl.DataFrame(
        [dict(zip(names, r, strict=True)) | {"patient": 0, "factor": 1.0, "reason": "protocol"} for r in rows]
    )


def _events(*rows: tuple[int, str, str]) -> pl.DataFrame:
    return pl.DataFrame([{"patient": 0, "day": d, "event": e, "detail": t, "phase": None} for d, e, t in rows])


def _side_effects(*rows: tuple[str, int, int, int]) -> pl.DataFrame:
    names = ("side_effect", "day", "to_day", "grade")
    return pl.DataFrame([dict(zip(names, r, strict=True)) | {"patient": 0} for r in rows])


def _car_t() -> Tables:
    day = np.arange(120)
    copies = np.where(day < 40, 0.0, 3e4 * np.exp(-((day - 51) ** 2) / 20) + 100)
    cytokine = 5 + 2000 * np.exp(-((day - 47) ** 2) / 8)
    b_cells = np.where(day < 48, 150.0, 0.5)
    return {
        "states": _course(car_t_copies=copies, cytokine_pg_ml=cytokine, b_cells=b_cells),
        "doses": _doses(
            ("tisagenlecleucel", "collection", 0, 0, 1, "Mcells", "collection"),
            ("prednisone", "PO", 5, 9, 60, "mg", "bridging"),
            ("tisagenlecleucel", "IV", 40, 40, 90, "Mcells", "infusion"),
            ("tocilizumab", "IV", 46, 47, 300, "mg", "infusion"),
            ("dexamethasone", "IV", 48, 50, 10, "mg", "infusion"),
            ("immunoglobulin", "IV", 90, 90, 12, "g", "follow-up"),
        ),
        "events": _events(
            (0, "collection", "tisagenlecleucel"), (40, "infusion", "tisagenlecleucel"),
            (90, "infusion", "immunoglobulin"), (68, "remission", ""),
        ),
        "side_effects": _side_effects(("crs", 44, 50, 3), ("neurotoxicity", 47, 49, 1)),
    }  # fmt: skip


def _transplant() -> Tables:
    day = np.arange(120)
    anc = np.where(day < 8, 2.0, np.where(day < 26, 0.05, np.where(day == 27, 0.4, 1.5)))
    platelets = np.where(day < 8, 150.0, np.where(day < 30, 12.0, 60.0))
    share = np.where(day < 3, 0.0, 1.0)
    return {
        "states": _course(anc=anc, platelets=platelets, donor_share=share, normal_marrow=np.where(day < 2, 1.0, 0.1)),
        "measurements": pl.DataFrame({"patient": 0, "day": day, "anc": anc, "platelets": platelets}),
        "doses": _doses(
            ("total_body_irradiation", "RT", 1, 3, 4, "Gy", "transplant"),
            ("etoposide", "IV", 4, 4, 2000, "mg", "transplant"),
            ("sibling_marrow", "IV", 7, 7, 4, "Mcells", "transplant"),
            ("ciclosporin", "IV", 6, 27, 90, "mg", "transplant"),
        ),
        "events": _events((7, "transplant", "sibling_marrow"), (33, "platelet transfusion", "10 mL/kg")),
        "side_effects": _side_effects(("gvhd", 30, 60, 2), ("vod", 20, 35, 4)),
    }


def _blinatumomab() -> Tables:
    cytokine = 5 + 400 * np.exp(-np.arange(120) / 3)
    doses = _doses(
        ("dexamethasone", "IV", 0, 0, 20, "mg", "cycle 1"),
        ("blinatumomab", "IV", 0, 6, 9, "ug", "cycle 1"),
        ("blinatumomab", "IV", 9, 27, 28, "ug", "cycle 1"),
    )
    held = doses.tail(1).with_columns(from_day=pl.lit(7), to_day=pl.lit(8), reason=pl.lit("held"), factor=pl.lit(0.0))
    return {
        "states": _course(cytokine_pg_ml=cytokine, b_cells=np.full(120, 0.4)),
        "doses": pl.concat([doses, held.select(doses.columns).cast(dict(doses.schema))]),  # type: ignore[arg-type]
        "side_effects": _side_effects(("crs", 0, 4, 2)),
    }


def _inhibitors() -> Tables:
    mutant = np.linspace(-1, 6, 120)
    return {
        "states": _course(log10_t315i=mutant),
        "doses": _doses(
            ("dasatinib", "PO", 0, 59, 140, "mg", "dasatinib"), ("ponatinib", "PO", 60, 119, 45, "mg", "ponatinib")
        ),
    }


KINDS = {"CAR T": _car_t, "transplant": _transplant, "blinatumomab": _blinatumomab, "inhibitors": _inhibitors}


def _panel(figure: Figure, label: str):
    return next(a for a in figure.axes if a.get_label() == label)


def _labels(figure: Figure) -> list[str]:
    return [str(a.get_label()) for a in figure.axes]


def _written(figure: Figure) -> str:
    return "\n".join(t.get_text() for a in figure.axes for t in a.texts)


def _at(axes, gid: str) -> list[float]:
    return [float(x) for line in axes.lines if line.get_gid() == gid for x in line.get_xdata()]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("days", [None, (20.0, 70.0), (0.0, 5000.0)])
def test_every_kind_is_drawn_without_a_warning(kind, days, tmp_path) -> None:
    save(plot_patient(KINDS[kind](), patient=0, days=days), tmp_path / "patient.png", dpi=40)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_without_any_one_of_its_tables(kind, tmp_path) -> None:
    tables = KINDS[kind]()
    for name in tables:
        save(plot_patient({k: v for k, v in tables.items() if k != name}, patient=0), tmp_path / "part.png", dpi=40)


def test_panels_appear_only_where_there_is_something_to_show() -> None:
    usual = {"strip", "leukaemia", "anc", "platelets", "haemoglobin", "doses"}
    more = {kind: set(_labels(plot_patient(make(), patient=0))) - usual for kind, make in KINDS.items()}
    assert more["CAR T"] == {"cells", "side effects", "b cells", "IgG"}
    assert more["transplant"] == {"donor", "side effects"}
    assert more["blinatumomab"] == {"cells", "side effects", "b cells", "IgG"}
    assert more["inhibitors"] == set()
    assert "cells" not in _labels(plot_patient(_car_t(), patient=0, days=(0, 30)))


def test_car_t_cells_and_cytokine_stand_on_one_axis_with_what_was_given_against_it() -> None:
    figure = plot_patient(_car_t(), patient=0)
    axes = _panel(figure, "cells")
    assert axes.get_yscale() == "log"
    copies = next(line for line in axes.lines if line.get_gid() == "CAR T-cells").get_ydata()
    assert np.nanmax(copies) < axes.get_ylim()[1]
    assert _at(axes, "tocilizumab") == [46.5, 47.5]
    assert _at(axes, "steroid") == [48.5, 49.5, 50.5]  # prednisone of the bridging is no answer to cytokine
    assert _at(_panel(figure, "IgG"), "immunoglobulin") == [90.5]
    said = _written(figure)
    assert "copies/µg" in said and "pg/mL" in said and "IgG (g/L)" in said
    assert "cells collected, day 0" in said and "CAR T-cells, day 40" in said and "day 90" not in said


def test_side_effects_are_bars_in_the_colour_of_their_grade() -> None:
    axes = _panel(plot_patient(_car_t(), patient=0), "side effects")
    assert [t.get_text() for t in axes.get_yticklabels()] == ["cytokine release", "neurotoxicity (ICANS)"]
    bars = {p.get_gid(): p for p in axes.patches if str(p.get_gid()).startswith("grade")}
    assert matplotlib.colors.to_hex(bars["grade 3"].get_facecolor()).lower() == GRADES[2].lower()
    assert (bars["grade 3"].get_x(), bars["grade 3"].get_width()) == (44, 7)
    assert [t.get_text() for t in axes.texts if t.get_gid() == "grade key"] == ["1", "2", "3", "4", "5"]


def test_engraftment_is_the_first_of_three_days_and_not_a_transfusion() -> None:
    (found,) = engraftments(_transplant())
    assert (found.graft, found.neutrophils) == (7, 28)  # 26 is followed by a day below 0.5
    assert found.platelets == 30  # before the transfusion of day 33
    transfused = _transplant()
    transfused["events"] = _events((7, "transplant", "sibling_marrow"), (29, "platelet transfusion", ""))
    assert engraftments(transfused)[0].platelets == 36
    never = _transplant()
    never["measurements"] = never["measurements"].with_columns(anc=0.1, platelets=8.0)
    assert np.isnan(engraftments(never)[0].neutrophils) and np.isnan(engraftments(never)[0].platelets)


def test_a_transplant_shows_conditioning_graft_and_engraftment_in_days_from_the_graft() -> None:
    assert conditioning(_transplant()) == [(1.0, 7.0)]
    figure = plot_patient(_transplant(), patient=0)
    said = _written(figure)
    for words in ("graft, day 7", "conditioning", "ANC ≥ 0.5: day +21", "platelets ≥ 20: day +23", "chimerism"):
        assert words in said
    donor = next(line for line in _panel(figure, "donor").lines if line.get_gid() == "donor")
    assert max(np.asarray(donor.get_ydata())[:7]) == 0  # nobody else's cells before the graft


def test_an_infusion_that_was_held_is_hatched_and_its_steps_are_written() -> None:
    figure = plot_patient(_blinatumomab(), patient=0, days=(0, 30))
    axes = _panel(figure, "doses")
    assert sum(len(c.get_paths()) for c in axes.collections if c.get_gid() == "held") == 1
    assert {"9 µg", "28 µg"} <= {t.get_text() for t in axes.texts}


def test_a_switch_of_the_inhibitor_is_two_rows_with_their_doses() -> None:
    tables = _inhibitors()
    figure = plot_patient(tables, patient=0)
    assert {"140 mg", "45 mg"} <= {t.get_text() for t in _panel(figure, "doses").texts}
    assert len({group_of(*row) for row in dose_rows(tables["doses"])}) == 1
    assert "T315I" in _written(figure)


def test_agents_have_groups_of_their_own() -> None:
    names = ("imatinib", "blinatumomab", "tisagenlecleucel", "cranial_irradiation", "cord_blood", "ciclosporin")
    groups = [group_of(name, "IV") for name in names]
    assert groups == sorted(groups) and len(set(groups)) == len(groups)


def test_phases_go_on_after_a_relapse_that_another_phase_follows() -> None:
    tables = {"events": _events((0, "phase start", "one"), (50, "relapse", "marrow"), (51, "phase start", "two"))}
    assert [(b.name, b.start, b.to) for b in phase_bands(tables, 0, 90)] == [("one", 0, 51), ("two", 51, 90)]
    ended = {"events": _events((0, "phase start", "one"), (50, "relapse", "marrow"))}
    assert [(b.start, b.to) for b in phase_bands(ended, 0, 90)] == [(0, 50)]


def test_names_do_not_run_into_each_other() -> None:
    for make in KINDS.values():
        strip = plot_patient(make(), patient=0).axes[0]
        boxes = [t.get_window_extent() for t in strip.texts]
        for i, a in enumerate(boxes):
            assert not any(a.overlaps(b) for b in boxes[i + 1 :])


def test_a_png_keeps_the_colours_of_bars(tmp_path) -> None:
    image = Image.open(save(plot_patient(_car_t(), patient=0), tmp_path / "page.png")).convert("RGB")
    there = {colour for _, colour in image.getcolors(image.width * image.height)}
    wanted = {tuple(round(255 * part) for part in matplotlib.colors.to_rgb(colour)) for colour in GRADES}
    assert wanted <= there and (255, 255, 255) in there


def test_the_page_of_treatments_has_its_pictures_and_files() -> None:
    text = (DOCS / "treatments.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert len(links) > 20 and all((DOCS / link).is_file() for link in links)
    pictures = [DOCS / link for link in links if link.endswith(".png")]
    assert len(pictures) == 7 and all(p.stat().st_size <= 250_000 for p in pictures)
