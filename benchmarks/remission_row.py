"""remission's row of the benchmark.

>>> TO BE WIRED: the engine on the reference problem. <<<
``parameters`` says which patients everybody gets (None: those of reference_problem.draw); ``run`` plays them.
"""

from __future__ import annotations

import numpy as np
from contenders.unavailable import Unavailable
from reference_problem import Problem, Result


def parameters(patients: int) -> dict[str, np.ndarray] | None:
    """One array per name in reference_problem.NAMES, from remission's knowledge; handed to every contender."""
    return None


def prepare(problem: Problem) -> None:
    """Everything that the first start pays: import, compile or load."""
    raise Unavailable("not wired yet")


def run(problem: Problem, threads: int = 1) -> Result:
    raise Unavailable("not wired yet")
