"""Which colour means what: a kind is a class of static/svg.css, and the same in every picture and text of the page."""

from __future__ import annotations

PHASES = (
    "induction", "consolidation", "interim", "intensification", "maintenance", "relapse", "antibody", "car-t",
    "transplant", "follow-up",
)  # fmt: skip  # kinds of phase
SERIES = (
    "leukaemia", "neutrophils", "platelets", "haemoglobin", "drug", "tablets", "b-cells", "cytokine", "car-t-cells",
    "first", "second", "other",
)  # fmt: skip  # kinds of line; first and second: two arms side by side

_WORDS = (  # the first that the name of a phase holds
    ("interim", "interim"), ("delayed intensification", "intensification"), ("maintenance", "maintenance"),
    ("blinatumomab", "antibody"), ("inotuzumab", "antibody"), ("reinduction", "relapse"), ("block", "relapse"),
    ("salvage", "relapse"), ("after another relapse", "relapse"),
    ("collection", "car-t"), ("waiting", "car-t"), ("bridging", "car-t"), ("lymphodepletion", "car-t"),
    ("infusion", "car-t"), ("first half year", "car-t"), ("to month", "car-t"), ("to year", "car-t"),
    ("transplant", "transplant"), ("conditioning", "transplant"), ("recovery", "transplant"),
    ("first year", "transplant"), ("intensification", "intensification"), ("consolidation", "consolidation"),
    ("induction", "induction"), ("prephase", "induction"), ("irradiation", "consolidation"), ("cycle", "relapse"),
    ("alone", "maintenance"), ("dasatinib", "maintenance"), ("ponatinib", "maintenance"),
)  # fmt: skip
_LETTERS = {"ia": "induction", "ib": "consolidation", "m": "interim", "ii": "intensification"}  # of BFM's protocols
_ANTIBODIES = ("ino-vate", "tower")  # whose cycles are of the antibody itself


def phase_kind(phase: str, protocol: str = "") -> str:
    """The kind of a phase by its name, and by its protocol where names say too little; ``follow-up`` for the rest."""
    name = phase.split(": ")[-1].lower()
    if name in _LETTERS:
        return _LETTERS[name]
    if protocol in _ANTIBODIES and name.startswith(("cycle", "consolidation")):
        return "antibody"
    return next((kind for word, kind in _WORDS if word in name), "follow-up")
