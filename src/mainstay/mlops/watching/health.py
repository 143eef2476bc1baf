"""What is known of versions beside their figures: who is in canary, who was rolled back, who answers for the model."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mainstay.domain.effects import Effects
from mainstay.domain.errors import BadInput
from mainstay.domain.ledger import Entry
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Command
from mainstay.domain.rollouts import Rollout
from mainstay.domain.watching import Governance, Materiality

REVIEW_DAYS: Mapping[Materiality, int] = {"high": 90, "medium": 180, "low": 365}
"""How long a validation holds when nothing else is written down; yearly at the latest, as supervisors ask of banks
(Federal Reserve SR 11-7, 2011)."""
DAY_MS = 86_400_000
ROLLED_BACK = 256
EVERYWHERE = "*"
FIELDS = ("owner", "purpose", "materiality", "validator", "validated_ms", "review_days", "findings")


class Health(msgspec.Struct):
    """Kept by the watch, from records alone.

    Attributes:
        canary: Rollouts in canary: version and scope, by the rollout's id.
        rolled_back: Versions that were taken back, and where (`metrics@7|service=shop`), with the reason; one that goes
            live there again is none.
        governance: What people wrote down of models, by name.
    """

    canary: dict[str, tuple[VersionRef, str]] = {}
    rolled_back: dict[str, str] = {}
    governance: dict[str, Governance] = {}

    def saw(self, effects: Effects) -> None:
        """Take up what a record decided of rollouts, deployments and models."""
        for record in effects.records.values():
            if isinstance(record, Governance):
                self.governance[record.id] = record
            elif isinstance(record, Rollout):
                self._rollout(record)
        for deployment in effects.deployments.values():
            for scope, _ in self.why_back(deployment.live):
                if EVERYWHERE in (scope, deployment.scope) or scope == deployment.scope:
                    del self.rolled_back[f"{deployment.live}|{scope}"]

    def took_back(self, version: VersionRef, scope: str, why: str) -> None:
        """A version was rolled back in a scope; where it decides elsewhere, it stands."""
        self.rolled_back[f"{version}|{scope}"] = why
        while len(self.rolled_back) > ROLLED_BACK:
            self.rolled_back.pop(next(iter(self.rolled_back)))

    def why_back(self, version: VersionRef) -> list[tuple[str, str]]:
        """(scope, why) of every place from which a version was taken back."""
        name = f"{version}|"
        return [(key.removeprefix(name), why) for key, why in self.rolled_back.items() if key.startswith(name)]

    def next_review_ms(self, model: str) -> int | None:
        """Until when its validation holds; None when nobody answers for it yet, or nobody ever validated it."""
        known = self.governance.get(model)
        if known is None or not known.validated_ms:
            return None
        return known.validated_ms + (known.review_days or REVIEW_DAYS[known.materiality]) * DAY_MS

    def is_overdue(self, model: str, at_ms: int) -> bool:
        """Its validation has run out. A model that nobody has put under validation is not overdue: it is unvalidated,
        which the inventory says."""  # noqa: D205, D209
        due_ms = self.next_review_ms(model)
        return due_ms is not None and at_ms > due_ms

    def _rollout(self, rollout: Rollout) -> None:
        self.canary.pop(rollout.id, None)
        if rollout.stage == "canary":
            self.canary[rollout.id] = (rollout.challenger, rollout.scope)
        elif rollout.stage == "rolled_back":
            self.took_back(rollout.challenger, rollout.scope, rollout.says or rollout.why)


def governed(command: Command, known: Governance | None, effects: Effects) -> None:
    """A person wrote down who answers for a model, or validated it (`govern`); what is not named stays as it was.

    Raises:
        BadInput: It makes no sense, and why.
    """
    given = {name: msgspec.json.decode(value) for name, value in command.arguments.items()}
    unknown = sorted(set(given) - set(FIELDS))
    if unknown:
        raise BadInput(f"a model's inventory has no {unknown[0]!r}; it has {', '.join(FIELDS)}")
    before = msgspec.to_builtins(known or Governance(id=command.subject))
    try:
        now = msgspec.convert({**before, **given, "by": command.by, "at_ms": command.at_ms}, Governance)
    except msgspec.ValidationError as error:
        raise BadInput(f"inventory of {command.subject}: {error}") from None
    owners = {now.owner.casefold()} | ({known.owner.casefold()} if known and "validator" in given else set())
    if now.validator and now.validator.casefold() in owners:  # nor who hands it on in the same breath
        raise BadInput(f"{now.validator} owns {now.id} and cannot validate it: name another person as validator")
    effects.records[f"governance:{now.id}"] = now
    entry = Entry(
        id=f"inventory:{now.id}:{command.at_ms}:{effects.decided_seq}",
        kind="inventory",
        at_ms=command.at_ms,
        actor=f"user:{command.by}",
        subject=now.id,
        output={name: msgspec.to_builtins(getattr(now, name)) for name in FIELDS},
    )
    effects.entries.append(entry)
