"""Write src/remission/knowledge/data/units.json: what pint says of each unit that a start asks for.

`python tests/keep_units.py` reads, plays and plans every bundled protocol with nothing kept and notes what is asked.
Wanted when files name units that they did not: what is not kept costs a start half a second, nothing else.
"""

from __future__ import annotations

from remission.engine.play import Options, play
from remission.engine.program import prepare
from remission.knowledge import units
from remission.knowledge.library import library
from remission.patient.population import draw
from remission.protocol.reader import read_protocol


def asked() -> set[str]:
    units._kept = dict  # type: ignore[assignment]
    units.unit_of.cache_clear()
    names: set[str] = set()
    by_pint = units.by_pint

    def noted(name: str) -> units.Unit:
        unit = by_pint(name)
        names.add(name)
        return unit

    units.by_pint = noted
    shelf = library()
    for name in shelf.agents():
        shelf.agent(name)
    for name in shelf.side_effects():
        shelf.side_effect(name)
    for name in shelf.populations():
        draw(name, 1, seed=1)
    for name in shelf.protocols():
        protocol = read_protocol(name)
        people = draw(protocol.population or "standard-risk-b-all", 1, seed=1)
        play(prepare(protocol, shelf), people, seed=1, options=Options(follow_up_days=1))
    units.by_pint = by_pint
    return names


if __name__ == "__main__":
    units.keep(asked())
