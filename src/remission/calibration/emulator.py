"""What a target would be at any point, learnt from the points that were played: a line and a Gaussian process over what
the line leaves, for each target on its scale. Points lie in the unit cube of the parameters."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from remission.knowledge.errors import BadInput

Floats = npt.NDArray[np.float64]
LEAST = 8  # answers without which nothing is learnt
CLIMB = 12  # steps


@dataclass(frozen=True)
class Process:
    """A line and, over what it leaves, a Gaussian process with a squared-exponential kernel, ready to be asked."""

    line: Floats
    line_covariance: Floats
    lengths: Floats
    scale: float  # variance of the process
    points: Floats  # that it was learnt from, over the lengths
    weights: Floats
    inverse: Floats  # of the covariance of the answers

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Mean and variance at the points."""
        at = points / self.lengths
        apart = (at**2).sum(1)[:, None] + (self.points**2).sum(1) - 2 * at @ self.points.T
        near = self.scale * np.exp(-0.5 * np.maximum(apart, 0.0))
        along = _line(points)
        variance = np.maximum(self.scale - ((near @ self.inverse) * near).sum(1), 0.0)
        variance += ((along @ self.line_covariance) * along).sum(1)
        return along @ self.line + near @ self.weights, variance


@dataclass(frozen=True)
class Emulator:
    """``predict(points)``: mean and SD (of not knowing, without the chance of a cohort) of every target."""

    names: tuple[str, ...]
    processes: tuple[Process, ...]

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """points x targets, both."""
        told = [process.predict(points) for process in self.processes]
        return np.stack([mean for mean, _ in told], axis=1), np.sqrt(np.stack([v for _, v in told], axis=1))


def learn(points: Floats, values: Mapping[str, Sequence[tuple[float, float] | None]]) -> Emulator:
    """``values``: of every target the value and standard error at each point, None where it cannot be told; a target
    with fewer than `LEAST` answers is left out."""
    names, processes = [], []
    for name, column in values.items():
        told = [i for i, one in enumerate(column) if one is not None]
        if len(told) < LEAST:
            continue
        x = points[told]
        y, noise = (np.array([column[i][k] for i in told]) for k in (0, 1))  # type: ignore[index]
        names.append(name)
        processes.append(_learn_one(x, y, noise))
    return Emulator(tuple(names), tuple(processes))


def _learn_one(x: Floats, y: Floats, noise: Floats) -> Process:
    learning = needed("sklearn.gaussian_process", "scikit-learn")
    kernels = needed("sklearn.gaussian_process.kernels", "scikit-learn")
    weights = 1 / noise
    design = _line(x) * weights[:, None]
    ridge = np.diag([0.0] + [1.0] * x.shape[1]) * 0.25  # a slope of 2 on the scale over the whole range is usual
    covariance = np.linalg.inv(design.T @ design + ridge + 1e-9 * np.eye(len(ridge)))
    line = covariance @ design.T @ (y * weights)
    rest = y - _line(x) @ line
    left = max(float(rest.var() - np.mean(noise**2)), 0.1 * float(np.mean(noise**2)), 1e-6)
    kernel = kernels.ConstantKernel(left, (1e-6, 1e2)) * kernels.RBF(np.full(x.shape[1], 1.0), (0.2, 20.0))
    process = learning.GaussianProcessRegressor(kernel, alpha=noise**2, optimizer=_climb, random_state=0)
    with warnings.catch_warnings():  # a length at its bound: a parameter that does nothing
        warnings.simplefilter("ignore")
        process.fit(x, rest)
    scale, lengths = process.kernel_.k1.constant_value, np.ones(x.shape[1]) * process.kernel_.k2.length_scale
    inverse = np.linalg.inv(process.L_ @ process.L_.T)
    line, sure = (np.asarray(one, dtype=np.float64) for one in (line, covariance))
    return Process(line, sure, lengths, float(scale), x / lengths, process.alpha_, inverse)


def _climb(target: Any, start: Floats, bounds: Floats) -> tuple[Floats, float]:
    """A few steps up the likelihood: which parameters matter is known long before the last digit of a length."""
    minimise = needed("scipy.optimize", "SciPy").minimize
    found = minimise(target, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": CLIMB})
    return found.x, float(found.fun)


def _line(points: Floats) -> Floats:
    return np.column_stack([np.ones(len(points)), points])


def needed(module: str, package: str) -> Any:
    """A library of the extra `calibrate`; raises `BadInput` with how to install it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        remedy = "pip install 'remission[calibrate]'"
        raise BadInput(f"this needs {package}, which is not installed", remedy=remedy) from error
