"""Writes of plans and approvals that must look before they write: people, executor and pipeline meet here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import update

from mainstay.domain.ledger import Entry
from mainstay.domain.runbooks import Approval, Plan, PlanStatus
from mainstay.store import documents as doc
from mainstay.store import schema
from mainstay.store.transaction import Transaction


def unanswered(write: Transaction, plans: Mapping[str, Plan]) -> dict[str, Plan]:
    """Of what the pipeline proposes and withdraws, what may be written: a plan that a person has answered is theirs."""
    kept = {plan.id: plan for plan in doc.PLAN.by_id(write.connection, write.tenant, list(plans))}
    may = {n: p for n, p in plans.items() if n not in kept or kept[n].status in ("proposed", "withdrawn")}
    return {n: msgspec.structs.replace(p, dry_run=kept[n].dry_run) if n in kept else p for n, p in may.items()}


def note_dry_run(write: Transaction, plan: str, digest: str, says: Sequence[str]) -> None:
    """Keep what a plan said that it would do, unless it is another plan by now; it is no part of its digest."""
    kept = doc.PLAN.one(write.connection, write.tenant, id=plan)
    if kept is not None and kept.digest == digest:
        write.save(doc.PLAN, [msgspec.structs.replace(kept, dry_run=tuple(says))])


def answer_plan(
    write: Transaction, approval: Approval, of: Collection[PlanStatus], entries: Iterable[Entry] = ()
) -> bool:
    """Keep a yes or no together with the plan's new status; False when the plan is another or over by now."""
    plan = doc.PLAN.one(write.connection, write.tenant, id=approval.plan)
    if plan is None or plan.status not in of or plan.digest != approval.digest:
        return False
    write.save_new(doc.APPROVAL, [approval])
    answered = msgspec.structs.replace(plan, status=approval.decision, updated_ms=approval.at_ms)
    write.save(doc.PLAN, [answered])
    write.append(entries)
    return True


def use_approval(write: Transaction, approval: str, at_ms: int, entries: Iterable[Entry] = ()) -> bool:
    """Use it up. True once, for one caller; False when it is used, expired, a no, or not there."""
    found = doc.APPROVAL.one(write.connection, write.tenant, id=approval)
    if found is None or found.decision != "approved" or found.expires_ms <= at_ms:
        return False
    unused = (schema.approvals.c.id == approval, schema.approvals.c.used_ms.is_(None))
    [row] = doc.APPROVAL.rows([msgspec.structs.replace(found, used_ms=at_ms)], write.tenant)
    used = update(schema.approvals).where(schema.approvals.c.tenant == write.tenant, *unused).values(row)
    is_ours = write.connection.execute(used).rowcount == 1  # of two databases' clients, too, only one wins
    if is_ours:
        write.append(entries)
    return is_ours
