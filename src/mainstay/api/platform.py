"""What the API needs from the composition root, and nothing more.

Most of what the API shows, it reads from `control` itself: incidents, alerts, plans, approvals, the ledger, users,
and the live feed (`control.feed`, filled by every commit). What is left here is what only the running platform knows
(telemetry, mapping, agreement of shadows, health) and what must pass the pipeline or the approval policy (commands).

Synchronous methods are called on worker threads, several at once, and must be safe there. Errors are those of
`domain.errors`: `NotFound` is a 404, `BadInput` a 400, `Refused` a 403, `Overloaded` a 503 with Retry-After,
`Corrupt` a 500 that says what is broken.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mainstay.domain.budget import BudgetState
from mainstay.domain.entities import Labels
from mainstay.domain.ledger import EntryKind
from mainstay.domain.models import ModelKind, ModelVersion, VersionRef
from mainstay.domain.outlook import OutlookState
from mainstay.domain.predictions import InProduction
from mainstay.domain.protocols import Clock
from mainstay.domain.records import Command
from mainstay.domain.runbooks import Approval, Plan, Runbook, Wish
from mainstay.domain.services import ServiceHealth
from mainstay.domain.signals import F64, I64, Series
from mainstay.domain.users import User
from mainstay.domain.verdicts import Verdict
from mainstay.domain.views import Audited, Explained, LogLine, Reperformed, SpanLine, Status
from mainstay.ledger import Head, Verified
from mainstay.mlops.recall import Recall
from mainstay.mlops.timing import Meter
from mainstay.mlops.trust.heads import SignedHead
from mainstay.mlops.trust.signing import Envelope
from mainstay.settings import Settings
from mainstay.store.backup import Manifest
from mainstay.store.control import Control

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Door(Protocol):
    """The raw ASGI application that takes telemetry; it authenticates and answers by itself."""

    def handles(self, path: str) -> bool:
        """Whether this path is a sender's path (`/v1/metrics`, `/api/v2/alerts`, …)."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...


