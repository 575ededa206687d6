"""What a number that lies outside the usual range is called: a doubt, or far outside it a mistake."""

from __future__ import annotations

from ..knowledge.errors import BadInput
from .complaint import bad, doubt
from .model import Place

FAR = 10.0  # times outside the usual range a number is a mistake, unless the sentence ends with `as written`
_MEANT = "If it is meant, end the sentence with: as written"


def unusual(
    what: str, value: float, low: float, high: float, unit: str, place: Place | None, as_written: bool = False
) -> BadInput | None:
    """None inside ``low`` to ``high`` (in ``unit``, as ``value``); a `Doubt` outside; a ``BadInput`` when it is `FAR`
    times outside. With ``as_written`` a doubt is no longer told, and a mistake is a doubt.

    what: the thing and its number as they read, for example ``vincristine 1500 mg/m2 IV``.
    """
    if low <= value <= high:
        return None
    far = value > high * FAR or value < low / FAR
    if as_written and not far:
        return None
    side = "more" if value > high else "less"
    message = f"{what} is {'far ' if far else ''}{side} than usual ({low:g} to {high:g}{' ' + unit if unit else ''})"
    if far and not as_written:
        counted = f" As a count per microlitre write {value:g}/uL." if unit == "10^9/L" and value > high else ""
        return bad(place, message, f"Check the number and its unit.{counted} {_MEANT}")
    return doubt(place, message, None if as_written else f"Check the number and its unit. {_MEANT}")
