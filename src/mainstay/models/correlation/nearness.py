"""How near two symptoms are: on the service graph, in time, and through a change that both may come from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from mainstay.models.correlation.inputs import AlertSketch, ChangeSketch, IncidentSketch, Member, Scene

FAR = 6  # hops after which two services are not said to depend on each other


@dataclass(frozen=True)
class Link:
    """How strongly an alert is tied to a member of an incident, 0–1, and by what.

    `is_victim`: only because the alert's entity depends on the member, so it may suffer from others as well.
    """

    score: float
    why: str
    gap_ms: int
    is_victim: bool = False


NO_LINK = Link(0.0, "nothing in common", 0)


class Graph:
    """Hops over "depends on" in both directions. Built once per decision from the frozen edges."""

    def __init__(self, edges: Sequence[tuple[str, str]]) -> None:
        self._callees: dict[str, list[str]] = {}
        self._callers: dict[str, list[str]] = {}
        for caller, callee in edges:
            self._callees.setdefault(caller, []).append(callee)
            self._callers.setdefault(callee, []).append(caller)
        self._below: dict[str, dict[str, int]] = {}
        self._above: dict[str, dict[str, int]] = {}

    def below(self, entity: str) -> dict[str, int]:
        """What it depends on, with the hops there; itself is 0."""
        known = self._below.get(entity)
        if known is None:
            known = self._below[entity] = _reached(entity, self._callees)
        return known

    def above(self, entity: str) -> dict[str, int]:
        """Who depends on it, with the hops from there; itself is 0."""
        known = self._above.get(entity)
        if known is None:
            known = self._above[entity] = _reached(entity, self._callers)
        return known

    def depends(self, entity: str, other: str) -> bool:
        """Whether it depends on the other, over however many calls."""
        return other in self.below(entity)


def _reached(entity: str, steps: Mapping[str, Sequence[str]]) -> dict[str, int]:
    reached, border = {entity: 0}, [entity]
    for hops in range(1, FAR + 1):
        border = [n for e in border if e in steps for n in steps[e] if n not in reached]
        if not border:
            break
        reached.update(dict.fromkeys(border, hops))
    return reached


@dataclass(frozen=True)
class Nearness:
    """Links by the weights of one model version; symmetric, so that the order of arrival does not matter."""

    weights: Mapping[str, float]
    graph: Graph
    hosts: Mapping[str, str]
    changes: tuple[ChangeSketch, ...]
    longest_ms: float
    """After so long a gap even the closest tie would be too weak to join by."""

    @classmethod
    def of(cls, scene: Scene, weights: Mapping[str, float]) -> Nearness:
        """For one decision."""
        slowest_s = max(weights["same_entity_tau_s"], weights["victim_tau_s"], weights["tau_s"])
        longest_ms = -math.log(max(weights["join_at"], 1e-9)) * slowest_s * 1000
        told = [(a.told_by, a.entity) for a in (scene.alert, *scene.pending) if a.told_by]
        return cls(weights, Graph([*scene.edges, *told]), scene.hosts, scene.changes, longest_ms)

    def to_incident(self, alert: AlertSketch, incident: IncidentSketch) -> Link:
        """The tie of an alert to the nearest entity of an incident."""
        links = [self.to_member(alert, member, incident.members, incident.cause) for member in incident.members]
        return max(links, key=lambda link: link.score, default=NO_LINK)

    def to_member(self, alert: AlertSketch, member: Member, company: Sequence[Member] = (), cause: str = "") -> Link:
        """The tie of an alert to one entity of an incident: the stronger of what it describes.

        Args:
            alert: What is to be placed.
            member: One entity of the incident.
            company: All that the incident has; among them may be what explains the member already.
            cause: What the incident came from, if that is known: nothing else explains it.
        """
        gap = _gap_ms(alert, member)
        if gap > self.longest_ms:
            return Link(0.0, NO_LINK.why, gap)
        if alert.is_rule and self._is_over(member, alert.since_ms):
            return Link(0.0, f"the flood at {_short(member.entity)} was over", gap)
        is_above = member.entity in self.graph.above(alert.entity)  # itself, or it depends on it
        explains = self._explaining(member, alert, company) if is_above and member.entity != cause else ()
        links = [self._link(place, alert, member, gap, explains) for place in alert.places]
        if member.entity != alert.told_by and self.graph.depends(alert.told_by, member.entity):
            links.append(self._noticed(alert.told_by, gap))
        return max(links, key=lambda link: link.score)

    def _explaining(self, member: Member, alert: AlertSketch, company: Sequence[Member]) -> tuple[Member, ...]:
        """From what in the incident it suffers already that has nothing to do with the alert.

        Then it is no evidence for what else it calls: two troubles below one caller are two.
        """
        here, it, graph = alert.entity, member.entity, self.graph
        under = graph.below(it)
        if len(under) == 1:
            return ()
        below = [o for o in company if o.is_about and o.entity in under and o.entity != it]
        below = [o for o in below if it not in graph.below(o.entity)]  # not the other way round as well
        if here == it or not below:
            return tuple(below)
        related = (graph.above(here), graph.below(here))
        return tuple(o for o in below if o.entity not in related[0] and o.entity not in related[1])

    def _noticed(self, witness: str, gap_ms: int) -> Link:
        """One caller notices two troubles: if at one moment, it may be its own, or something that nobody tells of."""
        closeness, tau_s = self.weights["witness"], self.weights["moment_tau_s"]
        says = f"{_short(witness)} notices both at once"
        return Link(closeness * math.exp(-gap_ms / 1000 / tau_s), says, gap_ms)

    def _is_below(self, entity: str, other: str) -> bool:
        """Whether the other depends on it, and not the other way round as well."""
        return entity != other and self.graph.depends(other, entity) and not self.graph.depends(entity, other)

    def with_alert(self, incident: IncidentSketch, alert: AlertSketch) -> IncidentSketch:
        """The incident as it is with this alert in it."""
        return msgspec.structs.replace(incident, members=(*incident.members, *_members(alert)))

    def is_one_story(self, alert: AlertSketch, one: IncidentSketch, other: IncidentSketch) -> bool:
        """Whether one thing may be behind both: a root of one explains one of the other, or the alert does."""
        return any(self._is_one(alert, left, right) for left in self._roots(one) for right in self._roots(other))

    def _is_one(self, alert: AlertSketch, left: Member, right: Member) -> bool:
        depends = self.graph.depends
        if depends(left.entity, right.entity) or depends(right.entity, left.entity):
            return True
        if any(depends(left.entity, place) and depends(right.entity, place) for place in alert.places):
            return True
        hosts = {self.hosts.get(left.entity, left.entity), self.hosts.get(right.entity, right.entity)}
        is_load = left.is_saturated and right.is_saturated
        return (is_load and len(hosts) == 1) or bool(self._shared_change(left.entity, right.first_ms, left))

    def _roots(self, incident: IncidentSketch) -> list[Member]:
        """What it is about and nothing else in it explains."""
        about = [member for member in incident.members if member.is_about] or list(incident.members)
        return [
            member
            for member in about
            if member.entity == incident.cause or not any(self._is_below(o.entity, member.entity) for o in about)
        ]

    def _is_over(self, member: Member, at_ms: int) -> bool:
        """Whether a flood of tellings ended there: it paused for much longer than it ever had.

        What runs at ten a second without a pause and then stops for seconds has ended, however short that is.
        """
        weights, gap_ms = self.weights, at_ms - member.last_ms
        if member.tellings < weights["flood_tellings"]:
            return False
        every_ms = (member.last_ms - member.burst_ms) / member.tellings
        longest_ms = max(weights["flood_pause_s"] * 1000, weights["flood_pause"] * member.pause_ms)
        return every_ms <= weights["flood_every_ms"] and gap_ms > longest_ms

    def to_alert(self, alert: AlertSketch, other: AlertSketch) -> Link:
        """The tie of two alerts. What has waited for long is old news, even on the same entity."""
        members = _members(other)
        links = [self.to_member(alert, member, members) for member in members]
        link = links[0] if len(links) == 1 else max(links, key=lambda found: found.score)
        fresh = math.exp(-link.gap_ms / 1000 / self.weights["pending_tau_s"])
        return Link(min(link.score, fresh), link.why, link.gap_ms)

    def _link(self, entity: str, alert: AlertSketch, member: Member, gap_ms: int, explains: Sequence[Member]) -> Link:
        if explains and entity != member.entity and self.graph.depends(member.entity, entity):
            return self._noticed(member.entity, min(_gap_ms(alert, other) for other in explains))
        closeness, why, tau_s = self._place(entity, alert, member, bool(explains))
        change = self._shared_change(entity, alert.since_ms, member) if self.changes else ""
        if change and closeness < self.weights["shared_change"]:
            closeness, why = self.weights["shared_change"], f"both follow {change}"
        is_other = member.entity != entity or not member.is_about or bool(explains)
        is_victim = not change and is_other and self.graph.depends(entity, member.entity)
        return Link(closeness * math.exp(-gap_ms / 1000 / tau_s), why, gap_ms, is_victim)

    def _place(self, entity: str, alert: AlertSketch, member: Member, is_explained: bool) -> tuple[float, str, float]:
        """Closeness on the graph, in words, and how fast it fades (seconds)."""
        weights, name, other = self.weights, _short(entity), _short(member.entity)
        if entity == member.entity and member.is_about and not is_explained:
            return 1.0, f"same entity {name}", weights["same_entity_tau_s"]
        if entity == member.entity:
            return self._per_hop(1), f"{name} suffers already from what it calls", weights["victim_tau_s"]
        hops = self.graph.below(entity).get(member.entity)
        if hops is not None:
            is_victim = alert.since_ms >= member.first_ms - weights["onset_slack_ms"]
            tau_s = weights["victim_tau_s"] if is_victim else weights["tau_s"]
            return self._per_hop(hops), f"{name} depends on {other}", tau_s
        hops = self.graph.above(entity).get(member.entity)
        if hops is not None:
            is_victim = member.first_ms >= alert.since_ms - weights["onset_slack_ms"]
            tau_s = weights["victim_tau_s"] if is_victim else weights["tau_s"]
            return self._per_hop(hops), f"{other} depends on {name}", tau_s
        return self._aside(entity, alert, member)

    def _aside(self, entity: str, alert: AlertSketch, member: Member) -> tuple[float, str, float]:
        weights, tau_s = self.weights, self.weights["tau_s"]
        name, other = _short(entity), _short(member.entity)
        host = self.hosts.get(entity)
        is_about_host = alert.signal == "saturation" or member.is_saturated
        if host and is_about_host and host in (self.hosts.get(member.entity), _short(member.entity)):
            return weights["same_host"], f"{name} and {other} share the host {host}", tau_s
        below = _meet(self.graph.below(entity), self.graph.below(member.entity))
        if below:
            return (
                weights["shared_callee"] * weights["per_hop"] ** (below[0] - 2),
                (f"{name} and {other} both depend on {_short(below[1])}"),
                weights["shared_tau_s"],
            )
        above = _meet(self.graph.above(entity), self.graph.above(member.entity))
        if above:
            return weights["shared_caller"], f"{name} and {other} are both used by {_short(above[1])}", tau_s
        return weights["unconnected"], f"no known connection of {name} and {other}", tau_s

    def _per_hop(self, hops: int) -> float:
        return self.weights["per_hop"] ** hops

    def _shared_change(self, entity: str, since_ms: int, member: Member) -> str:
        """A change shortly before both, on something that both depend on (or are)."""
        earliest = min(since_ms, member.first_ms) + self.weights["onset_slack_ms"]
        for change in self.changes:
            age_ms = earliest - change.at_ms
            if change.by_mainstay or not 0 <= age_ms <= self.weights["change_window_s"] * 1000:
                continue
            if change.entity in self.graph.below(entity) and change.entity in self.graph.below(member.entity):
                return f"change {change.id} on {_short(change.entity)}"
        return ""


def _members(alert: AlertSketch) -> list[Member]:
    """An alert as the entities of an incident that has nothing else."""
    return [
        Member(
            entity=end, first_ms=alert.since_ms, last_ms=alert.since_ms, is_saturated=alert.signal == "saturation",
            is_about=end in alert.places,
        )
        for end in alert.ends
    ]  # fmt: skip


def _gap_ms(alert: AlertSketch, member: Member) -> int:
    """How far its onset is from those that the member has had."""
    early = member.first_ms - alert.since_ms
    return early if early >= 0 else max(alert.since_ms - member.last_ms, 0)


def _meet(left: Mapping[str, int], right: Mapping[str, int]) -> tuple[int, str] | None:
    """The nearest entity in both, with the hops from one to the other over it."""
    both = [(left[e] + right[e], e) for e in left if e in right and left[e] and right[e]]
    return min(both) if both else None


def _short(entity: str) -> str:
    return entity.rpartition("/")[2] or entity