class PlatformApi(Protocol):
    """The running platform as the API sees it."""

    @property
    def control(self) -> Control:
        """The control store: reads, users and tokens, ledger, feed."""
        ...

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""
        ...

    @property
    def settings(self) -> Settings:
        """What the operator set; the API reads `allowed_hosts`."""
        ...

    @property
    def ingest_door(self) -> Door:
        """Where telemetry comes in."""
        ...

    @property
    def training(self) -> Any:
        """What makes new model versions; `api.mlops.training.Trainer` says what is asked of it."""
        ...

    @property
    def rolls(self) -> Any:
        """What brings versions into service; `api.mlops.rollouts.Rolls` says what is asked of it."""
        ...

    @property
    def recorded(self) -> Any:
        """What is asked of stored lines and traces; `api.series.Reads` says what."""
        ...

    @property
    def watching(self) -> Any:
        """What is asked about models that are watched; `api.mlops.watching.Watches` says what."""
        ...

    @property
    def changes(self) -> Any:
        """What is said and asked of changes; `api.insight.changes.Desk` says what."""
        ...

    @property
    def silences(self) -> Any:
        """What is said and asked of silences and their like; `api.silences.desk.Desk` says what."""
        ...

    @property
    def own(self) -> Any:
        """Where models of the user's own come in; `api.mlops.own.Owns` says what is asked of it."""
        ...

    def status(self) -> Status:
        """What is watched, the funnel of the last 24 hours, health of stages and sources. Cheap: asked all the time.

        Alerts, incidents and not paged of the funnel come from `control.funnel(since_ms)`.
        """
        ...

    def series(self, entity: str | None, metric: str | None, limit: int | None) -> Sequence[Series]:
        """By entity and metric; None is any."""
        ...

    def series_by_id(self, ids: Sequence[int | str]) -> Sequence[Series]:
        """Those of these series that are known."""
        ...

    def points(self, series_id: int, since_ms: int, until_ms: int) -> tuple[I64, F64]:
        """Samples of one series, oldest first: at_ms[n], value[n]; at most 10,000."""
        ...

    def bands(self, series_id: int, since_ms: int, until_ms: int) -> tuple[I64, F64, F64]:
        """What was expected: at_ms[n], low[n], high[n]; each holds until the next. The API aligns them."""
        ...

    def logs(self, entity: str, since_ms: int, until_ms: int, limit: int) -> Sequence[LogLine]:
        """Newest first."""
        ...

    def spans(self, trace_id: str) -> Sequence[SpanLine]:
        """The spans of one trace (lower-case hex id) by start; empty when it is not known."""
        ...

    def explain(self, labels: Mapping[str, str]) -> Explained:
        """Which entity a label set belongs to, and by which rule of the mapping."""
        ...

    def unplaced(self) -> Sequence[Labels]:
        """Label sets that no rule could place (bounded, newest last)."""
        ...

    def runbooks(self) -> Sequence[Runbook]:
        """What is loaded."""
        ...

    def agreement(self) -> Mapping[str, Any]:
        """Per model kind: live and shadow version and how often they agreed (`Serving.describe()`); JSON-able."""
        ...

    def meters(self) -> Mapping[VersionRef, tuple[ModelKind, Meter]]:
        """What each model that decides has taken for what it was asked, since it serves."""
        ...

    def in_production(self) -> Sequence[InProduction]:
        """How each version of the models stands that users run, as of its last predictions."""
        ...

    def budget(self) -> BudgetState:
        """Where the page budgets stand, what verdicts taught, what a storm makes wait; as of the last tick."""
        ...

    def services(self) -> Sequence[ServiceHealth]:
        """How each service is, the worst first, as of the last look."""
        ...

    def outlook(self) -> OutlookState:
        """What runs out and who is at risk, as of the last look."""
        ...

    def scorecard(self) -> Sequence[Any]:
        """Per model version: right, wrong, missed, precision and recall with their counts; JSON-able structs."""
        ...

    def reperform(self, entry_id: str) -> Reperformed:
        """Take a recorded decision again from its frozen inputs (`control.ledger_entry`, `control.frozen`)."""
        ...

    def vary(self, ref: VersionRef, parameters: Mapping[str, Any], by: User, why: str) -> ModelVersion:
        """Register a version that differs from `ref` in these parameters. `BadInput` when it cannot."""
        ...

    def signed_head(self) -> SignedHead:
        """The ledger's head with its signature. `NotFound` when the ledger is empty."""
        ...

    def verify_ledger(self, head: Head | None, envelope: Envelope | None) -> Verified:
        """Walk the chain and the frozen inputs; `envelope` is a signed head, `Refused` when a stranger signed it."""
        ...

    def audit_models(self) -> list[Audited]:
        """Whether each version is signed by whom we trust, and is what was signed."""
        ...

    def rotate_key(self, by: User) -> str:
        """Sign with a new key from now on; returns its id."""
        ...

    def recall(self, ref: VersionRef, limit: int, kind: EntryKind | None = None) -> Recall:
        """What a version caused."""
        ...

    async def command(self, command: Command) -> int:
        """Hand a person's command to the pipeline; returns its sequence number when it is durable.

        It takes effect when the pipeline reaches it (the feed tells). The API has checked that the subject exists.
        `deploy` has arguments kind and one of live, shadow as `name@7`; `rollback` has kind.
        """
        ...

    async def request(self, incident: str, wish: Wish, user: User) -> Plan:
        """The plan that a person asks for by hand, dry run, waiting for somebody else's yes.

        `NotFound`, `BadInput` and `Refused` say what is wrong with the wish.
        """
        ...

    async def approve(self, plan: str, digest: str, user: User, comment: str) -> Approval:
        """Record a yes to exactly this digest and start the plan. `Refused` by policy (own plan, changed, expired)."""
        ...

    async def reject(self, plan: str, digest: str, user: User, comment: str) -> Approval:
        """Record a no."""
        ...

    async def answer(self, plan: str, user: User, *, was_done: bool) -> None:
        """For a plan that is `unknown`: a person says whether the cut-off step took effect, and it goes on."""
        ...

    async def dry_run(self, plan: str) -> tuple[str, ...]:
        """What each step would do, in words, kept with the plan (`Plan.dry_run`); nothing is touched."""
        ...

    async def verdict(self, verdict: Verdict) -> Verdict:
        """Record a judgement. `about` comes empty and is filled here from the subject; returns when durable."""
        ...

    async def backup(self, to: Path) -> Manifest:
        """A consistent copy of everything into an empty folder, while running."""
        ...
