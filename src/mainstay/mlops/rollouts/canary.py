"""A canary beside its champion: who of the two is heard about a condition, so that nothing is told twice or lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import msgspec

from mainstay.domain.models import VersionRef
from mainstay.domain.protocols import Transition


class Voices(msgspec.Struct):
    """Conditions within a canary's share: who holds each to be anomalous, and who of them told it.

    Whoever finds it first tells it, by name. It is over when both say so: the champion still guards these entities,
    and what only it finds is told like anything else.

    Attributes:
        holders: By condition: "live", "canary" or both. teller: Who told it.
    """

    holders: dict[str, list[str]] = {}
    teller: dict[str, str] = {}

    def begin(self, live: Iterable[tuple[str, str]], canary: Iterable[tuple[str, str]]) -> None:
        """What is anomalous when the canary begins was told by the champion."""
        knows = {key_of(*pair) for pair in canary}
        for pair in live:
            key = key_of(*pair)
            self.holders[key] = ["live", "canary"] if key in knows else ["live"]
            self.teller[key] = "live"

    def heard(self, live: Iterable[Transition], canary: Iterable[Transition], by: VersionRef) -> tuple[Transition, ...]:
        """What is told of one batch, in the order in which it was found; at one moment the canary goes first."""
        both = [*(("canary", told) for told in canary), *(("live", told) for told in live)]
        both.sort(key=lambda one: one[1].at_ns)
        return tuple(self._heard(both, by))

    def only_the_canarys(self) -> list[tuple[str, str]]:
        """(subject, channel) of what ends when the canary leaves."""
        return [pair_of(key) for key, who in self.holders.items() if who == ["canary"]]

    def _heard(self, both: list[tuple[str, Transition]], by: VersionRef) -> Iterator[Transition]:
        for who, told in both:
            key = key_of(told.subject, told.channel)
            if self._is_heard(key, who, starts=told.firing):
                yield dataclasses.replace(told, by=by) if who == "canary" else told

    def _is_heard(self, key: str, who: str, *, starts: bool) -> bool:
        holders = self.holders.setdefault(key, [])
        if starts:
            if who not in holders:
                holders.append(who)
            return self.teller.setdefault(key, who) == who
        if who in holders:
            holders.remove(who)
        teller = self.teller.get(key, who)
        if holders:
            self.teller[key] = holders[0]
            return False
        del self.holders[key]
        self.teller.pop(key, None)
        return who in {teller, "live"}


def key_of(subject: str, channel: str) -> str:
    """One condition, as the detectors' stage names it."""
    return f"{subject}|{channel}"


def pair_of(key: str) -> tuple[str, str]:
    """Subject and channel again."""
    subject, _, channel = key.rpartition("|")
    return subject, channel
