"""Which core is loaded: the best that the processor can run, or the one that was asked for."""

import os
import subprocess
import sys

import pytest

from remission.compiled import NEEDS, choose, core, installed
from remission.knowledge.errors import BadInput

WHEEL = ["v4", "v3", "v2"]
PROCESSORS = {  # what numpy says of them
    "Nehalem": {"SSE42": True, "POPCNT": True, "AVX2": False, "FMA3": False},
    "Haswell": {"SSE42": True, "AVX2": True, "FMA3": True, "AVX512F": False},
    "Knights Landing": {"SSE42": True, "AVX2": True, "FMA3": True, "AVX512F": True, "AVX512CD": True},
    "Skylake-X": dict.fromkeys(NEEDS["v4"] + NEEDS["v2"], True),
}


@pytest.mark.parametrize(
    ("processor", "kind"), [("Nehalem", "v2"), ("Haswell", "v3"), ("Knights Landing", "v3"), ("Skylake-X", "v4")]
)
def test_a_wheel_takes_the_best_core_that_the_processor_runs(processor: str, kind: str) -> None:
    assert choose(WHEEL, "x86_64", PROCESSORS[processor]) == kind
    assert choose(WHEEL, "AMD64", PROCESSORS[processor]) == kind  # the same machine as Windows calls it
    assert choose(["native", *WHEEL], "x86_64", PROCESSORS[processor]) == "native"


def test_what_numpy_does_not_say_of_a_processor_is_not_asked_of_it() -> None:
    assert choose(WHEEL, "x86_64", {"SSE42": True}) == "v2"


def test_on_another_processor_no_core_for_x86_is_tried() -> None:
    assert choose(["v4", "v3", "v2"], "arm64", PROCESSORS["Skylake-X"]) is None
    assert choose(["base"], "aarch64", {}) == "base"


def test_the_environment_can_ask_for_a_core_that_is_there_and_runs() -> None:
    assert choose(WHEEL, "x86_64", PROCESSORS["Skylake-X"], "v2") == "v2"
    with pytest.raises(BadInput, match="cannot run it"):
        choose(WHEEL, "x86_64", PROCESSORS["Nehalem"], "v4")
    with pytest.raises(BadInput, match="no such core here"):
        choose(WHEEL, "x86_64", PROCESSORS["Haswell"], "v9")


def test_a_core_that_is_not_there_is_told_in_one_line() -> None:
    command = [sys.executable, "-c", "from remission.cli import main; main()", "simulate", "cog-standard-risk"]
    done = subprocess.run(
        command, env=os.environ | {"REMISSION_CORE": "v9"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "REMISSION_CORE=v9: there is no such core here" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_core_in_use_is_one_of_those_installed() -> None:
    assert core.__name__.rpartition("_")[2] in installed()
