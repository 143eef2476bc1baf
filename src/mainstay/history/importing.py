"""The two commands as they run: read, rehearse, report, hand over; each part is done once, and goes on when cut off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mainstay.domain.errors import BadInput
from mainstay.domain.verdicts import Verdict
from mainstay.history import plan as plans
from mainstay.history.decided import FILE as DECIDED
from mainstay.history.decided import Decided
from mainstay.history.handover import LINE, MARK, alone, can_take, hand_over, is_handed_over
from mainstay.history.plan import Plan, private_folder
from mainstay.history.prometheus.client import Prometheus
from mainstay.history.recording import Told, read_slices, slices
from mainstay.history.rehearsal import rehearse
from mainstay.history.report import Report, report
from mainstay.history.tickets import Export, keep, kept
from mainstay.settings import Settings
from mainstay.written import write_whole

FOLDER = "history"
REPORT = "report.json"
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(m|h|d|w)")
_UNIT_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a past is wanted: which series, from when to when, and how much of it only teaches."""

    match: tuple[str, ...]
    since_s: int
    until_s: int
    learn_s: int | None = None


def import_prometheus(data: Path, prometheus: Prometheus, asked: Asked, settings: Settings, told: Told) -> Report:
    """Read what is not read yet, let the pipeline run over it in a folder of its own, and say what it would have told.

    Raises:
        GaveUp: Their Prometheus gave no usable answer in time; what was read is kept.
        BadInput: There is nothing in that time, or another past was begun here.
        Refused: Another import runs here, or their Prometheus does not let us in.
    """
    history = private_folder(data / FOLDER)
    with alone(history / "lock", f"another import runs in {history}: wait for it, or stop it"):
        return _imported(history, prometheus, asked, settings, told)


def _imported(history: Path, prometheus: Prometheus, asked: Asked, settings: Settings, told: Told) -> Report:
    if is_handed_over(history) or (history / MARK).exists():
        told("this past was handed over to the platform here; nothing is read again")
        decided = Decided.load(history)
        assert decided is not None  # what was handed over was rehearsed
        return _reported(history, decided, asked.learn_s)
    plan = _planned(history, prometheus, asked, told)
    read = read_slices(history, plan, prometheus, told)
    told(
        f"{read.read_now} of {read.slices} slices read now: {read.samples_now:,} samples, "
        f"{read.turns_now} turns of alerts, {prometheus.queries} queries, {prometheus.retries} tried again, "
        f"{read.took_s:.0f} s; {read.bytes_on_disk / 1e6:.1f} MB kept"
        + (f"; {read.refused_now} samples refused as remote write would" if read.refused_now else "")
    )
    return _reported(history, _rehearsed(history, plan, asked, settings, told), asked.learn_s)


def _rehearsed(history: Path, plan: Plan, asked: Asked, settings: Settings, told: Told) -> Decided:
    """What the pipeline decides about the recording; nothing is done again that was done up to the same moment."""
    decided = Decided.load(history)
    if decided is None or decided.until_ms != plan.untils_s[-1] * 1000 or not (history / LINE).is_dir():
        (history / DECIDED).unlink(missing_ok=True)
        decided = rehearse(
            slices(history),
            history / LINE,
            settings,
            told,
            judge=lambda found: missed(_reported(history, found, asked.learn_s)),
        )
        decided.save(history)
    return decided


def give(data: Path) -> str:
    """Hand the rehearsed platform over to `data`; what happened, or why it could not.

    Raises:
        Refused: The platform there runs, or has a life of its own.
    """
    history = data / FOLDER
    if is_handed_over(history):
        return "it was handed over before"
    return hand_over(data, history)


def obstacle(data: Path) -> str:
    """Why nothing could be handed over to `data` now; "" when it can."""
    return "" if is_handed_over(data / FOLDER) or (data / FOLDER / MARK).exists() else can_take(data)


def import_tickets(data: Path, export: Export) -> Report | None:
    """Keep the tickets; the report with them, when a past was rehearsed here."""
    history = private_folder(data / FOLDER)
    keep(history, export.tickets)
    decided = Decided.load(history)
    return _reported(history, decided, None) if decided is not None else None


def missed(found: Report) -> list[Verdict]:
    """A missed incident is a verdict too: one of each ticket that we did not tell of and whose service is known."""
    return [
        Verdict(
            id=f"V-ticket-{fate.id}",
            kind="missed",
            subject=fate.entity,
            by="import",
            at_ms=fate.opened_ms,
            since_ms=fate.opened_ms,
            comment=f"ticket {fate.id}: {fate.title}"[:2000],
        )
        for fate in found.fates
        if fate.fate == "missed" and fate.entity
    ]


def moment_s(text: str, now_s: float) -> int:
    """`14d`, `36h` (before now), or a time such as `2026-11-01T00:00:00+01:00` (UTC unless it says another zone).

    >>> moment_s("2h", 10_000), moment_s("1970-01-02", 0)
    (2800, 86400)

    Raises:
        BadInput: It is neither.
    """
    span = _SPAN.fullmatch(text.strip())
    if span:
        return int(now_s - float(span[1]) * _UNIT_S[span[2]])
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(f"expected a span such as 14d or 36h, or a time such as 2026-11-01, got {text[:40]!r}") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _planned(history: Path, prometheus: Prometheus, asked: Asked, told: Told) -> Plan:
    known = Plan.load(history)
    if known is not None:
        plan = plans.further(known, prometheus.url, asked.match, asked.since_s, asked.until_s)
    elif asked.until_s - asked.since_s < 3600:
        raise BadInput("an hour is the least that can teach anything: give an earlier --since")
    else:
        plan = plans.made(prometheus, asked.match, asked.since_s, asked.until_s)
    if plan != known:
        plan.save(history)
    others = {job: step for job, step in plan.steps.items() if step != plan.usual_s}
    told(
        f"one sample every {plan.usual_s} s"
        + "".join(f", {step} s for job {job!r}" for job, step in sorted(others.items()))
        + f"; external labels {plan.external or 'none'}; {len(plan.slices())} slices of {plan.slice_s // 60} min"
    )
    return plan


def _reported(history: Path, decided: Decided, learn_s: int | None) -> Report:
    """With the same border between learned and judged as before, unless another one is asked for."""
    before = _before(history)
    if learn_s is not None:
        judged_ms = decided.since_ms + learn_s * 1000
    elif before is not None and before.judged_until_ms == decided.until_ms:
        judged_ms = before.judged_since_ms
    else:
        judged_ms = (decided.since_ms + decided.until_ms) // 2
    made = report(decided, kept(history), judged_ms)
    write_whole(history / REPORT, msgspec.json.format(msgspec.json.encode(made), indent=2))
    return made


def _before(history: Path) -> Report | None:
    try:
        return msgspec.json.decode((history / REPORT).read_bytes(), type=Report)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
