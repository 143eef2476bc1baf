"""Plans, approvals and runbooks: what Mainstay would do, and who said that it may."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from mainstay.api.incidents import plan_view
from mainstay.api.parameters import Asking, Limit, Platform, found
from mainstay.domain.runbooks import Approval, PlanStatus, Runbook, Wish


class Decided(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A yes or no, to exactly the plan that was looked at."""

    digest: str
    comment: str = ""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person saw when they looked."""

    was_done: bool


class DryRun(msgspec.Struct, frozen=True):
    """What each step would do, in words."""

    says: tuple[str, ...]


@post("/incidents/{incident:str}/plans", role="responder", status_code=201)
async def ask_for(platform: Platform, request: Asking, incident: FromPath[str], data: JSONBody[Wish]) -> dict[str, Any]:
    """Ask for a runbook by hand. The plan is dry run, and waits for the yes of another person than you."""
    found(platform.control.incident(incident), "incident", incident)
    return plan_view(await platform.request(incident, data, request.user))


@get("/plans", role="viewer", sync_to_thread=True)
def list_plans(
    platform: Platform,
    incident: FromQuery[str | None] = None,
    status: FromQuery[PlanStatus | None] = None,
    limit: Limit = 100,
) -> list[dict[str, Any]]:
    """Newest first."""
    return [plan_view(plan) for plan in platform.control.plans(incident, status, limit)]


@get("/plans/{plan:str}", role="viewer", sync_to_thread=True)
def show_plan(platform: Platform, plan: FromPath[str]) -> dict[str, Any]:
    """One plan with its `digest`, its `approvals`, and the `results` of its steps."""
    control = platform.control
    return {
        **plan_view(found(control.plan(plan), "plan", plan)),
        "approvals": control.approvals(plan),
        "results": control.steps(plan),
    }


@get("/approvals", role="viewer", sync_to_thread=True)
def list_waiting(platform: Platform, limit: Limit = 100) -> list[dict[str, Any]]:
    """Plans that wait for a person, newest first."""
    return [plan_view(plan) for plan in platform.control.plans(status="proposed", limit=limit)]


@post("/plans/{plan:str}/approve", role="approver", status_code=201)
async def approve(platform: Platform, request: Asking, plan: FromPath[str], data: JSONBody[Decided]) -> Approval:
    """Say yes to exactly this digest, once. Refused for one's own plan, or when the plan has changed since."""
    found(platform.control.plan(plan), "plan", plan)
    return await platform.approve(plan, data.digest, request.user, data.comment)


@post("/plans/{plan:str}/reject", role="approver", status_code=201)
async def reject(platform: Platform, request: Asking, plan: FromPath[str], data: JSONBody[Decided]) -> Approval:
    """Say no."""
    found(platform.control.plan(plan), "plan", plan)
    return await platform.reject(plan, data.digest, request.user, data.comment)


@post("/plans/{plan:str}/answer", role="approver", status_code=202)
async def answer(platform: Platform, request: Asking, plan: FromPath[str], data: JSONBody[Answer]) -> None:
    """Say whether the step at which a crash fell took effect: yes goes on behind it, no undoes what was done."""
    found(platform.control.plan(plan), "plan", plan)
    await platform.answer(plan, request.user, was_done=data.was_done)


@post("/plans/{plan:str}/dry-run", role="responder", status_code=200)
async def dry_run(platform: Platform, plan: FromPath[str]) -> DryRun:
    """What each step would do; nothing is touched. The plan keeps it as `dry_run`, for whoever approves."""
    found(platform.control.plan(plan), "plan", plan)
    return DryRun(says=await platform.dry_run(plan))


@get("/runbooks", role="viewer", sync_to_thread=True)
def list_runbooks(platform: Platform) -> list[Runbook]:
    """What is loaded."""
    return list(platform.runbooks())


ROUTES = [ask_for, list_plans, show_plan, list_waiting, approve, reject, answer, dry_run, list_runbooks]
