"""Conditions on what the team has seen: a postfix program over a patient's variables."""

from __future__ import annotations

from numba import njit

from remission.body.kinetics import INLINED

from .program import AND, NOT, OR


@njit(**INLINED)
def true_for(condition, t, place, lane):
    """Is the condition true for this lane? What was never measured (nan) makes a comparison false."""
    stack = place.stack
    depth = 0
    for i in range(t.conditions[condition].first, t.conditions[condition].last):
        op = t.terms[i].code
        if op < 6:
            x = place.seen[t.terms[i].variable, lane]
            v = t.terms[i].value
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
        elif op == AND:
            depth -= 1
            stack[depth - 1] = stack[depth - 1] and stack[depth]
        elif op == OR:
            depth -= 1
            stack[depth - 1] = stack[depth - 1] or stack[depth]
        elif op == NOT:
            stack[depth - 1] = not stack[depth - 1]
    return stack[0]
