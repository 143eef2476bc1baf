"""The page budget: how often a team may be woken for nothing, what it does not care about, what it judged before."""

from __future__ import annotations

from typing import Annotated

import msgspec

DEFAULT_TEAM = "default"
"""Owns what the catalog gives to nobody."""

Pages = Annotated[float, msgspec.Meta(ge=0)]


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many false pages a week a team accepts: the only number about sensitivity that there is.

    It limits our own pages. A user's own rule is never withheld, and critical always passes.

    Attributes:
        teams: Those that accept another number; a team is the `owner` in the catalog of services.
    """

    false_pages_per_week: Pages = 7.0
    teams: dict[str, Pages] = {}

    def of(self, team: str) -> float:
        """The number of one team.

        >>> Budget(teams={"payments": 3}).of("payments"), Budget().of("search")
        (3, 7.0)
        """
        return self.teams.get(team, self.false_pages_per_week)


class Floor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is too small to care about ("below 5 ms I do not care"): where, of which metrics, and below which value.

    What is not said holds for all.

    Attributes:
        service: Name or id of a service (or host, queue, …); team: its owner; environment: where it runs.
        metric: With `*` and `?`. Calls are `calls.latency`, `calls.errors` (a share), log lines `logs.rate`.
        unit: `ms`, `s`, `B`, `MiB`, …; times and sizes are converted to what the metric is in; empty as it is.
    """

    below: float
    unit: str = ""
    service: str = ""
    team: str = ""
    environment: str = ""
    metric: str = "*"


class LearnedBar(msgspec.Struct, frozen=True, kw_only=True):
    """What a verdict "not an anomaly" taught: this condition must be so much stronger to be told again.

    Attributes:
        id: Fingerprint of the condition, which its alerts carry too.
        judged, needed: Effect of the alert that was judged, and what is needed now (1.5 times as much).
        held: Alerts held back since.
    """

    id: str
    entity: str
    name: str
    channel: str
    judged: float
    needed: float
    alert: str
    verdict: str
    by: str
    at_ms: int
    held: int = 0
    last_ms: int | None = None


class TeamBudget(msgspec.Struct, frozen=True, kw_only=True):
    """Where a team's budget stands.

    Attributes:
        promised: False pages a week at most. Of them `reserved` are for what is rare by itself, `places` for the rest.
        watched: Series, calls and log voices that are watched for this team: chances are counted over all of them.
        used: Places taken in the last seven days and not given back.
        level: The next page may be one that chance brings at most so often a week over all of `watched`; None: any.
        trust: Exponent on p-values: below 1 after more false pages than their chances allow.
    """

    team: str
    promised: float
    watched: int
    reserved: float
    places: int
    used: int
    level: float | None
    trust: float = 1.0


class BudgetState(msgspec.Struct, frozen=True, kw_only=True):
    """Budgets of all teams, what was learned, and what a storm holds back (`waiting`) or lost, at one moment."""

    at_ms: int = 0
    teams: tuple[TeamBudget, ...] = ()
    learned: tuple[LearnedBar, ...] = ()
    waiting: int = 0
    lost: int = 0
