"""An executable model of how acute lymphoblastic leukaemia is treated. For research and teaching, not for patients.

import remission as rm
run = rm.simulate("cog-standard-risk", patients=1000, seed=1)
run.outcomes            # polars; run.outcomes.to_pandas()
run.plot()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remission.protocol.plan import plan
    from remission.protocol.reader import read_protocol
    from remission.trial.run import open_run, simulate

__all__ = ["__version__", "open_run", "plan", "read_protocol", "simulate"]

_HOMES = {
    "open_run": "remission.trial.run",
    "plan": "remission.protocol.plan",
    "read_protocol": "remission.protocol.reader",
    "simulate": "remission.trial.run",
}


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
