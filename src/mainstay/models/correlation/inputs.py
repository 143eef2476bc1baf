"""What a correlator looks at, as it stands in the ledger beside the decision."""

from __future__ import annotations

from typing import Any

import msgspec


class AlertSketch(msgspec.Struct, frozen=True, kw_only=True):
    """One alert, as far as grouping cares.

    Attributes:
        peer: The other end, when the subject is a call (`edge:a>b`); "" otherwise.
        user_facing: What the outside world sees of an entry service.
        symptom: What it would be known by if it came again; "" is `entity|signal`.
        is_rule: A rule of the user's own: it is never withheld.
        near_exhaustion: A resource that is about to be full; its detector labelled it so.
        is_muted: Held back by the page budget: it may support an incident but opens none.
        is_load: It tells of what the services of one host share.
        is_fewer: It tells of calls that are not made any more.
        own: How much of it is the entity's own, not of what it calls, 0–1; None when nothing tells.
    """

    id: str
    entity: str
    signal: str
    severity: str
    since_ms: int
    at_ms: int
    fingerprint: str = ""
    symptom: str = ""
    subject: str = ""
    peer: str = ""
    name: str = ""
    user_facing: bool = False
    is_rule: bool = False
    near_exhaustion: bool = False
    is_muted: bool = False
    is_load: bool = False
    is_fewer: bool = False
    own: float | None = None

    @property
    def is_hint(self) -> bool:
        """It may belong to a trouble, but nothing follows from it: it brings nothing together."""
        return self.severity == "info" or self.is_fewer

    @property
    def ends(self) -> tuple[str, ...]:
        """The entities that it speaks of."""
        return (self.entity, self.peer) if self.peer else (self.entity,)

    @property
    def told_by(self) -> str:
        """The caller that notices it, when it is about a call; "" otherwise. A witness is no part of it yet."""
        return self.peer if self.subject.startswith("edge:") else ""

    @property
    def places(self) -> tuple[str, ...]:
        """The entities that it describes: its ends without a witness."""
        return (self.entity,) if self.told_by else self.ends


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """What an incident knows of one of its entities: first and last onset, and whether something still fires there.

    Attributes:
        own: How much of any alert about it is its own at most.
        is_about: Some alert describes it; False when it only complains of what it calls.
        burst_ms, tellings, pause_ms: The run of tellings that goes on, or was the last: since when, how many, and the
            longest pause in it. `last_ms` is its end.
    """

    entity: str
    first_ms: int
    last_ms: int
    is_firing: bool = True
    is_saturated: bool = False
    is_about: bool = True
    own: float = 0.0
    burst_ms: int = 0
    tellings: int = 0
    pause_ms: int = 0


class IncidentSketch(msgspec.Struct, frozen=True, kw_only=True):
    """One incident that a new alert might belong to.

    Attributes:
        began_ms: Its first onset; 0 is that of the members shown.
        symptoms: Those of the alerts that it has had; with `fingerprints` they tell a recurrence.
        resolved_ms: None while it is open or acknowledged.
        cause: The entity that it came from, more likely than not; "" when that is not known.
        suspect: The first suspect, however unlikely; "" for none.
        together, not_together: How often the alert's symptom and one of the incident's were said to belong together,
            and not to; decayed cases of the pair of which most is known.
        apart: Incidents from which it was split, by a person or because it has another cause.
        over_ms: Since when nothing is wrong with the cause (with most of it, when that is not known); None: it burns.
    """

    id: str
    members: tuple[Member, ...]
    began_ms: int = 0
    symptoms: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    resolved_ms: int | None = None
    cause: str = ""
    suspect: str = ""
    over_ms: int | None = None
    together: float = 0.0
    not_together: float = 0.0
    apart: tuple[str, ...] = ()


class ChangeSketch(msgspec.Struct, frozen=True, kw_only=True):
    """One recent change."""

    id: str
    entity: str
    at_ms: int
    kind: str = ""
    by_mainstay: bool = False


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one decision rests on: the alert, what it could join, and the neighbourhood of its entity.

    `words`: who else speaks of what the alert names (a node, an address, a service), and of what.
    """

    at_ms: int
    alert: AlertSketch
    incidents: tuple[IncidentSketch, ...] = ()
    pending: tuple[AlertSketch, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    hosts: dict[str, str] = {}
    changes: tuple[ChangeSketch, ...] = ()
    words: dict[str, str] = {}


def scene_of(inputs: Any) -> Scene:
    """Frozen inputs as a scene.

    Raises:
        msgspec.ValidationError: The inputs are not those of a correlator; the message names the field.
    """
    return msgspec.convert(inputs, Scene)
