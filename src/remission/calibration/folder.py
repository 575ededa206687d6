"""The folder of a calibration: a row a file, written whole or not at all, so that a killed run goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from remission.engine.identity import code_identity
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.knowledge.writing import write_whole

from .evaluate import Row
from .plan import Plan
from .targets import Answer, Target

MANIFEST, WAVES, ROWS = "manifest.json", "waves", "rows"
OWN = {WAVES, ROWS, "report.md", "posterior.yaml"}  # that a calibration leaves, beside its manifest


class Folder:
    """Goes on only with the same plan, knowledge, code and targets; raises `BadInput` for another one."""

    def __init__(self, path: Path, plan: Plan, found: list[Target], *, fresh: bool = False) -> None:
        self.path = path
        identity = {
            "plan": _hash(plan.model_dump_json(exclude={"method"})),  # more or fewer waves of the same plan go on
            "targets": _hash(json.dumps([[t.name, t.value, t.low, t.high] for t in found])),
            "knowledge": library().digest(),
            **code_identity(),
        }
        there = path / MANIFEST
        if fresh and there.exists():
            self._empty()
        if there.exists():
            known = _read(there)
            if other := [key for key in identity if known.get("identity", {}).get(key) != identity[key]]:
                what = f"the folder holds evaluations with another {', '.join(other)}"
                raise BadInput(what, path, remedy="Name another --out, or replace them with --fresh")
        elif path.exists() and {part.name for part in path.iterdir()} - OWN:
            raise BadInput("the folder holds other files", path, remedy="Name another --out")
        for part in (WAVES, ROWS):
            (path / part).mkdir(parents=True, exist_ok=True)
        if not there.exists():
            write_whole(there, json.dumps({"plan": plan.plan, "identity": identity}, indent=1))

    def rows(self) -> dict[tuple[str, int], Row]:
        """What is played already, by point and seed; a file that was damaged is played again."""
        out = {}
        for file in sorted((self.path / ROWS).glob("*.json")):
            try:
                tree = json.loads(file.read_text(encoding="utf-8"))
                told = {k: v if isinstance(v, str) else Answer(**v) for k, v in tree["answers"].items()}
                row = Row(tree["point"], tree["seed"], told, tree["seconds"])
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
            out[row.point, row.seed] = row
        return out

    def keep(self, row: Row) -> None:
        tree = {**asdict(row), "answers": {k: v if isinstance(v, str) else asdict(v) for k, v in row.answers.items()}}
        write_whole(self.path / ROWS / f"{row.point}-seed-{row.seed}.json", json.dumps(tree, indent=0))

    def wave(self, name: str) -> list[list[float]] | None:
        """The points of a wave, in the unit cube; None before they are chosen."""
        file = self.path / WAVES / f"{name}.json"
        return _read(file)["points"] if file.exists() else None

    def begin(self, name: str, points: Iterable[Iterable[float]]) -> list[list[float]]:
        kept = [[round(float(x), 9) for x in point] for point in points]
        write_whole(self.path / WAVES / f"{name}.json", json.dumps({"points": kept}, indent=0))
        return kept

    def _empty(self) -> None:
        for file in (*self.path.glob(f"{ROWS}/*.json"), *self.path.glob(f"{WAVES}/*.json"), self.path / MANIFEST):
            file.unlink()


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise BadInput("the file is damaged", path, remedy="Begin anew with --fresh") from error


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
