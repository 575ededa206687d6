"""An executable model of how acute lymphoblastic leukaemia is treated. For research and teaching, not for patients.

import remission as rm
run = rm.simulate("cog-standard-risk", patients=1000, seed=1)
run.outcomes            # polars; run.outcomes.to_pandas()
run.plot()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from remission.exchange.formats import export, read
    from remission.individual.result import fit_chart
    from remission.knowledge.library import library, using
    from remission.protocol.model import Protocol
    from remission.protocol.plan import Plan
    from remission.protocol.reader import read_protocol
    from remission.protocol.variant import variant
    from remission.trial.run import open_run, simulate
    from remission.trial.side_by_side import side_by_side
    from remission.trial.validate import validate

__all__ = [
    "__version__", "export", "fit_chart", "library", "open_run", "plan", "read", "read_protocol", "side_by_side",
    "simulate", "using", "validate", "variant",
]  # fmt: skip

_HOMES = {
    "export": "remission.exchange.formats",
    "fit_chart": "remission.individual.result",
    "library": "remission.knowledge.library",
    "open_run": "remission.trial.run",
    "read": "remission.exchange.formats",
    "read_protocol": "remission.protocol.reader",
    "simulate": "remission.trial.run",
    "side_by_side": "remission.trial.side_by_side",
    "using": "remission.knowledge.library",
    "validate": "remission.trial.validate",
    "variant": "remission.protocol.variant",
}


def plan(
    protocol: "str | Path | Protocol",
    *,
    age_y: float,
    sex: str,
    weight_kg: float,
    height_cm: float,
    start: "date",
    **more: Any,
) -> "Plan":
    """The calendar of one person on a protocol (an id, a file, or one that was read); raises `BadInput`.

    more: what else is known, such as ``cns=3``, ``tpmt="intermediate"``, ``ph="positive"``, ``donor="sibling"``,
    ``wbc=60`` (10^9/L), ``marrow_mrd="0.02%"``, and ``take=["phase"]``; see `remission.protocol.plan.plan`.
    """
    from remission.protocol.model import Protocol
    from remission.protocol.plan import plan
    from remission.protocol.reader import read_protocol

    read = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    return plan(read, age_y=age_y, sex=sex, weight_kg=weight_kg, height_cm=height_cm, start=start, **more)


def __getattr__(name: str) -> Any:
    """Rooms are entered when something in them is asked for: importing the package costs nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("remission")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'remission' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
