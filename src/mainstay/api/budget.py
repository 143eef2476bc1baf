"""The page budget: what was promised and what came of it, what was held back, what was learned, and the way back."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath

from mainstay.api.incidents import Accepted
from mainstay.api.parameters import Asking, Limit, Platform, found, now_ms
from mainstay.api.platform import PlatformApi
from mainstay.detect import explain
from mainstay.detect.explanation import says
from mainstay.domain.alerts import Alert
from mainstay.domain.budget import DEFAULT_TEAM, BudgetState, Floor, LearnedBar, TeamBudget
from mainstay.domain.records import Command
from mainstay.domain.verdicts import Verdict
from mainstay.feedback import Miss, Observed, misses, observed, pages

WEEK_MS = 7 * 86_400_000
SPAN_MS = 4 * WEEK_MS
MOST = 2000


class TeamPage(msgspec.Struct, frozen=True, kw_only=True):
    """One team: where its budget stands, and what was observed in up to four weeks."""

    team: str
    stands: TeamBudget
    observed: Observed


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What a verdict taught, with its effect in words."""

    bar: LearnedBar
    says: str


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that was held back, and the trouble that it would have told, if any."""

    alert: Alert
    missed: Miss | None


class BudgetPage(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `held` are the newest; `held_count` is of the whole span, and so is the rest unless `is_cut`.

    `is_cut`: there was more than is looked through; what was observed and missed is at least what stands here.

    `waiting` is what a storm makes wait now, `lost` what did not even fit there since the beginning.
    """

    since_ms: int
    teams: list[TeamPage]
    held: list[Held]
    held_count: int
    missed_count: int
    learned: list[Learned]
    floors: list[Floor]
    waiting: int
    lost: int
    is_cut: bool = False


@get("/budget", role="viewer", sync_to_thread=True)
def show_budget(platform: Platform, limit: Limit = 100) -> BudgetPage:
    """Promised against observed per team, what was not paged and the misses in it, and what verdicts taught."""
    control, at_ms = platform.control, now_ms(platform)
    since_ms = max(at_ms - SPAN_MS, _began_ms(platform))
    said, opened = control.verdicts(limit=MOST), control.incidents(limit=MOST)
    verdicts = _with_incidents(platform, said)
    incidents = [one for one in opened if one.opened_ms >= since_ms]
    grouped = {g.alert for one in incidents for g in one.groupings if g.at_ms <= one.opened_ms}
    alerts = {one.id: one for one in control.alerts_by_id(sorted(grouped))}
    owners = {entity.id: entity.owner or DEFAULT_TEAM for entity in control.entities()}
    told = pages(incidents, alerts, verdicts, lambda entity: owners.get(entity, DEFAULT_TEAM))
    held_back, others = (control.alerts(limit=MOST, suppressed=is_held) for is_held in (True, False))
    held = [one for one in held_back if one.since_ms >= since_ms]
    rules = [one for one in others if one.source != "detector"]
    oldest_ms = (
        *(one.at_ms for one in said[MOST - 1 :]),
        *(one.opened_ms for one in opened[MOST - 1 :]),
        *(one.since_ms for one in (*held_back[MOST - 1 :], *others[MOST - 1 :])),
    )
    missed = {miss.alert: miss for miss in misses(held, told, rules, verdicts)}
    state, weeks = platform.budget(), max((at_ms - since_ms) / WEEK_MS, 0.0)
    stands = state.teams or (_untouched(platform),)
    return BudgetPage(
        since_ms=since_ms,
        teams=[TeamPage(team=s.team, stands=s, observed=observed(s.team, told, weeks, s.promised)) for s in stands],
        held=[Held(alert=alert, missed=missed.get(alert.id)) for alert in held[:limit]],
        held_count=control.funnel(since_ms).not_paged,
        missed_count=len(missed),
        learned=_learned(state),
        floors=list(platform.settings.floors),
        waiting=state.waiting,
        lost=state.lost,
        is_cut=any(at_ms >= since_ms for at_ms in oldest_ms),
    )


@post("/budget/learned/{name:str}/undo", role="responder", status_code=202)
async def undo(platform: Platform, request: Asking, name: FromPath[str]) -> Accepted:
    """Take back what a verdict taught of a condition; the verdict itself stays said."""
    found(next((bar for bar in platform.budget().learned if bar.id == name), None), "learned condition", name)
    by = request.user.name
    command = Command(kind="suppress", by=by, at_ms=now_ms(platform), subject=name, arguments={"undo": name})
    return Accepted(seq=await platform.command(command))


@get("/alerts/{alert:path}", role="viewer", sync_to_thread=True)
def show_alert(platform: Platform, alert: FromPath[str]) -> dict[str, Any]:
    """One alert; its `explanation` says in words what was expected, what came, how rare, and what if it is wrong.

    `grouped`: why it is in an incident, or in none.
    """
    name = alert.removeprefix("/")
    one = found(platform.control.alert(name), "alert", name)
    words = explain(one, platform.budget().learned)
    return {**msgspec.to_builtins(one), "explanation": msgspec.to_builtins(words), "grouped": _grouped(platform, name)}


def _grouped(platform: PlatformApi, alert: str) -> str:
    """Why it is in its incident, or in none, as the ledger has it."""
    entries = platform.control.ledger_page(limit=1, subject=alert, kind="grouping")
    said = entries[0].output if entries else {}
    words = {"join": f"joined {said.get('incident')}", "along": f"came along into {said.get('incident')}",
             "open": "opened an incident", "hold": "waits"}  # fmt: skip
    return f"{words.get(said['action'], said['action'])}: {said['why']}" if said else ""


def _learned(state: BudgetState) -> list[Learned]:
    return [Learned(bar=bar, says=says(bar)) for bar in sorted(state.learned, key=lambda bar: (-bar.at_ms, bar.id))]


def _began_ms(platform: PlatformApi) -> int:
    first = platform.control.ledger(limit=1)
    return first[0].at_ms if first else now_ms(platform)


def _untouched(platform: PlatformApi) -> TeamBudget:
    promised = platform.settings.budget.of(DEFAULT_TEAM)
    return TeamBudget(team=DEFAULT_TEAM, promised=promised, watched=0, reserved=0.0, places=0, used=0, level=None)


def _with_incidents(platform: PlatformApi, verdicts: list[Verdict]) -> list[Verdict]:
    """Verdicts about plans with the incident that the plan was for."""
    return [
        msgspec.structs.replace(one, target=plan.incident)
        if one.kind.startswith("plan-") and (plan := platform.control.plan(one.subject)) is not None
        else one
        for one in verdicts
    ]


ROUTES = [show_budget, undo, show_alert]
