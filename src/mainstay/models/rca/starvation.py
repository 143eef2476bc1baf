"""A host that gets no processor time: what shares it slows down together and wakes late, and nobody by itself.

Each service of such a host looks starved or slow on its own account, so one of them, or a harmless deploy, would be
blamed. Here the services of a host are looked at together: when most of those that say how late they wake wake late
(or the host itself tells of pressure) and most of them need more time of their own, the host explains them. What is
far beyond its neighbours, fails, or uses the processor itself is not explained, and is diagnosed from what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

import msgspec

from mainstay.models.rca.case import AlertFact, CallFact, Case, VitalFact, short
from mainstay.models.rca.clue import Clue
from mainstay.models.rca.host import Host, added_ms, said, top
from mainstay.models.rca.picture import ILLNESS, Picture

SLOWNESS = ("latency", "traffic")


@dataclass(frozen=True)
class Starvation:
    """Hosts that are starved at the same time, the worst first, with what that explains and what is left over."""

    hosts: tuple[str, ...]
    rest: Case
    clues: tuple[Clue, ...]

    @property
    def host(self) -> str:
        """The one that is charged; others that are starved with it are named beside it."""
        return self.hosts[0]


def starvation_of(case: Case, weights: Mapping[str, float]) -> Starvation | None:
    """The starved hosts of a case; None when none is, or a person ruled them out."""
    if not case.hosts:
        return None
    by_host: dict[str, list[str]] = {}
    for entity, host in sorted(case.hosts.items()):
        if case.kind(entity) == "service" and host not in case.ruled_out:
            by_host.setdefault(host, []).append(entity)
    found = [Host(host, members, case, weights) for host, members in sorted(by_host.items())]
    starved = sorted((h for h in found if h.strength > 0), key=lambda h: (-h.strength, -len(h.slow), h.name))
    if not starved:
        return None
    rest = _rest(case, starved, weights)
    clues = [*_told(starved), *_witnesses(starved[0]), *_explained(case, rest, starved, weights)]
    return Starvation(tuple(h.name for h in starved), rest, tuple(clues))


def _rest(case: Case, starved: Iterable[Host], weights: Mapping[str, float]) -> Case:
    """The case without what the hosts explain: slowness of excused members, of their calls to stores, and lateness."""
    hosts = {member: host for host in starved for member in host.members}
    beyond = {m for m, host in hosts.items() if not host.is_excused(m)}
    far = beyond | {call.callee for call in case.calls if _is_far(call, hosts, weights)}
    far |= {alert.callee for alert in case.alerts if _is_far_told(alert, hosts, weights)}
    excused = set(hosts) - far - _above(case, far)  # who calls somebody that is really slow is slow because of that
    calls = tuple(_calm(c) if _is_explained(c, excused, far) else c for c in case.calls)
    began_ms = max((c.at_ms for c in case.changes if c.entity in beyond), default=case.onset_ms)
    alerts = [_dated(a, began_ms) for a in case.alerts if not _is_alert_explained(a, excused, far)]
    vitals = [v for v in case.vitals if v.kind != "delay" or v.entity not in hosts or not _is_host_late(v, hosts)]
    failing = {c.callee for c in calls if c.errors_now - c.errors_before > weights["failing_share"]}
    silent = {e: at for e, at in case.silent.items() if e not in hosts or e in failing}
    onset_ms = min((a.since_ms for a in alerts), default=case.onset_ms)
    return msgspec.structs.replace(
        case, alerts=tuple(alerts), calls=calls, vitals=tuple(vitals), silent=silent,
        onset_ms=max(case.onset_ms, onset_ms),
    )  # fmt: skip


def _dated(alert: AlertFact, began_ms: int) -> AlertFact:
    """Slowness beyond the host's cannot be told from the host's in time: a change since then is taken to begin it."""
    if alert.signal not in SLOWNESS or alert.since_ms >= began_ms:
        return alert
    return msgspec.structs.replace(alert, since_ms=began_ms)


def _is_host_late(vital: VitalFact, hosts: Mapping[str, Host]) -> bool:
    return hosts[vital.entity].is_just_late(vital)


def _is_far(call: CallFact, hosts: Mapping[str, Host], weights: Mapping[str, float]) -> bool:
    """A call of a starved caller to something that runs elsewhere, far slower than its own wait for the processor."""
    host = hosts.get(call.caller)
    if host is None or call.callee in hosts:
        return False
    return call.now_ms - call.before_ms > max(weights["beyond_ms"], weights["beyond"] * host.usual_ms)


def _is_far_told(alert: AlertFact, hosts: Mapping[str, Host], weights: Mapping[str, float]) -> bool:
    if alert.signal != "latency" or alert.caller not in hosts or alert.callee in hosts:
        return False
    return (alert.ratio or 0.0) > weights["beyond_ratio"]


def _is_alert_explained(alert: AlertFact, excused: set[str], far: set[str]) -> bool:
    if alert.resource == "delay" and alert.about in excused:
        return True
    if alert.signal not in SLOWNESS or alert.about in far:
        return False
    return alert.about in excused or alert.caller in excused  # who waits for its turn sees its stores slow


def _is_explained(call: CallFact, excused: set[str], far: set[str]) -> bool:
    return call.callee not in far and (call.callee in excused or call.caller in excused)


def _above(case: Case, entities: set[str]) -> set[str]:
    picture = Picture(case, {})
    return {other for entity in entities for other in picture.above(entity)} - entities


def _calm(call: CallFact) -> CallFact:
    """The call as it was, as far as time goes; its errors stay."""
    return msgspec.structs.replace(call, now_ms=call.before_ms, own_now_ms=call.own_before_ms)


def _told(starved: list[Host]) -> list[Clue]:
    """What is said first: how many wake late, how many are slow, and on which other hosts."""
    host, weight = starved[0], starved[0].weights["host"]
    worst = max(host.delays.values(), key=lambda v: (top(v) - v.before, v.entity), default=None)
    if host.late and len(host.late) >= host.weights["host_share"] * len(host.delays):
        usual = median(v.before for v in host.delays.values())
        now = median(top(v) for v in host.delays.values())
        why = f"{len(host.late)} of {len(host.delays)} services wake late ({usual * 1e3:.0f} → {now * 1e3:.0f} ms)"
    else:
        why = said(host.pressure) if host.pressure else ""
        worst = host.pressure or worst
    others = "; so is " + ", ".join(short(h.name) for h in starved[1:]) if len(starved) > 1 else ""
    says = f"{short(host.name)} is starved of processor time: {why}, {len(host.slow)} slowed down together{others}"
    ref = str(worst.series) if worst else ""
    return [Clue(says, weight * host.strength, "metric", ref, host.case.onset_ms)]


def _witnesses(host: Host) -> list[Clue]:
    """A few series and calls to look at; the same fact seen again counts little."""
    weight = 0.05 * host.weights["host"]
    clues = []
    if host.pressure and host.late:
        clues.append(_look(host, host.pressure, said(host.pressure), weight))
    lates = sorted((host.delays[e] for e in host.late), key=lambda v: (v.before - top(v), v.entity))
    clues += [_look(host, v, f"{short(v.entity)} wakes late: {said(v)}", weight) for v in lates[1:3]]
    for member in sorted(host.slow, key=lambda m: (-host.added.get(m, 0.0), m))[:2]:
        calls = [c for c in host.case.calls if c.callee == member]
        if calls:
            call = max(calls, key=lambda c: (added_ms(c), c.caller))
            says = f"{short(member)} takes {added_ms(call):.0f} ms longer itself, like the others on this host"
            clues.append(Clue(says, weight, "edge", f"{call.caller}>{call.callee}", host.case.onset_ms))
    return clues


def _explained(case: Case, rest: Case, starved: list[Host], weights: Mapping[str, float]) -> list[Clue]:
    """As for any place: how ill what it explains is, and how much of all trouble that is."""
    kept = {alert.id for alert in rest.alerts}
    gone = [a for a in case.alerts if a.id not in kept]
    worst = min(gone, key=lambda a: (-ILLNESS.get(a.severity, 0.3), not a.user_facing, a.since_ms, a.id), default=None)
    if worst is None:
        return []
    illness = weights["illness"] * ILLNESS.get(worst.severity, 0.3)
    says = worst.summary or worst.name or f"{worst.signal} of {short(worst.about)}"
    share = len(gone) / len(case.alerts)
    covers = Clue(f"{short(starved[0].name)} would explain {share:.0%} of the trouble", weights["covers"] * share)
    return [Clue(says, illness, "alert", worst.id, worst.since_ms), covers]


def _look(host: Host, vital: VitalFact, says: str, points: float) -> Clue:
    return Clue(says, points, "metric", str(vital.series), host.case.onset_ms)
