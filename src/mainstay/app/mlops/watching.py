"""What people ask about models that are watched: computed from the stores and the watch when it is asked."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import mainstay
from mainstay.app.mlops.served import Served
from mainstay.app.wiring import Line
from mainstay.domain.alerts import Alert
from mainstay.domain.errors import BadInput, MainstayError, NotFound
from mainstay.domain.incidents import Incident
from mainstay.domain.ledger import EntryKind, LedgerEntry
from mainstay.domain.models import ModelVersion, VersionRef
from mainstay.domain.protocols import Clock
from mainstay.domain.training import Experiment
from mainstay.domain.verdicts import Label
from mainstay.domain.watching import BiasCase, BiasReport, Finding, InventoryRow, RecallMark, RiskScore, Standing
from mainstay.mlops.governance import cards, inventory, recalling
from mainstay.mlops.governance.bias import report
from mainstay.mlops.governance.evidence import write_evidence
from mainstay.mlops.governance.risk import risk
from mainstay.mlops.own.building import is_brought
from mainstay.mlops.recall import recall
from mainstay.mlops.trust.heads import SignedHead
from mainstay.mlops.watching.judgements import Judgements
from mainstay.store.mlops import ModelStore

DAY_MS = 86_400_000
LOOKED_BACK_DAYS = 28
MOST_INCIDENTS = 5_000
MOST_MARKS = 100_000
TOLD_OF = {"deployment", "rollout", "gate", "approval", "validation", "recall", "experiment"}


class Watching:
    """Cards, inventory, risk, bias, drift, recall marks, and the validation file.

    Args:
        line: The pipeline and its stores.
    """

    def __init__(self, line: Line, clock: Clock) -> None:
        self._line, self._clock, self._control = line, clock, line.control
        self._store = ModelStore(line.control.database, line.control.tenant, line.control.feed)
        self.served = Served(line, clock)

    def drift(self, status: Literal["open", "over"] | None = None, limit: int = 200) -> dict[str, Any]:
        """What holds, what was found before, and the figures of the last look, per kind."""
        found = self._store.find(Finding, status=status, limit=limit)
        return {"findings": found, "kinds": self._line.watch.told}

    def standing(self, ref: VersionRef, scope: str = "*") -> Standing:
        """Whether a version stands in a scope."""
        return self._line.standings.standing(self._version(ref).ref, scope, self._now_ms())

    def was_taken_back(self, ref: VersionRef, scope: str) -> bool:
        """Whether it was rolled back from exactly there, and has not gone live since."""
        return any(scope == where for where, _ in self._line.watch.health.why_back(ref))

    def risk(self, ref: VersionRef, *, with_bias: bool = True) -> RiskScore:
        """The risk of one version, as a sum with reasons."""
        version = self._version(ref)
        judged = self._judgements(ref)
        found = self.bias(ref) if with_bias else None
        health = self._line.watch.health
        governance = health.governance.get(ref.model)
        findings = [one for one in self._line.watch.findings if one.version == ref]
        return risk(
            version, self.standing(ref), findings, governance, judged.precision, found,
            is_brought=is_brought(version.algorithm),
        )  # fmt: skip

    def bias(self, ref: VersionRef, days: float = LOOKED_BACK_DAYS, *, with_replay: bool = False) -> BiasReport:
        """Whom a version serves worse, over the last days; `with_replay` counts what it found, missed and told for
        nothing on the data that was held back from its training, too."""  # noqa: D205, D209
        version = self._version(ref)
        until_ms = self._now_ms()
        since_ms = until_ms - int(days * DAY_MS)
        entities = {entity.id: entity for entity in self._control.entities()}
        cases = list(self._cases(ref, since_ms))
        if with_replay and version.experiment:
            experiment = self._store.one(Experiment, version.experiment)
            cases += experiment.replayed if experiment else ()
        return report(ref, cases, entities, (since_ms, until_ms), self._line.watch.traffic)

    def card(self, ref: VersionRef) -> str:
        """The model card of a version, as Markdown with a YAML head."""
        version, judged = self._version(ref), self._judgements(ref)
        experiment = self._store.one(Experiment, version.experiment) if version.experiment else None
        known = self._control.versions(ref.model)
        return cards.card(
            cards.Facts(
                version=version,
                standing=self.standing(ref),
                risk=self.risk(ref),
                precision=judged.precision,
                recall=judged.recall,
                governance=self._line.watch.health.governance.get(ref.model),
                deployments=[one for one in self._control.deployments(version.kind) if one.role_of(ref)],
                findings=[one for one in self._store.find(Finding, limit=1000) if one.version == ref],
                approvals=self._approvals(ref),
                bias=self.bias(ref),
                children=[one for one in known if one.parent == ref],
                experiment={} if experiment is None else _snapshot(experiment),
            )
        )

    def inventory(self) -> list[InventoryRow]:
        """Every model, ours and those that users run: who answers for it, what is open, when it is due."""
        line = self._line
        ours = inventory.inventory(
            self._control.versions(),
            self._control.deployments(),
            line.watch.health,
            line.watch.findings,
            lambda ref: self.risk(ref, with_bias=False).value,
            self._now_ms(),
        )
        return [*ours, *self.served.rows()]

    def mark(self, ref: VersionRef, by: str, why: str) -> dict[str, int]:
        """Mark everything that a version caused for review; what is marked already stays as it is."""
        self._version(ref)
        found = recall(self._control.ledger_stream(), ref, MOST_MARKS)
        at_ms = self._now_ms()
        known = {mark.id for mark in self.marks(ref)}
        new = [mark for mark in recalling.marks_of(found, by, why, at_ms) if mark.id not in known]
        self._store.save(*new, entries=[recalling.recalled_entry(ref, new, by, why, at_ms)])
        counts: dict[str, int] = {}
        for mark in new:
            counts[mark.kind] = counts.get(mark.kind, 0) + 1
        return dict(sorted(counts.items()))

    def marks(self, ref: VersionRef, status: str | None = None) -> list[RecallMark]:
        """What was marked of a version, the newest first."""
        return self._store.find(RecallMark, subject=str(ref), status=status, limit=MOST_MARKS)

    def review(self, mark: str, status: Literal["upheld", "wrong"], by: str) -> RecallMark:
        """A person looked at something marked again."""
        found = self._store.one(RecallMark, mark)
        if found is None:
            raise NotFound(f"nothing is marked under {mark[:200]!r}")
        now, entry = recalling.reviewed(found, status, by, self._now_ms())
        self._store.save(now, entries=[entry])
        return now

    def evidence(self, folder: Path, head: SignedHead) -> dict[str, int]:
        """Write the validation file into an empty folder.

        Raises:
            BadInput: The folder holds something, or cannot be written.
        """
        versions = self._control.versions()
        keys = self._line.keys
        at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(self._now_ms() / 1000))
        about = {"inventory": inventory.as_csv(self.inventory()), "at": at, "version": mainstay.__version__}
        try:
            return write_evidence(
                folder,
                {str(version.ref): self.card(version.ref) for version in versions} | self.served.cards(),
                versions,
                dict(self._attestations(versions)),
                self._control.ledger_stream(),
                (head, keys.public_keys()),
                about,
            )
        except OSError as error:
            raise BadInput(f"{folder} cannot be written: {error.strerror}") from None

    def decisions(self, sample: int, seed: int) -> list[str]:
        """Ids of that many decisions whose inputs were frozen, drawn from the whole ledger: the same for one seed."""
        lots, drawn, seen = random.Random(seed), list[str](), 0  # noqa: S311  a lot, not a secret
        for entry in self._control.ledger_stream():
            if not entry.inputs_digest:
                continue
            seen += 1
            place = lots.randrange(seen)  # Vitter's algorithm R (1985)
            if len(drawn) < sample:
                drawn.append(entry.id)
            elif place < sample:
                drawn[place] = entry.id
        return drawn

    # -- what it is computed from

    def _version(self, ref: VersionRef) -> ModelVersion:
        return self._line.registry.version(ref)

    def _labels(self, ref: VersionRef) -> list[Label]:
        return [label for label in self._control.labels(ref.model) if label.version == ref.version]

    def _judgements(self, ref: VersionRef) -> Judgements:
        judged = Judgements()
        for label in self._labels(ref):
            judged.saw(label)
        return judged

    def _approvals(self, ref: VersionRef) -> list[LedgerEntry]:
        """What the ledger says of it: deployments, gates, validations, recalls."""
        found = self._control.ledger_page(subject=str(ref), limit=200)
        for kind in (one for one in get_args(EntryKind) if one in TOLD_OF):
            page = self._control.ledger_page(kind=kind, limit=500)
            found += [entry for entry in page if f"version-{ref}" in entry.rests_on and entry.subject != str(ref)]
        told = {entry.seq: entry for entry in found if entry.kind in TOLD_OF}
        return [told[seq] for seq in sorted(told)]

    def _cases(self, ref: VersionRef, since_ms: int) -> Iterator[BiasCase]:
        """What a version did, and what it missed, as far as its evenness is judged by it."""
        words: dict[str, Label] = {}
        for label in sorted(self._labels(ref), key=lambda one: (one.by != "outcome", one.at_ms)):
            if label.at_ms >= since_ms and label.kind in {"alert", "missed"}:
                words[f"{label.kind}:{label.subject}"] = label
        alerts = {one.id: one for one in self._control.alerts_by_id([w.subject for w in words.values()])}
        for label in words.values():
            if label.kind == "missed":
                yield BiasCase(entity=label.subject, is_missed=True)
            elif label.subject in alerts:
                yield BiasCase(entity=alerts[label.subject].about, is_true=label.is_true)
        right = {label.subject for label in words.values() if label.is_true}
        yield from self._incident_cases(ref, since_ms, right)

    def _incident_cases(self, ref: VersionRef, since_ms: int, right: set[str]) -> Iterator[BiasCase]:
        incidents = [one for one in self._control.incidents(limit=MOST_INCIDENTS) if one.opened_ms >= since_ms]
        ids = [grouping.alert for incident in incidents for grouping in incident.groupings]
        alerts = {alert.id: alert for alert in self._control.alerts_by_id(ids) if alert.decided_by == ref}
        for incident in incidents:
            mine = list(_mine(incident, alerts))
            if mine:
                is_right = any(alert.id in right for alert in mine)
                is_page = not is_right and bool(self._control.pages(incident.id))
                delay_s = (incident.opened_ms - incident.since_ms) / 1000
                yield BiasCase(entity=mine[0].about, is_page=is_page, delay_s=delay_s)

    def _attestations(self, versions: Iterable[ModelVersion]) -> Iterator[tuple[str, bytes]]:
        for version in versions:
            try:
                yield str(version.ref), self._line.registry.artefacts.read(version.attestation)
            except MainstayError:  # an unsigned or altered one has none to show; its card says that it is not served
                continue

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000


def _mine(incident: Incident, alerts: Mapping[str, Alert]) -> Iterator[Alert]:
    return (alerts[one.alert] for one in incident.groupings if one.alert in alerts)


def _snapshot(experiment: Experiment) -> dict[str, Any]:
    found = experiment.snapshot
    return {"snapshot": {"row_count": found.row_count, "since_ms": found.since_ms, "until_ms": found.until_ms}}
