"""Arrays that lead astray, for the binding of the core: one thing wrong in each, everything else as a protocol has it.

Needs numpy and a compiled core alone, so that it runs under sanitizers too:

    python hostile.py CORE.so ARRAYS.pickle ... [--every K] [--first N] [--say]

Every case must end in an error that Python can catch, or in a play that ends. What the case is called is written
before it runs, so that the one that kills the process is known; the last line counts them.
"""

from __future__ import annotations

import argparse
import copy
import importlib.machinery
import importlib.util
import math
import pickle
import re
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

SECONDS = 300  # a case that takes longer hangs
BYTES = 3 << 30
DAYS = 40  # that are played
WHOLE = (-1, -2, 1, 1_000, 2**31, 2**62, -(2**63))  # and the neighbours of what stands there
REAL = (math.nan, math.inf, -math.inf, -1.0, 0.0, 1e-300, 1e300)
ERRORS = (ValueError, TypeError, AttributeError)

Parts = dict[str, dict[str, Any]]  # tables, layout, lanes, options: by name
Case = tuple[str, Callable[[Any, Parts], object]]


class Arrays(NamedTuple):
    tables: dict[str, Any]
    layout: dict[str, Any]
    lanes: dict[str, Any]


def load(path: str | Path) -> Any:
    """The compiled core in this file, whatever the package would take."""
    name = Path(path).name.split(".")[0]
    loader = importlib.machinery.ExtensionFileLoader(f"remission.{name}", str(path))
    spec = importlib.util.spec_from_file_location(f"remission.{name}", path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def play(core: Any, parts: Parts, **changed: Any) -> Any:
    options: dict[str, Any] = {
        "treatment_days": DAYS, "follow_up_days": DAYS, "chance": True, "keep": 127,
        "seed": 1, "threads": 1, **parts["options"],
    }  # fmt: skip
    return core.play(*(SimpleNamespace(**parts[name]) for name in Arrays._fields), **options | changed)


def block(core: Any, parts: Parts) -> Any:
    whole = (SimpleNamespace(**parts[name]) for name in Arrays._fields)
    return core.Block(*whole, follow_up_days=DAYS, chance=True, seed=1)


def _with(part: str, field: str, value: Any) -> Callable[[Any, Parts], object]:
    return lambda core, parts: play(core, parts | {part: parts[part] | {field: value}})


def _with_all(part: str, fields: dict[str, Any]) -> Callable[[Any, Parts], object]:
    return lambda core, parts: play(core, parts | {part: fields})


def _played(**changed: Any) -> Callable[[Any, Parts], object]:
    return lambda core, parts: play(core, parts, **changed)


def _called(call: Any, *args: Any) -> Callable[[Any, Parts], object]:
    return lambda core, parts: call(*args)


def _of_block(name: str, *args: Any) -> Callable[[Any, Parts], object]:
    return lambda core, parts: getattr(block(core, parts), name)(*args)


def _without(part: str, field: str) -> Callable[[Any, Parts], object]:
    left = lambda parts: {name: x for name, x in parts[part].items() if name != field}  # noqa: E731
    return lambda core, parts: play(core, parts | {part: left(parts)})


def _changed(array: Any, at: Any, value: Any) -> Any:
    out = array.copy()
    out[at] = value
    return out


def _places(size: int) -> list[int]:
    return sorted({0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size)))


def _wrong_numbers(part: str, field: str, array: Any) -> Iterator[Case]:
    """One number of the array, or of one field of its records, is another."""
    flat = array.reshape(-1)
    for name in array.dtype.names or (None,):
        column = flat[name] if name else flat
        for i in _places(len(flat)):
            here = column[i]
            if column.dtype.kind == "f":
                values: list[Any] = list(REAL)
            elif column.dtype.kind == "b":
                values = [not here]
            else:
                values = sorted({*WHOLE, int(here) - 1, int(here) + 1, max(int(column.max()) + 1, 0)} - {int(here)})
            for value in values:
                label = f"{part}.{field}[{i}]{'.' + name if name else ''} = {value}"
                new = array.copy()
                target = new.reshape(-1)
                (target[name] if name else target)[i] = value
                yield label, _with(part, field, new)


