"""The stage: follows what can run out, looks ahead, and tells in time. Risks of services are looked at beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.outlook import Outlook, OutlookPolicy, OutlookState, RiskLook
from mainstay.domain.protocols import Models
from mainstay.domain.signals import F64, Normal
from mainstay.domain.state import pack, unpack
from mainstay.outlook.limits import Limits
from mainstay.outlook.looking import Looker, again_ms, screened
from mainstay.outlook.resources import Now, Resources
from mainstay.outlook.resources import State as Followed
from mainstay.outlook.risks import Risks
from mainstay.outlook.risks import State as RiskBook
from mainstay.outlook.telling import Condition, Telling

FORMAT = 3
MOST_LISTED = 500
FULLEST = 50
DATES_AHEAD = 2.0
"""A date is listed when it is nearer than so many times the time of its warning."""


class _Saved(msgspec.Struct):
    followed: Followed | None = None
    conditions: dict[str, Condition] = {}
    outlooks: dict[str, Outlook] = {}
    next_ms: dict[str, int] = {}
    rows: dict[str, int] = {}
    look_ms: int = 0
    risks: RiskBook = msgspec.field(default_factory=RiskBook)


class Outlooks:
    """Looks ahead through the deployed forecaster and predictor.

    Every look, all followed series are screened by two means each; those that could come near their limit are
    forecast, the most urgent first, at most so many a look. What is believed twice in succession becomes an alert, a
    page only when little time is left; it ends with a reason. Everything is keyed to the records' time.

    Args:
        models: Deployments; asked for `forecaster` and `predictor`.
        topology: Who is there, as known at the record at hand.

    Attributes:
        standing: What is ahead, as of the last look; safe to read from any thread.
    """

    def __init__(self, models: Models, policy: OutlookPolicy, topology: Callable[[], Topology] = Topology) -> None:
        self._models, self._policy, self._topology = models, policy, topology
        self._limits = Limits(policy.limits)
        self.risks = Risks(models, policy, topology)
        self._look_ms = 0
        self._take_up(_Saved())

    def apply(self, normal: Normal, p_values: F64, at_ms: int, effects: Effects) -> None:
        """One record, after detection and before correlation: its samples, and a look when it is time for one.

        Args:
            normal: What it held.
            p_values: Of its metric samples, as the detector gave them; may be empty.
            at_ms: Its time.
            effects: What it led to so far; predictive alerts are added.
        """
        self._resources.hear(normal.new_series, at_ms)
        self._resources.observe(normal.metrics, at_ms)
        is_look = at_ms - self._look_ms >= self._policy.look_s * 1000
        if is_look:
            self._look_ms = at_ms
            self._look(at_ms, effects)
        self.risks.observe(normal, p_values, at_ms, effects)
        if self.risks.look(self._outlooks.values(), at_ms, effects) or is_look:
            self._stand(at_ms)

    def saw(self, effects: Effects) -> None:
        """After a record: which incidents began."""
        self.risks.saw(effects)

    @property
    def firing(self) -> Sequence[Alert]:
        """Predictive alerts that are open, by onset."""
        return self._telling.open

    @property
    def look(self) -> RiskLook | None:
        """What the last record's look at the services saw, to be kept; None when it was none."""
        return self.risks.kept

    def snapshot(self) -> bytes:
        telling, risks = self._telling.conditions, self.risks.state
        return pack(
            "outlook",
            FORMAT,
            _Saved(self._resources.saved(), telling, self._outlooks, self._next_ms, self._rows, self._look_ms, risks),
        )

    def restore(self, state: bytes) -> None:
        self._take_up(unpack("outlook", FORMAT, state, _Saved))

    def _take_up(self, saved: _Saved) -> None:
        self._resources = Resources(self._limits, self._policy.series, self._topology)
        self._resources.take_up(saved.followed)
        self._looker, self._telling = Looker(self._models, self._resources), Telling(self._policy)
        self._telling.conditions, self._outlooks = saved.conditions, saved.outlooks
        self._next_ms, self._rows = saved.next_ms, saved.rows
        self._look_ms = saved.look_ms
        self.risks.take_up(saved.risks)
        self._waiting, self._listed = 0, tuple(saved.outlooks.values())
        self._stand(saved.look_ms)

    def _look(self, at_ms: int, effects: Effects) -> None:
        resources = self._resources
        if not resources.followed:
            return
        resources.history.condense()
        now = resources.now(at_ms)
        soonest, levels = screened(resources, now)
        due = self._due(now, soonest, at_ms)
        self._waiting = max(len(due) - self._policy.forecasts_per_look, 0)
        for name in due[: self._policy.forecasts_per_look]:
            row = self._rows[name]
            is_told = name in self._telling.conditions
            outlook, decision = self._looker.look(row, now, levels.get(row, (0,)), at_ms, matters=is_told)
            outlook = self._outlooks[name] = self._telling.tell(outlook, decision, resources.rules[row], effects)
            self._next_ms[name] = at_ms + again_ms(outlook)
        self._forget(now, at_ms, effects)
        self._listed = self._listing(now, at_ms)

    def _due(self, now: Now, soonest: F64, at_ms: int) -> list[str]:
        """Resources to be forecast now, by how soon they may be full: what is unsettled, and whose turn it is.

        Of several series of one resource the first in the file of limits speaks for it.
        """
        rules, limits, resources = self._resources.rules, now.limit, self._resources
        told = self._telling.conditions
        self._rows = {n: row for n, row in self._rows.items() if n in told and resources.key(row) == n}
        for row in np.flatnonzero(np.isfinite(soonest) | self._dates(now, at_ms)).tolist():
            name = resources.key(row)
            other = self._rows.get(name)
            if other is None or (rules[row].place < rules[other].place and np.isfinite(limits[row])):
                self._rows[name] = row
        due = [
            (float(soonest[row]), name)
            for name, row in self._rows.items()
            if now.is_alive[row]
            and (self._next_ms.get(name, 0) <= at_ms or self._telling.is_unsettled(name, float(now.share[row])))
        ]
        return [name for _, name in sorted(due)]

    def _dates(self, now: Now, at_ms: int) -> npt.NDArray[np.bool_]:
        """Rows that are dates which come soon enough to matter."""
        with np.errstate(invalid="ignore"):
            return now.is_alive & (now.value - at_ms / 1000 < DATES_AHEAD * self._resources.dates())

    def _forget(self, now: Now, at_ms: int, effects: Effects) -> None:
        """What is not near any more is not listed as such; what is told of a series that fell silent is over."""
        for name in list(self._telling.conditions):
            row = self._rows.get(name)
            if row is None or not now.is_alive[row]:
                self._telling.silent(name, at_ms, effects)
        for name in [n for n in self._outlooks if n not in self._rows]:
            del self._outlooks[name]
            self._next_ms.pop(name, None)

    def _listing(self, now: Now, at_ms: int) -> tuple[Outlook, ...]:
        """The soonest first, then the fullest of the rest."""
        near = sorted(
            self._outlooks.values(),
            key=lambda o: (o.alert == "", not o.is_believed, o.expected_s is None, o.expected_s or 0.0, o.id),
        )
        found = {outlook.id: outlook for outlook in near[:MOST_LISTED]}
        known = np.flatnonzero(now.is_alive & np.isfinite(now.share))
        for row in known[np.argsort(-now.share[known], kind="stable")][:FULLEST].tolist():
            found.setdefault(self._resources.key(row), self._looker.quiet(row, now, at_ms))
        return tuple(found.values())

    def _stand(self, at_ms: int) -> None:
        resources = self._resources
        self.standing = self.risks.stand(
            OutlookState(
                at_ms=at_ms,
                outlooks=self._listed,
                followed=len(resources.followed),
                beyond=resources.beyond,
                waiting=self._waiting,
            )
        )
