"""A protocol made from somebody else's notation: a file to go on from, with everything unclear said in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from remission.protocol.model import Check, Decide, Give, Protocol, Rule
from remission.protocol.reader import read_protocol_text


@dataclass(frozen=True)
class Draft:
    """``text``: a protocol file that the language reads, where what the notation leaves unclear is marked open."""

    text: str
    name: str = "draft.yaml"

    def protocol(self) -> Protocol:
        """The draft as it is read; `BadInput` for a line that cannot be."""
        return read_protocol_text(self.text, self.name)

    def told(self) -> Iterator[str]:
        """Its phases, and everything that is open."""
        protocol = self.protocol()
        yield f"{protocol.name}: {len(protocol.phases)} phase{'s' if len(protocol.phases) != 1 else ''}"
        for text in protocol.open:
            yield f"open: {text}"
        for phase in protocol.phases:
            for text in phase.open:
                yield f"open in {phase.id}: {text}"
            lines: Iterable[Give | Check | Decide | Rule] = (*phase.give, *phase.check, *phase.decide, *phase.rules)
            yield from (f"open in {phase.id}: {line.text}" for line in lines if line.provenance.open)
