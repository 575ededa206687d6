"""docs/formats.md names every format as the registry has it, and its sections are those of formats that there are."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from remission.exchange.formats import formats

DOCS = Path(__file__).parents[1] / "docs"
_SPEC = importlib.util.spec_from_file_location("formats_page", DOCS / "formats.py")
assert _SPEC is not None and _SPEC.loader is not None
written = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(written)


def test_the_table_is_that_of_the_registry() -> None:
    text = (DOCS / "formats.md").read_text(encoding="utf-8")
    assert written.page(text) == text, "make formats writes it"


def test_what_the_page_exports_and_imports_is_known() -> None:
    text = (DOCS / "formats.md").read_text(encoding="utf-8")
    named = set(re.findall(r"--as ([a-z][a-z-]*)", text)) | set(re.findall(r'rm\.export\([^"\n]*"([a-z-]+)"', text))
    assert named and named <= set(formats())
    for name in formats():
        assert f"| `{name}` |" in text
