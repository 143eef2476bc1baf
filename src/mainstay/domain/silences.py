"""What keeps a page from leaving: a silence, a maintenance window, or a suppression that a team switched on.

All three hold pages, never alerts: what is silenced is recorded, grouped and listed, with the reason and the end.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from mainstay.domain.entities import DEFAULT_TENANT
from mainstay.domain.errors import BadInput
from mainstay.domain.models import VersionRef

WithheldBy = Literal["silence", "maintenance", "dependency"]
Standing = Literal["pending", "active", "expired"]
Mode = Literal["proposed", "on", "off"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_MATCHERS, MOST_ENTITIES = 32, 200
MOST_STANDING = 1_000  # pending and active at once: each is held against every alert
LATEST_MS = 4_102_444_800_000  # 2100: beyond it somebody sent nanoseconds
WEEK_MIN = 7 * 24 * 60
Text = Annotated[str, msgspec.Meta(max_length=1024)]


class Matcher(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One condition: a name whose value is, is not, matches, or does not match.

    Attributes:
        name: Of a label, or `entity`, `kind`, `service`, `environment`, `tier`, `owner`, `severity`, `signal`,
            `source`.
        value: What is absent counts as "", as in Prometheus.
    """

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def __str__(self) -> str:
        """As a person writes it.

        >>> str(Matcher(name="severity", value="crit.*", is_regex=True))
        'severity=~"crit.*"'
        """
        sign = ("=" if self.is_equal else "!") + ("~" if self.is_regex else "" if self.is_equal else "=")
        return f'{self.name}{sign}"{self.value}"'


