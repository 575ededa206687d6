"""Conditions on the numbers that the team has seen: a postfix program over a patient's variables."""

from __future__ import annotations

from numba import njit

from remission.body.kinetics import JIT

MAX_DEPTH = 16


@njit(**JIT)
def holds(condition, starts, code, variable, value, seen, lane, stack):
    """Is the condition true for this lane? seen: (variables, L); what was never measured (nan) makes a comparison
    false. stack: work space of MAX_DEPTH booleans."""
    depth = 0
    for i in range(starts[condition], starts[condition + 1]):
        op = code[i]
        if op < 6:
            x = seen[variable[i], lane]
            v = value[i]
            if op == 0:
                ok = x < v
            elif op == 1:
                ok = x <= v
            elif op == 2:
                ok = x > v
            elif op == 3:
                ok = x >= v
            elif op == 4:
                ok = x == v
            else:
                ok = x != v and x == x
            stack[depth] = ok
            depth += 1
        elif op == 6:
            depth -= 1
            stack[depth - 1] = stack[depth - 1] and stack[depth]
        elif op == 7:
            depth -= 1
            stack[depth - 1] = stack[depth - 1] or stack[depth]
        else:
            stack[depth - 1] = not stack[depth - 1]
    return stack[0]