def _wrong_arrays(part: str, field: str, array: Any) -> Iterator[Case]:
    """The array is too short, too long, of another kind, or none."""
    other = {
        "empty": array[:0].copy(), "one row less": array[:-1].copy(), "half": array[: len(array) // 2].copy(),
        "one row more": np.concatenate([array, array[-1:]]), "twice": np.concatenate([array, array]),
        "bytes": array.view(np.uint8) if array.dtype.names is None and array.size else b"12345678",
        "objects": np.array([None] * 3), "a list": array.tolist(), "none": None, "a number": 7,
        "single precision": np.zeros(array.shape, np.float32), "big-endian": array.astype(array.dtype.newbyteorder()),
        "every second": np.repeat(array, 2, axis=0)[::2], "one dimension less": array.reshape(-1)[:1].copy(),
        "one number": array.reshape(-1)[:1].reshape(()).copy() if array.size else np.zeros(()),
    }  # fmt: skip
    for what, value in other.items():
        yield f"{part}.{field}: {what}", _with(part, field, value)
    yield f"{part}.{field}: missing", _without(part, field)
    if array.dtype == bool and array.size:
        odd = array.copy()
        odd.view(np.uint8)[:] = 7
        yield f"{part}.{field}: truth that is neither", _with(part, field, odd)


def _wrong_patients(lanes: dict[str, Any]) -> Iterator[Case]:
    for field, array in lanes.items():
        yield from _wrong_arrays("lanes", field, array)
        yield f"lanes.{field}: other order", _with("lanes", field, np.asfortranarray(array[..., ::-1]))
        if array.dtype.names:
            yield from _wrong_numbers("lanes", field, array)
        elif array.size:
            for value in REAL:
                yield f"lanes.{field} = {value}", _with("lanes", field, np.full_like(array, value))
                yield (
                    f"lanes.{field}[first] = {value}",
                    _with("lanes", field, _changed(array, (0,) * array.ndim, value)),
                )
    for fewer in (0, 1, 31):
        few = {name: np.ascontiguousarray(x[..., :fewer]) for name, x in lanes.items()}
        yield f"lanes: {fewer} patients", _with_all("lanes", few)


def _wrong_calls() -> Iterator[Case]:
    for name, values in {
        "treatment_days": (-1, 2**62, 10**6, 1.5, None), "follow_up_days": (-1, 2**62, 10**6, "x"),
        "threads": (-1, 0, 10**6, 2**40), "seed": (-1, 2**64, 2**64 - 1), "chance": (None, 3, 2**70),
        "daily_until": (-1, 2**62, -(2**63), None), "timings": (True, None, 3),
    }.items():  # fmt: skip
        for value in values:
            yield f"play({name}={value})", _played(**{name: value})
    for what in (None, 7, "tables", SimpleNamespace()):

        def of_nothing(core: Any, parts: Parts, what: Any = what) -> None:
            core.play(what, what, what, treatment_days=1, follow_up_days=1, chance=True, keep=127,
                      seed=1, threads=1, **parts["options"])  # fmt: skip

        yield f"play({what})", of_nothing
    tables = 7
    for k in range(tables):
        for wrong in ((-1, -1, []), (2**31, -1, []), (99, -1, []), (5, -1, []), (1, 99, []), (1, 1, []), (1, 2, [0]),
                      (4, 4, [1] * 9), (3, 3, [-(2**62)] * 500), (0, 0, list(range(40)))):  # fmt: skip

            def sorted_so(core: Any, parts: Parts, k: int = k, wrong: Any = wrong) -> None:
                order = list(parts["options"]["order"])
                order[k] = wrong
                play(core, parts, order=order)
                block(core, parts).records(order)

            yield f"order[{k}] = {wrong}", sorted_so
    for order in ([], None, [(1, -1, [])], [(1, -1)] * tables, "order"):
        yield f"play(order={order})", _played(order=order)


def _wrong_steps(core: Any) -> Iterator[Case]:
    """A block played by hand: out of place, out of order, with its arrays changed under it."""
    numbers = (-1, core.LANES, 10**6, 2**62, -(2**63), 2**64)
    for name, first in {
        "morning": (0,), "evening": (0,), "rescue_doses": (0,), "kinetics": (), "close_runs": (), "status": (),
        "rescues_due": (),
    }.items():  # fmt: skip
        for x in numbers:
            for call in {(x,), (*first, x), (x, *first)}:
                yield f"Block.{name}{call}", _of_block(name, *call)

    def any_order(core: Any, parts: Parts) -> None:
        rng = np.random.default_rng(1)
        one = block(core, parts)
        for k in range(400):
            lane, today = int(rng.integers(core.LANES)), int(rng.integers(DAYS))
            try:
                match rng.integers(6):
                    case 0 | 1:
                        one.morning(lane, today)
                    case 2 | 3:
                        one.evening(lane, today)
                    case 4:
                        one.rescue_doses(int(rng.integers(len(parts["layout"]["steps"]))), today)
                    case _ if k % 5 == 0:
                        one.kinetics(today)
            except ValueError:
                pass
        for lane in range(core.LANES):
            one.close_runs(lane)
        one.results(), one.records(parts["options"]["order"])

    def changed_under_it(core: Any, parts: Parts) -> None:
        mine = copy.deepcopy(parts)
        one = block(core, mine)
        for fields in mine.values():
            for array in fields.values():
                if hasattr(array, "view") and array.size:
                    array.reshape(-1).view(np.uint8)[:] = 0x7F
        for today in range(5):
            for lane in range(core.LANES):
                one.morning(lane, today)
            one.kinetics(today)
            for lane in range(core.LANES):
                one.evening(lane, today)

    def nonsense_in_it(core: Any, parts: Parts) -> None:
        for value in REAL:
            one = block(core, parts)
            for today in range(4):
                for name in ("line", "pool", "room", "cells", "cns", "total", "x", "level", "amount"):
                    getattr(one, name)[:] = value
                one.used[:] = True
                one.on_board[:] = True
                for lane in range(core.LANES):
                    if one.status(lane) < 2:
                        one.morning(lane, today)
                one.kinetics(today)
                for lane in range(core.LANES):
                    one.evening(lane, today)

    def outlived(core: Any, parts: Parts) -> None:
        line = block(core, parts).line
        line[:] = 1.0
        assert line.sum() == line.size

    for case in (any_order, changed_under_it, nonsense_in_it, outlived):
        yield f"Block: {case.__name__}", case


def _wrong_equations(core: Any) -> Iterator[Case]:
    """Every function of `chance` and `equations` with numbers and arrays that it cannot want."""
    lanes = core.LANES
    real: tuple[Any, ...] = (*REAL, 1.0, 5, 1e18)
    for room in ("chance", "equations"):
        for name in dir(getattr(core, room)):
            call = getattr(getattr(core, room), name)
            if name.startswith("_") or not callable(call):
                continue
            known = len(re.findall(r"\barg\d*:", call.__doc__ or ""))
            for count in range(max(0, known - 1), known + 2):
                for x in (*real, -1, 2**31, 2**63, 2**64, None, "x", np.zeros(0), np.zeros(7), np.zeros((3, 3)),
                          np.zeros((2, 3, lanes)), np.zeros(lanes, np.int64), np.zeros(3000)[::2]):  # fmt: skip
                    yield f"{room}.{name}({count} times {_short(x)})", _called(call, *[x] * count)
                for seed in range(6):  # mixed: whole numbers first, as seed, patient, purpose and index are
                    rng = np.random.default_rng([seed, count])
                    words = [int(rng.integers(0, 1 << 31)) for _ in range(min(count, 4))]
                    words += [real[int(rng.integers(len(real)))] for _ in range(count - len(words))]
                    yield f"{room}.{name}{tuple(words)}", _called(call, *words)
                    lengths = [0, lanes - 1, lanes, lanes + 1, 7 * lanes, 100 * lanes]
                    sizes = [int(rng.choice(lengths)) for _ in range(count)]
                    arrays = [np.full(n, real[int(rng.integers(len(real)))]) for n in sizes]
                    for numbers in (0, 1):
                        given = [*arrays[: count - numbers], *[0.5] * numbers]
                        yield f"{room}.{name}(arrays of {sizes}, {numbers} numbers)", _called(call, *given)
    few, many = np.zeros((1, 1, lanes)), np.zeros((40, 40, lanes))
    for times in (-1, 0, 64, 65, 2**31 - 1, 2**40):
        for x in (few, many, few[:, :, 1:].copy(), np.zeros((0, 0, lanes)), np.full((2, 2, lanes), np.nan)):
            yield f"equations.integrals({x.shape}, {times})", _called(core.equations.integrals, x, 1.0, times)
    for seed in (0, 2**64 - 1, -1):
        for patients, index in (
            (np.arange(3), np.arange(2)), (np.arange(3.0), np.arange(3)), (np.full(3, -(2**62)), np.full(3, 2**62)),
        ):  # fmt: skip
            yield (
                f"chance.uniforms({seed}, {patients}, {index})",
                _called(core.chance.uniforms, seed, patients, 1, index),
            )


def _short(x: Any) -> str:
    return f"an array {x.dtype}{x.shape}" if isinstance(x, np.ndarray) else str(x)


def cases(core: Any, parts: Parts) -> Iterator[Case]:
    """All of them, in one order."""
    for part in ("tables", "layout"):
        for field, value in parts[part].items():
            if isinstance(value, np.ndarray):
                yield from _wrong_numbers(part, field, value)
                yield from _wrong_arrays(part, field, value)
            else:
                for number in (*WHOLE, value - 1, value + 1, 2**64, None, "x", 1.5, np.float64(3.0), [1]):
                    yield f"{part}.{field} = {number}", _with(part, field, number)
                yield f"{part}.{field}: missing", _without(part, field)
    yield from _wrong_patients(parts["lanes"])
    yield from _wrong_calls()
    yield from _wrong_steps(core)
    yield from _wrong_equations(core)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("core")
    words.add_argument("arrays", nargs="+")
    words.add_argument("--every", type=int, default=1)
    words.add_argument("--days", type=int, default=DAYS, help="that are played")
    words.add_argument("--first", type=int, default=0)
    words.add_argument("--no-limit", action="store_true", help="of memory: sanitizers map more than there is")
    words.add_argument("--say", action="store_true", help="what each error says")
    said = words.parse_args()
    if not said.no_limit:
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    core = load(said.core)
    refused = played = number = 0
    for path in said.arrays:
        parts: Parts = pickle.loads(Path(path).read_bytes())
        parts["options"] |= {"treatment_days": said.days, "follow_up_days": said.days}
        play(core, parts)
        for name, run in cases(core, parts):
            number += 1
            if number < said.first or number % said.every:
                continue
            print(number, name, flush=True)
            signal.alarm(SECONDS)
            try:
                run(core, parts)
                played += 1
            except ERRORS as error:
                refused += 1
                if said.say:
                    print("   ", type(error).__name__, error)
            signal.alarm(0)
        play(core, parts)
    print(f"{number} cases; of those run {refused} were refused, {played} played to their end")


if __name__ == "__main__":
    main()
