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
    """What it says itself; for a database also what its callers say of databases."""
    pattern = _SAYS.get(cause)
    if pattern is None:
        return []
    speakers = {entity}
    if cause in ("database", "dependency", "queue"):
        speakers = set(picture.callers(entity)) | ({entity} if cause != "dependency" else set())
    is_kind = cause != "database" or picture.case.kind(entity) == "database"
    found = [log for log in picture.case.logs if log.entity in speakers and pattern.search(log.text)]
    if cause == "dependency":
        found = [log for log in found if _points_at(picture, log, entity)]
    if not found or not is_kind:
        return []
    log = max(found, key=lambda entry: (entry.is_new, entry.count, -entry.template))
    says = f'{short(log.entity)} says "{log.text[:90]}" ×{log.count}{" (new)" if log.is_new else ""}'
    return [Clue(says, picture.weights["log"], "log", str(log.template), log.since_ms)]


def _points_at(picture: Picture, log: LogFact, entity: str) -> bool:
    """A complaint counts against the callee that it names, or against the only ill one."""
    if short(entity).lower() in log.text.lower():
        return True
    ill = [callee for callee in picture.callees(log.entity) if picture.illness(callee)]
    return ill == [entity]
