"""Conditioning, grafts and whose marrow it is.

One normal marrow n is shared by host and donor, h: the host's share. Conditioning kills both alike; what is left of
either below ``least`` never grows back, and where nothing is left the marrow stays empty:

    n -> n S                        S: radiation's survival, or exp(-integral of k_stem) of a drug (marrow.py)
    host n h < least -> 0,  donor n (1 - h) < least -> 0

A graft that is not rejected adds s (seeded share of a whole marrow per 1e6 CD34/kg, times the dose), and what
proliferates of each line with it; it regrows as any marrow does:

    n -> n + s,  h -> h n / (n + s),  P -> P + s P0             P0: the pool at rest; of red cells production tau

Of the patient's own cells h -> (h n + s) / (n + s), and no donor comes.

Core: engine/core/acts.hpp. Numbers and sources: knowledge/data/agents/*_marrow.yaml, *_blood.yaml, body/marrow.yaml.
"""

from __future__ import annotations

EMPTY = 1e-9  # normal marrow of which nothing is left that could grow


def lost(room: float, host: float, grafted: bool, least: float) -> tuple[float, float, bool, bool]:
    """(n, h, is there a donor's, can it regrow) once what is too little to grow back is gone."""
    own, donor = room * host, room * (1.0 - host)
    if not (0.0 < own < least or (grafted and donor < least)):
        return room, host, grafted, True
    own = own if own >= least else 0.0
    donor = donor if donor >= least else 0.0
    room = max(own + donor, EMPTY)
    return room, own / room, donor > 0.0, own + donor > 0.0


def engrafted(room: float, host: float, seeded: float, own: bool = False) -> tuple[float, float]:
    """(n, h) after a graft, of a donor or of the patient's own cells."""
    return room + seeded, (host * room + own * seeded) / (room + seeded)


def pool_at_rest(base: float, loss: float, gain: float) -> float:
    """P0 of a line: the proliferating pool that keeps C0 in the blood, C0 loss / gain."""
    return base * loss / gain
