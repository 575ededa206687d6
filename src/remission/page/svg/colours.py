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
    ("alone", "maintenance"), ("dasatinib", "maintenance"), ("ponatinib", "maintenance"), ("continu", "maintenance"),
    ("hr-", "consolidation"), ("cns ", "consolidation"), ("core", "consolidation"), ("marma", "interim"),
    ("octadad", "intensification"),
)  # fmt: skip
_FIRST_LINE = (("reinduction", "intensification"), ("block", "consolidation"), ("cycle", "consolidation"))
_LETTERS = {  # of BFM's protocols, and of hyper-CVAD, which begins with A
    "ia": "induction", "ib": "consolidation", "m": "interim", "ii": "intensification", "a1": "induction",
    **{f"{letter}{n}": "consolidation" for letter in "ab" for n in range(1, 5) if f"{letter}{n}" != "a1"},
}  # fmt: skip
_ANTIBODIES = ("ino-vate", "tower")  # whose cycles are of the antibody itself


def phase_kind(phase: str, protocol: str = "", first_line: bool = False) -> str:
    """The kind of a phase by its name, and by its protocol where names say too little; ``follow-up`` for the rest.
    ``first_line``: of a first treatment, in which nothing is a treatment of a relapse."""
    name = phase.split(": ")[-1].lower()
    if name in _LETTERS:
        return _LETTERS[name]
    if first_line and (kind := next((kind for word, kind in _FIRST_LINE if word in name), None)):
        return kind
    if protocol in _ANTIBODIES and name.startswith(("cycle", "consolidation")):
        return "antibody"
    return next((kind for word, kind in _WORDS if word in name), "follow-up")