class Withheld(msgspec.Struct, frozen=True, kw_only=True):
    """Why no page leaves for this, until when, and who decided it.

    Attributes:
        ref: Id of the silence or the window, scope of the suppression.
        until_ms: When it ends; None while its suppressor burns.
        decided_by: A person is `user/ada@0`.
    """

    by: WithheldBy
    ref: str
    why: str
    decided_by: VersionRef
    until_ms: int | None = None


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A person's word that alerts like these need nobody until then.

    Attributes:
        matchers: All must hold. ended_by: Who ended it before its time; "" while it runs or ran out.
        entry: The ledger entry of its newest state.
    """

    id: str
    matchers: tuple[Matcher, ...]
    starts_ms: int
    ends_ms: int
    by: str
    comment: str = ""
    updated_ms: int = 0
    ended_by: str = ""
    entry: str = ""
    tenant: str = DEFAULT_TENANT

    def standing(self, at_ms: int) -> Standing:
        """Where it stands at a time."""
        return _standing(self.starts_ms, self.ends_ms, at_ms)

    def checked(self, now_ms: int) -> Silence:
        """Itself, when it can be used.

        Raises:
            BadInput: It has no matcher or too many, or ends before it starts or in the past.
        """
        if not 1 <= len(self.matchers) <= MOST_MATCHERS:
            raise BadInput(f"a silence has 1 to {MOST_MATCHERS} matchers; got {len(self.matchers)}")
        _check_times("silence", self.starts_ms, self.ends_ms, now_ms)
        return self


class Weekly(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a window recurs: on these days, from this hour, so long, by the clock on that wall.

    Attributes:
        zone: An IANA name, `Europe/Berlin`; the window moves with its summer time.
    """

    days: Annotated[tuple[Day, ...], msgspec.Meta(min_length=1, max_length=7)]
    at: Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    minutes: Annotated[int, msgspec.Meta(ge=1, le=WEEK_MIN)]
    zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"

    def occurrences(self, day: date) -> tuple[int, int] | None:
        """Begin and end (ms) of what begins on this day of its wall calendar; None when it is no such day.

        >>> Weekly(days=("thu",), at="02:00", minutes=60).occurrences(date(1970, 1, 1))
        (7200000, 10800000)
        """
        if DAYS[day.weekday()] not in self.days:
            return None
        began = datetime.combine(day, time.fromisoformat(self.at), ZoneInfo(self.zone))
        since_ms = int(began.timestamp() * 1000)
        return since_ms, since_ms + self.minutes * 60_000

    def checked(self) -> Weekly:
        """Itself, when its zone is known.

        Raises:
            BadInput: It is not.
        """
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise BadInput(f"expected a time zone such as Europe/Berlin, got {self.zone[:80]!r}") from None
        return self


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Work on entities is announced: until it is over their alerts are expected, and page nobody.

    Attributes:
        with_dependents: Also who calls them, directly or over others, and what runs on them.
        starts_ms, ends_ms: Of the work; of a recurring one, between which it recurs.
        change: The change that it came with; "" when a person made it.
    """

    id: str
    entities: tuple[str, ...]
    starts_ms: int
    ends_ms: int
    by: str
    with_dependents: bool = False
    weekly: Weekly | None = None
    comment: str = ""
    change: str = ""
    updated_ms: int = 0
    ended_by: str = ""
    entry: str = ""
    tenant: str = DEFAULT_TENANT

    def standing(self, at_ms: int) -> Standing:
        """Where it stands at a time; a recurring one is pending between two of its stretches."""
        standing = _standing(self.starts_ms, self.ends_ms, at_ms)
        stretch = self.stretch(at_ms)
        return "pending" if standing == "active" and (stretch is None or stretch[0] > at_ms) else standing

    def stretch(self, at_ms: int) -> tuple[int, int] | None:
        """Begin and end of the stretch that runs, else of the next one; None when there is none any more."""
        if at_ms >= self.ends_ms:
            return None
        if self.weekly is None:
            return self.starts_ms, self.ends_ms
        from_ms = max(at_ms, self.starts_ms)
        day = datetime.fromtimestamp(from_ms / 1000, UTC).date() - timedelta(days=8)  # the longest lasts a week
        found = (self.weekly.occurrences(day + timedelta(days=n)) for n in range(17))
        cut = ((max(s, self.starts_ms), min(e, self.ends_ms)) for s, e in filter(None, found))
        return min(((s, e) for s, e in cut if s < e and e > from_ms), default=None)

    def checked(self, now_ms: int) -> Window:
        """Itself, when it can be used.

        Raises:
            BadInput: It names nothing, ends before it starts or in the past, or never comes.
        """
        if not 1 <= len(self.entities) <= MOST_ENTITIES:
            raise BadInput(f"a maintenance window is on 1 to {MOST_ENTITIES} entities; got {len(self.entities)}")
        _check_times("maintenance window", self.starts_ms, self.ends_ms, now_ms)
        if self.weekly is not None and self.weekly.checked() and self.stretch(now_ms) is None:
            raise BadInput("this maintenance window never comes: no such day lies between its start and its end")
        return self


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """Whether symptoms of what a team depends on are held while that burns. It begins as proposed: nothing is held.

    Attributes:
        id: The team, as the catalog's `owner`. entry: The ledger entry of the switch.
    """

    id: str
    mode: Mode = "proposed"
    by: str = ""
    why: str = ""
    at_ms: int = 0
    entry: str = ""


class Withholding(msgspec.Struct, frozen=True, kw_only=True):
    """The page of an incident that was held, or, of a suppression that is only proposed, would have been.

    Attributes:
        ref: Silence, window, or team whose suppression it is. mode: `proposed` held nothing.
        status: `held`; `released`: it was told after all; `over`: the incident ended and its page never left.
        pages: How many pages: that it opened, and each time it became worse. severity: Of the last of them.
        alerts: The first hundred. suppressor: The incident that it was taken for a symptom of, `entity` where.
    """

    id: str
    incident: str
    by: WithheldBy
    ref: str
    mode: Literal["on", "proposed"]
    status: Literal["held", "released", "over"]
    at_ms: int
    says: str
    decided_by: VersionRef
    team: str = ""
    pages: int = 1
    severity: str = ""
    alerts: tuple[str, ...] = ()
    suppressor: str = ""
    entity: str = ""
    ended_ms: int | None = None
    ended_why: str = ""
    entry: str = ""


def _standing(starts_ms: int, ends_ms: int, at_ms: int) -> Standing:
    return "expired" if at_ms >= ends_ms else "active" if at_ms >= starts_ms else "pending"


def _check_times(what: str, starts_ms: int, ends_ms: int, now_ms: int) -> None:
    if ends_ms <= starts_ms:
        raise BadInput(f"a {what} ends after it starts; got start {iso(starts_ms)}, end {iso(ends_ms)}")
    if ends_ms <= now_ms:
        raise BadInput(f"a {what} ends in the future; got end {iso(ends_ms)}, and now it is {iso(now_ms)}")
    if ends_ms > LATEST_MS or starts_ms < 0:
        raise BadInput(f"a {what} lies between 1970 and 2100; got {starts_ms} to {ends_ms} (milliseconds)")


def iso(at_ms: int) -> str:
    """RFC 3339 in UTC; a number that is no time stays one.

    >>> iso(0)
    '1970-01-01T00:00:00Z'
    """
    if not 0 <= at_ms < 253_402_300_800_000:
        return str(at_ms)
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")
