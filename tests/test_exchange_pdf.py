"""What is printed, read back as a viewer reads it."""

from __future__ import annotations

from datetime import date
from shutil import which

import pypdfium2
import pytest

import remission as rm
from remission.exchange import pdf
from remission.knowledge.errors import BadInput
from remission.locale.speech import speak

PERSON = {"age_y": 5.0, "sex": "female", "weight_kg": 20.0, "height_cm": 110.0, "start": date(2027, 1, 4)}


def text_of(path):
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path))


@pytest.fixture(scope="module")
def plan():
    return rm.plan("cog-standard-risk", **PERSON)


@pytest.mark.skipif(not any(map(which, pdf.NAMES)), reason="no browser of the Chromium family is installed")
def test_a_calendar_is_printed_with_its_doses_from_right_to_left_too(plan, tmp_path):
    try:
        speak("ar")
        path = rm.export(plan, "calendar-pdf", tmp_path / "plan.pdf")
    finally:
        speak("en")
    text = text_of(path)
    assert "1.5 mg/m² × 0.782 m²" in text and "1.15 mg" in text and len(pypdfium2.PdfDocument(path)) > 10
    assert [p.name for p in tmp_path.iterdir()] == ["plan.pdf"]


def test_without_a_browser_it_is_told_what_to_do(plan, monkeypatch, tmp_path):
    monkeypatch.setattr(pdf, "_browsers", lambda: iter(()))
    with pytest.raises(BadInput, match="Install Chromium, Chrome or Edge"):
        rm.export(plan, "calendar-pdf", tmp_path / "plan.pdf")
    monkeypatch.undo()
    monkeypatch.setenv(pdf.BROWSER, str(tmp_path / "no-such-browser"))
    with pytest.raises(BadInput, match="has printed nothing"):
        rm.export(plan, "calendar-pdf", tmp_path / "plan.pdf")
    assert not list(tmp_path.iterdir())


def test_a_patients_page_is_one_page_whose_words_can_be_found(tmp_path):
    run = rm.simulate("cog-standard-risk", patients=1, follow_up_years=0.2)
    first = rm.export(run.patient(0), "picture-pdf", tmp_path / "a.pdf")
    assert len(pypdfium2.PdfDocument(first)) == 1
    assert "vincristine IV" in text_of(first) and "haemoglobin" in text_of(first)
