"""An outlook in one sentence, as an operator says it."""

from __future__ import annotations

from mainstay.domain.outlook import Outlook
from mainstay.domain.words import quantity, short

UNITS = ((604_800.0, "weeks"), (86_400.0, "days"), (3600.0, "h"), (60.0, "min"))
MOST_S = 10 * 365 * 86_400.0


def lasting(seconds: float) -> str:
    """A time that is left.

    >>> lasting(5.2 * 3600), lasting(40), lasting(3 * 604800), lasting(200)
    ('5.2 h', '40 s', '3 weeks', '3.3 min')
    """
    for size, name in UNITS:
        if seconds >= (3 if name == "weeks" else 1.5) * size:
            return f"{_number(seconds / size)} {name}"
    return f"{_number(seconds)} s"


def between(low_s: float, high_s: float | None) -> str:
    """An interval of times.

    >>> between(3 * 3600, 9 * 3600), between(60, None), between(100, 7200)
    ('3–9 h', '60 s or more', '1.7 min – 2 h')
    """
    first = lasting(low_s)
    if high_s is None:
        return f"{first} or more"
    last = lasting(high_s)
    number, _, unit = first.partition(" ")
    return f"{number}–{last}" if unit == last.partition(" ")[2] else f"{first} – {last}"


def sentence(outlook: Outlook, why_not: str = "") -> str:
    """What is said of one resource: when it is used up, how sure that is, and why."""
    of = f"{outlook.resource} of {short(outlook.entity)}"
    if outlook.signal == "latency":
        return f"{of}: {_slower(outlook, why_not)}"
    ends = "empty" if outlook.limit is not None and outlook.value > outlook.limit else "full"
    if outlook.by == "deadline" and outlook.expected_s is not None:
        left = outlook.expected_s
        return f"{of}: expires in {lasting(left)}" if left > 0 else f"{of}: has expired"
    if outlook.by == "full":
        return f"{of}: at its limit of {quantity(outlook.limit or 0.0, outlook.unit)}"
    used = "" if outlook.share is None else f"{100 * outlook.share:.0f} % used"
    if outlook.expected_s is None or outlook.earliest_s is None:
        return f"{of}: {', '.join(part for part in (used, why_not or 'it does not come nearer to its limit') if part)}"
    moves = f"because {speed(outlook)}" if outlook.by == "rise" else "as its past goes on"
    when = f"{ends} in {lasting(outlook.expected_s)} ({between(outlook.earliest_s, outlook.latest_s)})"
    doubt = f"; not sure: {why_not}" if why_not else ""
    return f"{of}: {when}, {moves}{f', {used}' if used else ''}{doubt}"


def _slower(outlook: Outlook, why_not: str) -> str:
    """How a latency stands to its objective."""
    objective, now = quantity(outlook.limit or 0.0, outlook.unit), quantity(outlook.value, outlook.unit)
    if outlook.by == "full":
        return f"p95 {now}, its objective is {objective}"
    stands = f"p95 {now}" + ("" if outlook.limit is None else f", {100 * (outlook.share or 0):.0f} % of its objective")
    if outlook.expected_s is None or outlook.earliest_s is None:
        return f"{stands}, {why_not or 'it does not come nearer to it'}"
    moves = f"because {speed(outlook)}" if outlook.by == "rise" else "as its past goes on"
    when = f"in {lasting(outlook.expected_s)} ({between(outlook.earliest_s, outlook.latest_s)})"
    doubt = f"; not sure: {why_not}" if why_not else ""
    return f"will pass its objective of {objective} {when}, {moves}, {stands}{doubt}"


def speed(outlook: Outlook) -> str:
    """How fast it changes.

    >>> from mainstay.domain.outlook import Outlook
    >>> one = Outlook(id="", entity="", resource="", metric="", series=0, at_ms=0, value=0, says="", unit="By")
    >>> import msgspec
    >>> speed(msgspec.structs.replace(one, per_h=1.2 * 2**30))
    '+1.2 GiB/h'
    """
    per, name = (outlook.per_h / 60, "min") if outlook.expected_s and outlook.expected_s < 600 else (outlook.per_h, "h")
    text = quantity(abs(100 * per if outlook.unit == "1" else per), "%" if outlook.unit == "1" else outlook.unit)
    return f"{'+' if per >= 0 else '−'}{text}/{name}"


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".") if value < 10 else f"{value:.0f}"
