"""What is asked about silences, maintenance and suppression, what is answered, and who in the platform is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Protocol, TypeVar, cast
from uuid import NAMESPACE_URL, uuid5

import msgspec

from mainstay.api.platform import PlatformApi
from mainstay.domain.silences import Mode, Silence, Suppression, Weekly, Window, Withholding
from mainstay.feedback.withheld import Replayed, WithheldMiss

T = TypeVar("T", Silence, Window)
Minutes = Annotated[float, msgspec.Meta(gt=0, le=5_256_000)]  # ten years
Comment = Annotated[str, msgspec.Meta(max_length=1024)]
Names = Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]], msgspec.Meta(min_length=1)]


class Desk(Protocol):
    """What of the running platform is asked (`app.silences.SilenceDesk`)."""

    def now_ms(self) -> int: ...
    def find(self, kind: type[T], standing: str | None = None, limit: int = 200) -> list[T]: ...
    def one(self, kind: type[T], name: str) -> T: ...
    async def silence(self, made: Silence) -> Silence: ...
    async def maintain(self, made: Window) -> Window: ...
    def check_entity(self, name: str) -> None: ...
    async def move(self, kind: type[T], name: str, ends_ms: int, by: str) -> T: ...
    async def end(self, kind: type[T], name: str, by: str) -> T: ...
    def suppressions(self) -> Sequence[Replayed]: ...
    def suppression(self, team: str) -> tuple[Replayed, Suppression, list[Withholding]]: ...
    async def switch(self, team: str, mode: Mode, by: str, why: str) -> Suppression: ...
    def withheld(
        self, ref: str | None = None, status: str | None = None, limit: int = 200
    ) -> list[tuple[Withholding, WithheldMiss | None]]: ...


class Lasting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From when and how long: `ends_ms` or `minutes`, one of them. Without a start it begins now."""

    starts_ms: int | None = None
    ends_ms: int | None = None
    minutes: Minutes | None = None
    comment: Comment = ""


class WantedSilence(Lasting, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A silence as a person asks for it: matchers like `service="cart"` or `severity=~"minor|info"`; all must hold."""

    matchers: Names


class WantedWindow(Lasting, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A maintenance window as a person asks for it.

    Attributes:
        entities: Entity ids. change: Id of a change that it comes with, whose entity is meant when none is named.
        weekly: When it recurs between start and end; without it the window is the time between them.
    """

    entities: list[str] = []
    change: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    with_dependents: bool = False
    weekly: Weekly | None = None


class Until(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another end: at `ends_ms`, or `minutes` later than it was to be."""

    ends_ms: int | None = None
    minutes: Minutes | None = None


class Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reason, for whoever asks later."""

    why: Comment = ""


class WithheldPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page that was held, or would have been; `missed` when something says that it was needed."""

    page: Withholding
    missed: WithheldMiss | None


class SuppressionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One team's suppression: what it did in fourteen days, its switch, and every page of that."""

    replay: Replayed
    switch: Suppression
    withheld: list[Withholding]


def desk(platform: PlatformApi) -> Desk:
    """The part of the platform that knows of silences."""
    return cast("Desk", platform.silences)


def view(one: Silence | Window, at_ms: int) -> dict[str, Any]:
    """A silence or window with where it stands; matchers as people write them."""
    shown = {**msgspec.to_builtins(one), "standing": one.standing(at_ms)}
    if isinstance(one, Silence):
        return {**shown, "matchers": [str(matcher) for matcher in one.matchers]}
    return {**shown, "stretch": one.stretch(at_ms)}


def name_of(by: str, at_ms: int, data: Any) -> str:
    """An id as Alertmanager gives one; the same question twice in a millisecond is one."""
    return str(uuid5(NAMESPACE_URL, f"mainstay:{by}:{at_ms}:{msgspec.json.encode(data).decode()}"))
