"""Numbers, times and names as an operator says them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from mainstay.domain.incidents import Suspect

CAUSES = {
    "deploy": "a bad deploy of {}",
    "config": "a bad configuration of {}",
    "memory": "memory running out at {}",
    "cpu": "{}, which gets too little processor time",
    "host": "the host {}, which has no processor time left for what runs on it",
    "database": "the database {}, which is slow or locked",
    "dependency": "{}, which does not answer",
    "queue": "{}, which does not keep up with its queue",
    "disk": "a full disk of {}",
    "traffic": "more traffic than usual at {}",
    "model": "the model {}, which is not what it was",
    "unknown": "{}, though nothing says yet what is wrong there",
}
"""What stands behind "the cause is very likely …"."""
_TITLES = {
    "config": "configuration {}",
    "memory": "memory of {} runs out",
    "cpu": "{} starved of processor",
    "host": "host {} starved of processor",
    "database": "database {} slow or locked",
    "dependency": "{} stopped",
    "queue": "{} does not keep up",
    "disk": "disk of {} full",
    "traffic": "more traffic at {}",
    "model": "model {} is not what it was",
    "unknown": "begins at {}, cause unknown",
}


def short(entity: str) -> str:
    """The name of an entity without kind and environment.

    >>> short("service:prod/payments")
    'payments'
    """
    return entity.rpartition("/")[2] or entity


def clock(at_ms: int) -> str:
    """The time of day, UTC.

    >>> clock(8_040_000)
    '02:14'
    """
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%H:%M")


def clock_s(at_ms: int) -> str:
    """The time of day with seconds, UTC.

    >>> clock_s(8_040_000)
    '02:14:00'
    """
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%H:%M:%S")


def lasted(ms: int) -> str:
    """How long, in the largest unit that says enough.

    >>> lasted(42_000), lasted(190_000), lasted(7_500_000)
    ('42 s', '3 min', '2 h 5 min')
    """
    seconds = max(0, ms) // 1000
    if seconds < 90:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def listed(names: Iterable[str], most: int = 4) -> str:
    """Names in a sentence.

    >>> listed(["orders"]), listed(["a", "b", "c"]), listed("abcdef", 3)
    ('orders', 'a, b and c', 'a, b and 4 more')
    """
    found = list(names)
    if len(found) > most:
        found = [*found[: most - 1], f"{len(found) - most + 1} more"]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else "nothing"


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "service"), counted(3, "service")
    ('1 service', '3 services')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def cited(ids: Sequence[str], most: int = 3) -> str:
    """Evidence ids behind a statement; nothing when there are none.

    >>> cited(["E1", "E2"]), cited([])
    (' [E1] [E2]', '')
    """
    return "".join(f" [{name}]" for name in ids[:most])


def blamed(suspect: Suspect, version: str) -> str:
    """The cause in a few words for a title.

    >>> from mainstay.domain.models import VersionRef
    >>> who = VersionRef("diagnoser", 1)
    >>> blamed(Suspect(entity="service:p/pay", cause="deploy", probability=0.91, decided_by=who), "v42")
    'deploy pay@v42 (91 %)'
    >>> blamed(Suspect(entity="service:p/pay", cause="dependency", probability=0.5, decided_by=who), "")
    'pay stopped (50 %)'
    """
    name = f"{short(suspect.entity)}@{version}" if version else short(suspect.entity)
    return f"{_TITLES.get(suspect.cause, suspect.cause + ' {}').format(name)} ({percent(suspect.probability)})"


def percent(share: float) -> str:
    """A share as it is said.

    >>> percent(0.914)
    '91 %'
    """
    return f"{share * 100:.0f} %"
