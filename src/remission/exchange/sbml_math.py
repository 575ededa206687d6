"""The equations of `remission.body` as formulas of SBML, taken from the Python that states them.

`written` does what `whole.change` does, but with names in place of numbers: what comes out of the arithmetic is the
right side of each differential equation, in the infix of SBML Level 3. A function of the other modules is called by its
name, and `definition` turns its source into the formula of an SBML function: nothing is written down twice.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

import numpy as np

from remission.body import effects, immunity, kinetics, leukaemia, marrow, whole

LONG = 150  # letters: what is longer gets a name, so that it is worked out once
MODULES = (kinetics, effects, marrow, leukaemia, immunity)
TRACED = {"shape"}  # is told by a number which function it is: done at once, what is left is called
_SAME = {"exp": "exp", "log": "ln", "log10": "log10", "sqrt": "sqrt", "abs": "abs"}
_OPERATORS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "^", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">",
    ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.And: "&&", ast.Or: "||",
}  # fmt: skip


def number(x: float) -> str:
    """A number as the infix has it."""
    x = float(x)
    if math.isinf(x):
        return "INF" if x > 0 else "-INF"
    return f"({x!r})" if x < 0 else repr(x)


class Symbol:
    """A formula; ``value``: of a parameter, that may be compared with numbers."""

    __array_priority__ = 1000

    def __init__(self, text: str, book: Book, value: float | None = None) -> None:
        self.text, self.book, self.value = text, book, value

    def _with(self, sign: str, one: Any, other: Any) -> Any:
        if sign == "*" and (_is(one, 0.0) or _is(other, 0.0)):
            return 0.0
        if (sign == "*" and _is(one, 1.0)) or (sign == "+" and _is(one, 0.0)):
            return other
        if (sign in "*/" and _is(other, 1.0)) or (sign in "+-" and _is(other, 0.0)):
            return one
        if sign == "/" and _is(one, 0.0):
            return 0.0
        return Symbol(f"({self.book.short(one)} {sign} {self.book.short(other)})", self.book)

    def __add__(self, other: Any) -> Any:
        return self._with("+", self, other)

    def __radd__(self, other: Any) -> Any:
        return self._with("+", other, self)

    def __sub__(self, other: Any) -> Any:
        return self._with("-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._with("-", other, self)

    def __mul__(self, other: Any) -> Any:
        return self._with("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._with("*", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._with("/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with("/", other, self)

    def __neg__(self) -> Any:
        return Symbol(f"(-{self.text})", self.book)

    def __gt__(self, other: float) -> bool:
        assert self.value is not None, "only a parameter is compared outside of a function"
        return self.value > other


def _is(x: Any, value: float) -> bool:
    return not isinstance(x, Symbol) and float(x) == value


class Book:
    """What is written down on the way: names of long formulas, and the functions that are called."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}  # formula: name
        self.called: dict[str, FunctionType] = {}

    def short(self, x: Any) -> str:
        """The formula, or its name."""
        if not isinstance(x, Symbol):
            return number(x)
        if len(x.text) <= LONG:
            return x.text
        return self.parts.setdefault(x.text, f"part_{len(self.parts) + 1}")

    def call(self, function: FunctionType) -> Callable[..., Any]:
        """The function where all is known, else its name."""

        def called(*given: Any) -> Any:
            if not any(isinstance(x, Symbol) for x in given):
                return function(*given)
            self.called[function.__name__] = function
            return Symbol(f"{function.__name__}({', '.join(map(self.short, given))})", self)

        return called

    def larger(self, *given: Any) -> Any:
        if not any(isinstance(x, Symbol) for x in given):
            return max(given)
        return Symbol(_larger(*map(self.short, given)), self)


def _larger(one: str, other: str) -> str:
    return f"piecewise({one}, {one} >= {other}, {other})"


def _smaller(one: str, other: str) -> str:
    return f"piecewise({one}, {one} <= {other}, {other})"


class _Zeros:
    """NumPy for what is filled with formulas."""

    @staticmethod
    def zeros(count: int) -> Any:
        return np.full(count, 0.0, dtype=object)

    @staticmethod
    def zeros_like(other: Any) -> Any:
        return np.full(len(other), 0.0, dtype=object)


