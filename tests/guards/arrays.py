"""What the core is given for bundled protocols, as plain dicts of numpy arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import remission
from remission.compiled import core
from remission.engine import lanes
from remission.engine.play import orders
from remission.engine.program import prepare
from remission.knowledge.library import library
from remission.patient import recipe
from remission.patient.population import draw
from remission.protocol.reader import read_protocol

PROTOCOLS = sorted(path.stem for path in (Path(remission.__file__).parent / "knowledge/data/protocols").glob("*.yaml"))


def arrays(protocol: str, patients: int = core.LANES) -> dict[str, dict[str, Any]]:
    read, shelf = read_protocol(protocol), library()
    program = prepare(read, shelf)
    people = draw(recipe.population(read.population or "standard-risk-b-all"), patients, seed=1)
    layout, columns = lanes.build(program, people, shelf, seed=1)
    return {
        "tables": program.tables._asdict(), "layout": layout._asdict(), "lanes": columns._asdict(),
        "options": {"order": orders(program)},
    }  # fmt: skip
