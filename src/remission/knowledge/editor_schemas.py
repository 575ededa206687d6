"""JSON Schemas, so that an editor completes and checks knowledge files while they are written."""

from __future__ import annotations

import json
from pathlib import Path

from .agent import Agent
from .library import Source
from .quantity import Quantity
from .side_effect import SideEffect
from .symptom import Symptom
from .trial_file import Trial
from .writing import write_whole


def schemas() -> dict[str, dict[str, object]]:
    """File name -> JSON Schema for agent and trial files, the bibliography and single quantities."""
    out = {"agent.schema.json": Agent.model_json_schema(), "quantity.schema.json": Quantity.model_json_schema()}
    out["side_effect.schema.json"] = SideEffect.model_json_schema()
    out["symptom.schema.json"] = Symptom.model_json_schema()
    out["trial.schema.json"] = Trial.model_json_schema()
    out["sources.schema.json"] = {"type": "object", "additionalProperties": Source.model_json_schema()}
    return out


def write_schemas(folder: Path) -> list[Path]:
    """Write the schemas into ``folder`` (made when missing) and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return [write_whole(folder / name, as_text(schema)) for name, schema in schemas().items()]


def as_text(schema: dict[str, object]) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