def written(book: Book, y: Any, numbers: whole.Numbers) -> Any:
    """The right sides of dy/dt, of the states and numbers that are symbols; 0.0 where nothing changes."""
    room: dict[str, Any] = dict(vars(whole)) | {"np": _Zeros, "max": book.larger}
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            room[name] = book.call(function)
    room["shape"] = FunctionType(effects.shape.__code__, dict(vars(effects)) | room)
    change = FunctionType(whole.change.__code__, room)
    return change(Symbol("time", book), y, numbers)


def definitions(book: Book) -> dict[str, str]:
    """lambda(...) of every function that is called, those first that others call."""
    out: dict[str, str] = {}

    def define(function: FunctionType) -> None:
        if function.__name__ in out:
            return
        formula, calls = definition(function)
        for other in calls:
            define(other)
        out[function.__name__] = formula

    for function in book.called.values():
        define(function)
    return out


def definition(function: FunctionType) -> tuple[str, list[FunctionType]]:
    """The lambda of one function, and the functions that it calls."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    names = [argument.arg for argument in tree.args.args]
    reader = _Reader(function)
    value = reader.block(tree.body, {name: name for name in names})
    assert value is not None, f"{function.__name__} gives nothing back"
    return f"lambda({', '.join([*names, value])})", reader.calls


class _Reader:
    """The formula of a function's body; its constants are those of the module it stands in."""

    def __init__(self, function: FunctionType) -> None:
        self.room: dict[str, Any] = function.__globals__
        self.calls: list[FunctionType] = []

    def block(self, lines: Iterable[ast.stmt], known: dict[str, str]) -> str | None:
        """What is given back; ``known``: formulas of names, which grow."""
        lines = list(lines)
        for place, line in enumerate(lines):
            match line:
                case ast.Expr(value=ast.Constant()):  # what the function says of itself
                    continue
                case ast.Return(value=value):
                    assert value is not None
                    return self.of(value, known)
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    known[name] = f"({self.of(value, known)})"
                case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                    known[name] = f"({known[name]} {_OPERATORS[type(op)]} {self.of(value, known)})"
                case ast.If(test=test, body=body, orelse=orelse):
                    when, inside, beside = self.of(test, known), dict(known), dict(known)
                    then = self.block(body, inside)
                    if then is not None:
                        other = self.block([*orelse, *lines[place + 1 :]], known)
                        return f"piecewise({then}, {when}, {other})"
                    self.block(orelse, beside)
                    for name in {*inside, *beside}:
                        if inside.get(name) != beside.get(name):
                            known[name] = f"piecewise({inside[name]}, {when}, {beside[name]})"
                case _:
                    raise NotImplementedError(ast.unparse(line))
        return None

    def of(self, node: ast.expr, known: dict[str, str]) -> str:
        match node:
            case ast.Name(id=name):
                return known[name] if name in known else number(self.room[name])
            case ast.Constant(value=value):
                return number(value)  # type: ignore[arg-type]
            case ast.BinOp(left=left, op=op, right=right):
                return f"({self.of(left, known)} {_OPERATORS[type(op)]} {self.of(right, known)})"
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"(-{self.of(operand, known)})"
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return f"({self.of(left, known)} {_OPERATORS[type(op)]} {self.of(right, known)})"
            case ast.BoolOp(op=op, values=values):
                return f"({f' {_OPERATORS[type(op)]} '.join(self.of(value, known) for value in values)})"
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return f"piecewise({self.of(body, known)}, {self.of(test, known)}, {self.of(orelse, known)})"
            case ast.Call(func=ast.Name(id=name), args=args) if name in ("min", "max"):
                one, other = (self.of(x, known) for x in args)
                return (_smaller if name == "min" else _larger)(one, other)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="math"), attr=name), args=args):
                return f"{_SAME[name]}({', '.join(self.of(x, known) for x in args)})"
            case ast.Call(func=ast.Name(id=name), args=args):
                self.calls.append(self.room[name])
                return f"{name}({', '.join(self.of(x, known) for x in args)})"
            case _:
                raise NotImplementedError(ast.unparse(node))
