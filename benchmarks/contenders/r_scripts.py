"""Runs a contender that is an R package: parameters out as CSV, the R script, weekly outputs back as CSV."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from reference_problem import NAMES, Problem, Result

from contenders.equations import EQUATIONS, START
from contenders.unavailable import Unavailable


def require(package: str) -> None:
    """Raises Unavailable unless Rscript and the package are on this machine."""
    if shutil.which("Rscript") is None:
        raise Unavailable("not on this machine (no Rscript)")
    found = subprocess.run(["Rscript", "-e", f"library({package})"], capture_output=True)
    if found.returncode:
        raise Unavailable(f"not on this machine (no R package {package})")


def model_lines(derivative: str, power: str = r"(\1/\2)^\3") -> list[str]:
    """The equations in a package's own words; ``power`` is how it writes (a/b)^c."""
    lines = [f"{derivative.format(state)} = {rate}" for state, rate in EQUATIONS.items()]
    return [re.sub(r"\((\w+)/(\w+)\)\^(\w+)", power, line) for line in lines]


def start_lines(initial: str) -> list[str]:
    return [f"{initial.format(state)} = {value}" for state, value in START.items()]


def run_script(script: str, model: str, problem: Problem) -> Result:
    """The script gets the model, the parameters, the days and the loop; it times itself, model building left out."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "model.txt").write_text(model)
        with (directory / "parameters.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(NAMES)
            writer.writerows(problem.matrix().T.tolist())
        command = [
            "Rscript",
            str(Path(__file__).with_name(script)),
            name,
            str(problem.days),
            str(int(problem.closed_loop)),
        ]
        subprocess.run(command, check=True)
        weekly = np.loadtxt(directory / "weekly.csv", delimiter=",", skiprows=1)
        seconds = float((directory / "seconds.txt").read_text())
    shape = (problem.patients, problem.weeks)
    order = np.lexsort((weekly[:, 1], weekly[:, 0]))
    columns = [weekly[order, i].reshape(shape) for i in range(2, 6)]
    return Result(*columns, seconds=seconds, patients=problem.patients, days=problem.days)
