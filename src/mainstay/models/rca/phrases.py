"""What services say when something is wrong, by the kind of cause it speaks for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mainstay.models.rca.case import LogFact, short
from mainstay.models.rca.clue import Clue
from mainstay.models.rca.picture import Picture

_PHRASES: Mapping[str, str] = {
    "memory": r"out of memory|\boom\b|memoryerror|cannot allocate|heap (space|limit)|memory limit",
    "disk": r"no space left|disk (is )?full|enospc|quota exceeded|edquot|over quota|errno 28",
    "database": (
        r"database (is |table is )?locked|lock (wait|timeout)|deadlock|sqlite_busy|\bbusy\b.*database|"
        r"database.*\bbusy\b|too many connections|could not obtain lock|(database|query|statement).*time(d )?out"
    ),
    "dependency": (
        r"connection refused|unreachable|no route to host|name or service not known|connect(ion)? time(d )?out|"
        r"(did not|does not|no) (answer|respon)|circuit.*open|upstream.*(unavailable|refused)|cannot reach|"
        r"remote end closed|connection reset"
    ),
    "queue": r"queue (is )?full|backlog|consumer lag|takes no more messages|lease expired",
    "config": (
        r"(invalid|bad|missing|unknown|wrong) (config|setting|option|credential|key)|unauthori[sz]ed|forbidden|"
        r"permission denied|authentication failed|rate limit|too many requests|pool (is )?exhausted|pool size"
    ),
    "cpu": r"cpu thrott|load average|scheduling delay|event loop (lag|blocked)",
}
_SAYS = {cause: re.compile(phrase, re.IGNORECASE) for cause, phrase in _PHRASES.items()}


def heard(picture: Picture, entity: str, cause: str) -> list[Clue]:
    """What it says itself of this cause; and what its callers say of it, where they are the ones who notice.

    The lines of a doubtful witness weigh as little as its numbers: who was just given a wrong address is refused, too.
    """
    pattern = _SAYS.get(cause)
    if pattern is None or not _can_be(picture.case.kind(entity), cause):
        return []
    found = [log for log in _told(picture, entity, cause) if pattern.search(log.text)]
    if not found:
        return []
    log = max(found, key=lambda entry: (entry.is_new, entry.count, -entry.template))
    says = f'{short(log.entity)} says "{log.text[:90]}" ×{log.count}{" (new)" if log.is_new else ""}'
    points = picture.weights["log"] * (1.0 if log.entity == entity else picture.trust_in(log.entity, entity))
    return [Clue(says, points, "log", str(log.template), log.since_ms)]


def _can_be(kind: str, cause: str) -> bool:
    """A database is locked, not gone; only a database is."""
    if cause == "database":
        return kind == "database"
    return cause != "dependency" or kind not in ("database", "queue", "host")


def _told(picture: Picture, entity: str, cause: str) -> list[LogFact]:
    callers = set(picture.callers(entity))
    own = [] if cause == "dependency" else [log for log in picture.case.logs if log.entity == entity]
    if cause == "database":
        return own + [log for log in picture.case.logs if log.entity in callers]
    if cause in ("dependency", "queue"):
        return own + [log for log in picture.case.logs if log.entity in callers and _points_at(picture, log, entity)]
    return own


def _points_at(picture: Picture, log: LogFact, entity: str) -> bool:
    """A complaint counts against the callee that it names; one that names nobody against the only ill callee."""
    callees = picture.callees(log.entity)
    named = [callee for callee in callees if short(callee).lower() in log.text.lower()]
    if named:
        return entity in named
    return [callee for callee in callees if picture.illness(callee)] == [entity]
